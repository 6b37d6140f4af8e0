// Outcomes, verdicts and the mark of a busy machine, as elements.
/** @import { Brief, Drawn, Measure } from "../types.js" */
import { el } from "./elements.js";
import { busyText } from "./figures.js";

/** Of a figure that was measured on a busy machine, and what it means. */
export const BUSY_MARK = "!";
export const BUSY_KEY = "measured on a busy machine; hover for its load";

/** The words of verdicts, with their sign and the class of the style sheet. */
export const VERDICTS = {
  regressed: ["▲", "regressed"],
  improved: ["▼", "improved"],
  unchanged: ["=", "unchanged"],
  "not sure": ["?", "notsure"],
  new: ["+", "new"],
  lost: ["−", "lost"],
  failed: ["×", "failed"],
};

const OUTCOMES = ["ok", "n/a", "failed", "interrupted"];

/** @param {string} word */
export function outcome(word) {
  const known = OUTCOMES.includes(word) ? word : "unmeasured";
  return el("span", { class: `badge ${known.replace("/", "")}` }, word);
}

/** @param {Brief} told */
export function verdict(told) {
  const known = /** @type {Record<string, string[]>} */ (VERDICTS)[told.outcome];
  const [sign, name] = known ?? ["·", "notsure"];
  return el(
    "span",
    { class: `badge ${name}` },
    el("span", { "aria-hidden": "true" }, `${sign} `),
    told.outcome,
  );
}

/**
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export function busyMark(measure, cell) {
  const text = busyText(measure, cell);
  return text ? el("span", { class: "sign bad", title: text }, BUSY_MARK) : null;
}

/**
 * The line that says what the mark means, where any of the cells has it.
 * @param {Drawn[]} cells
 */
export function busyLine(cells) {
  if (!cells.some((cell) => cell.busy)) return null;
  const mark = el("span", { class: "sign bad", "aria-hidden": "true" }, BUSY_MARK);
  return el("p", { class: "links" }, mark, ` ${BUSY_KEY}`);
}
