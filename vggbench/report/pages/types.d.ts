/**
 * The types of the pages' scripts: first what stands in the data files, as data.py writes them, then
 * what the scripts hand to one another. Only `make lint` reads this file.
 */

// -- data/index.json

export interface Index {
  schema: number;
  tracks: Track[];
  machines: Machine[];
  profiles: Record<string, Profile>;
  measures: Measure[];
  lines: ListedLine[];
  left_out: LeftOut[];
}

export interface Track {
  name: string;
  framework: string;
  /** What people call it: the framework, or "TensorFlow nightly". */
  title: string;
  releases: Release[];
}

export interface Release {
  name: string;
  version: string;
  date: string;
  python: string;
  commit: string;
  note?: string;
  /** A pre-release whose version has a newer one, or its final: not the one before any other. */
  superseded?: true;
  /** The day since which the index has it no more. */
  gone?: string;
}

export interface Machine {
  name: string;
  /** What asv knows of it: cpu, num_cpu, ram, gpu, os, arch. */
  facts: Record<string, string>;
}

export interface Profile {
  device: string;
  batch_size: number;
  image_size: number;
}

export interface Measure {
  key: string;
  title: string;
  unit: string;
  scale: number;
  better: string;
  takes_time: boolean;
  /** The method whose graph asv has of it; null where it has none. */
  benchmark: string | null;
}

/** A line's place in the index. */
export interface ListedLine {
  id: string;
  machine: string;
  profile: string;
  track: string;
  family: string;
  params: string[];
  measures: string[];
  numbers: number;
  newest: string;
}

export interface LeftOut {
  machine: string;
  release: string;
  why: string;
  records: number;
}

// -- data/params.json

export interface Params {
  schema: number;
  lacking: string;
  frameworks: Record<string, Param[]>;
}

export interface Param {
  name: string;
  role: string | null;
  title: string;
  about: string | null;
  words: string[];
  shown: Record<string, string>;
}

// -- data/ID.json

/** An estimate, which ends with the number of its processes, or a level of a chain, which has none. */
export type Figures = [value: number, low: number, high: number, processes?: number];

export type Interval = [value: number, low: number, high: number];

/** A verdict in short. */
export interface Brief {
  outcome: string;
  against: string | null;
  ratio?: Interval;
  /** Of a measure that has no ratio: what it differs by, in the unit of records. */
  difference?: Interval;
  acknowledged?: string;
}

/** What is drawn of a configuration in a release: a cell of the data, or a level (chain.js). */
export interface Drawn {
  release: string;
  /** The place of the configuration. */
  c: number;
  outcome: string;
  /** The place of the reason in the line's whys. */
  why?: number;
  samples?: number;
  processes?: number;
  estimates?: Record<string, Figures>;
  /** The estimates of the earlier run, where the line is cut. */
  earlier?: Record<string, Figures>;
  otherwise?: string;
  busy?: string;
  idle?: string;
  /** The place of the state in the line's states. */
  state?: number;
  verdicts?: Record<string, Brief>;
  /** Of a level alone: the base of its component, and which of the chain's it is. */
  component?: { base: string; place: number };
}

export interface Cell extends Drawn {
  run: string;
  started: string;
  processes: number;
}

/** What no run of asv has measured in a configuration of a release, and others have. */
export interface Aside extends Drawn {
  /** How many processes ran in duets, and how many took turns. */
  in_duets: number;
  in_turns: number;
}

export interface Chain {
  c: number;
  measure: string;
  /** Its components. */
  parts: { base: string; levels: Record<string, Interval> }[];
  loops: Loop[];
  between_links: number;
  left_out: { before: string; after: string; blocks: number }[];
  elsewhere: number;
}

export interface Loop {
  through: string[];
  direct: number;
  around: number;
  misfit: Interval;
  misfits: boolean;
}

export interface Line extends ListedLine {
  schema: number;
  configurations: string[][];
  whys: string[];
  states: string[];
  cells: Cell[];
  /** Of what has no cell. */
  asides: Aside[];
  /** The place of the configuration in which the first page opens. */
  plain: number | null;
  /** What the first page says, by measure. */
  headlines: Record<string, Headlines>;
  chains?: Chain[];
}

