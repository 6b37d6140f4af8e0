"""A run: the processes that are measured together, and what is known of them while they are.

All records of a run have its id. ``asv run`` is one run; so is each ``vggbench confirm``,
``calibrate`` or ``separate``. A run is an object that is handed down: two of them can go on in one
process.
"""

from __future__ import annotations

import datetime
import json
import math
import re
import secrets
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import records
from ..errors import VggbenchError, one_line
from ..inside.measure import SAMPLED
from ..records import Record
from ..releases.catalogue import Lock, Release
from . import profiles
from .suite import Configured, Suite

#: The id of a run that was cut off. The run of asv that has it in this variable goes on as that
#: run: what has ended of it is not measured again, but answered from its record.
RESUME_VARIABLE = "VGGBENCH_RESUME"

RUN_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")


class CannotResume(VggbenchError):
    """RESUME_VARIABLE names no run."""


def new_id() -> str:
    """An id for a run: its start and four random bytes.

    To the microsecond, so that the files of two runs that began within a second lie in their order.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"


def resumed_id(word: str) -> str:
    """``word``, which RESUME_VARIABLE holds, where it is the id of a run. Raises CannotResume."""
    if not RUN_ID.fullmatch(word):
        raise CannotResume(
            f"{RESUME_VARIABLE}={one_line(word, 60)} is no run: give the name of a file in "
            f"results/<machine>/records/, without .jsonl"
        )
    return word


#: The commit of a release, a profile, and asv's id of a configuration.
_Counted = tuple[str, str, str]


@dataclass(kw_only=True)
class Run:
    """``id``: what its records call it. ``machine``: as asv calls it, None where asv does not know
    it yet. ``drafts``: the folder of the drafts of records. ``purpose``: what its processes are run
    for that are no part of a run of asv (docs/records.md). ``resumes``: whether it goes on as a run
    that was cut off. ``keeps``: whether its processes leave records."""

    results_dir: Path
    machine: str | None
    suite: Suite
    drafts: Path
    id: str = field(default_factory=new_id)
    purpose: str | None = None
    resumes: bool = False
    keeps: bool = True
    _blocks: int = 0
    _rounds: dict[_Counted, int] = field(default_factory=dict)
    _taken: dict[tuple[str, ...], list[Record]] = field(default_factory=dict)
    _failures: dict[tuple[str, ...], list[bool]] = field(default_factory=dict)
    _ended: dict[str, Record] | None = None

    @property
    def file(self) -> Path:
        """The file of its records."""
        return records.folder(self.results_dir, self.machine or "unknown") / f"{self.id}.jsonl"

    def next_round(self, release: Release, profile: str, benchmark: str) -> int:
        """Counts the processes of a configuration (asv's id of it) in this run."""
        counted = (release.commit, profile, benchmark)
        self._rounds[counted] = self._rounds.get(counted, 0) + 1
        return self._rounds[counted]

    def next_block(self) -> int:
        """Counts the blocks of duets in this run."""
        self._blocks += 1
        return self._blocks

    def note(self, record: Record) -> None:
        """A process has ended, and left this record. One that told a by-product alone says nothing
        of others."""
        if record.samples is not None or record.outcome != records.OK:
            self._taken.setdefault(_place(record), []).append(record)

    def failures(self, record: Record) -> tuple[int, int]:
        """Count ``record`` in: (failed, all) processes of its configuration in this run."""
        counted = self._failures.setdefault((*_place(record), record.benchmark), [])
        counted.append(record.outcome == records.FAILED)
        return sum(counted), len(counted)

    def told(self, release: Release, profile: str, configured: Configured) -> ToldValue | None:
        """What this run's processes of the same configuration have told of ``configured``: its
        by-product, or that the release cannot do it, which a further round would answer alike. None
        where a process must be run."""
        if configured.by_product in SAMPLED and profiles.device_of(profile) != "gpu":
            return ToldValue(
                math.nan, f"{configured.by_product} is n/a on {profile}: it has no GPU"
            )
        configuration = records.canonical(dict(configured.configuration))
        place = (release.commit, profile, configured.family, configuration)
        taken = self._taken.get(place, [])
        if configured.by_product is None:
            own = {r.outcome for r in taken if r.benchmark == configured.benchmark}
            return ToldValue(math.nan) if own == {records.NOT_APPLICABLE} else None
        if not taken:
            return None
        outcomes = {record.outcome for record in taken}
        if records.FAILED in outcomes:
            return ToldValue(None)
        if records.NOT_APPLICABLE in outcomes:
            return ToldValue(math.nan)
        values = [record.by_product(configured.by_product) for record in taken]
        known = [value for value in values if value is not None]
        return ToldValue(statistics.median(known) if known else math.nan)

    def answered(
        self,
        release: Release,
        lock: Lock | None,
        profile: str,
        configured: Configured,
        attributes: str,
    ) -> Record | None:
        """The record of the process that asv is about to start, where the run that this one resumes
        has seen it end; None where it must be measured. ``attributes``: asv's JSON of overridden
        attributes (``--attribute``)."""
        if not self.resumes:
            return None
        counted = (release.commit, profile, configured.identity)
        record = self._of_resumed().get(
            json.dumps(
                [
                    *counted,
                    self._rounds.get(counted, 0) + 1,
                    None if lock is None else lock.digest,
                    configured.version,
                    json.loads(attributes),
                ]
            )
        )
        if record is not None:
            self.next_round(release, profile, configured.identity)
            self.note(record)
        return record

    def _of_resumed(self) -> dict[str, Record]:
        """The records of the run that is resumed, of processes that ended, by what asv asks for."""
        if self._ended is None:
            self._ended = dict(self._read_resumed())
        return self._ended

    def _read_resumed(self) -> list[tuple[str, Record]]:
        identities = {
            (configured.key, configured.version): name
            for name, configured in self.suite.configurations.items()
        }
        if self.machine is None or not self.file.is_file():
            return []
        found = []
        for record in records.read_file(self.file):
            name = identities.get((record.key, record.benchmark_version))
            ended = record.outcome != records.INTERRUPTED
            if record.is_ordinary and ended and name is not None:
                asked = [record.commit, record.profile, name, record.round, record.lock]
                asked += [record.benchmark_version, record.attributes]
                found.append((json.dumps(asked), record))
        return found


@dataclass(frozen=True)
class ToldValue:
    """``value`` is a by-product's median over the processes, NaN for n/a, None where one failed.

    ``reason`` is why there can be none on this device.
    """

    value: float | None
    reason: str | None = None


def result_of(record: Record) -> Any:
    """What asv reads as the result of a process with this record."""
    if record.samples is not None:
        return {"samples": record.samples, "number": record.number}
    return math.nan if record.value is None else record.value  # asv's answer for n/a


def _place(record: Record) -> tuple[str, str, str, str]:
    return record.commit, record.profile, record.family, records.canonical(record.configuration)
