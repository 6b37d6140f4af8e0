// What a hover, and a visit by keyboard, tells of a cell.
/** @import { Brief, Child, Drawn, DrawnLine, Figures, Measure, Release } from "../types.js" */
import { verdict } from "./badges.js";
import { levelText } from "./chain.js";
import { el } from "./elements.js";
import { busyText, changeText, figure, idleText, interval, plural, withUnit } from "./figures.js";
import { readable } from "./params.js";
import { whyOf } from "./tables.js";

/**
 * Why the line is cut at a cell that was measured in another state of the machine.
 * @param {Drawn} cell
 */
export const otherwiseText = (cell) =>
  cell.otherwise ? `not compared with the release before: ${cell.otherwise}` : "";

/**
 * Why the line is cut at a cell that has estimates of an earlier run.
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export function cutText(measure, cell) {
  const earlier = cell.earlier?.[measure.key];
  if (!earlier) return "";
  const before = withUnit(measure, figure(measure, earlier[0]));
  return `measured again on another day (${before} the first time): the machine may have changed, so the line is cut here`;
}

/**
 * @param {DrawnLine} line
 * @param {Measure} measure
 * @param {Release} release
 * @param {Drawn} cell
 */
export function tip(line, measure, release, cell) {
  const judged = cell.verdicts?.[measure.key];
  return el(
    "div",
    { class: "tip" },
    el("div", { class: "tip-head" }, `${release.name} · ${release.date}`),
    el("div", {}, readable(line, line.configurations[cell.c])),
    whatOf(line, measure, cell),
    judged ? judgedTexts(measure, judged) : null,
    el("div", { class: "tip-faint" }, `CPython ${release.python}`),
  );
}

/**
 * A level, a figure, or why there is none.
 * @param {DrawnLine} line
 * @param {Measure} measure
 * @param {Drawn} cell
 * @returns {Child}
 */
function whatOf(line, measure, cell) {
  const figures = cell.estimates?.[measure.key];
  if (cell.component && figures) {
    return [
      el("div", { class: "tip-figure" }, `${figure(measure, figures[0])} × ${cell.component.base}`),
      el("div", {}, levelText(measure, cell)),
    ];
  }
  if (figures) return figureTexts(measure, cell, figures);
  if (cell.outcome === "ok") return el("div", {}, `${measure.title}: not on record`);
  return el("div", { class: "tip-why" }, `${cell.outcome}: ${whyOf(line, cell)}`);
}

/**
 * @param {Measure} measure
 * @param {Drawn} cell
 * @param {Figures} figures
 */
function figureTexts(measure, cell, figures) {
  const processes = figures[3] ?? 0;
  const counts = [
    interval(measure, figures),
    processes > 1 && plural(processes, "process", "processes"),
    plural(cell.samples ?? 0, "sample"),
  ];
  const about = [
    busyText(measure, cell),
    idleText(measure, cell),
    cutText(measure, cell),
    otherwiseText(cell),
  ];
  return [
    el("div", { class: "tip-figure" }, withUnit(measure, figure(measure, figures[0]))),
    el("div", {}, counts.filter(Boolean).join(", ")),
    about.filter(Boolean).map((text) => el("div", {}, text)),
  ];
}

/**
 * @param {Measure} measure
 * @param {Brief} judged
 */
function judgedTexts(measure, judged) {
  const text = changeText(measure, judged);
  const change = text ? ` ${text}` : "";
  const against = judged.against ? ` against ${judged.against}` : "";
  return [
    el("div", {}, verdict(judged), change, against),
    judged.acknowledged === undefined
      ? null
      : el("div", {}, `acknowledged: ${judged.acknowledged}`),
  ];
}
