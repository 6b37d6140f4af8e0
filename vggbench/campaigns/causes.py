"""What ``vggbench history`` does when all is measured and confirmed: look for the causes of what
changed, where more moved than the framework.

First what often makes a difference is changed back, one after the other, until one makes most of
the change; then all the rest together, which seldom does: only where that makes most of it, each by
itself. What was separated on another day, or could not be put together, is on record and not tried
again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from .. import records
from ..errors import some_of
from ..frameworks import KNOWN
from ..judging import separations, verdicts
from ..judging.differences import PACKAGES
from ..judging.evidence import gather
from ..judging.measures import STEP
from ..judging.separations import FactsKey, Separation
from ..judging.verdicts import Verdict
from ..records import Record
from ..releases.catalogue import Release
from ..runs import profiles
from ..runs.local import Local
from ..stats.blocks import BlockJudgement
from ..stats.policy import LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE
from . import separate, taking, variants
from .budget import Budget, duration_text
from .separate import Question
from .variants import ChangeBack, NoVariant

#: What a difference between two releases is called, and what is changed back of it. What is not
#: here, such as the way in which XLA is asked for, is a release's own.
THINGS = {
    **{switch.title: what for what, switch in variants.SWITCHES.items()},
    **{name: packages[0] for name, _, packages in PACKAGES},
    "Python": variants.PYTHON,
}

#: What often makes a difference: what computes the step.
LARGE = (
    *(switch.title for switch in variants.SWITCHES.values()),
    *(framework.title for framework in KNOWN if framework.computes),
)

#: How things are changed back, and what is on record of that; None where they cannot be.
Tried: TypeAlias = "tuple[ChangeBack, Separation | None] | None"

#: What tells one that is wanted from another: the name of its release, that of the lock that is
#: changed, and what is changed back.
Place = tuple[str, str, str]

#: Causes that are named before it begins, at most.
MOST_NAMES = 10

#: Processes of each subject after which what they say in turns is left as it is.
ENOUGH = 4

#: Blocks that a forecast takes an answer for: what an ordinary machine needs.
LIKELY = 5


@dataclass(frozen=True)
class Wanted:
    """What is changed back next of a lock of a release to learn the cause of the changes ``of``
    which each configuration is asked one of the ``questions``. ``seconds``: what a block of each is
    likely to take."""

    release: Release
    change: ChangeBack
    of: tuple[Verdict, ...]
    questions: tuple[Question, ...]
    seconds: tuple[float, ...]

    @property
    def place(self) -> Place:
        return self.release.name, self.change.lock, self.change.name

    @property
    def name(self) -> str:
        """As messages name it."""
        return f"{self.release.name} with {self.change.name}"

    @property
    def forecast_s(self) -> float:
        """Seconds that an answer is likely to take."""
        return LIKELY * sum(self.seconds)

    @property
    def rank(self) -> float:
        """How much of changes, in logarithms, a second of measuring tells about, with a minus."""
        changed = sum(abs(math.log(verdict.ratio)) for verdict in self.of if verdict.ratio)
        return -changed / max(1.0, sum(self.seconds))


@dataclass(frozen=True)
class Left:
    """What is not separated, by name. ``out_of_budget``: the budget ended some of it, or some was
    not tried."""

    names: tuple[str, ...] = ()
    out_of_budget: bool = False


class Causes:
    """The causes of one machine's changes in one profile, in the configurations with these keys."""

    def __init__(self, here: Local, profile: str, threshold: float, keys: set[str]):
        self._here = here
        self._profile = profile
        self._threshold = threshold
        evidence = gather(here.machine, here.store.all(here.machine), here.catalogue)
        #: The changes that are confirmed, and that something else moved with.
        self.changes = [
            verdict
            for track in here.catalogue.tracks
            for verdict in verdicts.of_track(evidence, track, profile, threshold)
            if verdict.is_confirmed
            and verdict.differences
            and records.key_of(verdict.benchmark, verdict.configuration) in keys
        ]

    def separated(self) -> int:
        """How many of the changes have something separated."""
        _, known = self._on_record()
        return sum(
            any(
                separation.is_of(change) and separation.judgement is not None
                for separation in known[change.release]
            )
            for change in self.changes
        )

    def wanted(self) -> list[Wanted]:
        """What to change back next, what tells most in least time first."""
        taken, known = self._on_record()
        of = self._here.machine, taken, self._here.catalogue
        facts = separations.facts(*of, self._profile)
        together: dict[Place, Wanted] = {}
        for verdict in self.changes:
            release = self._here.catalogue.by_name[verdict.release]
            change = self._next(verdict, release, known[verdict.release], facts)
            if change is None:
                continue
            configured = self._here.configured(verdict.benchmark, verdict.configuration)
            none_yet = Wanted(release, change, (), (), ())
            place = none_yet.place
            before = together.get(place, none_yet)
            asked = {question.configured: question for question in before.questions}
            if configured in asked:
                measures = (*asked[configured].measures, verdict.measure)
                asked[configured] = replace(asked[configured], measures=measures)
                seconds = before.seconds
            else:
                most = MOST_BLOCKS - _spent(verdict, change, known[verdict.release])
                asked[configured] = Question(
                    configured=configured, measures=(verdict.measure,), most=most
                )
                both = [(release.commit, configured.key)] * 2
                newest = taking.known(self._here, self._profile, both)
                seconds = (*before.seconds, taking.block_s(newest))
            together[place] = replace(
                before, of=(*before.of, verdict), questions=tuple(asked.values()), seconds=seconds
            )
        return sorted(together.values(), key=lambda each: each.rank)

    def separate_all(self, budget: Budget, make_room: Callable[[Wanted], None]) -> Left:
        """Measure what is wanted until nothing is, or the budget is spent. ``make_room`` is called
        with each before environments are made for it.

        Errors of measuring pass through: what was taken before is on record.
        """
        left = self.wanted()
        if not left:
            return Left()
        self._here.say(plan(left, budget))
        tried: set[tuple[str, str, str, str]] = set()
        over = False

        def untried(wanted: Wanted) -> list[tuple[Question, float]]:
            return [
                (question, seconds)
                for question, seconds in zip(wanted.questions, wanted.seconds, strict=True)
                if (*wanted.place, question.configured.key) not in tried
            ]

        while True:
            affordable = (
                (wanted, [each for each, s in untried(wanted) if budget.allows(LEAST_BLOCKS * s)])
                for wanted in left
            )
            now, questions = next(((wanted, own) for wanted, own in affordable if own), (None, []))
            if now is None:
                over = bool(left) and (over or any(map(untried, left)))
                return Left(tuple(wanted.name for wanted in left), over)
            tried |= {(*now.place, each.configured.key) for each in questions}
            over = self._measure(now, questions, budget, make_room) or over
            left = self.wanted()

    def separate_one(
        self, place: Place, budget: Budget, make_room: Callable[[Wanted], None]
    ) -> Left:
        """Measure what is wanted at this ``place`` alone, and nothing where nothing is: a change
        may be no longer sure, or its cause known. ``make_room``: as ``separate_all`` has it.

        Errors of measuring pass through: what was taken before is on record.
        """
        over = False
        for wanted in self._wanted_at(place):
            over = self._measure(wanted, wanted.questions, budget, make_room)
        return Left(tuple(wanted.name for wanted in self._wanted_at(place)), over)

    def _wanted_at(self, place: Place) -> list[Wanted]:
        return [wanted for wanted in self.wanted() if wanted.place == place]

    def _measure(
        self,
        wanted: Wanted,
        questions: Sequence[Question],
        budget: Budget,
        make_room: Callable[[Wanted], None],
    ) -> bool:
        """Measure what is ``wanted`` for these of its ``questions``; returns whether the budget
        ended that."""
        work = separate.Work(
            release=wanted.release,
            change=wanted.change,
            profile=self._profile,
            questions=tuple(questions),
            threshold=self._threshold,
        )
        with self._here.runner(records.DUET) as runner:
            make_room(wanted)
            return separate.measure(self._here, runner, work, budget)

    def _on_record(self) -> tuple[list[Record], dict[str, list[Separation]]]:
        """All records, and what was separated of each release that changed, by its name."""
        taken = self._here.store.all(self._here.machine)
        found = separations.separations(
            self._here.machine, taken, self._here.catalogue, self._profile, self._threshold
        )
        return taken, {verdict.release: found.get(verdict.release, []) for verdict in self.changes}

    def _next(
        self,
        verdict: Verdict,
        release: Release,
        known: Sequence[Separation],
        facts: Mapping[FactsKey, Mapping[str, object]],
    ) -> ChangeBack | None:
        before = self._here.catalogue.by_name[str(verdict.against)]
        backend = records.backend_of(verdict.benchmark, verdict.configuration)
        both = (
            facts.get(separations.facts_key(before, self._profile, backend), {}),
            facts.get(separations.facts_key(release, self._profile, backend), {}),
        )
        device = profiles.device_of(self._profile)
        own = {_parts(each.variant): each for each in known if each.is_of(verdict)}

        def tried(*things: str) -> Tried:
            what = variants.TOGETHER.join(things)
            catalogue = self._here.catalogue
            try:
                change = variants.change(
                    catalogue, release, before, device, what, backend=backend, facts=both
                )
            except NoVariant:
                return None
            return change, own.get(_parts(change.name))

        return what_next(verdict, tried)


