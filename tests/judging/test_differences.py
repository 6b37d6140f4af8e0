"""What else changed between two releases, where a framework has several tracks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggbench.judging.differences import Difference, between
from vggbench.releases.catalogue import Catalogue, Release

from .. import two_locks
from ..records.factory import record
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
    newest = (
        record(versions={"tensorflow": before.version, "numpy": "1.26.3"}),
        record(versions={"tensorflow": after.version, "numpy": "1.26.4"}),
    )
    found = between(
        catalogue, before, after, profile="cpu-quick", configuration={"xla": "off"}, newest=newest
    )
    assert found == (Difference("NumPy", "1.26.3", "1.26.4"),)


@pytest.mark.parametrize(
    ("backend", "differences"),
    [
        ("tensorflow", (Difference("NumPy", "1.0", "1.1"),)),
        ("theano", (Difference("Theano", "0.9", "1.0"),)),
    ],
)
def test_what_a_lock_pins_is_that_of_the_configurations_backend(
    tmp_path: Path, backend: str, differences: tuple[Difference, ...]
) -> None:
    catalogue = two_locks.make(tmp_path)
    before, after = catalogue.tracks["keras"].releases
    more = {"profile": "cpu-quick", "configuration": {"backend": backend}}
    assert between(catalogue, before, after, newest=(None, None), **more) == differences


def test_what_of_the_machine_may_differ_is_told(catalogue: Catalogue) -> None:
    before, after = catalogue.tracks["tensorflow"].releases
    newest = (
        record(kernel="6.1", memory_limit_bytes=None, variables={"LD_LIBRARY_PATH": "/a"}),
        record(kernel="6.2", memory_limit_bytes=10**9, variables={"CUDA_VISIBLE_DEVICES": "0"}),
    )
    more = {"profile": "cpu-quick", "configuration": {"xla": "off"}}
    assert between(catalogue, before, after, newest=newest, **more) == (
        Difference("kernel", "6.1", "6.2"),
        Difference("memory limit, bytes", None, "1000000000"),
        Difference("LD_LIBRARY_PATH", "/a", None),
        Difference("CUDA_VISIBLE_DEVICES", None, "0"),
    )
    # What only one record has may have been so all along.
    alone = (record(variables={}), record(kernel="6.2", variables={}))
    assert between(catalogue, before, after, newest=alone, **more) == ()
    assert between(catalogue, before, after, newest=(None, newest[1]), **more) == ()
