"""Sessions: stretches of a history that were measured without a long pause: after one, the anchors
are measured again.

Each leaves a line in ``results/<machine>/sessions.jsonl``: its id, which is the run id of its
anchors, when it began and on what processor. Within a session neighbouring releases are measured,
and what was cut off goes on.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import records
from ...errors import VggbenchError
from ...runs.run import new_id
from . import machines

FILE = "sessions.jsonl"


class SessionsDamaged(VggbenchError):
    """sessions.jsonl holds what is no session."""


@dataclass(frozen=True)
class Session:
    """``run``: the run id of what is measured for itself, its anchors. ``goes_on``: whether it had
    begun before this process."""

    run: str
    started: datetime.datetime
    goes_on: bool


def path(results_dir: Path, machine: str) -> Path:
    return results_dir / machine / FILE


def read(results_dir: Path, machine: str) -> list[dict[str, Any]]:
    """The sessions of a machine, oldest first. Raises SessionsDamaged for a line that is none: what
    the processor was must not be forgotten."""
    file = path(results_dir, machine)
    if not file.is_file():
        return []

    def complain(line: str) -> None:
        raise SessionsDamaged(f"{line}; mend it, or check it out again")

    return list(records.read_file(file, _checked, complain))


def _checked(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise ValueError("it is no JSON object")
    records.require_keys(told, ("schema", "run", "started", "processor"))
    if not isinstance(told["processor"], dict):
        raise ValueError("its processor is no JSON object")
    records.moment(told["started"])
    return told


def require_the_processor(before: Sequence[dict[str, Any]], machine: str) -> None:
    """Raise OtherMachine unless this is the processor of the sessions ``before``."""
    for session in before[-1:]:
        machines.require_same(session["processor"], machines.processor(), machine)


def going_on(
    before: Sequence[dict[str, Any]], taken: Sequence[records.Record], now: datetime.datetime
) -> Session | None:
    """The last session, where that did not pause for long, else None."""
    if not before:
        return None
    last = before[-1]
    started = records.moment(last["started"])
    latest = max([started, *(over for _, over in filter(None, map(records.span, taken)))])
    if (now - latest).total_seconds() >= records.LONGEST_PAUSE_S:
        return None
    return Session(last["run"], started, True)


def begin(results_dir: Path, machine: str, last: Session | None, now: datetime.datetime) -> Session:
    """The session of this process: the ``last`` one, where that goes on, or a new one, which is
    written down."""
    if last is not None:
        return last
    # To the second, like records: what starts within this second belongs to it.
    session = Session(new_id(), now.replace(microsecond=0), False)
    records.append(
        path(results_dir, machine),
        {
            "schema": records.SCHEMA,
            "run": session.run,
            "started": session.started.isoformat(),
            "processor": machines.processor(),
        },
    )
    return session
