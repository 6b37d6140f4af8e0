"""What a control group keeps a process from: processors and memory (cgroups(7)).

A process may use what the tightest of its group and of those above it allows. Version 2 has one
tree; version 1 one for each controller.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

#: Where the trees of groups begin, and which group this process is in.
ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")

#: A limit of version 1 from here on is none: it writes the largest number of pages.
NO_LIMIT = 1 << 60


def folders(controller: str) -> list[Path]:
    """The folder of this process's group for a controller, "cpu" or "memory", and of those above,
    the topmost last; none where there are no groups."""
    found = []
    for hierarchy, listed, path in _own_groups():
        if hierarchy == "0" and not listed:
            found.append((ROOT, path))
        elif controller in listed.split(","):
            # The folder of a controller may be a link to that of several.
            found.append((ROOT / controller, path))
    made: dict[Path, None] = {}
    for root, path in found:
        below = root / path.lstrip("/")
        for folder in (below, *below.parents):
            # In a container the path may be the host's; then only the topmost is seen.
            if folder == root or root in folder.parents:
                made[folder] = None
    return [folder for folder in made if folder.is_dir()]


def _own_groups() -> Iterator[tuple[str, str, str]]:
    try:
        text = OWN.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        hierarchy, _, rest = line.partition(":")
        listed, _, path = rest.partition(":")
        yield hierarchy, listed, path


def cpu_quota() -> float | None:
    """How many processors' time this process may use, None where that is not limited."""
    quotas = [one for folder in folders("cpu") if (one := _quota(folder)) is not None]
    return min(quotas, default=None)


def _quota(folder: Path) -> float | None:
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
    limits = [one for folder in folders("memory") if (one := limit_bytes(folder)) is not None]
    return min(limits, default=None)


def limit_bytes(folder: Path) -> int | None:
    """That of one group."""
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
