"""The releases that this repository ships: none incomplete, changed silently or mixed up."""

import re
from pathlib import Path

import pytest
from packaging.version import Version

from vggbench.releases.catalogue import Catalogue

ROOT = Path(__file__).absolute().parent.parent.parent
CATALOGUE = Catalogue(ROOT / "releases")
TENSORFLOW = CATALOGUE.tracks["tensorflow"].releases
LOCKS = [(release, device) for release in CATALOGUE for device in release.locks]

#: The last patch release of every minor version from 1.0 to 2.21, and 1.0.0, oldest first.
VERSIONS = [
    "1.0.0", "1.0.1", "1.1.0", "1.2.1", "1.3.0", "1.4.1", "1.5.1", "1.6.0", "1.7.1", "1.8.0",
    "1.9.0", "1.10.1", "1.11.0", "1.12.3", "1.13.2", "1.14.0", "1.15.5", "2.0.4", "2.1.4",
    "2.2.3", "2.3.4", "2.4.4", "2.5.3", "2.6.5", "2.7.4", "2.8.4", "2.9.3", "2.10.1", "2.11.1",
    "2.12.1", "2.13.1", "2.14.1", "2.15.1", "2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0",
    "2.21.0",
]  # fmt: skip

#: The first release that brings its own CUDA as wheels.
FIRST_WITH_GPU = Version("2.14")

every_lock = pytest.mark.parametrize(
    ("release", "device"), LOCKS, ids=[f"{r.name}-{d}" for r, d in LOCKS]
)


def text_of(release, device):
    return CATALOGUE.lock_path(release, device).read_text(encoding="utf-8")


def test_the_track_has_the_last_patch_of_every_minor_version():
    assert len(VERSIONS) == 39
    assert [release.version for release in TENSORFLOW] == VERSIONS


@pytest.mark.parametrize("release", TENSORFLOW, ids=lambda release: release.name)
def test_a_release_has_a_cpu_lock_and_from_2_14_on_a_gpu_lock(release):
    has_gpu = Version(release.version) >= FIRST_WITH_GPU
    assert set(release.locks) == ({"cpu", "gpu"} if has_gpu else {"cpu"})


@every_lock
def test_a_lock_that_changed_raises_the_build_number(release, device):
    """Results that were measured under another lock must not be taken for results of this one."""
    assert CATALOGUE.digest(release, device) == release.locks[device].digest, (
        f"the {device} lock of {release.name} changed: raise the build number in "
        f"{CATALOGUE.file_of(release)} and write the new digest there "
        f"(vggbench releases lock {release.name} does both)"
    )


@every_lock
def test_every_requirement_is_pinned_and_has_a_hash(release, device):
    joined = text_of(release, device).replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        name = re.match(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==[0-9][^ ]*", line)
        assert name, line
        assert re.search(r" --hash=sha256:[0-9a-f]{64}( |$)", line), line


@every_lock
def test_a_lock_pins_its_own_release(release, device):
    name, _, version = release.locks[device].requirement.partition("==")
    assert version == release.version
    pin = re.escape(re.sub(r"\[.*", "", name)) + r"(\[[a-z0-9,-]+\])?==" + re.escape(version)
    assert re.search(rf"^{pin} ", text_of(release, device), re.MULTILINE)


@every_lock
def test_a_lock_names_no_index_and_no_host(release, device):
    """What it installs follows from names and hashes, whichever index serves them."""
    text = text_of(release, device)
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index|--extra-index|--find-links|--trusted)", text, re.M)
    assert not re.search(r"\b[a-z0-9-]+\.(org|com|net|io|internal)\b", text)


def test_every_lock_on_the_disk_belongs_to_a_release():
    used = {CATALOGUE.lock_path(release, device) for release, device in LOCKS}
    assert set(CATALOGUE.folder.glob("*/*.txt")) == used


def test_ids_differ_in_the_characters_that_asv_names_files_by():
    assert len({release.commit[:8] for release in CATALOGUE}) == len(list(CATALOGUE))


def test_names_and_ids_of_the_first_releases_never_move():
    """An id that moves takes all results of its release off the line."""
    ids = {name: CATALOGUE.by_name[f"tensorflow-{name}"].commit for name in ("1.0.0", "2.16.2")}
    assert ids == {
        "1.0.0": "07aa6f9cf2b2d31a2faa77b106b17c5466b5b5fc",
        "2.16.2": "21987644d91e67528831a698bba3ffc94162aee6",
    }


def test_releases_name_days_in_the_order_of_their_minor_versions():
    dates = {release.version: release.date for release in TENSORFLOW}
    assert dates["1.0.0"] == "2017-02-15"
    assert all(re.fullmatch(r"20[12]\d-[01]\d-[0-3]\d", date) for date in dates.values())
