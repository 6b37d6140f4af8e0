"""Memory growth of one release and of two, on literal series."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vggbench.stats import growth
from vggbench.stats.policy import IMPROVED, NOT_SURE, REGRESSED, UNCHANGED

MB = 1e6

#: What three processes of TensorFlow grew by, in bytes a step: the allocators settle.
SETTLING = [6.3 * MB, 5.6 * MB, 15.7 * MB]
QUIET = [0.1 * MB, -0.3 * MB, 0.5 * MB]
LEAKING = [150.2 * MB, 151.1 * MB, 149.7 * MB]

#: A fifth of 1.1 GB over ten steps.
THRESHOLD = growth.threshold(1.1e9, 10)

NUMBERS = st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=12)


def test_the_threshold_is_a_fifth_of_the_peak_memory_over_all_steps() -> None:
    assert growth.threshold(1.1e9, 10) == pytest.approx(22 * MB)
    assert growth.threshold(1.1e9, 100) == pytest.approx(2.2 * MB)


@pytest.mark.parametrize(("peak", "steps"), [(0.0, 10), (1e9, 0)])
def test_without_a_peak_or_steps_there_is_no_threshold(peak: float, steps: int) -> None:
    with pytest.raises(ValueError, match="tell no threshold"):
        growth.threshold(peak, steps)


def test_the_mean_has_students_interval() -> None:
    found = growth.mean(SETTLING)
    expected = stats.t.interval(0.95, 2, found.value, stats.sem(SETTLING))
    assert found.value == pytest.approx(9.2 * MB)
    assert (found.low, found.high) == pytest.approx(expected)


def test_one_process_has_a_mean_without_an_interval() -> None:
    assert growth.mean([3.0]) == growth.Mean(3.0, None, None)
    assert not growth.mean([1e12]).grows(THRESHOLD)


def test_no_process_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no process"):
        growth.mean([])


def test_a_leak_surely_grows_and_settling_does_not() -> None:
    assert growth.mean(LEAKING).grows(THRESHOLD)
    # Above 0 for sure, and no more than settling explains.
    steady = growth.mean([9.0 * MB, 9.1 * MB, 9.2 * MB])
    assert steady.low is not None
    assert steady.low > 0
    assert not steady.grows(THRESHOLD)


def test_the_difference_has_welchs_interval() -> None:
    found = growth.judge(SETTLING, LEAKING, threshold=THRESHOLD)
    expected = stats.ttest_ind(LEAKING, SETTLING, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.difference == pytest.approx(150.333 * MB - 9.2 * MB, rel=1e-5)


def test_a_leak_is_regressed_and_its_end_improved() -> None:
    assert growth.judge(QUIET, LEAKING, threshold=THRESHOLD).outcome == REGRESSED
    assert growth.judge(LEAKING, QUIET, threshold=THRESHOLD).outcome == IMPROVED


def test_what_settling_explains_is_unchanged() -> None:
    assert growth.judge(QUIET, QUIET, threshold=THRESHOLD).outcome == UNCHANGED
    # A sure difference, far below the threshold.
    found = growth.judge(QUIET, [value + 9 * MB for value in QUIET], threshold=THRESHOLD)
    assert found.low is not None
    assert found.low > 0
    assert found.outcome == UNCHANGED


def test_processes_that_scatter_too_much_make_no_sure_answer() -> None:
    loud = [0.0, 20 * MB, 160 * MB]
    assert growth.judge(QUIET, loud, threshold=THRESHOLD).outcome == NOT_SURE


def test_one_process_makes_no_sure_answer() -> None:
    found = growth.judge(QUIET, LEAKING[:1], threshold=THRESHOLD)
    assert (found.outcome, found.low, found.high) == (NOT_SURE, None, None)


def test_a_change_must_be_sure_for_all_that_is_judged_together() -> None:
    before, after = [0.0, 10 * MB, 20 * MB], [50 * MB, 40 * MB, 60 * MB]
    assert growth.judge(before, after, threshold=THRESHOLD).outcome == REGRESSED
    together = growth.judge(before, after, threshold=THRESHOLD, comparisons=12)
    assert together.outcome == NOT_SURE
    assert together.low is not None
    assert together.low > 0, "what is shown holds for this comparison alone"


def test_processes_that_do_not_scatter_at_all_are_judged() -> None:
    assert growth.judge([0.0] * 3, [0.0] * 3, threshold=1.0).outcome == UNCHANGED
    assert growth.judge([0.0] * 3, [2.0] * 3, threshold=1.0).outcome == REGRESSED


@pytest.mark.parametrize(
    ("before", "after", "threshold", "said"),
    [
        ([], QUIET, 1.0, "no processes of the release before"),
        (QUIET, [], 1.0, "no processes of the release after"),
        (QUIET, QUIET, 0.0, "not positive"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    before: list[float], after: list[float], threshold: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        growth.judge(before, after, threshold=threshold)


@given(NUMBERS, NUMBERS)
def test_two_releases_the_other_way_round_say_the_opposite(
    before: list[float], after: list[float]
) -> None:
    there = growth.judge(before, after, threshold=THRESHOLD)
    back = growth.judge(after, before, threshold=THRESHOLD)
    opposite = {REGRESSED: IMPROVED, IMPROVED: REGRESSED}
    assert back.outcome == opposite.get(there.outcome, there.outcome)
    assert back.difference == -there.difference
