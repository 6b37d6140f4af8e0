"""What a record says of the machine that its process ran on, beside what it was told to use."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from . import cgroups
from .processor import in_short, processor

#: Where the kernel tells how a processor's clock is governed (its admin guide, CPUFreq).
GOVERNOR = "/sys/devices/system/cpu/cpu{number}/cpufreq/scaling_governor"


def facts() -> dict[str, Any]:
    """Keys of a record. None where there is no limit, or no governor to be seen."""
    return {
        "processor": in_short(processor()),
        "cpu_quota": cgroups.cpu_quota(),
        "memory_limit_bytes": cgroups.memory_limit_bytes(),
        "kernel": platform.release(),
        "governor": _governor(),
    }


def _governor() -> str | None:
    """Of the first processor that this process may use."""
    number = min(os.sched_getaffinity(0))
    try:
        return Path(GOVERNOR.format(number=number)).read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None
