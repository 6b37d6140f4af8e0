// Table: the two tables of 2017 for releases measured here, side by side, and what 2017 reported.
import { choice, chosenLine, releaseLink } from "./choice.js";
import { checkbox, fill, lineControls, noSubmit, nothing, select } from "./controls.js";
import { load } from "./data.js";
import { byId, el } from "./elements.js";
import { BUSY_KEY, BUSY_MARK, busyMark, busyText, interval, measureOf, outcome } from "./figures.js";
import { start } from "./page.js";
import { bar, mostOf, notCompared, table } from "./tables.js";

const form = byId("controls");
noSubmit(form);
const MOST_COLUMNS = 6;

start(viewOf, show);

// The frameworks that have rows, with their lines on the chosen machine and profile.
async function viewOf(index) {
  const seed = await load("seed");
  const chosen = chosenLine(index, { anyTrack: true });
  const frameworks = [...new Set(seed.tables.flatMap((one) => one.rows.map((row) => row.framework)))];
  const tracks = frameworks
    .map((framework) => index.tracks.find((track) => track.framework === framework))
    .filter(Boolean);
  const lines = {};
  for (const track of tracks) {
    const told = index.lines.find(
      (line) => line.track === track.name && line.machine === chosen.machine && line.profile === chosen.profile && line.family.endsWith(`.${track.framework}`),
    );
    if (told) lines[track.framework] = await load(told.id);
  }
  const measured = {};
  for (const track of tracks) {
    const names = new Set((lines[track.framework]?.cells ?? []).map((cell) => cell.release));
    measured[track.framework] = track.releases.filter((release) => names.has(release.name)).map((release) => release.name);
  }
  // A column is a release of each framework, or none of it: "tensorflow-2.16.2 keras-3.3.3".
  const newest = () => Object.fromEntries(tracks.map((track) => [track.framework, measured[track.framework].at(-1) ?? null]));
  const asked = choice.all("column").map((text) => {
    const names = text.split(" ");
    return Object.fromEntries(
      tracks.map((track) => [track.framework, measured[track.framework].find((name) => names.includes(name)) ?? null]),
    );
  });
  const columns = (asked.length ? asked : [newest()]).slice(0, MOST_COLUMNS);
  return { seed, chosen, tracks, lines, measured, columns, reference: choice.get("reference") !== "no" };
}

