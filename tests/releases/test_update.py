"""What an update puts on the tracks, with the real uv and an index on this machine."""

from __future__ import annotations

import contextlib
import datetime
import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vggbench.cli.releases import _of_the_index
from vggbench.releases import interpreters, locks, uv_settings
from vggbench.releases.builds import BuildCatalogue
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import Environments, EnvironmentUnusable
from vggbench.releases.update import Updated, update

from ..index import serving
from ..tiny import pythons, write_wheel

PYTHON = pythons()[1]
TAG = f"cp{PYTHON.replace('.', '')}-none-any"

DEMO: dict[str, Any] = {
    "track": "demo",
    "framework": "Demo",
    "module": "demo",
    "requirements": {"cpu": [[">=0", ["demo=={version}", "helper"]]]},
}
#: Its package has another name from some day on.
NIGHTLY: dict[str, Any] = {
    "track": "demo-nightly",
    "framework": "Demo",
    "module": "demo",
    "requirements": {
        "cpu": [
            ["<=2.0.dev20200701", ["demo-nightly-cpu=={version}", "helper"]],
            [">2.0.dev20200701", ["demo-nightly=={version}", "helper"]],
        ]
    },
    "nightly_of": "demo",
    "without": ["helper-nightly"],
}
DAYS = {
    "helper-1.0": "2019-01-01",
    "helper-2.0": "2020-06-01",
    "demo-0.9": "2019-02-01",
    "demo-1.0": "2019-03-01",
    "demo-1.1": "2020-03-01",
    "demo-1.1.1": "2020-04-01",
    "demo-1.2.0": "2020-05-01",
    "demo-1.2.1": "2020-05-02",
    "demo-1.3": "2020-06-02",
    "demo-2.0.dev20200601": "2020-06-03",
    "demo-2.0rc0": "2020-07-01",
    "demo-2.0rc1": "2020-07-02",
    "demo_nightly_cpu-2.0.dev20200630": "2020-06-30",
    "demo_nightly_cpu-2.0.dev20200701": "2020-07-01",
    # The other package of that day is not the one that the track installs.
    "demo_nightly-2.0.dev20200701": "2020-07-01",
    "demo_nightly-2.0.dev20200702": "2020-07-02",
}
YANKED = {"demo-1.3": "it does not start"}
OLDER = "older than the newest minor of the track, which leaves this one out"


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests counts."""
    for name in (*uv_settings.VARIABLES, "UV_CONFIG_FILE", "UV_NO_CONFIG", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class World:
    """Two tracks, the first with one release, and the wheels of an index."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self.wheels = folder / "wheels"
        self.releases = folder / "releases"
        self.monkeypatch = monkeypatch
        self.days = dict(DAYS)
        self.said: list[str] = []
        for name in DAYS:
            self.wheel(name)
        for track in (DEMO, NIGHTLY):
            (self.releases / track["track"]).mkdir(parents=True)
            (self.releases / track["track"] / "track.json").write_text(json.dumps(track))
        with self.index():
            release = Release("demo", "1.1", DAYS["demo-1.1"], PYTHON)
            self.catalogue().write(locks.lock(self.catalogue(), release, "cpu"))

    def wheel(self, name: str, requires: Sequence[str] = ()) -> Path:
        package, _, version = name.partition("-")
        if package.startswith("demo_nightly"):
            requires = ("helper-nightly>=0.1", "helper")
        tag = "py3-none-any" if package == "helper" else TAG
        return write_wheel(
            self.wheels, package, version, "SECONDS = 1\n", tag=tag, requires=requires
        )

    def catalogue(self) -> Catalogue:
        return Catalogue(self.releases)

    @contextlib.contextmanager
    def index(self) -> Iterator[None]:
        with serving(self.wheels, self.days, YANKED) as url:
            self.monkeypatch.setenv("UV_DEFAULT_INDEX", url)
            yield

    def update(self, *tracks: str, **asked: bool) -> Updated:
        """What comes of an update of these tracks, of all where none is named."""
        catalogue = self.catalogue()
        chosen = [catalogue.tracks[name] for name in tracks or catalogue.tracks]
        self.said = []
        told = {"pre": False, "nightly": False, "dry_run": False, **asked}
        with self.index():
            return update(catalogue, chosen, say=self.said.append, **told)

    def files(self) -> dict[str, bytes]:
        found = sorted(path for path in self.releases.rglob("*") if path.is_file())
        return {str(path.relative_to(self.releases)): path.read_bytes() for path in found}

    def take_away(self, name: str) -> None:
        for wheel in self.wheels.glob(f"{name}-*"):
            wheel.unlink()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_the_last_patch_of_a_newer_minor_is_added_and_all_else_passed_over(world: World) -> None:
    before = world.files()
    done = world.update()
    assert (done.added, done.not_locked) == (["demo-1.2.1"], {})
    told = {name: why.partition(";")[0] for name, why in done.passed_over.items()}
    assert told == {
        "demo-0.9": OLDER,
        "demo-1.0": OLDER,
        "demo-1.1.1": "a newer patch than demo-1.1, which stays, so that what was measured of it "
        "counts",
        "demo-1.3": "withdrawn: it does not start",
        "demo-2.0rc1": "a pre-release without its final: --pre adds it",
    }
    release = world.catalogue().by_name["demo-1.2.1"]
    assert (release.date, release.python, list(release.locks)) == ("2020-05-02", PYTHON, ["cpu"])
    # As of fourteen days after its date there was no other helper.
    assert world.catalogue().pins(release, "cpu") == {"demo": "1.2.1", "helper": "1.0"}
    assert before.items() <= world.files().items(), "what was on the track stays as it was"
    assert any(line.startswith("demo-1.2.1: on the track") for line in world.said)


