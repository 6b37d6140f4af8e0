"""The line of builds between two releases of a track: what a bisection searches.

The releases of the track, builds added by hand among them, all other versions that the index has,
nightlies of the framework's nightly track, and what earlier bisections have locked. They stand in
the order of their versions, in which a nightly of a version comes before its release candidates.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from ...errors import VggbenchError, one_line
from ...releases import builds, index, spec
from ...releases.builds import BuildCatalogue
from ...releases.catalogue import Catalogue, Release, Track
from ...releases.index import IndexUnreachable, Listed, NotListed
from ...releases.spec import SpecError

#: How a release that may be on no track is written: its track, and a version.
_TRACK_AND_VERSION = re.compile(r"([a-z]+(?:-[a-z]+)*)(?:-|==)(\d.*)\Z")

#: Where something stands on a track: a build of the user's own has the version of the release that
#: it follows, and comes after it.
_Place = tuple[Version, int]


class NothingToBisect(VggbenchError):
    """Two ends between which nothing can be searched."""

    status = 2


@dataclass(frozen=True)
class Build:
    """A build on the line, locked or not. ``date`` is ISO; None where the index does not tell it.
    ``unknown``: why it cannot be looked at; None where it perhaps can."""

    track: Track
    version: str
    date: str | None
    unknown: str | None = None

    @property
    def name(self) -> str:
        return f"{self.track.name}-{self.version}"


@dataclass(frozen=True, kw_only=True)
class BuildsBetween:
    """``builds``: from the good end, which is the first, to the bad end, which is the last.
    ``catalogue`` has their releases, as far as they are locked. ``notes``: messages on what the
    index did not tell."""

    catalogue: BuildCatalogue
    builds: tuple[Build, ...]
    notes: tuple[str, ...]


def between(main: Catalogue, own: BuildCatalogue, good: str, bad: str) -> BuildsBetween:
    """The builds between two releases, given as ``asv run`` takes them, or as TRACK-VERSION
    where they are on no track.

    ``own``: the releases of ``main`` and the builds of earlier bisections. Raises NothingToBisect
    where nothing lies between the two, SpecError where one of them is no release.
    """
    known = _Index()
    first, last = (_end(main, own, known, text) for text in (good, bad))
    if first.track != last.track:
        raise NothingToBisect(
            f"{first.name} and {last.name} are on two tracks; a bisection stays on one: give two "
            f"releases of {first.track.name}, or compare these two: vggbench duet {first.name} "
            f"{last.name}"
        )
    if first.name == last.name:
        raise NothingToBisect(
            f"both ends are {first.name}; give an earlier release as the good end, such as "
            f"{first.name}^"
        )
    from_, to = (_place(main, each) for each in (first, last))
    if from_ > to:
        raise NothingToBisect(
            f"{first.name} is newer than {last.name}; the earlier one comes first: vggbench bisect "
            f"{last.name} {first.name}"
        )
    found: dict[tuple[str, Version], tuple[_Place, Build]] = {}
    for track in tracks_of(main, first.track):
        for build in _candidates(main, own, known, track):
            place = _place(main, build)
            in_time = build.date is None or last.date is None or build.date <= last.date
            if from_ < place < to and (in_time or track == first.track):
                found.setdefault((track.name, Version(build.version)), (place, build))
    if not found:
        raise NothingToBisect(
            f"nothing lies between {first.name} and {last.name}: no release of the track, and no "
            f"build that the index has{_and(known.notes)}; compare the two: vggbench duet "
            f"{first.name} {last.name}"
        )
    line = [build for _, build in sorted(found.values(), key=lambda each: (each[0], each[1].name))]
    return BuildsBetween(catalogue=own, builds=(first, *line, last), notes=tuple(known.notes))


def tracks_of(main: Catalogue, track: Track) -> tuple[Track, ...]:
    """The tracks whose builds stand between releases of ``track``: itself, and that of its
    nightlies where there is one."""
    nightly = builds.nightly_track(main, track)
    return (track,) if nightly is None else (track, nightly)


def track_of(main: Catalogue, text: str) -> Track:
    """The track of the release that ``text`` names, whether it is on the track or not. Raises
    SpecError."""
    named = _TRACK_AND_VERSION.match(text)
    if named and named[1] in main.tracks:
        return main.tracks[named[1]]
    return main.tracks[spec.release(main, text).track]


class _Index:
    """What the indexes list, asked once for each package. ``notes``: what they did not tell."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._known: dict[tuple[str, str | None], list[Listed]] = {}

    def of(self, track: Track) -> Iterator[tuple[str, Listed]]:
        """What the index has of a track, each with the name of its package."""
        for package in packages(track):
            key = package, track.index
            if key not in self._known:
                self._known[key] = self._asked(*key)
            for listed in self._known[key]:
                yield package, listed

    def _asked(self, package: str, address: str | None) -> list[Listed]:
        try:
            return index.versions_of(package, address)
        except NotListed:
            return []
        except IndexUnreachable as err:
            self.notes.append(f"only builds that are here are searched: {one_line(str(err))}")
            return []


