"""What steps cost besides wall time: processor time, page faults and switches of threads, and the
instructions and cycles that the processor counts.

The system keeps the first of these for every process, so that reading them before and after a step
costs the step nothing. The processor's counters cost a little at each switch of threads. They are
therefore opened after the last sample, for steps of their own.
"""

import errno
import os
import platform
import struct
import time

# What is read from getrusage(2), by its name here.
FIELDS = {
    "minor_faults": "ru_minflt",
    "major_faults": "ru_majflt",
    "voluntary_switches": "ru_nvcsw",
    "involuntary_switches": "ru_nivcsw",
}

# (type, config) of perf_event_open(2): PERF_TYPE_HARDWARE, and which of its events.
HARDWARE = {"instructions": (0, 1), "cycles": (0, 0)}

# The steps that the processor's counters look at.
COUNTED_STEPS = 2

# The number of the system call perf_event_open, by what platform.machine() says.
SYSTEM_CALL = {"x86_64": 298}

# Of struct perf_event_attr: type, size, config, period, what is sampled, what is read, flags and
# what is of no use here, its first published size, and bits of its flags. Threads that are started
# later are counted too; what the kernel does is not, because most systems let only the
# administrator count that.
ATTR, ATTR_SIZE = "<IIQQQQQIIQ", 64
INHERIT, EXCLUDE_KERNEL, EXCLUDE_HYPERVISOR = 1 << 1, 1 << 5, 1 << 6

# PERF_FORMAT_TOTAL_TIME_ENABLED and _RUNNING: a counter that others need too is given back and
# taken again, and has counted for a part of the time.
READ_TIMES = 1 | 2

CLOSE_ON_EXEC = 8  # PERF_FLAG_FD_CLOEXEC

TASKS = "/proc/self/task"
PARANOID = "/proc/sys/kernel/perf_event_paranoid"


class NotCounted(Exception):
    """The machine does not count this; the text says why."""


class Usage:
    """The sum of what was used between each call of go_on and the next call of stop.

    ``totals`` has seconds of processor time as "cpu_s", and a number for each of FIELDS, of all
    threads together, and as "times" how often it was stopped. It is None before that, and where the
    system does not tell.
    """

    def __init__(self):
        self.totals = None
        self._began = None

    def go_on(self):
        self._began = _used()

    def stop(self):
        """Add what was used since go_on. Without go_on before it, nothing happens."""
        if self._began is None:
            return
        now, before, self._began = _used(), self._began, None
        totals = self.totals or dict.fromkeys([*now, "times"], 0)
        self.totals = {name: totals[name] + now[name] - before[name] for name in now}
        self.totals["times"] = totals["times"] + 1


def _used():
    try:
        import resource
    except ImportError:  # not on every system
        return None
    found = resource.getrusage(resource.RUSAGE_SELF)
    numbers = {name: getattr(found, field) for name, field in FIELDS.items()}
    numbers["cpu_s"] = time.process_time()
    return numbers


def count(step, events=None, steps=COUNTED_STEPS):
    """Run ``step`` so many times, and return what the processor counted, a number a step.

    events: (type, config) of perf_event_open(2) by name, HARDWARE where it is None. What is not
    counted has {"reason": TEXT} in place of its number. ``step`` is not run where nothing can be
    counted. Counted is what all threads of this process do in user space, with the threads and
    processes that they start meanwhile.
    """
    opened, found = {}, {}
    try:
        for name, event in (HARDWARE if events is None else events).items():
            try:
                opened[name] = _open(*event)
            except NotCounted as why:
                found[name] = {"reason": str(why)}
        before = {name: _read(files) for name, files in opened.items()}
        for _ in range(steps if opened else 0):
            step()
        for name, files in opened.items():
            found[name] = _counted(before[name], _read(files), steps)
    finally:
        for files in opened.values():
            _close(files)
    return found


def _open(kind, config):
    """Return a file for each thread of this process that counts an event. Raises NotCounted."""
    files = []
    try:
        for thread in sorted(map(int, os.listdir(TASKS))):
            file = _open_one(kind, config, thread)
            if file is not None:
                files.append(file)
    except OSError as error:
        _close(files)
        raise NotCounted(_why(error.errno))
    except NotCounted:
        _close(files)
        raise
    return files


def _open_one(kind, config, thread):
    """Return the file of the counter of one thread; None where the thread has ended. Raises
    NotCounted, and OSError where the system refuses."""
    number = SYSTEM_CALL.get(platform.machine())
    if number is None:
        raise NotCounted("it is not known how to count on %s" % platform.machine())
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).syscall
    except (ImportError, OSError, AttributeError):
        raise NotCounted("this Python cannot call the system (ctypes)")
    flags = INHERIT | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR
    fields = (kind, ATTR_SIZE, config, 0, 0, READ_TIMES, flags, 0, 0, 0)
    attributes = ctypes.create_string_buffer(struct.pack(ATTR, *fields), ATTR_SIZE)
    numbers = (number, ctypes.addressof(attributes), thread, -1, -1, CLOSE_ON_EXEC)
    call.restype = ctypes.c_long
    file = call(*map(ctypes.c_long, numbers))
    if file >= 0:
        return file
    error = ctypes.get_errno()
    if error == errno.ESRCH:
        return None
    raise OSError(error, os.strerror(error))


def _read(files):
    """Return for each file (value, ns for which it was to count, ns for which it did)."""
    return [struct.unpack("<QQQ", os.read(file, 24)) for file in files]


def _counted(before, after, steps):
    """Return the number a step, or why there is none. Where a counter has counted for a part of the
    time, its number is scaled to all of it."""
    total, wanted, had = 0.0, 0, 0
    for first, last in zip(before, after):
        value, enabled, running = (now - then for then, now in zip(first, last))
        wanted, had = wanted + enabled, had + running
        if running:
            total += value * (float(enabled) / running)
    if wanted and not had:
        return {"reason": "others use all counters of the processor"}
    return total / steps


def _close(files):
    for file in files:
        os.close(file)


def _why(number):
    """Return why the system refused to count, by its error number."""
    name = errno.errorcode.get(number, str(number))
    if number in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
        return "this machine has no such counter, as most virtual machines (%s)" % name
    if number in (errno.EACCES, errno.EPERM):
        return "the system does not allow it (%s; perf_event_paranoid is %s)" % (name, _paranoid())
    if number == errno.ENOSYS:
        return "the system does not offer it (%s)" % name
    return "the system refused: %s (%s)" % (os.strerror(number), name)


def _paranoid():
    try:
        with open(PARANOID) as file:
            return file.read().strip()
    except OSError:
        return "unknown"
