// Releases: releases.html#tensorflow-2.16.2 is the page of one; asv's ids lead there too.
/** @import { Aside, Brief, Cell, Child, Chosen, Drawn, Index, Line, Lock, Measure, Redraw, Release, Releases, Track, VersionChange } from "../types.js" */

import { busyLine, outcome, verdict } from "./badges.js";
import { choice, chosenLine } from "./choice.js";
import { fill, formOf, lineControls } from "./controls.js";
import { load } from "./data.js";
import { byId, el, problem } from "./elements.js";
import { changeText, heading, measureOf, plural, ratioText, wayText } from "./figures.js";
import { asvGraph, releaseLink, verdictAddress } from "./links.js";
import { distinct, grouped, isCurrent, present } from "./lists.js";
import { start } from "./page.js";
import { readable } from "./params.js";
import { facts, figureCell, lined, rowHead, whyOf } from "./tables.js";

/** What is shown of each configuration. */
const SHOWN = ["step", "first_step", "peak_memory", "memory_growth", "loss"];
/** Why nothing says how large an environment is. */
const NOT_RECORDED =
  "not on record: no process was measured since records have the size of an environment";
const GIGABYTE = 1e9;
/** Where the link that skips the navigation leads: it names no release. */
const SKIPPED_TO = "content";
/** The heads of what is shown of each release, before what it installs. */
const HEADS = ["release", "date", "CPython", "measured", "n/a", "failed", "step"];
/** The heads of what no run of asv has measured, and why it has no figures. */
const HEADS_OF_OTHERS = ["configuration", "measured", "measure", "verdict", "change", "evidence"];
const NO_RUN = "No run of asv has measured this, so it has no figures of its own. For these: ";
/** As asv shortens ids. */
const DIGITS_OF_ID = 8;
/** A whole id, or the beginning of one that is long enough. */
const ID = /^[0-9a-f]{7,40}$/;
/** Of a time: "2026-05-01". */
const LETTERS_OF_DATE = 10;

const form = formOf("controls");

start(viewOf, show).then((redraw) => addEventListener("hashchange", redraw));

/** @typedef {{ track: Track, release: Release }} Found */

/**
 * What is shown: the release that the anchor names, if any, and the line that is chosen.
 * @typedef {object} View
 * @property {string} asked
 * @property {Found | null} found
 * @property {Chosen} chosen
 * @property {Line | null} line
 * @property {Releases} locks
 */

/**
 * @param {Index} index
 * @returns {Promise<View>}
 */
async function viewOf(index) {
  const asked = anchor();
  const found = releaseOf(index, asked);
  if (found && choice.get("track") !== found.track.name) choice.set({ track: found.track.name });
  const chosen = chosenLine(index);
  const line = chosen.line ? await load(chosen.line.id) : null;
  return { asked, found, chosen, line, locks: await load(`releases-${chosen.track}`) };
}

function anchor() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * A release by its name, or by the beginning of asv's id of it.
 * @param {Index} index
 * @param {string} asked
 * @returns {Found | null}
 */
function releaseOf(index, asked) {
  for (const track of index.tracks) {
    for (const release of track.releases) {
      const isId = ID.test(asked) && release.commit.startsWith(asked);
      if (release.name === asked || isId) return { track, release };
    }
  }
  return null;
}

/**
 * @param {Index} index
 * @param {View} view
 * @param {Redraw} redraw
 */
function show(index, { asked, found, chosen, line, locks }, redraw) {
  const again = () => {
    // Another track is another list: the release that was shown is not on it.
    const kept = releaseOf(index, anchor());
    if (kept && kept.track.name !== choice.get("track")) {
      history.replaceState(null, "", `${location.pathname}${location.search}`);
    }
    redraw();
  };
  fill(form, lineControls(index, chosen, again));
  const isSkip = asked === SKIPPED_TO;
  if (asked && !isSkip && !found) {
    problem(`No track has a release ${asked}. All that there are stand below.`);
  }
  document.title = `${found ? found.release.name : "Releases"} · vggbench`;
  byId("one").replaceChildren(...(found ? one(index, found, line, locks) : []));
  all(index, { asked, found, chosen, line, locks });
  leftOut(index);
  if (found && !isSkip) byId("one").scrollIntoView({ block: "nearest" });
}

