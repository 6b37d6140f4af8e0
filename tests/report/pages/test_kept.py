"""What is kept of a machine, and what makes it be made anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from vggbench.asv_plugin import publish
from vggbench.report.pages import kept, verdicts
from vggbench.report.pages.kept import OfMachine

from . import literal
from .literal import HISTORY, record

ACCEPTED = """
[[acknowledged]]
track = "tensorflow"
release = "2.16.2"
configuration = "all"
reason = "the new kernel is exact"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    literal.write_records(folder, [*HISTORY, record("tensorflow-0.12.0")])
    return folder


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The machines that are judged while the test runs, one entry each time."""
    machines: list[str] = []
    judge = verdicts.judge

    def counting(machine: str, *more: Any, **named: Any) -> Any:
        machines.append(machine)
        return judge(machine, *more, **named)

    monkeypatch.setattr(verdicts, "judge", counting)
    return machines


def texts(html_dir: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (html_dir / "data").iterdir()}


def test_what_is_kept_makes_the_same_pages_and_the_same_complaints(
    folder: Path, tmp_path: Path, judged: list[str]
) -> None:
    first = literal.write_pages(folder, tmp_path / "one")
    assert literal.write_pages(folder, tmp_path / "other") == first != []
    assert judged == ["box"]
    assert texts(tmp_path / "one") == texts(tmp_path / "other")


def test_a_change_of_what_it_follows_from_makes_it_anew(
    folder: Path, tmp_path: Path, judged: list[str]
) -> None:
    html_dir = tmp_path / "html"
    literal.write_pages(folder, html_dir)
    (records,) = (folder / "results" / "box" / "records").iterdir()
    os.utime(records, ns=(1, 1))
    literal.write_pages(folder, html_dir)
    assert judged == ["box"] * 2
    (folder / "acknowledged.toml").write_text(ACCEPTED)
    literal.write_pages(folder, html_dir)
    assert judged == ["box"] * 3
    (folder / "releases" / "tensorflow" / "2.15.1.json").unlink()
    literal.write_pages(folder, html_dir)
    assert judged == ["box"] * 4
    literal.write_records(folder, HISTORY, "other")
    literal.write_pages(folder, html_dir)
    assert judged == ["box"] * 4 + ["other"]


#: Publishes, and says what was imported for it.
PUBLISH = """
import sys
from pathlib import Path
from vggbench.asv_plugin import publish
from vggbench.checkout import Checkout
from vggbench.records import Record
from vggbench.report import pages

def from_json(value):
    raise AssertionError("a record was parsed")

Record.from_json = from_json
pages.write(Path(sys.argv[2]), publish.source(Checkout(sys.argv[1])), print)
print("scipy" in sys.modules)
"""


def test_what_is_kept_is_published_without_scipy_and_without_a_look_at_records(
    folder: Path, tmp_path: Path
) -> None:
    told = literal.write_pages(folder, tmp_path / "one")
    (tmp_path / "other").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PUBLISH, str(folder / "asv.conf.json"), str(tmp_path / "other")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [*told, "False"], done.stderr
    assert texts(tmp_path / "one") == texts(tmp_path / "other")


def test_publishing_holds_the_files_of_one_machine_at_a_time(folder: Path, tmp_path: Path) -> None:
    machines, size = [f"machine-{number}" for number in range(20)], 1_000_000
    for machine in machines:
        literal.write_records(folder, HISTORY[:1], machine)
    literal.write_pages(folder, tmp_path / "first")  # what it loads once does not count below
    source, code = literal.source(folder), kept.digest_of_code()
    for machine in machines:
        made = OfMachine(files={f"{machine}.json": "x" * size})
        kept.save(source.kept_dir, machine, kept.key(source, machine, code), made)
    tracemalloc.start()
    try:
        literal.write_pages(folder, tmp_path / "second")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    written = [(tmp_path / "second" / "data" / f"{name}.json").stat().st_size for name in machines]
    assert written == [size] * len(machines)
    assert most < len(machines) * size / 2


@pytest.mark.parametrize("content", ["", "[]", "{", '{"key": 1}', '{"files": 1}', "[" * 100_000])
def test_what_is_kept_and_broken_is_made_anew(
    folder: Path, tmp_path: Path, judged: list[str], content: str
) -> None:
    literal.write_pages(folder, tmp_path / "one")
    (file,) = (folder / ".asv" / "env" / publish.KEPT).iterdir()
    file.write_text(content)
    literal.write_pages(folder, tmp_path / "other")
    assert judged == ["box"] * 2
    assert texts(tmp_path / "one") == texts(tmp_path / "other")


@pytest.mark.parametrize("name", ["runs/variables.py", "releases/catalogue.py", "a_new_room/of.py"])
def test_a_change_of_any_code_makes_the_pages_anew(
    folder: Path, tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    package = tmp_path / "package"
    shutil.copytree(kept.PACKAGE, package)
    monkeypatch.setattr(kept, "PACKAGE", package)
    literal.write_pages(folder, tmp_path / "html")
    (package / name).parent.mkdir(exist_ok=True)
    with (package / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    literal.write_pages(folder, tmp_path / "html")
    assert judged == ["box"] * 2
