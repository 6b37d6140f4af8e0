"""The processes that perf/ holds side by side: ours, started as asv starts them, and by_hand/'s.

All run with the interpreter of the same release, on the quick workload on the CPU.
"""

from __future__ import annotations

import itertools
import json
import runpy
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from asv.runner import BENCHMARK_RUN_SCRIPT

from vggbench.checkout import Checkout
from vggbench.inside import synthetic, vgg16, workload
from vggbench.inside.measure import BY_PRODUCTS, NOTES_VARIABLE, REPEAT
from vggbench.runs import timed, variables

from . import common

PROFILE = "cpu-quick"

#: Two correct train steps from one start: their first losses differ by rounding alone.
LOSS_TOLERANCE = 1e-3

#: Some releases add in another order each time, so the losses of later steps differ between
#: processes of one program, by up to this share; then two programs may differ as much.
OWN_SPREAD = 0.01


@dataclass(frozen=True)
class TakenProcess:
    """What one process came to: seconds of its first step, from the import of the framework on, the
    losses of its first three steps, seconds of each timed step; ours also the notes it left."""

    first_step_s: float
    losses: list[float]
    samples: list[float]
    notes: dict[str, Any]

    @property
    def step_s(self) -> float:
        return statistics.median(self.samples)


def python_of(release: str) -> Path:
    """The interpreter of a release, which is installed first where it is not."""
    common.run(
        [str(common.VGGBENCH), "releases", "install", "--device", "cpu", release], common.ROOT
    )
    checkout = Checkout(str(common.ROOT / "asv.conf.json"))
    return checkout.environments.python(checkout.catalogue.by_name[release], "cpu")


def ours(python: Path, framework: str = "TensorFlow", **configuration: str) -> TakenProcess:
    """One process of our ``time_train_step``, as asv starts it, with asv's own timer."""
    family = runpy.run_path(str(common.ROOT / "benchmarks" / "train_step.py"))[framework]
    choices = [
        dict(zip(family.param_names, params, strict=True))
        for params in itertools.product(*family.params)
    ]
    benchmark = f"train_step.{framework}.time_train_step-{choices.index(configuration)}"
    with tempfile.TemporaryDirectory() as folder:
        notes, result = Path(folder) / "notes", Path(folder) / "result"
        command = [
            timed.LAUNCH_SCRIPT,
            timed.ASV_RUNNER_FOLDER,
            timed.VGGBENCH_FOLDER,
            BENCHMARK_RUN_SCRIPT,
            "run",
            str(common.ROOT / "benchmarks"),
            benchmark,
            "{}",
            "None",
            str(result),
        ]
        _run(python, command, folder, **{NOTES_VARIABLE: str(notes)})
        noted = json.loads(notes.read_text())
        if noted.get("outcome"):
            raise SystemExit(f"{configuration}: {noted}")
        samples = json.loads(result.read_text())["samples"]
    return TakenProcess(BY_PRODUCTS["track_first_step"](noted), noted["losses"], samples, noted)


def by_hand(
    python: Path, script: str, start: Path, *options: str, **variables: str
) -> TakenProcess:
    """One process of a script of by_hand/, from the weights and the batch in ``start``, with these
    environment variables besides."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        path = common.ROOT / "perf" / "by_hand" / script
        _run(
            python, [str(path), str(start), str(report), str(REPEAT), *options], folder, **variables
        )
        return TakenProcess(**json.loads(report.read_text()), notes={})


def save_start(folder: Path) -> Path:
    """Write the start that all of ours have, for by_hand(); the path of the file."""
    images, labels = synthetic.batch(workload.WORKLOADS["quick"])
    size = workload.WORKLOADS["quick"].image_size
    weights = {
        f"weight_{place}": value
        for place, (_, value) in enumerate(synthetic.initial_weights(size, batch_norm=False))
    }
    assert sum(w.size for w in weights.values()) == vgg16.parameter_count(size, False)
    np.savez(folder / "start.npz", images=images, labels=labels, **weights)
    return folder / "start.npz"


def in_turns(
    ours: Callable[[], TakenProcess],
    theirs: Callable[[], TakenProcess],
    pairs: int,
    shown: Callable[[TakenProcess], str] = lambda process: f"{process.step_s * 1e3:.1f} ms",
) -> list[tuple[TakenProcess, TakenProcess]]:
    """``common.abba`` of two processes that must come to the same losses: only equal work is
    compared. Raises SystemExit where they do not."""
    taken = common.abba(ours, theirs, pairs, shown)
    why = not_the_same_work(
        *([process.losses for process in own] for own in zip(*taken, strict=True))
    )
    if why is not None:
        raise SystemExit(f"not the same work: {why}")
    return taken


def not_the_same_work(ours: list[list[float]], theirs: list[list[float]]) -> str | None:
    """What differs between the losses of two programs' processes, each a list of those of its first
    steps; None where they are of the same work.

    The first is of the same weights; the later ones may be apart by as much as they are apart
    within one program, if that is no more than OWN_SPREAD.
    """
    for step, (one, other) in enumerate(
        zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True), 1
    ):
        middle = statistics.median(other)
        spread = 0.0 if step == 1 else max(max(one) - min(one), max(other) - min(other))
        allowed = max(LOSS_TOLERANCE, min(spread, OWN_SPREAD * abs(middle)))
        if not abs(statistics.median(one) - middle) <= allowed:  # not so for a NaN
            return f"the losses of step {step} are {sorted(one)} and {sorted(other)}"
    return None


def _run(python: Path, command: list[str], folder: str, **more: str) -> None:
    env = variables.for_release(common.surroundings(Path(folder)))
    done = subprocess.run(
        [str(python), *command],
        cwd=folder,
        env={**env, "VGGBENCH_PROFILE": PROFILE, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
