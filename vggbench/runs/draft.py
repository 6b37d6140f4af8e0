"""From the start of a timed process to its record, whatever its end.

While the process runs, a draft of its record lies beside asv's environments. When asv itself is
killed, the next run finds the draft and records that the process was interrupted.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import math
import os
import re
import secrets
import signal
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import records
from ..errors import VggbenchError, one_line
from ..inside.measure import BY_PRODUCTS, SAMPLED
from ..records import Record
from ..releases.catalogue import Lock, Release, replace_text
from . import invocation, profiles, suite, variables
from .process import Finished

if TYPE_CHECKING:
    from .nvml import Sampler

#: Commands whose processes are measurements; `asv profile` runs under a profiler.
RECORDED_COMMANDS = ("run", "continuous", "find")

#: The id of a run that was cut off. The run of asv that has it in this variable goes on as that
#: run: what has ended of it is not measured again, but answered from its record.
RESUME_VARIABLE = "VGGBENCH_RESUME"

RUN_ID = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")

#: The records of this run's timed processes, by commit, profile, family and configuration.
_taken: dict[tuple[str, str, str, str], list[Record]] = {}
_rounds: dict[tuple[str, str, str], int] = {}
_failures: dict[tuple[str, ...], list[bool]] = {}


def begin_run(resumed: str | None = None) -> str:
    """Let what this process records from now on be of the run ``resumed``, or of a new one; returns
    its id. Raises CannotResume."""
    os.environ[RESUME_VARIABLE] = resumed or ""
    run_id.cache_clear()
    _ended.cache_clear()
    return run_id()


class CannotResume(VggbenchError):
    """RESUME_VARIABLE names no run."""


@functools.lru_cache(maxsize=1)
def run_id() -> str:
    """The id of this run of asv: its start and four random bytes; or that of the run it resumes.

    To the microsecond, so that the files of two runs that began within a second lie in their order.
    Raises CannotResume.
    """
    resumed = os.environ.get(RESUME_VARIABLE)
    if resumed:
        if not RUN_ID.fullmatch(resumed):
            raise CannotResume(
                f"{RESUME_VARIABLE}={one_line(resumed, 60)} is no run: give the name of a file in "
                f"results/<machine>/records/, without .jsonl"
            )
        return resumed
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"


@dataclass
class Draft:
    """The record of a process that runs. ``path`` is None where nothing is to be kept.
    ``environment``: the folder of the process's, where that is ours."""

    record: dict[str, Any]
    notes_path: Path
    path: Path | None
    target: Path | None
    environment: Path | None = None

    @property
    def name(self) -> str:
        """Release and configuration, as messages name them."""
        return f"{self.record['release']} {records.words_of(self.record['configuration'])}".strip()

    @staticmethod
    def begin(
        folder: Path,
        release: Release,
        lock: Lock | None,
        interpreter: str,
        profile: str,
        benchmark: str,
        attributes: str,
        environment: dict[str, str],
        purpose: str | None = None,
        variant: str | None = None,
    ) -> Draft:
        """Write the draft under ``folder``. ``benchmark`` and ``attributes`` are asv's id of the
        configuration and its JSON of overridden attributes (``--attribute``); ``purpose`` is what
        a process is run for that is no part of a run of asv, ``variant`` what it does not have as
        the release has it."""
        configured = suite.configurations()[benchmark]
        device, _, workload = profile.partition("-")
        machine = invocation.machine() or "unknown"
        record: dict[str, Any] = {
            "schema": records.SCHEMA,
            "run": run_id(),
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": machine,
            "track": release.track,
            "version": release.version,
            "release": release.name,
            "build": release.build,
            "commit": release.commit,
            "lock": None if lock is None else lock.digest,
            "interpreter": "the release's own" if lock is not None else interpreter,
            "profile": profile,
            "device": device,
            "workload": workload,
            "benchmark": configured.benchmark,
            "benchmark_version": configured.version,
            "configuration": dict(configured.configuration),
            "attributes": json.loads(attributes),
            "round": _next_round(release, profile, benchmark),
            "cpus": len(os.sched_getaffinity(0)),
            "load_before": list(os.getloadavg()),
            "variables": variables.telling(environment),
        }
        if purpose is not None:
            record["purpose"] = purpose
        if variant is not None:
            record["variant"] = variant
        folder.mkdir(parents=True, exist_ok=True)
        identity = f"{run_id()}-{time.monotonic_ns()}"
        notes = folder / f"{identity}.notes"
        own = Path(interpreter).parent.parent if lock is not None else None
        draft = Draft(record, notes, None, None, own)
        of_asv = invocation.command() in RECORDED_COMMANDS and not invocation.option("dry_run")
        if of_asv or purpose is not None:
            draft.target = (
                records.folder(invocation.results_dir(), machine) / f"{record['run']}.jsonl"
            )
            draft.path = folder / f"{identity}.draft"
            replace_text(draft.path, json.dumps({"target": str(draft.target), "record": record}))
        return draft

    def end(
        self,
        done: Finished,
        deadline_s: float | None,
        result_file: Path,
        sampler: Sampler | None = None,
    ) -> Record:
        """Complete the record from how the process ended, append it, and return it.

        ``sampler``: what sampled the GPU while the process ran. A by-product of its that was asked
        for alone is written where asv looks for the result.
        """
        notes = _read_json(self.notes_path)
        notes = notes if isinstance(notes, dict) else {}
        result = _read_json(result_file)
        if sampler is not None:
            self.record["gpu"] = sampler.record(notes.get("warm_at"), notes.get("ended_at"))
            method = records.method_of(self.record["benchmark"])
            if method in SAMPLED and done.status == 0 and "outcome" not in notes:
                result = BY_PRODUCTS[method](self.record)
                if result is None:
                    notes.update(outcome=records.NOT_APPLICABLE, reason=_not_sampled(self.record))
                else:
                    result_file.write_text(json.dumps(result), encoding="utf-8")
        self.record.update(
            _outcome(notes, done, deadline_s, result, self.record.get("variables", {}))
        )
        if isinstance(result, dict) and "samples" in result:
            self.record["samples"] = result["samples"]
            self.record["number"] = result.get("number")
        for key, value in notes.items():
            if key not in ("outcome", "reason", "error", "configuration", "warm_at", "ended_at"):
                self.record.setdefault(key, value)
        growth = _growth_per_step(self.record)
        if growth is not None:
            self.record["memory_growth_per_step_bytes"] = growth
        self.record["exit_status"] = done.status
        self.record["process_s"] = done.seconds
        self.record["load_after"] = list(os.getloadavg())
        record = self._append()
        if record.samples is not None or record.outcome != records.OK:
            _taken.setdefault(_place(record), []).append(record)
        return record

    def refused(self, error: str) -> Record:
        """No process can be started of it; append the record, and return it."""
        self.record.update(_failed(error))
        return self._append()

    def interrupted(self) -> None:
        """asv was interrupted, and ended the process."""
        self.record["outcome"] = records.INTERRUPTED
        self._append()

    def _append(self) -> Record:
        for key in ("error", "reason"):
            if self.environment is not None and key in self.record:
                # Where it lies is of this machine alone.
                self.record[key] = self.record[key].replace(f"{self.environment}{os.sep}", "")
        record = Record.from_json(self.record)
        if self.target is not None:
            records.append(self.target, record)
        for path in (self.path, self.notes_path):
            if path is not None:
                path.unlink(missing_ok=True)
        return record


