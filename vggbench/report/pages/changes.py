"""What a release installs, and how its locks differ from those of the release before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

from ...errors import VggbenchError
from ...releases.catalogue import Catalogue, Lock, Release


@dataclass(frozen=True)
class Changes:
    """By package: (before, after), None where it was not, or is no longer, in the lock."""

    since: str
    packages: Mapping[str, tuple[str | None, str | None]]


def changes(since: str, before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
    names = sorted({*before, *after})
    found = {name: (before.get(name), after.get(name)) for name in names}
    return Changes(since, {name: both for name, both in found.items() if both[0] != both[1]})


def of_track(
    catalogue: Catalogue, track: str, complain: Callable[[str], None]
) -> dict[str, dict[str, tuple[dict[str, str], Changes | None]]]:
    """By release and the lock's name: (what the lock installs, how that differs from the lock of
    that name of the nearest current release before it that has one; None for the first).

    A wheel of the user's own has no pin in the lock, and is among what it installs all the same.
    """
    made: dict[str, dict[str, tuple[dict[str, str], Changes | None]]] = {}
    before: dict[str, tuple[Release, dict[str, str]]] = {}
    for release in catalogue.tracks[track].releases:
        made[release.name] = {}
        for name, lock in release.locks.items():
            try:
                pinned = {**catalogue.pins(release, name), **_wheel(release, lock)}
            except (OSError, ValueError, VggbenchError) as err:
                path = Path(lock.file)
                complain(
                    f"{release.name}: its lock {path} cannot be read, its page lacks it: {err}"
                )
                continue
            earlier = before.get(name)
            difference = None if earlier is None else changes(earlier[0].name, earlier[1], pinned)
            made[release.name][name] = (pinned, difference)
            if catalogue.is_current(release):
                before[name] = (release, pinned)
    return made


def _wheel(release: Release, lock: Lock) -> dict[str, str]:
    """The package that a lock installs from a wheel of the user's own, where it does; its version
    is that of the release, since two builds may have wheels of the same. Raises ValueError where
    the file is not called as wheels are."""
    if lock.wheel is None:
        return {}
    project, *_ = parse_wheel_filename(Path(lock.wheel).name)
    return {project: f"{release.version} from a wheel"}
