"""What the feed says of a machine: the changes that ``vggbench findings`` calls confirmed."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from ...judging.verdicts import Verdict
from ...records import Record, key_of
from ..opening import sentence_of
from .feed import EPOCH
from .verdicts import page_verdict


def entries(found: Iterable[Verdict], taken: Sequence[Record]) -> list[dict[str, Any]]:
    """What the feed says of the confirmed of the verdicts ``found``, as JSON. ``taken``: the
    machine's records, which tell when."""
    confirmed = [verdict for verdict in found if verdict.is_confirmed]
    if not confirmed:
        return []
    times = _times(taken)
    return [
        {
            "id": [
                verdict.machine,
                verdict.profile,
                key_of(verdict.benchmark, verdict.configuration),
                verdict.release,
                verdict.measure,
            ],
            "release": verdict.release,
            "title": sentence_of(verdict),
            "notes": [f"{verdict.profile}: {verdict.outcome}", *page_verdict(verdict).notes],
            "updated": _updated(verdict, times).isoformat(),
        }
        for verdict in confirmed
    ]


#: When a process of a run, a profile, a configuration (``Record.key``) and a release started last.
_Times = dict[tuple[str, str, str, str], datetime.datetime]


def _times(taken: Iterable[Record]) -> _Times:
    times: _Times = {}
    for record in taken:
        started = _started(record)
        if started is not None:
            place = (record.run, record.profile, record.key, record.release)
            times[place] = max(started, times.get(place, EPOCH))
    return times


def _started(record: Record) -> datetime.datetime | None:
    """When the process was started, in whole seconds of UTC; None where that is not on record."""
    try:
        return record.began and record.began.astimezone(datetime.timezone.utc).replace(
            microsecond=0
        )
    except OverflowError:  # in UTC it is before the first year, or behind the last
        return None


def _updated(verdict: Verdict, times: _Times) -> datetime.datetime:
    """When the last of the processes that it rests on started."""
    key = key_of(verdict.benchmark, verdict.configuration)
    places = [
        # A session is a run, or a part of one.
        (process.session.partition("/")[0], verdict.profile, key, side.release)
        for side in (verdict.before, verdict.after)
        if side is not None
        for process in side.evidence
    ]
    return max((times[place] for place in places if place in times), default=EPOCH)
