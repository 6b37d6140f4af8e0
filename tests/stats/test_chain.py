"""The chain of levels and its loops, on literal series, by properties, and by drawing."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench.stats.chain import (
    LEAST_BLOCKS_A_LINK,
    STRIDE,
    Chain,
    Component,
    Link,
    chain,
    closing,
)

#: Six blocks about 0, as a machine gives them.
BLOCKS = (-0.012, 0.009, 0.001, 0.014, -0.007, -0.005)


def link(before: int, after: int, size: float = 0.0, blocks: Sequence[float] = BLOCKS) -> Link:
    return Link(before=before, after=after, numbers=tuple(size + one for one in blocks))


def line(levels: Sequence[float], extra: Sequence[tuple[int, int]] = ()) -> list[Link]:
    """Links of neighbours, and those that are extra, that all agree."""
    ends = [(place, place + 1) for place in range(len(levels) - 1)] + [*extra]
    return [link(before, after, levels[after] - levels[before]) for before, after in ends]


def logs(component: Component) -> dict[int, float]:
    return {level.place: level.log for level in component.levels}


LEVELS = [0.0, 0.02, 0.05, -0.1, -0.1, 0.03, 0.03, 0.04, 0.2, 0.21, 0.2]
LOOPS = [(0, 5), (5, 10), (0, 10)]


def test_levels_are_the_ratios_of_the_links_multiplied() -> None:
    found = chain([link(0, 1, 0.02), link(1, 2, -0.05)], 0)
    (component,) = found.components
    middle = logs(chain([link(0, 1)], 0).components[0])[1]
    assert logs(component) == pytest.approx({0: 0.0, 1: 0.02 + middle, 2: -0.03 + 2 * middle})
    base, first, second = component.levels
    assert (base.ratio, base.low, base.high, base.error) == (1.0, 1.0, 1.0, 0.0)
    assert first.ratio == pytest.approx(math.exp(first.log))
    assert first.low < first.ratio < first.high
    # The second is two links away from the base.
    assert second.error == pytest.approx(math.sqrt(2) * first.error)
    assert found.loops == ()
    assert (found.between_links, found.disagreement, found.chance) == (0.0, None, None)


def test_more_blocks_make_a_level_surer() -> None:
    few, many = (chain([link(0, 1, blocks=BLOCKS * n)], 0).components[0].levels[1] for n in (1, 4))
    assert many.high / many.low < few.high / few.low
    assert many.degrees > few.degrees


def test_a_calibration_tells_what_blocks_scatter_by() -> None:
    (alone,), (told,) = (
        chain([link(0, 1)], 0).components,
        chain([link(0, 1)], 0, deviation=0.01, degrees=60).components,
    )
    assert told.levels[1].degrees > alone.levels[1].degrees
    assert told.levels[1].high < alone.levels[1].high


def test_a_louder_link_makes_only_the_levels_behind_it_less_sure() -> None:
    links = line([0.0] * 8)
    loud = [*links[:6], link(6, 7, blocks=[8 * one for one in BLOCKS])]
    (calm,), (found,) = chain(links, 0).components, chain(loud, 0).components
    assert found.levels[7].error > 2 * calm.levels[7].error
    assert found.levels[6].error < 1.5 * calm.levels[6].error


def test_a_block_far_off_moves_no_level_far() -> None:
    disturbed = [*BLOCKS[:-1], 0.7]
    calm = chain(line([0.0] * 4), 0).components[0].levels[1]
    found = chain([link(0, 1, blocks=disturbed), *line([0.0] * 4)[1:]], 0).components[0].levels[1]
    assert abs(found.log - calm.log) < 0.01
    assert found.low < 1 < found.high


def test_a_link_of_few_blocks_is_left_out() -> None:
    few = link(1, 2, 0.1, BLOCKS[:-1])
    found = chain([link(0, 1), few], 0)
    assert found.left_out == (few,)
    assert [level.place for level in found.components[0].levels] == [0, 1]
    assert len(few.numbers) == LEAST_BLOCKS_A_LINK - 1


def test_blocks_of_the_same_two_releases_are_one_link() -> None:
    halves = [
        Link(before=0, after=1, numbers=BLOCKS[:3]),
        Link(before=1, after=0, numbers=tuple(-one for one in BLOCKS[3:])),
    ]
    assert chain(halves, 0) == chain([link(0, 1)], 0)


def test_without_links_there_are_no_levels() -> None:
    found = chain([], 0)
    assert (found.components, found.loops, found.left_out) == ((), (), ())


def test_components_that_no_link_connects_stay_apart() -> None:
    found = chain([link(0, 1), link(1, 2), link(5, 6), link(6, 7)], 1)
    assert [component.base for component in found.components] == [1, 5]
    assert [[level.place for level in component.levels] for component in found.components] == [
        [0, 1, 2],
        [5, 6, 7],
    ]
    assert logs(found.components[1])[5] == 0.0


def test_a_base_that_nothing_was_linked_to_leaves_each_component_its_first() -> None:
    assert [one.base for one in chain([link(2, 3), link(5, 6)], 9).components] == [2, 5]


def test_ways_that_agree_close_their_loop() -> None:
    found = chain(line(LEVELS, LOOPS), 0)
    assert [(loop.before, loop.after) for loop in found.loops] == [(0, 5), (0, 10), (5, 10)]
    assert found.loops[0].through == (0, 1, 2, 3, 4, 5)
    assert not any(loop.misfits for loop in found.loops)
    assert all(loop.low < 1 < loop.high for loop in found.loops)
    assert found.loops[0].misfit == pytest.approx(found.loops[0].direct / found.loops[0].around)
    assert found.between_links == 0.0
    assert found.chance is not None
    assert found.chance > 0.5


def test_a_link_between_far_releases_makes_their_ratio_surer() -> None:
    without, closed = (chain(line(LEVELS, extra), 0).components[0] for extra in ([], LOOPS))
    assert closed.levels[10].error < 0.6 * without.levels[10].error


def wrong(links: Sequence[Link], number: int, by: float) -> list[Link]:
    return [
        Link(before=link.before, after=link.after, numbers=tuple(x + by for x in link.numbers))
        if place == number
        else link
        for place, link in enumerate(links)
    ]


def misfitting(found: Chain) -> list[tuple[int, int]]:
    return [(loop.before, loop.after) for loop in found.loops if loop.misfits]


def test_a_wrong_link_is_seen_in_the_loops_that_it_is_on() -> None:
    links = line(LEVELS, LOOPS)
    neighbours = chain(wrong(links, 7, 0.08), 0)
    assert misfitting(neighbours) == [(0, 10), (5, 10)]
    far = chain(wrong(links, 10, 0.08), 0)
    assert misfitting(far) == [(0, 5)]
    assert far.loops[0].misfit == pytest.approx(1.08, abs=0.01)
    assert far.loops[0].low > 1


def test_levels_are_no_surer_than_the_loops_let_them_be() -> None:
    links = line(LEVELS, LOOPS)
    agreeing, found = chain(links, 0), chain(wrong(links, 10, 0.08), 0)
    assert found.chance is not None
    assert found.chance < 0.001
    assert found.disagreement is not None
    assert found.disagreement > 3
    assert 0.01 < found.between_links < 0.08
    for level, before in zip(
        found.components[0].levels[1:], agreeing.components[0].levels[1:], strict=True
    ):
        assert level.error > 2 * before.error
        # Loops are few, so how much links differ is not well known.
        assert level.degrees < before.degrees


def test_where_a_neighbour_is_missing_a_longer_link_connects() -> None:
    links = [link for link in line(LEVELS, LOOPS) if (link.before, link.after) != (2, 3)]
    found = chain(links, 0)
    assert len(found.components) == 1
    assert [(loop.before, loop.after, loop.through) for loop in found.loops] == [
        (0, 10, (0, 5, 6, 7, 8, 9, 10)),
        (5, 10, (5, 6, 7, 8, 9, 10)),
    ]


def test_a_link_of_a_release_with_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="place 3 with itself"):
        chain([link(3, 3)], 0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="is not finite"):
        chain([link(0, 1, blocks=[*BLOCKS, bad])], 0)


PAIRS = st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1])
NUMBERS = st.lists(st.floats(-0.5, 0.5), min_size=4, max_size=9).map(tuple)
LINKS = st.lists(
    st.builds(
        lambda pair, numbers: Link(before=pair[0], after=pair[1], numbers=numbers), PAIRS, NUMBERS
    ),
    max_size=20,
    unique_by=lambda link: frozenset((link.before, link.after)),
)


@given(
    st.lists(st.floats(-1, 1), min_size=10, max_size=10),
    st.lists(PAIRS, min_size=1, max_size=20),
    st.integers(0, 9),
)
def test_without_noise_the_levels_are_exact(
    levels: list[float], pairs: list[tuple[int, int]], base: int
) -> None:
    found = chain(
        [
            Link(before=before, after=after, numbers=(levels[after] - levels[before],) * 6)
            for before, after in pairs
        ],
        base,
    )
    for component in found.components:
        for level in component.levels:
            assert level.log == pytest.approx(
                levels[level.place] - levels[component.base], abs=1e-9
            )
    assert not any(loop.misfits for loop in found.loops)
    assert found.between_links == 0.0


@given(LINKS, st.integers(0, 9), st.integers(0, 9))
def test_another_base_shifts_all_levels(links: list[Link], old: int, new: int) -> None:
    for was, now in zip(chain(links, old).components, chain(links, new).components, strict=True):
        shift = logs(was)[now.base]
        for one, other in zip(was.levels, now.levels, strict=True):
            assert other.log == pytest.approx(one.log - shift, abs=1e-7)


def about(found: Chain) -> list[float]:
    levels = [level for component in found.components for level in component.levels]
    return [
        *(
            number
            for level in levels
            for number in (level.place, level.log, level.error, level.degrees)
        ),
        *(number for loop in found.loops for number in (loop.before, loop.after, loop.misfit)),
        found.between_links,
    ]


@given(LINKS, st.randoms(use_true_random=False))
def test_neither_the_direction_of_links_nor_their_order_matters(
    links: list[Link], draw: random.Random
) -> None:
    turned = [
        Link(before=link.after, after=link.before, numbers=tuple(-x for x in link.numbers))
        if draw.random() < 0.5
        else link
        for link in links
    ]
    draw.shuffle(turned)
    assert about(chain(turned, 0)) == pytest.approx(about(chain(links, 0)), rel=1e-6, abs=1e-9)


@given(LINKS)
def test_every_link_that_counts_is_in_one_component(links: list[Link]) -> None:
    found = chain(links, 0)
    component_of = {
        level.place: place
        for place, component in enumerate(found.components)
        for level in component.levels
    }
    counted = [link for link in links if len(link.numbers) >= LEAST_BLOCKS_A_LINK]
    assert sum(len(component.levels) for component in found.components) == len(component_of)
    assert {*component_of} == {place for link in counted for place in (link.before, link.after)}
    assert all(component_of[link.before] == component_of[link.after] for link in counted)
    assert len(found.left_out) == len(links) - len(counted)
    # As many loops as links beyond what connects.
    assert len(found.loops) == len(counted) - len(component_of) + len(found.components)
    for loop in found.loops:
        assert loop.through[0] == loop.before < loop.after == loop.through[-1]
        assert len({*loop.through}) == len(loop.through) >= 3
        assert loop.low <= loop.misfit <= loop.high


def drawn(draw: np.random.Generator, between: float = 0.0) -> tuple[Chain, list[float]]:
    """The chain of a line of 21 releases with blocks of 1.5 %, and the true levels."""
    levels = [0.0, *np.cumsum(draw.normal(0, 0.03, 20))]
    ends = [(place, place + 1) for place in range(20)] + closing([1] * 9 + [2] * 12)
    links = [
        link(before, after, levels[after] - levels[before], off + draw.normal(0, 0.015, 6))
        for before, after in ends
        for off in [draw.normal(0, between)]
    ]
    return chain(links, 0), levels


def covered(chains: Sequence[tuple[Chain, list[float]]]) -> float:
    return float(
        np.mean(
            [
                math.log(level.low) <= levels[level.place] <= math.log(level.high)
                for found, levels in chains
                for level in found.components[0].levels[1:]
            ]
        )
    )


def test_intervals_have_the_true_level_as_often_as_they_say() -> None:
    draw = np.random.default_rng(1)
    chains = [drawn(draw) for _ in range(200)]
    assert 0.94 < covered(chains) < 0.98
    alarms = [any(loop.misfits for loop in found.loops) for found, _ in chains]
    assert 0 < np.mean(alarms) < 0.1
    beyond = [found.chance < 0.05 for found, _ in chains if found.chance is not None]
    assert 0 < np.mean(beyond) < 0.1


def test_intervals_have_it_where_links_differ_by_more_than_their_blocks() -> None:
    draw = np.random.default_rng(1)
    chains = [drawn(draw, between=0.015) for _ in range(200)]
    assert 0.9 < covered(chains) < 0.98
    assert np.mean([found.between_links for found, _ in chains]) == pytest.approx(0.015, rel=0.2)
    assert np.mean([any(loop.misfits for loop in found.loops) for found, _ in chains]) > 0.5


def test_from_six_blocks_on_ending_a_link_when_it_looks_sure_hardly_moves_it() -> None:
    """Changes of 3 % in blocks of 1.5 %, ended at the first look that finds 2 % or more and far
    from 0, or surely little, 20 blocks at most."""
    draw = np.random.default_rng(1)
    counts = np.arange(1, 21)
    means = np.cumsum(draw.normal(0.03, 0.015, (40000, 20)), axis=1) / counts
    errors = 0.015 / np.sqrt(counts)
    changed = (means > 0.02) & (means > 2.9 * errors)
    unchanged = (means < 0.02) & (means + 2 * errors < 0.05)

    def overstated(least: int) -> float:
        sure = changed | unchanged
        sure[:, : least - 1], sure[:, -1] = False, True
        return float(np.mean(means[np.arange(len(means)), sure.argmax(axis=1)])) - 0.03

    assert overstated(3) > 0.0002
    assert abs(overstated(LEAST_BLOCKS_A_LINK)) < 0.0001


def test_closing_links_are_each_fifth_release_and_each_major_version() -> None:
    assert closing([1] * 6 + [2] * 9 + [3]) == [(0, 5), (5, 10), (6, 14), (10, 15)]
    assert closing([1] * 4) == [(0, 3)]


def test_what_two_rules_ask_for_is_asked_for_once() -> None:
    assert closing([1] * 6) == [(0, 5)]


@pytest.mark.parametrize("majors", [[], [1], [1, 1], [1, 2], [1, 1, 2, 2]])
def test_neighbours_close_nothing(majors: list[int]) -> None:
    assert closing(majors) == []


@given(st.lists(st.integers(0, 4), max_size=60).map(sorted), st.integers(4, 5))
def test_closing_pairs_are_in_the_line_and_no_neighbours(majors: list[int], later: int) -> None:
    found = closing(majors)
    assert found == sorted({*found})
    assert all(0 <= before < after - 1 < len(majors) - 1 for before, after in found)
    # A later release takes none away but those with what was the last.
    gone = {*found} - {*closing([*majors, later])}
    assert all(after == len(majors) - 1 for _, after in gone)
    assert not gone & {(place - STRIDE, place) for place in range(STRIDE, len(majors), STRIDE)}
