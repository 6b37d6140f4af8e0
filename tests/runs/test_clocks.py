"""What processes and processors have computed, read from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from vggbench.runs import clocks

from ..tiny import until

BUSY = "while True: pass"
WAITS = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes: one that computes for ever, one that has started and sleeps."""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for code in (BUSY, WAITS)
    ]
    told = both[1].stdout
    assert told is not None
    # While it starts it may stand still too, for the disk.
    assert told.readline() == b"\n"
    yield both
    for process in both:
        process.kill()
        process.communicate()


def test_the_clock_of_a_busy_process_moves_and_that_of_a_sleeping_one_stands_still(
    started: list[subprocess.Popen[bytes]],
) -> None:
    busy, sleeping = (clocks.cpu_clock(process.pid) for process in started)
    assert busy is not None
    assert sleeping is not None
    until(lambda: busy() > 0.2 and not clocks.is_computing(started[1].pid))
    at_first, asleep = busy(), sleeping()
    until(lambda: busy() > at_first + 0.2)
    assert sleeping() == asleep
    assert asleep > 0


def test_the_clock_of_a_process_that_has_ended_says_so(
    started: list[subprocess.Popen[bytes]],
) -> None:
    clock = clocks.cpu_clock(started[0].pid)
    assert clock is not None
    started[0].kill()
    started[0].wait()
    with pytest.raises(OSError, match="Invalid argument"):
        clock()
    assert clocks.cpu_clock(started[0].pid) is None


def test_a_process_computes_where_a_thread_of_it_runs_or_could(
    started: list[subprocess.Popen[bytes]],
) -> None:
    busy, sleeping = started
    until(lambda: clocks.is_computing(busy.pid) and not clocks.is_computing(sleeping.pid))
    assert all(clocks.is_computing(busy.pid) for _ in range(100))
    busy.kill()
    busy.wait()
    assert not clocks.is_computing(busy.pid)


NAMED_ODDLY = """
import ctypes, threading
def spin():
    ctypes.CDLL(None).prctl(15, b") R (odd", 0, 0, 0)
    {then}
threading.Thread(target=spin).start()
print("named", flush=True)
"""


@pytest.mark.parametrize(
    ("then", "computes"), [("while True: pass", True), ("threading.Event().wait()", False)]
)
def test_whatever_the_name_of_a_thread_its_state_is_found(then: str, computes: bool) -> None:
    code = NAMED_ODDLY.format(then=then)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        until(lambda: clocks.is_computing(process.pid) == computes)
        process.kill()


STAT = """\
cpu  100 200 300 400 500 600 700 800 900 1000
cpu0 1 20 300 4000 50000 600000 7000000 80000000 900000000 1
cpu1 5 0 0 9 9 0 0 3 0 0
cpu10 7 7 7 7 7 7 7 7 7 7
intr 12345 0 0
ctxt 987654321
"""


@pytest.mark.parametrize(
    ("cpus", "busy", "steal"),
    [
        ([0], 7_600_321, 80_000_000),
        ([1], 5, 3),
        ([0, 1], 7_600_326, 80_000_003),
        ([10, 1], 40, 10),
        ([], 0, 0),
    ],
)
def test_of_the_processors_that_are_asked_for_all_counts_but_idling(
    cpus: list[int],
    busy: int,
    steal: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """User, nice, system and both kinds of interrupts; guests are in user and nice already."""
    (tmp_path / "stat").write_text(STAT)
    monkeypatch.setattr(clocks, "STAT", str(tmp_path / "stat"))
    assert clocks.machine(cpus) == clocks.MachineTime(busy / clocks.TICKS, steal / clocks.TICKS)


@pytest.mark.parametrize(
    "text", ["", "cpu0 1 2 3\n", "cpu0 1 2 3 4 5 six 7 8\n", "\n", STAT.replace("cpu1 ", "cpu2 ")]
)
def test_where_the_kernel_does_not_tell_nothing_is_known(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stat").write_text(text)
    monkeypatch.setattr(clocks, "STAT", str(tmp_path / "stat"))
    assert clocks.machine([0, 1]) is None


def test_without_that_file_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "STAT", str(tmp_path / "nowhere"))
    assert clocks.machine([0]) is None


@pytest.mark.parametrize(
    ("after", "share"),
    [
        ((10.0, 1.0), 0.0),
        ((10.4, 1.0), 0.5),
        # Kept by a hypervisor.
        ((10.0, 1.2), 0.25),
        ((10.4, 1.2), 0.75),
    ],
)
def test_the_share_that_is_busy_is_what_anybody_takes_of_the_processors(
    after: tuple[float, float], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    told = iter([clocks.MachineTime(10.0, 1.0), clocks.MachineTime(*after)])
    monkeypatch.setattr(clocks, "machine", lambda cpus: next(told))

    def sleep(seconds: float) -> None:
        now[0] += 2 * seconds  # it may last longer than it was asked to

    monkeypatch.setattr(clocks, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    assert clocks.busy_share([0, 1], 0.2) == pytest.approx(share)


def test_where_the_kernel_does_not_tell_nobody_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "STAT", str(tmp_path / "nowhere"))
    assert clocks.busy_share([0], 0.0) == 0.0


def test_on_this_machine_processors_compute(started: list[subprocess.Popen[bytes]]) -> None:
    cpus = os.sched_getaffinity(0)
    before = clocks.machine(cpus)
    assert before is not None
    busy = clocks.cpu_clock(started[0].pid)
    assert busy is not None
    at_first = busy()
    until(lambda: busy() > at_first + 0.3)
    after = clocks.machine(cpus)
    assert after is not None
    assert after.busy_s - before.busy_s > 0.2
    assert after.steal_s >= before.steal_s