function show(index, view, redraw) {
  const { seed, chosen, columns } = view;
  const set = (next) => {
    choice.set({ column: next.map((column) => Object.values(column).filter(Boolean).join(" ")) });
    redraw();
  };
  const any = Object.keys(view.lines).length > 0;
  const add = el(
    "button",
    {
      type: "button", class: "button", id: "add-column", disabled: columns.length >= MOST_COLUMNS || !any,
      onclick: () => set([...columns, earlier(view, columns.at(-1))]),
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
  if (!any) byId("problem").replaceChildren(nothing(index, chosen));
  const focused = document.activeElement?.id;
  byId("tables").replaceChildren(...seed.tables.map((one, place) => card(index, view, one, place, set)), about(view));
  if (focused) byId(focused)?.focus({ preventScroll: true });
}

// The column that is added beside another: the release before it, of each framework.
function earlier(view, column) {
  return Object.fromEntries(
    Object.entries(column).map(([framework, name]) => {
      const names = view.measured[framework];
      return [framework, names[Math.max(0, names.indexOf(name) - 1)] ?? null];
    }),
  );
}

function card(index, view, told, place, set) {
  const { seed, columns, chosen } = view;
  const step = measureOf(index, "step");
  const cells = told.rows.map((row) => columns.map((column) => cellOf(view, row, column)));
  // What was measured in another state of the machine than most of its column is compared with none.
  const rowsOfAll = seed.tables.flatMap((one) => one.rows);
  const usual = columns.map((column) => mostOf(rowsOfAll.map((row) => cellOf(view, row, column).state).filter(Boolean)));
  const apart = (one, i) => one.state !== undefined && one.state !== usual[i];
  const shown = cells.map((of) => of.map((one) => one.cell?.estimates?.step?.[0] ?? null));
  const times = cells.map((of, r) => of.map((one, i) => (apart(one, i) ? null : shown[r][i])));
  const most = Math.max(...shown.flat().filter((one) => one !== null), 0);
  const mostReported = Math.max(...told.rows.map((row) => row.reported_ms));
  // As in `vggbench table`: ratios to the first row that has a time in all columns.
  const everywhere = told.rows.findIndex((row, i) => times[i].every((one) => one !== null));
  const base = everywhere < 0 ? 0 : everywhere;
  const ratio = (value, whole) => (value !== null && whole ? `× ${(value / whole).toFixed(2)}` : "");

  const head = columns.map((column, i) =>
    el(
      "th",
      { scope: "col", class: "column" },
      place === 0 ? pickers(view, columns, i, set) : Object.values(column).filter(Boolean).join(" + ") || "no release",
      new Set(usual.filter(Boolean)).size > 1 ? el("div", { class: "why" }, `measured with ${usual[i] ?? "nothing"}`) : null,
    ),
  );
  const rows = told.rows.map((row, r) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, row.name),
      cells[r].map((one, i) => {
        const estimate = one.cell?.estimates?.step;
        if (!estimate) {
          return el("td", {}, outcome(one.outcome), one.why ? el("div", { class: "why" }, one.why) : "");
        }
        return el(
          "td",
          { title: [`${interval(step, estimate)} ms`, one.cell.release, busyText(step, one.cell)].filter(Boolean).join("; ") },
          el("div", { class: "pair number" }, el("span", { class: "strong" }, (estimate[0] * 1e3).toFixed(1), busyMark(step, one.cell)), el("span", { class: "faint" }, ratio(times[r][i], times[base][i]))),
          bar(estimate[0] / most),
          apart(one, i) ? notCompared(one.state, usual[i]) : "",
        );
      }),
      view.reference
        ? el(
            "td",
            {},
            el("div", { class: "pair number" }, el("span", {}, row.reported_ms.toFixed(3)), el("span", { class: "faint" }, ratio(row.reported_ms, told.rows[base].reported_ms))),
            bar(row.reported_ms / mostReported, "reported"),
          )
        : null,
    ),
  );
  if (view.reference) head.push(el("th", { scope: "col", class: "column" }, seed.reference.machine, el("br"), el("span", { class: "badge interrupted" }, seed.reference.mark)));
  return el(
    "section",
    { class: "card" },
    el("h2", {}, told.title),
    el("p", { class: "links" }, `Milliseconds a train step on ${chosen.machine ?? "no machine"}, ${chosen.profile ?? ""}; × is the ratio to “${told.rows[base].name}” of the same column`),
    table(
      told.title,
      [el("th", { scope: "col" }, "framework"), ...head],
      rows,
      { hideCaption: true, classes: "lined columns" },
    ),
  );
}

function cellOf(view, row, column) {
  const name = column[row.framework];
  const line = view.lines[row.framework];
  if (!name || !line) return { outcome: name === null && line ? "–" : "unmeasured" };
  const wanted = line.params.map((param) => String(row.configuration[param]));
  const c = line.configurations.findIndex((words) => words.every((word, i) => word === wanted[i]));
  const cell = line.cells.find((one) => one.release === name && one.c === c);
  if (!cell || cell.outcome === "interrupted") return { outcome: "unmeasured" };
  return { cell, outcome: cell.outcome, why: line.whys[cell.why], state: line.states[cell.state] };
}

function pickers(view, columns, i, set) {
  const change = (framework) => (name) => set(columns.map((column, k) => (k === i ? { ...column, [framework]: name || null } : column)));
  return el(
    "div",
    {},
    view.tracks.map((track) =>
      select(
        track.framework,
        `${track.name}-${i}`,
        [["", "none"], ...[...view.measured[track.framework]].reverse().map((name) => [name, name])],
        columns[i][track.framework] ?? "",
        change(track.framework),
      ),
    ),
    columns.length > 1
      ? el("button", { type: "button", class: "chip", id: `remove-${i}`, onclick: () => set(columns.filter((_, k) => k !== i)) }, `Remove column ${i + 1}`)
      : null,
  );
}

function about({ seed, columns }) {
  const names = [...new Set(columns.flatMap((column) => Object.values(column)).filter(Boolean))];
  return el(
    "section",
    { class: "card" },
    el("h2", {}, "What the figures are"),
    el("p", {}, "Measured: the median over the processes of each process's median, the same figures as of ", el("code", {}, "vggbench table"), ". n/a: it cannot be, for the reason given; unmeasured: not asked for yet; –: no release of that framework in the column; ", BUSY_MARK, ": ", BUSY_KEY, ". Bars of measured columns share a scale, those of 2017 have their own."),
    el("p", {}, seed.reference.about),
    names.length ? el("p", {}, "Releases: ", names.flatMap((name, i) => [i ? ", " : "", releaseLink(name)])) : null,
  );
}
