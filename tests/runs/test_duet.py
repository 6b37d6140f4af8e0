"""Duets of real processes: their turns, what stands on record, and whatever goes wrong in one."""

from __future__ import annotations

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from vggbench import frameworks, records
from vggbench.inside.launch import STARTER_VARIABLE
from vggbench.records import Record, RecordError
from vggbench.runs import draft, duet, timed

from ..records.factory import CATALOGUE
from ..tiny import gone, until
from .duets import PAIRS, ROOT, Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where duets run, and nothing else uses the system's temporary folder."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return Place(tmp_path)


def block(
    place: Place, first: duet.Subject, second: duet.Subject, pairs: int = PAIRS
) -> list[duet.BothRecords]:
    return duet.block(place.run(), (first, second), pairs=pairs)


def assert_nothing_is_left(place: Place, processes: int) -> None:
    """Assert that there were so many processes, and that neither they nor their folders nor their
    drafts are left."""
    assert len(place.pids()) == processes
    assert [pid for pid in place.pids() if not gone(pid)] == []
    assert list((place.folder / "temporary").iterdir()) == []
    assert list(place.drafts.iterdir()) == []


def both(duet_records: duet.BothRecords) -> tuple[Record, Record]:
    first, second = duet_records
    assert first is not None
    assert second is not None
    return first, second


# -- turns


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, list[list[duet.BothRecords]]]:
    """Two blocks of one run, which ended well. Only to be looked at."""
    place = Place(tmp_path_factory.mktemp("duets"))
    run = place.run()
    subjects = (place.subject("1.0"), place.subject("1.1"))
    return place, [duet.block(run, subjects, pairs=PAIRS) for _ in range(2)]


def test_the_two_step_in_turns_and_never_at_once(ran: Any) -> None:
    """By their own clock, which is the system's for all of its processes."""
    place, blocks = ran
    told = place.told()
    pids = iter(place.pids())
    for duet_records in itertools.chain(*blocks):
        started = [next(pids), next(pids)]
        steps = [line for line in told if line["pid"] in started and line.get("step", 0) > 3]
        begun = sorted((s["begins"], s["pid"]) for s in steps if "begins" in s)
        ended = sorted((s["ends"], s["pid"]) for s in steps if "ends" in s)
        assert [pid for _, pid in begun] == [pid for _, pid in ended]
        assert all(end <= begin for (end, _), (begin, _) in zip(ended[:-1], begun[1:], strict=True))
        (one_started_first,) = (r for r in both(duet_records) if r.duet["started"] == 1)
        first = started[0 if one_started_first.duet["begins"] else 1]
        turns = [("A" if pid == first else "B") for _, pid in begun]
        assert "".join(turns) == "ABBAABBA"


def test_records_tell_when_each_step_began_and_none_overlap(ran: Any) -> None:
    _, blocks = ran
    for duet_records in itertools.chain(*blocks):
        steps = sorted(
            (began, began + took)
            for record in both(duet_records)
            for began, took in zip(record.sample_started_s, record.samples, strict=True)
        )
        assert len(steps) == 2 * PAIRS
        # They are rounded to the microsecond.
        assert all(end < begin + 1e-5 for (_, end), (begin, _) in itertools.pairwise(steps))


def test_each_has_the_samples_that_were_asked_for_and_as_many_of_all_else(ran: Any) -> None:
    _, blocks = ran
    for record in itertools.chain(*map(both, itertools.chain(*blocks))):
        assert record.outcome == records.OK
        assert record.attributes == {"repeat": PAIRS}
        for of_steps in (
            record.samples,
            record.sample_started_s,
            record.sample_cpu_s,
            record.waiting_cpu_s,
            record.others_cpu_s,
            record.steal_s,
        ):
            assert len(of_steps) == PAIRS
        assert min(record.samples) >= 0.01
        assert min(record.sample_cpu_s) > 0
        assert "last_loss" in record.stated
        assert record.peak_memory_bytes > 1e6


def test_both_records_name_each_other_and_their_block(ran: Any) -> None:
    place, blocks = ran
    stored = place.records()
    assert len(stored) == 8
    assert {record.purpose for record in stored} == {"duet"}
    assert len({record.run for record in stored}) == 1
    for number, of_block in enumerate(blocks, 1):
        for within, duet_records in enumerate(of_block, 1):
            first, second = both(duet_records)
            assert (first.version, second.version) == ("1.0", "1.1")
            assert (first.duet["partner"], second.duet["partner"]) == (
                "tinyframe-1.1 plain",
                "tinyframe-1.0 plain",
            )
            for record in duet_records:
                assert record in stored
                assert record.duet["id"] == f"{record.run}/{number}.{within}"
                assert record.duet["block"] == f"{record.run}/{number}"


