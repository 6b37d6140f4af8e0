// What is chosen by: selects and ticks.
import { choice } from "./choice.js";
import { byId, el } from "./elements.js";

export function select(label, key, options, value, onchange) {
  const box = el(
    "select",
    { id: `choose-${key}`, name: key, onchange: (event) => onchange(event.target.value) },
    options.map(([word, text]) => el("option", { value: word, selected: word === value }, text)),
  );
  box.value = value;
  return el("label", { class: "field" }, el("span", {}, label), box);
}

export function checkbox(label, key, checked, onchange, title) {
  const box = el("input", {
    type: "checkbox",
    id: `choose-${key}`,
    name: key,
    onchange: (event) => onchange(event.target.checked),
  });
  box.checked = checked;
  return el("label", { class: "tick", title }, box, el("span", {}, label));
}

export function noSubmit(form) {
  form.addEventListener("submit", (event) => event.preventDefault());
}

// Draws the controls again and keeps the keyboard where it was.
export function fill(form, ...controls) {
  const focused = document.activeElement?.id;
  form.replaceChildren(...controls.flat(Infinity).filter(Boolean));
  if (focused) byId(focused)?.focus({ preventScroll: true });
}

export function profileText(index, name) {
  const told = index.profiles[name];
  return told ? `${name} (${told.batch_size} × ${told.image_size} × ${told.image_size})` : name;
}

// The selects for track, machine and profile, as a page needs them.
export function lineControls(index, chosen, redraw, { track = true } = {}) {
  const change = (key) => (value) => {
    choice.set({ [key]: value, ...(key === "track" ? { configuration: null, release: null } : {}) });
    redraw();
  };
  return [
    track &&
      select("Track", "track", index.tracks.map((one) => [one.name, one.framework]), chosen.track, change("track")),
    chosen.machines.length > 0 &&
      select("Machine", "machine", chosen.machines.map((name) => [name, name]), chosen.machine, change("machine")),
    chosen.profiles.length > 0 &&
      select(
        "Profile",
        "profile",
        chosen.profiles.map((name) => [name, profileText(index, name)]),
        chosen.profile,
        change("profile"),
      ),
    chosen.lines.length > 1 &&
      select(
        "Benchmark",
        "benchmark",
        chosen.lines.map((line) => [line.family, line.family]),
        chosen.line.family,
        change("benchmark"),
      ),
  ];
}

export function nothing(index, chosen) {
  const track = index.tracks.find((one) => one.name === chosen.track);
  if (!index.lines.length) {
    return el("p", { class: "notice" }, "Nothing is on record yet. Measure with: ", el("code", {}, "make run"));
  }
  const where = chosen.machine ? ` on ${chosen.machine}, ${chosen.profile}` : "";
  return el(
    "p",
    { class: "notice" },
    `Nothing of ${track ? track.framework : chosen.track} is on record${where}. Measure it with: `,
    el("code", {}, `asv run ${chosen.track}`),
  );
}