def _next_round(release: Release, profile: str, benchmark: str) -> int:
    """Counts the processes of a configuration in this run of asv."""
    counted = (release.commit, profile, benchmark)
    _rounds[counted] = _rounds.get(counted, 0) + 1
    return _rounds[counted]


def answered(
    release: Release,
    lock: Lock | None,
    profile: str,
    benchmark: str,
    attributes: str,
    result_file: Path,
) -> Record | None:
    """The record of the process that asv is about to start, where the run that this one resumes
    has seen it end; what asv reads as its result is written. None where it must be measured.

    The arguments are those of ``Draft.begin``.
    """
    if not os.environ.get(RESUME_VARIABLE):
        return None
    place = (release.commit, profile, benchmark)
    record = _ended().get(
        json.dumps(
            [
                *place,
                _rounds.get(place, 0) + 1,
                None if lock is None else lock.digest,
                suite.configurations()[benchmark].version,
                json.loads(attributes),
            ]
        )
    )
    if record is None:
        return None
    _next_round(release, profile, benchmark)
    result: Any = math.nan  # asv's answer for n/a
    if record.samples is not None:
        result = {"samples": record.samples, "number": record.number}
    elif record.value is not None:
        result = record.value
    if record.outcome != records.FAILED:
        result_file.write_text(json.dumps(result), encoding="utf-8")
    _taken.setdefault(_place(record), []).append(record)
    return record


@functools.lru_cache(maxsize=1)
def _ended() -> dict[str, Record]:
    """The records of the run that is resumed, of processes that ended, by what asv asks for."""
    identities = {(one.version, one.key): name for name, one in suite.configurations().items()}
    found = {}
    machine = invocation.machine()
    path = records.folder(invocation.results_dir(), machine or "") / f"{run_id()}.jsonl"
    if machine is None or not path.is_file():
        return {}
    for record in records.read_file(path):
        name = identities.get((str(record.benchmark_version), record.key))
        if record.is_ordinary and record.outcome != records.INTERRUPTED and name is not None:
            place = [record.commit, record.profile, name, record.round]
            rest = [record.lock, record.benchmark_version, record.attributes]
            found[json.dumps([*place, *rest])] = record
    return found


def _place(record: Record) -> tuple[str, str, str, str]:
    configuration = records.canonical(record.configuration)
    return record.commit, record.profile, record.family, configuration


