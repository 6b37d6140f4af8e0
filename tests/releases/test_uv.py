"""What the real uv is told and says, with an index on this machine: locks must not depend on what
the user has set, and uv's words make the right kind of error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vggbench.releases import locks, uv_settings
from vggbench.releases import uv as uv_module
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import Environments, EnvironmentUnusable
from vggbench.releases.locks import LockError
from vggbench.releases.uv import Absent, Hindered, NoneFits, NotCached, Unfit, UvError, uv
from vggbench.releases.uv_settings import SettingsError

from ..index import OUT_OF_ORDER, serving, write_index
from ..tiny import pythons, write_wheel

OLDEST = pythons()[0]

TRACK = {
    "track": "demo",
    "framework": "Demo",
    "module": "demo",
    "requirements": {"cpu": [[">=0", ["demo=={version}", "helper"]]]},
}
#: demo-1.0 is for the oldest CPython here alone; helper-9.0 came after it was resolved.
DAYS = {
    "demo-1.0": "2020-03-01",
    "helper-1.0": "2019-01-01",
    "helper-2.0": "2020-03-05",
    "helper-9.0": "2022-01-01",
}


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    plain = "cp" + OLDEST.replace(".", "")
    abi = plain + ("m" if OLDEST in ("3.6", "3.7") else "")
    write_wheel(folder, "demo", "1.0", "", tag=f"{plain}-{abi}-manylinux2014_x86_64")
    for version in ("1.0", "2.0", "9.0"):
        write_wheel(folder, "helper", version, "")
    return folder


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's uv.toml, which is not there yet; no setting of whoever runs the tests counts."""
    for name in ("UV_FIND_LINKS", "UV_NO_INDEX", "UV_OFFLINE", "UV_CONFIG_FILE", "UV_NO_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    folder = tmp_path / "config" / "uv"
    folder.mkdir(parents=True)
    return folder / "uv.toml"


@pytest.fixture
def index(wheels: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(wheels, DAYS) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        yield url


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    folder = tmp_path / "releases"
    (folder / "demo").mkdir(parents=True)
    (folder / "demo" / "track.json").write_text(json.dumps(TRACK))
    return Catalogue(folder)


def added(catalogue: Catalogue) -> tuple[str, str, str]:
    """What becomes of demo 1.0: its date, its Python, and its lock."""
    made = locks.lock(
        catalogue, locks.new_release(catalogue, catalogue.tracks["demo"], "1.0"), "cpu"
    )
    return made.date, made.python, catalogue.lock_path(made, "cpu").read_text()


def test_a_track_whose_lock_is_for_any_device_gets_a_release(
    catalogue: Catalogue, index: str
) -> None:
    track = catalogue.tracks["demo"]
    any_device = replace(track, requirements={"any": track.requirements["cpu"]})
    made = locks.new_release(catalogue, any_device, "1.0")
    assert (made.date, made.python) == ("2020-03-01", OLDEST)


def locked(catalogue: Catalogue) -> str:
    """The lock of demo 1.0, resolved again."""
    made = locks.lock(catalogue, Release("demo", "1.0", "2020-03-01", OLDEST), "cpu")
    return catalogue.lock_path(made, "cpu").read_text()


def test_a_version_without_wheels_for_newer_pythons_is_added(
    catalogue: Catalogue, index: str
) -> None:
    date, python, lock = added(catalogue)
    assert (date, python) == ("2020-03-01", OLDEST)
    assert "helper==2.0" in lock, "as of two weeks after its date"


def test_uv_need_not_look_for_an_interpreter(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(locks, "uv", lambda *options, **_: asked.extend(options))
    locks.new_release(catalogue, catalogue.tracks["demo"], "1.0", date="2020-03-01")
    assert f"--python-version={locks.PYTHONS[0]}" in asked
    (named,) = [option for option in asked if option.startswith("--python=")]
    assert Path(named.partition("=")[2]).is_file()


SETTINGS = [
    "no-cache = true",
    'constraint-dependencies = ["helper<2"]',
    'override-dependencies = ["helper==1.0"]',
    'exclude-newer = "2020-01-01T00:00:00Z"',
    'resolution = "lowest-direct"',
    "[pip]\nno-deps = true",
    '[pip]\nresolution = "lowest"\nno-binary = ["helper"]',
    'prerelease = "allow"\ncompile-bytecode = true\nrequired-version = "==0.0.1"',
]

VARIABLES = {
    "UV_NO_CACHE": "1",
    "UV_EXCLUDE_NEWER": "2018-01-01",
    "UV_RESOLUTION": "lowest",
    "UV_NO_BINARY": "1",
    "UV_NO_DEPS": "1",
    "UV_PRERELEASE": "allow",
    "UV_CUSTOM_COMPILE_COMMAND": "something else",
    "UV_TORCH_BACKEND": "cpu",
    "UV_SYSTEM_PYTHON": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
}


@pytest.mark.parametrize("text", SETTINGS)
def test_no_file_of_settings_changes_a_lock(
    catalogue: Catalogue, index: str, config: Path, text: str
) -> None:
    before = locked(catalogue)
    config.write_text(text)
    assert locked(catalogue) == before


@pytest.mark.parametrize("name", VARIABLES)
def test_no_variable_changes_a_lock(
    catalogue: Catalogue, index: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = locked(catalogue)
    monkeypatch.setenv(name, VARIABLES[name])
    assert locked(catalogue) == before


def test_a_date_is_found_whatever_is_said_of_the_cache(
    catalogue: Catalogue, index: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_NO_CACHE", "1")
    config.write_text("no-cache = true")
    assert added(catalogue)[0] == "2020-03-01"


@pytest.mark.parametrize("name", ["UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE"])
def test_no_file_that_a_variable_names_changes_a_lock(
    catalogue: Catalogue, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = locked(catalogue)
    file = tmp_path / "more.txt"
    file.write_text("helper==1.0\n")
    monkeypatch.setenv(name, str(file))
    assert locked(catalogue) == before


def test_an_index_that_tells_no_upload_dates_is_refused_by_name(
    catalogue: Catalogue, config: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(wheels) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url.replace("http://", "http://me:secret@"))
        with pytest.raises(LockError, match="tells no upload dates of demo") as caught:
            added(catalogue)
    assert url in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_index_that_tells_them_not_of_a_companion_is_refused(
    catalogue: Catalogue, config: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(wheels, {"demo-1.0": "2020-03-01"}) as url:
        config.write_text(f'[[index]]\nurl = "{url}"\ndefault = true\n')
        with pytest.raises(LockError, match="tells no upload dates of helper") as caught:
            locked(catalogue)
    assert url in str(caught.value)


def test_a_folder_of_wheels_has_no_dates_either(
    catalogue: Catalogue, config: Path, wheels: Path
) -> None:
    config.write_text(f'no-index = true\nfind-links = ["{wheels}"]\n')
    with pytest.raises(LockError, match="tells no upload dates of demo"):
        locks.new_release(catalogue, catalogue.tracks["demo"], "1.0")


def compiled(folder: Path, requirement: str, *options: str) -> str:
    source = folder / "asked.in"
    source.write_text(requirement + "\n")
    here = f"--python={sys.executable}"
    return uv("pip", "compile", "--quiet", here, *options, str(source))


def test_what_uv_says_makes_the_kind_of_error(index: str, tmp_path: Path) -> None:
    """One test against the real uv for each kind that is matched."""
    with pytest.raises(NotCached, match="with a network"):
        compiled(tmp_path, "helper", "--offline")
    for absent in ("helper==3.0", "nowhere-at-all"):
        with pytest.raises(Absent) as caught:
            compiled(tmp_path, absent)
        assert caught.value.package == absent.partition("==")[0]
    with pytest.raises(NoneFits) as fits:
        compiled(tmp_path, "helper>3,<4")
    assert not isinstance(fits.value, (Absent, Unfit))
    newest = ["--python-version=3.14", "--python-platform=x86_64-manylinux_2_28"]
    with pytest.raises(Unfit, match=r"^demo==1\.0 has no wheels with a matching"):
        compiled(tmp_path, "demo==1.0", "--only-binary=demo", *newest)


def test_only_an_index_that_was_asked_lacks_something(index: str, tmp_path: Path) -> None:
    """What uv's cache has of an index may be older than a release."""
    compiled(tmp_path, "helper")
    with pytest.raises(UvError) as caught:
        compiled(tmp_path, "helper==3.0", "--offline")
    assert not isinstance(caught.value, Absent)


def test_no_network_is_said(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(Hindered, match="check the network and run it again"):
        compiled(tmp_path, "helper")


def test_an_index_that_is_out_of_order_is_said(
    index: str, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    (wheels / OUT_OF_ORDER).touch()
    with pytest.raises(Hindered, match="the index is out of order: run it again later"):
        compiled(tmp_path, "helper")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("error: failed to write to file `/c/x`: No space left on device (os error 28)", Hindered),
        ("error: failed to create `/c`: Disk quota exceeded (os error 122)", Hindered),
        ("error: failed to open file `/c`: Permission denied (os error 13)", Hindered),
        ("HTTP status client error (429 Too Many Requests) for url (http://a/)", Hindered),
        ("Failed to download distribution due to network timeout.", Hindered),
        ("error: No solution found when resolving dependencies", NoneFits),
        ("hash mismatch for `demo==1.0`: error sending request", UvError),
        ("error: the wheel `demo-1.0` is invalid: unexpected end of file", UvError),
    ],
)
def test_a_fault_of_the_network_or_the_disk_is_told_from_one_of_a_package(
    said: str, kind: type[UvError]
) -> None:
    assert type(uv_module._error(said, 2, offline=False)) is kind


# -- an index of a track


@pytest.fixture
def special(tmp_path: Path) -> Path:
    """A folder with a helper that no other index has."""
    return write_wheel(tmp_path / "special", "helper", "3.0", "").parent


def naming(catalogue: Catalogue, index: str | None) -> Catalogue:
    """The catalogue, whose track names this index."""
    (catalogue.folder / "demo" / "track.json").write_text(
        json.dumps({**TRACK, **({} if index is None else {"index": index})})
    )
    return Catalogue(catalogue.folder)


def test_the_index_of_a_track_is_asked_before_the_users(
    catalogue: Catalogue,
    index: str,
    special: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = write_index(tmp_path / "simple", special, {"helper-3.0": "2020-03-02"})
    monkeypatch.setenv("UV_INDEX", index)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    assert "helper==2.0" in locked(catalogue)
    lock = locked(naming(catalogue, named))
    assert "helper==3.0" in lock
    assert "demo==1.0" in lock, "of the user's own index"
    assert "file://" not in lock, "a lock names packages and hashes alone"


def test_a_release_is_installed_with_the_index_of_its_lock(
    catalogue: Catalogue, index: str, special: Path, tmp_path: Path
) -> None:
    named = write_index(tmp_path / "simple", special, {"helper-3.0": "2020-03-02"})
    made = locks.lock(naming(catalogue, named), Release("demo", "1.0", "2020-03-01", OLDEST), "cpu")
    catalogue.write(made)
    release = naming(catalogue, None).by_name["demo-1.0"]
    assert release.locks["cpu"].index == named
    environments = Environments(tmp_path / "env", Catalogue(catalogue.folder))
    without = replace(release.locks["cpu"], index=None)
    with pytest.raises(EnvironmentUnusable, match=r"helper==3\.0 is gone from the index"):
        environments.ensure(replace(release, locks={"cpu": without}), "cpu")
    folder = environments.ensure(release, "cpu").parent.parent
    assert list(folder.glob("lib/python*/site-packages/helper-3.0.dist-info"))


def test_an_index_of_a_track_that_tells_no_upload_dates_is_refused_by_name(
    catalogue: Catalogue, index: str, special: Path, tmp_path: Path
) -> None:
    named = write_index(tmp_path / "simple", special)
    with pytest.raises(LockError, match="tells no upload dates of helper") as caught:
        locked(naming(catalogue, named))
    assert f"it is {named}, " in str(caught.value)


# -- which settings reach uv


def test_where_files_come_from_reaches_uv(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "UV_INDEX_MINE_USERNAME": "me",
        "UV_INDEX_MINE_PASSWORD": "x",
        "UV_CACHE_DIR": "/c",
        "HTTPS_PROXY": "p",
        "SSL_CERT_FILE": "s",
        "PATH": "/bin",
    }
    unwanted = {**VARIABLES, "VIRTUAL_ENV": "/v", "UV_CONFIG_FILE": "/f", "PYTHONPATH": "/p"}
    assert uv_settings.variables({**told, **unwanted}) == told
    assert uv_settings.variables({"UV_INDEX": "b c"}, "a") == {"UV_INDEX": "a b c"}
    config.write_text('offline = true\nlink-mode = "copy"\n[pip]\nindex-url = "u"\nstrict = true\n')
    folder = str(config.parent)
    assert uv_settings.settings({}) == {
        "offline": True,
        "pip": {"index-url": f"{folder}/u"},
    }


def test_the_users_settings_count_before_the_systems(config: Path, tmp_path: Path) -> None:
    system = tmp_path / "system" / "uv" / "uv.toml"
    system.parent.mkdir(parents=True)
    system.write_text('cache-dir = "/theirs"\nextra-index-url = ["http://b/"]\noffline = true\n')
    config.write_text('cache-dir = "/mine"\nextra-index-url = ["http://a/"]\n')
    assert uv_settings.settings({}) == {
        "cache-dir": "/mine",
        "extra-index-url": ["http://a/", "http://b/"],
        "offline": True,
    }
    assert uv_settings.settings({"UV_NO_CONFIG": "1"}) == {}
    other = tmp_path / "other.toml"
    other.write_text('find-links = ["wheels", "http://c/"]\n')
    assert uv_settings.settings({"UV_CONFIG_FILE": str(other)}) == {
        "find-links": [str(tmp_path / "wheels"), "http://c/"]
    }
    assert uv_settings.indexes({"UV_INDEX": "mine=http://d/"}) == [
        "http://d/",
        "http://a/",
        "http://b/",
    ]


def test_indexes_are_asked_in_uvs_order_the_default_one_last(config: Path) -> None:
    config.write_text(
        'index-url = "http://last/"\nextra-index-url = ["http://d/"]\n'
        '[[index]]\nname = "c"\nurl = "http://c/"\n'
        '[[index]]\nname = "hidden"\nurl = "http://hidden/"\nexplicit = true\n'
    )
    asked = uv_settings.asked({"UV_INDEX": "a=http://me:x%21@a/ http://b/"}, "http://of-track/")
    assert [index.address for index in asked] == [
        "http://of-track/",
        "http://a/",
        "http://b/",
        "http://c/",
        "http://d/",
        "http://last/",
    ]
    assert [index.is_default for index in asked] == [False] * 5 + [True]
    assert asked[1].login == ("me", "x!")
    assert "x!" not in repr(asked)
    only_one = uv_settings.asked({"UV_DEFAULT_INDEX": "http://mine/"})
    assert [index.address for index in only_one if index.is_default] == ["http://mine/"]
    assert uv_settings.asked({"UV_NO_INDEX": "1"}, "http://of-track/") == []


@pytest.mark.parametrize("damage", ["no toml [", "\udcff"], ids=["text", "bytes"])
def test_settings_that_cannot_be_read_are_one_line(config: Path, damage: str) -> None:
    config.write_bytes(damage.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match="mend the file") as caught:
        uv("--version")
    assert str(config) in str(caught.value)
    assert "\n" not in str(caught.value)
