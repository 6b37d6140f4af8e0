"""Stretches and sittings: which processes were measured close together in time.

A stretch is processes on a machine without a long pause. From one stretch to the next the machine
may have drifted further than within a stretch.

A sitting is a stretch of a history, which begins with its anchors. The history notes each sitting
in ``results/<machine>/sessions.jsonl`` when it begins.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import VggbenchError
from ..moments import moment
from . import files
from .record import SCHEMA, Period, require_keys

#: A pause of more seconds than these ends a stretch.
LONGEST_PAUSE_S = 3600.0

FILE = "sessions.jsonl"


class SittingsDamaged(VggbenchError):
    """sessions.jsonl has a line that is no sitting."""


def stretches(periods: Sequence[Period | None]) -> list[int | None]:
    """The number of the stretch in which each process was measured, from 0.

    ``periods`` has the period of each process, in any order. The stretch of a process without one
    is None.
    """
    timed = sorted((*period, place) for place, period in enumerate(periods) if period is not None)
    stretch_of: list[int | None] = [None] * len(periods)
    stretch = 0
    latest: datetime.datetime | None = None
    for begun, over, place in timed:
        if latest is not None and (begun - latest).total_seconds() > LONGEST_PAUSE_S:
            stretch += 1
        latest = over if latest is None else max(latest, over)
        stretch_of[place] = stretch
    return stretch_of


def union_s(periods: Iterable[Period]) -> float:
    """The seconds in which at least one process ran, of processes with these periods."""
    seconds = 0.0
    latest: datetime.datetime | None = None
    for begun, over in sorted(periods):
        begins = begun if latest is None else max(begun, latest)
        seconds += max(0.0, (over - begins).total_seconds())
        latest = over if latest is None else max(latest, over)
    return seconds


def path(results_dir: Path, machine: str) -> Path:
    """The file of a machine's sittings."""
    return results_dir / machine / FILE


def sittings(results_dir: Path, machine: str) -> list[dict[str, Any]]:
    """The sittings of a machine's history, oldest first.

    Raises SittingsDamaged for a line that is no sitting: it is not left out, because the processor
    that it names must not be forgotten.
    """
    file = path(results_dir, machine)
    if not file.is_file():
        return []

    found = []
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            try:
                found.append(files.parsed(line, _checked))
            except ValueError as err:
                raise SittingsDamaged(
                    f"{file}:{number} is no sitting: {err}; correct the line, or restore the file: "
                    f"git checkout -- {file}"
                ) from None
    return found


def begin(
    results_dir: Path,
    machine: str,
    *,
    run: str,
    started: datetime.datetime,
    processor: Mapping[str, Any],
) -> None:
    """Note that a sitting has begun: ``run`` is the run id of its anchors, and ``processor`` is the
    processor that it measures on. Raises RecordError where that cannot be written."""
    sitting = {
        "schema": SCHEMA,
        "run": run,
        "started": started.isoformat(),
        "processor": processor,
    }
    files.append(path(results_dir, machine), sitting, machine)


def _checked(sitting: Any) -> dict[str, Any]:
    """The sitting itself. Raises ValueError, which says what is wrong with it."""
    if not isinstance(sitting, dict):
        raise ValueError("it is no JSON object")
    require_keys(sitting, ("schema", "run", "started", "processor"))
    if not isinstance(sitting["processor"], dict):
        raise ValueError("its processor is no JSON object")
    if not isinstance(sitting["run"], str):
        raise ValueError("its run is no text")
    moment(sitting["started"])
    return sitting
