"""What verdicts judge of a process: its steps, its first step, its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..records import Record


@dataclass(frozen=True)
class Measure:
    """What is judged of a process: lower is better. ``scale`` units are one of what records hold.

    ``of_record``: the values of one process; empty, or no numbers, where it has none.
    """

    key: str
    title: str
    unit: str
    scale: float
    of_record: Callable[[Record], Sequence[Any]]


def _first_step(record: Record) -> Sequence[Any]:
    if record.facts.get("compiled_modules"):
        # Theano compiled for this process what later ones find in its folder (docs/method.md).
        return ()
    return (record.by_product("track_first_step"),)


MEASURES = {
    one.key: one
    for one in (
        Measure("step", "step time", "ms", 1e3, lambda record: record.samples),
        Measure("first_step", "first step", "s", 1.0, _first_step),
        Measure(
            *("peak_memory", "peak memory", "MB", 1e-6),
            lambda record: (record.by_product("track_peak_memory"),),
        ),
    )
}
