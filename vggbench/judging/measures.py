"""What is measured of a timed process: how it is called, in which unit, and what is better.

Pages and verdicts call some of it differently, and show it in other units: both are texts that
people have read and scripts have parsed, so they stay what they are, in one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..frameworks import KNOWN
from ..records import Record
from ..records.record import TIMED, is_number
from ..stats.policy import ASSUMED, ASSUMED_OF_BY_PRODUCTS

LOWER, HIGHER, NEITHER = "lower", "higher", "neither"


@dataclass(frozen=True, kw_only=True)
class JudgedMeasure:
    """As verdicts say it. ``of_record``: the values of one process; none, or nonsense, where it did
    not measure any. ``steady``: whether most releases have what the one before has, so that
    neighbours tell what it differs by from session to session. Memory changes in nearly every
    release. ``between_blocks``: the deviation of a block's number that is assumed where too little
    is on record."""

    title: str
    unit: str
    scale: float
    of_record: Callable[[Record], Sequence[Any]]
    between_blocks: float
    steady: bool = True


@dataclass(frozen=True, kw_only=True)
class Measure:
    """``title`` and ``unit`` are what pages show, ``scale`` of which are one of what records hold.
    ``benchmark`` is the method whose graph asv has of it, None where it has none. ``of_process``:
    what a process that ended well has of it, which may be anything; ``figure`` is the number.
    ``judged``: None where verdicts say nothing of its ratio. ``takes_time``: whether other work on
    the machine makes it worse."""

    key: str
    title: str
    unit: str
    scale: float
    better: str
    benchmark: str | None
    of_process: Callable[[Record], object]
    judged: JudgedMeasure | None = None
    takes_time: bool = False

    def figure(self, record: Record) -> float | None:
        """The figure of one process that ended well, in the unit of records; None where its record
        has none that is a finite number."""
        value = self.of_process(record)
        return float(value) if is_number(value) and math.isfinite(value) else None


def _by_product(name: str) -> Callable[[Record], object]:
    return lambda record: record.by_product(name)


def _samples(record: Record) -> Sequence[Any]:
    return record.samples if isinstance(record.samples, list) else ()


def _first_step(record: Record) -> Sequence[Any]:
    if any(
        record.facts.get(framework.compiled_fact)
        for framework in KNOWN
        if framework.compiled_fact is not None
    ):
        return ()
    return (record.by_product("track_first_step"),)


STEP = Measure(
    key="step",
    title="Train step",
    unit="ms",
    scale=1e3,
    better=LOWER,
    benchmark=TIMED,
    of_process=lambda record: record.median_s,
    judged=JudgedMeasure(
        title="step time",
        unit="ms",
        scale=1e3,
        of_record=_samples,
        between_blocks=ASSUMED,
    ),
    takes_time=True,
)

#: Computed from the step's estimate, as ``vggbench rates`` does.
IMAGES = Measure(
    key="images",
    title="Images per second",
    unit="images/s",
    scale=1,
    better=HIGHER,
    benchmark=TIMED,
    of_process=lambda record: None,
    takes_time=True,
)

FIRST_STEP = Measure(
    key="first_step",
    title="First step",
    unit="s",
    scale=1,
    better=LOWER,
    benchmark="track_first_step",
    of_process=_by_product("track_first_step"),
    judged=JudgedMeasure(
        title="first step",
        unit="s",
        scale=1.0,
        of_record=_first_step,
        between_blocks=ASSUMED_OF_BY_PRODUCTS,
    ),
    takes_time=True,
)

PEAK_MEMORY = Measure(
    key="peak_memory",
    title="Peak memory",
    unit="GB",
    scale=1e-9,
    better=LOWER,
    benchmark="track_peak_memory",
    of_process=_by_product("track_peak_memory"),
    judged=JudgedMeasure(
        title="peak memory",
        unit="MB",
        scale=1e-6,
        of_record=lambda record: (record.by_product("track_peak_memory"),),
        between_blocks=ASSUMED_OF_BY_PRODUCTS,
        steady=False,
    ),
)

#: It may be 0, which makes no ratio: verdicts judge the difference of two releases (growth.py).
MEMORY_GROWTH = Measure(
    key="memory_growth",
    title="Memory growth per step",
    unit="MB",
    scale=1e-6,
    better=LOWER,
    benchmark=None,
    of_process=lambda record: record.memory_growth,
)

LOSS = Measure(
    key="loss",
    title="Loss of the third step",
    unit="",
    scale=1,
    better=NEITHER,
    benchmark="track_loss",
    of_process=_by_product("track_loss"),
)

GPU_UTILISATION = Measure(
    key="gpu_utilisation",
    title="GPU utilisation",
    unit="%",
    scale=1,
    better=HIGHER,
    benchmark="track_gpu_utilisation",
    of_process=_by_product("track_gpu_utilisation"),
)

GPU_MEMORY = Measure(
    key="gpu_memory",
    title="GPU memory",
    unit="GB",
    scale=1e-9,
    better=LOWER,
    benchmark="track_gpu_memory",
    of_process=_by_product("track_gpu_memory"),
)


def _of_counter(
    name: str, key: str, title: str, *, unit: str = "", scale: float = 1, takes_time: bool = False
) -> Measure:
    """What a timed step cost besides its time, by its ``name`` in a record's ``counters``."""
    return Measure(
        key=key,
        title=title,
        unit=unit,
        scale=scale,
        better=LOWER,
        benchmark=None,
        of_process=lambda record: record.counter(name),
        takes_time=takes_time,
    )


#: What a step costs besides its time. Other work takes caches and processors from a process, and
#: changes neither what it computes nor what memory it asks for.
COUNTERS = (
    _of_counter("cpu_s", "cpu_time", "CPU time a step", unit="ms", scale=1e3, takes_time=True),
    _of_counter("minor_faults", "minor_faults", "Minor page faults a step"),
    _of_counter("major_faults", "major_faults", "Major page faults a step", takes_time=True),
    _of_counter("voluntary_switches", "voluntary_switches", "Voluntary switches a step"),
    _of_counter(
        "involuntary_switches",
        "involuntary_switches",
        "Involuntary switches a step",
        takes_time=True,
    ),
    _of_counter("instructions", "instructions", "Instructions a step", unit="10⁹", scale=1e-9),
    _of_counter("cycles", "cycles", "Cycles a step", unit="10⁹", scale=1e-9, takes_time=True),
)

#: In the order in which pages offer them.
MEASURES = (
    STEP,
    IMAGES,
    FIRST_STEP,
    PEAK_MEMORY,
    MEMORY_GROWTH,
    LOSS,
    GPU_UTILISATION,
    GPU_MEMORY,
    *COUNTERS,
)

#: The keys of what other work on the machine makes worse.
TAKE_TIME = frozenset(measure.key for measure in MEASURES if measure.takes_time)

#: What verdicts say the ratio of, the most important first.
JUDGED = {measure.key: measure.judged for measure in MEASURES if measure.judged is not None}
