"""From the records of duets to blocks: what verdicts by duets, separations, calibrations and chains
are made of.

A block is two duets of the same two subjects, the start order swapped: four records. Only whole
blocks count, and none during which others took the processors.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .. import records
from ..errors import one_line
from ..records import Record
from ..records.record import MOST_SECONDS, is_cpus, is_number
from ..releases.catalogue import Catalogue
from ..runs.duet import MOST_OTHERS
from ..stats import blocks
from ..stats.blocks import BlockNoise
from .measures import JUDGED, STEP
from .state import Known, State, known_of, state_of, values_of

#: A pair of steps does not count where others used more than this share of the processors during
#: one of them, and two ticks; nor does a block of whose pairs fewer than half count. A hypervisor
#: is one of the others.
MOST_IN_A_STEP, TICKS_S = 0.25, 0.02

#: A process that waits may compute for this share of its partner's steps. Where it computes for
#: more, a message says so.
MOST_WAITING = 0.01

#: A release (its commit), a configuration (``Record.key``), and what was changed back of it.
SubjectKey = tuple[str, str, str | None]


def subject_key(record: Record) -> SubjectKey:
    return record.commit, record.key, record.variant


class DuetRecords(NamedTuple):
    """The records of one duet: of the block's first subject, and of its second."""

    first: Record
    second: Record

    @property
    def counting(self) -> list[int]:
        """The places of those pairs of steps that count: others spoilt neither of the two."""
        many = min(len(self.first.samples), len(self.second.samples))
        return [
            place for place in range(many) if not any(_is_spoilt(record, place) for record in self)
        ]

    def values(self, measure: str) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """What both measured; None where one did not. Of steps, of those that count."""
        first, other = (values_of(record).get(measure) for record in self)
        if first is None or other is None:
            return None
        places = self.counting if measure == STEP.key else []
        if not places:
            return first, other
        return tuple(first[place] for place in places), tuple(other[place] for place in places)


@dataclass(frozen=True, kw_only=True)
class Block:
    """``numbers``: by the measure's key, the logarithm of the second subject by the first.
    ``states``: what each of them was measured in. ``seconds`` it took."""

    id: str
    profile: str
    first: SubjectKey
    second: SubjectKey
    states: tuple[State, State]
    numbers: Mapping[str, float]
    seconds: float
    duets: tuple[DuetRecords, DuetRecords]

    @property
    def is_of_one(self) -> bool:
        """Whether both of its subjects are the same one, measured in one state."""
        return self.first == self.second and self.is_of_one_state

    @property
    def calibrates(self) -> bool:
        """Whether it is of a release as it is with itself."""
        return self.is_of_one and self.first[2] is None

    @property
    def compares_releases(self) -> bool:
        """Whether it is of two releases as they are, in one configuration and one state."""
        first, other = self.first, self.second
        are_two = first[0] != other[0] and first[1:] == other[1:] and first[2] is None
        return are_two and self.is_of_one_state

    @property
    def is_of_one_state(self) -> bool:
        """Whether both subjects were measured in the same. They were not where a flag makes one a
        variant, and where the user gave an interpreter for one of the two."""
        return self.states[0] == self.states[1]

    def reads(self, before: SubjectKey, after: SubjectKey) -> int:
        """1 where it is of these two, -1 where it is of these two the other way round, else 0. A
        subject with itself reads forward."""
        if (self.first, self.second) == (before, after):
            return 1
        return -1 if (self.first, self.second) == (after, before) else 0

    def of(self, subject: SubjectKey) -> list[Record]:
        """The processes of one of two different subjects."""
        place = (self.first, self.second).index(subject)
        return [duet[place] for duet in self.duets]

    def state_of(self, subject: SubjectKey) -> State:
        """What one of two different subjects was measured in."""
        return self.states[(self.first, self.second).index(subject)]

    @property
    def others(self) -> float:
        """The share of the processors that others used during its steps; 0 where the system does
        not tell."""
        return others_share(self.duets)

    @property
    def beside(self) -> str | None:
        """What else was measured meanwhile."""
        return beside(self.duets)

    @property
    def is_busy(self) -> bool:
        """Whether others disturbed it so much that it does not count."""
        return is_busy(self.duets)


def beside(duets: Iterable[DuetRecords]) -> str | None:
    """What else was measured during these duets, as their records say; None where nothing was."""
    told = (record.beside for duet in duets for record in duet)
    return next((one_line(str(each)) for each in told if each is not None), None)


def is_busy(duets: Iterable[DuetRecords]) -> bool:
    """Whether others disturbed these duets of a block so much that it does not count: another
    measurement always does."""
    own = list(duets)
    if beside(own) is not None:
        return True
    few = any(2 * len(duet.counting) < min(len(record.samples) for record in duet) for duet in own)
    return few or others_share(own, of_all=False) > MOST_OTHERS


