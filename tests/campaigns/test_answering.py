"""Blocks of duets until everybody is answered: measuring, judging and the clock are literals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from vggbench import records
from vggbench.campaigns import answering
from vggbench.campaigns.answering import Answer, BlockTools, Comparison, Standing
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.taking import BlockResult, out_of_budget
from vggbench.judging.duets import gather
from vggbench.judging.verdicts import BY_DUETS, BY_PROCESSES, Verdict
from vggbench.releases.catalogue import Release
from vggbench.runs.suite import Configured
from vggbench.stats.policy import IMPROVED, MOST_BLOCKS, NOT_SURE, REGRESSED, UNCHANGED

from ..judging.duets import block_by_log
from ..judging.literal import LINE, MACHINE, verdict
from ..records.factory import CATALOGUE

BEFORE = Release("tensorflow", "2.15.1", "2024-03-01", "3.11")
AFTER = Release("tensorflow", "2.16.2", "2024-06-28", "3.12")

WORDS = {"data_format": "NHWC", "batch_norm": "fused", "xla": "off"}
ONE = Configured(
    benchmark="train_step.TensorFlow.time_train_step",
    version="3",
    index=0,
    params=(("'NHWC'",), ("'fused'",), ("'off'",)),
    configuration=tuple(WORDS.items()),
)
NAME = "tensorflow-2.16.2 NHWC fused off"


def comparison(version: str = AFTER.version, **more) -> Comparison:
    after = Release("tensorflow", version, "2024-06-28", "3.12")
    return Comparison(BEFORE, after, "cpu-quick", ONE, **more)


def judged(
    outcome: str,
    needed: int | None = None,
    taken: int = 0,
    measure: str = "step",
    by: str = BY_DUETS,
    suspected: bool = False,
) -> Verdict:
    return verdict(
        1.02,
        0.99,
        1.05,
        outcome=outcome,
        measure=measure,
        blocks=taken,
        blocks_needed=needed,
        decided_by=by,
        suspected=suspected,
    )


((BLOCK,), _) = gather(MACHINE, block_by_log(LINE[-2], LINE[-1], 0.01), CATALOGUE)

GOOD = BlockResult(block=BLOCK)
BUSY = BlockResult(why="the machine was busy: others used 50 % of the processors")


@dataclass
class Machine:
    """A machine on which a block takes ``seconds``; a comparison is sure of ``answer`` with
    ``enough`` blocks, by its version, and every other needs so many more as ``needed`` has it."""

    seconds: float = 100.0
    enough: int = 5
    answer: str = UNCHANGED
    known: dict[str, int] = field(default_factory=dict)
    suspected: frozenset[str] = frozenset()
    comes: Callable[[str, int], BlockResult] = lambda version, number: GOOD
    now: float = 0.0
    order: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    unknown: bool = False
    #: A version whose peak memory may have grown, and is not answered before so many blocks.
    larger: dict[str, int] = field(default_factory=dict)

    def take(self, comparison: Comparison, until_s: float) -> BlockResult:
        self.now += self.seconds
        version = comparison.after.version
        self.order.append(version)
        came = self.comes(version, len(self.order))
        if came.block is not None:
            self.known[version] = self.known.get(version, 0) + 1
        return replace(came, seconds=self.seconds)

    def standing(self, comparison: Comparison) -> Standing:
        version = comparison.after.version
        taken = self.known.get(version, 0)
        enough = self.enough + (2 if version == "slow" else 0)
        if taken >= enough:
            own = judged(self.answer, taken=taken)
        else:
            doubted = version in self.suspected
            own = judged(NOT_SURE, enough - taken, taken, suspected=doubted)
        verdicts = {"step": own}
        more = self.larger.get(version, 0) - taken
        if more > 0:
            verdicts["peak_memory"] = judged(NOT_SURE, more, taken, "peak_memory", suspected=True)
        return Standing(verdicts=verdicts, blocks=taken)

    def tools(self, budget: float = 1e6, **more) -> BlockTools:
        known = {"take": self.take, "standing": self.standing, **more}
        return BlockTools(
            seconds=lambda comparison: 0.0 if self.unknown else self.seconds,
            budget=Budget(budget, lambda: self.now),
            say=self.said.append,
            **known,
        )

    def answer_all(self, *comparisons: Comparison, budget: float = 1e6, **more) -> list[Answer]:
        return answering.answer_all(comparisons, self.tools(budget, **more))


def _lasting(machine: Machine, lasts: dict[str, float], budget: float) -> BlockTools:
    """The machine's tools, where a block of each version is likely to take so many seconds."""
    tools = machine.tools(budget)
    return replace(tools, seconds=lambda comparison: lasts[comparison.after.version])


