"""What the parts of a step differ by, on literal duets with known answers."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench.stats import parts
from vggbench.stats.parts import STEP, Duet, differences

#: What a process that is started second takes, by what it takes otherwise.
SECOND = 0.97


def duet(
    before: dict[str, float],
    after: dict[str, float],
    *,
    swapped: bool,
    noise: Sequence[float] = (0.0,) * 8,
) -> Duet:
    """A duet of so many pairs as ``noise`` has numbers: how much more a pair's second step took."""
    first, second = (1.0, SECOND) if not swapped else (SECOND, 1.0)
    return Duet(
        [
            (
                {name: own * first for name, own in before.items()},
                {name: own * second * (1 + more) for name, own in after.items()},
            )
            for more in noise
        ],
        swapped,
    )


def blocks(
    before: dict[str, float], after: dict[str, float], noises: Sequence[Sequence[float]]
) -> list[Duet]:
    """A duet for each of ``noises``, every other one swapped."""
    return [
        duet(before, after, swapped=bool(place % 2), noise=noise)
        for place, noise in enumerate(noises)
    ]


BEFORE = {"conv": 0.2, "matmul": 0.05, "idle": 0.01}
AFTER = {"conv": 0.3, "matmul": 0.05, "idle": 0.01}

#: Six duets of four pairs, a fraction of a per cent off.
NOISES = [
    [0.004, -0.002, 0.001, 0.003],
    [-0.003, 0.002, -0.001, 0.001],
    [0.002, 0.001, -0.004, 0.002],
    [-0.001, -0.002, 0.003, -0.003],
    [0.001, 0.003, -0.002, 0.0],
    [-0.002, 0.001, 0.002, -0.001],
]


def test_the_part_that_grew_is_sure_and_the_others_are_not() -> None:
    found = differences(blocks(BEFORE, AFTER, NOISES))
    # Half of the processes are started second, and take 3 % less.
    assert found["conv"].low < 0.1 * (1 + SECOND) / 2 < found["conv"].high
    assert found["conv"].is_sure
    assert found[STEP].is_sure
    assert not found["matmul"].is_sure
    assert not found["idle"].is_sure


def test_parts_add_up_to_the_step() -> None:
    found = differences(blocks(BEFORE, AFTER, NOISES))
    whole = found.pop(STEP)
    for value in ("before", "after", "difference"):
        together = sum(getattr(own, value) for own in found.values())
        assert together == pytest.approx(getattr(whole, value))


def test_a_part_that_one_of_both_lacks_took_nothing_there() -> None:
    found = differences(blocks(BEFORE, {**AFTER, "layout": 0.02}, NOISES))
    assert found["layout"].before == 0.0
    assert found["layout"].difference == pytest.approx(0.02, rel=0.03)
    assert found["layout"].is_sure


def test_which_process_was_started_first_is_no_difference() -> None:
    """Without the start order, the 3 % of 0.2 s would be the noise of every duet."""
    found = differences(blocks(BEFORE, BEFORE, NOISES))
    assert abs(found["conv"].difference) < 0.001
    assert found["conv"].high - found["conv"].low < 0.01


def test_a_disturbed_pair_does_not_count() -> None:
    noises = [[*noise, 3.0] for noise in NOISES]
    found = differences(blocks(BEFORE, AFTER, noises))
    assert found["conv"].difference == pytest.approx(0.1, rel=0.03)


def test_both_the_other_way_round_are_mirrored() -> None:
    forward = differences(blocks(BEFORE, AFTER, NOISES))
    turned = differences(
        [
            Duet([(after, before) for before, after in each.pairs], not each.swapped)
            for each in blocks(BEFORE, AFTER, NOISES)
        ]
    )
    for name, own in forward.items():
        assert turned[name].difference == pytest.approx(-own.difference)
        assert turned[name].low == pytest.approx(-own.high)
        assert turned[name].high == pytest.approx(-own.low)


@given(st.floats(1e-3, 1e3))
def test_another_unit_of_time_makes_no_difference(factor: float) -> None:
    plain = differences(blocks(BEFORE, AFTER, NOISES))
    scaled = differences(
        blocks(
            {name: own * factor for name, own in BEFORE.items()},
            {name: own * factor for name, own in AFTER.items()},
            NOISES,
        )
    )
    for name, own in plain.items():
        assert scaled[name].difference == pytest.approx(own.difference * factor, abs=1e-9 * factor)
        assert scaled[name].high == pytest.approx(own.high * factor, abs=1e-9 * factor)


def test_all_intervals_hold_together() -> None:
    """Of 200 drawn comparisons of ten parts without a difference, about one in twenty has any part
    that is sure."""
    wrong = 0
    parts_ = {f"part {number}": 0.03 for number in range(10)}
    for seed in range(200):
        draw = random.Random(seed)
        duets = []
        for place in range(8):
            pairs = []
            off = {name: draw.gauss(0, 0.02) for name in parts_}
            for _ in range(6):
                pairs.append(
                    (
                        {name: own * (1 + draw.gauss(0, 0.01)) for name, own in parts_.items()},
                        {name: own * (1 + off[name]) for name, own in parts_.items()},
                    )
                )
            duets.append(Duet(pairs, bool(place % 2)))
        wrong += any(own.is_sure for own in differences(duets).values())
    assert 1 <= wrong <= 20


@pytest.mark.parametrize("many", [0, 2, 4, 5, 7])
def test_too_few_duets_of_a_start_order_are_refused(many: int) -> None:
    with pytest.raises(ValueError, match="of each start order"):
        differences(blocks(BEFORE, AFTER, [NOISES[place % 6] for place in range(many)]))


def test_a_duet_without_a_pair_is_refused() -> None:
    duets = blocks(BEFORE, AFTER, NOISES)
    with pytest.raises(ValueError, match="without a pair"):
        differences([parts.Duet([], swapped=False), *duets[1:]])
