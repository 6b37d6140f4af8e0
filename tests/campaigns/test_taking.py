"""A block of duets: what came of it, and what it is likely to take, by literal records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns import taking
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.taking import BlockResult, Patience, Uncounted
from vggbench.judging.duets import Block, gather
from vggbench.records import Record
from vggbench.runs import memory
from vggbench.runs.duet import Subject
from vggbench.runs.installation import Installation

from ..judging.duets import block_by_log
from ..judging.literal import LINE, MACHINE
from ..judging.literal import record as literal_record
from ..records.factory import CATALOGUE, changed
from .here import local

RELEASE = CATALOGUE.by_name[LINE[-1]]


class Machine:
    """A machine that takes one block. ``comes``: the four records that the block leaves, fewer
    where it ends early."""

    def __init__(self, folder: Path, comes: Sequence[Record] = (), seconds: float = math.inf):
        self.said: list[str] = []
        self.here = local(folder, self.said.append)
        self.budget = Budget(seconds, lambda: 0.0)
        self.comes = list(comes)
        self.step_s: float | None = None
        self.is_waited_for: bool | None = None

    def block(self, subjects, step_s, *, patience: Patience):
        self.step_s = step_s
        if self.comes[0].reason == "the machine is busy":
            self.is_waited_for = patience(0.4)
        return [(one, other) for one, other in zip(self.comes[::2], self.comes[1::2], strict=True)]

    def take(self, **more: Any) -> BlockResult:
        one = literal_record(RELEASE.name)
        installation = Installation(
            release=RELEASE, profile="cpu-quick", interpreter="python", lock=RELEASE.locks["cpu"]
        )
        subject = Subject(
            installation=installation,
            configured=self.here.configured(one.benchmark, one.configuration),
        )
        runner = SimpleNamespace(block=self.block)
        return taking.take(self.here, runner, (subject, subject), self.budget, **more)


def comes(**told) -> list[Record]:
    """The records of a block of a release with itself. ``told``: keys of all four records."""
    return [changed(one, **told) for one in block_by_log(LINE[-1], LINE[-1], 0.01)]


def block_of_one() -> Block:
    ((found,), _) = gather(MACHINE, comes(), CATALOGUE)
    return found


def on_record(folder: Path, *taken: Record) -> None:
    for one in taken:
        records.append(records.folder(folder, MACHINE) / f"{one.run}.jsonl", one)


def test_a_whole_block_comes_with_the_seconds_of_both_duets(tmp_path: Path) -> None:
    machine = Machine(tmp_path, comes(process_s=20.0))
    came = machine.take()
    assert came.block is not None
    assert (came.why, came.outcome, came.seconds) == (None, records.OK, 40.0)
    assert machine.said == []


def test_a_block_of_a_bisection_is_one_for_bisections_alone(tmp_path: Path) -> None:
    taken = comes(purpose=records.BISECT)
    assert Machine(tmp_path, taken).take(purpose=records.BISECT).block is not None
    assert Machine(tmp_path, taken).take().block is None
    assert Machine(tmp_path, comes()).take(purpose=records.BISECT).block is None
    # What a step takes, bisections know of one another.
    on_record(tmp_path, *taken)
    machine = Machine(tmp_path, taken)
    machine.take()
    assert machine.step_s is None
    machine.take(purpose=records.BISECT)
    assert machine.step_s == pytest.approx(taken[-1].median_s)


def test_a_block_beside_other_work_does_not_count(tmp_path: Path) -> None:
    taken = comes()
    count = len(taken[0].samples)
    used = [seconds * taken[0].cpus / 2 for seconds in taken[0].samples]
    machine = Machine(tmp_path, comes(others_cpu_s=used[:count]))
    came = machine.take()
    assert (came.block, came.outcome) == (None, records.OK)
    assert came.why == "the machine was busy: others used 50 % of the processors"
    assert came.is_busy
    assert came.seconds > 0


def test_a_block_beside_another_measurement_says_which(tmp_path: Path) -> None:
    other = "process 7, asv run NEW, since 2024-06-01T12:00:00+00:00"
    came = Machine(tmp_path, comes(beside=other)).take()
    assert (came.block, came.outcome) == (None, records.OK)
    assert came.why == f"another one measured on this machine at the same time: {other}"


def test_a_block_in_two_states_does_not_count_and_says_why(tmp_path: Path) -> None:
    taken = comes()
    machine = Machine(tmp_path, [*taken[:3], changed(taken[3], cpus=taken[3].cpus + 1)])
    came = machine.take()
    assert (came.block, came.outcome) == (None, records.OK)
    assert came.why == (
        "4 records of a block of duets that was measured in more than one state of the machine are "
        f"left out: {RELEASE.name}"
    )


def test_a_block_is_of_the_state_that_is_read_of_it_later(tmp_path: Path) -> None:
    """What its processes do not say, such as the name of the GPU, the machine's records do."""
    on_gpu = {"profile": "gpu-quick", "lock": RELEASE.locks["gpu"].digest}
    named = literal_record(RELEASE.name, gpu={"name": "NVIDIA H200"}, **on_gpu)
    taken = comes(**on_gpu)
    on_record(tmp_path, named, *taken)
    machine = Machine(tmp_path, taken)
    came = machine.take()
    ((later,), _) = gather(MACHINE, machine.here.store.all(MACHINE), CATALOGUE)
    assert came.block is not None
    assert came.block.states == later.states
    assert "NVIDIA H200" in str(later.states[0])


