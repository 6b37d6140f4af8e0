// Releases: releases.html#tensorflow-2.16.2 is the page of one; asv's ids lead there too.
import { choice, chosenLine, releaseLink } from "./choice.js";
import { fill, lineControls, noSubmit } from "./controls.js";
import { load } from "./data.js";
import { byId, el, problem } from "./elements.js";
import {
  asvGraph, busyLine, busyMark, figure, heading, hover, measureOf, outcome, plural, ratioText, verdict,
} from "./figures.js";
import { start } from "./page.js";
import { readable } from "./params.js";
import { table } from "./tables.js";

const form = byId("controls");
noSubmit(form);
const SHOWN = ["step", "first_step", "peak_memory", "loss"];

addEventListener("hashchange", await start(viewOf, show));

async function viewOf(index) {
  const asked = decoded(location.hash.slice(1));
  const found = asked ? releaseOf(index, asked) : null;
  if (found && choice.get("track") !== found.track.name) choice.set({ track: found.track.name });
  const chosen = chosenLine(index);
  const line = chosen.line ? await load(chosen.line.id) : null;
  return { asked, found, chosen, line, locks: await load(`releases-${chosen.track}`) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// A release by its name, or by the beginning of asv's id of it.
function releaseOf(index, asked) {
  for (const track of index.tracks) {
    for (const release of track.releases) {
      const isId = /^[0-9a-f]{7,40}$/.test(asked) && release.commit.startsWith(asked);
      if (release.name === asked || isId) return { track, release };
    }
  }
  return null;
}

function show(index, { asked, found, chosen, line, locks }, redraw) {
  const again = () => {
    // Another track is another list: the release that was shown is not on it.
    const kept = releaseOf(index, decoded(location.hash.slice(1)));
    if (kept && kept.track.name !== choice.get("track")) {
      history.replaceState(null, "", `${location.pathname}${location.search}`);
    }
    redraw();
  };
  fill(form, lineControls(index, chosen, again));
  if (asked && asked !== "content" && !found) {
    problem(`No track has a release ${asked}. All that there are stand below.`);
  }
  document.title = `${found ? found.release.name : "Releases"} · vggbench`;
  byId("one").replaceChildren(...(found ? one(index, found, line, locks) : []));
  all(index, found, chosen, line);
  leftOut(index);
  if (found && asked !== "content") byId("one").scrollIntoView({ block: "nearest" });
}

function one(index, { track, release }, line, locks) {
  const told = locks.releases[release.name] ?? { locks: {} };
  const place = track.releases.indexOf(release);
  const [before, after] = [track.releases[place - 1], track.releases[place + 1]];
  const facts = [
    ["version", release.version],
    ["released", release.date],
    ["CPython", release.python],
    release.note && ["note", release.note],
    before && ["the one before", releaseLink(before.name)],
    after && ["the one after", releaseLink(after.name)],
    ["asv's id", el("code", {}, release.commit.slice(0, 8))],
  ].filter(Boolean);
  return [
    el(
      "section",
      { class: "card" },
      el("h2", {}, `${track.framework} ${release.version}`),
      el("dl", { class: "facts" }, facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    ),
    measured(index, release, line),
    ...Object.entries(told.locks).map(([device, lock]) => lockCard(device, lock)),
  ];
}

function measured(index, release, line) {
  const cells = (line?.cells ?? []).filter((cell) => cell.release === release.name);
  if (!cells.length) {
    return el("section", { class: "card" }, el("h2", {}, "Measured"), el("p", {}, line ? `Nothing of it is on record on ${line.machine}, ${line.profile}. ` : "Nothing of it is on record. ", "Measure it with: ", el("code", {}, `asv run ${release.name}`)));
  }
  const measures = SHOWN.map((key) => measureOf(index, key)).filter((measure) => line.measures.includes(measure.key));
  const runs = [...new Set(cells.map((cell) => `${cell.run}${cell.started ? ` (${cell.started.slice(0, 10)})` : ""}`))];
  const counts = ["ok", "n/a", "failed", "interrupted"].map((word) => [word, cells.filter((cell) => cell.outcome === word).length]).filter(([, n]) => n);
  return el(
    "section",
    { class: "card" },
    el("div", { class: "chart-head" }, el("h2", {}, `Measured on ${line.machine}, ${line.profile}`), el("p", { class: "links" }, counts.map(([word, n]) => `${n} ${word}`).join(", "))),
    table(
      `Measured of ${release.name}`,
      ["configuration", "outcome", ...measures.map(heading), "verdict on the step"],
      cells.map((cell) => {
        const configuration = line.configurations[cell.c];
        const judged = cell.verdicts?.step;
        return el(
          "tr",
          {},
          el("th", { scope: "row" }, el("a", { href: asvGraph(line, measureOf(index, "step"), configuration), title: "asv's graph" }, readable(line, configuration))),
          el("td", {}, outcome(cell.outcome)),
          cell.estimates
            ? measures.map((measure) => {
                const estimate = cell.estimates[measure.key];
                return el("td", { class: "number", title: estimate ? hover(measure, cell) : undefined }, estimate ? [figure(measure, estimate[0]), busyMark(measure, cell)] : "–");
              })
            : el("td", { colspan: String(measures.length), class: "why" }, line.whys[cell.why] ?? "no reason on record"),
          el("td", {}, judged ? [verdict(judged), " ", el("span", { class: "faint" }, ratioText(judged))] : ""),
        );
      }),
      { hideCaption: true, classes: "lined" },
    ),
    busyLine(cells),
    el("p", { class: "links" }, `${plural(runs.length, "run")}: ${runs.join(", ")}`),
  );
}

function lockCard(device, lock) {
  const changes = Object.entries(lock.changes);
  const packages = Object.entries(lock.packages);
  return el(
    "section",
    { class: "card" },
    el("h2", {}, `Lock for ${device}`),
    el("dl", { class: "facts" },
      el("dt", {}, "installs"), el("dd", {}, el("code", {}, lock.requirement)),
      el("dt", {}, "resolved as of"), el("dd", {}, lock.as_of),
      el("dt", {}, "file, SHA-256"), el("dd", {}, lock.file, " ", el("code", {}, lock.digest))),
    el("h3", {}, lock.since ? ["Changed since ", releaseLink(lock.since)] : "The first lock of this track"),
    lock.since ? (changes.length ? changed(changes) : el("p", {}, "The same packages in the same versions.")) : null,
    el("details", { class: "folded" }, el("summary", {}, `All ${plural(packages.length, "package")}`), el("ul", { class: "packages" }, packages.map(([name, version]) => el("li", {}, `${name} ${version}`)))),
  );
}

// Packages in three lists: other versions, new ones, and those that are gone.
function changed(changes) {
  const kinds = [
    ["other versions", changes.filter(([, [a, b]]) => a && b), ([name, [a, b]]) => [el("b", {}, name), ` ${a} → ${b}`]],
    ["new", changes.filter(([, [a]]) => !a), ([name, [, b]]) => [el("b", {}, name), ` ${b}`]],
    ["gone", changes.filter(([, [, b]]) => !b), ([name, [a]]) => [el("b", {}, name), ` ${a}`]],
  ];
  return kinds
    .filter(([, found]) => found.length)
    .map(([title, found, told]) => [
      el("h4", {}, `${title} (${found.length})`),
      el("ul", { class: "packages" }, found.map((one) => el("li", {}, told(one)))),
    ]);
}

function all(index, found, chosen, line) {
  const track = index.tracks.find((one) => one.name === chosen.track);
  const of = new Map();
  for (const cell of line?.cells ?? []) of.set(cell.release, [...(of.get(cell.release) ?? []), cell]);
  const title = el("h2", { id: "all-title" }, `${track.framework}: all releases`);
  const count = (cells, word) => cells.filter((cell) => cell.outcome === word).length || "";
  const judged = (cells, word) => cells.filter((cell) => cell.verdicts?.step?.outcome === word).length;
  byId("all").replaceChildren(
    title,
    table(
      `Releases of ${track.framework}, newest first`,
      ["release", "date", "CPython", "measured", "n/a", "failed", "step"],
      [...track.releases].reverse().map((release) => {
        const cells = of.get(release.name) ?? [];
        const outcomes = ["regressed", "improved"].map((word) => [word, judged(cells, word)]).filter(([, n]) => n);
        return el(
          "tr",
          { class: found?.release === release ? "here" : "" },
          el("th", { scope: "row" }, releaseLink(release.name)),
          el("td", { class: "number" }, release.date),
          el("td", {}, release.python),
          el("td", { class: "number" }, cells.length ? count(cells, "ok") || "0" : "unmeasured"),
          el("td", { class: "number" }, count(cells, "n/a")),
          el("td", { class: "number" }, count(cells, "failed")),
          el("td", {}, outcomes.map(([word, n]) => [el("span", { class: `badge ${word}` }, `${n} ${word}`), " "])),
        );
      }),
      { hideCaption: true, classes: "lined" },
    ),
  );
}

// What is on record and on no page: releases that are no longer on a track, and the like.
function leftOut(index) {
  const box = byId("left-out");
  box.hidden = !index.left_out.length;
  if (box.hidden) return;
  box.replaceChildren(
    el("h2", {}, "On record, but on no page"),
    table(
      "Records that are left out",
      ["release", "machine", "records", "why"],
      index.left_out.map((row) => el("tr", {}, el("th", { scope: "row" }, row.release), el("td", {}, row.machine), el("td", { class: "number" }, String(row.records)), el("td", {}, row.why))),
      { hideCaption: true, classes: "lined" },
    ),
  );
}
