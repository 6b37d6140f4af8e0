"""How often the verdict is right, on series with a known answer, beside asv and Apache Otava.

The series are drawn; everything else is the product's own. The noise is estimated from each
history. ``judge`` suspects, ``next_batch`` says how many interleaved processes to draw next, and
``judge`` decides. The same series go through asv's step detection and, where the package
apache-otava is installed (``pip install -e '.[perf]'``), through Otava's change points. Both see a
release as asv does, by the median of all its samples, and neither can ask for more samples.

The deviations that are drawn, on a log scale: 2 % between processes, 5 % between samples, and 1 %
between sessions, which the configurations of a session share. Each release has a session of its
own. With heavy tails, a tenth of the processes are up to 12 % slower, uniformly. On a restless
line, nearly each release but the newest changed by 10 %. Anchors are what sittings of a history
measure again.

``--of blocks`` is about the verdict by duets, whose blocks perf/shared/drawn_blocks.py draws.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from asv._stats import get_weight
from asv.step_detect import detect_regressions, detect_steps
from asv_runner.statistics import compute_stats
from shared import common, drawn_blocks
from tabulate import tabulate

from vggbench.stats import noise
from vggbench.stats import whole_lines as history
from vggbench.stats.judge import Judgement, Noise, Process, judge
from vggbench.stats.policy import IMPROVED, REGRESSED, THRESHOLD, UNCHANGED
from vggbench.stats.sequential import next_batch, to_confirm

try:
    from otava.analysis import compute_change_points
except ImportError:
    compute_change_points = None

BETWEEN_PROCESSES = 0.02
BETWEEN_SAMPLES = 0.05
BETWEEN_SESSIONS = 0.01
TAIL_SHARE = 0.1
TAIL_MOST = 0.12

RELEASES = 20
CONFIGURATIONS = 12
PROCESSES = 4
SAMPLES = 10

#: As history.toml has them, in as many sessions as are needed to tell anything.
ANCHORS = 3
ANCHOR_PROCESSES = 3
SESSIONS = noise.LEAST_SESSIONS


class ProcessDraws:
    """Draws processes. ``heavy``: whether with heavy tails. ``louder``: how many times as much as
    usual processes and sessions scatter."""

    def __init__(self, seed: int, heavy: bool, louder: float = 1.0) -> None:
        self.draw = np.random.default_rng(seed)
        self.heavy = heavy
        self.louder = louder

    def session(self) -> float:
        """The drift of a new session, on a log scale."""
        return float(self.draw.normal(0, self.louder * BETWEEN_SESSIONS))

    def processes(self, count: int, level: float, drift: float, session: str) -> list[Process]:
        """Draw processes of a release. level, drift: of the release and the session, on a log
        scale. session: the session's name."""
        centres = level + drift + self.draw.normal(0, self.louder * BETWEEN_PROCESSES, count)
        if self.heavy:
            slow = self.draw.random(count) < TAIL_SHARE
            centres += slow * np.log1p(self.draw.uniform(0, TAIL_MOST, count))
        logs = centres[:, None] + self.draw.normal(0, BETWEEN_SAMPLES, (count, SAMPLES))
        return [Process(session, tuple(samples)) for samples in np.exp(logs).tolist()]

    def lines(self, levels: list[list[float]]) -> list[list[list[Process]]]:
        """The processes of each release of each configuration, whose levels these are."""
        drifts = [self.session() for _ in levels[0]]
        return [
            [
                self.processes(PROCESSES, level, drift, f"run {place}")
                for place, (level, drift) in enumerate(zip(line, drifts, strict=True))
            ]
            for line in levels
        ]

    def anchors(self) -> list[list[Process]]:
        """The calibrating processes of ANCHORS other configurations in SESSIONS sessions."""
        drifts = [self.session() for _ in range(SESSIONS)]
        return [
            [
                process
                for number, drift in enumerate(drifts)
                for process in self.processes(ANCHOR_PROCESSES, 0.0, drift, f"anchors {number}")
            ]
            for _ in range(ANCHORS)
        ]


@dataclass
class SeenHistory:
    """What came of a history. ``ours``, ``asv``, ``otava``: whether each found a slow-down.
    ``spent``: the processes that confirmed each configuration that was suspected. ``judged``: the
    number of configurations that were judged. ``unsure``: how many of them were left not sure."""

    ours: bool
    asv: bool
    otava: bool
    spent: list[int] = field(default_factory=list)
    judged: int = 0
    unsure: int = 0


def flat() -> list[list[float]]:
    """The levels of configurations without any change."""
    return [[0.0] * RELEASES for _ in range(CONFIGURATIONS)]