def test_of_two_processes_the_one_that_went_wrong_is_told(tmp_path: Path) -> None:
    good, other = comes()[:2]
    ended = changed(good, outcome="interrupted", samples=None, reason="its partner")
    for outcome, told in (("n/a", {"reason": "NHWC only"}), ("failed", {"error": "NHWC only"})):
        bad = changed(other, outcome=outcome, samples=None, **told)
        came = Machine(tmp_path, [ended, bad]).take()
        assert (came.block, came.outcome, came.waited_in_vain) == (None, outcome, False)
        assert came.why == f"{bad.name} {outcome}: NHWC only"
        assert came.commit == bad.commit


BUSY = {"outcome": records.INTERRUPTED, "samples": None, "reason": "the machine is busy"}


@pytest.mark.parametrize(
    ("seconds", "until_s", "in_vain"),
    [(0.0, math.inf, True), (math.inf, 0.0, True), (math.inf, math.inf, False)],
)
def test_that_it_was_waited_in_vain_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, until_s: float, in_vain: bool
) -> None:
    monkeypatch.setattr(taking, "POLL_S", 0.0)
    machine = Machine(tmp_path, comes(**BUSY)[:2], seconds)
    came = machine.take(until_s=until_s)
    assert machine.is_waited_for is not in_vain
    assert came.outcome == records.INTERRUPTED
    assert came.waited_in_vain is came.is_busy is in_vain
    assert came.why is not None
    assert came.why.endswith(" was interrupted: the machine is busy")


def test_a_process_that_computes_while_it_waits_is_said(tmp_path: Path) -> None:
    samples = comes()[0].samples
    machine = Machine(tmp_path, comes(waiting_cpu_s=[0.1 * seconds for seconds in samples]))
    came = machine.take()
    assert came.block is not None
    assert machine.said == [came.waiting]
    name = comes()[0].name
    assert machine.said[0].startswith(f"{name}: one of the two computed while it waited, ")
    assert "of a step of the other; pools of threads that spin do that" in machine.said[0]


def test_two_that_find_no_room_in_memory_are_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_record(tmp_path, literal_record(LINE[-1], peak_memory_bytes=2_000_000_000))
    machine = Machine(tmp_path)
    monkeypatch.setattr(memory, "available_bytes", lambda: 4_300_000_000)
    came = machine.take()
    assert (came.block, came.outcome) == (None, None)
    assert came.has_no_room
    assert came.why == "two processes at once would take about 4.4 GB of memory, 4.3 GB are free"


def test_three_in_a_row_that_do_not_count_end_a_comparison() -> None:
    good, nothing = BlockResult(block=block_of_one()), BlockResult(why="busy")
    uncounted = Uncounted()
    in_turns = [nothing, nothing, good, nothing, nothing, nothing]
    assert [uncounted.end_it(one) for one in in_turns] == [False] * 5 + [True]
    assert Uncounted().end_it(BlockResult(why="n/a", outcome=records.NOT_APPLICABLE))
    assert Uncounted().end_it(BlockResult(why="no room", outcome=None))


# -- what it is likely to take


