"""Where asv.conf.json says that everything lies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggbench.checkout import Checkout, CheckoutError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "checkout"
    (folder / "sub").mkdir(parents=True)
    conf = {"version": 1, "repo": "releases", "results_dir": "results", "env_dir": ".asv/env"}
    (folder / "asv.conf.json").write_text(json.dumps(conf))
    return folder


@pytest.mark.parametrize("way", ["sub/../asv.conf.json", "../link/asv.conf.json"])
def test_folders_are_where_they_lie_and_not_the_way_there(folder: Path, way: str) -> None:
    (folder.parent / "link").symlink_to(folder)
    checkout = Checkout(str(folder / way))
    assert checkout.config_file == folder / "asv.conf.json"
    assert checkout.results_dir == folder / "results"
    assert checkout.drafts_dir == folder / ".asv/env/open"


def test_folders_stay_when_the_current_folder_changes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    checkout = Checkout()
    monkeypatch.chdir(tmp_path)
    assert checkout.releases_dir == folder / "releases"


def test_a_folder_without_a_configuration_file_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckoutError, match=r"asv\.conf\.json; run this in a checkout"):
        Checkout()
