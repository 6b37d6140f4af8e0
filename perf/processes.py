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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
from asv.config import Config
from asv.runner import BENCHMARK_RUN_SCRIPT

from vggbench import checkout, vgg16, workload
from vggbench.asv_plugin import timed
from vggbench.measure import BY_PRODUCTS, NOTES_VARIABLE, REPEAT
from vggbench.releases.catalogue import Catalogue

PROFILE = "cpu-quick"

#: Two correct train steps from one start: their first losses differ by rounding alone.
LOSS_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Taken:
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
    catalogue = Catalogue(common.ROOT / "releases")
    config = Config.load(str(common.ROOT / "asv.conf.json"))
    config.env_dir = str(common.ROOT / config.env_dir)
    return checkout.environments(config, catalogue).python(catalogue.by_name[release], "cpu")


def ours(python: Path, framework: str = "TensorFlow", **configuration: str) -> Taken:
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
    return Taken(BY_PRODUCTS["track_first_step"](noted), noted["losses"], samples, noted)


def by_hand(python: Path, script: str, start: Path, *options: str, **variables: str) -> Taken:
    """One process of a script of by_hand/, from the weights and the batch in ``start``, with these
    environment variables besides."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        path = Path(__file__).parent / "by_hand" / script
        _run(
            python, [str(path), str(start), str(report), str(REPEAT), *options], folder, **variables
        )
        return Taken(**json.loads(report.read_text()), notes={})


def save_start(folder: Path) -> Path:
    """Write the start that all of ours have, for by_hand(); the path of the file."""
    images, labels = workload.batch(workload.WORKLOADS["quick"])
    size = workload.WORKLOADS["quick"].image_size
    weights = {
        f"weight_{place}": value
        for place, (_, value) in enumerate(workload.initial_weights(size, batch_norm=False))
    }
    assert sum(w.size for w in weights.values()) == vgg16.parameter_count(size, False)
    np.savez(folder / "start.npz", images=images, labels=labels, **weights)
    return folder / "start.npz"


def require_same_work(pair: tuple[Taken, Taken]) -> None:
    """Raise SystemExit unless both came to the same losses: only equal work is compared."""
    if not np.allclose(pair[0].losses, pair[1].losses, rtol=0, atol=LOSS_TOLERANCE):
        raise SystemExit(
            f"not the same work: the first losses are {pair[0].losses} and {pair[1].losses}"
        )


def _run(python: Path, command: list[str], folder: str, **variables: str) -> None:
    env = {
        key: value
        for key, value in common.surroundings(Path(folder)).items()
        if key not in timed.UNWANTED_VARIABLES
    }
    done = subprocess.run(
        [str(python), *command],
        cwd=folder,
        env={**env, "VGGBENCH_PROFILE": PROFILE, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
