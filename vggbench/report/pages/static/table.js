// Table: the two tables of 2017 for releases measured here, side by side, and what 2017 reported.
/** @import { Cell, Chosen, Index, Line, Measure, Redraw, ReportedRow, Seed, SeedRow, SeedTable, Track } from "../types.js" */

import { BUSY_KEY, BUSY_MARK, busyMark, outcome } from "./badges.js";
import { choice, chosenLine } from "./choice.js";
import { checkbox, fill, formOf, lineControls, nothing, select } from "./controls.js";
import { load } from "./data.js";
import { byId, el } from "./elements.js";
import { busyText, interval, measureOf } from "./figures.js";
import { releaseLink } from "./links.js";
import { distinct, mostOf, present } from "./lists.js";
import { start } from "./page.js";
import { bar, barred, lined, notCompared, rowHead, whyOf } from "./tables.js";

/** More columns are too narrow to be read side by side. */
const MOST_COLUMNS = 6;

const form = formOf("controls");

start(viewOf, show);

/**
 * A release of each framework, or none of it.
 * @typedef {Record<string, string | null>} Column
 */

/**
 * What is shown; lines, and names of the releases that have been measured, are by framework.
 * @typedef {object} View
 * @property {Seed} seed
 * @property {Chosen} chosen
 * @property {Track[]} tracks
 * @property {Record<string, Line>} lines
 * @property {Record<string, string[]>} measured
 * @property {Column[]} columns
 * @property {boolean} reference
 */

/**
 * What a table has of a row in a column.
 * @typedef {{ cell?: Cell, outcome: string, why?: string, state?: string }} Entry
 */

/**
 * The frameworks that have rows, with their lines on the chosen machine and profile.
 * @param {Index} index
 * @returns {Promise<View>}
 */
async function viewOf(index) {
  /** @type {Seed} */
  const seed = await load("seed");
  const chosen = chosenLine(index, { anyTrack: true });
  const rows = seed.tables.flatMap((one) => [...one.rows, ...one.later]);
  const frameworks = distinct(rows.map((row) => row.framework));
  const tracks = present(
    frameworks.map((name) => index.tracks.find((track) => track.framework === name)),
  );
  /** @type {Record<string, Line>} */
  const lines = {};
  /** @type {Record<string, string[]>} */
  const measured = {};
  for (const track of tracks) {
    const line = await lineOf(index, chosen, track);
    if (line) lines[track.framework] = line;
    const names = new Set(line?.cells.map((cell) => cell.release));
    const releases = track.releases.map((release) => release.name);
    measured[track.framework] = releases.filter((name) => names.has(name));
  }
  const reference = choice.get("reference") !== "no";
  return { seed, chosen, tracks, lines, measured, columns: columnsOf(tracks, measured), reference };
}

/**
 * @param {Index} index
 * @param {Chosen} chosen
 * @param {Track} track
 * @returns {Promise<Line | null>}
 */
async function lineOf(index, { machine, profile }, { name, framework }) {
  const told = index.lines.find(
    (line) =>
      line.track === name &&
      line.machine === machine &&
      line.profile === profile &&
      line.family.endsWith(`.${framework}`),
  );
  return told ? load(told.id) : null;
}

/**
 * What the URL asks for, "tensorflow-2.16.2 keras-3.3.3" a column; else the newest of each.
 * @param {Track[]} tracks
 * @param {Record<string, string[]>} measured
 * @returns {Column[]}
 */
function columnsOf(tracks, measured) {
  /** @param {(names: string[]) => string | undefined} pick */
  const column = (pick) =>
    Object.fromEntries(
      tracks.map(({ framework }) => [framework, pick(measured[framework]) ?? null]),
    );
  const asked = choice.all("column").map((text) => {
    const wanted = text.split(" ");
    return column((names) => names.find((name) => wanted.includes(name)));
  });
  return (asked.length ? asked : [column((names) => names.at(-1))]).slice(0, MOST_COLUMNS);
}

/** @param {Column} column */
const namesOf = (column) => present(Object.values(column));

/**
 * @param {Index} index
 * @param {View} view
 * @param {Redraw} redraw
 */
function show(index, view, redraw) {
  const { seed, chosen, columns } = view;
  /** @param {Column[]} next */
  const set = (next) => {
    choice.set({ column: next.map((column) => namesOf(column).join(" ")) });
    redraw();
  };
  const hasColumns = Object.values(view.measured).some((names) => names.length > 0);
  const add = el(
    "button",
    {
      type: "button",
      class: "button",
      id: "add-column",
      disabled: columns.length >= MOST_COLUMNS || !hasColumns,
      onclick: () => set([...columns, earlier(view, columns[columns.length - 1])]),
    },
    "Add a column",
  );
  fill(
    form,
    lineControls(index, { ...chosen, lines: [] }, redraw, { track: false }),
    add,
    checkbox("As reported in 2017", "reference", view.reference, (on) => {
      choice.set({ reference: on ? null : "no" });
      redraw();
    }),
  );
  if (!hasColumns) byId("problem").replaceChildren(nothing(index, chosen));
  const step = measureOf(index, "step");
  fill(
    byId("tables"),
    seed.tables.map((one, place) => {
      const heads = place === 0 ? pickers(view, set) : namesOfColumns(view);
      return card(step, view, one, heads);
    }),
    about(view),
  );
}

