"""Duets of real processes without a framework: the CPython at hand, on tests/duet_benchmarks.

    def test_two_subjects_step(place):
        one, other = duet.block(place.run(), (place.subject("1.0"), place.subject("1.1")), pairs=3)

``python -m tests.runs.duets FOLDER VARIABLES`` runs a block there, for what is to be killed;
``VARIABLES``: what the first subject's processes are given, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vggbench import records
from vggbench.records import Record
from vggbench.releases.catalogue import Release
from vggbench.runs import duet
from vggbench.runs.duet import Subject
from vggbench.runs.installation import Installation
from vggbench.runs.run import Run
from vggbench.runs.suite import Suite

from ..tiny import MACHINE

ROOT = Path(__file__).parent.parent.parent
SUITE = Suite(ROOT / "tests" / "duet_benchmarks")

#: Steps of each process.
PAIRS = 4


@dataclass(frozen=True)
class Place:
    """Where duets run: records, drafts and what processes tell lie in ``folder``."""

    folder: Path

    @property
    def drafts(self) -> Path:
        return self.folder / "open"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def run(self, **more: Any) -> Run:
        told = {"results_dir": self.folder / "results", "machine": MACHINE, "suite": SUITE}
        return Run(**{**told, "drafts": self.drafts, "purpose": records.DUET, **more})

    def subject(
        self,
        version: str,
        profile: str = "cpu-quick",
        interpreter: str = sys.executable,
        **variables: str,
    ) -> Subject:
        """A subject whose processes are given ``variables`` (tests/duet_benchmarks)."""
        installation = Installation(
            release=Release("tinyframe", version, "2020-02-03", "3.11", locks={}),
            profile=profile,
            interpreter=interpreter,
            lock=None,
            variables={"SUBJECT_LOG": str(self.log), **variables},
        )
        (configured,) = SUITE.configurations.values()
        return Subject(installation=installation, configured=configured)

    def records(self) -> list[Record]:
        """The records on the disk."""
        return list(records.read(self.folder / "results", MACHINE))

    def told(self) -> list[dict[str, Any]]:
        """What the processes have told so far, in the order in which they told it."""
        if not self.log.exists():
            return []
        return [
            json.loads(line)
            for line in self.log.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]

    def pids(self) -> list[int]:
        """The ids of all processes so far, in the order in which they were started."""
        return list(dict.fromkeys(line["pid"] for line in self.told()))


def main(folder: str, variables: Mapping[str, str]) -> None:
    place = Place(Path(folder))
    duet.block(place.run(), (place.subject("1.0", **variables), place.subject("1.1")), pairs=PAIRS)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
