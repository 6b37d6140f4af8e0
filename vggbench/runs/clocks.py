"""How much CPU time a process and the machine have used so far, read from outside the process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

#: Ticks per second, in which /proc/stat counts (proc_stat(5)).
TICKS = os.sysconf("SC_CLK_TCK")

#: Where the kernel counts what its processors did.
STAT = "/proc/stat"


def cpu_clock(pid: int) -> Callable[[], float] | None:
    """A function that reads the CPU seconds of a process, of all its threads, to the nanosecond
    (clock_getcpuclockid(3)). The function raises OSError once the process is gone. None where the
    system has no such clock.

    Of a thread that runs at that moment, the clock may lack up to a tick of the kernel, some
    milliseconds: Linux brings the clocks of other processes up to date at ticks, and when a thread
    goes to sleep.
    """
    try:
        ask = ctypes.CDLL(None).clock_getcpuclockid
    except (AttributeError, OSError):
        return None
    clock = ctypes.c_int()
    if ask(pid, ctypes.byref(clock)) != 0:
        return None
    return lambda: time.clock_gettime(clock.value)


def is_computing(pid: int) -> bool:
    """Whether a thread of the process runs or waits for a processor (state R in
    proc_pid_stat(5)); False where the process is gone or the system does not tell."""
    folder = f"/proc/{pid}/task"
    with contextlib.suppress(OSError):
        return any(_state(f"{folder}/{thread}") == b"R" for thread in os.listdir(folder))
    return False


def is_zombie(pid: int) -> bool:
    """Whether the main thread of a process has ended (state Z or X in proc_pid_stat(5)); False
    where the process is gone or the system does not tell. It cannot be waited for before its last
    thread has ended, which takes a moment after a kill."""
    return _state(f"/proc/{pid}") in (b"Z", b"X")


def _state(folder: str) -> bytes | None:
    """The state of the process or thread with this folder; None where it has ended."""
    try:
        with open(f"{folder}/stat", "rb") as file:
            # The state follows the thread's name, which is in brackets and may hold anything.
            return next(iter(file.read().rpartition(b")")[2].split()), None)
    except OSError:
        return None


@dataclass(frozen=True)
class MachineTime:
    """Seconds that some processors have computed so far, for any process, and seconds that a
    hypervisor kept from them."""

    busy_s: float
    steal_s: float


def machine(cpus: Collection[int]) -> MachineTime | None:
    """What the processors with these numbers have done so far; None where the system does not tell.

    The kernel counts in ticks of some milliseconds. Over a step that is coarse, over a duet it is
    exact enough.
    """
    names = {f"cpu{number}" for number in cpus}
    busy = steal = 0
    try:
        with open(STAT, encoding="ascii") as file:
            for line in file:
                name, *counts = line.split()
                if name in names:
                    # user, nice, system, idle, iowait, irq, softirq, steal (proc_stat(5))
                    ticks = [int(count) for count in counts[:8]]
                    busy += sum(ticks[:3]) + sum(ticks[5:7])
                    steal += ticks[7]
                    names.remove(name)
    except (OSError, ValueError, IndexError):
        return None
    return None if names else MachineTime(busy / TICKS, steal / TICKS)


def busy_share(cpus: Collection[int], seconds: float) -> float:
    """The share of these processors that is used in the next ``seconds``, by any process, this one
    included, or kept from them by a hypervisor. 0 where the system does not tell."""
    before, began = machine(cpus), time.monotonic()
    time.sleep(seconds)
    after, took = machine(cpus), time.monotonic() - began
    if before is None or after is None:
        return 0.0
    used = after.busy_s - before.busy_s + after.steal_s - before.steal_s
    return used / (took * len(cpus))
