"""The folder ``releases/``: what is read from it, and the line that each corrupt file gets."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from vggbench.releases import catalogue
from vggbench.releases.catalogue import Catalogue, CatalogueError, Later, Lock, Release, pins

TRACK = {
    "track": "demo",
    "framework": "Demo",
    "module": "demo",
    "requirements": {"cpu": [["<2", "demo=={version}"], [">=2", "demo-cpu=={version}"]]},
}

LOCK_TEXT = b"demo==1.0 --hash=sha256:00\n"


def release_text(version, date, python="3.11", **more):
    locks = {
        "cpu": {
            "file": f"{version}-cpu.txt",
            "requirement": f"demo=={version}",
            "as_of": "2020-01-15",
            "digest": hashlib.sha256(LOCK_TEXT).hexdigest(),
        }
    }
    content = {"track": "demo", "version": version, "date": date, "python": python, "build": 1}
    return json.dumps({**content, "locks": locks, **more})


@pytest.fixture
def folder(tmp_path):
    track = tmp_path / "demo"
    track.mkdir()
    (track / "track.json").write_text(json.dumps(TRACK))
    for version, date in [
        ("1.0", "2020-01-01"),
        ("1.2", "2020-06-01"),
        ("1.10", "2020-09-01"),
        ("2.0", "2021-01-01"),
        ("1.10.1", "2021-05-01"),
    ]:
        (track / f"{version}.json").write_text(release_text(version, date))
        (track / f"{version}-cpu.txt").write_bytes(LOCK_TEXT)
    return tmp_path


def versions(folder):
    return [release.version for release in Catalogue(folder)]


def test_a_track_is_ordered_by_version_and_not_by_date(folder):
    assert versions(folder) == ["1.0", "1.2", "1.10", "1.10.1", "2.0"]


def test_a_release_is_read_with_its_lock(folder):
    assert Catalogue(folder).by_name["demo-1.2"] == Release(
        track="demo",
        version="1.2",
        date="2020-06-01",
        python="3.11",
        build=1,
        locks={
            "cpu": Lock(
                name="cpu",
                file="1.2-cpu.txt",
                requirement="demo==1.2",
                as_of="2020-01-15",
                digest=hashlib.sha256(LOCK_TEXT).hexdigest(),
            )
        },
    )


def test_a_track_has_its_frameworks_name_and_one_of_nightlies_says_so(folder):
    nightly = folder / "demo-nightly"
    nightly.mkdir()
    content = {**TRACK, "track": "demo-nightly", "nightly_of": "demo"}
    (nightly / "track.json").write_text(json.dumps(content))
    tracks = Catalogue(folder).tracks
    assert (tracks["demo"].title, tracks["demo-nightly"].title) == ("Demo", "Demo nightly")


def test_what_is_written_is_read_again(folder):
    before = Catalogue(folder)
    release = before.by_name["demo-1.2"]
    companions, index = {"helper": "2.2", "base": "1.0"}, "https://example.org/simple"
    lock = replace(release.locks["cpu"], companions=companions, index=index)
    release = replace(release, version="1.3", note="why", after="1.2", locks={"cpu": lock})
    path = before.write(release)
    assert path == folder / "demo" / "1.3.json"
    assert Catalogue(folder).by_name["demo-1.3"] == release
    assert not list(folder.glob("**/*.new"))


def locked(*names):
    locks = {name: Lock(name, f"1.0-{name}.txt", "demo==1.0", "2020-01-15", "00") for name in names}
    return Release("demo", "1.0", "2020-01-01", "3.11", locks=locks)


@pytest.mark.parametrize(
    ("names", "device", "backend", "name"),
    [
        (["cpu"], "cpu", None, "cpu"),
        (["cpu"], "gpu", None, None),
        (["cpu"], "cpu", "jax", "cpu"),
        (["cpu", "cpu-jax"], "cpu", "jax", "cpu-jax"),
        (["cpu", "cpu-jax"], "cpu", "torch", "cpu"),
        (["cpu", "cpu-jax"], "cpu", None, "cpu"),
        (["cpu", "cpu-jax"], "gpu", "jax", None),
        (["cpu", "any-jax"], "cpu", "jax", "any-jax"),
        (["cpu", "any-jax", "cpu-jax"], "cpu", "jax", "cpu-jax"),
        (["cpu", "any"], "cpu", None, "cpu"),
        (["cpu", "any"], "gpu", None, "any"),
        (["cpu", "any"], "gpu", "jax", "any"),
        (["cpu-jax"], "cpu", None, None),
        (["cpu-jax"], "cpu", "jax", "cpu-jax"),
    ],
)
def test_a_lock_of_its_own_comes_before_one_for_all(names, device, backend, name):
    release = locked(*names)
    found = release.lock_for(device, backend)
    assert found == (None if name is None else release.locks[name])


@pytest.mark.parametrize(
    ("names", "devices", "for_cpu"),
    [
        (["gpu", "cpu"], ["cpu", "gpu"], ["cpu"]),
        (["any"], ["cpu", "gpu"], ["any"]),
        (["cpu", "gpu", "gpu-jax"], ["cpu", "gpu"], ["cpu"]),
        (["cpu", "cpu-torch", "cpu-jax"], ["cpu"], ["cpu", "cpu-jax", "cpu-torch"]),
        (["cpu", "cpu-jax", "any-jax", "any-torch"], ["cpu"], ["cpu", "cpu-jax", "any-torch"]),
        (["cpu-jax"], [], ["cpu-jax"]),
    ],
)
def test_a_release_is_for_the_devices_that_a_lock_without_a_backend_serves(names, devices, for_cpu):
    release = locked(*names)
    assert release.devices == devices
    assert [lock.name for lock in release.locks_for("cpu")] == for_cpu


def test_locks_of_backends_are_written_and_read_again(folder):
    release = replace(locked("any", "cpu-jax"), version="1.3")
    Catalogue(folder).write(release)
    found = Catalogue(folder).by_name["demo-1.3"]
    assert found == release
    assert [lock.backend for lock in found.locks.values()] == [None, "jax"]


def test_an_id_depends_on_track_version_and_build_alone():
    release = Release("tensorflow", "2.16.2", "2024-06-28", "3.12")
    assert release.commit == hashlib.sha1(b"tensorflow 2.16.2 1").hexdigest()
    lock = Lock("gpu", "2.16.2-gpu.txt", "tensorflow[and-cuda]==2.16.2", "2024-07-12", "00")
    for same in (
        replace(release, locks={"gpu": lock}),
        replace(release, date="2030-01-01"),
        replace(release, python="3.11"),
        replace(release, after="2.15.1", note="other"),
    ):
        assert same.commit == release.commit
    for other in (
        replace(release, track="keras"),
        replace(release, version="2.16.1"),
        replace(release, build=2),
    ):
        assert other.commit != release.commit


def test_a_newer_release_moves_no_other_id(folder):
    before = {r.name: r.commit for r in Catalogue(folder)}
    (folder / "demo" / "3.0.json").write_text(release_text("3.0", "2023-01-01"))
    after = {r.name: r.commit for r in Catalogue(folder)}
    assert {**after, **before} == after


def test_the_date_is_midnight_utc_in_milliseconds():
    assert Release("tensorflow", "1.0", "1970-01-02", "3.6").timestamp_ms == 86_400_000


def test_a_build_of_ones_own_stands_right_after_the_release_it_names(folder):
    text = release_text("1.2+fast", "2026-01-01", after="1.2")
    (folder / "demo" / "1.2+fast.json").write_text(text)
    text = release_text("0.1", "2026-01-01", after="1.2+fast")
    (folder / "demo" / "0.1.json").write_text(text)
    assert versions(folder) == ["1.0", "1.2", "1.2+fast", "0.1", "1.10", "1.10.1", "2.0"]


def test_two_builds_after_one_release_stand_by_version(folder):
    for version in ("9.1", "9.2"):
        text = release_text(version, "2026-01-01", after="1.0")
        (folder / "demo" / f"{version}.json").write_text(text)
    assert versions(folder)[:4] == ["1.0", "9.1", "9.2", "1.2"]


@pytest.mark.parametrize("after", ["7.7", "1.2+a"])
def test_after_a_release_that_is_not_there_is_one_line(folder, after):
    (folder / "demo" / "1.2+a.json").write_text(release_text("1.2+a", "2026-01-01", after=after))
    with pytest.raises(CatalogueError) as caught:
        Catalogue(folder)
    assert str(caught.value) == (
        f"demo-1.2+a stands after demo-{after}, which is not on the track; "
        f"correct 'after' in its release file"
    )


CORRUPT = [
    ("", "Expecting value"),
    (release_text("1.2", "2020-06-01")[:100], "line 1 column"),
    ("[]", "not a JSON object"),
    ("7", "not a JSON object"),
    ("{}", "'track' is missing"),
    (release_text("1.3", "2020-06-01"), "it holds demo-1.3"),
    (release_text("1.2", "2020-06-01", track="other"), "it holds other-1.2"),
    (release_text("1.2", "2020-06-01", track=["demo"]), "it holds"),
    (release_text("1.2", "June 2020"), "June 2020"),
    (release_text("1.2", 20200601), ""),
    (release_text("1.2", "2020-06-01", gone="soon"), "soon"),
    (release_text("1.2", "2020-06-01", python="three"), "its Python 'three' is none such as 3.12"),
    (release_text("1.2", "2020-06-01", python="3"), "its Python '3' is none such as 3.12"),
    (release_text("1.2", "2020-06-01", python="3.6.15"), "its Python '3.6.15' is none such as"),
    (release_text("1.2", "2020-06-01", python=3.11), "its Python 3.11 is none such as 3.12"),
    (release_text("1.2", "2020-06-01", build="1"), "its build number is not a whole number"),
    (release_text("1.2", "2020-06-01", build=True), "its build number is not a whole number"),
    (release_text("1.2", "2020-06-01", locks=[]), ""),
    (release_text("1.2", "2020-06-01", locks={"tpu": {}}), "unknown lock 'tpu'"),
    (release_text("1.2", "2020-06-01", locks={"cpu-": {}}), "unknown lock 'cpu-'"),
    (release_text("1.2", "2020-06-01", locks={"cpu-JAX": {}}), "unknown lock 'cpu-JAX'"),
    (release_text("1.2", "2020-06-01", locks={"cpu/../gpu": {}}), "unknown lock 'cpu/../gpu'"),
    (release_text("1.2", "2020-06-01", locks={"cpu": {}}), "'file' is missing"),
    (release_text("1.2", "2020-06-01", locks={"cpu": "1.2-cpu.txt"}), ""),
    (
        release_text("1.2", "2020-06-01").replace('"as_of"', '"companions": ["six"], "as_of"'),
        "its companions",
    ),
    (
        release_text("1.2", "2020-06-01").replace('"as_of"', '"index": "here", "as_of"'),
        "its index 'here' is no address such as https://... or file:///...",
    ),
    (release_text("1.2", "2020-06-01", after=1.0), "its 'after' is no version"),
    ("[" * 100_000, "recursion"),
]


@pytest.mark.parametrize(("text", "why"), CORRUPT, ids=range(len(CORRUPT)))
def test_a_corrupt_release_file_is_one_line_that_names_it(folder, text, why):
    path = folder / "demo" / "1.2.json"
    path.write_text(text)
    with pytest.raises(CatalogueError) as caught:
        Catalogue(folder)
    line = str(caught.value)
    assert line.startswith(f"{path}: cannot be read: ")
    assert line.endswith(f"; restore it (git checkout -- {path}) or remove it")
    assert why in line
    assert "\n" not in line


def test_a_release_file_that_is_no_text_is_one_line(folder):
    path = folder / "demo" / "1.2.json"
    path.write_bytes(b"\xff\x00\xfe")
    with pytest.raises(CatalogueError, match=r"cannot be read: .*decode"):
        Catalogue(folder)


def test_a_lock_elsewhere_than_beside_its_release_is_refused(folder):
    path = folder / "demo" / "1.2.json"
    path.write_text(path.read_text().replace("1.2-cpu.txt", "../../etc/1.2-cpu.txt"))
    with pytest.raises(CatalogueError, match="is not beside it"):
        Catalogue(folder)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {**TRACK, "track": "other"},
        {**TRACK, "requirements": []},
        {**TRACK, "requirements": {"tpu": [["<2", "demo"]]}},
        {**TRACK, "requirements": {"cpu": [["=>2", "demo"]]}},
        {**TRACK, "requirements": {"cpu": ["demo"]}},
        {**TRACK, "requirements": {"cpu": [["<2", []]]}},
        {**TRACK, "requirements": {"cpu": [["<2", ["demo=={version}", "no requirement"]]]}},
        {**TRACK, "requirements": {"cpu": [["<2", "demo=={release}"]]}},
        {**TRACK, "requirements": {"cpu": [["<2", "demo=={}"]]}},
        {**TRACK, "requirements": {"cpu": [["<2", {"demo": "{version}"}]]}},
        {**TRACK, "requirements": {"cpu": [["<2", 7]]}},
        {**TRACK, "later": [["=>2", {}, "why"]]},
        {**TRACK, "later": [["<2", {"demo": "soon"}, "why"]]},
        {**TRACK, "later": [["<2", {"demo": "2020-01-01"}]]},
        {**TRACK, "later": [["<2", {"demo": "2020-01-01"}, ""]]},
        {**TRACK, "later": {"demo": "2020-01-01"}},
        {**TRACK, "index": 7},
        {**TRACK, "nightly_of": 7},
        {**TRACK, "nightly_of": "Demo 2"},
        {**TRACK, "without": []},
        {**TRACK, "python": [[">=1", "3"]]},
        {**TRACK, "python": [["one", "3.12"]]},
        {**TRACK, "track": "demo-"},
        {**TRACK, "index": ""},
        {**TRACK, "index": "https://"},
        {**TRACK, "index": "ftp://example.org/simple"},
        {**TRACK, "index": "https://example.org/a https://example.org/b"},
    ],
    ids=repr,
)
def test_a_corrupt_track_file_is_one_line_that_names_it(folder, content):
    path = folder / "demo" / "track.json"
    path.write_text(json.dumps(content))
    with pytest.raises(CatalogueError) as caught:
        Catalogue(folder)
    assert str(caught.value).startswith(f"{path}: cannot be read: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", [None, "https://example.org/whl/cpu", "file:///mine/simple"])
def test_a_track_can_name_an_index(folder, index):
    content = TRACK if index is None else {**TRACK, "index": index}
    (folder / "demo" / "track.json").write_text(json.dumps(content))
    assert Catalogue(folder).tracks["demo"].index == index


def test_a_track_can_have_the_nightlies_of_another_whose_whole_version_counts(folder):
    content = {
        **TRACK,
        "requirements": {
            "cpu": [
                ["<=2.1.dev20260905", ["demo-cpu=={version}", "helper"]],
                [">2.1.dev20260905", ["demo=={version}", "helper"]],
            ]
        },
        "python": [["<2.1.dev20260101", "3.12"]],
        "nightly_of": "other",
        "without": ["helper-nightly"],
    }
    (folder / "demo" / "track.json").write_text(json.dumps(content))
    track = Catalogue(folder).tracks["demo"]
    assert (track.nightly_of, track.without) == ("other", ("helper-nightly",))
    assert track.packages("2.1.dev20260905", "cpu")[0] == "demo-cpu==2.1.dev20260905"
    assert track.packages("2.1.dev20260906", "cpu")[0] == "demo==2.1.dev20260906"
    assert track.newest_python("2.0.dev20250101") == "3.12"
    assert track.newest_python("2.1.dev20260905") is None


def test_the_name_of_a_track_can_have_hyphens(folder):
    (folder / "demo").rename(folder / "demo-nightly")
    for path in (folder / "demo-nightly").glob("*.json"):
        path.write_text(path.read_text().replace('"demo"', '"demo-nightly"', 1))
    found = Catalogue(folder)
    assert found.by_name["demo-nightly-1.2"].track == "demo-nightly"
    assert found.split("demo-nightly-1.2") == ("demo-nightly", "1.2")
    assert found.split("demo-1.2") is None


def test_a_release_that_is_gone_says_since_when_under_the_same_id_and_digest(folder):
    before = Catalogue(folder)
    release = before.by_name["demo-1.2"]
    before.write(replace(release, gone="2026-10-01"))
    after = Catalogue(folder).by_name["demo-1.2"]
    assert after == replace(release, gone="2026-10-01")
    assert (after.commit, after.locks) == (release.commit, release.locks)


def test_an_index_with_credentials_is_refused_without_showing_them(folder):
    content = {**TRACK, "index": "https://me:secret@example.org/simple"}
    (folder / "demo" / "track.json").write_text(json.dumps(content))
    with pytest.raises(CatalogueError, match=r"credentials in it; .* ~/\.netrc") as caught:
        Catalogue(folder)
    assert "secret" not in str(caught.value)


def test_no_folder_and_no_track_are_one_line_each(tmp_path):
    with pytest.raises(CatalogueError, match="no such folder of releases; run this in a checkout"):
        Catalogue(tmp_path / "nowhere")
    with pytest.raises(CatalogueError, match="holds no track"):
        Catalogue(tmp_path)


def test_ids_that_asv_would_mix_are_refused(folder, monkeypatch):
    """asv names result files by the first characters of the id: here by none at all."""
    monkeypatch.setattr(catalogue, "ASV_PREFIX", 0)
    with pytest.raises(CatalogueError, match=r"demo-1\.2 and demo-1\.0 share the id"):
        Catalogue(folder)


def test_the_requirement_of_a_version_is_the_first_that_matches(folder):
    track = Catalogue(folder).tracks["demo"]
    assert track.packages("1.10.1", "cpu") == ("demo==1.10.1",)
    assert track.packages("2.0", "cpu") == ("demo-cpu==2.0",)
    assert track.packages("2.0rc1", "cpu") == ("demo-cpu==2.0rc1",)
    assert track.packages("2.0", "gpu") == ()


def test_a_version_can_need_companions_and_some_of_a_later_day(folder):
    content = {
        **TRACK,
        "requirements": {"cpu": [["<2", ["demo=={version}", "base=={minor}.*", "helper[x]"]]]},
        "later": [["<1.2", {"helper": "2020-03-01"}, "why"], ["<1.10.1", {}, "why not"]],
    }
    (folder / "demo" / "track.json").write_text(json.dumps(content))
    track = Catalogue(folder).tracks["demo"]
    assert track.packages("1.10.1", "cpu") == ("demo==1.10.1", "base==1.10.*", "helper[x]")
    assert track.later_than_its_date("1.0") == Later({"helper": "2020-03-01"}, "why")
    assert track.later_than_its_date("1.10") == Later({}, "why not")
    assert track.later_than_its_date("2.0") == Later({}, None)


def test_the_pins_of_a_lock_are_its_packages_alone():
    text = (
        "# demo-1.0 for cpu: demo==1.0 resolved as of 2020-01-15\n"
        "demo[extra-one]==1.0 \\\n"
        "    --hash=sha256:00\n"
        "    # via other==2.0\n"
        "six==1.16.0 ; python_version < '3.8' \\\n"
        "    --hash=sha256:01\n"
        "typing-extensions==4.0.post1 --hash=sha256:02\n"
    )
    assert pins(text) == {"demo": "1.0", "six": "1.16.0", "typing-extensions": "4.0.post1"}


def test_a_digest_covers_the_lock_and_what_its_sdists_are_built_with(folder):
    releases = Catalogue(folder)
    old = replace(releases.by_name["demo-1.2"], python="3.8")
    new = replace(releases.by_name["demo-1.2"], python="3.12")
    plain = hashlib.sha256(LOCK_TEXT).hexdigest()
    assert releases.digest(old, "cpu") == releases.digest(new, "cpu") == plain
    (folder / "build-constraints.txt").write_bytes(b"setuptools<60\n")
    both = hashlib.sha256(LOCK_TEXT + b"setuptools<60\n").hexdigest()
    assert releases.digest(old, "cpu") == both
    assert releases.digest(new, "cpu") == plain


def test_a_lock_that_is_gone_is_one_line(folder):
    (folder / "demo" / "1.2-cpu.txt").unlink()
    releases = Catalogue(folder)
    with pytest.raises(CatalogueError, match=r"^demo-1\.2: its lock .* lock demo-1\.2$"):
        releases.digest(releases.by_name["demo-1.2"], "cpu")


def test_a_file_that_cannot_be_written_leaves_nothing_beside_it(tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        catalogue.replace_text(tmp_path / "1.0.json", "{}")
    assert list(tmp_path.iterdir()) == []
