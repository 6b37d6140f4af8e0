"""Confirming: processes of two releases in turns, A B B A, until the answer is sure.

What is to be confirmed comes from whoever judged the records, and so does each new judgement:
nothing here reads a file or a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from asv import util

from .. import records
from ..errors import Say, some_of
from ..judging.measures import JUDGED, STEP
from ..judging.phrases import change
from ..records import Record
from ..releases.catalogue import Release
from ..releases.environments import EnvironmentUnusable
from ..releases.interpreters import InterpreterMissing
from ..stats.judge import Judgement
from ..stats.policy import BATCH, CHANGED, MOST, NOT_SURE
from ..stats.sequential import next_batch, to_confirm
from .answering import Comparison
from .budget import Budget, duration_text

#: Comparisons that are named before it begins, at most; on a loud machine a history has a hundred.
MOST_NAMES = 10

#: Measures one process of a release in the configuration and profile of a comparison.
MeasureProcess = Callable[[Comparison, Release], Record]

#: The judgements of a confirmation by everything on record, by its measures ("step", ...).
Judge = Callable[["Confirmation"], Mapping[str, Judgement]]


@dataclass(frozen=True)
class Confirmation:
    """A comparison that processes in turns are to answer, and what they begin with.

    ``measures``: what of it is judged. ``spent``: processes that earlier confirmations of it have
    taken. ``seconds``: what a process is known to take, 0 where that is not known.
    ``lacks_shared_session``: no session has measured both releases.
    """

    comparison: Comparison
    _: KW_ONLY
    measures: tuple[str, ...] = (STEP.key,)
    spent: int = 0
    seconds: float = 0.0
    lacks_shared_session: bool = False


@dataclass(frozen=True)
class TurnTools:
    """What confirming is done with; ``most``: processes that one comparison may take."""

    measure: MeasureProcess
    judge: Judge
    budget: Budget
    say: Say
    most: int = MOST


@dataclass(frozen=True)
class Confirmed:
    """What came of a confirmation. ``why``: what kept it from being sure, None where it is sure.

    ``processes`` were taken now, of both releases together. ``out_of_budget``: it was the budget;
    ``failed``: something went wrong.
    """

    confirmation: Confirmation
    judgements: Mapping[str, Judgement]
    processes: int
    why: str | None
    _: KW_ONLY
    out_of_budget: bool = False
    failed: bool = False

    @property
    def comparison(self) -> Comparison:
        return self.confirmation.comparison


def turns(comparison: Comparison) -> Iterator[Release]:
    """A B B A, and so on: what grows or falls steadily meanwhile favours neither release."""
    while True:
        yield comparison.before
        yield comparison.after
        yield comparison.after
        yield comparison.before


def confirm(confirmation: Confirmation, tools: TurnTools) -> Confirmed:
    """Take processes of both releases in turns until the answer is sure, the budget or ``most`` is
    spent, or one of them does not end well.

    Errors of ``measure`` pass through, but for an environment that cannot be made: what was taken
    before is on record.
    """
    comparison, budget, most = confirmation.comparison, tools.budget, tools.most
    order = turns(comparison)
    judgements: Mapping[str, Judgement] = {}
    taken = 0
    seconds = dict.fromkeys(
        (comparison.before.commit, comparison.after.commit), confirmation.seconds
    )

    def ended(why: str | None, failed: bool = False) -> Confirmed:
        return Confirmed(confirmation, judgements, taken, why, failed=failed)

    def out_of_budget() -> Confirmed:
        return Confirmed(confirmation, judgements, taken, budget.why_over(), out_of_budget=True)

    if budget.left_s <= 0:
        return out_of_budget()  # without judging: there may be hundreds of comparisons
    judgements = tools.judge(confirmation)
    while True:
        spent = confirmation.spent + taken
        # What nothing is said of is measured once, which may say why.
        none_yet = 0 if taken else min(BATCH, max(0, most - spent))
        each = [_batch(confirmation, *judged, spent, most) for judged in judgements.items()]
        batch = max(each, default=none_yet)
        if batch == 0:
            return ended(_unsure(judgements, spent, most))
        if not budget.allows(batch / 2 * sum(seconds.values())):
            return out_of_budget()
        for _ in range(batch):
            release = next(order)
            if not budget.allows(seconds[release.commit]):
                return out_of_budget()
            try:
                record = tools.measure(comparison, release)
            except (EnvironmentUnusable, InterpreterMissing) as err:  # others can be installed
                return ended(str(err), failed=True)
            taken += 1
            if record.outcome != records.OK:
                return ended(records.progress_message(record), record.outcome == records.FAILED)
            seconds[release.commit] = record.seconds or 0.0
            judgements = tools.judge(confirmation)
            tools.say(progress(comparison, record, taken, judgements))


def _batch(
    confirmation: Confirmation, measure: str, judgement: Judgement, spent: int, most: int
) -> int:
    """How many processes to take next for one measure.

    A by-product is one number a process, and may scatter so much that no confirmation makes it
    sure: it is followed only while it is suspected and an answer is in reach.
    """
    in_reach = (judgement.processes_needed or 0) <= most - spent
    if measure != STEP.key and not (
        to_confirm(judgement, confirmation.lacks_shared_session) and in_reach
    ):
        return 0
    return next_batch(judgement, spent, most, confirmation.lacks_shared_session)


def _unsure(judgements: Mapping[str, Judgement], spent: int, most: int) -> str | None:
    """Why what is suspected still, or was the step's time, stays unsure; None where all is sure."""
    parts = []
    for measure, judgement in judgements.items():
        if judgement.outcome == NOT_SURE and (measure == STEP.key or judgement.suspected):
            needed = judgement.processes_needed or 0
            out_of_reach = needed > most - spent and spent + BATCH <= most
            needs = f", and would need about {needed} more" if out_of_reach else ""
            parts.append(f"{JUDGED[measure].title} not sure after {spent} processes{needs}")
    if not judgements:
        parts.append(f"no judgement after {spent} processes")
    return "; ".join(parts) or None


