"""A checkout for tests with real releases: shipped benchmarks and releases, results of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.version import Version

from vggbench.campaigns import verify
from vggbench.inside.builders import Configuration
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import Environments

ROOT = Path(__file__).resolve().parent.parent
FIXED = ("tensorflow-1.0.0", "tensorflow-1.15.5", "tensorflow-2.21.0")
ASV = Path(sys.executable).parent / "asv"

#: Where all tests of real releases have their environments, kept for the next run.
ENVIRONMENTS = ROOT / ".asv" / "test-env" / "releases"


@functools.cache
def by_commit() -> int:
    """A number that changes with the commit, to take turns by."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return int(done.stdout.strip() or "0", 16)


@functools.cache
def rotating(track: str = "tensorflow", first: str = "0", last: str = "999") -> str:
    """One more release, chosen by the commit among those whose interpreter is on this machine.

    first, last: the versions between which it is chosen, both included.
    """
    choice = [
        r.name
        for r in Catalogue(ROOT / "releases")
        if r.track == track and r.name not in FIXED and interpreters.find(r.python)
        if Version(first) <= Version(r.version) <= Version(last)
    ]
    return choice[by_commit() % len(choice)]


def find(name: str) -> Release:
    """A shipped release; without its interpreter on this machine the test is skipped."""
    release = Catalogue(ROOT / "releases").by_name[name]
    if interpreters.find(release.python) is None:
        pytest.skip(f"{name} needs CPython {release.python}, which is not on this machine")
    return release


def python_of(name: str) -> Path:
    """The interpreter of a shipped release, which is installed if need be."""
    environments = Environments(ENVIRONMENTS, Catalogue(ROOT / "releases"))
    return Path(environments.ensure(find(name), "cpu", print))


def verified(
    name: str, configuration: Configuration, script: Path = verify.SCRIPT, device: str = "cpu"
) -> verify.Verified:
    """What `vggbench verify` says of one configuration, in the release's own environment."""
    return verify.verify_one(python_of(name), configuration, device, script)


def mutated(folder: Path, mutation: str) -> Path:
    """A script for verified(): what first_steps.py runs, once mutate() of ``mutation`` has."""
    script = folder / "mutated.py"
    run = "from vggbench.inside.scripts import first_steps\nmutate()\n"
    run += "first_steps.main(sys.argv[1:])\n"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n" + mutation + run)
    return script


@dataclass
class RealCheckout:
    folder: Path

    @staticmethod
    def make(folder: Path) -> RealCheckout:
        from asv.config import Config

        (folder / "home").mkdir(parents=True)
        # The environments alone are shared: one asv at a time measures in an env_dir.
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        (folder / "env").mkdir()
        (folder / "env" / "releases").symlink_to(ENVIRONMENTS)
        config = dict(Config.load(str(ROOT / "asv.conf.json")).__dict__)
        config.update(
            version=1,
            repo=str(ROOT / "releases"),
            benchmark_dir=str(ROOT / "benchmarks"),
            env_dir=str(folder / "env"),
            results_dir="results",
            html_dir="html",
        )
        (folder / "asv.conf.json").write_text(json.dumps(config))
        made = RealCheckout(folder)
        made.asv("machine", "--yes", "--machine", "testbox")
        return made

    def asv(self, *arguments: str, timeout: float = 600, **variables: str) -> str:
        """Run asv, which must succeed; returns what it printed."""
        env = {
            **os.environ,
            # The user's own machine file and results must not be touched.
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
            "HOME": str(self.folder / "home"),
            "VGGBENCH_PROFILE": "cpu-quick",
            **variables,
        }
        if arguments[0] in ("run", "compare", "show"):
            arguments = (arguments[0], "--machine", "testbox", *arguments[1:])
        done = subprocess.run(
            [ASV, *arguments],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        assert "Traceback" not in done.stdout, done.stdout[-6000:]
        return done.stdout