/**
 * The cards of one release.
 * @param {Index} index
 * @param {Found} found
 * @param {Line | null} line
 * @param {Releases} locks
 */
function one(index, { track, release }, line, locks) {
  const told = locks.releases[release.name]?.locks ?? {};
  const place = track.releases.indexOf(release);
  const before = track.releases.slice(0, place).findLast(isCurrent);
  const after = track.releases.slice(place + 1).find(isCurrent);
  /** @type {[string, Child][]} */
  const rows = present([
    ["version", release.version],
    ["released", release.date],
    ["CPython", release.python],
    release.note && ["note", release.note],
    release.superseded && ["superseded", "a newer pre-release of the version is out, or its final"],
    release.gone && ["gone", `since ${release.gone} the index has it no more`],
    before && ["the one before", releaseLink(before.name)],
    after && ["the one after", releaseLink(after.name)],
    ["asv's id", el("code", {}, release.commit.slice(0, DIGITS_OF_ID))],
  ]);
  return [
    el(
      "section",
      { class: "card" },
      el("h2", {}, `${track.title} ${release.version}`),
      facts(rows),
    ),
    ...measured(index, release, line),
    ...Object.entries(told).map(([name, lock]) => lockCard(name, lock, locks.downloaded)),
  ];
}

/**
 * @param {Index} index
 * @param {Release} release
 * @param {Line | null} line
 */
function measured(index, release, line) {
  const isOf = (/** @type {Drawn} */ one) => one.release === release.name;
  const cells = line?.cells.filter(isOf) ?? [];
  const asides = line?.asides.filter(isOf) ?? [];
  if (!line || !(cells.length || asides.length)) return [unmeasured(release, line)];
  return present([
    cells.length > 0 && byAsv(index, release, line, cells),
    asides.length > 0 && byOthers(index, release, line, asides),
  ]);
}

/**
 * What runs of asv measured.
 * @param {Index} index
 * @param {Release} release
 * @param {Line} line
 * @param {Cell[]} cells
 */
function byAsv(index, release, line, cells) {
  const measures = SHOWN.filter((key) => line.measures.includes(key)).map((key) =>
    measureOf(index, key),
  );
  const runs = distinct(cells.map(runText));
  const counts = ["ok", "n/a", "failed", "interrupted"]
    .map((word) => ({ word, count: countOf(cells, word) }))
    .filter(({ count }) => count)
    .map(({ word, count }) => `${count} ${word}`);
  const heads = ["configuration", "outcome", ...measures.map(heading), "verdict on the step"];
  const rows = cells.map((cell) => measuredRow(measureOf(index, "step"), line, cell, measures));
  return el(
    "section",
    { class: "card" },
    el(
      "div",
      { class: "chart-head" },
      el("h2", {}, `Measured on ${line.machine}, ${line.profile}`),
      el("p", { class: "links" }, counts.join(", ")),
    ),
    lined(`Measured of ${release.name}`, heads, rows),
    busyLine(cells),
    el("p", { class: "links" }, `${plural(runs.length, "run")}: ${runs.join(", ")}`),
  );
}

/**
 * What no run of asv has measured, and others have: it has no figures of its own, and verdicts where there
 * are any.
 * @param {Index} index
 * @param {Release} release
 * @param {Line} line
 * @param {Aside[]} asides
 */
function byOthers(index, release, line, asides) {
  const way = wayText(asides);
  return el(
    "section",
    { class: "card" },
    el("h2", {}, `Measured on ${line.machine}, ${line.profile}, ${way} alone`),
    el("p", { class: "links" }, NO_RUN, el("code", {}, `asv run ${release.name}`)),
    lined(
      `Measured of ${release.name} ${way} alone`,
      HEADS_OF_OTHERS,
      asides.map((aside) => asideRows(index, line, aside)),
    ),
  );
}

/**
 * A row for each measure that a verdict is said of; one where there is none.
 * @param {Index} index
 * @param {Line} line
 * @param {Aside} aside
 */
