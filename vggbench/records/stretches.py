"""Stretches: what was measured without a long pause. From one to the next the machine may have
drifted further than within one.

A history writes down when it begins one, a sitting, in ``results/<machine>/sessions.jsonl``.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import VggbenchError
from . import files
from .record import SCHEMA, Span, moment, require_keys

#: A pause of so many seconds ends a stretch.
LONGEST_PAUSE_S = 3600.0

FILE = "sessions.jsonl"


class SittingsDamaged(VggbenchError):
    """sessions.jsonl holds what is no sitting."""


def stretches(spans: Sequence[Span | None]) -> list[int | None]:
    """In which stretch each process was measured, given the spans of all, in any order; None where
    that is unknown."""
    timed = sorted((*span, place) for place, span in enumerate(spans) if span is not None)
    found: list[int | None] = [None] * len(spans)
    stretch = 0
    latest: datetime.datetime | None = None
    for begun, over, place in timed:
        if latest is not None and (begun - latest).total_seconds() > LONGEST_PAUSE_S:
            stretch += 1
        latest = over if latest is None else max(latest, over)
        found[place] = stretch
    return found


def path(results_dir: Path, machine: str) -> Path:
    return results_dir / machine / FILE


def sittings(results_dir: Path, machine: str) -> list[dict[str, Any]]:
    """The sittings of a machine's history, oldest first. Raises SittingsDamaged for a line that is
    none: what the processor was must not be forgotten."""
    file = path(results_dir, machine)
    if not file.is_file():
        return []

    def complain(line: str) -> None:
        raise SittingsDamaged(f"{line}; mend it, or check it out again")

    return list(files.read(file, _checked, complain))


def begin(
    results_dir: Path,
    machine: str,
    *,
    run: str,
    started: datetime.datetime,
    processor: Mapping[str, Any],
) -> None:
    """Write down that a sitting has begun: the run id of its anchors, and on what processor. Raises
    RecordError."""
    told = {
        "schema": SCHEMA,
        "run": run,
        "started": started.isoformat(),
        "processor": processor,
    }
    files.append(path(results_dir, machine), told, machine)


def _checked(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise ValueError("it is no JSON object")
    require_keys(told, ("schema", "run", "started", "processor"))
    if not isinstance(told["processor"], dict):
        raise ValueError("its processor is no JSON object")
    if not isinstance(told["run"], str):
        raise ValueError("its run is no text")
    moment(told["started"])
    return told
