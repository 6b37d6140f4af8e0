"""Resolves the packages of releases as of their dates, and puts releases on a track."""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from ..errors import Say, VggbenchError
from ..frameworks import KNOWN
from . import interpreters, uv_settings
from .catalogue import ANY, Catalogue, Lock, Release, Track, pins, replace_text
from .uv import NoneFits, uv

#: The companions of a release are resolved as of so many days after its date, because they may
#: follow it by some days.
GRACE_DAYS = 14

#: The minor versions of CPython for which wheels of a release are looked for, newest first.
PYTHONS = tuple(f"3.{minor}" for minor in range(14, 5, -1))

#: The packages that build sdists on CPython up to 3.11. They are pinned as of BUILD_TOOLS_DAY
#: (releases/build-constraints.txt says why), so an index as of an earlier day must still show them.
BUILD_TOOLS = ("setuptools", "wheel")
BUILD_TOOLS_DAY = "2021-09-01"

#: The packages of frameworks that have releases only as sdists on the index: pure Python, for every
#: CPython. All other packages that a track asks for must be wheels, because Fortran or Bazel would
#: be needed to build them.
SDISTS = tuple(
    package for framework in KNOWN if framework.has_sdists for package in framework.packages
)

#: No wheel of the frameworks is older. The search for the date of a release begins here.
FIRST_DAY = datetime.date(2015, 1, 1)

_A_DAY = datetime.timedelta(days=1)


class LockError(VggbenchError):
    """A lock cannot be made, or is not the one that the release's file names."""


def as_of(date: str) -> str:
    """The day as of which the index is read for a release of ``date``; both days are ISO. It is
    today at the latest, because the index of a day to come cannot be read yet."""
    day = datetime.date.fromisoformat(date) + datetime.timedelta(days=GRACE_DAYS)
    return min(day, datetime.date.today()).isoformat()


def resolve(
    requirements: Sequence[str],
    python: str,
    day: str,
    build_constraints: Path | None,
    later: Mapping[str, str],
    *,
    index: str | None,
    overrides: Sequence[str] = (),
) -> str:
    """The packages that ``requirements`` resolve to for CPython ``python`` as of ``day``, as the
    text of a lock: a line with hashes for each package.

    ``later`` has packages that are resolved as of days of their own. To learn the metadata of
    sdists, uv builds them with that CPython, under ``build_constraints``. ``index`` is asked before
    the user's own. ``overrides`` are requirements that stand in place of whatever asks for the same
    package. Raises UvError and InterpreterMissing.
    """
    interpreter = interpreters.require(python, requirements[0])
    tools = []
    if build_constraints is not None:
        tools.append(f"--build-constraints={build_constraints.absolute()}")
        if day < BUILD_TOOLS_DAY:
            tools += [f"--exclude-newer-package={t}={BUILD_TOOLS_DAY}" for t in BUILD_TOOLS]
    return _compile(
        requirements,
        "--no-header",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--generate-hashes",
        "--annotation-style=line",
        *tools,
        *_wheels_alone(requirements[1:]),
        *_days(day, later),
        f"--python={interpreter}",
        index=index,
        overrides=overrides,
    )


def _compile(
    requirements: Sequence[str], *options: str, index: str | None, overrides: Sequence[str] = ()
) -> str:
    """What uv resolves ``requirements`` to, for x86-64 Linux. Raises UvError."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "requirements.in"
        source.write_text("".join(f"{r}\n" for r in requirements), encoding="utf-8")
        if overrides:
            file = Path(folder) / "overrides.txt"
            file.write_text("".join(f"{r}\n" for r in overrides), encoding="utf-8")
            options = (*options, f"--override={file.name}")
        # uv runs within the folder, because it writes the path as it is given into the lock.
        return uv(
            f"--directory={folder}",
            # To resolve for a CPython that is missing here, uv takes any other, and fetches none.
            "--no-python-downloads",
            "pip",
            "compile",
            "--quiet",
            *options,
            "--python-platform=x86_64-manylinux_2_28",
            source.name,
            index=index,
        )


def _wheels_alone(requirements: Sequence[str]) -> list[str]:
    """uv's options that forbid sdists of ``requirements``, but for SDISTS."""
    return [f"--only-binary={name}" for name in _names(requirements) if name not in SDISTS]


