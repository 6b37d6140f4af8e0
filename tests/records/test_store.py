"""A store that is asked again reads what came since, and nothing twice."""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vggbench import records
from vggbench.inside.measure import BY_PRODUCTS
from vggbench.judging.state import state_of
from vggbench.records import BISECT, CALIBRATE, CONFIRM, Record, Store
from vggbench.records.excluded import Exclusion

from .factory import CATALOGUE, NONSENSE, changed, full, nonsensical, record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def file_of(store: Store, run: str = "run", machine: str = "box") -> Path:
    return records.folder(store.results_dir, machine) / f"{run}.jsonl"


def runs(store: Store) -> list[str]:
    return [record.run for record in store.all("box")]


def test_what_was_read_is_not_read_again(store: Store) -> None:
    for number in range(3):
        records.append(file_of(store), record(run=str(number)))
    assert runs(store) == ["0", "1", "2"]
    before = store.all("box")
    assert store.all("box") is before, "the same list tells that nothing came"
    assert store.lines_read == 3
    records.append(file_of(store), record(run="3"))
    assert runs(store) == ["0", "1", "2", "3"]
    assert store.lines_read == 4
    records.append(file_of(store, "runs"), record(run="4"))
    assert runs(store)[-1] == "4"
    assert store.lines_read == 5
    assert len(before) == 3, "an answer does not grow under whoever has it"


