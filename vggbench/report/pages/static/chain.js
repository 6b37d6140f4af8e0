// The chain of a line: levels of releases against a base, in place of what they took themselves.
import { el } from "./elements.js";
import { interval, percent, plural } from "./figures.js";
import { readable } from "./params.js";
import { table } from "./tables.js";

// What the chart and the tables show of a line where its chain is chosen: {line, measure, chains}.
// The line's cells have the levels as estimates, and ``component``, {base, place}; those of releases that
// have no level and no figure, whose reasons are shown, stay as they are. Null where nothing that is
// shown has a chain.
export function chainOf(line, measure, shown) {
  const chains = (line.chains ?? []).filter((one) => one.measure === measure.key && shown.includes(one.c));
  if (!chains.length) return null;
  const own = new Map(line.cells.map((cell) => [`${cell.release} ${cell.c}`, cell]));
  const cells = chains.flatMap((chain) => {
    const levels = chain.parts.flatMap((component, place) =>
      Object.entries(component.levels).map(([release, level]) => ({
        release,
        c: chain.c,
        outcome: "ok",
        estimates: { [measure.key]: level },
        component: { base: component.base, place },
        verdicts: own.get(`${release} ${chain.c}`)?.verdicts,
      })),
    );
    const has = new Set(levels.map((cell) => cell.release));
    return [...levels, ...line.cells.filter((cell) => cell.c === chain.c && cell.outcome !== "ok" && !has.has(cell.release))];
  });
  const bases = [...new Set(chains.flatMap((chain) => chain.parts.map((component) => component.base)))];
  return {
    line: { ...line, cells },
    // A ratio has no unit; ``title`` names what it is of.
    measure: { ...measure, unit: "", scale: 1, title: `${measure.title} relative to ${bases.length === 1 ? bases[0] : "its base"}` },
    chains,
  };
}

// What a level says, in lines of text.
export function levelTexts(measure, cell) {
  const [ratio, low, high] = cell.estimates[measure.key];
  if (cell.release === cell.component.base) return ["the base, which the others are held against"];
  return [`${percent(ratio)} (${percent(low)} to ${percent(high)}, with 95 %)`];
}

// Below the chart: bases, loops, and what is left out of the chains that are drawn.
export function aboutChains(line, measure, chains) {
  const several = chains.length > 1;
  return [
    el("h2", {}, "The chain"),
    el("p", {}, "Each level is the figure of a release by that of the base, from blocks of duets: two releases that took their steps in turns. The interval has it with 95 %, for this level alone."),
    ...chains.flatMap((chain) => [
      several ? el("h3", {}, readable(line, line.configurations[chain.c])) : null,
      el("ul", { class: "notes" }, notesOf(chain).map((text) => el("li", {}, text))),
      chain.loops.length ? loops(chain, several ? readable(line, line.configurations[chain.c]) : "the chain") : null,
    ]),
  ].filter(Boolean);
}

function notesOf(chain) {
  const components = chain.parts.map(({ base, levels }) => {
    const names = Object.keys(levels);
    return `${plural(names.length, "release")}, ${names[0]} to ${names.at(-1)}, relative to ${base}`;
  });
  return [
    ...components,
    chain.parts.length > 1 && "No link connects these components, so levels of two of them cannot be compared: the line has a gap there.",
    !chain.loops.length && "No loop closes, so nothing tells how well the links agree.",
    chain.between_links > 0 && `Links differ by another ${(100 * chain.between_links).toFixed(1)} % beyond what their blocks explain; the intervals include it.`,
    ...chain.left_out.map((link) => `${link.before} to ${link.after} is left out: ${plural(link.blocks, "block")}, which are too few for a link.`),
    chain.elsewhere > 0 && `${plural(chain.elsewhere, "block")} of another state of the machine (processors, flags) left out.`,
  ].filter(Boolean);
}

// Two ways from one release to another, and by how much they disagree.
function loops(chain, of) {
  const rows = chain.loops.map((loop) => {
    const [first, last] = [loop.through[0], loop.through.at(-1)];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, `${first} to ${last}`),
      el("td", { class: "number" }, percent(loop.direct)),
      el("td", { class: "number", title: `by ${loop.through.slice(1, -1).join(", ")}` }, percent(loop.around)),
      el("td", { class: "number strong" }, percent(loop.misfit[0])),
      el("td", { class: "number" }, `${percent(loop.misfit[1])} to ${percent(loop.misfit[2])}`),
      el("td", {}, el("span", { class: `badge ${loop.misfits ? "regressed" : "ok"}` }, loop.misfits ? "more than chance allows" : "within chance")),
    );
  });
  return table(`Loops of ${of}`, ["from and to", "directly", "by those between", "misfit", "interval", "verdict"], rows, { classes: "lined dense" });
}

// A row a configuration that has a level in this release.
export function levelRow(line, measure, cell, head) {
  const [ratio] = cell.estimates[measure.key];
  return [head, el("td", { class: "number strong" }, ratio.toFixed(3)), el("td", { class: "number" }, interval(measure, cell.estimates[measure.key])), el("td", { class: "number" }, percent(ratio)), el("td", {}, cell.component.base)];
}