def progress(
    comparison: Comparison, record: Record, taken: int, judgements: Mapping[str, Judgement]
) -> str:
    """One line about a process that ended, for the one who waits."""
    changes = ", ".join(
        f"{JUDGED[measure].title} {change(judgement)}" for measure, judgement in judgements.items()
    )
    took = util.human_time(record.median_s)
    name = comparison.configured.words
    return (
        f"{name}, process {taken}, {record.release}: {took}; "
        f"{comparison.after.name} against {comparison.before.name} so far: {changes}"
    )


def forecast_s(confirmation: Confirmation, judgements: Mapping[str, Judgement], most: int) -> float:
    """Seconds that a confirmation is likely to take."""
    wanted = [
        judgement.processes_needed or BATCH
        for measure, judgement in judgements.items()
        if judgement.suspected or (measure == STEP.key and judgement.outcome == NOT_SURE)
    ]
    left = max(0, most - confirmation.spent)
    return min(max(wanted, default=BATCH), left) * confirmation.seconds


def confirm_all(confirmations: Sequence[Confirmation], tools: TurnTools) -> list[Confirmed]:
    """Confirm one comparison after the other: first what has surely changed already, which a few
    processes settle, then what is not sure; of each those first that are likely to take least time.
    So a budget answers as many as it can.
    """
    expected = {}
    for place, confirmation in enumerate(confirmations):
        judgements = tools.judge(confirmation)
        unsure = not any(judgement.outcome in CHANGED for judgement in judgements.values())
        expected[place] = (unsure, forecast_s(confirmation, judgements, tools.most))
    ordered = [confirmations[place] for place in sorted(expected, key=expected.__getitem__)]
    tools.say(_plan(ordered, sum(seconds for _, seconds in expected.values()), tools.budget))
    found = []
    not_begun = []
    for confirmation in ordered:
        confirmed = confirm(confirmation, tools)
        found.append(confirmed)
        if confirmed.out_of_budget and not confirmed.processes:
            not_begun.append(confirmed.comparison.name)
        else:
            tools.say(ending(confirmed))
    if not_begun:
        tools.say(
            f"Not begun, {tools.budget.name} is spent or would be: {some_of(not_begun, MOST_NAMES)}"
        )
    return found


def _plan(confirmations: Sequence[Confirmation], seconds: float, budget: Budget) -> str:
    names = some_of([each.comparison.name for each in confirmations], MOST_NAMES)
    about = f", about {duration_text(seconds)}" if seconds else ""
    over = f"; {budget.name} may not be enough" if seconds > budget.left_s else ""
    return f"To confirm: {names}{about}{over}"


def ending(confirmed: Confirmed) -> str:
    """One line about what came of a confirmation."""
    answers = "; ".join(
        f"{JUDGED[measure].title}: {judged.outcome}, {change(judged)}"
        for measure, judged in confirmed.judgements.items()
    )
    why = f"; {confirmed.why}" if confirmed.why else ""
    return (
        f"{confirmed.comparison.in_full}: {answers or 'no judgement'}, "
        f"{confirmed.processes} processes taken{why}"
    )
