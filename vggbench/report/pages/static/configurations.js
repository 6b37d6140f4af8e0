// Configurations: what each choice buys within one release.
/** @import { Cell, Choice, Choices, Gathered, Index, Line, Measure, Param, Redraw, Release } from "../types.js" */

import { busyLine, busyMark, outcome } from "./badges.js";
import { choice, chosenWith } from "./choice.js";
import { fill, formOf, lineControls, nothing, select, setter } from "./controls.js";
import { byId, el } from "./elements.js";
import { figure, heading, hover, measureOf, plural, sizeOf, withUnit } from "./figures.js";
import { asvGraph, releaseLink } from "./links.js";
import { grouped, mostOf, present } from "./lists.js";
import { start } from "./page.js";
import { paramsOf, readable, readableWord, readableWords } from "./params.js";
import { bar, barred, cannot, figureCell, lined, notCompared, rowHead, whyOf } from "./tables.js";

/** What is shown of each configuration, the first with a bar. */
const SHOWN = ["step", "images", "first_step", "peak_memory"];

const form = formOf("controls");

start((index) => chosenWith(index, "choices"), show);

/**
 * @param {Index} index
 * @param {Gathered<Choices>} gathered
 * @param {Redraw} redraw
 */
function show(index, { chosen, line, more }, redraw) {
  const track = index.tracks.find((one) => one.name === chosen.track);
  const names = new Set(line?.cells.map((cell) => cell.release));
  const measured = (track?.releases ?? []).filter((release) => names.has(release.name));
  const release = measured.find((one) => one.name === choice.get("release")) ?? measured.at(-1);
  const releases = [...measured].reverse().map((one) => [one.name, one.name]);
  fill(
    form,
    lineControls(index, chosen, redraw),
    release && select("Release", "release", releases, release.name, setter("release", "", redraw)),
  );
  if (!line || !release) {
    byId("problem").replaceChildren(nothing(index, chosen));
    byId("choices").replaceChildren();
    return;
  }
  const found = more?.releases[release.name] ?? [];
  const sections = paramsOf(line).map((param) => {
    const own = found.filter((one) => one.param === param.name);
    return own.length ? section(index, line, release, param, own) : null;
  });
  byId("choices").replaceChildren(everything(index, line, release), ...present(sections));
}

/** @param {Cell} cell */
const time = (cell) => cell.estimates?.step?.[0] ?? Number.POSITIVE_INFINITY;

/**
 * All configurations of the release, fastest first.
 * @param {Index} index
 * @param {Line} line
 * @param {Release} release
 */
function everything(index, line, release) {
  const measures = SHOWN.map((key) => measureOf(index, key));
  const cells = line.cells.filter((cell) => cell.release === release.name);
  const ordered = [...cells].sort((a, b) => time(a) - time(b) || a.c - b.c);
  const possible = ordered.filter((cell) => cell.outcome !== "n/a");
  const base = baseOf(possible);
  const name = base && readable(line, line.configurations[base.c]);
  return el(
    "section",
    { class: "card" },
    el("h2", {}, "All of ", releaseLink(release.name), ", fastest first"),
    name ? el("p", { class: "links" }, `× is the ratio of the step to that of “${name}”`) : null,
    lined(
      `All configurations of ${release.name}`,
      ["configuration", ...measures.map(heading)],
      rowsOf(line, possible, measures, base),
    ),
    busyLine(cells),
    cannot(line, cells),
  );
}

/**
 * What the others are multiples of: the fastest of those in the state of the machine that most were
 * measured in; nothing where none has a time.
 * @param {Cell[]} cells the fastest first
 */
function baseOf(cells) {
  const usual = mostOf(cells.map((cell) => cell.state).filter((one) => one !== undefined));
  return usual === undefined ? undefined : cells.find((cell) => cell.state === usual);
}

/**
 * @param {Line} line
 * @param {Cell[]} cells
 * @param {Measure[]} measures
 * @param {Cell | undefined} base
 */
