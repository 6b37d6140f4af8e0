"""A history on a real fleet of tiny checkouts: a real scheduler, real workers, and what befalls
them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vggbench.campaigns.history import plan
from vggbench.releases import interpreters
from vggbench.stats.policy import LEAST_BLOCKS

from ..tiny import PATIENCE_S, Tiny, python_of, until
from .boxes import ROUGH, Fleet, all_ended, kill, of_release

pytestmark = pytest.mark.asv

#: Processes of the two runs of HISTORY, by release, mode and round.
RUNS = {
    (f"tinyframe-{version}", "plain", number) for version in ("1.1", "1.2") for number in (1, 2)
}


def hanging(fleet: Fleet, worker: subprocess.Popen[str], process: int = 1) -> list[psutil.Process]:
    """The processes of 1.2 below the worker of box-1, once the one with this number hangs."""
    counts = fleet.box("box-1").home / "counts"

    def hangs() -> bool:
        asked = [file.stat().st_size for file in counts.glob("*hang*")]
        return max(asked, default=0) >= process and bool(of_release(worker, "tinyframe-1.2"))

    until(hangs)
    return of_release(worker, "tinyframe-1.2")


def ended(tiny: Tiny, machine: str) -> Counter:
    """How many processes of asv's runs ended well, by release, mode and round."""
    return Counter(
        (record["release"], record["configuration"]["mode"], record["round"])
        for record in tiny.records(machine=machine)
        if "purpose" not in record and record["outcome"] == "ok"
    )


def is_whole(fleet: Fleet, machine: str) -> bool:
    """Whether all of HISTORY is on record of a machine, every process of its runs once."""
    counts = ended(fleet.client, machine)
    return set(counts) == RUNS and set(counts.values()) == {1}


def test_two_machines_measure_a_history_which_is_published_at_the_client(fleet: Fleet) -> None:
    fleet.add_duets()
    fleet.scheduler()
    for name in ("box-1", "box-2"):
        fleet.worker(name)
    done = fleet.run("--workers", "2")
    assert done.status == 0, done.output + fleet.log("box-1")
    for name in ("box-1", "box-2"):
        assert is_whole(fleet, name), done.output
        duets = [r for r in fleet.client.records(machine=name) if r.get("purpose") == "duet"]
        assert {r["release"] for r in duets} >= {"tinyframe-1.1", "tinyframe-1.2"}
        assert f"{name}: all is measured" in done
        assert not list(fleet.boxes[name].folder.glob("results/*/records")), "no other place"
    before = fleet.client.records(machine="box-1")
    again = fleet.run()
    assert again.status == 0
    assert "nothing is left" in again
    assert fleet.client.records(machine="box-1") == before
    published = fleet.client.asv("publish")
    assert published.status == 0, published.output
    told = fleet.client.vggbench("fleet", "plan", *ROUGH)
    assert told.status == 0, told.output
    assert told.lines_with("box-2: nothing is left")


def test_the_cause_of_a_change_is_handed_out_once_the_change_is_confirmed(fleet: Fleet) -> None:
    fleet.add_duets()
    fleet.scheduler()
    fleet.worker("box-1")
    done = fleet.run()
    assert done.status == 0, done.output + fleet.log("box-1")
    python = f"python {fleet.client.release('tinyframe-1.1').python}"
    said = done.output.splitlines()
    (compared,) = [line for line in said if "(neighbours, cpu-quick) done" in line]
    (separated,) = [
        line for line in said if f"tinyframe-1.2 with {python} (cpu-quick) done" in line
    ]
    assert "1 separation left" in compared
    assert said.index(compared) < said.index(separated)
    taken = fleet.client.records("tinyframe-1.2", machine="box-1")
    assert [r.get("variant") for r in taken].count(python) >= 2 * LEAST_BLOCKS
    assert "nothing is left" in fleet.run()
    assert fleet.client.records("tinyframe-1.2", machine="box-1") == taken


def test_a_killed_worker_leaves_no_process_and_its_unit_is_handed_out_again(fleet: Fleet) -> None:
    fleet.scheduler()
    worker = fleet.worker("box-1", faults="1.2/plain:hang")
    client = fleet.start_client()
    until(lambda: of_release(worker, "tinyframe-1.2") or client.poll() is not None)
    assert client.poll() is None, fleet.log("client")
    below = psutil.Process(worker.pid).children(recursive=True)
    kill(worker)
    until(lambda: all_ended(below))
    until(lambda: "its worker was lost; it comes again" in fleet.log("client"))
    fleet.worker("box-1")
    assert client.wait(PATIENCE_S) == 0, fleet.log("client")
    assert is_whole(fleet, "box-1"), "and what had ended before the kill is not measured again"


def test_a_killed_client_ends_what_it_asked_for_and_goes_on_when_started_again(
    fleet: Fleet,
) -> None:
    fleet.scheduler()
    worker = fleet.worker("box-1", faults="1.2/plain:hang@2")
    client = fleet.start_client()
    of_step = hanging(fleet, worker, process=2)
    assert ended_there(fleet, "box-1") == 1
    kill(client)
    until(lambda: all_ended(of_step))
    done = fleet.run()
    assert done.status == 0, done.output + fleet.log("box-1")
    assert "came that a connection had lost" in done
    assert is_whole(fleet, "box-1")


def ended_there(fleet: Fleet, name: str) -> int:
    """How many processes of 1.2 have ended well by the mirror of a machine."""
    mirror = fleet.boxes[name].folder / ".asv" / "env" / "fleet" / name
    found = Tiny(mirror).records("tinyframe-1.2", machine=name)
    return sum(record["outcome"] == "ok" for record in found)


