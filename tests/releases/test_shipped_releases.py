"""The releases that this repository ships: none incomplete, changed silently or mixed up."""

import re
from pathlib import Path

import asv.util
import pytest
from packaging.version import Version

from vggbench.releases.catalogue import Catalogue

ROOT = Path(__file__).absolute().parent.parent.parent
CATALOGUE = Catalogue(ROOT / "releases")
RELEASES = list(CATALOGUE)
KERAS = CATALOGUE.tracks["keras"].releases
LOCKS = [(release, device) for release in RELEASES for device in release.locks]

#: Oldest first. TensorFlow: the last patch release of every minor version from 1.0 to 2.21, and
#: 1.0.0. Keras: of every minor version that has a final release (2.5 has none). Theano: every final
#: release from 0.8.2 on.
VERSIONS = {}
VERSIONS["tensorflow"] = [
    "1.0.0", "1.0.1", "1.1.0", "1.2.1", "1.3.0", "1.4.1", "1.5.1", "1.6.0", "1.7.1", "1.8.0",
    "1.9.0", "1.10.1", "1.11.0", "1.12.3", "1.13.2", "1.14.0", "1.15.5", "2.0.4", "2.1.4",
    "2.2.3", "2.3.4", "2.4.4", "2.5.3", "2.6.5", "2.7.4", "2.8.4", "2.9.3", "2.10.1", "2.11.1",
    "2.12.1", "2.13.1", "2.14.1", "2.15.1", "2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0",
    "2.21.0",
]  # fmt: skip
VERSIONS["keras"] = [
    "1.0.8", "1.1.2", "1.2.2", "2.0.9", "2.1.6", "2.2.5", "2.3.1", "2.4.3", "2.6.0", "2.7.0",
    "2.8.0", "2.9.0", "2.10.0", "2.11.0", "2.12.0", "2.13.1", "2.14.0", "2.15.0", "3.0.5", "3.1.1",
    "3.2.1", "3.3.3", "3.4.1", "3.5.0", "3.6.0", "3.7.0", "3.8.0", "3.9.2", "3.10.0", "3.11.3",
    "3.12.4", "3.13.2", "3.14.1", "3.15.1",
]  # fmt: skip
VERSIONS["theano"] = ["0.8.2", "0.9.0", "1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"]

#: JAX: those of 0.4 that the index still has, and the last patch release of every minor version
#: from 0.5 on. PyTorch: the last patch release of every minor version.
VERSIONS["jax"] = [
    "0.4.13", "0.4.18", "0.4.22", "0.4.26", "0.4.30", "0.4.34", "0.4.38", "0.5.3", "0.6.2",
    "0.7.2", "0.8.3", "0.9.2", "0.10.2", "0.11.2", "0.12.0.1",
]  # fmt: skip
VERSIONS["torch"] = [
    "1.0.1", "1.1.0", "1.2.0", "1.3.1", "1.4.0", "1.5.1", "1.6.0", "1.7.1", "1.8.1", "1.9.1",
    "1.10.2", "1.11.0", "1.12.1", "1.13.1", "2.0.1", "2.1.2", "2.2.2", "2.3.1", "2.4.1", "2.5.1",
    "2.6.0", "2.7.1", "2.8.0", "2.9.1", "2.10.0", "2.11.0", "2.12.1", "2.13.0", "2.14.1",
    "2.15.0",
]  # fmt: skip

#: The first release of each track that has CUDA as wheels, and of Keras that of such a TensorFlow.
FIRST_WITH_GPU = {
    "tensorflow": Version("2.14"),
    "keras": Version("2.14"),
    "jax": Version("0.4.30"),
}

#: The first Keras that computes with JAX and PyTorch, each in an environment of its own.
FIRST_WITH_OTHERS = Version("3.0")

#: The last Keras with a backend on Theano, and the first that has TensorFlow of its date.
LAST_WITH_THEANO, FIRST_WITH_TENSORFLOW = Version("2.3.1"), Version("1.2.2")

every_lock = pytest.mark.parametrize(
    ("release", "device"), LOCKS, ids=[f"{r.name}-{d}" for r, d in LOCKS]
)


def text_of(release, device):
    return CATALOGUE.lock_path(release, device).read_text(encoding="utf-8")


#: The tracks of finals. Nightlies come by the day, and none is promised.
OF_FINALS = [track.name for track in CATALOGUE.tracks.values() if track.nightly_of is None]


