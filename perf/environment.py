"""The environment of a release: ours against asv's own way, virtualenv and pip.

    python perf/environment.py [RELEASE]    # default: tensorflow-2.21.0

Both have the same lock, the packages in their caches, and are byte-compiled. They are made turn by
turn in one run. asv's way is what asv/plugins/virtualenv.py does: `virtualenv`, then pip inside it.
(pip is seeded by virtualenv, and checks the hashes of the lock as uv does.) Ours is measured twice:
made for the first time, where every module is compiled, and made again after `vggbench releases
prune --to`, which keeps what was compiled.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from shared import common

from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import Environments, require_lock

RELEASE = "tensorflow-2.21.0"
FIGURE = 4.0
TURNS = 3


def main() -> int:
    catalogue = Catalogue(common.ROOT / "releases")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("release", nargs="?", default=RELEASE, metavar="RELEASE")
    asked = parser.parse_args().release
    if asked not in catalogue.by_name:
        parser.error(f"{asked} is on no track; vggbench releases list names the releases")
    release = catalogue.by_name[asked]
    name = require_lock(release, "cpu").name
    lock = catalogue.lock_path(release, name)
    base = interpreters.require(release.python, release.name)
    first: list[float] = []
    again: list[float] = []
    theirs: list[float] = []
    (common.ROOT / ".asv").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=common.ROOT / ".asv") as folder:
        for turn in range(TURNS + 1):  # Turn 0 fills the caches and is not counted.
            environments = Environments(Path(folder) / f"ours-{turn}", catalogue)
            first.append(_seconds(environments.ensure, release, name))
            list(environments.prune(keep_bytes=1))
            again.append(_seconds(environments.ensure, release, name))
            there = Path(folder) / f"theirs-{turn}"
            theirs.append(_seconds(_virtualenv_and_pip, there, base, lock))
            print(
                f"turn {turn}: ours {first[-1]:.1f} s, made again {again[-1]:.1f} s, "
                f"virtualenv + pip {theirs[-1]:.1f} s",
                flush=True,
            )
            shutil.rmtree(there)
            list(environments.prune())
    statuses = []
    for what, ours in (("made for the first time", first), ("made again", again)):
        ratio = statistics.median(theirs[1:]) / statistics.median(ours[1:])
        statuses.append(
            common.report(
                f"environment of {release.name}, byte-compiled, packages in the cache, {what}",
                f"at least {FIGURE:g} times as fast as virtualenv + pip",
                f"{ratio:.1f} times: {statistics.median(ours[1:]):.1f} s against "
                f"{statistics.median(theirs[1:]):.1f} s (medians of {TURNS})",
                ratio >= FIGURE,
            )
        )
    return max(statuses)


def _seconds(act: Callable[..., object], *args: object) -> float:
    started = time.perf_counter()
    act(*args)
    return time.perf_counter() - started


def _virtualenv_and_pip(folder: Path, base: Path, lock: Path) -> None:
    _check([sys.executable, "-m", "virtualenv", "-q", "-p", str(base), str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps"]
    _check([*pip, "--require-hashes", "-r", str(lock)])


def _check(command: list[str]) -> None:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
