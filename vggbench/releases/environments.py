"""One environment a release and device: made whole or not at all, checked, reused, freed.

An environment is built in a folder aside and renamed when it is whole, under a lock that other
processes see, so that a kill at any moment leaves either nothing or all of it. ``uv venv`` makes it
(relocatable, for CPython 3.6 to 3.13 alike) and ``uv pip install --require-hashes`` fills it from
the release's lock.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import Timeout

from .. import file_lock
from ..errors import VggbenchError, of_system
from ..file_lock import LockUnusable
from ..inside.launch import die_with_parent
from . import interpreters, locks
from .catalogue import Catalogue, Release
from .uv import Unfit, UvError, uv

MARKER = "vggbench.json"
LAST_USE = "vggbench-last-use"

#: Beside the environments: what was compiled for each, kept when an environment is freed.
BYTECODE = ".bytecode"

#: An install that takes longer hangs: the largest lock (2 GB for a GPU) took minutes.
INSTALL_TIMEOUT_S = 3600.0

#: Two processes that want one environment: the second waits for the first to build it.
BUILD_LOCK_TIMEOUT_S = INSTALL_TIMEOUT_S

#: The clock of a file system may be this much behind the one that wrote the marker.
CLOCK_SLACK_S = 2.0


class EnvironmentUnusable(VggbenchError):
    """An environment cannot be made or used."""


class Impossible(EnvironmentUnusable):
    """... on no day: a pin of the lock is not made for the interpreter or the platform."""


@dataclass(frozen=True, kw_only=True)
class Marker:
    """What an environment says of itself, written last: without it, it is not whole."""

    release: str
    device: str
    digest: str
    python: str
    size: int
    made: float
    packages: int | None = None  # those that have a RECORD

    @staticmethod
    def read(folder: Path) -> Marker | None:
        try:
            return Marker(**json.loads((folder / MARKER).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Installed:
    """An environment on the disk; ``size`` in bytes, ``last_use`` in seconds since 1970."""

    folder: Path
    name: str
    size: int
    last_use: float


@dataclass(frozen=True)
class Freed(Installed):
    """One that is gone. ``elsewhere``: bytes of files that have links elsewhere, such as in uv's
    cache: they lie on the disk as before."""

    elsewhere: int

    @property
    def on_disk(self) -> int:
        """Bytes that the disk got back."""
        return max(0, self.size - self.elsewhere)

    def __str__(self) -> str:
        return f"freed {self.name}: {self.size / 1e9:.2f} GB, {self.on_disk / 1e9:.2f} GB on disk"


class Environments:
    """The environments under ``folder``, made from the locks of ``catalogue``."""

    def __init__(self, folder: Path | str, catalogue: Catalogue):
        self.folder = Path(folder).absolute()
        self.catalogue = catalogue

    def path(self, release: Release, device: str) -> Path:
        return self.folder / f"{release.name}-b{release.build}-{device}"

    def python(self, release: Release, device: str) -> Path:
        return self.path(release, device) / "bin" / "python"

    def installed(self, release: Release, device: str) -> Marker | None:
        """The marker of a whole environment that matches the lock, or None. Reads one file."""
        marker = Marker.read(self.path(release, device))
        lock = release.locks.get(device)
        if marker is None or lock is None or marker.digest != lock.digest:
            return None
        return marker

    def ensure(
        self, release: Release, device: str, say: Callable[[str], None] = lambda line: None
    ) -> Path:
        """The interpreter of the release's environment, which is made where it is missing, of
        another lock, or damaged.

        ``say`` gets one line for what takes time. Raises VggbenchError: one line that names the
        release and says what to do.
        """
        if device not in release.locks:
            has = ", ".join(release.locks) or "no device"
            raise EnvironmentUnusable(
                f"{release.name} has no lock for {device}; it is locked for {has}"
            )
        locks.check(self.catalogue, release, device)
        base = interpreters.require(release.python, release.name)
        folder = self.path(release, device)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._building(folder.name):
            marker = Marker.read(folder)
            hurt = None
            if marker is not None and marker.digest == release.locks[device].digest:
                hurt = damage(folder, marker)
                if hurt is None:
                    (folder / LAST_USE).touch()
                    return self.python(release, device)
                say(f"{release.name} ({device}): its environment was changed ({hurt}); made again")
            self._make(release, device, base, thorough=hurt is not None, say=say)
        return self.python(release, device)

    @contextlib.contextmanager
    def _building(self, name: str) -> Iterator[None]:
        """Hold the cross-process lock of the environment ``name``."""
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
        device: str,
        base: Path,
        thorough: bool,
        say: Callable[[str], None],
    ) -> None:
        started = time.monotonic()
        folder = self.path(release, device)
        aside = self.folder / ".building" / folder.name
        bytecode = self.folder / BYTECODE / f"{folder.name}-{release.locks[device].digest[:16]}"
        say(f"installing {release.name} ({device}) on CPython {release.python}")
        try:
            remove(aside)  # what a killed build left; the lock is ours
            aside.parent.mkdir(exist_ok=True)
            uv("venv", "--quiet", "--no-project", "--relocatable", f"--python={base}", str(aside))
            self._install(release, device, aside)
            if thorough:
                remove(bytecode)  # it may be of the files that were changed
            hurt = _damaged_packages(aside) if thorough else []
            if hurt:
                # The cache that uv links from was damaged with the environment: files are shared.
                say(f"{release.name} ({device}): uv's cache was changed too ({', '.join(hurt)})")
                uv("cache", "clean", "--quiet", *hurt)
                self._install(release, device, aside, "--reinstall")
            _byte_compile(aside, bytecode)
            (aside / LAST_USE).touch()
            marker = Marker(
                release=release.name,
                device=device,
                digest=release.locks[device].digest,
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
            kind = Impossible if isinstance(err, Unfit) else EnvironmentUnusable
            raise kind(f"{release.name} ({device}) cannot be installed: {err}") from None
        except OSError as err:
            remove(aside)
            raise EnvironmentUnusable(
                f"{release.name} ({device}) cannot be installed: {of_system(err)}; "
                f"if the disk is full: vggbench releases prune --to 10G; uv cache clean"
            ) from None
        except KeyboardInterrupt:
            remove(aside)
            raise
        say(
            f"installed {release.name} ({device}): {marker.size / 1e9:.2f} GB "
            f"in {time.monotonic() - started:.0f} s"
        )

    def _install(self, release: Release, device: str, folder: Path, *more: str) -> None:
        constraints = self.catalogue.build_constraints(release)
        if constraints is not None:
            more = (*more, f"--build-constraints={constraints}")
        uv(
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            f"--python={folder / 'bin' / 'python'}",
            *more,
            f"--requirements={self.catalogue.lock_path(release, device)}",
            timeout_s=INSTALL_TIMEOUT_S,
        )

    def all(self) -> list[Installed]:
        """The whole environments on the disk, longest unused first."""
        found = []
        for marker_file in self.folder.glob(f"*/{MARKER}"):
            folder = marker_file.parent
            marker = Marker.read(folder)
            if marker is not None:
                found.append(Installed(folder, folder.name, marker.size, _last_use(folder)))
        return sorted(found, key=lambda env: env.last_use)

    def prune(self, keep_bytes: int = 0) -> Iterator[Freed]:
        """Free environments, longest unused first, until at most ``keep_bytes`` are left, links
        counted like copies.

        Yields each that was freed. One that is being built is left alone; what killed builds left
        goes too. With nothing to keep the kept bytecode goes as well.
        """
        if keep_bytes == 0:
            remove(self.folder / BYTECODE)
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
        found = self.all()
        left = sum(env.size for env in found)
        for env in found:
            if left <= keep_bytes:
                return
            freed = Freed(env.folder, env.name, env.size, env.last_use, _elsewhere(env.folder))
            remove(env.folder)
            left -= env.size
            yield freed


def _byte_compile(folder: Path, kept: Path) -> None:
    """Compile every module: a release's first process must not do it while it is timed.

    What was compiled for the same lock before is taken from ``kept``, and left there for the next
    time: compiling takes ten times as long as the rest. compileall compiles anew what does not fit
    its source. It is the release's own: uv's does not run on CPython 3.6. Its status is not looked
    at, because frameworks ship templates and Python 2 files that no Python 3 compiles.
    """
    jobs = "1" if kept.is_dir() else "0"  # 0: one a processor, which costs seconds to begin
    _link_bytecode(kept, folder / "lib")
    subprocess.run(
        [
            *(folder / "bin" / "python", "-I", "-m", "compileall", "-q", "-q", "-j", jobs),
            folder / "lib",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=INSTALL_TIMEOUT_S,
        preexec_fn=die_with_parent,
    )
    remove(kept)
    _link_bytecode(folder / "lib", kept)


def _link_bytecode(source: Path, target: Path) -> None:
    """Put the .pyc files below ``source`` at the same places below ``target``, as hard links where
    the file system has them. Python never writes into a .pyc file, it replaces it."""
    for root, _, names in os.walk(source):
        if os.path.basename(root) != "__pycache__":
            continue
        there = os.path.join(target, os.path.relpath(root, source))
        os.makedirs(there, exist_ok=True)
        for name in names:
            try:
                os.link(os.path.join(root, name), os.path.join(there, name))
            except FileExistsError:
                continue
            except OSError:
                shutil.copy2(os.path.join(root, name), os.path.join(there, name))


def _last_use(folder: Path) -> float:
    try:
        return (folder / LAST_USE).stat().st_mtime
    except OSError:
        return 0.0


def size_of(folder: Path) -> int:
    """Bytes of the files under ``folder``, links into uv's cache counted like copies."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            total += os.lstat(os.path.join(root, name)).st_size
    return total


