// Figures as text.
/** @import { Aside, Brief, Drawn, Figures, Index, Interval, Measure } from "../types.js" */

/** Of a loss: as many as two releases that compute the same agree in. */
const DIGITS_OF_LOSS = 7;
/** Decimals of a figure that is as large at least; of a smaller one, three. */
const DECIMALS = [
  [1000, 0],
  [100, 1],
  [10, 2],
];
/** A change by as many per cent has no decimals. */
const WHOLE_PERCENT = 10;

/**
 * @param {Index} index
 * @param {string} key
 */
export const measureOf = (index, key) =>
  /** @type {Measure} */ (index.measures.find((one) => one.key === key));

/**
 * @param {Measure} measure
 * @param {number} value
 */
export function figure(measure, value) {
  const scaled = value * measure.scale;
  if (measure.key === "loss") return scaled.toPrecision(DIGITS_OF_LOSS);
  const [, decimals] = DECIMALS.find(([least]) => Math.abs(scaled) >= least) ?? [0, 3];
  return scaled.toFixed(decimals);
}

/**
 * @param {Measure} measure
 * @param {string} text
 */
export const withUnit = (measure, text) => (measure.unit ? `${text} ${measure.unit}` : text);

/** @param {Figures} figures */
export const hasInterval = ([, low, high, processes]) =>
  processes === undefined ? low < high : processes > 1;

/**
 * @param {Measure} measure
 * @param {Figures} figures
 */
export function interval(measure, figures) {
  const [, low, high, processes] = figures;
  if (!hasInterval(figures)) return processes === undefined ? "the base" : "one process";
  return `${figure(measure, low)} to ${figure(measure, high)}`;
}

/**
 * How far a ratio is from 1.
 * @param {number} ratio
 */
export function sizeOf(ratio) {
  const size = Math.abs(ratio - 1) * 100;
  return `${size.toFixed(size >= WHOLE_PERCENT ? 0 : 1)} %`;
}

/**
 * How much a ratio is more or less than 1.
 * @param {number} ratio
 */
export const percent = (ratio) => `${ratio < 1 ? "−" : "+"}${sizeOf(ratio)}`;

/** @param {{ ratio?: Brief["ratio"] | Interval }} told */
export function ratioText(told) {
  if (!told.ratio) return "";
  const [ratio, low, high] = told.ratio;
  return `${percent(ratio)} (${percent(low)} to ${percent(high)})`;
}

/**
 * A difference in a measure that has no ratio.
 * @param {Measure} measure
 * @param {number} value
 */
const signed = (measure, value) => `${value < 0 ? "−" : "+"}${figure(measure, Math.abs(value))}`;

/**
 * By how much a verdict says that something changed: a ratio, or a difference.
 * @param {Measure} measure
 * @param {Pick<Brief, "ratio" | "difference">} told
 */
export function changeText(measure, told) {
  if (!told.difference) return ratioText(told);
  const [value, low, high] = told.difference.map((one) => signed(measure, one));
  return withUnit(measure, `${value} (${low} to ${high})`);
}

/**
 * A figure less another one, with its sign and unit.
 * @param {Measure} measure
 * @param {number} value
 */
export const differenceText = (measure, value) => withUnit(measure, signed(measure, value));

/** The measure that may be 0 or below, so that two of its figures have a difference and no ratio. */
export const GROWTH = "memory_growth";

/**
 * Why other work on the machine may be in a figure; empty where nothing tells so.
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export const busyText = (measure, cell) =>
  measure.takes_time && cell.busy ? `measured on a busy machine (${cell.busy})` : "";

/**
 * That a step leaves processors idle.
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export const idleText = (measure, cell) => (measure.takes_time && cell.idle) || "";

/**
 * What a hover tells of a cell's figure.
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export function hover(measure, cell) {
  const figures = cell.estimates?.[measure.key];
  if (!figures) return "";
  const about = [busyText(measure, cell), idleText(measure, cell)];
  return [withUnit(measure, interval(measure, figures)), ...about].filter(Boolean).join("; ");
}

/**
 * How others than runs of asv measured something.
 * @param {Aside[]} asides
 */
export function wayText(asides) {
  if (!asides.some((one) => one.in_turns)) return "in duets";
  return asides.some((one) => one.in_duets) ? "in duets and in turns" : "in turns";
}

/**
 * A measure and its unit, for the head of a column.
 * @param {Measure} measure
 */
export function heading(measure) {
  if (!measure.unit) return measure.title;
  return measure.key === "images" ? measure.unit : titled(measure);
}

/**
 * A measure and its unit, for a title.
 * @param {Measure} measure
 */
export const titled = (measure) =>
  measure.unit ? `${measure.title}, ${measure.unit}` : measure.title;

/**
 * @param {number} count
 * @param {string} word
 */
export const plural = (count, word, more = `${word}s`) => `${count} ${count === 1 ? word : more}`;
