"""One timed process of one configuration of one release, with its record.

``asv run`` gets here by way of the plugin's Environment, which has asv's own command.
``vggbench confirm`` and ``calibrate`` start the same process themselves (``run_fresh``).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asv_runner
from asv.runner import BENCHMARK_RUN_SCRIPT

import vggbench

from ..errors import VggbenchError, of_system
from ..inside.launch import STARTER_VARIABLE
from ..inside.measure import DEADLINE_S, GO_ON_VARIABLE, NOTES_VARIABLE
from ..records import Record
from ..releases.environments import Impossible
from . import process, profiles
from .draft import Draft
from .installation import Installation, surroundings
from .run import Run
from .suite import Configured

#: The folders of the packages that the process of every release is given
#: (vggbench/inside/launch.py).
ASV_RUNNER_FOLDER = str(Path(asv_runner.__file__).absolute().parent.parent)
VGGBENCH_FOLDER = str(Path(vggbench.__file__ or "").absolute().parent.parent)
LAUNCH_SCRIPT = str(Path(VGGBENCH_FOLDER) / "vggbench" / "inside" / "launch.py")

#: The variable with the seconds after which a timed process is ended, in place of the timeout of
#: its benchmark.
DEADLINE_VARIABLE = "VGGBENCH_DEADLINE"


class NotMeasured(VggbenchError):
    """A process could not be run, or could not be recorded."""


class Interrupted(NotMeasured):
    """The user interrupted a process, which has ended and is recorded.

    ``what`` says what was interrupted, for example " while measuring ...". The message promises
    that the same command goes on where it was, which is true of vggbench's commands, not of asv's.
    """

    status = 130

    def __init__(self, what: str):
        super().__init__(f"Interrupted{what}; run the same command again to go on.")
        self.what = what


@dataclass(frozen=True, kw_only=True)
class Call:
    """How asv starts a process.

    ``arguments`` are asv's script, "run", the benchmarks' folder, the id of the configuration,
    overridden attributes, a profile and the file for the result. The process is given the variables
    ``env`` and the folder ``cwd``, and is ended after ``deadline_s`` seconds.
    """

    arguments: Sequence[str]
    env: dict[str, str]
    cwd: str | None
    deadline_s: float | None

    @property
    def identity(self) -> str:
        return identity(self.arguments)

    @property
    def attributes(self) -> str:
        return self.arguments[4]

    @property
    def result_file(self) -> Path:
        return Path(self.arguments[6])


def identity(arguments: Sequence[str]) -> str:
    """asv's id of the configuration that a process with the ``arguments`` of a Call measures."""
    return arguments[3]


def asked_deadline() -> float | None:
    """The user's own deadline for a process, in seconds; None where there is none. Raises
    NotMeasured where its variable is no number above zero."""
    text = os.environ.get(DEADLINE_VARIABLE)
    try:
        seconds = float(text) if text else None
    except ValueError:
        seconds = 0.0
    if seconds is not None and not 0 < seconds < float("inf"):
        raise NotMeasured(
            f"{DEADLINE_VARIABLE}={text} is no number of seconds above zero; give one, such as "
            f"600, or unset it"
        )
    return seconds


def launched(installation: Installation, arguments: Sequence[str]) -> list[str]:
    """The command that runs asv's own script with ``arguments``, the first of which is the path of
    the script."""
    return [installation.interpreter, LAUNCH_SCRIPT, ASV_RUNNER_FOLDER, VGGBENCH_FOLDER, *arguments]


def started_here(installation: Installation) -> dict[str, str]:
    """What tells a process that this one starts it as its child, so that it ends where this one is
    killed meanwhile. Nothing of an interpreter of the user's: that may be a script, which starts
    the process in turn."""
    return {} if installation.lock is None else {STARTER_VARIABLE: str(os.getpid())}


