"""What a bisection on a fleet hands out, and how it ends, on simulated workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from vggbench.campaigns.bisect.standing import BisectRequest, CannotBisect
from vggbench.campaigns.budget import Budget
from vggbench.fleet import FleetError, bisecting, mirror
from vggbench.fleet.hand_out import MOST_FAILURES
from vggbench.fleet.units import CANNOT_LOOK, DONE, LOOK, OPEN, UnitOfWork
from vggbench.fleet.units import TROUBLE as FAILED
from vggbench.releases import index
from vggbench.releases.index import NotListed
from vggbench.runs import profiles

from ..tiny import Tiny
from .simulated import SimulatedEngine

ASKED = BisectRequest(
    good="tinyframe-1.0",
    bad="tinyframe-2.0",
    patterns=["plain"],
    measure="step",
    threshold=0.02,
    as_json=False,
)


@pytest.fixture
def engine(bare_tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedEngine:
    """Of a checkout whose releases are on no index."""

    def versions_of(package: str, address: str | None) -> None:
        raise NotListed(f"{package} is on no index")

    monkeypatch.setattr(index, "versions_of", versions_of)
    monkeypatch.setenv(profiles.VARIABLE, "cpu-quick")
    return SimulatedEngine(bare_tiny, tmp_path / "boxes")


def run(
    tiny: Tiny, engine: SimulatedEngine, budget_s: float = 1000.0, machine: str | None = "box-1"
) -> tuple[int, list[str]]:
    said: list[str] = []
    status = bisecting.run(
        tiny.checkout,
        ASKED,
        engine,
        Budget(budget_s),
        machine=machine,
        options="--fleet tcp://127.0.0.1:8786",
        say=said.append,
    )
    return status, said


def test_the_first_look_is_at_both_ends_and_only_the_named_machine_is_asked(
    bare_tiny: Tiny, engine: SimulatedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    box, other = engine.add("box-1"), engine.add("box-2")
    status, said = run(bare_tiny, engine)
    assert status == 2, said
    (look,) = box.units
    assert (look.kind, look.before, look.release) == (LOOK, ASKED.good, ASKED.bad)
    assert (look.measure, look.words, look.profile) == ("step", "plain", "cpu-quick")
    assert other.units == []
    assert "what box-1 has measured does not count here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("came_of_it", "times"),
    [((OPEN, "the index is out of order"), 1), ((FAILED, "it went astray"), MOST_FAILURES)],
)
def test_what_keeps_a_look_from_being_taken_is_told_in_the_report(
    bare_tiny: Tiny,
    engine: SimulatedEngine,
    capsys: pytest.CaptureFixture[str],
    came_of_it: tuple[int, str],
    times: int,
) -> None:
    box = engine.add("box-1", lambda unit, place: came_of_it)
    status, said = run(bare_tiny, engine)
    assert status == 2, said
    assert len(box.units) == times
    assert came_of_it[1] in capsys.readouterr().out


def test_an_end_that_cannot_be_measured_there_ends_the_search(
    bare_tiny: Tiny, engine: SimulatedEngine
) -> None:
    engine.add("box-1", lambda unit, place: (CANNOT_LOOK[0], "it crashed"))
    with pytest.raises(CannotBisect, match=r"1\.0 is an end and cannot be .*: it crashed"):
        run(bare_tiny, engine)


def test_a_look_that_went_wrong_once_is_taken_again(
    bare_tiny: Tiny, engine: SimulatedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[UnitOfWork] = []

    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        tried.append(unit)
        return (FAILED, "it went astray") if len(tried) == 1 else (DONE, "")

    engine.add("box-1", measure)
    run(bare_tiny, engine)
    assert tried == [tried[0]] * 2
    assert "it went astray" not in capsys.readouterr().out


def test_a_machine_without_the_device_of_the_profile_is_told_so(
    bare_tiny: Tiny, engine: SimulatedEngine
) -> None:
    box = engine.add("box-1", devices=["gpu"])
    with pytest.raises(CannotBisect, match="box-1 has no cpu, which cpu-quick is for"):
        run(bare_tiny, engine)
    assert box.units == []


def test_a_machine_that_never_came_has_measured_nothing(
    bare_tiny: Tiny, engine: SimulatedEngine
) -> None:
    engine.add("box-2")
    with pytest.raises(FleetError, match="box-1 has not measured anything"):
        run(bare_tiny, engine, budget_s=0.0)


def test_without_a_name_the_only_worker_is_taken(bare_tiny: Tiny, engine: SimulatedEngine) -> None:
    with pytest.raises(FleetError, match="no worker is there"):
        run(bare_tiny, engine, machine=None)
    box = engine.add("box-7")
    run(bare_tiny, engine, machine=None)
    assert [unit.kind for unit in box.units] == [LOOK]
    engine.add("box-8")
    with pytest.raises(FleetError, match="workers of box-7, box-8, and a bisection is measured on"):
        run(bare_tiny, engine, machine=None)
