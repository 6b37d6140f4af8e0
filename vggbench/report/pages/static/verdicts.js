// Verdicts: every release, every configuration; changes alone unless all are asked for. The evidence of a
// single one is open.
/** @import { Across, Beside, Chosen, Gathered, Index, Line, LineChange, Measure, Redraw, Told, Verdicts } from "../types.js" */

import { besideOf, seenOn, seenText, textsOf } from "./across.js";
import { VERDICTS, verdict } from "./badges.js";
import { choice, chosenWith } from "./choice.js";
import { fill, formOf, lineControls, nothing, select, setter } from "./controls.js";
import { load } from "./data.js";
import { byId, el, problem } from "./elements.js";
import { changeText, measureOf, ratioText } from "./figures.js";
import { asvGraph, releaseLink } from "./links.js";
import { grouped, present } from "./lists.js";
import { start } from "./page.js";
import { readable } from "./params.js";
import { lined, rowHead } from "./tables.js";

/**
 * Of what can be asked for, several outcomes at once: changes, which are listed unless more is asked for,
 * and those of them that are sure of what both releases ran.
 * @type {Record<string, string[]>}
 */
const KINDS = {
  changes: ["regressed", "improved", "lost", "failed", "new"],
  sure: ["regressed", "improved"],
};
/** More rows take a while to draw: they are shown when they are asked for. */
const MOST_ROWS = 300;

const HEADS = ["configuration", "measure", "verdict", "change, and its interval", "evidence"];

const form = formOf("controls");

start(viewOf, show);

/** @typedef {Gathered<Verdicts> & { across: Across | null }} View */

/**
 * The verdicts of the line that is chosen, and what other machines say of them.
 * @param {Index} index
 * @returns {Promise<View>}
 */
async function viewOf(index) {
  const gathered = await chosenWith(index, "verdicts");
  const { line } = gathered;
  return { ...gathered, across: line ? await load(`${line.id}-across`) : null };
}

/**
 * What is asked for: keys and words, or "" for all; of outcomes, "changes", "sure" or "all" too.
 * @typedef {{ release: string, measure: string, configuration: string, outcome: string }} Asked
 */

/**
 * @param {Index} index
 * @param {View} view
 * @param {Redraw} redraw
 */
function show(index, { chosen, line, more, across }, redraw) {
  const everything = more?.verdicts ?? [];
  const asked = controls(index, chosen, line, everything, redraw);
  byId("count").textContent = "";
  byId("verdicts").replaceChildren();
  if (!line || !more) {
    byId("problem").replaceChildren(nothing(index, chosen));
    return;
  }
  if (!everything.length) {
    const where = `${line.track} on ${line.machine}, ${line.profile}`;
    const why = more.why_none ?? "a verdict takes two releases that were measured";
    problem(`There are no verdicts on ${where}: ${why}.`);
    return;
  }
  const found = everything.filter((row) => isAsked(row, line, asked));
  const rows = inOrder(index, chosen, found);
  const some = choice.get("rows") === "all" ? rows : rows.slice(0, MOST_ROWS);
  const whole = more.changes.filter((one) => isOver(one, line, asked));
  byId("count").textContent = countText(everything.length, rows.length, some.length);
  byId("verdicts").append(
    ...present([
      some.length > 0 && listed(index, line, some, across),
      whole.length > 0 && overTheLine(index, line, whole),
      some.length < rows.length && moreButton(rows.length, redraw),
    ]),
  );
}

/**
 * Fills the form; what is chosen there.
 * @param {Index} index
 * @param {Chosen} chosen
 * @param {Line | null} line
 * @param {Told[]} everything
 * @param {Redraw} redraw
 * @returns {Asked}
 */
function controls(index, chosen, line, everything, redraw) {
  const measures = index.measures.filter(({ key }) =>
    everything.some((row) => row.measure === key),
  );
  const outcomes = Object.keys(VERDICTS).filter((word) =>
    everything.some((row) => row.outcome === word),
  );
  const ofReleases = namesOf(index, chosen)
    .reverse()
    .map((name) => [name, name]);
  const ofMeasures = measures.map((one) => [one.key, one.title]);
  const ofConfigurations = (line?.configurations ?? []).map((words) => [
    words.join(" "),
    line ? readable(line, words) : "",
  ]);
  const ofOutcomes = [
    ["changes", "changes"],
    ["sure", "slower or faster"],
    ["all", "all"],
    ...outcomes.map((word) => [word, word]),
  ];
  const asked = {
    release: among(ofReleases, "release", ""),
    measure: among(ofMeasures, "measure", ""),
    configuration: among(ofConfigurations, "configuration", ""),
    outcome: among(ofOutcomes, "outcome", "changes"),
  };
  /**
   * @param {string} label
   * @param {keyof Asked} key
   * @param {string[][]} options
   * @param {string} usual
   */
  const choose = (label, key, options, usual) =>
    select(label, key, options, asked[key], setter(key, usual, redraw));
  const all = ["", "all"];
  fill(
    form,
    lineControls(index, chosen, redraw),
    chosen.line && [
      choose("Release", "release", [all, ...ofReleases], ""),
      choose("Measure", "measure", [all, ...ofMeasures], ""),
      choose("Configuration", "configuration", [all, ...ofConfigurations], ""),
      choose("Verdict", "outcome", ofOutcomes, "changes"),
    ],
  );
  return asked;
}

