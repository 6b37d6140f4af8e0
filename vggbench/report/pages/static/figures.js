// Figures, outcomes and verdicts as texts.
import { el } from "./elements.js";

export const measureOf = (index, key) => index.measures.find((one) => one.key === key);

export function figure(measure, value) {
  const scaled = value * measure.scale;
  if (measure.key === "loss") return scaled.toPrecision(7);
  const size = Math.abs(scaled);
  const decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return scaled.toFixed(decimals);
}

export const withUnit = (measure, text) => (measure.unit ? `${text} ${measure.unit}` : text);

// Of an estimate, which ends with the number of its processes, or of a level of a chain, which has
// none.
export const hasInterval = ([, low, high, processes]) => (processes === undefined ? low < high : processes > 1);

export function interval(measure, estimate) {
  const [, low, high, processes] = estimate;
  if (!hasInterval(estimate)) return processes === undefined ? "the base" : "one process";
  return `${figure(measure, low)} to ${figure(measure, high)}`;
}

export function percent(ratio) {
  const change = (ratio - 1) * 100;
  const digits = Math.abs(change) >= 10 ? 0 : 1;
  return `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(digits)} %`;
}

// Why other work on the machine may be in a figure, as a text; none where nothing tells so.
export const busyText = (measure, cell) => (measure.takes_time && cell.busy ? `measured on a busy machine (${cell.busy})` : "");

// The mark of such a figure, and the line that says what it means where any of ``cells`` has one.
export const BUSY_MARK = "!";
export const BUSY_KEY = "measured on a busy machine; hover for its load";

export function busyMark(measure, cell) {
  const said = busyText(measure, cell);
  return said ? el("span", { class: "sign bad", title: said }, BUSY_MARK) : "";
}

export function busyLine(cells) {
  if (!cells.some((cell) => cell.busy)) return null;
  return el("p", { class: "links" }, el("span", { class: "sign bad", "aria-hidden": "true" }, BUSY_MARK), ` ${BUSY_KEY}`);
}

// What a hover tells of a cell's figure.
export const hover = (measure, cell) => [withUnit(measure, interval(measure, cell.estimates[measure.key])), busyText(measure, cell)].filter(Boolean).join("; ");

// A measure and its unit, for the head of a column.
export function heading(measure) {
  if (!measure.unit) return measure.title;
  return measure.key === "images" ? measure.unit : `${measure.title}, ${measure.unit}`;
}

export const plural = (count, word, more = `${word}s`) => `${count} ${count === 1 ? word : more}`;

export const words = (configuration) => configuration.join(" ");

const OUTCOMES = {
  ok: "ok",
  "n/a": "n/a",
  failed: "failed",
  interrupted: "interrupted",
};

export function outcome(word) {
  const known = OUTCOMES[word] ?? "unmeasured";
  return el("span", { class: `badge ${known.replace("/", "")}` }, word);
}

export const VERDICTS = {
  regressed: ["▲", "regressed"],
  improved: ["▼", "improved"],
  unchanged: ["=", "unchanged"],
  "not sure": ["?", "notsure"],
  new: ["+", "new"],
  lost: ["−", "lost"],
  failed: ["×", "failed"],
};

export function verdict(told) {
  const [sign, name] = VERDICTS[told.outcome] ?? ["·", "notsure"];
  return el("span", { class: `badge ${name}` }, el("span", { "aria-hidden": "true" }, `${sign} `), told.outcome);
}

export function ratioText(told) {
  if (!told.ratio) return "";
  const [ratio, low, high] = told.ratio;
  return `${percent(ratio)} (${percent(low)} to ${percent(high)})`;
}

// The address of asv's own graph of one line, or of one of its configurations.
export function asvGraph(line, measure, configuration) {
  const params = [
    ["machine", line.machine],
    ["env-VGGBENCH_PROFILE", line.profile],
    ["branch", line.track],
  ];
  if (configuration) {
    configuration.forEach((word, i) => params.push([`p-${line.params[i]}`, `'${word}'`]));
  }
  const query = params.map((one) => one.map(encodeURIComponent).join("="));
  return `asv.html#${encodeURIComponent(`${line.family}.${measure.benchmark}`)}?${query.join("&")}`;
}