def test_of_each_subject_the_newest_process_that_counts_is_known(tmp_path: Path) -> None:
    one = literal_record(LINE[-1], session=20)
    newer = literal_record(LINE[-1], session=21)
    variant = changed(literal_record(LINE[-1], session=22), variant="numpy 1.0")
    failed = literal_record(LINE[-1], session=23, outcome="failed", error="it crashed")
    on_record(tmp_path, one, newer, variant, failed)
    here = local(tmp_path)
    subject = one.commit, one.key
    assert taking.known(here, "cpu-quick", [subject, ("0" * 40, one.key), subject]) == [
        newer,
        None,
        newer,
    ]
    assert taking.known(here, "cpu-paper", [subject]) == [None]


def test_what_is_known_of_one_is_taken_for_the_other_too() -> None:
    one = literal_record(LINE[-1], 2.0, process_s=30.0)
    both = taking.block_s([one, one])
    assert taking.block_s([one, None]) == both > 0
    assert taking.block_s([None, None]) == 0.0
    assert taking.step_s([None, one]) == one.median_s
    assert taking.step_s([None, None]) is None


def test_what_a_duet_waited_for_a_quiet_machine_is_no_part_of_what_it_lasts() -> None:
    # Pairs of steps a second apart, but for one that waited for a minute.
    begun = [0.0, 0.5, 2.0, 2.5, 64.0, 64.5, 66.0, 66.5]
    one = changed(
        literal_record(LINE[-1]), samples=[0.5] * 8, sample_started_s=begun, process_s=100.0
    )
    assert taking.lasted_s(one) == pytest.approx(100.0 - 59.0, abs=1.5)
    steady = changed(one, sample_started_s=[float(2 * (n // 2)) + 0.5 * (n % 2) for n in range(8)])
    assert taking.lasted_s(steady) == pytest.approx(100.0, abs=1.0)
    for nonsense in (None, [], "soon", [0.0, "a", None], [1.0]):
        assert taking.lasted_s(changed(one, sample_started_s=nonsense)) == 100.0


# -- a machine that is busy


@pytest.mark.parametrize(
    ("spent", "seconds", "until_s", "is_room"),
    [
        (0.0, 60.0, math.inf, True),
        (0.0, 0.0, math.inf, True),
        (50.0, 10.0, math.inf, True),
        (50.0, 10.1, math.inf, False),
        (60.0, 0.0, math.inf, False),
        (10.0, 20.0, 30.0, True),
        (10.0, 20.1, 30.0, False),
        (30.0, 0.0, 30.0, False),
    ],
)
def test_a_block_is_begun_where_environments_have_left_room_for_it(
    spent: float, seconds: float, until_s: float, is_room: bool
) -> None:
    clock = [0.0]
    budget = Budget(60, lambda: clock[0])
    clock[0] = spent
    came = taking.out_of_budget(budget, seconds, until_s)
    assert (came is None) is is_room
    if came is not None:
        assert (came.block, came.is_spent, came.is_busy) == (None, True, False)
        assert (came.outcome, came.seconds) == (None, seconds)
        assert came.why == "the budget of 60 s is spent"


def test_patience_lasts_as_long_as_the_budget_with_a_line_a_minute() -> None:
    clock = [0.0]
    said: list[str] = []

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    patience = Patience(Budget(130, lambda: clock[0]), said.append, sleep)
    looks = 0
    while patience(0.4):
        looks += 1
    assert clock[0] == pytest.approx(130, abs=taking.POLL_S)
    assert looks == round(130 / taking.POLL_S)
    assert said == [
        "the machine is busy, others use 40 % of the processors: waiting, 2 min of the budget are "
        "left",
        "the machine is busy, others use 40 % of the processors: waiting, 70 s of the budget are "
        "left",
        "the machine is busy, others use 40 % of the processors: waiting, 10 s of the budget are "
        "left",
    ]


def test_patience_ends_earlier_where_less_may_be_spent() -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    patience = Patience(Budget(130, lambda: clock[0]), lambda line: None, sleep, until_s=20.0)
    while patience(0.4):
        assert not patience.is_over
    assert patience.is_over
    assert clock[0] == 20.0


def test_without_a_budget_it_waits_for_as_long_as_it_takes() -> None:
    said: list[str] = []
    patience = Patience(Budget(math.inf, lambda: 0.0), said.append, lambda seconds: None)
    assert all(patience(0.4) for _ in range(100))
    assert said == ["the machine is busy, others use 40 % of the processors: waiting"]
