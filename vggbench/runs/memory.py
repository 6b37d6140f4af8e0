"""How much memory this process may still take, as the system tells it."""

from __future__ import annotations

from pathlib import Path

#: Where the kernel tells of its memory (proc_meminfo(5)), and of control groups, version 2 and
#: version 1: the limit, what is used, and in which line of which file what of that is cache that it
#: gives back when asked.
MEMINFO = Path("/proc/meminfo")
GROUPS = (
    (Path("/sys/fs/cgroup"), "memory.max", "memory.current", "inactive_file"),
    (
        Path("/sys/fs/cgroup/memory"),
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def available_bytes() -> int | None:
    """Bytes that can be taken without swapping: what the machine has left, or the control group
    where that is less; None where the system does not tell."""
    known = [_of_machine(), *(_of_group(*each) for each in GROUPS)]
    return min((one for one in known if one is not None), default=None)


def _of_machine() -> int | None:
    found = _line(MEMINFO, "MemAvailable:")
    return None if found is None else found * 1024


def _of_group(folder: Path, limit: str, used: str, cache: str) -> int | None:
    try:
        left = int((folder / limit).read_text()) - int((folder / used).read_text())
    except (OSError, ValueError):  # no such group, or "max": none is set
        return None
    return max(0, left + (_line(folder / "memory.stat", cache) or 0))


def _line(path: Path, name: str) -> int | None:
    """The number behind a name in a file; None where there is none."""
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[:1] == [name]:
                return int(words[1])
    except (OSError, ValueError, IndexError):
        pass
    return None
