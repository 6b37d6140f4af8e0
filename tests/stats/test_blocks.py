"""The judgement of two subjects from blocks of duets, on literal series with known answers, and the
properties that any such judgement must have."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench.stats import blocks, judge, policy
from vggbench.stats.blocks import (
    BlockJudgement,
    BlockNoise,
    block,
    blocks_for,
    boundary,
    duet,
    found_with,
    judge_blocks,
)

#: Ten blocks of a release with itself, whose deviation about 0 is 1.5 %.
SAME = [0.012, -0.021, 0.003, 0.017, -0.009, -0.014, 0.019, -0.002, 0.008, -0.016]

USUAL = BlockNoise(0.015, 6.5, "the test")


def test_a_duets_number_is_the_log_of_second_by_first() -> None:
    assert duet([0.2, 0.2, 0.2, 0.2], [0.3, 0.3, 0.3, 0.3]) == pytest.approx(math.log(1.5))


def test_a_duet_matches_samples_in_their_order() -> None:
    """The machine halves its speed in the middle: every pair has the same ratio."""
    first, second = [1.0, 1.0, 2.0, 2.0], [1.1, 1.1, 2.2, 2.2]
    assert duet(first, second) == pytest.approx(math.log(1.1))


def test_a_disturbed_pair_does_not_move_a_duet() -> None:
    assert duet([1.0] * 8, [1.02] * 7 + [9.0]) == pytest.approx(math.log(1.02))


def test_a_sample_without_partner_does_not_count() -> None:
    assert duet([1.0, 1.0, 5.0], [1.1, 1.1]) == pytest.approx(math.log(1.1))


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_sample_that_is_no_time_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not a positive number"):
        duet([1.0, 1.0], [1.0, bad])
    with pytest.raises(ValueError, match="not a positive number"):
        duet([1.0, bad], [1.0])


@pytest.mark.parametrize("samples", [([], []), ([1.0], []), ([], [1.0])])
def test_a_duet_without_a_pair_is_refused(samples: tuple[list[float], list[float]]) -> None:
    with pytest.raises(ValueError, match="without a pair"):
        duet(*samples)


def test_a_blocks_number_is_the_mean_of_its_duets() -> None:
    """Whoever starts second is 3 % faster: the swapped order cancels it."""
    assert block(0.01 - 0.03, 0.01 + 0.03) == pytest.approx(0.01)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e9])
def test_a_block_of_no_log_ratio_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not the logarithm of a ratio"):
        block(0.0, bad)


def test_without_anything_the_noise_is_assumed_and_said_so() -> None:
    found = blocks.noise([], [])
    assert (found.deviation, found.degrees) == (policy.ASSUMED, blocks.ASSUMED_DEGREES)
    assert found.origin == "2.5 % between blocks is assumed until more is on record"


def test_what_is_assumed_is_the_measures_own() -> None:
    found = blocks.noise([], [], assumed=0.08)
    assert (found.deviation, found.is_assumed) == (0.08, True)
    assert found.origin == "8.0 % between blocks is assumed until more is on record"


def test_blocks_of_a_release_with_itself_tell_the_noise() -> None:
    found = blocks.noise([SAME], [])
    assert found.deviation == pytest.approx(0.015, rel=0.25)
    assert found.degrees == pytest.approx(blocks.OF_ROBUST * 10)
    assert found.origin == "10 calibrating blocks"
    assert found.bias == 0


def test_single_blocks_of_a_release_with_itself_tell_as_much() -> None:
    apart = blocks.noise([[number] for number in SAME], [])
    together = blocks.noise([SAME], [])
    assert (apart.deviation, apart.degrees) == (together.deviation, together.degrees)


def test_what_earlier_comparisons_compare_is_not_noise() -> None:
    near = [[0.0 + one, 0.02 + one, 0.01 + one] for one in (0.0, 0.001, -0.002, 0.003)]
    far = [[one + 0.1 * place for one in group] for place, group in enumerate(near)]
    assert blocks.noise([], far).deviation == pytest.approx(blocks.noise([], near).deviation)
    assert blocks.noise([], far).origin == "12 blocks of other comparisons"


def test_one_block_of_an_earlier_comparison_says_nothing() -> None:
    assert blocks.noise([], [[0.3]] * 20) == blocks.noise([], [])


def test_a_block_far_off_is_hardly_noise() -> None:
    clean = blocks.noise([SAME * 2], [])
    assert blocks.noise([[*SAME, *SAME, 0.4]], []).deviation < 1.3 * clean.deviation


def test_a_bias_of_a_release_with_itself_is_found_and_counts() -> None:
    biased = blocks.noise([[number - 0.03 for number in SAME]], [])
    assert biased.bias == pytest.approx(0.03, rel=0.1)
    assert biased.origin == "10 calibrating blocks; a bias of 3.0 %"
    assert biased.deviation == pytest.approx(blocks.noise([SAME], []).deviation, rel=0.2)
    numbers = [0.03] * 20
    assert judge_blocks(numbers, replace(biased, bias=0.0)).outcome == policy.REGRESSED
    assert judge_blocks(numbers, biased).outcome == policy.NOT_SURE


def test_much_that_was_measured_is_not_believed_without_end() -> None:
    assert blocks.noise([SAME * 100], []).degrees == blocks.MOST_DEGREES


def test_blocks_that_never_differ_leave_the_least_noise() -> None:
    assert blocks.noise([[0.0] * 10], []).deviation == blocks.LEAST


def test_slower_by_what_matters_is_regressed() -> None:
    numbers = [0.047, 0.031, 0.052, 0.044, 0.039, 0.05]
    found = judge_blocks(numbers, USUAL, comparisons=12)
    assert found.outcome == policy.REGRESSED
    assert found.ratio == pytest.approx(math.exp(0.0445), abs=0.002)
    assert 1 < found.low < found.ratio < found.high
    assert not found.suspected
    assert found.blocks_needed is None


def test_faster_by_what_matters_is_improved() -> None:
    numbers = [-0.047, -0.031, -0.052, -0.044, -0.039, -0.05]
    assert judge_blocks(numbers, USUAL, comparisons=12).outcome == policy.IMPROVED


def test_no_change_is_unchanged_by_few_blocks() -> None:
    found = judge_blocks([0.002, -0.005, 0.001, -0.003], USUAL, comparisons=12)
    assert found.outcome == policy.UNCHANGED
    assert found.low < 1 < found.high
    assert found.blocks_needed is None


def test_fewer_than_three_blocks_are_never_sure() -> None:
    still = BlockNoise(0.0001, 30.0, "the test")
    for number in (0.0, 0.5):
        for count in range(1, policy.LEAST_BLOCKS):
            found = judge_blocks([number] * count, still)
            assert found.outcome == policy.NOT_SURE
            assert found.blocks_needed == policy.LEAST_BLOCKS - count
        sure = judge_blocks([number] * policy.LEAST_BLOCKS, still)
        assert sure.outcome != policy.NOT_SURE


def test_a_sure_change_by_less_than_the_threshold_is_unchanged() -> None:
    numbers = [0.0101, 0.0099, 0.01, 0.0102, 0.0098]
    still = BlockNoise(0.0005, 10.0, "the test")
    found = judge_blocks(numbers, still)
    assert found.low > 1
    assert found.outcome == policy.UNCHANGED
    assert judge_blocks(numbers, still, threshold=0.005).outcome == policy.REGRESSED


def test_near_the_threshold_early_blocks_are_not_sure_and_late_ones_are() -> None:
    """The estimate lies at 1.6 %, just below: after few blocks 3 % may look so."""
    early = judge_blocks([0.016, 0.010, 0.022, 0.016], USUAL, comparisons=12)
    assert early.outcome == policy.NOT_SURE
    assert early.suspected
    assert early.blocks_needed is not None
    late = judge_blocks([0.016, 0.010, 0.022, 0.016] * 5, USUAL, comparisons=12)
    assert late.outcome == policy.UNCHANGED


def test_what_looks_faster_is_not_suspected() -> None:
    found = judge_blocks([-0.016, -0.010, -0.022, -0.016], USUAL, comparisons=12)
    assert found.outcome == policy.NOT_SURE
    assert not found.suspected


def test_a_scatter_beyond_the_noise_widens_the_interval() -> None:
    calm = judge_blocks([0.05, 0.06, 0.04, 0.05, 0.055, 0.045], USUAL)
    wild = judge_blocks([0.05, 0.26, -0.16, 0.05, 0.15, -0.05], USUAL)
    assert calm.outcome == policy.REGRESSED
    assert wild.outcome == policy.NOT_SURE
    assert wild.high / wild.low > calm.high / calm.low


def test_one_block_far_off_does_not_carry_the_verdict() -> None:
    found = judge_blocks([0.001, -0.002, 0.0, 0.002, -0.001, 0.6], USUAL, comparisons=12)
    assert found.outcome != policy.REGRESSED
    assert found.ratio < 1.01


def test_more_comparisons_ask_for_more_evidence() -> None:
    numbers = [0.04, 0.03, 0.05, 0.035, 0.045]
    alone = judge_blocks(numbers, USUAL)
    of_many = judge_blocks(numbers, USUAL, comparisons=10_000)
    assert alone.outcome == policy.REGRESSED
    assert of_many.outcome == policy.NOT_SURE
    assert (alone.ratio, alone.low, alone.high) == (of_many.ratio, of_many.low, of_many.high)


def test_no_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="no blocks"):
        judge_blocks([], USUAL)


@pytest.mark.parametrize(
    ("noise", "options", "said"),
    [
        (USUAL, {"threshold": 0.0}, "a threshold of 0.0"),
        (USUAL, {"threshold": math.nan}, "a threshold of nan"),
        (USUAL, {"comparisons": 0}, "0 comparisons"),
        (BlockNoise(math.nan, 5.0, ""), {}, "no noise: nan"),
        (BlockNoise(0.01, 0.0, ""), {}, "with 0.0 degrees"),
        (BlockNoise(0.01, 5.0, "", bias=-1.0), {}, "a bias of -1.0"),
    ],
)
def test_limits_that_are_none_are_refused(noise: BlockNoise, options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        judge_blocks([0.0], noise, **options)


def test_the_boundary_keeps_its_promise_over_all_looks() -> None:
    """Normal values drawn with known deviation and no change: of 40,000 sequences, ALPHA's share
    crosses by MOST_BLOCKS looks, within what so many drawn tell (four deviations)."""
    draw = np.random.default_rng(26)
    sums = np.cumsum(draw.normal(size=(40_000, policy.MOST_BLOCKS)), axis=1)
    looks = np.arange(policy.LEAST_BLOCKS, policy.MOST_BLOCKS + 1)
    scores = np.abs(sums[:, policy.LEAST_BLOCKS - 1 :]) / np.sqrt(looks)
    crossed = (scores > np.array(boundary())[: len(looks)]).any(axis=1).mean()
    expected = judge.ALPHA * blocks.BY_MOST
    assert crossed == pytest.approx(expected, abs=4 * math.sqrt(expected / 40_000))


@pytest.mark.parametrize("comparisons", [1, 12, 10**6])
def test_the_boundary_is_no_laxer_for_looks_beyond_the_last(comparisons: int) -> None:
    bounds = boundary(comparisons)
    later = bounds[policy.MOST_BLOCKS - policy.LEAST_BLOCKS :]
    assert list(later) == sorted(later)


def test_what_is_left_of_alpha_is_never_all_spent() -> None:
    shares = [blocks.spending(look) for look in range(policy.LEAST_BLOCKS, 1000)]
    assert shares == sorted(shares)
    assert shares[-1] < 1


def test_a_louder_machine_and_a_smaller_threshold_take_more_blocks() -> None:
    loud = replace(USUAL, deviation=0.03)
    assert policy.LEAST_BLOCKS <= blocks_for(USUAL) < blocks_for(loud)
    assert blocks_for(USUAL) < blocks_for(USUAL, threshold=0.01)
    assert blocks_for(replace(USUAL, deviation=0.5)) == blocks.FORESEEN
    assert blocks_for(replace(USUAL, deviation=1e-4)) == policy.LEAST_BLOCKS


def test_a_change_of_the_threshold_takes_more_blocks_than_none() -> None:
    assert blocks_for(USUAL) < blocks_for(USUAL, change=0.02)


def test_more_blocks_and_less_noise_find_a_smaller_slow_down_but_none_below_the_threshold() -> None:
    found = found_with(USUAL)
    assert len(found) == policy.MOST_BLOCKS
    assert found[: policy.LEAST_BLOCKS - 1] == [math.inf] * (policy.LEAST_BLOCKS - 1)
    assert found == sorted(found, reverse=True)
    assert policy.THRESHOLD < found[-1] < found_with(replace(USUAL, deviation=0.03))[-1]
    assert found[-1] < found_with(replace(USUAL, bias=0.02))[-1]
    loud = replace(USUAL, deviation=0.05)
    assert found_with(loud)[-1] < found_with(loud, comparisons=12)[-1]


@pytest.mark.parametrize("deviation", [0.005, 0.015, 0.05])
def test_the_slow_down_that_so_many_blocks_find_is_found_by_four_of_five(deviation: float) -> None:
    noise = replace(USUAL, deviation=deviation)
    at = math.log1p(found_with(noise)[9])
    draw = random.Random(11)
    outcomes = [
        judge_blocks([draw.gauss(at, deviation) for _ in range(10)], noise).outcome
        for _ in range(400)
    ]
    assert 0.7 < outcomes.count(policy.REGRESSED) / 400 < 0.9


def test_an_estimate_near_a_limit_needs_more_blocks() -> None:
    def needed(centre: float) -> int:
        found = judge_blocks([centre - 0.015, centre + 0.015, centre], USUAL, comparisons=1000)
        assert found.blocks_needed is not None
        return found.blocks_needed

    assert needed(0.0) < needed(0.012) < needed(0.019)


#: Blocks about a true log ratio, by a deviation: sure ones are among them, and wild ones.
NUMBERS = st.builds(
    lambda centre, deviation, off: [centre + deviation * one for one in off],
    st.floats(-0.1, 0.1),
    st.sampled_from([0.0, 0.001, 0.01, 0.1]),
    st.lists(st.floats(-3, 3), min_size=1, max_size=25),
)
GROUPS = st.lists(st.lists(st.floats(-0.2, 0.2), max_size=6), max_size=6)
NOISES = st.builds(
    BlockNoise,
    st.floats(1e-4, 0.1),
    st.floats(1, 30),
    st.just("the test"),
    bias=st.sampled_from([0.0, 0.0, 0.003, 0.02]),
)
COMPARISONS = st.sampled_from([1, 12, 40])
SAMPLES = st.lists(st.floats(50, 200), min_size=1, max_size=12)


@given(SAMPLES, SAMPLES, st.integers(-20, 20))
def test_scaling_both_subjects_changes_no_duet(
    first: list[float], second: list[float], power: int
) -> None:
    scaled = duet([one * 2.0**power for one in first], [one * 2.0**power for one in second])
    assert scaled == pytest.approx(duet(first, second), abs=1e-12)


@given(SAMPLES, SAMPLES)
def test_swapping_the_subjects_mirrors_a_duet(first: list[float], second: list[float]) -> None:
    assert duet(second, first) == pytest.approx(-duet(first, second), abs=1e-12)


@given(NUMBERS, NOISES, COMPARISONS)
def test_mirrored_numbers_give_the_mirrored_judgement(
    numbers: list[float], noise: BlockNoise, comparisons: int
) -> None:
    mirrored = {policy.REGRESSED: policy.IMPROVED, policy.IMPROVED: policy.REGRESSED}
    found = judge_blocks(numbers, noise, comparisons=comparisons)
    other = judge_blocks([-one for one in numbers], noise, comparisons=comparisons)
    assert other.outcome == mirrored.get(found.outcome, found.outcome)
    assert other.blocks_needed == found.blocks_needed
    assert other.ratio == pytest.approx(1 / found.ratio, rel=1e-12)
    assert other.low == pytest.approx(1 / found.high, rel=1e-12)
    assert other.high == pytest.approx(1 / found.low, rel=1e-12)
    assert not (found.suspected and other.suspected)


@given(GROUPS, GROUPS)
def test_mirrored_blocks_tell_the_same_noise(
    calibrations: list[list[float]], earlier: list[list[float]]
) -> None:
    def mirrored(groups: list[list[float]]) -> list[list[float]]:
        return [[-one for one in group] for group in groups]

    assert blocks.noise(mirrored(calibrations), mirrored(earlier)) == blocks.noise(
        calibrations, earlier
    )


@given(NUMBERS, st.randoms(use_true_random=False), NOISES)
def test_the_order_of_blocks_does_not_count(
    numbers: list[float], chance: object, noise: BlockNoise
) -> None:
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    found, other = judge_blocks(numbers, noise), judge_blocks(shuffled, noise)
    assert other.outcome == found.outcome
    assert other.ratio == pytest.approx(found.ratio, rel=1e-12)


@given(NUMBERS, NOISES, st.floats(1, 20), st.floats(0, 0.05), COMPARISONS)
def test_more_noise_makes_nothing_sure(
    numbers: list[float], noise: BlockNoise, louder: float, bias: float, comparisons: int
) -> None:
    noisier = replace(noise, deviation=noise.deviation * louder, bias=noise.bias + bias)
    found = judge_blocks(numbers, noise, comparisons=comparisons)
    other = judge_blocks(numbers, noisier, comparisons=comparisons)
    assert other.outcome in (found.outcome, policy.NOT_SURE)
    assert other.ratio == found.ratio
    assert other.low <= found.low
    assert other.high >= found.high


@given(NUMBERS, NOISES, st.floats(0.001, 0.1), COMPARISONS)
def test_a_smaller_threshold_calls_no_change_unchanged(
    numbers: list[float], noise: BlockNoise, threshold: float, comparisons: int
) -> None:
    found = judge_blocks(numbers, noise, threshold=threshold, comparisons=comparisons)
    smaller = judge_blocks(numbers, noise, threshold=threshold / 2, comparisons=comparisons)
    if found.outcome in policy.CHANGED:
        assert smaller.outcome in (found.outcome, policy.NOT_SURE)


@given(NUMBERS, NOISES)
def test_an_outcome_fits_its_numbers(numbers: list[float], noise: BlockNoise) -> None:
    found = judge_blocks(numbers, noise)
    assert 0 < found.low <= found.ratio <= found.high
    assert (found.blocks_needed is None) == (found.outcome != policy.NOT_SURE)
    if found.outcome in policy.CHANGED:
        assert len(numbers) >= policy.LEAST_BLOCKS
        assert abs(math.log(found.ratio)) >= math.log1p(policy.THRESHOLD) * (1 - 1e-9)
        assert not found.low <= 1 <= found.high
    if found.outcome == policy.UNCHANGED:
        limit = policy.EXCLUDED * math.log1p(policy.THRESHOLD)
        assert -limit < math.log(found.low)
        assert math.log(found.high) < limit


@given(
    st.lists(NUMBERS, min_size=2, max_size=6), st.lists(NUMBERS, max_size=3), GROUPS, COMPARISONS
)
def test_later_releases_change_no_older_judgement(
    line: list[list[float]],
    later: list[list[float]],
    calibrations: list[list[float]],
    comparisons: int,
) -> None:
    """Each comparison is judged with the noise of those before it, as the verdicts do."""

    def judged(comparisons_: Sequence[list[float]]) -> list[BlockJudgement]:
        return [
            judge_blocks(
                numbers, blocks.noise(calibrations, comparisons_[:place]), comparisons=comparisons
            )
            for place, numbers in enumerate(comparisons_)
        ]

    assert judged(line + later)[: len(line)] == judged(line)


ANY = st.floats(allow_nan=True, allow_infinity=True)
ANYTHING = st.one_of(ANY, st.sampled_from([0.0, 1e-320, 1499.0, -1499.0, 1e308]))


@given(
    st.lists(ANYTHING, max_size=6),
    st.builds(BlockNoise, ANYTHING, ANYTHING, st.just(""), bias=ANYTHING),
    ANYTHING,
    st.integers(-1, 10**7),
)
def test_extreme_inputs_are_judged_or_refused(
    numbers: list[float], noise: BlockNoise, threshold: float, comparisons: int
) -> None:
    try:
        found = judge_blocks(numbers, noise, threshold=threshold, comparisons=comparisons)
    except ValueError:
        return
    assert 0 < found.low <= found.ratio <= found.high < math.inf


@given(
    st.lists(st.floats(-1499, 1499), min_size=1, max_size=6),
    st.builds(
        BlockNoise,
        st.floats(0, 1499),
        st.floats(1, 1e300),
        st.just(""),
        bias=st.floats(0, 1499),
    ),
    st.floats(0, 1e308, exclude_min=True),
    st.integers(1, 10**6),
)
def test_extreme_inputs_that_can_be_are_judged(
    numbers: list[float], noise: BlockNoise, threshold: float, comparisons: int
) -> None:
    found = judge_blocks(numbers, noise, threshold=threshold, comparisons=comparisons)
    assert 0 < found.low <= found.ratio <= found.high < math.inf


@given(st.lists(st.lists(ANYTHING, max_size=4), max_size=4), st.lists(st.lists(ANYTHING)))
def test_extreme_blocks_tell_a_noise_or_are_refused(
    calibrations: list[list[float]], earlier: list[list[float]]
) -> None:
    try:
        found = blocks.noise(calibrations, earlier)
    except ValueError:
        return
    judge_blocks([0.0, 0.01, -0.01], found)


@given(st.lists(ANYTHING, max_size=4), st.lists(ANYTHING, max_size=4))
def test_extreme_samples_make_a_duet_or_are_refused(
    first: list[float], second: list[float]
) -> None:
    try:
        found = duet(first, second)
    except ValueError:
        return
    assert block(found, -found) == 0