def what_next(verdict: Verdict, tried: Callable[..., Tried]) -> ChangeBack | None:
    """What to change back next for a change; None where its cause is known, or nothing is left that
    could be tried. ``tried``: what is on record of things that are changed back together."""
    moved = {difference.what for difference in verdict.differences}
    alone = {
        what: before
        for name, what in THINGS.items()
        if name in moved and name not in LARGE and (before := tried(what)) is not None
    }
    for large in (THINGS[name] for name in LARGE if name in moved):
        # An older package may have no wheel for a newer Python, or not run with a newer NumPy.
        with_python = (variants.PYTHON, large) if variants.PYTHON in alone else (large,)
        for things in dict.fromkeys(((large,), with_python, (*alone, large))):
            before = tried(*things)
            if before is None:
                continue
            change, found = before
            if found is None or not _is_settled(found):
                return change
            if _explains(found, verdict) or (found.judgement and set(things) >= {*alone, large}):
                return None
            if found.judgement:
                break
    left = [change for change, found in alone.values() if not _is_settled(found)]
    if not left or any(_explains(found, verdict) for _, found in alone.values()):
        return None
    together = tried(*alone) if len(alone) > 1 else None
    if together is None:
        return left[0]
    change, found = together
    if not _is_settled(found):
        return change
    ran = found is not None and found.judgement is not None
    return None if ran and not _explains(found, verdict) else left[0]


