"""What else changed between two releases, where a framework has several tracks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggbench.judging.differences import Difference, between
from vggbench.releases.catalogue import Catalogue, Release

from ..tiny import ROOT


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Two tracks of TensorFlow, each with two releases."""
    told = json.loads((ROOT / "releases" / "tensorflow" / "track.json").read_text())
    for track in ("tensorflow", "nightly"):
        folder = tmp_path / track
        folder.mkdir()
        (folder / "track.json").write_text(json.dumps({**told, "track": track}))
    made = Catalogue(tmp_path)
    for track in made.tracks:
        for version, date in (("2.15.1", "2024-03-08"), ("2.16.2", "2024-06-28")):
            made.write(Release(track=track, version=version, date=date, python="3.11"))
    return Catalogue(tmp_path)


@pytest.mark.parametrize("track", ["tensorflow", "nightly"])
def test_the_framework_of_a_track_is_no_companion_whatever_the_track_is_called(
    catalogue: Catalogue, track: str
) -> None:
    before, after = catalogue.tracks[track].releases
    facts = (
        {"tensorflow": before.version, "numpy": "1.26.3"},
        {"tensorflow": after.version, "numpy": "1.26.4"},
    )
    found = between(
        catalogue, before, after, profile="cpu-quick", configuration={"xla": "off"}, facts=facts
    )
    assert found == (Difference("NumPy", "1.26.3", "1.26.4"),)
