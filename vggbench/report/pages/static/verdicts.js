// Verdicts: every release, every configuration; changes alone unless all are asked for.
import { choice, chosenWith, releaseLink } from "./choice.js";
import { fill, lineControls, noSubmit, nothing, select } from "./controls.js";
import { byId, el, problem } from "./elements.js";
import { asvGraph, measureOf, ratioText, verdict, VERDICTS } from "./figures.js";
import { start } from "./page.js";
import { readable } from "./params.js";
import { table } from "./tables.js";

const form = byId("controls");
noSubmit(form);
const CHANGES = ["regressed", "improved", "lost", "failed", "new"];
const MOST_ROWS = 300;

start((index) => chosenWith(index, "verdicts"), show);

function show(index, { chosen, line, more: judged }, redraw) {
  const track = index.tracks.find((one) => one.name === chosen.track);
  const order = new Map(track.releases.map((release, i) => [release.name, i]));
  const set = (key, usual) => (value) => {
    choice.set({ [key]: value === usual ? null : value });
    redraw();
  };
  const everything = judged?.verdicts ?? [];
  const measures = index.measures.filter((one) => everything.some((row) => row.measure === one.key));
  const measure = measures.find((one) => one.key === choice.get("measure"))?.key ?? "";
  const release = track.releases.find((one) => one.name === choice.get("release"))?.name ?? "";
  const present = Object.keys(VERDICTS).filter((word) => everything.some((row) => row.outcome === word));
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
    .filter((row) => !release || row.release === release)
    .filter((row) => !measure || row.measure === measure)
    .filter((row) => outcome === "all" || (outcome === "changes" ? CHANGES.includes(row.outcome) : row.outcome === outcome))
    .sort((a, b) => order.get(b.release) - order.get(a.release) || a.c - b.c);
  const some = choice.get("rows") === "all" ? rows : rows.slice(0, MOST_ROWS);
  byId("count").textContent = "";
  byId("verdicts").replaceChildren();
  if (!line) byId("problem").replaceChildren(nothing(index, chosen));
  else if (!everything.length) {
    const why = judged.why_none ? `: ${judged.why_none}` : ", which takes two releases";
    problem(`There are no verdicts on this${why}.`);
  } else {
    const of = everything.length === rows.length ? "" : ` of ${everything.length}`;
    byId("count").textContent = `${rows.length}${of} ${everything.length === 1 ? "verdict" : "verdicts"}${some.length < rows.length ? `, the newest ${some.length} are shown` : ""}`;
    if (some.length) byId("verdicts").replaceChildren(listed(index, line, some));
    const whole = judged.changes.filter((one) => (!measure || one.measure === measure) && (!release || [one.first, one.last].includes(release)));
    if (whole.length) byId("verdicts").append(overTheLine(index, line, whole));
    if (some.length < rows.length) {
      byId("verdicts").append(
        el("button", { type: "button", class: "button", id: "all-rows", onclick: () => set("rows")("all") }, `Show all ${rows.length}`),
      );
    }
  }
}

// A release after the other, newest first; the evidence on a line opens below it.
function listed(index, line, rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.release, [...(groups.get(row.release) ?? []), row]);
  return el(
    "section",
    { class: "card" },
    table(
      "Verdicts, newest release first",
      ["configuration", "measure", "verdict", "change, and its interval", "evidence"],
      [...groups].map(([name, found]) => {
        // Most are against the release before; what is not says so itself.
        const usual = found[0].against;
        return [
          el("tr", { class: "group" }, el("th", { colspan: "5", scope: "rowgroup" }, releaseLink(name), usual ? [el("span", { class: "faint" }, " against "), releaseLink(usual)] : "")),
          found.map((told) => lineOf(index, line, told, usual)),
        ];
      }).flat(Infinity),
      { hideCaption: true, classes: "lined" },
    ),
  );
}

function lineOf(index, line, told, usual) {
  const measure = measureOf(index, told.measure);
  const configuration = line.configurations[told.c];
  const id = `evidence-${told.release}-${told.c}-${told.measure}`;
  const evidence = el("tr", { id, class: "evidence", hidden: true });
  const button = el(
    "button",
    {
      type: "button", class: "chip", "aria-expanded": "false", "aria-controls": id,
      "aria-label": `Evidence on ${told.release}, ${readable(line, configuration)}, ${measure.title}`,
      onclick: () => {
        evidence.hidden = !evidence.hidden;
        button.setAttribute("aria-expanded", String(!evidence.hidden));
        if (!evidence.hasChildNodes()) evidence.append(el("td", { colspan: "5" }, evidenceOf(line, told, measure, configuration)));
      },
    },
    "evidence",
  );
  return [
    el(
      "tr",
      {},
      el("th", { scope: "row" }, readable(line, configuration)),
      el("td", {}, measure.title),
      el("td", {}, verdict(told), told.acknowledged === undefined ? null : el("div", { class: "why" }, `acknowledged: ${told.acknowledged}`)),
      el("td", { class: "number" }, ratioText(told), told.against && told.against !== usual ? [" against ", releaseLink(told.against)] : ""),
      el("td", {}, button),
    ),
    evidence,
  ];
}

function evidenceOf(line, told, measure, configuration) {
  return el(
    "ul",
    { class: "notes" },
    told.notes.map((note) => el("li", {}, note)),
    told.next ? el("li", {}, "to be sure: ", el("code", {}, told.next)) : null,
    el("li", {}, el("a", { href: asvGraph(line, measure, configuration) }, "asv's graph of it")),
  );
}

function kindOf({ kind, ratio }, measure) {
  const worse = ratio[0] > 1;
  const [more, less] = measure.key === "peak_memory" ? ["more", "less"] : ["slower", "faster"];
  if (kind === "recovered") return worse ? `${more}, then taken back` : `${less}, then lost again`;
  return `${worse ? more : less}, in several level shifts`;
}

// What no two neighbouring releases show.
function overTheLine(index, line, changes) {
  return el(
    "section",
    { class: "card" },
    el("h2", {}, "Over the whole line"),
    table(
      "Changes that were taken back, and drifts",
      ["configuration", "measure", "what", "since", "until", "change, and its interval"],
      changes.map((one) => {
        const measure = measureOf(index, one.measure);
        return el(
          "tr",
          {},
          el("th", { scope: "row" }, readable(line, line.configurations[one.c])),
          el("td", {}, measure.title),
          el("td", {}, kindOf(one, measure)),
          el("td", {}, releaseLink(one.first)),
          el("td", {}, releaseLink(one.last)),
          el("td", { class: "number" }, ratioText(one)),
        );
      }),
      { hideCaption: true, classes: "lined" },
    ),
  );
}
