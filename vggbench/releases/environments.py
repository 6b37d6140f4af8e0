"""The environments of releases, one for each lock of a release: made, checked, reused, removed.

An environment is built in another folder and renamed when it is whole, under a lock that other
processes see. A kill at any moment therefore leaves either nothing or all of it. ``uv venv`` makes
the environment (relocatable, for CPython 3.6 to 3.13 alike), and ``uv pip install
--require-hashes`` fills it from the release's lock.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import Timeout
from packaging.utils import canonicalize_name

from .. import file_lock
from ..errors import VggbenchError, of_system
from ..file_lock import LockUnusable
from ..inside.launch import die_with_parent
from . import interpreters, locks, uv_settings
from .catalogue import Catalogue, Lock, Release
from .uv import OFFLINE, Absent, Hindered, NoneFits, NotCached, Unfit, UvError, uv

MARKER = "vggbench.json"
LAST_USE = "vggbench-last-use"

#: The folder, beside the environments, of the bytecode that was compiled for each. It stays when an
#: environment is removed.
BYTECODE = ".bytecode"

#: An installation that takes longer is taken to hang: the largest lock (2 GB, for a GPU) took
#: minutes.
INSTALL_TIMEOUT_S = 3600.0

#: How long a process waits for another one that builds the same environment.
BUILD_LOCK_TIMEOUT_S = INSTALL_TIMEOUT_S

#: Times of files may differ by this much from the clock of the process that wrote the marker.
CLOCK_SLACK_S = 2.0


class EnvironmentUnusable(VggbenchError):
    """An environment cannot be made or used."""


class Impossible(EnvironmentUnusable):
    """An environment can never be made: a pin of the lock is not made for the interpreter or the
    platform."""


class Postponed(EnvironmentUnusable):
    """An environment cannot be made now: the network, the index or the disk is at fault, and
    another environment would meet the same."""


#: What errors of uv make of an environment; all others make it unusable.
_KINDS: dict[type[UvError], type[EnvironmentUnusable]] = {Unfit: Impossible, Hindered: Postponed}


@dataclass(frozen=True, kw_only=True)
class Marker:
    """What an environment says of itself. The marker is written last: an environment without one
    is not whole. ``device``, a key that stays as it was, is the name of the lock. ``size`` is in
    bytes, ``made`` in seconds since 1970."""

    release: str
    device: str
    digest: str
    python: str
    size: int
    made: float
    packages: int | None = None  # how many have a RECORD

    @staticmethod
    def read(folder: Path) -> Marker | None:
        """The marker in ``folder``; None where there is none that can be read."""
        try:
            return Marker(**json.loads((folder / MARKER).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Installed:
    """An environment on the disk. ``size`` is in bytes, ``last_use`` in seconds since 1970."""

    folder: Path
    name: str
    size: int
    last_use: float


@dataclass(frozen=True)
class Freed(Installed):
    """An environment that was removed. ``elsewhere``: bytes of its files that have links elsewhere,
    such as in uv's cache, and are still on the disk."""

    elsewhere: int

    @property
    def on_disk(self) -> int:
        """Bytes that the disk got back."""
        return max(0, self.size - self.elsewhere)

    def __str__(self) -> str:
        return f"freed {self.name}: {self.size / 1e9:.2f} GB, {self.on_disk / 1e9:.2f} GB on disk"


def require_lock(release: Release, device: str, backend: str | None = None) -> Lock:
    """The lock of the configurations of ``release`` that compute with ``backend`` on ``device``.
    Raises EnvironmentUnusable where there is none."""
    lock = release.lock_for(device, backend)
    if lock is None:
        raise _no_lock(release, device if backend is None else f"{device} with {backend}")
    return lock


def _no_lock(release: Release, name: str) -> EnvironmentUnusable:
    has = ", ".join(release.locks) or "no device"
    return EnvironmentUnusable(
        f"{release.name} has no lock for {name}; it is locked for {has}; where its track has "
        f"packages for that: vggbench releases lock {release.name}"
    )


