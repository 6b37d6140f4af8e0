// History: a measure over the releases of a track, a line a configuration: levels against a base where
// there is a chain, else, or when asked for, what each release took itself.
import { aboutChains, chainOf, levelRow } from "./chain.js";
import { cutText, draw, hasPlace, looks, otherwiseText, swatch, told } from "./chart.js";
import { choice, chosenLine, releaseLink } from "./choice.js";
import { checkbox, fill, lineControls, noSubmit, nothing, select } from "./controls.js";
import { load } from "./data.js";
import { byId, el, problem } from "./elements.js";
import { asvGraph, BUSY_KEY, BUSY_MARK, busyMark, busyText, figure, interval, measureOf, outcome, percent, verdict, withUnit, words } from "./figures.js";
import { start } from "./page.js";
import { paramsOf, readable, readableWord } from "./params.js";
import { cannot, table } from "./tables.js";

const form = byId("controls");
noSubmit(form);
let cursor = null;
let current = null;

const redraw = await start(viewOf, show);
document.addEventListener("themechange", redraw);
let width = innerWidth;
let waiting = null;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's address bar
  width = innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(redraw, 120);
});
listen();

async function viewOf(index) {
  const chosen = chosenLine(index);
  const track = index.tracks.find((one) => one.name === chosen.track);
  if (!chosen.line) return { chosen, track };
  const line = await load(chosen.line.id);
  const measures = chosen.line.measures.map((key) => measureOf(index, key));
  const asked = choice.get("measure");
  const measure = measures.find((one) => one.key === asked) ?? measures[0] ?? measureOf(index, "step");
  const wanted = choice.all("configuration");
  const all = line.configurations.map((_, c) => c);
  // What no release can do is drawn when it is asked for.
  const possible = new Set(line.cells.filter((cell) => cell.outcome !== "n/a").map((cell) => cell.c));
  const usual = possible.size ? all.filter((c) => possible.has(c)) : all;
  const shown = wanted.length ? all.filter((c) => wanted.includes(words(line.configurations[c]))) : usual;
  const releases = [...track.releases];
  const byDate = choice.get("order") === "date";
  if (byDate) releases.sort((a, b) => a.date.localeCompare(b.date));
  const ticked = wanted.includes("") ? [] : shown;
  const chained = chainOf(line, measure, ticked);
  // What only duets have measured has no other figures.
  const hasChoice = chained !== null && line.cells.some((cell) => ticked.includes(cell.c));
  const chain = hasChoice && choice.get("figures") === "absolute" ? null : chained;
  return {
    chosen, track, measures, all, usual, releases, byDate, ticked, chain, hasChoice,
    line: chain?.line ?? line,
    measure: chain?.measure ?? measure,
    shown: chain ? chain.chains.map((one) => one.c) : ticked,
    framework: track.framework,
    log: choice.get("scale") === "log",
    intervals: choice.get("intervals") !== "no",
  };
}

function show(index, view, redraw) {
  const { chosen, line } = view;
  const set = (key, usual) => (value) => {
    choice.set({ [key]: value === usual ? null : value });
    redraw();
  };
  fill(
    form,
    lineControls(index, chosen, redraw),
    line &&
      select("Measure", "measure", view.measures.map((one) => [one.key, one.title]), view.measure.key, set("measure", view.measures[0]?.key)),
    line &&
      view.hasChoice &&
      select("Figures", "figures", [["chain", "levels: the chain"], ["absolute", "absolute"]], view.chain ? "chain" : "absolute", set("figures", "chain")),
    select("Releases in order of", "order", [["version", "version"], ["date", "date"]], view.byDate || choice.get("order") === "date" ? "date" : "version", set("order", "version")),
    line && checkbox("Log scale", "log", view.log, (on) => set("scale", "linear")(on ? "log" : "linear")),
    line && checkbox("Intervals", "intervals", view.intervals, (on) => set("intervals", "yes")(on ? "yes" : "no")),
  );
  const card = byId("chart").closest(".card");
  card.hidden = !line;
  byId("figures").hidden = !line;
  byId("release").hidden = !line;
  byId("chain").hidden = !view.chain;
  if (!line) {
    byId("problem").replaceChildren(nothing(index, chosen));
    current = null;
    return;
  }
  const unit = view.measure.unit ? `, ${view.measure.unit}` : "";
  byId("chart-title").textContent = `${view.framework}: ${view.measure.title.toLowerCase().replace("gpu", "GPU")}${unit}, on ${line.machine}, ${line.profile}`;
  const one = view.shown.length === 1 ? line.configurations[view.shown[0]] : null;
  byId("machine").textContent = machineText(index, line.machine);
  byId("asv-link").replaceChildren(el("a", { href: asvGraph(line, view.measure, one) }, "asv's own graph"));
  series(view, redraw);
  key(view);
  const pick = (name) => {
    choice.set({ release: name });
    releaseCard(view);
  };
  const holder = byId("chart");
  if (globalThis.echarts) {
    current = { view, pick, chart: draw(holder, view, pick) };
  } else {
    holder.hidden = true;
    byId("figures").open = true;
    problem("The chart's library was not installed when this was published (make setup, asv publish); the figures are in the table below.");
    current = null;
  }
  releaseCard(view);
  byId("chain").replaceChildren(...(view.chain ? aboutChains(line, view.measure, view.chain.chains) : []));
  figures(view);
}