def test_blocks_are_taken_until_each_is_answered() -> None:
    machine = Machine(enough=4)
    one, other = machine.answer_all(comparison("a"), comparison("b"))
    assert machine.order == ["a"] * 4 + ["b"] * 4
    assert (one.why, one.blocks, one.standing.blocks) == (None, 4, 4)
    assert one.standing.verdicts["step"].outcome == UNCHANGED
    assert other.comparison.after.version == "b", "in the order of what was asked"
    assert machine.said[0] == (
        "To answer: tensorflow-a NHWC fused off, tensorflow-b NHWC fused off, about 13 min"
    )


def test_each_block_and_each_answer_has_a_line() -> None:
    machine = Machine(enough=2)
    machine.answer_all(comparison())
    assert machine.said[1:] == [
        f"{NAME}, 1 block: step time: not sure, +2.0 % (-1.0 to +5.0)",
        f"{NAME}, 2 blocks: step time: unchanged, +2.0 % (-1.0 to +5.0)",
        f"{NAME} against tensorflow-2.15.1: step time: unchanged, +2.0 % (-1.0 to +5.0), "
        "2 blocks taken",
    ]


def test_what_blocks_came_to_is_told_apart_from_what_processes_decided() -> None:
    own = judged(NOT_SURE, 2, 1, by=BY_PROCESSES, suspected=True)
    standing = Standing(verdicts={"step": own}, blocks=1, ratios={"step": 0.9996})
    assert answering.progress(comparison(), standing) == (
        f"{NAME}, 1 block: step time: not sure, +2.0 % (-1.0 to +5.0) by processes alone, "
        "-0.0 % by the block alone"
    )
    standing = Standing(verdicts={"step": own}, blocks=2, ratios={"step": 1.01})
    ended = Answer(comparison=comparison(), standing=standing, blocks=2, why="given up")
    assert answering.ending(ended) == (
        f"{NAME} against tensorflow-2.15.1: step time: not sure, +2.0 % (-1.0 to +5.0) by "
        "processes alone, +1.0 % by the blocks alone, 2 blocks taken; given up"
    )


def test_what_is_answered_costs_nothing_and_is_not_said() -> None:
    machine = Machine(known={AFTER.version: 5})
    (answer,) = machine.answer_all(comparison())
    assert (answer.why, answer.blocks) == (None, 0)
    assert (machine.order, machine.said) == ([], [])


def test_what_may_be_slower_comes_first_then_what_is_answered_soonest() -> None:
    machine = Machine(known={"near": 4, "far": 0, "doubted": 1}, suspected=frozenset({"doubted"}))
    machine.answer_all(*map(comparison, ("far", "near", "doubted")))
    assert machine.order == ["doubted"] * 4 + ["near"] + ["far"] * 5


def test_no_step_waits_for_what_is_open_only_in_a_by_product() -> None:
    machine = Machine(enough=3, larger={"larger": 5})
    machine.answer_all(comparison("larger"), comparison("b"), replace(comparison("link"), least=4))
    assert machine.order == ["larger"] * 3 + ["b"] * 3 + ["link"] * 4 + ["larger"] * 2


