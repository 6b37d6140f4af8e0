"""Call uv, and turn what it says of a failure into one line with a next step."""

from __future__ import annotations

import os
import re
import subprocess

from uv import find_uv_bin

from ..errors import VggbenchError, one_line
from ..inside.launch import die_with_parent

#: uv's own words for faults that a user can mend, and how; anything else is passed on as it is.
_HINTS = (
    (r"hash mismatch", "the index serves another file than the lock names: do not install it"),
    (r"No space left on device", "make room: vggbench releases prune --to 10G"),
    (
        r"error sending request|dns error|Network connectivity|Could not connect|timed out"
        r"|Connection refused|tcp connect error|not found in the cache|network was disabled",
        "check the network and run it again",
    ),
)

#: Environment variables that would make uv act on another project or environment than asked.
_UNWANTED = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT")

#: uv's words for a version that is not made for the interpreter or the platform: no network and no
#: room changes that.
_UNFIT = re.compile(r"\S+ has no wheels with a matching [^()]*(\(.*?\))?")


class UvError(VggbenchError):
    """uv could not do what was asked; the text is what it said, shortened, and what to do."""


class Unfit(UvError):
    """A version that was asked for is not made for the interpreter or the platform."""


def uv(*args: str, timeout_s: float | None = None) -> str:
    """Run uv with ``args``; returns its standard output.

    Raises UvError with uv's reason, Unfit where no file of a version will do, or UvError when it
    takes longer than ``timeout_s``.
    """
    env = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
    try:
        done = subprocess.run(
            [find_uv_bin(), "--no-progress", "--color", "never", *args],
            capture_output=True,
            text=True,
            env=env,
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
        said = done.stderr or done.stdout
        unfit = _UNFIT.search(" ".join(said.split()))
        raise Unfit(unfit[0]) if unfit else UvError(_reason(said, done.returncode))
    return done.stdout


def _reason(said: str, status: int) -> str:
    # uv draws its causes as a tree; what it says begins with a letter, a quote or a bracket.
    lines = [re.sub(r"^[^\w\[`'(]+", "", line).strip() for line in said.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("warning:", "Using "))]
    reason = one_line("; ".join(lines)) or f"uv ended with status {status}"
    for pattern, hint in _HINTS:
        if re.search(pattern, said, re.IGNORECASE):
            return f"{reason} -> {hint}"
    return reason
