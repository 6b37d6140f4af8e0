"""What an index has, by the pages of indexes on this machine: served, and of files."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from packaging.version import Version

from vggbench.releases import index, locks, uv_settings
from vggbench.releases.index import IndexUnreachable, Listed, NotListed, versions_of

from ..index import serving, write_index
from ..tiny import write_wheel

#: demo-1.1 tells no time, demo-1.2 is for no Linux on x86-64, demo-2.0rc0 was withdrawn.
DAYS = {"demo-1.0": "2020-03-01", "demo-1.10": "2021-05-01", "demo-2.0rc0": "2022-01-01"}
YANKED = {"demo-2.0rc0": "it does not start"}
TAGS = {
    "1.0": "cp36-cp36m-manylinux1_x86_64",
    "1.1": "py3-none-any",
    "1.2": "cp311-cp311-win_amd64",
    "1.3": "cp27-cp27m-manylinux1_x86_64",
    "1.4": "cp313-cp313-manylinux_2_39_x86_64",
    "1.10": "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "2.0rc0": "cp311-cp311-manylinux_2_28_x86_64",
}


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's uv.toml, which is not there yet; no setting of whoever runs the tests counts."""
    for name in (*uv_settings.VARIABLES, "UV_CONFIG_FILE", "UV_NO_CONFIG", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "config" / "uv").mkdir(parents=True)
    return tmp_path / "config" / "uv" / "uv.toml"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    for version, tag in TAGS.items():
        write_wheel(tmp_path / "wheels", "demo", version, "", tag=tag)
    return tmp_path / "wheels"


