"""``vggbench check`` on the tiny track: what a nightly job runs, and what ends it."""

from __future__ import annotations

import os
import signal

import pytest

from ..asv_plugin.test_faults import ended, gone, started_process, the_line, until
from ..tiny import Tiny
from .test_confirm import (
    NOISE,
    PLAIN,
    ROUGH,
    SLOWER,
    in_duets,
    line_of_releases,
    line_template,
    step_verdict,
    whole_blocks,
)

pytestmark = pytest.mark.asv

__all__ = ["line_of_releases", "line_template"]  # fixtures

CHECK = ("check", *PLAIN, *ROUGH)


def of_asv(tiny: Tiny, name: str) -> list[str]:
    return [r["outcome"] for r in tiny.records(name) if "purpose" not in r]


@pytest.fixture
def nightly(line_of_releases: Tiny) -> Tiny:
    """Only 2.1 is new: nothing else is on the track but what was measured."""
    for version in ("1.0", "1.1"):
        for file in (line_of_releases.releases / "tinyframe").glob(f"{version}[.-]*"):
            file.unlink()
    for file in (line_of_releases.releases / "otherframe").glob("7.0*"):
        file.unlink()
    return line_of_releases


def test_what_is_new_is_measured_judged_answered_and_published(nightly: Tiny):
    done = nightly.vggbench(*CHECK, env=SLOWER)
    assert done.status == 1, done.output
    for number in (1, 2, 3, 4):
        the_line(done, f"{number} of 4: ")
    assert of_asv(nightly, "tinyframe-2.1") == ["ok", "ok"]
    assert whole_blocks(nightly) >= 3
    verdict = step_verdict(nightly)
    assert (verdict["outcome"], verdict["decided_by"]) == ("regressed", "duets")
    assert (nightly.folder / ".asv" / "html" / "index.html").exists()
    the_line(done, "2 of 4: judging tinyframe-2.1")
    the_line(done, "3 of 4: measuring in duets what is not answered")

    count = len(nightly.records())
    done = nightly.vggbench(*CHECK, env=SLOWER)
    assert done.status == 1, done.output
    assert "there is nothing new to measure" in done
    assert "everything is answered" in done
    assert len(nightly.records()) == count


def test_a_night_without_a_slow_down_ends_with_0(nightly: Tiny):
    done = nightly.vggbench(*CHECK, env=NOISE)
    assert done.status == 0, done.output
    assert of_asv(nightly, "tinyframe-2.1") == ["ok", "ok"]


def test_what_the_budget_leaves_open_is_said_with_its_cost(nightly: Tiny):
    doubted = {**NOISE, "TINY_FACTORS": "2.1/plain:1.02"}
    done = nightly.vggbench("check", *PLAIN, "--threshold", "2%", "--budget", "0.01s", env=doubted)
    assert done.status == 2, done.output
    assert not in_duets(nightly)
    line = the_line(done, "Open, as the budget allows no more blocks: tinyframe-2.1 plain; about ")
    assert line.endswith(" more would answer it")


def test_what_has_spent_its_blocks_is_named_night_after_night(nightly: Tiny):
    for _ in range(2):
        done = nightly.vggbench(*CHECK, "--processes", "4", env=SLOWER)
        the_line(done, "Not answered: tinyframe-2.1 plain")
        assert whole_blocks(nightly) == 1, "a check does not ask again"


def test_a_release_that_fails_ends_with_2(nightly: Tiny):
    done = nightly.vggbench(*CHECK, faults="2.1:segv", env=NOISE)
    assert done.status == 2, done.output
    the_line(done, "asv run ended with 2: not all that is new was measured")


def test_an_interrupted_check_ends_with_130_and_goes_on(nightly: Tiny):
    process = nightly.popen(*CHECK, program="vggbench", faults="2.1:hang", **NOISE)
    children = started_process(nightly, process, "2.1")
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status == 130, done.output
    the_line(done, "Interrupted while measuring tinyframe-2.1 plain; run the same command again")
    until(lambda: all(gone(child) for child in children))
    assert of_asv(nightly, "tinyframe-2.1") == ["interrupted"]
    assert nightly.vggbench(*CHECK, env=NOISE).status == 0


def test_a_killed_check_leaves_nothing_running_and_goes_on(nightly: Tiny):
    process = nightly.popen(*CHECK, program="vggbench", faults="2.1:hang", **NOISE)
    children = started_process(nightly, process, "2.1")
    process.kill()
    process.communicate()
    until(lambda: all(gone(child) for child in children))
    assert nightly.vggbench(*CHECK, env=NOISE).status == 0


def test_a_second_check_at_once_is_refused_at_once(nightly: Tiny):
    process = nightly.popen(*CHECK, program="vggbench", faults="2.1:hang", **NOISE)
    started_process(nightly, process, "2.1")
    done = nightly.vggbench(*CHECK, env=NOISE)
    assert done.status == 2
    assert len(done.output.splitlines()) == 1
    the_line(done, "another process works in this checkout: process ")
    os.killpg(process.pid, signal.SIGINT)
    ended(process)
