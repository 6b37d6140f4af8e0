"""What perf/ makes up to measure: catalogues of so many releases, and checkouts full of results."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from vggbench import records
from vggbench.checkout import Checkout


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module(request.param)


@pytest.mark.parametrize("script", ["releases_list"], indirect=True)
@pytest.mark.parametrize("wanted", [30, 300])
def test_a_catalogue_has_as_many_releases_as_are_asked_for(
    script: ModuleType, wanted: int, tmp_path: Path
) -> None:
    assert len(list(script.so_many(tmp_path / "releases", wanted))) == wanted


@pytest.mark.parametrize("script", ["synthetic"], indirect=True)
def test_a_checkout_full_of_results_has_the_tracks_that_are_asked_for(
    script: ModuleType, tmp_path: Path
) -> None:
    folder = script.checkout(tmp_path / "checkout", tracks=("theano", "keras"), releases=2)
    checkout = Checkout(str(folder / "asv.conf.json"))
    assert checkout.config.branches == ["theano", "keras"]
    assert len(list(checkout.catalogue)) == 4
    measured = {record.release for record in records.read(checkout.results_dir, script.MACHINE)}
    assert measured == {release.name for release in checkout.catalogue}