def _names(requirements: Sequence[str]) -> list[str]:
    return [canonicalize_name(Requirement(r).name) for r in requirements]


def _days(day: str, later: Mapping[str, str]) -> list[str]:
    """uv's options that read the index as of ``day``, and for the packages in ``later`` as of the
    days there."""
    return [
        f"--exclude-newer={_end_of(day)}",
        *(
            f"--exclude-newer-package={name}={_end_of(later_day)}"
            for name, later_day in later.items()
        ),
    ]


def lock(catalogue: Catalogue, release: Release, name: str) -> Release:
    """Resolve the lock ``name`` of ``release`` and write it beside the release.

    Returns the release with this lock; the release itself is not written. Where the lock differs
    from the one that was there, the build number is raised, so that results under the old lock stay
    apart. What a nightly is installed with is held to the pins of a final (``final_before``).
    Raises LockError, also where a lock for the GPU would bring no CUDA, and UvError.
    """
    track = catalogue.tracks[release.track]
    old = release.locks.get(name)
    wheel = old.wheel if old is not None else None
    requirements = track.packages(release.version, name)
    if wheel is not None and old is not None:
        # A wheel is for one device, also on a track whose locks are for any.
        requirements = requirements or track.packages(release.version, ANY)
        requirements = (old.requirement, *requirements[1:])
        check_wheel(release, Path(wheel), old)
    if not requirements:
        raise LockError(
            f"{release.name}: its track has no packages for the lock {name}; "
            f"it has them for: {', '.join(names(track, release.version)) or 'none'}"
        )
    day = as_of(release.date)
    later = _later(track, release.version, day)
    final = None if track.nightly_of is None else final_before(catalogue, track, release.date)
    try:
        resolved = resolve(
            requirements,
            release.python,
            day,
            catalogue.build_constraints(release),
            later,
            index=track.index,
            overrides=() if final is None else _held_to(catalogue, track, final, name),
        )
    except NoneFits:
        _require_dates(release.name, requirements, release.python, track.index)
        raise
    _require_cuda(release, name, requirements, pins(resolved))
    exceptions = "".join(f", {package} as of {on_day}" for package, on_day in later.items())
    exceptions += "" if final is None else f", companions as {final.name} has them"
    text = (
        f"# {release.name} for {name} on CPython {release.python}: "
        f"{', '.join(requirements)} resolved as of {day}{exceptions}\n" + resolved
    )
    path = path_of(catalogue, release, name)
    if not (
        path.is_file() and _installed_by(path.read_text(encoding="utf-8")) == _installed_by(text)
    ):
        replace_text(path, text)
    versions = pins(text)
    named = _names(requirements[1:])  # one whose marker is of other CPythons is not pinned
    new = Lock(
        name=name,
        file=path.name,
        requirement=requirements[0],
        as_of=day,
        digest=catalogue.digest_of(release, path),
        wheel=wheel,
        companions={package: versions[package] for package in named if package in versions},
        index=track.index,
    )
    on_track = release.name in catalogue.by_name
    changed = on_track and old is not None and old.digest != new.digest
    return replace(
        release,
        locks={**release.locks, name: new},
        build=release.build + 1 if changed else release.build,
    )


