// The history as a chart: Apache ECharts, drawn as SVG.
import { levelTexts } from "./chain.js";
import { el } from "./elements.js";
import { BUSY_MARK, busyText, figure, hasInterval, interval, plural, ratioText, verdict, withUnit } from "./figures.js";
import { isChosen, paramsOf, readable } from "./params.js";

// A hollow mark says that the layout is not the default, a dashed line that the step is compiled, the
// hue all else. Each tone has at least 3:1 against the background.
const HUES = {
  light: ["#0b5cad", "#b34a00", "#17753a", "#7040b0", "#b0256b", "#0a7078"],
  dark: ["#6cb2ff", "#ffa657", "#5fd38a", "#c4a0ff", "#ff8ac0", "#56d4dd"],
};
const COLOURS = {
  light: { text: "#1c2430", faint: "#566070", grid: "#e3e7ec", axis: "#8a94a3", surface: "#ffffff", bad: "#b3261e", good: "#17753a", none: "#6b7583" },
  dark: { text: "#e6eaf0", faint: "#a3adba", grid: "#2a323d", axis: "#6d7887", surface: "#171c23", bad: "#ff8a80", good: "#5fd38a", none: "#97a2b0" },
};

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const colours = () => COLOURS[isDark() ? "dark" : "light"];

// How each configuration of a line looks: {colour, dashed, hollow}.
export function looks(line) {
  const hues = HUES[isDark() ? "dark" : "light"];
  const params = paramsOf(line);
  const groups = [];
  return line.configurations.map((words) => {
    const key = words.filter((_, i) => !["layout", "compiler"].includes(params[i].role)).join("\0");
    if (!groups.includes(key)) groups.push(key);
    return {
      colour: hues[groups.indexOf(key) % hues.length],
      dashed: isChosen(line, words, "compiler"),
      hollow: isChosen(line, words, "layout"),
    };
  });
}

// The same as a small picture beside a configuration's name, by style sheet.
export function swatch(look) {
  const made = el("span", {
    class: `swatch${look.dashed ? " dashed" : ""}${look.hollow ? " hollow" : ""}`,
    "aria-hidden": "true",
  });
  made.style.color = look.colour;
  return made;
}

const CROSS = "path://M1,0 L5,4 L9,0 L10,1 L6,5 L10,9 L9,10 L5,6 L1,10 L0,9 L4,5 L0,1 Z";
const DASH = "path://M0,3.6 L10,3.6 L10,6.4 L0,6.4 Z";
const RING = "emptyCircle";
const LANE = 15;

// Why the line is cut at a cell that was measured in another state of the machine.
export const otherwiseText = (cell) => `not compared with the release before: ${cell.otherwise}`;

// Why the line is cut at a cell that has an ``earlier`` estimate.
export const cutText = (measure, earlier) =>
  `measured again on another day, after ${withUnit(measure, figure(measure, earlier[0]))}: the machine may have changed, so the line is cut here`;

// What a hover, and a visit by keyboard, tells of a cell.
export function told(line, measure, release, cell) {
  const made = el("div", { class: "tip" });
  made.append(
    el("div", { class: "tip-head" }, `${release.name} · ${release.date}`),
    el("div", {}, readable(line, line.configurations[cell.c])),
  );
  const estimate = cell.estimates?.[measure.key];
  if (cell.component) {
    made.append(
      el("div", { class: "tip-figure" }, `${figure(measure, estimate[0])} × ${cell.component.base}`),
      ...levelTexts(measure, cell).map((text) => el("div", {}, text)),
    );
  } else if (estimate) {
    made.append(
      el("div", { class: "tip-figure" }, withUnit(measure, figure(measure, estimate[0]))),
      el("div", {}, interval(measure, estimate), estimate[3] > 1 ? `, ${plural(estimate[3], "process", "processes")}` : "", `, ${plural(cell.samples, "sample")}`),
    );
    if (busyText(measure, cell)) made.append(el("div", {}, busyText(measure, cell)));
    const earlier = cell.earlier?.[measure.key];
    if (earlier) made.append(el("div", {}, cutText(measure, earlier)));
    if (cell.otherwise) made.append(el("div", {}, otherwiseText(cell)));
  } else if (cell.outcome === "ok") {
    made.append(el("div", {}, `${measure.title}: not on record`));
  } else {
    made.append(el("div", { class: "tip-why" }, `${cell.outcome}: ${line.whys[cell.why] ?? "no reason on record"}`));
  }
  const judged = cell.verdicts?.[measure.key];
  if (judged) {
    made.append(el("div", {}, verdict(judged), judged.ratio ? ` ${ratioText(judged)}` : "", judged.against ? ` against ${judged.against}` : ""));
    if (judged.acknowledged !== undefined) made.append(el("div", {}, `acknowledged: ${judged.acknowledged}`));
  }
  made.append(el("div", { class: "tip-faint" }, `CPython ${release.python}`));
  return made;
}