def measure(run: Run, installation: Installation, call: Call) -> tuple[Record, process.Finished]:
    """Run one timed process of ``run`` to its end, append its record, and return both.

    Raises Interrupted, NotMeasured and RecordError. Anything else that goes wrong is in the record.
    """
    draft = None
    env = dict(call.env)
    configured = run.suite.configurations[call.identity]
    try:
        draft = Draft.begin(run, installation, configured, call.attributes, env)
        env[NOTES_VARIABLE] = str(draft.notes_path)
        env.update(started_here(installation))
        with _sampler(installation.profile, env) as sampler:
            done = process.run(
                launched(installation, call.arguments),
                env,
                call.cwd,
                call.deadline_s,
                merge_streams=True,
                on_start=None if sampler is None else sampler.start,
            )
        record = draft.end(done, call.deadline_s, call.result_file, sampler)
        run.note(record)
        return record, done
    except KeyboardInterrupt:
        name = installation.release.name
        if draft is not None:
            draft.interrupted()
            name = draft.name
        raise Interrupted(f" while measuring {name}") from None
    except OSError as err:
        raise NotMeasured(
            f"{installation.release.name} cannot be measured: {of_system(err)}; "
            f"if the disk is full: vggbench releases prune --to 10G"
        ) from None


def refuse(
    run: Run,
    installation: Installation,
    configured: Configured,
    why: VggbenchError,
    attributes: str = "{}",
) -> Record:
    """Append and return a failed record of a configuration whose environment cannot be made. It has
    ``why`` as its error, and no process is run. Where the environment may be made on another day,
    the record says that the machine lacked it. ``attributes``: asv's JSON of overridden
    attributes."""
    draft = Draft.begin(run, installation, configured, attributes, given(installation))
    record = draft.refused(str(why), None if isinstance(why, Impossible) else "the environment")
    run.note(record)
    return record


def run_fresh(run: Run, installation: Installation, configured: Configured) -> Record:
    """Run one process of a configuration as ``asv run`` starts it, and return its record. Raises
    Interrupted, NotMeasured and RecordError."""
    try:
        with tempfile.TemporaryDirectory(prefix="vggbench-process-") as aside:
            record, _ = measure(
                run, installation, fresh(run, installation, configured, Path(aside))
            )
            return record
    except OSError as err:
        raise NotMeasured(
            f"{installation.release.name} cannot be measured: {of_system(err)}"
        ) from None


def fresh(
    run: Run,
    installation: Installation,
    configured: Configured,
    aside: Path,
    attributes: str = "{}",
) -> Call:
    """The call of one process as ``asv run`` makes it.

    ``aside`` is an empty folder for the files of the process. ``attributes``: asv's JSON of
    overridden attributes. Raises NotMeasured where the user's deadline is wrong.
    """
    # Like asv, give each process an empty folder, and an existing file for its result.
    cwd, result_file = aside / "cwd", aside / "result"
    cwd.mkdir()
    result_file.touch()
    arguments = (
        *(BENCHMARK_RUN_SCRIPT, "run", str(run.suite.folder), configured.identity),
        *(attributes, "None", str(result_file)),
    )
    deadline_s = asked_deadline() or DEADLINE_S
    return Call(arguments=arguments, env=given(installation), cwd=str(cwd), deadline_s=deadline_s)


def given(installation: Installation) -> dict[str, str]:
    """The environment variables of a process that vggbench starts itself, without asv."""
    return surroundings(installation, {**os.environ, profiles.VARIABLE: installation.profile})


def _sampler(profile: str, env: dict[str, str]) -> contextlib.AbstractContextManager[Any]:
    """A context whose value samples the GPU while a process with the variables ``env`` runs. On a
    CPU the value is None."""
    if profiles.device_of(profile) != "gpu":
        return contextlib.nullcontext()
    from . import nvml  # here and not above, so that nothing of NVML is loaded on a CPU

    sampler = nvml.Sampler(env)
    if sampler.trouble is None:
        env[GO_ON_VARIABLE] = str(nvml.GO_ON_S)
    return sampler
