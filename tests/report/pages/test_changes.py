"""How locks differ from release to release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vggbench.releases.catalogue import Catalogue, Lock
from vggbench.report.pages import changes, data

from ... import two_locks
from .literal import CATALOGUE, checkout


def test_a_change_is_another_version_a_new_package_or_one_that_is_gone() -> None:
    found = changes.changes(
        "before", {"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}
    )
    assert dict(found.packages) == {"b": ("1", "2"), "c": ("1", None), "d": (None, "1")}


def test_each_device_is_held_against_the_release_before_that_has_a_lock_for_it(
    tmp_path: Path,
) -> None:
    catalogue = Catalogue(checkout(tmp_path / "checkout") / "releases")
    found = changes.of_track(catalogue, "tensorflow", lambda line: None)
    assert found["tensorflow-2.14.1"]["cpu"][1] is None
    pinned, difference = found["tensorflow-2.16.2"]["cpu"]
    assert pinned["tensorflow-cpu"] == "2.16.2"
    assert difference is not None
    assert difference.since == "tensorflow-2.15.1"
    assert difference.packages["tensorflow-cpu"] == ("2.15.1", "2.16.2")
    assert difference.packages["keras"] == ("2.15.0", "3.4.1")
    assert difference.packages["tensorflow-estimator"] == ("2.15.0", None)


def test_a_lock_of_a_backend_is_held_against_its_like(tmp_path: Path) -> None:
    found = changes.of_track(two_locks.make(tmp_path), "keras", lambda line: None)
    assert set(found["keras-2.1"]) == {"cpu", "cpu-theano"}
    difference = found["keras-2.1"]["cpu-theano"][1]
    assert difference is not None
    assert difference.since == "keras-2.0"
    assert dict(difference.packages) == {"keras": ("2.0", "2.1"), "theano": ("0.9", "1.0")}


def test_a_build_of_ones_own_has_its_package_from_a_wheel(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout") / "releases"
    before = Catalogue(folder)
    newest = before.tracks["tensorflow"].releases[-1]
    helper = "numpy==1.26.4 --hash=sha256:00\n"
    for version, after in (("2.16.2+slow", "2.16.2"), ("2.16.2+slower", "2.16.2+slow")):
        file = folder / "tensorflow" / f"{version}-cpu.txt"
        file.write_text(helper)
        wheel = f"/built/{version}/tensorflow_cpu-2.16.2-cp312-cp312-linux_x86_64.whl"
        requirement = f"tensorflow-cpu @ file://{wheel}"
        digest = before.digest_of(newest, file)
        lock = Lock("cpu", file.name, requirement, "2026-01-01", digest, wheel=wheel)
        build = replace(newest, version=version, date="2026-01-01", after=after)
        before.write(replace(build, locks={"cpu": lock}))
    found = changes.of_track(Catalogue(folder), "tensorflow", print)
    pinned, difference = found["tensorflow-2.16.2+slow"]["cpu"]
    assert pinned == {"numpy": "1.26.4", "tensorflow-cpu": "2.16.2+slow from a wheel"}
    assert difference is not None
    assert difference.packages["tensorflow-cpu"] == ("2.16.2", "2.16.2+slow from a wheel")
    # Wheels of two builds may have the same version, and are not the same.
    _, difference = found["tensorflow-2.16.2+slower"]["cpu"]
    assert difference is not None
    assert dict(difference.packages) == {
        "tensorflow-cpu": ("2.16.2+slow from a wheel", "2.16.2+slower from a wheel")
    }


def test_a_wheel_that_is_not_called_as_wheels_are_is_told_in_a_line(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout") / "releases"
    before = Catalogue(folder)
    newest = before.tracks["tensorflow"].releases[-1]
    lock = replace(newest.locks["cpu"], wheel="/built/no-wheel.zip")
    before.write(replace(newest, locks={**newest.locks, "cpu": lock}))
    complaints: list[str] = []
    found = changes.of_track(Catalogue(folder), "tensorflow", complaints.append)
    assert "cpu" not in found[newest.name]
    (line,) = complaints
    assert newest.name in line
    assert "no-wheel.zip" in line


def test_a_lock_that_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout") / "releases"
    (folder / "tensorflow" / "2.15.1-cpu.txt").unlink()
    complaints: list[str] = []
    found = changes.of_track(Catalogue(folder), "tensorflow", complaints.append)
    assert "cpu" not in found["tensorflow-2.15.1"]
    difference = found["tensorflow-2.16.2"]["cpu"][1]
    assert difference is not None
    assert difference.since == "tensorflow-2.14.1"
    (line,) = complaints
    assert "tensorflow-2.15.1" in line
    assert "2.15.1-cpu.txt" in line


@pytest.mark.parametrize(
    ("track", "named"), [("theano", {"cpu": "cpu"}), ("torch", {"cpu": "any", "gpu": "any"})]
)
def test_a_page_names_the_lock_of_each_device(track: str, named: dict[str, str]) -> None:
    locks = changes.of_track(CATALOGUE, track, print)
    told = data.of_releases(CATALOGUE, track, locks, {})["releases"]
    assert told
    assert all(release["lock_of"] == named for release in told.values())
