"""Workers and schedulers as processes: one worker a machine, on 127.0.0.1, for as long as asked."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import distributed
import pytest

from vggbench import machine_lock
from vggbench.fleet import LOOPBACK
from vggbench.fleet.scheduler import QuietScheduler
from vggbench.fleet.worker import HEARTBEAT_S, MachineWorker, reason
from vggbench.machine_lock import RunInProgress

from ..asv_plugin.test_faults import the_line
from ..tiny import MACHINE, Tiny
from .boxes import workers_of
from .conftest import Start

T = TypeVar("T")


def workers_at(address: str) -> list[dict[str, Any]]:
    """What the scheduler at an address knows of its workers."""
    with distributed.Client(address, set_as_default=False) as client:
        return list(workers_of(client).values())


def run(awaited: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns or raises, run in a thread of its own.

    Tests of a browser may have run in this thread: they leave a loop in it that is running.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, awaited).result()


def test_nothing_but_a_fleet_imports_dask() -> None:
    script = (
        "import sys, vggbench.cli, vggbench.fleet.plan, vggbench.fleet.hand_out, "
        "vggbench.fleet.on_machine; print({'dask', 'distributed'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_a_worker_has_one_thread_and_its_machines_name_as_its_resource(start: Start) -> None:
    address = start("scheduler", "--port", "0").address()
    start("worker", address).says(f"{MACHINE}: works for {address}")
    (worker,) = workers_at(address)
    assert worker["resources"] == {MACHINE: 1}
    assert worker["nthreads"] == 1
    assert not worker["memory_limit"]


def test_both_listen_on_127_0_0_1_alone_and_on_one_port_each(start: Start) -> None:
    scheduler = start("scheduler", "--port", "0")
    address = scheduler.address()
    worker = start("worker", address)
    worker.says("works for")
    for one in (scheduler, worker):
        listening = one.listening()
        assert len(listening) == 1, listening
        assert {host for host, _ in listening} == {"127.0.0.1"}


def test_a_worker_listens_at_the_port_that_it_is_told(start: Start, free_port: int) -> None:
    address = start("scheduler", "--port", "0").address()
    worker = start("worker", address, "--port", str(free_port))
    worker.says(f"listens on tcp://127.0.0.1:{free_port}")
    assert worker.listening() == {("127.0.0.1", free_port)}


def test_the_second_worker_of_a_machine_is_refused_in_a_line_that_names_the_first(
    bare_tiny: Tiny, start: Start, free_port: int
) -> None:
    """Also while the first still waits for a scheduler."""
    address = f"tcp://127.0.0.1:{free_port}"
    first = start("worker", address)
    first.says(f"looks for the scheduler at {address}")
    done = bare_tiny.vggbench("fleet", "worker", address)
    assert done.status == 2
    the_line(
        done,
        f"this machine has a worker already: process {first.process.pid}, ",
        f"fleet worker {address}, since ",
    )
    assert first.end() == 0
    start("worker", address).says("looks for the scheduler")


def test_a_worker_that_was_killed_leaves_no_lock(start: Start, free_port: int) -> None:
    address = f"tcp://127.0.0.1:{free_port}"
    first = start("worker", address)
    first.says("looks for the scheduler")
    first.end(signal.SIGKILL)
    start("worker", address).says("looks for the scheduler")


def test_a_worker_holds_the_lock_of_its_machines_worker_alone(start: Start, free_port: int) -> None:
    """What measures takes the machine's lock; a worker that waits keeps nobody from measuring."""
    start("worker", f"tcp://127.0.0.1:{free_port}").says("looks for the scheduler")
    with machine_lock.held():
        pass
    with pytest.raises(RunInProgress), machine_lock.held_by_worker():
        pass


def test_a_worker_begins_again_when_its_scheduler_was_killed_and_is_back(
    start: Start, free_port: int
) -> None:
    first = start("scheduler", "--port", str(free_port))
    address = first.address()
    worker = start("worker", address)
    worker.says("works for")
    first.end(signal.SIGKILL)
    worker.says(f"{MACHINE}: the scheduler at {address} is lost")
    start("scheduler", "--port", str(free_port)).address()
    worker.says(f"works for {address}", times=2)
    assert [one["resources"] for one in workers_at(address)] == [{MACHINE: 1}]
    assert worker.end() == 0
    assert "Traceback" not in "".join(worker.lines)


