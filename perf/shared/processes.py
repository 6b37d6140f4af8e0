"""The processes that perf/ compares: ours, started as asv starts them, and those of by_hand/.

All run with the interpreter of the same release, on the quick workload on the CPU.
"""

from __future__ import annotations

import functools
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from asv.runner import BENCHMARK_RUN_SCRIPT

from vggbench.checkout import Checkout
from vggbench.inside import synthetic, vgg16, workload
from vggbench.inside.measure import BY_PRODUCTS, NOTES_VARIABLE, REPEAT
from vggbench.releases.environments import require_lock
from vggbench.runs import timed, variables

from . import common

PROFILE = "cpu-quick"

#: The first losses of two correct train steps from the same start differ by rounding alone, which
#: is less than this.
LOSS_TOLERANCE = 1e-3

#: Some releases add in another order each time. The losses of later steps then differ between ours,
#: or between theirs, by up to this share, and ours may differ from theirs as much.
OWN_SPREAD = 0.01


@dataclass(frozen=True)
class TakenProcess:
    """What a process came to.

    first_step_s: seconds from before the import of the framework to the end of the first step.
    losses: those of the first three steps. samples: seconds of each timed step. notes: what a
    process of ours noted; empty for the others.
    """

    first_step_s: float
    losses: list[float]
    samples: list[float]
    notes: dict[str, Any]

    @property
    def step_s(self) -> float:
        return statistics.median(self.samples)


def python_of(release: str, backend: str | None = None) -> Path:
    """The interpreter of a release for a backend of its framework. It is installed first where it
    is not installed."""
    checkout = Checkout(str(common.ROOT / "asv.conf.json"))
    chosen = checkout.catalogue.by_name[release]
    lock = require_lock(chosen, "cpu", backend)
    return checkout.environments.ensure(chosen, lock.name, print)


def ours(python: Path, framework: str = "TensorFlow", **configuration: str) -> TakenProcess:
    """Run a process of our ``time_train_step`` as asv starts it, with asv's own timer.

    Raises SystemExit where it does not end well.
    """
    return of_checkout(common.ROOT, python, framework, configuration)


def of_checkout(
    checkout: Path, python: Path, framework: str, configuration: dict[str, str]
) -> TakenProcess:
    """As ``ours``, for the ``time_train_step`` of the project in the folder ``checkout``.

    Raises ValueError where that one lacks the configuration.
    """
    number = _choices(checkout, framework).index(configuration)
    benchmark = f"train_step.{framework}.time_train_step-{number}"
    with tempfile.TemporaryDirectory() as folder:
        notes, result = Path(folder) / "notes", Path(folder) / "result"
        command = [
            str(checkout / "vggbench" / "inside" / "launch.py"),
            timed.ASV_RUNNER_FOLDER,
            str(checkout),
            BENCHMARK_RUN_SCRIPT,
            "run",
            str(checkout / "benchmarks"),
            benchmark,
            "{}",
            "None",
            str(result),
        ]
        _run(python, command, folder, **{NOTES_VARIABLE: str(notes)})
        noted = json.loads(notes.read_text())
        if noted.get("outcome"):
            why = noted.get("reason") or noted.get("error")
            raise SystemExit(f"{framework} {' '.join(configuration.values())}: {why}")
        samples = json.loads(result.read_text())["samples"]
    return TakenProcess(BY_PRODUCTS["track_first_step"](noted), noted["losses"], samples, noted)


#: Prints the param names and the params of a framework's benchmark, as JSON.
_PARAMS_SCRIPT = """
import json, runpy, sys
family = runpy.run_path("benchmarks/train_step.py")[sys.argv[1]]
print(json.dumps([family.param_names, family.params]))
"""


@functools.cache
def _choices(checkout: Path, framework: str) -> list[dict[str, str]]:
    """The configurations of a framework's benchmark in the order of their numbers in asv.

    Another checkout may have others, so its benchmark is read with its own ``vggbench``, in another
    process.
    """
    done = subprocess.run(
        [sys.executable, "-c", _PARAMS_SCRIPT, framework],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{checkout} has no benchmark of {framework}:\n{done.stderr}")
    names, params = json.loads(done.stdout)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*params)]


