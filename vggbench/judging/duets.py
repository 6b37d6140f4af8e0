"""From the records of duets to blocks: what verdicts by duets, separations, calibrations and chains
are made of.

A block is two duets of the same two subjects, the start order swapped: four records. Only whole
blocks count, and none during which others took the processors.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import records
from ..errors import one_line
from ..records import Record
from ..releases.catalogue import Catalogue
from ..stats import blocks
from .measures import JUDGED, STEP
from .state import State, state_of, values_of

#: The share of the processors that others may use while a block is measured. The kernel counts
#: ticks for all and exact times for a process: on an idle machine the two differ by 1 to 2 %.
MOST_OTHERS = 0.1

#: The share of its own step that a process may compute during a step of the other.
MOST_WAITING = 0.01

#: A release (its commit), a configuration (``Record.key``), and what was changed back of it.
Subject = tuple[str, str, str | None]


def subject_of(record: Record) -> Subject:
    return record.commit, record.key, record.variant


class Pair(NamedTuple):
    """The records of one duet: of the block's first subject, and of its second."""

    first: Record
    second: Record


@dataclass(frozen=True, kw_only=True)
class Block:
    """``numbers``: by the measure's key, the logarithm of the second subject by the first.
    ``states``: what each of them was measured in. ``seconds`` it took."""

    id: str
    profile: str
    first: Subject
    second: Subject
    states: tuple[State, State]
    numbers: Mapping[str, float]
    seconds: float
    duets: tuple[Pair, Pair]

    @property
    def is_of_one(self) -> bool:
        """Whether it is of a subject with itself."""
        return self.first == self.second

    @property
    def compares_releases(self) -> bool:
        """Whether it is of two releases as they are, in one configuration."""
        one, other = self.first, self.second
        return one[0] != other[0] and one[1:] == other[1:] and one[2] is None

    def reads(self, before: Subject, after: Subject) -> int:
        """1 where it is of these two, -1 where it is of these two the other way round, else 0. A
        subject with itself reads forward."""
        if (self.first, self.second) == (before, after):
            return 1
        return -1 if (self.first, self.second) == (after, before) else 0

    def of(self, subject: Subject) -> list[Record]:
        """The processes of one of two different subjects."""
        place = (self.first, self.second).index(subject)
        return [pair[place] for pair in self.duets]

    @property
    def others(self) -> float:
        """The share of the processors that others used during its steps; 0 where the system does
        not tell."""
        return others_share([record for pair in self.duets for record in pair])


def others_share(taken: Iterable[Record]) -> float:
    """The share of the processors that others used during the steps of these processes; 0 where
    that is not on record."""
    used, whole = 0.0, 0.0
    for one in taken:
        seconds = _numbers(one.others_cpu_s)
        if seconds and isinstance(one.samples, list) and isinstance(one.cpus, int):
            used += sum(seconds)
            whole += sum(_numbers(one.samples)) * one.cpus
    return max(0.0, used / whole) if whole else 0.0


def waiting_share(pair: Pair) -> float:
    """How much the one process computed during a step of the other, as a share of that step; of
    both the larger. 0 where that is not on record."""
    shares = [0.0]
    for waits, steps in ((pair.first, pair.second), (pair.second, pair.first)):
        seconds, own = _numbers(waits.waiting_cpu_s), _numbers(steps.samples)
        if seconds and own:
            shares.append(statistics.median(seconds) / statistics.median(own))
    return max(shares)


def _numbers(value: Any) -> list[float]:
    known = value if isinstance(value, list) else []
    return [float(one) for one in known if isinstance(one, (int, float)) and abs(one) < 1e9]


def gather(
    machine: str, taken: Iterable[Record], catalogue: Catalogue
) -> tuple[list[Block], dict[str, list[str]]]:
    """The whole blocks among the records ``taken`` of a machine, in the order in which they were
    measured; and for each reason why records of duets are left out, the releases that they are of.
    """
    parts: dict[str, list[Record]] = {}
    left_out: dict[str, list[str]] = {}

    def leave_out(why: str, *those: Record) -> None:
        left_out.setdefault(why, []).extend(one_line(one.release, 40) for one in those)

    for record in taken:
        if not record.is_of_a_duet or record.outcome != records.OK:
            continue  # a duet that did not end well says of itself why
        why = record.why_no_evidence(machine, catalogue)
        if why is not None:
            leave_out(why, record)
        elif _place(record) is None:
            leave_out("of a duet that does not say which", record)
        else:
            parts.setdefault(record.duet["block"], []).append(record)
    found = []
    for name, own in parts.items():
        block = _block(name, own)
        if block is None:
            leave_out("of a block of duets that is not whole", *own)
        elif block.others > MOST_OTHERS:
            leave_out(f"of a block beside other work (busy: {block.others:.0%})", *own)
        else:
            found.append(block)
    return found, left_out


def _place(record: Record) -> tuple[str, int] | None:
    """(duet, which of the two was started first): 1 or 2."""
    told = record.duet
    if not isinstance(told, dict) or told.get("started") not in (1, 2):
        return None
    if not all(isinstance(told.get(key), str) for key in ("id", "block")):
        return None
    return told["id"], int(told["started"])


def _block(name: str, own: Sequence[Record]) -> Block | None:
    """The block of these four records; None where they are none."""
    by_place = {place: record for record in own if (place := _place(record)) is not None}
    duets = sorted({duet for duet, _ in by_place})
    if len(own) != 4 or len(by_place) != 4 or len(duets) != 2:
        return None
    one, other = duets
    # Who was started first in the one was started second in the other.
    pairs = (
        Pair(by_place[one, 1], by_place[one, 2]),
        Pair(by_place[other, 2], by_place[other, 1]),
    )
    first, second = map(subject_of, pairs[0])
    if (first, second) != tuple(map(subject_of, pairs[1])):
        return None
    states = state_of(pairs[0].first), state_of(pairs[0].second)
    if any((state_of(pair.first), state_of(pair.second)) != states for pair in pairs):
        return None
    if len({record.profile for record in own}) != 1:
        return None
    return Block(
        id=name,
        profile=own[0].profile,
        first=first,
        second=second,
        states=states,
        numbers=_of_measures(pairs),
        seconds=sum(max(one.seconds or 0.0, two.seconds or 0.0) for one, two in pairs),
        duets=pairs,
    )


def _of_measures(pairs: tuple[Pair, Pair]) -> dict[str, float]:
    """A block's number of each measure that all of its processes have."""
    values = [[values_of(record) for record in pair] for pair in pairs]
    return {
        key: blocks.block(*(blocks.duet(first[key], second[key]) for first, second in values))
        for key in JUDGED
        if all(key in one for pair in values for one in pair)
    }


def numbers(
    found: Iterable[Block], before: Subject, after: Subject, measure: str = STEP.key
) -> list[float]:
    """The logarithms of ``after`` by ``before`` in the blocks of these two."""
    return [
        way * block.numbers[measure]
        for block in found
        if (way := block.reads(before, after)) and measure in block.numbers
    ]


def in_one_state(found: Sequence[Block]) -> list[Block]:
    """Those blocks of two subjects that were measured in the state of the newest."""
    return [one for one in found if set(one.states) == set(found[-1].states)]
