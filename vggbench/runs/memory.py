"""How much memory this process may still take, as the system tells it."""

from __future__ import annotations

from pathlib import Path

from . import cgroups

#: Where the kernel says how much memory is left (proc_meminfo(5)).
MEMINFO = Path("/proc/meminfo")

#: The file that says how much a control group uses, and the line of memory.stat that says how much
#: of that is cache that the kernel takes back when memory is needed: for versions 2 and 1.
USED = (("memory.current", "inactive_file"), ("memory.usage_in_bytes", "total_inactive_file"))


def available_bytes() -> int | None:
    """Bytes that can be taken without swapping: what the machine has left, or what a control group
    of this process has left where that is less. None where the system does not tell."""
    sizes = [_of_machine(), *map(_of_group, cgroups.folders("memory"))]
    return min((size for size in sizes if size is not None), default=None)


def _of_machine() -> int | None:
    kibibytes = _line(MEMINFO, "MemAvailable:")
    return None if kibibytes is None else kibibytes * 1024


def _of_group(folder: Path) -> int | None:
    """Bytes that the control group with this folder has left; None where it has no limit."""
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
    """The number behind ``name`` at the beginning of a line of a file; None where there is none."""
    try:
        for line in path.read_text(encoding="ascii").splitlines():
            parts = line.split()
            if parts[:1] == [name]:
                return int(parts[1])
    except (OSError, ValueError, IndexError):
        pass
    return None
