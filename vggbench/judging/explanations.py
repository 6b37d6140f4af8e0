"""What got slower in a step: from the records of traced processes to classes of operations.

``vggbench explain`` measures a release and the one before in blocks of duets whose processes are
traced by their framework's profiler. traces.py puts the operations of each step into classes. Here
the two releases are compared class by class.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import records
from ..frameworks import OTHER
from ..stats import parts
from ..stats.parts import PartDifference
from ..stats.policy import LEAST_BLOCKS
from .duets import Block, DuetRecords, SubjectKey, in_one_state
from .traces import UNCOUNTED_STEPS, NoTrace, Traced, of_record

#: So many operations of a class are shown, the ones that differ most.
LARGEST = 3


@dataclass(frozen=True)
class Operation:
    """An operation, or all of one name, kind and shapes: seconds of a step in both releases, None
    where a release has no such operation, or has it only among its small ones, whose name is empty
    (vggbench.inside.profilers.summary)."""

    name: str
    kind: str
    shapes: str
    before_s: float | None
    after_s: float | None

    @property
    def difference_s(self) -> float:
        return (self.after_s or 0.0) - (self.before_s or 0.0)


@dataclass(frozen=True)
class Part:
    """A class of operations, or IDLE. ``operations``: those that differ most, LARGEST at most."""

    name: str
    difference: PartDifference
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True)
class Implementation:
    """A kind of oneDNN's primitives that both releases compute, but by other implementations.

    ``shapes``: how many shapes of it. ``before`` and ``after``: the implementations' names.
    ``before_s`` and ``after_s``: seconds of a step that they took, by oneDNN's own account.
    """

    kind: str
    before: str
    after: str
    shapes: int
    before_s: float
    after_s: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the step of two releases differs by, in one configuration.

    ``step``: the whole step, as the traced processes took it. ``parts``: the largest difference
    first. ``traced_by``: what told the operations, of both. ``cost``: the traced step by the
    untraced one of the same processes, of both. ``named``: the share of the step that lies in
    classes other than OTHER, of both.
    """

    machine: str
    profile: str
    benchmark: str
    configuration: Mapping[str, Any]
    before: str
    after: str
    blocks: int
    step: PartDifference
    parts: tuple[Part, ...]
    implementations: tuple[Implementation, ...]
    traced_by: tuple[str, str]
    cost: tuple[float, float]
    named: tuple[float, float]
    notes: tuple[str, ...] = field(default=())

    @property
    def words(self) -> str:
        """The configuration, as messages name it."""
        return records.words_of(self.configuration)

    @property
    def sure(self) -> list[Part]:
        """The parts that surely differ, the largest first."""
        return [part for part in self.parts if part.difference.is_sure]

    @property
    def reach_s(self) -> float:
        """Half the width of the widest interval, of the step and of its parts, in seconds."""
        told = (self.step, *(part.difference for part in self.parts))
        return max((each.high - each.low) / 2 for each in told)

    def share(self, part: Part) -> float | None:
        """The share of the step's difference that lies in a part; None where the step's is not
        sure, and has no shares."""
        if not self.step.is_sure:
            return None
        return part.difference.difference / self.step.difference


