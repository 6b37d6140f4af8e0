"""Sittings: stretches of a history that were measured without a long pause: after one, the anchors
are measured again.

Each leaves a line in ``results/<machine>/sessions.jsonl``: its id, which is the run id of its
anchors, when it began and on what processor. Within a sitting neighbouring releases are measured,
and what was cut off goes on.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import records
from ...records import stretches
from ...records.stretches import LONGEST_PAUSE_S
from ...runs import processor
from ...runs.run import new_id


@dataclass(frozen=True)
class Sitting:
    """``run``: the run id of what is measured for itself, its anchors. ``goes_on``: whether it had
    begun before this process."""

    run: str
    started: datetime.datetime
    goes_on: bool


def require_the_processor(before: Sequence[dict[str, Any]], machine: str) -> None:
    """Raise OtherProcessor unless this is the processor of the sittings ``before``."""
    how = "measure a history of this one under a name of its own: vggbench history --machine NAME"
    for sitting in before[-1:]:
        processor.require_same(sitting["processor"], processor.processor(), machine, how)


def going_on(
    before: Sequence[dict[str, Any]], taken: Sequence[records.Record], now: datetime.datetime
) -> Sitting | None:
    """The last sitting, where that did not pause for long, else None."""
    if not before:
        return None
    last = before[-1]
    started = records.moment(last["started"])
    periods = filter(None, (record.period for record in taken))
    # What is over only in the future has a wrong clock or a wrong length: it would go on for years.
    past = [
        moment
        for moment in (started, *(over for _, over in periods))
        if moment <= now + records.AHEAD
    ]
    latest = max(past, default=now - 2 * datetime.timedelta(seconds=LONGEST_PAUSE_S))
    if (now - latest).total_seconds() >= LONGEST_PAUSE_S:
        return None
    return Sitting(last["run"], started, True)


def begin(results_dir: Path, machine: str, last: Sitting | None, now: datetime.datetime) -> Sitting:
    """The sitting of this process: the ``last`` one, where that goes on, or a new one, which is
    written down."""
    if last is not None:
        return last
    # To the second, like records: what starts within this second belongs to it.
    sitting = Sitting(new_id(), now.replace(microsecond=0), False)
    stretches.begin(
        results_dir,
        machine,
        run=sitting.run,
        started=sitting.started,
        processor=dict(processor.processor()),
    )
    return sitting
