"""By how much memory grows a step: of one release, and of two of them compared.

Growth may be 0 or below it, so it has no logarithm, and two releases differ by a number of bytes
instead of a ratio. Processes are the unit of evidence: each has one number, and they are
independent of each other. docs/method.md describes this under "Memory growth".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from .judge import ALPHA
from .policy import CONFIDENCE, IMPROVED, NOT_SURE, REGRESSED, UNCHANGED

#: By this share of its peak memory a process may grow until its allocators have settled, however
#: many steps it takes. What that rests on stands in docs/method.md, under "Memory growth".
SETTLES = 0.2

#: A release with fewer processes is not judged.
LEAST_PROCESSES = 2


@dataclass(frozen=True)
class Mean:
    """The mean over processes, in bytes a step, and its interval with CONFIDENCE; one process has
    none."""

    value: float
    low: float | None
    high: float | None

    def grows(self, threshold: float) -> bool:
        """Whether it is surely above 0, and estimated to be ``threshold`` bytes a step or more."""
        return self.low is not None and self.low > 0 and self.value >= threshold


@dataclass(frozen=True)
class GrowthJudgement:
    """``difference``: bytes a step that the later release grows by more than the earlier one, with
    its interval for this comparison alone; None where a release has too few processes. A sure
    change follows a stricter rule, which accounts for the other comparisons."""

    outcome: str
    difference: float
    low: float | None
    high: float | None


def threshold(peak_bytes: float, steps: int) -> float:
    """The growth in bytes a step from which on it is no settling, in processes with this peak
    memory and so many steps. Raises ValueError where one of them is not positive."""
    if not (peak_bytes > 0 and steps > 0):
        raise ValueError(f"a peak of {peak_bytes} bytes and {steps} steps tell no threshold")
    return SETTLES * peak_bytes / steps


def mean(values: Sequence[float]) -> Mean:
    """The mean of the processes' ``values`` in bytes a step, with Student's interval. Raises
    ValueError where there are none."""
    if not values:
        raise ValueError("no process has a number")
    middle = statistics.fmean(values)
    if len(values) < LEAST_PROCESSES:
        return Mean(middle, None, None)
    half = _half(math.sqrt(_squared_error(values)), len(values) - 1, CONFIDENCE)
    return Mean(middle, middle - half, middle + half)


def judge(
    before: Sequence[float], after: Sequence[float], *, threshold: float, comparisons: int = 1
) -> GrowthJudgement:
    """Judge a release by the growth of its processes, ``after``, against that of an earlier one.

    All numbers are bytes a step. The interval is Welch's, since two releases need not scatter alike
    (Welch 1947). A change is sure where 0 lies outside the interval that holds for all
    ``comparisons`` together (Bonferroni), and the difference is the ``threshold`` or more. It is
    unchanged where the interval that is shown lies within the threshold on either side. Raises
    ValueError where a release has no process, or the threshold is not positive.
    """
    if not before or not after:
        raise ValueError("no processes of the release " + ("after" if before else "before"))
    if not threshold > 0:
        raise ValueError(f"a threshold of {threshold} is not positive")
    difference = statistics.fmean(after) - statistics.fmean(before)
    if min(len(before), len(after)) < LEAST_PROCESSES:
        return GrowthJudgement(NOT_SURE, difference, None, None)
    errors = _squared_error(before), _squared_error(after)
    error, freedom = math.sqrt(sum(errors)), _freedom(errors, (len(before), len(after)))
    shown = _half(error, freedom, CONFIDENCE)
    sure = _half(error, freedom, 1 - ALPHA / max(1, comparisons))
    outcome = NOT_SURE
    if abs(difference) >= threshold and abs(difference) > sure:
        outcome = REGRESSED if difference > 0 else IMPROVED
    elif abs(difference) + shown < threshold:
        outcome = UNCHANGED
    return GrowthJudgement(outcome, difference, difference - shown, difference + shown)


def _squared_error(values: Sequence[float]) -> float:
    """The square of the standard error of their mean."""
    return statistics.variance(values) / len(values)


def _freedom(errors: tuple[float, float], counts: tuple[int, int]) -> float:
    """Welch's degrees of freedom: of two samples that do not scatter at all, those of both."""
    parts = [error**2 / (count - 1) for error, count in zip(errors, counts, strict=True)]
    return sum(errors) ** 2 / sum(parts) if sum(parts) > 0 else float(sum(counts) - 2)


def _half(error: float, freedom: float, confidence: float) -> float:
    """Half the width of Student's interval."""
    return float(special.stdtrit(freedom, (1 + confidence) / 2)) * error