def packages(track: Track) -> list[str]:
    """The names of the packages that the track installs as its framework, each once."""
    found = [
        Requirement(own[0].format(version="1.0", minor="1.0")).name
        for pairs in track.requirements.values()
        for _, own in pairs
    ]
    return list(dict.fromkeys(found))


def _packages_of(track: Track, version: str) -> Collection[str]:
    """The names of the packages that this version of the framework may be installed as."""
    return {
        Requirement(own[0]).name
        for name in track.requirements
        if (own := track.packages(version, name))
    }


def _candidates(
    main: Catalogue, own: BuildCatalogue, known: _Index, track: Track
) -> Iterator[Build]:
    """What there is of a track: on it, locked by earlier bisections, and on the index."""
    for release in (*main.tracks[track.name].releases, *own.builds):
        if release.track == track.name:
            yield _of(main, release)
    for package, listed in known.of(track):
        if package in _packages_of(track, listed.version.public):
            yield _listed(track, listed)


def _of(main: Catalogue, release: Release) -> Build:
    return Build(main.tracks[release.track], release.version, release.date)


def _listed(track: Track, listed: Listed) -> Build:
    """What the index lists. A version that it has for a device, such as 2.9.1+cpu, counts without
    its label, as in ``releases.update``."""
    unknown = None
    if listed.yanked is not None:
        unknown = f"withdrawn from the index{f': {listed.yanked}' if listed.yanked else ''}"
    elif listed.uploaded is None:
        unknown = "the index tells no upload time of it, so that it cannot be locked as of its date"
    date = None if listed.uploaded is None else listed.uploaded.date().isoformat()
    return Build(track, listed.version.public, date, unknown and one_line(unknown, 160))


def _end(main: Catalogue, own: BuildCatalogue, known: _Index, text: str) -> Build:
    """The release that ``text`` names. Raises SpecError where there is none, on the track, among
    the builds that are locked, and on the index."""
    try:
        return _of(main, spec.release(main, text))
    except SpecError as err:
        named = _TRACK_AND_VERSION.match(text)
        version = None if named is None else _version(named[2])
        if named is None or version is None or named[1] not in main.tracks:
            raise
        track = main.tracks[named[1]]
        found = [
            build
            for build in _candidates(main, own, known, track)
            if Version(build.version) == version
        ]
        for build in found:
            if build.unknown is None:
                return build
        for build in found:
            raise NothingToBisect(f"{build.name} cannot be an end: {build.unknown}") from None
        for note in known.notes:
            raise SpecError(f"{err}; {note}") from None
        raise


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _place(main: Catalogue, build: Build) -> _Place:
    """Where a build stands: on the track, or between what is on it by its version."""
    own, before = Version(build.version), Version("0")
    for position, release in enumerate(main.tracks[build.track.name].releases):
        version = Version(release.version)
        if release.after is None:
            before = version
        if version == own:
            return before, position
    return own, -1


def _and(notes: Collection[str]) -> str:
    return "".join(f" ({note})" for note in notes)
