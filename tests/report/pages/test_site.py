"""What is written into the published folder: files, their names, and what is in them."""

from __future__ import annotations

import concurrent.futures
import html
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggbench.checkout import Checkout
from vggbench.releases.catalogue import Catalogue
from vggbench.report import pages
from vggbench.report.pages import data, site

from ...records.factory import sitting_line
from . import literal
from .literal import HISTORY, SHIPPED, record

#: Machines, releases, reasons and texts that want out of their place.
HOSTILE = "<img src=x onerror=alert(1)>&\"'</script>../../../etc"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return literal.checkout(tmp_path / "checkout")


def lines_of(html_dir: Path) -> list[Any]:
    return [literal.read(html_dir, line["id"]) for line in literal.read(html_dir, "index")["lines"]]


def test_every_page_and_what_it_reads_is_written(folder: Path, tmp_path: Path) -> None:
    literal.write_records(folder, HISTORY)
    assert literal.write_pages(folder, tmp_path / "html") == []
    for name, title, _ in site.PAGES:
        page = (tmp_path / "html" / f"{name}.html").read_text()
        assert f"<title>{title} · vggbench</title>" in page
        assert (tmp_path / "html" / "pages" / f"{name}.js").is_file()
    index = literal.read(tmp_path / "html", "index")
    assert [track["name"] for track in index["tracks"]] == ["tensorflow", "keras", "theano"]
    assert [track["title"] for track in index["tracks"]] == ["TensorFlow", "Keras", "Theano"]
    assert [line["track"] for line in index["lines"]] == ["keras", "tensorflow"]
    keras, tensorflow = lines_of(tmp_path / "html")
    assert keras["cells"][0]["estimates"]["step"] == [0.502, 0.5, 0.504, 3]
    told = {
        (cell["release"], tuple(tensorflow["configurations"][cell["c"]])): cell
        for cell in tensorflow["cells"]
    }
    without = told[SHIPPED[0], ("NHWC", "none", "on")]
    assert (without["outcome"], tensorflow["whys"][without["why"]]) == (
        "n/a",
        "the wheel has no XLA",
    )


def test_a_pre_release_is_told_to_be_superseded_and_a_release_to_be_gone(
    folder: Path, tmp_path: Path
) -> None:
    before = Catalogue(folder / "releases")
    final = before.tracks["tensorflow"].releases[-1]
    candidate = f"{final.version.rpartition('.')[0]}.0rc0"
    before.write(replace(final, version=candidate, gone="2026-10-01", locks={}))
    literal.write_records(folder, HISTORY)
    assert literal.write_pages(folder, tmp_path / "html") == []
    (track, *_) = literal.read(tmp_path / "html", "index")["tracks"]
    told = {release["version"]: release for release in track["releases"]}
    assert told[candidate]["superseded"] is True
    assert told[candidate]["gone"] == "2026-10-01"
    assert not {"superseded", "gone"} & told[final.version].keys()


def test_a_page_asks_at_once_for_all_scripts_that_it_will_import(
    folder: Path, tmp_path: Path
) -> None:
    shared = {"badges", "choice", "controls", "data", "elements", "figures", "links", "lists"}
    shared |= {"page", "params", "tables"}
    of_the_chart = {"axes", "chain", "chart", "lanes", "looks", "marks", "plan", "tip"}
    of_history = {"card", "headlines", "keyboard", "legend", "listing", "picker", "picture"}
    expected = {
        **{name: shared for name, _, _ in site.PAGES},
        "index": shared | {"across"} | of_history | of_the_chart,
        "verdicts": shared | {"across"},
        "machines": shared - {"controls", "links"},
    }
    literal.write_pages(folder, tmp_path / "html")
    for name, _, _ in site.PAGES:
        page = (tmp_path / "html" / f"{name}.html").read_text()
        asked = re.findall('"modulepreload" href="pages/(.*).js"', page)
        assert asked == sorted(expected[name])


