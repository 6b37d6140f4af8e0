"""What a step costs, counted on this machine: by events of the system, which virtual machines count
too."""

import errno
import mmap
import os
import threading
import time

import pytest

from vggbench.inside import counters

#: PERF_TYPE_SOFTWARE: nanoseconds that threads computed, and page faults.
EVENTS = {"computed_ns": (1, 1), "faults": (1, 2)}

BUSY_S = 0.02
PAGES = 500


def compute():
    """Compute for BUSY_S seconds in this thread."""
    end = time.thread_time() + BUSY_S
    while time.thread_time() < end:
        pass


class Pool:
    """A thread that lives before anything is counted, and computes when it is asked to."""

    def __init__(self):
        self._asked, self._done = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        while True:
            self._asked.acquire()
            compute()
            self._done.release()

    def compute(self):
        self._asked.release()
        self._done.acquire()


def counted(step, steps=2):
    """What is counted in a step, where the system lets it be counted."""
    found = counters.count(step, EVENTS, steps)
    reasons = [told["reason"] for told in found.values() if isinstance(told, dict)]
    if reasons:
        pytest.skip(f"nothing can be counted here: {reasons[0]}")
    return found


def test_threads_that_live_already_and_those_that_a_step_starts_are_counted():
    pool = Pool()

    def step():
        pool.compute()
        thread = threading.Thread(target=compute)
        thread.start()
        thread.join()

    found = counted(step)
    assert found["computed_ns"] >= 2 * BUSY_S * 1e9


def test_what_is_counted_is_a_number_a_step():
    def step():
        with mmap.mmap(-1, PAGES * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory.madvise(mmap.MADV_NOHUGEPAGE)
            for page in range(PAGES):
                memory[page * mmap.PAGESIZE] = 1

    few, many = counted(step, 2), counted(step, 20)
    for found in (few, many):
        assert PAGES <= found["faults"] < 3 * PAGES


def test_counting_leaves_no_file_open():
    before = sorted(os.listdir("/proc/self/fd"))
    counters.count(lambda: None, EVENTS)
    assert sorted(os.listdir("/proc/self/fd")) == before

    def failing():
        raise ValueError("odd")

    if not any(isinstance(told, dict) for told in counters.count(lambda: None, EVENTS).values()):
        with pytest.raises(ValueError, match="odd"):
            counters.count(failing, EVENTS)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_the_processors_counters_have_numbers_or_a_reason():
    found = counters.count(lambda: sum(range(100000)))
    assert set(found) == {"instructions", "cycles"}
    for told in found.values():
        assert told["reason"] if isinstance(told, dict) else told > 100000


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOENT, "this machine has no such counter, as most virtual machines (ENOENT)"),
        (errno.EACCES, "the system does not allow it (EACCES; perf_event_paranoid is "),
        (errno.EPERM, "the system does not allow it (EPERM; perf_event_paranoid is "),
        (errno.ENOSYS, "the system does not offer it (ENOSYS)"),
        (errno.EMFILE, "the system refused: Too many open files (EMFILE)"),
    ],
)
def test_where_the_system_refuses_no_step_is_run_and_the_reason_is_told(monkeypatch, number, said):
    def refuse(*event):
        raise OSError(number, "no")

    monkeypatch.setattr(counters, "_open_one", refuse)
    steps = []
    found = counters.count(lambda: steps.append(1))
    assert steps == []
    assert {told["reason"][: len(said)] for told in found.values()} == {said}


def test_on_another_processor_the_reason_names_it(monkeypatch):
    monkeypatch.setattr(counters.platform, "machine", lambda: "vax")
    found = counters.count(lambda: None)
    assert found["cycles"] == {"reason": "it is not known how to count on vax"}


def test_a_counter_that_was_shared_is_scaled_and_one_that_others_kept_has_a_reason(monkeypatch):
    readings = iter([[(0, 0, 0), (0, 0, 0)], [(300, 100, 50), (80, 40, 40)]])
    monkeypatch.setattr(counters, "_open", lambda *event: [])
    monkeypatch.setattr(counters, "_read", lambda files: next(readings))
    one = {"cycles": (0, 0)}
    assert counters.count(lambda: None, one, 2) == {"cycles": (600 + 80) / 2}
    readings = iter([[(0, 0, 0)], [(0, 100, 0)]])
    assert counters.count(lambda: None, one, 2) == {
        "cycles": {"reason": "others use all counters of the processor"}
    }


def test_a_usage_adds_what_lies_between_going_on_and_stopping(monkeypatch):
    used = iter([10, 12, 100, 103, 200, 204])
    monkeypatch.setattr(counters, "_used", lambda: {"cpu_s": next(used)})
    usage = counters.Usage()
    usage.stop()
    assert usage.totals is None
    for _ in range(3):
        usage.go_on()
        usage.stop()
        usage.stop()
    assert usage.totals == {"cpu_s": 2 + 3 + 4, "times": 3}


def test_a_usage_has_what_the_system_counts_for_the_process():
    usage = counters.Usage()
    usage.go_on()
    compute()
    usage.stop()
    assert set(usage.totals) == {"times", "cpu_s", *counters.FIELDS}
    assert usage.totals["cpu_s"] >= BUSY_S


def test_where_the_system_does_not_tell_there_are_no_totals(monkeypatch):
    monkeypatch.setattr(counters, "_used", lambda: None)
    usage = counters.Usage()
    usage.go_on()
    usage.stop()
    assert usage.totals is None
