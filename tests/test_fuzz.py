"""No value of any key costs more than its line: trees of damaged records, by the numbers that draw
them. `perf/fuzz.py` does the same to as many as one likes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from . import fuzz


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return fuzz.good()


@pytest.mark.parametrize("number", range(24))
def test_damaged_records_cost_no_traceback_no_page_and_no_answer(
    tmp_path: Path, lines: list[str], number: int
) -> None:
    assert fuzz.run(tmp_path / "tree", random.Random(number), lines) == []


def test_records_that_are_good_are_no_trouble(tmp_path: Path, lines: list[str]) -> None:
    assert len(lines) == fuzz.COUNT
    fuzz.make(tmp_path / "tree", lines)
    assert fuzz.look(tmp_path / "tree") == []
