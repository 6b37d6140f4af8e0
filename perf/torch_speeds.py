"""Why PyTorch's eager step has two speeds: alone, and beside a process that computes.

A step in PyTorch goes through hundreds of short parallel regions of OpenMP. At the end of each, the
threads wait for one another, and by default they spin. Beside a process that computes on one CPU,
one thread of each region has to share its CPU with that process. This script times the plainest
training loop (by_hand/torch_step.py) alone and beside such a process, with each of the settings by
which OpenMP can be told to wait otherwise. The settings are taken in turns, round by round.

    python perf/torch_speeds.py [--release torch-2.15.0] [--rounds 5] [SETTING ...]
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

from shared import common, processes

#: The settings by their names: variables of the environment.
SETTINGS = {
    "default": {},
    "wait passively": {"OMP_WAIT_POLICY": "PASSIVE"},
    "wait actively": {"OMP_WAIT_POLICY": "ACTIVE"},
    "spin not": {"GOMP_SPINCOUNT": "0"},
    "spin 10000": {"GOMP_SPINCOUNT": "10000"},
    "bound": {"OMP_PROC_BIND": "TRUE"},
    "dynamic": {"OMP_SCHEDULE": "DYNAMIC", "OMP_DYNAMIC": "TRUE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}

#: Beside what: the variables of the other process, which computes all the time; None: none.
BESIDE = {
    "alone": None,
    "beside work on one CPU": {"OPENBLAS_NUM_THREADS": "1"},
    "beside work on all CPUs": {},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", default="torch-2.15.0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("settings", nargs="*", default=list(SETTINGS), metavar="SETTING")
    options = parser.parse_args()
    unknown = [name for name in options.settings if name not in SETTINGS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; choose among {', '.join(SETTINGS)}")
    python = processes.python_of(options.release)
    steps: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        start = processes.save_start(Path(folder))
        for _ in range(options.rounds):
            for where, other in BESIDE.items():
                with (
                    contextlib.nullcontext()
                    if other is None
                    else common.beside("--steady", **other)
                ):
                    for name in options.settings:
                        taken = processes.by_hand(python, "torch_step.py", start, **SETTINGS[name])
                        steps.setdefault((name, where), []).append(taken.step_s)
    print(
        f"{options.release}, ms a step: median (fastest to slowest) of {options.rounds} processes"
    )
    for name in options.settings:
        shown = [f"{where}: {_shown(steps[name, where])}" for where in BESIDE]
        print(f"  {name}: {'; '.join(shown)}")
    return 0


def _shown(seconds: list[float]) -> str:
    ms = [1e3 * value for value in seconds]
    return f"{statistics.median(ms):.0f} ({min(ms):.0f} to {max(ms):.0f})"


if __name__ == "__main__":
    sys.exit(main())
