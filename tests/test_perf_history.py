"""How sure a history is, as perf/history.py reports it."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vggbench.judging.verdicts import BY_DUETS, BY_PROCESSES
from vggbench.stats.policy import NOT_SURE, UNCHANGED

from .judging.literal import verdict


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module("shared.answered")


def stands(
    answered: ModuleType,
    of: str = "plain TensorFlow",
    outcome: str = UNCHANGED,
    *,
    half: float = 0.01,
    seconds: float = 100.0,
    are_neighbours: bool = True,
    by: str = BY_DUETS,
) -> Any:
    step = verdict(1.0, 1 - half, 1 + half, outcome=outcome, decided_by=by)
    return answered.Stands(of, are_neighbours, {"step": step}, seconds)


def lines(text: str, what: str) -> list[str]:
    """What is said of the figure whose text ends with ``what``."""
    told = text.splitlines()
    (place,) = (place for place, line in enumerate(told) if line.endswith(what))
    return [line.strip() for line in told[place + 1 : place + 4]]


def test_a_share_of_sure_steps_is_met_or_missed_list_by_list(
    answered: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        *[stands(answered)] * 19,
        stands(answered, outcome=NOT_SURE),
        stands(answered, "plain JAX", NOT_SURE),
    ]
    assert answered.report_of("box", found) == 1
    told = capsys.readouterr().out
    of_tensorflow = lines(told, "plain TensorFlow: neighbours whose step is sure")
    assert of_tensorflow[1].endswith("19 of 20")
    assert of_tensorflow[2] == "met"
    assert lines(told, "plain JAX: neighbours whose step is sure")[2] == "MISSED"
    assert lines(told, "all listed comparisons: the step is sure")[1].endswith("19 of 21")


def test_what_closes_a_loop_counts_among_all_and_not_among_neighbours(
    answered: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    answered.report_of(
        "box", [stands(answered), stands(answered, outcome=NOT_SURE, are_neighbours=False)]
    )
    told = capsys.readouterr().out
    assert lines(told, "neighbours whose step is sure")[1].endswith("1 of 1")
    assert lines(told, "all listed comparisons: the step is sure")[1].endswith("1 of 2")


def test_what_was_never_measured_is_not_sure(
    answered: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    answered.report_of("box", [answered.Stands("plain TensorFlow", True, {}, 0.0)])
    told = capsys.readouterr().out
    assert lines(told, "neighbours whose step is sure")[1].endswith("0 of 1")
    assert lines(told, "half width of the step ratio's interval, median")[1:] == [
        "reached: none",
        "MISSED",
    ]


def test_only_what_blocks_answered_has_a_time(
    answered: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [
        stands(answered, seconds=200.0),
        stands(answered, seconds=999.0, by=BY_PROCESSES),
        stands(answered, outcome=NOT_SURE, seconds=999.0),
    ]
    answered.report_of("box", found)
    told = capsys.readouterr().out
    assert lines(told, "that they answer, median")[1:] == [
        "reached: 200 s, of 1",
        "met",
    ]