def test_the_next_is_chosen_anew_after_each_block() -> None:
    """A block may clear what was suspected, which then waits for others that still are."""
    machine = Machine(known={"b": 1}, suspected=frozenset({"a", "b"}))

    def standing(comparison: Comparison) -> Standing:
        cleared = comparison.after.version == "b" and machine.known["b"] >= 2
        machine.suspected = frozenset({"a"} if cleared else {"a", "b"})
        return machine.standing(comparison)

    machine.answer_all(comparison("a"), comparison("b"), standing=standing)
    assert machine.order == ["b", *["a"] * 5, *["b"] * 3]


def _until_b_has_blocks(machine: Machine, of_b: int) -> Callable[[Comparison], Standing]:
    """How it stands on a machine on which "a" is sure with 3 blocks while "b" has none, and needs 5
    when "b" has ``of_b``: other blocks have told more noise."""

    def standing(of: Comparison) -> Standing:
        is_restless = machine.known.get("b", 0) >= of_b
        return replace(machine, enough=5 if is_restless else 3).standing(of)

    return standing


def test_what_the_blocks_of_others_leave_open_again_goes_on() -> None:
    machine = Machine(known={})
    one, other = machine.answer_all(
        comparison("a"), comparison("b"), standing=_until_b_has_blocks(machine, 2)
    )
    assert machine.order == ["a"] * 3 + ["b"] * 5 + ["a"] * 2
    assert (one.why, one.blocks, one.standing.blocks) == (None, 5, 5)
    assert other.blocks == 5
    told = [line for line in machine.said if "open again" in line]
    assert told == [
        "tensorflow-a NHWC fused off, 3 blocks: step time: not sure, +2.0 % (-1.0 to +5.0); "
        "it is open again, since other blocks showed more noise"
    ]


def test_what_is_open_again_when_the_budget_is_spent_is_no_answer() -> None:
    machine = Machine(known={})
    one, other = machine.answer_all(
        comparison("a"),
        comparison("b"),
        standing=_until_b_has_blocks(machine, 2),
        budget=850.0,
    )
    assert one.out_of_budget
    assert one.standing.verdicts["step"].outcome == NOT_SURE
    assert (other.why, other.blocks) == (None, 5)


def test_blocks_of_one_that_was_given_up_leave_others_open_again_too() -> None:
    machine = Machine(known={"a": 3})
    machine.comes = lambda version, number: GOOD if number < 3 or version == "a" else BUSY
    one, other = machine.answer_all(
        comparison("a"), comparison("b"), standing=_until_b_has_blocks(machine, 2)
    )
    assert (one.why, one.blocks) == (None, 2)
    assert (other.blocks, other.why) == (2, BUSY.why)


def test_what_is_open_again_with_all_its_blocks_is_closed() -> None:
    machine = Machine(known={})
    few = replace(comparison("a"), most=3)
    one, _ = machine.answer_all(few, comparison("b"), standing=_until_b_has_blocks(machine, 2))
    assert one.why == "not sure after 3 blocks"


def test_a_spent_budget_leaves_the_rest_open_with_what_it_would_cost() -> None:
    machine = Machine(enough=3)
    found = machine.answer_all(comparison("a"), comparison("slow"), budget=450)
    assert machine.order == ["a"] * 3 + ["slow"]
    assert machine.now <= 450, "no block is begun that is likely to end later"
    assert [answer.out_of_budget for answer in found] == [False, True]
    assert found[1].why == "the budget of 8 min is spent"
    assert found[1].seconds == 400.0
    assert machine.said[0].endswith(", about 13 min; the budget of 8 min may not be enough")
    assert answering.open_messages(found) == [
        "Open, as the budget allows no more blocks: tensorflow-slow NHWC fused off; about 7 min "
        "more would "
        "answer it"
    ]


