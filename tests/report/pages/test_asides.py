"""What the pages' data say of what duets have measured, and no run of asv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench.records import APART as FOR_ONE_COMMAND
from vggbench.records import Record
from vggbench.report.pages.asides import asides

from ...judging.duets import block, blocks
from ...records.factory import changed
from . import literal
from .literal import CATALOGUE, HISTORY, SHIPPED, SLOWER, record

#: HISTORY without its last release of TensorFlow.
OLDER = [one for one in HISTORY if one.release != SHIPPED[2]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return literal.checkout(tmp_path / "checkout")


def written(folder: Path, *taken: Record) -> dict[str, Any]:
    """The data of TensorFlow's line."""
    html_dir = folder.parent / "html"
    literal.write_records(folder, list(taken))
    literal.write_pages(folder, html_dir)
    (told,) = (
        line for line in literal.read(html_dir, "index")["lines"] if line["track"] == "tensorflow"
    )
    found: dict[str, Any] = literal.read(html_dir, told["id"])
    return found


def outcomes(*taken: Record) -> list[tuple[str, str, str | None]]:
    return [(one.release, one.outcome, one.why) for one in asides("box", taken, CATALOGUE)]


def test_a_release_that_only_duets_have_measured_has_its_processes_and_verdicts(
    folder: Path,
) -> None:
    line = written(folder, *OLDER, *SLOWER)
    assert SHIPPED[2] not in {cell["release"] for cell in line["cells"]}
    (aside,) = line["asides"]
    assert (aside["release"], aside["outcome"]) == (SHIPPED[2], "ok")
    assert line["configurations"][aside["c"]] == ["NHWC", "none", "off"]
    # Six blocks are twelve duets, in each of which it has a process.
    assert (aside["in_duets"], aside["in_turns"]) == (12, 0)
    told = aside["verdicts"]["step"]
    assert (told["outcome"], told["against"]) == ("regressed", SHIPPED[1])
    assert told["ratio"][0] == pytest.approx(1.221, abs=0.01)


def test_what_a_run_of_asv_has_measured_too_has_its_verdict_on_its_cell_alone(
    folder: Path,
) -> None:
    line = written(folder, *HISTORY, *SLOWER)
    assert line["asides"] == []
    (cell,) = (cell for cell in line["cells"] if (cell["release"], cell["c"]) == (SHIPPED[2], 0))
    assert cell["verdicts"]["step"]["outcome"] == "regressed"


def test_a_release_that_another_was_held_against_is_on_record_without_a_verdict(
    folder: Path,
) -> None:
    line = written(folder, *SLOWER)
    told = {aside["release"]: aside.get("verdicts", {}).keys() for aside in line["asides"]}
    assert list(told) == [SHIPPED[1], SHIPPED[2]]
    assert not told[SHIPPED[1]]
    assert "step" in told[SHIPPED[2]]


def test_blocks_that_are_too_few_for_a_level_make_a_line_with_their_verdict(folder: Path) -> None:
    line = written(folder, *blocks(SHIPPED[1], SHIPPED[2], 1.2, count=4))
    assert "chains" not in line
    assert (line["cells"], line["measures"], line["numbers"]) == ([], [], 0)
    assert line["newest"] == SHIPPED[2]
    assert line["asides"][-1]["verdicts"]["step"]["outcome"] == "regressed"
    assert line["headlines"]["step"]["largest"][0]["release"] == SHIPPED[2]


def test_a_configuration_that_only_duets_have_measured_is_one_of_the_lines(folder: Path) -> None:
    words = ("NCHW", "none", "on")
    assert list(words) not in written(folder, *HISTORY)["configurations"]
    line = written(folder, *HISTORY, *block(SHIPPED[1], SHIPPED[2], 1.0, words))
    assert {aside["c"] for aside in line["asides"]} == {line["configurations"].index(list(words))}


def test_processes_that_took_turns_are_told_from_those_of_duets() -> None:
    turns = record(SHIPPED[2], purpose="confirm", process_s=30.0)
    (first, second) = asides("box", [*SLOWER, turns, turns], CATALOGUE)
    assert (first.release, first.in_duets, first.in_turns) == (SHIPPED[1], 12, 0)
    assert (second.release, second.in_duets, second.in_turns) == (SHIPPED[2], 12, 2)


def test_what_could_not_be_measured_in_a_duet_says_so_and_why() -> None:
    unable = record(SHIPPED[0], purpose="duet", outcome="n/a", reason="the wheel\nhas no XLA")
    failed = record(SHIPPED[1], purpose="duet", outcome="failed", error="SIGSEGV after 2 s")
    assert outcomes(unable, failed) == [
        (SHIPPED[0], "n/a", "the wheel has no XLA"),
        (SHIPPED[1], "failed", "SIGSEGV after 2 s"),
    ]
    # What ran at another time is no failure.
    ran = record(SHIPPED[1], purpose="duet")
    assert outcomes(ran, failed) == [(SHIPPED[1], "ok", None)]


def test_what_a_run_of_asv_has_measured_is_no_aside_whatever_came_of_it() -> None:
    duet = record(SHIPPED[2], purpose="duet")
    failed = record(SHIPPED[2], outcome="failed", error="SIGSEGV after 2 s")
    another = record(SHIPPED[2], "NHWC none on")
    assert outcomes(duet, another) == [(SHIPPED[2], "ok", None)]
    assert outcomes(duet, failed) == []
    # A run of another protocol counts for nothing.
    older = changed(failed, benchmark_version="0")
    assert outcomes(duet, older) == [(SHIPPED[2], "ok", None)]


def test_runs_of_asv_variants_and_what_counts_for_one_command_alone_are_no_asides() -> None:
    measured = record(SHIPPED[2], purpose="duet")
    others = [
        record(SHIPPED[2]),
        changed(measured, variant="numpy==1.26.4"),
        changed(measured, machine="another"),
        changed(measured, outcome="interrupted"),
        *(changed(measured, purpose=purpose) for purpose in FOR_ONE_COMMAND),
    ]
    assert outcomes(*others) == []