#: Processes by which the fastest configuration is found.
LOOKS = 2


def fastest(python: Path, framework: str, choices: Sequence[dict[str, str]]) -> dict[str, str]:
    """The fastest of the configurations ``choices``.

    Each counts by the fastest of LOOKS processes, which are taken in turns.
    """
    seconds = [float("inf")] * len(choices)
    for _ in range(LOOKS):
        for place, choice in enumerate(choices):
            seconds[place] = min(seconds[place], ours(python, framework, **choice).step_s)
    for choice, best in zip(choices, seconds, strict=True):
        print(f"first look: {' '.join(choice.values())}: {best * 1e3:.1f} ms", flush=True)
    return choices[seconds.index(min(seconds))]


def fastest_against(
    release: str,
    framework: str,
    choices: Sequence[dict[str, str]],
    *,
    script: str,
    theirs: str,
    most: float,
    pairs: int,
) -> int:
    """Compare our fastest configuration of a release with a script of by_hand/, report the figure,
    and return the exit status.

    choices: the configurations among which a first look finds the fastest. theirs: what the script
    is called. most: the largest upper bound of the ratio that meets the figure.
    """
    python = python_of(release)
    best = fastest(python, framework, choices)
    with tempfile.TemporaryDirectory() as folder:
        start = save_start(Path(folder))
        taken = in_turns(
            lambda: ours(python, framework, **best),
            lambda: by_hand(python, script, start),
            pairs,
        )
    ratio = common.ratio_with_interval([(ours.step_s, theirs.step_s) for ours, theirs in taken])
    return common.report(
        f"{release} {' '.join(best.values())} against {theirs}, {pairs} pairs",
        f"upper bound at most {most:g}",
        str(ratio),
        ratio.high <= most,
    )


def by_hand(
    python: Path, script: str, start: Path, *options: str, **variables: str
) -> TakenProcess:
    """Run a process of a script of by_hand/. Raises SystemExit where it fails.

    start: the file with the weights and the batch, which save_start() wrote. variables: added to
    the environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        path = common.ROOT / "perf" / "by_hand" / script
        _run(
            python, [str(path), str(start), str(report), str(REPEAT), *options], folder, **variables
        )
        return TakenProcess(**json.loads(report.read_text()), notes={})


def save_start(folder: Path) -> Path:
    """Write the weights and the batch that ours start from into ``folder``; return the path."""
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
    """Take processes with ``common.abba``, and check that they came to the same losses.

    Only equal work is compared. Raises SystemExit where the losses differ.
    """
    taken = common.abba(ours, theirs, pairs, shown)
    why = not_the_same_work(
        [process.losses for process, _ in taken], [process.losses for _, process in taken]
    )
    if why is not None:
        raise SystemExit(f"not the same work: {why}")
    return taken


def not_the_same_work(ours: list[list[float]], theirs: list[list[float]]) -> str | None:
    """What differs between the losses of ours and of theirs; None where they did the same work.

    ours, theirs: for each process the losses of its first steps. The first step has the same
    weights in all processes. The losses of later steps may be apart by as much as they are apart
    within ours or within theirs, if that is no more than OWN_SPREAD.
    """
    for step, (our_losses, their_losses) in enumerate(
        zip(zip(*ours, strict=True), zip(*theirs, strict=True), strict=True), 1
    ):
        middle = statistics.median(their_losses)
        spread = 0.0 if step == 1 else max(_range(our_losses), _range(their_losses))
        allowed = max(LOSS_TOLERANCE, min(spread, OWN_SPREAD * abs(middle)))
        if not abs(statistics.median(our_losses) - middle) <= allowed:  # also where one is NaN
            return f"the losses of step {step} are {sorted(our_losses)} and {sorted(their_losses)}"
    return None


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)


def _run(python: Path, command: list[str], folder: str, **more: str) -> None:
    """Run a command of an interpreter in ``folder``, with ``more`` environment variables."""
    env = variables.for_release(common.surroundings(Path(folder)))
    done = subprocess.run(
        [str(python), *command],
        cwd=folder,
        # torch.compile would find what an earlier process compiled.
        env={**env, "VGGBENCH_PROFILE": PROFILE, "TORCHINDUCTOR_CACHE_DIR": folder, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