def test_a_worker_says_why_it_waits(start: Start, free_port: int) -> None:
    worker = start("worker", f"tcp://127.0.0.1:{free_port}")
    worker.says("waits for the scheduler at")
    # On a busy machine the first line may have it that time ran out; another comes each minute.
    line = worker.says("Connection refused")
    assert "waits for the scheduler at" in line


def test_what_ran_out_of_time_is_not_called_cancelled() -> None:
    async def late() -> None:
        try:
            await asyncio.wait_for(asyncio.sleep(60), 0.01)
        except asyncio.TimeoutError as err:
            raise OSError("Timed out trying to connect after 5 s") from err

    with pytest.raises(OSError, match="Timed out") as caught:
        run(late())
    assert reason(caught.value) == "Timed out trying to connect after 5 s"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_scheduler_and_worker_end_well_when_they_are_told_to(
    start: Start, number: signal.Signals
) -> None:
    scheduler = start("scheduler", "--port", "0")
    worker = start("worker", scheduler.address())
    worker.says("works for")
    for one in (worker, scheduler):
        assert one.end(number) == 0, one.lines
        assert "Traceback" not in "".join(one.lines)


def test_a_worker_is_told_what_asv_calls_a_new_machine(start: Start, bare_tiny: Tiny) -> None:
    (bare_tiny.home / ".asv-machine.json").unlink()
    address = start("scheduler", "--port", "0").address()
    worker = start("worker", address, "--machine", "box-7")
    worker.says("asv is told that this machine is box-7")
    worker.says(f"box-7: works for {address}")
    assert [one["resources"] for one in workers_at(address)] == [{"box-7": 1}]


def test_a_machine_that_asv_knows_gets_no_other_name(bare_tiny: Tiny, free_port: int) -> None:
    done = bare_tiny.vggbench(
        "fleet", "worker", f"tcp://127.0.0.1:{free_port}", "--machine", "box-7"
    )
    assert done.status == 2
    the_line(done, f"asv knows this machine as {MACHINE}, not as box-7")


def test_a_worker_does_nothing_several_times_a_second(
    bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask's worker looks at itself every 20 ms, and sends two heartbeats a second."""
    monkeypatch.setenv("HOME", str(bare_tiny.home))

    async def intervals() -> dict[str, float]:
        async with (
            QuietScheduler(host=LOOPBACK, port=0) as scheduler,
            MachineWorker(
                scheduler.address, config=str(bare_tiny.folder / "asv.conf.json")
            ) as worker,
        ):
            await worker.heartbeat()
            return {
                name: callback.callback_time / 1000
                for name, callback in worker.periodic_callbacks.items()
            }

    found = run(intervals())
    assert found["heartbeat"] == HEARTBEAT_S
    assert min(found.values()) >= 1, found


def test_an_address_of_another_machine_is_one_line(bare_tiny: Tiny) -> None:
    done = bare_tiny.vggbench("fleet", "scheduler", "--host", "192.0.2.1", "--port", "0")
    assert done.status == 2
    the_line(done, "the scheduler cannot listen on 192.0.2.1")


def test_a_port_that_is_taken_is_one_line(bare_tiny: Tiny, start: Start, free_port: int) -> None:
    start("scheduler", "--port", str(free_port)).address()
    done = bare_tiny.vggbench("fleet", "scheduler", "--port", str(free_port))
    assert done.status == 2
    the_line(done, f"port {free_port}: Address already in use; choose others: --host, --port")
    done = bare_tiny.vggbench(
        "fleet", "worker", f"tcp://127.0.0.1:{free_port}", "--port", str(free_port)
    )
    assert done.status == 2
    the_line(done, f"the worker of {MACHINE} cannot start: Address already in use; see --host")