def test_pages_open_on_this_machine_else_on_that_with_most_numbers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    literal.write_records(folder, HISTORY[:1], machine="a-little")
    literal.write_records(folder, HISTORY, machine="much")
    literal.write_records(folder, HISTORY[:1], machine="mine")

    def offered() -> list[str]:
        literal.write_pages(folder, tmp_path / "html")
        index = literal.read(tmp_path / "html", "index")
        names = [machine["name"] for machine in index["machines"]]
        assert list(dict.fromkeys(line["machine"] for line in index["lines"])) == names
        return names

    assert offered() == ["much", "a-little", "mine"]
    monkeypatch.setattr(Checkout, "machine", lambda self: "mine")
    assert offered() == ["mine", "much", "a-little"]


def test_the_page_of_machines_has_each_machine_that_has_records(
    folder: Path, tmp_path: Path
) -> None:
    literal.write_records(folder, HISTORY, machine="box")
    literal.write_records(folder, HISTORY[:1], machine="a-little")
    (folder / "results" / "empty" / "records").mkdir(parents=True)
    asv = {"cpu": "A CPU", "num_cpu": "2", "ram": "8000000000", "os": "Linux 6.1"}
    (folder / "results" / "box" / "machine.json").write_text(json.dumps(asv))
    literal.write_pages(folder, tmp_path / "html")
    told = literal.read(tmp_path / "html", "machines")["machines"]
    assert [machine["name"] for machine in told] == ["box", "a-little"]
    assert [machine["asv"] for machine in told] == [asv, {}]
    assert [row["track"] for row in told[0]["measured"]] == ["keras", "tensorflow"]


def test_a_processor_that_no_record_names_is_that_of_the_last_sitting(
    folder: Path, tmp_path: Path
) -> None:
    def processors() -> list[str]:
        literal.write_pages(folder, tmp_path / "html")
        (machine,) = literal.read(tmp_path / "html", "machines")["machines"]
        found: list[str] = machine["processor"]
        return found

    literal.write_records(folder, HISTORY)
    sittings = folder / "results" / "box" / "sessions.jsonl"
    assert processors() == []
    sittings.write_text(sitting_line({"model name": "The Sitting's"}))
    assert processors() == ["The Sitting's ()"]
    literal.write_records(folder, [*HISTORY, record(processor={"model name": "The Record's"})])
    assert processors() == ["The Record's ()"]
    literal.write_records(folder, HISTORY)
    sittings.write_text("{")
    assert processors() == []


def test_pages_are_the_same_at_each_publish(folder: Path, tmp_path: Path) -> None:
    literal.write_records(folder, HISTORY)
    literal.write_records(folder, HISTORY, machine="other")

    def files() -> dict[str, bytes]:
        literal.write_pages(folder, tmp_path / "html")
        found = [path for path in (tmp_path / "html").rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in found}

    first = files()
    shutil.rmtree(folder / ".asv")  # nothing is kept
    assert files() == first


def test_pages_allow_no_script_and_no_host_but_their_own(folder: Path, tmp_path: Path) -> None:
    literal.write_pages(folder, tmp_path / "html")
    for name, _, _ in site.PAGES:
        page = html.unescape((tmp_path / "html" / f"{name}.html").read_text())
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in page
        assert "unsafe" not in page
        assert "http://" not in page
        assert "https://" not in page
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page


def test_a_track_without_results_and_no_results_at_all_are_no_fault(
    folder: Path, tmp_path: Path
) -> None:
    assert literal.write_pages(folder, tmp_path / "html") == []
    index = literal.read(tmp_path / "html", "index")
    assert (index["lines"], index["machines"], len(index["tracks"])) == ([], [], 3)


def test_records_of_a_release_that_is_gone_are_told_and_listed(
    folder: Path, tmp_path: Path
) -> None:
    literal.write_records(folder, [*HISTORY, record("tensorflow-0.12.0")])
    (line,) = literal.write_pages(folder, tmp_path / "html")
    assert "tensorflow-0.12.0" in line
    assert "not on a track" in line
    assert literal.read(tmp_path / "html", "index")["left_out"] == [
        {
            "machine": "box",
            "release": "tensorflow-0.12.0",
            "why": "not on a track, or of another build number",
            "records": 1,
        }
    ]