def others_share(duets: Iterable[DuetRecords], of_all: bool = True) -> float:
    """The share of the processors that others used during the steps of these duets, or during those
    steps alone that count; 0 where that is not on record. A step counts where it is on record of
    it."""
    used, whole = 0.0, 0.0
    for duet in duets:
        counting = None if of_all else duet.counting
        for record in duet:
            for place in range(len(record.samples)) if counting is None else counting:
                seconds = _others(record, place)
                if seconds is not None:
                    used += seconds
                    whole += record.samples[place] * record.cpus
    return max(0.0, used / whole) if whole > 0 else 0.0


def _others(record: Record, place: int) -> float | None:
    """What others computed during a step, in seconds, with what a hypervisor kept where that is on
    record; None where it is not on record what others did."""
    seconds, sample = _at(record.others_cpu_s, place), _at(record.samples, place)
    if seconds is None or sample is None or not is_cpus(record.cpus):
        return None
    return seconds + (_at(record.steal_s, place) or 0.0)


def _at(told: Any, place: int) -> float | None:
    """The seconds at a place of a list; None where there are none."""
    if not (isinstance(told, list) and place < len(told) and _is_seconds(told[place])):
        return None
    return float(told[place])


def _is_spoilt(record: Record, place: int) -> bool:
    """Whether others took so much during a step that its pair does not count. A step that others
    disturbed (vggbench.runs.duet) may still count."""
    seconds = _others(record, place)
    if seconds is None:
        return False
    return seconds > MOST_IN_A_STEP * record.samples[place] * record.cpus + TICKS_S


def waiting_share(duet: DuetRecords) -> float:
    """How much the one process computed during the steps of the other, as a share of these; of both
    the larger. 0 where that is not on record. Of all steps together: a pool that spins now and then
    takes nothing from most of them."""
    shares = [0.0]
    for waits, steps in ((duet.first, duet.second), (duet.second, duet.first)):
        seconds, own = _seconds(waits.waiting_cpu_s), _seconds(steps.samples)
        whole = sum(own)
        if whole > 0:
            shares.append(sum(seconds) / whole)
    return max(shares)


def _seconds(value: Any) -> list[float]:
    return (
        [float(seconds) for seconds in value if _is_seconds(seconds)]
        if isinstance(value, list)
        else []
    )


def _is_seconds(value: Any) -> bool:
    """Whether it is a number that a clock may have shown; ticks make some negative."""
    return is_number(value) and abs(value) <= MOST_SECONDS


def gather(
    machine: str,
    taken: Iterable[Record],
    catalogue: Catalogue,
    known: Known | None = None,
    *,
    purpose: str = records.DUET,
) -> tuple[list[Block], dict[str, list[str]]]:
    """The whole blocks among the records ``taken`` of a machine, in the order in which they were
    measured; and for each reason why records of duets are left out, the releases that they are of,
    once for each record. ``known``: what the machine's records say of facts that some lack; those
    ``taken`` say it where it is None. ``purpose``: take the blocks that were measured for it, and
    no others.
    """
    taken = list(taken)
    known = known_of(taken) if known is None else known
    by_block: dict[str, list[Record]] = {}
    left_out: dict[str, list[str]] = {}

    def leave_out(why: str, *those: Record) -> None:
        left_out.setdefault(why, []).extend(one_line(record.release, 40) for record in those)

    for record in taken:
        if record.purpose != purpose:
            continue
        if not (record.times_the_step and record.outcome == records.OK):
            continue  # a process that did not end well says of itself why
        why = record.why_no_evidence(machine, catalogue, purpose=purpose)
        if why is not None:
            leave_out(why, record)
        elif _place(record) is None:
            leave_out("of an unknown duet", record)
        else:
            by_block.setdefault(record.duet["block"], []).append(record)
    found, busy = [], []
    for name, own in by_block.items():
        block = _block(name, own, known)
        if isinstance(block, str):
            if not _is_half(own):
                leave_out(block, *own)
        elif block.is_busy:
            busy.append(block)
        else:
            found.append(block)
    alone = [block for block in busy if block.beside is None]
    if alone:
        # One line, however many there are.
        shares = [f"{100 * share:.0f}" for share in sorted(block.others for block in alone)]
        used = shares[0] if shares[0] == shares[-1] else f"{shares[0]} to {shares[-1]}"
        why = f"of duets beside other work (busy: others used {used} % of the processors)"
        leave_out(why, *(record for block in alone for duet in block.duets for record in duet))
    for block in busy:
        if block.beside is not None:
            leave_out(
                "of duets beside another measurement",
                *(record for duet in block.duets for record in duet),
            )
    return found, left_out


def _place(record: Record) -> tuple[str, int] | None:
    """(duet, which of the two was started first): 1 or 2."""
    told = record.duet
    if not isinstance(told, dict):
        return None
    started = told.get("started")
    if not (is_number(started) and started in (1, 2)):
        return None
    if not all(isinstance(told.get(key), str) for key in ("id", "block")):
        return None
    return told["id"], int(started)


