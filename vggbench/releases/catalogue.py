"""Read and write ``releases/``: one folder a track, one release a file, its locks beside it."""

from __future__ import annotations

import datetime
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from ..errors import VggbenchError, one_line
from ..inside.devices import DEVICES

#: Lower-case letters only: a track's name ends where ``-``, ``=`` or ``<`` begins in a spec.
TRACK_NAME = re.compile(r"[a-z]+\Z")

#: A line of a lock that pins a package: its name, its version.
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z0-9,._-]+\])?==([^\s;\\]+)", re.MULTILINE)

#: A minor version of CPython, as releases and interpreters are matched by.
PYTHON_MINOR = re.compile(r"3\.\d+\Z", re.ASCII)

#: CPython up to this one needs ``releases/build-constraints.txt`` to build the sdists of a lock.
LAST_PYTHON_WITH_BUILD_CONSTRAINTS = Version("3.11")
BUILD_CONSTRAINTS = "build-constraints.txt"

#: asv names result files by this many characters of the commit id (asv/results.py:152).
ASV_PREFIX = 8


class CatalogueError(VggbenchError):
    """A file under ``releases/`` cannot be read as what it should be."""


@dataclass(frozen=True)
class Lock:
    """The hash-pinned packages of one release for one device.

    ``file`` and ``wheel`` are names of files, ``digest`` is the SHA-256 of the lock's own text
    (and of the build constraints it is installed under), ``as_of`` is the day up to which the
    index was looked at. ``companions`` are the packages that the track asks for beside the
    framework, such as the backends of Keras, with the versions that the lock pins.
    """

    device: str
    file: str
    requirement: str
    as_of: str
    digest: str
    wheel: str | None = None
    companions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """One version on a track; to asv it is the commit ``commit`` with the tag ``name``."""

    track: str
    version: str
    date: str
    python: str
    build: int = 1
    locks: Mapping[str, Lock] = field(default_factory=dict)
    after: str | None = None
    note: str | None = None

    @property
    def name(self) -> str:
        return f"{self.track}-{self.version}"

    @functools.cached_property  # judging asks for it hundreds of thousands of times
    def commit(self) -> str:
        """SHA-1 (hex) of track, version and build number alone: no lock and no other release
        moves it."""
        return hashlib.sha1(f"{self.track} {self.version} {self.build}".encode()).hexdigest()

    @property
    def timestamp_ms(self) -> int:
        """The release date, midnight UTC, in milliseconds since 1970: asv's JavaScript date."""
        day = datetime.datetime.fromisoformat(self.date).replace(tzinfo=datetime.timezone.utc)
        return int(day.timestamp() * 1000)


@dataclass(frozen=True)
class Later:
    """Packages, each with the day (ISO) before which the index is of no use for it, and why."""

    days: Mapping[str, str]
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Track:
    """The line of releases of one framework, oldest first.

    ``requirements`` says per device which packages a version of the framework is installed with:
    pairs of a version specifier and requirements, the framework's own first, with ``{version}`` or
    its ``{minor}`` in them. ``later`` says which of these packages are looked for later than as of
    the release's date, and why. First match wins in both.
    """

    name: str
    framework: str
    module: str
    requirements: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]
    releases: tuple[Release, ...] = ()
    later: tuple[tuple[str, Later], ...] = ()

    def packages(self, version: str, device: str) -> tuple[str, ...]:
        """The requirements that install ``version`` for ``device``, the framework's own first;
        none where it cannot be had.

        A pre-release has those of its release: to PEP 440, 2.1rc0 is neither below nor above 2.1.
        """
        base = Version(version)
        minor = f"{base.major}.{base.minor}"
        for specifier, requirements in self.requirements.get(device, ()):
            if SpecifierSet(specifier).contains(base.base_version):
                return tuple(r.format(version=version, minor=minor) for r in requirements)
        return ()

    def later_than_its_date(self, version: str) -> Later:
        for specifier, later in self.later:
            if SpecifierSet(specifier).contains(Version(version).base_version):
                return later
        return Later({}, None)