def test_what_is_too_long_for_the_budget_does_not_keep_others_from_it() -> None:
    machine = Machine(enough=1, suspected=frozenset({"long"}))
    tools = _lasting(machine, {"long": 500.0, "short": 100.0}, budget=300)
    found = answering.answer_all([comparison("long"), comparison("short")], tools)
    assert machine.order == ["short"]
    assert [answer.out_of_budget for answer in found] == [True, False]
    assert found[0].why == "a block takes about 8 min, more than the budget of 5 min"


def test_where_nothing_is_known_of_what_a_block_takes_no_cost_is_told() -> None:
    machine = Machine(unknown=True)
    found = machine.answer_all(comparison(), budget=0)
    assert machine.order == []
    assert answering.open_messages(found) == [f"Open, as the budget allows no more blocks: {NAME}"]
    machine = Machine(unknown=True, enough=3)
    machine.answer_all(comparison())
    assert machine.said[0] == f"To answer: {NAME}"


def test_a_comparison_has_a_budget_of_its_own() -> None:
    machine = Machine(enough=30)
    found = machine.answer_all(comparison("a", budget_s=250.0), comparison("b", most=3))
    assert machine.order.count("a") == 2
    assert machine.order.count("b") == 3
    assert [answer.why for answer in found] == [
        "its budget of 4 min is spent",
        "not sure after 3 blocks",
    ]
    assert not any(answer.out_of_budget for answer in found), (
        "more of the whole budget would not help"
    )
    assert answering.open_messages(found) == [
        "Not answered: tensorflow-a NHWC fused off, tensorflow-b NHWC fused off; why is said above"
    ]


def test_a_budget_of_its_own_that_has_no_block_is_not_called_spent() -> None:
    machine = Machine(seconds=300.0)
    (answer,) = machine.answer_all(comparison(budget_s=120.0))
    assert machine.order == []
    assert answer.why == "a block takes about 5 min, more than its budget of 2 min"
    # It is spent by what turned out to take that long.
    machine = Machine(seconds=300.0, unknown=True)
    (answer,) = machine.answer_all(comparison(budget_s=120.0))
    assert (machine.order, answer.why) == ([AFTER.version], "its budget of 2 min is spent")


def test_a_link_of_a_chain_has_its_least_number_of_blocks_though_it_is_sure() -> None:
    machine = Machine(enough=3)
    (answer,) = machine.answer_all(comparison(least=6))
    assert (answer.blocks, answer.why) == (6, None)
    assert machine.said[0].endswith(", about 10 min")


def test_what_has_spent_its_blocks_is_closed_until_more_are_asked_for() -> None:
    machine = Machine(enough=25)
    (answer,) = machine.answer_all(comparison())
    assert (answer.blocks, answer.why) == (MOST_BLOCKS, "not sure after 20 blocks")
    machine.said.clear()
    (answer,) = machine.answer_all(comparison())
    assert (answer.blocks, answer.why) == (0, "not sure after 20 blocks")
    (line,) = machine.said
    assert line.endswith("; not sure after 20 blocks"), "nothing was planned"
    (answer,) = machine.answer_all(comparison(most=2 * MOST_BLOCKS))
    assert (answer.blocks, answer.why, answer.standing.blocks) == (5, None, 25)


@pytest.mark.parametrize("outcome", [records.NOT_APPLICABLE, records.FAILED, None])
def test_one_that_cannot_be_is_asked_once_and_the_others_go_on(outcome: str | None) -> None:
    def comes(version: str, number: int) -> BlockResult:
        return BlockResult(why="NHWC only", outcome=outcome) if version == "bad" else GOOD

    machine = Machine(enough=3, comes=comes, suspected=frozenset({"bad"}))
    bad, good = machine.answer_all(comparison("bad"), comparison("good"))
    assert machine.order == ["bad", "good", "good", "good"]
    assert (bad.why, bad.blocks, bad.out_of_budget) == ("NHWC only", 0, False)
    assert bad.failed is (outcome == records.FAILED), "what cannot be did not go wrong"
    assert (good.why, good.failed) == (None, False)


