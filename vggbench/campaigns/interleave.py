"""Confirming: processes of two releases in turns, A B B A, until the answer is sure.

What is suspected comes from whoever judged the records, and so does each new judgement: nothing
here reads a file or a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from asv import util

from .. import records
from ..errors import Say, some_of
from ..judging.measures import JUDGED, STEP
from ..records import Record
from ..releases.catalogue import Release
from ..releases.environments import EnvironmentUnusable
from ..releases.interpreters import InterpreterMissing
from ..runs.suite import Configured
from ..stats.judge import Judgement
from ..stats.policy import BATCH, CHANGED, MOST, NOT_SURE
from ..stats.sequential import next_batch, to_confirm
from .budget import Budget, duration_text

#: Suspects that are named before it begins, at most; on a loud machine a history has a hundred.
MOST_NAMES = 10

#: Measures one process of a release in the configuration and profile of a suspect.
MeasureProcess = Callable[["Suspect", Release], Record]

#: The judgements of a suspect by everything on record, by its measures ("step", ...).
Judge = Callable[["Suspect"], Mapping[str, Judgement]]


@dataclass(frozen=True)
class Suspect:
    """A comparison that processes in turns answer: mostly one that is suspected.

    ``measures``: what of it is judged. ``spent``: processes that confirmations of it have taken
    already. ``seconds``: what one is known to take, 0 where that is not known.
    ``lacks_shared_session``: no session has measured both releases.
    """

    before: Release
    after: Release
    profile: str
    configured: Configured
    _: KW_ONLY
    measures: tuple[str, ...] = (STEP.key,)
    spent: int = 0
    seconds: float = 0.0
    lacks_shared_session: bool = False

    @property
    def name(self) -> str:
        """As messages name it."""
        return f"{self.after.name} {self.configured.words}".strip()


@dataclass(frozen=True)
class TurnTools:
    """What confirming is done with; ``most``: processes that one suspect may take."""

    measure: MeasureProcess
    judge: Judge
    budget: Budget
    say: Say
    most: int = MOST


@dataclass(frozen=True)
class Confirmed:
    """What came of a suspect. ``why``: what kept it from being sure, None where it is sure.

    ``processes`` were taken now, of both releases together. ``out_of_budget``: it was the budget;
    ``failed``: something went wrong.
    """

    suspect: Suspect
    judgements: Mapping[str, Judgement]
    processes: int
    why: str | None
    _: KW_ONLY
    out_of_budget: bool = False
    failed: bool = False


def turns(suspect: Suspect) -> Iterator[Release]:
    """A B B A, and so on: what grows or falls steadily meanwhile favours neither release."""
    while True:
        yield suspect.before
        yield suspect.after
        yield suspect.after
        yield suspect.before


def confirm(suspect: Suspect, tools: TurnTools) -> Confirmed:
    """Take processes of both releases in turns until the answer is sure, the budget or ``most`` is
    spent, or one of them does not end well.

    Errors of ``measure`` pass through, but for an environment that cannot be made: what was taken
    before is on record.
    """
    budget, most = tools.budget, tools.most
    order = turns(suspect)
    judgements: Mapping[str, Judgement] = {}
    taken = 0
    seconds = {suspect.before.commit: suspect.seconds, suspect.after.commit: suspect.seconds}

    def ended(why: str | None, failed: bool = False) -> Confirmed:
        return Confirmed(suspect, judgements, taken, why, failed=failed)

    def out_of_budget() -> Confirmed:
        return Confirmed(suspect, judgements, taken, budget.why_over(), out_of_budget=True)

    if budget.left_s <= 0:
        return out_of_budget()  # without judging: there may be hundreds of suspects
    judgements = tools.judge(suspect)
    while True:
        spent = suspect.spent + taken
        # What nothing is said of is measured once, which may say why.
        none_yet = 0 if taken else min(BATCH, max(0, most - spent))
        each = [_batch(suspect, *judged, spent, most) for judged in judgements.items()]
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
                record = tools.measure(suspect, release)
            except (EnvironmentUnusable, InterpreterMissing) as err:  # others can be installed
                return ended(str(err), failed=True)
            taken += 1
            if record.outcome != records.OK:
                return ended(records.progress_message(record), record.outcome == records.FAILED)
            seconds[release.commit] = record.seconds or 0.0
            judgements = tools.judge(suspect)
            tools.say(progress(suspect, record, taken, judgements))


def _batch(suspect: Suspect, measure: str, judgement: Judgement, spent: int, most: int) -> int:
    """How many processes to take next for one measure.

    A by-product is one number a process, and may scatter so much that no confirmation makes it
    sure: it is followed only while it is suspected and an answer is in reach.
    """
    in_reach = (judgement.processes_needed or 0) <= most - spent
    if measure != STEP.key and not (
        to_confirm(judgement, suspect.lacks_shared_session) and in_reach
    ):
        return 0
    return next_batch(judgement, spent, most, suspect.lacks_shared_session)


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
    suspect: Suspect, record: Record, taken: int, judgements: Mapping[str, Judgement]
) -> str:
    """One line about a process that ended, for the one who waits."""
    ratios = ", ".join(
        f"{JUDGED[measure].title} {judgement.ratio:.3f} "
        f"({judgement.low:.3f} to {judgement.high:.3f})"
        for measure, judgement in judgements.items()
    )
    took = util.human_time(record.median_s)
    name = suspect.configured.words
    return (
        f"{name}, process {taken}, {record.release}: {took}; "
        f"{suspect.after.name} by {suspect.before.name} so far: {ratios}"
    )


def forecast_s(suspect: Suspect, judgements: Mapping[str, Judgement], most: int) -> float:
    """Seconds that the confirmation of a suspect is likely to take."""
    wanted = [
        judgement.processes_needed or BATCH
        for measure, judgement in judgements.items()
        if judgement.suspected or (measure == STEP.key and judgement.outcome == NOT_SURE)
    ]
    left = max(0, most - suspect.spent)
    return min(max(wanted, default=BATCH), left) * suspect.seconds


def confirm_all(suspects: Sequence[Suspect], tools: TurnTools) -> list[Confirmed]:
    """Confirm one suspect after the other: first what has surely changed already, which a few
    processes settle, then what is not sure; of each those first that are likely to take least time.
    So a budget answers as many as it can.
    """
    expected = {}
    for place, suspect in enumerate(suspects):
        judgements = tools.judge(suspect)
        unsure = not any(judgement.outcome in CHANGED for judgement in judgements.values())
        expected[place] = (unsure, forecast_s(suspect, judgements, tools.most))
    ordered = [suspects[place] for place in sorted(expected, key=expected.__getitem__)]
    tools.say(_plan(ordered, sum(seconds for _, seconds in expected.values()), tools.budget))
    found = []
    not_begun = []
    for suspect in ordered:
        confirmed = confirm(suspect, tools)
        found.append(confirmed)
        if confirmed.out_of_budget and not confirmed.processes:
            not_begun.append(suspect.name)
        else:
            tools.say(ending(confirmed))
    if not_begun:
        tools.say(
            f"Not begun, {tools.budget.name} is spent or would be: {some_of(not_begun, MOST_NAMES)}"
        )
    return found


def _plan(suspects: Sequence[Suspect], seconds: float, budget: Budget) -> str:
    names = some_of([suspect.name for suspect in suspects], MOST_NAMES)
    about = f", about {duration_text(seconds)}" if seconds else ""
    over = f"; {budget.name} may not be enough" if seconds > budget.left_s else ""
    return f"To confirm: {names}{about}{over}"


def ending(confirmed: Confirmed) -> str:
    """One line about what came of a suspect."""
    answers = "; ".join(
        f"{JUDGED[measure].title}: {judged.outcome}, "
        f"{judged.ratio:.3f} ({judged.low:.3f} to {judged.high:.3f})"
        for measure, judged in confirmed.judgements.items()
    )
    why = f"; {confirmed.why}" if confirmed.why else ""
    return (
        f"{confirmed.suspect.name} against {confirmed.suspect.before.name}: "
        f"{answers or 'no judgement'}, {confirmed.processes} more processes{why}"
    )