def test_the_start_order_is_swapped_within_a_block_and_who_begins_from_block_to_block(
    ran: Any,
) -> None:
    _, blocks = ran
    started = [
        [[r.duet["started"] for r in both(duet_records)] for duet_records in of_block]
        for of_block in blocks
    ]
    assert started == [[[1, 2], [2, 1]]] * 2
    begins = [
        [[r.duet["begins"] for r in both(duet_records)] for duet_records in of_block]
        for of_block in blocks
    ]
    assert begins == [[[False, True], [True, False]], [[True, False], [False, True]]]


def test_each_starts_when_the_one_before_is_warm(ran: Any) -> None:
    place, _ = ran
    told, pids = place.told(), place.pids()
    for first, second in zip(pids[::2], pids[1::2], strict=True):
        lines = [line for line in told if line["pid"] in (first, second)]
        assert [line["pid"] for line in lines[:8]] == [first] * 7 + [second]
        assert lines[6]["step"] == 3
        assert "ends" in lines[6]


def test_a_release_with_itself_is_a_duet_of_two_processes(place: Place) -> None:
    same = place.subject("1.0")
    found = block(place, same, same, pairs=2)
    assert all(duet.ended_well(duet_records) for duet_records in found)
    assert [[r.round for r in both(duet_records)] for duet_records in found] == [[1, 2], [4, 3]]
    assert_nothing_is_left(place, 4)


def test_no_descriptor_is_left_open(place: Place) -> None:
    def held() -> int:
        return len(os.listdir("/proc/self/fd"))

    run = place.run()
    well = (place.subject("1.0"), place.subject("1.1"))
    ill = (place.subject("1.0"), place.subject("1.1", SUBJECT_DOES="exit@4"))
    duet.block(run, well, pairs=2)
    before = held()
    for subjects in (well, ill, ill, ill):
        duet.block(run, subjects, pairs=2)
    # What has read the output of one that was ended closes it a moment later.
    until(lambda: held() <= before)


@pytest.mark.parametrize(
    ("step_s", "pairs"), [(None, 16), (0.0, 16), (0.3, 16), (1.0, 12), (2.0, 6), (60.0, 6)]
)
def test_slow_steps_are_fewer_but_enough(step_s: float | None, pairs: int) -> None:
    assert duet.pairs_for(step_s) == pairs


def test_a_duet_that_ended_well_has_enough_samples_to_count() -> None:
    assert records.record.LEAST_SAMPLES <= duet.LEAST_PAIRS <= duet.PAIRS


# -- what is seen from outside


class Clock:
    """A process that tells these CPU seconds, one each time it is asked. The last is repeated."""

    def __init__(self, *seconds: float | None):
        self.seconds = list(seconds)
        self.asked = 0

    def cpu_s(self) -> float | None:
        self.asked += 1
        return self.seconds[min(self.asked, len(self.seconds)) - 1]

    def is_computing(self) -> bool:
        return False


def test_a_turn_begins_when_neither_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duet, "STILL_PATIENCE_S", 3600.0)
    spins, still = Clock(1.0, 1.1, 1.2, 1.2), Clock(7.0)
    duet._await_stillness(still, spins)
    assert spins.asked == 4
    unknown = Clock(None)
    duet._await_stillness(unknown, Clock(1.0))
    assert unknown.asked == 2


def test_a_thread_that_could_run_computes_though_no_clock_has_moved_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duet, "STILL_PATIENCE_S", 3600.0)
    answers = [True, True, False]
    ready = Clock(1.0)
    monkeypatch.setattr(ready, "is_computing", lambda: answers.pop(0))
    duet._await_stillness(ready, Clock(1.0))
    assert answers == []


def test_a_turn_begins_all_the_same_where_one_never_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duet, "STILL_PATIENCE_S", 0.05)
    spins = Clock(*(0.1 * number for number in range(10_000)))
    duet._await_stillness(spins, Clock(1.0))
    assert 2 <= spins.asked < 10_000