function asideRows(index, line, aside) {
  const { c, outcome: word, in_duets, in_turns } = aside;
  /** @type {Record<string, Brief>} */
  const verdicts = aside.verdicts ?? {};
  const name = readable(line, line.configurations[c]);
  const processes = `${plural(in_duets + in_turns, "process", "processes")} ${wayText([aside])}`;
  const judged = index.measures.filter(({ key }) => key in verdicts);
  const first = () => [rowHead(name), el("td", {}, processes)];
  if (!judged.length) {
    const ran = word === "ok" ? "no verdict on it" : [outcome(word), " ", whyOf(line, aside)];
    return [el("tr", {}, first(), el("td", { colspan: "4", class: "why" }, ran))];
  }
  return judged.map((measure) => {
    const told = verdicts[measure.key];
    const evidence = { href: verdictAddress(line, aside, measure) };
    return el(
      "tr",
      {},
      first(),
      el("td", {}, measure.title),
      el("td", {}, verdict(told)),
      el("td", { class: "number" }, changeText(measure, told), againstText(told)),
      el("td", {}, el("a", evidence, "evidence")),
    );
  });
}

/**
 * @param {Brief} told
 * @returns {Child}
 */
const againstText = ({ against }) => (against ? [" against ", releaseLink(against)] : null);

/**
 * @param {Release} release
 * @param {Line | null} line
 */
function unmeasured(release, line) {
  const where = line ? ` on ${line.machine}, ${line.profile}` : "";
  const text = `Nothing of it is on record${where}. Measure it with: `;
  const command = el("code", {}, `asv run ${release.name}`);
  return el("section", { class: "card" }, el("h2", {}, "Measured"), el("p", {}, text, command));
}

/** @param {Cell} cell */
const runText = ({ run, started }) =>
  started ? `${run} (${started.slice(0, LETTERS_OF_DATE)})` : run;

/**
 * @param {Drawn[]} cells
 * @param {string} word
 */
const countOf = (cells, word) => cells.filter((cell) => cell.outcome === word).length;

/**
 * @param {Measure} step
 * @param {Line} line
 * @param {Cell} cell
 * @param {Measure[]} measures
 */
function measuredRow(step, line, cell, measures) {
  const words = line.configurations[cell.c];
  const judged = cell.verdicts?.step;
  const graph = { href: asvGraph(line, step, words), title: "asv's graph" };
  return el(
    "tr",
    {},
    rowHead(el("a", graph, readable(line, words))),
    el("td", {}, outcome(cell.outcome)),
    cell.estimates
      ? measures.map((measure) => figureCell(measure, cell))
      : el("td", { colspan: String(measures.length), class: "why" }, whyOf(line, cell)),
    el(
      "td",
      {},
      judged ? [verdict(judged), " ", el("span", { class: "faint" }, ratioText(judged))] : null,
    ),
  );
}

/**
 * How large the environment of a lock is; null where no record says so.
 * @param {Lock} lock
 */
const installedText = ({ installed_bytes }) =>
  installed_bytes === null ? null : `${(installed_bytes / GIGABYTE).toFixed(2)} GB`;

/**
 * @param {string} lockName
 * @param {Lock} lock
 * @param {string} downloaded
 */
function lockCard(lockName, lock, downloaded) {
  const changes = Object.entries(lock.changes);
  const packages = Object.entries(lock.packages);
  const names = packages.map(([name, version]) => el("li", {}, `${name} ${version}`));
  return el(
    "section",
    { class: "card" },
    el("h2", {}, `Lock for ${lockName}`),
    facts([
      ["installs", el("code", {}, lock.requirement)],
      ["resolved as of", lock.as_of],
      ["packages", String(packages.length)],
      ["installed", installedText(lock) ?? NOT_RECORDED],
      ["downloaded", downloaded],
      ["file, SHA-256", [lock.file, " ", el("code", {}, lock.digest)]],
    ]),
    el(
      "h3",
      {},
      lock.since ? ["Changed since ", releaseLink(lock.since)] : "The first lock of this track",
    ),
    lock.since ? changed(changes) : null,
    el(
      "details",
      { class: "folded" },
      el("summary", {}, `All ${plural(packages.length, "package")}`),
      el("ul", { class: "packages" }, names),
    ),
  );
}

/**
 * Packages in three lists: other versions, new ones, and those that are gone.
 * @param {[string, VersionChange][]} changes
 * @returns {Child}
 */
