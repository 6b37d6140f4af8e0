"""What timed processes are started from, and the environment variables that they are given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..releases.catalogue import Lock, Release
from . import variables


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What processes are started from: a release with an interpreter of it, in a profile.

    ``lock`` is the lock of the environment, None where the interpreter was given with -E.
    ``variant`` says what differs from the release as it is; None where nothing does. ``variables``
    are added to the environment variables of its processes. ``catalogue`` names the catalogue that
    the release is in, None where it is that of the checkout.
    """

    release: Release
    profile: str
    interpreter: str
    lock: Lock | None
    variant: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    catalogue: str | None = None


def surroundings(installation: Installation, given: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of a process of ``installation``: those of ``given`` that may reach
    a release, and those that the installation adds."""
    env = {**variables.for_release(given), **installation.variables}
    bin_folder = os.path.dirname(installation.interpreter)
    env["PATH"] = bin_folder + os.pathsep + env.get("PATH", "")
    if installation.lock is not None:
        env["VIRTUAL_ENV"] = os.path.dirname(bin_folder)
    return env
