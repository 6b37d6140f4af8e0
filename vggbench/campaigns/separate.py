"""``vggbench separate``: is a change the framework's, or a companion's that moved with it?

The release is measured in blocks of duets with itself, one thing of it changed back to what it was
in the release before. What the change of that one thing makes is their ratio.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import records
from ..errors import VggbenchError
from ..judging import duets, verdict_command, verdicts
from ..judging.measures import JUDGED, STEP
from ..judging.phrases import change, percent
from ..judging.separations import (
    FactsKey,
    Separation,
    conclusion,
    configurations_in,
    facts,
    facts_key,
    of_blocks,
    separations,
)
from ..judging.verdicts import Verdict
from ..releases import spec
from ..releases.catalogue import Release
from ..releases.environments import Impossible, remove
from ..runs import profiles
from ..runs.duet import Subject
from ..runs.installation import Installation
from ..runs.local import Local, Runner
from ..runs.suite import Configured
from ..stats.blocks import BlockJudgement
from ..stats.policy import A_BLOCK, CHANGED, LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE
from . import taking, variants
from .budget import Budget
from .taking import Uncounted
from .variants import ChangeBack, NoVariant

#: Of the folders of variants, beside the releases' environments.
PREFIX = "variants-"


class NothingToSeparate(VggbenchError):
    """No change is known whose cause could be looked for."""


@dataclass(frozen=True, kw_only=True)
class SeparateRequest:
    """``release`` and ``against`` as asv run takes them; ``back``: what is changed back, each by
    itself. ``processes``: of both subjects, for each configuration, at most; but as many as an
    answer takes. ``patterns``: of configurations; those that changed where there are none."""

    release: str
    against: str | None
    back: Sequence[str]
    patterns: Sequence[str]
    processes: int
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a configuration: what the thing that was changed back makes of these
    ``measures``, by so many blocks more at ``most``."""

    configured: Configured
    measures: tuple[str, ...] = (STEP.key,)
    most: int = MOST_BLOCKS


def run(here: Local, asked: SeparateRequest, budget: Budget) -> int:
    """Measure and say it; returns the exit status: 2 where nothing of what is asked is answered,
    neither by blocks, of earlier times too, nor by the error of a variant that cannot run; else 0.
    Raises VggbenchError where nothing can be measured."""
    profile = here.one_profile("a separation")
    catalogue = here.catalogue
    release = spec.release(catalogue, asked.release)
    before = spec.release(catalogue, asked.against or f"{release.name}^")
    verdict_command.require_earlier(catalogue, release, before)
    evidence = verdicts.read_evidence(here.store, here.machine, catalogue)
    known = [
        verdict
        for verdict in verdicts.of_release(evidence, release, before, profile, asked.threshold)
        if verdict.ratio is not None
    ]
    questions = _questions(here, (before, release), known, asked, profile=profile)
    works = _works(here, release, before, questions, asked, profile=profile)
    with here.runner(records.DUET) as runner:
        for work in works:
            measure(here, runner, work, budget)
    on_record = here.store.all(here.machine)
    on_release = separations(here.machine, on_record, catalogue, profile, asked.threshold)
    variants_asked = {work.change.name for work in works}
    own = [
        separation
        for separation in on_release.get(release.name, [])
        if separation.variant in variants_asked
    ]
    for found in own:
        if found.judgement is not None:
            here.say(finding(found, known))
    about = {(question.configured.benchmark, question.configured.words) for question in questions}
    answered = {(separation.benchmark, separation.configuration) for separation in own}
    return 0 if answered & about else 2