def test_a_killed_scheduler_ends_the_client_in_one_line_and_workers_come_back(
    fleet: Fleet,
) -> None:
    scheduler = fleet.scheduler()
    worker = fleet.worker("box-1", faults="1.2/plain:hang@1")
    client = fleet.start_client()
    of_step = hanging(fleet, worker)
    kill(scheduler)
    assert client.wait(PATIENCE_S) == 2
    (line,) = [line for line in fleet.log("client").splitlines() if "cannot be reached" in line]
    assert "run the same command again to go on" in line
    assert "Traceback" not in fleet.log("client")
    until(lambda: all_ended(of_step))
    assert worker.poll() is None, "it waits for a scheduler"
    fleet.scheduler()
    done = fleet.run()
    assert done.status == 0, done.output + fleet.log("box-1")
    assert is_whole(fleet, "box-1")


def test_ctrl_c_ends_the_client_and_what_its_workers_measure(fleet: Fleet) -> None:
    fleet.scheduler()
    worker = fleet.worker("box-1", faults="1.2/plain:hang@1")
    client = fleet.start_client()
    of_step = hanging(fleet, worker)
    client.send_signal(signal.SIGINT)
    assert client.wait(PATIENCE_S) == 130
    assert "Traceback" not in fleet.log("client")
    until(lambda: all_ended(of_step))
    assert fleet.run().status == 0
    assert is_whole(fleet, "box-1")


class Wire:
    """A proxy between a worker and the scheduler, which can be silent, or cut."""

    def __init__(self, to: int):
        self._to = to
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.open = threading.Event()
        self.open.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                one, _ = self._listening.accept()
                other = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            self._pairs.append((one, other))
            for a, b in ((one, other), (other, one)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(65536):
                self.open.wait()
                b.sendall(data)
        except OSError:
            pass
        finally:
            for end in (a, b):
                end.close()

    def cut(self) -> None:
        for pair in self._pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
        self._pairs.clear()

    def close(self) -> None:
        self._listening.close()
        self.cut()


@pytest.fixture
def wire(fleet: Fleet) -> Iterator[Wire]:
    fleet.scheduler()
    wire = Wire(fleet.port)
    try:
        yield wire
    finally:
        wire.open.set()
        wire.close()


def test_a_connection_that_is_silent_for_a_minute_costs_nothing(fleet: Fleet, wire: Wire) -> None:
    fleet.worker("box-1", address=f"tcp://127.0.0.1:{wire.port}")
    client = fleet.start_client()
    until(lambda: "connected, on" in fleet.log("client"))
    wire.open.clear()
    time.sleep(60)
    wire.open.set()
    assert client.wait(PATIENCE_S) == 0, fleet.log("client")
    assert is_whole(fleet, "box-1")
    assert "failed" not in fleet.log("client")


def test_a_connection_that_breaks_is_made_again(fleet: Fleet, wire: Wire) -> None:
    worker = fleet.worker(
        "box-1", faults="1.2/plain:hang@1", address=f"tcp://127.0.0.1:{wire.port}"
    )
    client = fleet.start_client()
    of_step = hanging(fleet, worker)
    wire.cut()
    until(lambda: all_ended(of_step))
    assert client.wait(PATIENCE_S) == 0, fleet.log("client") + fleet.log("box-1")
    assert is_whole(fleet, "box-1")


def test_a_worker_of_another_vggbench_is_refused_before_anything_is_measured(
    fleet: Fleet,
) -> None:
    fleet.scheduler()
    benchmarks = fleet.box("box-1").folder / "benchmarks" / "train_step.py"
    benchmarks.write_text(benchmarks.read_text() + "# other\n")
    fleet.worker("box-1")
    done = fleet.run()
    assert done.status == 2
    assert done.lines_with("it differs from this checkout in the benchmarks")
    assert fleet.client.records(machine="box-1") == []


def test_a_machine_without_an_interpreter_measures_the_others(fleet: Fleet) -> None:
    fleet.scheduler()
    newest = interpreters.find(python_of("1.1"))
    assert newest is not None
    fleet.worker("box-1", PATH=f"{Path(sys.executable).parent}:{newest.parent}")
    done = fleet.run()
    assert done.lines_with(f"CPython {python_of('1.2')} is not on that machine")
    assert {release for release, _, _ in ended(fleet.client, "box-1")} == {"tinyframe-1.1"}


def test_a_machine_whose_disk_takes_nothing_is_left_alone(fleet: Fleet) -> None:
    fleet.add_duets()
    fleet.scheduler()
    fleet.worker("box-1")
    fleet.worker("box-2")
    # Root writes whatever the permissions are; into a file as into a folder nobody does.
    mirror = fleet.box("box-1").folder / ".asv" / "env" / "fleet" / "box-1"
    mirror.mkdir(parents=True, exist_ok=True)
    (mirror / "results").write_text("")
    done = fleet.run("--workers", "2")
    assert done.status == 2
    assert done.lines_with("box-1: its first 3 units all failed")
    assert is_whole(fleet, "box-2")
    assert "Traceback" not in done


def test_a_plan_that_is_none_ends_in_one_line(fleet: Fleet) -> None:
    fleet.scheduler()
    (fleet.client.folder / plan.FILE).write_text("[[stage]]\n")
    done = fleet.run()
    assert done.status == 2
    assert "docs/history.md says what it holds" in done
