"""Taking blocks of duets until every comparison is answered, or the budget is spent.

What a comparison's blocks say comes from whoever judges the records: nothing here reads a file or a
clock of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from .. import records
from ..errors import some_of
from ..judging.duets import MOST_WAITING, is_busy, others_share, waiting_share
from ..judging.duets import Pair as Measured
from ..judging.measures import JUDGED
from ..judging.verdicts import BY_DUETS, STEP, Verdict
from ..judging.words import change, how_many_blocks
from ..releases.catalogue import Release
from ..runs.duet import Pair, ended_well
from ..runs.local import Say
from ..runs.suite import Configured
from ..stats.policy import CHANGED, IMPROVED, LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE, UNCHANGED
from .budget import Budget, words

#: Comparisons that are named in one line, at most.
NAMED = 12

#: So many blocks one after the other that others disturbed end a comparison.
MOST_BUSY = 3


@dataclass(frozen=True, eq=False)
class Comparison:
    """A configuration of ``after`` against ``before``. ``least`` and ``most``: blocks that it must
    have, whatever they say, and that it may have; those on record are among both. ``budget_s``:
    seconds that it may take now."""

    before: Release
    after: Release
    profile: str
    one: Configured
    _: KW_ONLY
    least: int = 0
    most: int = MOST_BLOCKS
    budget_s: float = math.inf

    @property
    def name(self) -> str:
        """As messages name it."""
        return f"{self.after.name} {self.one.words}".strip()


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a comparison stands, by everything on record: its verdicts by measure, and how many
    whole blocks it has."""

    verdicts: Mapping[str, Verdict]
    blocks: int

    def needed(self, of: Comparison, improved: bool = True) -> int:
        """About how many blocks more ``of`` needs; 0 where it has what it must have, and is
        answered. ``improved``: whether it is no answer that processes by themselves say that it
        became faster."""
        wanted = [of.least - self.blocks]
        if not self.verdicts:  # never measured
            wanted.append(LEAST_BLOCKS)
        for measure, one in self.verdicts.items():
            more = _needed(one, improved)
            # A by-product is followed only while an answer is within reach.
            if measure == STEP or more <= self.left(of):
                wanted.append(more)
        return max(0, *wanted)

    def left(self, of: Comparison) -> int:
        """How many blocks it may still have."""
        return max(0, of.most - self.blocks)

    @property
    def is_telling(self) -> bool:
        """Whether it may be slower, or take more memory."""
        return any(one.suspected or one.outcome in CHANGED for one in self.verdicts.values())


def _needed(one: Verdict, improved: bool) -> int:
    """How many blocks more answer one measure."""
    if one.outcome == NOT_SURE:
        if one.measure != STEP and not one.suspected:
            return 0
        return one.blocks_needed or LEAST_BLOCKS
    if one.outcome in CHANGED and one.decided_by != BY_DUETS:
        # What drifts between processes was perhaps taken for the release's doing.
        if one.outcome == IMPROVED and not improved:
            return 0
        return max(1, LEAST_BLOCKS - one.blocks)
    return 0


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What comparisons are answered with. ``take`` measures one block; ``standing`` judges by
    everything on record; ``seconds``: what a block is likely to take, 0 where that is not known.
    ``improved``: as ``Standing.needed`` has it."""

    take: Callable[[Comparison], list[Pair]]
    standing: Callable[[Comparison], Standing]
    seconds: Callable[[Comparison], float]
    budget: Budget
    say: Say
    improved: bool = True


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a comparison. ``blocks`` were taken now. ``why``: what keeps it from being
    answered, None where it is. ``out_of_budget``: it was the budget, and about ``seconds`` more
    would answer it."""

    comparison: Comparison
    standing: Standing
    blocks: int
    why: str | None = None
    out_of_budget: bool = False
    seconds: float = 0.0