function changed(changes) {
  if (!changes.length) return el("p", {}, "The same packages in the same versions.");
  const kinds = {
    "other versions": changes.filter(([, [before, after]]) => before && after),
    new: changes.filter(([, [before]]) => !before),
    gone: changes.filter(([, [, after]]) => !after),
  };
  return Object.entries(kinds)
    .filter(([, found]) => found.length)
    .map(([title, found]) => [
      el("h4", {}, `${title} (${found.length})`),
      el(
        "ul",
        { class: "packages" },
        found.map(([name, versions]) =>
          el("li", {}, el("b", {}, name), ` ${versions.filter(Boolean).join(" → ")}`),
        ),
      ),
    ]);
}

/**
 * All releases of the track that is chosen, with what they install for the device that is.
 * @param {Index} index
 * @param {View} view
 */
function all(index, { found, chosen, line, locks }) {
  const track = index.tracks.find((one) => one.name === chosen.track);
  if (!track) return;
  const cells = grouped(line?.cells ?? [], (cell) => cell.release);
  const asides = grouped(line?.asides ?? [], (aside) => aside.release);
  const device = chosen.profile ? index.profiles[chosen.profile].device : "cpu";
  const rows = [...track.releases].reverse().map((release) => {
    const own = locks.releases[release.name];
    const lock = own?.locks[own.lock_of[device]];
    const measured = {
      cells: cells.get(release.name) ?? [],
      asides: asides.get(release.name) ?? [],
    };
    return releaseRow(release, measured, lock, found?.release === release);
  });
  byId("all").replaceChildren(
    el("h2", { id: "all-title" }, `${track.title}: all releases`),
    lined(`Releases of ${track.title}, newest first`, [...HEADS, "packages", "installed"], rows),
  );
}

/** @param {Release} release */
const goneText = ({ gone }) => (gone ? ` (gone since ${gone})` : "");

/**
 * How many configurations have figures, and how many others than runs of asv alone have measured.
 * @param {Measured} measured
 */
function measuredText({ cells, asides }) {
  if (!cells.length && !asides.length) return "unmeasured";
  const without = countOf(asides, "ok");
  const texts = [
    cells.length > 0 && String(countOf(cells, "ok")),
    without > 0 && `${without} ${wayText(asides)}`,
  ];
  return present(texts).join(", ") || "0";
}

/** @typedef {{ cells: Cell[], asides: Aside[] }} Measured */

/**
 * @param {Release} release
 * @param {Measured} measured
 * @param {Lock | undefined} lock
 * @param {boolean} isHere
 */
function releaseRow(release, measured, lock, isHere) {
  const found = [...measured.cells, ...measured.asides];
  const count = (/** @type {string} */ word) => String(countOf(found, word) || "");
  const judged = ["regressed", "improved"]
    .map((word) => ({
      word,
      count: found.filter((cell) => cell.verdicts?.step?.outcome === word).length,
    }))
    .filter(({ count }) => count)
    .map(({ word, count }) => [el("span", { class: `badge ${word}` }, `${count} ${word}`), " "]);
  return el(
    "tr",
    { class: isHere ? "here" : "" },
    rowHead(releaseLink(release.name)),
    el("td", { class: "number" }, release.date, goneText(release)),
    el("td", {}, release.python),
    el("td", { class: "number" }, measuredText(measured)),
    el("td", { class: "number" }, count("n/a")),
    el("td", { class: "number" }, count("failed")),
    el("td", {}, judged),
    el("td", { class: "number" }, lock ? String(Object.keys(lock.packages).length) : "n/a"),
    el("td", { class: "number" }, (lock && installedText(lock)) ?? "n/a"),
  );
}

/**
 * What is on record and on no page: releases that are no longer on a track, and the like.
 * @param {Index} index
 */
function leftOut(index) {
  const box = byId("left-out");
  box.hidden = !index.left_out.length;
  if (box.hidden) return;
  const rows = index.left_out.map(({ release, machine, records, why }) =>
    el(
      "tr",
      {},
      rowHead(release),
      el("td", {}, machine),
      el("td", { class: "number" }, String(records)),
      el("td", {}, why),
    ),
  );
  box.replaceChildren(
    el("h2", {}, "On record, but on no page"),
    lined("Records that are left out", ["release", "machine", "records", "why"], rows),
  );
}
