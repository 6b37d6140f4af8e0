"""``vggbench duet``: any two releases, or two configurations of one, or of two frameworks, measured
in turns.

It answers what no verdict does: "what does XLA buy?", "is Keras slower than what it stands on?".
What was measured for it is on record, and verdicts take it where both are neighbours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from .. import records
from ..errors import VggbenchError, how_many
from ..judging import duets, verdict_command
from ..judging.duets import Block, SubjectKey
from ..judging.measures import JUDGED, STEP
from ..judging.phrases import change, doubt
from ..releases import spec
from ..releases.catalogue import Release
from ..releases.environments import EnvironmentUnusable
from ..releases.interpreters import InterpreterMissing
from ..runs import own_interpreter
from ..runs.duet import Subject
from ..runs.local import Local, Runner
from ..runs.suite import Configured
from ..stats.blocks import BlockJudgement, judge_blocks
from ..stats.policy import LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE, REGRESSED
from . import taking
from .budget import Budget
from .taking import Uncounted

#: Version of the JSON's format.
SCHEMA = 1


class NoSubject(VggbenchError):
    """Words that name nothing that could be measured."""

    status = 2


@dataclass(frozen=True, kw_only=True)
class DuetRequest:
    """``first`` and ``second``: each a release as asv run takes it, with the words of a
    configuration behind it or without. ``patterns``: --bench, which chooses where no words do.
    ``pythons``: --python, each RELEASE=PATH."""

    first: str
    second: str
    pythons: Sequence[str]
    patterns: Sequence[str]
    threshold: float
    as_json: bool


@dataclass(frozen=True)
class _Criterion:
    """``comparisons``: how many are judged together."""

    threshold: float
    comparisons: int


@dataclass(frozen=True)
class _NamedSubject:
    """A subject before its release is installed."""

    release: Release
    configured: Configured

    @property
    def name(self) -> str:
        return f"{self.release.name} {self.configured.words}".strip()

    @property
    def key(self) -> SubjectKey:
        return self.release.commit, self.configured.key, None


@dataclass(kw_only=True)
class Finding:
    """What came of two subjects. The keys of ``vggbench duet --json`` are its own, and ``schema``:
    ``ratio`` is second by first, ``samples`` of both together."""

    machine: str
    profile: str
    first: str
    second: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    outcome: str = NOT_SURE
    blocks: int = 0
    samples: int = 0
    notes: list[str] = field(default_factory=list)
    status: int = 2

    def judged(self, by: BlockJudgement, own: Sequence[Block]) -> None:
        """Take in what the step's blocks say."""
        self.ratio, self.low, self.high, self.outcome = by.ratio, by.low, by.high, by.outcome
        self.blocks = len(own)
        self.samples = sum(
            len(record.samples) for block in own for duet in block.duets for record in duet
        )
        self.status = {REGRESSED: 1, NOT_SURE: 2}.get(by.outcome, 0)

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}


def run(here: Local, asked: DuetRequest, budget: Budget) -> int:
    """Measure, and say it; returns the exit status: 1 where the second surely takes longer, 2 where
    it is not sure, else 0. Raises VggbenchError and UserError where nothing can be measured."""
    profile = here.one_profile("a duet")
    comparisons = _comparisons(here, asked)
    criterion = _Criterion(asked.threshold, len(comparisons))
    own = _own_interpreters(here, asked, comparisons)
    found = []
    with here.runner(records.DUET, own=own) as runner:
        for first, second in comparisons:
            finding = Finding(
                machine=here.machine, profile=profile, first=first.name, second=second.name
            )
            try:
                _answer(here, runner, (first, second), finding, criterion=criterion, budget=budget)
            except (EnvironmentUnusable, InterpreterMissing) as err:  # others can be installed
                finding.notes.append(str(err))
                finding.outcome, finding.status = records.FAILED, 2
            found.append(finding)
    if asked.as_json:
        told = [finding.as_json() for finding in found]
        print(json.dumps(told[0] if len(told) == 1 else told, indent=2, allow_nan=False))
    else:
        _show(found)
    return verdict_command.worst(*(finding.status for finding in found))


