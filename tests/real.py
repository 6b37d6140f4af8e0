"""A checkout for tests with real releases: shipped benchmarks and releases, results of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue

ROOT = Path(__file__).resolve().parent.parent
FIXED = ("tensorflow-1.0.0", "tensorflow-1.15.5", "tensorflow-2.21.0")
ASV = Path(sys.executable).parent / "asv"


@functools.cache
def rotating() -> str:
    """One more release, chosen by the commit's hash among those whose interpreter is here."""
    catalogue = Catalogue(ROOT / "releases")
    choice = [
        r.name
        for r in catalogue
        if r.track == "tensorflow" and r.name not in FIXED and interpreters.find(r.python)
    ]
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return choice[int(done.stdout.strip() or "0", 16) % len(choice)]


@dataclass
class RealCheckout:
    folder: Path

    @staticmethod
    def make(folder: Path) -> RealCheckout:
        from asv.config import Config

        (folder / "home").mkdir(parents=True)
        config = dict(Config.load(str(ROOT / "asv.conf.json")).__dict__)
        config.update(
            version=1,
            repo=str(ROOT / "releases"),
            benchmark_dir=str(ROOT / "benchmarks"),
            env_dir=str(ROOT / ".asv" / "test-env"),
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