def test_a_block_that_does_not_count_is_said_and_three_in_a_row_end_it() -> None:
    machine = Machine(comes=lambda version, number: BUSY)
    (answer,) = machine.answer_all(comparison())
    assert len(machine.order) == 3
    assert (answer.standing.blocks, answer.why, answer.failed) == (0, BUSY.why, False)
    line = f"{NAME}: the block does not count: {BUSY.why}"
    assert machine.said.count(line) == 3


def test_one_that_counts_between_those_that_do_not_lets_it_go_on() -> None:
    machine = Machine(enough=2, comes=lambda version, number: BUSY if number % 3 else GOOD)
    (answer,) = machine.answer_all(comparison())
    assert (answer.why, answer.standing.blocks, len(machine.order)) == (None, 2, 6)


IN_VAIN = BlockResult(why="the machine is busy", outcome=records.INTERRUPTED, waited_in_vain=True)


def test_waiting_in_vain_for_a_quiet_machine_leaves_it_open() -> None:
    machine = Machine(seconds=1000.0, unknown=True, comes=lambda version, number: IN_VAIN)
    (answer,) = machine.answer_all(comparison(), budget=900)
    assert answer.out_of_budget
    assert machine.order == [AFTER.version]
    assert answer.why == "the budget of 15 min is spent while the machine was busy"


QUIET = "end what computes (top shows it), or go on later, with the same command"


def test_what_a_busy_machine_left_open_is_told_as_that_and_no_more_budget_is_asked_for() -> None:
    disturbed = replace(BUSY, is_spoilt=True)
    for busy in (IN_VAIN, disturbed):
        machine = Machine(seconds=500.0, comes=lambda version, number, busy=busy: busy)
        found = machine.answer_all(comparison("a"), comparison("b"), budget=900)
        assert answering.open_messages(found) == [
            "Open, as the machine was busy for the whole budget: tensorflow-a NHWC fused off, "
            f"tensorflow-b NHWC fused off; {QUIET}"
        ]
    machine = Machine(seconds=500.0)
    machine.comes = lambda version, number: GOOD if number == 2 else disturbed
    (line,) = answering.open_messages(machine.answer_all(comparison(), budget=2000))
    assert line == f"Open, as the machine was busy when the budget was spent: {NAME}; {QUIET}"


def test_a_machine_that_was_quiet_again_is_not_called_busy() -> None:
    machine = Machine(seconds=400.0)
    machine.comes = lambda version, number: IN_VAIN if number == 1 else GOOD
    (line,) = answering.open_messages(machine.answer_all(comparison(), budget=900))
    assert line.startswith("Open, as the budget allows no more blocks: ")


def test_waiting_in_vain_within_its_own_budget_ends_a_comparison() -> None:
    machine = Machine(seconds=250.0, unknown=True)
    machine.comes = lambda version, number: IN_VAIN if version == "busy" else GOOD
    told: dict[str, float] = {}

    def take(comparison: Comparison, until_s: float) -> BlockResult:
        told.setdefault(comparison.after.version, until_s)
        return machine.take(comparison, until_s)

    both = comparison("busy", budget_s=250.0), comparison("other")
    busy, other = machine.answer_all(*both, take=take)
    assert busy.why == "its budget of 4 min is spent while the machine was busy"
    assert not busy.out_of_budget
    assert other.why is None
    assert told == {"busy": 250.0, "other": math.inf}


def test_waiting_is_spent_but_no_forecast() -> None:
    machine = Machine(seconds=100.0, enough=3)

    def take(comparison: Comparison, until_s: float) -> BlockResult:
        came = machine.take(comparison, until_s)
        machine.now += 400.0 if len(machine.order) == 1 else 0.0
        return came

    (answer,) = machine.answer_all(comparison(), take=take, budget=750)
    assert (answer.why, answer.blocks, machine.now) == (None, 3, 700.0)


