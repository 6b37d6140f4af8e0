// History: what changed most, in sentences; then a measure over the releases of a track, a line a
// configuration: levels against a base where there are as many of them as absolute figures, or when asked
// for, else what each release took itself.
/** @import { Chosen, Index, Picture, Redraw } from "../types.js" */

import { releaseCard } from "./card.js";
import { aboutChains } from "./chain.js";
import { draw } from "./chart.js";
import { choice } from "./choice.js";
import { checkbox, fill, formOf, lineControls, nothing, select, setter } from "./controls.js";
import { byId, el, problem } from "./elements.js";
import { titled } from "./figures.js";
import { headlines } from "./headlines.js";
import { listen } from "./keyboard.js";
import { legend } from "./legend.js";
import { asvGraph } from "./links.js";
import { listing } from "./listing.js";
import { start } from "./page.js";
import { readable } from "./params.js";
import { picker } from "./picker.js";
import { viewOf } from "./picture.js";

/** After a change of width, until the chart is drawn anew (ms): a window is pulled in many steps. */
const SETTLED_MS = 120;

const NO_LIBRARY =
  "The chart's library was not installed when this was published (make setup, asv publish); the figures are in the table below.";

const form = formOf("controls");
const chartForm = formOf("chart-controls");

/** @type {Parameters<typeof listen>[1]} */
let currentOf = () => null;

start(viewOf, show).then((redraw) => {
  document.addEventListener("themechange", redraw);
  redrawWithWidth(redraw);
  listen(byId("chart"), () => currentOf());
});

/** @param {Redraw} redraw */
function redrawWithWidth(redraw) {
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, SETTLED_MS);
  });
}

/**
 * @param {Index} index
 * @param {{ chosen: Chosen, picture: Picture | null }} view
 * @param {Redraw} redraw
 */
function show(index, { chosen, picture }, redraw) {
  currentOf = () => null;
  // Of what a few blocks of duets alone have measured there are verdicts, and nothing to draw. What
  // failed, or is n/a, has no figures either, but is drawn with its reasons.
  const drawn = picture && (picture.measures.length || picture.line.cells.length) ? picture : null;
  fill(form, lineControls(index, chosen, redraw), drawn && measureControl(drawn, redraw));
  headlines(index, picture);
  byId("chart-card").hidden = !drawn;
  byId("figures").hidden = !drawn;
  byId("release").hidden = !drawn;
  byId("chain").hidden = !drawn?.chain;
  if (!drawn) {
    byId("problem").replaceChildren(nothing(index, chosen));
    return;
  }
  fill(chartForm, chartControls(drawn, redraw));
  titles(index, drawn);
  picker(drawn, redraw);
  legend(drawn);
  chart(drawn);
  releaseCard(drawn);
  const { line, chain } = drawn;
  byId("chain").replaceChildren(...(chain ? aboutChains(line, chain.chains) : []));
  listing(drawn);
}

/**
 * Null where nothing has a figure.
 * @param {Picture} picture
 * @param {Redraw} redraw
 */
function measureControl({ measures, measure }, redraw) {
  if (!measures.length) return null;
  const titles = measures.map((one) => [one.key, one.title]);
  const set = setter("measure", measures.at(0)?.key, redraw);
  return select("Measure", "measure", titles, measure.key, set);
}

/**
 * How the chart shows it.
 * @param {Picture} picture
 * @param {Redraw} redraw
 */
function chartControls({ hasChoice, opensOn, chain, byDate, log, intervals }, redraw) {
  const figures = [
    ["chain", "levels: the chain"],
    ["absolute", "absolute"],
  ];
  const orders = ["version", "date"].map((word) => [word, word]);
  const setFigures = setter("figures", opensOn, redraw);
  const setOrder = setter("order", "version", redraw);
  const setScale = setter("scale", "linear", redraw);
  const setIntervals = setter("intervals", "yes", redraw);
  const shown = chain ? "chain" : "absolute";
  return [
    hasChoice ? select("Figures", "figures", figures, shown, setFigures) : null,
    select("Releases in order of", "order", orders, byDate ? "date" : "version", setOrder),
    checkbox("Log scale", "log", log, (on) => setScale(on ? "log" : "linear")),
    checkbox("Intervals", "intervals", intervals, (on) => setIntervals(on ? "yes" : "no")),
  ];
}

/** @param {string} title */
const lowerCase = (title) => title.toLowerCase().replace("gpu", "GPU").replace("cpu", "CPU");

/**
 * What the chart is of, and on which machine.
 * @param {Index} index
 * @param {Picture} picture
 */
function titles(index, { line, measure, track, shown }) {
  const title = { ...measure, title: lowerCase(measure.title) };
  byId("chart-title").textContent =
    `${track.title}: ${titled(title)}, on ${line.machine}, ${line.profile}`;
  byId("machine").textContent = machineText(index, line.machine);
  const one = shown.length === 1 ? line.configurations[shown[0]] : null;
  byId("configuration").textContent = one ? readable(line, one) : "";
  const href = asvGraph(line, measure, one);
  byId("asv-link").replaceChildren(...(href ? [el("a", { href }, "asv's own graph")] : []));
}

/**
 * What asv knows of a machine.
 * @param {Index} index
 * @param {string} name
 */
function machineText(index, name) {
  const facts = index.machines.find((one) => one.name === name)?.facts ?? {};
  const ram = Number(facts.ram);
  const cpus = facts.num_cpu ? `${facts.num_cpu} CPUs` : "";
  const gigabytes = ram > 0 ? `${Math.round(ram / 1e9)} GB` : "";
  return [facts.gpu, facts.cpu, cpus, gigabytes, facts.os].filter(Boolean).join(" · ");
}

/** @param {Picture} picture */
function chart(picture) {
  const pick = (/** @type {string} */ name) => {
    choice.set({ release: name });
    releaseCard(picture);
  };
  const drawn = draw(byId("chart"), picture, pick);
  if (drawn) {
    currentOf = () => ({ picture, chart: drawn, pick });
    return;
  }
  byId("chart").hidden = true;
  /** @type {HTMLDetailsElement} */ (byId("figures")).open = true;
  problem(NO_LIBRARY);
}
