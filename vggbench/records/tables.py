"""Files of a user's in which each entry is a table, [[name]]: excluded.toml, acknowledged.toml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli

from ..errors import VggbenchError, one_line


def read(
    path: Path, table: str, wrong: Callable[[str], VggbenchError]
) -> list[tuple[int, Mapping[str, Any]]]:
    """The entries of a file, numbered from 1; none where there is no file. Raises what ``wrong``
    makes of words for a file that cannot be read, or holds anything else than tables of this name.
    """
    try:
        content = tomli.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
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