@dataclass(frozen=True)
class Told:
    """``value`` is a by-product's median over the processes, NaN for n/a, None where one failed.

    ``reason`` is why there can be none on this device.
    """

    value: float | None
    reason: str | None = None


def told(release: Release, profile: str, benchmark: str) -> Told | None:
    """What this run's processes of the same configuration have told of ``benchmark`` (asv's id):
    its by-product, or that the release cannot do it, which a further round would answer alike.
    None where a process must be run."""
    configured = suite.configurations()[benchmark]
    if configured.by_product in SAMPLED and profiles.device_of(profile) != "gpu":
        return Told(math.nan, f"{configured.by_product} is n/a on {profile}: it has no GPU")
    configuration = records.canonical(dict(configured.configuration))
    taken = _taken.get((release.commit, profile, configured.family, configuration), [])
    if configured.by_product is None:
        own = {r.outcome for r in taken if r.benchmark == configured.benchmark}
        return Told(math.nan) if own == {records.NOT_APPLICABLE} else None
    if not taken:
        return None
    outcomes = {record.outcome for record in taken}
    if records.FAILED in outcomes:
        return Told(None)
    if records.NOT_APPLICABLE in outcomes:
        return Told(math.nan)
    values = [record.by_product(configured.by_product) for record in taken]
    known = [value for value in values if value is not None]
    return Told(statistics.median(known) if known else math.nan)


def collect_orphans(folder: Path) -> None:
    """Record as interrupted the processes whose asv was killed. Call with the run lock held."""
    for path in sorted(folder.glob("*.draft")):
        draft = _read_json(path)
        with contextlib.suppress(TypeError, KeyError, ValueError):  # no draft, whoever put it there
            record = {**draft["record"], "outcome": records.INTERRUPTED}
            if not _is_recorded(record, Path(draft["target"])):
                records.append(Path(draft["target"]), Record.from_json(record))
        path.unlink()
    for notes in folder.glob("*.notes*"):
        notes.unlink()


def _is_recorded(draft: dict[str, Any], target: Path) -> bool:
    """Whether asv was killed between appending the record of a process and removing its draft."""
    told = {key: value for key, value in draft.items() if key != "outcome"}
    if not target.is_file():
        return False
    on_record = (record.as_json() for record in records.read_file(target))
    return any(told == {key: record.get(key) for key in told} for record in on_record)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _outcome(
    notes: dict[str, Any],
    done: Finished,
    deadline_s: float | None,
    result: Any,
    environment: dict[str, str],
) -> dict[str, Any]:
    if done.overran:
        return _failed(
            f"not done within its deadline of {deadline_s:g} s and ended, while {_stage(notes)}"
        )
    if notes.get("outcome") == records.FAILED:
        return _failed(notes.get("error") or "no error was noted")
    if done.status < 0:
        remedy = variables.remedy(done.status, environment)
        return _failed(f"{_signal(-done.status)} while {_stage(notes)}{remedy}")
    if done.status > 0:
        return _failed(
            f"exit status {done.status} while {_stage(notes)}: {_last_line(done.output)}"
        )
    if notes.get("outcome") == records.NOT_APPLICABLE:
        return {"outcome": records.NOT_APPLICABLE, "reason": one_line(str(notes.get("reason")))}
    if isinstance(result, dict) and result.get("samples"):
        return {"outcome": records.OK}
    if isinstance(result, (int, float)) and result == result:  # not NaN
        return {"outcome": records.OK, "value": result}
    return _failed("it ended without samples, and without a reason for that")


def _not_sampled(record: dict[str, Any]) -> str:
    reasons = record["gpu"].get("not_sampled", {}).items()
    return "; ".join(f"{what}: {why}" for what, why in reasons) or "no sample was taken of the GPU"


def _failed(error: str) -> dict[str, Any]:
    return {"outcome": records.FAILED, "error": one_line(error)}


def _stage(notes: dict[str, Any]) -> str:
    """How far the process came, by what it had noted."""
    if "losses" in notes:
        return "taking samples"
    if "build_s" in notes:
        return "warming up"
    return "building the train step" if "protocol" in notes else "starting"


def _signal(number: int) -> str:
    if number == signal.SIGKILL:
        return "killed by SIGKILL (out of memory is the usual cause: see the system's log)"
    try:
        return f"crashed with {signal.Signals(number).name}"
    except ValueError:
        return f"ended by signal {number}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def _growth_per_step(record: dict[str, Any]) -> float | None:
    """Bytes that resident memory grew by per timed step: a leak shows here."""
    before, after = record.get("resident_bytes"), record.get("resident_bytes_at_end")
    samples = record.get("samples")
    return None if not samples or not before or not after else (after - before) / len(samples)


def failures(record: Record) -> tuple[int, int]:
    """Count ``record`` in: (failed, all) processes of its configuration in this run of asv."""
    counted = _failures.setdefault((*_place(record), record.benchmark), [])
    counted.append(record.outcome == records.FAILED)
    return sum(counted), len(counted)
