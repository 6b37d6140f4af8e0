// Configurations: what each choice buys within one release.
import { choice, chosenWith, releaseLink } from "./choice.js";
import { fill, lineControls, noSubmit, nothing, select } from "./controls.js";
import { byId, el } from "./elements.js";
import { asvGraph, busyLine, busyMark, figure, heading, hover, measureOf, outcome, plural, withUnit } from "./figures.js";
import { start } from "./page.js";
import { paramsOf, readable, readableWord, readableWords } from "./params.js";
import { bar, cannot, mostOf, notCompared, table } from "./tables.js";

const form = byId("controls");
noSubmit(form);

start((index) => chosenWith(index, "choices"), show);

function show(index, { chosen, line, more: choices }, redraw) {
  const track = index.tracks.find((one) => one.name === chosen.track);
  const names = new Set((line?.cells ?? []).map((cell) => cell.release));
  const measured = track.releases.filter((release) => names.has(release.name));
  const release = measured.find((one) => one.name === choice.get("release")) ?? measured.at(-1);
  fill(
    form,
    lineControls(index, chosen, redraw),
    release &&
      select("Release", "release", [...measured].reverse().map((one) => [one.name, one.name]), release.name, (value) => {
        choice.set({ release: value });
        redraw();
      }),
  );
  if (!release) {
    byId("problem").replaceChildren(nothing(index, chosen));
    byId("choices").replaceChildren();
  } else {
    const found = choices.releases[release.name] ?? [];
    byId("choices").replaceChildren(
      everything(index, line, release),
      ...paramsOf(line).map((param) => section(index, line, release, param, found.filter((one) => one.param === param.name))).filter(Boolean),
    );
  }
}

// All configurations of the release, fastest first.
function everything(index, line, release) {
  const measures = ["step", "images", "first_step", "peak_memory"].map((key) => measureOf(index, key));
  const cells = line.cells.filter((cell) => cell.release === release.name);
  const time = (cell) => cell.estimates?.step?.[0] ?? Infinity;
  const ordered = [...cells].sort((a, b) => time(a) - time(b) || a.c - b.c);
  const most = Math.max(...cells.map(time).filter(Number.isFinite), 0);
  // As a multiple of the fastest of those in the state of the machine that most were measured in.
  const usual = mostOf(ordered.map((cell) => cell.state).filter((one) => one !== undefined));
  const fastest = time(ordered.find((cell) => cell.state === usual) ?? ordered[0]);
  const ratio = (cell) => (cell.state === usual ? `× ${(time(cell) / fastest).toFixed(2)}` : "");
  const apart = (cell) => (cell.state === usual ? "" : notCompared(line.states[cell.state], line.states[usual]));
  const rows = ordered.filter((cell) => cell.outcome !== "n/a").map((cell) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("a", { href: asvGraph(line, measures[0], line.configurations[cell.c]), title: "asv's graph" }, readable(line, line.configurations[cell.c]))),
      cell.estimates
        ? [
            el(
              "td",
              { title: hover(measures[0], cell) },
              el("div", { class: "pair number" }, el("span", { class: "strong" }, figure(measures[0], cell.estimates.step[0]), busyMark(measures[0], cell)), el("span", { class: "faint" }, ratio(cell))),
              bar(time(cell) / most),
              apart(cell),
            ),
            measures.slice(1).map((measure) => {
              const estimate = cell.estimates[measure.key];
              return el("td", { class: "number" }, estimate ? [figure(measure, estimate[0]), busyMark(measure, cell)] : "–");
            }),
          ]
        : [el("td", {}, outcome(cell.outcome)), el("td", { colspan: "3", class: "why" }, line.whys[cell.why] ?? "")],
    ),
  );
  return el(
    "section",
    { class: "card" },
    el("h2", {}, "All of ", releaseLink(release.name), ", fastest first"),
    table(`All configurations of ${release.name}`, ["configuration", ...measures.map(heading)], rows, { hideCaption: true, classes: "lined" }),
    busyLine(cells),
    cannot(line, cells),
  );
}

function section(index, line, release, param, found) {
  if (!found.length) return null;
  const place = line.params.indexOf(param.name);
  const [step, first, memory] = ["step", "first_step", "peak_memory"].map((key) => measureOf(index, key));
  const cellOf = (c) => line.cells.find((cell) => cell.release === release.name && cell.c === c);
  const kinds = new Map();
  for (const one of found) {
    const key = [one.one, one.other].map((c) => line.configurations[c][place]).join("\0");
    kinds.set(key, [...(kinds.get(key) ?? []), one]);
  }
  return el(
    "section",
    { class: "card" },
    el("h2", {}, param.title),
    param.about ? el("p", { class: "lead" }, param.about) : null,
    [...kinds].map(([key, pairs]) => {
      const [a, b] = key.split("\0").map((word) => readableWord(param, word));
      const rows = pairs.map((pair) => {
        const [x, y] = [cellOf(pair.one), cellOf(pair.other)];
        const rest = line.configurations[pair.one].filter((_, i) => i !== place);
        const params = paramsOf(line).filter((_, i) => i !== place);
        return el(
          "tr",
          {},
          el("th", { scope: "row" }, readableWords(params, rest) || "alone"),
          el("td", { class: "number", title: hover(step, x) }, figure(step, x.estimates.step[0]), busyMark(step, x)),
          el("td", { class: "number", title: hover(step, y) }, figure(step, y.estimates.step[0]), busyMark(step, y)),
          el("td", {}, said(pair)),
          el("td", { class: "number" }, difference(first, x, y)),
          el("td", { class: "number" }, difference(memory, x, y)),
          el("td", {}, payback(pair, x, y)),
        );
      });
      return [
        el("h3", {}, `${b} against ${a}`),
        table(
          `${b} against ${a}`,
          ["with", `${a}, ms`, `${b}, ms`, `${b} is`, "first step", "peak memory", "first step paid back"],
          rows,
          { hideCaption: true, classes: "lined" },
        ),
      ];
    }),
  );
}

function said(pair) {
  if (pair.otherwise) return el("div", { class: "why" }, `not compared: ${pair.otherwise}`);
  if (!pair.clear) return [el("span", { class: "badge" }, "no clear difference"), pair.unclear ? el("div", { class: "why" }, pair.unclear) : ""];
  const change = Math.abs(pair.ratio - 1) * 100;
  const text = `${change.toFixed(change < 10 ? 1 : 0)} % ${pair.ratio < 1 ? "faster" : "slower"}`;
  return el("span", { class: `badge ${pair.ratio < 1 ? "improved" : "regressed"}` }, text);
}

function difference(measure, x, y) {
  if (x.state !== y.state) return "–";
  const [a, b] = [x, y].map((cell) => cell.estimates[measure.key]?.[0]);
  if (a === undefined || b === undefined) return "–";
  const text = figure(measure, Math.abs(b - a));
  return el("span", { title: `${figure(measure, a)} and ${withUnit(measure, figure(measure, b))}` }, withUnit(measure, `${b < a ? "−" : "+"}${text}`));
}

function payback(pair, x, y) {
  if (!pair.clear || !x.estimates.first_step || !y.estimates.first_step) return "–";
  if (pair.payback === null) return y.estimates.first_step[0] > x.estimates.first_step[0] ? "never" : "–";
  if (pair.payback === 1) return "at once";
  return `after ${plural(pair.payback, "step")}`;
}
