"""Drawn blocks with a known answer: what perf/detection.py prints about the verdict by duets.

Only the numbers of blocks are drawn, from the true log ratio and a deviation. They are normal, or
have heavy tails: one block in twenty is five deviations off, either way. Everything else is the
product's own. The noise is estimated from what is known of the machine, and each comparison takes
one block after the other until it is sure or MOST_BLOCKS are spent.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from scipy import special
from tabulate import tabulate

from vggbench.stats import blocks, judge, robust
from vggbench.stats.blocks import BlockNoise
from vggbench.stats.policy import (
    CHANGED,
    EXCLUDED,
    LEAST_BLOCKS,
    MOST_BLOCKS,
    NOT_SURE,
    REGRESSED,
    THRESHOLD,
    UNCHANGED,
)

from . import common

#: So many configurations are judged together.
CONFIGURATIONS = 12

#: The standard deviation of the logarithm of a block.
DEVIATION = 0.015

#: With heavy tails, this share of the blocks is so many deviations off.
TAIL_SHARE = 0.05
TAIL = 5.0

#: What can be known of the machine: so many blocks of a release with itself, or so many comparisons
#: of earlier releases, each of so many blocks, whose true changes scatter by that much.
CALIBRATED = 10
EARLIER, EARLIER_BLOCKS, EARLIER_CHANGES = 6, 4, 0.05

#: Drawn sequences that the boundary is compared with.
SEQUENCES = 100_000

#: Drawn groups from which the degrees of freedom of a robust scale are computed.
GROUPS = 20_000

#: Drawn groups of blocks with a bias.
BIASED = 2000


@dataclass(frozen=True)
class Setting:
    """How blocks are drawn.

    ``deviation``: of the logarithm of a block. ``heavy``: whether with heavy tails. ``known``: what
    is known of the machine, "calibrated", "earlier" or "nothing"; "each other" is nothing before,
    and then what the other configurations of the same two releases tell.
    """

    what: str
    deviation: float = DEVIATION
    heavy: bool = False
    known: str = "calibrated"


#: Only the first setting has figures.
SETTINGS = [
    Setting("1.5 %, 10 calibrating blocks"),
    Setting("1.5 %, 6 earlier comparisons of 4", known="earlier"),
    Setting("1.5 %, nothing known", known="nothing"),
    Setting("1.5 %, the other configurations", known="each other"),
    Setting("1.5 %, heavy tails", heavy=True),
    Setting("1.5 %, heavy tails, nothing known", heavy=True, known="nothing"),
    Setting("0.5 %", 0.005),
    Setting("1 %", 0.01),
    Setting("3 %", 0.03),
    Setting("3 %, nothing known", 0.03, known="nothing"),
    Setting("3 %, the other configurations", 0.03, known="each other"),
]


@dataclass(frozen=True)
class SeenComparison:
    """What came of a comparison.

    ``spent``: the number of its blocks. ``foreseen``: how many blocks in all it was thought to need
    when it had LEAST_BLOCKS; None where these were enough. ``off``: the logarithm of the ratio that
    was found, less that of the true ratio. ``held``: whether the interval contains the true ratio.
    """

    outcome: str
    spent: int
    foreseen: int | None
    off: float
    held: bool


class BlockDraws:
    """Draws the blocks of one machine in a setting."""

    def __init__(self, seed: int, setting: Setting) -> None:
        self.draw = np.random.default_rng(seed)
        self.setting = setting

    def blocks(self, count: int, level: float) -> list[float]:
        """The logarithms of ``count`` blocks of two subjects whose true log ratio is ``level``."""
        off = self.draw.normal(size=count)
        if self.setting.heavy:
            far = self.draw.random(count) < TAIL_SHARE
            off += far * TAIL * self.draw.choice([-1, 1], count)
        logs: list[float] = (level + self.setting.deviation * off).tolist()
        return logs

    def noise(self) -> BlockNoise:
        """The noise that is known of this machine before the comparison."""
        if self.setting.known == "calibrated":
            return blocks.noise([self.blocks(CALIBRATED, 0.0)], [])
        if self.setting.known == "earlier":
            changes = self.draw.normal(0, EARLIER_CHANGES, EARLIER)
            return blocks.noise([], [self.blocks(EARLIER_BLOCKS, change) for change in changes])
        return blocks.noise([], [])


def compared(
    setting: Setting,
    seed: int,
    *,
    change: tuple[float, float],
    threshold: float = THRESHOLD,
    comparisons: int = 1,
) -> list[SeenComparison]:
    """What came of so many ``comparisons`` of a release.

    They are some of CONFIGURATIONS that are judged together, with the noise that is known of the
    machine. change: the true change is drawn evenly between these two, ratios less one.
    """
    machine = BlockDraws(seed, setting)
    noise = machine.noise()
    levels = [math.log1p(machine.draw.uniform(*change)) for _ in range(comparisons)]
    if setting.known == "each other":
        others = machine.draw.normal(0, EARLIER_CHANGES, CONFIGURATIONS - comparisons)
        together = np.array([*levels, *others])
        # Those that have blocks last know most of the machine.
        places = machine.draw.permutation(len(together))
        seen = answered_together(machine, together[places].tolist(), threshold)
        return [seen[place] for place in np.argsort(places)[:comparisons]]
    return [answered(machine, level, noise, threshold) for level in levels]


def answered(
    machine: BlockDraws, level: float, noise: BlockNoise, threshold: float
) -> SeenComparison:
    """What came of a comparison whose true log ratio is ``level``."""
    logs = machine.blocks(MOST_BLOCKS, level)
    foreseen = None
    for spent in range(LEAST_BLOCKS, MOST_BLOCKS + 1):
        judgement = blocks.judge_blocks(
            logs[:spent], noise, threshold=threshold, comparisons=CONFIGURATIONS
        )
        if judgement.outcome != NOT_SURE:
            break
        if spent == LEAST_BLOCKS and judgement.blocks_needed is not None:
            foreseen = spent + judgement.blocks_needed
    return _seen(judgement, level, spent, foreseen)


def answered_together(
    machine: BlockDraws, levels: Sequence[float], threshold: float
) -> list[SeenComparison]:
    """What came of comparisons with these true log ratios, on a machine of which nothing is known
    but what the others of them tell.

    As with ``vggbench confirm``, what may be slower has its blocks first, then what is likely to be
    answered soonest. When all are answered, each is judged once more, and goes on where it is open
    again.
    """
    logs: list[list[float]] = [[] for _ in levels]
    foreseen: list[int | None] = [None for _ in levels]

    def noise(place: int) -> BlockNoise:
        return blocks.noise([], [own for other, own in enumerate(logs) if other != place])

    def judged(place: int) -> blocks.BlockJudgement:
        return blocks.judge_blocks(
            logs[place], noise(place), threshold=threshold, comparisons=CONFIGURATIONS
        )

    def open_again() -> dict[int, tuple[bool, int]]:
        judgements = {
            place: judged(place) for place, own in enumerate(logs) if len(own) < MOST_BLOCKS
        }
        return {
            place: (not judgement.suspected, judgement.blocks_needed)
            for place, judgement in judgements.items()
            if judgement.blocks_needed is not None
        }

    needed = blocks.blocks_for(noise(0), threshold=threshold, comparisons=CONFIGURATIONS)
    going = dict.fromkeys(range(len(levels)), (True, needed))
    while going or (going := open_again()):
        place = min(going, key=going.__getitem__)
        logs[place] += machine.blocks(1, levels[place])
        spent = len(logs[place])
        judgement = judged(place)
        if judgement.blocks_needed is None or spent == MOST_BLOCKS:
            del going[place]
            continue
        if spent == LEAST_BLOCKS:
            foreseen[place] = spent + judgement.blocks_needed
        going[place] = not judgement.suspected, judgement.blocks_needed
    return [
        _seen(judged(place), level, len(logs[place]), foreseen[place])
        for place, level in enumerate(levels)
    ]


def _seen(
    judgement: blocks.BlockJudgement, level: float, spent: int, foreseen: int | None
) -> SeenComparison:
    off = math.log(judgement.ratio) - level
    held = judgement.low <= math.exp(level) <= judgement.high
    return SeenComparison(judgement.outcome, spent, foreseen, off, held)


@dataclass(frozen=True)
class BlockRow:
    """How often drawn histories of comparisons come to some outcome.

    A history counts where any of its ``comparisons`` ended in one of ``outcomes``. ``what`` and
    ``short`` are texts for people. ``change``: the true change, a ratio less one, or two such
    between which it is drawn evenly. ``figure``: what the share of histories that count must be,
    None where no figure is asked for. ``most``: whether it must be that at most, else at least.
    """

    what: str
    short: str
    change: float | tuple[float, float]
    outcomes: tuple[str, ...]
    figure: float | None = None
    most: bool = True
    threshold: float = THRESHOLD
    comparisons: int = 1

    def history(self, setting: Setting, seed: int) -> list[SeenComparison]:
        change = self.change if isinstance(self.change, tuple) else (self.change, self.change)
        return compared(
            setting, seed, change=change, threshold=self.threshold, comparisons=self.comparisons
        )


ROWS = [
    BlockRow("3 % slower: regressed", "3 % found", 0.03, (REGRESSED,), 0.95, most=False),
    BlockRow(
        "2 % slower, threshold 1 %: regressed",
        "2 % by 1 %",
        0.02,
        (REGRESSED,),
        0.9,
        most=False,
        threshold=0.01,
    ),
    BlockRow("5 % slower: unchanged", "5 % unchanged", 0.05, (UNCHANGED,), 0.05),
    BlockRow("1 % slower: regressed", "1 % regressed", 0.01, (REGRESSED,), 0.05),
    BlockRow(
        "no change: any of 12 regressed or improved",
        "false alarms",
        0.0,
        CHANGED,
        0.05,
        comparisons=CONFIGURATIONS,
    ),
    BlockRow(
        "0 to 2.5 % slower: not sure after 20 blocks", "not sure", (0.0, 0.025), (NOT_SURE,), 0.1
    ),
    BlockRow(
        "no change, threshold 0.1 %: any of 12 changed",
        "0 by 0.1 %",
        0.0,
        CHANGED,
        0.05,
        threshold=0.001,
        comparisons=CONFIGURATIONS,
    ),
    BlockRow(
        "5 % slower, all of 12: any unchanged",
        "any of 5 %",
        0.05,
        (UNCHANGED,),
        0.05,
        comparisons=CONFIGURATIONS,
    ),
    BlockRow("2 % slower: regressed", "2 % found", 0.02, (REGRESSED,)),
    BlockRow("no change, threshold 1 %: unchanged", "0 by 1 %", 0.0, (UNCHANGED,), threshold=0.01),
]

#: For these rows the second table has the blocks that a comparison takes, under these headings.
SPENT = {"false alarms": "blocks at 0", "3 % found": "at 3 %"}


@dataclass(frozen=True)
class RowShare:
    """What a row has come to in a setting.

    ``hits``: whether each history counts. ``seen``: the comparisons of all histories. ``missed``:
    whether the figure is missed.
    """

    hits: list[bool]
    seen: list[SeenComparison]
    missed: bool

    @property
    def share(self) -> float:
        return sum(self.hits) / len(self.hits)

    @property
    def spent(self) -> float:
        return statistics.fmean(comparison.spent for comparison in self.seen)


def reached(pool: Executor, setting: Setting, row: BlockRow, histories: int) -> RowShare:
    """Draw so many ``histories`` of a row in a setting, in the processes of ``pool``."""
    number = len(SETTINGS) * ROWS.index(row) + SETTINGS.index(setting)
    seeds = range(1_000_000 * number, 1_000_000 * number + histories)
    of_all = list(pool.map(_history, itertools.repeat((setting, row.what)), seeds, chunksize=20))
    hits = [any(comparison.outcome in row.outcomes for comparison in seen) for seen in of_all]
    share = sum(hits) / len(hits)
    missed = row.figure is not None and (share > row.figure if row.most else share < row.figure)
    return RowShare(hits, [comparison for seen in of_all for comparison in seen], missed)


def _history(which: tuple[Setting, str], seed: int) -> list[SeenComparison]:
    """A history of the setting and the row (by its ``what``) that ``which`` names."""
    setting, what = which
    (row,) = (row for row in ROWS if row.what == what)
    return row.history(setting, seed)


def tables(
    pool: Executor, histories: int, part: str, share: Callable[[Sequence[bool]], str]
) -> bool:
    """Print everything about drawn blocks. Returns whether the first setting misses a figure.

    part: only settings whose text contains it are drawn. share: writes a share with its interval.
    """
    settings = [setting for setting in SETTINGS if part in setting.what]
    shares: dict[tuple[str, str], RowShare] = {}
    for setting in settings:
        for row in ROWS:
            row_share = reached(pool, setting, row, histories)
            shares[setting.what, row.what] = row_share
            print(f"{setting.what}: {row.what}: {row_share.share:.1%}", file=sys.stderr, flush=True)
    if SETTINGS[0] in settings:
        _print_figures(shares, share)
    headers = ["", *(row.short for row in ROWS), *SPENT.values()]
    rows = [
        [
            setting.what,
            *(
                f"{row_share.share:.1%}{' *' * row_share.missed}"
                for row_share in (shares[setting.what, row.what] for row in ROWS)
            ),
            *(
                f"{shares[setting.what, row.what].spent:.1f}"
                for short in SPENT
                for row in ROWS
                if row.short == short
            ),
        ]
        for setting in settings
    ]
    print(tabulate(rows, headers, disable_numparse=True))
    print("\n*: misses the figure, which is asked of the first row alone; blocks: the mean\n")
    _print_derived()
    return any(shares[SETTINGS[0].what, row.what].missed for row in ROWS if SETTINGS[0] in settings)


def _print_figures(
    shares: dict[tuple[str, str], RowShare], share: Callable[[Sequence[bool]], str]
) -> None:
    """Print the figures of the first setting.

    shares: by the texts of setting and row. share: writes a share with its interval.
    """
    table = []
    for row in ROWS:
        row_share = shares[SETTINGS[0].what, row.what]
        figure = ""
        if row.figure is not None:
            figure = f"{'at most' if row.most else 'at least'} {row.figure:.0%}"
            outcome = "MISSED" if row_share.missed else "met"
            common.keep(f"drawn blocks: {row.what}", figure, share(row_share.hits), outcome)
        unsure = [seen.outcome == NOT_SURE for seen in row_share.seen]
        table.append(
            [
                row.what,
                figure,
                share(row_share.hits),
                f"{row_share.spent:.1f}",
                f"{statistics.fmean(unsure):.1%}",
                f"{statistics.fmean(seen.off for seen in row_share.seen):+.2%}",
                f"{statistics.fmean(seen.held for seen in row_share.seen):.1%}",
                "MISSED" if row_share.missed else "",
            ]
        )
    histories = len(row_share.hits)
    print(
        f"blocks of a deviation of {DEVIATION:.1%}, {CONFIGURATIONS} configurations judged "
        f"together, {CALIBRATED} calibrating blocks of one known: {histories} histories a row\n"
    )
    headers = ["what", "figure", "reached", "blocks, mean", "not sure", "off, mean", "held", ""]
    print(tabulate(table, headers, disable_numparse=True))
    print(
        "\noff: the ratio that was found by the true one, when it ended; held: intervals that "
        "have the true one"
    )
    unsure_at_first = [
        (seen.spent, seen.foreseen)
        for row in ROWS
        for seen in shares[SETTINGS[0].what, row.what].seen
        if seen.foreseen is not None and seen.foreseen <= MOST_BLOCKS
    ]
    within = [spent <= foreseen for spent, foreseen in unsure_at_first]
    print(
        f"\nof {len(within)} comparisons that {LEAST_BLOCKS} blocks left unsure and that at most "
        f"{MOST_BLOCKS} were foreseen for: {statistics.fmean(f for _, f in unsure_at_first):.1f} "
        f"blocks foreseen,\n{statistics.fmean(s for s, _ in unsure_at_first):.1f} spent, means; "
        f"sure within those foreseen: {share(within)} (aim: {judge.POWER:.0%})\n"
    )


def _print_derived() -> None:
    """Print what the constants of vggbench.stats.blocks come from."""
    draw = np.random.default_rng(0)
    looks = np.arange(LEAST_BLOCKS, MOST_BLOCKS + 1)
    bounds = np.array(blocks.boundary(CONFIGURATIONS))
    sums = np.cumsum(draw.normal(size=(SEQUENCES, MOST_BLOCKS)), axis=1)[:, LEAST_BLOCKS - 1 :]
    crossed = float((np.abs(sums) > np.sqrt(looks) * bounds[: len(looks)]).any(axis=1).mean())
    print(
        "the boundary, in standard errors, after 3, 4, ... 20 blocks, then 40, 60 and 100:\n  "
        + " ".join(f"{bound:.2f}" for bound in bounds[: len(looks)])
        + "; "
        + " ".join(f"{bounds[look - LEAST_BLOCKS]:.2f}" for look in (40, 60, 100))
        + f"\n  crossed without a change by {CONFIGURATIONS} comparisons of known deviation: "
        f"{1 - (1 - crossed) ** CONFIGURATIONS:.1%} by 20 blocks (meant: "
        f"{judge.ALPHA * blocks.BY_MOST:.1%}; {judge.ALPHA:.0%} if looking never ends)\n"
        f"  of a single look: {special.ndtri(1 - judge.ALPHA / 2 / CONFIGURATIONS):.2f}"
    )
    _print_without_margin(draw, float(bounds[0]))
    _print_bias(draw)
    print("the degrees of freedom of a robust scale of n normal values, by n - 1:")
    for count in (3, 5, 10, 20):
        groups = draw.normal(size=(GROUPS, count))
        squares = []
        for group in groups:
            centre = robust.pseudomedian(group)
            correction = math.sqrt(count / (count - 1))
            squares.append(robust.scale([(value - centre) * correction for value in group]) ** 2)
        degrees = 2 * statistics.fmean(squares) ** 2 / statistics.variance(squares)
        print(f"  n = {count}: {degrees / (count - 1):.2f} (taken: {blocks.OF_ROBUST})")


def _print_without_margin(draw: np.random.Generator, bound: float) -> None:
    """Print how often a slow-down would be called unchanged if no margin were asked for."""
    error = DEVIATION / math.sqrt(LEAST_BLOCKS)
    relevant = math.log1p(THRESHOLD)
    sizes = np.abs(math.log1p(0.03) + error * draw.normal(size=SEQUENCES))
    inside = (sizes < relevant) & (sizes + bound * error < EXCLUDED * relevant)
    print(
        f"3 % slower, unchanged after {LEAST_BLOCKS} blocks of {DEVIATION:.1%} if no margin were "
        f"asked for: {inside.mean():.1%}"
    )


def _print_bias(draw: np.random.Generator) -> None:
    """Print how often blocks with a bias, and blocks without, make the noise believe in one."""
    for count, bias in ((10, 0.0), (10, 0.03), (20, 0.015)):
        groups = bias + DEVIATION * draw.normal(size=(BIASED, count))
        believed = [blocks.noise([group.tolist()], []).bias > 0 for group in groups]
        print(
            f"a bias of {bias:.1%}, believed by {count} blocks of {DEVIATION:.1%}: "
            f"{statistics.fmean(believed):.1%}"
        )