class Catalogue:
    """All tracks under one folder.

    Raises CatalogueError, naming the file, for anything that is not a well-formed track.
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

    def file_of(self, release: Release) -> Path:
        return self.folder / release.track / f"{release.version}.json"

    def lock_path(self, release: Release, device: str) -> Path:
        return self.folder / release.track / release.locks[device].file

    def build_constraints(self, release: Release) -> Path | None:
        """The constraints under which sdists of this release's locks are built, if any."""
        if Version(release.python) > LAST_PYTHON_WITH_BUILD_CONSTRAINTS:
            return None
        path = self.folder / BUILD_CONSTRAINTS
        return path if path.is_file() else None

    def pins(self, release: Release, device: str) -> dict[str, str]:
        """The version of every package that this lock pins."""
        return pins(self.lock_path(release, device).read_text(encoding="utf-8"))

    def digest(self, release: Release, device: str) -> str:
        """SHA-256 of what this lock installs, as the files say now, however their lines end."""
        return self.digest_of(release, self.lock_path(release, device))

    def digest_of(self, release: Release, lock: Path) -> str:
        digest = hashlib.sha256()
        constraints = self.build_constraints(release)
        for path in [lock] if constraints is None else [lock, constraints]:
            try:
                # git may have been told to end lines as Windows does.
                digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
            except OSError as err:
                raise CatalogueError(
                    f"{release.name}: its lock cannot be read ({err.strerror}: {path}); "
                    f"make it again: vggbench releases lock {release.name}"
                ) from err
        return digest.hexdigest()

    def write(self, release: Release) -> Path:
        """Write the release's file, whole or not at all; returns its path."""
        content: dict[str, Any] = {
            "track": release.track,
            "version": release.version,
            "date": release.date,
            "python": release.python,
            "build": release.build,
        }
        for key in ("after", "note"):
            if getattr(release, key) is not None:
                content[key] = getattr(release, key)
        content["locks"] = {
            device: {
                key: getattr(lock, key)
                for key in ("file", "requirement", "companions", "as_of", "digest", "wheel")
                if getattr(lock, key)
            }
            for device, lock in sorted(release.locks.items())
        }
        path = self.file_of(release)
        replace_text(path, json.dumps(content, indent=2) + "\n")
        return path


def pins(lock_text: str) -> dict[str, str]:
    """Package to version, for every package that the text of a lock pins."""
    return dict(PIN.findall(lock_text))


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old content or the new, never half."""
    aside = path.with_name(path.name + ".new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


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
            device: tuple((_specifier(spec), _requirements(reqs)) for spec, reqs in pairs)
            for device, pairs in content["requirements"].items()
        }
        later = tuple(
            (_specifier(spec), _later(days, reason))
            for spec, days, reason in content.get("later", ())
        )
        framework, module = str(content["framework"]), str(content["module"])
    except (
        KeyError,
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
    )


def _specifier(text: str) -> str:
    SpecifierSet(text)
    return text


def _requirements(one_or_more: str | list[str]) -> tuple[str, ...]:
    """Requirements, as one text or a list; raises ValueError for what is none."""
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


def _read_release(path: Path) -> Release:
    content = _read_json(path)
    try:
        track, version = content["track"], content["version"]
        if track != path.parent.name or version != path.stem:
            raise ValueError(f"it holds {track}-{version}")
        if type(content["build"]) is not int:
            raise ValueError("its build number is not a whole number")
        Version(version)
        if not (isinstance(content["python"], str) and PYTHON_MINOR.match(content["python"])):
            raise ValueError(f"its Python {content['python']!r} is none such as 3.12")
        if not isinstance(content.get("after", ""), str):
            raise ValueError("its 'after' is no version")
        datetime.date.fromisoformat(content["date"])
        locks = {}
        for device, lock in content["locks"].items():
            if device not in DEVICES:
                raise ValueError(f"unknown device {device!r}")
            locks[device] = Lock(
                device=device,
                file=str(lock["file"]),
                requirement=str(lock["requirement"]),
                as_of=str(lock["as_of"]),
                digest=str(lock["digest"]),
                wheel=lock.get("wheel"),
                companions=lock.get("companions", {}),
            )
            if not isinstance(locks[device].companions, dict):
                raise ValueError("its companions are no packages with their versions")
            if Path(locks[device].file).name != locks[device].file:
                raise ValueError(f"its lock {locks[device].file!r} is not beside it")
        return Release(
            track=track,
            version=version,
            date=content["date"],
            python=content["python"],
            build=content["build"],
            locks=locks,
            after=content.get("after"),
            note=content.get("note"),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InvalidVersion) as err:
        raise _not_readable(path, _reason(err)) from err


def _reason(err: Exception) -> str:
    return f"{err.args[0]!r} is missing" if isinstance(err, KeyError) else str(err)


def in_order(releases: list[Release]) -> tuple[Release, ...]:
    """The order of a track, oldest first: by version; a build of one's own right after the release
    that it names in ``after``.

    Upload order is not used: patch releases of old lines come after newer minors.
    """
    line = sorted((r for r in releases if r.after is None), key=lambda r: Version(r.version))
    waiting = sorted((r for r in releases if r.after is not None), key=lambda r: Version(r.version))
    while waiting:
        placed = {r.version: i for i, r in enumerate(line)}
        ready = [r for r in waiting if r.after in placed]
        if not ready:
            lost = waiting[0]
            raise CatalogueError(
                f"{lost.name} stands after {lost.track}-{lost.after}, which is not on the track; "
                f"correct 'after' in its release file"
            )
        release = ready[-1]
        line.insert(placed[str(release.after)] + 1, release)
        waiting.remove(release)
    return tuple(line)
