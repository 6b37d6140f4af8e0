// Machines: what each is, how noisy, and what it has measured.
/** @import { Index, MachineNoise, MachineRow, Machines, ToldMachine } from "../types.js" */

import { load } from "./data.js";
import { byId, el } from "./elements.js";
import { plural, sizeOf } from "./figures.js";
import { present } from "./lists.js";
import { start } from "./page.js";
import { facts, lined, rowHead } from "./tables.js";

const NOT_RECORDED = "not recorded";
const GIGABYTE = 1e9;
/** Of a time: "2026-05-01T12:00". */
const LETTERS_OF_MINUTE = 16;

const HEADS = [
  "profile",
  "track",
  "releases with a number",
  "comparisons answered",
  "processes",
  "hours",
];

start(() => load("machines"), show);

/**
 * @param {Index} _index
 * @param {Machines} told
 */
function show(_index, { machines }) {
  byId("machines").replaceChildren(...(machines.length ? machines.map(card) : [nothing()]));
}

const nothing = () => {
  const command = el("code", {}, "make run");
  return el("p", { class: "notice" }, "Nothing is on record yet. Measure with: ", command);
};

/** @param {ToldMachine} machine */
function card(machine) {
  return el(
    "section",
    { class: "card", "aria-label": machine.name },
    el("h2", {}, machine.name),
    facts([
      ["processor", valuesText(machine.processor)],
      ["CPUs that a process may use", valuesText(machine.cpus)],
      ["memory", memoryText(machine)],
      ["kernel", valuesText(machine.kernel)],
      ["governor", valuesText(machine.governor)],
      ["GPU", valuesText(machine.gpu.length ? machine.gpu : present([machine.asv.gpu]))],
      ["as asv describes it", asvText(machine)],
      ["noise of blocks", machine.noise.map(noiseLine)],
      ["last heard of", machine.heard === null ? NOT_RECORDED : minuteText(machine.heard)],
    ]),
    lined(`What ${machine.name} has measured`, HEADS, machine.measured.map(rowOf)),
  );
}

/**
 * The newest value, and those before it.
 * @param {string[]} values
 */
function valuesText(values) {
  const [newest, ...others] = values;
  if (newest === undefined) return NOT_RECORDED;
  return others.length ? `${newest}; before: ${others.join(", ")}` : newest;
}

/** @param {number} bytes */
const gigabytes = (bytes) => `${(bytes / GIGABYTE).toFixed(1)} GB`;

/**
 * asv has the machine's, records what a control group allows of it.
 * @param {ToldMachine} machine
 */
function memoryText({ asv, memory_limit_bytes }) {
  const bytes = Number(asv.ram);
  const all = bytes > 0 ? gigabytes(bytes) : (asv.ram ?? NOT_RECORDED);
  if (memory_limit_bytes === null) return all;
  return `${all}, of which a process may use ${gigabytes(memory_limit_bytes)}`;
}

/**
 * What asv noted when the machine was named, which nobody may have looked at since.
 * @param {ToldMachine} machine
 */
function asvText({ asv }) {
  const cpus = asv.num_cpu ? plural(Number(asv.num_cpu), "CPU") : "";
  return present([asv.cpu, cpus, asv.os, asv.arch]).join(" · ") || NOT_RECORDED;
}

/** @param {MachineNoise} noise */
const noiseLine = (noise) => el("div", {}, `${noise.profile}: ${noiseText(noise)}`);

/** @param {MachineNoise} noise */
function noiseText({ blocks, deviation, bias }) {
  if (!blocks) return "not calibrated";
  const count = plural(blocks, "calibrating block");
  if (deviation === null) return `too few blocks to tell (${count})`;
  const off = bias ? `a bias of ${sizeOf(1 + bias)}` : "no bias that is sure";
  return `a deviation of ${sizeOf(1 + deviation)}, ${off} (${count})`;
}

/** @param {string} time */
const minuteText = (time) => `${time.slice(0, LETTERS_OF_MINUTE).replace("T", " ")} UTC`;

/** @param {MachineRow} row */
function rowOf({ profile, track, releases, of, answered, comparisons, processes, hours }) {
  const number = { class: "number" };
  return el(
    "tr",
    {},
    rowHead(profile),
    el("td", {}, track ?? "releases that are on no track"),
    el("td", number, track === null ? "–" : `${releases} of ${of}`),
    el("td", number, answered === null ? "–" : `${answered} of ${comparisons}`),
    el("td", number, String(processes)),
    el("td", number, hours.toFixed(1)),
  );
}
