"""What the scripts in perf/ share: a throw-away asv checkout with a step that does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASV = Path(sys.executable).parent / "asv"
VGGBENCH = Path(sys.executable).parent / "vggbench"

NOTHING = """
import os
import time

from vggbench import measure


class Step:
    def __call__(self):
        if not os.path.exists(os.environ["VGGBENCH_FIRST_SAMPLE"]) and self.warm:
            with open(os.environ["VGGBENCH_FIRST_SAMPLE"], "w") as file:
                file.write(repr(time.time()))
        self.calls += 1

    calls = 0

    @property
    def warm(self):
        return self.calls >= measure.WARM_UP_STEPS

    def loss(self):
        return 0.0

    def describe(self):
        return {}


class Nothing:
    params = [["a", "b"]]
    param_names = ["configuration"]
    version = measure.PROTOCOL
    timeout = 60.0
    rounds = 1
    repeat = 3
    number = 1
    warmup_time = 0
    min_run_count = 1

    def setup(self, configuration):
        self.step = measure.prepared(Step, {"configuration": configuration})

    def time_nothing(self, configuration):
        self.step()
"""


def checkout(folder: Path, releases: Path = ROOT / "releases", env_dir: Path | None = None) -> Path:
    """Make ``folder`` a checkout whose only benchmark does nothing; returns it."""
    (folder / "benchmarks").mkdir(parents=True)
    (folder / "benchmarks" / "__init__.py").write_text("")
    (folder / "benchmarks" / "nothing.py").write_text(textwrap.dedent(NOTHING))
    (folder / "asv.conf.json").write_text(
        json.dumps(
            {
                "version": 1,
                "project": "perf",
                "plugins": [".vggbench.asv_plugin"],
                "repo": str(releases),
                "dvcs": "releases",
                "branches": ["tensorflow"],
                "environment_type": "release",
                "pythons": ["locked"],
                "matrix": {"env_nobuild": {"VGGBENCH_PROFILE": ["cpu-quick"]}},
                "env_dir": str(env_dir or ROOT / ".asv" / "env"),
                "results_dir": "results",
                "html_dir": "html",
            }
        )
    )
    home = folder / "home"
    home.mkdir()
    run([str(ASV), "machine", "--yes"], folder)
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """The environment variables of a process in such a checkout: a home of its own, the CPU, and
    the user's cache of packages."""
    cache = subprocess.run(
        [Path(sys.executable).parent / "uv", "cache", "dir"], capture_output=True, text=True
    ).stdout.strip()
    return {
        **os.environ,
        "HOME": str(folder / "home"),
        "PYENV_ROOT": os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")),
        "UV_CACHE_DIR": cache,
        "UV_PYTHON_INSTALL_DIR": os.environ.get(
            "UV_PYTHON_INSTALL_DIR", str(Path.home() / ".local" / "share" / "uv" / "python")
        ),
        "VGGBENCH_PROFILE": "cpu-quick",
        "VGGBENCH_FIRST_SAMPLE": str(folder / "first-sample"),
    }


def run(command: list[str], folder: Path) -> str:
    """Run ``command`` in the checkout; its output. Raises SystemExit with it when it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=surroundings(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def report(what: str, figure: str, reached: str, good: bool) -> int:
    """Print one figure beside what was reached; the exit status."""
    print(f"{what}\n  figure:  {figure}\n  reached: {reached}\n  {'met' if good else 'MISSED'}")
    return 0 if good else 1