def test_results_without_samples_are_failed(folder: Path, tmp_path: Path) -> None:
    literal.write_records(folder, [record(samples=[])])
    literal.write_pages(folder, tmp_path / "html")
    (line,) = lines_of(tmp_path / "html")
    assert [cell["outcome"] for cell in line["cells"]] == ["failed"]


@pytest.mark.parametrize(
    "parts", [("..",), ("../../x",), ("/etc/passwd",), ("a\0b",), ("",), (".",), ("ä" * 300,)]
)
def test_names_of_files_stay_in_their_folder(parts: tuple[str, ...]) -> None:
    name = data.file_name(*parts)
    assert os.path.basename(name) == name
    assert not name.startswith(".")
    assert len(name) < 200


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_distinct_parts_have_distinct_names_that_any_file_system_takes(
    parts: list[str], others: list[str]
) -> None:
    name, other = data.file_name(*parts), data.file_name(*others)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert (name == other) == ("\0".join(parts) == "\0".join(others))


def test_hostile_text_stays_text_and_writes_nothing_outside(folder: Path, tmp_path: Path) -> None:
    machine = HOSTILE.replace("/", "_")
    literal.write_records(
        folder,
        [
            *HISTORY,
            record(outcome="failed", error=HOSTILE, words="NHWC none on"),
            record("tensorflow-" + HOSTILE),
            record(configuration={HOSTILE: HOSTILE}),
        ],
        machine,
    )
    (folder / "results" / machine / "machine.json").write_text(json.dumps({"cpu": HOSTILE}))
    ours = (tmp_path / "html", folder / ".asv")

    def elsewhere() -> set[Path]:
        found = tmp_path.rglob("*")
        return {path for path in found if not any(path.is_relative_to(one) for one in ours)}

    before = elsewhere()
    literal.write_pages(folder, tmp_path / "html")
    assert elsewhere() == before
    names = {path.name for path in (tmp_path / "html" / "data").iterdir()}
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-") for name in names)
    index = literal.read(tmp_path / "html", "index")
    assert index["machines"] == [{"name": machine, "facts": {"cpu": HOSTILE}}]


def test_a_machine_json_that_is_none_costs_its_facts_alone(folder: Path, tmp_path: Path) -> None:
    literal.write_records(folder, HISTORY)
    (folder / "results" / "box" / "machine.json").write_text("[1, 2")
    literal.write_pages(folder, tmp_path / "html")
    assert literal.read(tmp_path / "html", "index")["machines"] == [{"name": "box", "facts": {}}]


def test_a_folder_that_cannot_be_written_to_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "html").write_text("a file")
    with pytest.raises(pages.PagesError) as told:
        pages.write(tmp_path / "html", literal.source(folder), print)
    assert str(tmp_path / "html") in str(told.value)
    assert "asv publish" in str(told.value)


def test_writing_again_replaces_whole_files_and_leaves_nothing_aside(
    folder: Path, tmp_path: Path
) -> None:
    literal.write_records(folder, HISTORY)
    for _ in range(2):
        literal.write_pages(folder, tmp_path / "html")
    assert list((tmp_path / "html").rglob("*.new")) == []


def test_two_publishes_at_the_same_time_leave_whole_files(folder: Path, tmp_path: Path) -> None:
    literal.write_records(folder, HISTORY)
    source = literal.source(folder)
    (tmp_path / "html").mkdir()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(pages.write, tmp_path / "html", source, print) for _ in range(8)]
        assert [run.result() for run in runs] == [None] * 8
    assert len(lines_of(tmp_path / "html")) == 2
    assert list((tmp_path / "html").rglob("*.new")) == []


def test_the_tables_rows_and_reported_figures_are_those_of_the_command(
    folder: Path, tmp_path: Path
) -> None:
    from vggbench.report import tables_2017

    literal.write_pages(folder, tmp_path / "html")
    seed = literal.read(tmp_path / "html", "seed")
    assert [table["title"] for table in seed["tables"]] == list(tables_2017.TABLES)
    reported = {
        row["name"]: row["reported_ms"] for table in seed["tables"] for row in table["rows"]
    }
    assert reported == {n: c.ms for n, c in tables_2017.reference().cells.items()}
