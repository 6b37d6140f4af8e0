"""The search for the build that brought a change: literal looks with known answers, the properties
that any such search must have, and drawn cases."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggbench.stats import bisection
from vggbench.stats.bisection import (
    Look,
    Search,
    Unmeasured,
    decided,
    elsewhere,
    next_look,
    posterior,
    search,
)
from vggbench.stats.blocks import BlockNoise, judge_blocks
from vggbench.stats.policy import LEAST_BLOCKS, MOST_BLOCKS

USUAL = BlockNoise(0.015, 6.5, "the test")
SHARP = BlockNoise(0.002, 20.0, "the test")

#: Eight builds; the one at place 5 brought 10 %.
NAMED_LOOKS = [
    *(Look(0, 7, 0.1), Look(0, 7, 0.1)),
    *(Look(0, 5, 0.101), Look(0, 5, 0.099)),
    *(Look(0, 4, 0.001), Look(0, 4, -0.001)),
    Look(4, 5, 0.1),
]

#: Nine builds; the change lies behind place 4.
HALVED_LOOKS = [Look(0, 8, 0.1)] * 3 + [Look(0, 4, 0.0)] * 3

BUILDS = 9


@st.composite
def looks_of(draw: st.DrawFn, largest: float = 0.3) -> list[Look]:
    """Up to eight looks at BUILDS builds."""
    places = st.lists(st.integers(0, BUILDS - 1), min_size=2, max_size=2, unique=True)
    numbers = st.floats(-largest, largest)
    return [
        Look(*draw(places), draw(numbers))
        for _ in range(draw(st.integers(min_value=0, max_value=8)))
    ]


NOISES = st.builds(
    BlockNoise, st.floats(0.001, 0.05), st.floats(1, 30), st.just("the test"), bias=st.just(0.0)
)
UNKNOWN = st.sets(st.integers(1, BUILDS - 2))
SECONDS = st.lists(st.floats(1, 1000), min_size=BUILDS, max_size=BUILDS)


def test_before_the_first_look_all_gaps_are_alike() -> None:
    found = posterior(8, [], USUAL)
    assert found.none == pytest.approx(bisection.NONE)
    assert found.gaps == pytest.approx([(1 - bisection.NONE) / 7] * 7)
    assert decided(found, ()).outcome == bisection.OPEN


def test_looks_on_both_sides_of_a_gap_name_its_neighbours() -> None:
    found = posterior(8, NAMED_LOOKS, SHARP)
    decision = decided(found, ())
    assert (decision.outcome, decision.left, decision.right) == (bisection.NAMED, 4, 5)
    assert decision.probability == pytest.approx(found.gaps[4])
    ratio, low, high = found.change
    assert ratio == pytest.approx(math.exp(0.1), abs=0.003)
    assert low < math.exp(0.1) < high
    assert high - low < 0.02


def test_builds_that_are_unknown_may_stand_between_the_neighbours() -> None:
    looks = (
        [Look(0, 7, 0.1)] * 2 + [Look(0, 6, 0.1)] * 2 + [Look(0, 4, 0.0)] * 2 + [Look(4, 6, 0.1)]
    )
    found = posterior(8, looks, SHARP)
    assert decided(found, ()).outcome == bisection.OPEN
    decision = decided(found, {5})
    assert (decision.outcome, decision.left, decision.right) == (bisection.NAMED, 4, 6)
    assert decision.probability == pytest.approx(found.gaps[4] + found.gaps[5])
    assert found.gaps[4] == pytest.approx(found.gaps[5])


def test_the_span_is_the_shortest_that_holds_the_change() -> None:
    found = posterior(9, HALVED_LOOKS, SHARP)
    decision = decided(found, ())
    assert (decision.outcome, decision.left, decision.right) == (bisection.OPEN, 4, 8)
    assert decision.probability >= bisection.SURE
    left, right, probability = found.span((), 0.4)
    assert right - left == 2
    assert left >= 4
    assert 0.4 <= probability < 0.6
    assert found.span({5, 6, 7}, 0.4)[:2] == (4, 8)


def test_where_no_span_holds_the_change_it_is_the_whole_line() -> None:
    left, right, probability = posterior(9, [], USUAL).span((), 0.9)
    assert (left, right) == (0, 8)
    assert probability == pytest.approx(1 - bisection.NONE)


def test_ends_that_do_not_differ_have_no_change_between_them() -> None:
    found = posterior(9, [Look(0, 8, number) for number in (0.002, -0.002) * 5], SHARP)
    decision = decided(found, ())
    assert (decision.outcome, decision.left, decision.right) == (bisection.NO_CHANGE, 0, 8)
    assert decision.probability == found.none


def test_one_look_that_says_otherwise_does_not_decide() -> None:
    for wrong in (Look(0, 5, 0.0), Look(0, 4, 0.1), Look(0, 5, 3.0)):
        found = posterior(8, [*NAMED_LOOKS, wrong], SHARP)
        assert np.argmax(found.gaps) == 4
        assert found.gaps[4] > 0.5


def test_a_look_that_says_otherwise_makes_the_name_less_likely() -> None:
    before = posterior(8, NAMED_LOOKS, SHARP).gaps[4]
    assert posterior(8, [*NAMED_LOOKS, Look(4, 5, 0.0)], SHARP).gaps[4] < before


def test_a_direct_look_without_the_change_speaks_against_the_pair() -> None:
    looks = NAMED_LOOKS[:-1]
    before = posterior(8, looks, USUAL).gaps[4]
    with_it = posterior(8, [*looks, *[Look(4, 5, 0.1)] * 3], USUAL).gaps[4]
    without = posterior(8, [*looks, *[Look(4, 5, 0.0)] * 3], USUAL).gaps[4]
    assert without < before < with_it


def test_a_noisier_machine_is_less_sure() -> None:
    sharp, loud, louder = (
        posterior(8, NAMED_LOOKS, BlockNoise(deviation, 6.5, "the test")).gaps[4]
        for deviation in (0.002, 0.04, 0.15)
    )
    assert louder < loud < sharp


def test_looks_at_two_builds_do_not_outdo_their_bias() -> None:
    biased = BlockNoise(0.005, 20.0, "the test", bias=0.02)
    looks = [Look(0, 8, 0.02)] * 40
    assert posterior(9, looks, BlockNoise(0.005, 20.0, "the test")).none < 0.01
    assert posterior(9, looks, biased).none > 0.2


def test_the_next_look_is_in_the_middle_of_what_is_likely() -> None:
    found = posterior(17, [Look(0, 16, 0.1)] * 3, SHARP)
    assert next_look(found, [60.0] * 17, ()) == 8
    assert next_look(found, [60.0] * 17, {8}) in {7, 9}
    lower = posterior(17, [Look(0, 16, 0.1)] * 3 + [Look(0, 8, 0.1)] * 3, SHARP)
    assert next_look(lower, [60.0] * 17, ()) == 4


def test_a_cheaper_build_is_looked_at_first() -> None:
    found = posterior(17, [Look(0, 16, 0.1)] * 3, SHARP)
    seconds = [60.0] * 17
    seconds[6] = 30.0
    assert next_look(found, seconds, ()) == 6


def test_where_nothing_is_left_to_be_told_there_is_no_next_look() -> None:
    found = posterior(4, [Look(0, 3, 0.1)] * 30, SHARP)
    assert next_look(found, [60.0] * 4, ()) in {1, 2}
    assert next_look(found, [60.0] * 4, {1, 2}) is None


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (Look(0, 8, 0.0), "places 0 and 8 of 8 builds"),
        (Look(-1, 3, 0.0), "places -1 and 3"),
        (Look(3, 3, 0.0), "place 3 against itself"),
        (Look(0, 3, math.nan), "nan is not the logarithm"),
        (Look(0, 3, math.inf), "inf is not the logarithm"),
        (Look(0, 3, 1e9), "is not the logarithm"),
    ],
)
def test_a_look_that_cannot_be_is_refused(look: Look, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        posterior(8, [look], USUAL)


@pytest.mark.parametrize(
    ("builds", "noise", "said"),
    [
        (1, USUAL, "1 builds have nothing between them"),
        (8, BlockNoise(math.nan, 5.0, ""), "no noise: nan"),
        (8, BlockNoise(0.01, 0.0, ""), "with 0.0 degrees"),
        (8, BlockNoise(0.01, 5.0, "", bias=-1.0), "a bias of -1.0"),
    ],
)
def test_builds_and_noise_that_cannot_be_are_refused(
    builds: int, noise: BlockNoise, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        posterior(builds, [], noise)


def test_an_end_that_is_unknown_is_refused() -> None:
    found = posterior(8, [], USUAL)
    for end in (0, 7, 8):
        with pytest.raises(ValueError, match="not all between the ends"):
            decided(found, {end})
        with pytest.raises(ValueError, match="not all between the ends"):
            next_look(found, [60.0] * 8, {end})


@pytest.mark.parametrize("seconds", [[60.0] * 7, [60.0] * 7 + [0.0], [60.0] * 7 + [math.nan]])
def test_seconds_that_are_none_are_refused(seconds: list[float]) -> None:
    with pytest.raises(ValueError, match="the seconds of"):
        next_look(posterior(8, [], USUAL), seconds, ())


@pytest.mark.parametrize("share", [0.0, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="is not between 0 and 1"):
        posterior(8, [], USUAL).span((), share)


@settings(max_examples=50)
@given(
    looks_of(largest=1499.0),
    st.floats(0, 100),
    st.floats(1, 1000),
    st.one_of(st.just(0.0), st.floats(0.001, 100)),
)
def test_probabilities_are_1_together_whatever_was_seen(
    looks: list[Look], deviation: float, degrees: float, bias: float
) -> None:
    found = posterior(BUILDS, looks, BlockNoise(deviation, degrees, "the test", bias=bias))
    assert found.gaps.shape == (BUILDS - 1,)
    assert (found.gaps >= 0).all()
    assert found.none >= 0
    assert found.gaps.sum() + found.none == pytest.approx(1)
    ratio, low, high = found.change
    assert 0 < low <= ratio <= high < math.inf


@settings(max_examples=50)
@given(looks_of(), NOISES)
def test_slower_and_faster_are_alike(looks: list[Look], noise: BlockNoise) -> None:
    found = posterior(BUILDS, looks, noise)
    mirrored = posterior(
        BUILDS, [Look(look.before, look.after, -look.log_ratio) for look in looks], noise
    )
    assert mirrored.gaps == pytest.approx(found.gaps, abs=1e-9)
    assert mirrored.none == pytest.approx(found.none, abs=1e-9)


def test_a_faster_build_is_told_like_a_slower_one() -> None:
    slower = posterior(8, NAMED_LOOKS, SHARP)
    faster = posterior(
        8, [Look(look.before, look.after, -look.log_ratio) for look in NAMED_LOOKS], SHARP
    )
    ratio, low, high = slower.change
    assert faster.change == pytest.approx((1 / ratio, 1 / high, 1 / low))
    assert next_look(faster, [60.0] * 8, ()) == next_look(slower, [60.0] * 8, ())


@settings(max_examples=50)
@given(looks_of(), NOISES, st.randoms(use_true_random=False))
def test_the_order_of_looks_does_not_matter(
    looks: list[Look], noise: BlockNoise, shuffle: random.Random
) -> None:
    shuffled = [*looks]
    shuffle.shuffle(shuffled)
    found, again = (posterior(BUILDS, some, noise) for some in (looks, shuffled))
    assert again.gaps == pytest.approx(found.gaps, abs=1e-9)
    assert again.none == pytest.approx(found.none, abs=1e-9)


@settings(max_examples=50)
@given(looks_of(), NOISES)
def test_it_does_not_matter_which_build_of_a_look_is_divided_by(
    looks: list[Look], noise: BlockNoise
) -> None:
    turned = [Look(look.after, look.before, -look.log_ratio) for look in looks]
    assert posterior(BUILDS, turned, noise).gaps == pytest.approx(
        posterior(BUILDS, looks, noise).gaps
    )


@settings(max_examples=50)
@given(looks_of(), NOISES, SECONDS, UNKNOWN, st.floats(0.01, 1000))
def test_the_next_look_is_at_a_known_build_whatever_the_unit_of_time(
    looks: list[Look],
    noise: BlockNoise,
    seconds: list[float],
    unknown: set[int],
    unit: float,
) -> None:
    found = posterior(BUILDS, looks, noise)
    place = next_look(found, seconds, unknown)
    assert place is None or place in {*range(1, BUILDS)} - unknown
    assert next_look(found, [unit * one for one in seconds], unknown) == place


@settings(max_examples=50)
@given(looks_of(), NOISES, UNKNOWN, st.floats(0.05, 1))
def test_a_span_ends_at_known_builds_and_holds_its_share(
    looks: list[Look], noise: BlockNoise, unknown: set[int], share: float
) -> None:
    found = posterior(BUILDS, looks, noise)
    left, right, probability = found.span(unknown, share)
    assert left < right
    assert not {left, right} & unknown
    assert probability == pytest.approx(found.gaps[left:right].sum(), abs=1e-9)
    assert probability >= share or (left, right) == (0, BUILDS - 1)
    assert found.likeliest(unknown)[2] >= found.gaps.max() - 1e-9


def test_what_is_stated_is_how_often_it_is_true() -> None:
    """1500 cases, drawn as the prior says, half of them without a change. The likeliest hypothesis
    is true as often as stated, within four deviations of what so many drawn tell."""
    draw = np.random.default_rng(31)
    noise = BlockNoise(0.01, 20.0, "the test")
    stated, right = [], []
    for _ in range(1500):
        gap = 0 if draw.random() < bisection.NONE else int(draw.integers(1, 8))
        change = bisection.USUAL_CHANGE * float(draw.standard_cauchy())
        deviation = 0.01 * math.sqrt(20 / draw.chisquare(20))
        wrong = draw.choice(bisection.WRONG)
        looks = []
        for place in (7, 7, *draw.integers(1, 8, size=9).tolist()):
            beyond = 0 < gap <= place
            number = (change if beyond else 0.0) + deviation * draw.normal()
            if draw.random() < wrong:
                if gap and draw.random() < 0.5:
                    number = (0.0 if beyond else change) + deviation * draw.normal()
                else:
                    number = bisection.WIDE * noise.deviation * float(draw.standard_cauchy())
            looks.append(Look(0, place, max(-1000.0, min(1000.0, number))))
        found = posterior(8, looks, noise)
        chances = [found.none, *found.gaps]
        stated.append(max(chances))
        right.append(int(np.argmax(chances)) == gap)
    bounds = [0.0, 0.5, 0.8, 0.95, 1.01]
    which = np.digitize(stated, bounds)
    for number in range(1, len(bounds)):
        of_bin = which == number
        if of_bin.sum() < 50:
            continue
        claimed, true = np.mean(np.array(stated)[of_bin]), np.mean(np.array(right)[of_bin])
        error = math.sqrt(max(0.01, claimed * (1 - claimed)) / of_bin.sum())
        assert true == pytest.approx(claimed, abs=4 * error), bounds[number]
    assert np.mean(right) == pytest.approx(np.mean(stated), abs=0.04)


@pytest.mark.parametrize(("change", "wrong"), [(0.03, 0.0), (0.05, 0.2)])
def test_a_change_between_the_ends_is_not_claimed_more_often_than_it_is_right(
    change: float, wrong: float
) -> None:
    """500 cases with a change of one size, whose looks are wrong as the other side would be."""
    draw = np.random.default_rng(32)
    stated, right = [], []
    for _ in range(500):
        gap = int(draw.integers(1, 12))
        looks = [
            Look(
                0,
                place,
                change * ((gap <= place) != (draw.random() < wrong)) + 0.015 * draw.normal(),
            )
            for place in (11, 11, 11, *draw.integers(1, 12, size=17).tolist())
        ]
        found = posterior(12, looks, BlockNoise(0.015, 20.0, "the test"))
        stated.append(float(found.gaps.max()))
        right.append(int(np.argmax(found.gaps)) == gap - 1)
    assert np.mean(stated) < np.mean(right) + 0.08
    assert np.mean(right) > 0.2


class DrawnBuilds:
    """Builds whose blocks are drawn.

    ``levels``: of the builds, as log ratios to the first. ``wrong``: the share of blocks whose
    number is as if the other one of the two builds stood beside itself, or had the last one's
    level. ``gone``: places that cannot be measured.
    """

    def __init__(
        self,
        seed: int,
        levels: Sequence[float],
        deviation: float = 0.015,
        wrong: float = 0.0,
        gone: Collection[int] = (),
    ) -> None:
        self.draw = np.random.default_rng(seed)
        self.levels = levels
        self.deviation = deviation
        self.wrong = wrong
        self.gone = frozenset(gone)
        self.looked_at: list[tuple[int, int]] = []

    def look(self, before: int, after: int) -> float | Unmeasured:
        self.looked_at.append((before, after))
        for place in (before, after):
            if place in self.gone:
                return Unmeasured(place)
        level = self.levels[after] - self.levels[before]
        if self.draw.random() < self.wrong:
            level = self.levels[-1] - level
        return level + self.deviation * float(self.draw.normal())

    def seconds(self) -> list[float]:
        """A block takes 60 s, and an installation as long again."""
        installed = {0, *(place for pair in self.looked_at for place in pair)}
        return [60.0 if place in installed else 120.0 for place in range(len(self.levels))]

    def search(self, noise: BlockNoise | None = None, **options: object) -> Search:
        known = noise or BlockNoise(self.deviation, 10.0, "the test")
        return search(len(self.levels), self.look, known, seconds=self.seconds, **options)


def stepped(builds: int, **steps: float) -> list[float]:
    """The levels of builds, of which those named p5, p9, ... brought a change of this log ratio."""
    at = {int(name[1:]): step for name, step in steps.items()}
    return np.cumsum([at.get(place, 0.0) for place in range(builds)]).tolist()


def is_right(found: Search, levels: Sequence[float]) -> bool:
    """Whether a change lies between the neighbours that were named."""
    left, right = found.decision.left, found.decision.right
    return found.decision.outcome == bisection.NAMED and levels[left] != levels[right]


def test_a_change_without_noise_is_found_with_few_looks() -> None:
    builds = DrawnBuilds(1, stepped(12, p7=0.1), deviation=0.0)
    found = builds.search(SHARP)
    assert found.ended == bisection.FOUND
    assert (found.decision.outcome, found.decision.left, found.decision.right) == ("named", 6, 7)
    assert found.decision.probability >= bisection.SURE
    assert len(found.looks) < 25
    assert found.ends is not None
    assert found.ends.ratio == pytest.approx(math.exp(0.1))
    assert found.pair is not None
    assert found.pair.ratio == pytest.approx(math.exp(0.1))
    assert not found.is_other_change
    assert found.change[1] < math.exp(0.1) < found.change[2]
    direct = [look for look in found.looks if (look.before, look.after) == (6, 7)]
    assert len(direct) >= LEAST_BLOCKS
    assert {0, 6, 7, 11} <= found.visited


def test_a_search_begins_at_both_ends() -> None:
    builds = DrawnBuilds(1, stepped(12, p7=0.1))
    builds.search()
    assert builds.looked_at[:LEAST_BLOCKS] == [(0, 11)] * LEAST_BLOCKS


def test_the_only_two_builds_are_the_pair() -> None:
    found = DrawnBuilds(1, [0.0, 0.1], deviation=0.0).search(SHARP)
    assert (found.ended, found.decision.left, found.decision.right) == (bisection.FOUND, 0, 1)
    assert found.elsewhere is None
    assert len(found.looks) == LEAST_BLOCKS


def test_ends_that_are_unchanged_end_a_search() -> None:
    found = DrawnBuilds(1, [0.0] * 12, deviation=0.0).search(SHARP)
    assert found.ended == bisection.UNCHANGED_ENDS
    assert found.decision.outcome == bisection.NO_CHANGE
    assert found.visited == {0, 11}
    assert found.pair is None


def test_ends_that_stay_unsure_end_a_search() -> None:
    numbers = itertools.cycle([0.5, -0.5])
    found = search(12, lambda before, after: next(numbers), USUAL, seconds=lambda: [60.0] * 12)
    assert found.ended == bisection.UNSURE_ENDS
    assert len(found.looks) == MOST_BLOCKS
    assert (found.decision.outcome, found.decision.left, found.decision.right) == ("open", 0, 11)


def test_a_build_that_cannot_be_measured_is_stepped_over() -> None:
    builds = DrawnBuilds(1, stepped(12, p6=0.1), deviation=0.0, gone={5, 6, 7})
    found = builds.search(SHARP)
    assert (found.ended, found.decision.left, found.decision.right) == (bisection.FOUND, 4, 8)
    assert found.unknown <= {5, 6, 7}
    asked = [place for pair in builds.looked_at for place in pair]
    assert max(asked.count(place) for place in (5, 6, 7)) == 1


def test_a_spent_budget_ends_a_search_with_the_span_so_far() -> None:
    nothing = DrawnBuilds(1, stepped(12, p7=0.1)).search(allows=lambda _: False)
    assert nothing.ended == bisection.OUT_OF_BUDGET
    assert (nothing.looks, nothing.ends) == ((), None)
    assert (nothing.decision.left, nothing.decision.right) == (0, 11)
    builds = DrawnBuilds(1, stepped(12, p7=0.1), deviation=0.0)
    asked: list[float] = []

    def allows(seconds: float) -> bool:
        asked.append(seconds)
        return len(builds.looked_at) < 6

    found = builds.search(SHARP, allows=allows)
    assert found.ended == bisection.OUT_OF_BUDGET
    assert len(found.looks) == 6
    assert found.decision.left <= 6 < 7 <= found.decision.right
    assert asked[:2] == [120.0, 60.0]


def test_the_most_looks_end_a_search() -> None:
    found = DrawnBuilds(1, stepped(12, p7=0.1)).search(most=5)
    assert found.ended == bisection.TOO_MANY_LOOKS
    assert len(found.looks) == 5


def test_a_name_takes_direct_looks() -> None:
    """Without the direct ones the looks are sure, and the search goes on with direct ones."""
    looks = [Look(0, 7, 0.1)] * 4 + [Look(0, 5, 0.1)] * 4 + [Look(0, 4, 0.0)] * 4
    assert decided(posterior(8, looks, SHARP), ()).outcome == bisection.NAMED
    builds = DrawnBuilds(1, stepped(8, p5=0.1), deviation=0.0)
    stopped = builds.search(SHARP, looks=looks, allows=lambda _: False)
    assert stopped.decision.outcome == bisection.OPEN
    assert (stopped.decision.left, stopped.decision.right) == (4, 5)
    assert builds.search(SHARP, looks=looks).ended == bisection.FOUND
    assert builds.looked_at == [(4, 5)] * LEAST_BLOCKS


def test_a_search_that_was_ended_goes_on_where_it_was() -> None:
    levels = stepped(12, p7=0.05)
    whole = DrawnBuilds(4, levels, gone={6}).search()
    builds = DrawnBuilds(4, levels, gone={6})
    part = builds.search(allows=lambda _: len(builds.looked_at) < 5)
    assert part.ended == bisection.OUT_OF_BUDGET
    rest = builds.search(looks=part.looks, unknown=part.unknown)
    assert rest.looks == whole.looks
    assert (rest.ended, rest.decision) == (whole.ended, whole.decision)


def test_each_look_is_told() -> None:
    told: list[Search] = []
    builds = DrawnBuilds(1, stepped(12, p6=0.1), deviation=0.0, gone={6})
    found = builds.search(SHARP, on_look=told.append)
    assert len(told) == len(builds.looked_at) == len(found.looks) + len(found.unknown)
    assert [one.ended for one in told] == [None] * len(told)
    assert told[-1].looks == found.looks


@pytest.mark.parametrize(
    ("came", "said"), [(Unmeasured(11), "11 unmeas"), (Unmeasured(5), "5 unm")]
)
def test_an_end_that_cannot_be_measured_is_refused(came: Unmeasured, said: str) -> None:
    with pytest.raises(ValueError, match=f"found place {said}"):
        search(12, lambda before, after: came, USUAL, seconds=lambda: [60.0] * 12)


def test_what_a_look_raises_ends_the_search() -> None:
    def look(before: int, after: int) -> float:
        raise TimeoutError("the machine is busy")

    with pytest.raises(TimeoutError, match="busy"):
        search(12, look, USUAL, seconds=lambda: [60.0] * 12)


def test_a_pair_that_explains_all_leaves_nothing_elsewhere() -> None:
    ends = judge_blocks([0.101, 0.099, 0.1, 0.1], SHARP)
    ratio, low, high = elsewhere(ends, judge_blocks([0.1, 0.102, 0.098], SHARP))
    assert ratio == pytest.approx(1, abs=0.002)
    assert low < 1 < high
    ratio, low, high = elsewhere(ends, judge_blocks([0.04, 0.042, 0.038], SHARP))
    assert ratio == pytest.approx(math.exp(0.06), abs=0.002)
    assert 1 < low < ratio < high


def test_where_the_pair_explains_a_part_the_direct_looks_tell_the_change() -> None:
    looks = [Look(0, 7, 0.1)] * 4 + [Look(0, 5, 0.06)] * 6 + [Look(0, 4, 0.0)] * 6
    looks += [Look(4, 5, 0.06)] * 6
    builds = DrawnBuilds(1, stepped(8, p5=0.06, p6=0.04), deviation=0.0)
    found = builds.search(SHARP, looks=looks, allows=lambda _: False)
    assert (found.decision.left, found.decision.right) == (4, 5)
    assert found.is_other_change
    assert found.pair is not None
    assert found.change == (found.pair.ratio, found.pair.low, found.pair.high)
    assert found.elsewhere is not None
    assert found.elsewhere[0] == pytest.approx(math.exp(0.04), abs=0.002)


def drawn(
    change: float, *, wrong: float = 0.0, share_gone: float = 0.0
) -> list[tuple[Search, list[float]]]:
    """Twelve searches over 16 builds, with a change at a drawn place, and the levels of each."""
    searches = []
    for seed in range(12):
        draw = np.random.default_rng(1000 + seed)
        levels = stepped(16, **{f"p{draw.integers(1, 16)}": change})
        gone = [place for place in range(1, 15) if draw.random() < share_gone]
        builds = DrawnBuilds(seed, levels, wrong=wrong, gone=gone)
        searches.append((builds.search(), levels))
    return searches


@pytest.mark.parametrize(
    "options",
    [
        {"change": 0.03},
        {"change": 0.06, "wrong": 0.2},
        {"change": 0.05, "share_gone": 0.3},
        {"change": -0.05},
    ],
)
def test_drawn_changes_are_named_and_hardly_any_wrongly(options: dict[str, float]) -> None:
    """Of 12 searches each, more than half name the change, and at most two something else."""
    searches = drawn(**options)
    named = [found.decision.outcome == bisection.NAMED for found, _ in searches]
    right = [is_right(found, levels) for found, levels in searches]
    assert sum(right) > 6
    assert sum(named) - sum(right) <= 2
    assert all(not {f.decision.left, f.decision.right} & f.unknown for f, _ in searches)


def test_without_a_change_hardly_any_search_names_one() -> None:
    ended = [found.ended for found, _ in drawn(0.0)]
    assert ended.count(bisection.UNCHANGED_ENDS) > 8
    assert ended.count(bisection.FOUND) <= 1


def test_of_two_changes_one_is_named_or_none() -> None:
    """Looks between the two changes fit neither end. Whatever is named is one of the two."""
    wrong = 0
    for seed in range(12):
        levels = stepped(16, p4=0.05, p11=0.05)
        found = DrawnBuilds(seed, levels, deviation=0.01).search()
        wrong += found.decision.outcome == bisection.NAMED and not is_right(found, levels)
    assert wrong <= 2