class Environments:
    """The environments under ``folder``, made from the locks of ``catalogue``."""

    def __init__(self, folder: Path | str, catalogue: Catalogue):
        self.folder = Path(folder).absolute()
        self.catalogue = catalogue

    def path(self, release: Release, name: str) -> Path:
        """The folder of the environment of the lock ``name`` of a release."""
        return self.folder / f"{release.name}-b{release.build}-{name}"

    def python(self, release: Release, name: str) -> Path:
        """The interpreter of the environment of the lock ``name`` of a release."""
        return self.path(release, name) / "bin" / "python"

    def installed(self, release: Release, name: str) -> Marker | None:
        """The marker of the environment of the lock ``name``; None where the environment is not
        whole, or not of the lock as it is now. Only one file is read."""
        marker = Marker.read(self.path(release, name))
        lock = release.locks.get(name)
        if marker is None or lock is None or marker.digest != lock.digest:
            return None
        return marker

    def ensure(
        self, release: Release, name: str, say: Callable[[str], None] = lambda line: None
    ) -> Path:
        """The interpreter of the environment of the lock ``name`` of a release. The environment is
        made where it is missing, of an earlier lock, or damaged.

        ``say`` gets a message before anything that takes time. Raises VggbenchError, whose message
        names the release and says what to do.
        """
        if name not in release.locks:
            raise _no_lock(release, name)
        locks.check(self.catalogue, release, name)
        base = interpreters.require(release.python, release.name)
        folder = self.path(release, name)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._building(folder.name):
            marker = Marker.read(folder)
            damaged = None
            if marker is not None and marker.digest == release.locks[name].digest:
                damaged = damage(folder, marker)
                if damaged is None:
                    (folder / LAST_USE).touch()
                    return self.python(release, name)
                say(f"{release.name} ({name}): its environment was changed ({damaged}); made again")
            self._make(release, name, base, thorough=damaged is not None, say=say)
        return self.python(release, name)

    @contextlib.contextmanager
    def _building(self, name: str) -> Iterator[None]:
        """Hold the lock of the environment ``name``, which other processes see. Raises
        EnvironmentUnusable where that cannot be."""
        folder = self.folder / ".locks"
        folder.mkdir(exist_ok=True)
        try:
            lock = file_lock.take(folder / name, BUILD_LOCK_TIMEOUT_S)
        except LockUnusable as err:
            raise EnvironmentUnusable(str(err)) from None
        except Timeout:
            raise EnvironmentUnusable(
                f"{name}: another process has been building it for {BUILD_LOCK_TIMEOUT_S:.0f} s; "
                f"see whether it hangs, end it, and run this again"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _make(
        self,
        release: Release,
        name: str,
        base: Path,
        thorough: bool,
        say: Callable[[str], None],
    ) -> None:
        """Make the environment of the lock ``name``, in place of one that is there.

        ``thorough``: whether to look for damage in uv's cache too, because the environment was
        damaged.
        """
        started = time.monotonic()
        folder = self.path(release, name)
        aside = self.folder / ".building" / folder.name
        bytecode = self.folder / BYTECODE / f"{folder.name}-{release.locks[name].digest[:16]}"
        say(f"installing {release.name} ({name}) on CPython {release.python}")
        try:
            remove(aside)  # a killed build may have left it; this process has the lock
            aside.parent.mkdir(exist_ok=True)
            uv("venv", "--quiet", "--no-project", "--relocatable", f"--python={base}", str(aside))
            of_cache = self._install(release, name, aside)
            if thorough:
                remove(bytecode)  # it may be of the files that were changed
            damaged = _damaged_packages(aside) if thorough else []
            if damaged:
                # The environment shares files with uv's cache, which was damaged with it.
                say(f"{release.name} ({name}): uv's cache was changed too ({', '.join(damaged)})")
                uv("cache", "clean", "--quiet", *damaged)
                of_cache = self._install(release, name, aside, "--reinstall")
            _byte_compile(aside, bytecode)
            (aside / LAST_USE).touch()
            marker = Marker(
                release=release.name,
                device=name,
                digest=release.locks[name].digest,
                python=release.python,
                size=size_of(aside),
                made=time.time(),
                packages=len(_record_files(aside)),
            )
            (aside / MARKER).write_text(json.dumps(asdict(marker)), encoding="utf-8")
            remove(folder)
            aside.rename(folder)
        except UvError as err:
            remove(aside)
            kind = _KINDS.get(type(err), EnvironmentUnusable)
            why = self._gone(release, name, err) if isinstance(err, Absent) else err
            raise kind(f"{release.name} ({name}) cannot be installed: {why}") from None
        except OSError as err:
            remove(aside)
            raise Postponed(
                f"{release.name} ({name}) cannot be installed: {of_system(err)}; "
                f"if the disk is full: vggbench releases prune --to 10G --cache"
            ) from None
        except KeyboardInterrupt:
            remove(aside)
            raise
        say(
            f"installed {release.name} ({name}): {marker.size / 1e9:.2f} GB "
            f"in {time.monotonic() - started:.0f} s" + (", out of uv's cache" if of_cache else "")
        )

    def _install(self, release: Release, name: str, folder: Path, *more: str) -> bool:
        """Install what the lock ``name`` pins into an environment. ``more``: options for uv.

        Returns whether all of it came without a network, out of uv's cache. The index is asked only
        where uv's cache lacks something, because projects take old releases off the index: uv no
        longer finds such a release in its cache once it has seen the new page of the index. The
        hashes of the lock hold for both.
        """
        constraints = self.catalogue.build_constraints(release)
        if constraints is not None:
            more = (*more, f"--build-constraints={constraints}")
        install = (
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            f"--python={folder / 'bin' / 'python'}",
            *more,
            f"--requirements={self.catalogue.lock_path(release, name)}",
        )
        index = release.locks[name].index
        try:
            uv(OFFLINE, *install, index=index, timeout_s=INSTALL_TIMEOUT_S)
        except (NotCached, NoneFits):
            uv(*install, index=index, timeout_s=INSTALL_TIMEOUT_S)
            return False
        return True

    def _gone(self, release: Release, name: str, err: Absent) -> str:
        """That the index no longer has what the lock ``name`` pins, and what to do next.

        It is no reason to refuse the release for ever, as Impossible is: another index, or a wheel
        that somebody kept, can still bring it.
        """
        package = canonicalize_name(err.package)
        version = self.catalogue.pins(release, name).get(package)
        pin = f"{package}=={version}" if version is not None else package
        places = uv_settings.places(os.environ, release.locks[name].index)
        return (
            f"{pin} is gone from the index ({places}), and uv's cache does not have all of the "
            f"lock; what was measured of {release.name} stays; to measure it again, put a wheel of "
            f"{pin} with the hash of the lock into a folder and set UV_FIND_LINKS to that folder"
        )

    def all(self) -> list[Installed]:
        """The whole environments on the disk, longest unused first."""
        environments = []
        for marker_file in self.folder.glob(f"*/{MARKER}"):
            folder = marker_file.parent
            marker = Marker.read(folder)
            # A removal that was ended may have left a marker, in a folder whose name has a dot.
            if marker is not None and not folder.name.startswith("."):
                environments.append(Installed(folder, folder.name, marker.size, _last_use(folder)))
        return sorted(environments, key=lambda env: env.last_use)

    def prune(self, keep_bytes: int = 0) -> Iterator[Freed]:
        """Remove environments, longest unused first, until at most ``keep_bytes`` are left. Links
        count like copies.

        Yields each environment that was removed. One that is being built is left alone, and
        leftovers of killed builds and removals are removed too. Where nothing is to be kept, the
        bytecode is removed as well.
        """
        if keep_bytes == 0:
            remove(self.folder / BYTECODE)
        for doomed in self.folder.glob(".*.doomed"):  # a removal was ended
            shutil.rmtree(doomed, ignore_errors=True)
        leftovers = self.folder / ".building"
        if leftovers.is_dir():
            for aside in leftovers.iterdir():
                try:
                    lock = file_lock.take(self.folder / ".locks" / aside.name)
                except Timeout:
                    continue
                try:
                    remove(aside)
                finally:
                    lock.release()
        environments = self.all()
        left = sum(env.size for env in environments)
        for env in environments:
            if left <= keep_bytes:
                return
            freed = Freed(env.folder, env.name, env.size, env.last_use, _elsewhere(env.folder))
            remove(env.folder)
            left -= env.size
            yield freed


def _byte_compile(folder: Path, kept: Path) -> None:
    """Compile every module, so that the first process of a release does not compile while it is
    timed.

    ``kept`` is a folder with the bytecode that was compiled for the same lock before. It is used,
    and then has the new bytecode, because compiling takes ten times as long as everything else.
    compileall compiles again where bytecode does not fit its source. It is run in the release's
    interpreter, because uv's own compiling does not work on CPython 3.6. Its exit status is
    ignored, because frameworks ship templates and Python 2 files that no Python 3 compiles.

    Each processor has a compileall of its own, with its share of the modules. Those of a pool
    (compileall -j) wait for work for ever once the process that shares it out was killed.
    """
    # Where little is left to compile, starting many takes longer than they save.
    count = 1 if kept.is_dir() else len(os.sched_getaffinity(0))
    _link_bytecode(kept, folder / "lib")
    modules = _modules(folder / "lib")
    started: list[subprocess.Popen[bytes]] = []
    try:
        # A compileall without any module would compile those of the interpreter itself.
        for first in range(min(count, len(modules))):
            started.append(_compileall(folder / "bin" / "python", modules[first::count]))
        for process in started:
            process.wait(INSTALL_TIMEOUT_S)
    finally:
        for process in started:
            process.kill()
            process.wait()
    remove(kept)
    _link_bytecode(folder / "lib", kept)


def _compileall(python: Path, modules: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process that compiles ``modules``, and ends with this one."""
    with tempfile.TemporaryFile() as names:
        names.write(b"".join(os.fsencode(module) + b"\n" for module in modules))
        names.seek(0)
        return subprocess.Popen(
            [python, "-I", "-m", "compileall", "-q", "-q", "-i", "-"],
            stdin=names,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )


def _modules(folder: Path) -> list[str]:
    """The paths of the modules below ``folder``, neighbours side by side."""
    return sorted(
        os.path.join(root, name)
        for root, _, names in os.walk(folder)
        for name in names
        if name.endswith(".py")
    )


def _link_bytecode(source: Path, target: Path) -> None:
    """Put the .pyc files below ``source`` at the same places below ``target``, as hard links where
    the file system has them. Links are safe, because Python never writes into a .pyc file but
    replaces it."""
    for root, _, names in os.walk(source):
        if os.path.basename(root) != "__pycache__":
            continue
        folder = os.path.join(target, os.path.relpath(root, source))
        os.makedirs(folder, exist_ok=True)
        for name in names:
            try:
                os.link(os.path.join(root, name), os.path.join(folder, name))
            except FileExistsError:
                continue
            except OSError:
                shutil.copy2(os.path.join(root, name), os.path.join(folder, name))


def _last_use(folder: Path) -> float:
    """When an environment was used last, in seconds since 1970; 0 where that is not known."""
    try:
        return (folder / LAST_USE).stat().st_mtime
    except OSError:
        return 0.0


def size_of(folder: Path) -> int:
    """Bytes of the files under ``folder``. Links into uv's cache count like copies."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            total += os.lstat(os.path.join(root, name)).st_size
    return total


def _elsewhere(folder: Path) -> int:
    """Bytes of the files under ``folder`` that have links elsewhere. Links count like copies."""
    links_to: dict[tuple[int, int], list[os.stat_result]] = {}
    for root, _, names in os.walk(folder):
        for name in names:
            stat = os.lstat(os.path.join(root, name))
            links_to.setdefault((stat.st_dev, stat.st_ino), []).append(stat)
    return sum(
        stat.st_size for links in links_to.values() for stat in links if len(links) < stat.st_nlink
    )


def remove(folder: Path) -> None:
    """Remove ``folder``. A kill meanwhile does not leave half of it under its name."""
    if folder.is_dir():
        doomed = folder.with_name(f".{folder.name}.{os.getpid()}.doomed")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def damage(folder: Path, marker: Marker) -> str | None:
    """What happened to the packages in ``folder`` since its marker was written; None where nothing
    did.

    Every file that the packages' RECORDs list (PEP 376) must exist, have the listed size, and not
    be younger than the environment. Contents are not read, because that takes seconds and this
    check is made at every run.
    """
    if not os.access(folder / "bin" / "python", os.X_OK):
        return "its interpreter is gone"
    files = _record_files(folder)
    if marker.packages is not None and len(files) != marker.packages:
        return f"it has {len(files)} packages instead of {marker.packages}"
    latest = marker.made + CLOCK_SLACK_S
    sizes: dict[str, set[int]] = {}
    try:
        for record in files:
            if record.stat().st_mtime > latest:
                return f"{record.parent.name}/RECORD was written to"
            for path, _, size in _recorded(record):
                listed = sizes.setdefault(path, set())
                if size:
                    listed.add(int(size))
    except (OSError, ValueError, csv.Error) as err:
        return f"the list of its files cannot be read: {err}"
    for path, listed in sizes.items():
        try:
            stat = os.stat(path)
        except OSError:
            return f"{os.path.relpath(path, folder)} is gone"
        if listed and stat.st_size not in listed:
            expected = " or ".join(map(str, sorted(listed)))
            return f"{os.path.relpath(path, folder)} has {stat.st_size} bytes instead of {expected}"
        if stat.st_mtime > latest:
            return f"{os.path.relpath(path, folder)} was written to"
    return None


def _record_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("lib/python*/site-packages/*.dist-info/RECORD"))


def _recorded(record: Path) -> Iterator[tuple[str, str, str]]:
    """(path, hash, size) of every file that the RECORD file ``record`` of a package lists.

    Two packages may bring different files of one path: TensorFlow 1.4 and its TensorBoard both
    bring bin/tensorboard. Either of the two may be the one that is there.

    Files in the .data folder of a wheel are moved at installation (PEP 427). Where an entry point
    replaces a script of the same name, as with f2py of NumPy 1.15, uv leaves the row of the script
    under .data. Such rows are left out.
    """
    site_packages = record.parent.parent
    moved = record.parent.name.removesuffix(".dist-info") + ".data/"
    with record.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if len(row) != 3 or not row[1]:
                continue
            path, digest, size = row
            if not path.endswith(".pyc") and not path.startswith(moved):
                yield os.path.normpath(os.path.join(site_packages, path)), digest, size


def _damaged_packages(folder: Path) -> list[str]:
    """The packages with a file whose contents are not those that a RECORD names. All files are
    read."""
    damaged = set()
    hashes: dict[str, set[tuple[str, str]]] = {}
    for record in _record_files(folder):
        package = record.parent.name.partition("-")[0]
        try:
            for path, digest, _ in _recorded(record):
                hashes.setdefault(path, set()).add((package, digest))
        except (OSError, ValueError, csv.Error):
            damaged.add(package)
    for path, listed in hashes.items():
        if not any(_has_contents(path, digest) for _, digest in listed):
            damaged |= {package for package, _ in listed}
    return sorted(damaged)


def _has_contents(path: str, digest: str) -> bool:
    """Whether a file has the contents of a RECORD's ``digest``, which reads algorithm=base64."""
    algorithm, _, expected = digest.partition("=")
    try:
        actual = locks.file_digest(path, algorithm)
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(actual).rstrip(b"=").decode() == expected
