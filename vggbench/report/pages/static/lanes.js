// Below the chart: a row for each configuration that could not always be measured.
/** @import { Plan } from "../types.js" */
import { STROKE } from "./looks.js";
import { cellAt, LANE } from "./plan.js";

const CROSS = "path://M1,0 L5,4 L9,0 L10,1 L6,5 L10,9 L9,10 L5,6 L1,10 L0,9 L4,5 L0,1 Z";
const DASH = "path://M0,3.6 L10,3.6 L10,6.4 L0,6.4 Z";
const RING = "emptyCircle";

/** Left of a row, counted from where it begins (px): how its configuration looks on the chart. */
const SIGN = { line: [-32, -18], dashes: [4, 3], point: -12, radius: 3.5, rule: -4 };

/**
 * The outcomes in the rows, in ECharts' terms.
 * @param {Plan} plan
 */
export function outcomesOf(plan) {
  const { releases, lanes, palette, x } = plan;
  const kinds = [
    { word: "n/a", symbol: DASH, color: palette.none, size: [8, 3] },
    { word: "failed", symbol: CROSS, color: palette.bad, size: 9 },
    { word: "interrupted", symbol: RING, color: palette.none, size: 7 },
  ];
  return kinds.map(({ word, symbol, color, size }) => ({
    id: `lane ${word}`,
    type: "scatter",
    xAxisIndex: 1,
    yAxisIndex: 1,
    symbol,
    symbolSize: size,
    itemStyle: { color, opacity: 1 },
    data: releases.flatMap((release, i) =>
      lanes.flatMap((c, place) => {
        const cell = cellAt(plan, i, c);
        if (cell?.outcome !== word) return [];
        return [{ value: [x(release), lanes.length - 1 - place], cell, release }];
      }),
    ),
    z: 4,
  }));
}

/**
 * What stands beside and across each row, so that one sees whose it is.
 * @param {Plan} plan
 * @param {number} width
 */
export function signsOf({ lanes, look, palette, sizes, lanesTop }, width) {
  const { left, right } = sizes;
  /**
   * @param {number} y
   * @param {number} x1
   * @param {number} x2
   */
  const level = (y, x1, x2) => ({ type: "line", silent: true, shape: { x1, x2, y1: y, y2: y } });
  return lanes.flatMap((c, place) => {
    const { colour, dashed, hollow } = look[c];
    const y = lanesTop + (place + 0.5) * LANE;
    const [from, to] = SIGN.line.map((x) => left + x);
    return [
      {
        ...level(y, left + SIGN.rule, width - right),
        z: 1,
        style: { stroke: palette.grid, lineWidth: 1 },
      },
      {
        type: "circle",
        silent: true,
        shape: { cx: left + SIGN.point, cy: y, r: SIGN.radius },
        style: hollow
          ? { fill: palette.surface, stroke: colour, lineWidth: STROKE }
          : { fill: colour },
      },
      {
        ...level(y, from, to),
        style: {
          stroke: colour,
          lineWidth: STROKE,
          lineDash: dashed ? SIGN.dashes : undefined,
        },
      },
    ];
  });
}
