"""Taking blocks of duets until every comparison is answered, or the budget is spent.

What a comparison's blocks say comes from whoever judges the records: nothing here reads a file or a
clock of its own.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

from .. import records
from ..errors import Say, how_many, some_of
from ..judging.measures import JUDGED, STEP
from ..judging.phrases import change, percent
from ..judging.verdicts import BY_DUETS, BY_PROCESSES, Verdict
from ..releases.catalogue import Release
from ..runs.suite import Configured
from ..stats.policy import CHANGED, IMPROVED, LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE, UNCHANGED
from .budget import Budget, duration_text, why_over
from .taking import QUIET, BlockResult, Uncounted

#: Comparisons that are named in one line, at most.
MOST_NAMES = 12


@dataclass(frozen=True, eq=False)
class Comparison:
    """A configuration of ``after`` against ``before``. ``least`` and ``most``: blocks that it must
    have, whatever they say, and that it may have; those on record are among both. ``budget_s``:
    seconds that it may take now. ``are_neighbours``: no other release of the track lies between."""

    before: Release
    after: Release
    profile: str
    configured: Configured
    _: KW_ONLY
    least: int = 0
    most: int = MOST_BLOCKS
    budget_s: float = math.inf
    are_neighbours: bool = True

    @property
    def name(self) -> str:
        """As messages name it."""
        return self._of_after if self.are_neighbours else self.in_full

    @property
    def in_full(self) -> str:
        return f"{self._of_after} against {self.before.name}"

    @property
    def _of_after(self) -> str:
        return f"{self.after.name} {self.configured.words}".strip()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a comparison stands, by everything on record: its verdicts by measure, and how many
    whole blocks there are of it, whether its verdicts count them or not. ``ratios``: what these
    blocks say by themselves, by measure."""

    verdicts: Mapping[str, Verdict]
    blocks: int
    ratios: Mapping[str, float] = field(default_factory=dict)

    def needed(self, of: Comparison, follow_improved: bool = True) -> int:
        """About how many blocks more ``of`` needs; 0 where it has what it must have, and is
        answered. ``follow_improved``: whether what processes by themselves call an improvement
        needs blocks, too."""
        by_products = [
            self._more(self.verdicts[measure], follow_improved)
            for measure in self.open_by_products(of, follow_improved)
        ]
        return max(self.needed_for_the_step(of, follow_improved), *by_products, 0)

    def open_by_products(self, of: Comparison, follow_improved: bool = True) -> list[str]:
        """The measures beside the step for which ``of`` needs blocks more."""
        return [
            measure
            for measure, verdict in self.verdicts.items()
            # A by-product is followed only while an answer is within reach.
            if measure != STEP.key and 0 < self._more(verdict, follow_improved) <= self.left(of)
        ]

    def needed_for_the_step(self, of: Comparison, follow_improved: bool = True) -> int:
        """About how many blocks more the step of ``of`` needs, whatever its by-products need."""
        wanted = [of.least - self.blocks]
        if not self.verdicts:  # never measured
            wanted.append(LEAST_BLOCKS)
        if (step := self.verdicts.get(STEP.key)) is not None:
            wanted.append(self._more(step, follow_improved))
        return max(0, *wanted)

    def _more(self, verdict: Verdict, follow_improved: bool) -> int:
        """How many blocks more answer one measure; 0 where no block will say anything of it."""
        if verdict.blocks == 0 and self.blocks >= LEAST_BLOCKS:
            return 0
        return _needed(verdict, follow_improved)

    def left(self, of: Comparison) -> int:
        """How many blocks it may still have."""
        return max(0, of.most - self.blocks)

    @property
    def why_undecided(self) -> str | None:
        """Why no block answers the step; None where one does, or may yet."""
        step = self.verdicts.get(STEP.key)
        if step is None or step.outcome != NOT_SURE or step.blocks or self.blocks < LEAST_BLOCKS:
            return None
        why = f": {step.why}" if step.why else ""
        return f"{how_many(self.blocks, 'block')} do not decide it{why}"

    @property
    def is_telling(self) -> bool:
        """Whether it may be slower, or take more memory."""
        return any(
            verdict.suspected or verdict.outcome in CHANGED for verdict in self.verdicts.values()
        )


