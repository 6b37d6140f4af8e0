"""What the process of a unit says where it measures nothing."""

from __future__ import annotations

import json

import pytest

from vggbench.campaigns.history.history import HistoryRequest
from vggbench.checkout import Checkout
from vggbench.fleet import unit_process
from vggbench.fleet.units import OPEN, RUN, TROUBLE, UnitOfWork
from vggbench.releases import interpreters
from vggbench.runs import profiles

from ..tiny import MACHINE, Tiny, python_of
from .test_plan import HISTORY


@pytest.fixture
def planned(bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    (bare_tiny.folder / "history.toml").write_text(HISTORY)
    monkeypatch.setenv("HOME", str(bare_tiny.home))
    monkeypatch.setenv(profiles.VARIABLE, "cpu-quick")
    monkeypatch.setattr(unit_process, "die_with_parent", lambda starter: None)
    return bare_tiny


def ended(tiny: Tiny, unit: UnitOfWork) -> int:
    """With what the process of a unit ends, here."""
    options = unit_process.options(processes=40, threshold=0.02, environments=0, budget_s=120.0)
    settings = str(tiny.folder / "asv.conf.json")
    return unit_process.main([*options, settings, MACHINE, json.dumps(unit.as_json())])


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ("tinyframe-1.2", "is left out, unmeasured: CPython "),
        ("otherframe-7.0", "is not in the stage rest"),
    ],
)
def test_what_it_cannot_measure_is_said_with_the_reason(
    planned: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    release: str,
    told: str,
) -> None:
    """Other releases of the stage have the same reason."""
    gone = python_of("1.2")
    found = interpreters.find
    monkeypatch.setattr(
        interpreters, "find", lambda version: None if version == gone else found(version)
    )
    planned.add_release("2.0", python=gone)
    unit = UnitOfWork(kind=RUN, profile="cpu-quick", stage="rest", release=release)
    assert ended(planned, unit) == TROUBLE
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{release} {told}")


def test_what_it_has_to_spend_is_called_the_rest_of_the_budget(
    planned: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(checkout: Checkout, unit: UnitOfWork, request: HistoryRequest) -> int:
        print(request.budget.why_over())
        return OPEN

    monkeypatch.setattr(unit_process, "_measure", measure)
    assert ended(planned, UnitOfWork(kind=RUN, profile="cpu-quick")) == OPEN
    assert capsys.readouterr().out == "what is left of the budget (2 min) is spent\n"