// What asv knows of the machine.
function machineText(index, name) {
  const facts = index.machines.find((one) => one.name === name)?.facts ?? {};
  const cpus = facts.num_cpu ? `${facts.num_cpu} CPUs` : "";
  const ram = Number(facts.ram) > 0 ? `${Math.round(Number(facts.ram) / 1e9)} GB` : "";
  return [facts.gpu, facts.cpu, cpus, ram, facts.os].filter(Boolean).join(" · ");
}

function series(view, redraw) {
  const { line, shown, ticked, all, usual } = view;
  const look = looks(line);
  const set = (chosen) => {
    const value = String(chosen) === String(usual) ? null : chosen.map((c) => words(line.configurations[c]));
    choice.set({ configuration: value && !value.length ? [""] : value });
    redraw();
  };
  const toggles = all.map((c) => {
    const box = el("input", {
      type: "checkbox",
      id: `configuration-${c}`,
      onchange: (event) => set(all.filter((one) => (one === c ? event.target.checked : ticked.includes(one)))),
    });
    box.checked = ticked.includes(c);
    const remark = !usual.includes(c) ? " (n/a)" : view.chain && box.checked && !shown.includes(c) ? " (no chain)" : "";
    return el("label", { class: "tick series-tick" }, box, swatch(look[c]), el("span", {}, readable(line, line.configurations[c]), remark && el("span", { class: "faint" }, remark)));
  });
  // A button for each word of each param: only those lines.
  const only = paramsOf(line).flatMap((param, i) => {
    const found = [...new Set(line.configurations.map((one) => one[i]))];
    return found.length < 2
      ? []
      : found.map((word) =>
          el(
            "button",
            {
              type: "button",
              class: "chip",
              id: `only-${i}-${found.indexOf(word)}`,
              onclick: () => set(all.filter((c) => line.configurations[c][i] === word)),
            },
            `only ${readableWord(param, word)}`,
          ),
        );
  });
  fill(
    byId("series"),
    el("legend", {}, "Configurations"),
    el("div", { class: "chips" }, el("button", { type: "button", class: "chip", id: "only-all", onclick: () => set(usual) }, "all"), only),
    el("div", { class: line.params.length > 3 ? "ticks long" : "ticks" }, toggles),
  );
}