// What all parts of a chart need of a view: how wide it is, and what lies where. ``at`` has the cells
// by release and configuration, ``lanes`` the configurations that could not always be measured.
function planOf(holder, view) {
  const { line, releases, measure, byDate, shown } = view;
  const narrow = holder.clientWidth < 640;
  const place = new Map(releases.map((release, i) => [release.name, i]));
  const at = new Map();
  for (const cell of line.cells) {
    const i = place.get(cell.release);
    if (i !== undefined && shown.includes(cell.c)) at.set(`${i} ${cell.c}`, cell);
  }
  const lanes = shown.filter((c) =>
    releases.some((_, i) => {
      const cell = at.get(`${i} ${c}`);
      return cell && cell.outcome !== "ok";
    }),
  );
  const bottom = narrow ? 58 : 64;
  const plotHeight = (narrow ? 330 : 430) - 34 - bottom;
  return {
    ...view,
    narrow,
    at,
    lanes,
    palette: colours(),
    look: looks(line),
    x: (release) => (byDate ? release.date : place.get(release.name)),
    value: (estimate) => estimate.slice(0, 3).map((one) => one * measure.scale),
    height: (narrow ? 330 : 430) + (lanes.length ? lanes.length * LANE + 30 : 0),
    left: narrow ? 46 : 64,
    right: narrow ? 8 : 16,
    plotHeight,
    lanesTop: 34 + plotHeight + bottom,
  };
}

// The points of a configuration. The line passes over what is unmeasured, and ends where there is no
// figure. It is cut between two states of the machine, of neighbours in the order that is drawn: by
// date they may be others than by version.
function pointsOf(plan, c) {
  const { releases, measure, at, x, value } = plan;
  if (plan.chain) return levelsOf(plan, c);
  let state;
  return releases.flatMap((release, i) => {
    const cell = at.get(`${i} ${c}`);
    if (!cell) return []; // unmeasured: the line passes over it
    const otherwise = state !== undefined && cell.state !== undefined && cell.state !== state;
    state = cell.state ?? state;
    const estimate = cell.estimates?.[measure.key];
    const nothing = { value: [x(release), null], cell: null };
    if (!estimate || !hasPlace(plan.log, estimate)) return [nothing];
    const point = (one) => ({ value: [x(release), value(one)[0]], cell, release, estimate: one });
    // What comes before was measured beside the earlier one: the line ends there and begins anew.
    const earlier = cell.earlier?.[measure.key];
    if (otherwise || (earlier && !hasPlace(plan.log, earlier))) return [nothing, point(estimate)];
    return earlier ? [point(earlier), nothing, point(estimate)] : [point(estimate)];
  });
}

// Whether an estimate, [figure, low, high], can be drawn: 0 has no place on a logarithmic axis.
export function hasPlace(log, estimate) {
  return !log || estimate[0] > 0;
}

// The levels of a configuration: a piece of the line for each component of the chain.
function levelsOf(plan, c) {
  const { releases, measure, at, x, value } = plan;
  const pieces = [];
  releases.forEach((release, i) => {
    const cell = at.get(`${i} ${c}`);
    if (!cell?.component) return;
    const estimate = cell.estimates[measure.key];
    (pieces[cell.component.place] ??= []).push({ value: [x(release), value(estimate)[0]], cell, release, estimate });
  });
  return pieces.flatMap((piece, place) => (place ? [{ value: [piece[0].value[0], null], cell: null }, ...piece] : piece));
}

