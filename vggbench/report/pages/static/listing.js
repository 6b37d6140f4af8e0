// What the chart shows, as a table: a row a release, a column a configuration.
/** @import { Drawn, Picture, Release } from "../types.js" */
import { busyMark } from "./badges.js";
import { byId, el } from "./elements.js";
import { busyText, figure, idleText, interval, titled } from "./figures.js";
import { releaseLink } from "./links.js";
import { readable } from "./params.js";
import { rowHead, table, whyOf } from "./tables.js";
import { cutText, otherwiseText } from "./tip.js";

/** @param {Picture} picture */
export function listing(picture) {
  const { line, measure, shown, releases, track } = picture;
  const names = shown.map((c) => readable(line, line.configurations[c]));
  byId("figures").replaceChildren(
    el("summary", {}, "The figures as a table"),
    table(
      `${titled(measure)}: ${track.title} on ${line.machine}, ${line.profile}`,
      ["release", "date", ...names],
      releases.map((release) => rowOf(picture, release)),
      { classes: "lined dense" },
    ),
  );
}

/**
 * @param {Picture} picture
 * @param {Release} release
 */
function rowOf(picture, release) {
  const own = picture.line.cells.filter((cell) => cell.release === release.name);
  return el(
    "tr",
    {},
    rowHead(releaseLink(release.name, release.version)),
    el("td", {}, release.date),
    picture.shown.map((c) =>
      cellOf(
        picture,
        own.find((cell) => cell.c === c),
      ),
    ),
  );
}

/**
 * @param {Picture} picture
 * @param {Drawn | undefined} cell
 */
function cellOf({ line, measure }, cell) {
  if (!cell) return el("td", { class: "number faint" }, "–");
  const figures = cell.estimates?.[measure.key];
  if (!figures) {
    const text = cell.outcome === "ok" ? "–" : cell.outcome;
    return el("td", { class: "number", title: whyOf(line, cell, "") }, text);
  }
  const about = [
    interval(measure, figures),
    busyText(measure, cell),
    idleText(measure, cell),
    cutText(measure, cell),
    otherwiseText(cell),
  ];
  const title = about.filter(Boolean).join("; ");
  return el("td", { class: "number", title }, figure(measure, figures[0]), busyMark(measure, cell));
}
