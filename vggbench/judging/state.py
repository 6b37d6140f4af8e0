"""May two processes be compared, and if not, why: asked here, and nowhere else.

What a process was measured in is its State: those of one state may be held against each other. A
record of before some fact was kept lacks it, and is compared as it was then: as if the fact were
that of the machine's first record that has it.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import records
from ..errors import how_many, one_line, some_of
from ..records import Record
from ..records.record import OWN_INTERPRETER, is_cpus
from ..runs import processor, profiles, variables
from .measures import JUDGED

#: Facts of a state, by the names that messages give them; what has none is ``NONE``.
NONE = "none"
PROCESSOR, QUOTA, GOVERNOR, AFFINITY = "processor", "CPU quota", "governor", "CPU affinity"
GPU = "GPU"

#: Characters of a fact in a message.
_WIDTH = 120

#: What a machine's first records say of facts that others lack, by name.
Known = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class State:
    """What of the machine and its user is the same in all processes that are compared. ``flags``:
    the variables in which they must agree. ``facts``: a text of each, by their names; one that
    neither the record nor the machine has is absent."""

    cpus: float | None
    own_interpreter: bool
    flags: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        told = _texts(self)
        parts = [told.pop("CPUs"), told.pop("interpreter")]
        parts += [value for name, value in self.facts if name == PROCESSOR]
        parts += [
            f"{name} {value}" for name, value in self.facts if name != PROCESSOR and value != NONE
        ]
        return ", ".join([*filter(None, parts), *(f"{name}={value}" for name, value in self.flags)])

    def differs(self, before: State, when: tuple[str, str] = ("before", "after")) -> str:
        """In what it is another than the one ``before``, for messages. ``when`` follows the fact of
        either."""
        earlier, other = _texts(before), _texts(self)
        # Cut when they are said: what is told apart may stand in the middle.
        return "; ".join(
            f"{name}: {_said(earlier.get(name))} {when[0]}, {_said(other.get(name))} {when[1]}"
            for name in {**earlier, **other}
            if earlier.get(name) != other.get(name)
        )

    def without(self, names: Collection[str]) -> State:
        """The same but for the variables with these names."""
        return replace(self, flags=tuple(flag for flag in self.flags if flag[0] not in names))

    def other_flags(self, before: State) -> list[str]:
        """The names of the variables in which it is another than the one ``before``."""
        return sorted({name for name, _ in set(self.flags) ^ set(before.flags)})


def _texts(state: State) -> dict[str, str]:
    cpus = "an unknown number of CPUs" if state.cpus is None else how_many(state.cpus, "CPU")
    interpreter = "" if state.own_interpreter else "an interpreter given with -E"
    return {"CPUs": cpus, "interpreter": interpreter, **dict(state.facts), **dict(state.flags)}


def _said(value: str | None) -> str:
    return one_line(value or NONE, _WIDTH)


def state_of(record: Record, known: Known) -> State:
    """What of the machine and its user a process was measured in; ``known``: what the machine's
    records say of facts that this one may lack."""
    flags = record.variables if isinstance(record.variables, dict) else {}
    ours = record.set_by_vggbench if isinstance(record.set_by_vggbench, dict) else {}
    interpreter = record.interpreter if "interpreter" in record.stated else OWN_INTERPRETER
    made = State(
        cpus=record.cpus if is_cpus(record.cpus) else None,
        own_interpreter=interpreter == OWN_INTERPRETER,
        flags=_with_ours(variables.compared(flags).items(), ours),
        facts=tuple(sorted({**known, **_facts(record)}.items())),
    )
    return _one(made)


def _with_ours(
    users: Iterable[tuple[str, str]], ours: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    """The variables of a process for which we set some: in place of the user's own of that name."""
    kept = (flag for flag in users if flag[0] not in ours)
    return (*kept, *((str(name), str(value)) for name, value in sorted(ours.items())))


@functools.lru_cache(maxsize=1 << 10)
def _one(state: State) -> State:
    """One object for all states that are equal: they are compared again and again, and what is the
    same object is soon found equal."""
    return state


def newest_alike(group: Sequence[Record], known: Known) -> list[Record]:
    """Of the records of one configuration those of its newest run (``records.newest_run``); where
    all of these are ok, those in the state of the last: the machine may change within a run."""
    newest = records.newest_run(group)
    if records.outcome_of(newest).outcome != records.OK:
        return newest
    states = [state_of(record, known) for record in newest]
    return [record for record, state in zip(newest, states, strict=True) if state == states[-1]]


def is_of_state(record: Record, told: Mapping[str, Any]) -> bool:
    """Whether a line that is no record, of what was measured of the machine itself, was measured in
    what the process of ``record`` was: as far as both say. How many CPUs that were is not asked."""
    own, its = _facts(record), _of_keys(told, told)
    flags, others = record.variables, told.get("variables")
    if isinstance(flags, dict) and isinstance(others, dict):
        own["flags"] = str(variables.compared(flags))
        its["flags"] = str(variables.compared(others))
    return all(own[name] == its[name] for name in own.keys() & its.keys())


