"""Times as files and indexes write them."""

from __future__ import annotations

import datetime

import pytest

from vggbench.moments import moment

NOON = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T12:00:00Z",
        "2026-05-01 12:00:00+00:00",
        "2026-05-01T14:00:00+02:00",
        "2026-05-01T12:00:00.000000Z",
        NOON,
    ],
)
def test_a_time_with_a_zone_is_read_in_each_of_its_forms(text: object) -> None:
    assert moment(text) == moment(text, datetime.timezone.utc) == NOON


@pytest.mark.parametrize("text", ["2026-05-01", "2026-05-01T00:00:00", datetime.date(2026, 5, 1)])
def test_a_time_without_a_zone_is_in_that_of_whoever_asks_or_none(text: object) -> None:
    midnight = datetime.datetime(2026, 5, 1, tzinfo=datetime.timezone.utc)
    assert moment(text, datetime.timezone.utc) == midnight
    with pytest.raises(ValueError, match="has no time zone"):
        moment(text)


@pytest.mark.parametrize("text", ["", "Z", "yesterday", None, 7, "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        moment(text, datetime.timezone.utc)
