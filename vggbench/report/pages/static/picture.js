// What the page History shows: which line, measure and configurations, in which order.
/** @import { Across, Chained, Chosen, Drawn, Index, Line, Measure, Picture, Release } from "../types.js" */

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
  const releases = track.releases.filter(isCurrent);
  return {
    chosen,
    picture: {
      track,
      across,
      measures,
      ...configurations,
      ...figuresOf(line, measure, configurations.ticked, releases),
      byDate,
      releases: byDate ? releases.sort((a, b) => a.date.localeCompare(b.date)) : releases,
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
  const measured = [...line.cells, ...line.asides];
  const able = new Set(measured.filter((cell) => cell.outcome !== "n/a").map((cell) => cell.c));
  const possible = able.size ? all.filter((c) => able.has(c)) : all;
  const wanted = choice.all("configuration");
  const named = all.filter((c) => wanted.includes(line.configurations[c].join(" ")));
  const asked = wanted.includes(ALL) ? possible : named;
  // Another line may have none of what was asked for; "" asks for none.
  const usual = wanted.includes("") ? [] : all.filter((c) => c === line.plain);
  return { all, possible, ticked: asked.length ? asked : usual };
}

/**
 * Levels, or what each release took itself, of the configurations that are ticked: what the URL asks for,
 * else what the chart opens on. What only duets have measured has no other figures than levels.
 * @param {Line} line
 * @param {Measure} measure
 * @param {number[]} ticked
 * @param {Release[]} releases
 * @returns {Pick<Picture, "line" | "measure" | "shown" | "chain" | "hasChoice" | "opensOn">}
 */
function figuresOf(line, measure, ticked, releases) {
  const chained = chainOf(line, measure, ticked);
  const absolute = line.cells.filter((cell) => ticked.includes(cell.c));
  const hasChoice = chained !== null && absolute.length > 0;
  const opensOn = chained && opensOnLevels(chained, absolute, releases) ? "chain" : "absolute";
  const asked = hasChoice ? choice.get("figures") : null;
  const wanted = asked === "chain" || asked === "absolute" ? asked : opensOn;
  if (!chained || wanted === "absolute") {
    return { line, measure, shown: ticked, chain: null, hasChoice, opensOn };
  }
  return {
    line: chained.line,
    measure: chained.measure,
    shown: chained.chains.map((one) => one.c),
    chain: chained,
    hasChoice,
    opensOn,
  };
}

/**
 * The rule by which the chart opens: on levels where there are at least as many of them as absolute
 * figures, so that nobody's figures seem to be lost.
 * @param {Chained} chained
 * @param {Drawn[]} absolute
 * @param {Release[]} releases
 */
function opensOnLevels({ line, measure }, absolute, releases) {
  const names = new Set(releases.map((one) => one.name));
  const figuresIn = (/** @type {Drawn[]} */ cells) =>
    cells.filter((cell) => names.has(cell.release) && cell.estimates?.[measure.key]).length;
  return figuresIn(line.cells) >= figuresIn(absolute);
}
