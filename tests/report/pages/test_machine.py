"""What a machine's records add to the pages."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from vggbench.records import APART, Record, moment
from vggbench.report.pages import machine

from ...records.factory import changed
from .literal import CATALOGUE, TWO_DAYS


def files(taken: list[Record]) -> dict[str, str]:
    source: Any = SimpleNamespace(
        records_of=lambda name, complain: taken, catalogue=CATALOGUE, accepted=(), why_none=None
    )
    return dict(machine.of_machine("box", source).files)


@pytest.mark.parametrize("purpose", APART)
def test_what_counts_for_one_command_alone_does_not_fill_the_pause_between_two_days(
    purpose: str,
) -> None:
    plain = list(TWO_DAYS)
    starts = sorted(moment(record.started) for record in plain)
    hours = int((starts[-1] - starts[0]).total_seconds() // 3600)
    assert hours > 2
    between = [
        changed(
            plain[0],
            purpose=purpose,
            run="other",
            started=(starts[0] + datetime.timedelta(hours=hour)).isoformat(),
            process_s=3590.0,
        )
        for hour in range(1, hours)
    ]
    assert files([*plain, *between]) == files(plain)