@dataclass(frozen=True, kw_only=True)
class Now:
    """What a process that is started on a machine now would have of a state: the variables in which
    processes must agree, but for those that we set, and the number of CPUs."""

    flags: tuple[tuple[str, str], ...]
    cpus: int


def now() -> Now:
    """That of this machine, for processes that are started with this one's variables."""
    own = variables.telling(variables.for_release(os.environ))
    return Now(flags=tuple(variables.compared(own).items()), cpus=len(os.sched_getaffinity(0)))


def is_as_now(state: State, ours: Mapping[str, str], at: Now | None = None) -> bool:
    """Whether a process that is started now, with the variables ``ours`` that we set for it, would
    have the variables and the CPUs of this ``state``. ``at``: of the machine; by default this
    one."""
    at = at or now()
    return state.flags == _with_ours(at.flags, ours) and state.cpus in (None, at.cpus)


def known_of(taken: Iterable[Record]) -> Known:
    """What the records of a machine, in the order in which they were written, say of each fact
    first; of the GPU those whose processes used it."""
    known: dict[str, str] = {}
    for record in taken:
        if not known.keys() >= _FACTS.keys():
            known = {**_on_record(record), **known}
        if GPU not in known and (gpu := _gpu(record)) not in (None, NONE):
            known[GPU] = gpu
    return known


def usual_of(states: Iterable[str]) -> str | None:
    """The one that comes most often, of several the first; None of none."""
    count = Counter(states)
    return max(count, key=count.__getitem__, default=None)


def other_state_messages(told: Iterable[tuple[str, str]]) -> list[str]:
    """A message for each state but the usual one, of what has a figure: its name, and the state
    that it was measured in, as a text."""
    figures = list(told)
    usual = usual_of(state for _, state in figures)
    others: dict[str, list[str]] = {}
    for name, state in figures:
        if state != usual:
            others.setdefault(state, []).append(name)
    return [
        f"{', '.join(names)}: measured with {state}, the others with {usual}: "
        f"not to be compared with them"
        for state, names in others.items()
    ]


def unknown_message(taken: Iterable[Record]) -> str | None:
    """One line about the facts that some records of a machine lack and others have; None where
    there are none."""
    lacking: dict[str, int] = dict.fromkeys(_FACTS, 0)
    count = 0
    for record in taken:
        count += 1
        for name in _FACTS.keys() - _facts(record).keys():
            lacking[name] += 1
    some = [name for name, those in lacking.items() if 0 < those < count]
    if not some:
        return None
    most = max(lacking[name] for name in some)
    return (
        f"{most} of {count} records do not say the machine's {some_of(some, 9)}: they are compared "
        f"as if it had been as in the first record that says so"
    )


def _facts(record: Record) -> dict[str, str]:
    """Those that are on record, a text of each."""
    found = _on_record(record)
    affinity = record.attributes.get("cpu_affinity") if _is_object(record.attributes) else None
    # What asv was not asked for is no override: that is on record in each.
    found[AFFINITY] = NONE if affinity is None else one_line(str(affinity), _WIDTH)
    gpu = _gpu(record)
    return found if gpu is None else {**found, GPU: gpu}


def _on_record(record: Record) -> dict[str, str]:
    return _of_keys({key: getattr(record, key) for key, _ in _FACTS.values()}, record.stated)


def _gpu(record: Record) -> str | None:
    """Its name; None where that is unknown, as in a duet where GPUs of several names are."""
    if profiles.device_of(record.profile) != "gpu":
        return NONE
    name = record.gpu.get("name") if _is_object(record.gpu) else None
    return None if name is None else one_line(str(name), _WIDTH)


def _of_keys(told: Mapping[str, Any], stated: Collection[str]) -> dict[str, str]:
    return {name: of(told[key]) for name, (key, of) in _FACTS.items() if key in stated}


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _processor(told: Any) -> str:
    return one_line(processor.described(told) if _is_object(told) else str(told), _WIDTH)


def _quota(told: Any) -> str:
    return how_many(told, "CPU") if is_cpus(told) else NONE


def _governor(told: Any) -> str:
    return NONE if told is None else one_line(str(told), 40)


#: The key in a record of each fact, and what makes a text of its value.
_FACTS = {
    PROCESSOR: ("processor", _processor),
    QUOTA: ("cpu_quota", _quota),
    GOVERNOR: ("governor", _governor),
}


def values_of(record: Record) -> dict[str, tuple[float, ...]]:
    """What a process measured, by the key of the measure; nothing of one that did not end well."""
    values = {}
    if record.outcome == records.OK:
        for key, judged in JUDGED.items():
            found = tuple(judged.of_record(record))
            if found and all(map(records.is_measured, found)):
                values[key] = found
    return values