def test_what_a_subject_computes_while_it_waits_is_on_its_record(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duet, "STILL_PATIENCE_S", 0.01)
    spins = place.subject("1.0", SUBJECT_SPINS_S="3600")
    still = place.subject("1.1", SUBJECT_STEP_S="0.1")
    (one, other), *_ = map(both, block(place, spins, still, pairs=6))
    assert statistics.median(one.waiting_cpu_s) > 10 * statistics.median(other.waiting_cpu_s)
    assert statistics.median(one.waiting_cpu_s) > 0.005


def test_a_subject_that_computes_for_a_while_after_its_steps_is_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 40 ms that it computes after each step, hardly any fall into the other's, of 100 ms."""
    monkeypatch.setattr(duet, "STILL_PATIENCE_S", 60.0)
    spins = place.subject("1.0", SUBJECT_SPINS_S="0.04")
    still = place.subject("1.1", SUBJECT_STEP_S="0.1")
    (one, other), *_ = map(both, block(place, spins, still, pairs=6))
    assert one.outcome == other.outcome == records.OK
    assert statistics.median(one.waiting_cpu_s) < 0.01


@pytest.mark.parametrize(
    ("others", "steal", "is_disturbed"),
    [
        (0.15, 0.0, False),
        (0.25, 0.0, True),
        (0.15, None, False),
        # A neighbour of a virtual machine disturbs it as others do.
        (0.15, 0.1, True),
        (0.0, 0.25, True),
        (None, 0.25, False),
    ],
)
def test_a_step_is_disturbed_where_others_or_a_hypervisor_take_a_tenth(
    others: float | None, steal: float | None, is_disturbed: bool
) -> None:
    step = duet._Step(0.0, 1.0, 1.9, 0.0, others=others, steal=steal)
    assert step.is_disturbed(2) is is_disturbed


class Member(Clock):
    """One of the two, on two processors."""

    cpus = (0, 1)


def waited(
    monkeypatch: pytest.MonkeyPatch, used: list[float], *members: Member
) -> tuple[float | None, list[float]]:
    """What waiting comes to where any process ``used`` these shares, look after look, and the
    shares that patience was asked with; it ends with the last of them."""
    asked: list[float] = []
    shares = iter(used)

    def patience(share: float) -> bool:
        asked.append(share)
        return len(asked) < len(used)

    monkeypatch.setattr(duet, "QUIET_WINDOW_S", 3600.0)
    monkeypatch.setattr(duet.clocks, "busy_share", lambda cpus, seconds: next(shares))
    return duet._await_quiet(members, patience), asked


def test_what_the_two_compute_while_they_wait_is_not_what_others_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of them keeps a processor of two busy."""
    spins, still = Member(0.0, 3600.0), Member(7.0)
    assert waited(monkeypatch, [0.55], spins, still) == (None, [])
    spins = Member(0.0, 3600.0)
    share, asked = waited(monkeypatch, [0.75], spins, still)
    assert share == pytest.approx(0.25)
    assert asked == [share]


def test_others_are_waited_for_until_they_use_little(monkeypatch: pytest.MonkeyPatch) -> None:
    still = Member(7.0)
    assert waited(monkeypatch, [0.5, 0.3, 0.05], still, Member(None)) == (None, [0.5, 0.3])
    assert waited(monkeypatch, [0.5, 0.3], still, Member(None)) == (0.3, [0.5, 0.3])


def test_a_pool_that_never_stands_still_does_not_keep_a_duet_from_its_steps(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine of one processor, on which nobody but the two computes."""
    monkeypatch.setattr(duet, "STILL_PATIENCE_S", 0.01)

    def used() -> float:
        running = [psutil.Process(pid) for pid in place.pids() if not gone(pid)]
        return sum(sum(one.cpu_times()[:2]) for one in running)

    def busy_share(cpus: Any, seconds: float) -> float:
        before, began = used(), time.monotonic()
        time.sleep(seconds)
        share = (used() - before) / (time.monotonic() - began) / len(cpus)
        shares.append(share)
        return share

    shares: list[float] = []
    monkeypatch.setattr(duet.clocks, "busy_share", busy_share)
    # A second is many ticks, and of other tests nothing is told.
    monkeypatch.setattr(duet, "QUIET_WINDOW_S", 1.0)
    monkeypatch.setattr(duet.clocks, "STAT", str(place.folder / "nowhere"))
    monkeypatch.setattr(duet.os, "sched_getaffinity", lambda pid: {0})
    spins = place.subject("1.0", SUBJECT_SPINS_S="3600")
    subjects = (spins, place.subject("1.1"))
    found = duet.block(place.run(), subjects, pairs=2, patience=lambda share: False)
    assert all(duet.ended_well(duet_records) for duet_records in found)
    assert max(shares) > duet.MOST_OTHERS, "by themselves they would have waited in vain"


