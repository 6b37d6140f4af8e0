"""The figures of lines: how processes make one, with an interval."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

#: The interval of a median covers it with at least this probability, where there are processes
#: enough for that.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """The median over processes, and an interval of it; see ``estimate``."""

    value: float
    low: float
    high: float
    processes: int


def estimate(values: Sequence[float]) -> Estimate:
    """The median of the processes' figures and its distribution-free interval.

    The interval lies between the k-th smallest and the k-th greatest figure: the median of what the
    processes were drawn from is outside with the probability 2 P(B < k), B binomial of n and 1/2
    (Conover, Practical Nonparametric Statistics, 3.2). k is the greatest for which it is inside
    with CONFIDENCE; fewer than six processes have no such k, and show their whole range, which for
    three covers the median with a probability of 75 %. Raises ValueError where there are none.
    """
    if not values:
        raise ValueError("no process has a figure")
    n, ordered = len(values), sorted(values)
    k, below = 1, 2.0 * 0.5**n  # below: 2 P(B < k), here for k = 1
    term = 0.5**n
    while k < (n + 1) // 2:
        term *= (n - k + 1) / k  # P(B = k)
        if below + 2 * term > 1 - CONFIDENCE:
            break
        below += 2 * term
        k += 1
    return Estimate(statistics.median(ordered), ordered[k - 1], ordered[n - k], n)


def images_per_s(step: Estimate, batch_size: int) -> Estimate:
    return Estimate(
        batch_size / step.value, batch_size / step.high, batch_size / step.low, step.processes
    )
