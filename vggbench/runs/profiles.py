"""Which profiles (device and workload) this machine measures.

asv.conf.json's matrix lists them under VGGBENCH_PROFILE. The user's environment variable of that
name chooses among them.
"""

from __future__ import annotations

import os

from asv import util
from asv.config import Config

from ..errors import VggbenchError
from ..inside import gpu, workload

VARIABLE = "VGGBENCH_PROFILE"


class UnknownProfile(VggbenchError):
    """A word that names no profile."""


def require(name: str) -> None:
    """Raise UnknownProfile, which names all profiles, where ``name``, given with --profile, is
    none."""
    if name not in workload.PROFILES:
        those = ", ".join(sorted(workload.PROFILES))
        raise UnknownProfile(f"--profile {name}: unknown profile; choose among {those}")


def known(config: Config) -> list[str]:
    """The profiles that asv.conf.json lists."""
    return list(config.matrix.get("env_nobuild", {}).get(VARIABLE, []))


def asked(config: Config) -> list[str]:
    """The profiles that the user asks for, or else the default profile of this machine.

    Raises UserError for a profile that asv.conf.json does not list.
    """
    named = os.environ.get(VARIABLE, "").replace(",", " ").split()
    if not named:
        return [default(gpu.is_visible())]
    for name in named:
        if name not in known(config):
            raise util.UserError(
                f"{VARIABLE}={name}: unknown profile; choose among {', '.join(known(config))}"
            )
    return named


def default(has_gpu: bool) -> str:
    """The profile of a machine whose user asks for none."""
    return "gpu-paper" if has_gpu else "cpu-quick"


def asking(profile: str, command: str) -> str:
    """The command, for a shell, that asks for ``profile``, whatever this machine's default is; for
    several, with commas between them."""
    return f"{VARIABLE}={profile} {command}"


def device_of(profile: str) -> str:
    """The device of ``profile``: "cpu" or "gpu"."""
    return profile.partition("-")[0]


def workload_of(profile: str) -> str:
    """The name of the workload of ``profile``."""
    return profile.partition("-")[2]


def may_be(profile: str, config: Config) -> bool:
    """Whether the user might want to measure ``profile`` on this machine: one of a GPU only where
    there is a GPU, or where he asks for it."""
    return device_of(profile) == "cpu" or gpu.is_visible() or profile in asked(config)


def why_unavailable(profile: str, config: Config) -> str | None:
    """A message that says why ``profile`` is not measured: the user did not ask for it, or this
    machine has no GPU. None where it is measured."""
    if profile not in asked(config):
        return f"{profile} is not measured: not asked for ({VARIABLE}={profile} asks for it)"
    if device_of(profile) == "gpu" and not gpu.is_visible():
        return f"{profile} is not measured: no GPU is visible here (nvidia-smi -L lists none)"
    return None
