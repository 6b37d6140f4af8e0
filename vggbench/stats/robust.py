"""Locations and scales that a few disturbed samples or processes do not move far.

All numbers are natural logarithms of what was measured. docs/method.md, "Verdicts", says why these.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence

import numpy as np

#: Huber's constant, in standard deviations: what lies further off counts as if it lay there. It
#: costs 5 % of efficiency where nothing is disturbed (Huber 1964; Huber & Ronchetti 2009).
CLIP = 1.345

#: By this factor Huber's location has a larger standard error than the mean of normal values.
COST = 1.0257

#: The median of the distances from the centre of a normal distribution, as a share of its
#: standard deviation, is 1 by this.
MAD = 1.4826

#: Iterations of Huber's location; it moves by less than 1e-3 deviations after these.
ITERATIONS = 12


def midmean(values: Sequence[float]) -> float:
    """The mean without about a quarter of the values at each end: a process's location.

    The first and the disturbed samples of a process are slow by far, and there are few: of three
    values one is cut at each end, of ten two.
    """
    cut = (len(values) + 1) // 4
    return statistics.fmean(sorted(values)[cut : len(values) - cut])


def location(values: Sequence[float], scale: float) -> float:
    """Huber's location of ``values`` that scatter by ``scale``; by 0, their median."""
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
    """The median of the means of all pairs of ``values``, each with itself too (Hodges & Lehmann
    1963): a location that needs no scale, with 95 % of the mean's efficiency for normal values.
    From four values on, one of them moves it only so far. Raises ValueError where there are none.
    """
    if not len(values):
        raise ValueError("no values")
    return _pseudomedian(tuple(map(float, values)))


@functools.lru_cache(maxsize=1 << 14)
def _pseudomedian(values: tuple[float, ...]) -> float:
    """Kept: the noise of each release asks it of all comparisons before that, again and again."""
    halves = np.asarray(values) / 2
    first, second = np.triu_indices(len(halves))
    return float(np.median(halves[first] + halves[second]))


def scale(residuals: Sequence[float], least: float = 0.0) -> float:
    """The standard deviation that makes Huber's location of such values as uncertain as it is.

    ``residuals`` are distances from locations, made larger for the degree of freedom that each
    location took. That is, sqrt(E psi^2) / E psi' (Huber 1964), with values clipped at CLIP times
    their MAD or ``least``, whichever is more; 0 where there are none.
    """
    if not residuals:
        return 0.0
    rough = max(least, MAD * statistics.median(abs(residual) for residual in residuals))
    reach = CLIP * rough
    if reach == 0:
        return math.sqrt(statistics.fmean(residual * residual for residual in residuals))
    clipped = [min(abs(residual), reach) for residual in residuals]
    inside = sum(abs(residual) <= reach for residual in residuals) / len(residuals)
    return math.sqrt(statistics.fmean(residual * residual for residual in clipped)) / inside


def deviation(residuals: Sequence[float]) -> float:
    """The standard deviation of such values if they are normal but for a few."""
    return scale(residuals) / COST


def ratio(log: float) -> float:
    """The ratio whose natural logarithm this is, within what a float can hold."""
    return math.exp(max(-700.0, min(700.0, log)))
