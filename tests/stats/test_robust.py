"""Locations that a few disturbed values do not move far."""

from __future__ import annotations

import pytest

from vggbench.stats.robust import pseudomedian


def test_a_pseudomedian_is_the_median_of_the_means_of_pairs() -> None:
    # Of 0, 1 and 5 the means of pairs are 0, 0.5, 1, 2.5, 3 and 5.
    assert pseudomedian([5.0, 0.0, 1.0]) == 1.75
    assert pseudomedian([0.3]) == 0.3
    assert pseudomedian([1.0, 2.0]) == 1.5


def test_one_value_of_four_moves_a_pseudomedian_only_so_far() -> None:
    assert pseudomedian([0.0, 1.0, 2.0, 1e9]) == pseudomedian([0.0, 1.0, 2.0, 1e6]) <= 2.0


def test_a_pseudomedian_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        pseudomedian([])