def _comparisons(here: Local, asked: DuetRequest) -> list[tuple[_NamedSubject, _NamedSubject]]:
    """The two subjects of each comparison. Raises NoSubject, and what spec.release raises."""
    told = [_parsed(here, text) for text in (asked.first, asked.second)]
    if asked.patterns and any(configured for _, configured in told):
        raise NoSubject("--bench chooses configurations where no words do; leave out the one")
    if all(configured is None for _, configured in told):
        own = [here.suite.chosen(release, asked.patterns, here.catalogue) for release, _ in told]
        both = [configured for configured in own[0] if configured in own[1]]
        if not both:
            raise NoSubject(
                f"{told[0][0].name} and {told[1][0].name} have no configuration in common: give "
                f"each its own, such as '{told[0][0].name} {own[0][0].words}'"
            )
        chosen = both if asked.patterns else both[:1]
        return [
            (_NamedSubject(told[0][0], configured), _NamedSubject(told[1][0], configured))
            for configured in chosen
        ]
    wanted = []
    for (release, configured), (_, other) in zip(told, reversed(told), strict=True):
        # The words of the one are the other's, where it has such a configuration.
        of_own = here.suite.timed_of(release, [], here.catalogue)
        same = next((each for each in of_own if other is not None and each == other), None)
        chosen_one = configured or same
        if chosen_one is None:
            raise NoSubject(
                f"{release.name} has no configuration {other.words if other else ''}; "
                f"{_has_message(here, release)}"
            )
        wanted.append(_NamedSubject(release, chosen_one))
    return [(wanted[0], wanted[1])]


def _own_interpreters(
    here: Local,
    asked: DuetRequest,
    comparisons: Sequence[tuple[_NamedSubject, _NamedSubject]],
) -> dict[str, str]:
    """By the names of releases, the paths of the interpreters that the user gave for them. Raises
    NoSubject for a release that is no subject."""
    subjects = {subject.release.name for both in comparisons for subject in both}
    first = comparisons[0][0].release.name
    own = {}
    for text in asked.pythons:
        word, separator, python = text.partition("=")
        if not separator:
            raise NoSubject(
                f"--python {text}: write RELEASE=PATH, such as {first}=/usr/bin/python3"
            )
        release = spec.release(here.catalogue, word)
        if release.name not in subjects:
            raise NoSubject(
                f"--python {text}: {release.name} is not measured; give RELEASE=PATH of one of "
                f"{' and '.join(sorted(subjects))}"
            )
        own[release.name] = own_interpreter.path_of(python)
    return own


def _parsed(here: Local, text: str) -> tuple[Release, Configured | None]:
    """The release and the configuration that ``text`` names, None where it names none."""
    word, _, rest = " ".join(text.split()).partition(" ")
    if not word:
        raise NoSubject("a subject is a release, such as 'tensorflow-2.21.0 NHWC none off'")
    release = spec.release(here.catalogue, word)
    if not rest:
        return release, None
    for configured in here.suite.timed_of(release, [], here.catalogue):
        if configured.words == rest:
            return release, configured
    raise NoSubject(f"{release.name} has no configuration {rest}; {_has_message(here, release)}")


def _has_message(here: Local, release: Release) -> str:
    own = here.suite.timed_of(release, [], here.catalogue)
    return f"it has: {', '.join(configured.words for configured in own) or 'none'}"


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """The blocks of two subjects that were ``taken`` now, of which those count that were measured
    in the state of the last. ``before``: blocks that were on record earlier, which tell the noise
    and nothing else."""

    wanted: tuple[_NamedSubject, _NamedSubject]
    profile: str
    criterion: _Criterion
    before: Sequence[Block]
    taken: list[Block] = field(default_factory=list)

    @property
    def counting(self) -> list[Block]:
        """The blocks that count."""
        return duets.in_one_state(self.taken)

    def judgement(self, measure: str) -> BlockJudgement:
        """The judgement of a measure by the blocks that count so far."""
        # The noise is what blocks of any one subject with itself scatter by, in this state.
        of_profile = [block for block in self.before if block.profile == self.profile]
        first, second = self.wanted
        return judge_blocks(
            duets.numbers(self.counting, first.key, second.key, measure),
            duets.noise(duets.of_states(of_profile, self.taken[-1].states), measure=measure),
            threshold=self.criterion.threshold,
            comparisons=self.criterion.comparisons,
        )

    def by_products(self) -> list[str]:
        """A note on each by-product that enough of the blocks have."""
        notes = []
        for measure, known in JUDGED.items():
            enough = sum(measure in block.numbers for block in self.counting) >= LEAST_BLOCKS
            if measure == STEP.key or not enough:
                continue
            found = self.judgement(measure)
            told = doubt(found, self.criterion.threshold) or found.outcome
            notes.append(f"{known.title}: {change(found)}, {told}")
        return notes


