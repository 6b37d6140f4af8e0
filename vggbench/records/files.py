"""Files of JSON objects, one a line: appended to, never rewritten."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import VggbenchError

T = TypeVar("T")


class RecordError(VggbenchError):
    """A record cannot be written."""


def append(path: Path, value: Mapping[str, Any], name: str) -> None:
    """Append ``value`` as one line. When this returns, the line is on the disk; when it raises,
    nothing was appended.

    Raises RecordError, whose message begins with ``name``: what the value is of.
    """
    line = (json.dumps(value) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            start = file.tell()
            if _ends_within_a_line(path, start):
                line = b"\n" + line  # a torn line must not swallow this one
            written = file.write(line)
            if written != len(line):
                file.truncate(start)
                raise OSError(28, os.strerror(28), str(path))  # a full disk writes what fits
            os.fsync(file.fileno())
    except OSError as err:
        raise RecordError(
            f"{name}: its record cannot be written: {err.strerror}: {path}; "
            f"make room or mend the folder, and run this again"
        ) from None


def _ends_within_a_line(path: Path, size: int) -> bool:
    """Whether a file of ``size`` bytes does not end with the end of a line."""
    if size == 0:
        return False
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) != b"\n"


def read(
    path: Path,
    of_json: Callable[[Any], T],
    complain: Callable[[str], None],
    what: str = "record",
) -> Iterator[T]:
    """What ``of_json`` makes of the JSON on each line of a file.

    Where ``of_json`` raises ValueError, which says what is wrong with a line, that line is left out
    and ``complain`` gets a message about it, which says that it is no ``what``.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield parsed(line, of_json)
            except ValueError as err:
                complain(left_out(path, number, err, what))


def parsed(line: bytes, of_json: Callable[[Any], T]) -> T:
    """What ``of_json`` makes of the JSON on a line. Raises ValueError, which says what is wrong
    with the line."""
    try:
        return of_json(json.loads(line))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def left_out(path: Path, number: int, why: ValueError, what: str = "record") -> str:
    """The message about a line, by its number, that is no ``what`` and is left out."""
    return f"{path}:{number} is no {what} and is left out: {why}"
