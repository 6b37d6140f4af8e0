"""What a record's trace says: the seconds of each class of operations in each traced step.

docs/records.md describes a trace. A table for each framework says which operation is of which class
(vggbench/frameworks).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import frameworks
from ..errors import one_line
from ..frameworks import CONV_GRAD_INPUTS, CONV_GRAD_WEIGHTS, CONV_GRADS, OTHER
from ..inside.profilers import WITHIN
from ..records import Record
from ..records.record import MOST_SECONDS, class_of, is_number

#: The part of a step in which no operation ran.
IDLE = "idle"


#: So many traced steps at the beginning do not count. Profilers allocate in the first one, and some
#: releases of Keras make their function anew.
UNCOUNTED_STEPS = 1

#: Texts of a trace are cut to so many characters, and the kinds of operations within each other to
#: more.
MOST_TEXT, MOST_KINDS = 120, 1000


class NoTrace(ValueError):
    """A record holds no trace, or one that is none."""


@dataclass(frozen=True)
class Traced:
    """The traced steps of a process.

    ``steps``: of each traced step that counts the seconds of each class, and of IDLE.
    ``operations``: by class, name, kind and shapes, the seconds of a step. ``primitives``: by kind
    and shapes of oneDNN's, the names of the implementations and the seconds of a step.
    ``plain_steps``: how many steps ran before the traced ones, of which the first UNCOUNTED_STEPS
    do not count. ``plain_s`` and ``traced_s``: the median of those, and of the traced ones.
    """

    profiler: str
    plain_steps: int
    steps: Sequence[Mapping[str, float]]
    operations: Mapping[tuple[str, str, str, str], float]
    primitives: Mapping[tuple[str, str], tuple[frozenset[str], float]]
    plain_s: float
    traced_s: float
    notes: tuple[str, ...]


def of_record(record: Record) -> Traced:
    """What a record's trace says. Raises NoTrace where it has none, or nonsense."""
    told = _checked(record)
    key = _framework(record)
    of_gradients = _gradients(told.primitives)
    notes: list[str] = []
    steps: list[dict[str, float]] = [{IDLE: seconds} for seconds in told.idle_s]
    operations: dict[tuple[str, str, str, str], float] = {}
    for name, kinds, shapes, seconds in told.operations:
        found = frameworks.operation_class(key, kinds, shapes)
        shares = {found: 1.0}
        if found == CONV_GRADS:
            shares = of_gradients
            if not shares:
                notes.append(
                    f"{record.release} computes both gradients of a convolution in one operation, "
                    f"and nothing tells them apart"
                )
                shares = {OTHER: 1.0}
        kind = kinds.rpartition(WITHIN)[2]
        for part, share in shares.items():
            own = operations.setdefault((part, name, kind, shapes), 0.0)
            operations[part, name, kind, shapes] = own + share * statistics.fmean(seconds)
            for step, of_step in zip(steps, seconds, strict=True):
                step[part] = step.get(part, 0.0) + share * of_step
    return Traced(
        profiler=told.profiler,
        plain_steps=told.plain_steps,
        steps=steps,
        operations=operations,
        primitives=_by_shape(told.primitives),
        plain_s=statistics.median(told.plain_s),
        traced_s=statistics.median(told.steps_s),
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Primitive:
    """A primitive of oneDNN's. ``seconds``: a value for each step that counts."""

    kind: str
    direction: str
    implementation: str
    shapes: str
    seconds: list[float]


@dataclass(frozen=True)
class _Told:
    """A trace that is one. ``operations``: name, kinds, shapes and seconds, a value for each traced
    step. ``plain_s``: the seconds of the steps before those."""

    profiler: str
    plain_steps: int
    plain_s: list[float]
    steps_s: list[float]
    idle_s: list[float]
    operations: list[tuple[str, str, str, list[float]]]
    primitives: list[_Primitive]


def _checked(record: Record) -> _Told:
    """The trace of a record. Raises NoTrace where it has none, or nonsense."""
    trace = record.trace
    try:
        steps_s = _seconds(trace["steps_s"])
        plain, samples = trace["plain_steps"], _seconds(record.samples)
        told = _Told(
            profiler=_text(trace.get("profiler", "")),
            plain_steps=plain,
            plain_s=samples[:plain],
            steps_s=steps_s[UNCOUNTED_STEPS:],
            idle_s=_seconds(trace["idle_s"], len(steps_s))[UNCOUNTED_STEPS:],
            operations=[
                (
                    _text(each["name"]),
                    _text(each["kinds"], MOST_KINDS),
                    _text(each["shapes"]),
                    _seconds(each["seconds"], len(steps_s))[UNCOUNTED_STEPS:],
                )
                for each in _list(trace["operations"])
            ],
            primitives=[
                _Primitive(
                    _text(each["kind"]),
                    _text(each["direction"]),
                    _text(each["implementation"]),
                    _text(each["shapes"]),
                    _counted(_seconds(each["seconds"]), len(steps_s)),
                )
                for each in _list(trace.get("onednn", []))
            ],
        )
    except (TypeError, KeyError, AttributeError) as err:
        raise NoTrace(f"its trace is none: {err!r}") from None
    if not (is_number(plain) and 0 < plain < len(samples)):
        raise NoTrace("it has no step that was traced, or none that was not")
    if plain + len(steps_s) != len(samples):
        raise NoTrace("it tells another number of steps than were traced")
    if not min([*told.plain_s, *told.steps_s], default=0.0) > 0:
        raise NoTrace("it has a step that took no time")
    if not any(seconds > 0 for *_, of_steps in told.operations for seconds in of_steps):
        raise NoTrace("it tells no operation")
    return told


def _text(value: object, most: int = MOST_TEXT) -> str:
    """A text of a trace, as messages and tables can hold it."""
    printable = "".join(sign if sign.isprintable() else " " for sign in str(value))
    return one_line(printable, most)


def _list(value: Any) -> list[Any]:
    """The list that ``value`` is. Raises NoTrace where it is none."""
    if not isinstance(value, list):
        raise NoTrace("its trace has something else in place of a list")
    return value


def _seconds(value: Any, many: int | None = None) -> list[float]:
    """The list of seconds that ``value`` is, of so ``many``. Raises NoTrace where it is none."""
    for each in _list(value):
        if not (is_number(each) and 0 <= each <= MOST_SECONDS):
            raise NoTrace("its trace has seconds that are none")
    if many is not None and len(value) != many:
        raise NoTrace("its trace has lists of other lengths")
    return [float(each) for each in value]


def _counted(seconds: list[float], steps: int) -> list[float]:
    """Those of the steps that count. oneDNN tells of fewer where it computed nothing in some."""
    return seconds[UNCOUNTED_STEPS:] if len(seconds) == steps else seconds


def _framework(record: Record) -> str:
    """The key of the framework that computed the steps."""
    if record.backend is not None:
        return record.backend
    framework = frameworks.titled(class_of(record.benchmark))
    return "" if framework is None else framework.key


def _gradients(primitives: Sequence[_Primitive]) -> dict[str, float]:
    """How the seconds of both gradients of convolutions are shared out, by oneDNN's account; empty
    where it tells of none."""
    seconds = {
        name: sum(
            sum(each.seconds)
            for each in primitives
            if each.kind == "convolution" and each.direction == direction
        )
        for name, direction in (
            (CONV_GRAD_WEIGHTS, "backward_weights"),
            (CONV_GRAD_INPUTS, "backward_data"),
        )
    }
    whole = sum(seconds.values())
    return {name: own / whole for name, own in seconds.items()} if whole > 0 else {}


def _by_shape(
    primitives: Sequence[_Primitive],
) -> dict[tuple[str, str], tuple[frozenset[str], float]]:
    """By the kind of a primitive and its shapes: the implementations, and seconds of a step."""
    found: dict[tuple[str, str], tuple[frozenset[str], float]] = {}
    for each in primitives:
        key = f"{each.kind} {each.direction}".strip(), each.shapes
        names, so_far = found.get(key, (frozenset(), 0.0))
        mean = statistics.fmean(each.seconds) if each.seconds else 0.0
        found[key] = names | {each.implementation}, so_far + mean
    return found
