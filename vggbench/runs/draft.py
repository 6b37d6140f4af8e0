"""The draft of a record: from the start of a timed process to its record, however it ends.

While the process runs, a draft of its record lies beside asv's environments. When asv itself is
killed, the next run finds the draft and records that the process was interrupted.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import machine_lock, records
from ..errors import one_line
from ..inside.measure import BY_PRODUCTS, SAMPLED
from ..records import Record
from ..records.record import OWN_INTERPRETER
from ..releases.catalogue import Lock, replace_text
from ..releases.environments import Marker
from . import clocks, machine_facts, profiles, variables
from .installation import Installation
from .process import Finished
from .run import Run
from .suite import Configured

if TYPE_CHECKING:
    from .nvml import Sampler


@dataclass(kw_only=True)
class Draft:
    """The record of a process that still runs.

    ``path`` is the file of the draft and ``target`` the file for the record; both are None where
    the process leaves no record. ``environment_folder``: where the packages of the process lie,
    None where vggbench did not install them. ``began``: seconds of the monotonic clock at the
    start, and what all processors had computed until then. ``at``: the same moment in seconds since
    the epoch, to compare with times of files.
    """

    record: dict[str, Any]
    notes_path: Path
    path: Path | None = None
    target: Path | None = None
    environment_folder: Path | None = None
    began: tuple[float, clocks.MachineTime | None] = (0.0, None)
    at: float = field(default_factory=time.time)

    @property
    def name(self) -> str:
        """The release and the configuration, as messages name them."""
        return f"{self.record['release']} {records.words_of(self.record['configuration'])}".strip()

    @staticmethod
    def begin(
        run: Run,
        installation: Installation,
        configured: Configured,
        attributes: str,
        environment: Mapping[str, str],
        *,
        more: Mapping[str, Any] | None = None,
    ) -> Draft:
        """Write the draft of a process of ``run``.

        ``attributes``: asv's JSON of overridden attributes (``--attribute``). ``environment``: the
        variables of the process. ``more``: keys of the record that only some processes have.
        """
        release, lock = installation.release, installation.lock
        record: dict[str, Any] = {
            "schema": records.SCHEMA,
            "run": run.id,
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": run.machine or "unknown",
            "track": release.track,
            "version": release.version,
            "release": release.name,
            "build": release.build,
            "commit": release.commit,
            "lock": None if lock is None else lock.digest,
            "interpreter": OWN_INTERPRETER if lock is not None else installation.interpreter,
            "profile": installation.profile,
            "device": profiles.device_of(installation.profile),
            "workload": profiles.workload_of(installation.profile),
            "benchmark": configured.benchmark,
            "benchmark_version": configured.version,
            "configuration": dict(configured.configuration),
            "attributes": json.loads(attributes),
            "round": run.next_round(release, installation.profile, configured.identity),
            "cpus": len(os.sched_getaffinity(0)),
            "load_before": list(os.getloadavg()),
            "variables": variables.telling(environment),
            **machine_facts.facts(),
        }
        beside = machine_lock.beside()
        if beside is not None:
            record["beside"] = beside
        folder = Path(installation.interpreter).parent.parent if lock is not None else None
        size = _installed_bytes(folder, lock)
        if size is not None:
            record["installed_bytes"] = size
        if run.purpose is not None:
            record["purpose"] = run.purpose
        if installation.variant is not None:
            record["variant"] = installation.variant
        if installation.catalogue is not None:
            record["catalogue"] = installation.catalogue
        record.update(more or {})
        run.drafts.mkdir(parents=True, exist_ok=True)
        identity = f"{run.id}-{time.monotonic_ns()}"
        notes = run.drafts / f"{identity}.notes"
        draft = Draft(
            record=record, notes_path=notes, environment_folder=folder, began=_computed_so_far()
        )
        if run.keeps:
            draft.target = run.file
            draft.path = run.drafts / f"{identity}.draft"
            replace_text(draft.path, json.dumps({"target": str(draft.target), "record": record}))
        return draft

    def end(
        self,
        done: Finished,
        deadline_s: float | None,
        result_file: Path,
        sampler: Sampler | None = None,
    ) -> Record:
        """Complete the record of a process that has ended, append it, and return it.

        ``done``: how the process ended. ``deadline_s``: its deadline. ``sampler``: what sampled the
        GPU while it ran. Where the process was to report only a by-product of that sampling, the
        by-product is written to ``result_file``, where asv looks for it.
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
        # asv may have bound the process to some processors after it was started (--cpu-affinity).
        self.record["cpus"] = notes.pop("cpus", self.record["cpus"])
        used = notes.pop("used", None)
        counted = _counters(used, notes.pop("counted", None), self.record)
        if counted:
            self.record["counters"] = counted
        for key, value in notes.items():
            if key not in ("outcome", "reason", "error", "configuration", "warm_at", "ended_at"):
                self.record.setdefault(key, value)
        growth = _growth_per_step(used, self.record)
        if growth is not None:
            self.record["memory_growth_per_step_bytes"] = growth
        self.record["exit_status"] = done.status
        self.record["process_s"] = done.seconds
        self.record["load_after"] = list(os.getloadavg())
        if "beside" not in self.record and (other := machine_lock.beside(since=self.at)):
            self.record["beside"] = other
        self.record.update(_computed_since(self.began))
        return self._append()

    def refused(self, error: str, lacks: str | None = None) -> Record:
        """Append the record of a process that cannot be started because of ``error``, and return
        the record. ``lacks``: what this machine lacked for it, where another day may bring it."""
        self.record.update(_failed(error))
        if lacks is not None:
            self.record["lacks"] = lacks
        return self._append()

    def interrupted(self, why: str | None = None) -> Record:
        """Append the record of a process that was ended before it was done, and return the record.
        ``why``: the reason, which lies outside the process."""
        self.record["outcome"] = records.INTERRUPTED
        if why is not None:
            self.record["reason"] = one_line(why)
        return self._append()

    def _append(self) -> Record:
        """Append the record, remove the draft, and return the record."""
        folder = self.environment_folder
        for key in ("error", "reason"):
            if folder is not None and key in self.record:
                # The same error must read the same wherever the folder lies.
                self.record[key] = self.record[key].replace(f"{folder}{os.sep}", "")
        record = Record.from_json(self.record)
        if self.target is not None:
            records.append(self.target, record)
        for path in (self.path, self.notes_path):
            if path is not None:
                path.unlink(missing_ok=True)
        return record


