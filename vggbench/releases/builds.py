"""Builds that are on no track: release candidates, patch releases and nightlies between two
releases.

They lie in a folder of their own, written like the folder of a checkout's releases. Each gets its
lock when it is first wanted, and keeps it.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import VggbenchError
from .catalogue import ANY, BUILD_CONSTRAINTS, Catalogue, Release, Track, replace_text
from .environments import require_lock
from .locks import LockError, check, lock, new_release

#: The end of the name of a track of nightlies, behind the name of the track of the releases.
NIGHTLY = "-nightly"


def nightly_track(catalogue: Catalogue, track: Track) -> Track | None:
    """The track of the nightlies of what is on ``track``; None where there is none."""
    found = catalogue.tracks.get(track.name + NIGHTLY)
    return found if found is not None and found.framework == track.framework else None


def lock_name(track: Track, version: str, device: str, backend: str | None) -> str | None:
    """The name of the lock that configurations with ``backend`` on ``device`` use of ``version``;
    None where the track has no packages for them. It is the one that ``Release.lock_for`` takes of
    a release that has all locks of its track."""
    own = [f"{device}-{backend}", f"{ANY}-{backend}"] if backend is not None else []
    return next((name for name in (*own, device, ANY) if track.packages(version, name)), None)


class BuildCatalogue(Catalogue):
    """The releases of ``main``, and the builds in ``folder`` that are on none of its tracks.

    What is on a track is that of ``main``. Raises CatalogueError where a file in ``folder`` is not
    well-formed.
    """

    def __init__(self, main: Catalogue, folder: Path, tracks: tuple[Track, ...]):
        # Catalogue's own would read the folder of main once more.
        vars(self).update(vars(main))
        self.by_name = dict(main.by_name)
        self.by_commit = dict(main.by_commit)
        self._main = main
        self._own = _own_catalogue(main, folder, tracks)
        for build in list(self._own.by_name.values()):
            if build.track in main.tracks:
                self._take(build)

    @property
    def builds(self) -> list[Release]:
        """The builds that have a lock and are on no track."""
        return [build for name, build in self._own.by_name.items() if not self.is_on_track(name)]

    def is_on_track(self, name: str) -> bool:
        return name in self._main.by_name

    def file_of(self, release: Release) -> Path:
        return self._home(release).folder / release.track / f"{release.version}.json"

    def lock_path(self, release: Release, name: str) -> Path:
        return self._home(release).folder / release.track / release.locks[name].file

    def locked(self, track: Track, version: str, device: str, backend: str | None) -> Release:
        """The release ``version`` with a lock for configurations with ``backend`` on ``device``,
        which is made where the build has none.

        Raises EnvironmentUnusable where a release on a track has no such lock, LockError and
        UvError where none can be made.
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
        build = self.by_name.get(name) or new_release(track, version)
        if wanted not in build.locks or not self._is_whole(build, wanted):
            build = lock(self._own, build, wanted)
            self._own.write(build)
            self._take(build)
        return build

    def _is_whole(self, build: Release, name: str) -> bool:
        try:
            check(self._own, build, name)
        except VggbenchError:
            return False
        return True

    def _take(self, build: Release) -> None:
        """Have a build of ``own`` among the releases, in place of an earlier lock of it."""
        if self.is_on_track(build.name):
            return
        for catalogue in (self, self._own):
            before = catalogue.by_name.get(build.name)
            if before is not None:
                catalogue.by_commit.pop(before.commit, None)
            catalogue.by_name[build.name] = build
            catalogue.by_commit[build.commit] = build

    def _home(self, release: Release) -> Catalogue:
        return self._main if self.is_on_track(release.name) else self._own


def _own_catalogue(main: Catalogue, folder: Path, tracks: tuple[Track, ...]) -> Catalogue:
    """The catalogue in ``folder``, with these tracks as they are in ``main`` now."""
    for track in tracks:
        source = main.folder / track.name / "track.json"
        _copy(source, folder / track.name / source.name)
    constraints = main.folder / BUILD_CONSTRAINTS
    if constraints.is_file():
        _copy(constraints, folder / BUILD_CONSTRAINTS)
    return Catalogue(folder)


def _copy(source: Path, target: Path) -> None:
    text = source.read_text(encoding="utf-8")
    if not target.is_file() or target.read_text(encoding="utf-8") != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_text(target, text)