/**
 * The column that is added beside another: the release before it, of each framework.
 * @param {View} view
 * @param {Column} column
 * @returns {Column}
 */
function earlier(view, column) {
  return Object.fromEntries(
    Object.entries(column).map(([framework, name]) => {
      const names = view.measured[framework];
      return [framework, names[Math.max(0, names.indexOf(name ?? "") - 1)] ?? null];
    }),
  );
}

/**
 * One of the tables; `heads` stand above its columns.
 * @param {Measure} step
 * @param {View} view
 * @param {SeedTable} told
 * @param {(string | HTMLElement)[]} heads
 */
function card(step, view, told, heads) {
  const { seed, columns, chosen } = view;
  // What was measured in another state of the machine than most of its column is compared with none.
  const rowsOfAll = seed.tables.flatMap((one) => [...one.rows, ...one.later]);
  const usual = columns.map((column) =>
    mostOf(present(rowsOfAll.map((row) => entryOf(view, row, column).state))),
  );
  // Rows that were not there in 2017 are shown where something of them was measured.
  const later = told.later.filter((row) =>
    columns.some((one) => ["ok", "failed"].includes(entryOf(view, row, one).outcome)),
  );
  const all = [...told.rows, ...later];
  const entries = all.map((row) => columns.map((column) => entryOf(view, row, column)));
  const shown = entries.flat().map(({ cell }) => cell?.estimates?.step?.[0] ?? 0);
  const times = entries.map((of) => of.map((one, i) => comparedTime(one, usual[i])));
  // As in `vggbench table`: ratios to the first row of 2017 that has a time in all columns.
  const everywhere = told.rows.findIndex((_, r) => times[r].every((one) => one !== null));
  const base = Math.max(everywhere, 0);
  const most = { measured: Math.max(...shown), reported: mostReported(told) };
  const measuredCells = (/** @type {number} */ r) =>
    entries[r].map((one, i) => {
      const ratio = ratioOf(times[r][i], times[base][i]);
      return measuredCell(step, one, ratio, most.measured, usual[i]);
    });
  const width = columns.length + (view.reference ? 2 : 1);
  const rows = [
    told.rows.map((row, r) => {
      const ratio = ratioOf(row.reported_ms, told.rows[base].reported_ms);
      const reported = view.reference ? reportedCell(row, ratio, most.reported) : null;
      return el("tr", {}, rowHead(row.name), measuredCells(r), reported);
    }),
    later.length
      ? el("tr", {}, el("th", { colspan: `${width}`, class: "faint" }, seed.reference.later))
      : null,
    later.map((row, r) =>
      el(
        "tr",
        {},
        rowHead(row.name),
        measuredCells(told.rows.length + r),
        view.reference ? el("td", { class: "faint" }, "–") : null,
      ),
    ),
  ];
  const where = `${chosen.machine ?? "no machine"}, ${chosen.profile ?? ""}`;
  const ratios = `× is the ratio to “${told.rows[base].name}” of the same column`;
  return el(
    "section",
    { class: "card" },
    el("h2", {}, told.title),
    el("p", { class: "links" }, `Milliseconds a train step on ${where}; ${ratios}`),
    lined(told.title, headsOf(view, heads, usual), rows, "lined columns"),
  );
}

/** @param {SeedTable} told */
const mostReported = (told) => Math.max(...told.rows.map((row) => row.reported_ms));

/**
 * Whether it was measured in another state than most of its column.
 * @param {Entry} one
 * @param {string | undefined} usual
 */
const isApart = (one, usual) => one.state !== undefined && one.state !== usual;

/**
 * @param {Entry} one
 * @param {string | undefined} usual
 */
const comparedTime = (one, usual) =>
  isApart(one, usual) ? null : (one.cell?.estimates?.step?.[0] ?? null);

/**
 * @param {number | null} value
 * @param {number | null} whole
 */
const ratioOf = (value, whole) =>
  value !== null && whole ? `× ${(value / whole).toFixed(2)}` : "";

/**
 * @param {View} view
 * @param {(string | HTMLElement)[]} heads
 * @param {(string | undefined)[]} usual the state that most of each column was measured in
 */
