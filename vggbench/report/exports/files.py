"""The file of an export."""

from __future__ import annotations

import os
from pathlib import Path

from ...releases.catalogue import replace_text
from .exported import ExportError


def write(path: Path, text: str) -> None:
    """Write ``text`` to the file ``path``, whole or not at all. Raises ExportError."""
    target = Path(os.path.realpath(path))
    # JSON can hold half of a character, which UTF-8 cannot.
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    try:
        # A device or a pipe would be replaced by a file.
        if target.exists() and not target.is_file():
            raise ExportError(f"-o {path}: it is no file; give the name of one")
        replace_text(target, whole)
    except OSError as err:
        raise ExportError(f"-o {path} cannot be written: {err.strerror}") from None
