"""What the user's terminal can do."""

from __future__ import annotations

import os


def is_dumb() -> bool:
    """Whether TERM says that the terminal can do nothing but print. rich takes such a terminal for
    80 characters wide, whatever width it is given, and cuts names to that."""
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")