@pytest.mark.parametrize("own", [math.inf, 450.0])
def test_environments_that_leave_too_little_of_a_budget_leave_it_open(own: float) -> None:
    """Nothing was known of what a block takes when the environments were begun."""
    machine = Machine(unknown=True)

    def take(comparison: Comparison, until_s: float) -> BlockResult:
        machine.now += 400.0
        machine.order.append(comparison.after.version)
        came = out_of_budget(Budget(500, iter([0.0, *[machine.now] * 9]).__next__), 150.0, until_s)
        assert came is not None
        return came

    (answer,) = machine.answer_all(comparison(budget_s=own), take=take, budget=500)
    assert machine.order == [AFTER.version]
    whose = "the budget of 8 min" if own == math.inf else "its budget of 8 min"
    assert answer.why == f"{whose} is spent"
    assert (answer.blocks, answer.failed, answer.out_of_budget) == (0, False, own == math.inf)


def test_blocks_that_its_verdict_does_not_count_close_it() -> None:
    """As where a process by itself has failed."""
    machine = Machine()

    def standing(comparison: Comparison) -> Standing:
        blocks = machine.known.get(comparison.after.version, 0)
        failed = replace(judged(NOT_SURE), why="tensorflow-2.15.1 failed: it crashed")
        return Standing(verdicts={"step": failed}, blocks=blocks)

    (answer,) = machine.answer_all(comparison(), standing=standing)
    assert (answer.blocks, len(machine.order)) == (3, 3)
    assert answer.why == "3 blocks do not decide it: tensorflow-2.15.1 failed: it crashed"


def test_what_was_taken_closes_it_though_it_does_not_count_any_more() -> None:
    """As where the machine changes its state after each block."""
    machine = Machine()

    def standing(comparison: Comparison) -> Standing:
        blocks = min(1, machine.known.get(comparison.after.version, 0))
        return Standing(verdicts={"step": judged(NOT_SURE, 5, blocks)}, blocks=blocks)

    (answer,) = machine.answer_all(comparison(most=4), standing=standing)
    assert (answer.blocks, answer.why) == (4, "not sure after 4 blocks")


def test_what_is_no_neighbour_is_named_with_what_it_is_held_against() -> None:
    far = comparison(are_neighbours=False)
    assert far.name == far.in_full == f"{NAME} against tensorflow-2.15.1"
    machine = Machine(enough=1)
    machine.answer_all(far)
    assert machine.said[-1].count("against tensorflow-2.15.1") == 1


def test_an_interrupt_passes_through() -> None:
    def take(comparison: Comparison, until_s: float) -> BlockResult:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Machine().answer_all(comparison(), take=take)


# -- how many blocks a comparison needs


def needed(*own: Verdict, improved: bool = True, **more) -> int:
    taken = max((verdict.blocks for verdict in own), default=0)
    standing = Standing(verdicts={verdict.measure: verdict for verdict in own}, blocks=taken)
    return standing.needed(comparison(**more), improved)


def test_what_was_never_measured_needs_the_least_there_is() -> None:
    assert needed() == 3


@pytest.mark.parametrize("outcome", [REGRESSED, IMPROVED])
def test_what_processes_alone_call_a_change_is_measured_in_duets(outcome: str) -> None:
    assert needed(judged(outcome, by=BY_PROCESSES)) == 3
    assert needed(judged(outcome, taken=2, by=BY_PROCESSES)) == 1
    assert needed(judged(outcome, taken=3)) == 0


def test_what_processes_alone_call_unchanged_is_an_answer() -> None:
    assert needed(judged(UNCHANGED, by=BY_PROCESSES)) == 0


def test_what_processes_alone_call_faster_is_followed_where_that_is_asked_for() -> None:
    assert needed(judged(IMPROVED, by=BY_PROCESSES), improved=False) == 0
    assert needed(judged(REGRESSED, by=BY_PROCESSES), improved=False) == 3


