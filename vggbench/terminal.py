"""What the user's terminal can do, and what is typed in it."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path


def typed(program: Path) -> str:
    """The path of a program as a shell takes it in the current folder: relative where it is below
    that."""
    with contextlib.suppress(ValueError):
        program = program.relative_to(Path.cwd())
    return shlex.quote(str(program))


def is_dumb() -> bool:
    """Whether TERM says that the terminal can do nothing but print. rich takes such a terminal for
    80 characters wide, whatever width it is given, and cuts names to that."""
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")
