"""A run: the processes that are measured together, and what is known of them while they are.

All records of a run have its id. Each ``asv run`` is a run, and so is each ``vggbench confirm``,
``calibrate`` or ``separate``. A run is an object that is handed down, so two runs can go on in one
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

#: The variable that names a run that was cut off, by its id. A run of asv that has this variable
#: goes on as that run: processes that ended are not run again, but answered from their records.
RESUME_VARIABLE = "VGGBENCH_RESUME"

RUN_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")


class CannotResume(VggbenchError):
    """RESUME_VARIABLE names no run."""


def new_id() -> str:
    """An id for a run: its start and four random bytes.

    The start is given to the microsecond, so that the files of two runs that began within a second
    sort in their order.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"


def resumed_id(text: str) -> str:
    """The id of the run that RESUME_VARIABLE names, whose value is ``text``. Raises CannotResume
    where the value is no id of a run."""
    if not RUN_ID.fullmatch(text):
        raise CannotResume(
            f"{RESUME_VARIABLE}={one_line(text, 60)} is no run: give the name of a file in "
            f"results/<machine>/records/, without .jsonl"
        )
    return text


#: The commit of a release, a profile, and asv's id of a configuration.
_Counted = tuple[str, str, str]


@dataclass(kw_only=True)
class Run:
    """A run and what its processes have shown so far.

    ``id`` is its name in records. ``machine`` is asv's name of the machine, None where asv does not
    know it yet. ``drafts`` is the folder of the drafts of records. ``purpose`` is the purpose of
    its processes where they are no part of a run of asv (docs/records.md). ``resumes``: whether it
    goes on as a run that was cut off. ``keeps``: whether its processes leave records. ``traces``:
    the folder in which the files of profilers stay, None where they do not.
    """

    results_dir: Path
    machine: str | None
    suite: Suite
    drafts: Path
    id: str = field(default_factory=new_id)
    purpose: str | None = None
    resumes: bool = False
    keeps: bool = True
    traces: Path | None = None
    _blocks: int = 0
    _rounds: dict[_Counted, int] = field(default_factory=dict)
    _taken: dict[tuple[str, ...], list[Record]] = field(default_factory=dict)
    _failures: dict[tuple[str, ...], list[bool]] = field(default_factory=dict)
    _ended: dict[str, Record] | None = None

    @property
    def file(self) -> Path:
        """The file of the run's records."""
        return records.folder(self.results_dir, self.machine or "unknown") / f"{self.id}.jsonl"

    def next_round(self, release: Release, profile: str, benchmark: str) -> int:
        """Count another process of a configuration in this run, and return its number, from 1.
        ``benchmark`` is asv's id of the configuration."""
        counted = (release.commit, profile, benchmark)
        self._rounds[counted] = self._rounds.get(counted, 0) + 1
        return self._rounds[counted]

    def next_block(self) -> int:
        """Count another block of duets in this run, and return its number, from 1."""
        self._blocks += 1
        return self._blocks

    def note(self, record: Record) -> None:
        """Note the record of a process that has ended. A process that only reported one by-product
        is not noted, because it says nothing of other benchmarks."""
        if record.samples is not None or record.outcome != records.OK:
            self._taken.setdefault(_place(record), []).append(record)

    def failures(self, record: Record) -> tuple[int, int]:
        """Count ``record``, and return how many processes of its configuration failed in this run,
        and how many there were in all."""
        failed = self._failures.setdefault((*_place(record), record.benchmark), [])
        failed.append(record.outcome == records.FAILED)
        return sum(failed), len(failed)

    def known_value(
        self, release: Release, profile: str, configured: Configured
    ) -> KnownValue | None:
        """What this run's processes already say of ``configured``; None where a process must be
        run.

        They may have told its by-product. They may also have shown that the release cannot do it,
        which another process would only show again.
        """
        if configured.by_product in SAMPLED and profiles.device_of(profile) != "gpu":
            return KnownValue(
                math.nan, f"{configured.by_product} is n/a on {profile}: it has no GPU"
            )
        configuration = records.canonical(dict(configured.configuration))
        place = (release.commit, profile, configured.family, configuration)
        taken = self._taken.get(place, [])
        if configured.by_product is None:
            outcomes = {
                record.outcome for record in taken if record.benchmark == configured.benchmark
            }
            return KnownValue(math.nan) if outcomes == {records.NOT_APPLICABLE} else None
        if not taken:
            return None
        outcomes = {record.outcome for record in taken}
        if records.FAILED in outcomes:
            return KnownValue(None)
        if records.NOT_APPLICABLE in outcomes:
            return KnownValue(math.nan)
        values = [record.by_product(configured.by_product) for record in taken]
        known = [value for value in values if value is not None]
        return KnownValue(statistics.median(known) if known else math.nan)

    def answered(
        self,
        release: Release,
        lock: Lock | None,
        profile: str,
        configured: Configured,
        attributes: str,
    ) -> Record | None:
        """The record of the process that asv is about to start, where this run resumes one in which
        that process has ended; None where the process must be run.

        ``attributes``: asv's JSON of overridden attributes (``--attribute``).
        """
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
        """The records of processes that ended in the resumed run, each by the JSON of what asv
        asks for."""
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
        ended_records = []
        for record in records.read_file(self.file):
            name = identities.get((record.key, record.benchmark_version))
            ended = record.outcome != records.INTERRUPTED
            if record.is_ordinary and ended and name is not None:
                question = [record.commit, record.profile, name, record.round, record.lock]
                question += [record.benchmark_version, record.attributes]
                ended_records.append((json.dumps(question), record))
        return ended_records


@dataclass(frozen=True)
class KnownValue:
    """What processes of a run already say of a configuration.

    ``value`` is the median of a by-product over the processes, NaN for n/a, and None where a
    process failed. ``reason`` says why the device can have no value.
    """

    value: float | None
    reason: str | None = None


def result_of(record: Record) -> Any:
    """What asv reads as the result of a process with this record."""
    if record.samples is not None:
        return {"samples": record.samples, "number": record.number}
    return math.nan if record.value is None else record.value  # asv's answer for n/a


def _place(record: Record) -> tuple[str, str, str, str]:
    """The commit, the profile, the benchmark's class and the configuration of a record."""
    return record.commit, record.profile, record.family, records.canonical(record.configuration)
