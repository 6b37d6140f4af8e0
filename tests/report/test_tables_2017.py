"""The tables of 2017 from literal records, in each format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from vggbench.records import Record
from vggbench.report import formats_2017, rates, tables_2017
from vggbench.report.tables_2017 import TABLES, Column

from ..records import factory

KERAS, OLD, NEW = "keras-1.2.2", "tensorflow-1.0.0", "tensorflow-2.21.0"
RELEASES = [factory.CATALOGUE.by_name[name] for name in (KERAS, OLD, NEW, "torch-2.15.0")]

NHWC_ONLY = "tensorflow 1.0.0 on the cpu: CPU BiasOp only supports NHWC"


def record(release: str, samples: Sequence[float] = (), **more: Any) -> Record:
    return factory.record(release, samples=list(samples), **more)


ALL = [
    record(KERAS, [0.5], backend="theano", data_format="NCHW"),
    record(KERAS, [0.25, 0.26, 0.9], backend="tensorflow"),
    record(OLD, [0.2]),
    record(OLD, outcome="n/a", reason=NHWC_ONLY, data_format="NCHW"),
    record(OLD, outcome="n/a", reason="no XLA in this wheel", xla="on"),
    record(NEW, [0.1, 0.1, 0.4]),
    record(NEW, [0.2]),
    record(NEW, [0.12]),
    record(NEW, [0.05], xla="on"),
    record(NEW, outcome="failed", error="RuntimeError: no | memory <b>", batch_norm="fused"),
    record(NEW, [float("nan")], batch_norm="unfused"),
    record(NEW, outcome="interrupted", data_format="NCHW"),
]


def rows(*taken: Record, machine: str = "box") -> list[rates.Rate]:
    return rates.rates(machine, taken or ALL, RELEASES, [])


def releases(*taken: Record, machine: str = "box") -> list[Column]:
    named = [("Keras", "keras-1.2.2"), ("TensorFlow", "tensorflow-1.0.0")]
    named.append(("TensorFlow", "tensorflow-2.21.0"))
    return tables_2017.of_releases(rows(*taken, machine=machine), named)


GOLDEN = Path(__file__).parent / "golden"
HOSTILE = '<script>alert(1)</script>|a`*b*`\n# c,"d"'


def cells(column: Column) -> dict[str, str]:
    return {name: cell.outcome for name, cell in column.cells.items()}


@pytest.mark.parametrize("name", formats_2017.FORMATS)
def test_each_format_says_what_the_records_say(name: str) -> None:
    columns = [*releases(), *tables_2017.newest(rows()), tables_2017.reference()]
    expected = (GOLDEN / f"tables_2017.{name}").read_text(encoding="utf-8")
    assert formats_2017.FORMATS[name](columns, True) == expected


def test_without_the_reference_there_are_no_ratios() -> None:
    expected = (GOLDEN / "no_ratios.md").read_text(encoding="utf-8")
    assert formats_2017.markdown(tables_2017.newest(rows()), False) == expected
    assert {row["ratio"] for row in csv.DictReader(flat(tables_2017.newest(rows())))} == {""}


def flat(columns: list[Column]) -> io.StringIO:
    return io.StringIO(formats_2017.as_csv(columns, False))


def test_the_four_outcomes_stay_four() -> None:
    _, old, new = releases()
    assert cells(old)["TensorFlow NHWC, XLA"] == "n/a"
    assert cells(old)["TensorFlow NHWC, BN, XLA"] == "unmeasured"
    assert cells(old)["Keras (Theano backend)"] == "-"
    assert cells(new)["TensorFlow NHWC, fused BN, no XLA"] == "failed"
    assert new.cells["TensorFlow NCHW, no XLA"].outcome == "unmeasured"
    assert new.cells["TensorFlow NCHW, no XLA"].why == "its run was interrupted"


def test_a_sample_that_is_no_number_is_a_failure() -> None:
    cell = releases()[2].cells["TensorFlow NHWC, BN, no XLA"]
    assert (cell.outcome, cell.ms, cell.why) == (
        "failed",
        None,
        "a sample in its record is no number of seconds: nan",
    )


def test_a_time_is_the_median_of_the_processes_medians() -> None:
    assert releases()[2].cells["TensorFlow NHWC, no XLA"].ms == 120.0


def test_a_column_of_a_machine_has_the_newest_measured_release_of_each_framework() -> None:
    (column,) = tables_2017.newest(rows())
    assert dict(column.releases) == {"Keras": "keras-1.2.2", "TensorFlow": "tensorflow-2.21.0"}
    (column,) = tables_2017.newest(rows(record(OLD, [1.0]), record(NEW, outcome="interrupted")))
    assert dict(column.releases) == {"TensorFlow": "tensorflow-1.0.0"}
    assert cells(column)["Keras (Theano backend)"] == "unmeasured"


def test_profiles_and_machines_have_columns_of_their_own() -> None:
    paper = record(NEW, [4.0], profile="cpu-paper")
    columns = tables_2017.newest(rows(paper, record(NEW, [0.1])))
    columns += tables_2017.newest(rows(record(NEW, [0.3]), machine="other"))
    assert [column.title for column in columns] == [
        "box, cpu-paper, tensorflow-2.21.0",
        "box, cpu-quick, tensorflow-2.21.0",
        "other, cpu-quick, tensorflow-2.21.0",
    ]
    times = [column.cells["TensorFlow NHWC, no XLA"].ms for column in columns]
    assert times == [4000.0, 100.0, 300.0]
    made = formats_2017.markdown(columns, False)
    assert "- cpu-paper: 16 x 224 x 224 on the cpu" in made
    assert made.count("- cpu-quick: 8 x 64 x 64 on the cpu") == 1


def test_ratios_are_to_the_first_row_that_all_columns_have() -> None:
    columns = [*tables_2017.newest(rows(record(NEW, [0.1], xla="on"), record(NEW, [0.2])))]
    columns.append(tables_2017.reference())
    base, (here, reported) = tables_2017.ratios(columns, "Without batch normalisation")
    assert base == "TensorFlow NHWC, no XLA"
    assert here == {base: 1.0, "TensorFlow NHWC, XLA": 0.5}
    assert reported["Keras (Theano backend)"] == 241.478 / 365.122
    base, (here, reported) = tables_2017.ratios(columns, list(TABLES)[1])
    assert base == "Keras (Theano backend), BN mode 0"
    assert here == {}
    assert reported[base] == 1.0


def test_rows_that_were_not_there_in_2017_stand_beneath_where_they_have_something() -> None:
    of_torch = record("torch-2.15.0", [0.3])
    columns = tables_2017.newest(rows(record(NEW, [0.1]), of_torch))
    title = next(iter(TABLES))
    assert tables_2017.later_rows(columns, title) == ["PyTorch NCHW"]
    text = formats_2017.markdown([*columns, tables_2017.reference()], True)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    place = next(i for i, line in enumerate(lines) if "not of 2017" in line)
    assert lines[place - 1].startswith("| TensorFlow NCHW, XLA")
    assert re.match(r"\| PyTorch NCHW +\| +300\.0 \| +3\.00 \| +- \|", lines[place + 1])
    read = list(csv.DictReader(flat(columns)))
    assert [row["row"] for row in read if row["table"] == title][6:] == ["PyTorch NCHW"]


def test_the_reference_has_every_row_in_its_order() -> None:
    names = [name for table in TABLES.values() for name in table]
    assert len(names) == 18
    assert list(tables_2017.reference().cells) == names
    assert (
        len({configuration for table in TABLES.values() for configuration in table.values()}) == 18
    )


def test_hostile_text_is_only_text_in_markdown() -> None:
    taken = [record(NEW, [0.1]), record(NEW, outcome="n/a", reason=HOSTILE, xla="on")]
    made = formats_2017.markdown(tables_2017.newest(rows(*taken, machine=HOSTILE)), False)
    assert "<script>" not in made.replace("\\<script\\>", "")
    lines = [line for line in made.splitlines() if line.startswith("|")]
    # Unescaped bars alone separate cells: the first, and two columns.
    assert {line.replace("\\|", "").count("|") for line in lines} == {3}
    assert len(lines) == 18 + 2 * 2


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_text_is_only_text_in_html() -> None:
    taken = [record(NEW, [0.1]), record(NEW, outcome="n/a", reason=HOSTILE, xla="on")]
    page = _Page()
    page.feed(formats_2017.html(tables_2017.newest(rows(*taken, machine=HOSTILE)), True))
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) == 4  # in the heads of two tables, and twice in a note


def test_hostile_text_survives_csv_and_json() -> None:
    taken = [record(NEW, [0.1]), record(NEW, outcome="n/a", reason=HOSTILE, xla="on")]
    columns = tables_2017.newest(rows(*taken, machine=HOSTILE))
    read = list(csv.DictReader(flat(columns)))
    assert len(read) == 18
    assert {row["machine"] for row in read} == {HOSTILE}
    assert [row["why"] for row in read if row["why"]] == [HOSTILE]
    told = json.loads(formats_2017.as_json(columns, False))
    assert told["columns"][0]["machine"] == HOSTILE
    assert [cell["why"] for cell in told["cells"] if cell["why"]] == [HOSTILE]


def test_what_was_measured_in_another_state_of_the_machine_has_no_ratio() -> None:
    taken = [
        record(NEW, [0.1]),
        record(NEW, [0.2], xla="on"),
        record(NEW, [0.4], batch_norm="fused", cpus=1),
        record(KERAS, [0.8], backend="tensorflow", variables={"OMP_NUM_THREADS": "1"}),
    ]
    (column,) = tables_2017.newest(rows(*taken))
    apart = {name: cell for name, cell in column.cells.items() if cell.is_of_other_state}
    assert {name: cell.ms for name, cell in apart.items()} == {
        "TensorFlow NHWC, fused BN, no XLA": 400.0,
        "Keras (TensorFlow backend), NHWC": 800.0,
    }
    why = apart["TensorFlow NHWC, fused BN, no XLA"].why
    assert why == "not compared: measured with 1 CPU; the others with 2 CPUs"
    found = [tables_2017.ratios([column], title) for title in TABLES]
    without = {"TensorFlow NHWC, no XLA": 1.0, "TensorFlow NHWC, XLA": 2.0}
    assert found[0] == ("TensorFlow NHWC, no XLA", [without])
    assert found[1][1] == [{}]
    text = formats_2017.markdown([column], True)
    assert re.search(r"\| +400\.0 \(2\) \|", text)
    assert "measured with 1 CPU; the others" in text


def test_what_a_busy_machine_measured_says_so_in_each_format() -> None:
    busy = record(NEW, [0.4], batch_norm="fused", load_before=[9.0, 5.0, 3.0])
    (column,) = tables_2017.newest(rows(record(NEW, [0.1]), busy))
    why = "measured on a busy machine (a load of 9.0 where the process may use 2 CPUs)"
    text = formats_2017.markdown([column], False)
    assert re.search(r"\| +400\.0 \(1\) \|", text)
    assert f"1. tensorflow-2.21.0 on box, cpu-quick: {why}" in text
    assert why in formats_2017.html([column], False)
    assert [row["why"] for row in csv.DictReader(flat([column])) if row["ms"]] == ["", why]
    assert column.cells["TensorFlow NHWC, fused BN, no XLA"].compared_ms == 400.0


def test_columns_of_a_machine_in_different_states_say_in_which() -> None:
    taken = [record(OLD, [0.1]), record(NEW, [0.2], cpus=1)]
    named = [("TensorFlow", "tensorflow-1.0.0"), ("TensorFlow", "tensorflow-2.21.0")]
    columns = tables_2017.of_releases(rows(*taken), named)
    text = formats_2017.markdown(columns, False)
    assert "- box, cpu-quick, tensorflow-1.0.0: measured with 2 CPUs" in text
    assert "- box, cpu-quick, tensorflow-2.21.0: measured with 1 CPU" in text
    assert "measured with" not in formats_2017.markdown(columns[:1], False)
