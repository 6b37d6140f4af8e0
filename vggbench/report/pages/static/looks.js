// The colours of the chart in both schemes, and how a configuration looks on it and beside its name.
/** @import { DrawnLine, Look, Palette } from "../types.js" */

import { el } from "./elements.js";
import { distinct } from "./lists.js";
import { isChosen, paramsOf } from "./params.js";

// A hollow mark says that the layout is not the default, a dashed line that the step is compiled, the
// hue all else. Each tone has at least 3:1 against the background.
const HUES = {
  light: ["#0b5cad", "#b34a00", "#17753a", "#7040b0", "#b0256b", "#0a7078"],
  dark: ["#6cb2ff", "#ffa657", "#5fd38a", "#c4a0ff", "#ff8ac0", "#56d4dd"],
};
/** @type {{ light: Palette, dark: Palette }} */
const COLOURS = {
  light: {
    text: "#1c2430",
    faint: "#566070",
    grid: "#e3e7ec",
    axis: "#8a94a3",
    surface: "#ffffff",
    bad: "#b3261e",
    good: "#17753a",
    none: "#6b7583",
  },
  dark: {
    text: "#e6eaf0",
    faint: "#a3adba",
    grid: "#2a323d",
    axis: "#6d7887",
    surface: "#171c23",
    bad: "#ff8a80",
    good: "#5fd38a",
    none: "#97a2b0",
  },
};

/** The roles of the params that a look shows otherwise than by its hue. */
const NO_HUE = ["layout", "compiler"];

/** Of a line and of the edge of a hollow point, in px. */
export const STROKE = 1.75;

function scheme() {
  const chosen = document.documentElement.dataset.theme;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return chosen === "dark" || chosen === "light" ? chosen : system;
}

export const colours = () => COLOURS[scheme()];

/**
 * How each configuration of a line looks.
 * @param {DrawnLine} line
 * @returns {Look[]}
 */
export function looks(line) {
  const hues = HUES[scheme()];
  const params = paramsOf(line);
  const keys = line.configurations.map((words) =>
    words.filter((_, i) => !NO_HUE.includes(params[i].role ?? "")).join("\0"),
  );
  const groups = distinct(keys);
  return line.configurations.map((words, c) => ({
    colour: hues[groups.indexOf(keys[c]) % hues.length],
    dashed: isChosen(line, words, "compiler"),
    hollow: isChosen(line, words, "layout"),
  }));
}

/**
 * The same as a small picture beside a configuration's name, by style sheet.
 * @param {Look} look
 */
export function swatch(look) {
  const classes = ["swatch", look.dashed && "dashed", look.hollow && "hollow"].filter(Boolean);
  const made = el("span", { class: classes.join(" "), "aria-hidden": "true" });
  made.style.color = look.colour;
  return made;
}