function headsOf({ seed, reference }, heads, usual) {
  const differ = distinct(present(usual)).length > 1;
  const { machine, mark } = seed.reference;
  const badge = el("span", { class: "badge interrupted" }, mark);
  return present([
    el("th", { scope: "col" }, "framework"),
    ...heads.map((head, i) => {
      const state = differ ? `measured with ${usual[i] ?? "nothing"}` : "";
      return el(
        "th",
        { scope: "col", class: "column" },
        head,
        state ? el("div", { class: "why" }, state) : null,
      );
    }),
    reference && el("th", { scope: "col", class: "column" }, machine, el("br"), badge),
  ]);
}

/**
 * @param {Measure} step
 * @param {Entry} one
 * @param {string} ratio
 * @param {number} most
 * @param {string | undefined} usual
 */
function measuredCell(step, one, ratio, most, usual) {
  const { cell } = one;
  const figures = cell?.estimates?.step;
  if (!cell || !figures) {
    return el(
      "td",
      {},
      outcome(one.outcome),
      one.why ? el("div", { class: "why" }, one.why) : null,
    );
  }
  const about = [`${interval(step, figures)} ms`, cell.release, busyText(step, cell)];
  const text = [(figures[0] * step.scale).toFixed(1), busyMark(step, cell)];
  return el(
    "td",
    { title: present(about).join("; ") },
    barred(text, ratio, bar(figures[0] / most)),
    isApart(one, usual) ? notCompared(one.state ?? "", usual ?? "") : null,
  );
}

/**
 * What 2017 reported.
 * @param {ReportedRow} row
 * @param {string} ratio
 * @param {number} most
 */
const reportedCell = ({ reported_ms }, ratio, most) =>
  el(
    "td",
    {},
    el(
      "div",
      { class: "pair number" },
      el("span", {}, reported_ms.toFixed(3)),
      el("span", { class: "faint" }, ratio),
    ),
    bar(reported_ms / most, "reported"),
  );

/**
 * @param {View} view
 * @param {SeedRow} row
 * @param {Column} column
 * @returns {Entry}
 */
function entryOf(view, row, column) {
  const name = column[row.framework];
  const line = view.lines[row.framework];
  if (!name || !line) return { outcome: name === null && line ? "–" : "unmeasured" };
  const wanted = line.params.map((param) => String(row.configuration[param]));
  const c = line.configurations.findIndex((words) => words.every((word, i) => word === wanted[i]));
  const cell = line.cells.find((one) => one.release === name && one.c === c);
  if (!cell || cell.outcome === "interrupted") return { outcome: "unmeasured" };
  const state = cell.state === undefined ? undefined : line.states[cell.state];
  return { cell, outcome: cell.outcome, why: whyOf(line, cell, ""), state };
}

/** @param {View} view */
const namesOfColumns = ({ columns }) =>
  columns.map((column) => namesOf(column).join(" + ") || "no release");

/**
 * Above each column: what it is of can be chosen.
 * @param {View} view
 * @param {(columns: Column[]) => void} set
 */
function pickers({ columns, tracks, measured }, set) {
  /**
   * @param {number} i
   * @param {string} framework
   */
  const change = (i, framework) => (/** @type {string} */ name) =>
    set(columns.map((one, k) => (k === i ? { ...one, [framework]: name || null } : one)));
  return columns.map((column, i) => {
    const remove = {
      type: "button",
      class: "chip",
      id: `remove-${i}`,
      onclick: () => set(columns.filter((_, k) => k !== i)),
    };
    return el(
      "div",
      {},
      tracks.map(({ name, framework }) => {
        const releases = [...measured[framework]].reverse().map((one) => [one, one]);
        return select(
          framework,
          `${name}-${i}`,
          [["", "none"], ...releases],
          column[framework] ?? "",
          change(i, framework),
        );
      }),
      columns.length > 1 ? el("button", remove, `Remove column ${i + 1}`) : null,
    );
  });
}

/** @param {View} view */
function about({ seed, columns }) {
  const names = distinct(columns.flatMap(namesOf));
  const links = names.flatMap((name, i) => [i ? ", " : "", releaseLink(name)]);
  return el(
    "section",
    { class: "card" },
    el("h2", {}, "What the figures are"),
    el(
      "p",
      {},
      "Measured: the median over the processes of each process's median, the same figures as of ",
      el("code", {}, "vggbench table"),
      ". n/a: it cannot be, for the reason given; unmeasured: not asked for yet; –: no release of that framework in the column; ",
      `${BUSY_MARK}: ${BUSY_KEY}. Bars of measured columns share a scale, those of 2017 have their own.`,
    ),
    el("p", {}, seed.reference.about),
    names.length ? el("p", {}, "Releases: ", links) : null,
  );
}
