"""``vggbench check`` on the tiny track: what a nightly job runs, and what ends it."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace

import psutil
import pytest

from vggbench.campaigns import check
from vggbench.runs import profiles
from vggbench.runs.local import Local

from ..asv_plugin.test_faults import ended, gone, started_process, the_line, until
from ..tiny import MACHINE, Tiny
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


def test_what_a_check_measured_that_was_ended_is_judged_by_the_next_one(nightly: Tiny):
    nightly.add_release("2.2", seconds=0.030)
    slower = {**NOISE, "TINY_FACTORS": "2.1/plain:1.3 2.2/plain:1.3"}
    process = nightly.popen(*CHECK, program="vggbench", **slower)
    assert process.stdout is not None
    assert any("3 of 4: " in line for line in process.stdout), "both are measured"
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    until(lambda: all(gone(child) for child in children))

    done = nightly.vggbench(*CHECK, "--notify", TELL, env=slower)
    assert done.status == 1, done.output
    assert the_line(done, "2 of 4: ") == "2 of 4: judging tinyframe-2.1, tinyframe-2.2"
    (told,) = notices(nightly)
    assert told.startswith("regressed|tinyframe-2.1\n")

    done = nightly.vggbench(*CHECK, env=slower)
    assert done.status == 0, done.output
    assert the_line(done, "2 of 4: ") == "2 of 4: judging tinyframe-2.2"


@pytest.fixture
def here(measured: Tiny) -> Local:
    return Local.of(measured.checkout, MACHINE, print)


def runs(here: Local) -> set[str]:
    return {record.run for record in here.store.all(MACHINE)}


def test_a_check_counts_from_where_one_that_was_asked_the_same_began_and_was_ended(
    here: Local, monkeypatch: pytest.MonkeyPatch
):
    path = here.checkout.env_dir / check.UNDER_WAY
    assert check._begun(here, ["plain"]) == runs(here) != set()
    elsewhere = replace(here, machine="another")
    assert check._begun(elsewhere, ["plain"]) == set()
    path.write_text(path.read_text().replace(min(runs(here)), "earlier"))
    assert "earlier" in check._begun(here, ["plain"])
    assert check._begun(here, []) == runs(here)
    monkeypatch.setenv(profiles.VARIABLE, "cpu-paper")
    assert check._begun(here, ["plain"]) == runs(here)
    monkeypatch.delenv(profiles.VARIABLE)

    check._forget(here, ["plain"])
    assert check._begun(here, ["plain"]) == runs(here)
    assert check._begun(elsewhere, ["plain"]) == set()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"a": 7}', "\0", pytest.param("[" * 100_000, id="deep")]
)
def test_a_damaged_note_of_checks_is_said_once_and_written_anew(
    here: Local, capsys: pytest.CaptureFixture[str], text: str
):
    path = here.checkout.env_dir / check.UNDER_WAY
    path.write_text(text)
    for _ in range(2):
        assert check._begun(here, []) == runs(here)
    assert capsys.readouterr().out.count(f"{path} cannot be read: ") == 1


def test_a_checkout_whose_environments_were_removed_begins_anew(here: Local):
    check._begun(here, [])
    shutil.rmtree(here.checkout.env_dir)
    check._forget(here, [])
    assert check._begun(here, []) == runs(here)


def test_a_second_check_at_once_is_refused_at_once(nightly: Tiny):
    process = nightly.popen(*CHECK, program="vggbench", faults="2.1:hang", **NOISE)
    started_process(nightly, process, "2.1")
    done = nightly.vggbench(*CHECK, env=NOISE)
    assert done.status == 2
    assert len(done.output.splitlines()) == 1
    the_line(done, "another process works in this checkout: process ")
    os.killpg(process.pid, signal.SIGINT)
    ended(process)


def notices(tiny: Tiny) -> list[str]:
    """What the command of a check was told, one text each."""
    path = tiny.folder / "told.txt"
    return path.read_text().split("=====\n")[1:] if path.exists() else []


#: Appends what it is told to told.txt.
TELL = (
    r'printf "=====\n%s|%s\n" "$VGGBENCH_STATUS" "$VGGBENCH_RELEASES" >> told.txt; cat >> told.txt'
)


def test_a_command_is_told_of_a_slow_down_once_and_once_that_it_is_over(nightly: Tiny):
    done = nightly.vggbench(*CHECK, "--notify", TELL, env=SLOWER)
    assert done.status == 1, done.output
    the_line(done, "notifying: regressed: tinyframe-2.1")
    (told,) = notices(nightly)
    assert told.startswith("regressed|tinyframe-2.1\n### tinyframe-2.1 against tinyframe-2.0\n")
    assert "| **regressed** |" in told

    assert nightly.vggbench(*CHECK, "--notify", TELL, env=SLOWER).status == 1
    assert len(notices(nightly)) == 1

    (nightly.folder / "acknowledged.toml").write_text(
        '[[acknowledged]]\ntrack = "tinyframe"\nrelease = "2.1"\nconfiguration = "plain"\n'
        'reason = "as it is to be"\n'
    )
    for _ in range(2):
        assert nightly.vggbench(*CHECK, "--notify", TELL, env=SLOWER).status == 0
        _, over = notices(nightly)
    assert over.startswith("over|tinyframe-2.1\nIt is over. This was told before:\n")
    assert "- tinyframe-2.1 plain, step time, cpu-quick: regressed" in over
    assert "regressed but acknowledged" in over


def test_a_command_that_fails_is_said_and_tried_again(nightly: Tiny):
    done = nightly.vggbench(*CHECK, "--notify", "exit 3", env=SLOWER)
    assert done.status == 1, done.output
    the_line(done, "--notify: the command ended with 3; it is tried again next time: exit 3")
    assert nightly.vggbench(*CHECK, "--notify", TELL, env=SLOWER).status == 1
    assert len(notices(nightly)) == 1


def test_a_check_that_is_killed_while_its_command_runs_is_told_of_and_tells_nothing_twice(
    nightly: Tiny,
):
    command = "cat > began.txt; exec sleep 100"
    process = nightly.popen(*CHECK, "--notify", command, program="vggbench", **SLOWER)
    until((nightly.folder / "began.txt").exists)
    process.kill()
    process.communicate()
    done = nightly.vggbench(*CHECK, "--notify", TELL, env=SLOWER)
    assert done.status == 1, done.output
    the_line(done, "--notify: an earlier check was ended while its command ran: ", "tinyframe-2.1")
    assert notices(nightly) == []
    again = nightly.vggbench(*CHECK, "--notify", TELL, env=SLOWER)
    assert "--notify: an earlier check" not in again
    assert notices(nightly) == []


def test_a_command_is_told_of_what_fails(nightly: Tiny):
    done = nightly.vggbench(*CHECK, "--notify", TELL, faults="2.1:segv", env=NOISE)
    assert done.status == 2, done.output
    (told,) = notices(nightly)
    assert told.startswith("failed|tinyframe-2.1\n")


def test_a_quiet_night_tells_nothing(nightly: Tiny):
    assert nightly.vggbench(*CHECK, "--notify", TELL, env=NOISE).status == 0
    assert notices(nightly) == []


def test_release_candidates_are_for_an_update(tiny: Tiny):
    done = tiny.vggbench("check", "--pre")
    assert done.status == 2
    assert done.output == "vggbench: --pre is for --update, which adds releases; give both\n"


def test_an_index_out_of_reach_is_said_and_the_rest_goes_on(nightly: Tiny):
    env = {**NOISE, "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_OFFLINE": "0"}
    done = nightly.vggbench(*CHECK, "--update", env=env)
    assert done.status == 2, done.output
    for number in (1, 2, 3, 4, 5):
        the_line(done, f"{number} of 5: ")
    assert of_asv(nightly, "tinyframe-2.1") == ["ok", "ok"]
