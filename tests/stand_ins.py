"""A checkout whose tracks, releases and configurations are called as the real ones, but whose
frameworks are packages that the tests make and whose steps do no work (stand_in_benchmarks)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from asv import util

from vggbench import web
from vggbench.releases.catalogue import Catalogue, Lock, Release
from vggbench.releases.locks import sha256

from .tiny import PATIENCE_S, ROOT, TESTS, Ended, Tiny, pythons, write_wheel

#: The releases that the pages name, with the CPython (0: the oldest, 1: the newest), the
#: milliseconds of a step, and what is locked besides.
RELEASES: dict[str, tuple[int, int, dict[str, str]]] = {
    "tensorflow-1.0.0": (1, 20, {}),
    "tensorflow-1.12.3": (0, 20, {"numpy": "1.15.4"}),
    "tensorflow-1.13.2": (1, 60, {"numpy": "1.16.4"}),
    "tensorflow-1.15.5": (1, 60, {}),
    "tensorflow-2.4.4": (1, 60, {}),
    "tensorflow-2.5.3": (1, 60, {}),
    "tensorflow-2.8.4": (1, 60, {}),
    "tensorflow-2.9.3": (1, 20, {}),
    "tensorflow-2.10.1": (1, 20, {}),
    "tensorflow-2.12.1": (1, 20, {}),
    "tensorflow-2.13.1": (1, 20, {}),
    "tensorflow-2.15.1": (1, 20, {}),
    "tensorflow-2.16.2": (1, 20, {}),
    "tensorflow-2.21.0": (1, 20, {}),
    "keras-2.15.0": (0, 60, {"tensorflow": "2.15.1"}),
    "keras-3.0.5": (1, 20, {"tensorflow": "2.16.2"}),
    "keras-3.15.1": (1, 20, {"tensorflow": "2.21.0"}),
    "theano-1.0.5": (1, 20, {}),
    "abacus-1.0": (1, 10, {}),
    "abacus-2.0": (1, 40, {}),
}
FRAMEWORKS = {
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "theano": "Theano",
    "abacus": "Abacus",
}


def set_up(checkout: Path) -> None:
    """What make finds set up: this very environment, as if it were the checkout's own."""
    folder = checkout / ".venv"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part in Path(sys.prefix).iterdir():
        if part.name != "made":
            (folder / part.name).symlink_to(part)
    (folder / "made").write_text(f"{checkout}\n")


class StandIns(Tiny):
    """The checkout of stand-ins. The wheels of all of its packages are in ``wheels``."""

    @classmethod
    def make(cls, folder: Path) -> StandIns:
        folder.mkdir()
        made = cls(folder)
        shutil.copytree(
            TESTS / "stand_in_benchmarks",
            folder / "benchmarks",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        conf = util.load_json(str(ROOT / "asv.conf.json"), js_comments=True)
        conf["branches"] = list(FRAMEWORKS)
        (folder / "asv.conf.json").write_text(json.dumps(conf, indent=2))
        for name in ("Makefile", "README.md", "pyproject.toml", "setup.py"):
            shutil.copy(ROOT / name, folder)
        (folder / "docs").mkdir()
        (folder / "history.toml").write_text(
            'anchors = ["theano-1.0.5"]\nanchor_processes = 2\n'
            '[[stage]]\nname = "plain"\nreleases = "tensorflow-2.15.1 tensorflow-2.16.2"\n'
            "bench = ['off']\n"
        )
        for track, framework in FRAMEWORKS.items():
            content = {
                "track": track,
                "framework": framework,
                "module": track,
                "requirements": {"cpu": [[">=0", track + "=={version}"]]},
            }
            (made.releases / track).mkdir(parents=True)
            (made.releases / track / "track.json").write_text(json.dumps(content))
        for name in RELEASES:
            made._write(name)
        made._make_home()
        set_up(made.folder)
        return made

    @property
    def wheels(self) -> Path:
        return self.folder / "wheels"

    def _write(self, name: str) -> None:
        track, version = name.rsplit("-", 1)
        which, ms, besides = RELEASES[name]
        pins = sorted({track: version, **besides}.items())
        text = ""
        for package, pinned in pins:
            wheel = self.wheel(package, pinned, ms)
            text += f"{package}=={pinned} \\\n    --hash=sha256:{sha256(wheel)}\n"
        date = shipped_dates().get(name, "2026-02-03")
        release = Release(track, version, date, pythons()[which], locks={})
        catalogue = Catalogue(self.releases)
        file = self.releases / track / f"{version}-cpu.txt"
        file.write_text(text)
        digest = catalogue.digest_of(release, file)
        lock = Lock("cpu", file.name, f"{track}=={version}", date, digest)
        catalogue.write(replace(release, locks={"cpu": lock}))

    def wheel(self, package: str, version: str, ms: int = 20) -> Path:
        path = self.wheels / f"{package}-{version}-py3-none-any.whl"
        if not path.exists():
            module = f"__version__ = {version!r}\nSECONDS_A_STEP = {ms / 1000}\n"
            write_wheel(self.wheels, package, version, module)
        return path

    def copy(self, folder: Path) -> StandIns:
        shutil.copytree(self.folder, folder, symlinks=True)
        made = StandIns(folder)
        made._make_home()
        set_up(made.folder)
        return made

    def environ(self, faults: str = "", **more: str) -> dict[str, str]:
        found = {
            "UV_FIND_LINKS": str(self.wheels),
            "VGGBENCH_WEB": str(web.packages()),
            **more,
        }
        return super().environ(faults, **found)

    def make_target(self, *arguments: str) -> Ended:
        done = subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env=self.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
        )
        return Ended(done.returncode, done.stdout)


def shipped_dates() -> dict[str, str]:
    return {release.name: release.date for release in Catalogue(ROOT / "releases")}


def days_of(index: Path) -> dict[str, str]:
    """When each version in a folder of wheels was uploaded: a shipped release on its day, all else
    earlier."""
    dates = shipped_dates()
    names = ["-".join(path.name.split("-")[:2]) for path in index.iterdir()]
    return {name: dates.get(name, "2018-01-01") for name in names}
