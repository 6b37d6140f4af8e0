// Verdicts: every release, every configuration; changes alone unless all are asked for.
import {
  VERDICTS, asvGraph, byId, checkbox, choice, chosenLine, clearProblem, el, fill, handOn, lineControls, load, measureOf,
  noSubmit, nothing, plural, ratioWords, readable, releaseLink, select, start, table, verdict,
} from "./common.js";

const form = byId("controls");
noSubmit(form);
const CHANGES = ["regressed", "improved", "lost", "failed", "new"];
const MOST_ROWS = 300;

start(async (index) => {
  let drawing = 0;
  const redraw = async () => {
    const mine = ++drawing;
    const chosen = chosenLine(index);
    const line = chosen.line ? await load(chosen.line.id) : null;
    if (mine === drawing) show(index, chosen, line, redraw);
  };
  await redraw();
  addEventListener("popstate", redraw);
});

function show(index, chosen, line, redraw) {
  clearProblem();
  handOn();
  const track = index.tracks.find((one) => one.name === chosen.track);
  const order = new Map(track.releases.map((release, i) => [release.name, i]));
  const set = (key, usual) => (value) => {
    choice.set({ [key]: value === usual ? null : value, all: null });
    redraw();
  };
  const everything = [];
  for (const cell of line?.cells ?? []) {
    for (const [key, told] of Object.entries(cell.verdicts ?? {})) everything.push({ cell, key, told });
  }
  const measures = index.measures.filter((one) => everything.some((row) => row.key === one.key));
  const measure = measures.find((one) => one.key === choice.get("measure"))?.key ?? "";
  const release = track.releases.find((one) => one.name === choice.get("release"))?.name ?? "";
  const present = Object.keys(VERDICTS).filter((word) => everything.some((row) => row.told.outcome === word));
  const outcome = present.includes(choice.get("outcome")) ? choice.get("outcome") : choice.get("outcome") === "all" ? "all" : "changes";
  fill(
    form,
    lineControls(index, chosen, redraw),
    line && [
      select("Release", "release", [["", "all"], ...[...track.releases].reverse().map((one) => [one.name, one.name])], release, set("release", "")),
      select("Measure", "measure", [["", "all"], ...measures.map((one) => [one.key, one.title])], measure, set("measure", "")),
      select("Verdict", "outcome", [["changes", "changes"], ["all", "all"], ...present.map((word) => [word, word])], outcome, set("outcome", "changes")),
    ],
  );
  const rows = everything
    .filter((row) => !release || row.cell.release === release)
    .filter((row) => !measure || row.key === measure)
    .filter((row) => outcome === "all" || (outcome === "changes" ? CHANGES.includes(row.told.outcome) : row.told.outcome === outcome))
    .sort((a, b) => order.get(b.cell.release) - order.get(a.cell.release) || a.cell.c - b.cell.c);
  const some = choice.get("rows") === "all" ? rows : rows.slice(0, MOST_ROWS);
  byId("count").textContent = "";
  byId("verdicts").replaceChildren();
  if (!line) byId("problem").replaceChildren(nothing(index, chosen));
  else if (!everything.length) {
    const why = index.no_verdicts ? `: ${index.no_verdicts}` : "";
    byId("problem").replaceChildren(el("p", { class: "notice" }, `There are no verdicts on this${why}.`));
  } else {
    const of = everything.length === rows.length ? "" : ` of ${everything.length}`;
    byId("count").textContent = `${rows.length}${of} ${everything.length === 1 ? "verdict" : "verdicts"}${some.length < rows.length ? `, the newest ${some.length} are shown` : ""}`;
    if (some.length) byId("verdicts").replaceChildren(listed(index, line, some));
    if (some.length < rows.length) {
      byId("verdicts").append(
        el("button", { type: "button", class: "button", id: "all-rows", onclick: () => set("rows")("all") }, `Show all ${rows.length}`),
      );
    }
  }
  document.documentElement.dataset.drawn = String(Number(document.documentElement.dataset.drawn ?? 0) + 1);
}

function listed(index, line, rows) {
  return el(
    "section",
    { class: "card" },
    table(
      "Verdicts, newest release first",
      ["release", "configuration", "measure", "verdict", "change, and its interval", "against", "evidence"],
      rows.map(({ cell, key, told }) => {
        const measure = measureOf(index, key);
        const configuration = line.configurations[cell.c];
        return el(
          "tr",
          {},
          el("th", { scope: "row" }, releaseLink(cell.release)),
          el("td", {}, readable(line.params, configuration)),
          el("td", {}, measure.title),
          el("td", {}, verdict(told)),
          el("td", { class: "number" }, ratioWords(told)),
          el("td", {}, told.against ? releaseLink(told.against) : ""),
          el(
            "td",
            {},
            el(
              "details",
              {},
              el("summary", {}, "show", el("span", { class: "visually-hidden" }, ` the evidence on ${cell.release}, ${readable(line.params, configuration)}`)),
              el("ul", { class: "notes" }, (told.notes ?? []).map((note) => el("li", {}, note)), cell.why === undefined ? null : el("li", {}, line.whys[cell.why]), el("li", {}, el("a", { href: asvGraph(line, measure, configuration) }, "asv's graph of it"))),
            ),
          ),
        );
      }),
      { hideCaption: true, classes: "lined" },
    ),
  );
}
