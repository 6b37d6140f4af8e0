"""What releases install, from the shipped locks and literal records."""

from __future__ import annotations

import pytest

from vggbench.records import Record
from vggbench.releases.catalogue import Catalogue
from vggbench.report import installed

from ..records import factory
from ..records.factory import CATALOGUE, NONSENSE

NEWEST = CATALOGUE.by_name["tensorflow-2.16.2"]
LOCK = NEWEST.locks["cpu"]


def sized(size: object, **more: object) -> Record:
    """A process that ran in an environment of so many bytes."""
    return factory.record(**{"lock": LOCK.digest, "installed_bytes": size, **more})


def test_the_newest_process_says_how_large_an_environment_is() -> None:
    taken = [sized(1.4e9), factory.record(lock=LOCK.digest), sized(1.5e9)]
    assert installed.bytes_by_lock(taken) == {LOCK.digest: 1.5e9}


def test_a_variant_and_an_interpreter_of_the_users_own_say_nothing() -> None:
    assert (
        installed.bytes_by_lock([sized(1e9, variant="numpy 1.26.4"), sized(1e9, lock=None)]) == {}
    )


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_no_size(nonsense: object) -> None:
    assert installed.bytes_by_lock([sized(nonsense)]) == {}


@pytest.mark.parametrize("nonsense", [value for value in NONSENSE if not isinstance(value, str)])
def test_what_is_no_text_is_no_lock(nonsense: object) -> None:
    assert installed.bytes_by_lock([sized(1e9, lock=nonsense)]) == {}


def test_of_each_major_version_the_first_and_the_last_final_are_listed() -> None:
    found = installed.ends(CATALOGUE, "cpu", {LOCK.digest: 1.5e9})
    names = [each.release.name for each in found]
    assert {"tensorflow-1.0.0", "tensorflow-1.15.5", "tensorflow-2.0.4"} <= set(names)
    assert "tensorflow-1.5.1" not in names
    assert not any(each.release.is_prerelease for each in found)
    for each in found:
        assert each.packages == len(CATALOGUE.pins(each.release, each.lock.name)) > 0
        assert each.size is None


def test_a_lock_that_cannot_be_read_has_no_number_of_packages(tmp_path) -> None:
    track = tmp_path / "tensorflow"
    track.mkdir()
    of = CATALOGUE.folder / "tensorflow"
    for name in ("track.json", f"{NEWEST.version}.json"):
        (track / name).write_text((of / name).read_text())
    (each,) = installed.ends(Catalogue(tmp_path), "cpu", {LOCK.digest: 1.5e9})
    assert (each.packages, each.size) == (None, 1.5e9)
    row = installed.table([each])[-1]
    assert row.endswith("| n/a | 1.50 GB |")


def test_a_size_that_is_not_on_record_is_not_made_up() -> None:
    (first, *_) = installed.ends(CATALOGUE, "cpu", {})
    assert installed.table([first])[-1].endswith(f"| {first.packages} | n/a |")
