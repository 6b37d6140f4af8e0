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
from ..errors import VggbenchError
from ..judging import duets
from ..judging.duets import Block, Subject
from ..judging.measures import JUDGED, STEP
from ..judging.words import how_many_blocks, percent
from ..records import Record
from ..releases import spec
from ..releases.catalogue import Release
from ..runs.duet import Pair, Side, ended_well
from ..runs.local import Local, Session
from ..runs.profiles import VARIABLE
from ..runs.suite import Configured
from ..stats import blocks
from ..stats.blocks import BlockJudgement, BlockNoise
from ..stats.policy import LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE, REGRESSED
from . import answering
from .budget import Budget, words
from .taking import Patience

#: Version of the JSON's format.
SCHEMA = 1


class NoSubject(VggbenchError):
    """Words that name nothing that could be measured."""

    status = 2


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``first`` and ``second``: each a release in the words of asv run, with the words of a
    configuration behind it or without. ``patterns``: --bench, which chooses where no words do."""

    first: str
    second: str
    patterns: Sequence[str]
    threshold: float
    as_json: bool


@dataclass(frozen=True)
class _Subject:
    release: Release
    one: Configured

    @property
    def name(self) -> str:
        return f"{self.release.name} {self.one.words}".strip()

    @property
    def on_record(self) -> Subject:
        return self.release.commit, self.one.key, None


@dataclass(kw_only=True)
class Found:
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
            len(record.samples) for block in own for pair in block.duets for record in pair
        )
        self.status = {REGRESSED: 1, NOT_SURE: 2}.get(by.outcome, 0)

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}


def run(here: Local, asked: Asked, budget: Budget) -> int:
    """Measure, and say it; returns the exit status: 1 where the second surely takes longer, 2 where
    it is not sure, else 0. Raises VggbenchError and UserError where nothing can be measured."""
    profiles = here.profiles
    if len(profiles) > 1:
        raise NoSubject(f"{VARIABLE}={' '.join(profiles)}: a duet is of one profile; give one")
    profile = profiles[0]
    pairs = _pairs(here, asked)
    found = []
    with here.session(records.DUET) as measuring:
        for first, second in pairs:
            one = Found(machine=here.machine, profile=profile, first=first.name, second=second.name)
            _answer(here, measuring, (first, second), one, asked.threshold, budget=budget)
            found.append(one)
    if asked.as_json:
        told = [one.as_json() for one in found]
        print(json.dumps(told[0] if len(told) == 1 else told, indent=2, allow_nan=False))
    else:
        _show(found)
    return max((one.status for one in found), key=(0, 2, 1).index)


def _pairs(here: Local, asked: Asked) -> list[tuple[_Subject, _Subject]]:
    """What is compared. Raises NoSubject, and what spec.one raises."""
    told = [_told(here, text) for text in (asked.first, asked.second)]
    if asked.patterns and any(one for _, one in told):
        raise NoSubject("--bench chooses configurations where no words do; leave out the one")
    if all(one is None for _, one in told):
        own = [here.suite.chosen(one, asked.patterns, here.catalogue) for one, _ in told]
        both = [one for one in own[0] if one in own[1]]
        if not both:
            raise NoSubject(
                f"{told[0][0].name} and {told[1][0].name} have no configuration in common: give "
                f"each its own, such as '{told[0][0].name} {own[0][0].words}'"
            )
        chosen = both if asked.patterns else both[:1]
        return [(_Subject(told[0][0], one), _Subject(told[1][0], one)) for one in chosen]
    sides = []
    for (release, one), (_, other) in zip(told, reversed(told), strict=True):
        # The words of the one are the other's, where it has such a configuration.
        of_own = here.suite.timed_of(release, [], here.catalogue)
        same = next((each for each in of_own if other is not None and each == other), None)
        chosen_one = one or same
        if chosen_one is None:
            raise NoSubject(
                f"{release.name} has no configuration {other.words if other else ''}; "
                f"{_known(here, release)}"
            )
        sides.append(_Subject(release, chosen_one))
    return [(sides[0], sides[1])]


def _told(here: Local, text: str) -> tuple[Release, Configured | None]:
    """The release and the configuration that ``text`` names, None where it names none."""
    word, _, rest = " ".join(text.split()).partition(" ")
    if not word:
        raise NoSubject("a subject is a release, such as 'tensorflow-2.21.0 NHWC none off'")
    release = spec.one(here.catalogue, word)
    if not rest:
        return release, None
    for one in here.suite.timed_of(release, [], here.catalogue):
        if one.words == rest:
            return release, one
    raise NoSubject(f"{release.name} has no configuration {rest}; {_known(here, release)}")


def _known(here: Local, release: Release) -> str:
    own = here.suite.timed_of(release, [], here.catalogue)
    return f"it has: {', '.join(one.words for one in own) or 'none'}"


def _answer(
    here: Local,
    measuring: Session,
    pair: tuple[_Subject, _Subject],
    into: Found,
    threshold: float,
    *,
    budget: Budget,
) -> None:
    """Take blocks of two subjects until it is sure, MOST_BLOCKS or the budget are spent, or one of
    them does not end well. Blocks of earlier calls do not count."""
    first, second = pair
    sides = tuple(
        Side(subject=measuring.prepared(one.release, into.profile), configured=one.one)
        for one in pair
    )
    if first == second:
        into.notes.append(
            "both are one release and configuration: what they differ by is the machine's doing"
        )
    noise = {measure: _noise(here, into.profile, measure) for measure in JUDGED}
    patience = Patience(budget, here.say)
    step_s = _step_s(here, into.profile, pair)
    seconds = 0.0
    busy = 0
    while into.outcome == NOT_SURE and into.blocks < MOST_BLOCKS:
        if not budget.allows(seconds):
            into.notes.append(f"the budget of {words(budget.seconds)} is spent")
            return
        before = budget.spent_s
        taken = measuring.block((sides[0], sides[1]), step_s, patience=patience)
        seconds = budget.spent_s - before
        if not all(map(ended_well, taken)):
            into.notes.append(answering.trouble(taken))
            into.outcome = _worst(taken)
            return
        for line in answering.waiting_lines(taken):
            if line not in into.notes:
                into.notes.append(line)
        own, left_out = _own(here, measuring, pair)
        busy = 0 if len(own) > into.blocks else busy + 1
        if busy:
            for why in left_out:
                here.say(f"the block does not count: {why}")
            if busy >= answering.MOST_BUSY:
                into.notes.append("; ".join(left_out))
                return
            continue
        sides_on_record = first.on_record, second.on_record
        by_step = blocks.judge_blocks(
            duets.numbers(own, *sides_on_record, STEP.key), noise[STEP.key], threshold=threshold
        )
        into.judged(by_step, own)
        here.say(
            f"{how_many_blocks(into.blocks)}: {into.second} by {into.first}: "
            f"{by_step.ratio:.3f} ({by_step.low:.3f} to {by_step.high:.3f}), {by_step.outcome}"
        )
    own, _ = _own(here, measuring, pair)
    into.notes += [
        line
        for measure in JUDGED
        if measure != STEP.key
        for line in _by_product(measure, own, pair, noise[measure], threshold)
    ]


def _own(
    here: Local, measuring: Session, pair: tuple[_Subject, _Subject]
) -> tuple[list[Block], list[str]]:
    """The blocks of the two that this call took, and why others of its are left out."""
    taken = [one for one in here.store.all(here.machine) if one.run == measuring.run.id]
    found, left_out = duets.gather(here.machine, taken, here.catalogue)
    sides = pair[0].on_record, pair[1].on_record
    return [one for one in found if one.reads(*sides)], list(left_out)


def _noise(here: Local, profile: str, measure: str) -> BlockNoise:
    """What blocks of one subject with itself scatter by on this machine, of whatever subject."""
    found, _ = duets.gather(here.machine, here.store.all(here.machine), here.catalogue)
    groups: dict[Subject, list[float]] = {}
    for block in found:
        if block.is_of_one and block.profile == profile and measure in block.numbers:
            groups.setdefault(block.first, []).append(block.numbers[measure])
    return blocks.noise(list(groups.values()), [])


def _step_s(here: Local, profile: str, pair: tuple[_Subject, _Subject]) -> float | None:
    """Seconds of a step of the slower of the two, by their newest processes on record; None where
    there are none."""
    newest = {}
    for one in here.store.where(
        here.machine,
        commits={each.release.commit for each in pair},
        profile=profile,
        keys={each.one.key for each in pair},
    ):
        if one.outcome == records.OK and one.why_no_evidence(here.machine, here.catalogue) is None:
            newest[one.commit, one.key] = one.median_s
    return max(newest.values(), default=None)


def _worst(taken: Sequence[Pair]) -> str:
    """What a duet that did not end well came to: n/a, failed or interrupted."""
    own: list[Record] = [record for record in taken[-1] if record is not None]
    outcomes = {record.outcome for record in own}
    known = (records.NOT_APPLICABLE, records.FAILED, records.INTERRUPTED)
    return next(one for one in known if one in outcomes)


def _by_product(
    measure: str,
    own: Sequence[Block],
    pair: tuple[_Subject, _Subject],
    noise: BlockNoise,
    threshold: float,
) -> list[str]:
    """A line about the first step, or the memory; none where it was not measured."""
    numbers = duets.numbers(own, pair[0].on_record, pair[1].on_record, measure)
    if len(numbers) < LEAST_BLOCKS:
        return []
    found = blocks.judge_blocks(numbers, noise, threshold=threshold)
    return [
        f"{JUDGED[measure].title}: {percent(found.ratio)} ({percent(found.low)[:-2]} to "
        f"{percent(found.high)[:-2]}), {found.outcome}"
    ]


def _show(found: Sequence[Found]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("second", "by first", "change", "verdict", "blocks (samples)"):
        table.add_column(heading, overflow="fold")
    for one in found:
        change = "-"
        if one.ratio is not None and one.low is not None and one.high is not None:
            low, high = percent(one.low)[:-2], percent(one.high)[:-2]
            change = f"{percent(one.ratio)} ({low} to {high})"
        table.add_row(one.second, one.first, change, one.outcome, f"{one.blocks} ({one.samples})")
    console = Console(file=sys.stdout, width=160, highlight=False, soft_wrap=True)
    console.print(table)
    for one in found:
        for note in one.notes:
            console.print(f"  {one.second}: {note}")
