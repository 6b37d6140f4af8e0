"""A tiny checkout in which the real asv runs with the real plugin, on packages that the tests make.

Its tracks are ``tinyframe`` (see STEPS) and ``otherframe``, its benchmarks are
tests/tiny_benchmarks, its asv.conf.json is the real one but for the branches. Nothing needs a
network. Numbers are the same in every run: the benchmarks bring a clock of their own.

    def test_a_crash_is_failed(tiny):
        done = tiny.asv("run", "tinyframe-1.1", faults="1.1/fused:segv")
        assert done.status == 2
        assert tiny.outcomes("tinyframe-1.1")["fused"] == ["failed", "failed"]
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from asv import results, util

from vggbench import machine_lock, records
from vggbench.checkout import Checkout
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue, Lock, Release
from vggbench.releases.environments import Environments
from vggbench.releases.locks import sha256
from vggbench.runs import coverage

TESTS = Path(__file__).parent
ROOT = TESTS.parent

#: Where what is measured is on a machine without load: tests that run side by side make one.
QUIET_MACHINE = TESTS / "quiet_machine"

MACHINE = "testbox"
BENCHMARK = "train_step.Tiny.time_train_step"
MODES = ("plain", "fused", "impossible")
ROUNDS = 2
REPEAT = 5

#: Seconds that a step of each release of tinyframe takes: from 1.2 on it is three times as slow.
STEPS = {"1.0": 0.010, "1.1": 0.010, "1.2": 0.030, "1.10": 0.030, "2.0": 0.030}

#: A benchmark of a framework with the backends of Keras; on any of them it steps in tinyframe.
BACKENDS = """
from . import train_step


class Keras(train_step.Tiny):
    params = (("tensorflow", "theano"),)
    param_names = ("backend",)
