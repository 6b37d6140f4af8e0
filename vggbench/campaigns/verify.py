"""``vggbench verify``: does a release compute what the reference computes?

Each configuration runs its first steps (inside/scripts/first_steps.py) in a fresh process of the
release's own interpreter, of the environment of its backend's lock, a few at a time. What it leaves
is held against the reference (agreement.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from .. import frameworks
from ..errors import VggbenchError, one_line
from ..inside import builders
from ..inside.builders import reference
from ..inside.params import Configuration, configurations
from ..inside.scripts import first_steps
from ..judging import agreement
from ..releases.catalogue import Catalogue, Lock, Release
from ..releases.environments import require_lock
from ..runs import process, variables

#: By the name of a lock: the interpreter of its environment, or why the environment cannot be made.
Interpreters = Mapping[str, Path | VggbenchError]

#: What a configuration comes to.
AGREES, DISAGREES, NOT_APPLICABLE, FAILED = "agrees", "disagrees", "n/a", "failed"

SCRIPT = Path(first_steps.__file__)

#: Seconds after which a configuration is given up: compiling with XLA was seen to take 94.
DEADLINE_S = 900.0

#: Processes side by side: compiling keeps one processor busy, and nothing is timed here. A GPU's
#: memory is not shared, as some releases take all of it.
AT_ONCE = {"cpu": 2, "gpu": 1}


@dataclass(frozen=True)
class Verified:
    """One configuration of one release. ``reason`` says why it is not "agrees"."""

    release: str
    configuration: Configuration
    answer: str
    reason: str | None = None
    agreement: agreement.Agreement | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        found = self.agreement
        return {
            "release": self.release,
            "configuration": self.configuration.values,
            "answer": self.answer,
            "reason": self.reason,
            "seconds": round(self.seconds, 1),
            "losses_off": [_json_number(off) for off in found.losses] if found else None,
            "changes_off": (
                {
                    f"{tensor.step}/{tensor.tensor}": _json_number(tensor.relative)
                    for tensor in found.tensors
                }
                if found
                else None
            ),
        }


def _json_number(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)


def framework_of(catalogue: Catalogue, release: Release) -> str:
    """The framework of ``release``. Raises VggbenchError for one that no builder serves."""
    framework = catalogue.tracks[release.track].framework
    if framework not in builders.packages():
        raise VggbenchError(
            f"{release.name} cannot be verified: vggbench has no builder for {framework}"
        )
    return framework


def forecast(catalogue: Catalogue, release: Release) -> str | None:
    """One line for a release that takes minutes, else None."""
    known = frameworks.of(catalogue.tracks[release.track].module)
    companions = {name for lock in release.locks.values() for name in lock.companions}
    told = None if known is None else known.forecast(release.version, companions)
    return None if told is None else f"{release.name}: {told}"


def in_order(framework: str) -> list[Configuration]:
    """All configurations; those that are compiled, which takes longest, come last."""
    return sorted(configurations(framework), key=lambda configuration: configuration.is_compiled)


def keeps_compiled(module: str, configuration: Configuration) -> bool:
    """Whether a process compiles into a folder that others of its release find too.

    module: what the release's track imports.
    """
    computes = frameworks.of(configuration.backend or module)
    return computes is not None and computes.compiled_fact is not None


def locks_of(catalogue: Catalogue, release: Release, device: str) -> list[Lock]:
    """The locks that the configurations of ``release`` use on ``device``. Raises VggbenchError for
    a release that no builder serves, and where it has no lock for a configuration."""
    of_all = [
        require_lock(release, device, configuration.backend)
        for configuration in configurations(framework_of(catalogue, release))
    ]
    return list({lock.name: lock for lock in of_all}.values())


def verify(
    catalogue: Catalogue, release: Release, device: str, interpreters: Interpreters
) -> Iterator[Verified]:
    """Run all configurations of ``release``, AT_ONCE[device] at a time, each with the interpreter
    of its backend's lock. Those of a lock without an interpreter have failed.

    Those that keep what they compiled go one after the other: Theano removes files from its folder
    while another process that has just begun reads them, which dies of it.

    Raises VggbenchError for a release that no builder serves.
    """
    framework = framework_of(catalogue, release)
    module = catalogue.tracks[release.track].module
    # Before the first process, with which it would share the processors.
    for has_batch_norm in (False, True):
        agreement.expected(has_batch_norm, reference.UNBIASED)
    running: set[int] = set()
    stopped = threading.Event()
    compiled = threading.Lock()

    def end(group: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

    def answer(configuration: Configuration) -> Verified:
        started: list[int] = []

        def on_start(group: int) -> None:
            started.append(group)
            running.add(group)
            if stopped.is_set():  # it was being started when the others were ended
                end(group)

        lock = release.lock_for(device, configuration.backend)
        # An interpreter of the user's serves a release without a lock too.
        python = interpreters["" if lock is None else lock.name]
        if isinstance(python, VggbenchError):
            return Verified("", configuration, FAILED, str(python))
        alone = compiled if keeps_compiled(module, configuration) else contextlib.nullcontext()
        try:
            with alone:
                return verify_one(python, configuration, device, on_start=on_start)
        finally:
            running.difference_update(started)

    with ThreadPoolExecutor(AT_ONCE[device]) as pool:
        try:
            coming = [pool.submit(answer, configuration) for configuration in in_order(framework)]
            for future in coming:
                yield replace(future.result(), release=release.name)
        finally:  # after Ctrl-C, which the processes do not see
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for group in list(running):
                end(group)


def verify_one(
    python: Path | str,
    configuration: Configuration,
    device: str,
    script: Path = SCRIPT,
    on_start: Callable[[int], None] | None = None,
) -> Verified:
    """Run one configuration in a fresh process and hold it against the reference.

    script: what to run instead of first_steps.py, with the same command line. on_start is called
    with the id of the process.
    """
    env = variables.for_release(os.environ)
    with tempfile.TemporaryDirectory(prefix="vggbench-verify-") as folder:
        command = [
            *(str(python), str(script), folder),
            *(configuration.framework, json.dumps(configuration.values), device),
        ]
        done = process.run(command, env, folder, DEADLINE_S, merge_streams=True, on_start=on_start)
        answer = _answer(Path(folder), done, configuration)
    return replace(answer, seconds=done.seconds)


def _answer(folder: Path, done: process.Finished, configuration: Configuration) -> Verified:
    def verified(answer: str, reason: str | None, found: Any = None) -> Verified:
        return Verified("", configuration, answer, reason, found)

    try:
        outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return verified(FAILED, _how_it_ended(done) + variables.remedy(done.status, os.environ))
    if outcome["outcome"] == "n/a":
        return verified(NOT_APPLICABLE, outcome["reason"])
    if outcome["outcome"] == "failed":
        return verified(FAILED, outcome["error"])
    try:
        with np.load(folder / "steps.npz") as taken:
            variance = outcome["describe"].get("running_variance", reference.UNBIASED)
            found = agreement.compare(taken, configuration, variance)
    except (OSError, ValueError, zipfile.BadZipFile) as err:
        return verified(FAILED, f"what its steps left cannot be compared: {err}")
    return verified(AGREES if found.agrees else DISAGREES, found.why_not, found)


def _how_it_ended(done: process.Finished) -> str:
    if done.overran:
        return f"the process was ended after {DEADLINE_S:g} s"
    how = f"signal {-done.status}" if done.status < 0 else f"exit status {done.status}"
    lines = [line for line in done.output.splitlines() if line.strip()]
    return one_line(f"the process died with {how}: {lines[-1] if lines else 'it said nothing'}")


def table(all_verified: list[Verified]) -> Table:
    """For people: one line a configuration."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("release", "configuration", "worst loss", "worst change", "s", "answer"):
        made.add_column(heading, justify="right" if heading == "s" else "left")
    for verified in all_verified:
        cells = ["-", "-"]
        if verified.agreement is not None:
            cells = [f"{verified.agreement.worst_loss:.1e}", str(verified.agreement.worst_tensor)]
        answer = (
            verified.answer
            if verified.reason is None
            else f"{verified.answer}: {one_line(verified.reason)}"
        )
        made.add_row(
            verified.release, str(verified.configuration), *cells, f"{verified.seconds:.0f}", answer
        )
    return made


def complaint(verified: Verified) -> str:
    """The one line of a configuration that disagrees or failed."""
    name = str(verified.configuration)
    if verified.answer == FAILED:
        return (
            f"{verified.release} ({name}) failed: {verified.reason}; run it again: "
            f"vggbench verify {verified.release}; report it where it fails again"
        )
    return (
        f"{verified.release} ({name}) does not compute what the reference computes: "
        f"{verified.reason}; see docs/method.md, and do not trust its times"
    )
