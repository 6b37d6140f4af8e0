"""Reads and writes ``releases/``: a folder for each track, a file for each release with its locks
beside it."""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ..errors import VggbenchError, one_line
from ..inside.devices import DEVICES

#: The name of a track has lower-case letters, and hyphens between them, but no digit: in the name
#: of a release it ends where a hyphen and the version follow, and in a specifier at the operator.
TRACK_NAME = re.compile(r"[a-z]+(?:-[a-z]+)*\Z")

#: A line of a lock that pins a package. Its groups are the name and the version.
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z0-9,._-]+\])?==([^\s;\\]+)", re.MULTILINE)

#: The device of a lock that serves every device.
ANY = "any"

#: The name of a lock: the device that it serves and, where it serves one backend of the framework
#: alone, that backend.
LOCK_NAME = re.compile(rf"({'|'.join((*DEVICES, ANY))})(?:-([a-z][a-z0-9_]*))?\Z")

#: A minor version of CPython, by which releases and interpreters are matched.
PYTHON_MINOR = re.compile(r"3\.\d+\Z", re.ASCII)

#: CPython up to this version needs ``releases/build-constraints.txt`` to build a lock's sdists.
LAST_PYTHON_WITH_BUILD_CONSTRAINTS = Version("3.11")
BUILD_CONSTRAINTS = "build-constraints.txt"

#: asv names files of results by this many characters of the commit id (asv/results.py:152).
ASV_PREFIX = 8


class CatalogueError(VggbenchError):
    """A file under ``releases/`` cannot be read, or does not have the right form."""


@dataclass(frozen=True)
class Lock:
    """The hash-pinned packages of one release: for a device, or for any; for all backends of the
    framework, or for one.

    ``name`` says for what: DEVICE or DEVICE-BACKEND, as LOCK_NAME has it. ``file`` is the name of
    the lock's file. ``requirement`` is the requirement of the framework itself, and ``wheel`` the
    path of its wheel where it is a build of the user's own. ``digest`` is the SHA-256 of the lock's
    text and of the build constraints under which it is installed. ``as_of`` is the day as of which
    the index was read. ``companions`` are the packages that the track asks for beside the
    framework, such as the backends of Keras, with the versions that the lock pins. ``index`` is the
    index of the track that the lock was made with, None without one.
    """

    name: str
    file: str
    requirement: str
    as_of: str
    digest: str
    wheel: str | None = None
    companions: Mapping[str, str] = field(default_factory=dict)
    index: str | None = None

    @property
    def backend(self) -> str | None:
        """The backend that the lock serves alone; None where it serves all that have no lock of
        their own."""
        return self.name.partition("-")[2] or None


@dataclass(frozen=True)
class Release:
    """One version on a track. To asv it is the commit ``commit`` with the tag ``name``.

    ``locks`` has each lock by its name. ``after`` is the version that a build of the user's own
    follows on the track; None for a release of the index. ``gone`` is the day (ISO) on which a
    nightly was found to be gone from the index; its results stay.
    """

    track: str
    version: str
    date: str
    python: str
    build: int = 1
    locks: Mapping[str, Lock] = field(default_factory=dict)
    after: str | None = None
    note: str | None = None
    gone: str | None = None

    @property
    def name(self) -> str:
        return f"{self.track}-{self.version}"

    @functools.cached_property
    def is_prerelease(self) -> bool:
        """Whether the version is a release candidate, a nightly or the like, as PEP 440 has it."""
        return Version(self.version).is_prerelease

    @functools.cached_property  # judging asks for it hundreds of thousands of times
    def commit(self) -> str:
        """SHA-1 (hexadecimal) of track, version and build number alone. No lock and no other
        release changes it."""
        return hashlib.sha1(f"{self.track} {self.version} {self.build}".encode()).hexdigest()

    def lock_for(self, device: str, backend: str | None = None) -> Lock | None:
        """The lock of the configurations that compute with ``backend`` on ``device``; None where
        the release has none for them. ``backend`` is None where a framework has no backends."""
        names = lock_names(device, backend)
        return next((self.locks[name] for name in names if name in self.locks), None)

    def locks_for(self, device: str) -> list[Lock]:
        """All locks that configurations on ``device`` use: the lock without a backend first, then
        those of one backend each."""
        backends = sorted({lock.backend for lock in self.locks.values() if lock.backend})
        found = [self.lock_for(device, backend) for backend in (None, *backends)]
        return list({lock.name: lock for lock in found if lock is not None}.values())

    @property
    def devices(self) -> list[str]:
        """The devices that the release can be measured on: those that a lock without a backend
        serves."""
        return [device for device in DEVICES if self.lock_for(device) is not None]

    @property
    def timestamp_ms(self) -> int:
        """The release date at midnight UTC in milliseconds since 1970, which is how asv's pages
        have dates."""
        day = datetime.datetime.fromisoformat(self.date).replace(tzinfo=datetime.timezone.utc)
        return int(day.timestamp() * 1000)


