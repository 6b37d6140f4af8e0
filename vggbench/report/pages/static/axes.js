// The axes of the chart, and of the rows below it.
/** @import { Plan } from "../types.js" */
import { titled } from "./figures.js";
import { hasPlace } from "./plan.js";

/** Degrees by which the versions below the chart are turned, so that all of them find room. */
const TURNED = 50;
/** A longer version is cut (characters). */
const LONGEST_VERSION = 12;
/** Of axes, in px. */
const FONT = 11;
/**
 * By date, the axis is longer at either end than the time of its releases, by this share of it and by so
 * many days at least: the first and the last point keep off the edges.
 */
const MARGIN = { share: 0.015, days: 20 };
const DAY_MS = 24 * 60 * 60 * 1000;
/** What ticks of a logarithmic axis are, times powers of ten: few, and round. */
const ROUND = [1, 1.5, 2, 3, 5, 7];

/**
 * The axes of the releases, of the chart and of the rows below it, which is hidden.
 * @param {Plan} plan
 */
export function releaseAxes(plan) {
  const axis = plan.byDate ? dateAxis : versionAxis;
  return [axis(plan, 0, true), { ...axis(plan, 1, false), show: false }];
}

/**
 * @param {Plan} plan
 * @param {number} gridIndex
 * @param {boolean} show
 * @param {number} rotate
 */
const common = ({ palette }, gridIndex, show, rotate) => ({
  gridIndex,
  axisLine: { lineStyle: { color: palette.axis } },
  axisTick: { show, alignWithLabel: true, lineStyle: { color: palette.axis } },
  axisLabel: { show, color: palette.faint, fontSize: FONT, rotate, hideOverlap: true },
  splitLine: { show: false },
});

/**
 * Both grids need the same extent, whatever their points are.
 * @param {Plan} plan
 * @param {number} gridIndex
 * @param {boolean} show
 */
function dateAxis(plan, gridIndex, show) {
  const days = plan.releases.map((release) => Date.parse(release.date));
  const [first, last] = [Math.min(...days), Math.max(...days)];
  const margin = Math.max(MARGIN.days * DAY_MS, (last - first) * MARGIN.share);
  const extent = days.length ? { min: first - margin, max: last + margin } : {};
  return { ...common(plan, gridIndex, show, 0), type: "time", ...extent };
}

/**
 * @param {Plan} plan
 * @param {number} gridIndex
 * @param {boolean} show
 */
function versionAxis(plan, gridIndex, show) {
  const told = common(plan, gridIndex, show, TURNED);
  return {
    ...told,
    type: "category",
    data: plan.releases.map((release) => release.version),
    axisLabel: {
      ...told.axisLabel,
      interval: plan.narrow ? "auto" : 0,
      formatter: (/** @type {string} */ text) =>
        text.length > LONGEST_VERSION ? `${text.slice(0, LONGEST_VERSION - 1)}…` : text,
    },
  };
}

/**
 * The axis of the figures.
 * @param {Plan} plan
 */
export function figureAxis(plan) {
  const { log, chain, measure, palette, sizes } = plan;
  const extent = log ? logExtent(plan) : {};
  const customValues = log ? extent.ticks : undefined;
  const isLoss = measure.key === "loss";
  return {
    type: log ? "log" : "value",
    // Not from 0 on where 0 says nothing: losses and levels lie close together.
    scale: isLoss || log || chain !== null,
    name: `${titled(measure)}${log ? ", log scale" : ""}`,
    nameLocation: "end",
    nameGap: 14,
    nameTextStyle: { align: "left", color: palette.faint, padding: [0, 0, 0, 8 - sizes.left] },
    axisLabel: {
      color: palette.faint,
      fontSize: FONT,
      hideOverlap: true,
      formatter: isLoss ? (/** @type {number} */ value) => value.toPrecision(7) : undefined,
      customValues,
    },
    axisTick: { customValues },
    splitLine: { lineStyle: { color: palette.grid } },
    ...extent,
  };
}

/**
 * The axis of the rows below the chart, which is not seen.
 * @param {Plan} plan
 */
export const laneAxis = ({ lanes }) => ({
  gridIndex: 1,
  type: "value",
  min: -0.5,
  max: Math.max(0.5, lanes.length - 0.5),
  interval: 1,
  axisLabel: { show: false },
  axisTick: { show: false },
  axisLine: { show: false },
  splitLine: { show: false },
});

/**
 * Where a logarithmic axis about the data begins and ends, and its ticks, all round figures.
 * @param {Plan} plan
 * @returns {{ min?: number, max?: number, ticks?: number[] }}
 */
function logExtent({ line, shown, measure }) {
  const found = line.cells
    .filter((cell) => shown.includes(cell.c))
    .flatMap((cell) => [cell.estimates?.[measure.key], cell.earlier?.[measure.key]])
    .filter((figures) => figures !== undefined)
    .filter((figures) => hasPlace(true, figures));
  if (!found.length) return {};
  const low =
    Math.min(...found.map(([value, least]) => (least > 0 ? least : value))) * measure.scale;
  const high = Math.max(...found.map(([, , most]) => most)) * measure.scale;
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of ROUND) ticks.push(Number((step * 10 ** power).toPrecision(3)));
  }
  const min = ticks.filter((tick) => tick <= low).at(-1) ?? ticks[0];
  const max = ticks.find((tick) => tick >= high) ?? ticks[ticks.length - 1];
  return { min, max, ticks: ticks.filter((tick) => tick >= min && tick <= max) };
}