def test_an_update_that_is_run_twice_adds_nothing(world: World) -> None:
    world.update(pre=True, nightly=True)
    before = world.files()
    again = world.update(pre=True, nightly=True)
    assert (again.added, again.not_locked, world.files()) == ([], {}, before)


def test_the_newest_release_candidate_of_a_version_without_a_final_is_added(world: World) -> None:
    done = world.update("demo", pre=True)
    assert done.added == ["demo-1.2.1", "demo-2.0rc1"]
    assert world.catalogue().pins(world.catalogue().by_name["demo-2.0rc1"], "cpu") == {
        "demo": "2.0rc1",
        "helper": "2.0",
    }


def test_a_release_candidate_is_not_added_once_its_final_is_there(world: World) -> None:
    world.days["demo-2.0"] = "2020-08-01"
    world.wheel("demo-2.0")
    assert world.update("demo", pre=True).added == ["demo-1.2.1", "demo-2.0"]
    assert "demo-2.0rc1" not in world.update("demo").passed_over


def test_a_newer_release_candidate_joins_the_older_one(world: World) -> None:
    world.update("demo", pre=True)
    world.days["demo-2.0rc2"] = "2020-07-03"
    world.wheel("demo-2.0rc2")
    assert world.update("demo", pre=True).added == ["demo-2.0rc2"]
    assert world.catalogue().tracks["demo"].superseded == {"demo-2.0rc1"}


def test_nightlies_are_added_on_request_with_the_companions_of_the_newest_final(
    world: World,
) -> None:
    assert not any("nightly" in name for name in world.update("demo-nightly").added)
    done = world.update("demo-nightly", nightly=True)
    assert done.not_locked == {}
    assert done.added == [
        "demo-nightly-2.0.dev20200630",
        "demo-nightly-2.0.dev20200701",
        "demo-nightly-2.0.dev20200702",
    ]
    catalogue = world.catalogue()
    packages = ("demo-nightly-cpu", "demo-nightly-cpu", "demo-nightly")
    for release, package in zip(catalogue.tracks["demo-nightly"].releases, packages, strict=True):
        # helper-2.0 was there by then, and no helper-nightly is anywhere.
        assert catalogue.pins(release, "cpu") == {package: release.version, "helper": "1.0"}
        assert release.locks["cpu"].companions == {"helper": "1.0"}
        assert "companions as demo-1.1 has them" in catalogue.lock_path(release, "cpu").read_text()


