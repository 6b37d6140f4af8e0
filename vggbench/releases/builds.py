"""Builds that are on no track: release candidates, patch releases and nightlies between two
releases.

They lie in a folder of their own, written like the folder of a checkout's releases. Each gets its
lock when it is first wanted, and keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import VggbenchError
from . import locks
from .catalogue import BUILD_CONSTRAINTS, Catalogue, Release, Track, lock_names, replace_text
from .environments import require_lock
from .locks import LockError


def nightly_track(catalogue: Catalogue, track: Track) -> Track | None:
    """The track of the nightlies of what is on ``track``; None where there is none."""
    every = catalogue.tracks.values()
    return next((each for each in every if each.nightly_of == track.name), None)


def lock_name(track: Track, version: str, device: str, backend: str | None) -> str | None:
    """The name of the lock that configurations with ``backend`` on ``device`` use of ``version``;
    None where the track has no packages for them."""
    names = lock_names(device, backend)
    return next((name for name in names if track.packages(version, name)), None)


class BuildCatalogue(Catalogue):
    """The releases of ``main``, and the builds in ``folder`` that are on none of its tracks.

    What is on a track is that of ``main``, whose files stay where they are. What is written is
    written into ``folder``. Raises CatalogueError where a file there is not well-formed.
    """

    def __init__(self, main: Catalogue, folder: Path, tracks: Iterable[Track]):
        """``tracks``: those that builds may be of."""
        for track in tracks:
            source = main.folder / track.name / "track.json"
            _copy(source, folder / track.name / source.name)
        constraints = main.folder / BUILD_CONSTRAINTS
        if constraints.is_file():
            _copy(constraints, folder / BUILD_CONSTRAINTS)
        super().__init__(folder)
        own = self.by_name
        self._main = main
        self.tracks = dict(main.tracks)
        self.by_name = dict(main.by_name)
        self.by_commit = dict(main.by_commit)
        for build in own.values():
            if build.track in main.tracks and not self.is_on_track(build.name):
                self._take(build)

    @property
    def builds(self) -> list[Release]:
        """The builds that have a lock and are on no track."""
        return [build for name, build in self.by_name.items() if not self.is_on_track(name)]

    def is_on_track(self, name: str) -> bool:
        return name in self._main.by_name

    def file_of(self, release: Release) -> Path:
        if self.is_on_track(release.name):
            return self._main.file_of(release)
        return super().file_of(release)

    def lock_path(self, release: Release, name: str) -> Path:
        if self.is_on_track(release.name):
            return self._main.lock_path(release, name)
        return super().lock_path(release, name)

    def locked(
        self,
        track: Track,
        version: str,
        device: str,
        backend: str | None,
        *,
        date: str | None = None,
        newest_python: str | None = None,
    ) -> Release:
        """The release ``version`` with a lock for configurations with ``backend`` on ``device``,
        which is made where the build has none.

        ``date``: when it appeared (ISO), where that is known. ``newest_python``: a build is locked
        for no newer CPython, but for a nightly, which gets that of a final. Raises
        EnvironmentUnusable where a release on a track has no such lock, LockError and UvError where
        none can be made.
        """
        name = f"{track.name}-{version}"
        if self.is_on_track(name):
            release = self._main.by_name[name]
            require_lock(release, device, backend)
            return release
        wanted = lock_name(track, version, device, backend)
        if wanted is None:
            with_backend = "" if backend is None else f" with {backend}"
            raise LockError(f"{name}: its track has no packages for {device}{with_backend}")
        build = self.by_name.get(name)
        if build is None:
            build = locks.new_release(self, track, version, date=date, newest_python=newest_python)
        if wanted not in build.locks or not self._is_whole(build, wanted):
            build = locks.lock(self, build, wanted)
            self.write(build)
            self._take(build)
        return build

    def _is_whole(self, build: Release, name: str) -> bool:
        try:
            locks.check(self, build, name)
        except VggbenchError:
            return False
        return True

    def _take(self, build: Release) -> None:
        """Have a build among the releases, in place of itself with an earlier lock."""
        before = self.by_name.get(build.name)
        if before is not None:
            self.by_commit.pop(before.commit, None)
        self.by_name[build.name] = build
        self.by_commit[build.commit] = build


def _copy(source: Path, target: Path) -> None:
    text = source.read_text(encoding="utf-8")
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_text(target, text)