function curve(plan, c, points) {
  const { line, look, narrow, palette } = plan;
  return {
    id: `line ${c}`,
    name: readable(line, line.configurations[c]),
    type: "line",
    data: points,
    connectNulls: false,
    symbol: "circle",
    symbolSize: narrow ? 5 : 7,
    showAllSymbol: true,
    lineStyle: { width: 1.75, type: look[c].dashed ? [5, 4] : "solid", color: look[c].colour },
    itemStyle: look[c].hollow
      ? { color: palette.surface, borderColor: look[c].colour, borderWidth: 1.75 }
      : { color: look[c].colour },
    emphasis: { focus: "series", scale: 1.6 },
    blur: { lineStyle: { opacity: 0.18 }, itemStyle: { opacity: 0.18 } },
    z: 3,
  };
}

function intervalsOf(plan, c, points) {
  const { look, narrow, value } = plan;
  const drawn = points
    .filter((point) => point.estimate && hasInterval(point.estimate) && (!plan.log || point.estimate[1] > 0))
    .map((point) => [point.value[0], ...value(point.estimate).slice(1)]);
  return {
    id: `interval ${c}`,
    type: "custom",
    silent: true,
    data: drawn,
    encode: { x: 0, y: [1, 2] },
    z: 2,
    tooltip: { show: false },
    // One path for all of a line: an element for each would be most of the time to draw.
    renderItem: (params, api) => {
      if (params.dataIndexInside !== 0) return undefined;
      const half = narrow ? 2 : 3.5;
      const parts = drawn.map(([at, low, high]) => {
        const [left, bottom] = api.coord([at, low]);
        const top = api.coord([at, high])[1];
        const cap = (y) => `M${left - half},${y}H${left + half}`;
        return `M${left},${bottom}V${top}${cap(bottom)}${cap(top)}`;
      });
      return {
        type: "path",
        shape: { pathData: parts.join("") },
        style: { fill: "none", stroke: look[c].colour, lineWidth: 1.25, opacity: 0.75 },
      };
    },
  };
}

// What the verdicts call slower and faster.
function triangles(plan) {
  const { releases, measure, shown, at, narrow, palette, x, value } = plan;
  return [
    ["regressed", palette.bad, 0, -15],
    ["improved", palette.good, 180, 15],
  ].map(([judged, colour, rotate, below]) => ({
    id: judged,
    type: "scatter",
    symbol: "triangle",
    symbolRotate: rotate,
    symbolSize: narrow ? 9 : 12,
    symbolOffset: [0, below],
    itemStyle: { color: colour, borderColor: palette.surface, borderWidth: 1.5, opacity: 1 },
    data: shown.flatMap((c) =>
      releases.flatMap((release, i) => {
        const cell = at.get(`${i} ${c}`);
        const estimate = cell?.estimates?.[measure.key];
        if (!estimate || cell.verdicts?.[measure.key]?.outcome !== judged) return [];
        return [{ value: [x(release), value(estimate)[0]], cell, release }];
      }),
    ),
    z: 5,
  }));
}

// What was measured on a busy machine: a mark above the point.
function busyMarks({ releases, measure, shown, at, palette, x, value }) {
  return {
    id: "busy",
    type: "scatter",
    symbolSize: 0,
    silent: true,
    itemStyle: { opacity: 1 },
    label: { show: true, formatter: BUSY_MARK, position: "top", distance: 6, color: palette.bad, fontWeight: 700 },
    data: shown.flatMap((c) =>
      releases.flatMap((release, i) => {
        const cell = at.get(`${i} ${c}`);
        const estimate = cell?.estimates?.[measure.key];
        return estimate && busyText(measure, cell) ? [{ value: [x(release), value(estimate)[0]], cell, release }] : [];
      }),
    ),
    z: 5,
  };
}

// Where levels are as the base's.
function baseLine({ palette }) {
  return {
    id: "base",
    type: "line",
    data: [],
    markLine: { silent: true, symbol: "none", animation: false, label: { show: false }, lineStyle: { color: palette.axis, type: "solid", width: 1 }, data: [{ yAxis: 1 }] },
  };
}

