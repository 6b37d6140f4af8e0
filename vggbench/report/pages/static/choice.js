// What is chosen, which the URL keeps.
import { load } from "./data.js";
import { el } from "./elements.js";

const SHARED = ["track", "machine", "profile", "benchmark"];

export const choice = {
  get(key) {
    return new URLSearchParams(location.search).get(key);
  },
  all(key) {
    return new URLSearchParams(location.search).getAll(key);
  },
  // Values: text, a list of texts, or null for the default, which the URL does not name.
  set(values) {
    const params = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(values)) {
      params.delete(key);
      if (Array.isArray(value)) value.forEach((one) => params.append(key, one));
      else if (value !== null && value !== undefined) params.set(key, value);
    }
    const search = params.size ? `?${params}` : "";
    history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
    handOn();
  },
};

// The other pages open with the same track, machine and profile.
export function handOn() {
  const params = new URLSearchParams();
  for (const key of SHARED) {
    const value = choice.get(key);
    if (value !== null) params.set(key, value);
  }
  for (const link of document.querySelectorAll("nav a[data-page]")) {
    if (link.dataset.page !== "asv") {
      link.href = `${link.dataset.page}.html${params.size ? `?${params}` : ""}`;
    }
  }
}

export function shared() {
  const params = new URLSearchParams();
  for (const key of SHARED) {
    const value = choice.get(key);
    if (value !== null) params.set(key, value);
  }
  return params;
}

export function releaseLink(name, text = name) {
  const params = shared();
  return el("a", { href: `releases.html${params.size ? `?${params}` : ""}#${encodeURIComponent(name)}` }, text);
}

const distinct = (values) => [...new Set(values)];

// The line that the URL asks for, else the best there is: {track, machine, profile, line}, where
// line, a place in the index, is missing where nothing was measured of that.
export function chosenLine(index, { anyTrack = false } = {}) {
  const of = (key) => choice.get(key);
  const tracks = index.tracks.map((track) => track.name);
  const measured = distinct(index.lines.map((line) => line.track));
  const track = tracks.includes(of("track"))
    ? of("track")
    : tracks.find((name) => measured.includes(name)) ?? tracks[0];
  const ofTrack = index.lines.filter((line) => anyTrack || line.track === track);
  const machines = index.machines.map((machine) => machine.name);
  const machine = machines.includes(of("machine")) ? of("machine") : (ofTrack[0]?.machine ?? machines[0]);
  const ofMachine = ofTrack.filter((line) => line.machine === machine);
  const profiles = distinct(index.lines.filter((line) => line.machine === machine).map((l) => l.profile));
  const profile = profiles.includes(of("profile"))
    ? of("profile")
    : (ofMachine[0]?.profile ?? profiles[0]);
  const found = ofMachine.filter((line) => line.profile === profile);
  const line = found.find((one) => one.family === of("benchmark")) ?? found[0];
  return { track, machine, machines, profile, profiles, line, lines: found };
}

// The chosen line with its figures, and with what the data of the name `more` tell of it.
export async function chosenWith(index, more) {
  const chosen = chosenLine(index);
  if (!chosen.line) return { chosen, line: null, more: null };
  const { id } = chosen.line;
  return { chosen, line: await load(id), more: await load(`${id}-${more}`) };
}