def test_nightlies_without_a_final_to_hold_them_to_are_said(world: World) -> None:
    for path in (world.releases / "demo").glob("1.1*"):
        path.unlink()
    done = world.update("demo-nightly", nightly=True)
    assert done.added == []
    assert "demo has none of that day" in done.not_locked["demo-nightly-2.0.dev20200702"]


def test_a_nightly_that_vanished_is_gone_since_then_and_keeps_its_id(world: World) -> None:
    name = "demo-nightly-2.0.dev20200630"
    world.update("demo-nightly", nightly=True)
    before = world.catalogue().by_name[name]
    world.take_away("demo_nightly_cpu-2.0.dev20200630")
    today = datetime.date.today().isoformat()
    assert world.update("demo-nightly", nightly=True, dry_run=True).gone == {name: today}
    assert world.catalogue().by_name[name].gone is None
    assert world.update("demo-nightly", nightly=True).gone == {name: today}
    after = world.catalogue().by_name[name]
    assert after == replace(before, gone=today)
    assert after.commit == before.commit
    locks.check(world.catalogue(), after, "cpu")
    assert world.update("demo-nightly", nightly=True).gone == {}, "it is told once"
    world.wheel("demo_nightly_cpu-2.0.dev20200630")
    world.update("demo-nightly", nightly=True)
    assert world.catalogue().by_name[name] == before


def test_a_nightly_that_is_gone_is_installed_out_of_uvs_cache_or_said_to_be_gone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.update("demo-nightly", nightly=True)
    release = world.catalogue().by_name["demo-nightly-2.0.dev20200630"]
    environments = Environments(tmp_path / "environments", world.catalogue())
    with world.index():
        environments.ensure(release, "cpu")
        list(environments.prune())
        world.take_away("demo_nightly_cpu-2.0.dev20200630")
        assert environments.ensure(release, "cpu").exists()
        list(environments.prune())
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
        with pytest.raises(EnvironmentUnusable, match=r"dev20200630 is gone from the index"):
            environments.ensure(release, "cpu")


def test_a_dry_run_asks_the_index_alone_and_writes_nothing(world: World) -> None:
    before = world.files()

    def refuse(*args: Any, **more: Any) -> str:
        raise AssertionError("uv was called")

    world.monkeypatch.setattr(locks, "uv", refuse)
    done = world.update(pre=True, nightly=True, dry_run=True)
    assert done.added[:2] == ["demo-1.2.1", "demo-2.0rc1"]
    assert len(done.added) == 5
    assert done.as_json()["dry_run"] is True
    assert world.files() == before


def test_what_cannot_be_locked_leaves_no_file_and_keeps_no_other_from_being_added(
    world: World,
) -> None:
    world.wheel("demo-1.2.1", requires=("nowhere",))
    world.days["demo-1.4"] = "2020-06-03"
    world.wheel("demo-1.4")
    before = world.files()
    done = world.update("demo")
    assert done.added == ["demo-1.4"]
    assert list(done.not_locked) == ["demo-1.2.1"]
    assert "nowhere" in done.not_locked["demo-1.2.1"]
    assert world.files().keys() - before.keys() == {"demo/1.4.json", "demo/1.4-cpu.txt"}


def test_without_upload_times_nothing_is_added(world: World) -> None:
    del world.days["demo-1.2.1"]
    done = world.update("demo")
    assert done.added == []
    assert done.not_locked["demo-1.2.1"].startswith("the index tells no upload times of it")


def test_an_index_out_of_reach_is_told_of_each_track(world: World) -> None:
    before = world.files()
    catalogue = world.catalogue()
    world.monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    done = update(
        catalogue,
        list(catalogue.tracks.values()),
        pre=True,
        nightly=True,
        dry_run=False,
        say=world.said.append,
    )
    assert done.not_locked.keys() == {"demo", "demo-nightly"}
    assert all("cannot be asked: " in why for why in done.not_locked.values())
    assert world.files() == before


