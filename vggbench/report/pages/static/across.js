// On how many machines a change was seen, and what each of them says.
/** @import { Across, Beside, Measure } from "../types.js" */

import { el } from "./elements.js";
import { changeText, plural } from "./figures.js";

/** What a machine that has no answer says: it does not count. */
const NO_ANSWER = "not sure";

/** Changes were seen; of what is no change the outcome is said. */
const SEEN = ["regressed", "improved"];

/**
 * What all machines say of a verdict; undefined where no other machine has numbers of it, or none saw a
 * change.
 * @param {Across | null} across
 * @param {{ release: string, c: number }} verdict
 * @param {string} measure
 */
export const besideOf = (across, { release, c }, measure) =>
  across?.verdicts.find((one) => one.release === release && one.c === c && one.measure === measure);

/**
 * Such as "seen on 3 of 4 machines".
 * @param {string} outcome
 * @param {Beside} beside
 */
export function seenText(outcome, beside) {
  const said = SEEN.includes(outcome) ? "seen" : outcome;
  return `${said} on ${beside.same} of ${plural(beside.of, "machine")}`;
}

/**
 * What each machine says, a text each.
 * @param {Measure} measure
 * @param {Beside} beside
 */
export const textsOf = (measure, { machines }) =>
  machines.map((one) => {
    const uncounted = one.outcome === NO_ANSWER ? ", which is no answer" : "";
    return `${one.machine}: ${one.outcome}, ${changeText(measure, one)}${uncounted}`;
  });

/**
 * The count, with what each machine says in its hover; null where there is nothing to count.
 * @param {"div" | "span"} tag
 * @param {string} outcome
 * @param {Measure} measure
 * @param {Beside | undefined} beside
 */
export function seenOn(tag, outcome, measure, beside) {
  if (!beside) return null;
  const title = textsOf(measure, beside).join("; ");
  return el(tag, { class: "seen", title }, seenText(outcome, beside));
}