def put_on(
    catalogue: Catalogue,
    release: Release,
    wanted: Sequence[str],
    begin: Say = lambda name: None,
) -> Release:
    """Put a release on its track: locked under the ``wanted`` names, each of which ``begin`` gets
    before it is resolved, and written. What fails leaves no new file behind. Raises LockError,
    UvError and OSError."""
    files = [path_of(catalogue, release, name) for name in wanted]
    files = [path for path in (*files, catalogue.file_of(release)) if not path.exists()]
    try:
        for name in wanted:
            begin(name)
            release = lock(catalogue, release, name)
        catalogue.write(release)
    except BaseException:
        for path in files:
            path.unlink(missing_ok=True)
        raise
    return release


def _require_cuda(
    release: Release, name: str, requirements: Sequence[str], versions: Mapping[str, str]
) -> None:
    """Raise LockError where a lock for the GPU asks for an extra and would pin nothing of CUDA.

    uv warns of an extra that a package does not have, and resolves without it. ``versions``: what
    the lock would pin.
    """
    extras = [requirement for requirement in requirements if Requirement(requirement).extras]
    if not name.startswith("gpu") or not extras or any("cuda" in package for package in versions):
        return
    raise LockError(
        f"{release.name}: the lock for {name} would bring no CUDA, as {', '.join(extras)} has no "
        f"such extra; correct it in releases/{release.track}/track.json"
    )


def path_of(catalogue: Catalogue, release: Release, name: str) -> Path:
    """The file that the lock ``name`` of a release is written to."""
    return catalogue.folder / release.track / f"{release.version}-{name}.txt"


def final_before(catalogue: Catalogue, nightlies: Track, date: str) -> Release:
    """The newest final of the track that ``nightlies`` is of, of those that had appeared by
    ``date`` (ISO). Raises LockError where there is none."""
    finals = catalogue.tracks.get(str(nightlies.nightly_of))
    found = [
        release
        for release in (() if finals is None else finals.releases)
        if not release.is_prerelease and release.after is None and release.date <= date
    ]
    if not found:
        raise LockError(
            f"a nightly of {date} on the track {nightlies.name} is locked with the packages of a "
            f"final, and {nightlies.nightly_of} has none of that day or earlier; put one on that "
            f"track: vggbench releases add {nightlies.nightly_of}==..."
        )
    return found[-1]


def _held_to(catalogue: Catalogue, track: Track, final: Release, name: str) -> list[str]:
    """Overrides that hold a nightly's companions to those of the lock ``name`` of a final, and that
    leave out what the track does without. Raises LockError where the final has no such lock."""
    if name not in final.locks:
        raise LockError(
            f"{final.name} has no lock for {name}, to which nightlies on the track {track.name} "
            f"could be held; take it out of the requirements of that track"
        )
    framework = canonicalize_name(Requirement(final.locks[name].requirement).name)
    pinned = catalogue.pins(final, name)
    return [
        *(f"{package}=={version}" for package, version in pinned.items() if package != framework),
        # A requirement for no CPython at all: uv then installs nothing of that name.
        *(f"{package}; python_version < '3'" for package in track.without),
    ]


def _installed_by(lock_text: str) -> list[str]:
    """The lines of a lock that are no comments."""
    return [line for line in lock_text.splitlines() if not line.lstrip().startswith("#")]


def _later(track: Track, version: str, day: str) -> dict[str, str]:
    """The packages of ``version`` that are resolved as of a later day than ``day``, each with that
    day."""
    days = track.later_than_its_date(version).days
    return {name: later_day for name, later_day in days.items() if later_day > day}


def check(catalogue: Catalogue, release: Release, name: str) -> None:
    """Raise LockError where the files of the lock ``name`` are not those whose digest the release's
    file has."""
    if catalogue.digest(release, name) != release.locks[name].digest:
        raise LockError(
            f"{release.name}: the lock for {name} is not the one its release file vouches for; "
            f"undo the change, or make it again, which raises the build number: "
            f"vggbench releases lock {release.name} --again"
        )


def names(track: Track, version: str) -> list[str]:
    """The names of the locks for which the track has packages of ``version``."""
    return [name for name in track.requirements if track.packages(version, name)]