def _parts(variant: str) -> frozenset[str]:
    """The things that a variant names, in whichever order they were asked for."""
    return frozenset(variant.split(separations.AND))


def _spent(verdict: Verdict, change: ChangeBack, known: Sequence[Separation]) -> int:
    """Blocks that were taken of the configuration of ``verdict`` with this ``change``."""
    of = _parts(change.name)
    own = (each.blocks for each in known if each.is_of(verdict) and _parts(each.variant) == of)
    return max(own, default=0)


def _explains(found: Separation | None, verdict: Verdict) -> bool:
    if found is None or found.judgement is None:
        return False
    return separations.explains(found.judgement, verdict)


def _is_settled(separation: Separation | None) -> bool:
    """Whether no more is to be measured of it: it does not run, its answer is sure, or as much was
    taken as ever is."""
    if separation is None:
        return False
    if separation.judgement is None or separation.judgement.outcome != NOT_SURE:
        return True
    if separation.blocks:
        in_reach = (
            separation.measure == STEP.key or _needed(separation) <= MOST_BLOCKS - separation.blocks
        )
        return separation.blocks >= (MOST_BLOCKS if in_reach else LEAST_BLOCKS)
    return separation.processes >= ENOUGH


def _needed(separation: Separation) -> int:
    """About how many more blocks would make it sure."""
    judgement = separation.judgement
    return (judgement.blocks_needed or 0) if isinstance(judgement, BlockJudgement) else 0


def plan(left: Sequence[Wanted], budget: Budget) -> str:
    """One line about what is to be measured, and how long it takes."""
    seconds = sum(wanted.forecast_s for wanted in left)
    over = f"; {budget.name} may not be enough" if seconds > budget.left_s else ""
    names = some_of([wanted.name for wanted in left], MOST_NAMES)
    return f"To separate: {names}, about {duration_text(seconds)}{over}"
