"""What client and worker exchange: nothing is lost, nothing is there twice, nothing strange."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench.fleet import mirror
from vggbench.fleet.mirror import Known, OfferRefused, Place

from ..records.factory import record

MACHINE = "box-1"
RECORDS = f"results/{MACHINE}/records"
RESULT = f"results/{MACHINE}/abcdef12-release.json"


@pytest.fixture
def client(tmp_path: Path) -> Place:
    return Place(tmp_path / "here", tmp_path / "here" / "results", MACHINE)


@pytest.fixture
def there(tmp_path: Path) -> Place:
    return mirror.of_mirror(tmp_path / "there", MACHINE)


def line(number: int, machine: str = MACHINE) -> bytes:
    return (json.dumps(record(round=number, machine=machine).as_json()) + "\n").encode()


def put(place: Place, name: str, content: bytes) -> None:
    path = place.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def get(place: Place, name: str) -> bytes:
    return place.path(name).read_bytes()


def exchange(client: Place, there: Place, told: list[str] | None = None) -> int:
    """One whole exchange; returns how many lines were new."""
    offer = wire(mirror.offer(there, Known()))
    came = mirror.take_in(client, Known(), offer, (told if told is not None else []).append)
    mirror.agree(there, mirror.lacking(client, Known(), offer))
    return came


def wire(offer: dict[str, Any]) -> dict[str, Any]:
    """What arrives of an offer: bytes, texts and numbers."""
    assert all(isinstance(content, bytes) for content in offer["files"].values())
    rest = {key: value for key, value in offer.items() if key != "files"}
    return {**json.loads(json.dumps(rest)), "files": offer["files"]}


def test_what_a_machine_measured_is_appended_at_the_client(client: Place, there: Place) -> None:
    put(client, f"{RECORDS}/a.jsonl", line(1))
    assert exchange(client, there) == 0
    assert get(there, f"{RECORDS}/a.jsonl") == line(1)
    put(there, f"{RECORDS}/a.jsonl", line(1) + line(2))
    put(there, f"{RECORDS}/b.jsonl", line(3))
    put(there, RESULT, b"{}")
    assert exchange(client, there) == 2
    assert get(client, f"{RECORDS}/a.jsonl") == line(1) + line(2)
    assert get(client, f"{RECORDS}/b.jsonl") == line(3)
    assert get(client, RESULT) == b"{}"


def test_only_what_was_appended_is_sent(client: Place, there: Place) -> None:
    put(there, f"{RECORDS}/a.jsonl", line(1))
    exchange(client, there)
    put(there, f"{RECORDS}/a.jsonl", line(1) + line(2))
    assert mirror.offer(there, Known())["files"] == {f"{RECORDS}/a.jsonl": line(2)}


def test_an_offer_that_comes_twice_counts_once(client: Place, there: Place) -> None:
    put(there, f"{RECORDS}/a.jsonl", line(1) + line(2))
    offer = mirror.offer(there, Known())
    assert mirror.take_in(client, Known(), offer, pytest.fail) == 2
    assert mirror.take_in(client, Known(), offer, pytest.fail) == 0
    assert get(client, f"{RECORDS}/a.jsonl") == line(1) + line(2)


def test_what_was_lost_on_the_way_is_offered_again(client: Place, there: Place) -> None:
    exchange(client, there)
    put(there, f"{RECORDS}/a.jsonl", line(1))
    mirror.offer(there, Known())  # which nobody received
    assert exchange(client, there) == 1


def test_a_line_without_an_end_is_not_taken(client: Place, there: Place) -> None:
    put(there, f"{RECORDS}/a.jsonl", line(1) + line(2)[:20])
    assert exchange(client, there) == 1
    assert get(client, f"{RECORDS}/a.jsonl") == line(1)
    assert get(there, f"{RECORDS}/a.jsonl") == line(1), "the mirror is what the client has"


def test_a_line_behind_a_torn_one_is_taken_and_the_torn_one_is_told(
    client: Place, there: Place
) -> None:
    put(there, f"{RECORDS}/a.jsonl", line(1)[:20] + b"\n" + line(2))
    told: list[str] = []
    assert exchange(client, there, told) == 1
    assert get(client, f"{RECORDS}/a.jsonl") == line(2)
    assert len(told) == 1
    assert "no JSON" in told[0]


def test_what_a_process_appends_between_offer_and_agreement_is_offered_next(
    client: Place, there: Place
) -> None:
    name, late = f"{RECORDS}/a.jsonl", f"{RECORDS}/late.jsonl"
    put(there, name, line(1))
    offer = mirror.offer(there, Known())
    mirror.take_in(client, Known(), offer, pytest.fail)
    put(there, name, line(1) + line(2))
    put(there, late, line(3))
    mirror.agree(there, mirror.lacking(client, Known(), offer))
    assert exchange(client, there) == 2
    assert get(client, name) == line(1) + line(2)
    assert get(client, late) == line(3)


def test_the_client_s_own_torn_line_swallows_none(client: Place, there: Place) -> None:
    put(client, f"{RECORDS}/a.jsonl", line(1) + b'{"torn')
    put(there, f"{RECORDS}/a.jsonl", line(2))
    assert exchange(client, there) == 1
    assert get(client, f"{RECORDS}/a.jsonl").splitlines(keepends=True)[-1] == line(2)


def test_what_the_client_removed_goes_from_the_mirror(client: Place, there: Place) -> None:
    put(client, f"{RECORDS}/a.jsonl", line(1))
    put(client, "excluded.toml", b"")
    exchange(client, there)
    client.path(f"{RECORDS}/a.jsonl").unlink()
    client.path("excluded.toml").unlink()
    exchange(client, there)
    assert there.names() == []


def test_a_result_that_both_changed_stays_as_the_client_has_it(client: Place, there: Place) -> None:
    put(client, RESULT, b"1")
    exchange(client, there)
    put(client, RESULT, b"2")
    put(there, RESULT, b"3")
    told: list[str] = []
    exchange(client, there, told)
    assert get(client, RESULT) == get(there, RESULT) == b"2"
    assert len(told) == 1
    assert "it stays as it is here" in told[0]


def test_a_result_that_only_the_machine_changed_is_replaced(client: Place, there: Place) -> None:
    put(client, RESULT, b"1")
    exchange(client, there)
    put(there, RESULT, b"3")
    told: list[str] = []
    exchange(client, there, told)
    assert get(client, RESULT) == b"3"
    assert told == []


@pytest.mark.parametrize(
    "name",
    [
        "history.toml/../../x",
        "history.toml",
        "excluded.toml",
        "asv.conf.json",
        f"results/{MACHINE}",
        f"results/{MACHINE}/../other/records/a.jsonl",
        "results/other/records/a.jsonl",
        "/etc/passwd",
    ],
)
def test_a_file_that_is_no_result_of_the_machine_is_refused(client: Place, name: str) -> None:
    offer = {"agreed": {}, "states": {}, "files": {name: b"x"}}
    with pytest.raises(OfferRefused, match="nothing of that is taken"):
        mirror.take_in(client, Known(), offer, pytest.fail)
    assert client.names() == []


@pytest.mark.parametrize("wrong", [line(2, machine="other"), b"{}\n", b"[]\n", b"3\n"])
def test_a_record_that_is_none_of_the_machine_s_is_refused(client: Place, wrong: bytes) -> None:
    name = f"{RECORDS}/a.jsonl"
    offer = {"agreed": {}, "states": {}, "files": {name: line(1) + wrong}}
    with pytest.raises(OfferRefused, match="nothing of that file is taken"):
        mirror.take_in(client, Known(), offer, pytest.fail)
    assert client.names() == [], "whole or not at all"


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    client: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{RECORDS}/a.jsonl"
    put(client, name, line(1))

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    offer = {"agreed": {}, "states": {}, "files": {name: line(2)}}
    with pytest.raises(OSError, match="No space left"):
        mirror.take_in(client, Known(), offer, pytest.fail)
    assert get(client, name) == line(1)
    assert [path.name for path in client.path(name).parent.iterdir()] == ["a.jsonl"]


#: What happens between two exchanges: the machine measures a record, an offer is lost, the client
#: dies after having taken in, or an exchange comes to its end.
EVENTS = st.lists(st.sampled_from(["measure", "lost", "died", "exchange"]), max_size=30)


@given(events=EVENTS)
def test_whatever_is_cut_off_no_record_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, events: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("exchange")
    client = Place(folder / "here", folder / "here" / "results", MACHINE)
    there = mirror.of_mirror(folder / "there", MACHINE)
    measured = []
    name = f"{RECORDS}/a.jsonl"
    for event in [*events, "exchange"]:
        if event == "measure":
            measured.append(line(len(measured) + 1))
            before = get(there, name) if there.path(name).exists() else b""
            put(there, name, before + measured[-1])
        elif event == "lost":
            mirror.offer(there, Known())  # which nobody received
        elif event == "died":
            mirror.take_in(client, Known(), mirror.offer(there, Known()), pytest.fail)
        else:
            exchange(client, there)
    assert (get(client, name) if measured else b"") == b"".join(measured)