// Below the chart: what of a configuration could not be measured.
function outcomesOf(plan) {
  const { releases, lanes, at, palette, x } = plan;
  const laneOf = new Map(lanes.map((c, i) => [c, lanes.length - 1 - i]));
  return [
    ["n/a", DASH, palette.none, [8, 3]],
    ["failed", CROSS, palette.bad, 9],
    ["interrupted", RING, palette.none, 7],
  ].map(([word, symbol, colour, size]) => {
    const data = [];
    releases.forEach((release, i) => {
      for (const c of lanes) {
        const cell = at.get(`${i} ${c}`);
        if (cell?.outcome === word) data.push({ value: [x(release), laneOf.get(c)], cell, release });
      }
    });
    return {
      id: `lane ${word}`,
      type: "scatter",
      xAxisIndex: 1,
      yAxisIndex: 1,
      symbol,
      symbolSize: size,
      itemStyle: { color: colour, opacity: 1 },
      data,
      z: 4,
    };
  });
}

// The axes of the releases, of the chart and of the lanes below it.
function axesOf(plan) {
  const { releases, byDate, narrow, palette } = plan;
  const common = {
    axisLine: { lineStyle: { color: palette.axis } },
    axisTick: { alignWithLabel: true, lineStyle: { color: palette.axis } },
    splitLine: { show: false },
  };
  const label = { color: palette.faint, fontSize: 11, rotate: byDate ? 0 : 50, hideOverlap: true };
  const axis = (gridIndex, showLabel) =>
    byDate
      ? {
          ...common,
          type: "time",
          gridIndex,
          min: "dataMin",
          max: "dataMax",
          boundaryGap: ["2%", "2%"],
          axisLabel: { ...label, show: showLabel },
          axisTick: { show: showLabel },
        }
      : {
          ...common,
          type: "category",
          gridIndex,
          data: releases.map((release) => release.version),
          axisLabel: { ...label, show: showLabel, interval: narrow ? "auto" : 0, formatter: (text) => (text.length > 12 ? `${text.slice(0, 11)}…` : text) },
          axisTick: { ...common.axisTick, show: showLabel },
        };
  // Both grids need the same extent on a time axis, whatever their points are.
  const x0 = axis(0, true);
  const x1 = axis(1, false);
  if (byDate && releases.length) {
    const days = releases.map((release) => Date.parse(release.date));
    const margin = Math.max(864e5 * 20, (Math.max(...days) - Math.min(...days)) * 0.015);
    for (const one of [x0, x1]) Object.assign(one, { min: Math.min(...days) - margin, max: Math.max(...days) + margin });
  }
  return [x0, { ...x1, show: false }];
}

// What stands beside and across each lane, so that one sees whose it is.
function signsOf(plan, width) {
  const { lanes, look, palette, left, right, lanesTop } = plan;
  const middle = (c) => lanesTop + (lanes.indexOf(c) + 0.5) * LANE;
  return [
    ...lanes.map((c) => ({
      type: "line",
      silent: true,
      z: 1,
      shape: {
        x1: left - 4,
        x2: width - right,
        y1: middle(c),
        y2: middle(c),
      },
      style: { stroke: palette.grid, lineWidth: 1 },
    })),
    ...lanes.map((c) => ({
      type: "circle",
      silent: true,
      shape: { cx: left - 12, cy: middle(c), r: 3.5 },
      style: look[c].hollow ? { fill: palette.surface, stroke: look[c].colour, lineWidth: 1.75 } : { fill: look[c].colour },
    })),
    ...lanes.map((c) => ({
      type: "line",
      silent: true,
      shape: {
        x1: left - 32,
        x2: left - 18,
        y1: middle(c),
        y2: middle(c),
      },
      style: { stroke: look[c].colour, lineWidth: 1.75, lineDash: look[c].dashed ? [4, 3] : undefined },
    })),
  ];
}

