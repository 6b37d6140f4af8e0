// Tables and bars.
/** @import { Child, Drawn, DrawnLine, Measure } from "../types.js" */

import { busyMark } from "./badges.js";
import { el } from "./elements.js";
import { figure, hover, plural } from "./figures.js";
import { grouped } from "./lists.js";
import { readable } from "./params.js";

/** Per cent of a bar: the least share can still be seen. */
const LEAST_BAR = 0.5;

/**
 * A table that scrolls by itself where the screen is narrower.
 * @param {string} caption
 * @param {(string | HTMLTableCellElement)[]} header
 * @param {Child} rows
 */
export function table(caption, header, rows, { classes = "", hideCaption = false } = {}) {
  const heads = header.map((head) =>
    typeof head === "string" ? el("th", { scope: "col" }, head) : head,
  );
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      { class: classes },
      el("caption", { class: hideCaption ? "visually-hidden" : "" }, caption),
      el("thead", {}, el("tr", {}, heads)),
      el("tbody", {}, rows),
    ),
  );
}

/**
 * A table with a line between rows, whose heading above says what its caption does.
 * @param {string} caption
 * @param {(string | HTMLTableCellElement)[]} header
 * @param {Child} rows
 */
export const lined = (caption, header, rows, classes = "lined") =>
  table(caption, header, rows, { hideCaption: true, classes });

/**
 * The head of a row.
 * @param {...Child} children
 */
export const rowHead = (...children) => el("th", { scope: "row" }, ...children);

/**
 * A list of names and what each is.
 * @param {[string, Child][]} rows
 */
export const facts = (rows) =>
  el(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );

/**
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export function figureCell(measure, cell) {
  const figures = cell.estimates?.[measure.key];
  if (!figures) return el("td", { class: "number" }, "–");
  const text = figure(measure, figures[0]);
  return el("td", { class: "number", title: hover(measure, cell) }, text, busyMark(measure, cell));
}

/** @param {number} share */
export function bar(share, kind = "") {
  const inner = el("span", { class: `bar-inner ${kind}` });
  inner.style.width = `${Math.max(LEAST_BAR, Math.min(100, share * 100))}%`;
  return el("span", { class: "bar", "aria-hidden": "true" }, inner);
}

/**
 * A figure, what it is to another, and its bar.
 * @param {Child} text
 * @param {string} ratio
 * @param {Node} drawn
 */
export const barred = (text, ratio, drawn) => [
  el(
    "div",
    { class: "pair number" },
    el("span", { class: "strong" }, text),
    el("span", { class: "faint" }, ratio),
  ),
  drawn,
];

/**
 * Of a figure in a state of the machine that the others are not in.
 * @param {string} state
 * @param {string} usual
 */
export const notCompared = (state, usual) =>
  el("div", { class: "why" }, `not compared: measured with ${state}; the others with ${usual}`);

/**
 * Why there is no figure.
 * @param {DrawnLine} line
 * @param {Drawn} cell
 */
export const whyOf = (line, cell, otherwise = "no reason on record") =>
  cell.why === undefined ? otherwise : line.whys[cell.why];

/**
 * What the release cannot do, by reason.
 * @param {DrawnLine} line
 * @param {Drawn[]} cells
 */
export function cannot(line, cells) {
  const unable = cells.filter((cell) => cell.outcome === "n/a");
  const reasons = grouped(unable, (cell) => whyOf(line, cell));
  if (!reasons.size) return null;
  const nameOf = (/** @type {Drawn} */ cell) => readable(line, line.configurations[cell.c]);
  return el(
    "details",
    { class: "folded" },
    el("summary", {}, `n/a: ${plural(unable.length, "configuration")} that this release cannot do`),
    el(
      "dl",
      { class: "facts" },
      [...reasons].map(([why, own]) => [
        el("dt", {}, why),
        el("dd", {}, own.map(nameOf).join("; ")),
      ]),
    ),
  );
}
