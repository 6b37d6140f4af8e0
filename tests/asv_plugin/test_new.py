"""asv run NEW: every release without a complete result for this machine, profile, configuration."""

from __future__ import annotations

import json
import re

import pytest

from ..tiny import Tiny

pytestmark = pytest.mark.asv

BRIEFLY = ("-a", "rounds=1")
EVERYTHING = {f"tinyframe-{v}" for v in ("1.0", "1.1", "1.2", "1.10", "2.0")} | {"otherframe-7.0"}


def run_new(tiny: Tiny, *more: str, **kwargs) -> list[str]:
    """Run NEW; returns the releases that it ran."""
    before = len(tiny.records())
    done = tiny.asv("run", "NEW", *BRIEFLY, *more, **kwargs)
    ran = {record["release"] for record in tiny.records()[before:]}
    assert re.search(rf"\b{len(ran)} of \d releases lack results here", done.output)
    if not ran:
        assert "there is nothing new to measure" in done
        assert done.status == 0
    return sorted(ran)


def test_new_fills_gaps_and_then_finds_nothing(tiny: Tiny):
    assert tiny.asv("run", "tinyframe-2.0 tinyframe-1.1", *BRIEFLY).status == 0
    assert run_new(tiny) == sorted(EVERYTHING - {"tinyframe-2.0", "tinyframe-1.1"})
    assert tiny.measured() == EVERYTHING
    assert run_new(tiny) == []


def test_new_runs_a_late_release_of_an_old_line(measured: Tiny):
    measured.add_release("1.1.1")
    assert run_new(measured) == ["otherframe-7.0", "tinyframe-1.1.1"]


def test_new_takes_a_current_pre_release_and_passes_over_a_superseded_one(measured: Tiny):
    measured.add_release("2.0rc0")
    measured.add_release("3.0rc0")
    assert run_new(measured) == ["otherframe-7.0", "tinyframe-3.0rc0"]
    assert measured.asv("run", "tinyframe-2.0rc0", *BRIEFLY).status == 0
    assert "tinyframe-2.0rc0" in measured.measured()
    done = measured.asv("publish")
    assert done.status == 0, done.output


def test_results_of_another_machine_do_not_count(measured: Tiny):
    assert measured.asv("machine", "--yes", "--machine", "otherbox").status == 0
    count = len(measured.records())
    done = measured.asv("run", "NEW", "--machine", "otherbox", "--bench", "plain", *BRIEFLY)
    assert done.status == 0, done.output
    assert {record["release"] for record in measured.records(machine="otherbox")} == EVERYTHING
    assert {record["machine"] for record in measured.records(machine="otherbox")} == {"otherbox"}
    assert len(measured.records()) == count

    done = measured.asv("compare", "tinyframe-1.1", "tinyframe-1.2", "--machine", "otherbox")
    assert done.status == 0
    assert "3.00" in done


def test_results_of_another_profile_do_not_count(measured: Tiny):
    ran = run_new(measured, "--bench", "plain", env={"VGGBENCH_PROFILE": "cpu-paper"})
    assert ran == sorted(EVERYTHING)
    assert measured.measured("cpu-paper") == EVERYTHING


def test_bench_is_respected_and_what_it_left_out_is_still_new(tiny: Tiny):
    only = ("--bench", r"\('plain'\)")
    assert tiny.asv("run", "tinyframe", *BRIEFLY, *only).status == 0
    assert run_new(tiny, *only) == ["otherframe-7.0"]
    assert run_new(tiny, *only) == []
    assert run_new(tiny, "--bench", "fused") == sorted(EVERYTHING)


def test_na_and_failed_count_as_done(tiny: Tiny):
    done = tiny.asv("run", "tinyframe otherframe", *BRIEFLY, faults="1.1/fused:error 1.0:n/a")
    assert done.status == 2
    assert tiny.values("tinyframe-1.1")["fused"] is None
    assert run_new(tiny) == []


def test_many_new_releases_are_said_to_take_long_before_they_are_measured(tiny: Tiny):
    for version in ("2.0.1", "2.0.2", "2.0.3", "2.0.4", "2.0.5"):
        tiny.add_release(version)
    one = ("--steps", "1", "--bench", r"\('plain'\)", *BRIEFLY)
    done = tiny.asv("run", "NEW", *one)
    lines = done.output.splitlines()
    (said,) = (i for i, line in enumerate(lines) if "11 releases are new" in line)
    assert "may take days; Ctrl-C ends it, and vggbench history --dry-run says" in lines[said]
    assert said < min(i for i, line in enumerate(lines) if "time_train_step" in line)
    done = tiny.asv("run", "NEW", *one)
    assert "10 of 11 releases lack results here" in done
    assert "may take days" not in done


def test_a_raised_build_number_is_a_new_release(measured: Tiny):
    path = measured.releases / "tinyframe" / "1.1.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "build": 2}))
    assert run_new(measured) == ["otherframe-7.0", "tinyframe-1.1"]
    done = measured.asv("publish")
    assert done.status == 0, done.output
