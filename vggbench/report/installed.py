"""What a release installs: how many packages, and how many bytes that takes. Nothing of it has
noise.

The packages are those that the lock pins. The bytes are on record since processes note how large
their environment is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import VggbenchError
from ..judging.phrases import row
from ..records import Record
from ..records.record import is_measured
from ..releases.catalogue import Catalogue, Lock, Release
from .milestones import ends_of_majors


@dataclass(frozen=True)
class InstalledRelease:
    """``packages``: how many the lock pins, None where it cannot be read. ``size``: bytes of the
    environment, None where no record says so."""

    release: Release
    lock: Lock
    packages: int | None
    size: float | None


def bytes_by_lock(taken: Iterable[Record]) -> dict[str, float]:
    """Bytes of the environment, by the digest of the lock that was installed, as the newest of
    these records has it. Those of variants do not count: they may have another Python."""
    return {
        record.lock: record.installed_bytes
        for record in taken
        if isinstance(record.lock, str)
        and record.variant is None
        and is_measured(record.installed_bytes)
    }


def ends(catalogue: Catalogue, device: str, sizes: Mapping[str, float]) -> list[InstalledRelease]:
    """Of each major version on each track, what the first and the last final release install for
    ``device``. ``sizes``: as of ``bytes_by_lock``. Nightlies are left out."""
    found = []
    for track in catalogue.tracks.values():
        if track.nightly_of is not None:
            continue
        finals = [
            (release, lock)
            for release in track.current
            for lock in [release.lock_for(device)]
            if lock is not None and not release.is_prerelease
        ]
        for release, lock in ends_of_majors(finals, lambda pair: pair[0]):
            packages = _packages(catalogue, release, lock)
            found.append(InstalledRelease(release, lock, packages, sizes.get(lock.digest)))
    return found


def _packages(catalogue: Catalogue, release: Release, lock: Lock) -> int | None:
    try:
        return len(catalogue.pins(release, lock.name))
    except (OSError, UnicodeDecodeError, VggbenchError):
        return None


def table(chosen: Iterable[InstalledRelease]) -> list[str]:
    """Lines of a table in Markdown."""
    lines = ["| release | date | lock | packages | installed |", "|---|---|---|--:|--:|"]
    for each in chosen:
        texts = (
            each.release.name,
            each.release.date,
            each.lock.name,
            "n/a" if each.packages is None else str(each.packages),
            "n/a" if each.size is None else f"{each.size / 1e9:.2f} GB",
        )
        lines.append(row(texts))
    return lines