def pythons_here() -> list[str]:
    """Those of PYTHONS that are on this machine, newest first."""
    return [python for python in PYTHONS if interpreters.find(python)]


def new_release(
    catalogue: Catalogue,
    track: Track,
    version: str,
    python: str | None = None,
    *,
    date: str | None = None,
    newest_python: str | None = None,
    among: Sequence[str] = PYTHONS,
) -> Release:
    """The release ``version`` of the index, with its date and its Python, without locks.

    The date, unless given, is the day on which the package of its first lock appeared: that of the
    CPU, else that of any device. The Python, unless given, is the first ``among`` these, newest
    first, for which there are wheels of the packages of that lock, and no newer than the track
    allows or than ``newest_python``. That of a nightly, unless given, is the one of the final whose
    companions it is held to (``final_before``). Raises LockError and UvError.
    """
    try:
        normal = str(Version(version))
    except InvalidVersion:
        raise LockError(f"{track.name}=={version}: {version!r} is no version") from None
    requirements = track.packages(normal, "cpu") or track.packages(normal, ANY)
    if not requirements:
        raise LockError(f"{track.name}=={version}: the track has no cpu package for this version")
    framework = requirements[:1]
    limits = [limit for limit in (track.newest_python(normal), newest_python) if limit is not None]
    pythons = [p for p in among if all(_minor(p) <= _minor(limit) for limit in limits)]
    if date is None:
        known = python or _newest_python(track, normal, framework, pythons)
        date = _upload_day(track, normal, framework, known)
        pythons = [p for p in pythons if _minor(p) <= _minor(known)]
    if python is None and track.nightly_of is not None:
        python = final_before(catalogue, track, date).python
    if python is None:
        day = as_of(date)
        days = _days(day, _later(track, normal, day))
        python = _newest_python(track, normal, requirements, pythons, days)
    note = track.later_than_its_date(normal).reason
    return Release(track.name, normal, date, python, note=note)


def _minor(python: str) -> int:
    return int(python.partition(".")[2])


def own_release(
    track: Track,
    version: str,
    wheel: Path,
    after: Release,
    *,
    device: str,
    python: str | None,
) -> Release:
    """The release of a build of the user's own, ``wheel``, which stands on the track after the
    release ``after``.

    Its date is today, so its companions are resolved as of today. Its lock pins the wheel by path
    and SHA-256. Raises LockError.
    """
    if not wheel.is_file():
        raise LockError(f"{track.name}-{version}: there is no wheel {wheel}")
    try:
        _, wheel_version, _, tags = parse_wheel_filename(wheel.name)
        normal = Version(version)
    except (InvalidWheelFilename, InvalidVersion) as err:
        raise LockError(f"{track.name}-{version}: {err}") from None
    if python is None:
        interpreters_named = {tag.interpreter for tag in tags}
        fits = [p for p in PYTHONS if "cp" + p.replace(".", "") in interpreters_named]
        if not fits and not any(name.startswith("py3") for name in interpreters_named):
            raise LockError(
                f"{track.name}-{version}: {wheel.name} is for none of CPython {PYTHONS}"
            )
        python = fits[0] if fits else after.python
    if normal.public != wheel_version.public:
        raise LockError(
            f"{track.name}-{version}: the wheel's own version is {wheel_version}; "
            f"call the release {wheel_version} or {wheel_version.public}+something"
        )
    path = wheel.resolve()
    return Release(
        track=track.name,
        version=str(normal),
        date=datetime.date.today().isoformat(),
        python=python,
        after=after.version,
        locks={
            device: Lock(
                name=device,
                file=f"{normal}-{device}.txt",
                requirement=f"{_project_of(path)} @ {path.as_uri()}",
                as_of="",
                digest=sha256(path),
                wheel=str(path),
            )
        },
    )


def check_wheel(release: Release, wheel: Path, lock: Lock) -> None:
    if not wheel.is_file():
        raise LockError(
            f"{release.name}: its wheel {wheel} is gone; put it back, "
            f"or take the release off: remove {release.track}/{release.version}.json"
        )


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return file_digest(path, "sha256").hex()


