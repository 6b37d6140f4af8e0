"""uv's cache is freed of what only releases without an environment pin."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vggbench.releases import uv_cache
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import Environments
from vggbench.releases.locks import sha256
from vggbench.releases.uv import UvError, uv
from vggbench.releases.uv_cache import FreedCache

from ..index import write_index
from ..tiny import Tiny, write_wheel

#: Bytes of a module, far more than all that uv writes beside it.
LARGE = 3_000_000

#: The lock of each release of tinyframe that has one of the index here. The others keep theirs.
LOCKS = {
    "tinyframe-1.0": {"shared": "1.0", "old": "1.0"},
    "tinyframe-1.1": {"shared": "2.0"},
    "tinyframe-1.2": {"shared": "2.0"},
}


class House:
    """The environments of a tiny checkout, whose wheels are on an index, and uv's cache."""

    def __init__(self, tiny: Tiny, cache: Path):
        self.tiny = tiny
        self.cache = cache

    def environments(self) -> Environments:
        return Environments(self.tiny.environments, Catalogue(self.tiny.releases))

    def remove(self, name: str) -> None:
        shutil.rmtree(self.environments().path(self.tiny.release(name), "cpu"))

    def free(self) -> FreedCache:
        return uv_cache.free(self.environments())

    def has(self, text: str) -> bool:
        """Whether uv's cache has a module with this text."""
        return any(
            path.is_file() and path.stat().st_size == LARGE and path.read_text().startswith(text)
            for path in self.cache.rglob("__init__.py")
        )


def module(name: str, version: str) -> str:
    text = f"# {name} {version}\n"
    return text + "#" * (LARGE - len(text))


@pytest.fixture
def house(bare_tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    cache = tmp_path / "uv-cache"
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    wheels = tmp_path / "wheels"
    pins = {
        (package, version): sha256(write_wheel(wheels, package, version, module(package, version)))
        for package, version in {pin for pinned in LOCKS.values() for pin in pinned.items()}
    }
    for name, pinned in LOCKS.items():
        own = bare_tiny.folder / "wheels" / f"{name}-py3-none-any.whl"
        lines = [f"tinyframe @ {own.as_uri()} --hash=sha256:{sha256(own)}\n"]
        for package, version in pinned.items():
            lines.append(f"{package}=={version} --hash=sha256:{pins[package, version]}\n")
        bare_tiny.relock(name, "".join(lines))
    monkeypatch.setenv("UV_DEFAULT_INDEX", write_index(tmp_path / "simple", wheels))
    monkeypatch.setenv("UV_OFFLINE", "0")
    bare_tiny.install(*LOCKS)
    return House(bare_tiny, cache)


def test_nothing_is_freed_that_releases_with_an_environment_pin(house: House) -> None:
    freed = house.free()
    assert freed.packages == ("otherframe",)
    assert freed.kept == ("tinyframe",), "2.0 and 1.10 of it have no environment"
    assert house.has("# old 1.0")
    assert house.has("# shared 1.0")


def test_packages_that_only_releases_without_an_environment_pin_are_freed(house: House) -> None:
    house.remove("tinyframe-1.0")
    freed = house.free()
    assert freed.packages == ("old", "otherframe")
    assert LARGE <= freed.on_disk < 2 * LARGE
    assert not house.has("# old 1.0")
    assert freed.left == sum(
        {path.stat().st_ino: path.lstat().st_size for path in files(house.cache)}.values()
    )


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def test_a_package_stays_in_all_versions_while_an_environment_pins_one(house: House) -> None:
    house.remove("tinyframe-1.0")
    assert house.free().kept == ("shared", "tinyframe")
    assert house.has("# shared 1.0")
    assert house.has("# shared 2.0")


def test_a_package_whose_other_versions_take_much_is_freed_in_all_versions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv_cache, "WORTH", LARGE)
    house.remove("tinyframe-1.0")
    freed = house.free()
    assert "shared" in freed.packages
    assert freed.kept == ("tinyframe",)
    assert not house.has("# shared 1.0")


def test_an_environment_of_what_was_freed_is_made_again(house: House) -> None:
    house.remove("tinyframe-1.0")
    house.free()
    house.tiny.install("tinyframe-1.0")
    assert house.has("# old 1.0")


def test_all_is_freed_where_no_release_has_an_environment(house: House) -> None:
    for name in LOCKS:
        house.remove(name)
    freed = house.free()
    assert freed.packages == ("old", "otherframe", "shared", "tinyframe")
    assert freed.kept == ()
    assert freed.on_disk >= 3 * LARGE
    assert not any(map(house.has, ("# old", "# shared")))


def test_what_is_linked_elsewhere_is_not_given_back_by_the_disk(
    house: House, tmp_path: Path
) -> None:
    house.remove("tinyframe-1.0")
    (old,) = (
        path
        for path in house.cache.rglob("__init__.py")
        if path.stat().st_size == LARGE and path.read_text().startswith("# old")
    )
    os.link(old, tmp_path / "of another checkout")
    assert house.free().on_disk < LARGE


def test_a_cache_that_cannot_be_freed_is_one_line(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: str, **options: object) -> str:
        if args[:2] == ("cache", "clean"):
            raise UvError("the cache is in use")
        return uv(*args)

    monkeypatch.setattr(uv_cache, "uv", failing)
    with pytest.raises(UvError, match="the cache is in use"):
        house.free()
