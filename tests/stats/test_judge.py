"""Judging two releases, on literal series, and what must hold whatever was measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench.stats import noise, policy
from vggbench.stats.judge import Judgement, Noise, Process, judge

QUIET = Noise(0.005, 0.002, "the test")
USUAL = Noise(0.026, 0.01, "the test")


def release(session: str, *medians: float) -> list[Process]:
    """A process of three samples for each median."""
    return [Process(session, (median * 0.99, median, median * 1.01)) for median in medians]


STEADY = [
    release("s0", 100.1, 99.8, 100.0, 100.3),
    release("s1", 99.9, 100.2, 100.1, 99.7),
    release("s2", 100.0, 100.4, 99.6, 100.1),
]


def test_a_slow_down_beyond_the_noise_is_regressed() -> None:
    slow = release("s3", 105.1, 104.8, 105.0, 105.3)
    found = judge(STEADY[-1], slow, STEADY[:-1], QUIET, comparisons=12)
    assert found.outcome == policy.REGRESSED
    assert found.ratio == pytest.approx(1.05, abs=0.003)
    assert 1 < found.low < found.ratio < found.high
    assert not found.suspected
    assert found.processes_needed is None


def test_a_gain_beyond_the_noise_is_improved() -> None:
    fast = release("s3", 95.1, 94.8, 95.0, 95.3)
    found = judge(STEADY[-1], fast, STEADY[:-1], QUIET, comparisons=12)
    assert found.outcome == policy.IMPROVED
    assert found.low < found.ratio < found.high < 1
    assert not found.suspected


def test_on_a_loud_machine_a_change_far_beyond_its_noise_is_sure_without_a_confirmation() -> None:
    loud = Noise(0.12, 0.05, "the test", sessions_degrees=2.0)
    before, more_than_twice = release("a", 20.0, 22.0, 24.0), release("b", 46.0, 50.6, 55.2)
    found = judge(before, more_than_twice, [], loud, comparisons=6)
    assert found.outcome == policy.REGRESSED
    by_a_third = release("b", 26.0, 29.0, 32.0)
    assert judge(before, by_a_third, [], loud, comparisons=6).outcome == policy.NOT_SURE


def test_the_same_times_are_unchanged() -> None:
    same = release("s3", 100.2, 99.9, 100.0, 99.8)
    found = judge(STEADY[-1], same, STEADY[:-1], QUIET, comparisons=12)
    assert found.outcome == policy.UNCHANGED
    assert found.low < 1 < found.high
    assert found.processes_needed is None


def test_a_sure_change_by_less_than_the_threshold_is_unchanged() -> None:
    still = Noise(0.0005, 0.0002, "the test")
    slightly = release("s3", 101.0, 101.0, 101.0, 101.0)
    found = judge(release("s2", 100.0, 100.0, 100.0, 100.0), slightly, [], still)
    assert found.low > 1
    assert found.outcome == policy.UNCHANGED
    assert not found.suspected


def test_the_same_change_is_relevant_by_a_smaller_threshold() -> None:
    still = Noise(0.0005, 0.0002, "the test")
    before = release("s2", 100.0, 100.0, 100.0, 100.0)
    slightly = release("s3", 101.0, 101.0, 101.0, 101.0)
    assert judge(before, slightly, [], still, threshold=0.005).outcome == policy.REGRESSED


def test_a_slow_down_within_the_noise_is_suspected_and_not_sure() -> None:
    perhaps = release("s3", 101.0, 106.0, 104.0, 103.0)
    found = judge(STEADY[-1], perhaps, STEADY[:-1], USUAL, comparisons=12)
    assert found.outcome == policy.NOT_SURE
    assert found.suspected
    assert found.processes_needed is not None
    assert found.processes_needed % policy.BATCH == 0


def test_interleaved_processes_make_it_sure() -> None:
    before, after = STEADY[-1], release("s3", 101.0, 106.0, 104.0, 103.0)
    more_before = release("confirm", *[100.0, 99.0, 101.0, 100.5] * 3)
    more_after = release("confirm", *[104.0, 103.0, 105.5, 105.0] * 3)
    found = judge(before + more_before, after + more_after, STEADY[:-1], USUAL, comparisons=12)
    assert found.outcome == policy.REGRESSED


def test_one_of_two_processes_that_lies_far_off_makes_nothing_sure() -> None:
    """The peak memory (MB) of two releases of TensorFlow: now and then a process takes a fifth
    less, in either."""
    before = [*release("a", 1129, 1140, 1159), *release("confirm", 1097, 877)]
    after = [*release("a", 1166, 1179, 1187), *release("confirm", 1119, 1194)]
    found = judge(before, after, [], Noise(0.015, 0.019, "the test"), comparisons=12)
    assert found.outcome == policy.NOT_SURE


def test_one_session_tells_more_than_two() -> None:
    drifting = Noise(0.005, 0.05, "the test")
    apart = judge(release("a", 100, 101), release("b", 104, 105), [], drifting)
    together = judge(release("a", 100, 101), release("a", 104, 105), [], drifting)
    assert apart.outcome == policy.NOT_SURE
    assert together.outcome == policy.REGRESSED


def test_one_process_of_each_is_not_sure_at_the_usual_noise() -> None:
    found = judge(release("a", 100.0), release("b", 104.0), [], USUAL)
    assert found.outcome == policy.NOT_SURE
    assert found.low < 1 < found.high


def test_a_scatter_beyond_the_noise_widens_the_interval() -> None:
    calm = judge(release("a", 100, 100, 101, 99), release("b", 105, 105, 106, 104), [], QUIET)
    wild = judge(release("a", 100, 80, 120, 99), release("b", 105, 84, 126, 104), [], QUIET)
    assert calm.outcome == policy.REGRESSED
    assert wild.outcome == policy.NOT_SURE
    assert wild.high / wild.low > calm.high / calm.low


def test_a_release_of_another_level_does_not_count_for_the_one_before() -> None:
    """The release before was itself a slow-down: what is at its level now has not regressed."""
    same = release("s4", 110.2, 109.9, 110.0, 109.8)
    slow = release("s3", 110.1, 109.8, 110.0, 110.3)
    found = judge(slow, same, STEADY, QUIET)
    assert found.outcome == policy.UNCHANGED
    assert found.ratio == pytest.approx(1, abs=0.003)


def test_more_comparisons_ask_for_more_evidence() -> None:
    before, after = release("a", 100, 101, 99, 100), release("a", 105, 106, 104, 105)
    noise = Noise(0.021, 0.005, "the test")
    alone = judge(before, after, [], noise)
    of_many = judge(before, after, [], noise, comparisons=100)
    assert alone.outcome == policy.REGRESSED
    assert of_many.outcome == policy.NOT_SURE
    assert (alone.ratio, alone.low, alone.high) == (of_many.ratio, of_many.low, of_many.high)


def test_the_history_alone_makes_nothing_regressed() -> None:
    """It narrows what is known, but what is called regressed must show in the two releases."""
    history = [release(f"h{i}", 100, 101, 99, 100) for i in range(15)]
    before, after = release("a", 102.5, 103.5, 102), release("b", 104.5, 105, 104)
    assert judge(before, after, history, USUAL).outcome != policy.REGRESSED


def test_one_process_slow_by_far_does_not_carry_the_verdict() -> None:
    disturbed = release("s3", 100.1, 99.9, 100.0, 300.0)
    found = judge(STEADY[-1], disturbed, STEADY[:-1], QUIET, comparisons=12)
    assert found.outcome != policy.REGRESSED
    assert found.ratio < 1.02


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_sample_that_is_no_time_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not a positive number"):
        judge([Process("a", (1.0, bad))], release("b", 100), [], USUAL)


def test_ratios_beyond_measure_are_no_error() -> None:
    found = judge([Process("a", (1e-300,))], [Process("b", (1e300,))], [], USUAL)
    assert found.outcome == policy.REGRESSED
    assert 1 < found.low <= found.ratio <= found.high < math.inf


def test_a_release_without_processes_is_refused() -> None:
    with pytest.raises(ValueError, match="no processes"):
        judge([], release("b", 100), [], USUAL)
    with pytest.raises(ValueError, match="no processes"):
        judge(release("b", 100), [], [], USUAL)


SAMPLES = st.lists(st.floats(50, 200), min_size=1, max_size=5).map(tuple)
PROCESSES = st.lists(
    st.builds(Process, st.sampled_from(["a", "b", "c"]), SAMPLES), min_size=1, max_size=6
)
NOISES = st.builds(Noise, st.floats(0.001, 0.1), st.floats(0, 0.05), st.just("the test"))


def about(found: Judgement) -> tuple[str, bool, int | None]:
    return found.outcome, found.suspected, found.processes_needed


@given(PROCESSES, PROCESSES, st.lists(PROCESSES, max_size=5), NOISES, st.integers(-20, 20))
def test_scaling_all_samples_changes_no_judgement(
    before: list[Process],
    after: list[Process],
    history: list[list[Process]],
    noise: Noise,
    power: int,
) -> None:
    def scaled(processes: list[Process]) -> list[Process]:
        return [
            Process(one.session, tuple(sample * 2.0**power for sample in one.samples))
            for one in processes
        ]

    found = judge(before, after, history, noise)
    other = judge(scaled(before), scaled(after), [scaled(one) for one in history], noise)
    assert other.ratio == pytest.approx(found.ratio, rel=1e-6)
    assert other.low == pytest.approx(found.low, rel=1e-6)
    assert other.high == pytest.approx(found.high, rel=1e-6)
    assert about(other)[:2] == about(found)[:2]


@given(PROCESSES, PROCESSES, NOISES)
def test_swapping_before_and_after_mirrors_the_judgement(
    before: list[Process], after: list[Process], noise: Noise
) -> None:
    mirrored = {policy.REGRESSED: policy.IMPROVED, policy.IMPROVED: policy.REGRESSED}
    found = judge(before, after, [], noise)
    other = judge(after, before, [], noise)
    assert other.ratio == pytest.approx(1 / found.ratio, rel=1e-6)
    assert other.low == pytest.approx(1 / found.high, rel=1e-6)
    assert other.high == pytest.approx(1 / found.low, rel=1e-6)
    assert other.outcome == mirrored.get(found.outcome, found.outcome)


@given(st.lists(PROCESSES, min_size=3, max_size=8), st.lists(PROCESSES, max_size=3))
def test_adding_later_releases_changes_no_older_judgement(
    line: list[list[Process]], later: list[list[Process]]
) -> None:
    """Each release is judged by those up to it, its noise included, as the verdicts do."""

    def judged(releases: list[list[Process]]) -> list[Judgement]:
        return [
            judge(
                releases[place - 1],
                releases[place],
                releases[: place - 1],
                noise.estimate([], releases[:place]),
            )
            for place in range(1, len(releases))
        ]

    assert judged(line + later)[: len(line) - 1] == judged(line)
