"""Frees what uv's cache keeps of releases whose environments are gone.

uv removes from its cache by the name of a package, in all versions at once. A package that an
environment on the disk pins therefore stays, also in the versions that only other releases pin,
unless those versions take much of the disk: thirty releases of PyTorch unpack to over 100 GB.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .environments import INSTALL_TIMEOUT_S, Environments, Marker
from .uv import uv

#: A package of which an environment is on the disk is removed all the same where its other versions
#: take so many bytes. Its version there is downloaded again when the environment is made again.
WORTH = 1_000_000_000


@dataclass(frozen=True)
class FreedCache:
    """What became of uv's cache. ``packages`` are no longer in it. Of ``kept`` it may have versions
    that only releases without an environment pin. ``on_disk``: bytes that the disk got back;
    ``left``: bytes that the cache has still."""

    packages: tuple[str, ...]
    kept: tuple[str, ...]
    on_disk: int
    left: int


def free(environments: Environments) -> FreedCache:
    """Remove from uv's cache the packages that only releases without an environment pin, and what
    uv itself finds to be of no use any more.

    Environments are not harmed: their files are hard links or copies. What was removed is
    downloaded again when it is installed again. Raises UvError.
    """
    without, needed = _pins(environments)
    needed_names = {name for name, _ in needed}
    folder = Path(uv("cache", "dir").strip())
    unneeded: Counter[str] = Counter()
    for pin, size in _sizes_of_packages(folder).items():
        if pin not in needed:
            unneeded[pin[0]] += size
    shared = {name for name, _ in without - needed} & needed_names
    worth_it = {name for name in shared if unneeded[name] >= WORTH}
    packages = sorted(({name for name, _ in without} - needed_names) | worth_it)
    kept = sorted(shared - worth_it)
    _, before = _sizes(folder)
    if packages:  # without a name, uv would remove all that there is
        uv("cache", "clean", "--quiet", *packages, timeout_s=INSTALL_TIMEOUT_S)
    uv("cache", "prune", "--quiet", timeout_s=INSTALL_TIMEOUT_S)
    left, after = _sizes(folder)
    return FreedCache(tuple(packages), tuple(kept), max(0, before - after), left)


def _pins(environments: Environments) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The packages, each with its version, of the locks of releases without an environment on the
    disk, and those of the locks of releases with one."""
    without: set[tuple[str, str]] = set()
    needed: set[tuple[str, str]] = set()
    for release in environments.catalogue:
        for name, lock in release.locks.items():
            there = Marker.read(environments.path(release, name)) is not None
            pinned = needed if there else without
            # A wheel of the user's own is no pin of its lock, but uv's cache has it too.
            framework = canonicalize_name(Requirement(lock.requirement).name)
            pinned.add((framework, release.version))
            if environments.catalogue.lock_path(release, name).is_file():
                pinned.update(environments.catalogue.pins(release, name).items())
    return without, needed


def _sizes_of_packages(folder: Path) -> dict[tuple[str, str], int]:
    """Bytes that the unpacked files of each package take, by its name and version. ``folder``: uv's
    cache. Files that environments have links to do not count: removing them here frees nothing."""
    sizes: dict[tuple[str, str], int] = {}
    # uv unpacks each wheel into a folder of its own below archive-v0, -v1, ...
    for info in folder.glob("archive-v*/*/*.dist-info"):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        alone = sum(stat.st_size for stat in _stats(info.parent) if stat.st_nlink == 1)
        pin = canonicalize_name(name), version
        sizes[pin] = sizes.get(pin, 0) + alone
    return sizes


def _sizes(folder: Path) -> tuple[int, int]:
    """Bytes of the files under ``folder``, and of those among them that have no link elsewhere.
    A file with several links there counts once."""
    links: Counter[tuple[int, int]] = Counter()
    files: dict[tuple[int, int], os.stat_result] = {}
    for stat in _stats(folder):
        file = stat.st_dev, stat.st_ino
        links[file] += 1
        files[file] = stat
    alone = (stat.st_size for file, stat in files.items() if links[file] == stat.st_nlink)
    return sum(stat.st_size for stat in files.values()), sum(alone)


def _stats(folder: Path) -> Iterator[os.stat_result]:
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(root, name))
            except FileNotFoundError:  # another uv works in the cache meanwhile
                continue