def at(day: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00")


def versions(found: list[Listed]) -> list[str]:
    return [str(listed.version) for listed in found]


def test_versions_come_oldest_first_with_their_times_and_what_was_withdrawn(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(wheels, DAYS, YANKED) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        assert versions_of("Demo", None) == [
            Listed(Version("1.0"), at("2020-03-01"), None),
            Listed(Version("1.1"), None, None),
            Listed(Version("1.10"), at("2021-05-01"), None),
            Listed(Version("2.0rc0"), at("2022-01-01"), "it does not start"),
        ]


def test_a_version_is_withdrawn_where_all_its_files_are_and_there_since_the_first() -> None:
    day, later = at("2020-01-01"), at("2020-02-01")
    both = [
        index._File("demo-1.0-py3-none-any.whl", later, ""),
        index._File("demo-1.0-cp311-cp311-linux_x86_64.whl", day, None),
    ]
    assert index._listed("demo", both) == [Listed(Version("1.0"), day, None)]
    assert index._listed("demo", both[:1]) == [Listed(Version("1.0"), later, "")]


def test_an_sdist_counts_only_of_packages_that_are_installed_from_one() -> None:
    package = locks.SDISTS[0]
    files = [
        index._File(f"{package}-1.0.tar.gz", None, None),
        index._File(f"{package}-other-2.0.tar.gz", None, None),
        index._File(f"{package}-nonsense.tar.gz", None, None),
        index._File("notes.txt", None, None),
    ]
    assert versions(index._listed(package, files)) == ["1.0"]
    assert index._listed("demo", [index._File("demo-1.0.tar.gz", None, None)]) == []


def test_an_index_of_files_is_read_without_a_network(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    found = versions_of("demo", write_index(tmp_path / "index", wheels, DAYS))
    assert versions(found) == ["1.0", "1.1", "1.10", "2.0rc0"]
    assert [each.uploaded for each in found[:2]] == [at("2020-03-01"), None]


def test_the_index_of_the_track_comes_first_and_the_first_that_has_the_package_counts(
    wheels: Path, tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path / "of-track", "demo", "7.0", "")
    write_wheel(tmp_path / "of-user", "other", "1.0", "")
    own = write_index(tmp_path / "index", tmp_path / "of-track")
    with serving(wheels, DAYS) as last, serving(tmp_path / "of-user") as first:
        monkeypatch.setenv("UV_INDEX", f"mine={first}")
        settings.write_text(f'[[index]]\nurl = "{last}"\ndefault = true\n')
        assert versions(versions_of("demo", own)) == ["7.0"]
        assert versions(versions_of("demo", None))[0] == "1.0"
        assert versions(versions_of("other", own)) == ["1.0"]


@pytest.mark.parametrize(
    "environ",
    [
        {"UV_INDEX": "http://me:s%40cret@127.0.0.1:{port}/simple"},
        {
            "UV_INDEX": "my-own=http://127.0.0.1:{port}/simple",
            "UV_INDEX_MY_OWN_USERNAME": "me",
            "UV_INDEX_MY_OWN_PASSWORD": "s@cret",
        },
    ],
    ids=["in the address", "in variables"],
)
def test_credentials_reach_the_index_and_no_message(
    wheels: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(wheels, DAYS, login="me:s@cret") as url:
        port = url.rpartition(":")[2].partition("/")[0]
        for name, value in environ.items():
            monkeypatch.setenv(name, value.format(port=port))
        assert versions_of("demo", None)
        monkeypatch.setenv("UV_INDEX", f"http://me:secret@127.0.0.1:{port}/simple")
        with pytest.raises(IndexUnreachable, match="answers with 401; give uv the cred") as caught:
            versions_of("demo", None)
    assert "secret" not in str(caught.value)


def refused(error: type[Exception], package: str = "demo", of_track: str | None = None) -> str:
    """The message with which a package cannot be looked up: one line."""
    with pytest.raises(error) as caught:
        versions_of(package, of_track)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_package_that_no_index_has_is_one_line(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(wheels) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        assert refused(NotListed, "nowhere").startswith(
            f"nowhere is on no index that uv asks ({url}"
        )


def test_no_index_at_all_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_INDEX", "http://127.0.0.1:9/simple")
    assert "is on no index that uv asks" in refused(NotListed)


def test_an_index_out_of_reach_is_one_line_that_names_it(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(wheels) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", url)
    assert f"demo: the index {url} cannot be asked: " in refused(IndexUnreachable)
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert "is not asked, since uv is kept from the network" in refused(IndexUnreachable)
    gone = (tmp_path / "gone").as_uri()
    assert f"the index {gone} is no folder" in refused(IndexUnreachable, of_track=gone)


def test_a_page_that_is_none_is_one_line() -> None:
    served = uv_settings.Index("http://127.0.0.1/simple")
    for page in (b"[]", b"{", b'{"meta": {"api-version": "9.0"}, "name": "demo", "files": []}'):
        with pytest.raises(IndexUnreachable, match="cannot be read"):
            index._read(served, "demo", page, is_json=True)


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("mine=http://127.0.0.1/simple", "http://127.0.0.1/simple"),
        ("mine=http://127.0.0.1/simple?a=b", "http://127.0.0.1/simple?a=b"),
        ("http://me:pass=word@127.0.0.1/simple", "http://127.0.0.1/simple"),
    ],
)
def test_an_entry_of_uv_index_has_a_name_or_is_an_address(entry: str, address: str) -> None:
    assert uv_settings.indexes({"UV_INDEX": entry, "UV_NO_CONFIG": "1"}) == [address]


def test_a_variable_of_one_address_has_no_name_in_it() -> None:
    environ = {"UV_INDEX_URL": "file=/simple", "UV_NO_CONFIG": "1"}
    assert uv_settings.indexes(environ) == ["file=/simple"]


@pytest.mark.parametrize("mark", "/?#")
def test_an_unquoted_password_is_in_no_message(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX", f"http://me:sec{mark}ret@127.0.0.1:9/simple")
    message = refused(IndexUnreachable)
    assert "http://127.0.0.1:9/simple" in message
    assert not any(part in message for part in ("me:", "sec", "ret@"))


def test_an_address_that_is_none_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX", "http://secret:x/simple")
    message = refused(IndexUnreachable)
    assert "the address of an index in uv's settings is none" in message
    assert "secret" not in message


def test_certificates_that_are_gone_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX", "https://127.0.0.1:9/simple")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    assert "/nowhere.pem" in refused(IndexUnreachable)


@pytest.mark.parametrize(
    "time", ["2020-03-01T12:00:00Z", "2020-03-01T12:00:00", "2020-03-01T14:00:00+02:00"]
)
def test_times_are_in_utc_with_and_without_a_zone(time: str) -> None:
    file = {
        "filename": "demo-1.0-py3-none-any.whl",
        "url": "demo-1.0-py3-none-any.whl",
        "hashes": {},
        "upload-time": time,
    }
    page = {"meta": {"api-version": "1.1"}, "name": "demo", "files": [file]}
    served = uv_settings.Index("http://127.0.0.1/simple")
    (read,) = index._read(served, "demo", json.dumps(page).encode(), is_json=True)
    assert read.uploaded == at("2020-03-01")
    assert index._time(time) == at("2020-03-01")
    assert read.uploaded.utcoffset() == datetime.timedelta(0)


def test_an_index_that_asks_for_patience_is_not_waited_for() -> None:
    session = index._session({})
    assert session.get_adapter("https://a.org").max_retries.respect_retry_after_header is False
