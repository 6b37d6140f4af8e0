"""What a record says of the machine that its process ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from . import cgroups
from .processor import in_short, processor

#: Where the kernel says how the clock of a processor is governed (its admin guide, CPUFreq).
GOVERNOR = "/sys/devices/system/cpu/cpu{number}/cpufreq/scaling_governor"


def facts() -> dict[str, Any]:
    """The facts, by their keys in a record. A limit is None where there is none, and the governor
    where none can be read."""
    return {
        "processor": in_short(processor()),
        "cpu_quota": cgroups.cpu_quota(),
        "memory_limit_bytes": cgroups.memory_limit_bytes(),
        "kernel": platform.release(),
        "governor": _governor(),
    }


def _governor() -> str | None:
    """The governor of the first processor that this process may use."""
    number = min(os.sched_getaffinity(0))
    try:
        return Path(GOVERNOR.format(number=number)).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None
