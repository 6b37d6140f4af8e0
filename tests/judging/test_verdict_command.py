"""``vggbench verdict`` on checkouts with literal records: what it prints, refuses and returns."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vggbench import cli, records
from vggbench.judging import verdicts
from vggbench.records import Record, Store
from vggbench.releases.catalogue import Catalogue

from ..records.factory import changed
from ..tiny import ROOT, Tiny
from .duets import blocks
from .literal import CONFIRM_NEWEST, LINE, MACHINE, NCHW, line, record
from .literal import measured as taken_of

NEWEST, BEFORE = LINE[-1], LINE[-2]

SLOWER = line(*[0.1] * 6, 0.112)
SAME = line(*[0.1] * 7)

#: The newest release grows by 200 MB in each step.
LEAKS = [
    changed(process, memory_growth_per_step_bytes=2e8 if process.release == NEWEST else 0.0)
    for process in SAME
]

ENTRY = {
    "track": "tensorflow",
    "release": "2.16.2",
    "configuration": "NHWC none off",
    "reason": "it is exact now",
}


class Said(NamedTuple):
    status: int
    out: str
    err: str


class Box:
    """A checkout with the shipped releases, and what a machine measured of them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.folder = folder
        self._capsys = capsys
        (folder / "releases").symlink_to(ROOT / "releases")
        shutil.copy(ROOT / "asv.conf.json", folder)

    def measure(self, taken: Sequence[Record], machine: str = MACHINE) -> None:
        for process in sorted(taken, key=lambda record: record.run):
            path = records.folder(self.folder / "results", machine) / f"{process.run}.jsonl"
            records.append(path, changed(process, machine=machine))

    def acknowledge(self, **entry: Any) -> None:
        lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
        self.acknowledged("\n".join(["[[acknowledged]]", *lines]))

    def acknowledged(self, text: str) -> None:
        (self.folder / "acknowledged.toml").write_text(text)

    def excluded(self, **entry: str) -> None:
        lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
        with (self.folder / "excluded.toml").open("a") as file:
            file.write("\n".join(["[[excluded]]", 'reason = "a fan"', *lines, ""]))

    def verdict(self, *arguments: str) -> Said:
        return self.asked("verdict", *arguments)

    def asked(self, command: str, *arguments: str) -> Said:
        config = str(self.folder / "asv.conf.json")
        try:
            status = cli.main(["--config", config, command, "--machine", MACHINE, *arguments])
        except SystemExit as err:
            status = int(str(err.code))
        return Said(status, *self._capsys.readouterr())


@pytest.fixture
def box(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.chdir(tmp_path)
    return Box(tmp_path, capsys)


def refused(said: Said) -> str:
    """The one line that says why nothing could be judged."""
    assert said.status == 2
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("vggbench: ")
    return line


# -- what is judged, and the exit status


def test_the_newest_measured_release_is_judged_against_the_one_before(box: Box) -> None:
    box.measure(SLOWER)
    said = box.verdict()
    assert said.status == 1
    assert said.err == ""
    assert said.out.splitlines()[0] == f"{NEWEST} against {BEFORE}, cpu-quick on box"
    (row,) = [row for row in said.out.splitlines() if "regressed" in row and "ms" in row]
    assert row.split()[:5] == ["NHWC", "none", "off", "regressed", "+11.9"]
    assert "what else changed:" in said.out


def test_nothing_that_regressed_is_status_0(box: Box) -> None:
    box.measure(SAME)
    assert box.verdict().status == 0
    assert box.verdict("tensorflow-2.15.1", "--against", "tensorflow-2.12.1").status == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_no_exit_status(box: Box, closed: str) -> None:
    box.measure(line(*[0.1] * 7))
    arguments = ["--config", str(box.folder / "asv.conf.json"), "verdict", "--machine", MACHINE]
    for more, status in (([], 0), (["--format", "json"], 0), (["no-such-release"], 2)):
        command = [sys.executable, "-m", "vggbench.cli", *arguments, *more]
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closed}', "sh", *command], capture_output=True, text=True
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr


def test_a_suspected_slow_down_or_a_failure_cannot_be_judged(box: Box) -> None:
    box.measure(line(*[0.1] * 6, 0.1018))
    said = box.verdict()
    assert said.status == 2
    assert f"to be sure: {CONFIRM_NEWEST}" in said.out
    box.measure([record(NEWEST, outcome="failed", error="SIGSEGV", words=NCHW, session=6)])
    assert "NCHW none off: SIGSEGV" in box.verdict().out


def test_another_threshold_makes_another_verdict(box: Box) -> None:
    box.measure(SLOWER)
    said = box.verdict("--threshold", "15%")
    assert said.status == 0
    assert "1 unchanged" in said.out


