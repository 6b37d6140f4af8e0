// The chart by keyboard: arrow keys go from point to point, and a screen reader hears the figures.
/** @import { Chart, Picture } from "../types.js" */
import { byId } from "./elements.js";
import { readable } from "./params.js";
import { cellAt } from "./plan.js";
import { tip } from "./tip.js";

/**
 * How far each key goes: in releases, and in configurations.
 * @type {Record<string, [number, number]>}
 */
const STEPS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * What the keyboard acts on: a chart with its picture, and what is done with a release that is picked.
 * @typedef {{ picture: Picture, chart: Chart, pick: (release: string) => void }} Current
 */

/**
 * Places of a release, and of a configuration among those that are shown.
 * @typedef {{ i: number, k: number }} Cursor
 */

/**
 * Listens on the chart's element; `currentOf` says what is drawn there now.
 * @param {HTMLElement} holder
 * @param {() => Current | null} currentOf
 */
export function listen(holder, currentOf) {
  /** @type {Cursor | null} */
  let cursor = null;
  holder.addEventListener("keydown", (event) => {
    const current = currentOf();
    if (!current?.picture.shown.length || !current.picture.releases.length) return;
    const { picture, chart, pick } = current;
    const step = STEPS[event.key];
    if (event.key === "Escape") chart.hide();
    else if (event.key === "Enter" && cursor) {
      pick(picture.releases[within(cursor.i, picture.releases)].name);
    } else if (step) {
      event.preventDefault();
      cursor = moved(current, cursor, step);
      byId("chart-live").textContent = spoken(current, cursor);
    }
  });
  holder.addEventListener("blur", () => currentOf()?.chart.hide());
}

/**
 * @param {number} place
 * @param {unknown[]} list
 */
const within = (place, list) => Math.min(Math.max(place, 0), list.length - 1);

/**
 * Where a step leads to: past releases that have nothing in this configuration. The first begins at the
 * newest release, in the first configuration.
 * @param {Current} current
 * @param {Cursor | null} cursor
 * @param {[number, number]} step
 * @returns {Cursor}
 */
function moved({ picture, chart }, cursor, [along, across]) {
  const { releases, shown } = picture;
  let { i, k } = cursor ?? { i: releases.length - 1 - along, k: Math.max(0, -across) };
  k = within(within(k, shown) + across, shown);
  for (let tries = 0; tries < releases.length; tries++) {
    i = within(i + along, releases);
    if (chart.show(i, shown[k]) || !along) break;
  }
  return { i, k };
}

/**
 * What a screen reader hears.
 * @param {Current} current
 * @param {Cursor} cursor
 */
function spoken({ picture, chart }, { i, k }) {
  const { line, measure, releases, shown } = picture;
  const [release, c] = [releases[i], shown[k]];
  const cell = cellAt(chart, i, c);
  if (!cell) {
    return `${release.name}: ${readable(line, line.configurations[c])}: unmeasured`;
  }
  const told = [...tip(line, measure, release, cell).children];
  return told.map((one) => one.textContent).join(". ");
}
