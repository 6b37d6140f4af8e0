// Which configurations the chart shows: a tick for each, and buttons for several at once.
/** @import { DrawnLine, Picture, Redraw } from "../types.js" */

import { choice } from "./choice.js";
import { fill } from "./controls.js";
import { byId, el } from "./elements.js";
import { distinct } from "./lists.js";
import { looks, swatch } from "./looks.js";
import { paramsOf, readable, readableWord } from "./params.js";
import { ALL } from "./picture.js";

/** With more params, names of configurations are long: they need wider columns. */
const FEW_PARAMS = 3;

/**
 * @param {Picture} picture
 * @param {Redraw} redraw
 */
export function picker(picture, redraw) {
  const { line, all, possible, ticked } = picture;
  const plain = all.filter((c) => c === line.plain);
  /** @param {number[]} chosen */
  const set = (chosen) => {
    const names = chosen.length ? chosen.map((c) => line.configurations[c].join(" ")) : [""];
    const text = String(chosen) === String(possible) ? ALL : names;
    choice.set({ configuration: String(chosen) === String(plain) ? null : text });
    redraw();
  };
  const look = looks(line);
  const ticks = all.map((c) => {
    const box = el("input", {
      type: "checkbox",
      id: `configuration-${c}`,
      onchange: (event) =>
        set(all.filter((one) => (one === c ? event.target.checked : ticked.includes(one)))),
    });
    box.checked = ticked.includes(c);
    const remark = remarkOn(picture, c);
    const name = readable(line, line.configurations[c]);
    return el(
      "label",
      { class: "tick series-tick" },
      box,
      swatch(look[c]),
      el("span", {}, name, remark ? el("span", { class: "faint" }, remark) : null),
    );
  });
  fill(
    byId("series"),
    el("legend", {}, "Configurations"),
    el(
      "div",
      { class: "chips" },
      chip("only-plain", "the plain one", () => set(plain)),
      chip("only-all", "all", () => set(possible)),
      chips(line, set),
    ),
    el("div", { class: line.params.length > FEW_PARAMS ? "ticks long" : "ticks" }, ticks),
  );
}

/**
 * Why a configuration is not drawn.
 * @param {Picture} picture
 * @param {number} c
 */
function remarkOn({ line, possible, ticked, shown, chain }, c) {
  if (!possible.includes(c)) return " (n/a)";
  if (!chain && !line.cells.some((cell) => cell.c === c)) return " (no run of asv)";
  return chain && ticked.includes(c) && !shown.includes(c) ? " (no chain)" : "";
}

/**
 * A button for each word of each param: only the configurations that have it.
 * @param {DrawnLine} line
 * @param {(chosen: number[]) => void} set
 */
function chips(line, set) {
  const { configurations } = line;
  return paramsOf(line).flatMap((param, i) => {
    const found = distinct(configurations.map((one) => one[i]));
    if (found.length < 2) return [];
    return found.map((word, place) =>
      chip(`only-${i}-${place}`, `only ${readableWord(param, word)}`, () =>
        set(configurations.flatMap((one, c) => (one[i] === word ? [c] : []))),
      ),
    );
  });
}

/**
 * @param {string} id
 * @param {string} text
 * @param {() => void} onclick
 */
const chip = (id, text, onclick) =>
  el("button", { type: "button", class: "chip", id, onclick }, text);
