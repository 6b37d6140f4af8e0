"""What verdicts judge of a process: its steps, its first step, its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import records
from ..inside import measure


@dataclass(frozen=True)
class Measure:
    """What is judged of a process: lower is better. ``scale`` units are one of what records hold.

    ``of_record``: the values of one process; it may raise KeyError or TypeError for a record that
    does not have them.
    """

    key: str
    title: str
    unit: str
    scale: float
    of_record: Callable[[records.Record], Sequence[Any]]


def _first_step(record: records.Record) -> Sequence[Any]:
    if (record.get("versions") or {}).get("compiled_modules"):
        # Theano compiled for this process what later ones find in its folder (docs/method.md).
        raise KeyError("compiled_modules")
    return (measure.BY_PRODUCTS["track_first_step"](record),)


MEASURES = {
    one.key: one
    for one in (
        Measure("step", "step time", "ms", 1e3, lambda record: record["samples"]),
        Measure("first_step", "first step", "s", 1.0, _first_step),
        Measure(
            *("peak_memory", "peak memory", "MB", 1e-6),
            lambda record: (measure.BY_PRODUCTS["track_peak_memory"](record),),
        ),
    )
}
