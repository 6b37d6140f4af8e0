"""Which profiles (device and workload) this run of asv measures."""

from __future__ import annotations

import os

from asv import util

from ..inside import gpu
from . import invocation

VARIABLE = "VGGBENCH_PROFILE"


def known() -> list[str]:
    """The profiles of asv.conf.json's matrix."""
    return list(invocation.config().matrix.get("env_nobuild", {}).get(VARIABLE, []))


def asked() -> list[str]:
    """The profiles that the user asks for, or the default one of this machine.

    Raises UserError for one that asv.conf.json does not know.
    """
    words = os.environ.get(VARIABLE, "").replace(",", " ").split()
    if not words:
        return ["gpu-paper" if gpu.is_visible() else "cpu-quick"]
    for word in words:
        if word not in known():
            raise util.UserError(
                f"{VARIABLE}={word}: unknown profile; choose among {', '.join(known())}"
            )
    return words


def device_of(profile: str) -> str:
    return profile.split("-")[0]


def why_unavailable(profile: str) -> str | None:
    """Why this machine or this run does not measure ``profile``; None where it does."""
    if profile not in asked():
        return f"{profile} is not measured: not asked for ({VARIABLE}={profile} asks for it)"
    if device_of(profile) == "gpu" and not gpu.is_visible():
        return f"{profile} is not measured: no GPU is visible here (nvidia-smi -L lists none)"
    return None