@pytest.mark.parametrize("track", OF_FINALS)
def test_a_track_has_the_releases_that_it_promises(track):
    assert [release.version for release in CATALOGUE.tracks[track].releases] == VERSIONS[track]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_release_has_a_lock_for_the_cpu_and_for_the_gpu_where_it_brings_cuda(release):
    first = FIRST_WITH_GPU.get(release.track)
    version = Version(release.version)
    devices = {"cpu", "gpu"} if first is not None and version >= first else {"cpu"}
    if release.track == "torch":
        assert set(release.locks) == {"any"}, "its wheels serve both"
    elif release.track == "keras" and version >= FIRST_WITH_OTHERS:
        backends = ("", "-jax", "-torch")
        assert set(release.locks) == {d + backend for d in devices for backend in backends}
    else:
        assert set(release.locks) == devices


@pytest.mark.parametrize("release", KERAS, ids=lambda release: release.name)
def test_a_keras_brings_the_backends_of_its_date(release):
    version = Version(release.version)
    known = {"tensorflow", "theano", "jax", "torch"}
    for name, lock in release.locks.items():
        brought = {package.partition("-")[0] for package in lock.companions} & known
        if lock.backend is not None:
            assert brought == {lock.backend}, name
            continue
        expected = {"tensorflow"} if version >= FIRST_WITH_TENSORFLOW else set()
        assert brought == expected | ({"theano"} if version <= LAST_WITH_THEANO else set()), name


@every_lock
def test_a_release_file_tells_the_companions_that_its_lock_pins(release, device):
    asked = CATALOGUE.tracks[release.track].packages(release.version, device)[1:]
    lock = release.locks[device]
    assert list(lock.companions) == [re.split(r"[\[=<]", requirement)[0] for requirement in asked]
    assert lock.companions.items() <= CATALOGUE.pins(release, device).items()


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_package_of_a_later_day_has_its_reason_in_the_release_file(release):
    reason = CATALOGUE.tracks[release.track].later_than_its_date(release.version).reason
    assert reason is None or release.note == reason


def test_nightlies_are_installed_from_the_package_that_the_index_has_of_their_day():
    nightly = CATALOGUE.tracks["tensorflow-nightly"]
    for version, package in {
        "2.21.0.dev20250818": "tf-nightly-cpu",
        "2.22.0.dev20260905": "tf-nightly-cpu",
        "2.22.0.dev20260906": "tf-nightly",
        "2.23.0.dev20261026": "tf-nightly",
    }.items():
        assert nightly.packages(version, "cpu") == (f"{package}=={version}", "keras")
    finals = CATALOGUE.tracks[nightly.nightly_of]
    assert finals.framework == nightly.framework
    assert "keras" in CATALOGUE.pins(finals.releases[-1], "cpu"), "its Keras is that of the final"


@pytest.mark.parametrize("release", CATALOGUE.tracks["torch"].releases, ids=lambda each: each.name)
def test_a_torch_is_locked_for_no_cpython_that_its_track_does_not_allow(release):
    newest = CATALOGUE.tracks["torch"].newest_python(release.version)
    assert newest in (None, release.python)


def test_asv_lists_every_track_as_a_branch():
    """Results of a track that is not listed would land on every graph."""
    branches = asv.util.load_json(str(ROOT / "asv.conf.json"), js_comments=True)["branches"]
    assert sorted(branches) == sorted(CATALOGUE.tracks)


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
    assert len({release.commit[:8] for release in RELEASES}) == len(RELEASES)


def test_names_and_ids_of_the_first_releases_never_move():
    """An id that moves takes all results of its release off the line."""
    ids = {name: CATALOGUE.by_name[f"tensorflow-{name}"].commit for name in ("1.0.0", "2.16.2")}
    assert ids == {
        "1.0.0": "07aa6f9cf2b2d31a2faa77b106b17c5466b5b5fc",
        "2.16.2": "21987644d91e67528831a698bba3ffc94162aee6",
    }


def test_releases_name_the_days_on_which_they_appeared():
    dates = {release.name: release.date for release in RELEASES}
    assert dates["tensorflow-1.0.0"] == "2017-02-15"
    assert dates["keras-2.3.1"] == "2019-10-07"
    assert dates["theano-0.8.2"] == "2016-04-21"
    assert all(re.fullmatch(r"20[12]\d-[01]\d-[0-3]\d", date) for date in dates.values())