def test_where_the_system_has_no_such_clocks_duets_go_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duet.clocks, "cpu_clock", lambda pid: None)
    monkeypatch.setattr(duet.clocks, "STAT", str(place.folder / "nowhere"))
    (one, _), *_ = map(both, block(place, place.subject("1.0"), place.subject("1.1"), pairs=2))
    assert one.outcome == records.OK
    for unknown in (one.sample_cpu_s, one.waiting_cpu_s, one.others_cpu_s, one.steal_s):
        assert unknown == [None, None]


# -- variables


def test_on_a_gpu_both_are_told_to_take_no_more_memory_than_they_need(place: Place) -> None:
    subjects = [place.subject(version, profile="gpu-quick") for version in ("1.0", "1.1")]
    for record in both(block(place, *subjects, pairs=2)[0]):
        known = [one.shares_gpu for one in frameworks.KNOWN if one.shares_gpu]
        assert known
        assert record.set_by_vggbench == {k: v for one in known for k, v in one.items()}
        assert record.versions["growth"] == "true"
        assert not set(record.set_by_vggbench) & set(record.variables)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (["NVIDIA H200"], {"name": "NVIDIA H200"}),
        (["NVIDIA H200", "NVIDIA H200"], {"name": "NVIDIA H200"}),
        # It is not known which of them a process takes.
        (["NVIDIA H200", "NVIDIA T4"], None),
    ],
)
def test_on_a_gpu_both_say_its_name(
    place: Place, monkeypatch: pytest.MonkeyPatch, listed: list[str], told: dict[str, str] | None
) -> None:
    monkeypatch.setattr(duet.gpu, "visible", lambda: listed)
    subjects = [place.subject(version, profile="gpu-quick") for version in ("1.0", "1.1")]
    for record in both(block(place, *subjects, pairs=2)[0]):
        assert record.outcome == records.OK
        assert record.gpu == told


def test_on_a_cpu_nothing_is_set_and_no_gpu_is_named(ran: Any) -> None:
    place, _ = ran
    for record in place.records():
        assert "gpu" not in record.stated
        assert record.set_by_vggbench == {}
        assert record.versions["growth"] is None


# -- one of the two goes wrong

FIRST_SAMPLE = 4

GOES_WRONG = [
    ("exit", "exit status 3 while taking samples: it printed nothing"),
    ("kill", "killed by SIGKILL (out of memory is the usual cause: see the system's log) while"),
    ("raise", "ValueError: the kernel went astray"),
    ("leave", "exit status 4 while taking samples"),
]


@pytest.mark.parametrize(("kind", "error"), GOES_WRONG, ids=[kind for kind, _ in GOES_WRONG])
@pytest.mark.parametrize("which", [0, 1], ids=["the first", "the second"])
def test_when_one_dies_in_a_step_the_other_ends_and_both_records_say_so(
    place: Place, kind: str, error: str, which: int
) -> None:
    ill = {"SUBJECT_DOES": f"{kind}@{FIRST_SAMPLE + 1}"}
    subjects = [place.subject(f"1.{i}", **(ill if i == which else {})) for i in (0, 1)]
    run = place.run()
    (duet_records,) = duet.block(run, (subjects[0], subjects[1]), pairs=PAIRS)
    failed, other = both(duet_records)[which], both(duet_records)[1 - which]
    assert failed.outcome == records.FAILED
    assert failed.error.startswith(error)
    assert other.outcome == records.INTERRUPTED
    assert other.reason == (
        f"its partner in the duet: tinyframe-1.{which} plain: failed: {failed.error}"
    )
    assert len(failed.sample_started_s) == 1
    assert records.progress_message(other).endswith(f"interrupted: {other.reason}")
    assert sorted(map(str, place.records())) == sorted(map(str, duet_records))
    until(lambda: all(map(gone, place.pids())))
    assert_nothing_is_left(place, 3 if kind == "leave" else 2)
    # The next block goes on.
    healthy = (place.subject("1.0"), place.subject("1.1"))
    assert all(map(duet.ended_well, duet.block(run, healthy, pairs=2)))
    assert {r.duet["block"] for r in place.records()} == {f"{run.id}/1", f"{run.id}/2"}


