"""A track of releases that are one and the same, for scripts that ask what verdicts make of it.

Each release of the track is installed from the shipped lock of one real release, under a version of
its own: to the product they are releases like any other. Everything lies in one folder, so that a
script that is ended goes on where it was.
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

from . import common

#: Four configurations without XLA, which all train on a CPU.
FOUR = r"TensorFlow\.time_train_step\('(NHWC|NCHW)', '(none|fused)', 'off'\)"

#: How long a confirmation may take, of all that is suspected in one release.
BUDGET = "15m"


def add_copy(releases: Path, shipped: Release, place: int, more: Sequence[str] = ()) -> Release:
    """Put the copy number ``place`` of a ``shipped`` release on its track in the folder
    ``releases``, a day after the copy before, and return it. ``more`` are lines for its lock:
    packages that it has besides."""
    track = _add_track(releases, shipped.track)
    lock = shipped.locks["cpu"]
    version = f"{shipped.version}.post{place}"
    file = track / f"{version}-cpu.txt"
    text = (common.ROOT / "releases" / shipped.track / lock.file).read_text()
    file.write_text(text + "".join(f"{line}\n" for line in more))
    date = datetime.date.fromisoformat(shipped.date) + datetime.timedelta(days=place)
    catalogue = Catalogue(releases)
    release = Release(shipped.track, version, date.isoformat(), shipped.python)
    digest = catalogue.digest_of(release, file)
    copy = replace(release, locks={"cpu": replace(lock, file=file.name, digest=digest, wheel=None)})
    catalogue.write(copy)
    return copy


def _add_track(releases: Path, name: str) -> Path:
    """The folder of a track, which has no release of its own yet."""
    track = releases / name
    if not track.is_dir():
        track.mkdir(parents=True)
        shutil.copy(common.ROOT / "releases" / name / "track.json", track)
    return track


@dataclass(frozen=True)
class Checked:
    """What `vggbench check` came to: its exit status and all it printed."""

    status: int
    output: str
    seconds: float


class CopiedTrack:
    """A checkout in ``folder`` whose one track has copies of the release ``of`` (a version)."""

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
        """Put the copy number ``place`` on the track, if it is not there; its name.

        ``more`` are lines for its lock: packages that it has besides.
        """
        shipped = Catalogue(common.ROOT / "releases").by_name[f"tensorflow-{self.of}"]
        return add_copy(self.releases, shipped, place, more).name

    def remove(self, name: str) -> None:
        """Take a copy off the track; what was measured of it stays."""
        for file in (self.releases / "tensorflow").glob(f"{name.removeprefix('tensorflow-')}[.-]*"):
            file.unlink()

    def run(self, patterns: str) -> None:
        """Measure what is new on the track, and judge nothing."""
        common.run([str(common.ASV), "run", "--bench", patterns, "NEW"], self.folder)

    def check(self, patterns: str, log: Path) -> Checked:
        """Run `vggbench check`; what it prints goes to ``log`` as it comes."""
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
        """The outcome of the step's time in each configuration of a release, by its words."""
        done = subprocess.run(
            [str(common.VGGBENCH), "verdict", name, "--format", "json"],
            cwd=self.folder,
            env=common.surroundings(self.folder),
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout)["verdicts"]
        return {
            verdict["words"]: verdict["outcome"]
            for verdict in found
            if verdict["measure"] == "step"
        }

    def processes(self) -> dict[str, int]:
        """How many timed processes ended well on this line, by purpose ("run" for asv's own)."""
        found: dict[str, int] = {}
        for machine in self.folder.glob("results/*/records"):
            for record in records.read(self.folder / "results", machine.parent.name):
                if record.outcome == records.OK:
                    purpose = record.purpose or "run"
                    found[purpose] = found.get(purpose, 0) + 1
        return found


class Kept:
    """What a script has come to so far, a JSON object a line in ``path``."""

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
    """Words about how long ``left`` more rounds will take, by those that are ``done``."""
    seconds = [entry["seconds"] for entry in done]
    each = sum(seconds) / len(seconds) if seconds else guess_s
    how = "by those before" if seconds else "guessed"
    return f"{left} rounds of about {each / 60:.0f} min each ({how}): {left * each / 60:.0f} min"