@dataclass(frozen=True)
class Later:
    """Packages that are resolved as of a later day than the rest of a lock: the day of each (ISO),
    and the reason."""

    days: Mapping[str, str]
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Track:
    """The releases of one framework in their order, oldest first.

    ``requirements`` says for each lock, by its name, which packages a version of the framework is
    installed with. It has pairs of a version specifier and requirements, the framework's own first,
    with ``{version}`` or its ``{minor}`` in them. ``later`` says which of these packages are
    resolved as of a later day than the date of the release allows, and why; it too has a version
    specifier for each entry. In both, the first specifier that matches counts. ``index`` is the
    address of an index that is asked before the user's own, for this track alone. ``python`` has
    the newest CPython that releases are locked for, again with a version specifier for each.

    ``nightly_of`` is the track of the same framework whose nightlies these are, None for a track of
    finals. ``without`` are packages that a nightly asks for and that are not installed, because the
    pins of a final stand in their place.

    A pre-release is **current** while it is the newest of a version that has no final on the track
    yet, and superseded from then on. A version is its first two numbers here, since a track has the
    last patch of each. All other releases are current always: finals, nightlies on a track of their
    own, and builds of the user's own.
    """

    name: str
    framework: str
    module: str
    requirements: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]
    releases: tuple[Release, ...] = ()
    later: tuple[tuple[str, Later], ...] = ()
    index: str | None = None
    python: tuple[tuple[str, str], ...] = ()
    nightly_of: str | None = None
    without: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name that people read: "TensorFlow", "TensorFlow nightly"."""
        return self.framework if self.nightly_of is None else f"{self.framework} nightly"

    @functools.cached_property
    def superseded(self) -> frozenset[str]:
        """The names of the releases that are not current."""
        if self.nightly_of is not None:
            return frozenset()
        of_index = [release for release in self.releases if release.after is None]
        final = {minor_of(each.version) for each in of_index if not each.is_prerelease}
        pre = [release for release in of_index if release.is_prerelease]
        newest = {minor_of(release.version): release.name for release in pre}
        return frozenset(
            release.name
            for release in pre
            for minor in [minor_of(release.version)]
            if minor in final or release.name != newest[minor]
        )

    @functools.cached_property
    def current(self) -> tuple[Release, ...]:
        """The current releases, oldest first."""
        return tuple(r for r in self.releases if r.name not in self.superseded)

    def before(self, release: Release) -> tuple[Release, ...]:
        """The current releases that stand before ``release``, oldest first. It need not be current
        itself."""
        earlier = self.releases[: self.releases.index(release)]
        if not self.superseded:
            return earlier
        return tuple(r for r in earlier if r.name not in self.superseded)

    def of_version(self, version: Version) -> Release | None:
        """The release of a version, with however many zeros it is written: 2.15 is 2.15.0. None
        where there is none."""
        return next((each for each in self.releases if Version(each.version) == version), None)

    @property
    def has_final(self) -> bool:
        """Whether any release is not a pre-release. On a track of nightlies no release counts as a
        final, not even a build of the user's own."""
        return self.nightly_of is None and any(not each.is_prerelease for each in self.releases)

    def packages(self, version: str, name: str) -> tuple[str, ...]:
        """The requirements of the lock ``name`` of ``version``, the framework's own first. There
        are none where the version has no such lock.

        A pre-release has the requirements of its release: to PEP 440, 2.1rc0 is neither below nor
        above 2.1. On a track of nightlies, whose package may change on some day, the whole version
        counts.
        """
        base = Version(version)
        minor = f"{base.major}.{base.minor}"
        for specifier, requirements in self.requirements.get(name, ()):
            if self._fits(specifier, version):
                return tuple(r.format(version=version, minor=minor) for r in requirements)
        return ()

    def later_than_its_date(self, version: str) -> Later:
        """The packages of ``version`` that are resolved as of a later day, and why."""
        for specifier, later in self.later:
            if self._fits(specifier, version):
                return later
        return Later({}, None)

    def newest_python(self, version: str) -> str | None:
        """The newest CPython that ``version`` may be locked for; None where any may be."""
        fitting = (python for specifier, python in self.python if self._fits(specifier, version))
        return next(fitting, None)

    def _fits(self, specifier: str, version: str) -> bool:
        """Whether an entry of the track's file is for ``version``."""
        whole = self.nightly_of is not None
        counts = version if whole else Version(version).base_version
        return SpecifierSet(specifier).contains(counts, prereleases=True)


