"""``vggbench confirm`` on the tiny track: real processes, whose times the tests choose."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ..asv_plugin.test_faults import ended, gone, result_files, started_process, the_line, until
from ..once import once
from ..tiny import Tiny

pytestmark = pytest.mark.asv

#: Between processes, of the logarithm.
NOISE = {"TINY_NOISE": "0.02"}

#: A slow-down that two processes cannot be sure of.
SLOWER = {**NOISE, "TINY_FACTORS": "2.1/plain:1.025"}

PLAIN = ("--bench", "'plain'")


@pytest.fixture(scope="session")
def line_template(tiny_template: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Three releases that take the same time, measured; the next, 2.1, is installed. To be copied.

    2.1 takes the same time as they do, unless TINY_FACTORS says otherwise.
    """

    def fill(folder: Path) -> None:
        template = tiny_template.copy(folder / "tiny")
        template.add_release("2.1", seconds=0.030)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("UV_CACHE_DIR", str(folder / "uv-cache"))
            patch.setenv("UV_OFFLINE", "1")
            template.install("tinyframe-2.1")
        for name in ("tinyframe-1.2", "tinyframe-1.10", "tinyframe-2.0"):
            done = template.asv("run", name, *PLAIN, "-a", "rounds=4", env=NOISE)
            assert done.status == 0, done.output

    return Tiny(once(tmp_path_factory, "line-template", fill) / "tiny")


@pytest.fixture
def line(line_template: Tiny, tmp_path: Path) -> Tiny:
    return line_template.copy(tmp_path / "tiny")


def confirming(tiny: Tiny) -> list[tuple[str, str]]:
    """Version and outcome of each process of a confirmation, in order."""
    found = [r for r in tiny.records() if r.get("purpose") == "confirm"]
    return [(r["version"], r["outcome"]) for r in found]


@pytest.fixture
def slower(line: Tiny) -> Tiny:
    """2.1 is slower, and was measured once."""
    assert line.asv("run", "tinyframe-2.1", *PLAIN, env=SLOWER).status == 0
    return line


@pytest.fixture
def unlucky(line: Tiny) -> Tiny:
    """2.1 is as fast as those before, but was measured on a bad day."""
    assert line.asv("run", "tinyframe-2.1", *PLAIN, env=SLOWER).status == 0
    return line


def test_a_slow_down_is_confirmed_by_processes_in_turns(slower: Tiny):
    before = result_files(slower)
    done = slower.vggbench("confirm", "tinyframe-2.1", env=SLOWER)
    assert done.status == 1, done.output
    taken = confirming(slower)
    assert len(taken) >= 4
    assert len(taken) % 4 == 0
    assert taken[:4] == [("2.0", "ok"), ("2.1", "ok"), ("2.1", "ok"), ("2.0", "ok")]
    the_line(done, "plain, process 4, tinyframe-2.0: ", "ratio so far: ")
    the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ", "regressed")
    # asv's results, and what was on record, are as they were.
    after = result_files(slower)
    assert {name: after[name] for name in before} == before

    done = slower.vggbench("confirm", "tinyframe-2.1", env=SLOWER)
    assert done.status == 1, done.output
    assert len(confirming(slower)) == len(taken)


def test_processes_that_confirmed_the_next_release_are_not_those_of_this_one(measured: Tiny):
    """2.1 was measured beside 2.2, which says nothing of it beside 2.0."""
    measured.add_release("2.1", seconds=0.010)
    measured.add_release("2.2", seconds=0.030)
    assert measured.asv("run", "tinyframe-2.1 tinyframe-2.2", *PLAIN).status == 0
    assert measured.vggbench("confirm", "tinyframe-2.2", *PLAIN).status == 1
    taken = len(confirming(measured))
    measured.vggbench("confirm", "tinyframe-2.1", "--improved", *PLAIN)
    batch = confirming(measured)[taken : taken + 4]
    assert [version for version, _ in batch] == ["2.0", "2.1", "2.1", "2.0"]