def _answer(
    here: Local,
    runner: Runner,
    wanted: tuple[_NamedSubject, _NamedSubject],
    into: Finding,
    *,
    criterion: _Criterion,
    budget: Budget,
) -> None:
    """Take blocks of two subjects until it is sure, MOST_BLOCKS or the budget are spent, or one of
    them does not end well. Blocks of earlier calls do not count. No environment is made where the
    budget has no room for a block."""
    newest = taking.known(here, into.profile, [subject.key[:2] for subject in wanted])
    seconds = taking.block_s(newest)
    if not budget.allows(seconds):
        into.notes.append(budget.why_over(seconds))
        return
    first, second = (
        Subject(
            installation=runner.prepared(subject.release, into.profile, subject.configured),
            configured=subject.configured,
        )
        for subject in wanted
    )
    if wanted[0] == wanted[1]:
        into.notes.append(
            "both are one release and configuration: what they differ by is the machine's doing"
        )
    before, _ = duets.gather(here.machine, here.store.all(here.machine), here.catalogue)
    evidence = _Evidence(wanted=wanted, profile=into.profile, criterion=criterion, before=before)
    uncounted = Uncounted()
    is_waiting_told = is_busy = False
    while into.outcome == NOT_SURE and len(evidence.taken) < MOST_BLOCKS:
        if not budget.allows(seconds):
            into.notes.append(_spent(budget, is_busy))
            break
        came = taking.take(here, runner, (first, second), budget)
        seconds = came.seconds or seconds
        if came.waiting is not None and not is_waiting_told:
            into.notes.append(came.waiting)
            is_waiting_told = True
        is_busy = came.is_busy
        ended = uncounted.end_it(came)
        if came.block is not None:
            evidence.taken.append(came.block)
            by_step = evidence.judgement(STEP.key)
            into.judged(by_step, evidence.counting)
            here.say(
                f"{how_many(into.blocks, 'block')}: {into.second} against {into.first}: "
                f"{change(by_step)}, {by_step.outcome}"
            )
        elif came.outcome == records.OK:
            here.say(f"{into.second} against {into.first}: the block does not count: {came.why}")
        if ended:
            into.notes.append(str(came.why))
            if came.waited_in_vain:
                into.notes.append(_spent(budget, is_busy))
            elif came.outcome is not None and came.outcome != records.OK:
                into.outcome, into.status = came.outcome, 2
            break
    if into.outcome == NOT_SURE and len(evidence.taken) >= MOST_BLOCKS:
        into.notes.append(
            f"not sure after {how_many(MOST_BLOCKS, 'block')}, the most that are taken; what this "
            f"machine can tell: vggbench calibrate"
        )
    into.notes += evidence.by_products()


def _spent(budget: Budget, is_busy: bool) -> str:
    told = budget.why_over()
    return f"{told} while the machine was busy; {taking.QUIET}" if is_busy else told


def _show(found: Sequence[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("second", "against first", "change", "verdict", "blocks (samples)"):
        table.add_column(heading, overflow="fold")
    for finding in found:
        table.add_row(
            finding.second,
            finding.first,
            change(finding),
            finding.outcome,
            f"{finding.blocks} ({finding.samples})",
        )
    # What a process said may have brackets and colons of its own.
    console = Console(
        file=sys.stdout, width=160, highlight=False, markup=False, emoji=False, soft_wrap=True
    )
    console.print(table)
    for finding in found:
        for note in finding.notes:
            console.print(f"  {finding.second}: {note}")
