"""The verdicts as pages show them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggbench.judging.acknowledged import Acknowledged
from vggbench.judging.line_changes import LineChange
from vggbench.report.lines import lines
from vggbench.report.pages import data, verdicts
from vggbench.report.pages.verdicts import PageVerdict

from ...judging.literal import verdict as literal_verdict
from ...records.factory import changed
from . import literal
from .literal import CATALOGUE, HISTORY, SHIPPED


def of_the_step(
    judged: verdicts.MachineVerdicts, release: str = SHIPPED[2]
) -> dict[str, PageVerdict]:
    return {
        " ".join(verdict.configuration.values()): verdict
        for verdict in judged.told
        if verdict.release == release and verdict.measure == "step"
    }


def test_a_slower_release_is_told_with_its_evidence() -> None:
    verdict = of_the_step(verdicts.judge("box", HISTORY, CATALOGUE))["NHWC none off"]
    assert (verdict.outcome, verdict.against) == ("regressed", SHIPPED[1])
    # The level before is judged from older releases too, of which there is one at 0.2 s.
    assert verdict.ratio is not None
    assert verdict.low is not None
    assert verdict.high is not None
    assert 0.29 / 0.21 < verdict.ratio < 0.32 / 0.20
    assert 1.2 < verdict.low < verdict.ratio < verdict.high < 1.8
    assert (verdict.profile, verdict.track, verdict.family) == (
        "cpu-quick",
        "tensorflow",
        "train_step.TensorFlow",
    )
    notes = "\n".join(verdict.notes)
    assert "tensorflow-2.15.1: 210 ms, the median of 3 processes in one session" in notes
    assert "with 9 samples: 300, 306, 294" in notes
    assert "Keras 2.15.0 → 3.4.1" in notes
    assert "noise:" in notes


def test_memory_growth_is_told_with_its_difference_and_each_process() -> None:
    grown = [
        changed(process, memory_growth_per_step_bytes=1e9 if process.release == SHIPPED[2] else 0.0)
        for process in HISTORY
    ]
    found = [
        verdict
        for verdict in verdicts.judge("box", grown, CATALOGUE).told
        if verdict.measure == "memory_growth" and verdict.release == SHIPPED[2]
    ]
    told = {" ".join(verdict.configuration.values()): verdict for verdict in found}
    verdict = told["NHWC none off"]
    assert (verdict.outcome, verdict.against) == ("regressed", SHIPPED[1])
    assert (verdict.ratio, verdict.difference) == (None, (1e9, 1e9, 1e9))
    assert f"{SHIPPED[1]}: 0.0 (0.0 to 0.0) kB a step, the mean of 3 processes" in verdict.notes[1]
    assert "may be settling, over 3 steps" in verdict.notes[-1]
    (line,) = (line for line in lines("box", grown, CATALOGUE)[0] if line.track == "tensorflow")
    brief = [
        cell["verdicts"]["memory_growth"]
        for cell in data.of_line(line, found)["cells"]
        if "verdicts" in cell
    ]
    assert {"outcome": "regressed", "against": SHIPPED[1], "difference": [1e9, 1e9, 1e9]} in brief


def test_what_is_new_or_failed_has_no_ratio_but_its_reason() -> None:
    judged = verdicts.judge("box", HISTORY, CATALOGUE)
    new = of_the_step(judged, SHIPPED[1])["NHWC none on"]
    assert (new.outcome, new.ratio) == ("new", None)
    assert "the wheel has no XLA" in new.notes[0]


def test_a_change_that_is_seen_and_not_sure_says_so() -> None:
    seen = literal_verdict(1.05, 1.01, 1.09, outcome="not sure")
    assert verdicts.page_verdict(seen).notes[0].startswith("seen, not yet sure: ")
    busy = literal_verdict(1.05, 1.01, 1.09, outcome="not sure", why="on a busy machine")
    assert verdicts.page_verdict(busy).notes[0] == "on a busy machine"
    none = literal_verdict(1.05, 0.99, 1.11, outcome="not sure")
    assert verdicts.page_verdict(none).notes == ()


def test_an_acknowledged_regression_has_its_reason() -> None:
    accepted = [Acknowledged("tensorflow", SHIPPED[2], "all", "Keras 3")]
    verdict = of_the_step(verdicts.judge("box", HISTORY, CATALOGUE, accepted))["NHWC none off"]
    assert (verdict.outcome, verdict.acknowledged) == ("regressed", "Keras 3")


def test_a_wrong_acknowledged_toml_is_why_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = literal.checkout(tmp_path / "checkout")
    literal.write_records(folder, HISTORY)
    (folder / "acknowledged.toml").write_text("[[")
    (line, *_) = literal.write_pages(folder, tmp_path / "html")
    assert "acknowledged.toml" in line
    told = [
        json.loads(path.read_text())
        for path in (tmp_path / "html" / "data").glob("*-verdicts.json")
    ]
    assert all(line["verdicts"] == [] for line in told)
    assert all("acknowledged.toml" in line["why_none"] for line in told)
    assert told


def test_a_change_over_the_line_stands_in_the_data_with_its_configuration() -> None:
    (line,) = (line for line in lines("box", HISTORY, CATALOGUE)[0] if line.track == "tensorflow")
    found = LineChange(
        machine="box",
        profile="cpu-quick",
        track="tensorflow",
        benchmark="train_step.TensorFlow.time_train_step",
        configuration={"xla": "on", "batch_norm": "none", "data_format": "NHWC"},
        measure="step",
        kind="recovered",
        before=SHIPPED[0],
        first=SHIPPED[1],
        last=SHIPPED[1],
        ratio=1.2,
        low=1.1,
        high=1.3,
    )
    (told,) = data.of_verdicts(line, [], [found], None)["changes"]
    assert line.configurations[told["c"]] == ("NHWC", "none", "on")
    assert (told["kind"], told["first"], told["ratio"]) == (
        "recovered",
        SHIPPED[1],
        [1.2, 1.1, 1.3],
    )