/**
 * What the URL has under a key, where that is one of the options.
 * @param {string[][]} options
 * @param {string} key
 * @param {string} otherwise
 */
const among = (options, key, otherwise) =>
  options.find(([word]) => word === choice.get(key))?.[0] ?? otherwise;

/**
 * The names of the track's releases.
 * @param {Index} index
 * @param {Chosen} chosen
 */
const namesOf = (index, chosen) =>
  (index.tracks.find((one) => one.name === chosen.track)?.releases ?? []).map((one) => one.name);

/**
 * @param {Told} row
 * @param {Line} line
 * @param {Asked} asked
 */
const isAsked = (row, line, { release, measure, configuration, outcome }) =>
  (!release || row.release === release) &&
  (!measure || row.measure === measure) &&
  isIn(line, row.c, configuration) &&
  (outcome === "all" || (KINDS[outcome] ?? [outcome]).includes(row.outcome));

/**
 * @param {LineChange} one
 * @param {Line} line
 * @param {Asked} asked
 */
const isOver = (one, line, { release, measure, configuration }) =>
  (!measure || one.measure === measure) &&
  (!release || [one.first, one.last].includes(release)) &&
  isIn(line, one.c, configuration);

/**
 * Whether a configuration is the one that is asked for, if any is.
 * @param {Line} line
 * @param {number} c
 * @param {string} configuration
 */
const isIn = ({ configurations }, c, configuration) =>
  !configuration || configurations[c].join(" ") === configuration;

/**
 * The newest release first.
 * @param {Index} index
 * @param {Chosen} chosen
 * @param {Told[]} rows
 */
function inOrder(index, chosen, rows) {
  const names = namesOf(index, chosen);
  const order = new Map(names.map((name, i) => [name, i]));
  const place = (/** @type {Told} */ row) => order.get(row.release) ?? -1;
  return rows.sort((a, b) => place(b) - place(a) || a.c - b.c);
}

/**
 * @param {number} all
 * @param {number} asked
 * @param {number} shown
 */
function countText(all, asked, shown) {
  const of = all === asked ? "" : ` of ${all}`;
  const newest = shown < asked ? `, the newest ${shown} are shown` : "";
  return `${asked}${of} ${all === 1 ? "verdict" : "verdicts"}${newest}`;
}

/**
 * @param {number} count
 * @param {Redraw} redraw
 */
const moreButton = (count, redraw) =>
  el(
    "button",
    {
      type: "button",
      class: "button",
      id: "all-rows",
      onclick: () => setter("rows", undefined, redraw)("all"),
    },
    `Show all ${count}`,
  );

/**
 * A release after the other, newest first; the evidence on a row opens below it.
 * @param {Index} index
 * @param {Line} line
 * @param {Told[]} rows
 * @param {Across | null} across
 */
function listed(index, line, rows, across) {
  const all = [...grouped(rows, (row) => row.release)].map(([name, found]) => {
    // Most are against the release before; what is not says so itself.
    const usual = found[0].against;
    return [
      groupHead(name, usual),
      found.map((told) => {
        const measure = measureOf(index, told.measure);
        const beside = besideOf(across, told, told.measure);
        return rowOf(line, measure, told, { usual, beside, isOpen: rows.length === 1 });
      }),
    ];
  });
  return el("section", { class: "card" }, lined("Verdicts, newest release first", HEADS, all));
}

/**
 * @param {string} name
 * @param {string | null} usual
 */
function groupHead(name, usual) {
  const against = usual ? [el("span", { class: "faint" }, " against "), releaseLink(usual)] : null;
  const span = { colspan: String(HEADS.length), scope: "rowgroup" };
  return el("tr", { class: "group" }, el("th", span, releaseLink(name), against));
}

