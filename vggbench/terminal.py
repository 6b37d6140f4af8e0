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


def quoted(text: str) -> str:
    """A text as one word of a shell: as it is where it can be, and between double quotes where it
    has single ones, since that is read more easily than what shlex makes of it."""
    plain = shlex.quote(text)
    is_special = set(text) & set('"$`!') or "\\\\" in text or text.endswith("\\")
    return f'"{text}"' if "'" in text and not is_special else plain


def is_dumb() -> bool:
    """Whether TERM says that the terminal can do nothing but print. rich takes such a terminal for
    80 characters wide, whatever width it is given, and cuts names to that."""
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")
