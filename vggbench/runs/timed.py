"""One timed process of one configuration of one release, with its record.

``asv run`` comes here through the Environment, which gives it asv's own command; ``vggbench
confirm`` and ``calibrate`` start the same process themselves (``run_fresh``).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asv_runner
from asv.runner import BENCHMARK_RUN_SCRIPT

import vggbench

from ..errors import VggbenchError
from ..inside.measure import DEADLINE_S, NOTES_VARIABLE, STRETCH_VARIABLE
from ..records import Record
from ..releases.catalogue import Lock, Release
from . import draft as recorder
from . import invocation, process, profiles, variables

#: Where the packages lie that every release's process is given (vggbench/inside/launch.py).
ASV_RUNNER_FOLDER = str(Path(asv_runner.__file__).absolute().parent.parent)
VGGBENCH_FOLDER = str(Path(vggbench.__file__ or "").absolute().parent.parent)
LAUNCH_SCRIPT = str(Path(VGGBENCH_FOLDER) / "vggbench" / "inside" / "launch.py")

#: Seconds after which a timed process is ended, instead of its benchmark's timeout.
DEADLINE_VARIABLE = "VGGBENCH_DEADLINE"


class NotMeasured(VggbenchError):
    """A process could not be run, or not be recorded."""


class Interrupted(NotMeasured):
    """The user interrupted a process, which has ended and is recorded."""

    status = 130


@dataclass(frozen=True)
class Subject:
    """What processes are started of: a release with its interpreter, in a profile.

    ``lock`` is that of the environment, None where the interpreter was given with -E. ``variant``
    says what is not as the release has it, and ``variables`` are given to its processes.
    """

    release: Release
    profile: str
    interpreter: str
    lock: Lock | None
    variant: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


def asked_deadline() -> float | None:
    """The user's own deadline for a process, in seconds; None where there is none."""
    asked = os.environ.get(DEADLINE_VARIABLE)
    try:
        seconds = float(asked) if asked else None
    except ValueError:
        seconds = 0.0
    if seconds is not None and not 0 < seconds < float("inf"):
        raise NotMeasured(f"{DEADLINE_VARIABLE}={asked} is no number of seconds above zero")
    return seconds


def surroundings(subject: Subject, given: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of a process: those ``given`` without what must not reach it."""
    env = {**variables.for_release(given), **subject.variables}
    bin_folder = os.path.dirname(subject.interpreter)
    env["PATH"] = bin_folder + os.pathsep + env.get("PATH", "")
    if subject.lock is not None:
        env["VIRTUAL_ENV"] = os.path.dirname(bin_folder)
    return env


def launched(subject: Subject, arguments: list[str]) -> list[str]:
    """The command that runs asv's own script, whose path is the first of ``arguments``."""
    return [subject.interpreter, LAUNCH_SCRIPT, ASV_RUNNER_FOLDER, VGGBENCH_FOLDER, *arguments]


def run(
    subject: Subject,
    arguments: list[str],
    env: dict[str, str],
    cwd: str | None,
    deadline_s: float | None,
    folder: Path,
    purpose: str | None = None,
) -> tuple[Record, process.Finished]:
    """Run one timed process to its end and append its record.

    ``arguments`` are asv's: its script, "run", the benchmarks' folder, the id of the configuration,
    overridden attributes, a profile and the file for the result. ``folder`` holds the drafts.
    ``purpose``: what it is run for (docs/records.md), None for an ordinary run of asv.

    Raises Interrupted, NotMeasured and RecordError; whatever else goes wrong is in the record.
    """
    benchmark, attributes, result_file = arguments[3], arguments[4], Path(arguments[6])
    draft = None
    try:
        draft = _draft(subject, benchmark, attributes, env, folder, purpose)
        env[NOTES_VARIABLE] = str(draft.notes_path)
        with _sampler(subject.profile, env) as sampler:
            done = process.run(
                launched(subject, arguments),
                env,
                cwd,
                deadline_s,
                merge_streams=True,
                on_start=None if sampler is None else sampler.start,
            )
        return draft.end(done, deadline_s, result_file, sampler), done
    except KeyboardInterrupt:
        what = subject.release.name
        if draft is not None:
            draft.interrupted()
            what = draft.name
        raise Interrupted(
            f"Interrupted while measuring {what}; run the same command again to go on."
        ) from None
    except OSError as err:
        raise NotMeasured(
            f"{subject.release.name} cannot be measured: {err.strerror}: {err.filename}; "
            f"if the disk is full: vggbench releases prune --to 10G"
        ) from None


def _draft(
    subject: Subject,
    benchmark: str,
    attributes: str,
    env: dict[str, str],
    folder: Path,
    purpose: str | None,
) -> recorder.Draft:
    return recorder.Draft.begin(
        folder=folder,
        release=subject.release,
        lock=subject.lock,
        interpreter=subject.interpreter,
        profile=subject.profile,
        benchmark=benchmark,
        attributes=attributes,
        environment=env,
        purpose=purpose,
        variant=subject.variant,
    )


def refuse(subject: Subject, benchmark: str, folder: Path, purpose: str, why: str) -> Record:
    """The record, failed, of a process that ``run_fresh`` would run, were there an environment for
    it."""
    env = surroundings(subject, {**os.environ, profiles.VARIABLE: subject.profile})
    return _draft(subject, benchmark, "{}", env, folder, purpose).refused(why)


def run_fresh(subject: Subject, benchmark: str, folder: Path, purpose: str) -> Record:
    """Run one process of the configuration with asv's id ``benchmark`` as ``asv run`` starts it,
    and return its record. Raises what ``run`` raises."""
    deadline_s = asked_deadline() or DEADLINE_S
    given = {**os.environ, profiles.VARIABLE: subject.profile}
    try:
        with tempfile.TemporaryDirectory(prefix="vggbench-process-") as aside:
            # asv gives each process an empty folder, and a file for its result that exists.
            cwd, result_file = Path(aside, "cwd"), Path(aside, "result")
            cwd.mkdir()
            result_file.touch()
            arguments = [
                BENCHMARK_RUN_SCRIPT,
                "run",
                str(invocation.benchmark_dir()),
                benchmark,
                "{}",
                "None",
                str(result_file),
            ]
            env = surroundings(subject, given)
            record, _ = run(subject, arguments, env, str(cwd), deadline_s, folder, purpose)
            return record
    except OSError as err:
        raise NotMeasured(
            f"{subject.release.name} cannot be measured: {err.strerror}: {err.filename}"
        ) from None


def _sampler(profile: str, env: dict[str, str]) -> contextlib.AbstractContextManager[Any]:
    """What samples the GPU while a process with the variables ``env`` runs; None on a CPU."""
    if profiles.device_of(profile) != "gpu":
        return contextlib.nullcontext()
    from . import nvml  # here and not above: on a CPU nothing of NVML is loaded

    sampler = nvml.Sampler(env)
    if sampler.trouble is None:
        env[STRETCH_VARIABLE] = str(nvml.STRETCH_S)
    return sampler
