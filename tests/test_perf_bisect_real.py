"""What perf/bisect_real.py makes of what `vggbench bisect` came to."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def bisect_real(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module("bisect_real")


def build(name: str, unknown: str | None = None) -> dict[str, Any]:
    return {"name": name, "blocks": 0 if unknown else 3, "unknown": unknown}


def found(*unknown: str, outcome: str = "named") -> dict[str, Any]:
    """A search of A, B, C and D that told C from A or from B, with these builds unknown."""
    return {
        "outcome": outcome,
        "before": "A" if "B" in unknown else "B",
        "after": "C",
        "ratio": 1.05,
        "blocks": 9,
        "builds": [build(name, "no wheel" if name in unknown else None) for name in "ABCD"],
    }


@pytest.fixture
def case(bisect_real: ModuleType, tmp_path: Path) -> Any:
    """A case whose checkout is there, and whose cache is warm."""
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "whole").touch()
    (tmp_path / "warm").touch()
    return bisect_real.Case("a case", "plain", ends=lambda folder: (folder, "A", "D"))


def bisecting(bisect_real: ModuleType, folder: Path, case: Any, told: str, status: int) -> None:
    """One call of a `vggbench bisect` that prints this and ends so."""
    program = folder / "vggbench"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{told}\nEND\nexit {status}\n")
    program.chmod(0o755)
    bisect_real.common.VGGBENCH, before = program, bisect_real.common.VGGBENCH
    try:
        bisect_real.go_on("a case", case, folder)
    finally:
        bisect_real.common.VGGBENCH = before


def reported(bisect_real: ModuleType, case: Any, folder: Path, capsys: Any) -> tuple[int, str]:
    capsys.readouterr()
    return bisect_real.report(case, folder), capsys.readouterr().out


@pytest.mark.parametrize("told", ["", '{"outcome": "nam'])
def test_a_call_that_told_nothing_counts_and_is_no_answer(
    bisect_real: ModuleType, case: Any, tmp_path: Path, capsys: Any, told: str
) -> None:
    with pytest.raises(SystemExit, match=r"vggbench bisect ended with 3; run a case again"):
        bisecting(bisect_real, tmp_path, case, told, 3)
    (call,) = bisect_real.copies.State(tmp_path / "calls.jsonl").read()
    assert call["found"] is None
    assert call["seconds"] > 0
    status, output = reported(bisect_real, case, tmp_path, capsys)
    assert status == 1
    assert "no answer in 0 min" in output
    bisecting(bisect_real, tmp_path, case, json.dumps(found()), 0)
    assert len(bisect_real.copies.State(tmp_path / "calls.jsonl").read()) == 2
    assert reported(bisect_real, case, tmp_path, capsys)[0] == 0


def test_what_is_named_is_searched_no_more(
    bisect_real: ModuleType, case: Any, tmp_path: Path
) -> None:
    for _ in range(2):
        bisecting(bisect_real, tmp_path, case, json.dumps(found()), 0)
    assert len(bisect_real.copies.State(tmp_path / "calls.jsonl").read()) == 1


def test_calls_that_told_nothing_use_up_the_time(
    bisect_real: ModuleType, case: Any, tmp_path: Path, capsys: Any
) -> None:
    state = bisect_real.copies.State(tmp_path / "calls.jsonl")
    state.add({"seconds": bisect_real.WITHIN_S, "found": None})
    state.add({"seconds": 1.0, "found": found()})
    status, output = reported(bisect_real, case, tmp_path, capsys)
    assert status == 1
    assert "60 min" in output


@pytest.mark.parametrize(
    ("unknown", "between", "good"), [((), [], True), (("D",), [], True), (("B",), ["B"], False)]
)
def test_an_unknown_build_between_the_two_that_are_named_misses_the_figure(
    bisect_real: ModuleType,
    case: Any,
    tmp_path: Path,
    capsys: Any,
    unknown: tuple[str, ...],
    between: list[str],
    good: bool,
) -> None:
    assert bisect_real.unknown_between(found(*unknown)) == between
    assert bisect_real.unknown_between(found(*unknown, outcome="not named")) == []
    state = bisect_real.copies.State(tmp_path / "calls.jsonl")
    state.add({"seconds": 60.0, "found": found(*unknown)})
    status, output = reported(bisect_real, case, tmp_path, capsys)
    assert status == (0 if good else 1)
    assert ("B between them unknown" in output) is not good