def test_all_judges_every_release_and_lists_what_recovered(box: Box) -> None:
    box.measure(line(0.1, 0.1, 0.1, 0.13, 0.1, 0.1, 0.1))
    said = box.verdict("--all", "--track", "tensorflow")
    assert said.status == 1
    assert f"{LINE[3]} against {LINE[2]}" in said.out
    assert "recovered: NHWC none off, step time: +30." in said.out
    assert f"in {LINE[3]}, taken back after it" in said.out


def test_an_improvement_that_did_not_last_is_taken_back(box: Box) -> None:
    box.measure(line(0.1, 0.1, 0.1, 0.07, 0.1, 0.1, 0.1))
    said = box.verdict("--all", "--track", "tensorflow")
    assert "recovered: NHWC none off, step time: -29." in said.out
    assert f"in {LINE[3]}, taken back after it" in said.out


def test_profiles_are_judged_by_themselves(box: Box) -> None:
    box.measure([*SAME, *line(*[0.1] * 6, 0.12, profile="cpu-paper")])
    assert box.verdict("--profile", "cpu-quick").status == 0
    assert box.verdict("--profile", "cpu-paper").status == 1
    both = box.verdict()
    assert both.status == 1
    assert "cpu-quick on box" in both.out
    assert "cpu-paper on box" in both.out


def test_other_machines_are_no_evidence(box: Box) -> None:
    box.measure(SAME)
    box.measure(SLOWER, machine="other")
    assert box.verdict().status == 0
    assert box.verdict("--machine", "other").status == 1


def test_json_has_the_documented_keys(box: Box) -> None:
    box.measure(SLOWER)
    said = box.verdict("--format", "json")
    told = json.loads(said.out)
    documented = (ROOT / "docs" / "verdicts.md").read_text()
    assert told["status"] == said.status == 1
    for key in [*told, *told["verdicts"][0], *told["verdicts"][0]["after"]]:
        assert f"`{key}`" in documented, key
    verdict = told["verdicts"][0]
    assert (verdict["words"], verdict["measure"], verdict["outcome"]) == (
        "NHWC none off",
        "step",
        "regressed",
    )


def test_json_of_what_duets_decided_has_the_documented_keys(box: Box) -> None:
    box.measure([*SLOWER, *blocks(BEFORE, NEWEST, 1.0)])
    verdict = json.loads(box.verdict("--format", "json").out)["verdicts"][0]
    documented = (ROOT / "docs" / "verdicts.md").read_text()
    for key in [*verdict, *verdict["noise"], *verdict["second_opinion"]]:
        assert f"`{key}`" in documented, key
    assert (verdict["decided_by"], verdict["blocks"], verdict["blocks_needed"]) == (
        "duets",
        6,
        None,
    )
    assert (verdict["outcome"], verdict["second_opinion"]["outcome"]) == ("unchanged", "regressed")


def test_blocks_are_counted_beside_their_processes_and_a_dispute_is_said(box: Box) -> None:
    box.measure([*SLOWER, *blocks(BEFORE, NEWEST, 1.0)])
    said = box.verdict()
    assert said.status == 0
    (row,) = [row for row in said.out.splitlines() if "unchanged" in row and "ms" in row]
    assert "12 + 12 (60 + 60), 6 blocks" in row
    assert "NHWC none off: processes by themselves say regressed: +11.9 %" in said.out


def test_a_machine_that_only_duets_have_measured_is_judged(box: Box) -> None:
    box.measure(blocks(BEFORE, NEWEST, 1.1))
    said = box.verdict()
    assert said.status == 1
    assert said.out.startswith(f"{NEWEST} against {BEFORE}, cpu-quick on box")
    assert box.verdict("--all").status == 1


def test_what_only_later_releases_were_held_against_is_told_how_it_is_judged(box: Box) -> None:
    box.measure(blocks(BEFORE, NEWEST, 1.1))
    said = box.verdict(BEFORE)
    assert said.status == 2
    (line,) = [line for line in said.err.splitlines() if line.startswith(f"vggbench: {BEFORE}: ")]
    assert f"measured on box in duets with {NEWEST} alone" in line
    assert line.endswith(f": VGGBENCH_PROFILE=cpu-quick vggbench confirm {BEFORE}")


def test_how_many_blocks_would_tell_is_said_of_what_is_not_sure(box: Box) -> None:
    box.measure(blocks(BEFORE, NEWEST, 1.025, count=3))
    said = box.verdict()
    assert said.status == 2
    (row,) = [row for row in said.out.splitlines() if "not sure" in row and "ms" in row]
    assert row.endswith("blocks")
    assert f"to be sure: {CONFIRM_NEWEST}" in said.out