def test_a_by_product_that_duets_do_not_measure_keeps_nothing_open() -> None:
    step = judged(UNCHANGED, taken=3)
    assert needed(step, judged(REGRESSED, measure="first_step", by=BY_PROCESSES)) == 0
    assert needed(step, judged(REGRESSED, taken=1, measure="first_step", by=BY_PROCESSES)) == 2


def test_a_by_product_is_followed_while_it_is_suspected_and_an_answer_within_reach() -> None:
    step = judged(UNCHANGED, taken=6)
    assert needed(step, judged(NOT_SURE, 8, 6, "first_step")) == 0
    assert needed(step, judged(NOT_SURE, 8, 6, "first_step", suspected=True)) == 8
    assert needed(step, judged(NOT_SURE, 15, 6, "first_step", suspected=True)) == 0
    assert needed(judged(NOT_SURE, 15, 6)) == 15, "the step is followed to the end"


# -- messages


def test_what_is_answered_is_not_among_what_is_open() -> None:
    machine = Machine(enough=1)
    assert answering.open_messages(machine.answer_all(comparison("a"), comparison("b"))) == []


def test_what_is_unknown_of_two_is_taken_to_last_as_long_as_what_is_known_of_one() -> None:
    tools = _lasting(Machine(), {"a": 100.0, "b": 0.0}, budget=0)
    (line,) = answering.open_messages(
        answering.answer_all([comparison("a"), comparison("b")], tools)
    )
    assert line.endswith("; about 17 min more would answer them")


def test_the_forecast_of_what_is_partly_unknown_goes_by_what_is_known() -> None:
    machine = Machine()
    tools = _lasting(machine, {"a": 100.0, "b": 0.0, "c": 0.0}, budget=1400)
    answering.answer_all([comparison("a"), comparison("b"), comparison("c")], tools)
    assert machine.said[0].endswith(
        ", about 25 min if those without a record take as long as the others; the budget of 23 min "
        "may not be enough"
    )


def test_processes_in_turns_of_which_nothing_is_known_last_at_least_what_is_known_of_others() -> (
    None
):
    standing = Machine().standing(comparison("a"))
    found = [
        Answer(
            comparison=comparison(version),
            standing=standing,
            blocks=0,
            why="the budget is spent",
            out_of_budget=True,
            seconds=seconds,
        )
        for version, seconds in (("a", 480.0), ("b", 0.0))
    ]
    (line,) = answering.open_messages(found)
    assert line.endswith("; at least 8 min more would answer them")


GOES_ON = (
    "tensorflow-larger NHWC fused off: the step time is answered; going on for the peak memory, "
)


def test_why_it_goes_on_though_the_step_is_answered_is_said_once() -> None:
    machine = Machine(enough=3, larger={"larger": 6})
    machine.answer_all(comparison("larger"))
    told = [line for line in machine.said if "is answered" in line]
    assert told == [f"{GOES_ON}where a regression is suspected"]
    assert "3 blocks: step time: unchanged" in machine.said[machine.said.index(told[0]) - 1]


def test_what_was_open_only_in_a_by_product_says_so_before_its_first_block() -> None:
    machine = Machine(enough=3, larger={"larger": 5}, known={"larger": 3})
    machine.answer_all(comparison("larger"))
    assert machine.said[1] == f"{GOES_ON}where a regression is suspected"


def test_what_is_open_is_told_with_its_measure_where_the_step_is_answered() -> None:
    machine = Machine(enough=3, larger={"larger": 6})
    (line,) = answering.open_messages(machine.answer_all(comparison("larger"), budget=450))
    assert line == (
        "Open, as the budget allows no more blocks: tensorflow-larger NHWC fused off (the peak "
        "memory); about 3 min more would answer it"
    )
    machine = Machine(enough=5, larger={"larger": 6})
    (line,) = answering.open_messages(machine.answer_all(comparison("larger"), budget=250))
    assert "tensorflow-larger NHWC fused off; about " in line, "the step itself is open"