def _needed(verdict: Verdict, follow_improved: bool) -> int:
    """How many blocks more answer one measure."""
    if verdict.outcome == NOT_SURE:
        if verdict.measure != STEP.key and not verdict.suspected:
            return 0
        return verdict.blocks_needed or LEAST_BLOCKS
    if verdict.outcome in CHANGED and verdict.decided_by != BY_DUETS:
        # What drifts between processes was perhaps taken for the release's doing.
        if verdict.outcome == IMPROVED and not follow_improved:
            return 0
        return max(1, LEAST_BLOCKS - verdict.blocks)
    return 0


@dataclass(frozen=True, kw_only=True)
class BlockTools:
    """What comparisons are answered with. ``take`` measures one block; a busy machine it waits for
    until so many seconds of the budget are spent. ``standing`` judges by everything on record;
    ``seconds``: what a block is likely to take, 0 where that is not known. ``follow_improved``: as
    ``Standing.needed`` has it."""

    take: Callable[[Comparison, float], BlockResult]
    standing: Callable[[Comparison], Standing]
    seconds: Callable[[Comparison], float]
    budget: Budget
    say: Say
    follow_improved: bool = True


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a comparison. ``blocks`` were taken now. ``why``: what keeps it from being
    answered, None where it is. ``out_of_budget``: it was the budget, and about ``seconds`` more
    would answer it; where its step is answered, ``by_products`` has the measures that are open.
    ``is_busy``: the budget was spent while others kept the machine busy. ``failed``: something went
    wrong. ``has_no_room``: two processes found no room in memory."""

    comparison: Comparison
    standing: Standing
    blocks: int
    why: str | None = None
    out_of_budget: bool = False
    by_products: Sequence[str] = ()
    is_busy: bool = False
    seconds: float = 0.0
    failed: bool = False
    has_no_room: bool = False


@dataclass
class _Open:
    """A comparison that is not answered yet. ``taken``: how many blocks that count were taken now;
    ``seconds``: what one takes; ``spent_s``: what all that was done for it now took. ``is_busy``:
    whether the last one did not count since others computed. ``is_told``: whether it was said that
    it goes on though its step is answered."""

    comparison: Comparison
    standing: Standing
    taken: int = 0
    uncounted: Uncounted = field(default_factory=Uncounted)
    seconds: float = 0.0
    spent_s: float = 0.0
    is_busy: bool = False
    is_told: bool = False

    def needed(self, tools: BlockTools) -> int:
        return self.standing.needed(self.comparison, tools.follow_improved)

    def likely_s(self, tools: BlockTools, unknown_s: float = 0.0) -> float:
        """Seconds until it is answered or closed, about. ``unknown_s``: what a block is taken to
        last where nothing is known of it."""
        blocks = min(self.needed(tools), self.standing.left(self.comparison))
        return blocks * (self.seconds or unknown_s)

    def by_products(self, tools: BlockTools) -> list[str]:
        """The measures that it is open in, where its step is answered; else none."""
        of, follow_improved = self.comparison, tools.follow_improved
        is_open = self.standing.needed_for_the_step(of, follow_improved) > 0
        if is_open or self.standing.why_undecided is not None:
            return []
        return self.standing.open_by_products(of, follow_improved)

    @property
    def why_closed(self) -> str | None:
        """Why it gets no further block though it needs one; None where it gets one."""
        blocks = max(self.standing.blocks, self.taken)
        if blocks >= self.comparison.most:
            return f"not sure after {how_many(blocks, 'block')}"
        budget_s = self.comparison.budget_s
        if self.spent_s >= budget_s or self.spent_s + self.seconds > budget_s:
            over = why_over(f"its budget of {duration_text(budget_s)}", budget_s, self.unbegun_s)
            return f"{over}{_while_busy(self.is_busy)}"
        return None

    @property
    def unbegun_s(self) -> float:
        """Seconds that a block is likely to take, where none was begun; else 0."""
        return 0.0 if self.taken or self.uncounted.in_a_row or self.is_busy else self.seconds


def answer_all(comparisons: Sequence[Comparison], tools: BlockTools) -> list[Answer]:
    """Take blocks until each comparison is answered, closed or given up, or the budget is spent:
    each time of the one that tells most: first where the step is open, among these of what may be
    slower, then of what is likely to be answered soonest. When all are, each is judged once more:
    blocks of the others tell the machine's noise too, and may have left one open again. Errors of
    ``take`` pass through: what was taken before is on record."""
    begun = [
        _Open(comparison, tools.standing(comparison), seconds=tools.seconds(comparison))
        for comparison in comparisons
    ]
    going = list(begun)
    ended: dict[Comparison, Answer] = {}
    answered: list[_Open] = []
    wanted = [open_ for open_ in going if open_.needed(tools) and open_.why_closed is None]
    is_busy = False
    if wanted:
        tools.say(_plan(wanted, tools))
    while True:
        for open_ in list(going):
            why = open_.standing.why_undecided
            if open_.needed(tools):
                why = open_.why_closed
                if why is None:
                    continue
            going.remove(open_)
            if why is None:
                answered.append(open_)
            ended[open_.comparison] = _answer(open_, why)
            if open_.taken or why is not None:
                tools.say(ending(ended[open_.comparison]))
        affordable = [open_ for open_ in going if tools.budget.allows(open_.seconds)]
        if not affordable:
            was_taken = any(open_.taken for open_ in begun)
            again = _open_again(answered, tools) if was_taken else []
            if not again:
                break
            answered = [open_ for open_ in answered if open_ not in again]
            going += again
            continue
        open_ = min(affordable, key=lambda each: _rank(each, tools))
        if not open_.is_told and (measures := open_.by_products(tools)):
            open_.is_told = True
            tools.say(_goes_on(open_, measures))
        given_up = _take(open_, tools)
        is_busy = open_.is_busy
        if given_up is not None:
            going.remove(open_)
            ended[open_.comparison] = given_up
            tools.say(ending(given_up))
    for open_ in answered:
        ended[open_.comparison] = replace(ended[open_.comparison], standing=open_.standing)
    for open_ in going:
        why = f"{tools.budget.why_over(open_.unbegun_s)}{_while_busy(is_busy)}"
        ended[open_.comparison] = _answer(
            open_,
            why,
            out_of_budget=True,
            by_products=open_.by_products(tools),
            is_busy=is_busy,
            seconds=open_.likely_s(tools, _typical_s(begun)),
        )
    return [ended[comparison] for comparison in comparisons]


def _open_again(answered: Sequence[_Open], tools: BlockTools) -> list[_Open]:
    """Those that are open after all, by all blocks that were taken."""
    again = []
    for open_ in answered:
        open_.standing = tools.standing(open_.comparison)
        if open_.needed(tools):
            told = progress(open_.comparison, open_.standing)
            tools.say(f"{told}; it is open again, since other blocks showed more noise")
            again.append(open_)
    return again


def _goes_on(open_: _Open, measures: Sequence[str]) -> str:
    """One line, for the one who waits: more blocks are taken though the step is answered."""
    own = open_.standing.verdicts
    what = "a regression" if all(own[measure].suspected for measure in measures) else "a change"
    return (
        f"{open_.comparison.name}: {_titles([STEP.key])} is answered; going on for "
        f"{_titles(measures)}, where {what} is suspected"
    )


def _titles(measures: Sequence[str]) -> str:
    return " and ".join(f"the {JUDGED[measure].title}" for measure in measures)


def _typical_s(of: Sequence[_Open]) -> float:
    """Seconds of a block, the mean over those of which they are known; 0 where that is none."""
    known = [open_.seconds for open_ in of if open_.seconds]
    return statistics.mean(known) if known else 0.0


def _while_busy(is_busy: bool) -> str:
    return " while the machine was busy" if is_busy else ""


def _answer(open_: _Open, why: str | None, **more: Any) -> Answer:
    """What came of it; ``more`` of an Answer."""
    told = {
        "comparison": open_.comparison,
        "standing": open_.standing,
        "blocks": open_.taken,
        **more,
    }
    return Answer(why=why, **told)


def _rank(open_: _Open, tools: BlockTools) -> tuple[bool, bool, float]:
    # A by-product may take as many blocks again: no step waits for that.
    step = open_.standing.needed_for_the_step(open_.comparison, tools.follow_improved)
    return step == 0, not open_.standing.is_telling, open_.likely_s(tools)


def _take(open_: _Open, tools: BlockTools) -> Answer | None:
    """Take a block of a comparison; returns its answer where it is given up, else None."""
    before = tools.budget.spent_s
    came = tools.take(open_.comparison, before + open_.comparison.budget_s - open_.spent_s)
    open_.spent_s += tools.budget.spent_s - before
    open_.is_busy = came.is_busy
    if came.is_spent:
        open_.seconds = came.seconds
        return None  # as below
    given_up = open_.uncounted.end_it(came)
    if came.waited_in_vain:
        return None  # one of the two budgets is spent, which is said in any case
    if came.block is not None:
        open_.taken += 1
        open_.standing = tools.standing(open_.comparison)
        tools.say(progress(open_.comparison, open_.standing))
    elif came.outcome == records.OK:
        tools.say(f"{open_.comparison.name}: the block does not count: {came.why}")
    open_.seconds = came.seconds or open_.seconds
    if not given_up:
        return None
    failed = came.outcome == records.FAILED
    return _answer(open_, came.why, failed=failed, has_no_room=came.has_no_room)


def progress(comparison: Comparison, standing: Standing) -> str:
    """One line about a block that was taken, for the one who waits."""
    told = _told(standing)
    return f"{comparison.name}, {how_many(standing.blocks, 'block')}: {told}"


def ending(answer: Answer) -> str:
    """One line about what came of a comparison."""
    told = _told(answer.standing) or "no judgement"
    why = f"; {answer.why}" if answer.why else ""
    taken = f", {how_many(answer.blocks, 'block')} taken" if answer.blocks else ""
    return f"{answer.comparison.in_full}: {told}{taken}{why}"


def _told(standing: Standing) -> str:
    return "; ".join(
        f"{JUDGED[verdict.measure].title}: {verdict.outcome}, {_change(verdict, standing)}"
        for verdict in standing.verdicts.values()
        if verdict.measure == STEP.key
        or verdict.outcome not in (NOT_SURE, UNCHANGED)
        or verdict.suspected
    )


def _change(verdict: Verdict, standing: Standing) -> str:
    """The change that the verdict tells; and what the blocks say, where others than they decided
    it."""
    told, ratio = change(verdict), standing.ratios.get(verdict.measure)
    if verdict.decided_by == BY_DUETS or ratio is None:
        return told
    by = " by processes alone" if verdict.decided_by == BY_PROCESSES else ""
    them = "the block" if standing.blocks == 1 else "the blocks"
    return f"{told}{by}, {percent(ratio)} by {them} alone"


def _plan(wanted: Sequence[_Open], tools: BlockTools) -> str:
    names = some_of([open_.comparison.name for open_ in wanted], MOST_NAMES)
    seconds = sum(open_.likely_s(tools, _typical_s(wanted)) for open_ in wanted)
    about = f", about {duration_text(seconds)}" if seconds else ""
    if seconds and not all(open_.seconds for open_ in wanted):
        about += " if those without a record take as long as the others"
    over = "" if seconds <= tools.budget.left_s else f"; {tools.budget.name} may not be enough"
    return f"To answer: {names}{about}{over}"


def _about(each: Sequence[float]) -> str:
    """What comparisons take together, of which some may be unknown (0)."""
    return f"{'about' if all(each) else 'at least'} {duration_text(sum(each))}"


def open_messages(answers: Sequence[Answer]) -> list[str]:
    """What is open, and what it would cost; nothing where all is answered."""
    kept_off = [answer for answer in answers if answer.out_of_budget and answer.is_busy]
    waiting = [answer for answer in answers if answer.out_of_budget and not answer.is_busy]
    closed = [answer for answer in answers if answer.why is not None and not answer.out_of_budget]
    lines = []
    if kept_off:
        when = (
            "when the budget was spent"
            if any(answer.blocks for answer in answers)
            else "for the whole budget"
        )
        names = some_of([_name(answer) for answer in kept_off], MOST_NAMES)
        lines.append(f"Open, as the machine was busy {when}: {names}; {QUIET}")
    if waiting:
        each = [answer.seconds for answer in waiting]
        them = "it" if len(waiting) == 1 else "them"
        cost = f"; {_about(each)} more would answer {them}" if any(each) else ""
        names = some_of([_name(answer) for answer in waiting], MOST_NAMES)
        lines.append(f"Open, as the budget allows no more blocks: {names}{cost}")
    if closed:
        names = some_of([_name(answer) for answer in closed], MOST_NAMES)
        lines.append(f"Not answered: {names}; why is said above")
    return lines


def _name(answer: Answer) -> str:
    open_ = f" ({_titles(answer.by_products)})" if answer.by_products else ""
    return f"{answer.comparison.name}{open_}"
