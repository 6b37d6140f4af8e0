"""What perf/update.py makes of the JSON of `vggbench releases update`."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vggbench.releases.update import Updated


@pytest.fixture
def update(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module("update")


def told(**what: Any) -> str:
    return json.dumps(Updated(dry_run=True, **what).as_json())


@pytest.mark.parametrize(("seconds", "status"), [(12.34, 0), (60.0, 0), (60.1, 1)])
def test_a_call_is_to_take_a_minute_at_most(
    update: ModuleType, capsys: pytest.CaptureFixture[str], seconds: float, status: int
) -> None:
    output = told(added=["a-1"], passed_over={"a-2": "older", "b-1": "older"})
    assert update.report(output, seconds, ["a", "b"]) == status
    reached = f"{seconds:.1f} s for 2 tracks (1 would be added, 2 passed over)"
    assert reached in capsys.readouterr().out


def test_an_index_that_could_not_be_asked_leaves_no_figure(
    update: ModuleType,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = tmp_path / "figures"
    monkeypatch.setenv(update.common.FIGURES_VARIABLE, str(kept))
    output = told(not_locked={"b": "the index cannot be asked: check the network"})
    assert update.report(output, 1.0, ["a", "b"]) == 1
    assert json.loads(kept.read_text())[-1] == "an index could not be asked"
    printed = capsys.readouterr().out
    assert "b: the index cannot be asked: check the network" in printed
    assert "met" not in printed


def test_a_release_without_upload_times_is_no_index_that_could_not_be_asked(
    update: ModuleType,
) -> None:
    assert update.report(told(not_locked={"a-1": "no upload times"}), 1.0, ["a"]) == 0
