"""Puts on the tracks what the index has and they have not: what ``vggbench releases update`` does.

A track gets the last patch of each minor that is newer than its newest one, on request the newest
release candidate of a minor without a final, and a track of nightlies all dated builds. What is on
a track stays as it is, but for the day since which a nightly is gone from the index.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from ..errors import Say, VggbenchError, of_system
from . import index, locks
from .catalogue import ANY, Catalogue, Release, Track, minor_of
from .index import Listed, NotListed

#: The version of the form of ``Updated.as_json``.
SCHEMA = 1


@dataclass
class Updated:
    """What became of an update.

    ``added``: the names of releases that are on their tracks now; with ``dry_run`` those that would
    be. ``not_locked``: why releases could not be added or written, by their names; of a track that
    could not be looked up, by the track's. ``passed_over``: why releases of the index were not
    wanted. ``gone``: the day since which nightlies on a track are gone from the index, by their
    names.
    """

    dry_run: bool
    added: list[str] = field(default_factory=list)
    not_locked: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "dry_run": self.dry_run,
            "added": [{"release": name} for name in self.added],
            "not_locked": _with_why(self.not_locked),
            "passed_over": _with_why(self.passed_over),
            "gone": [{"release": name, "since": day} for name, day in self.gone.items()],
        }


def _with_why(reasons: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"release": name, "why": why} for name, why in reasons.items()]


@dataclass(frozen=True)
class _Plan:
    """What of the index a track is to get, oldest first, and why it gets no more."""

    wanted: tuple[Listed, ...]
    passed_over: Mapping[str, str]


def update(
    catalogue: Catalogue,
    tracks: Sequence[Track],
    *,
    pre: bool,
    nightly: bool,
    dry_run: bool,
    say: Say,
) -> Updated:
    """Add to ``tracks`` what the index has and they have not. ``catalogue`` stays as it was read.

    ``pre``: release candidates too. ``nightly``: dated builds too; without it tracks of nightlies
    are left out. ``dry_run``: nothing is resolved and nothing is written. ``say`` gets a message
    about each release. A release is written whole or not at all, and one that cannot be locked
    keeps no other from being added.
    """
    done = Updated(dry_run)
    for track in tracks:
        if track.nightly_of is not None and not nightly:
            continue
        try:
            listed = _listed(track, say)
        except VggbenchError as err:
            done.not_locked[track.name] = str(err)
            say(f"{track.name}: {err}")
            continue
        plan = _of_nightlies(track, listed) if track.nightly_of else _of_finals(track, listed, pre)
        done.passed_over.update(plan.passed_over)
        for name, why in plan.passed_over.items():
            say(f"{name}: passed over: {why}")
        for each in plan.wanted:
            _add(catalogue, track, each, done, say)
        if track.nightly_of is not None:
            _note_gone(catalogue, track, listed, done, say)
    return done


# -- what the index has


def _listed(track: Track, say: Say) -> dict[Version, Listed]:
    """What the index has of the track's framework: of each version, that of the package which the
    track installs it from. A version that the index has for several devices, such as 2.11.0+cpu,
    counts without its label.

    A package that is not there, and one whose page has no version for x86-64 Linux, have none. What
    a project has dropped keeps nothing of the track's other packages from being added, its own
    nightlies are gone, and ``say`` gets a message. Where no package has a version, the index is at
    fault rather than each project, and nothing is learnt from it. Raises IndexUnreachable,
    NotListed and SettingsError.
    """
    lock = "cpu" if "cpu" in track.requirements else ANY
    packages = dict.fromkeys(
        _package(requirements[0]) for _, requirements in track.requirements.get(lock, ())
    )
    found: dict[Version, Listed] = {}
    missing: list[NotListed] = []
    for package in packages:
        try:
            versions = _some_of(package, track)
        except NotListed as err:
            missing.append(err)
            continue
        for listed in versions:
            version = Version(listed.version.public)
            own = track.packages(str(version), lock)
            if own and _package(own[0]) == package:
                found[version] = replace(listed, version=version)
    if missing and len(missing) == len(packages):
        raise missing[0]
    for absent in missing:
        say(f"{track.name}: updated without one of its packages: {absent}")
    return found


def _some_of(package: str, track: Track) -> list[Listed]:
    """The versions of a package that the index has; NotListed where there are none."""
    versions = index.versions_of(package, track.index)
    if not versions:
        raise NotListed(
            f"the index has no version of {package} for x86-64 Linux; check its address "
            f"(UV_INDEX, UV_DEFAULT_INDEX) and run it again"
        )
    return versions


def _package(requirement: str) -> str:
    """The package of a requirement, which may have ``{version}`` in it."""
    return canonicalize_name(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


# -- what a track is to get


def _of_finals(track: Track, listed: Mapping[Version, Listed], pre: bool) -> _Plan:
    """The last patch of each minor that is newer than the newest on the track; with ``pre`` the
    newest release candidate of each such minor that has no final. Neither where the user has a
    newer build of their own of that minor."""
    here = sorted(Version(r.version) for r in track.releases if r.after is None)
    own = _by_minor(Version(r.version) for r in track.releases if r.after is not None)
    last_here = {_minor(version): version for version in here if not version.is_prerelease}
    if not last_here:
        why = (
            f"the track has no final yet, after which others are newer; put the first on it: "
            f"vggbench releases add {track.name}==..."
        )
        return _Plan((), {track.name: why} if listed else {})
    top = max(last_here)
    wanted: list[Listed] = []
    passed_over: dict[Version, str] = {}
    for minor, versions in _by_minor(listed).items():
        finals = [version for version in versions if not version.is_prerelease]
        if minor < top and minor not in last_here:
            if finals:
                passed_over[finals[-1]] = (
                    f"older than the newest minor of the track, which leaves this one out; to have "
                    f"it all the same: vggbench releases add {track.name}=={finals[-1]}"
                )
            continue
        if not finals and minor in last_here:
            continue
        if finals:
            new = [version for version in finals if minor > top or version > last_here[minor]]
        else:
            new = _new_candidates(versions, here)
        # A build of the user's own may have the version; its files are theirs.
        mine = own.get(minor, [])
        new = [version for version in new if version not in mine]
        passed_over.update({v: _withdrawn(listed[v]) for v in new if listed[v].yanked is not None})
        left = [version for version in new if listed[version].yanked is None]
        if not left:
            continue
        if mine and left[-1] < Version(mine[-1].public):
            passed_over[left[-1]] = (
                f"older than {track.name}-{mine[-1]}, a build of your own; to have both: vggbench "
                f"releases add {track.name}=={left[-1]}"
            )
        elif minor in last_here:
            passed_over[left[-1]] = (
                f"a newer patch than {track.name}-{last_here[minor]}, which stays, so that what "
                f"was measured of it counts; to have both: vggbench releases add "
                f"{track.name}=={left[-1]}"
            )
        elif not finals and not pre:
            passed_over[left[-1]] = "a pre-release without its final: --pre adds it"
        else:
            wanted.append(listed[left[-1]])
    return _Plan(
        tuple(wanted), {f"{track.name}-{version}": why for version, why in passed_over.items()}
    )


def _new_candidates(versions: Sequence[Version], here: Iterable[Version]) -> list[Version]:
    """The release candidates of a minor, ``versions``, that are newer than what a track, which has
    the versions ``here``, has of that minor."""
    of_minor = [version for version in here if _minor(version) == _minor(versions[0])]
    return [
        version
        for version in versions
        if version.pre is not None and version.pre[0] == "rc" and not version.is_devrelease
        if all(version > other for other in of_minor)
    ]


def _of_nightlies(track: Track, listed: Mapping[Version, Listed]) -> _Plan:
    """All dated builds that the track has not."""
    here = {Version(release.version) for release in track.releases}
    new = [each for version, each in sorted(listed.items()) if version not in here]
    return _Plan(
        tuple(each for each in new if each.version.is_devrelease and each.yanked is None),
        {
            f"{track.name}-{each.version}": _withdrawn(each)
            for each in new
            if each.version.is_devrelease and each.yanked is not None
        },
    )


def _by_minor(versions: Iterable[Version]) -> dict[tuple[int, ...], list[Version]]:
    """The versions of each minor, both oldest first."""
    found: dict[tuple[int, ...], list[Version]] = {}
    for version in sorted(versions):
        found.setdefault(_minor(version), []).append(version)
    return dict(sorted(found.items()))


def _minor(version: Version) -> tuple[int, ...]:
    return minor_of(str(version))


def _withdrawn(listed: Listed) -> str:
    return f"withdrawn: {listed.yanked or 'its project gives no reason'}"


# -- how a track gets it


def _add(catalogue: Catalogue, track: Track, listed: Listed, done: Updated, say: Say) -> None:
    """Put a version on a track, whole or not at all, and note in ``done`` what became of it."""
    name = f"{track.name}-{listed.version}"
    try:
        if listed.uploaded is None:
            raise VggbenchError(
                "the index tells no upload times of it, so its packages cannot be resolved as of a "
                "day; use an index that tells them"
            )
        date = listed.uploaded.date().isoformat()
        if done.dry_run:
            say(f"{name}: would be added, of {date}")
        else:
            # What this update put on other tracks counts too.
            release = _locked(Catalogue(catalogue.folder), track, listed.version, date)
            say(
                f"{name}: on the track, of {date}, on CPython {release.python}, for "
                f"{', '.join(release.locks)}"
            )
        done.added.append(name)
    except (VggbenchError, OSError) as err:
        done.not_locked[name] = _why(err)
        say(f"{name}: cannot be locked: {_why(err)}")


def _why(err: Exception) -> str:
    return of_system(err) if isinstance(err, OSError) else str(err)


def _locked(catalogue: Catalogue, track: Track, version: Version, date: str) -> Release:
    """The release, written with all its locks. What fails leaves no new file behind. Raises
    VggbenchError and OSError."""
    release = locks.new_release(
        catalogue,
        track,
        str(version),
        date=date,
        # A release for a CPython that is not here could be neither locked nor measured.
        among=locks.pythons_here(),
    )
    return locks.put_on(catalogue, release, locks.names(track, release.version))


def _note_gone(
    catalogue: Catalogue, track: Track, listed: Iterable[Version], done: Updated, say: Say
) -> None:
    """Write into the files of nightlies that the index has no more since when that is so. Of one
    that is there again, nothing is said any more."""
    there = set(listed)
    for release in track.releases:
        if release.after is not None:
            continue
        is_there = Version(release.version) in there
        if is_there == (release.gone is None):
            continue
        day = None if is_there else datetime.date.today().isoformat()
        try:
            if not done.dry_run:
                catalogue.write(replace(release, gone=day))
        except OSError as err:
            done.not_locked[release.name] = _why(err)
            say(f"{release.name}: whether the index has it cannot be noted: {_why(err)}")
            continue
        if day is None:
            say(f"{release.name}: the index has it again")
        else:
            done.gone[release.name] = day
            say(f"{release.name}: gone from the index; what was measured of it stays")
