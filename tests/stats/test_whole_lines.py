"""Changes over a whole line, on literal series."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vggbench.stats import whole_lines
from vggbench.stats.judge import Noise, Process
from vggbench.stats.policy import THRESHOLD
from vggbench.stats.whole_lines import changes

NOISE = Noise(0.01, 0.003, "the test")


def line(*medians: float) -> list[list[Process]]:
    """Releases of four processes about each median, each release in a session of its own."""
    return [
        [Process(f"run {place}", (median * off,)) for off in (0.99, 0.997, 1.004, 1.009)]
        for place, median in enumerate(medians)
    ]


STEADY = [100.0, 100.4, 99.7, 100.2, 99.8, 100.1, 99.9]


def kinds(series: Sequence[float], comparisons: int = 12) -> list[tuple[str, int, int]]:
    found = changes(line(*series), NOISE, comparisons=comparisons)
    return [(change.kind, change.first, change.last) for change in found]


def test_a_steady_line_has_no_changes() -> None:
    assert kinds(STEADY) == []


def test_a_level_shift_stays() -> None:
    series = STEADY + [median * 1.08 for median in STEADY]
    assert kinds(series) == [(whole_lines.LEVEL_SHIFT, 7, 7)]
    found = changes(line(*series), NOISE)[0]
    assert found.ratio == pytest.approx(1.08, abs=0.005)
    assert 1 < found.low < found.ratio < found.high


def test_a_gain_is_a_level_shift_too() -> None:
    found = changes(line(*STEADY, *(median * 0.9 for median in STEADY)), NOISE)
    assert [(change.kind, change.first) for change in found] == [(whole_lines.LEVEL_SHIFT, 7)]
    assert found[0].high < 1


def test_a_slow_down_of_one_release_was_taken_back() -> None:
    series = [*STEADY, 110.0, *STEADY]
    assert kinds(series) == [(whole_lines.RECOVERED, 7, 7)]
    assert changes(line(*series), NOISE)[0].ratio == pytest.approx(1.1, abs=0.005)


def test_a_change_after_one_that_was_taken_back_is_from_the_level_before_both() -> None:
    series = [*STEADY, 30.0, 30.0, *(0.9 * median for median in STEADY)]
    recovered, shift = changes(line(*series), NOISE)
    assert (recovered.kind, recovered.before, recovered.first) == (whole_lines.RECOVERED, 6, 7)
    assert (shift.kind, shift.before, shift.first) == (whole_lines.LEVEL_SHIFT, 6, 9)
    assert shift.ratio == pytest.approx(0.9, abs=0.01)


def test_a_slow_down_of_three_releases_was_taken_back() -> None:
    assert kinds([*STEADY, 110.0, 110.3, 109.8, *STEADY]) == [(whole_lines.RECOVERED, 7, 9)]


def test_two_disturbed_processes_are_no_slow_release() -> None:
    series = line(*STEADY, 100.0, *STEADY)
    disturbed = (100.0, 100.5, 111.0, 112.0)
    series[7] = [Process("run 7", (one,)) for one in disturbed]
    assert changes(series, NOISE) == []


def test_a_slow_down_partly_taken_back_leaves_a_level_shift() -> None:
    after = [median * 1.04 for median in STEADY]
    found = kinds([*STEADY, 120.0, 120.4, *after])
    assert found == [(whole_lines.RECOVERED, 7, 8), (whole_lines.LEVEL_SHIFT, 9, 9)]


def test_small_level_shifts_in_a_row_are_a_drift() -> None:
    """None is sure by itself, together they are."""
    rising = [101.2, 101.3, 102.6, 102.5, 103.9, 104.1]
    found = changes(
        line(*STEADY, *rising, *(median * 1.05 for median in STEADY)), NOISE, comparisons=12
    )
    assert [change.kind for change in found] == [whole_lines.DRIFT]
    assert found[0].ratio == pytest.approx(1.05, abs=0.01)
    assert 7 <= found[0].first < found[0].last <= 13


def test_a_sure_change_below_the_threshold_is_not_listed() -> None:
    series = STEADY * 3 + [median * 1.015 for median in STEADY * 3]
    assert kinds(series, comparisons=1) == []
    assert changes(line(*series), NOISE, threshold=0.01)


def test_releases_without_processes_are_passed_over() -> None:
    series = line(*STEADY, 110.0, *STEADY)
    series.insert(3, [])
    assert [(change.first, change.last) for change in changes(series, NOISE)] == [(8, 8)]


def test_what_one_session_measured_has_no_drift_between() -> None:
    """Sessions that differ by 10 % hide a level shift of 8 %, unless one has measured it all."""
    drifting = Noise(0.01, 0.1, "the test")
    apart = line(*STEADY, *(median * 1.08 for median in STEADY))
    together = [[Process("one run", process.samples) for process in release] for release in apart]
    assert changes(apart, drifting, comparisons=12) == []
    assert [change.first for change in changes(together, drifting, comparisons=12)] == [7]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_lines_are_no_error(count: int) -> None:
    assert changes(line(*STEADY[:count]), NOISE) == []


def test_a_bad_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="not a positive number"):
        changes([[Process("a", (1.0,))], [Process("b", (0.0,))]], NOISE)


@given(st.lists(st.floats(50, 200), max_size=25), st.floats(1e-6, 1e6))
def test_scaling_changes_nothing_and_places_are_in_the_line(
    series: list[float], factor: float
) -> None:
    # At the threshold itself rounding decides.
    ratios = (math.log(a / b) for a, b in itertools.permutations(series, 2))
    assume(all(abs(one - math.log1p(THRESHOLD)) > 1e-9 for one in ratios))
    found = changes(line(*series), NOISE)
    scaled = changes(line(*(one * factor for one in series)), NOISE)
    assert [(change.kind, change.first, change.last) for change in scaled] == [
        (change.kind, change.first, change.last) for change in found
    ]
    for change in found:
        assert 1 <= change.first <= change.last < len(series)
        assert change.low <= change.ratio <= change.high
        assert math.isfinite(change.high)