@pytest.mark.parametrize("which", [0, 1], ids=["the first", "the second"])
def test_one_that_hangs_is_ended_at_its_deadline(
    place: Place, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(timed.DEADLINE_VARIABLE, "4")
    ill = {"SUBJECT_DOES": f"hang@{FIRST_SAMPLE + 1}"}
    subjects = [place.subject(f"1.{i}", **(ill if i == which else {})) for i in (0, 1)]
    (duet_records,) = block(place, *subjects)
    assert both(duet_records)[which].outcome == records.FAILED
    assert both(duet_records)[which].error == (
        "not done within its deadline of 4 s and ended, while taking samples"
    )
    assert both(duet_records)[1 - which].outcome == records.INTERRUPTED
    assert_nothing_is_left(place, 2)


def test_a_deadline_does_not_run_while_a_process_stands_still(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(timed.DEADLINE_VARIABLE, "6")
    steps_slowly = place.subject("1.0", SUBJECT_STEP_S="0.8")
    # Ends at its last sample, so that there is no second duet.
    builds_slowly = place.subject("1.1", SUBJECT_BUILD_S="3.0", SUBJECT_DOES="nan@4")
    (duet_records,) = block(place, steps_slowly, builds_slowly, pairs=1)
    first, _ = both(duet_records)
    # It slept 3.2 s, and the other one 3.
    assert (first.outcome, len(first.samples)) == ("ok", 1)
    assert first.process_s > 6


def test_one_that_is_nonsense_in_its_warm_up_never_steps(place: Place) -> None:
    (duet_records,) = block(place, place.subject("1.0"), place.subject("1.1", SUBJECT_DOES="nan@2"))
    other, failed = both(duet_records)
    assert failed.outcome == records.FAILED
    assert "the losses of the first 3 steps are 1, nan, nan" in failed.error
    assert (other.outcome, other.samples, other.sample_started_s) == ("interrupted", None, [])
    assert failed.error in other.reason
    assert_nothing_is_left(place, 2)


@pytest.mark.parametrize("kind", ["n/a", "raise", "hang"])
def test_where_the_first_cannot_the_second_is_not_started(
    place: Place, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "hang":
        monkeypatch.setenv(timed.DEADLINE_VARIABLE, "3")
    (duet_records,) = block(place, place.subject("1.0", SUBJECT_DOES=kind), place.subject("1.1"))
    first, second = duet_records
    assert first is not None
    assert first.outcome == ("n/a" if kind == "n/a" else "failed")
    assert second is None
    assert len(place.records()) == 1
    assert_nothing_is_left(place, 1)


def test_where_the_second_is_not_applicable_the_first_says_that_it_was(place: Place) -> None:
    (duet_records,) = block(place, place.subject("1.0"), place.subject("1.1", SUBJECT_DOES="n/a"))
    first, second = both(duet_records)
    assert (second.outcome, second.reason) == ("n/a", "the test wants it so")
    assert (first.outcome, first.reason) == (
        "interrupted",
        "its partner in the duet: tinyframe-1.1 plain: n/a: the test wants it so",
    )
    assert_nothing_is_left(place, 2)


def test_a_loss_that_is_lost_at_the_end_spoils_the_duet(place: Place) -> None:
    """It is read after the last sample, when the process is given the word to end."""
    (duet_records,) = block(place, place.subject("1.0", SUBJECT_DOES="nan@5"), place.subject("1.1"))
    failed, other = both(duet_records)
    assert (failed.outcome, failed.error) == (
        "failed",
        "the loss after the last sample is nan",
    )
    assert len(failed.samples) == PAIRS
    assert not duet.ended_well(duet_records)
    assert (other.outcome, len(other.sample_started_s)) == ("interrupted", PAIRS)
    assert_nothing_is_left(place, 2)


def test_one_that_is_done_too_soon_ends_the_other(place: Place) -> None:
    """As where a benchmark has a number of samples of its own mind."""
    run = place.run()
    first, second = place.subject("1.0"), place.subject("1.1")
    made = duet._RunningProcess.__init__

    def fewer(self: Any, run: Any, subject: Any, told: Any, pairs: int) -> None:
        made(self, run, subject, told, 2 if subject is second else pairs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duet._RunningProcess, "__init__", fewer)
        (duet_records,) = duet.block(run, (first, second), pairs=PAIRS)
    other, early = both(duet_records)
    assert (early.outcome, len(early.samples)) == ("ok", 2)
    assert other.outcome == "interrupted"
    assert other.reason.endswith("tinyframe-1.1 plain: it ended after 2 samples")
    assert_nothing_is_left(place, 2)


def test_one_that_is_killed_while_it_waits_ends_the_other(place: Place) -> None:
    """As by a system that is out of memory."""

    def kill() -> None:
        until(lambda: any(line.get("step") == FIRST_SAMPLE for line in place.told()))
        os.kill(place.pids()[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    slow = place.subject("1.1", SUBJECT_STEP_S="0.5")
    (duet_records,) = block(place, place.subject("1.0"), slow)
    killer.join()
    killed, other = both(duet_records)
    assert killed.error.startswith("killed by SIGKILL")
    assert other.outcome == "interrupted"
    assert_nothing_is_left(place, 2)


@pytest.mark.parametrize("which", [0, 1], ids=["the first", "the second"])
def test_one_that_is_killed_while_a_busy_machine_is_waited_for_was_not_ended_by_that(
    place: Place, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    def patience(share: float) -> bool:
        os.kill(place.pids()[which], signal.SIGKILL)
        until(lambda: gone(place.pids()[which]))
        return False

    monkeypatch.setattr(duet.clocks, "busy_share", lambda cpus, seconds: 0.5)
    subjects = (place.subject("1.0"), place.subject("1.1"))
    (duet_records,) = duet.block(place.run(), subjects, pairs=2, patience=patience)
    killed, other = both(duet_records)[which], both(duet_records)[1 - which]
    assert killed.outcome == records.FAILED
    assert killed.error.startswith("killed by SIGKILL")
    assert (other.outcome, other.reason) == (
        records.INTERRUPTED,
        f"its partner in the duet: tinyframe-1.{which} plain: failed: {killed.error}",
    )
    assert_nothing_is_left(place, 2)


def test_a_machine_that_is_waited_for_in_vain_ends_both(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duet.clocks, "busy_share", lambda cpus, seconds: 0.5)
    subjects = (place.subject("1.0"), place.subject("1.1"))
    found = duet.block(place.run(), subjects, pairs=2, patience=lambda share: False)
    (duet_records,) = found
    why = "the machine is busy: others use 50 % of the processors"
    assert [(r.outcome, r.reason) for r in both(duet_records)] == [("interrupted", why)] * 2
    assert_nothing_is_left(place, 2)


# -- whoever started them goes wrong


def interrupt_when(place: Place, processes: int, step: int) -> threading.Thread:
    """Have this process interrupted, as by Ctrl-C, when the last of so many processes takes the
    step with this number."""

    def wait() -> None:
        until(
            lambda: (
                len(place.pids()) == processes
                and any(
                    line["pid"] == place.pids()[-1] and line.get("step", 0) == step
                    for line in place.told()
                )
            )
        )
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("processes", "step"),
    [(1, 1), (2, 1), (2, FIRST_SAMPLE)],
    ids=["the first starts", "the second starts", "they step"],
)
def test_an_interrupt_ends_all_and_is_recorded(place: Place, processes: int, step: int) -> None:
    hangs = {"SUBJECT_DOES": f"hang@{step}"}
    subjects = [place.subject(f"1.{i}", **(hangs if i == processes - 1 else {})) for i in (0, 1)]
    thread = interrupt_when(place, processes, step)
    with pytest.raises(timed.Interrupted) as caught:
        block(place, *subjects)
    thread.join()
    names = " and ".join(["tinyframe-1.0 plain", "tinyframe-1.1 plain"][:processes])
    assert str(caught.value) == (
        f"Interrupted in a duet of {names}; run the same command again to go on."
    )
    stored = place.records()
    assert [r.outcome for r in stored] == ["interrupted"] * processes
    assert {r.duet["block"] for r in stored} == {f"{stored[0].run}/1"}
    assert_nothing_is_left(place, processes)


def test_an_interrupt_while_the_two_end_is_recorded_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any, deadline_s: float | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(duet.process.Running, "wait", interrupted)
    with pytest.raises(timed.Interrupted):
        block(place, place.subject("1.0"), place.subject("1.1"))
    assert [r.outcome for r in place.records()] == ["interrupted"] * 2
    assert [len(r.sample_started_s) for r in place.records()] == [PAIRS] * 2
    assert_nothing_is_left(place, 2)


def test_when_whoever_started_them_is_killed_both_end_and_the_next_run_records_it(
    place: Place,
) -> None:
    variables = {"SUBJECT_DOES": f"hang@{FIRST_SAMPLE}"}
    command = [sys.executable, "-m", "tests.runs.duets", str(place.folder), json.dumps(variables)]
    with subprocess.Popen(command, cwd=ROOT) as starter:
        until(lambda: any(line.get("step") == FIRST_SAMPLE for line in place.told()))
        starter.kill()
    until(lambda: len(place.pids()) == 2 and all(map(gone, place.pids())))
    assert place.records() == []
    draft.collect_orphans(place.drafts)
    stored = place.records()
    assert [(r.outcome, r.purpose) for r in stored] == [("interrupted", "duet")] * 2
    assert {r.duet["id"] for r in stored} == {f"{stored[0].run}/1.1"}
    assert list(place.drafts.iterdir()) == []


def test_a_releases_own_process_is_told_who_starts_it(place: Place) -> None:
    """An interpreter of the user's may be a script, which starts the process in turn."""
    given = place.subject("1.0").installation
    assert timed.started_here(given) == {}
    own = replace(given, lock=CATALOGUE.by_name["tensorflow-2.16.2"].locks["cpu"])
    assert timed.started_here(own) == {STARTER_VARIABLE: str(os.getpid())}


def test_a_record_that_cannot_be_written_leaves_nothing_running(place: Place) -> None:
    (place.folder / "results").write_text("a file where a folder should be")
    with pytest.raises(RecordError):
        block(place, place.subject("1.0"), place.subject("1.1"))
    assert len(place.pids()) == 2
    assert all(map(gone, place.pids()))
    assert list((place.folder / "temporary").iterdir()) == []
    # Their drafts stay, for the next run.
    (place.folder / "results").unlink()
    draft.collect_orphans(place.drafts)
    assert [r.outcome for r in place.records()] == ["interrupted"] * 2


def test_an_interpreter_that_is_not_there_is_one_line(place: Place) -> None:
    with pytest.raises(timed.NotMeasured) as caught:
        block(place, place.subject("1.0"), place.subject("1.1", interpreter="/nowhere/python"))
    line = str(caught.value)
    assert line.startswith(
        "tinyframe-1.0 plain and tinyframe-1.1 plain cannot be measured: No such"
    )
    assert "/nowhere/python" in line
    assert "\n" not in line
    stored = place.records()
    assert [r.outcome for r in stored] == ["interrupted"] * 2
    assert all("No such file or directory: /nowhere/python" in r.reason for r in stored)
    assert_nothing_is_left(place, 1)


def test_where_nobody_reads_what_is_said_both_end_and_no_disk_is_called_full(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of ``vggbench duet ... | head -1``, which says that it waits for a quiet machine."""

    def patience(share: float) -> bool:
        raise BrokenPipeError

    monkeypatch.setattr(duet.clocks, "busy_share", lambda cpus, seconds: 0.5)
    subjects = (place.subject("1.0"), place.subject("1.1"))
    with pytest.raises(BrokenPipeError):
        duet.block(place.run(), subjects, pairs=2, patience=patience)
    assert [(r.outcome, r.reason) for r in place.records()] == [("interrupted", None)] * 2
    assert_nothing_is_left(place, 2)


def test_a_second_interrupt_while_they_are_ended_leaves_nothing_running(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = duet.process.Running.end
    calls = []

    def interrupted_once(self: Any) -> None:
        calls.append(self.pid)
        if len(calls) == 1:
            raise KeyboardInterrupt
        ended(self)

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(duet.process.Running, "end", interrupted_once)
    monkeypatch.setattr(duet, "_step_in_turns", interrupted)
    with pytest.raises(timed.Interrupted):
        block(place, place.subject("1.0"), place.subject("1.1"))
    assert [r.outcome for r in place.records()] == ["interrupted"] * 2
    assert_nothing_is_left(place, 2)