def _elsewhere(folder: Path) -> int:
    """Bytes of the files under ``folder`` that have links elsewhere, counted like copies."""
    found: dict[tuple[int, int], list[os.stat_result]] = {}
    for root, _, names in os.walk(folder):
        for name in names:
            stat = os.lstat(os.path.join(root, name))
            found.setdefault((stat.st_dev, stat.st_ino), []).append(stat)
    return sum(
        stat.st_size for links in found.values() for stat in links if len(links) < stat.st_nlink
    )


def remove(folder: Path) -> None:
    """Remove ``folder`` so that a kill in between leaves no half of it under its name."""
    if folder.is_dir():
        doomed = folder.with_name(f".{folder.name}.{os.getpid()}.doomed")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def damage(folder: Path, marker: Marker) -> str | None:
    """What is wrong with the packages in ``folder`` since its marker was written, or None.

    Every file that the packages' RECORDs list (PEP 376) must be there, of its listed size, and not
    be younger than the environment. Contents are not read: that takes seconds, and this is done at
    every run.
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
                own = sizes.setdefault(path, set())
                if size:
                    own.add(int(size))
    except (OSError, ValueError, csv.Error) as err:
        return f"the list of its files cannot be read: {err}"
    for path, own in sizes.items():
        try:
            stat = os.stat(path)
        except OSError:
            return f"{os.path.relpath(path, folder)} is gone"
        if own and stat.st_size not in own:
            expected = " or ".join(map(str, sorted(own)))
            return f"{os.path.relpath(path, folder)} has {stat.st_size} bytes instead of {expected}"
        if stat.st_mtime > latest:
            return f"{os.path.relpath(path, folder)} was written to"
    return None


def _record_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("lib/python*/site-packages/*.dist-info/RECORD"))


def _recorded(record: Path) -> Iterator[tuple[str, str, str]]:
    """(path, hash, size) of every file that came with the package of the file ``record``.

    Two packages may bring one file with other contents: TensorFlow 1.4 and its TensorBoard both
    bring bin/tensorboard. Either may be the one that is there.

    What a wheel keeps in its .data is moved at installation (PEP 427). uv leaves the row of a
    script there that an entry point of the same name replaces, as f2py of NumPy 1.15.
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
    """The packages with a file that has not the contents that a RECORD names. Reads all files."""
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
    """Whether the file has the contents of a RECORD's ``digest``, algorithm=base64."""
    algorithm, _, expected = digest.partition("=")
    try:
        with open(path, "rb") as file:
            actual = hashlib.new(algorithm)
            for block in iter(lambda: file.read(1 << 20), b""):
                actual.update(block)
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(actual.digest()).rstrip(b"=").decode() == expected
