"""Locations and scales that a few disturbed samples or processes do not move far.

All numbers are natural logarithms of what was measured. docs/method.md says why these locations and
scales are used: under "The model" for processes, and under "The number of a block" for blocks.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence

import numpy as np

#: Huber's constant, in standard deviations: a value that lies further off counts as if it lay this
#: far off. It costs 5 % of efficiency where nothing is disturbed (Huber 1964; Huber & Ronchetti
#: 2009).
CLIP = 1.345

#: The standard error of Huber's location by that of the mean, for normal values.
COST = 1.0257

#: The standard deviation of a normal distribution by the median distance from its centre.
MAD = 1.4826

#: Iterations of Huber's location. After these it moves by less than 1e-3 deviations.
ITERATIONS = 12


def midmean(values: Sequence[float]) -> float:
    """The mean without about a quarter of the values at each end: a process's location.

    The first and the disturbed samples of a process are much slower than the others, and are few.
    """
    return statistics.fmean(sorted(values)[cut(len(values))])


def cut(count: int) -> slice:
    """Where the middle of so many sorted values lies: without about a quarter at each end.

    Of three values one is cut at each end, of ten values two.
    """
    ends = (count + 1) // 4
    return slice(ends, count - ends)


def location(values: Sequence[float], scale: float) -> float:
    """Huber's location of ``values`` that scatter by ``scale``: their median where that is 0."""
    middle = statistics.median(values)
    if len(values) <= 2 or scale <= 0:
        return middle
    reach = CLIP * scale
    if values and max(values) - min(values) <= reach:
        return statistics.fmean(values)
    for _ in range(ITERATIONS):
        moved = sum(max(-reach, min(reach, value - middle)) for value in values) / len(values)
        middle += moved
        if abs(moved) < 1e-3 * scale:
            break
    return middle


def pseudomedian(values: Sequence[float]) -> float:
    """The median of the means of every two of ``values``, and of each value with itself (Hodges &
    Lehmann 1963).

    This location needs no scale, and has 95 % of the mean's efficiency for normal values. From four
    values on, a single value moves it only so far. Raises ValueError where there are no values.
    """
    if not len(values):
        raise ValueError("no values")
    return _pseudomedian(tuple(map(float, values)))


@functools.lru_cache(maxsize=1 << 14)
def _pseudomedian(values: tuple[float, ...]) -> float:
    """The pseudomedian is kept, because the noise of each release asks for that of all comparisons
    before it."""
    halves = np.asarray(values) / 2
    first, second = np.triu_indices(len(halves))
    return float(np.median(halves[first] + halves[second]))


def scale(residuals: Sequence[float], least: float = 0.0) -> float:
    """The standard deviation that makes Huber's location of such values as uncertain as it is.

    ``residuals`` are distances from locations, made larger for the degree of freedom that each
    location took. The scale is sqrt(E psi^2) / E psi' (Huber 1964). Values are clipped at CLIP
    times their MAD or ``least``, whichever is more. Without residuals the scale is 0.
    """
    if not residuals:
        return 0.0
    rough = max(least, MAD * statistics.median(abs(residual) for residual in residuals))
    reach = CLIP * rough
    if reach == 0:
        return math.sqrt(statistics.fmean(residual * residual for residual in residuals))
    clipped = [min(abs(residual), reach) for residual in residuals]
    inside = sum(abs(residual) <= reach for residual in residuals) / len(residuals)
    return math.sqrt(statistics.fmean(distance * distance for distance in clipped)) / inside


def deviation(residuals: Sequence[float]) -> float:
    """The standard deviation of values with such ``residuals``, if all but a few are normal."""
    return scale(residuals) / COST


def ratio(log: float) -> float:
    """The ratio whose natural logarithm is ``log``, within what a float can hold."""
    return math.exp(max(-700.0, min(700.0, log)))
