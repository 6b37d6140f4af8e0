// Links to releases, and the addresses of asv's own graphs.
/** @import { DrawnLine, ListedLine, Measure } from "../types.js" */
import { address } from "./choice.js";
import { el } from "./elements.js";

/** @param {string} name */
export const releaseLink = (name, text = name) =>
  el("a", { href: `${address("releases")}#${encodeURIComponent(name)}` }, text);

/**
 * The address of a verdict, with its evidence.
 * @param {DrawnLine} line
 * @param {{ release: string, c: number }} of
 * @param {Measure} measure
 */
export const verdictAddress = (line, { release, c }, measure) =>
  address("verdicts", {
    release,
    measure: measure.key,
    configuration: line.configurations[c].join(" "),
    outcome: "all",
  });

/**
 * The address of asv's own graph of one line, or of one of its configurations; null where asv has none
 * of the measure.
 * @param {ListedLine} line
 * @param {Measure} measure
 * @param {string[] | null} configuration
 */
export function asvGraph(line, measure, configuration) {
  if (measure.benchmark === null) return null;
  const params = [
    ["machine", line.machine],
    ["env-VGGBENCH_PROFILE", line.profile],
    ["branch", line.track],
    ...(configuration ?? []).map((word, i) => [`p-${line.params[i]}`, `'${word}'`]),
  ];
  const query = params.map((pair) => pair.map(encodeURIComponent).join("="));
  const graph = encodeURIComponent(`${line.family}.${measure.benchmark}`);
  return `asv.html#${graph}?${query.join("&")}`;
}