export interface Headlines {
  /** The largest changes that are sure, each in a sentence. */
  largest: { release: string; c: number; outcome: string; text: string }[];
  /** How many are sure in all. */
  changes: number;
  /** By place of a configuration: how many comparisons are not sure. */
  not_sure: number[];
}

// -- data/ID-choices.json

export interface Choices {
  schema: number;
  releases: Record<string, Choice[]>;
}

export interface Choice {
  param: string;
  /** Places of two configurations. */
  one: number;
  other: number;
  ratio: number | null;
  clear: boolean;
  payback: number | null;
  unclear?: string;
  otherwise?: string;
}

// -- data/ID-verdicts.json

export interface Verdicts {
  schema: number;
  why_none: string | null;
  verdicts: Told[];
  changes: LineChange[];
}

export interface Told extends Brief {
  release: string;
  c: number;
  measure: string;
  notes: string[];
  next: string | null;
}

export interface LineChange {
  c: number;
  measure: string;
  kind: string;
  before: string;
  first: string;
  last: string;
  ratio: Interval;
}

// -- data/ID-across.json

/** What all machines say of the verdicts of a line that are sure. */
export interface Across {
  schema: number;
  verdicts: Beside[];
}

export interface Beside {
  release: string;
  c: number;
  measure: string;
  /** How many machines say the same. */
  same: number;
  /** How many machines have an answer. */
  of: number;
  /** All that have numbers of both releases; one that is not sure has no answer. */
  machines: OnMachine[];
}

export interface OnMachine {
  machine: string;
  outcome: string;
  ratio?: Interval;
  difference?: Interval;
}

// -- data/machines.json

export interface Machines {
  schema: number;
  machines: ToldMachine[];
}

/** Of what a list has, the newest comes first; it is empty where no record tells. */
export interface ToldMachine {
  name: string;
  /** What asv knows of it, as in the index. */
  asv: Record<string, string>;
  processor: string[];
  cpus: string[];
  kernel: string[];
  governor: string[];
  gpu: string[];
  /** Null where there is no limit. */
  memory_limit_bytes: number | null;
  noise: MachineNoise[];
  measured: MachineRow[];
  /** When its newest process ended; null where no record tells. */
  heard: string | null;
}

/** What calibrations of a profile tell; null where there are too few blocks. */
export interface MachineNoise {
  profile: string;
  blocks: number;
  deviation: number | null;
  bias: number | null;
}

export interface MachineRow {
  profile: string;
  /** Null for releases that are on none. */
  track: string | null;
  /** How many have a number, of all of the track. */
  releases: number;
  of: number;
  /** How many comparisons of the step are sure; null where nothing could be judged. */
  answered: number | null;
  comparisons: number | null;
  processes: number;
  hours: number;
}

// -- data/releases-TRACK.json

export interface Releases {
  schema: number;
  /** Why nothing says how much is downloaded. */
  downloaded: string;
  releases: Record<string, Locks>;
}

/** The locks of a release by their names, such as "cpu", and the names by devices. */
export interface Locks {
  build: number;
  locks: Record<string, Lock>;
  lock_of: Record<string, string>;
}

export interface Lock {
  file: string;
  requirement: string;
  as_of: string;
  digest: string;
  packages: Record<string, string>;
  /** Of the environment; null where no record says so. */
  installed_bytes: number | null;
  since: string | null;
  changes: Record<string, VersionChange>;
}

/** Before and after; null where the lock has, or had, no such package. */
export type VersionChange = [before: string | null, after: string | null];

// -- data/seed.json

export interface Seed {
  schema: number;
  reference: { machine: string; mark: string; about: string; later: string };
  tables: SeedTable[];
}

export interface SeedTable {
  title: string;
  rows: ReportedRow[];
  /** Rows that were not there in 2017. */
  later: SeedRow[];
}

export interface SeedRow {
  name: string;
  framework: string;
  configuration: Record<string, string>;
}

export interface ReportedRow extends SeedRow {
  reported_ms: number;
}

