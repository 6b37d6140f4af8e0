"""Files of JSON objects, a line each: appended, never rewritten."""

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
    """Append ``value`` as one line, on the disk when this returns, or not at all.

    Raises RecordError; ``name`` is what its message says the value is of.
    """
    line = (json.dumps(value) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            start = file.tell()
            if _ends_within_a_line(path, start):
                line = b"\n" + line  # a torn line must not swallow the next one
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
    if size == 0:
        return False
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) != b"\n"


def read(path: Path, of_json: Callable[[Any], T], complain: Callable[[str], None]) -> Iterator[T]:
    """What ``of_json`` makes of the JSON on each line of a file; it raises ValueError, which says
    what is wrong, for a line that is none of its kind. That is left out, with a line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield parsed(line, of_json)
            except ValueError as err:
                complain(left_out(path, number, err))


def parsed(line: bytes, of_json: Callable[[Any], T]) -> T:
    """What ``of_json`` makes of a line. Raises ValueError, which says what is wrong with it."""
    try:
        return of_json(json.loads(line))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def left_out(path: Path, number: int, why: ValueError) -> str:
    return f"{path}:{number} is no record and is left out: {why}"
