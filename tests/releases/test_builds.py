"""The catalogue of builds that are on no track: locked when they are wanted, and kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from vggbench.errors import VggbenchError
from vggbench.releases.builds import BuildCatalogue, lock_name, nightly_track
from vggbench.releases.catalogue import DEVICES, Catalogue, Lock, Release, Track

from ..index import serving
from ..tiny import Tiny, pythons, write_wheel


@pytest.fixture
def wheels(bare_tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose wheels an index has, and uv asks that alone."""
    folder = bare_tiny.folder / "index"
    tag = f"cp{pythons()[1].replace('.', '')}-none-any"
    for version in ("1.3", "1.4"):
        write_wheel(folder, "tinyframe", version, f"__version__ = {version!r}\n", tag=tag)
    with serving(folder, {"tinyframe-1.3": "2019-01-01"}) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        monkeypatch.setenv("UV_CACHE_DIR", str(bare_tiny.folder / "uv-cache"))
        yield folder


def opened(tiny: Tiny) -> tuple[BuildCatalogue, Track]:
    main = Catalogue(tiny.releases)
    track = main.tracks["tinyframe"]
    return BuildCatalogue(main, tiny.folder / "builds", (track,)), track


@pytest.mark.asv
def test_a_build_is_locked_as_of_its_date_once_and_never_on_the_track(
    bare_tiny: Tiny, wheels: Path
) -> None:
    builds, track = opened(bare_tiny)
    assert builds.builds == []
    made = builds.locked(track, "1.3", "cpu", None)
    assert (made.name, made.date, made.python) == ("tinyframe-1.3", "2019-01-01", pythons()[1])
    assert made.locks["cpu"].as_of == "2019-01-15"
    assert builds.by_name["tinyframe-1.3"] == made
    assert builds.by_commit[made.commit] == made
    assert builds.pins(made, "cpu") == {"tinyframe": "1.3"}
    assert not builds.is_on_track("tinyframe-1.3")
    assert "tinyframe-1.3" not in Catalogue(bare_tiny.releases).by_name
    # The next call has it, and asks no index.
    (wheels / next(wheels.glob("tinyframe-1.3-*")).name).unlink()
    again, track = opened(bare_tiny)
    assert again.builds == [made]
    assert again.locked(track, "1.3", "cpu", None) == made


@pytest.mark.asv
def test_a_build_that_cannot_be_locked_says_why(bare_tiny: Tiny, wheels: Path) -> None:
    builds, track = opened(bare_tiny)
    with pytest.raises(VggbenchError, match=r"the index tells no upload dates of tinyframe"):
        builds.locked(track, "1.4", "cpu", None)
    with pytest.raises(VggbenchError, match=r"tinyframe"):
        builds.locked(track, "1.5", "cpu", None)
    assert builds.builds == []


@pytest.mark.asv
def test_a_build_that_has_come_to_the_track_is_that_of_the_track(
    bare_tiny: Tiny, wheels: Path
) -> None:
    builds, track = opened(bare_tiny)
    made = builds.locked(track, "1.3", "cpu", None)
    on_track = bare_tiny.add_release("1.3")
    assert on_track.locks["cpu"].digest != made.locks["cpu"].digest
    again, track = opened(bare_tiny)
    assert again.is_on_track("tinyframe-1.3")
    assert again.builds == []
    assert again.locked(track, "1.3", "cpu", None) == on_track
    assert again.lock_path(on_track, "cpu").is_relative_to(bare_tiny.releases)


def test_what_is_on_a_track_is_read_where_it_lies(bare_tiny: Tiny) -> None:
    builds, track = opened(bare_tiny)
    main = Catalogue(bare_tiny.releases)
    release = main.by_name["tinyframe-1.1"]
    assert builds.locked(track, "1.1", "cpu", None) == release
    assert builds.lock_path(release, "cpu") == main.lock_path(release, "cpu")
    assert builds.digest(release, "cpu") == release.locks["cpu"].digest
    with pytest.raises(VggbenchError, match=r"tinyframe-1\.1 has no lock for gpu"):
        builds.locked(track, "1.1", "gpu", None)


def test_a_lock_is_called_as_a_release_finds_it() -> None:
    requirements = {"cpu": [">=1"], "cpu-jax": [">=3"], "any-torch": [">=2"]}
    track = Track(
        name="demo",
        framework="Demo",
        module="demo",
        requirements={
            name: tuple((specifier, ("demo=={version}",)) for specifier in of)
            for name, of in requirements.items()
        },
    )
    assert lock_name(track, "3.1", "cpu", None) == "cpu"
    assert lock_name(track, "3.1", "cpu", "jax") == "cpu-jax"
    assert lock_name(track, "2.1", "cpu", "jax") == "cpu"
    assert lock_name(track, "2.1", "cpu", "torch") == "any-torch"
    assert lock_name(track, "3.1", "gpu", None) is None
    of_track = {
        name: Lock(name, f"3.1-{name}.txt", "demo==3.1", "2020-01-15", "0") for name in requirements
    }
    release = Release("demo", "3.1", "2020-01-01", "3.11", locks=of_track)
    for device in DEVICES:
        for backend in (None, "jax", "torch", "theano"):
            found = release.lock_for(device, backend)
            assert lock_name(track, "3.1", device, backend) == (found and found.name)


def test_a_track_of_nightlies_names_the_track_that_it_is_of(bare_tiny: Tiny) -> None:
    content = {
        "track": "tinyframe-nightly",
        "framework": "Tinyframe",
        "module": "tinyframe",
        "nightly_of": "tinyframe",
        "requirements": {"cpu": [[">=0", "tinyframe-nightly=={version}"]]},
    }
    folder = bare_tiny.releases / "tinyframe-nightly"
    folder.mkdir()
    (folder / "track.json").write_text(json.dumps(content))
    tracks = Catalogue(bare_tiny.releases)
    assert nightly_track(tracks, tracks.tracks["tinyframe"]) is tracks.tracks["tinyframe-nightly"]
    assert nightly_track(tracks, tracks.tracks["otherframe"]) is None
