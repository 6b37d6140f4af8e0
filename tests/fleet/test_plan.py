"""fleet.toml, and what of it is left for a machine."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from vggbench.campaigns.causes import LIKELY, Causes, Wanted
from vggbench.campaigns.history.plan import PlanError
from vggbench.campaigns.separate import Question
from vggbench.campaigns.variants import ChangeBack
from vggbench.fleet import plan
from vggbench.fleet.plan import Capability, FleetPlanError, Planner
from vggbench.fleet.units import CALIBRATION, COMPARISON, RUN, SEPARATION, UnitOfWork
from vggbench.runs.suite import Suite

from ..tiny import Tiny, python_of

HISTORY = """
[[stage]]
name = "plain"
releases = "tinyframe otherframe"
bench = ["plain"]

[[stage]]
name = "rest"
releases = "tinyframe>=1.2"
bench = ["fused"]

[[duets]]
name = "neighbours"
releases = "tinyframe"
bench = ["plain"]
budget = "2m"
"""


@pytest.fixture
def planned(bare_tiny: Tiny) -> Tiny:
    (bare_tiny.folder / "history.toml").write_text(HISTORY)
    return bare_tiny


def left(
    tiny: Tiny, fleet: str | None = None, machine: str = "box-1", can: Capability | None = None
) -> tuple[list[UnitOfWork], list[str]]:
    if fleet is not None:
        (tiny.folder / plan.FILE).write_text(fleet)
    checkout = tiny.checkout
    planner = Planner(checkout, plan.read(checkout), processes=40, threshold=0.02)
    return planner.left(machine, can or Capability())


def test_without_fleet_toml_a_machine_measures_all_of_the_history(planned: Tiny) -> None:
    units, lines = left(planned)
    assert lines == []
    assert [unit.kind for unit in units] == [*[RUN] * 9, CALIBRATION, *[COMPARISON] * 4]
    assert [unit.release for unit in units if unit.stage == "rest"] == [
        "tinyframe-1.2",
        "tinyframe-1.10",
        "tinyframe-2.0",
    ]
    first = next(unit for unit in units if unit.kind == COMPARISON)
    assert (first.before, first.release) == ("tinyframe-1.0", "tinyframe-1.1")


def test_machines_measure_the_stages_and_tracks_that_their_names_match(planned: Tiny) -> None:
    fleet = """
    [[machines]]
    name = "box-*"
    stages = ["plain"]
    tracks = ["otherframe"]

    [[machines]]
    name = "box-2"
    stages = ["neighbours"]
    profiles = ["cpu-quick"]
    """
    units, _ = left(planned, fleet)
    assert [(unit.kind, unit.release) for unit in units] == [
        (RUN, "otherframe-7.0"),
        (CALIBRATION, ""),
    ]
    units, _ = left(planned, fleet, "box-2")
    assert [unit.kind for unit in units] == [RUN, CALIBRATION, *[COMPARISON] * 4]
    units, lines = left(planned, fleet, "laptop")
    assert units == []
    assert lines == ["laptop: no [[machines]] in fleet.toml matches it"]


def test_what_a_machine_has_no_interpreter_for_is_left_out_with_a_line(planned: Tiny) -> None:
    newest = python_of("2.0")
    units, lines = left(planned, can=Capability(interpreters=[newest], devices=["cpu"]))
    of_newest = {"tinyframe-1.1", "tinyframe-1.10", "tinyframe-2.0", "otherframe-7.0"}
    assert {unit.release for unit in units if unit.kind == RUN} == of_newest
    (comparison, *_) = [unit for unit in units if unit.kind == COMPARISON]
    assert (comparison.before, comparison.release) == ("tinyframe-1.1", "tinyframe-1.10")
    (line,) = lines
    assert line.endswith(
        "tinyframe-1.0, tinyframe-1.2 are left out, unmeasured: "
        f"CPython {python_of('1.0')} is not on that machine"
    )


def test_a_profile_of_a_gpu_is_left_out_where_there_is_none(planned: Tiny) -> None:
    fleet = '[[machines]]\nname = "*"\nprofiles = ["gpu-quick"]\n'
    units, lines = left(planned, fleet, can=Capability(interpreters=[], devices=["cpu"]))
    assert units == []
    assert lines == ["box-1: gpu-quick is left out: no gpu is there"]


def wanting(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    """What is wanted of any machine from now on: 1.2 on the Python of 1.1."""
    release, python = tiny.release("tinyframe-1.2"), python_of("1.1")
    change = ChangeBack(f"python {python}", replace(release, python=python), "cpu", "")
    (configured,) = Suite(tiny.checkout.benchmark_dir).timed(["plain"])
    wanted = Wanted(release, change, (), (Question(configured=configured),), (4.0,))
    monkeypatch.setattr(Causes, "wanted", lambda self: [wanted])
    return wanted


def test_a_separation_comes_after_the_comparisons_with_a_forecast(
    planned: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = wanting(planned, monkeypatch)
    units, _ = left(planned)
    assert [unit.kind for unit in units[-2:]] == [COMPARISON, SEPARATION]
    separation = units[-1]
    assert (separation.release, separation.lock, separation.variant) == wanted.place
    assert separation.keys == tuple(question.configured.key for question in wanted.questions)
    assert separation.seconds == LIKELY * 4
    assert UnitOfWork.from_json(json.loads(json.dumps(separation.as_json()))) == separation
    assert plan.forecast_text([separation]) == "1 separation left, about 20 s"
    elsewhere = '[[machines]]\nname = "*"\ntracks = ["otherframe"]\n'
    assert SEPARATION not in {unit.kind for unit in left(planned, elsewhere)[0]}


def test_a_separation_is_left_out_where_the_python_of_the_release_before_is_not(
    planned: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = wanting(planned, monkeypatch)
    can = Capability(interpreters=[python_of("1.2")], devices=["cpu"])
    units, lines = left(planned, can=can)
    assert SEPARATION not in {unit.kind for unit in units}
    why = f"CPython {python_of('1.1')} is not on that machine"
    assert f"box-1: {wanted.name} is left out, unmeasured: {why}" in lines


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("", "it has no [[machines]]"),
        ("machines = 3", "it has no [[machines]]"),
        ("[[machines]]", "machines 1 has no name, such as epyc-*"),
        ('[[machines]]\nname = ""', "machines 1 has no name"),
        ('[[machines]]\nname = "a"\nstages = "plain"', "(a): stages is no list of names"),
        ('[[machines]]\nname = "a"\nstages = ["plane"]', "stages of the machines a has plane"),
        ('[[machines]]\nname = "a"\ntracks = ["torch"]', "there are: otherframe; tinyframe"),
        ('[[machines]]\nname = "a"\nprofiles = ["cpu"]', "profiles of the machines a has cpu"),
        ('[[machines]]\nname = "a"\nstage = ["plain"]', "machines 1 (a) has an unknown stage"),
        ('[[machine]]\nname = "a"', "it has an unknown machine"),
        ("[[machines]", "cannot be read"),
    ],
)
def test_a_wrong_fleet_toml_is_refused_in_one_line(planned: Tiny, wrong: str, told: str) -> None:
    with pytest.raises(FleetPlanError, match=re.escape(told)) as raised:
        left(planned, wrong)
    assert "\n" not in str(raised.value)


def test_a_fleet_without_history_toml_is_told_so(bare_tiny: Tiny) -> None:
    with pytest.raises(PlanError, match=r"history\.toml cannot be read"):
        left(bare_tiny)


def test_units_come_back_from_json(planned: Tiny) -> None:
    units, _ = left(planned)
    assert [UnitOfWork.from_json(unit.as_json()) for unit in units] == units
    assert len({unit.name for unit in units}) == len(units)
