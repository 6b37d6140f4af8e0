// What is chosen, which the URL keeps.
/** @import { Chosen, Gathered, Index, Line } from "../types.js" */

import { load } from "./data.js";
import { distinct } from "./lists.js";

/** What the pages share: each opens with the same. */
const SHARED = ["track", "machine", "profile", "benchmark"];

export const choice = {
  /** @param {string} key */
  get(key) {
    return new URLSearchParams(location.search).get(key);
  },
  /** @param {string} key */
  all(key) {
    return new URLSearchParams(location.search).getAll(key);
  },
  /**
   * Text, a list of texts, or null for the default, which the URL does not name.
   * @param {Record<string, string | string[] | null>} values
   */
  set(values) {
    const params = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(values)) {
      params.delete(key);
      for (const one of value === null ? [] : [value].flat()) params.append(key, one);
    }
    const search = params.size ? `?${params}` : "";
    history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
    handOn();
  },
};

/**
 * The address of a page, with the same track, machine and profile.
 * @param {string} page
 * @param {Record<string, string | string[]>} more
 */
export function address(page, more = {}) {
  const params = new URLSearchParams();
  for (const key of SHARED) {
    const value = choice.get(key);
    if (value !== null) params.set(key, value);
  }
  for (const [key, value] of Object.entries(more)) {
    for (const one of [value].flat()) params.append(key, one);
  }
  return `${page}.html${params.size ? `?${params}` : ""}`;
}

/** Has the navigation lead to pages that open with the same track, machine and profile. */
export function handOn() {
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll("nav a[data-page]");
  for (const link of links) {
    const { page } = link.dataset;
    if (page && page !== "asv") link.href = address(page);
  }
}

/**
 * Of what can be chosen, what the URL asks for; else the first of what is best.
 * @template {string | undefined} Word
 * @param {string} key
 * @param {string[]} possible
 * @param {Word} otherwise
 */
function asked(key, possible, otherwise) {
  const value = choice.get(key);
  return value !== null && possible.includes(value) ? value : otherwise;
}

/**
 * The line that the URL asks for, else the best there is: one with figures, before one of which there are
 * verdicts, or reasons, alone. It is missing where nothing was measured of what the URL asks for.
 * @param {Index} index
 * @returns {Chosen}
 */
export function chosenLine(index, { anyTrack = false } = {}) {
  const tracks = index.tracks.map((track) => track.name);
  const withFigures = index.lines.filter((line) => line.measures.length > 0);
  const offered = distinct([...withFigures, ...index.lines]);
  const best = withFigures.length ? withFigures : offered;
  const measured = new Set(best.map((line) => line.track));
  const track = asked("track", tracks, tracks.find((name) => measured.has(name)) ?? tracks[0]);
  const ofTrack = offered.filter((line) => anyTrack || line.track === track);
  const machines = index.machines.map((machine) => machine.name);
  const machine = asked("machine", machines, ofTrack.at(0)?.machine ?? machines.at(0));
  const ofMachine = ofTrack.filter((line) => line.machine === machine);
  const onMachine = offered.filter((line) => line.machine === machine);
  const profiles = distinct(onMachine.map((line) => line.profile));
  const profile = asked("profile", profiles, ofMachine.at(0)?.profile ?? profiles.at(0));
  const lines = ofMachine.filter((line) => line.profile === profile);
  const line = lines.find((one) => one.family === choice.get("benchmark")) ?? lines.at(0);
  return { track, machine, machines, profile, profiles, line, lines };
}

/**
 * The chosen line with its figures, and with what the data of the name `more` tell of it.
 * @param {Index} index
 * @param {"choices" | "verdicts"} more
 * @returns {Promise<Gathered<any>>}
 */
export async function chosenWith(index, more) {
  const chosen = chosenLine(index);
  if (!chosen.line) return { chosen, line: null, more: null };
  const { id } = chosen.line;
  /** @type {Line} */
  const line = await load(id);
  return { chosen, line, more: await load(`${id}-${more}`) };
}
