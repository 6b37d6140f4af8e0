// Below the chart: the release that was picked, in each configuration that the chart shows.
/** @import { Aside, Brief, Child, Drawn, Figures, Picture, Release } from "../types.js" */

import { busyMark, outcome, verdict } from "./badges.js";
import { levelCells } from "./chain.js";
import { address, choice } from "./choice.js";
import { byId, el } from "./elements.js";
import {
  differenceText,
  figure,
  GROWTH,
  interval,
  percent,
  titled,
  wayText,
  withUnit,
} from "./figures.js";
import { notSureLine } from "./headlines.js";
import { asvGraph, releaseLink } from "./links.js";
import { isCurrent, present } from "./lists.js";
import { looks, swatch } from "./looks.js";
import { readable } from "./params.js";
import { cannot, lined, rowHead, whyOf } from "./tables.js";
import { otherwiseText } from "./tip.js";

/** @param {Picture} picture */
export function releaseCard(picture) {
  const { line, measure, chain, track, shown } = picture;
  const drawn = line.cells.filter((cell) => shown.includes(cell.c));
  const names = new Set(drawn.map((cell) => cell.release));
  const measured = track.releases.filter((one) => names.has(one.name));
  const wanted = choice.get("release");
  const release = track.releases.find((one) => one.name === wanted) ?? measured.at(-1);
  if (!release) {
    byId("release").replaceChildren();
    return;
  }
  const cells = drawn.filter((cell) => cell.release === release.name);
  const rows = cells
    .filter((cell) => cell.outcome !== "n/a")
    .map((cell) =>
      chain ? levelRow(picture, cell) : figureRow(picture, cell, before(picture, cell)),
    );
  const heads = chain ? headsOfLevels() : headsOfFigures(picture);
  byId("release").replaceChildren(
    ...present([
      headOf(release),
      rows.length > 0 && lined(`${release.name}: ${titled(measure)}`, heads, rows),
      !cells.length && nothingOf(picture, release),
      cannot(line, cells),
      unsure(picture, release, cells),
      others(picture, release),
    ]),
  );
}

/**
 * How many of the verdicts are not sure: in the table they have a sign alone.
 * @param {Picture} picture
 * @param {Release} release
 * @param {Drawn[]} cells
 */
function unsure({ line, measure, shown }, { name }, cells) {
  const count = cells.filter((cell) => isUnsure(cell.verdicts?.[measure.key])).length;
  /** @type {Record<string, string>} */
  const asked = { release: name, measure: measure.key };
  if (shown.length === 1) asked.configuration = line.configurations[shown[0]].join(" ");
  return notSureLine(count, "", asked);
}

/** @param {Brief | undefined} judged */
const isUnsure = (judged) => judged?.outcome === "not sure";

/**
 * Where the configurations are that the chart does not show.
 * @param {Picture} picture
 * @param {Release} release
 */
function others({ all, shown, chain, hasChoice }, { name }) {
  if (all.length === shown.length || (chain && !hasChoice)) return null;
  const href = address("configurations", { release: name });
  return el("p", { class: "links" }, el("a", { href }, `All configurations of ${name}`));
}

/** @param {Release} release */
const headOf = ({ name, date, python }) =>
  el(
    "div",
    { class: "chart-head" },
    el("h2", {}, releaseLink(name)),
    el("p", { class: "links" }, `${date}, CPython ${python}`),
  );

/**
 * What to do where nothing that the chart shows is on record of a release.
 * @param {Picture} picture
 * @param {Release} release
 */
function nothingOf(picture, { name }) {
  const { line, chain, shown } = picture;
  const asides = line.asides.filter((one) => one.release === name && shown.includes(one.c));
  if (asides.length) return byOthers(picture, name, asides);
  if (!chain && line.cells.some((cell) => cell.release === name)) {
    return el("p", {}, "Nothing of this release is on record in what the chart shows.");
  }
  const [text, command] = chain
    ? ["No link leads to this release, so it has no level. Measure it with: ", "vggbench history"]
    : ["Nothing of this release is on record here. Measure it with: ", `asv run ${name}`];
  return el("p", {}, text, el("code", {}, command));
}

/**
 * What others than runs of asv say of a release: that it ran, or why it did not, and where the verdicts
 * on it are, if there are any.
 * @param {Picture} picture
 * @param {string} name
 * @param {Aside[]} asides
 */
