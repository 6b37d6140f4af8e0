"""What the pages are told of chains: literal blocks of duets, and the data that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench.judging import chains
from vggbench.judging.evidence import gather
from vggbench.records import Record
from vggbench.report.lines import lines
from vggbench.report.pages import data
from vggbench.report.pages.asides import asides

from ...judging.duets import block_by_log
from . import literal
from .literal import APART, CATALOGUE, CHAINED, HISTORY, SHIPPED


def written(*taken: Record) -> dict[str, Any]:
    """The data of TensorFlow's line."""
    found = [
        chain for chain in chains.of_machine(gather("box", taken, CATALOGUE)) if chain.has_levels
    ]
    aside = [one for one in asides("box", taken, CATALOGUE) if one.line.track == "tensorflow"]
    drawn, _ = lines("box", taken, CATALOGUE, also=[one.line for one in aside])
    (line,) = (line for line in drawn if line.track == "tensorflow")
    return data.of_line(line, (), found, aside)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return literal.checkout(tmp_path / "checkout")


def published(folder: Path, *taken: Record) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the index says of TensorFlow's line, and the data of the line."""
    html_dir = folder.parent / "html"
    literal.write_records(folder, list(taken))
    literal.write_pages(folder, html_dir)
    (told,) = (
        line for line in literal.read(html_dir, "index")["lines"] if line["track"] == "tensorflow"
    )
    return told, literal.read(html_dir, told["id"])


def test_a_chain_is_written_with_its_levels_and_loops() -> None:
    told = written(*HISTORY, *CHAINED)
    step, first_step, peak_memory = told["chains"]
    assert [chain["measure"] for chain in told["chains"]] == ["step", "first_step", "peak_memory"]
    assert told["configurations"][step["c"]] == ["NHWC", "none", "off"]
    (part,) = step["parts"]
    assert part["base"] == SHIPPED[0]
    assert part["levels"][SHIPPED[0]] == [1, 1, 1]
    ratio, low, high = part["levels"][SHIPPED[1]]
    assert ratio == pytest.approx(1.02, abs=0.002)
    assert 1 < low < ratio < high < 1.03
    (loop,) = step["loops"]
    assert loop["through"] == [*SHIPPED[:3]]
    assert not loop["misfits"]
    assert loop["misfit"][1] < 1 < loop["misfit"][2]
    assert step["left_out"] == []
    assert (first_step["c"], peak_memory["c"]) == (step["c"], step["c"])


def test_components_stay_apart_and_what_is_left_out_is_told() -> None:
    told = written(*APART, *block_by_log(SHIPPED[0], SHIPPED[1]))
    step = [one for one in told["chains"] if one["measure"] == "step"]
    bases = [[part["base"] for part in one["parts"]] for one in step]
    assert bases == [["tensorflow-2.10.1", SHIPPED[1]], [SHIPPED[0]]]
    assert [chain["left_out"] for chain in step] == [
        [{"before": SHIPPED[0], "after": SHIPPED[1], "blocks": 1}],
        [],
    ]


def test_without_a_chain_a_line_is_written_as_ever(folder: Path) -> None:
    _, without = published(folder, *HISTORY)
    _, few = published(folder, *HISTORY, *block_by_log(SHIPPED[0], SHIPPED[1]))
    assert "chains" not in without
    assert few == without


def test_a_line_that_only_duets_measured_is_there(folder: Path) -> None:
    told, line = published(folder, *CHAINED)
    assert (told["numbers"], told["newest"]) == (0, SHIPPED[2])
    assert told["measures"] == ["step", "first_step", "peak_memory"]
    assert (line["cells"], line["configurations"]) == ([], [["NHWC", "none", "off"]])
    assert len(line["chains"]) == 3


def test_blocks_that_come_make_what_is_kept_anew(folder: Path) -> None:
    _, before = published(folder, *HISTORY)
    _, after = published(folder, *CHAINED)
    assert "chains" not in before
    assert len(after["chains"]) == 3
    # What duets measured is in no figure of a process by itself.
    assert [cell.get("estimates") for cell in after["cells"]] == [
        cell.get("estimates") for cell in before["cells"]
    ]


def test_chains_need_no_file_of_acknowledged_regressions(folder: Path) -> None:
    (folder / "acknowledged.toml").write_text("not TOML")
    _, line = published(folder, *HISTORY, *CHAINED)
    assert len(line["chains"]) == 3
