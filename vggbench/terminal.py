"""What the terminal that is written to can do."""

from __future__ import annotations

import os


def is_dumb() -> bool:
    """Whether it says of itself that it can do nothing but print. rich takes such a one for 80
    characters wide, whatever it is told, and cuts names to that."""
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")
