"""Locks, resolved by the real uv from wheels that the tests make: no network, no dates."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vggbench.releases import locks
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.locks import LockError
from vggbench.releases.uv import UvError

from ..tiny import pythons, write_wheel

TRACK: dict[str, Any] = {
    "track": "demo",
    "framework": "Demo",
    "module": "demo",
    "requirements": {
        "cpu": [
            ["<2", ["demo=={version}", "helper"]],
            [">=2", ["demo=={version}", "helper=={minor}.*"]],
        ],
        "cpu-other": [[">=2", ["demo=={version}", "helper==1.3"]]],
        "gpu": [[">=2", ["demo[cuda]=={version}", "helper==1.3"]]],
    },
    "later": [["<1.1", {"helper": "2021-01-01"}, "No helper is older."]],
}


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    wheels = tmp_path / "wheels"
    for version in ("1.0", "1.1", "2.0", "2.1"):
        write_wheel(wheels, "demo", version, f"__version__ = {version!r}\n")
    for version in ("1.3", "2.0", "2.0.4", "2.2"):
        write_wheel(wheels, "helper", version, "")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    folder = tmp_path / "releases"
    (folder / "demo").mkdir(parents=True)
    (folder / "demo" / "track.json").write_text(json.dumps(TRACK))
    return Catalogue(folder)


def locked(catalogue: Catalogue, version: str) -> Release:
    """The release, locked for the cpu, on the track."""
    release = Release("demo", version, "2020-01-01", pythons()[1])
    made = locks.lock(catalogue, release, "cpu")
    catalogue.write(made)
    return Catalogue(catalogue.folder).by_name[made.name]


def text_of(catalogue: Catalogue, release: Release) -> str:
    return catalogue.lock_path(release, "cpu").read_text()


def test_a_lock_pins_the_framework_and_its_companions(catalogue: Catalogue) -> None:
    release = locked(catalogue, "1.1")
    assert release.locks["cpu"].requirement == "demo==1.1"
    assert release.locks["cpu"].companions == {"helper": "2.2"}
    assert catalogue.pins(release, "cpu") == {"demo": "1.1", "helper": "2.2"}
    assert text_of(catalogue, release).count("--hash=sha256:") == 2


def test_a_companion_can_follow_the_minor_version_of_the_framework(catalogue: Catalogue) -> None:
    assert locked(catalogue, "2.0").locks["cpu"].companions == {"helper": "2.0.4"}


def test_a_release_that_fails_at_its_second_lock_leaves_no_file(catalogue: Catalogue) -> None:
    release = Release("demo", "2.0", "2020-01-01", pythons()[1])
    before = sorted(catalogue.folder.rglob("*"))
    begun: list[str] = []
    with pytest.raises(LockError, match="would bring no CUDA"):
        locks.put_on(catalogue, release, ["cpu", "gpu"], begun.append)
    assert begun == ["cpu", "gpu"]
    assert sorted(catalogue.folder.rglob("*")) == before


def test_a_companion_for_other_cpythons_is_none(catalogue: Catalogue) -> None:
    requirements = {"cpu": [[">=0", ["demo=={version}", "helper; python_version < '3'"]]]}
    path = catalogue.folder / "demo" / "track.json"
    path.write_text(json.dumps({**TRACK, "requirements": requirements}))
    changed = Catalogue(catalogue.folder)
    release = locked(changed, "1.1")
    assert release.locks["cpu"].companions == {}
    assert changed.pins(release, "cpu") == {"demo": "1.1"}


def test_a_companion_that_does_not_exist_is_one_line(catalogue: Catalogue) -> None:
    with pytest.raises(UvError, match=r"helper==2\.1\.\*") as caught:
        locked(catalogue, "2.1")
    assert "\n" not in str(caught.value)


def test_a_lock_says_as_of_when_it_was_resolved(catalogue: Catalogue) -> None:
    first = text_of(catalogue, locked(catalogue, "1.0")).splitlines()[0]
    assert first.endswith("demo==1.0, helper resolved as of 2020-01-15, helper as of 2021-01-01")
    assert text_of(catalogue, locked(catalogue, "1.1")).splitlines()[0].endswith("as of 2020-01-15")


def test_a_later_day_moves_no_package_back() -> None:
    track = Catalogue(Path(__file__).parents[2] / "releases").tracks["keras"]
    assert track.later_than_its_date("1.2.1").days["numpy"] == "2016-12-31"
    assert locks._later(track, "1.2.1", "2017-02-04") == {}
    assert locks._later(track, "1.2.1", "2016-12-30") != {}


def test_a_lock_that_comes_out_the_same_again_keeps_file_and_build(catalogue: Catalogue) -> None:
    """Neither comments nor the folder that uv worked in are what a lock installs."""
    release = locked(catalogue, "1.1")
    path = catalogue.lock_path(release, "cpu")
    path.write_text(path.read_text().replace("# demo-1.1", "# once demo-1.1"))
    release = replace(
        release,
        locks={"cpu": replace(release.locks["cpu"], digest=catalogue.digest(release, "cpu"))},
    )
    before = path.read_text()
    again = locks.lock(Catalogue(catalogue.folder), release, "cpu")
    assert again == release
    assert path.read_text() == before


def test_a_lock_that_comes_out_otherwise_raises_the_build_number(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    release = locked(catalogue, "1.1")
    write_wheel(tmp_path / "wheels", "helper", "2.3", "")
    again = locks.lock(Catalogue(catalogue.folder), release, "cpu")
    assert again.build == release.build + 1
    assert again.locks["cpu"].companions == {"helper": "2.3"}


def test_a_backend_gets_a_lock_beside_that_for_all_others(catalogue: Catalogue) -> None:
    track = catalogue.tracks["demo"]
    assert locks.names(track, "1.1") == ["cpu"]
    assert locks.names(track, "2.0") == ["cpu", "cpu-other", "gpu"]
    before = locked(catalogue, "2.0")
    made = locks.lock(Catalogue(catalogue.folder), before, "cpu-other")
    assert made.commit == before.commit
    assert made.locks["cpu"] == before.locks["cpu"]
    lock = made.locks["cpu-other"]
    assert (lock.name, lock.file) == ("cpu-other", "2.0-cpu-other.txt")
    assert catalogue.pins(made, "cpu-other") == {"demo": "2.0", "helper": "1.3"}


def test_a_lock_that_the_track_has_no_packages_for_is_one_line(catalogue: Catalogue) -> None:
    with pytest.raises(LockError) as caught:
        locks.lock(catalogue, locked(catalogue, "1.1"), "cpu-other")
    assert str(caught.value) == (
        "demo-1.1: its track has no packages for the lock cpu-other; it has them for: cpu"
    )


def test_a_lock_for_the_gpu_brings_the_cuda_of_its_extra(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels"
    write_wheel(wheels, "demo_cuda_plugin", "1.0", "")
    of_extra = ['demo-cuda-plugin; extra == "cuda"']
    write_wheel(wheels, "demo", "2.0", "", requires=of_extra, extras=["cuda"])
    made = locks.lock(catalogue, locked(catalogue, "2.0"), "gpu")
    assert catalogue.pins(made, "gpu") == {
        "demo": "2.0",
        "demo-cuda-plugin": "1.0",
        "helper": "1.3",
    }


def test_a_lock_for_the_gpu_whose_extra_is_gone_is_not_made(catalogue: Catalogue) -> None:
    """uv would resolve it without the extra, as a lock for the CPU."""
    release = locked(catalogue, "2.0")
    with pytest.raises(LockError) as caught:
        locks.lock(Catalogue(catalogue.folder), release, "gpu")
    assert str(caught.value) == (
        "demo-2.0: the lock for gpu would bring no CUDA, as demo[cuda]==2.0 has no such extra; "
        "correct it in releases/demo/track.json"
    )
    assert not locks.path_of(catalogue, release, "gpu").exists()


def test_a_lock_for_the_gpu_without_an_extra_may_do_without_cuda(catalogue: Catalogue) -> None:
    """A wheel may hold CUDA itself, as PyTorch's did."""
    release = locked(catalogue, "2.0")
    requirements = {**TRACK["requirements"], "gpu": [[">=2", ["demo=={version}"]]]}
    content = json.dumps({**TRACK, "requirements": requirements})
    (catalogue.folder / "demo" / "track.json").write_text(content)
    made = locks.lock(Catalogue(catalogue.folder), release, "gpu")
    assert catalogue.pins(made, "gpu") == {"demo": "2.0"}


