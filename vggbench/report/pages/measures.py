"""What a page can show of a timed process, and how processes make a figure with an interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...records import Record

LOWER, HIGHER, NEITHER = "lower", "higher", "neither"

#: The interval of a median covers it with at least this probability, where there are processes
#: enough for that.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Measure:
    """``unit`` is what pages show, ``scale`` of which are one of what records hold. ``benchmark``
    is the method whose graph asv has of it. ``of_process`` takes a record whose outcome is ok."""

    key: str
    title: str
    unit: str
    scale: float
    better: str
    benchmark: str
    of_process: Callable[[Record], object]


@dataclass(frozen=True)
class Estimate:
    """The median over processes, and an interval of it; see ``estimate``."""

    value: float
    low: float
    high: float
    processes: int


def _of(by_product: str) -> Callable[[Record], object]:
    return lambda record: record.by_product(by_product)


STEP = Measure(
    *("step", "Train step", "ms", 1e3, LOWER, "time_train_step"),
    lambda record: record.median_s,
)
FIRST_STEP = Measure(
    *("first_step", "First step", "s", 1, LOWER, "track_first_step"), _of("track_first_step")
)
PEAK_MEMORY = Measure(
    *("peak_memory", "Peak memory", "GB", 1e-9, LOWER, "track_peak_memory"),
    _of("track_peak_memory"),
)
#: In the order in which pages offer them.
OF_PROCESSES = (
    STEP,
    FIRST_STEP,
    PEAK_MEMORY,
    Measure(*("loss", "Loss of the third step", "", 1, NEITHER, "track_loss"), _of("track_loss")),
    Measure(
        *("gpu_utilisation", "GPU utilisation", "%", 1, HIGHER, "track_gpu_utilisation"),
        _of("track_gpu_utilisation"),
    ),
    Measure(
        *("gpu_memory", "GPU memory", "GB", 1e-9, LOWER, "track_gpu_memory"),
        _of("track_gpu_memory"),
    ),
)
#: Computed from the step's estimate, as ``vggbench rates`` does.
IMAGES = Measure(
    *("images", "Images per second", "images/s", 1, HIGHER, "time_train_step"), lambda record: None
)
MEASURES = (STEP, IMAGES, *OF_PROCESSES[1:])


def of_process(one: Measure, record: Record) -> float | None:
    """The figure of one process; None where its record has none that is a finite number."""
    value = one.of_process(record)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]


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
