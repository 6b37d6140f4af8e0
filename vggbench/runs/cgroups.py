"""How control groups limit the processors and the memory of this process (cgroups(7)).

A process is in a group, and that group is in others. The tightest limit of all these groups holds.
Version 2 has one tree of groups; version 1 has one for each controller.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: Where the trees of groups begin, and the file that says which group this process is in.
ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

#: A limit of version 1 from here on is none: where there is no limit, it writes the largest number
#: of pages.
NO_LIMIT = 1 << 60


def folders(controller: str) -> list[Path]:
    """The folder of this process's group for a controller, "cpu" or "memory", and the folders of
    the groups above it, the topmost last. The list is empty where there are no groups."""
    groups = []
    for hierarchy, listed, path in _own_groups():
        if hierarchy == "0" and not listed:
            groups.append((ROOT, path))
        elif controller in listed.split(","):
            # The folder of a controller may be a link to that of several controllers.
            groups.append((ROOT / controller, path))
    candidates: dict[Path, None] = {}
    for root, path in groups:
        below = root / path.lstrip("/")
        for folder in (below, *below.parents):
            # In a container the path may be that of the host. Then only the topmost folder exists.
            if folder == root or root in folder.parents:
                candidates[folder] = None
    return [folder for folder in candidates if folder.is_dir()]


def _own_groups() -> Iterator[tuple[str, str, str]]:
    """The groups of this process: (number of the tree, controllers, path)."""
    try:
        text = OWN.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        hierarchy, _, rest = line.partition(":")
        listed, _, path = rest.partition(":")
        yield hierarchy, listed, path


def cpu_quota() -> float | None:
    """The time of how many processors this process may use, None where that is not limited."""
    quotas = [quota for folder in folders("cpu") if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _quota(folder: Path) -> float | None:
    """The quota of the group with this folder, None where it has none."""
    parts = _text(folder / "cpu.max").split()
    if not parts:
        parts = [
            _text(folder / "cpu.cfs_quota_us").strip(),
            _text(folder / "cpu.cfs_period_us").strip(),
        ]
    try:
        allowed, period = (int(part) for part in parts)
    except ValueError:  # "max", or no such file
        return None
    return allowed / period if allowed > 0 and period > 0 else None


def memory_limit_bytes() -> int | None:
    """How much memory this process may take, None where that is not limited."""
    limits = [limit for folder in folders("memory") if (limit := limit_bytes(folder)) is not None]
    return min(limits, default=None)


def limit_bytes(folder: Path) -> int | None:
    """How much memory the group with this folder may take, None where that is not limited."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            limit = int(_text(folder / name))
        except ValueError:  # "max", or no such file
            continue
        return limit if limit < NO_LIMIT else None
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