def _questions(
    here: Local,
    releases: tuple[Release, Release],
    known: Iterable[Verdict],
    asked: SeparateRequest,
    *,
    profile: str,
) -> list[Question]:
    """Of the configurations that patterns select, or those of which something changed: what changed
    of each, else the step. Raises UserError where the patterns select none, NothingToSeparate where
    nothing changed."""
    before, release = releases
    changed: dict[str, tuple[str, ...]] = {}
    for verdict in known:
        if verdict.outcome in CHANGED:
            key = records.key_of(verdict.benchmark, verdict.configuration)
            changed[key] = (*changed.get(key, ()), verdict.measure)
    if asked.patterns:
        own = here.suite.chosen(release, asked.patterns, here.catalogue)
    else:
        timed = here.suite.timed_of(release, [], here.catalogue)
        own = [configured for configured in timed if configured.key in changed]
    if not own:
        raise NothingToSeparate(
            verdict_command.nothing_changed(
                "nothing", release, before, profile=profile, threshold=asked.threshold
            )
        )
    most = max(LEAST_BLOCKS, asked.processes // A_BLOCK)
    return [
        Question(
            configured=configured, measures=changed.get(configured.key, (STEP.key,)), most=most
        )
        for configured in own
    ]


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is asked of a release with one ``change`` in a profile. The configurations of all
    ``questions`` are of the lock that is changed."""

    release: Release
    change: ChangeBack
    profile: str
    questions: tuple[Question, ...]
    threshold: float


def _works(
    here: Local,
    release: Release,
    before: Release,
    questions: Iterable[Question],
    asked: SeparateRequest,
    *,
    profile: str,
) -> list[Work]:
    """Each thing that is changed back, lock by lock. Where only some of the locks have the thing, a
    message says so of the others. Raises NoVariant where none has it."""
    device = profiles.device_of(profile)
    told = facts(here.machine, here.store.all(here.machine), here.catalogue, profile)
    of_locks: dict[tuple[FactsKey, FactsKey], list[Question]] = {}
    for question in questions:
        backend = question.configured.backend
        keys = facts_key(before, profile, backend), facts_key(release, profile, backend)
        of_locks.setdefault(keys, []).append(question)
    found = []
    for what in asked.back:
        refused = []
        for keys, own in of_locks.items():
            both = told.get(keys[0], {}), told.get(keys[1], {})
            backend = own[0].configured.backend
            try:
                change = variants.change(
                    here.catalogue, release, before, device, what, backend=backend, facts=both
                )
            except NoVariant as err:
                refused.append(err)
                continue
            found.append(
                Work(
                    release=release,
                    change=change,
                    profile=profile,
                    questions=tuple(own),
                    threshold=asked.threshold,
                )
            )
        if len(refused) == len(of_locks):
            raise refused[0]
        for refusal in refused:
            here.say(str(refusal))
    return found


def measure(here: Local, runner: Runner, work: Work, budget: Budget) -> bool:
    """Measure the release and its variant in blocks, one configuration after the other, until the
    answers are sure; returns whether the budget ended that. Nothing is installed where all is
    answered, or the budget has no room for a block.

    A variant that cannot be installed is said, and recorded of all that is asked for where no other
    day would change it.
    """
    release = work.release
    asking = _Asking(here, runner, work, budget)
    asked = [question for question in work.questions if asking.is_open(question)]
    if not any(asking.is_affordable(question) for question in asked):
        for question in asked:
            asking.say_spent(question)
        return bool(asked)
    folder = here.checkout.env_dir
    folder.mkdir(parents=True, exist_ok=True)
    for killed in folder.glob(f"{PREFIX}*"):
        remove(killed)  # nobody else separates: the runner holds the checkout
    with tempfile.TemporaryDirectory(dir=folder, prefix=PREFIX) as aside:
        variant = variants.make(Path(aside), here.catalogue, work.change)
        environments, name = variant.environments, variant.lock.name
        changed = Installation(
            release=variant.release,
            profile=work.profile,
            interpreter=str(environments.python(variant.release, name)),
            lock=variant.lock,
            variant=variant.name,
            variables=variant.variables,
        )
        try:
            environments.ensure(variant.release, name, here.say)
            as_it_is = runner.prepared(release, work.profile, work.questions[0].configured)
        except Impossible as err:
            here.say(f"{release.name} with {variant.name} cannot be separated: {err}")
            for question in asked:
                runner.refuse(changed, question.configured, err)
        except VggbenchError as err:
            here.say(f"{release.name} with {variant.name} is not measured: {err}")
        else:
            over = False
            for question in asked:
                # The variant is started first: one that does not run is met at once.
                both = (
                    Subject(installation=changed, configured=question.configured),
                    Subject(installation=as_it_is, configured=question.configured),
                )
                over = asking.answer(question, both) or over
            return over
    return False


class _Asking:
    """Blocks of a release and one variant of it. ``whole``: all blocks in the profile that count,
    those of now too."""

    def __init__(self, here: Local, runner: Runner, work: Work, budget: Budget):
        self._here = here
        self._runner = runner
        self._work = work
        self._budget = budget
        on_record = here.store.all(here.machine)
        found, _ = duets.gather(here.machine, on_record, here.catalogue)
        self._whole = [block for block in found if block.profile == work.profile]

    def is_open(self, question: Question, taken: int = 0) -> bool:
        """Whether more is to be asked, where so many of its blocks were ``taken``."""
        found = self._judged(question.configured.key)
        return not is_answered(found, question.measures, question.most - taken)

    def is_affordable(self, question: Question) -> bool:
        """Whether the budget has room for a block."""
        return self._budget.allows(self._block_s(question))

    def say_spent(self, question: Question, taken: int = 0, is_busy: bool = False) -> None:
        """Say that the budget has no room for more than the blocks that were ``taken``."""
        work = self._work
        name = f"{work.release.name} {question.configured.words}".strip()
        busy = f"; the machine was busy: {taking.QUIET}" if is_busy else ""
        self._here.say(
            f"the budget is spent: {taken} of {question.most} blocks of {name} with "
            f"{work.change.name}{busy}"
        )

    def _block_s(self, question: Question) -> float:
        """Seconds that a block is likely to take; 0 where nothing is known."""
        as_it_is = self._work.release.commit, question.configured.key
        return taking.block_s(taking.known(self._here, self._work.profile, [as_it_is] * 2))

    def answer(self, question: Question, both: tuple[Subject, Subject]) -> bool:
        """Take blocks until the answer is sure, the ``most`` are spent or the budget is; says a
        line about each, and one where there is no answer. Returns whether the budget ended it."""
        here, key, say = self._here, question.configured.key, self._here.say
        name = both[0].name
        expected_s = self._block_s(question)
        uncounted = Uncounted()
        taken = 0
        is_busy = False
        while taken < question.most:
            if not self.is_open(question, taken):
                return False
            came = None
            if self._budget.allows(expected_s):
                came = taking.take(here, self._runner, both, self._budget)
            if came is None or came.waited_in_vain:
                self.say_spent(question, taken, is_busy if came is None else came.is_busy)
                return True
            is_busy = came.is_busy
            expected_s = came.seconds or expected_s
            if came.block is not None:
                taken += 1
                self._whole.append(came.block)
                told = so_far(self._judged(key), question.measures)
                say(f"{name}, block {taken}: {told}")
            elif came.outcome == records.OK:
                say(f"{name}: the block does not count: {came.why}")
            if uncounted.end_it(came):
                say(f"{name} is not separated: {came.why}")
                return False
        return False

    def _judged(self, key: str) -> list[Separation]:
        work = self._work
        variant = work.release.commit, key, work.change.name
        asked = {question.configured.key for question in work.questions}
        together = asked | configurations_in(self._whole, variant[0], variant[2])
        return of_blocks(
            self._whole,
            variant,
            self._here.catalogue,
            work.threshold,
            comparisons=len(together),
        )


def is_answered(found: Sequence[Separation], measures: Sequence[str], left: int) -> bool:
    """Whether nothing more is to be asked about these ``measures``, when so many blocks are
    ``left``. ``found``: what the blocks so far say, a measure each.

    A by-product is one number a process and may scatter so much that no number of blocks makes it
    sure: it is followed only while an answer is in reach.
    """
    if not found:
        return False
    for separation in found:
        sure = separation.judgement is None or separation.judgement.outcome != NOT_SURE
        if separation.measure not in measures or sure:
            continue
        assert isinstance(separation.judgement, BlockJudgement)
        in_reach = (separation.judgement.blocks_needed or 0) <= left
        if separation.measure == STEP.key or in_reach or separation.blocks < LEAST_BLOCKS:
            return False
    return True


def so_far(found: Sequence[Separation], measures: Sequence[str]) -> str:
    """What blocks say of these ``measures``, for the one who waits."""
    parts = [
        f"{JUDGED[separation.measure].title} {separation.judgement.outcome}, "
        f"{change(separation.judgement)}"
        for separation in found
        if separation.measure in measures and separation.judgement is not None
    ]
    return f"the release as it is by this variant: {'; '.join(parts)}"


def finding(separation: Separation, known: Iterable[Verdict]) -> str:
    """What the one thing makes, and of how much in all."""
    about = separation.configuration, separation.measure
    whole = next((each for each in known if (each.words, each.measure) == about), None)
    found = separation.judgement
    by = f"{change(found)} " if found else ""
    text = (
        f"{separation.release} {separation.configuration}, {JUDGED[separation.measure].title}: "
        f"{by}against itself with {separation.variant}: {conclusion(separation, whole)}"
    )
    if whole is None or whole.ratio is None:
        return text
    return f"{text}; the whole change is {percent(whole.ratio)}"
