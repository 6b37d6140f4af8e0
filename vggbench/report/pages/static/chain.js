// The chain of a line: levels of releases against a base, in place of what they took themselves.
/** @import { Chain, Chained, Drawn, DrawnLine, Figures, Line, Measure } from "../types.js" */

import { el } from "./elements.js";
import { interval, percent, plural } from "./figures.js";
import { distinct, present } from "./lists.js";
import { readable } from "./params.js";
import { rowHead, table } from "./tables.js";

/**
 * What the chart and the tables show of a line where its chain is chosen: its cells have the levels as
 * estimates, and name their component; those of releases that have no level and no figure, whose
 * reasons are shown, stay as they are. What only duets have measured has no cell, and its verdicts are
 * those of its aside. Null where nothing that is shown has a chain.
 * @param {Line} line
 * @param {Measure} measure
 * @param {number[]} shown
 * @returns {Chained | null}
 */
export function chainOf(line, measure, shown) {
  const chains = (line.chains ?? []).filter(
    (one) => one.measure === measure.key && shown.includes(one.c),
  );
  if (!chains.length) return null;
  const cells = chains.flatMap((chain) => {
    const own = [...line.cells, ...line.asides].filter((cell) => cell.c === chain.c);
    const levels = levelsOf(chain, own);
    const has = new Set(levels.map((cell) => cell.release));
    return [...levels, ...own.filter((cell) => cell.outcome !== "ok" && !has.has(cell.release))];
  });
  const bases = distinct(chains.flatMap((chain) => chain.parts.map(({ base }) => base)));
  const base = bases.length === 1 ? bases[0] : "its base";
  return {
    line: { ...line, cells },
    // A ratio has no unit; the title says what it is of.
    measure: { ...measure, unit: "", scale: 1, title: `${measure.title} relative to ${base}` },
    chains,
  };
}

/**
 * The levels of a chain as cells, with the verdicts of the line's `own` cells and asides.
 * @param {Chain} chain
 * @param {Drawn[]} own
 * @returns {Drawn[]}
 */
function levelsOf(chain, own) {
  const verdicts = new Map(own.map((cell) => [cell.release, cell.verdicts]));
  return chain.parts.flatMap(({ base, levels }, place) =>
    Object.entries(levels).map(([release, level]) => ({
      release,
      c: chain.c,
      outcome: "ok",
      estimates: { [chain.measure]: level },
      component: { base, place },
      verdicts: verdicts.get(release),
    })),
  );
}

/**
 * The level of a cell that has one.
 * @param {Measure} measure
 * @param {Drawn} cell
 */
const levelOf = (measure, cell) =>
  /** @type {Record<string, Figures>} */ (cell.estimates)[measure.key];

/**
 * What a level says.
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export function levelText(measure, cell) {
  if (cell.release === cell.component?.base) return "the base, which the others are held against";
  const [ratio, low, high] = levelOf(measure, cell);
  return `${percent(ratio)} (${percent(low)} to ${percent(high)}, with 95 %)`;
}

/** What every level is. */
const ABOUT =
  "Each level is the figure of a release by that of the base, from blocks of duets: two releases that took their steps in turns. The interval has it with 95 %, for this level alone.";

/**
 * Below the chart: bases, loops, and what is left out of the chains that are drawn.
 * @param {DrawnLine} line
 * @param {Chain[]} chains
 */
export function aboutChains(line, chains) {
  const several = chains.length > 1;
  const each = chains.map((chain) => {
    const name = readable(line, line.configurations[chain.c]);
    return [
      several && el("h3", {}, name),
      el(
        "ul",
        { class: "notes" },
        notesOf(chain).map((text) => el("li", {}, text)),
      ),
      chain.loops.length > 0 && loops(chain, several ? name : "the chain"),
    ];
  });
  return present([el("h2", {}, "The chain"), el("p", {}, ABOUT), ...each.flat()]);
}

/** @param {Chain} chain */
function notesOf(chain) {
  const components = chain.parts.map(({ base, levels }) => {
    const names = Object.keys(levels);
    return `${plural(names.length, "release")}, ${names[0]} to ${names.at(-1)}, relative to ${base}`;
  });
  const between = (100 * chain.between_links).toFixed(1);
  return present([
    ...components,
    chain.parts.length > 1 &&
      "No link connects these components, so levels of two of them cannot be compared: the line has a gap there.",
    !chain.loops.length && "No loop closes, so nothing tells how well the links agree.",
    chain.between_links > 0 &&
      `Links differ by another ${between} % beyond what their blocks explain; the intervals include it.`,
    ...chain.left_out.map(
      ({ before, after, blocks }) =>
        `${before} to ${after} is left out: ${plural(blocks, "block")}, which are too few for a link.`,
    ),
    chain.elsewhere > 0 &&
      `${plural(chain.elsewhere, "block")} of another state of the machine (processors, flags) left out.`,
  ]);
}

/**
 * Two ways from one release to another, and by how much they disagree.
 * @param {Chain} chain
 * @param {string} of
 */
function loops(chain, of) {
  const rows = chain.loops.map(({ through, direct, around, misfit, misfits }) => {
    const [size, low, high] = misfit.map(percent);
    const verdict = misfits ? "more than chance allows" : "within chance";
    return el(
      "tr",
      {},
      rowHead(`${through[0]} to ${through.at(-1)}`),
      el("td", { class: "number" }, percent(direct)),
      el(
        "td",
        { class: "number", title: `by ${through.slice(1, -1).join(", ")}` },
        percent(around),
      ),
      el("td", { class: "number strong" }, size),
      el("td", { class: "number" }, `${low} to ${high}`),
      el("td", {}, el("span", { class: `badge ${misfits ? "regressed" : "ok"}` }, verdict)),
    );
  });
  const heads = ["from and to", "directly", "by those between", "misfit", "interval", "verdict"];
  return table(`Loops of ${of}`, heads, rows, { classes: "lined dense" });
}

/**
 * The cells of a row on a level, behind its head.
 * @param {Measure} measure
 * @param {Drawn} cell
 */
export function levelCells(measure, cell) {
  const figures = levelOf(measure, cell);
  const [ratio] = figures;
  return [
    el("td", { class: "number strong" }, ratio.toFixed(3)),
    el("td", { class: "number" }, interval(measure, figures)),
    el("td", { class: "number" }, percent(ratio)),
    el("td", {}, cell.component?.base),
  ];
}