def test_blocks_that_do_not_count_are_said_on_standard_error(box: Box) -> None:
    busy = blocks(BEFORE, NEWEST, 1.5, session=22, others_cpu_s=[0.1] * 5)
    box.measure([*SAME, *busy, *blocks(BEFORE, NEWEST, session=23)[:3]])
    said = box.verdict()
    assert said.status == 0
    told = said.err.splitlines()
    assert len(told) == 2
    assert "3 records of a block of duets that is not whole are left out" in told[0]
    assert "24 records of duets beside other work (busy: others used " in told[1]


def test_markdown_goes_to_standard_output_alone(box: Box) -> None:
    box.measure([*SAME, *taken_of(LINE[0], benchmark_version="0", session=20)])
    said = box.verdict("--format", "md")
    assert said.out.startswith(f"### {NEWEST} against {BEFORE}\n")
    assert "4 records of another measuring protocol" in said.err


# -- bad input


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["tensorflow-9.9.9"], "no such release"),
        (["nix"], "unknown track 'nix'"),
        ([NEWEST, "--against", NEWEST], "against itself"),
        ([NEWEST, "--against", "keras-2.3.1"], "on two tracks"),
        ([BEFORE, "--against", NEWEST], f"give {NEWEST}, and --against {BEFORE}"),
        (["--against", BEFORE], "--against needs a release"),
        (["--all", NEWEST], "leave out the release"),
        ([NEWEST, "--track", "keras"], "leave out the release"),
        (["--track", "nix"], "unknown track 'nix'"),
        (["--profile", "tpu-quick"], "unknown profile"),
        (
            [NEWEST, "--machine", "nobody"],
            "nothing is on record of a machine that is called nobody; there are records of: box",
        ),
        (["--track", "keras"], "nothing on box can be judged"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_status_2(
    box: Box, arguments: list[str], line: str
) -> None:
    box.measure(SAME)
    assert line in refused(box.verdict(*arguments))


def test_without_any_record_nothing_can_be_judged(box: Box) -> None:
    assert "there are records of: no machine" in refused(box.verdict())


@pytest.mark.parametrize(
    ("taken", "arguments", "line"),
    [
        (
            taken_of(NEWEST),
            [NEWEST],
            f"measure one: VGGBENCH_PROFILE=cpu-quick asv run {BEFORE}",
        ),
        (SAME, ["tensorflow-2.17.1"], "unmeasured on box; measure it there with: asv run"),
        (
            SAME,
            ["tensorflow-2.17.1", "--profile", "cpu-paper"],
            "measure it there with: VGGBENCH_PROFILE=cpu-paper asv run tensorflow-2.17.1",
        ),
        (taken_of("tensorflow-1.0.0", session=1), ["tensorflow-1.0.0"], "the first of its track"),
    ],
)
def test_a_release_with_nothing_to_compare_is_said(
    box: Box, taken: list[Record], arguments: list[str], line: str
) -> None:
    box.measure(taken)
    said = box.verdict(*arguments)
    assert said.status == 2
    assert line in said.err


def test_torn_records_are_said_and_left_out(box: Box) -> None:
    box.measure(SAME)
    path = records.folder(box.folder / "results", MACHINE) / "20250101T000000Z-torn.jsonl"
    path.write_text('{"schema": 1, "run": "2025\n[]\n')
    said = box.verdict()
    assert said.status == 0
    assert len(said.err.splitlines()) == 2


# -- memory growth


def test_a_leak_is_status_1_and_has_the_documented_keys(box: Box) -> None:
    box.measure(LEAKS)
    said = box.verdict("--format", "json")
    told = json.loads(said.out)
    assert told["status"] == said.status == 1
    documented = (ROOT / "docs" / "verdicts.md").read_text()
    (growth,) = told["memory_growth"]
    for key in [*growth, *growth["after"]]:
        assert f"`{key}`" in documented, key
    assert (growth["outcome"], growth["difference"]) == ("regressed", 2e8)


def test_with_all_a_leak_is_shown_where_it_began(box: Box) -> None:
    box.measure(LEAKS)
    said = box.verdict("--all")
    assert said.status == 1
    assert f"{NEWEST} against {BEFORE}" in said.out
    assert "memory surely grows, by 200.0 (200.0 to 200.0) MB a step" in said.out


def test_an_acknowledged_leak_fails_nothing(box: Box) -> None:
    box.measure(LEAKS)
    box.acknowledge(**ENTRY, measure="memory_growth")
    said = box.verdict()
    assert (said.status, said.err) == (0, "")
    assert "acknowledged: it is exact now" in said.out


# -- acknowledged.toml


def test_an_acknowledged_regression_is_shown_with_its_reason(box: Box) -> None:
    box.measure(SLOWER)
    box.acknowledge(**ENTRY)
    said = box.verdict()
    assert said.status == 0
    assert "regressed but acknowledged" in said.out
    assert "acknowledged: it is exact now" in said.out


def test_one_measure_can_be_acknowledged(box: Box) -> None:
    box.measure(SLOWER)
    box.acknowledge(**ENTRY, measure="step")
    said = box.verdict()
    assert said.status == 1
    assert said.out.count("regressed but acknowledged") > 0


def test_an_entry_that_names_nothing_is_said(box: Box) -> None:
    box.measure(SLOWER)
    box.acknowledge(**{**ENTRY, "configuration": "NHWC non off"})
    said = box.verdict()
    assert said.status == 1
    assert f"acknowledged.toml: {NEWEST} NHWC non off names no configuration" in said.err


@pytest.mark.parametrize(
    "text",
    [
        "[[acknowledged]",
        "\x00",
        "acknowledged = 3",
        "acknowledged = [3]",
        "[[accepted]]\ntrack = 'tensorflow'",
        "[[acknowledged]]\ntrack = 'tensorflow'",
    ],
)
def test_a_corrupt_file_is_one_line(box: Box, text: str) -> None:
    box.measure(SLOWER)
    box.acknowledged(text)
    assert "acknowledged.toml: " in refused(box.verdict())


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"track": "tensorflaw"}, "unknown track"),
        ({"release": "9.9"}, "no such release"),
        (
            {"measure": "speed"},
            "its measure is none of step, first_step, peak_memory, memory_growth",
        ),
        ({"reason": ""}, "its reason is no text, or empty"),
        ({"reason": 3}, "its reason is no text, or empty"),
        ({"until": "2030"}, "has an unknown until"),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_it(
    box: Box, change: dict[str, Any], line: str
) -> None:
    box.measure(SLOWER)
    box.acknowledge(**{**ENTRY, **change})
    told = refused(box.verdict())
    assert "acknowledged.toml: entry 1" in told
    assert line in told


