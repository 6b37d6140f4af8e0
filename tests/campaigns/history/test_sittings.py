"""When a history goes on with its last sitting."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from vggbench.campaigns.history import sittings

from ...records.factory import record

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.timezone.utc)
AN_HOUR_AGO = "2026-05-01T11:30:00+00:00"


def goes_on(begun: str, **more: Any) -> bool:
    before = [{"run": "r", "started": begun, "processor": {}}]
    taken = [record(**more)] if more else []
    return sittings.going_on(before, taken, NOW) is not None


def test_it_goes_on_as_long_as_it_did_not_pause_for_an_hour() -> None:
    yesterday = "2026-04-30T11:30:00+00:00"
    assert goes_on(AN_HOUR_AGO)
    assert not goes_on(yesterday)
    assert goes_on(yesterday, started=AN_HOUR_AGO, process_s=10.0)


@pytest.mark.parametrize(
    "ahead",
    [
        {"started": "2035-01-01T00:00:00+00:00", "process_s": 10.0},
        {"started": "2026-04-30T12:00:00+00:00", "process_s": 1e9},
    ],
    ids=["start", "length"],
)
def test_what_ends_in_the_future_prolongs_no_sitting(ahead: dict[str, Any]) -> None:
    assert not goes_on("2026-04-30T11:30:00+00:00", **ahead)


def test_a_sitting_of_the_future_is_over() -> None:
    assert not goes_on("2099-01-01T00:00:00+00:00")