def test_a_file_that_shrank_or_was_replaced_is_read_anew(store: Store) -> None:
    path = file_of(store)
    for number in range(3):
        records.append(path, record(run=str(number)))
    assert runs(store) == ["0", "1", "2"]
    os.truncate(path, path.stat().st_size // 3)
    assert runs(store) == ["0"]
    aside = path.with_name("aside")
    for number in range(5, 9):
        records.append(aside, record(run=str(number)))
    aside.replace(path)
    assert runs(store) == ["5", "6", "7", "8"]
    text = path.read_text().replace('"run": "8"', '"run": "X"')
    path.write_text(text + json.dumps(record(run="9").as_json()) + "\n")
    assert runs(store) == ["5", "6", "7", "X", "9"]
    path.unlink()
    assert runs(store) == []


def test_a_line_that_is_being_written_is_looked_at_again(store: Store) -> None:
    records.append(file_of(store), record(run="0"))
    line = json.dumps(record(run="1").as_json())
    said: list[str] = []
    with file_of(store).open("a") as file:
        file.write(line[:40])
        file.flush()
        assert len(store.all("box", said.append)) == 1
        assert [message.partition(" is no record")[0] for message in said] == [
            f"{file_of(store)}:2"
        ]
        file.write(line[40:])
        file.flush()
        assert runs(store) == ["0", "1"]
        file.write("\n")
    records.append(file_of(store), record(run="2"))
    said.clear()
    assert [record.run for record in store.all("box", said.append)] == ["0", "1", "2"]
    assert said == []


def test_what_is_no_record_is_said_whenever_it_is_asked(store: Store) -> None:
    records.append(file_of(store), record())
    with file_of(store).open("a") as file:
        file.write("torn\n")
    for _ in range(2):
        said: list[str] = []
        store.all("box", said.append)
        assert [message.partition(" is no record")[0] for message in said] == [
            f"{file_of(store)}:2"
        ]
    assert store.lines_read == 2


@pytest.mark.parametrize("where", ["another file", "the same file", "another run's"])
def test_a_process_that_is_there_twice_counts_once(store: Store, where: str) -> None:
    taken = [record(round=number) for number in (1, 2, 3)]
    records.append(file_of(store, "later"), record(round=9))
    for one in taken:
        records.append(file_of(store), one)
    path = {"another file": file_of(store, "run copy"), "the same file": file_of(store)}.get(
        where, file_of(store, "later")
    )
    for one in taken[:2]:
        # Whoever copied it may have sorted its keys.
        records.append(path, Record.from_json(dict(sorted(one.as_json().items()))))
    said: list[str] = []
    assert sorted(record.round for record in store.all("box", said.append)) == [1, 2, 3, 9]
    assert [message.split(": ")[1] for message in said] == [
        "2 records that are there already are counted once"
    ]
    again: list[str] = []
    assert list(records.read(store.results_dir, "box", again.append)) == store.all("box")
    assert again == said
    store.all("box", again.append)
    assert again == said * 2, "said whenever it is asked"


@pytest.mark.parametrize(
    ("own", "copied"),
    [
        ({"samples": [9, 9.5, 10]}, {"samples": [9.0, 9.5, 10.0]}),
        ({"process_s": 30.0, "value": 7.0}, {"process_s": 30, "value": 7}),
        ({"variant": {"a": 1, "b": [2]}}, {"variant": {"b": [2.0], "a": 1.0}}),
        ({"samples": [1.0, float("nan")]}, {"samples": [1.0, float("nan")]}),
        (
            {"duet": {"id": "1.1", "block": "1", "started": 1, "begins": True}},
            {"duet": {"begins": True, "started": 1, "block": "copy", "id": "copy.1"}},
        ),
    ],
    ids=["samples", "numbers", "keys", "not a number", "names of a duet"],
)
def test_a_copy_that_another_tool_wrote_is_the_same_process(
    own: dict[str, Any], copied: dict[str, Any]
) -> None:
    one = record(**own)
    configuration = dict(reversed(one.configuration.items()))
    assert changed(one, configuration=configuration, **copied).identity == one.identity


@pytest.mark.parametrize(
    "other", [{"duet": {"started": 2, "begins": True}}, {"duet": 7}, {"samples": [9.0, 9.6]}]
)
def test_another_place_in_a_duet_or_other_samples_are_another_process(
    other: dict[str, Any],
) -> None:
    one = record(duet={"started": 1, "begins": True}, samples=[9, 9.5])
    assert changed(one, **other).identity != one.identity


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize("value", [*NONSENSE, nested(100_000)], ids=lambda value: str(type(value)))
def test_nonsense_tells_the_same_process_too(value: object) -> None:
    for one in nonsensical(value):
        assert len({one.identity, changed(one).identity}) == 1


def test_two_processes_that_measured_the_same_are_two(store: Store) -> None:
    for number in (1, 2):
        records.append(file_of(store), record(round=number))
    assert len(store.all("box")) == 2


@pytest.mark.parametrize(
    "ahead",
    [
        {"run": "20350101T000000.000000Z-1", "started": "2035-01-01T00:00:01+00:00"},
        {"run": "20350101T000000.000000Z-1"},
        {"started": "2035-01-01T00:00:01+00:00"},
    ],
    ids=["both", "run", "start"],
)
def test_a_record_of_the_future_is_in_no_table_and_no_verdict(ahead: dict[str, str]) -> None:
    one = record(**ahead)
    why = "that began in the future (a clock was wrong)"
    assert one.why_left_out("box", CATALOGUE.by_commit) == why
    assert one.why_no_evidence("box", CATALOGUE) == why


def test_a_clock_that_is_an_hour_ahead_is_no_future() -> None:
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    one = record(run=soon.strftime("%Y%m%dT%H%M%S.%fZ-1"), started=soon.isoformat())
    assert one.why_left_out("box", CATALOGUE.by_commit) is None


@pytest.mark.parametrize("cpus", [10**400, 10**7, 0, -2, float("nan"), float("inf"), True, "2"])
def test_a_number_of_processors_that_no_machine_has_tells_nothing(cpus: object) -> None:
    loads = {"load_before": [9.0, 9, 9], "busy_cpus": 9.0}
    one = record(cpus=cpus, cpu_quota=cpus, **loads)
    assert one.busy is None
    assert record(cpus=2, load_before=[cpus, 9, 9], busy_cpus=cpus).busy is None
    assert str(state_of(one, {})) == "an unknown number of CPUs"


def test_a_step_that_leaves_cpus_idle_says_on_how_many_it_computes() -> None:
    cold, warm = 9.0, 0.5
    told = {"device": "cpu", "cpus": 2, "outcome": "ok", "warm_up_s": [cold, warm, warm]}
    assert record(**told, warm_up_cpu_s=[cold, warm, warm]).idle == (
        "a step computes on 1.0 of 2 CPUs"
    )
    assert record(**told, warm_up_cpu_s=[cold, warm, 1.9 * warm]).idle is None
    assert record(**told).idle is None
    beside_others = {**told, "load_before": [9.0, 9.0, 9.0]}
    assert record(**beside_others, warm_up_cpu_s=[cold, warm, warm]).idle is None
    of_gpu = {**told, "device": "gpu"}
    assert record(**of_gpu, warm_up_cpu_s=[cold, warm, warm]).idle is None


def test_a_hypervisor_that_took_more_than_a_quarter_makes_a_machine_busy() -> None:
    assert record(cpus=2, stolen_cpus=0.5).busy is None
    assert record(cpus=2, stolen_cpus=1.9).busy == (
        "a hypervisor took 1.9 of the 2 CPUs that the process may use"
    )


def test_it_answers_by_release_profile_configuration_and_purpose(store: Store) -> None:
    taken = [
        record("tensorflow-2.15.1"),
        record("tensorflow-2.16.2", "NCHW none off"),
        record("tensorflow-2.16.2", profile="cpu-paper"),
        record("tensorflow-2.16.2", purpose=CONFIRM),
        record("tensorflow-2.16.2", purpose=CALIBRATE),
    ]
    for one in taken:
        records.append(file_of(store), one)
    records.append(file_of(store, machine="other"), record())
    assert store.machines() == ["box", "other"]
    assert store.where("box") == taken
    newest = [taken[1].commit]
    assert store.where("box", commits=newest) == taken[1:]
    assert store.where("box", commits=newest, profile="cpu-paper") == [taken[2]]
    assert store.where("box", keys={taken[1].key}) == [taken[1]]
    assert store.where("box", purposes=(None, CONFIRM), profile="cpu-quick") == [
        *taken[:2],
        taken[3],
    ]


def test_what_a_bisection_measured_is_asked_for_by_name_and_never_among_the_rest(
    store: Store,
) -> None:
    ordinary = record(run="0")
    of_bisection = record("tensorflow-9.9.0.dev20260101", run="1", purpose=BISECT)
    for one in (ordinary, of_bisection):
        records.append(file_of(store), one)
    assert store.all("box") == store.where("box") == [ordinary]
    assert store.where("box", purposes=(BISECT,)) == []
    assert store.apart("box", BISECT) == [of_bisection]
    before = store.all("box")
    assert store.all("box") is before


def test_an_exclusion_of_a_bisections_records_covers_them(store: Store) -> None:
    records.append(file_of(store), record(run="1", purpose=BISECT))
    excluding = Store(store.results_dir, [Exclusion(reason="the fan was off", run="1")])
    assert excluding.of_idle_exclusions("box") == []
    (one,) = excluding.apart("box", BISECT)
    assert one.excluded == "the fan was off"


def test_the_digest_changes_with_the_records_alone(store: Store) -> None:
    records.append(file_of(store), record())
    before = records.digest(store.results_dir, "box")
    records.append(file_of(store, machine="other"), record())
    assert records.digest(store.results_dir, "box") == before
    records.append(file_of(store), record())
    assert records.digest(store.results_dir, "box") != before


def test_a_record_is_its_line_again_with_every_key_as_it_was() -> None:
    line = {
        "of_tomorrow": {"a": [1]},
        **record().as_json(),
        "lock": None,
        "samples": "nonsense",
        "more": 1,
        "stated": [],
    }
    again = Record.from_json(line)
    assert json.dumps(again.as_json()) == json.dumps(line)
    assert again.more == {"of_tomorrow": {"a": [1]}, "more": 1, "stated": []}
    assert again.stated[0] == "of_tomorrow"


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: str(value)[:30])
def test_no_question_ends_in_a_traceback_whatever_a_key_holds(value: object) -> None:
    for one in nonsensical(value):
        for name in dir(Record):
            if isinstance(getattr(Record, name), property) and name != "median_s":
                getattr(one, name)
        for name in BY_PRODUCTS:
            one.by_product(name)
        one.why_no_evidence("box", CATALOGUE)
        records.outcome_of([one])


