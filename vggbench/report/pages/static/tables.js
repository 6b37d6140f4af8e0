// Tables and bars.
import { el } from "./elements.js";
import { plural } from "./figures.js";
import { readable } from "./params.js";

export function table(caption, header, rows, { classes = "", hideCaption = false } = {}) {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      { class: classes },
      el("caption", { class: hideCaption ? "visually-hidden" : "" }, caption),
      el("thead", {}, el("tr", {}, header.map((cell) => (cell instanceof Node && cell.tagName === "TH" ? cell : el("th", { scope: "col" }, cell))))),
      el("tbody", {}, rows),
    ),
  );
}

export function bar(share, kind = "") {
  const inner = el("span", { class: `bar-inner ${kind}` });
  inner.style.width = `${Math.max(0.5, Math.min(100, share * 100))}%`;
  return el("span", { class: "bar", "aria-hidden": "true" }, inner);
}

// The text that comes most often, of several the first; nothing of none.
export function mostOf(texts) {
  const count = (text) => texts.filter((one) => one === text).length;
  return texts.reduce((best, text) => (count(text) > count(best) ? text : best), texts[0]);
}

// Of a figure in a state of the machine that the others are not in.
export const notCompared = (state, usual) => el("div", { class: "why" }, `not compared: measured with ${state}; the others with ${usual}`);

// What the release cannot do, by reason.
export function cannot(line, cells) {
  const reasons = new Map();
  for (const cell of cells) {
    if (cell.outcome !== "n/a") continue;
    const why = line.whys[cell.why] ?? "no reason on record";
    reasons.set(why, [...(reasons.get(why) ?? []), readable(line, line.configurations[cell.c])]);
  }
  if (!reasons.size) return null;
  const count = [...reasons.values()].reduce((sum, names) => sum + names.length, 0);
  return el(
    "details",
    { class: "folded" },
    el("summary", {}, `n/a: ${plural(count, "configuration")} that this release cannot do`),
    el("dl", { class: "facts" }, [...reasons].flatMap(([why, names]) => [el("dt", {}, why), el("dd", {}, names.join("; "))])),
  );
}
