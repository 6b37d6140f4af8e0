"""The rows of perf/fleet.py: what their entries come to, and what they measure with."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vggbench.fleet import mirror, plan
from vggbench.fleet.on_machine import MIRRORS, OnMachine
from vggbench.fleet.plan import Capability, Planner
from vggbench.fleet.units import CALIBRATION, DONE, RUN, UnitOfWork

from .records.factory import record
from .tiny import Tiny, until

Entry = dict[str, Any]


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module("fleet")


@pytest.fixture
def fleets(fleet: ModuleType) -> ModuleType:
    return importlib.import_module("shared.fleets")


@pytest.fixture
def client_alone(fleet: ModuleType) -> ModuleType:
    return importlib.import_module("shared.client_alone")


@pytest.fixture
def waiting_worker(fleet: ModuleType) -> ModuleType:
    return importlib.import_module("shared.waiting_worker")


# -- an idle worker beside steps


def turns(count: int, ratio: float = 1.0) -> list[Entry]:
    """Turns in which a running worker makes steps longer by ``ratio``, give or take 1 %."""
    factors = itertools.islice(itertools.cycle((0.99, 1.01)), count)
    return [{"running": 0.3 * ratio * factor, "stopped": 0.3} for factor in factors]


def test_turns_are_taken_until_there_are_enough(fleet: ModuleType) -> None:
    assert fleet.step_plan([], "here") == {"turn": 1}
    assert fleet.step_plan(turns(19), "here") == {"turn": 20}
    assert fleet.step_plan(turns(20), "here") is None
    assert fleet.step_progress(turns(3)) == "3 of 20 turns"


@pytest.mark.parametrize(
    ("ratio", "good"), [(1.0, True), (1.004, True), (0.996, True), (1.008, False), (0.99, False)]
)
def test_the_whole_interval_must_lie_within_what_is_wanted(
    fleet: ModuleType, ratio: float, good: bool
) -> None:
    reached = fleet.step_reached(turns(20, ratio))  # an interval of +-0.5 %
    assert reached.good is good
    assert reached.messages[0].startswith(f"{ratio:.3f} (95 % interval ")
    assert "a step takes 300.0 ms" in reached.messages[0]


def test_too_few_turns_tell_nothing_yet(fleet: ModuleType) -> None:
    assert fleet.step_reached(turns(1)).messages == []
    assert fleet.step_reached(turns(19)).good is None


class Stepping:
    """A worker, and what makes steps, whose order is noted."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.stepper = self.fleet = self

    def process(self, name: str) -> Stepping:
        return self

    def send_signal(self, number: signal.Signals) -> None:
        self.order.append(number.name)

    def cpu_s(self) -> float:
        return 0.0

    def step_s(self) -> float:
        self.order.append("steps")
        return 0.25 if "SIGSTOP" in self.order[-2:] else 0.5


def test_which_side_comes_first_takes_turns(
    fleet: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet.common, "undisturbed", lambda measure, more_s: measure())
    monkeypatch.setattr(fleet, "SETTLED_S", 0.0)
    idle = Stepping()
    found = [fleet.turn(idle, {}, turns(number)) for number in range(2)]
    assert idle.order[::2] == ["SIGCONT", "SIGSTOP", "SIGSTOP", "SIGCONT"]
    assert [(entry["running"], entry["stopped"]) for entry in found] == [(0.5, 0.25)] * 2


# -- kills


def after_kills(count: int, lost: int = 0, doubled: int = 0, **more: Any) -> Entry:
    told = {"records": 30, "lost": lost, "doubled": doubled, "seconds": 60.0, "seed": 1}
    return {**told, "killed": {"client": count - 1, "box-1": 1}, **more}


def test_fleets_are_killed_until_there_were_enough_kills(fleet: ModuleType) -> None:
    assert fleet.kills_plan([], "here") == {"seed": 1}
    assert fleet.kills_plan([after_kills(12)], "here") == {"seed": 2}
    assert fleet.kills_plan([after_kills(12), after_kills(8)], "here") is None
    assert fleet.kills_progress([after_kills(12)]) == "12 of 20 kills"