def test_a_record_that_is_no_line_cannot_be_made() -> None:
    """It would be written as an empty one."""
    for door in (Record, lambda: replace(record(), round=2)):
        with pytest.raises(TypeError):
            door()


def test_a_full_record_has_each_by_product() -> None:
    found = {name: full().by_product(name) for name in BY_PRODUCTS}
    assert found == {
        "track_first_step": 2.5,
        "track_peak_memory": 700_000_000,
        "track_loss": 2.1,
        "track_gpu_utilisation": 97.0,
        "track_gpu_memory": 9_000_000_000,
    }


@pytest.mark.parametrize(
    ("key", "value", "by_product"),
    [
        ("build_s", 10**400, "track_first_step"),
        ("warm_up_s", [10**400], "track_first_step"),
        ("peak_memory_bytes", 10**400, "track_peak_memory"),
        ("losses", [0, 0, -(10**400)], "track_loss"),
        ("peak_memory_bytes", 1e308, "track_peak_memory"),
        ("losses", [0, 0, float("inf")], "track_loss"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_number_that_is_beyond_a_float_is_no_by_product(
    key: str, value: object, by_product: str
) -> None:
    one = changed(full(), **{key: value})
    assert one.by_product(by_product) is None
    assert one.as_json()[key] == value, "what was read is kept"
