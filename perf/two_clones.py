"""Two clones that measure on one machine at once: is the second refused, or what came of it said?

    python perf/two_clones.py [--rounds 10] [--releases tensorflow-2.15.1 tensorflow-2.16.2]

The first release is measured alone. In each round the second one is measured in two clones at once,
each with a results folder of its own: in odd rounds as anybody would, in even ones with
VGGBENCH_BESIDE=1. Then each clone is asked for its verdict. Nothing may be called regressed; the
second clone must be refused, or both must say what the numbers were measured beside. About a minute
and a half a round; both releases have to be installed here (vggbench releases install).
"""

from __future__ import annotations

import argparse
import json
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
    folder: Path

    @staticmethod
    def make(folder: Path) -> Clone:
        """A checkout whose environments alone are shared: asv's own state is each clone's."""
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
        """What is said of the step; empty where there is nothing to judge."""
        done = subprocess.run(
            [str(common.VGGBENCH), "verdict", release, "--format", "json"],
            cwd=self.folder,
            env=common.surroundings(self.folder),
            capture_output=True,
            text=True,
        )
        if not done.stdout.strip():
            return {}
        told = json.loads(done.stdout)["verdicts"]
        return next((verdict for verdict in told if verdict["measure"] == "step"), {})

    def taken(self, release: str) -> list[records.Record]:
        """What is on record of the release, on whichever name asv gave to this machine."""
        results = self.folder / "results"
        return [
            record
            for machine in records.machines(results)
            for record in records.Store(results).all(machine)
            if record.release == release
        ]


def a_round(clones: tuple[Clone, Clone], release: str, beside: bool) -> tuple[int, int]:
    """(how many clones call the release regressed, of how many something is wrong)."""
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
        told = clone.verdict(release)
        regressed += told.get("outcome") == "regressed"
        taken = clone.taken(release)
        # Where each is to go on, each process has to say beside whom.
        wrong += beside and not (taken and all(record.beside is not None for record in taken))
        notes = " ".join(filter(None, (told.get("why"), *told.get("notes", ()))))
        verdict = f"{told.get('outcome', 'not judged')}; {notes or 'no note'}"
        print(f"  {clone.folder.name}: {'refused' if was_refused else verdict}", flush=True)
    return regressed, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--releases", nargs=2, default=RELEASES, metavar="RELEASE")
    asked = parser.parse_args()
    before, after = asked.releases
    regressed, wrong = 0, 0
    with tempfile.TemporaryDirectory() as name:
        clones = tuple(Clone.make(Path(name) / word) for word in ("one", "other"))
        alone = clones[0].start(before, beside=False)
        output, _ = alone.communicate()
        if alone.returncode != 0:
            raise SystemExit(output)
        measured = clones[0].folder / "results"
        kept = Path(name) / "results"
        shutil.copytree(measured, kept)
        for number in range(1, asked.rounds + 1):
            for clone in clones:
                shutil.rmtree(clone.folder / "results", ignore_errors=True)
                shutil.copytree(kept, clone.folder / "results")
            beside = number % 2 == 0
            print(f"round {number}{', beside each other' if beside else ''}:", flush=True)
            found = a_round((clones[0], clones[1]), after, beside)
            regressed += found[0]
            wrong += found[1]
    good = not regressed and not wrong
    return common.report(
        f"two clones at once, {asked.rounds} rounds",
        "none regressed, each refused or said in its records",
        f"{regressed} regressed, {wrong} neither refused nor said, or wrongly refused",
        good,
    )


if __name__ == "__main__":
    sys.exit(main())