function rowsOf(line, cells, measures, base) {
  const most = Math.max(...cells.map(time).filter(Number.isFinite), 0);
  const usual = base?.state ?? 0;
  const [step, ...others] = measures;
  /** @param {Cell} cell */
  const ofStep = (cell) => {
    const own = cell.state === usual;
    const ratio = own && base ? `× ${(time(cell) / time(base)).toFixed(2)}` : "";
    const text = [figure(step, time(cell)), busyMark(step, cell)];
    return el(
      "td",
      { title: hover(step, cell) },
      barred(text, ratio, bar(time(cell) / most)),
      own ? null : notCompared(line.states[cell.state ?? 0], line.states[usual]),
    );
  };
  return cells.map((cell) => {
    const words = line.configurations[cell.c];
    const graph = { href: asvGraph(line, step, words), title: "asv's graph" };
    const measured = cell.estimates !== undefined;
    return el(
      "tr",
      {},
      rowHead(el("a", graph, readable(line, words))),
      measured
        ? [ofStep(cell), others.map((measure) => figureCell(measure, cell))]
        : [
            el("td", {}, outcome(cell.outcome)),
            el("td", { colspan: String(others.length), class: "why" }, whyOf(line, cell, "")),
          ],
    );
  });
}

/**
 * What one param is about, and what each of its words buys against another.
 * @param {Index} index
 * @param {Line} line
 * @param {Release} release
 * @param {Param} param
 * @param {Choice[]} found
 */
function section(index, line, release, param, found) {
  const place = line.params.indexOf(param.name);
  const kinds = grouped(found, ({ one, other }) =>
    [one, other].map((c) => line.configurations[c][place]).join("\0"),
  );
  return el(
    "section",
    { class: "card" },
    el("h2", {}, param.title),
    param.about ? el("p", { class: "lead" }, param.about) : null,
    [...kinds].map(([key, choices]) => {
      const [a, b] = key.split("\0").map((word) => readableWord(param, word));
      const title = `${b} against ${a}`;
      const costs = ["first step", "peak memory", "first step paid back"];
      const heads = ["with", `${a}, ms`, `${b}, ms`, `${b} is`, ...costs];
      const rows = choices.map((one) => choiceRow(index, line, release, place, one));
      return [el("h3", {}, title), lined(title, heads, rows)];
    }),
  );
}

/**
 * @param {Index} index
 * @param {Line} line
 * @param {Release} release
 * @param {number} place the param's, among the words of a configuration
 * @param {Choice} one
 */
function choiceRow(index, line, release, place, one) {
  const [step, first, memory] = ["step", "first_step", "peak_memory"].map((key) =>
    measureOf(index, key),
  );
  const [a, b] = [one.one, one.other].map(
    (c) =>
      /** @type {Cell} */ (
        line.cells.find((cell) => cell.release === release.name && cell.c === c)
      ),
  );
  const rest = line.configurations[one.one].filter((_, i) => i !== place);
  const params = paramsOf(line).filter((_, i) => i !== place);
  return el(
    "tr",
    {},
    rowHead(readableWords(params, rest) || "alone"),
    figureCell(step, a),
    figureCell(step, b),
    el("td", {}, said(one)),
    el("td", { class: "number" }, difference(first, a, b)),
    el("td", { class: "number" }, difference(memory, a, b)),
    el("td", {}, payback(one, a, b)),
  );
}

/** @param {Choice} one */
function said({ ratio, clear, unclear, otherwise }) {
  if (otherwise || ratio === null) {
    return el("div", { class: "why" }, `not compared: ${otherwise}`);
  }
  if (!clear) {
    return [
      el("span", { class: "badge" }, "no clear difference"),
      unclear ? el("div", { class: "why" }, unclear) : null,
    ];
  }
  const [text, kind] = ratio < 1 ? ["faster", "improved"] : ["slower", "regressed"];
  return el("span", { class: `badge ${kind}` }, `${sizeOf(ratio)} ${text}`);
}

/**
 * @param {Measure} measure
 * @param {Cell} x
 * @param {Cell} y
 */
function difference(measure, x, y) {
  if (x.state !== y.state) return "–";
  const [a, b] = [x, y].map((cell) => cell.estimates?.[measure.key]?.[0]);
  if (a === undefined || b === undefined) return "–";
  const title = `${figure(measure, a)} and ${withUnit(measure, figure(measure, b))}`;
  const size = figure(measure, Math.abs(b - a));
  return el("span", { title }, withUnit(measure, `${b < a ? "−" : "+"}${size}`));
}

/**
 * @param {Choice} one
 * @param {Cell} x
 * @param {Cell} y
 */
function payback({ clear, payback }, x, y) {
  const [a, b] = [x, y].map((cell) => cell.estimates?.first_step);
  if (!clear || !a || !b) return "–";
  if (payback === null) return b[0] > a[0] ? "never" : "–";
  return payback === 1 ? "at once" : `after ${plural(payback, "step")}`;
}