def newest(
    change: float, all_of_them: bool, seed: int, heavy: bool, louder: float = 1.0
) -> SeenHistory:
    """A history with a slow-down in the newest release of the first configuration, or with none.

    change: the slow-down, a ratio less one. all_of_them: whether a slow-down that is found counts
    in any configuration, or in the first alone.
    """
    machine = ProcessDraws(seed, heavy, louder)
    levels = flat()
    levels[0][-1] = math.log1p(change)
    return in_the_newest(machine, levels, all_of_them)


def restless(
    change: float, all_of_them: bool, anchored: bool, seed: int, heavy: bool
) -> SeenHistory:
    """A history in whose lines nearly each release changed by 10 %, one way or the other.

    Neighbours therefore say little about the noise. anchored: whether a few sessions of anchors say
    more. change, all_of_them: as newest() takes them.
    """
    machine = ProcessDraws(seed, heavy)
    levels = flat()
    for level in levels:
        ups_and_downs = machine.draw.choice([-1, 0, 1], RELEASES - 2, p=[0.45, 0.1, 0.45])
        level[1:-1] = (math.log1p(0.1) * np.cumsum(ups_and_downs)).tolist()
        level[-1] = level[-2]
    levels[0][-1] += math.log1p(change)
    return in_the_newest(machine, levels, all_of_them, machine.anchors() if anchored else [])


def after_a_level_shift(seed: int, heavy: bool) -> SeenHistory:
    """A history in which all configurations became 5 % slower in the release before the newest."""
    levels = [[0.0] * (RELEASES - 2) + [math.log1p(0.05)] * 2 for _ in range(CONFIGURATIONS)]
    return in_the_newest(ProcessDraws(seed, heavy), levels, True)


def in_the_newest(
    machine: ProcessDraws,
    levels: list[list[float]],
    all_of_them: bool,
    anchors: Sequence[list[Process]] = (),
) -> SeenHistory:
    """What came of a history with these levels.

    all_of_them: whether a slow-down that is found in the newest release counts in any
    configuration, or in the first alone. anchors: the processes of each anchor.
    """
    lines = machine.lines(levels)
    judged = lines if all_of_them else lines[:1]
    seen = ours_of(machine, lines, levels, len(judged), anchors)
    place = RELEASES - 1
    seen.asv = any(place in asv_finds(line) for line in judged)
    seen.otava = any(place in otava_finds(line) for line in judged)
    return seen


def ours_of(
    machine: ProcessDraws,
    lines: list[list[list[Process]]],
    levels: list[list[float]],
    judged: int,
    anchors: Sequence[list[Process]] = (),
) -> SeenHistory:
    """Judge the newest release of the first ``judged`` lines, and confirm what is suspected."""
    seen = SeenHistory(False, False, False, judged=judged)
    sessions = noise.between_sessions([], [line[:-1] for line in lines], anchors)
    drift = machine.session()
    for line, level in zip(lines[:judged], levels, strict=False):
        judgement, spent = confirmed(
            machine, line, level, noise.estimate([], line[:-1], sessions), drift
        )
        seen.ours |= judgement.outcome == REGRESSED
        seen.unsure += judgement.outcome not in (REGRESSED, IMPROVED, UNCHANGED)
        if spent is not None:
            seen.spent.append(spent)
    return seen


