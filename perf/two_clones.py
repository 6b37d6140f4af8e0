"""Two clones that measure on one machine at once: is one refused, or do both say what ran beside?

    python perf/two_clones.py [--rounds 10] [--releases tensorflow-2.15.1 tensorflow-2.16.2]

The first release is measured alone. In each round, the second release is measured in two clones at
once, each with a results folder of its own. Odd rounds measure as anybody would, even rounds with
VGGBENCH_BESIDE=1. Then each clone is asked for its verdict. Nothing may be called regressed. The
second clone must be refused, or both must say what the numbers were measured beside. A round takes
about a minute and a half. Both releases are installed before, where they are not yet.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import common

from vggbench import records

ROUNDS = 10
RELEASES = ("tensorflow-2.15.1", "tensorflow-2.16.2")
BENCH = r"TensorFlow\.time_train_step\('NHWC', 'none', 'off'\)"

REFUSED = "another process measures on this machine"


@dataclass(frozen=True)
class Clone:
    """A checkout in ``folder`` that measures as a clone of the repository does."""

    folder: Path

    @staticmethod
    def make(folder: Path) -> Clone:
        """Make a checkout that shares only the environments. asv's own state is not shared."""
        (folder / "env").mkdir(parents=True)
        (folder / "env" / "releases").symlink_to(common.ROOT / ".asv" / "env" / "releases")
        common.checkout(folder, env_dir=folder / "env", benchmarks=common.ROOT / "benchmarks")
        return Clone(folder)

    def start(self, release: str, beside: bool) -> subprocess.Popen[str]:
        env = common.surroundings(self.folder) | ({"VGGBENCH_BESIDE": "1"} if beside else {})
        return subprocess.Popen(
            [str(common.ASV), "run", release, "--bench", BENCH],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def verdict(self, release: str) -> dict[str, Any]:
        """The verdict on the step's time; empty where there is nothing to judge."""
        return next(iter(common.step_verdicts(self.folder, release)), {})

    def taken(self, release: str) -> list[records.Record]:
        """The records of the release, under whichever name asv gave to this machine."""
        results = self.folder / "results"
        return [
            record
            for machine in records.machines(results)
            for record in records.Store(results).all(machine)
            if record.release == release
        ]


def a_round(clones: tuple[Clone, Clone], release: str, beside: bool) -> tuple[int, int]:
    """Measure in both clones at once.

    Returns (how many clones call the release regressed, how many things are wrong).
    """
    running = [clone.start(release, beside) for clone in clones]
    outputs = [process.communicate()[0] for process in running]
    refused = [
        process.returncode != 0 and REFUSED in output
        for process, output in zip(running, outputs, strict=True)
    ]
    regressed, wrong = 0, 0
    if sum(refused) != (0 if beside else 1):
        wrong += 1
        print(f"  {sum(refused)} of the two were refused")
    for clone, was_refused in zip(clones, refused, strict=True):
        verdict = clone.verdict(release)
        regressed += verdict.get("outcome") == "regressed"
        taken = clone.taken(release)
        # Where both clones go on, each process has to say what it was measured beside.
        wrong += beside and not (taken and all(record.beside is not None for record in taken))
        notes = " ".join(filter(None, (verdict.get("why"), *verdict.get("notes", ()))))
        message = f"{verdict.get('outcome', 'not judged')}; {notes or 'no note'}"
        print(f"  {clone.folder.name}: {'refused' if was_refused else message}", flush=True)
    return regressed, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--releases", nargs=2, default=RELEASES, metavar="RELEASE")
    options = parser.parse_args()
    before, after = options.releases
    for release in (before, after):
        common.install(release)
    regressed, wrong = 0, 0
    with tempfile.TemporaryDirectory() as name:
        clones = tuple(Clone.make(Path(name) / word) for word in ("one", "other"))
        alone = clones[0].start(before, beside=False)
        output, _ = alone.communicate()
        if alone.returncode != 0:
            raise SystemExit(output)
        measured = clones[0].folder / "results"
        saved = Path(name) / "results"
        shutil.copytree(measured, saved)
        for number in range(1, options.rounds + 1):
            for clone in clones:
                shutil.rmtree(clone.folder / "results", ignore_errors=True)
                shutil.copytree(saved, clone.folder / "results")
            beside = number % 2 == 0
            print(f"round {number}{', beside each other' if beside else ''}:", flush=True)
            counts = a_round((clones[0], clones[1]), after, beside)
            regressed += counts[0]
            wrong += counts[1]
    good = not regressed and not wrong
    return common.report(
        f"two clones at once, {options.rounds} rounds",
        "none regressed, each refused or said in its records",
        f"{regressed} regressed, {wrong} neither refused nor said, or wrongly refused",
        good,
    )


if __name__ == "__main__":
    sys.exit(main())
