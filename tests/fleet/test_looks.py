"""What a bisection on a fleet hands out, and how it ends, on simulated workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns.bisect.standing import Bisection, BisectRequest, CannotBisect
from vggbench.campaigns.budget import Budget
from vggbench.fleet import FleetError, bisecting, mirror
from vggbench.fleet.hand_out import MOST_FAILURES, Arrived
from vggbench.fleet.units import CANNOT_LOOK, DONE, LOOK, OPEN, UnitOfWork
from vggbench.fleet.units import TROUBLE as FAILED
from vggbench.releases import index
from vggbench.releases.catalogue import Release
from vggbench.releases.index import NotListed
from vggbench.releases.interpreters import InterpreterMissing
from vggbench.runs import profiles
from vggbench.runs.suite import Suite

from ..judging.duets import block
from ..judging.literal import LINE
from ..records.factory import changed
from ..tiny import STEPS, Tiny
from .simulated import Measure, SimulatedEngine

ASKED = BisectRequest(
    good="tinyframe-1.0",
    bad="tinyframe-2.0",
    patterns=["plain"],
    measure="step",
    threshold=0.02,
    as_json=False,
)

#: What a simulated machine has of a state, where its blocks are to count.
STATE = {"flags": (), "cpus": 2}


@pytest.fixture
def engine(bare_tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedEngine:
    """Of a checkout whose releases are on no index."""

    def versions_of(package: str, address: str | None) -> None:
        raise NotListed(f"{package} is on no index")

    monkeypatch.setattr(index, "versions_of", versions_of)
    monkeypatch.setenv(profiles.VARIABLE, "cpu-quick")
    return SimulatedEngine(bare_tiny, tmp_path / "boxes")


def run(
    tiny: Tiny,
    engine: SimulatedEngine,
    budget_s: float = 1000.0,
    machine: str | None = "box-1",
    budget: Budget | None = None,
) -> tuple[int, list[str]]:
    said: list[str] = []
    status = bisecting.run(
        tiny.checkout,
        ASKED,
        engine,
        budget or Budget(budget_s),
        machine=machine,
        options="--fleet tcp://127.0.0.1:8786",
        say=said.append,
    )
    return status, said


def taking_blocks(tiny: Tiny, **more: Any) -> Measure:
    """Measure looks on a quiet machine: each leaves the records of a block that counts where the
    machine is in STATE. The step takes what STEPS says. ``more``: keys of the records."""
    (configured,) = Suite(tiny.checkout.benchmark_dir).timed(ASKED.patterns)

    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        path = place.path(f"results/{place.machine}/records/bisect.jsonl")
        before = path.read_text().count("\n") // 4 if path.is_file() else 0
        releases = [tiny.release(name) for name in (unit.before, unit.release)]
        before_s, after_s = (STEPS[release.version] for release in releases)
        taken = block(
            *LINE[:2],
            after_s / before_s,
            number=before + 1,
            machine=place.machine,
            purpose=records.BISECT,
            **more,
        )
        for each in taken:
            release = releases[LINE.index(each.release)]
            told = {
                "release": release.name,
                "commit": release.commit,
                "lock": release.locks["cpu"].digest,
                "benchmark": configured.benchmark,
                "configuration": dict(configured.configuration),
            }
            records.append(path, changed(each, **told))
        return DONE, ""

    return measure


def back_at_once(engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each worker that is lost come back when the client has waited for it."""
    seen: set[str] = set()

    def arrived(wait_s: float, original=engine.arrived) -> list[Arrived]:
        found = original(wait_s)
        if not found and engine.gone <= seen:
            engine.gone.clear()
        seen.clear()
        seen.update(engine.gone)
        return found

    monkeypatch.setattr(engine, "arrived", arrived)