def test_a_version_that_the_index_has_for_a_device_counts_without_its_label(world: World) -> None:
    world.take_away("demo-1.2.1")
    world.days["demo-1.2.1+cpu"] = "2020-05-02"
    write_wheel(world.wheels, "demo", "1.2.1+cpu", "", tag=TAG)
    assert world.update("demo", dry_run=True).added == ["demo-1.2.1"]


def test_a_track_can_limit_the_cpython_of_its_releases(world: World) -> None:
    oldest = pythons()[0]
    assert oldest != PYTHON
    content = {**DEMO, "python": [["<1.2", PYTHON], [">=1.2", oldest]]}
    (world.releases / "demo" / "track.json").write_text(json.dumps(content))
    for tag in (TAG, f"cp{oldest.replace('.', '')}-none-any"):
        write_wheel(world.wheels, "demo", "1.2.1", "", tag=tag)
    world.update("demo")
    assert world.catalogue().by_name["demo-1.2.1"].python == oldest


def test_what_comes_of_an_update_as_json() -> None:
    done = Updated(False, ["a-1"], {"a-2": "why"}, {"a-3": "because"}, {"a-4": "2026-01-01"})
    assert done.as_json() == {
        "schema": 1,
        "dry_run": False,
        "added": [{"release": "a-1"}],
        "not_locked": [{"release": "a-2", "why": "why"}],
        "passed_over": [{"release": "a-3", "why": "because"}],
        "gone": [{"release": "a-4", "since": "2026-01-01"}],
    }


def test_a_build_of_the_users_own_is_neither_replaced_nor_taken_away(world: World) -> None:
    own = Release("demo", "1.2.1", "2020-05-03", PYTHON, after="1.1")
    with world.index():
        world.catalogue().write(locks.lock(world.catalogue(), own, "cpu"))
    before = world.files()
    done = world.update("demo")
    assert (done.added, done.not_locked, world.files()) == ([], {}, before)


@pytest.mark.parametrize(
    ("own", "added"),
    [
        # The index has 1.2.0 and 1.2.1, 2.0rc0 and 2.0rc1.
        ("1.2.2", ["demo-2.0rc1"]),
        ("1.2.1", ["demo-2.0rc1"]),
        ("1.2.2rc1+mine", ["demo-2.0rc1"]),
        ("1.2.1+mine", ["demo-1.2.1", "demo-2.0rc1"]),
        ("1.2.0", ["demo-1.2.1", "demo-2.0rc1"]),
        ("1.2.0.dev0", ["demo-1.2.1", "demo-2.0rc1"]),
        ("2.0", ["demo-1.2.1"]),
        ("2.0rc2", ["demo-1.2.1"]),
        ("2.0rc1+mine", ["demo-1.2.1", "demo-2.0rc1"]),
    ],
)
def test_what_is_older_than_a_build_of_the_users_own_is_not_the_last_of_its_minor(
    world: World, own: str, added: list[str]
) -> None:
    world.catalogue().write(Release("demo", own, "2020-05-03", PYTHON, after="1.1"))
    assert world.update("demo", pre=True, dry_run=True).added == added


def test_what_is_passed_over_for_a_build_of_the_users_own_is_said(world: World) -> None:
    world.catalogue().write(Release("demo", "1.2.1", "2020-05-03", PYTHON, after="1.1"))
    assert world.update("demo", dry_run=True).passed_over["demo-1.2.0"] == (
        "older than demo-1.2.1, a build of your own; to have both: vggbench releases add "
        "demo==1.2.0"
    )


def test_what_was_there_before_a_lock_that_fails_stays(world: World) -> None:
    world.wheel("demo-1.2.1", requires=("nowhere",))
    (world.releases / "demo" / "1.2.1-cpu.txt").write_text("# the user's\n")
    before = world.files()
    assert list(world.update("demo").not_locked) == ["demo-1.2.1"]
    assert world.files() == before


