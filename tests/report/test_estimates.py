"""Figures of processes and their intervals."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench import records
from vggbench.judging.measures import MEASURES
from vggbench.judging.state import values_of
from vggbench.report import estimates
from vggbench.report.estimates import Estimate, estimate

from ..records.factory import NONSENSE, nonsensical
from .pages.literal import record

BY_KEY = {measure.key: measure for measure in MEASURES}


def binomial_below(k: int, n: int) -> float:
    return sum(math.comb(n, i) for i in range(k)) / 2**n


def test_a_few_processes_show_their_median_and_whole_range() -> None:
    assert estimate([0.3, 0.1, 0.2]) == Estimate(0.2, 0.1, 0.3, 3)
    assert estimate([0.4]) == Estimate(0.4, 0.4, 0.4, 1)
    assert estimate([1.0, 2.0, 3.0, 4.0, 5.0]) == Estimate(3.0, 1.0, 5.0, 5)


def test_of_twenty_processes_five_are_left_out_on_each_side() -> None:
    # Tabulated: for n = 20 the interval of the median at 95 % is the 6th to the 15th.
    found = estimate([float(i) for i in range(1, 21)])
    assert (found.value, found.low, found.high) == (10.5, 6.0, 15.0)


@pytest.mark.parametrize("n", range(6, 60))
def test_an_interval_of_six_and_more_covers_the_median_as_promised_and_no_narrower_does(
    n: int,
) -> None:
    found = estimate([float(i) for i in range(1, n + 1)])
    k = int(found.low)
    assert found.high == n - k + 1
    assert 2 * binomial_below(k, n) <= 1 - estimates.CONFIDENCE
    assert 2 * binomial_below(k + 1, n) > 1 - estimates.CONFIDENCE


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40))
def test_the_median_lies_in_its_interval(values: list[float]) -> None:
    found = estimate(values)
    assert min(values) <= found.low <= found.value <= found.high <= max(values)


def test_images_per_second_are_the_batch_by_the_step() -> None:
    assert estimates.images_per_s(Estimate(0.5, 0.25, 1.0, 3), 8) == Estimate(16, 8, 32, 3)


def test_by_products_come_from_the_processes_notes() -> None:
    one = record(versions={"xla": {"proof_s": 0.5}})
    found = {key: measure.figure(one) for key, measure in BY_KEY.items()}
    assert {key: value for key, value in found.items() if value is not None} == {
        "step": 0.25,
        "first_step": 4.0,
        "peak_memory": 2e9,
        "loss": 6.8912345,
    }


@pytest.mark.parametrize(
    "nonsense",
    [
        {"losses": [1.0, 2.0, "nan"]},
        {"losses": []},
        {"losses": None},
        {"losses": [0, 0, math.inf]},
        {"losses": [0, 0, True]},
        {"losses": {"2": 1}},
    ],
)
def test_a_loss_that_is_no_number_is_not_on_record(nonsense: dict[str, Any]) -> None:
    assert BY_KEY["loss"].figure(record(**nonsense)) is None


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: str(value)[:30])
def test_no_figure_ends_in_a_traceback_whatever_a_key_holds(value: object) -> None:
    """Of processes that have samples: no figure is asked of others."""
    for one in nonsensical(value):
        for values in values_of(one).values():
            assert all(map(math.isfinite, values))
        for measure in MEASURES:
            if records.outcome_of([one]).outcome == records.OK:
                found = measure.figure(one)
                assert found is None or math.isfinite(found)
