"""The environment of TensorFlow 2.21.0: ours against asv's own way, virtualenv and pip.

Same lock, packages in both caches, byte-compiled both times, turn by turn in one run. asv's way is
what asv/plugins/virtualenv.py does: `virtualenv`, then pip inside it. (pip is seeded by virtualenv,
and checks the hashes of the lock as uv does.)
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import Environments

RELEASE = "tensorflow-2.21.0"
FIGURE = 4.0
TURNS = 3


def main() -> int:
    catalogue = Catalogue(common.ROOT / "releases")
    release = catalogue.by_name[RELEASE]
    lock = catalogue.lock_path(release, "cpu")
    base = interpreters.require(release.python, RELEASE)
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(dir=common.ROOT / ".asv") as folder:
        for turn in range(TURNS + 1):  # the first fills the caches
            started = time.perf_counter()
            Environments(Path(folder) / f"ours-{turn}", catalogue).ensure(release, "cpu")
            ours.append(time.perf_counter() - started)

            there = Path(folder) / f"theirs-{turn}"
            started = time.perf_counter()
            _check([sys.executable, "-m", "virtualenv", "-q", "-p", str(base), str(there)])
            pip = [str(there / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps"]
            _check([*pip, "--require-hashes", "-r", str(lock)])
            theirs.append(time.perf_counter() - started)
            print(
                f"turn {turn}: ours {ours[-1]:.1f} s, virtualenv + pip {theirs[-1]:.1f} s",
                flush=True,
            )
    ratio = statistics.median(theirs[1:]) / statistics.median(ours[1:])
    return common.report(
        f"environment of {RELEASE}, byte-compiled, packages in the cache",
        f"at least {FIGURE:g} times as fast as virtualenv + pip",
        f"{ratio:.1f} times: {statistics.median(ours[1:]):.1f} s against "
        f"{statistics.median(theirs[1:]):.1f} s (medians of {TURNS})",
        ratio >= FIGURE,
    )


def _check(command: list[str]) -> None:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, check=True, env=env, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
