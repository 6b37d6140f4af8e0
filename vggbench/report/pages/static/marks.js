// What is drawn on the chart: lines, intervals, and the marks of verdicts and of a busy machine.
/** @import { Plan, Point } from "../types.js" */
import { BUSY_MARK } from "./badges.js";
import { busyText, hasInterval } from "./figures.js";
import { STROKE } from "./looks.js";
import { readable } from "./params.js";
import { measured, pointsOf } from "./plan.js";

/** What lies over what: intervals below their lines, triangles and exclamation marks on top. */
const LAYERS = { intervals: 2, lines: 3, marks: 5 };

/** The dashes of a line whose step is compiled, and the spaces between them (px). */
const DASHES = [5, 4];

/** Of the other lines, while one is hovered over: they are still to be seen. */
const BLURRED = { opacity: 0.18 };

/** How far a triangle stands from its point (px), so that both are seen. */
const ASIDE = 15;

/**
 * All that is drawn over the releases, in ECharts' terms.
 * @param {Plan} plan
 */
export function marksOf(plan) {
  const lines = plan.shown.flatMap((c) => {
    const points = pointsOf(plan, c);
    return plan.intervals
      ? [curve(plan, c, points), intervalsOf(plan, c, points)]
      : [curve(plan, c, points)];
  });
  const base = plan.chain ? [baseLine(plan)] : [];
  return [...lines, ...triangles(plan), busyMarks(plan), ...base];
}

/**
 * @param {Plan} plan
 * @param {number} c
 * @param {Point[]} points
 */
function curve({ line, look, sizes, palette }, c, points) {
  const { colour, dashed, hollow } = look[c];
  return {
    id: `line ${c}`,
    name: readable(line, line.configurations[c]),
    type: "line",
    data: points,
    connectNulls: false,
    symbol: "circle",
    symbolSize: sizes.point,
    showAllSymbol: true,
    lineStyle: { width: STROKE, type: dashed ? DASHES : "solid", color: colour },
    itemStyle: hollow
      ? { color: palette.surface, borderColor: colour, borderWidth: STROKE }
      : { color: colour },
    emphasis: { focus: "series", scale: 1.6 },
    blur: { lineStyle: BLURRED, itemStyle: BLURRED },
    z: LAYERS.lines,
  };
}

/**
 * @param {Plan} plan
 * @param {number} c
 * @param {Point[]} points
 */
function intervalsOf(plan, c, points) {
  const { look, log, sizes, value } = plan;
  const drawn = points.flatMap(({ value: [at], figures }) =>
    figures && hasInterval(figures) && (!log || figures[1] > 0)
      ? [[at, ...value(figures).slice(1)]]
      : [],
  );
  const style = { fill: "none", stroke: look[c].colour, lineWidth: 1.25, opacity: 0.75 };
  return {
    id: `interval ${c}`,
    type: "custom",
    silent: true,
    data: drawn,
    encode: { x: 0, y: [1, 2] },
    z: LAYERS.intervals,
    tooltip: { show: false },
    /**
     * One path for all of a line: an element for each would be most of the time to draw.
     * @param {{ dataIndexInside: number }} params
     * @param {{ coord: (at: (string | number)[]) => [number, number] }} api
     */
    renderItem: (params, api) => {
      if (params.dataIndexInside !== 0) return undefined;
      const paths = drawn.map(([at, low, high]) => {
        const [x, bottom] = api.coord([at, low]);
        const [, top] = api.coord([at, high]);
        const cap = (/** @type {number} */ y) => `M${x - sizes.cap},${y}H${x + sizes.cap}`;
        return `M${x},${bottom}V${top}${cap(bottom)}${cap(top)}`;
      });
      return { type: "path", shape: { pathData: paths.join("") }, style };
    },
  };
}

/**
 * What the verdicts call slower and faster.
 * @param {Plan} plan
 */
function triangles(plan) {
  const { measure, sizes, palette } = plan;
  const kinds = [
    { judged: "regressed", color: palette.bad, turned: 0, below: -ASIDE },
    { judged: "improved", color: palette.good, turned: 180, below: ASIDE },
  ];
  return kinds.map(({ judged, color, turned, below }) => ({
    id: judged,
    type: "scatter",
    symbol: "triangle",
    symbolRotate: turned,
    symbolSize: sizes.triangle,
    symbolOffset: [0, below],
    itemStyle: { color, borderColor: palette.surface, borderWidth: 1.5, opacity: 1 },
    data: spots(plan, ({ cell }) => cell.verdicts?.[measure.key]?.outcome === judged),
    z: LAYERS.marks,
  }));
}

/**
 * What was measured on a busy machine: a mark above the point.
 * @param {Plan} plan
 */
function busyMarks(plan) {
  return {
    id: "busy",
    type: "scatter",
    symbolSize: 0,
    silent: true,
    itemStyle: { opacity: 1 },
    label: {
      show: true,
      formatter: BUSY_MARK,
      position: "top",
      distance: 6,
      color: plan.palette.bad,
      fontWeight: 700,
    },
    data: spots(plan, ({ cell }) => busyText(plan.measure, cell) !== ""),
    z: LAYERS.marks,
  };
}

/**
 * The points of those cells of which something is so.
 * @param {Plan} plan
 * @param {(one: ReturnType<typeof measured>[number]) => boolean} isSo
 */
const spots = (plan, isSo) =>
  measured(plan)
    .filter(isSo)
    .map(({ release, cell, figures }) => ({
      value: [plan.x(release), plan.value(figures)[0]],
      cell,
      release,
    }));

/**
 * Where levels are as the base's.
 * @param {Plan} plan
 */
function baseLine({ palette }) {
  return {
    id: "base",
    type: "line",
    data: [],
    markLine: {
      silent: true,
      symbol: "none",
      animation: false,
      label: { show: false },
      lineStyle: { color: palette.axis, type: "solid", width: 1 },
      data: [{ yAxis: 1 }],
    },
  };
}
