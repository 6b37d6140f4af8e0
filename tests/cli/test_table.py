"""vggbench table on a checkout with the shipped releases and literal records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggbench import cli, records

from ..real import ROOT
from ..records import factory


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which "box" has measured two releases, and "other" one, in two profiles."""
    conf = {"version": 1, "repo": str(ROOT / "releases"), "dvcs": "releases"}
    (tmp_path / "asv.conf.json").write_text(json.dumps({**conf, "results_dir": "results"}))
    monkeypatch.chdir(tmp_path)
    for machine, name, profile, seconds in (
        ("box", "tensorflow-1.15.5", "cpu-quick", 0.4),
        ("box", "tensorflow-2.21.0", "cpu-quick", 0.2),
        ("other", "tensorflow-2.21.0", "cpu-quick", 0.3),
        ("other", "tensorflow-2.21.0", "cpu-paper", 3.0),
    ):
        path = records.folder(tmp_path / "results", machine) / "run.jsonl"
        records.append(path, factory.record(name, profile=profile, samples=[seconds]))
    return tmp_path


def cells(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[tuple[str, str, str, float]]:
    """(machine, profile, release, ms) of the cells of one row that have a time."""
    assert cli.main(["table", "--format", "json", *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    return [
        (cell["machine"], cell["profile"], cell["release"], cell["ms"])
        for cell in told["cells"]
        if cell["ms"] is not None and cell["row"] == "TensorFlow NHWC, no XLA"
    ]


def test_a_machine_has_a_column_for_each_profile_with_its_newest_release(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cells(capsys, "--machine", "box", "other") == [
        ("box", "cpu-quick", "tensorflow-2.21.0", 200.0),
        ("other", "cpu-paper", "tensorflow-2.21.0", 3000.0),
        ("other", "cpu-quick", "tensorflow-2.21.0", 300.0),
    ]
    assert cells(capsys, "--machine", "other", "--profile", "cpu-paper") == [
        ("other", "cpu-paper", "tensorflow-2.21.0", 3000.0)
    ]


def test_releases_have_a_column_each(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--machine", "box", "--release", "tensorflow-1.15.5", "tensorflow>=2.20")
    assert cells(capsys, *arguments) == [
        ("box", "cpu-quick", "tensorflow-1.15.5", 400.0),
        ("box", "cpu-quick", "tensorflow-2.21.0", 200.0),
    ]


def test_the_reference_stands_beside_what_was_measured(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["table", "--machine", "box", "--reference"]) == 0
    shown = capsys.readouterr().out
    assert "box, cpu-quick, tensorflow-2.21.0" in shown
    assert "Titan X (Maxwell), reported in 2017, not measured here" in shown
    (row,) = [line for line in shown.splitlines() if line.startswith("| TensorFlow NHWC, no XLA")]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["200.0", "1.00", "365.122", "1.00"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--machine", "nobody"), "nothing of this is on record for nobody (there are records of"),
        (("--machine", "box", "--profile", "gpu-paper"), "nothing of this is on record for box"),
        (("--machine", "box", "--profile", "tpu"), "--profile tpu: unknown profile"),
        (("--machine", "box", "--release", "tensorflow-9"), "no such release on the track"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    checkout: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert cli.main(["table", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert said in captured.err
