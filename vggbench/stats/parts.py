"""What the parts of a step differ by between two subjects: statistics alone, numbers in and out.

The parts of a step add up to it. They are measured in duets, as steps are (blocks.py). What they
differ by is told in seconds: a part may be absent in one of the subjects, and then has no ratio.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import special

from . import robust
from .policy import CONFIDENCE, LEAST_BLOCKS

#: The seconds of each part of one step, by the part's name. A part that is absent took none.
Parts = Mapping[str, float]


@dataclass(frozen=True)
class Duet:
    """A duet whose steps were taken apart.

    ``pairs``: of each pair of steps the parts of the first subject's step, and of the second's.
    ``swapped``: whether the second subject was started first.
    """

    pairs: Sequence[tuple[Parts, Parts]]
    swapped: bool


@dataclass(frozen=True)
class PartDifference:
    """What a part, or the whole step, came to: seconds of both subjects, and second less first.

    ``low`` to ``high`` is the interval of the difference. All intervals of a comparison together
    hold with CONFIDENCE.
    """

    before: float
    after: float
    difference: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


#: The name of the whole step beside its parts.
STEP = "step"


def differences(duets: Sequence[Duet], confidence: float = CONFIDENCE) -> dict[str, PartDifference]:
    """Of each part, and of the whole step (STEP), what the two subjects differ by.

    The steps of a duet come down to one number for each part: its mean over those pairs that lie in
    the middle by the difference of their whole steps (``robust.cut``). The same
    pairs count for all parts, so the parts' differences add up to the step's.

    Which process was started first makes a difference of its own, so the difference of a duet is
    taken as the subjects' plus or minus half of that, and what is left is its noise. The intervals
    are Student's, each with a confidence that makes all of them hold together (Bonferroni).

    Raises ValueError unless there are as many duets of either start order, at least LEAST_BLOCKS,
    and a pair in each.
    """
    orders = [-1 if duet.swapped else 1 for duet in duets]
    if sum(orders) != 0 or len(duets) < 2 * LEAST_BLOCKS:
        raise ValueError(f"{len(duets)} duets are not {LEAST_BLOCKS} or more of each start order")
    means = [_means(duet) for duet in duets]
    names = sorted({name for both in means for of_one in both for name in of_one})
    degrees = len(duets) - 2
    alpha = (1 - confidence) / len(names)
    reach = float(special.stdtrit(degrees, 1 - alpha / 2))
    found = {}
    for name in names:
        before, after = ([both[place].get(name, 0.0) for both in means] for place in (0, 1))
        own = [b - a for a, b in zip(before, after, strict=True)]
        middle = statistics.fmean(own)
        by_order = statistics.fmean(way * value for way, value in zip(orders, own, strict=True))
        squares = sum(
            (value - middle - way * by_order) ** 2 for way, value in zip(orders, own, strict=True)
        )
        error = math.sqrt(squares / degrees / len(own))
        found[name] = PartDifference(
            statistics.fmean(before),
            statistics.fmean(after),
            middle,
            middle - reach * error,
            middle + reach * error,
        )
    return found


def _means(duet: Duet) -> tuple[dict[str, float], dict[str, float]]:
    """Of both subjects the mean of each part and of the step, over the pairs in the middle."""
    if not duet.pairs:
        raise ValueError("a duet without a pair of steps that were taken apart")
    by_difference = sorted(
        duet.pairs, key=lambda pair: sum(pair[1].values()) - sum(pair[0].values())
    )
    middle = by_difference[robust.cut(len(by_difference))]
    first, second = (_mean([pair[place] for pair in middle]) for place in (0, 1))
    return first, second


def _mean(steps: Sequence[Parts]) -> dict[str, float]:
    names = {name for step in steps for name in step}
    means = {name: statistics.fmean(step.get(name, 0.0) for step in steps) for name in names}
    means[STEP] = math.fsum(means.values())
    return means
