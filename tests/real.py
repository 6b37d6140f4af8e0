"""A checkout for tests with real releases: shipped benchmarks and releases, results of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from packaging.version import Version

from vggbench.campaigns import verify
from vggbench.inside.params import Configuration
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import Environments, require_lock

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent

#: What all tests of a kind look at in every run.
FIXED = (
    *("tensorflow-1.0.0", "tensorflow-1.15.5", "tensorflow-2.21.0"),
    *("keras-1.2.2", "keras-3.15.1", "theano-1.0.5"),
    *("torch-2.15.0", "jax-0.4.13", "jax-0.12.0.1"),
)
ASV = Path(sys.executable).parent / "asv"

#: Where all tests of real releases have their environments, kept for the next run.
ENVIRONMENTS = ROOT / ".asv" / "test-env" / "releases"


@functools.cache
def by_commit() -> int:
    """A number that changes with each commit of the repository: turns are taken by it."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return int(done.stdout.strip() or "0", 16)


def in_turn(choice: Sequence[T]) -> T:
    """One of ``choice``, which changes with each commit of the repository."""
    return choice[by_commit() % len(choice)]


def rotating(track: str, first: str, last: str) -> str:
    """The release of ``track`` whose turn it is among those whose interpreter is on this machine.

    first, last: the versions between which it is chosen, both included.
    """
    between = [
        release
        for release in Catalogue(ROOT / "releases").tracks[track].releases
        if release.name not in FIXED and Version(first) <= Version(release.version) <= Version(last)
    ]
    here = [release for release in between if interpreters.find(release.python)]
    return in_turn([release.name for release in here or between])


TORCH_OR_KERAS = "PyTorch before the newest, or Keras on PyTorch"

#: Which release the tests of a kind take in this run, beside FIXED. pytest's header shows it.
TURNS = {
    "TensorFlow": rotating("tensorflow", "1.0", "2.20"),
    "TensorFlow that oneDNN kills": rotating("tensorflow", "2.5", "2.6.5"),
    "Keras 2 on TensorFlow and Theano": rotating("keras", "2.0", "2.3.1"),
    "Keras 2 without XLA": rotating("keras", "2.4", "2.7"),
    "Keras 2 with XLA": rotating("keras", "2.8", "2.15"),
    "Keras 3": rotating("keras", "3.0", "3.14.1"),
    "Theano": rotating("theano", "0.9", "1.0.4"),
    # An environment with PyTorch takes 3 to 5 GB: two a run, of which one is the newest PyTorch's.
    TORCH_OR_KERAS: in_turn((rotating("torch", "1.0", "2.14.9"), "keras-3.15.1")),
    "JAX": rotating("jax", "0.4.18", "0.11.9"),
}


def find(name: str) -> Release:
    """A shipped release; without its interpreter on this machine the test is skipped."""
    release = Catalogue(ROOT / "releases").by_name[name]
    if interpreters.find(release.python) is None:
        pytest.skip(f"{name} needs CPython {release.python}, which is not on this machine")
    return release


def python_of(name: str, backend: str | None = None) -> Path:
    """The interpreter of a shipped release for this backend of its framework. It is installed if
    need be."""
    environments = Environments(ENVIRONMENTS, Catalogue(ROOT / "releases"))
    release = find(name)
    return Path(environments.ensure(release, require_lock(release, "cpu", backend).name, print))


def verified(
    name: str, configuration: Configuration, script: Path = verify.SCRIPT, device: str = "cpu"
) -> verify.Verified:
    """What `vggbench verify` says of one configuration, in the release's own environment."""
    python = python_of(name, configuration.backend)
    return verify.verify_one(python, configuration, device, script)


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

    def environ(self, **variables: str) -> dict[str, str]:
        return {
            **os.environ,
            # The user's own machine file and results must not be touched.
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
            "HOME": str(self.folder / "home"),
            "VGGBENCH_PROFILE": "cpu-quick",
            **variables,
        }

    def asv(self, *arguments: str, timeout: float = 600, **variables: str) -> str:
        """Run asv, which must succeed; returns what it printed."""
        if arguments[0] in ("run", "compare", "show"):
            arguments = (arguments[0], "--machine", "testbox", *arguments[1:])
        done = subprocess.run(
            [ASV, *arguments],
            cwd=self.folder,
            env=self.environ(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        assert "Traceback" not in done.stdout, done.stdout[-6000:]
        return done.stdout
