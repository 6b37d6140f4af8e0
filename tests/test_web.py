"""The pages' scripts: pinned by a lock that names no host, fetched by whatever npm there is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import asv
import pytest

from vggbench import web
from vggbench.asv_plugin import publish

ASVS_PAGE = (Path(asv.__file__).parent / "www" / "index.html").read_text()


def test_the_lock_pins_each_package_by_its_content_and_names_no_host() -> None:
    texts = [(web.FOLDER / name).read_text() for name in ("package.json", "package-lock.json")]
    asked, locked = map(json.loads, texts)
    packages = {name: one for name, one in locked["packages"].items() if name}
    # Whom a package asks for money is no place that it comes from.
    told = [{key: one[key] for key in one if key != "funding"} for one in packages.values()]
    assert "//" not in json.dumps([asked, told])
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    for name, version in {**asked["dependencies"], **asked["devDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_all_that_asvs_page_loads_from_elsewhere_is_known() -> None:
    asked = {
        (found["script"] or found["link"]).rpartition("/")[2]
        for found in publish.FOREIGN.finditer(ASVS_PAGE)
    }
    assert asked == set(publish.VENDORED)


@pytest.mark.skipif(not web.is_current(), reason="the scripts are not here: make setup")
def test_npms_files_are_those_that_asv_asks_for() -> None:
    same = set()
    for found in re.finditer(r'"https://[^"]*/([^"/]+)" integrity="(sha\d+)-([^"]+)"', ASVS_PAGE):
        name, kind, digest = found.groups()
        content = (web.packages() / publish.VENDORED[name]).read_bytes()
        if base64.b64encode(hashlib.new(kind, content).digest()).decode() == digest:
            same.add(name)
    # Of flot npm has no minified files, of stupid-table-plugin a later version.
    assert set(publish.VENDORED) - same == {
        "jquery.flot.min.js",
        "jquery.flot.time.min.js",
        "jquery.flot.selection.min.js",
        "jquery.flot.categories.min.js",
        "stupidtable.min.js",
    }


def test_without_any_npm_that_works_set_up_says_so_in_a_line_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text(
        "#!/bin/sh\necho 'npm warn a setting'\necho 'npm error the index is away' >&2\nexit 1\n"
    )
    npm.chmod(0o755)
    (tmp_path / "web").mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (tmp_path / "web" / name).write_text((web.FOLDER / name).read_text())
    monkeypatch.setattr(web, "FOLDER", tmp_path / "web")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    said: list[str] = []
    assert web.main(say=said.append) == 0
    assert len(said) == 1
    assert "\n" not in said[0]
    assert "npm: the index is away" in said[0]
    assert "npm of the Python index: " in said[0]
    assert "make setup" in said[0]
    assert not web.is_current()
    with pytest.raises(web.WebError, match="make setup"):
        web.packages()
    # Whoever develops is told by the exit status.
    assert web.main(["lint"], said.append) == 1
    assert "the index is away" in said[1]


def test_what_is_installed_is_fetched_again_once_the_lock_is_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "FOLDER", tmp_path)
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "node_modules").mkdir()
    assert not web.is_current()  # a fetch that was ended in the middle
    (tmp_path / "node_modules" / web.MARKER).write_text("{}")
    assert web.is_current()
    import os

    os.utime(tmp_path / "node_modules" / web.MARKER, (0, 0))
    assert not web.is_current()


def test_a_user_is_not_made_to_fetch_what_development_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An npm that installs nothing but a file that says what it was asked for."""
    npm = tmp_path / "npm"
    npm.write_text(
        "#!/bin/sh\n"
        f"cd {tmp_path} && echo $* >> asked\n"
        '[ "$1" = ci ] || exit 3\n'
        f"mkdir -p node_modules && touch node_modules/{web.MARKER}\n"
        'case "$*" in *omit=dev*) ;; *) mkdir -p node_modules/linter ;; esac\n'
    )
    npm.chmod(0o755)
    (tmp_path / "package.json").write_text('{"devDependencies": {"linter": "1.0.0"}}')
    (tmp_path / "package-lock.json").write_text("{}")
    monkeypatch.setattr(web, "FOLDER", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def asked() -> list[str]:
        return (tmp_path / "asked").read_text().splitlines()

    assert web.main() == 0
    assert web.main() == 0
    assert asked() == [f"ci --prefix {tmp_path} --omit=dev"]
    assert not web.is_current(dev=True)
    # What the tools find is the exit status.
    assert web.main(["lint"]) == 3
    assert asked()[1:] == [
        f"ci --prefix {tmp_path}",
        f"run --silent lint --prefix {tmp_path}",
    ]
    assert web.is_current(dev=True)
    assert web.is_current()