def test_an_empty_page_is_said_and_no_nightly_is_gone_by_it(world: World) -> None:
    world.update("demo-nightly", nightly=True)
    before = world.files()
    for name in ("demo_nightly_cpu", "demo_nightly", "demo"):
        world.take_away(name)
        write_wheel(world.wheels, name, "1.0", "", tag="cp311-cp311-win_amd64")
    done = world.update(nightly=True)
    assert (done.added, done.gone, done.passed_over) == ([], {}, {})
    assert "the index has no version of demo for x86-64 Linux" in done.not_locked["demo"]
    assert done.not_locked.keys() == {"demo", "demo-nightly"}
    assert world.files() == before


@pytest.mark.parametrize("has_page", [False, True])
def test_one_package_of_which_the_index_has_nothing_keeps_no_other_from_being_added(
    world: World, has_page: bool
) -> None:
    world.take_away("demo_nightly-2.0.dev20200702")
    world.update("demo-nightly", nightly=True)
    world.wheel("demo_nightly-2.0.dev20200702")
    world.take_away("demo_nightly_cpu")
    if has_page:
        write_wheel(world.wheels, "demo_nightly_cpu", "1.0", "", tag="cp311-cp311-win_amd64")
    done = world.update("demo-nightly", nightly=True)
    assert (done.added, done.not_locked) == (["demo-nightly-2.0.dev20200702"], {})
    assert done.gone.keys() == {"demo-nightly-2.0.dev20200630", "demo-nightly-2.0.dev20200701"}
    told = [line for line in world.said if "updated without one of its packages: " in line]
    assert len(told) == 1
    assert "demo-nightly-cpu" in told[0]


def test_a_file_that_cannot_be_written_is_a_line(world: World) -> None:
    world.update("demo-nightly", nightly=True)
    world.take_away("demo_nightly_cpu-2.0.dev20200630")

    def refuse(*args: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    world.monkeypatch.setattr(Catalogue, "write", refuse)
    done = world.update(nightly=True)
    assert done.not_locked == {
        "demo-1.2.1": "No space left on device",
        "demo-nightly-2.0.dev20200630": "No space left on device",
    }
    assert not (world.releases / "demo" / "1.2.1-cpu.txt").exists()


def test_a_release_is_locked_for_a_cpython_that_is_here(world: World) -> None:
    oldest = pythons()[0]
    write_wheel(world.wheels, "demo", "1.2.1", "", tag=f"cp{oldest.replace('.', '')}-none-any")
    found = interpreters.find
    world.monkeypatch.setattr(
        interpreters, "find", lambda python: None if python == PYTHON else found(python)
    )
    world.update("demo")
    assert world.catalogue().by_name["demo-1.2.1"].python == oldest


def test_a_nightly_is_put_on_by_hand_for_the_cpython_of_the_final_of_its_day(
    world: World,
) -> None:
    world.catalogue().write(Release("demo", "1.4", "2021-01-01", pythons()[0]))
    told = Namespace(release="demo-nightly==2.0.dev20200702", version=None, after=None, python=None)
    with world.index():
        made = _of_the_index(world.catalogue(), told)
    assert (made.date, made.python) == ("2020-07-02", PYTHON)


def test_a_nightly_that_is_on_no_track_is_for_the_cpython_of_that_final_too(
    world: World, tmp_path: Path
) -> None:
    main = world.catalogue()
    track = main.tracks["demo-nightly"]
    builds = BuildCatalogue(main, tmp_path / "builds", (main.tracks["demo"], track))
    asked = {"date": "2020-07-02", "newest_python": pythons()[0]}
    with world.index():
        made = builds.locked(track, "2.0.dev20200702", "cpu", None, **asked)
    assert (made.date, made.python) == ("2020-07-02", PYTHON)
    assert builds.pins(made, "cpu")["helper"] == "1.0"


def test_a_nightly_is_for_the_cpython_that_its_user_names(world: World) -> None:
    oldest = pythons()[0]
    write_wheel(
        world.wheels,
        "demo_nightly",
        "2.0.dev20200702",
        "",
        tag=f"cp{oldest.replace('.', '')}-none-any",
    )
    catalogue = world.catalogue()
    with world.index():
        made = locks.new_release(
            catalogue, catalogue.tracks["demo-nightly"], "2.0.dev20200702", oldest
        )
    assert (made.date, made.python) == ("2020-07-02", oldest)