class Catalogue:
    """All tracks under one folder.

    Raises CatalogueError, which names the file, where a track is not well-formed.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise CatalogueError(
                f"{self.folder}: no such folder of releases; run this in a checkout of vggbench"
            )
        self.tracks: dict[str, Track] = {}
        self.by_name: dict[str, Release] = {}
        self.by_commit: dict[str, Release] = {}
        for path in sorted(self.folder.glob("*/track.json")):
            track = _read_track(path)
            self.tracks[track.name] = track
            for release in track.releases:
                self.by_name[release.name] = release
                self.by_commit[release.commit] = release
        if not self.tracks:
            raise CatalogueError(f"{self.folder}: holds no track (no folder with a track.json)")
        self._check_prefixes()

    def _check_prefixes(self) -> None:
        """Raise CatalogueError where asv could not tell the results of two releases apart."""
        seen: dict[str, Release] = {}
        for release in self:
            other = seen.setdefault(release.commit[:ASV_PREFIX], release)
            if other is not release:
                raise CatalogueError(
                    f"{release.name} and {other.name} share the id {release.commit[:ASV_PREFIX]}, "
                    f"so asv would mix their results; raise the build number of one of them"
                )

    def __iter__(self) -> Iterator[Release]:
        """Every release, track by track, oldest first."""
        for track in self.tracks.values():
            yield from track.releases

    def split(self, name: str) -> tuple[str, str] | None:
        """The track and the version in the name of a release, which need not be on that track. None
        where ``name`` begins with the name of no track. Where the name of a track begins that of
        another, the longest that fits counts."""
        fitting = [track for track in self.tracks if name.startswith(f"{track}-")]
        if not fitting:
            return None
        track = max(fitting, key=len)
        return track, name[len(track) + 1 :]

    def is_current(self, release: Release) -> bool:
        """Whether the release is current on its track (``Track`` says what that is)."""
        return release.name not in self.tracks[release.track].superseded

    def file_of(self, release: Release) -> Path:
        return self.folder / release.track / f"{release.version}.json"

    def lock_path(self, release: Release, name: str) -> Path:
        """The file of the lock ``name`` of ``release``."""
        return self.folder / release.track / release.locks[name].file

    def build_constraints(self, release: Release) -> Path | None:
        """The constraints under which sdists of this release's locks are built, if any."""
        if Version(release.python) > LAST_PYTHON_WITH_BUILD_CONSTRAINTS:
            return None
        path = self.folder / BUILD_CONSTRAINTS
        return path if path.is_file() else None

    def pins(self, release: Release, name: str) -> dict[str, str]:
        """The version of every package that the lock ``name`` pins."""
        return pins(self.lock_path(release, name).read_text(encoding="utf-8"))

    def digest(self, release: Release, name: str) -> str:
        """SHA-256 of what the lock ``name`` installs, from its files as they are now. The ends of
        their lines do not matter."""
        return self.digest_of(release, self.lock_path(release, name))

    def digest_of(self, release: Release, lock: Path) -> str:
        """SHA-256 of a file of a lock, and of the build constraints of ``release``. Raises
        CatalogueError where a file cannot be read."""
        digest = hashlib.sha256()
        constraints = self.build_constraints(release)
        for path in [lock] if constraints is None else [lock, constraints]:
            try:
                # git may be set up to end lines as Windows does.
                digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
            except OSError as err:
                raise CatalogueError(
                    f"{release.name}: its lock cannot be read ({err.strerror}: {path}); "
                    f"make it again: vggbench releases lock {release.name}"
                ) from err
        return digest.hexdigest()

    def write(self, release: Release) -> Path:
        """Write the file of a release, whole or not at all, and return its path."""
        content: dict[str, Any] = {
            "track": release.track,
            "version": release.version,
            "date": release.date,
            "python": release.python,
            "build": release.build,
        }
        for key in ("after", "note", "gone"):
            if getattr(release, key) is not None:
                content[key] = getattr(release, key)
        content["locks"] = {
            name: {
                key: getattr(lock, key)
                for key in (
                    "file",
                    "requirement",
                    "companions",
                    "as_of",
                    "digest",
                    "index",
                    "wheel",
                )
                if getattr(lock, key)
            }
            for name, lock in sorted(release.locks.items())
        }
        path = self.file_of(release)
        replace_text(path, json.dumps(content, indent=2) + "\n")
        return path