def test_what_was_a_bad_day_is_dismissed(unlucky: Tiny):
    done = unlucky.vggbench("confirm", "tinyframe-2.1", env=NOISE)
    assert done.status == 0, done.output
    assert confirming(unlucky)
    the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ", "unchanged")


def test_where_nothing_is_suspected_nothing_is_measured(line: Tiny):
    assert line.asv("run", "tinyframe-2.1", *PLAIN, env=NOISE).status == 0
    done = line.vggbench("confirm", "tinyframe-2.1", env=NOISE)
    assert not confirming(line)
    the_line(done, "Nothing is suspected of tinyframe-2.1")


def test_bench_chooses_of_what_is_suspected(slower: Tiny):
    confirm = ("confirm", "tinyframe-2.1")
    done = slower.vggbench(*confirm, "--bench", "'fused'", env=SLOWER)
    the_line(done, "Nothing is suspected of tinyframe-2.1")
    for pattern, told in (
        ("no_such", "no_such selects no benchmark of tinyframe-2.1"),
        ("(", "( selects no benchmark: it is no regular expression: missing )"),
    ):
        done = slower.vggbench(*confirm, "--bench", pattern, env=SLOWER)
        assert done.status == 2
        the_line(done, told)
        assert len(done.output.splitlines()) == 1
    assert not confirming(slower)
    slower.vggbench(*confirm, "--bench", *PLAIN[1:], env=SLOWER)
    assert confirming(slower)


def test_a_budget_that_is_too_small_leaves_it_unsure(slower: Tiny):
    done = slower.vggbench("confirm", "tinyframe-2.1", "--budget", "0.01s", env=SLOWER)
    assert done.status == 2
    assert not confirming(slower)
    the_line(done, "the budget of 0 s is spent")


def test_a_crash_ends_the_confirmation_with_a_line(slower: Tiny):
    done = slower.vggbench("confirm", "tinyframe-2.1", faults="2.1/plain:segv", env=SLOWER)
    assert done.status == 2
    assert confirming(slower) == [("2.0", "ok"), ("2.1", "failed")]
    the_line(done, "tinyframe-2.1 plain", "failed: crashed with SIGSEGV while warming up")


def test_an_interrupted_confirmation_goes_on(slower: Tiny):
    process = slower.popen(
        "confirm", "tinyframe-2.1", program="vggbench", faults="2.1:hang", **SLOWER
    )
    children = started_process(slower, process, "2.1")
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status == 130
    the_line(done, "Interrupted while measuring tinyframe-2.1 plain; run the same command again")
    until(lambda: all(gone(child) for child in children))
    assert confirming(slower) == [("2.0", "ok"), ("2.1", "interrupted")]
    assert slower.vggbench("confirm", "tinyframe-2.1", env=SLOWER).status == 1


def test_a_killed_confirmation_goes_on_with_what_it_had(slower: Tiny):
    process = slower.popen(
        "confirm", "tinyframe-2.1", program="vggbench", faults="2.1:hang", **SLOWER
    )
    children = started_process(slower, process, "2.1")
    process.kill()
    process.communicate()
    until(lambda: all(gone(child) for child in children))
    assert confirming(slower) == [("2.0", "ok")]
    done = slower.vggbench("confirm", "tinyframe-2.1", env=SLOWER)
    assert done.status == 1, done.output
    assert confirming(slower)[:2] == [("2.0", "ok"), ("2.1", "interrupted")]


def test_a_second_confirmation_at_once_is_refused(slower: Tiny):
    process = slower.popen(
        "confirm", "tinyframe-2.1", program="vggbench", faults="2.1:hang", **SLOWER
    )
    started_process(slower, process, "2.1")
    done = slower.vggbench("confirm", "tinyframe-2.1", env=SLOWER)
    assert done.status == 2
    the_line(done, f"another asv (process {process.pid}) measures in this checkout; wait until")
    os.kill(process.pid, signal.SIGINT)
    ended(process)