function byOthers({ line, chain }, name, asides) {
  const ran = asides.filter((one) => one.outcome === "ok");
  const unable = asides.filter((one) => one.outcome !== "ok");
  const lacks = chain ? "no link gives it a level" : "it has no figure of its own";
  const text = `This release was measured ${wayText(ran)} alone, so ${lacks}.`;
  const href = address("verdicts", { release: name, outcome: "all" });
  const isJudged = asides.some((one) => one.verdicts);
  return el(
    "div",
    {},
    ran.length ? el("p", {}, text) : null,
    unable.map((aside) => {
      const configuration = readable(line, line.configurations[aside.c]);
      const why = `${configuration}, ${wayText([aside])}: ${whyOf(line, aside)}`;
      return el("p", {}, outcome(aside.outcome), " ", why);
    }),
    isJudged ? el("p", { class: "links" }, el("a", { href }, `All verdicts on ${name}`)) : null,
  );
}

/**
 * The configuration, which begins each row.
 * @param {Picture} picture
 * @param {Drawn} cell
 */
const nameOf = ({ line }, { c }) =>
  rowHead(swatch(looks(line)[c]), " ", readable(line, line.configurations[c]));

/**
 * @param {Picture} picture
 * @param {Drawn} cell
 */
function verdictCell({ measure }, cell) {
  const judged = cell.verdicts?.[measure.key];
  if (!judged || !isUnsure(judged)) return el("td", {}, judged ? verdict(judged) : null);
  const sign = el("span", { class: "faint", "aria-hidden": "true" }, "?");
  return el("td", {}, sign, el("span", { class: "visually-hidden" }, judged.outcome));
}

/**
 * The newest cell of the configuration in the current releases before that has a figure.
 * @param {Picture} picture
 * @param {Drawn} cell
 */
function before({ line, measure, track }, cell) {
  const place = track.releases.findIndex((one) => one.name === cell.release);
  const earlier = track.releases.slice(0, place).filter(isCurrent);
  const names = new Set(earlier.map((one) => one.name));
  return line.cells.findLast(
    (one) => one.c === cell.c && names.has(one.release) && one.estimates?.[measure.key],
  );
}

/** @param {Picture} picture */
const headsOfFigures = ({ measure }) => [
  "configuration",
  titled(measure),
  "interval",
  "since the one before",
  "verdict",
  "processes × samples",
  "asv",
];

/**
 * @param {Picture} picture
 * @param {Drawn} cell
 * @param {Drawn | undefined} earlier
 */
function figureRow(picture, cell, earlier) {
  const { line, measure } = picture;
  const words = line.configurations[cell.c];
  const figures = cell.estimates?.[measure.key];
  const { processes = 0, samples = 0 } = cell;
  const href = asvGraph(line, measure, words);
  const hidden = el("span", { class: "visually-hidden" }, ` of ${words.join(" ")} in asv`);
  const number = { class: "number" };
  return el(
    "tr",
    {},
    nameOf(picture, cell),
    figures
      ? [
          el(
            "td",
            { class: "number strong" },
            figure(measure, figures[0]),
            busyMark(measure, cell),
          ),
          el("td", number, interval(measure, figures)),
        ]
      : outcomeCells(picture, cell),
    el("td", number, figures && earlier ? change(picture, cell, figures, earlier) : null),
    verdictCell(picture, cell),
    el("td", number, figures ? `${processes} × ${Math.round(samples / processes)}` : null),
    el("td", {}, href ? el("a", { href }, "graph", hidden) : null),
  );
}

/**
 * What there is in place of a figure and its interval.
 * @param {Picture} picture
 * @param {Drawn} cell
 */
const outcomeCells = ({ line }, cell) => [
  el("td", { class: "number strong" }, outcome(cell.outcome)),
  el("td", { class: "why" }, whyOf(line, cell, "")),
];

/**
 * What a figure differs by from the one before. Where the line is cut, that is held against what was
 * measured beside it.
 * @param {Picture} picture
 * @param {Drawn} cell
 * @param {Figures} figures
 * @param {Drawn} earlier
 * @returns {Child}
 */
function change({ measure }, cell, figures, earlier) {
  if (cell.otherwise) return el("span", { title: otherwiseText(cell) }, "–");
  const last = earlier.estimates?.[measure.key];
  if (!last || measure.key === "loss") return null;
  const beside = cell.earlier?.[measure.key] ?? figures;
  const title = `${earlier.release}: ${withUnit(measure, figure(measure, last[0]))}`;
  const text =
    measure.key === GROWTH || last[0] === 0
      ? differenceText(measure, beside[0] - last[0])
      : percent(beside[0] / last[0]);
  return el("span", { title }, text);
}

const headsOfLevels = () => [
  "configuration",
  "level",
  "95 % interval",
  "change",
  "against",
  "verdict against the one before",
];

/**
 * @param {Picture} picture
 * @param {Drawn} cell
 */
const levelRow = (picture, cell) =>
  el(
    "tr",
    {},
    nameOf(picture, cell),
    cell.component
      ? levelCells(picture.measure, cell)
      : [...outcomeCells(picture, cell), el("td"), el("td")],
    verdictCell(picture, cell),
  );
