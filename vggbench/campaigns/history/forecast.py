"""How long the rest of a history takes, by what is on record of its neighbours and on other
machines."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from packaging.requirements import Requirement

from ... import records
from ...inside import params
from ...releases.catalogue import Catalogue, Lock
from ...runs.suite import Suite
from . import plan
from .plan import Unit

#: Seconds of a process of which nothing is known, and of one that is compiled: XLA compiles for up
#: to a minute and a half in some releases and for a few seconds in most.
GUESS_S, GUESS_COMPILED_S = 15.0, 30.0

#: Seconds besides its processes that a release takes: asv begins, its environment is made.
AROUND_S = 15.0

#: Bytes that an environment takes of which nothing is known: the largest there is, nearly; and one
#: with PyTorch, whose wheels bring CUDA.
GUESS_BYTES, GUESS_WITH_TORCH_BYTES = 1_600_000_000, 5_500_000_000

#: Bytes of the record of a process, and of its share of asv's result.
RECORD_BYTES = 3_000


def guess_bytes(lock: Lock) -> int:
    """Bytes that the environment of a lock is likely to take at most."""
    names = {Requirement(lock.requirement).name, *lock.companions}
    return GUESS_WITH_TORCH_BYTES if "torch" in names else GUESS_BYTES


class _Took(NamedTuple):
    """The newest process of a configuration of a release."""

    benchmark: str
    configuration: Mapping[str, Any]
    seconds: float
    not_applicable: bool


#: By the release's place in the catalogue and the configuration's key.
_Newest = dict[tuple[int, str], _Took]


class Forecast:
    """From the records of a ``machine`` in one profile, and from those of other machines where this
    one has none of a release in a configuration: as much longer or shorter as this machine took for
    what both have measured, or as long where that is nothing. ``on_record``: by machine."""

    def __init__(
        self,
        catalogue: Catalogue,
        suite: Suite,
        *,
        machine: str,
        profile: str,
        on_record: Mapping[str, Iterable[records.Record]],
    ):
        self._catalogue = catalogue
        self._suite = suite
        self._place = {release.commit: i for i, release in enumerate(catalogue)}
        self._known: dict[str, dict[int, _Took]] = {}
        self._alike: dict[tuple[str, bool], dict[int, _Took]] = {}
        self._backend: dict[tuple[int, str], list[_Took]] = {}
        newest = {name: self._newest(name, own, profile) for name, own in on_record.items()}
        here = newest.pop(machine, {})
        found = dict(here)
        for there in newest.values():
            ratio = _ratio(here, there)
            for at, took in there.items():
                found.setdefault(at, took._replace(seconds=ratio * took.seconds))
        for (place, key), took in found.items():
            compiled = _is_compiled(took.benchmark, took.configuration)
            backend = records.backend_of(took.benchmark, took.configuration)
            self._known.setdefault(key, {})[place] = took
            if backend is not None and not compiled:
                self._backend.setdefault((place, backend), []).append(took)
            if not took.not_applicable:
                alike = self._alike.setdefault((took.benchmark, compiled), {})
                alike.setdefault(place, took)

    def _newest(self, machine: str, taken: Iterable[records.Record], profile: str) -> _Newest:
        found: _Newest = {}
        for record in taken:
            if (
                record.profile == profile
                and not record.is_of_a_duet  # it waited for its partner
                and record.outcome != records.INTERRUPTED
                and record.seconds is not None
                and record.tells_of_release(machine, self._catalogue)
            ):
                at = self._place[record.commit], record.key
                na = record.outcome == records.NOT_APPLICABLE
                found[at] = _Took(record.benchmark, record.configuration, record.seconds, na)
        return found

    def rounds(self, benchmark: str) -> int:
        """Processes of each of its configurations."""
        return self._suite.rounds(benchmark)

    def processes(self, unit: Unit) -> int:
        """How many it takes."""
        return sum(processes for processes, _ in self._expected(unit))

    def seconds(self, unit: Unit) -> float:
        """What it takes."""
        return AROUND_S + sum(processes * seconds for processes, seconds in self._expected(unit))

    def _expected(self, unit: Unit) -> Iterator[tuple[int, float]]:
        """(processes, seconds of one) of each configuration.

        By the nearest release of which the configuration is on record, else by the nearest with
        another one of the same benchmark, both compiled or neither. What only older releases could
        not do says nothing of a newer one: it may be the first that can. A release that could do
        nothing with a backend, not compiled, does not have it.
        """
        here = self._place[unit.release.commit]
        for configured in plan.own(unit.stage, unit.release, self._catalogue, self._suite):
            configuration = dict(configured.configuration)
            compiled = _is_compiled(configured.benchmark, configuration)
            known = self._known.get(configured.key, {})
            backend = configured.backend
            on_backend = self._backend.get((here, backend), []) if backend is not None else []
            if here not in known and on_backend and all(took.not_applicable for took in on_backend):
                known = {here: on_backend[-1]}
            if all(place < here and took.not_applicable for place, took in known.items()):
                known = self._alike.get((configured.benchmark, compiled), {})
            if not known:
                yield self.rounds(configured.benchmark), GUESS_COMPILED_S if compiled else GUESS_S
                continue
            took = known[min(known, key=lambda place: abs(place - here))]
            # What a release cannot do is asked once.
            yield 1 if took.not_applicable else self.rounds(configured.benchmark), took.seconds

    def result_bytes(self, units: Iterable[Unit]) -> int:
        """What ``units`` add to the results."""
        return RECORD_BYTES * sum(self.processes(unit) for unit in units)


def _ratio(here: _Newest, there: _Newest) -> float:
    """How many times as long a process takes here: the median over what both machines ran."""
    ratios = [
        took.seconds / there[at].seconds
        for at, took in here.items()
        if at in there
        and not took.not_applicable
        and not there[at].not_applicable
        and there[at].seconds > 0
    ]
    return statistics.median(ratios) if ratios else 1.0


def _is_compiled(benchmark: str, configuration: Mapping[str, Any]) -> bool:
    return bool(params.is_chosen(records.class_of(benchmark), configuration, params.COMPILER))