# -- real records


@pytest.mark.asv
def test_a_release_that_asv_measured_is_judged(
    measured: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(measured.folder)
    monkeypatch.setenv("HOME", str(measured.home))
    catalogue = Catalogue(measured.releases)
    evidence = verdicts.read_evidence(Store(measured.results), "testbox", catalogue)
    found = verdicts.of_track(evidence, "tinyframe")
    steps = {
        (verdict.release, verdict.words): verdict.outcome
        for verdict in found
        if verdict.measure == "step"
    }
    assert steps["tinyframe-1.2", "plain"] == "regressed"
    assert steps["tinyframe-1.2", "fused"] == "regressed"
    assert ("tinyframe-1.2", "impossible") not in steps
    assert "regressed" not in {
        outcome for (release, _), outcome in steps.items() if release != "tinyframe-1.2"
    }
    assert cli.main(["verdict", "tinyframe-1.2"]) == 1
    assert "tinyframe-1.2 against tinyframe-1.1, cpu-quick on testbox" in capsys.readouterr().out
    done = measured.asv("run", "tinyframe-2.0", faults="2.0/plain:segv")
    assert done.status == 2
    capsys.readouterr()
    assert cli.main(["verdict"]) == 2
    assert "plain: crashed with SIGSEGV" in capsys.readouterr().out


# -- excluded.toml


@pytest.mark.parametrize(
    "entry",
    [
        {"machine": "bxo"},
        {"configuration": "NHWC none of"},
        {"run": "20240501"},
        {"release": "tensorflow-2.21.0"},
        {"machine": MACHINE, "before": "2001-01-01"},
        {"machine": MACHINE, "release": BEFORE, "configuration": " ".join(NCHW)},
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["verdict", "rates", "table"])
def test_an_entry_that_leaves_nothing_out_gets_a_line(
    box: Box, command: str, entry: dict[str, str]
) -> None:
    box.measure(SAME)
    box.excluded(**entry)
    said = box.asked(command)
    assert said.status == 0
    (told,) = said.err.splitlines()
    assert told.startswith("vggbench: excluded.toml: the entry of ")
    assert "covers no record; correct it, or take it out" in told
    for key, value in entry.items():
        assert f"{key} {value}" in told


@pytest.mark.parametrize(
    "entry",
    [
        {"release": LINE[0]},
        {"machine": "other"},
        {"machine": "other", "before": "2001-01-01"},
        {"machine": MACHINE, "release": LINE[0]},
        {"configuration": " ".join(NCHW)},
    ],
    ids=str,
)
def test_an_entry_that_leaves_out_something_of_whatever_machine_gets_none(
    box: Box, entry: dict[str, str]
) -> None:
    box.measure(SAME)
    box.measure([record(LINE[0], words=NCHW, session=0)], machine="other")
    box.excluded(**entry)
    assert "excluded.toml" not in box.verdict().err
