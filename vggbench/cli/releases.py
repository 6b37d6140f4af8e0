"""The commands of vggbench releases: list, install, prune, lock, add, update."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version
from rich.table import Table

from ..checkout import Checkout
from ..errors import VggbenchError, how_many, some_of
from ..inside import builders, params
from ..releases import interpreters, locks, spec, uv_cache
from ..releases.catalogue import ANY, DEVICES, Catalogue, Lock, Release
from ..releases.environments import require_lock
from ..releases.uv import UvError
from ..report import show
from .common import (
    LINKS,
    NAMES,
    Subparsers,
    add_commands,
    add_device,
    add_json,
    complain,
    cpython,
    say,
    selected,
    size,
)


def add(top: Subparsers) -> None:
    """Add vggbench releases, with its own commands, to the commands of vggbench."""
    releases = top.add_parser("releases", help="the releases on the tracks, and their environments")
    commands = add_commands(releases)
    _add_list(commands)
    _add_install(commands)
    _add_prune(commands)
    _add_lock(commands)
    _add_add(commands)
    _add_update(commands)


def _add_list(commands: Subparsers) -> None:
    parser = commands.add_parser("list", help="show the releases")
    parser.add_argument("spec", nargs="*", help=f"{NAMES} (default: all)")
    add_json(parser)
    parser.set_defaults(command=_list)


def _add_install(commands: Subparsers) -> None:
    parser = commands.add_parser("install", help="make the environments of releases")
    parser.add_argument("spec", nargs="+", help=NAMES)
    add_device(parser)
    parser.add_argument(
        "--backend",
        choices=sorted({name for each in builders.packages() for name in params.backends_of(each)}),
        help="only the environment that this backend of the framework is measured in (default: "
        "all that asv run uses)",
    )
    parser.set_defaults(command=_install)


def _add_prune(commands: Subparsers) -> None:
    parser = commands.add_parser("prune", help="free environments, longest unused first")
    how_far = parser.add_mutually_exclusive_group()
    how_far.add_argument(
        "--to", type=size, metavar="SIZE", help=f"until SIZE is left, such as 10G; {LINKS}"
    )
    how_far.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument(
        "--cache",
        action="store_true",
        help="free uv's cache too, or alone: packages that only releases without an environment "
        "pin; they are downloaded again when one is installed",
    )
    parser.set_defaults(command=functools.partial(_prune, parser))


def _add_lock(commands: Subparsers) -> None:
    parser = commands.add_parser(
        "lock", help="make the locks of releases, or check those that are there"
    )
    parser.add_argument("spec", nargs="+", help=NAMES)
    parser.add_argument(
        "--device", choices=DEVICES, help="only the locks that serve it (default: all)"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="resolve again; a lock that comes out different raises the build number",
    )
    parser.set_defaults(command=_lock)


def _add_add(commands: Subparsers) -> None:
    parser = commands.add_parser("add", help="put a release, or a wheel of your own, on a track")
    parser.add_argument("release", help="TRACK==VERSION of the index; with --wheel: TRACK")
    parser.add_argument("version", nargs="?", help="with --wheel: the version to call it by")
    parser.add_argument("--wheel", type=Path, metavar="FILE", help="a build of your own")
    parser.add_argument(
        "--after", metavar="RELEASE", help="with --wheel: the release before it on the track"
    )
    parser.add_argument(
        "--device", choices=DEVICES, default="cpu", help="with --wheel: what it is for"
    )
    parser.add_argument(
        "--python",
        type=cpython,
        metavar="X.Y",
        help="default: the newest that the wheels name",
    )
    parser.set_defaults(command=_add)


def _add_update(commands: Subparsers) -> None:
    parser = commands.add_parser("update", help="put on the tracks what the index has and they not")
    parser.add_argument("track", nargs="*", help="tracks, such as tensorflow (default: all)")
    parser.add_argument(
        "--pre",
        action="store_true",
        help="also the newest release candidate of a minor that has no final yet",
    )
    parser.add_argument(
        "--nightly", action="store_true", help="also dated builds, on the tracks of nightlies"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only ask the index; resolve and write nothing"
    )
    parser.add_argument("--json", action="store_true", help="as a JSON object")
    parser.set_defaults(command=_update)


@dataclass(frozen=True)
class _Listed:
    """A release as ``releases list`` shows it. ``interpreter``: whether its CPython is on this
    machine. ``locks``: their names. ``size``: the bytes of its environments. ``measured``: whether
    asv has a result of it of this machine. ``gone``: the day since which the index has it no more,
    None where it was not found to be gone."""

    release: str
    track: str
    version: str
    date: str
    python: str
    interpreter: bool
    devices: list[str]
    locks: list[str]
    installed: bool
    size: int
    measured: bool
    build: int
    gone: str | None


def _list(checkout: Checkout, arguments: argparse.Namespace) -> int:
    rows = _listed(checkout, selected(checkout, arguments.spec))
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return 0
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("release", "date", "python", "devices", "installed", "measured here"):
        table.add_column(heading)
    for row in rows:
        table.add_row(
            row.release,
            row.date + (f" (gone since {row.gone})" if row.gone else ""),
            row.python + ("" if row.interpreter else " (missing)"),
            " ".join(row.devices),
            f"{row.size / 1e9:.2f} GB" if row.installed else "-",
            "yes" if row.measured else "-",
        )
    show(table)
    absent = sorted({row.python for row in rows if not row.interpreter}, key=_by_minor)
    for version in absent:
        say(f"CPython {version} is missing; get it with: {interpreters.how_to_get(version)}")
    return 0


def _listed(checkout: Checkout, releases: Sequence[Release]) -> list[_Listed]:
    measured = checkout.measured_commits()
    rows = []
    for release in releases:
        markers = [checkout.environments.installed(release, name) for name in release.locks]
        rows.append(
            _Listed(
                release=release.name,
                track=release.track,
                version=release.version,
                date=release.date,
                python=release.python,
                interpreter=interpreters.find(release.python) is not None,
                devices=release.devices,
                locks=sorted(release.locks),
                installed=any(markers),
                size=sum(marker.size for marker in markers if marker is not None),
                measured=release.commit in measured,
                build=release.build,
                gone=release.gone,
            )
        )
    return rows


def _by_minor(version: str) -> int:
    return int(version.split(".")[1])


def _install(checkout: Checkout, arguments: argparse.Namespace) -> int:
    device = arguments.device or checkout.default_device()
    failed = 0
    for release in selected(checkout, arguments.spec):
        try:
            wanted = _wanted(checkout.catalogue, release, device, arguments.backend)
        except VggbenchError as err:
            complain(str(err))
            failed += 1
            continue
        for lock in wanted:
            before = checkout.environments.installed(release, lock.name)
            try:
                checkout.environments.ensure(release, lock.name, say)
            except VggbenchError as err:
                complain(str(err))
                failed += 1
                continue
            if before is not None and before == checkout.environments.installed(release, lock.name):
                say(f"{release.name} ({lock.name}): installed already, {before.size / 1e9:.2f} GB")
    return 1 if failed else 0


def _wanted(catalogue: Catalogue, release: Release, device: str, backend: str | None) -> list[Lock]:
    """The locks whose environments asv run uses on ``device``; with a ``backend`` that of this one
    alone. Raises VggbenchError where there is none."""
    if backend is None:
        require_lock(release, device)  # asv run leaves a release without it out
        return release.locks_for(device)
    framework = catalogue.tracks[release.track].framework
    if backend not in params.backends_of(framework):
        raise VggbenchError(
            f"{release.name} is not installed: {framework} has no backend {backend}"
        )
    return [require_lock(release, device, backend)]


def _prune(
    parser: argparse.ArgumentParser, checkout: Checkout, arguments: argparse.Namespace
) -> int:
    of_environments = arguments.all or arguments.to is not None
    if not of_environments and not arguments.cache:
        parser.error("say what to free: --to SIZE or --all, --cache, or both")
    with checkout.holding_run_lock():
        if of_environments:
            _prune_environments(checkout, 0 if arguments.all else arguments.to, arguments.cache)
        if arguments.cache:
            _prune_cache(checkout)
    return 0


def _prune_environments(checkout: Checkout, keep_bytes: int, cache_too: bool) -> None:
    whole = on_disk = 0
    for freed in checkout.environments.prune(keep_bytes):
        whole += freed.size
        on_disk += freed.on_disk
        say(str(freed))
    left = sum(environment.size for environment in checkout.environments.all())
    say(f"freed {whole / 1e9:.2f} GB in all, {left / 1e9:.2f} GB are left")
    if on_disk < whole:
        say(
            f"the disk got back {on_disk / 1e9:.2f} GB: the other files have links elsewhere, most "
            f"of them in uv's cache"
        )
        if not cache_too:
            say(
                "vggbench releases prune --cache frees those that no environment needs; what is "
                "installed after it is downloaded again"
            )


def _prune_cache(checkout: Checkout) -> None:
    freed = uv_cache.free(checkout.environments)
    of = how_many(len(freed.packages), "package")
    kept = (
        f", with all versions of {some_of(freed.kept, 3)}, which a release with an environment pins"
        if freed.kept
        else ""
    )
    say(
        f"uv's cache: freed {freed.on_disk / 1e9:.2f} GB of {of} that only releases without an "
        f"environment pin (downloaded again when one is installed); {freed.left / 1e9:.2f} GB are "
        f"left{kept}"
    )


def _lock(checkout: Checkout, arguments: argparse.Namespace) -> int:
    failed = 0
    for release in selected(checkout, arguments.spec):
        track = checkout.catalogue.tracks[release.track]
        for name in _lockable(checkout, release, arguments.device):
            try:
                if name in release.locks and not arguments.again:
                    locks.check(checkout.catalogue, release, name)
                    say(f"{release.name} ({name}): its lock is as its release file says")
                    continue
                made = locks.lock(checkout.catalogue, release, name)
                path = checkout.catalogue.write(made)
            except VggbenchError as err:
                complain(f"{release.name} ({name}): {err}")
                failed += 1
                continue
            news = (
                f"; it came out different: the build number is {made.build} now, and what was "
                f"measured before does not count any more: measure it again with asv run "
                f"{release.name}"
                if made.build != release.build
                else ""
            )
            say(f"{release.name} ({name}): locked on track {track.name} in {path}{news}")
            release = made
    return 1 if failed else 0


def _lockable(checkout: Checkout, release: Release, device: str | None = None) -> list[str]:
    """The names of the locks that the release gets: that of the wheel where the release is a user's
    own wheel, else those that its track has packages for in this version. ``device``: only those
    that serve it; its own name where none does, which cannot be locked."""
    names = [name for name, lock in release.locks.items() if lock.wheel is not None]
    if not names:
        names = locks.names(checkout.catalogue.tracks[release.track], release.version)
    if device is None:
        return names
    return [name for name in names if name.partition("-")[0] in (device, ANY)] or [device]


def _add(checkout: Checkout, arguments: argparse.Namespace) -> int:
    catalogue = checkout.catalogue
    if arguments.wheel is not None:
        release = _of_a_wheel(catalogue, arguments)
    else:
        release = _of_the_index(catalogue, arguments)
    there = catalogue.tracks[release.track].of_version(Version(release.version))
    if there is not None:
        if arguments.wheel is not None and not _is_that_wheel(catalogue, there, release):
            raise VggbenchError(
                f"{there.name} is on the track already, of another wheel or for another device; "
                f"call this one by another version, such as "
                f"{release.version.partition('+')[0]}+another"
            )
        say(f"{there.name} is on the track already")
        return 0
    day = locks.as_of(release.date)

    def begin(name: str) -> None:
        say(f"{release.name}: resolving its packages for {name} as of {day}")

    try:
        locks.put_on(catalogue, release, _lockable(checkout, release), begin)
    except UvError as err:
        raise VggbenchError(f"{release.name} cannot be locked: {err}") from None
    path = catalogue.file_of(release)
    say(f"{release.name} is on the track: {path}; measure it with: asv run {release.name}")
    return 0


def _of_a_wheel(catalogue: Catalogue, arguments: argparse.Namespace) -> Release:
    if arguments.version is None or arguments.after is None:
        raise VggbenchError(
            "a wheel of your own needs a version and a place: "
            "vggbench releases add TRACK VERSION --wheel FILE --after RELEASE"
        )
    after = spec.release(catalogue, arguments.after)
    track = spec.track(catalogue, arguments.release)
    if after.track != track.name:
        raise VggbenchError(f"--after {after.name} is not on the track {track.name}")
    return locks.own_release(
        track,
        arguments.version,
        arguments.wheel,
        after,
        device=arguments.device,
        python=arguments.python,
    )


def _is_that_wheel(catalogue: Catalogue, there: Release, made: Release) -> bool:
    """Whether a release on its track has the lock of the wheel that ``made`` is of, with the
    contents that it has now."""
    (own,) = made.locks.values()  # its digest is that of the wheel (locks.own_release)
    lock = there.locks.get(own.name)
    if lock is None or lock.wheel != own.wheel:
        return False
    return f"sha256:{own.digest}" in catalogue.lock_path(there, lock.name).read_text(
        encoding="utf-8"
    )


def _of_the_index(catalogue: Catalogue, arguments: argparse.Namespace) -> Release:
    """The release that is asked for: that of the track, for which no index is asked, else a new
    one."""
    name, separator, version = arguments.release.partition("==")
    if not separator or arguments.version is not None or arguments.after is not None:
        raise VggbenchError(
            f"{arguments.release!r}: write TRACK==VERSION, or TRACK VERSION --wheel FILE "
            f"--after RELEASE for a build of your own"
        )
    track = spec.track(catalogue, name)
    with contextlib.suppress(InvalidVersion):  # new_release says that it is none
        there = track.of_version(Version(version))
        if there is not None:
            return there
    try:
        return locks.new_release(catalogue, track, version, arguments.python)
    except UvError as err:
        raise VggbenchError(f"{track.name}=={version} cannot be looked up: {err}") from None


def _update(checkout: Checkout, arguments: argparse.Namespace) -> int:
    # Imported here because it imports what asks an index, which other commands do without.
    from ..releases import update

    catalogue = checkout.catalogue
    tracks = [spec.track(catalogue, name) for name in dict.fromkeys(arguments.track)]
    for track in tracks:
        if track.nightly_of is not None and not arguments.nightly:
            raise VggbenchError(f"{track.name} has nightlies alone, which --nightly adds")
    done = update.update(
        catalogue,
        tracks or list(catalogue.tracks.values()),
        pre=arguments.pre,
        nightly=arguments.nightly,
        dry_run=arguments.dry_run,
        say=(lambda line: None) if arguments.json else say,
    )
    if arguments.json:
        print(json.dumps(done.as_json(), indent=2))
    else:
        would_be = "would be added" if done.dry_run else "added"
        say(
            f"{len(done.added)} {would_be}, {len(done.not_locked)} could not be locked, "
            f"{len(done.passed_over)} passed over"
        )
        if done.added and not done.dry_run:
            say("commit the files; measure what is new with: asv run NEW")
    return 1 if done.not_locked else 0