def _installed_bytes(folder: Path | None, lock: Lock | None) -> int | None:
    """How many bytes the environment in ``folder`` has on the disk; None where no environment says
    that it was made from the ``lock``."""
    marker = None if folder is None else Marker.read(folder)
    return marker.size if marker is not None and lock and marker.digest == lock.digest else None


def collect_orphans(folder: Path) -> None:
    """Record that processes were interrupted whose asv was killed, by the drafts in ``folder``. The
    caller must hold the run lock."""
    for path in sorted(folder.glob("*.draft")):
        draft = _read_json(path)
        with contextlib.suppress(TypeError, KeyError, ValueError):  # the file is no draft
            record = {**draft["record"], "outcome": records.INTERRUPTED}
            if not _is_recorded(record, Path(draft["target"])):
                records.append(Path(draft["target"]), Record.from_json(record))
        path.unlink()
    for notes in folder.glob("*.notes*"):
        notes.unlink()


def _is_recorded(draft: dict[str, Any], target: Path) -> bool:
    """Whether ``target`` has the record of the process with this draft: asv may be killed after it
    has appended the record and before it has removed the draft."""
    known = {key: value for key, value in draft.items() if key != "outcome"}
    if not target.is_file():
        return False
    on_record = (record.as_json() for record in records.read_file(target))
    return any(known == {key: record.get(key) for key in known} for record in on_record)


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
    """The keys of the record that say what came of the process."""
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
    """Why nothing of the GPU could be sampled."""
    reasons = record["gpu"].get("not_sampled", {}).items()
    message = "; ".join(f"{quantity}: {why}" for quantity, why in reasons)
    return message or "no sample was taken of the GPU"


def _computed_so_far() -> tuple[float, clocks.MachineTime | None]:
    """Seconds of the monotonic clock now, and what all processors have computed until now."""
    return time.monotonic(), clocks.machine(range(os.cpu_count() or 0))


def _computed_since(began: tuple[float, clocks.MachineTime | None]) -> dict[str, float]:
    """The keys of the record that say how many processors of the machine were busy on average since
    ``began``, and how many a hypervisor kept from it. There are none where the system does not
    tell."""
    (before_s, before), (now_s, now) = began, _computed_so_far()
    if before is None or now is None or now_s <= before_s:
        return {}
    took = now_s - before_s
    return {
        "busy_cpus": round((now.busy_s - before.busy_s) / took, 3),
        "stolen_cpus": round((now.steal_s - before.steal_s) / took, 3),
    }


def _failed(error: str) -> dict[str, Any]:
    return {"outcome": records.FAILED, "error": one_line(error)}


def _stage(notes: dict[str, Any]) -> str:
    """How far the process came, by its notes."""
    if "losses" in notes:
        return "taking samples"
    if "build_s" in notes:
        return "warming up"
    return "building the train step" if "protocol" in notes else "starting"


def _signal(number: int) -> str:
    """What a signal that ended a process means, as an error says it."""
    if number == signal.SIGKILL:
        return "killed by SIGKILL (out of memory is the usual cause: see the system's log)"
    try:
        return f"crashed with {signal.Signals(number).name}"
    except ValueError:
        return f"ended by signal {number}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def _counters(used: Any, counted: Any, record: dict[str, Any]) -> dict[str, Any]:
    """What a timed step cost besides its time: ``used`` is what all steps took together, and
    ``counted`` what the processor counted, a number a step already. Nothing of a process without
    samples. What was used is not that of the samples where other steps were taken too, as asv's
    --profile does."""
    samples = record.get("samples")
    if not samples:
        return {}
    used = dict(used) if isinstance(used, dict) else {}
    of_samples = used.pop("times", None) == len(samples)
    a_step = {name: total / len(samples) for name, total in used.items()} if of_samples else {}
    return {**a_step, **(counted if isinstance(counted, dict) else {})}


def _growth_per_step(used: Any, record: dict[str, Any]) -> float | None:
    """Bytes by which resident memory grew per timed step, which shows a leak; None where that is
    not known, or where other steps were taken too (see ``_counters``)."""
    before, after = record.get("resident_bytes"), record.get("resident_bytes_at_end")
    samples = record.get("samples")
    if not samples or not before or not after:
        return None
    times = used.get("times") if isinstance(used, dict) else None
    return (after - before) / len(samples) if times in (None, len(samples)) else None
