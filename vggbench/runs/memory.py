"""How much memory this process may still take, as the system tells it."""

from __future__ import annotations

from pathlib import Path

from . import cgroups

#: Where the kernel tells of its memory (proc_meminfo(5)).
MEMINFO = Path("/proc/meminfo")

#: What a control group uses, and in which line of memory.stat what of that is cache that it gives
#: back when asked: of version 2, and of version 1.
USED = (("memory.current", "inactive_file"), ("memory.usage_in_bytes", "total_inactive_file"))


def available_bytes() -> int | None:
    """Bytes that can be taken without swapping: what the machine has left, or a control group where
    that is less; None where the system does not tell."""
    known = [_of_machine(), *map(_of_group, cgroups.folders("memory"))]
    return min((one for one in known if one is not None), default=None)


def _of_machine() -> int | None:
    found = _line(MEMINFO, "MemAvailable:")
    return None if found is None else found * 1024


def _of_group(folder: Path) -> int | None:
    limit = cgroups.limit_bytes(folder)
    if limit is None:
        return None
    for name, cache in USED:
        try:
            used = int((folder / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        return max(0, limit - used + (_line(folder / "memory.stat", cache) or 0))
    return None


def _line(path: Path, name: str) -> int | None:
    """The number behind a name in a file; None where there is none."""
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            parts = line.split()
            if parts[:1] == [name]:
                return int(parts[1])
    except (OSError, ValueError, IndexError):
        pass
    return None
