"""Calls uv, and turns its output after a failure into a message of one line with a next step.

Only this module matches the texts that uv prints. Callers tell failures apart by the class of the
error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import tomli_w
from uv import find_uv_bin

from .. import terminal
from ..errors import VggbenchError, one_line
from ..inside.launch import die_with_parent
from . import uv_settings

#: uv's option that keeps it from the network: it installs out of its cache alone.
OFFLINE = "--offline"


class UvError(VggbenchError):
    """uv failed. The message is what uv printed, shortened, and what to do next."""


class Hindered(UvError):
    """The network, the index or the disk kept uv from it, whatever was asked. What is asked next
    would fail alike, and this may go another time."""


class NotCached(UvError):
    """uv was not to use the network, and its cache does not have what is needed."""


class NoneFits(UvError):
    """The index has no version that fits the requirements, or does not have the package."""


class Unfit(NoneFits):
    """A required version is not made for the interpreter or the platform. A network or more room
    does not change that."""


class Absent(NoneFits):
    """The index was asked, and does not have ``package`` in the one version that is required, or
    not at all. What a lock pins was there once, so the index has it no more."""

    def __init__(self, message: str, package: str):
        super().__init__(message)
        self.package = package


#: A pattern of what uv prints about a failure, the class of the error, and what a user can do. The
#: first pattern that matches counts. Where none does, the message is what uv printed. The message
#: of Unfit is only the text that its pattern matches. The patterns of Absent have the package, and
#: do not count where uv was not to use the network: then its cache was asked, and not the index.
_FAULTS: tuple[tuple[str, type[UvError], str], ...] = (
    (
        r"hash mismatch",
        UvError,
        "the index serves another file than the lock names: do not install it",
    ),
    (
        r"No space left on device|Disk quota exceeded",
        Hindered,
        "make room: vggbench releases prune --to 10G",
    ),
    (
        r"(Read-only file system|Input/output error|Permission denied) \(os error",
        Hindered,
        "see to the disk, or to the folder's permissions, and run it again",
    ),
    (
        r"(not|n't) found in the cache|network was disabled|connectivity is disabled",
        NotCached,
        "uv's cache has not got it and the network is not to be used (UV_OFFLINE, or offline in "
        "uv.toml): run it again with a network",
    ),
    (
        r"error sending request|dns error|Network connectivity|Could not connect|timed out"
        r"|Connection refused|tcp connect error|network timeout|error decoding response body"
        r"|request or response body error",
        Hindered,
        "check the network and run it again",
    ),
    (
        r"HTTP status server error|\(429 Too Many Requests\)",
        Hindered,
        "the index is out of order: run it again later",
    ),
    (
        r"could not be queried due to a lack of valid authentication credentials",
        UvError,
        "give uv the credentials of the index",
    ),
    (r"\S+ has no wheels with a matching [^()]*(\(.*?\))?", Unfit, ""),
    (r"there (?:is no version|are no versions) of (?P<package>[\w.-]+)", Absent, ""),
    (
        r"(?P<package>[\w.-]+)\S* was not found in the (?:package registry"
        r"|provided package locations)",
        Absent,
        "",
    ),
    # The index has a page of it still, or uv's cache has that page, but the file is gone.
    (r"Failed to download `(?P<package>[\w.-]+)==.*\(404 Not Found\)", Absent, ""),
    (r"No solution found", NoneFits, ""),
)


def as_typed() -> str:
    """uv as a user types it in the current folder: by its name where PATH has one, else by the path
    of ours."""
    if shutil.which("uv") is not None:
        return "uv"
    try:
        return terminal.typed(Path(find_uv_bin()))
    except FileNotFoundError:  # which is said where uv is called
        return "uv"


def uv(*args: str, index: str | None = None, timeout_s: float | None = None) -> str:
    """Run uv with ``args``, and return its standard output.

    uv gets those of the user's settings that ``uv_settings`` lets through, and asks ``index``
    before the user's indexes. Raises UvError, or one of its subclasses, where uv fails; UvError
    where it takes longer than ``timeout_s`` seconds; and SettingsError.
    """
    settings = uv_settings.settings(os.environ)
    with tempfile.TemporaryDirectory(prefix="vggbench-uv-") as folder:
        source = ["--no-config"]
        if settings:
            file = Path(folder) / "uv.toml"
            # The file may hold credentials. Only the user can read the folder.
            file.write_text(tomli_w.dumps(settings), encoding="utf-8")
            source = [f"--config-file={file}"]
        try:
            done = subprocess.run(
                [find_uv_bin(), "--no-progress", "--color", "never", *source, *args],
                capture_output=True,
                text=True,
                errors="replace",
                env=uv_settings.variables(os.environ, index),
                timeout=timeout_s,
                stdin=subprocess.DEVNULL,
                # A uv that outlives this process would write to a folder of the next run.
                preexec_fn=die_with_parent,
            )
        except subprocess.TimeoutExpired:
            raise UvError(f"took longer than {timeout_s:.0f} s and was stopped") from None
        except FileNotFoundError as err:
            raise UvError(f"uv is missing ({err}); set the checkout up again: make setup") from None
    if done.returncode != 0:
        offline = OFFLINE in args or uv_settings.is_offline(os.environ, settings)
        raise _error(done.stderr or done.stdout, done.returncode, offline=offline)
    return done.stdout


def _error(output: str, status: int, *, offline: bool) -> UvError:
    """The error of a failure of uv, by what it printed. ``offline``: whether uv was not to use the
    network."""
    reason = _reason(output) or f"uv ended with status {status}"
    folded = " ".join(output.split())
    for pattern, kind, hint in _FAULTS:
        match = re.search(pattern, folded, re.IGNORECASE)
        if match is None or (kind is Absent and offline):
            continue
        if kind is Absent:
            return Absent(reason, match["package"])
        return kind(f"{reason} -> {hint}" if hint else match[0] if kind is Unfit else reason)
    return UvError(reason)


def _reason(output: str) -> str:
    """What uv printed, in one line."""
    # uv draws causes as a tree. The text of a line begins with a letter, a quote or a bracket.
    lines = [re.sub(r"^[^\w\[`'(]+", "", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("warning:", "Using "))]
    return one_line("; ".join(lines))