/**
 * A verdict's row, and the one below it that opens with its evidence.
 * @param {Line} line
 * @param {Measure} measure
 * @param {Told} told
 * @param {{ usual: string | null, beside: Beside | undefined, isOpen: boolean }} more what most verdicts
 * are against; what all machines say of this one; whether its evidence is open
 */
function rowOf(line, measure, told, { usual, beside, isOpen }) {
  const { acknowledged, against } = told;
  const evidence = evidenceRow(line, measure, told, { beside, isOpen });
  const other = against && against !== usual ? [" against ", releaseLink(against)] : null;
  const why =
    acknowledged === undefined
      ? null
      : el("div", { class: "why" }, `acknowledged: ${acknowledged}`);
  return [
    el(
      "tr",
      {},
      rowHead(readable(line, line.configurations[told.c])),
      el("td", {}, measure.title),
      el("td", {}, verdict(told), seenOn("div", told.outcome, measure, beside), why),
      el("td", { class: "number" }, changeText(measure, told), other),
      el("td", {}, evidence.button),
    ),
    evidence.row,
  ];
}

/**
 * The row of the evidence, and the button that opens it.
 * @param {Line} line
 * @param {Measure} measure
 * @param {Told} told
 * @param {{ beside: Beside | undefined, isOpen: boolean }} more
 */
function evidenceRow(line, measure, told, { beside, isOpen }) {
  const id = `evidence-${told.release}-${told.c}-${told.measure}`;
  const name = readable(line, line.configurations[told.c]);
  const row = el("tr", { id, class: "evidence", hidden: true });
  const toggle = () => {
    row.hidden = !row.hidden;
    button.setAttribute("aria-expanded", String(!row.hidden));
    if (row.hasChildNodes()) return;
    const evidence = evidenceOf(line, measure, told, beside);
    row.append(el("td", { colspan: String(HEADS.length) }, evidence));
  };
  const button = el(
    "button",
    {
      type: "button",
      class: "chip",
      "aria-expanded": "false",
      "aria-controls": id,
      "aria-label": `Evidence on ${told.release}, ${name}, ${measure.title}`,
      onclick: toggle,
    },
    "evidence",
  );
  if (isOpen) toggle();
  return { row, button };
}

/**
 * @param {Line} line
 * @param {Measure} measure
 * @param {Told} told
 * @param {Beside | undefined} beside
 */
function evidenceOf(line, measure, told, beside) {
  const href = asvGraph(line, measure, line.configurations[told.c]);
  return el(
    "ul",
    { class: "notes" },
    told.notes.map((note) => el("li", {}, note)),
    beside ? el("li", {}, machinesOf(measure, told, beside)) : null,
    told.next ? el("li", {}, "to be sure: ", el("code", {}, told.next)) : null,
    href ? el("li", {}, el("a", { href }, "asv's graph of it")) : null,
  );
}

/**
 * On how many machines it was seen, and what each of them says.
 * @param {Measure} measure
 * @param {Told} told
 * @param {Beside} beside
 */
const machinesOf = (measure, told, beside) => [
  `${seenText(told.outcome, beside)}:`,
  el(
    "ul",
    {},
    textsOf(measure, beside).map((text) => el("li", {}, text)),
  ),
];

/**
 * What kind of change it is over the whole line.
 * @param {LineChange} change
 * @param {Measure} measure
 */
function kindText({ kind, ratio }, measure) {
  const worse = ratio[0] > 1;
  const [more, less] = measure.key === "peak_memory" ? ["more", "less"] : ["slower", "faster"];
  const what = worse ? more : less;
  return kind === "recovered" ? `${what}, then taken back` : `${what}, in several level shifts`;
}

/**
 * What no two neighbouring releases show.
 * @param {Index} index
 * @param {Line} line
 * @param {LineChange[]} changes
 */
function overTheLine(index, line, changes) {
  const heads = ["configuration", "measure", "what", "since", "until", "change, and its interval"];
  const rows = changes.map((one) => {
    const measure = measureOf(index, one.measure);
    return el(
      "tr",
      {},
      rowHead(readable(line, line.configurations[one.c])),
      el("td", {}, measure.title),
      el("td", {}, kindText(one, measure)),
      el("td", {}, releaseLink(one.first)),
      el("td", {}, releaseLink(one.last)),
      el("td", { class: "number" }, ratioText(one)),
    );
  });
  return el(
    "section",
    { class: "card" },
    el("h2", {}, "Over the whole line"),
    lined("Changes that were taken back, and drifts", heads, rows),
  );
}
