"""How limits and shares are written."""

from __future__ import annotations

import pytest

from vggbench.stats.policy import per_cent


@pytest.mark.parametrize(
    ("share", "digits", "written"),
    [
        (0.05, 0, "5 %"),
        (0.0512, 1, "5.1 %"),
        (0.996, 0, "100 %"),
        (1.25, 0, "125 %"),
        (0, 1, "0.0 %"),
    ],
)
def test_a_share_is_written_in_per_cent(share: float, digits: int, written: str) -> None:
    assert per_cent(share, digits) == written