// Draws {line, releases, measure, byDate, log, intervals, shown, chain} into ``holder``. ``onpick`` gets
// the name of a release that was clicked. Returns {show(releaseIndex, configuration), dispose()}.
export function draw(holder, view, onpick) {
  const plan = planOf(holder, view);
  const { line, measure, log, intervals, shown, at, lanes, palette, left, right, plotHeight, lanesTop } = plan;
  holder.style.height = `${plan.height}px`;
  const series = [];
  for (const c of shown) {
    const points = pointsOf(plan, c);
    series.push(curve(plan, c, points));
    if (intervals) series.push(intervalsOf(plan, c, points));
  }
  series.push(...triangles(plan), busyMarks(plan), ...outcomesOf(plan), ...(view.chain ? [baseLine(plan)] : []));
  const extent = log ? logExtent(line, shown, measure) : {};
  const named = measure.unit ? `${measure.title}, ${measure.unit}` : measure.title;
  const chart = echarts.getInstanceByDom(holder) ?? echarts.init(holder, null, { renderer: "svg" });
  chart.resize();
  chart.setOption(
    {
      animation: false,
      textStyle: { fontFamily: "system-ui, sans-serif", color: palette.text },
      aria: { enabled: true, label: { description: `${named} over the releases of ${view.framework}; the figures are in the table below.` } },
      grid: [
        { left, right, top: 34, height: plotHeight },
        { left, right, top: lanesTop, height: Math.max(0, lanes.length * LANE), show: lanes.length > 0, backgroundColor: "transparent", borderWidth: 0 },
      ],
      xAxis: axesOf(plan),
      yAxis: [
        {
          type: log ? "log" : "value",
          scale: measure.key === "loss" || log || Boolean(view.chain),
          name: `${named}${log ? ", log scale" : ""}`,
          nameLocation: "end",
          nameGap: 14,
          nameTextStyle: { align: "left", color: palette.faint, padding: [0, 0, 0, -left + 8] },
          axisLabel: {
            color: palette.faint,
            fontSize: 11,
            hideOverlap: true,
            formatter: measure.key === "loss" ? (v) => v.toPrecision(7) : undefined,
            customValues: log ? extent.ticks : undefined,
          },
          axisTick: { customValues: log ? extent.ticks : undefined },
          splitLine: { lineStyle: { color: palette.grid } },
          ...(log ? extent : {}),
        },
        {
          gridIndex: 1,
          type: "value",
          min: -0.5,
          max: Math.max(0.5, lanes.length - 0.5),
          interval: 1,
          axisLabel: { show: false },
          axisTick: { show: false },
          axisLine: { show: false },
          splitLine: { show: false },
        },
      ],
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: {
        trigger: "item",
        confine: true,
        transitionDuration: 0,
        backgroundColor: palette.surface,
        borderColor: palette.axis,
        textStyle: { color: palette.text, fontSize: 13 },
        extraCssText: "max-width: 320px; white-space: normal; overflow-wrap: anywhere;",
        formatter: ({ data }) => (data?.cell ? told(line, measure, data.release, data.cell) : ""),
      },
      graphic: signsOf(plan, holder.clientWidth),
      series,
    },
    { notMerge: true },
  );
  chart.off("click");
  chart.on("click", ({ data }) => data?.release && onpick(data.release.name));
  return {
    at,
    show(i, c) {
      const cell = at.get(`${i} ${c}`);
      if (!cell) return null;
      const id = cell.estimates?.[measure.key] ? `line ${c}` : `lane ${cell.outcome}`;
      const s = series.findIndex((one) => one.id === id);
      // The last of a cell's points is that of its newest run.
      const d = s < 0 ? -1 : series[s].data.findLastIndex((one) => one.cell === cell);
      if (d >= 0) chart.dispatchAction({ type: "showTip", seriesIndex: s, dataIndex: d });
      return cell;
    },
    hide: () => chart.dispatchAction({ type: "hideTip" }),
  };
}

// A logarithmic axis about the data: {min, max, ticks}, all round figures.
function logExtent(line, shown, measure) {
  let [low, high] = [Infinity, -Infinity];
  for (const cell of line.cells) {
    if (!shown.includes(cell.c)) continue;
    for (const estimates of [cell.estimates, cell.earlier]) {
      const estimate = estimates?.[measure.key];
      if (!estimate || !hasPlace(true, estimate)) continue;
      const least = estimate[1] > 0 ? estimate[1] : estimate[0];
      low = Math.min(low, least * measure.scale);
      high = Math.max(high, estimate[2] * measure.scale);
    }
  }
  if (!(low > 0) || !(high < Infinity)) return {};
  const steps = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const step of [1, 1.5, 2, 3, 5, 7]) steps.push(Number((step * 10 ** power).toPrecision(3)));
  }
  const min = steps.filter((step) => step <= low).at(-1);
  const max = steps.find((step) => step >= high);
  return { min, max, ticks: steps.filter((step) => step >= min && step <= max) };
}