function key(view) {
  const { line, shown } = view;
  const outcomes = new Set(line.cells.filter((cell) => shown.includes(cell.c)).map((cell) => cell.outcome));
  const judged = new Set(line.cells.filter((cell) => shown.includes(cell.c)).map((cell) => cell.verdicts?.[view.measure.key]?.outcome));
  const flat = view.releases
    .map((one) => one.name)
    .filter((name) => line.cells.some((cell) => cell.release === name && shown.includes(cell.c) && cell.estimates?.[view.measure.key] && !hasPlace(view.log, cell.estimates[view.measure.key])));
  const cut = line.cells.some((cell) => shown.includes(cell.c) && cell.earlier?.[view.measure.key]);
  const entries = [
    judged.has("regressed") && ["▲", "bad", "regressed"],
    judged.has("improved") && ["▼", "good", "improved"],
    view.intervals && ["I", "", view.chain ? "95 % interval of a level against its base" : "interval over processes"],
    view.chain?.chains.some((one) => one.parts.length > 1) && ["┆", "none", "a gap: no link connects the components, each has a base of its own"],
    cut && ["┆", "none", "a cut: measured again on another day; hover for both"],
    line.cells.some((cell) => shown.includes(cell.c) && cell.otherwise) && ["┆", "none", "a cut: measured in another state of the machine; hover for what differs"],
    line.cells.some((cell) => shown.includes(cell.c) && cell.estimates?.[view.measure.key] && busyText(view.measure, cell)) && [BUSY_MARK, "bad", BUSY_KEY],
    flat.length > 0 && ["0", "none", `left out, since 0 has no place on a logarithmic scale: ${flat.join(", ")}`],
    outcomes.has("n/a") && ["–", "none", "n/a: the release cannot do it; hover for the reason"],
    outcomes.has("failed") && ["×", "bad", "failed"],
    outcomes.has("interrupted") && ["○", "none", "interrupted"],
  ].filter(Boolean);
  byId("key").replaceChildren(
    ...entries.map(([sign, kind, text]) => el("li", {}, el("span", { class: `sign ${kind}`, "aria-hidden": "true" }, sign), ` ${text}`)),
  );
}

// All configurations of the release that was picked, below the chart.
function releaseCard(view) {
  const { line, measure, track } = view;
  const wanted = choice.get("release");
  const measured = track.releases.filter((one) => line.cells.some((cell) => cell.release === one.name));
  const release = track.releases.find((one) => one.name === wanted) ?? measured[measured.length - 1];
  const cells = line.cells.filter((cell) => cell.release === release?.name);
  if (!release) return byId("release").replaceChildren();
  if (view.chain) return levelCard(view, release, cells);
  const look = looks(line);
  const before = new Map();
  for (const one of measured.slice(0, measured.findIndex((m) => m.name === release.name))) {
    for (const cell of line.cells) {
      if (cell.release === one.name && cell.estimates?.[measure.key]) before.set(cell.c, cell);
    }
  }
  const row = (cell) => {
    const estimate = cell.estimates?.[measure.key];
    const earlier = before.get(cell.c);
    // Where the line is cut, the one before is held against what was measured beside it.
    const beside = cell.earlier?.[measure.key] ?? estimate;
    const change =
      estimate && earlier && cell.otherwise
        ? el("span", { title: otherwiseText(cell) }, "–")
        : estimate && earlier && measure.key !== "loss"
        ? el("span", { title: `${earlier.release}: ${withUnit(measure, figure(measure, earlier.estimates[measure.key][0]))}` }, percent(beside[0] / earlier.estimates[measure.key][0]))
        : "";
    const judged = cell.verdicts?.[measure.key];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, swatch(look[cell.c]), " ", readable(line, line.configurations[cell.c])),
      el("td", { class: "number strong" }, estimate ? [figure(measure, estimate[0]), busyMark(measure, cell)] : outcome(cell.outcome)),
      el("td", { class: estimate ? "number" : "why" }, estimate ? interval(measure, estimate) : (line.whys[cell.why] ?? "")),
      el("td", { class: "number" }, change),
      el("td", {}, judged ? verdict(judged) : ""),
      el("td", { class: "number" }, estimate ? `${cell.processes} × ${Math.round(cell.samples / cell.processes)}` : ""),
      el("td", {}, el("a", { href: asvGraph(line, measure, line.configurations[cell.c]) }, "graph", el("span", { class: "visually-hidden" }, ` of ${words(line.configurations[cell.c])} in asv`))),
    );
  };
  const unit = measure.unit ? `, ${measure.unit}` : "";
  byId("release").replaceChildren(...[
    el("div", { class: "chart-head" },
      el("h2", {}, releaseLink(release.name)),
      el("p", { class: "links" }, `${release.date}, CPython ${release.python}`)),
    cells.length
      ? [
          table(`${release.name}: ${measure.title}${unit}`, ["configuration", `${measure.title}${unit}`, "interval", "since the one before", "verdict", "processes × samples", "asv"], cells.filter((cell) => cell.outcome !== "n/a").map(row), { hideCaption: true, classes: "lined" }),
          cannot(line, cells),
        ]
      : el("p", {}, "Nothing of this release is on record here. Measure it with: ", el("code", {}, `asv run ${release.name}`)),
  ].flat().filter(Boolean));
}