def test_blocks_that_come_back_lead_to_the_build(
    bare_tiny: Tiny, engine: SimulatedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    box = engine.add("box-1", taking_blocks(bare_tiny), state=STATE)
    status, said = run(bare_tiny, engine)
    assert status == 0, said
    assert "tinyframe-1.2 is the first with the change" in capsys.readouterr().out
    assert len(bare_tiny.records(machine="box-1")) == 4 * len(box.units)


def test_that_the_state_changed_and_that_blocks_are_on_record_is_said_once(
    bare_tiny: Tiny, engine: SimulatedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    early = taking_blocks(bare_tiny, governor="performance")
    late = taking_blocks(bare_tiny, governor="powersave")
    box = engine.add(
        "box-1",
        lambda unit, place: (early if len(box.units) == 1 else late)(unit, place),
        state=STATE,
    )
    status, said = run(bare_tiny, engine)
    assert status == 0, said
    (line,) = [line for line in said if "is in another state" in line]
    assert line.endswith("which do not count: governor: performance earlier, powersave now")
    counting = f"{len(box.units) - 1} blocks"
    assert f", {counting}\n" in capsys.readouterr().out
    assert not any("goes on from there" in line for line in said)
    status, said = run(bare_tiny, engine)
    assert status == 0, said
    assert f"{counting} on record: the search goes on from there" in said


@pytest.mark.parametrize("places", [(0,), (1, 2, 3)])
def test_a_cpython_that_is_missing_here_makes_no_build_unknown(
    bare_tiny: Tiny,
    engine: SimulatedEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    places: tuple[int, ...],
) -> None:
    def locked(self: Bisection, place: int, original=Bisection.locked) -> Release:
        if place in places:
            raise InterpreterMissing("it needs CPython 3.8, which is not on this machine")
        return original(self, place)

    monkeypatch.setattr(Bisection, "locked", locked)
    box = engine.add("box-1", taking_blocks(bare_tiny), state=STATE)
    status, said = run(bare_tiny, engine)
    assert status == 2, said
    assert {(unit.before, unit.release) for unit in box.units} <= {(ASKED.good, ASKED.bad)}
    assert " cannot be locked here: it needs CPython 3.8, " in capsys.readouterr().out
    assert not any("is stepped over" in line for line in said)


def test_where_locks_took_what_was_left_the_report_says_so(
    bare_tiny: Tiny,
    engine: SimulatedEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    now_s = [0.0]

    def locked(self: Bisection, place: int, original=Bisection.locked) -> Release:
        now_s[0] = 970.0
        return original(self, place)

    monkeypatch.setattr(Bisection, "locked", locked)
    box = engine.add("box-1")
    status, said = run(bare_tiny, engine, budget=Budget(1000.0, lambda: now_s[0]))
    assert (status, box.units) == (2, []), said
    told = capsys.readouterr().out
    assert "the budget of 17 min is spent; the same command goes on from here" in told
    assert "said above" not in told


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


def test_a_worker_that_is_started_again_with_other_variables_goes_on_with_them(
    bare_tiny: Tiny,
    engine: SimulatedEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = {"OMP_NUM_THREADS": "1"}
    before = taking_blocks(bare_tiny)
    then = taking_blocks(bare_tiny, variables=other)
    box = engine.add("box-1", state=STATE)

    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        if len(box.units) == 2:
            engine.gone.add("box-1")
            box.hello["state"] = {**STATE, "flags": tuple(other.items())}
            return DONE, ""
        return (before if len(box.units) < 2 else then)(unit, place)

    box.measure = measure
    back_at_once(engine, monkeypatch)
    status, said = run(bare_tiny, engine)
    assert status == 0, said
    assert "tinyframe-1.2 is the first with the change" in capsys.readouterr().out
    assert any("its worker was lost; it comes again" in line for line in said)
    assert any("OMP_NUM_THREADS: none earlier, 1 now" in line for line in said)


def test_a_look_whose_answer_was_lost_is_not_taken_again_where_its_block_has_come(
    bare_tiny: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = taking_blocks(bare_tiny)

    def looks(loses: str | None) -> list[tuple[str, str]]:
        """Which looks a search takes; the answer of the first one at the build ``loses`` is
        lost."""

        def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
            if unit.release == loses and not lost:
                lost.append(unit)
                engine.gone.add(machine)
            return taking(unit, place)

        machine = f"box-of-{loses}"
        lost: list[UnitOfWork] = []
        box = engine.add(machine, measure, state=STATE)
        status, said = run(bare_tiny, engine, machine=machine)
        assert status == 0, said
        assert len(lost) == (loses is not None), said
        return [(unit.before, unit.release) for unit in box.units]

    back_at_once(engine, monkeypatch)
    whole = looks(None)
    for name in ("tinyframe-2.0", "tinyframe-1.2"):
        assert looks(name) == whole


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