"""

#: What is started, by the name of the command.
PROGRAMS = {
    "asv": [str(Path(sys.executable).parent / "asv")],
    "vggbench": [sys.executable, str(TESTS / "undisturbed.py")],
}

#: Longer than any asv of these tests takes, even on a busy machine.
PATIENCE_S = 300


def pythons() -> tuple[str, str]:
    """The oldest and the newest minor version of CPython on this machine that vggbench can use."""
    found = [v for v in (f"3.{minor}" for minor in range(6, 15)) if interpreters.find(v)]
    return found[0], found[-1]


def python_of(version: str) -> str:
    """The CPython of a release of tinyframe: they take turns, so that neighbours differ."""
    oldest, newest = pythons()
    return oldest if version in ("1.0", "1.2") else newest


def until(true: Callable[[], object]) -> None:
    """Wait for it; fails the test where it does not come true within PATIENCE_S."""
    for _ in range(PATIENCE_S * 20):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("waited in vain")


def gone(process: psutil.Process | int) -> bool:
    """Whether a process, or that with this id, has ended, though perhaps nobody has heard of it."""
    try:
        if isinstance(process, int):
            process = psutil.Process(process)
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # as where it goes between two questions
        return True


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    module: str,
    besides: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
    *,
    extras: Sequence[str] = (),
) -> Path:
    """A wheel of the package ``name``, whose one module has the text ``module``; ``besides``: the
    text of other files, by their paths. ``tag``: the interpreters and platforms it is for.
    ``requires``: the requirements that it is installed with. ``extras``: the names of extras, in
    whose markers ``requires`` may have further ones."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": module,
        **(besides or {}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Provides-Extra: {extra}\n" for extra in extras)
        + "".join(f"Requires-Dist: {requirement}\n" for requirement in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        f"Tag: {tag}\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text.encode())}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``output`` is standard output and error in one."""

    status: int
    output: str

    def __contains__(self, text: str) -> bool:
        return text in self.output

    def lines_with(self, text: str) -> list[str]:
        return [line.strip() for line in self.output.splitlines() if text in line]


class Tiny:
    """One checkout, in ``folder``; ``home`` is the user's."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.home = folder.parent / f"{folder.name}-home"
        self.releases = folder / "releases"
        self.results = folder / "results"
        self.environments = folder / ".asv" / "env" / "releases"
        self.machine_results = self.results / MACHINE

    # -- making one

    @classmethod
    def make(cls, folder: Path) -> Tiny:
        """A whole checkout without environments and results."""
        tiny = cls(folder)
        folder.mkdir()
        shutil.copytree(
            TESTS / "tiny_benchmarks",
            folder / "benchmarks",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        conf = util.load_json(str(ROOT / "asv.conf.json"), js_comments=True)
        conf["branches"] = ["tinyframe", "otherframe"]
        (folder / "asv.conf.json").write_text(json.dumps(conf, indent=2))
        for track in conf["branches"]:
            tiny._write_track(track)
        for version in STEPS:
            tiny.add_release(version)
        tiny.add_release("7.0", track="otherframe")
        tiny._make_home()
        return tiny

    def copy(self, folder: Path) -> Tiny:
        """A copy, environments and results included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        tiny = Tiny(folder)
        tiny._make_home()
        return tiny

    def _make_home(self) -> None:
        (self.home / "counts").mkdir(parents=True)
        facts = {"os": "Linux", "arch": "x86_64", "cpu": "tiny", "num_cpu": "2", "ram": "8"}
        machines = {MACHINE: {"machine": MACHINE, **facts}, "version": 1}
        (self.home / ".asv-machine.json").write_text(json.dumps(machines))

    def _write_track(self, name: str) -> None:
        content = {
            "track": name,
            "framework": name.capitalize(),
            "module": name,
            "requirements": {"cpu": [[">=0", name + "=={version}"]]},
        }
        (self.releases / name).mkdir(parents=True)
        (self.releases / name / "track.json").write_text(json.dumps(content, indent=2))

    def add_release(
        self,
        version: str,
        track: str = "tinyframe",
        python: str | None = None,
        seconds: float | None = None,
        names: tuple[str, ...] = ("cpu",),
    ) -> Release:
        """Put a release on a track: its wheel, its locks with these ``names`` and its file."""
        step = STEPS.get(version, 0.030) if seconds is None else seconds
        module = f"__version__ = {version!r}\nSECONDS_A_STEP = {step}\n"
        wheel = write_wheel(self.folder / "wheels", track, version, module)
        release = Release(track, version, _date_of(version), python or python_of(version), locks={})
        folder = Catalogue(self.releases)
        locks = {}
        for name in names:
            locks[name] = self._lock(folder, release, name, wheel)
        release = replace(release, locks=locks)
        folder.write(release)
        return release

    def add_backends(self, steps: Mapping[str, float]) -> Release:
        """Put keras-1.0 on a track of its own, with a benchmark of two backends (BACKENDS).

        ``steps`` has its locks by their names: the seconds of a step in the environment of each,
        whose wheel is ``wheels/LOCK/tinyframe-1.0-py3-none-any.whl``.
        """
        (self.folder / "benchmarks" / "backends.py").write_text(BACKENDS)
        content = {
            "track": "keras",
            "framework": "Keras",
            "module": "tinyframe",
            "requirements": {name: [[">=0", "tinyframe=={version}"]] for name in steps},
        }
        (self.releases / "keras").mkdir()
        (self.releases / "keras" / "track.json").write_text(json.dumps(content, indent=2))
        conf = json.loads((self.folder / "asv.conf.json").read_text())
        conf["branches"].append("keras")
        (self.folder / "asv.conf.json").write_text(json.dumps(conf, indent=2))
        release = Release("keras", "1.0", _date_of("1.0"), pythons()[1], locks={})
        folder = Catalogue(self.releases)
        locks = {}
        for name, seconds in steps.items():
            module = f"__version__ = '1.0'\nSECONDS_A_STEP = {seconds}\n"
            wheel = write_wheel(self.folder / "wheels" / name, "tinyframe", "1.0", module)
            locks[name] = self._lock(folder, release, name, wheel)
        release = replace(release, locks=locks)
        folder.write(release)
        return release

    def _lock(self, catalogue: Catalogue, release: Release, name: str, wheel: Path) -> Lock:
        """The lock ``name`` of a release, which installs ``wheel``; its file is written."""
        requirement = f"{wheel.name.partition('-')[0]} @ {wheel.as_uri()}"
        file = self.releases / release.track / f"{release.version}-{name}.txt"
        file.write_text(f"{requirement} --hash=sha256:{sha256(wheel)}\n")
        digest = catalogue.digest_of(release, file)
        return Lock(name, file.name, requirement, release.date, digest)

    def relock(self, name: str, text: str) -> Release:
        """Let ``text`` be the CPU's lock of the release ``name``."""
        release = self.release(name)
        catalogue = Catalogue(self.releases)
        path = catalogue.lock_path(release, "cpu")
        path.write_text(text)
        lock = replace(release.locks["cpu"], digest=catalogue.digest_of(release, path))
        release = replace(release, locks={**release.locks, "cpu": lock})
        catalogue.write(release)
        return release

    def install(self, *names: str) -> None:
        """Make the environments of the releases ``names``, of all releases where none is given."""
        catalogue = Catalogue(self.releases)
        environments = Environments(self.environments, catalogue)
        for release in catalogue:
            if not names or release.name in names:
                environments.ensure(release, "cpu")

    # -- using it

    @property
    def checkout(self) -> Checkout:
        """It as vggbench reads it, in this process."""
        return Checkout(str(self.folder / "asv.conf.json"))

    def environ(self, faults: str = "", **more: str) -> dict[str, str]:
        """The environment variables of a command: a private home, no network, no GPU."""
        found = [interpreters.find(version) for version in pythons()]
        path = [Path(sys.executable).parent, *(python.parent for python in found if python)]
        return {
            "PATH": os.pathsep.join([*map(str, path), os.environ["PATH"]]),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "UV_OFFLINE": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": str(QUIET_MACHINE),
            machine_lock.VARIABLE: os.environ[machine_lock.VARIABLE],
            "TINY_FAULTS": faults,
            "TINY_COUNTS": str(self.home / "counts"),
            **more,
        }

    def asv(
        self,
        *args: str,
        faults: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> Ended:
        """Run asv to its end. Whatever it was asked, it must not end in a traceback.

        Only tracebacks of asv itself count: those of benchmark processes are asv's to show.
        """
        done = self._run("asv", args, faults, env or {}, stdin)
        assert "asv/main.py" not in done.output, f"a traceback of asv:\n{done.output}"
        return done

    def vggbench(self, *args: str, faults: str = "", env: Mapping[str, str] | None = None) -> Ended:
        """Run the vggbench command to its end, which must not be in a traceback."""
        done = self._run("vggbench", args, faults, env or {}, "")
        assert "Traceback" not in done.output, done.output
        return done

    def _run(
        self, program: str, args: tuple[str, ...], faults: str, env: Mapping[str, str], stdin: str
    ) -> Ended:
        done = subprocess.run(
            [*PROGRAMS[program], *args],
            cwd=self.folder,
            env=self.environ(faults, **env),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_S,
        )
        return Ended(done.returncode, done.stdout)

    def popen(
        self, *args: str, faults: str = "", program: str = "asv", **env: str
    ) -> subprocess.Popen[str]:
        """Start asv, in a process group of its own, for what is to be interrupted or watched."""
        return subprocess.Popen(
            [*PROGRAMS[program], *args],
            cwd=self.folder,
            env=self.environ(faults, **env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A job in the background ignores SIGINT, and hands that on to all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    # -- looking at what came of it

    def release(self, name: str) -> Release:
        return Catalogue(self.releases).by_name[name]

    def result_path(self, name: str, profile: str = "cpu-quick", machine: str = MACHINE) -> Path:
        """Where asv's result of the release ``name`` lies, if there is one."""
        environment = coverage.environment_name(profile)
        return self.results / results.get_filename(machine, self.release(name).commit, environment)

    def result(self, name: str, profile: str = "cpu-quick") -> results.Results | None:
        """asv's result of the release ``name``, None where there is none."""
        path = self.result_path(name, profile)
        return results.Results.load(str(path), MACHINE) if path.exists() else None

    def values(self, name: str, profile: str = "cpu-quick") -> dict[str, float | None]:
        """asv's number of each mode, in seconds: NaN for n/a, None for failed."""
        result = self.result(name, profile)
        assert result is not None, f"asv has no result of {name}"
        values = result.get_result_value(BENCHMARK, result.get_result_params(BENCHMARK))
        return dict(zip(MODES, values, strict=True))

    def measured(self, profile: str = "cpu-quick") -> set[str]:
        """The names of the releases that asv has a result of."""
        return {
            release.name
            for release in Catalogue(self.releases)
            if self.result_path(release.name, profile).exists()
        }

    def records(self, name: str | None = None, machine: str = MACHINE) -> list[dict[str, Any]]:
        """The lines of the records, of the release ``name`` or of all, oldest first."""
        complaints: list[str] = []
        found = list(records.read(self.results, machine, complaints.append))
        assert not complaints
        return [record.as_json() for record in found if name in (None, record.release)]

    def outcomes(self, name: str) -> dict[str, list[str]]:
        """For each mode of the release ``name``, the outcomes of its processes in their order."""
        found: dict[str, list[str]] = {}
        for record in self.records(name):
            found.setdefault(record["configuration"]["mode"], []).append(record["outcome"])
        return found


def _date_of(version: str) -> str:
    """A date for each release. 1.10 is out of order: it came after 2.0."""
    versions = ["1.0", "1.1", "1.2", "2.0", "1.10"]
    return f"20{10 + versions.index(version) if version in versions else 20}-02-03"