def test_a_build_of_ones_own_gets_companions_of_a_lock_for_any_device(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    after = locked(catalogue, "2.0")
    content = {**TRACK, "requirements": {"any": TRACK["requirements"]["cpu"]}}
    (catalogue.folder / "demo" / "track.json").write_text(json.dumps(content))
    wheel = write_wheel(tmp_path / "mine", "demo", "2.0+mine", "__version__ = '2.0+mine'\n")
    track = Catalogue(catalogue.folder).tracks["demo"]
    own = locks.own_release(track, "2.0+mine", wheel, after, device="cpu", python=None)
    made = locks.lock(Catalogue(catalogue.folder), own, "cpu")
    assert made.locks["cpu"].companions == {"helper": "2.0.4"}


def test_a_build_of_ones_own_is_proposed_names_that_are_versions(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    after = locked(catalogue, "2.0")
    wheel = write_wheel(tmp_path / "mine", "demo", "2.0+cpu", "")
    track = Catalogue(catalogue.folder).tracks["demo"]
    with pytest.raises(LockError, match=r"call the release 2\.0\+cpu or 2\.0\+something"):
        locks.own_release(track, "1.0+mine", wheel, after, device="cpu", python=None)


def test_a_build_of_ones_own_gets_the_companions_of_its_release(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    after = locked(catalogue, "2.0")
    wheel = write_wheel(tmp_path / "mine", "demo", "2.0+mine", "__version__ = '2.0+mine'\n")
    track = Catalogue(catalogue.folder).tracks["demo"]
    own = locks.own_release(track, "2.0+mine", wheel, after, device="cpu", python=None)
    made = locks.lock(Catalogue(catalogue.folder), own, "cpu")
    assert made.build == 1
    assert made.locks["cpu"].companions == {"helper": "2.0.4"}
    assert f"demo @ {wheel.as_uri()}" in text_of(catalogue, made)