def of_blocks(found: Iterable[Block], before: SubjectKey, after: SubjectKey) -> Explanation | None:
    """The explanation by those traced blocks that are of these two subjects, in the state in which
    the newest was measured; None where they are fewer than LEAST_BLOCKS."""
    own = [block for block in found if block.reads(before, after)]
    own = [block for block in in_one_state(own) if has_traces(block)] if own else []
    if len(own) < LEAST_BLOCKS:
        return None
    of_duets = []
    traced: tuple[list[Traced], list[Traced]] = [], []
    for block in own:
        turned = block.reads(before, after) < 0
        for number, duet in enumerate(block.duets):
            both = tuple(reversed(duet)) if turned else tuple(duet)
            first, second = (of_record(record) for record in both)
            traced[0].append(first)
            traced[1].append(second)
            of_duets.append(parts.Duet(_pairs(duet, first, second), swapped=bool(number) != turned))
    differences = parts.differences(of_duets)
    step = differences.pop(parts.STEP)
    newest = own[-1]
    one, other = (newest.of(key)[0] for key in (before, after))
    return Explanation(
        machine=one.machine if isinstance(one.machine, str) else "",
        profile=newest.profile,
        benchmark=one.benchmark,
        configuration=dict(other.configuration),
        before=one.release,
        after=other.release,
        blocks=len(own),
        step=step,
        parts=tuple(_parts(differences, traced)),
        implementations=tuple(_implementations(*traced)),
        traced_by=(traced[0][-1].profiler, traced[1][-1].profiler),
        cost=(_cost(traced[0]), _cost(traced[1])),
        named=(_named(traced[0]), _named(traced[1])),
        notes=tuple(dict.fromkeys(note for side in traced for each in side for note in each.notes)),
    )


def has_traces(block: Block) -> bool:
    """Whether the traces of all its processes tell of steps that nothing disturbed."""
    try:
        return all(_pairs(duet, *map(of_record, duet)) for duet in block.duets)
    except NoTrace:
        return False


def _pairs(
    duet: DuetRecords, first: Traced, second: Traced
) -> list[tuple[parts.Parts, parts.Parts]]:
    """The traced steps of a duet, pair by pair, without those that others disturbed."""
    found = []
    for place in duet.counting:
        own = [place - each.plain_steps - UNCOUNTED_STEPS for each in (first, second)]
        if min(own) >= 0 and own[0] < len(first.steps) and own[1] < len(second.steps):
            found.append((first.steps[own[0]], second.steps[own[1]]))
    return found


def _parts(
    differences: Mapping[str, PartDifference], traced: tuple[list[Traced], list[Traced]]
) -> list[Part]:
    """The parts, the largest difference first, with their operations."""
    sides: list[dict[tuple[str, str, str, str], list[float]]] = [{}, {}]
    for place, side in enumerate(traced):
        for each in side:
            for key, seconds in each.operations.items():
                sides[place].setdefault(key, []).append(seconds)
    operations: dict[str, list[Operation]] = {}
    for key in dict.fromkeys((*sides[0], *sides[1])):
        class_, name, kind, shapes = key
        before, after = (
            sum(side[key]) / len(traced[place]) if key in side else None
            for place, side in enumerate(sides)
        )
        operations.setdefault(class_, []).append(Operation(name, kind, shapes, before, after))
    found = []
    for name, difference in differences.items():
        own = sorted(operations.get(name, ()), key=lambda each: -abs(each.difference_s))
        found.append(Part(name, difference, tuple(own[:LARGEST])))
    return sorted(found, key=lambda part: (-abs(part.difference.difference), part.name))


def _implementations(before: Sequence[Traced], after: Sequence[Traced]) -> list[Implementation]:
    """What oneDNN computes by another implementation than before, the longest first."""
    changed: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for key in before[-1].primitives.keys() & after[-1].primitives.keys():
        (names, seconds), (other_names, other_seconds) = (
            before[-1].primitives[key],
            after[-1].primitives[key],
        )
        if names != other_names:
            kind = key[0], ", ".join(sorted(names)), ", ".join(sorted(other_names))
            changed.setdefault(kind, []).append((seconds, other_seconds))
    found = [
        Implementation(
            *kind, len(seconds), sum(one for one, _ in seconds), sum(other for _, other in seconds)
        )
        for kind, seconds in changed.items()
    ]
    return sorted(found, key=lambda each: (-each.after_s, each.kind, each.before))


def _cost(traced: Sequence[Traced]) -> float:
    return statistics.median(each.traced_s / each.plain_s for each in traced)


def _named(traced: Sequence[Traced]) -> float:
    whole = sum(sum(step.values()) for each in traced for step in each.steps)
    unknown = sum(step.get(OTHER, 0.0) for each in traced for step in each.steps)
    return 1 - unknown / whole
