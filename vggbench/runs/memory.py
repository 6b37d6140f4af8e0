"""How much memory this process may still take, as the system tells it."""

from __future__ import annotations

from pathlib import Path

#: Where the kernel tells of its memory (proc_meminfo(5)), and of the limits of control groups,
#: version 2 and version 1.
MEMINFO = Path("/proc/meminfo")
LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def available_bytes() -> int | None:
    """Bytes that can be taken without swapping: what the machine has left, or the control group
    where that is less; None where the system does not tell."""
    known = [_of_machine(), *(_of_group(*each) for each in LIMITS)]
    return min((one for one in known if one is not None), default=None)


def _of_machine() -> int | None:
    try:
        for line in MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _of_group(limit: Path, used: Path) -> int | None:
    try:
        return max(0, int(limit.read_text()) - int(used.read_text()))
    except (OSError, ValueError):  # no such group, or "max": none is set
        return None
