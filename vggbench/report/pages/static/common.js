// What all pages share: data, the choice in the URL, controls, figures as words.
// All text goes into the page as text: nothing here takes markup.
import { learn, readable } from "./params.js";

export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "class") made.className = value;
    else if (key === "dataset") Object.assign(made.dataset, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

export function problem(text) {
  byId("problem").replaceChildren(el("p", { class: "notice" }, text));
}

const loaded = new Map();

export function load(name) {
  if (!loaded.has(name)) {
    const path = `data/${encodeURIComponent(name)}.json`;
    const asked = fetch(path, { credentials: "same-origin" }).then((answer) => {
      if (!answer.ok) throw new Error(`${path} cannot be read (${answer.status})`);
      return answer.json();
    });
    asked.catch(() => loaded.delete(name));
    loaded.set(name, asked);
  }
  return loaded.get(name);
}

// Runs a page: `show(index, view, redraw)` draws what `gather(index)` found, now and whenever the
// address changes or redraw() is called. Of several drawings at once the newest is shown. Says so on
// the page when its data cannot be had. Returns redraw after the first drawing.
export async function start(gather, show) {
  let drawing = 0;
  const redraw = async () => {
    const mine = ++drawing;
    try {
      const [index, params] = await Promise.all([load("index"), load("params")]);
      learn(params);
      const view = await gather(index);
      if (mine !== drawing) return;
      byId("problem").replaceChildren();
      handOn();
      show(index, view, redraw);
      // For who waits until all is drawn: tests, and the script that measures how long it takes.
      performance.mark("drawn");
      const { dataset } = document.documentElement;
      dataset.drawn = String(Number(dataset.drawn ?? 0) + 1);
    } catch (error) {
      if (mine === drawing) {
        const next = "Publish again with: asv publish, and read it with: vggbench preview";
        problem(`${error.message}. ${next}`);
      }
      throw error;
    }
  };
  addEventListener("popstate", redraw);
  await redraw();
  return redraw;
}

// -- the choice, which the URL keeps

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

// -- controls

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

export function profileWords(index, name) {
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
        chosen.profiles.map((name) => [name, profileWords(index, name)]),
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

// -- figures

export const measureOf = (index, key) => index.measures.find((one) => one.key === key);

export function figure(measure, value) {
  const scaled = value * measure.scale;
  if (measure.key === "loss") return scaled.toPrecision(7);
  const size = Math.abs(scaled);
  const decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return scaled.toFixed(decimals);
}

export const withUnit = (measure, text) => (measure.unit ? `${text} ${measure.unit}` : text);

export function interval(measure, [, low, high, processes]) {
  if (processes < 2) return "one process";
  return `${figure(measure, low)} to ${figure(measure, high)}`;
}

export function percent(ratio) {
  const change = (ratio - 1) * 100;
  const digits = Math.abs(change) >= 10 ? 0 : 1;
  return `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(digits)} %`;
}

// A measure and its unit, for the head of a column.
export function heading(measure) {
  if (!measure.unit) return measure.title;
  return measure.key === "images" ? measure.unit : `${measure.title}, ${measure.unit}`;
}

export const plural = (count, word, more = `${word}s`) => `${count} ${count === 1 ? word : more}`;

export const words = (configuration) => configuration.join(" ");

const OUTCOMES = {
  ok: "ok",
  "n/a": "n/a",
  failed: "failed",
  interrupted: "interrupted",
};

export function outcome(word) {
  const known = OUTCOMES[word] ?? "unmeasured";
  return el("span", { class: `badge ${known.replace("/", "")}` }, word);
}

export const VERDICTS = {
  regressed: ["▲", "regressed"],
  improved: ["▼", "improved"],
  unchanged: ["=", "unchanged"],
  "not sure": ["?", "notsure"],
  new: ["+", "new"],
  lost: ["−", "lost"],
  failed: ["×", "failed"],
};

export function verdict(told) {
  const [sign, name] = VERDICTS[told.outcome] ?? ["·", "notsure"];
  return el("span", { class: `badge ${name}` }, el("span", { "aria-hidden": "true" }, `${sign} `), told.outcome);
}

export function ratioWords(told) {
  if (!told.ratio) return "";
  const [ratio, low, high] = told.ratio;
  return `${percent(ratio)} (${percent(low)} to ${percent(high)})`;
}

// The address of asv's own graph of one line, or of one of its configurations.
export function asvGraph(line, measure, configuration) {
  const params = [
    ["machine", line.machine],
    ["env-VGGBENCH_PROFILE", line.profile],
    ["branch", line.track],
  ];
  if (configuration) {
    configuration.forEach((word, i) => params.push([`p-${line.params[i]}`, `'${word}'`]));
  }
  const words = params.map((pair) => pair.map(encodeURIComponent).join("="));
  return `asv.html#${encodeURIComponent(`${line.family}.${measure.benchmark}`)}?${words.join("&")}`;
}

export function table(caption, header, rows, { classes = "", hideCaption = false } = {}) {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      { class: classes },
      el("caption", { class: hideCaption ? "visually-hidden" : "" }, caption),
      el("thead", {}, el("tr", {}, header.map((cell) => (cell instanceof Node && cell.tagName === "TH" ? cell : el("th", { scope: "col" }, cell))))),
      el("tbody", {}, rows),
    ),
  );
}

export function bar(share, kind = "") {
  const inner = el("span", { class: `bar-inner ${kind}` });
  inner.style.width = `${Math.max(0.5, Math.min(100, share * 100))}%`;
  return el("span", { class: "bar", "aria-hidden": "true" }, inner);
}

// What the release cannot do, by reason.
export function cannot(line, cells) {
  const reasons = new Map();
  for (const cell of cells) {
    if (cell.outcome !== "n/a") continue;
    const why = line.whys[cell.why] ?? "no reason on record";
    reasons.set(why, [...(reasons.get(why) ?? []), readable(line, line.configurations[cell.c])]);
  }
  if (!reasons.size) return null;
  const count = [...reasons.values()].reduce((sum, names) => sum + names.length, 0);
  return el(
    "details",
    { class: "folded" },
    el("summary", {}, `n/a: ${plural(count, "configuration")} that this release cannot do`),
    el("dl", { class: "facts" }, [...reasons].flatMap(([why, names]) => [el("dt", {}, why), el("dd", {}, names.join("; "))])),
  );
}
