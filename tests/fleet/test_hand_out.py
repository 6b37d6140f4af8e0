"""What the client does with what its workers answer, on simulated workers."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from vggbench.campaigns.budget import Budget
from vggbench.fleet import LEFT, TROUBLE, FleetError, hand_out, mirror
from vggbench.fleet.hand_out import MOST_FAILURES, Arrived, Awaited, FleetRequest
from vggbench.fleet.plan import Capability, Planner
from vggbench.fleet.units import DONE, OPEN, RUN, SEPARATION, UnitOfWork
from vggbench.fleet.units import TROUBLE as FAILED

from ..records.factory import record
from ..tiny import Tiny
from .simulated import SimulatedEngine
from .test_plan import HISTORY, left

#: Units that a machine has of HISTORY.
UNITS = 14


@pytest.fixture
def planned(bare_tiny: Tiny) -> Tiny:
    (bare_tiny.folder / "history.toml").write_text(HISTORY)
    return bare_tiny


@pytest.fixture
def engine(planned: Tiny, tmp_path: Path) -> SimulatedEngine:
    return SimulatedEngine(planned, tmp_path / "boxes")


def run(
    tiny: Tiny,
    engine: SimulatedEngine,
    budget_s: float = 1000.0,
    workers: int = 1,
    said: list[str] | None = None,
) -> tuple[int, list[str]]:
    said = [] if said is None else said
    request = FleetRequest(
        budget=Budget(budget_s),
        processes=40,
        threshold=0.02,
        environments=10**10,
        workers=workers,
    )
    return hand_out.run(tiny.checkout, request, engine, said.append), said


def recording(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
    """Measure a unit: one record comes of it."""
    path = place.path(f"results/{place.machine}/records/{abs(hash(unit))}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    told = record(release="tensorflow-2.16.2", machine=place.machine, run=unit.name).as_json()
    path.write_text(json.dumps(told) + "\n")
    return DONE, "done"


def test_each_machine_gets_all_of_its_units_in_order(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    boxes = [engine.add("box-1", recording), engine.add("box-2", recording)]
    status, said = run(planned, engine)
    assert status == 0, said
    for box in boxes:
        assert box.units == left(planned, machine="box-1")[0]
    for machine in ("box-1", "box-2"):
        assert len(planned.records(machine=machine)) == UNITS
        assert f"{machine}: all is measured" in said


def test_a_unit_that_fails_comes_again_after_the_others(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    tried: Counter[str] = Counter()

    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        tried[unit.name] += 1
        fails = unit.release == "tinyframe-1.1" and unit.kind == RUN and tried[unit.name] == 1
        return (FAILED, "no space left") if fails else (DONE, "")

    box = engine.add("box-1", measure)
    status, said = run(planned, engine)
    assert status == 0
    assert max(tried.values()) == 2
    assert (box.units[-1].release, box.units[-1].kind) == ("tinyframe-1.1", RUN)
    (line,) = [line for line in said if "failed" in line]
    assert "tinyframe-1.1 (plain, cpu-quick) failed: no space left; it comes again (1 of 3)" in line


def test_a_unit_that_fails_three_times_is_left_out(planned: Tiny, engine: SimulatedEngine) -> None:
    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        return (FAILED, "it went astray") if unit.release == "tinyframe-2.0" else (DONE, "")

    box = engine.add("box-1", measure)
    status, said = run(planned, engine)
    assert status == TROUBLE
    assert Counter(unit.name for unit in box.units).most_common(1)[0][1] == MOST_FAILURES
    assert any("failed 3 times and is left out" in line for line in said)
    assert any(line.startswith("box-1: left out: tinyframe-2.0 (plain") for line in said)


def test_a_machine_on_which_everything_fails_is_left_alone(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    box = engine.add("box-1", lambda unit, place: (FAILED, "the disk is full"))
    status, said = run(planned, engine)
    assert status == TROUBLE
    assert len(box.units) == MOST_FAILURES
    assert any("its first 3 units all failed" in line for line in said)


def test_what_is_open_is_not_handed_out_again(planned: Tiny, engine: SimulatedEngine) -> None:
    box = engine.add("box-1", lambda unit, place: (OPEN, "the budget is spent"))
    status, said = run(planned, engine)
    assert status == LEFT
    assert len(box.units) == UNITS
    assert any("open: " in line and "run the same command again" in line for line in said)


@pytest.mark.parametrize(("came_of_it", "expected"), [(DONE, 0), (OPEN, LEFT)])
def test_what_follows_from_what_was_measured_comes_after_it_and_once(
    planned: Tiny,
    engine: SimulatedEngine,
    monkeypatch: pytest.MonkeyPatch,
    came_of_it: int,
    expected: int,
) -> None:
    separation = UnitOfWork(
        kind=SEPARATION,
        profile="cpu-quick",
        release="tinyframe-1.2",
        variant="numpy 1.0",
        lock="cpu",
        keys=("a key",),
    )
    forecasts = itertools.count(1.0)

    def more(*told: object) -> tuple[list[UnitOfWork], list[str]]:
        return [replace(separation, seconds=next(forecasts))], ["box-1: something is left out"]

    monkeypatch.setattr(Planner, "more", more)
    box = engine.add(
        "box-1", lambda unit, place: (came_of_it if unit == separation else DONE, "why")
    )
    status, said = run(planned, engine)
    assert status == expected, said
    assert len(box.units) == UNITS + 1
    assert box.units[-1] == separation
    assert said.count("box-1: something is left out") == 1
    (line,) = [line for line in said if line.startswith("box-1: tinyframe-1.2 with numpy 1.0 (")]
    assert "nothing is left" in line


@pytest.mark.parametrize(("came_of_it", "times"), [(OPEN, 1), (FAILED, MOST_FAILURES)])
def test_what_is_left_of_a_unit_that_was_tried_is_not_tried_by_itself(
    planned: Tiny,
    engine: SimulatedEngine,
    monkeypatch: pytest.MonkeyPatch,
    came_of_it: int,
    times: int,
) -> None:
    separation = UnitOfWork(
        kind=SEPARATION, profile="cpu-quick", release="tinyframe-1.2", variant="numpy 1.0"
    )

    def more(*told: object) -> tuple[list[UnitOfWork], list[str]]:
        is_tried = box.units[-1].kind == SEPARATION
        return [replace(separation, keys=("b",) if is_tried else ("a", "b"))], []

    monkeypatch.setattr(Planner, "more", more)
    box = engine.add(
        "box-1", lambda unit, place: (came_of_it if unit.kind == SEPARATION else DONE, "why")
    )
    run(planned, engine)
    assert box.units[UNITS:] == [replace(separation, keys=("a", "b"))] * times


def test_nothing_begins_that_is_likely_to_end_after_the_budget(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    box = engine.add("box-1")
    status, _ = run(planned, engine, budget_s=5.0)
    assert status == LEFT
    assert box.units == [], "a run takes longer"


@pytest.mark.parametrize(
    ("hello", "told"),
    [
        ({"identity": {"vggbench": "0.0.9"}}, "it differs from this checkout in vggbench (there 0"),
        ({"clock_s": 3600.0}, "its clock is 60 min ahead"),
        ({"clock_s": -3600.0}, "its clock is 60 min behind"),
    ],
)
def test_a_worker_that_would_spoil_the_records_is_refused(
    planned: Tiny, engine: SimulatedEngine, hello: dict, told: str
) -> None:
    bad, good = engine.add("box-1", **hello), engine.add("box-2")
    status, said = run(planned, engine, workers=2)
    assert status == TROUBLE
    assert (len(bad.units), len(good.units)) == (0, UNITS)
    (line,) = [line for line in said if "is refused" in line]
    assert told in line
    assert said[-1] == "Refused: box-1; why is said above"


def test_another_processor_under_the_name_of_a_machine_is_refused(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    before = {"model name": "EPYC", "stepping": "1"}
    told = record(release="tensorflow-2.16.2", machine="box-1", processor=before)
    path = planned.results / "box-1" / "records" / "r.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(told.as_json()) + "\n")
    engine.add("box-1", facts={"processor": {**before, "model name": "Xeon"}})
    status, said = run(planned, engine)
    assert status == TROUBLE
    assert any("this is not the processor that box-1 was measured on" in line for line in said)


def test_a_worker_that_is_lost_gets_its_unit_again_when_it_is_back(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[UnitOfWork] = []

    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        if unit.kind == RUN and not lost:
            lost.append(unit)
            engine.gone.add("box-1")
        return DONE, ""

    box = engine.add("box-1", measure)
    waits: list[float] = []

    def arrived(wait_s: float, original=engine.arrived):
        if "box-1" in engine.gone:
            waits.append(wait_s)
            if len(waits) == 3:
                engine.gone.clear()
        return original(wait_s)

    monkeypatch.setattr(engine, "arrived", arrived)
    status, said = run(planned, engine)
    assert status == 0, said
    assert Counter(unit.name for unit in box.units)[lost[0].name] == 2
    assert any("its worker was lost; it comes again" in line for line in said)


def test_what_follows_is_planned_by_what_the_worker_has_that_came_back(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned_for: list[Collection[str] | None] = []

    def more(self: Planner, machine: str, can: Capability) -> tuple[list[UnitOfWork], list[str]]:
        planned_for.append(can.interpreters)
        return [], []

    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        if len(box.units) == 1:
            engine.gone.add("box-1")
            box.hello["interpreters"] = ["3.9"]
        return DONE, ""

    def arrived(wait_s: float, original=engine.arrived) -> list[Arrived]:
        found = original(wait_s)
        if any("its worker was lost" in line for line in said):
            engine.gone.clear()
        return found

    monkeypatch.setattr(Planner, "more", more)
    monkeypatch.setattr(engine, "arrived", arrived)
    box = engine.add("box-1", measure)
    said: list[str] = []
    run(planned, engine, said=said)
    assert planned_for == [["3.9"]]


def test_what_a_mirror_has_that_never_arrived_is_taken_in_at_the_start(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    box = engine.add("box-1")
    recording(UnitOfWork(kind=RUN, profile="cpu-quick"), box.place)
    status, said = run(planned, engine)
    assert status == 0
    assert len(planned.records(machine="box-1")) == 1
    assert "box-1: 1 line came that a connection had lost" in said


def test_another_host_under_the_name_of_a_machine_is_refused(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = engine.add("box-1", host="one")
    second = engine.add("second", host="two")
    monkeypatch.setattr(engine, "workers", lambda: dict.fromkeys(engine.boxes, "box-1"))
    status, said = run(planned, engine)
    assert status == TROUBLE
    assert (len(first.units), len(second.units)) == (UNITS, 0)
    assert any(
        "one measures under this name; give one of them another name" in line for line in said
    )


def test_after_an_answer_that_was_lost_nothing_is_taken_for_agreed(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add("box-1", recording)
    lost: list[str] = []

    def arrived(wait_s: float, original=engine.arrived):
        found = original(wait_s)
        if not lost and found and "status" in (found[0].answer or {}):
            lost.append(found[0].address)
            return [Arrived("box-1", error="the answer was lost")]
        return found

    monkeypatch.setattr(engine, "arrived", arrived)
    status, said = run(planned, engine)
    assert status == 0, said
    assert lost
    assert len(planned.records(machine="box-1")) == UNITS


def test_a_refused_worker_that_was_mended_is_no_trouble(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = engine.add("box-2").hello["identity"]
    box = engine.add("box-1", identity={})
    looks: list[int] = []

    def workers(original=engine.workers):
        looks.append(1)
        engine.gone = {"box-1"} if len(looks) == 3 else set()
        if len(looks) == 3:
            box.hello["identity"] = ours
        return original()

    monkeypatch.setattr(engine, "workers", workers)
    status, said = run(planned, engine, workers=2)
    assert any("box-1 at box-1 is refused" in line for line in said)
    assert status == 0, said
    assert len(box.units) == UNITS


def test_where_no_worker_came_within_the_budget_more_is_left(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    status, said = run(planned, engine, budget_s=0.0)
    assert status == LEFT
    assert said[0].startswith("0 of 1 workers came; ")


def run_with_a_late_one(
    tiny: Tiny,
    engine: SimulatedEngine,
    monkeypatch: pytest.MonkeyPatch,
    known: Awaited,
    workers: int = 1,
) -> tuple[int, list[str]]:
    """Run while so much is ``known`` of those that were started. One worker comes, after the client
    has looked a few times, and measures all."""
    box = engine.add("box-1")
    looks, original = itertools.count(), engine.workers
    monkeypatch.setattr(engine, "workers", lambda: original() if next(looks) > 5 else {})
    engine.known = known
    status, said = run(tiny, engine, workers=workers)
    assert len(box.units) == UNITS, said
    return status, said


def test_where_no_worker_answered_and_none_will_the_client_says_why(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    engine.known = Awaited(ended=2, line="all 2 jobs ended without a worker; job 7 (FAILED): why")
    with pytest.raises(
        FleetError, match=r"^no worker answered: all 2 jobs ended .*: why; mend that, "
    ):
        run(planned, engine, workers=2)


def test_a_worker_that_came_and_will_not_come_again_is_said(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        engine.known = Awaited(ended=1, line="the job ended 3 times; job 9: it said nothing")
        return DONE, ""

    engine.add("box-1", measure)
    status, said = run(planned, engine)
    assert status == 0, said
    assert said.count(engine.known.line) == 1


def test_a_worker_that_will_not_come_is_said_and_not_waited_for(
    planned: Tiny, engine: SimulatedEngine
) -> None:
    box = engine.add("box-1")
    engine.known = Awaited(ended=1, line="1 of 2 jobs ended without a worker")
    status, said = run(planned, engine, workers=2)
    assert status == LEFT
    assert len(box.units) == UNITS
    assert said.count(engine.known.line) == 1
    assert any(line.startswith("1 of 2 workers came; ") for line in said)


def test_that_jobs_wait_in_a_queue_is_said_once_and_they_are_waited_for(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued = Awaited(coming=1, line="in Slurm's queue: the job (Priority)")
    status, said = run_with_a_late_one(planned, engine, monkeypatch, queued)
    assert status == 0, said
    assert said.count(queued.line) == 1


def test_workers_that_somebody_else_starts_are_waited_for(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Awaited(ended=1, line="the worker ended")
    status, said = run_with_a_late_one(planned, engine, monkeypatch, ended, workers=2)
    assert status == LEFT, said


def test_a_machine_whose_worker_is_gone_is_none_that_will_not_come(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has come; the second worker is one that somebody else starts."""
    first, second = engine.add("box-1"), engine.add("box-2")
    looks, original = itertools.count(), engine.workers

    def workers() -> Mapping[str, str]:
        if len(first.units) == UNITS:
            engine.gone.add("box-1")
            engine.known = Awaited(ended=1, line="the worker ended")
        there = original()
        late = "box-1" in there or next(looks) < 5
        return {name: name for name in there if not (late and name == "box-2")}

    monkeypatch.setattr(engine, "workers", workers)
    status, said = run(planned, engine, workers=2)
    assert status == 0, said
    assert len(second.units) == UNITS


def test_a_slow_worker_holds_up_no_other(
    planned: Tiny, engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = engine.add("box-1"), engine.add("box-2")
    held: list[Arrived] = []
    when_done: list[int] = []

    def arrived(wait_s: float, original=engine.arrived):
        found = original(wait_s)
        if len(fast.units) < UNITS:
            held.extend(each for each in found if each.address == "box-1")
            return [each for each in found if each.address == "box-2"]
        when_done.append(len(slow.units))
        found, held[:] = [*held, *found], []
        return found

    monkeypatch.setattr(engine, "arrived", arrived)
    status, said = run(planned, engine)
    assert status == 0, said
    assert when_done[0] == 0, "the other was through before this one had answered once"
    assert len(slow.units) == UNITS


def test_two_clients_of_one_checkout_are_refused(planned: Tiny, engine: SimulatedEngine) -> None:
    def measure(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
        with pytest.raises(FleetError, match="another vggbench fleet run"):
            run(planned, SimulatedEngine(planned, place.root))
        return DONE, ""

    box = engine.add("box-1", measure)
    assert run(planned, engine)[0] == 0
    assert box.units
