// The history as a chart: Apache ECharts, drawn as SVG.
/** @import { Chart, EChart, Picture, Plan, Point } from "../types.js" */
import { figureAxis, laneAxis, releaseAxes } from "./axes.js";
import { titled } from "./figures.js";
import { outcomesOf, signsOf } from "./lanes.js";
import { marksOf } from "./marks.js";
import { cellAt, LANE, planOf, TOP } from "./plan.js";
import { tip } from "./tip.js";

/**
 * Draws a picture into `holder`; null where the chart's library is not there. `onpick` gets the name of
 * a release that was clicked.
 * @param {HTMLElement} holder
 * @param {Picture} picture
 * @param {(release: string) => void} onpick
 * @returns {Chart | null}
 */
export function draw(holder, picture, onpick) {
  if (!globalThis.echarts) return null;
  const plan = planOf(holder, picture);
  holder.style.height = `${plan.height}px`;
  const known = globalThis.echarts.getInstanceByDom(holder);
  const chart = known ?? globalThis.echarts.init(holder, null, { renderer: "svg" });
  chart.resize();
  const series = [...marksOf(plan), ...outcomesOf(plan)];
  chart.setOption(optionOf(plan, series, holder.clientWidth), { notMerge: true });
  chart.off("click");
  chart.on("click", ({ data }) => {
    if (data?.release) onpick(data.release.name);
  });
  return {
    at: plan.at,
    show: (i, c) => showTip(chart, plan, series, i, c),
    hide: () => chart.dispatchAction({ type: "hideTip" }),
  };
}

/**
 * @param {Plan} plan
 * @param {object[]} series
 * @param {number} width
 */
function optionOf(plan, series, width) {
  const { palette, track, measure } = plan;
  const description = `${titled(measure)} over the releases of ${track.title}; the figures are in the table below.`;
  return {
    animation: false,
    textStyle: { fontFamily: "system-ui, sans-serif", color: palette.text },
    aria: { enabled: true, label: { description } },
    grid: gridsOf(plan),
    xAxis: releaseAxes(plan),
    yAxis: [figureAxis(plan), laneAxis(plan)],
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    tooltip: tooltipOf(plan),
    graphic: signsOf(plan, width),
    series,
  };
}

/**
 * Where the lines are, and the rows below them.
 * @param {Plan} plan
 */
const gridsOf = ({ sizes: { left, right }, plotHeight, lanes, lanesTop }) => [
  { left, right, top: TOP, height: plotHeight },
  {
    left,
    right,
    top: lanesTop,
    height: lanes.length * LANE,
    show: lanes.length > 0,
    backgroundColor: "transparent",
    borderWidth: 0,
  },
];

/** @param {Plan} plan */
const tooltipOf = ({ line, measure, palette }) => ({
  trigger: "item",
  confine: true,
  transitionDuration: 0,
  backgroundColor: palette.surface,
  borderColor: palette.axis,
  textStyle: { color: palette.text, fontSize: 13 },
  extraCssText: "max-width: 320px; white-space: normal; overflow-wrap: anywhere;",
  formatter: (/** @type {{ data?: Point }} */ { data }) =>
    data?.cell && data.release ? tip(line, measure, data.release, data.cell) : "",
});

/**
 * Shows what a hover over a cell would; null where there is none.
 * @param {EChart} chart
 * @param {Plan} plan
 * @param {{ id: string, data: unknown[] }[]} series
 * @param {number} i the place of a release
 * @param {number} c the place of a configuration
 */
function showTip(chart, plan, series, i, c) {
  const cell = cellAt(plan, i, c);
  if (!cell) return null;
  const id = cell.estimates?.[plan.measure.key] ? `line ${c}` : `lane ${cell.outcome}`;
  const seriesIndex = series.findIndex((one) => one.id === id);
  const points = /** @type {Point[]} */ (series[seriesIndex]?.data ?? []);
  // The last of a cell's points is that of its newest run.
  const dataIndex = points.findLastIndex((one) => one.cell === cell);
  if (dataIndex >= 0) chart.dispatchAction({ type: "showTip", seriesIndex, dataIndex });
  return cell;
}