@pytest.mark.parametrize(
    ("second", "good"),
    [
        (after_kills(8, seed=2), True),
        (after_kills(8, lost=1, seed=2), False),
        (after_kills(8, doubled=1, seed=2), False),
        (after_kills(7, seed=2), None),
    ],
)
def test_one_record_that_is_lost_or_doubled_is_too_many(
    fleet: ModuleType, second: Entry, good: bool | None
) -> None:
    reached = fleet.kills_reached([after_kills(12), second])
    assert reached.good is good
    assert "box-1 2 times" in reached.messages[0]
    assert "seeds: 1, 2" in reached.messages[0]


def test_a_seed_says_when_and_whom(fleet: ModuleType) -> None:
    first, again, other = (list(itertools.islice(fleet.moments(n), 100)) for n in (1, 1, 2))
    assert first == again != other
    assert {name for _, name in first} == {"scheduler", "client", "box-1", "box-2"}
    assert all(0 <= seconds <= fleet.LONGEST_S for seconds, _ in first)


def line(number: int) -> bytes:
    return (json.dumps(record(round=number, machine="box-1").as_json()) + "\n").encode()


def test_a_record_that_was_seen_anywhere_and_is_not_kept_is_lost(
    fleet: ModuleType, bare_tiny: Tiny
) -> None:
    seen = fleet.Seen(bare_tiny, {"box-1": bare_tiny})
    mirror = bare_tiny.checkout.env_dir / MIRRORS / "box-1" / "results" / "box-1" / "records"
    client = bare_tiny.results / "box-1" / "records"
    for folder in (mirror, client):
        folder.mkdir(parents=True)
    (mirror / "a.jsonl").write_bytes(line(1) + line(2) + line(3)[:40])
    (client / "a.jsonl").write_bytes(line(1))
    (client / "b.jsonl").write_bytes(line(4))
    seen.look()
    assert fleet.lost(seen.lines, seen.kept()) == {("box-1", line(2))}
    (mirror / "a.jsonl").unlink()
    (client / "b.jsonl").unlink()
    seen.look()
    assert fleet.lost(seen.lines, seen.kept()) == {("box-1", line(2)), ("box-1", line(4))}


def test_a_process_that_has_two_records_is_doubled_however_they_are_written(
    fleet: ModuleType,
) -> None:
    written_otherwise = json.dumps(json.loads(line(1)), sort_keys=True).encode() + b"\n"
    assert written_otherwise != line(1)
    assert fleet.doubled([("box-1", line(1)), ("box-1", line(2)), ("box-2", line(1))]) == 0
    assert fleet.doubled([("box-1", line(1)), ("box-1", written_otherwise)]) == 1


# -- parts that run


@pytest.fixture
def running(fleets: ModuleType, tmp_path: Path) -> Iterator[Any]:
    with fleets.Fleet(tmp_path / "logs") as running:
        yield running


def sleeper(fleets: ModuleType, folder: Path, text: str) -> Any:
    command = [sys.executable, "-c", f"import time; print({text!r}, flush=True); time.sleep(600)"]
    return fleets.Part("part", command, folder, dict(os.environ))


def test_a_part_says_what_it_has_said_since_it_was_last_started(
    fleets: ModuleType, running: Any, tmp_path: Path
) -> None:
    for text in ("first", "second"):
        running.start(sleeper(fleets, tmp_path, text))
        until(lambda: running.said("part"))
        assert running.said("part") == [text]
        assert running.last_lines() == f"part: {text}"
        running.kill("part")
        assert running.process("part").returncode == -signal.SIGKILL


def test_all_parts_end_with_their_fleet_even_one_that_is_stopped(
    fleets: ModuleType, tmp_path: Path
) -> None:
    with fleets.Fleet(tmp_path / "logs") as running:
        process = running.start(sleeper(fleets, tmp_path, "here"))
        until(lambda: running.said("part"))
        process.send_signal(signal.SIGSTOP)
    assert process.returncode == -signal.SIGTERM


def test_each_simulated_machine_has_a_home_and_a_lock_of_its_own(
    fleets: ModuleType, tmp_path: Path
) -> None:
    one, two = (fleets.of_machine(tmp_path, name, {"A": "1", "HOME": "/"}) for name in ("x", "y"))
    assert one["A"] == two["A"] == "1"
    assert one.keys() == two.keys()
    assert all(one[key] != two[key] for key in one if key != "A")
    assert Path(one["HOME"]).is_dir()


