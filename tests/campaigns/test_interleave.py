"""Processes in turns until the answer is sure: measuring, judging and the clock are literals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns.answering import Comparison
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.confirm import Judging, Limits
from vggbench.campaigns.interleave import (
    Confirmation,
    Confirmed,
    TurnTools,
    confirm,
    confirm_all,
    forecast_s,
)
from vggbench.records import Record
from vggbench.releases.catalogue import Release
from vggbench.releases.environments import EnvironmentUnusable
from vggbench.runs.suite import Configured
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import MOST, NOT_SURE, REGRESSED, UNCHANGED

from ..judging.literal import FUSED, LINE, MACHINE, line
from ..judging.literal import record as literal_record
from ..records import factory
from ..records.factory import CATALOGUE, changed
from .here import local

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


def confirmation(**more: Any) -> Confirmation:
    return Confirmation(Comparison(BEFORE, AFTER, "cpu-quick", ONE), **more)


def judgement(outcome: str, ratio: float = 1.05, needed: int | None = None) -> Judgement:
    suspected = outcome == NOT_SURE
    return Judgement(
        outcome,
        ratio,
        ratio - 0.04,
        ratio + 0.04,
        suspected=suspected,
        processes_needed=needed,
    )


class Machine:
    """A machine on which every process takes ``seconds``. The answer is sure after ``sure_after``
    processes."""

    def __init__(
        self, sure_after: int = 8, answer: str = REGRESSED, seconds: float = 10.0, **bad: str
    ):
        self.now = 0.0
        self.sure_after = sure_after
        self.answer = answer
        self.seconds = seconds
        self.bad = bad
        self.order: list[str] = []
        self.said: list[str] = []

    def measure(self, comparison: Comparison, release: Release):
        self.now += self.seconds
        self.order.append(release.version)
        took = {"samples": [0.3], "process_s": self.seconds}
        if self.bad and len(self.order) == 3:
            took = self.bad
        return factory.record(release.name, **WORDS, **took)

    def judge(self, of: Confirmation):
        if len(self.order) < self.sure_after:
            return {"step": judgement(NOT_SURE, needed=8)}
        return {"step": judgement(self.answer)}

    def confirm(self, seconds: float = 3600, **more) -> Confirmed:
        return confirm(confirmation(**more), self.tools(seconds))

    def tools(self, seconds: float, **other: Callable) -> TurnTools:
        known = {"measure": self.measure, "judge": self.judge, **other}
        return TurnTools(budget=Budget(seconds, lambda: self.now), say=self.said.append, **known)


@pytest.mark.parametrize("outcome", [REGRESSED, UNCHANGED])
def test_processes_are_taken_in_turns_until_the_answer_is_sure(outcome: str) -> None:
    machine = Machine(sure_after=8, answer=outcome)
    found = machine.confirm()
    a, b = BEFORE.version, AFTER.version
    assert machine.order == [a, b, b, a] * 2
    assert (found.processes, found.why) == (8, None)
    assert found.judgements["step"].outcome == outcome


def test_each_process_has_a_line_with_the_ratio_so_far() -> None:
    machine = Machine(sure_after=4)
    machine.confirm()
    assert machine.said[1] == (
        "NHWC fused off, process 2, tensorflow-2.16.2: 300ms; "
        "tensorflow-2.16.2 against tensorflow-2.15.1 so far: step time +5.0 % (+1.0 to +9.0)"
    )
    assert len(machine.said) == 4


def test_what_is_sure_already_costs_no_process() -> None:
    machine = Machine(sure_after=0)
    assert machine.confirm().processes == 0
    assert not machine.order


def test_what_no_session_has_measured_together_is_measured_so_once() -> None:
    machine = Machine(sure_after=0)
    assert machine.confirm(lacks_shared_session=True).processes == 4
    assert Machine(sure_after=0, answer=UNCHANGED).confirm(lacks_shared_session=True).processes == 0


def test_a_budget_ends_a_confirmation_without_a_sure_answer() -> None:
    machine = Machine(sure_after=1000)
    found = machine.confirm(seconds=100)
    assert found.why == "the budget of 2 min is spent"
    assert machine.now <= 100
    assert found.judgements["step"].outcome == NOT_SURE


def test_a_batch_that_would_not_end_within_the_budget_is_not_begun() -> None:
    machine = Machine(sure_after=1000)
    found = machine.confirm(seconds=39.0)
    # Nothing is known of how long a process takes: the first batch is begun, and ended in time.
    assert machine.now <= 39.0
    assert found.processes == 3
    known = Machine(sure_after=1000)
    found = confirm(confirmation(seconds=10.0), known.tools(39.0))
    assert (found.processes, known.now) == (0, 0.0)


def test_what_earlier_confirmations_have_spent_counts() -> None:
    machine = Machine(sure_after=1000)
    found = machine.confirm(spent=MOST - 8)
    assert found.processes == 8
    assert found.why == f"step time not sure after {MOST} processes"


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (
            {"outcome": "failed", "error": "crashed with SIGSEGV"},
            "process 1: failed: crashed with SIGSEGV",
        ),
        ({"outcome": "n/a", "reason": "NHWC only"}, "process 1: n/a: NHWC only"),
    ],
)
def test_a_process_that_does_not_end_well_ends_the_confirmation(bad, line: str) -> None:
    machine = Machine(sure_after=1000, **bad)
    found = machine.confirm()
    assert found.processes == 3
    assert found.why is not None
    assert line in found.why
    assert found.judgements["step"].outcome == NOT_SURE
    assert found.failed is (bad["outcome"] == "failed")


def test_those_that_need_least_time_come_first_and_a_spent_budget_leaves_the_rest() -> None:
    machine = Machine(sure_after=1000)
    slow = confirmation(spent=0, seconds=10.0)
    quick = confirmation(spent=MOST - 4, seconds=10.0)
    found = confirm_all([slow, quick], machine.tools(60))
    assert [one.confirmation for one in found] == [quick, slow]
    assert [one.processes for one in found] == [4, 0]
    assert found[1].why == "the budget of 60 s is spent"
    assert machine.said[0].startswith(
        f"To confirm: {NAME}, {NAME}, about 2 min; the budget of 60 s"
    )
    assert found[1].out_of_budget
    assert machine.said[-1] == f"Not begun, the budget of 60 s is spent or would be: {NAME}"


def test_what_has_surely_changed_is_confirmed_before_what_is_quicker_to_doubt() -> None:
    machine = Machine()
    doubted = confirmation(spent=MOST - 4, seconds=1.0)
    changed = confirmation(seconds=10.0, lacks_shared_session=True)

    def judge(of: Confirmation) -> dict[str, Judgement]:
        return {"step": judgement(REGRESSED if of is changed else NOT_SURE, needed=8)}

    found = confirm_all([doubted, changed], machine.tools(60, judge=judge))
    assert [one.confirmation for one in found] == [changed, doubted]


def test_of_very_many_the_first_are_named_and_the_others_counted() -> None:
    machine = Machine(sure_after=0)
    confirm_all([confirmation()] * 14, machine.tools(60))
    assert machine.said[0] == f"To confirm: {', '.join([NAME] * 10)} and 4 more"


def test_what_is_compared_with_no_neighbour_is_named_with_both_releases() -> None:
    machine = Machine(sure_after=0)
    far = Comparison(BEFORE, AFTER, "cpu-quick", ONE, are_neighbours=False)
    confirm_all([Confirmation(far)], machine.tools(60))
    both = f"{NAME} against tensorflow-2.15.1"
    assert machine.said[0] == f"To confirm: {both}"
    assert machine.said[1].startswith(f"{both}: step time: regressed, ")


@pytest.mark.parametrize(("needed", "taken"), [(8, MOST), (400, 0)])
def test_a_by_product_is_followed_while_an_answer_is_in_reach(needed: int, taken: int) -> None:
    machine = Machine()

    def left() -> int:
        return MOST - len(machine.order) if needed <= MOST else needed

    found = confirm(
        confirmation(measures=("first_step",)),
        machine.tools(
            3600,
            judge=lambda of: {"first_step": judgement(NOT_SURE, needed=min(needed, left()))},
        ),
    )
    assert found.processes == taken
    assert found.why is not None
    assert found.why.startswith(f"first step not sure after {taken} processes")
    assert found.why.endswith("would need about 400 more") == (taken == 0)


def test_a_by_product_that_is_suspected_no_longer_is_not_followed() -> None:
    machine = Machine()
    cleared = Judgement(NOT_SURE, 1.0, 0.9, 1.1, suspected=False, processes_needed=8)
    found = confirm(
        confirmation(measures=("first_step",)),
        machine.tools(3600, judge=lambda of: {"first_step": cleared}),
    )
    assert (found.processes, found.why) == (0, None)


def test_what_nothing_is_said_of_is_measured_once_and_is_not_answered() -> None:
    machine = Machine()
    found = confirm(confirmation(), machine.tools(3600, judge=lambda of: {}))
    assert (found.processes, found.why) == (4, "no judgement after 4 processes")
    spent = confirmation(spent=MOST)
    assert confirm(spent, machine.tools(3600, judge=lambda of: {})).processes == 0


def test_a_forecast_counts_what_is_not_sure_though_it_is_not_suspected() -> None:
    known = confirmation(seconds=10.0)
    step = {"step": Judgement(NOT_SURE, 1.0, 0.9, 1.1, suspected=False, processes_needed=20)}
    assert forecast_s(known, step, 40) == 200.0
    assert forecast_s(known, step, 12) == 120.0
    assert forecast_s(known, {"first_step": step["step"]}, 40) == 40.0


def test_an_environment_that_cannot_be_made_ends_its_confirmation_alone() -> None:
    machine = Machine()
    error = EnvironmentUnusable("tensorflow-2.16.2 (cpu) cannot be installed: no wheel")
    found = confirm(confirmation(), machine.tools(60, measure=raising(error)))
    assert (found.processes, found.why, found.out_of_budget) == (0, str(error), False)
    assert found.failed


def raising(error: BaseException) -> Callable:
    def measure(comparison: Comparison, release: Release):
        raise error

    return measure


def test_an_interrupt_passes_through() -> None:
    machine = Machine()
    with pytest.raises(KeyboardInterrupt):
        confirm(confirmation(), machine.tools(60, measure=raising(KeyboardInterrupt())))


def test_confirming_reads_what_came_since_and_nothing_twice(tmp_path: Path) -> None:
    """Counted in lines of records: as many as there are, and one a process."""
    taken = [*line(0.1, 0.1, 0.1, 0.1, 0.1, 0.108), *line(0.2, 0.2, words=FUSED)]
    for one in taken:
        records.append(records.folder(tmp_path, MACHINE) / f"{one.run}.jsonl", one)
    here = local(tmp_path)
    store = here.store
    judging = Judging(here, against=None, threshold=0.02)
    (one,) = [
        each
        for each in judging.comparisons([CATALOGUE.by_name[LINE[-1]]], Limits(60, 80))
        if each.configured.words == "NHWC none off"
    ]
    assert (one.after.name, one.before.name) == (LINE[-1], LINE[-2])
    begun = judging.confirmation(one)
    gathered = judging.evidence()
    assert judging.evidence() is gathered
    assert store.lines_read == len(taken)

    def measure(comparison: Comparison, release: Release) -> Record:
        seconds = 0.1 if release == comparison.before else 0.108
        one = literal_record(release.name, seconds, session=20, purpose=records.CONFIRM)
        records.append(records.folder(tmp_path, MACHINE) / f"{one.run}.jsonl", one)
        return one

    tools = TurnTools(measure, judging.judge, Budget(3600), lambda line: None)
    found = confirm(begun, tools)
    assert found.judgements["step"].outcome == REGRESSED
    assert found.processes > 0
    assert store.lines_read == len(taken) + found.processes
    assert judging.evidence() is not gathered


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark_version": "0"},
        {"lock": "0" * 64},
        {"machine": "other"},
        {"process_s": 90.0, "samples": [900.0, 900.0, 900.0]},
        # It waited for its partner.
        {"purpose": records.DUET},
    ],
    ids=str,
)
def test_confirmations_that_no_verdict_counts_have_spent_nothing(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    """Else what was confirmed under another lock would look exhausted."""
    for session, told in ((20, {}), (21, {"process_s": 90.0, **change})):
        for release in (BEFORE, AFTER):
            good = literal_record(release.name, session=session, purpose=records.CONFIRM)
            record = changed(good, **told)
            records.append(records.folder(tmp_path, MACHINE) / f"{record.run}.jsonl", record)
    here = local(tmp_path)
    before, after = (CATALOGUE.by_name[release.name] for release in (BEFORE, AFTER))
    configured = here.configured(good.benchmark, good.configuration)
    judging = Judging(here, against=None, threshold=0.02)
    begun = judging.confirmation(Comparison(before, after, "cpu-quick", configured))
    assert (begun.spent, begun.seconds) == (2, 30.0)


def test_of_what_no_verdict_speaks_the_step_is_confirmed(tmp_path: Path) -> None:
    here = local(tmp_path)
    before, after = (CATALOGUE.by_name[release.name] for release in (BEFORE, AFTER))
    known = literal_record(after.name)
    configured = here.configured(known.benchmark, known.configuration)
    judging = Judging(here, against=None, threshold=0.02)
    begun = judging.confirmation(Comparison(before, after, "cpu-quick", configured))
    assert (begun.measures, begun.spent, begun.seconds) == (("step",), 0, 0.0)
    assert judging.judge(begun) == {}