@dataclass
class _Open:
    """A comparison that is not answered yet. ``seconds``: of its last block; ``spent_s``: of all
    that were taken now; ``busy``: how many of the last ones others disturbed."""

    comparison: Comparison
    standing: Standing
    taken: int = 0
    busy: int = 0
    seconds: float = 0.0
    spent_s: float = 0.0

    def needed(self, bench: Bench) -> int:
        return self.standing.needed(self.comparison, bench.improved)

    def likely_s(self, bench: Bench) -> float:
        """Seconds until it is answered or closed, about; 0 where nothing is known of it."""
        return min(self.needed(bench), self.standing.left(self.comparison)) * self.seconds

    @property
    def why_closed(self) -> str | None:
        """Why it gets no further block though it needs one; None where it gets one."""
        if self.standing.left(self.comparison) <= 0:
            return f"not sure after {how_many_blocks(self.standing.blocks)}"
        if self.spent_s + self.seconds > self.comparison.budget_s:
            return f"its budget of {words(self.comparison.budget_s)} is spent"
        return None


def answer_all(comparisons: Sequence[Comparison], bench: Bench) -> list[Answer]:
    """Take blocks until each comparison is answered, closed or given up, or the budget is spent:
    each time of the one that tells most, first of what may be slower, then of what is likely to be
    answered soonest. Errors of ``take`` pass through: what was taken before is on record."""
    going = [_Open(one, bench.standing(one), seconds=bench.seconds(one)) for one in comparisons]
    ended: dict[Comparison, Answer] = {}
    wanted = [one for one in going if one.needed(bench) and one.why_closed is None]
    if wanted:
        bench.say(_plan(wanted, bench))
    while True:
        for one in list(going):
            why = None
            if one.needed(bench):
                why = one.why_closed
                if why is None:
                    continue
            going.remove(one)
            ended[one.comparison] = _answered(one, why)
            if one.taken or why is not None:
                bench.say(ending(ended[one.comparison]))
        affordable = [one for one in going if bench.budget.allows(one.seconds)]
        if not affordable:
            break
        one = min(affordable, key=lambda each: _rank(each, bench))
        why = _take(one, bench)
        if why is not None:
            going.remove(one)
            ended[one.comparison] = _answered(one, why)
            bench.say(ending(ended[one.comparison]))
    for one in going:
        ended[one.comparison] = Answer(
            comparison=one.comparison,
            standing=one.standing,
            blocks=one.taken,
            why=f"the budget of {words(bench.budget.seconds)} is spent",
            out_of_budget=True,
            seconds=one.likely_s(bench),
        )
    return [ended[one] for one in comparisons]


def _answered(one: _Open, why: str | None) -> Answer:
    return Answer(comparison=one.comparison, standing=one.standing, blocks=one.taken, why=why)


def _rank(one: _Open, bench: Bench) -> tuple[bool, float]:
    return not one.standing.is_telling, one.likely_s(bench)


def _take(one: _Open, bench: Bench) -> str | None:
    """Take a block of a comparison; returns why it is given up, None where it is not."""
    before = bench.budget.spent_s
    pairs = bench.take(one.comparison)
    one.spent_s += bench.budget.spent_s - before
    if not all(map(ended_well, pairs)):
        # The patience with a busy machine ends with the budget, which is said in any case.
        waited_in_vain = bench.budget.left_s <= 0 and all(
            record is None or record.outcome in (records.OK, records.INTERRUPTED)
            for record in pairs[-1]
        )
        return None if waited_in_vain else trouble(pairs)
    one.taken += 1
    one.seconds = bench.budget.spent_s - before
    duets = _both(pairs)
    share = others_share(duets)
    one.busy = one.busy + 1 if is_busy(duets) else 0
    if one.busy:
        bench.say(
            f"{one.comparison.name}: the block does not count, the machine was busy: others used "
            f"{share:.0%} of the processors"
        )
        if one.busy >= MOST_BUSY:
            return f"the machine is busy: others use {share:.0%} of the processors"
        return None
    for line in waiting_lines(pairs):
        bench.say(line)
    one.standing = bench.standing(one.comparison)
    bench.say(progress(one.comparison, one.standing))
    return None


