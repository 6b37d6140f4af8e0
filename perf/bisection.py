"""How often a bisection names the right pair of builds, and what it costs, on drawn builds.

    python perf/bisection.py                # all rows
    python perf/bisection.py --rows wrong   # only rows whose text has this

Only the numbers of blocks are drawn, from the true log ratio and a deviation. Everything else is
the product's own: the search takes one look after the other, as the command does, with the noise
that ten calibrating blocks of the same machine tell. A block is taken to need a minute, and
the installation of a build as long again.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from shared import common
from tabulate import tabulate

from vggbench.stats import bisection, blocks
from vggbench.stats.bisection import FOUND, NAMED, NO_CHANGE, Search, Unmeasured

BUILDS = 128
DEVIATION = 0.015
CALIBRATED = 10
BLOCK_S, INSTALLATION_S = 60.0, 60.0

#: The figures of the first row: the share of searches that name the right pair, at least; how far
#: the stated probability may be from the true frequency; and the medians, at most.
RIGHT = 0.95
OFF = 0.03
VISITED = 12
LOOKS = 30

#: Stated probabilities between two of these are counted together.
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)


@dataclass(frozen=True)
class Row:
    """How builds are drawn.

    ``changes``: ratios less one, each at a place of its own. ``wrong``: the share of blocks whose
    number is as if the two builds stood to the change as they do not. ``unknown``: the share of
    builds that cannot be measured. ``calibrated``: whether calibrating blocks are known.
    """

    what: str
    changes: tuple[float, ...]
    deviation: float = DEVIATION
    wrong: float = 0.0
    unknown: float = 0.0
    calibrated: bool = True


#: Only the first row has figures.
ROWS = [
    Row("3 % slower", (0.03,)),
    Row("3 % faster", (-0.03,)),
    Row("3 %, nothing known of the noise", (0.03,), calibrated=False),
    Row("3 %, three of ten unknown", (0.03,), unknown=0.3),
    Row("5 %, two in ten wrong", (0.05,), wrong=0.2),
    Row("5 %", (0.05,)),
    Row("8 % by 1 %", (0.08,), 0.01),
    Row("no change", ()),
    Row("no change, two in ten unknown", (), unknown=0.2),
    Row("two changes, 4 % and 4 %", (0.04, 0.04)),
    Row("two changes, 6 % and 3 %", (0.06, 0.03)),
    Row("two changes, 8 % and 5 % back", (0.08, -0.05)),
]


@dataclass(frozen=True)
class SeenSearch:
    """What came of a search.

    ``outcome``: of its decision. ``right``: whether a change lies between the two builds of the
    decision. ``stated``: its probability. ``visited``, ``looks``: how many builds and blocks it
    took. ``held``: whether the interval of the change has the truth, None where no pair was named.
    ``steps``: after each look since it was sure that the ends differ, the probability of the
    likeliest pair, and whether it was right.
    """

    outcome: str
    ended: str
    right: bool
    stated: float
    visited: int
    looks: int
    held: bool | None
    steps: tuple[tuple[float, bool], ...]


class DrawnBuilds:
    """Builds of one machine, whose blocks are drawn."""

    def __init__(self, row: Row, seed: int) -> None:
        self.row = row
        self.draw = np.random.default_rng(seed)
        steps = np.zeros(BUILDS)
        places = 1 + self.draw.choice(BUILDS - 1, len(row.changes), replace=False)
        steps[np.sort(places)] = [math.log1p(change) for change in row.changes]
        self.levels = np.cumsum(steps)
        self.unknown = self.draw.random(BUILDS) < row.unknown
        self.unknown[[0, -1]] = False
        self.installed = {0}

    def blocks(self, count: int, level: float) -> list[float]:
        """The numbers of ``count`` blocks of two builds whose true log ratio is ``level``."""
        logs: list[float] = (level + self.row.deviation * self.draw.normal(size=count)).tolist()
        return logs

    def look(self, before: int, after: int) -> float | Unmeasured:
        self.installed |= {before, after}
        if self.unknown[after]:
            return Unmeasured(after)
        level = float(self.levels[after] - self.levels[before])
        if self.draw.random() < self.row.wrong:
            level = float(self.levels[-1]) - level
        return self.blocks(1, level)[0]

    def seconds(self) -> list[float]:
        """What a block of each build against the good end takes."""
        return [
            BLOCK_S + (INSTALLATION_S if place not in self.installed else 0.0)
            for place in range(BUILDS)
        ]

    def is_change(self, left: int, right: int) -> bool:
        """Whether a change lies between two builds."""
        return bool(self.levels[left] != self.levels[right])


def searched(row: Row, seed: int) -> SeenSearch:
    """What came of a search over drawn builds."""
    builds = DrawnBuilds(row, seed)
    known = [builds.blocks(CALIBRATED, 0.0)] if row.calibrated else []
    steps: list[tuple[float, bool]] = []

    def told(found: Search) -> None:
        if found.visited - {0, BUILDS - 1}:
            left, right, probability = found.posterior.likeliest(found.unknown)
            steps.append((probability, builds.is_change(left, right)))

    found = bisection.search(
        BUILDS, builds.look, blocks.noise(known, []), seconds=builds.seconds, on_look=told
    )
    decision = found.decision
    right = builds.is_change(decision.left, decision.right)
    held = None
    if decision.outcome == NAMED:
        true = math.exp(builds.levels[decision.right] - builds.levels[decision.left])
        held = found.change[1] <= true <= found.change[2]
    return SeenSearch(
        outcome=decision.outcome,
        ended=str(found.ended),
        right=right if decision.outcome != NO_CHANGE else not right,
        stated=decision.probability,
        visited=len(found.visited | found.unknown),
        looks=len(found.looks),
        held=held,
        steps=tuple(steps),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--searches", type=int, default=400, help="a row (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=None, help="processes (default: processors)")
    parser.add_argument("--rows", default="", help="only rows whose text has this")
    options = parser.parse_args()
    seen: dict[str, list[SeenSearch]] = {}
    with ProcessPoolExecutor(options.jobs) as pool:
        for number, row in enumerate(ROWS):
            if options.rows in row.what:
                seeds = range(1_000_000 * number, 1_000_000 * number + options.searches)
                found = pool.map(searched, itertools.repeat(row), seeds, chunksize=5)
                seen[row.what] = list(found)
                print(f"{row.what}: drawn", file=sys.stderr, flush=True)
    print(
        f"{options.searches} searches a row over {BUILDS} builds, blocks of {DEVIATION:.1%} unless "
        f"said, {CALIBRATED} calibrating blocks known; 95 % intervals (Wilson)\n"
    )
    print(tabulate([_cells(what, found) for what, found in seen.items()], HEADERS))
    print(
        "\nright: a change lies between the two that were named; wrong: none does; stated: the "
        "mean probability of what was named;\nheld: the interval of the change has the true one; "
        "visited, blocks: medians, both ends included\n"
    )
    first = seen.get(ROWS[0].what)
    if not first:
        return 0
    _print_bins(first)
    return _reported(first)


HEADERS = [
    *("what", "right", "wrong", "no change", "open", "stated", "true"),
    *("held", "visited", "blocks", "most blocks"),
]


def _cells(what: str, seen: Sequence[SeenSearch]) -> list[str]:
    """The cells of a row of the table."""
    named = [one for one in seen if one.outcome == NAMED]
    right = [one.outcome == NAMED and one.right for one in seen]
    return [
        what,
        common.share(right),
        f"{(len(named) - sum(right)) / len(seen):.1%}",
        f"{sum(one.outcome == NO_CHANGE for one in seen) / len(seen):.1%}",
        f"{sum(one.outcome == bisection.OPEN for one in seen) / len(seen):.1%}",
        f"{statistics.fmean(one.stated for one in named):.1%}" if named else "",
        f"{statistics.fmean(one.right for one in named):.1%}" if named else "",
        f"{statistics.fmean(bool(one.held) for one in named):.1%}" if named else "",
        f"{statistics.median(one.visited for one in seen):g}",
        f"{statistics.median(one.looks for one in seen):g}",
        str(max(one.looks for one in seen)),
    ]


def _print_bins(seen: Sequence[SeenSearch]) -> None:
    """Print how often the likeliest pair is right, by the probability that is stated of it, after
    every look."""
    steps = [step for one in seen for step in one.steps]
    table = []
    for low, high in itertools.pairwise(BINS):
        inside = [step for step in steps if low < step[0] <= high]
        if inside:
            stated = statistics.fmean(probability for probability, _ in inside)
            table.append(
                [f"{low:g} to {high:g}", f"{stated:.1%}", common.share(r for _, r in inside)]
            )
    print(f"the likeliest pair after each of {len(steps)} looks, {ROWS[0].what}:\n")
    print(tabulate(table, ["stated", "mean", "right"], disable_numparse=True))
    print()


def _reported(seen: Sequence[SeenSearch]) -> int:
    """Print the figures of the first row, and return the exit status."""
    what = f"bisection, drawn: {BUILDS} builds, {ROWS[0].what}, blocks of {DEVIATION:.1%}"
    right = [one.ended == FOUND and one.right for one in seen]
    named = [one for one in seen if one.outcome == NAMED]
    stated = statistics.fmean(one.stated for one in named) if named else 0.0
    true = statistics.fmean(one.right for one in named) if named else 0.0
    visited = statistics.median(one.visited for one in seen)
    taken = statistics.median(one.looks for one in seen)
    missed = [
        common.report(
            f"{what}: right pair named",
            f"at least {RIGHT:.0%}",
            common.share(right),
            sum(right) / len(right) >= RIGHT,
        ),
        common.report(
            f"{what}: stated probability against true frequency",
            f"within {OFF:.0%}",
            f"{stated:.1%} stated, {true:.1%} true",
            bool(named) and abs(stated - true) <= OFF,
        ),
        common.report(
            f"{what}: builds visited, median",
            f"at most {VISITED}",
            f"{visited:g}",
            visited <= VISITED,
        ),
        common.report(f"{what}: blocks, median", f"at most {LOOKS}", f"{taken:g}", taken <= LOOKS),
    ]
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