def test_to_machines_that_share_a_computer_nobody_else_computes(fleet: ModuleType) -> None:
    code = "from vggbench.runs import clocks; print(clocks.machine([0]), clocks.busy_share([0], 9))"
    env = {**os.environ, "PYTHONPATH": str(fleet.UNDISTURBED)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout == "None 0.0\n", done.stderr


# -- units that wait


def test_each_machine_gets_as_many_units_as_are_asked_for(
    fleet: ModuleType, bare_tiny: Tiny
) -> None:
    counts = {"one": 5, "several-*": 2}
    fleet.write_plan(bare_tiny.folder, "tinyframe-2.0", "plain", counts)
    checkout = bare_tiny.checkout
    planner = Planner(checkout, plan.read(checkout), processes=40, threshold=0.02)
    for machine, count in (("one", 5), ("several-3", 2)):
        units, lines = planner.left(machine, Capability())
        assert lines == []
        assert [unit.kind for unit in units] == [*[RUN] * (count - 1), CALIBRATION]


def test_a_worker_that_waits_exchanges_results_as_ever(
    waiting_worker: ModuleType,
    bare_tiny: Tiny,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(waiting_worker.time, "sleep", waits.append)
    machine = OnMachine(bare_tiny.checkout, "box-1", pytest.fail)
    unit = UnitOfWork(kind=RUN, profile="cpu-quick").as_json()
    files = {"results/box-1/records/a.jsonl": line(1)}
    here = tmp_path / "client"
    for name, content in files.items():
        mirror.write(here / name, content)
    client = mirror.Place(here, here / "results", "box-1")
    sent = mirror.lacking(client, mirror.Known(), {"states": {}})
    sent.update(unit=unit, options=[], identity={})
    answer = waiting_worker.work(machine, sent, lambda: True)
    assert (answer["status"], waits) == (DONE, [waiting_worker.UNIT_S])
    assert list(answer["offer"]["states"]) == list(files)
    assert answer["offer"]["files"] == {}, "the client has it all"


# -- the client alone


def test_simulated_workers_leave_a_record_of_each_unit(
    fleet: ModuleType, client_alone: ModuleType, bare_tiny: Tiny
) -> None:
    fleet.write_plan(bare_tiny.folder, "tinyframe-2.0", "plain", {"*": 3})
    told = record(release="tinyframe-2.0", machine="elsewhere").as_json()
    found = client_alone.measured(bare_tiny.checkout, told, 4)
    assert found["units"] == found["records"] == 12
    assert min(found["client_s"], found["workers_s"], found["peak_bytes"]) > 0
    runs = {one["run"] for n in range(4) for one in bare_tiny.records(machine=f"box-{n:03}")}
    assert len(runs) == 12


@pytest.mark.parametrize(
    ("client_s", "peak_bytes", "status"),
    [(99.0, 4e8, 0), (101.0, 4e8, 1), (99.0, 6e8, 1)],
)
def test_the_client_may_cost_some_time_a_unit_and_some_memory(
    fleet: ModuleType,
    capsys: pytest.CaptureFixture[str],
    client_s: float,
    peak_bytes: float,
    status: int,
) -> None:
    found = {"units": 10_000, "records": 10_000, "client_s": client_s, "workers_s": 50.0}
    assert fleet.report_client({**found, "peak_bytes": peak_bytes}) == status
    printed = capsys.readouterr().out
    assert f"{client_s / 10:.2f} ms; 5.00 ms that the simulated workers took" in printed
    assert printed.count("MISSED") == status


def test_a_client_that_has_not_every_record_has_no_figure(fleet: ModuleType) -> None:
    found = {"units": 10_000, "records": 9_999, "client_s": 1.0, "workers_s": 1.0}
    with pytest.raises(SystemExit, match=r"10000 units left 9999 records, not 10000"):
        fleet.report_client({**found, "peak_bytes": 1})


def test_every_row_that_takes_long_can_be_printed_before_anything_is_measured(
    fleet: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fleet, "STATE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["fleet.py", "--report"])
    assert fleet.main() == 0
    assert capsys.readouterr().out.count("NOT COMPLETE: 0 of ") == len(fleet.ROWS)
