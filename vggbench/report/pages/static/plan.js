// What lies where on the chart: the plan that all of its pieces share, and the points of its lines.
/** @import { Drawn, Figures, Picture, Plan, Point, Release, Sizes } from "../types.js" */
import { grouped } from "./lists.js";
import { colours, looks } from "./looks.js";

/** A chart that is narrower (px) is a phone's: it is shorter, and its marks are smaller. */
const NARROW = 640;
/**
 * `left` has room for the figures of the axis, `bottom` for the versions, which are turned.
 * @type {Sizes}
 */
const WIDE_SIZES = {
  height: 430,
  left: 64,
  right: 16,
  bottom: 64,
  point: 7,
  cap: 3.5,
  triangle: 12,
};
/** @type {Sizes} */
const NARROW_SIZES = {
  height: 330,
  left: 46,
  right: 8,
  bottom: 58,
  point: 5,
  cap: 2,
  triangle: 9,
};
/** Above the lines, for the name of the axis (px). */
export const TOP = 34;
/** The height of a row below the chart (px). */
export const LANE = 15;
/** Below those rows (px). */
const BELOW_LANES = 30;

/**
 * @param {number} i the place of a release
 * @param {number} c the place of a configuration
 */
const placeOf = (i, c) => `${i} ${c}`;

/**
 * The cell of a release in a configuration.
 * @param {Pick<Plan, "at">} plan
 * @param {number} i
 * @param {number} c
 */
export const cellAt = ({ at }, i, c) => at.get(placeOf(i, c));

/**
 * @param {HTMLElement} holder
 * @param {Picture} picture
 * @returns {Plan}
 */
export function planOf(holder, picture) {
  const { line, releases, measure, byDate, shown } = picture;
  const narrow = holder.clientWidth < NARROW;
  const sizes = narrow ? NARROW_SIZES : WIDE_SIZES;
  const place = new Map(releases.map((release, i) => [release.name, i]));
  /** @type {Map<string, Drawn>} */
  const at = new Map();
  for (const cell of line.cells) {
    const i = place.get(cell.release);
    if (i !== undefined && shown.includes(cell.c)) at.set(placeOf(i, cell.c), cell);
  }
  const unable = new Set(
    [...at.values()].filter((cell) => cell.outcome !== "ok").map((cell) => cell.c),
  );
  const lanes = shown.filter((c) => unable.has(c));
  const plotHeight = sizes.height - TOP - sizes.bottom;
  return {
    ...picture,
    narrow,
    sizes,
    at,
    lanes,
    palette: colours(),
    look: looks(line),
    x: (release) => (byDate ? release.date : (place.get(release.name) ?? 0)),
    value: (figures) => figures.slice(0, 3).map((one) => Number(one) * measure.scale),
    height: sizes.height + (lanes.length ? lanes.length * LANE + BELOW_LANES : 0),
    plotHeight,
    lanesTop: TOP + plotHeight + sizes.bottom,
  };
}

/**
 * Whether figures can be drawn: 0 has no place on a logarithmic axis.
 * @param {boolean} log
 * @param {Figures} figures
 */
export const hasPlace = (log, figures) => !log || figures[0] > 0;

/**
 * @param {Plan} plan
 * @param {Release} release
 * @param {Drawn} cell
 * @param {Figures} figures
 * @returns {Point}
 */
const point = ({ x, value }, release, cell, figures) => ({
  value: [x(release), value(figures)[0]],
  cell,
  release,
  figures,
});

/**
 * Where a line ends, and may begin anew.
 * @param {string | number} x
 * @returns {Point}
 */
const gap = (x) => ({ value: [x, null], cell: null });

/**
 * The points of a configuration. The line passes over what is unmeasured, and ends where there is no
 * figure. It is cut between two states of the machine, of neighbours in the order that is drawn: by
 * date they may be others than by version.
 * @param {Plan} plan
 * @param {number} c
 * @returns {Point[]}
 */
export function pointsOf(plan, c) {
  if (plan.chain) return levelsOf(plan, c);
  const { releases, measure, log, x } = plan;
  let state = -1;
  return releases.flatMap((release, i) => {
    const cell = cellAt(plan, i, c);
    if (!cell) return [];
    const before = state;
    state = cell.state ?? state;
    const figures = cell.estimates?.[measure.key];
    const nothing = gap(x(release));
    if (!figures || !hasPlace(log, figures)) return [nothing];
    const own = point(plan, release, cell, figures);
    // What comes before was measured beside the earlier one: the line ends there and begins anew.
    const earlier = cell.earlier?.[measure.key];
    const otherwise = before >= 0 && cell.state !== undefined && cell.state !== before;
    if (otherwise || (earlier && !hasPlace(log, earlier))) return [nothing, own];
    return earlier ? [point(plan, release, cell, earlier), nothing, own] : [own];
  });
}

/**
 * The levels of a configuration: a piece of the line for each component of the chain.
 * @param {Plan} plan
 * @param {number} c
 */
function levelsOf(plan, c) {
  const { releases, measure } = plan;
  const own = releases.flatMap((release, i) => {
    const cell = cellAt(plan, i, c);
    const figures = cell?.estimates?.[measure.key];
    if (!cell?.component || !figures) return [];
    return [{ place: cell.component.place, point: point(plan, release, cell, figures) }];
  });
  const pieces = [...grouped(own, ({ place }) => place)]
    .sort(([a], [b]) => a - b)
    .map(([, piece]) => piece.map((one) => one.point));
  return pieces.flatMap((piece, i) => (i ? [gap(piece[0].value[0]), ...piece] : piece));
}

/**
 * The cells that have figures of the measure, each with them.
 * @param {Plan} plan
 * @returns {{ c: number, release: Release, cell: Drawn, figures: Figures }[]}
 */
export function measured(plan) {
  const { shown, releases, measure } = plan;
  return shown.flatMap((c) =>
    releases.flatMap((release, i) => {
      const cell = cellAt(plan, i, c);
      const figures = cell?.estimates?.[measure.key];
      return cell && figures ? [{ c, release, cell, figures }] : [];
    }),
  );
}
