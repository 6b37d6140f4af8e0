// What the page History shows: which line, measure and configurations, in which order.
/** @import { Across, Chosen, Index, Line, Measure, Picture } from "../types.js" */
import { chainOf } from "./chain.js";
import { choice, chosenLine } from "./choice.js";
import { load } from "./data.js";
import { measureOf } from "./figures.js";
import { isCurrent } from "./lists.js";

/**
 * What the URL asks for; no picture where nothing was measured of that.
 * @param {Index} index
 * @returns {Promise<{ chosen: Chosen, picture: Picture | null }>}
 */
export async function viewOf(index) {
  const chosen = chosenLine(index);
  const track = index.tracks.find((one) => one.name === chosen.track);
  if (!chosen.line || !track) return { chosen, picture: null };
  const { id } = chosen.line;
  /** @type {[Line, Across]} */
  const [line, across] = await Promise.all([load(id), load(`${id}-across`)]);
  const measures = line.measures.map((key) => measureOf(index, key));
  const asked = measures.find((one) => one.key === choice.get("measure")) ?? measures.at(0);
  const measure = asked ?? measureOf(index, "step");
  const configurations = configurationsOf(line);
  const byDate = choice.get("order") === "date";
  return {
    chosen,
    picture: {
      track,
      across,
      measures,
      ...configurations,
      ...figuresOf(line, measure, configurations.ticked),
      byDate,
      releases: byDate
        ? track.releases.filter(isCurrent).sort((a, b) => a.date.localeCompare(b.date))
        : track.releases.filter(isCurrent),
      log: choice.get("scale") === "log",
      intervals: choice.get("intervals") !== "no",
    },
  };
}

/** In the URL, in place of words: all configurations that some release can do. */
export const ALL = "all";

/**
 * Places of configurations: all, those that some release can do, and ticked ones, which is the plain one
 * unless the URL has it otherwise.
 * @param {Line} line
 */
function configurationsOf(line) {
  const all = line.configurations.map((_, c) => c);
  const able = new Set(line.cells.filter((cell) => cell.outcome !== "n/a").map((cell) => cell.c));
  const possible = able.size ? all.filter((c) => able.has(c)) : all;
  const wanted = choice.all("configuration");
  const named = all.filter((c) => wanted.includes(line.configurations[c].join(" ")));
  const asked = wanted.includes(ALL) ? possible : named;
  // Another line may have none of what was asked for; "" asks for none.
  const usual = wanted.includes("") ? [] : all.filter((c) => c === line.plain);
  return { all, possible, ticked: asked.length ? asked : usual };
}

/**
 * The levels of the configurations that are ticked, where there are any and nothing else is asked for;
 * else what each release took itself. What only duets have measured has no other figures than levels.
 * @param {Line} line
 * @param {Measure} measure
 * @param {number[]} ticked
 * @returns {Pick<Picture, "line" | "measure" | "shown" | "chain" | "hasChoice">}
 */
function figuresOf(line, measure, ticked) {
  const chained = chainOf(line, measure, ticked);
  const hasChoice = chained !== null && line.cells.some((cell) => ticked.includes(cell.c));
  if (!chained || (hasChoice && choice.get("figures") === "absolute")) {
    return { line, measure, shown: ticked, chain: null, hasChoice };
  }
  return {
    line: chained.line,
    measure: chained.measure,
    shown: chained.chains.map((one) => one.c),
    chain: chained,
    hasChoice,
  };
}