// The same where levels are shown.
function levelCard({ line, measure }, release, cells) {
  const look = looks(line);
  const row = (cell) => {
    const judged = cell.verdicts?.[measure.key];
    const head = el("th", { scope: "row" }, swatch(look[cell.c]), " ", readable(line, line.configurations[cell.c]));
    return el(
      "tr",
      {},
      cell.component ? levelRow(line, measure, cell, head) : [head, el("td", { class: "number strong" }, outcome(cell.outcome)), el("td", { class: "why" }, line.whys[cell.why] ?? ""), el("td"), el("td")],
      el("td", {}, judged ? verdict(judged) : ""),
    );
  };
  byId("release").replaceChildren(...[
    el("div", { class: "chart-head" },
      el("h2", {}, releaseLink(release.name)),
      el("p", { class: "links" }, `${release.date}, CPython ${release.python}`)),
    cells.length
      ? [
          table(`${release.name}: ${measure.title}`, ["configuration", "level", "95 % interval", "change", "against", "verdict against the one before"], cells.filter((cell) => cell.outcome !== "n/a").map(row), { hideCaption: true, classes: "lined" }),
          cannot(line, cells),
        ]
      : el("p", {}, "No link leads to this release, so it has no level. Measure it with: ", el("code", {}, "vggbench history")),
  ].flat().filter(Boolean));
}

// What the chart shows, as a table: a row a release, a column a configuration.
function figures(view) {
  const { line, measure, shown, releases } = view;
  const cells = new Map(line.cells.map((cell) => [`${cell.release} ${cell.c}`, cell]));
  const rows = releases.map((release) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, releaseLink(release.name, release.version)),
      el("td", {}, release.date),
      shown.map((c) => {
        const cell = cells.get(`${release.name} ${c}`);
        const estimate = cell?.estimates?.[measure.key];
        if (!cell) return el("td", { class: "number faint" }, "–");
        if (!estimate) return el("td", { class: "number", title: line.whys[cell.why] }, cell.outcome === "ok" ? "–" : cell.outcome);
        const cut = cell.earlier?.[measure.key];
        return el("td", { class: "number", title: [interval(measure, estimate), busyText(measure, cell), cut && cutText(measure, cut), cell.otherwise && otherwiseText(cell)].filter(Boolean).join("; ") }, figure(measure, estimate[0]), busyMark(measure, cell));
      }),
    ),
  );
  const unit = measure.unit ? `, ${measure.unit}` : "";
  byId("figures").replaceChildren(
    el("summary", {}, "The figures as a table"),
    table(
      `${measure.title}${unit}: ${view.framework} on ${line.machine}, ${line.profile}`,
      ["release", "date", ...shown.map((c) => readable(line, line.configurations[c]))],
      rows,
      { classes: "lined dense" },
    ),
  );
}

function listen() {
  const holder = byId("chart");
  holder.addEventListener("keydown", (event) => {
    if (!current) return;
    const { view, chart, pick } = current;
    if (!view.shown.length || !view.releases.length) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape") return chart.hide();
    if (event.key === "Enter" && cursor) return pick(view.releases[cursor.i].name);
    if (!steps) return;
    event.preventDefault();
    let { i, k } = cursor ?? { i: view.releases.length - 1 - steps[0], k: Math.max(0, -steps[1]) };
    k = Math.min(Math.max(k, 0), view.shown.length - 1);
    for (let tries = 0; tries < view.releases.length; tries++) {
      i = Math.min(Math.max(i + steps[0], 0), view.releases.length - 1);
      k = Math.min(Math.max(k + steps[1], 0), view.shown.length - 1);
      const cell = chart.show(i, view.shown[k]);
      if (cell || !steps[0]) break;
    }
    cursor = { i, k };
    const cell = chart.at.get(`${i} ${view.shown[k]}`);
    const release = view.releases[i];
    byId("chart-live").textContent = cell
      ? [...told(view.line, view.measure, release, cell).children].map((one) => one.textContent).join(". ")
      : `${release.name}: ${readable(view.line, view.line.configurations[view.shown[k]])}: unmeasured`;
  });
  holder.addEventListener("blur", () => current?.chart.hide());
}
