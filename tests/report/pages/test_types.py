"""The types that the scripts are checked with name the keys that Python writes, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vggbench.report.pages import site

from . import literal
from .literal import CHAINED, HISTORY, SHIPPED, TWO_DAYS, record

TYPES = (site.HERE / "types.d.ts").read_text()

#: An interface: its name, the one that it extends, and its text.
INTERFACE = re.compile(r"^export interface (\w+)(?: extends (\w+))? \{\n(.*?)^\}", re.M | re.S)

#: A key of an interface, and whether it may be missing.
KEY = re.compile(r"^  (\w+)(\?)?:", re.M)

INTERFACES = {name: (parent, text) for name, parent, text in INTERFACE.findall(TYPES)}


def keys_of(interface: str) -> tuple[set[str], set[str]]:
    """Those that are always there, and those that may be."""
    parent, text = INTERFACES[interface]
    always, maybe = keys_of(parent) if parent else (set(), set())
    for name, optional in KEY.findall(text):
        (maybe if optional else always).add(name)
    return always, maybe - always


@pytest.fixture
def html_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    aside = record(SHIPPED[0], "NCHW none on", purpose="duet")
    literal.write_records(folder, [*HISTORY, *CHAINED, aside, record("tensorflow-0.12.0")])
    literal.write_records(folder, TWO_DAYS, "other")
    literal.write_records(folder, HISTORY, "third")
    literal.write_pages(folder, tmp_path / "html")
    return tmp_path / "html"


def of_line(line: Any) -> Iterator[tuple[str, Any]]:
    yield "Line", line
    for cell in line["cells"]:
        yield "Cell", cell
        yield from (("Brief", one) for one in cell.get("verdicts", {}).values())
    yield from (("Aside", one) for one in line["asides"])
    yield from (("Headlines", one) for one in line["headlines"].values())
    for chain in line.get("chains", ()):
        yield "Chain", chain
        yield from (("Loop", loop) for loop in chain["loops"])


def of_across(across: Any) -> Iterator[tuple[str, Any]]:
    yield "Across", across
    for beside in across["verdicts"]:
        yield "Beside", beside
        yield from (("OnMachine", one) for one in beside["machines"])


def written(html_dir: Path) -> Iterator[tuple[str, Any]]:
    """Each object of the data, with the name of its interface."""
    index = literal.read(html_dir, "index")
    yield "Index", index
    for track in index["tracks"]:
        yield "Track", track
        yield from (("Release", one) for one in track["releases"])
        releases = literal.read(html_dir, f"releases-{track['name']}")
        yield "Releases", releases
        for release in releases["releases"].values():
            yield "Locks", release
            yield from (("Lock", one) for one in release["locks"].values())
    for interface, key in (("Machine", "machines"), ("Measure", "measures")):
        yield from ((interface, one) for one in index[key])
    yield from (("Profile", one) for one in index["profiles"].values())
    yield from (("LeftOut", one) for one in index["left_out"])
    for listed in index["lines"]:
        yield "ListedLine", listed
        yield from of_line(literal.read(html_dir, listed["id"]))
        choices = literal.read(html_dir, f"{listed['id']}-choices")
        yield "Choices", choices
        yield from (("Choice", one) for own in choices["releases"].values() for one in own)
        verdicts = literal.read(html_dir, f"{listed['id']}-verdicts")
        yield "Verdicts", verdicts
        yield from (("Told", one) for one in verdicts["verdicts"])
        yield from (("LineChange", one) for one in verdicts["changes"])
        yield from of_across(literal.read(html_dir, f"{listed['id']}-across"))
    machines = literal.read(html_dir, "machines")
    yield "Machines", machines
    for machine in machines["machines"]:
        yield "ToldMachine", machine
        yield from (("MachineNoise", one) for one in machine["noise"])
        yield from (("MachineRow", one) for one in machine["measured"])
    params = literal.read(html_dir, "params")
    yield "Params", params
    yield from (("Param", one) for own in params["frameworks"].values() for one in own)
    seed = literal.read(html_dir, "seed")
    yield "Seed", seed
    for table in seed["tables"]:
        yield "SeedTable", table
        yield from (("ReportedRow", one) for one in table["rows"])
        yield from (("SeedRow", one) for one in table["later"])


def test_the_types_name_the_keys_that_are_written(html_dir: Path) -> None:
    seen = set()
    for interface, value in written(html_dir):
        always, maybe = keys_of(interface)
        assert always <= value.keys() <= always | maybe, interface
        seen.add(interface)
    # All that stands in the files has been seen, but for what no literal record shows.
    of_files, _, _ = TYPES.partition("// -- what the scripts hand to one another")
    assert {name for name, *_ in INTERFACE.findall(of_files)} - seen <= {"Drawn", "LineChange"}