// -- what the scripts hand to one another

export type Child = Node | string | null | undefined | readonly Child[];

/** Attributes of an element; those that begin with "on" are listeners. */
export interface Props {
  // biome-ignore lint/suspicious/noExplicitAny: of an event, what its element is.
  [name: string]: string | boolean | null | undefined | ((event: any) => void);
}

/** The line that the address asks for (choice.js), and what else could be chosen. */
export interface Chosen {
  track: string;
  machine: string | undefined;
  machines: string[];
  profile: string | undefined;
  profiles: string[];
  line: ListedLine | undefined;
  lines: ListedLine[];
}

/** What a page that needs more than a line's figures has gathered. */
export interface Gathered<More> {
  chosen: Chosen;
  line: Line | null;
  more: More | null;
}

export type Redraw = () => void;

/** A line whose cells may be levels. */
export interface DrawnLine extends Omit<Line, "cells"> {
  cells: Drawn[];
}

/** What is shown of a line where its chain is chosen. */
export interface Chained {
  line: DrawnLine;
  measure: Measure;
  chains: Chain[];
}

/** What the chart, and all below it on the page History, shows. */
export interface Picture {
  track: Track;
  across: Across;
  line: DrawnLine;
  measure: Measure;
  /** What can be chosen. */
  measures: Measure[];
  /** Places of configurations: all, those that some release can do, ticked ones, and drawn ones. */
  all: number[];
  possible: number[];
  ticked: number[];
  shown: number[];
  releases: Release[];
  byDate: boolean;
  log: boolean;
  intervals: boolean;
  /** Null where absolute figures are shown. */
  chain: Chained | null;
  /** Whether there are both levels and absolute figures. */
  hasChoice: boolean;
  /** What is shown unless the address asks for the other: "chain" or "absolute". */
  opensOn: string;
}

/** How a configuration looks. */
export interface Look {
  colour: string;
  dashed: boolean;
  hollow: boolean;
}

export interface Palette {
  text: string;
  faint: string;
  grid: string;
  axis: string;
  surface: string;
  bad: string;
  good: string;
  none: string;
}

/** Sizes in px. */
export interface Sizes {
  height: number;
  left: number;
  right: number;
  bottom: number;
  /** The diameter of a point, half the width of an interval's ends, and a triangle's size. */
  point: number;
  cap: number;
  triangle: number;
}

/** What all pieces of a chart need: the picture, its sizes, and what lies where. */
export interface Plan extends Picture {
  narrow: boolean;
  sizes: Sizes;
  height: number;
  plotHeight: number;
  lanesTop: number;
  /** The cells by the place of their release and that of their configuration. */
  at: Map<string, Drawn>;
  /** Places of the configurations that could not always be measured. */
  lanes: number[];
  palette: Palette;
  look: Look[];
  x: (release: Release) => string | number;
  value: (figures: Figures) => number[];
}

/** A point of a chart. Of a gap the second value is null, and there is no cell. */
export interface Point {
  value: [string | number, number | null];
  cell: Drawn | null;
  release?: Release;
  figures?: Figures;
}

/** A chart that is drawn. */
export interface Chart {
  at: Map<string, Drawn>;
  /** Shows what a hover would, by the places of a release and a configuration; returns the cell. */
  show(release: number, c: number): Drawn | null;
  hide(): void;
}

/** What is used of Apache ECharts. */
export interface EChart {
  resize(): void;
  setOption(option: object, how: { notMerge: boolean }): void;
  dispatchAction(action: object): void;
  off(event: "click"): void;
  on(event: "click", listener: (event: { data?: Partial<Point> }) => void): void;
}

declare global {
  /** Missing where its file was not published. */
  var echarts:
    | undefined
    | {
        init(holder: HTMLElement, theme: null, options: { renderer: "svg" }): EChart;
        getInstanceByDom(holder: HTMLElement): EChart | undefined;
      };
  /** jQuery, and asv's scripts on it: in asv's own pages alone. */
  // biome-ignore lint/suspicious/noExplicitAny: neither has types.
  var $: any;
}
