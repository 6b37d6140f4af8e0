// What changed most, in sentences: each leads to its verdict; what is not sure is counted.
/** @import { Across, DrawnLine, Headlines, Index, Measure, Picture } from "../types.js" */

import { besideOf, seenOn } from "./across.js";
import { VERDICTS } from "./badges.js";
import { address } from "./choice.js";
import { byId, el } from "./elements.js";
import { measureOf, plural } from "./figures.js";
import { verdictAddress } from "./links.js";
import { present } from "./lists.js";
import { readable } from "./params.js";

/** Of a measure that verdicts say nothing of, what they say of the step is shown. */
const OTHERWISE = "step";

/**
 * @param {Index} index
 * @param {Picture | null} picture
 */
export function headlines(index, picture) {
  const box = byId("headlines");
  const key =
    picture && picture.measure.key in picture.line.headlines ? picture.measure.key : OTHERWISE;
  const told = picture?.line.headlines[key];
  box.hidden = !told;
  if (!picture || !told) return;
  const { line, track, across } = picture;
  const measure = measureOf(index, key);
  const title = `${track.title}: the largest sure changes of the ${measure.title.toLowerCase()}`;
  box.replaceChildren(
    ...present([
      el("h2", { id: "headlines-title" }, title),
      ...(told.largest.length ? sentences(line, across, measure, told) : [none()]),
      notSure(picture, measure, told),
    ]),
  );
}

const none = () => el("p", {}, "No change from one release to the next is sure.");

/**
 * @param {DrawnLine} line
 * @param {Across} across
 * @param {Measure} measure
 * @param {Headlines} told
 */
function sentences(line, across, measure, { largest, changes }) {
  const words = line.configurations[line.plain ?? 0];
  const where = `On ${line.machine}, ${line.profile}; in ${readable(line, words)}, unless a sentence names another configuration.`;
  const items = largest.map((headline) => {
    const { outcome, text } = headline;
    const seen = seenOn("span", outcome, measure, besideOf(across, headline, measure.key));
    const sign = outcome === "regressed" ? "bad" : "good";
    const [mark] = /** @type {Record<string, string[]>} */ (VERDICTS)[outcome];
    const href = verdictAddress(line, headline, measure);
    return el(
      "li",
      {},
      el("span", { class: `sign ${sign}`, "aria-hidden": "true" }, mark),
      " ",
      el("a", { href }, text),
      seen ? [", ", seen] : null,
    );
  });
  const all = { href: address("verdicts", { measure: measure.key, outcome: "sure" }) };
  return present([
    el("p", { class: "links" }, where),
    el("ul", { class: "headlines" }, items),
    changes > largest.length && el("p", {}, el("a", all, `All ${changes} of them`)),
  ]);
}

/**
 * Of the configuration that is shown, where it is a single one; else of all.
 * @param {Picture} picture
 * @param {Measure} measure
 * @param {Headlines} told
 */
function notSure({ line, shown }, measure, { not_sure }) {
  if (shown.length !== 1) {
    const all = not_sure.reduce((sum, one) => sum + one, 0);
    return notSureLine(all, "", { measure: measure.key });
  }
  const words = line.configurations[shown[0]];
  return notSureLine(not_sure[shown[0]], ` in ${readable(line, words)}`, {
    measure: measure.key,
    configuration: words.join(" "),
  });
}

/**
 * How many comparisons are not sure, with a link to them; null where there are none.
 * @param {number} count
 * @param {string} where
 * @param {Record<string, string>} asked what the page of the verdicts is to list
 */
export function notSureLine(count, where, asked) {
  if (!count) return null;
  const href = address("verdicts", { ...asked, outcome: "not sure" });
  const text = `${plural(count, "comparison")}${where} ${count === 1 ? "is" : "are"} not sure`;
  return el("p", { class: "links unsure" }, el("a", { href }, text));
}
