"""A track of copies of one release, for scripts that ask what verdicts make of them.

Each copy is installed from the shipped lock of the release, under a version of its own. To the
product, the copies are releases like any others. Everything lies in one folder, so that a script
that is ended goes on where it was.
"""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vggbench import records
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import require_lock

from . import common

#: Four configurations without XLA, which all train on a CPU.
FOUR = r"TensorFlow\.time_train_step\('(NHWC|NCHW)', '(none|fused)', 'off'\)"

#: How long a check may measure in duets what is not answered of a release.
BUDGET = "15m"


def add_copy(releases: Path, shipped: Release, place: int, more: Sequence[str] = ()) -> Release:
    """Add the copy number ``place`` of a ``shipped`` release to the folder ``releases``.

    The copy comes to the track of the release, a day after the copy before. ``more``: lines for its
    lock, of further packages. Returns the copy.
    """
    track = _add_track(releases, shipped.track)
    lock = require_lock(shipped, "cpu")
    version = f"{shipped.version}.post{place}"
    file = track / f"{version}-{lock.name}.txt"
    text = (common.ROOT / "releases" / shipped.track / lock.file).read_text()
    file.write_text(text + "".join(f"{line}\n" for line in more))
    date = datetime.date.fromisoformat(shipped.date) + datetime.timedelta(days=place)
    catalogue = Catalogue(releases)
    release = Release(shipped.track, version, date.isoformat(), shipped.python)
    digest = catalogue.digest_of(release, file)
    own = replace(lock, file=file.name, digest=digest, wheel=None)
    copy = replace(release, locks={lock.name: own})
    catalogue.write(copy)
    return copy


def _add_track(releases: Path, name: str) -> Path:
    """The folder of the track of that name, which is made without releases where it is missing."""
    track = releases / name
    if not track.is_dir():
        track.mkdir(parents=True)
        shutil.copy(common.ROOT / "releases" / name / "track.json", track)
    return track


@dataclass(frozen=True)
class Checked:
    """What `vggbench check` came to: its exit status, all it printed, and the seconds it took."""

    status: int
    output: str
    seconds: float


class CopiedTrack:
    """A checkout in ``folder`` whose only track has copies of a release of TensorFlow.

    of: the version of that release. env_dir: the folder of the environments.
    """

    def __init__(self, folder: Path, of: str, env_dir: Path):
        self.folder = folder
        self.of = of
        self.releases = folder / "releases"
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _add_track(self.releases, "tensorflow")
            common.checkout(
                folder,
                releases=self.releases,
                env_dir=env_dir,
                benchmarks=common.ROOT / "benchmarks",
            )
            (folder / "whole").touch()

    def add(self, place: int, more: Sequence[str] = ()) -> str:
        """Put the copy number ``place`` on the track, and return its name.

        ``more``: lines for its lock, of further packages.
        """
        shipped = Catalogue(common.ROOT / "releases").by_name[f"tensorflow-{self.of}"]
        return add_copy(self.releases, shipped, place, more).name

    def remove(self, name: str) -> None:
        """Take a copy off the track. What was measured of it stays."""
        for file in (self.releases / "tensorflow").glob(f"{name.removeprefix('tensorflow-')}[.-]*"):
            file.unlink()

    def run(self, patterns: str) -> None:
        """Measure what is new on the track, and judge nothing."""
        common.run([str(common.ASV), "run", "--bench", patterns, "NEW"], self.folder)

    def check(self, patterns: str, log: Path) -> Checked:
        """Run `vggbench check`, and write what it prints to ``log`` as it comes."""
        started = time.monotonic()
        with log.open("a") as file:
            done = subprocess.run(
                [str(common.VGGBENCH), "check", "--bench", patterns, "--budget", BUDGET],
                cwd=self.folder,
                env=common.surroundings(self.folder),
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        if done.returncode not in (0, 1, 2):
            raise SystemExit(f"vggbench check ended with {done.returncode}; see {log}")
        return Checked(done.returncode, log.read_text(), time.monotonic() - started)

    def verdicts(self, name: str) -> dict[str, str]:
        """The outcome of the step's time in each configuration of a release, by its words.

        name: the name of the release.
        """
        verdicts = common.step_verdicts(self.folder, name)
        return {verdict["words"]: verdict["outcome"] for verdict in verdicts}

    def processes(self) -> dict[str, int]:
        """How many timed processes ended well on this track, by purpose ("run" for asv's own)."""
        counts: dict[str, int] = {}
        for machine in self.folder.glob("results/*/records"):
            for record in records.read(self.folder / "results", machine.parent.name):
                if record.outcome == records.OK:
                    purpose = record.purpose or "run"
                    counts[purpose] = counts.get(purpose, 0) + 1
        return counts


class State:
    """What a script has measured so far: JSON objects, one a line of the file ``path``."""

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> list[dict]:
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]

    def add(self, entry: dict) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def forecast(done: Sequence[dict], left: int, guess_s: float) -> str:
    """A message about how long ``left`` more rounds will take.

    done: the rounds so far, by whose ``seconds`` it is computed. guess_s: the seconds of a round
    where there are none.
    """
    seconds = [round_["seconds"] for round_ in done]
    mean_s = sum(seconds) / len(seconds) if seconds else guess_s
    how = "by those before" if seconds else "guessed"
    return (
        f"{left} rounds of about {mean_s / 60:.0f} min each ({how}): {left * mean_s / 60:.0f} min"
    )
