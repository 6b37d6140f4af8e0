// What is chosen by: selects and ticks.
/** @import { Child, Chosen, Index, Redraw, Track } from "../types.js" */

import { address, choice } from "./choice.js";
import { byId, el } from "./elements.js";
import { present } from "./lists.js";

/**
 * @param {string} label
 * @param {string} key
 * @param {string[][]} options each a word, and what is shown of it
 * @param {string} value
 * @param {(value: string) => void} onchange
 */
export function select(label, key, options, value, onchange) {
  const box = el(
    "select",
    { id: `choose-${key}`, name: key, onchange: (event) => onchange(event.target.value) },
    options.map(([word, text]) => el("option", { value: word, selected: word === value }, text)),
  );
  box.value = value;
  return el("label", { class: "field" }, el("span", {}, label), box);
}

/**
 * @param {string} label
 * @param {string} key
 * @param {boolean} checked
 * @param {(checked: boolean) => void} onchange
 */
export function checkbox(label, key, checked, onchange) {
  const box = el("input", {
    type: "checkbox",
    id: `choose-${key}`,
    name: key,
    onchange: (event) => onchange(event.target.checked),
  });
  box.checked = checked;
  return el("label", { class: "tick" }, box, el("span", {}, label));
}

/**
 * A setter of what the URL keeps under a key, unless it is the usual.
 * @param {string} key
 * @param {string | undefined} usual
 * @param {Redraw} redraw
 */
export const setter = (key, usual, redraw) => (/** @type {string} */ value) => {
  choice.set({ [key]: value === usual ? null : value });
  redraw();
};

/**
 * The page's form of controls, which is sent nowhere.
 * @param {string} id
 */
export function formOf(id) {
  const form = byId(id);
  form.addEventListener("submit", (event) => event.preventDefault());
  return form;
}

/**
 * Fills an element anew and keeps the keyboard where it was.
 * @param {HTMLElement} holder
 * @param {...Child} children
 */
export function fill(holder, ...children) {
  const focused = document.activeElement?.id;
  const flat = /** @type {any[]} */ (children).flat(Infinity);
  holder.replaceChildren(...flat.filter(Boolean));
  if (focused) byId(focused)?.focus({ preventScroll: true });
}

/**
 * @param {Index} index
 * @param {string} name
 */
function profileText(index, name) {
  const told = index.profiles[name];
  return told ? `${name} (${told.batch_size} × ${told.image_size} × ${told.image_size})` : name;
}

/**
 * The selects for track, machine and profile, as a page needs them.
 * @param {Index} index
 * @param {Chosen} chosen
 * @param {Redraw} redraw
 */
export function lineControls(index, chosen, redraw, { track = true } = {}) {
  const { machine, profile, line } = chosen;
  /**
   * @param {string} label
   * @param {string} key
   * @param {string[][]} options
   * @param {string} value
   */
  const choose = (label, key, options, value) =>
    select(label, key, options, value, (chosen) => {
      /** @type {Record<string, null>} */
      const ofTrack = key === "track" ? { configuration: null, release: null } : {};
      choice.set({ [key]: chosen, ...ofTrack });
      redraw();
    });
  const tracks = index.tracks.map((one, i) => [one.name, titleOf(index.tracks, one, i)]);
  const machines = chosen.machines.map((name) => [name, name]);
  const profiles = chosen.profiles.map((name) => [name, profileText(index, name)]);
  const families = chosen.lines.map(({ family }) => [family, family]);
  return present([
    track && choose("Track", "track", tracks, chosen.track),
    machine !== undefined && choose("Machine", "machine", machines, machine),
    profile !== undefined && choose("Profile", "profile", profiles, profile),
    line && families.length > 1 && choose("Benchmark", "benchmark", families, line.family),
  ]);
}

/**
 * What a track is offered as: its title, and of a title's second track its name too.
 * @param {Track[]} tracks
 * @param {Track} track
 * @param {number} place
 */
function titleOf(tracks, { name, title }, place) {
  const isFirst = tracks.findIndex((one) => one.title === title) === place;
  return isFirst ? title : `${title} (${name})`;
}

/**
 * What to do where nothing of what is chosen was measured.
 * @param {Index} index
 * @param {Chosen} chosen
 */
export function nothing(index, chosen) {
  const track = index.tracks.find((one) => one.name === chosen.track);
  const where = chosen.machine ? ` on ${chosen.machine}, ${chosen.profile}` : "";
  const what = track ? track.title : chosen.track;
  if (chosen.line) {
    const verdicts = el("a", { href: address("verdicts", { outcome: "all" }) }, "the verdicts");
    const told = `No run of asv has measured ${what}${where}. For what others say of it, see `;
    const run = el("code", {}, `asv run ${chosen.track}`);
    return el("p", { class: "notice" }, told, verdicts, ". For figures, measure it with: ", run);
  }
  const [text, command] = index.lines.length
    ? [`Nothing of ${what} is on record${where}. Measure it with: `, `asv run ${chosen.track}`]
    : ["Nothing is on record yet. Measure with: ", "make run"];
  return el("p", { class: "notice" }, text, el("code", {}, command));
}
