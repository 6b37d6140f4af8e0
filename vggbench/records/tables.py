"""TOML files that a user writes. In excluded.toml and acknowledged.toml each entry is a table,
``[[name]]``."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli

from ..errors import VggbenchError, one_line


def content_of(path: Path) -> dict[str, Any]:
    """What a TOML file holds that a user wrote, perhaps with a byte order mark at its beginning.

    Raises OSError, ValueError or RecursionError for a file that cannot be read.
    """
    # Opening a pipe would wait for somebody to write into it.
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file")
    return tomli.loads(path.read_text(encoding="utf-8-sig"))


def require_keys(
    what: str,
    told: Mapping[str, Any],
    keys: Sequence[str],
    wrong: Callable[[str], VggbenchError],
) -> None:
    """Raise the error that ``wrong`` makes of a message where ``told``, which is called ``what``,
    has a key that is none of the ``keys``. One that is passed over would leave undone what somebody
    asked for."""
    unknown = sorted(set(told) - set(keys))
    if unknown:
        raise wrong(
            f"{what} has an unknown {one_line(unknown[0], 60)}; the keys are {', '.join(keys)}"
        )


def read(
    path: Path, table: str, wrong: Callable[[str], VggbenchError]
) -> list[tuple[int, Mapping[str, Any]]]:
    """The entries of a file, numbered from 1; none where there is no file.

    ``wrong`` makes an error of a message. That error is raised where the file cannot be read, or
    holds anything but tables of the name ``table``.
    """
    try:
        content = content_of(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise wrong("it is a link that leads nowhere") from None
        return []
    except (OSError, ValueError, RecursionError) as err:
        raise wrong(one_line(str(err)) or "nested too deeply") from None
    entries = content.pop(table, [])
    if content or not isinstance(entries, list):
        other = ", ".join(sorted(content)) or f"[{table}]"
        raise wrong(f"it holds {one_line(other, 60)}; each entry begins with [[{table}]]")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise wrong(f"entry {number} is no table; begin it with [[{table}]]")
    return list(enumerate(entries, 1))
