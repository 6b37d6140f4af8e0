"""How long a machine measured, from the spans of its processes."""

from __future__ import annotations

import datetime

import pytest

from vggbench.records.stretches import union_s

NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([(0, 10)], 10),
        ([(20, 30), (0, 10)], 20),
        ([(0, 10), (5, 12)], 12),
        ([(0, 10), (2, 4), (3, 11)], 11),
        ([(0, 10), (10, 15)], 15),
    ],
)
def test_seconds_in_which_several_ran_count_once(
    spans: list[tuple[int, int]], seconds: float
) -> None:
    moments = [
        (NOON + datetime.timedelta(seconds=begun), NOON + datetime.timedelta(seconds=over))
        for begun, over in spans
    ]
    assert union_s(moments) == seconds
