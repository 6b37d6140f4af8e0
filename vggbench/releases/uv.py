"""Call uv, and turn what it says of a failure into one line with a next step.

What uv says is matched here and nowhere else: whoever calls it asks for the kind of error.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import tomli_w
from uv import find_uv_bin

from ..errors import VggbenchError, one_line
from ..inside.launch import die_with_parent
from . import uv_settings


class UvError(VggbenchError):
    """uv could not do what was asked; the text is what it said, shortened, and what to do."""


class NotCached(UvError):
    """The network was not to be used, and uv's cache does not have what was asked for."""


class NoneFits(UvError):
    """The index has no version that fits what was asked for, or not even the package."""


class Unfit(NoneFits):
    """A version that was asked for is not made for the interpreter or the platform: no network and
    no room changes that."""


#: What uv says of a fault (a pattern), its kind, and what a user can do. Of several, the first
#: counts. Anything else is passed on as it is. A fault of the kind Unfit is told by what uv says
#: alone.
_FAULTS: tuple[tuple[str, type[UvError], str], ...] = (
    (
        r"hash mismatch",
        UvError,
        "the index serves another file than the lock names: do not install it",
    ),
    (r"No space left on device", UvError, "make room: vggbench releases prune --to 10G"),
    (
        r"not found in the cache|network was disabled",
        NotCached,
        "uv's cache has not got it and the network is not to be used (UV_OFFLINE, or offline in "
        "uv.toml): run it again with a network",
    ),
    (
        r"error sending request|dns error|Network connectivity|Could not connect|timed out"
        r"|Connection refused|tcp connect error",
        UvError,
        "check the network and run it again",
    ),
    (r"\S+ has no wheels with a matching [^()]*(\(.*?\))?", Unfit, ""),
    (r"No solution found", NoneFits, ""),
)


def uv(*args: str, timeout_s: float | None = None) -> str:
    """Run uv with ``args``; returns its standard output.

    Of the user's settings it gets those that ``uv_settings`` has. Raises UvError with uv's reason,
    of the kind that fits, or UvError when it takes longer than ``timeout_s``; and SettingsError.
    """
    told = uv_settings.settings(os.environ)
    with tempfile.TemporaryDirectory(prefix="vggbench-uv-") as folder:
        source = ["--no-config"]
        if told:
            file = Path(folder) / "uv.toml"
            # It may hold credentials; the folder is the user's alone.
            file.write_text(tomli_w.dumps(told), encoding="utf-8")
            source = [f"--config-file={file}"]
        try:
            done = subprocess.run(
                [find_uv_bin(), "--no-progress", "--color", "never", *source, *args],
                capture_output=True,
                text=True,
                errors="replace",
                env=uv_settings.variables(os.environ),
                timeout=timeout_s,
                stdin=subprocess.DEVNULL,
                # An orphan would go on writing to a folder that the next run builds in.
                preexec_fn=die_with_parent,
            )
        except subprocess.TimeoutExpired:
            raise UvError(f"took longer than {timeout_s:.0f} s and was stopped") from None
        except FileNotFoundError as err:
            raise UvError(f"uv is missing ({err}); set the checkout up again: make setup") from None
    if done.returncode != 0:
        raise _error(done.stderr or done.stdout, done.returncode)
    return done.stdout


def _error(said: str, status: int) -> UvError:
    reason = _reason(said) or f"uv ended with status {status}"
    folded = " ".join(said.split())
    for pattern, kind, hint in _FAULTS:
        found = re.search(pattern, folded, re.IGNORECASE)
        if found is not None:
            return kind(f"{reason} -> {hint}" if hint else found[0] if kind is Unfit else reason)
    return UvError(reason)


def _reason(said: str) -> str:
    # uv draws its causes as a tree; what it says begins with a letter, a quote or a bracket.
    lines = [re.sub(r"^[^\w\[`'(]+", "", line).strip() for line in said.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("warning:", "Using "))]
    return one_line("; ".join(lines))
