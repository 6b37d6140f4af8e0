// What the signs on the chart mean: those alone that are on it.
/** @import { Drawn, Picture } from "../types.js" */

import { BUSY_KEY, BUSY_MARK } from "./badges.js";
import { byId, el } from "./elements.js";
import { busyText } from "./figures.js";
import { present } from "./lists.js";
import { hasPlace } from "./plan.js";

/** @param {Picture} picture */
export function legend(picture) {
  const cells = picture.line.cells.filter((cell) => picture.shown.includes(cell.c));
  const entries = present([...ofFigures(picture, cells), ...ofOutcomes(cells)]);
  byId("key").replaceChildren(
    ...entries.map(([sign, kind, text]) =>
      el("li", {}, el("span", { class: `sign ${kind}`, "aria-hidden": "true" }, sign), ` ${text}`),
    ),
  );
}

/**
 * Signs on lines: each with its class in the style sheet and what it means.
 * @param {Picture} picture
 * @param {Drawn[]} cells
 * @returns {(string[] | false)[]}
 */
function ofFigures(picture, cells) {
  const { measure, chain, intervals } = picture;
  const measured = cells.filter((cell) => cell.estimates?.[measure.key]);
  const judged = new Set(cells.map((cell) => cell.verdicts?.[measure.key]?.outcome));
  const flat = withoutPlace(picture, measured);
  const apart = chain?.chains.some((one) => one.parts.length > 1) ?? false;
  const interval = chain ? "95 % interval of a level against its base" : "interval over processes";
  return [
    judged.has("regressed") && ["▲", "bad", "regressed"],
    judged.has("improved") && ["▼", "good", "improved"],
    intervals && ["I", "", interval],
    apart && ["┆", "none", "a gap: no link connects the components, each has a base of its own"],
    cells.some((cell) => cell.earlier?.[measure.key]) && [
      "┆",
      "none",
      "a cut: measured again on another day; hover for both",
    ],
    cells.some((cell) => cell.otherwise) && [
      "┆",
      "none",
      "a cut: measured in another state of the machine; hover for what differs",
    ],
    measured.some((cell) => busyText(measure, cell)) && [BUSY_MARK, "bad", BUSY_KEY],
    flat.length > 0 && [
      "0",
      "none",
      `left out, since 0 has no place on a logarithmic scale: ${flat.join(", ")}`,
    ],
  ];
}

/**
 * The releases whose figures cannot be drawn.
 * @param {Picture} picture
 * @param {Drawn[]} measured
 */
function withoutPlace({ measure, log, releases }, measured) {
  const without = measured.filter((cell) => {
    const figures = cell.estimates?.[measure.key];
    return figures && !hasPlace(log, figures);
  });
  const names = new Set(without.map((cell) => cell.release));
  return releases.map((one) => one.name).filter((name) => names.has(name));
}

/**
 * Signs below the chart.
 * @param {Drawn[]} cells
 */
function ofOutcomes(cells) {
  const outcomes = new Set(cells.map((cell) => cell.outcome));
  return [
    outcomes.has("n/a") && ["–", "none", "n/a: the release cannot do it; hover for the reason"],
    outcomes.has("failed") && ["×", "bad", "failed"],
    outcomes.has("interrupted") && ["○", "none", "interrupted"],
  ];
}