def lock_names(device: str, backend: str | None) -> tuple[str, ...]:
    """The names of the locks that serve configurations with ``backend`` on ``device``; the first
    that there is counts. ``backend`` is None where a framework has no backends."""
    own = (f"{device}-{backend}", f"{ANY}-{backend}") if backend is not None else ()
    return (*own, device, ANY)


def minor_of(version: str) -> tuple[int, ...]:
    """The first two numbers of a version, with its epoch before them."""
    parsed = Version(version)
    return parsed.epoch, parsed.major, parsed.minor


def pins(lock_text: str) -> dict[str, str]:
    """The version of every package that the text of a lock pins, by the name of the package."""
    return dict(PIN.findall(lock_text))


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old content or the new one, never half
    of it. Raises OSError, and then nothing is left of ``text``."""
    aside = path.with_name(path.name + ".new")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise _not_readable(path, str(err)) from err
    if not isinstance(content, dict):
        raise _not_readable(path, "not a JSON object")
    return content


def _not_readable(path: Path, why: str) -> CatalogueError:
    return CatalogueError(
        f"{path}: cannot be read: {one_line(why)}; restore it (git checkout -- {path}) or remove it"
    )


def _read_track(path: Path) -> Track:
    content = _read_json(path)
    name = path.parent.name
    try:
        if content["track"] != name or not TRACK_NAME.match(name):
            raise ValueError(f"its track is {content['track']!r}, its folder {name!r}")
        requirements = {
            _lock_name(lock): tuple((_specifier(spec), _requirements(reqs)) for spec, reqs in pairs)
            for lock, pairs in content["requirements"].items()
        }
        later = tuple(
            (_specifier(spec), _later(days, reason))
            for spec, days, reason in content.get("later", ())
        )
        framework, module = str(content["framework"]), str(content["module"])
        index = _index(content.get("index"))
        python = tuple(
            (_specifier(spec), _python(newest)) for spec, newest in content.get("python", ())
        )
        without = _requirements(content["without"]) if "without" in content else ()
        nightly_of = content.get("nightly_of")
        if nightly_of is not None and not TRACK_NAME.match(nightly_of):
            raise ValueError(f"its nightly_of {nightly_of!r} is no name of a track")
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        InvalidSpecifier,
        InvalidRequirement,
        AttributeError,
    ) as err:
        raise _not_readable(path, _reason(err)) from err
    releases = [_read_release(file) for file in sorted(path.parent.glob("*.json")) if file != path]
    return Track(
        name=name,
        framework=framework,
        module=module,
        requirements=requirements,
        releases=in_order(releases),
        later=later,
        index=index,
        python=python,
        nightly_of=nightly_of,
        without=without,
    )


def _lock_name(text: str) -> str:
    """``text`` itself. Raises ValueError where it is no name of a lock."""
    if not LOCK_NAME.match(text):
        raise ValueError(
            f"unknown lock {text!r}: a lock is called {', '.join(DEVICES)} or {ANY}, with -BACKEND "
            f"behind it where it serves one backend alone"
        )
    return text


def _specifier(text: str) -> str:
    """``text`` itself. Raises InvalidSpecifier where it is no version specifier."""
    SpecifierSet(text)
    return text


def _requirements(one_or_more: str | list[str]) -> tuple[str, ...]:
    """The requirements of a text or of a list of texts. Raises ValueError for anything else, and
    InvalidRequirement for a text that is no requirement."""
    texts = [one_or_more] if isinstance(one_or_more, str) else one_or_more
    if not (isinstance(texts, list) and texts):
        raise ValueError(f"{texts!r} is no requirement and no list of requirements")
    for text in texts:
        Requirement(text.format(version="1.0", minor="1.0"))
    return tuple(texts)


def _later(days: Mapping[str, str], reason: str) -> Later:
    for day in days.values():
        datetime.date.fromisoformat(day)
    if not (isinstance(reason, str) and reason):
        raise ValueError("packages that are looked for later need a reason")
    return Later(dict(days), reason)


def _index(address: Any) -> str | None:
    """``address`` itself. Raises ValueError for what is no address of an index, and for one with
    credentials, because addresses are written into files that are committed."""
    if address is None:
        return None
    if not isinstance(address, str):
        raise ValueError(f"its index {address!r} is no address")
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise ValueError(
            "its index has credentials in it; take them out and give them to uv, in ~/.netrc or "
            "with uv auth login"
        )
    there = parts.netloc if parts.scheme in ("http", "https") else parts.path
    if parts.scheme not in ("http", "https", "file") or not there or re.search(r"\s", address):
        raise ValueError(f"its index {address!r} is no address such as https://... or file:///...")
    return address


def _read_release(path: Path) -> Release:
    content = _read_json(path)
    try:
        track, version = content["track"], content["version"]
        if track != path.parent.name or version != path.stem:
            raise ValueError(f"it holds {track}-{version}")
        if type(content["build"]) is not int:
            raise ValueError("its build number is not a whole number")
        Version(version)
        _python(content["python"])
        if not isinstance(content.get("after", ""), str):
            raise ValueError("its 'after' is no version")
        for day in (content["date"], content.get("gone", content["date"])):
            datetime.date.fromisoformat(day)
        locks = {}
        for name, lock in content["locks"].items():
            locks[name] = Lock(
                name=_lock_name(name),
                file=str(lock["file"]),
                requirement=str(lock["requirement"]),
                as_of=str(lock["as_of"]),
                digest=str(lock["digest"]),
                wheel=lock.get("wheel"),
                companions=lock.get("companions", {}),
                index=_index(lock.get("index")),
            )
            if not isinstance(locks[name].companions, dict):
                raise ValueError("its companions are no packages with their versions")
            if Path(locks[name].file).name != locks[name].file:
                raise ValueError(f"its lock {locks[name].file!r} is not beside it")
        return Release(
            track=track,
            version=version,
            date=content["date"],
            python=content["python"],
            build=content["build"],
            locks=locks,
            after=content.get("after"),
            note=content.get("note"),
            gone=content.get("gone"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidVersion) as err:
        raise _not_readable(path, _reason(err)) from err


def _python(text: Any) -> str:
    """``text`` itself. Raises ValueError where it is no minor version of CPython."""
    if not (isinstance(text, str) and PYTHON_MINOR.match(text)):
        raise ValueError(f"its Python {text!r} is none such as 3.12")
    return text


def _reason(err: Exception) -> str:
    """What an error says is wrong with a file."""
    return f"{err.args[0]!r} is missing" if isinstance(err, KeyError) else str(err)


def in_order(releases: list[Release]) -> tuple[Release, ...]:
    """The releases of a track in their order, oldest first: by version. A build of the user's own
    stands right after the release that it names in ``after``. Raises CatalogueError where that
    release is not on the track.

    The order of upload is not used, because patch releases of old minor versions come after newer
    minor versions.
    """
    line = sorted((r for r in releases if r.after is None), key=lambda r: Version(r.version))
    waiting = sorted((r for r in releases if r.after is not None), key=lambda r: Version(r.version))
    while waiting:
        placed = {r.version: i for i, r in enumerate(line)}
        ready = [r for r in waiting if r.after in placed]
        if not ready:
            homeless = waiting[0]
            raise CatalogueError(
                f"{homeless.name} stands after {homeless.track}-{homeless.after}, which is not on "
                f"the track; correct 'after' in its release file"
            )
        release = ready[-1]
        line.insert(placed[str(release.after)] + 1, release)
        waiting.remove(release)
    return tuple(line)