def confirmed(
    machine: ProcessDraws,
    line: list[list[Process]],
    level: list[float],
    of_machine: Noise,
    drift: float,
) -> tuple[Judgement, int | None]:
    """Judge the newest release, and confirm what is suspected.

    Returns the judgement when the confirmation is over, and the number of processes that it took,
    None where there was nothing to confirm.
    """

    def judged() -> Judgement:
        return judge(before, after, line[:-2], of_machine, comparisons=CONFIGURATIONS)

    before, after = list(line[-2]), list(line[-1])
    judgement = judged()
    if not to_confirm(judgement, lacks_shared_session=True):
        return judgement, None
    spent = 0
    while more := next_batch(judgement, spent, lacks_shared_session=True):
        before += machine.processes(more // 2, level[-2], drift, "confirmation")
        after += machine.processes(more // 2, level[-1], drift, "confirmation")
        spent += more
        judgement = judged()
    return judgement, spent


def recovered(seed: int, heavy: bool) -> SeenHistory:
    """A history in which the first configuration was 10 % slower in one release.

    The release is none of the first two or the last two.
    """
    machine = ProcessDraws(seed, heavy)
    levels = flat()
    place = int(machine.draw.integers(2, RELEASES - 2))
    levels[0][place] = math.log1p(0.1)
    lines = machine.lines(levels)
    return SeenHistory(
        any(
            change.kind == history.RECOVERED
            and change.ratio > 1
            and change.first <= place <= change.last
            for change in ours_listed(lines)[0]
        ),
        place in asv_finds(lines[0]),
        place in otava_finds(lines[0]),
    )


def drift(seed: int, heavy: bool) -> SeenHistory:
    """A history in which the first configuration became 1 % slower in eight releases in a row."""
    machine = ProcessDraws(seed, heavy)
    levels = flat()
    levels[0] = [math.log1p(0.01) * min(max(place - 5, 0), 8) for place in range(RELEASES)]
    lines = machine.lines(levels)
    first, last = 6, 13

    def within(place: int) -> bool:
        return first <= place <= last

    return SeenHistory(
        any(
            change.ratio > 1 and change.first <= last and change.last >= first
            for change in ours_listed(lines)[0]
        ),
        any(map(within, asv_finds(lines[0]))),
        any(map(within, otava_finds(lines[0]))),
    )


def nothing_listed(seed: int, heavy: bool) -> SeenHistory:
    """A history without changes. Found is a slow-down that is listed at any release."""
    lines = ProcessDraws(seed, heavy).lines(flat())
    return SeenHistory(
        any(change.ratio > 1 for listed in ours_listed(lines, CONFIGURATIONS) for change in listed),
        any(asv_finds(line) for line in lines),
        any(otava_finds(line) for line in lines),
    )


def ours_listed(lines: list[list[list[Process]]], count: int = 1) -> list[list[history.Change]]:
    """The changes that are listed in each of the first ``count`` lines."""
    sessions = noise.between_sessions([], lines)
    return [
        history.changes(line, noise.estimate([], line, sessions), comparisons=CONFIGURATIONS)
        for line in lines[:count]
    ]


def asv_finds(line: list[list[Process]]) -> set[int]:
    """The places of the releases at which asv says that a regression began.

    asv has its own weights, and our threshold instead of its own (5 % by default, which finds
    less).
    """
    pooled = [[sample for process in release for sample in process.samples] for release in line]
    values, weights = [], []
    for samples in pooled:
        value, stats = compute_stats(samples, 1)
        values.append(value)
        weights.append(get_weight(stats))
    steps = detect_steps(values, weights)
    _, _, regressions = detect_regressions(steps, THRESHOLD)
    return {after for _, after, _, _ in regressions or []}


def otava_finds(line: list[list[Process]]) -> set[int]:
    """The places of the releases at which Otava, with its own defaults, has a change to slower."""
    if compute_change_points is None:
        return set()
    values = [
        statistics.median(sample for process in release for sample in process.samples)
        for release in line
    ]
    points, _ = compute_change_points(values)
    return {point.index for point in points if point.stats.mean_2 > point.stats.mean_1}


@dataclass(frozen=True)
class HistoryRow:
    """How often a slow-down is found in drawn histories.

    ``history`` draws one by a seed and ``heavy``. ``figure``: what our share must be, None where no
    figure is asked for. ``most``: whether it must be that at most, else at least.
    """

    what: str
    history: Callable[[int, bool], SeenHistory]
    heavy: bool
    figure: float | None = None
    most: bool = False


ROWS = [
    HistoryRow("5 % slow-down in the newest, found", partial(newest, 0.05, False), False, 0.95),
    HistoryRow("3 % slow-down in the newest, found", partial(newest, 0.03, False), False, 0.5),
    HistoryRow("no change: any of 12 regressed", partial(newest, 0.0, True), False, 0.05, True),
    HistoryRow("5 %, heavy tails", partial(newest, 0.05, False), True, 0.9),
    HistoryRow("3 %, heavy tails", partial(newest, 0.03, False), True),
    HistoryRow("no change, heavy tails", partial(newest, 0.0, True), True, 0.05, True),
    HistoryRow("10 % in one release, recovered: listed", recovered, False, 0.95),
    HistoryRow("the same, heavy tails", recovered, True),
    HistoryRow("5 % one release ago: any of 12 regressed", after_a_level_shift, False),
    HistoryRow("the same, heavy tails", after_a_level_shift, True),
    HistoryRow("1 % slower eight times in a row: listed", drift, False),
    HistoryRow("no change: any slow-down listed, of 12", nothing_listed, False),
    HistoryRow("the same, heavy tails", nothing_listed, True),
    HistoryRow(
        "four times the noise, 25 %, found", partial(newest, 0.25, False, louder=4.0), False
    ),
    HistoryRow(
        "four times the noise, no change: any of 12",
        partial(newest, 0.0, True, louder=4.0),
        False,
        0.05,
        True,
    ),
    HistoryRow(
        "restless line, 10 % in the newest, found", partial(restless, 0.1, False, False), False
    ),
    HistoryRow(
        "restless line with anchors, 10 %, found", partial(restless, 0.1, False, True), False
    ),
    HistoryRow(
        "restless line, no change: any of 12 regressed", partial(restless, 0.0, True, False), False
    ),
    HistoryRow(
        "restless line with anchors, no change: any of 12",
        partial(restless, 0.0, True, True),
        False,
        0.05,
        True,
    ),
]

#: The figure of the processes that are spent in confirming, per suspected configuration and
#: release: their median is at most this.
MOST_SPENT = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--histories", type=int, default=400, help="a row (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=None, help="processes (default: processors)")
    parser.add_argument("--rows", default="", help="only rows whose text has this")
    parser.add_argument(
        "--of",
        choices=["processes", "blocks", "both"],
        default="both",
        help="what verdicts are by (default: %(default)s)",
    )
    options = parser.parse_args()
    missed = False
    with ProcessPoolExecutor(options.jobs) as pool:
        if options.of != "blocks":
            missed |= processes(pool, options.histories, options.rows)
        if options.of != "processes":
            missed |= drawn_blocks.tables(pool, options.histories, options.rows, common.share)
    return int(missed)


def processes(pool: Executor, histories: int, part: str) -> bool:
    """Print what came of verdicts by processes, in the rows whose text contains ``part``.

    Returns whether a figure is missed.
    """
    table: list[list[str]] = []
    missed = False
    all_spent: list[int] = []
    for number, row in enumerate(ROWS):
        if part not in row.what:
            continue
        seeds = itertools.islice(seeds_of(number), histories)
        seen = list(pool.map(row.history, seeds, itertools.repeat(row.heavy), chunksize=5))
        cells, row_missed = _cells(row, seen)
        table.append(cells)
        missed |= row_missed
        all_spent += [count for history_ in seen for count in history_.spent]
        print(f"{row.what}: {cells[2]}", file=sys.stderr, flush=True)
    print(
        f"{histories} histories a row of {RELEASES} releases, {CONFIGURATIONS} "
        f"configurations, {PROCESSES} processes of {SAMPLES} samples; 95 % intervals (Wilson)\n"
    )
    headers = ["what", "figure", "vggbench", "asv", "Otava", "suspected", "spent", "not sure", ""]
    print(tabulate(table, headers, disable_numparse=True))
    print(
        "\nsuspected: configurations, of those that were judged; spent: processes to confirm a "
        "suspected one, median;\nnot sure: left so, of those that were judged"
    )
    if all_spent:
        median = statistics.median(all_spent)
        wrong = median > MOST_SPENT
        missed |= wrong
        print(
            f"spent per suspected configuration and release, median over all {len(all_spent)}: "
            f"{median:g} (figure: at most {MOST_SPENT}){' MISSED' if wrong else ''}"
        )
    if compute_change_points is None:
        print("Otava: n/a, apache-otava is not installed")
    return missed


def _cells(row: HistoryRow, seen: Sequence[SeenHistory]) -> tuple[list[str], bool]:
    """(the cells of a row of the table, whether its figure is missed)."""
    reached = sum(history_.ours for history_ in seen) / len(seen)
    missed = row.figure is not None and (reached > row.figure if row.most else reached < row.figure)
    figure, ours = "", common.share(history_.ours for history_ in seen)
    if row.figure is not None:
        figure = f"{'at most' if row.most else 'at least'} {row.figure:.0%}"
        common.keep(f"drawn processes: {row.what}", figure, ours, "MISSED" if missed else "met")
    spent = [count for history_ in seen for count in history_.spent]
    judged = sum(history_.judged for history_ in seen)
    unsure = sum(history_.unsure for history_ in seen)
    cells = [
        row.what,
        figure,
        ours,
        common.share(history_.asv for history_ in seen),
        common.share(history_.otava for history_ in seen) if compute_change_points else "n/a",
        f"{len(spent) / judged:.1%}" if judged else "",
        f"{statistics.median(spent):g}" if spent else "",
        f"{unsure / judged:.1%}" if judged else "",
        "MISSED" if missed else "",
    ]
    return cells, missed


def seeds_of(row: int) -> Iterator[int]:
    """The seeds of a row, by its number. They are the same in each run, and differ between rows."""
    return itertools.count(1_000_000 * (row + 1))


if __name__ == "__main__":
    sys.exit(main())