def trouble(pairs: Sequence[Pair]) -> str:
    """What kept a duet from ending well: what went wrong in one of its processes."""
    own = [record for record in pairs[-1] if record is not None and record.outcome != records.OK]
    worst = next((one for one in own if one.outcome != records.INTERRUPTED), own[0])
    if worst.outcome == records.INTERRUPTED:
        return f"{worst.name} was interrupted: {worst.reason}"
    return f"{worst.name} {worst.outcome}: {worst.error or worst.reason}"


def _both(pairs: Sequence[Pair]) -> list[Measured]:
    """The duets of which both processes left a record."""
    return [
        Measured(first, second)
        for first, second in pairs
        if first is not None and second is not None
    ]


def waiting_lines(pairs: Sequence[Pair]) -> list[str]:
    """A line where a process computed while it waited for the other's step."""
    shares = [waiting_share(duet) for duet in _both(pairs)]
    if max(shares, default=0.0) <= MOST_WAITING:
        return []
    return [
        f"one process computed while it waited: {max(shares):.1%} of a step of the other; pools "
        f"that spin do that (OMP_WAIT_POLICY=passive, KMP_BLOCKTIME=0 end it)"
    ]


def progress(comparison: Comparison, standing: Standing) -> str:
    """One line about a block that was taken, for the one who waits."""
    told = _told(standing.verdicts.values())
    return f"{comparison.name}, {how_many_blocks(standing.blocks)}: {told}"


def ending(answer: Answer) -> str:
    """One line about what came of a comparison."""
    comparison = answer.comparison
    told = _told(answer.standing.verdicts.values()) or "no judgement"
    why = f"; {answer.why}" if answer.why else ""
    more = f", {how_many_blocks(answer.blocks)} more" if answer.blocks else ""
    return f"{comparison.name} against {comparison.before.name}: {told}{more}{why}"


def _told(verdicts: Collection[Verdict]) -> str:
    return "; ".join(
        f"{JUDGED[one.measure].title}: {one.outcome}, {change(one)}"
        for one in verdicts
        if one.measure == STEP or one.outcome not in (NOT_SURE, UNCHANGED) or one.suspected
    )


def _plan(wanted: Sequence[_Open], bench: Bench) -> str:
    names = some_of([one.comparison.name for one in wanted], NAMED)
    each = [one.likely_s(bench) for one in wanted]
    seconds = sum(each)
    about = f", {_about(each)}" if seconds else ""
    over = "" if seconds <= bench.budget.left_s else _over(bench.budget)
    return f"To answer: {names}{about}{over}"


def _over(budget: Budget) -> str:
    return f"; the budget of {words(budget.seconds)} may not do"


def _about(each: Sequence[float]) -> str:
    """What comparisons take together, of which some may be unknown (0)."""
    return f"{'about' if all(each) else 'at least'} {words(sum(each))}"


def open_lines(answers: Sequence[Answer]) -> list[str]:
    """What is open, and what it would cost; nothing where all is answered."""
    waiting = [one for one in answers if one.out_of_budget]
    closed = [one for one in answers if one.why is not None and not one.out_of_budget]
    lines = []
    if waiting:
        each = [one.seconds for one in waiting]
        them = "it" if len(waiting) == 1 else "them"
        cost = f"; {_about(each)} more would answer {them}" if any(each) else ""
        names = some_of([_name(one) for one in waiting], NAMED)
        lines.append(f"Open, as the budget is spent: {names}{cost}")
    if closed:
        lines.append(f"Not answered: {some_of([_name(one) for one in closed], NAMED)}")
    return lines


def _name(answer: Answer) -> str:
    return answer.comparison.name