#: Why records that name one block are none, as ``gather`` says it.
NOT_WHOLE = "of a block of duets that is not whole"
MORE_STATES = "of a block of duets that was measured in more than one state of the machine"


def _is_half(own: Sequence[Record]) -> bool:
    """Whether it is one whole duet of a block: whoever measured was ended before the other was, as
    every history is some day. What else keeps the other from counting is said of it."""
    places = [place for record in own if (place := _place(record)) is not None]
    return (
        len(places) == 2
        and {started for _, started in places} == {1, 2}
        and places[0][0] == places[1][0]
    )


def _block(name: str, own: Sequence[Record], known: Known) -> Block | str:
    """The block of these records, which are evidence; or why they are none. ``known``: of the
    machine's records."""
    by_place = {place: record for record in own if (place := _place(record)) is not None}
    ids = sorted({id_ for id_, _ in by_place})
    if len(own) != 4 or len(by_place) != 4 or len(ids) != 2:
        return NOT_WHOLE
    first_id, other = ids
    # Who was started first in the one was started second in the other.
    duets = (
        DuetRecords(by_place[first_id, 1], by_place[first_id, 2]),
        DuetRecords(by_place[other, 2], by_place[other, 1]),
    )
    first, second = map(subject_key, duets[0])
    if (first, second) != tuple(map(subject_key, duets[1])):
        return NOT_WHOLE
    if len({record.profile for record in own}) != 1:
        return NOT_WHOLE
    states, *others = (
        (state_of(duet.first, known), state_of(duet.second, known)) for duet in duets
    )
    if any(other != states for other in others):
        return MORE_STATES
    # What was changed back may be a flag. Of two releases, the user may have given an interpreter
    # for one alone.
    may_differ: dict[str, Any] = (
        {"own_interpreter": True} if first[2] is second[2] is None else {"flags": ()}
    )
    if replace(states[0], **may_differ) != replace(states[1], **may_differ):
        return MORE_STATES
    return Block(
        id=name,
        profile=own[0].profile,
        first=first,
        second=second,
        states=states,
        numbers=_of_measures(duets),
        seconds=sum(max(0.0, *(record.seconds or 0.0 for record in duet)) for duet in duets),
        duets=duets,
    )


def _of_measures(duets: tuple[DuetRecords, DuetRecords]) -> dict[str, float]:
    """A block's number of each measure that all of its processes have."""
    found = {}
    for key in JUDGED:
        values = [own for duet in duets if (own := duet.values(key)) is not None]
        if len(values) == len(duets):
            found[key] = blocks.block(*(blocks.duet(*own) for own in values))
    return found


def numbers(
    found: Iterable[Block], before: SubjectKey, after: SubjectKey, measure: str = STEP.key
) -> list[float]:
    """The logarithms of ``after`` by ``before`` in the blocks of these two."""
    return [
        way * block.numbers[measure]
        for block in found
        if (way := block.reads(before, after)) and measure in block.numbers
    ]


def noise(
    *sources: Iterable[Block], measure: str = STEP.key, earlier: Set[str] = frozenset()
) -> BlockNoise:
    """The noise of a measure's blocks by the first of ``sources`` that tells it, else assumed.

    Of each source count blocks of a subject with itself, and those whose two subjects are of
    releases (their commits) that are ``earlier`` than what is judged: no answer changes when later
    releases come. Raises ValueError where there is no source.
    """
    if not sources:
        raise ValueError("no blocks to tell the noise")
    for source in sources:
        groups: dict[Any, list[float]] = {}
        for block in source:
            if measure not in block.numbers:
                continue
            if not (block.is_of_one or (block.first[0] in earlier and block.second[0] in earlier)):
                continue
            # What they compare in another state may be another ratio.
            subjects = (block.first, block.states[0]), (block.second, block.states[1])
            way = 1
            if _order(block.first) > _order(block.second):
                subjects, way = (subjects[1], subjects[0]), -1
            groups.setdefault(subjects, []).append(way * block.numbers[measure])
        found = blocks.noise(
            [own for (first, second), own in groups.items() if first == second],
            [own for (first, second), own in groups.items() if first != second],
            assumed=JUDGED[measure].between_blocks,
        )
        if not found.is_assumed:
            break
    return found


def _order(subject: SubjectKey) -> tuple[str, str, str]:
    return subject[0], subject[1], subject[2] or ""


def of_states(found: Iterable[Block], states: Collection[State]) -> list[Block]:
    """Those blocks that tell the noise of what was measured in these ``states``: one of their two
    subjects was measured in one of them. What was measured in another tells nothing of it."""
    return [block for block in found if any(state in states for state in block.states)]


def in_one_state(found: Sequence[Block]) -> list[Block]:
    """Those blocks of two subjects that were measured in the state of the newest."""
    return [block for block in found if _stated(block) == _stated(found[-1])]


def _stated(block: Block) -> set[tuple[SubjectKey, State]]:
    return {(block.first, block.states[0]), (block.second, block.states[1])}