def file_digest(path: Path | str, algorithm: str) -> bytes:
    """The digest of a file's contents by an algorithm of hashlib. Raises OSError where the file
    cannot be read, and ValueError for an unknown algorithm."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.digest()


def _project_of(wheel: Path) -> str:
    return canonicalize_name(parse_wheel_filename(wheel.name)[0])


def _end_of(day: str) -> str:
    return f"{day}T23:59:59Z"


def _available(
    requirements: Sequence[str],
    python: str,
    options: Sequence[str] = (),
    *,
    index: str | None,
) -> bool:
    """Whether the index has all of ``requirements`` for ``python``, under uv's ``options``.
    ``index`` is asked before the user's own."""
    bare = [re.sub(r"\[.*?\]", "", requirement) for requirement in requirements]
    # By itself uv looks for a CPython at each call. Where it has none of that version, it runs all
    # that there are, which takes seconds with the shims of pyenv.
    runs = interpreters.find(python) or sys.executable
    try:
        _compile(
            bare,
            "--no-deps",
            f"--python-version={python}",
            f"--python={runs}",
            *_wheels_alone(requirements),
            *options,
            index=index,
        )
    except NoneFits:
        return False
    return True


def _newest_python(
    track: Track,
    version: str,
    requirements: Sequence[str],
    pythons: Sequence[str],
    options: Sequence[str] = (),
) -> str:
    """The first of ``pythons``, newest first, for which the index has all of ``requirements``.
    Raises LockError where it has them for none."""
    for python in pythons:
        if _available(requirements, python, options, index=track.index):
            return python
    raise LockError(
        f"{track.name}=={version}: the index has no wheels of {', '.join(requirements)} on x86-64 "
        f"Linux for any of CPython {', '.join(reversed(pythons)) or PYTHONS[-1]}"
    )


def _upload_day(track: Track, version: str, requirements: Sequence[str], python: str) -> str:
    """The day on which the package appeared, ISO.

    uv does not tell upload dates, but it can leave out what is newer than a day. The day is
    therefore found by bisection. Raises LockError where there is no such package, or the index does
    not tell its date.
    """
    name = f"{track.name}=={version}"
    index = track.index
    if not _available(requirements, python, index=index):
        raise LockError(f"{name}: the index has no wheel of it for CPython {python}")
    _require_dates(name, requirements, python, index)
    # Files in a folder, or on a page that is no index, have no date, and are there as of any day.
    first, last = FIRST_DAY, _tomorrow()
    if _available(requirements, python, _days((first - _A_DAY).isoformat(), {}), index=index):
        raise _no_dates(name, requirements, index)
    while first < last:
        middle = first + (last - first) // 2
        if _available(requirements, python, _days(middle.isoformat(), {}), index=index):
            last = middle
        else:
            first = middle + _A_DAY
    return first.isoformat()


def _require_dates(name: str, requirements: Sequence[str], python: str, index: str | None) -> None:
    """Raise LockError, which names the release ``name``, where the index has one of
    ``requirements`` but not as of any day: then it tells no upload dates."""
    for requirement in requirements:
        if Requirement(requirement).url is not None:
            continue
        if _available([requirement], python, index=index) and not _available(
            [requirement], python, _days(_tomorrow().isoformat(), {}), index=index
        ):
            raise _no_dates(name, [requirement], index)


def _no_dates(name: str, requirements: Sequence[str], index: str | None) -> LockError:
    places = uv_settings.places(os.environ, index)
    return LockError(
        f"{name}: the index tells no upload dates of {', '.join(_names(requirements))}, so nothing "
        f"can be resolved as of a day; it is {places}; use one that tells them"
    )


def _tomorrow() -> datetime.date:
    """Tomorrow, because an index may already have the next day."""
    return datetime.date.today() + _A_DAY
