"""Verdicts: what is said of each configuration and measure of a release against an earlier one.

    evidence = verdicts.read_evidence(store, "box", catalogue, complain)
    for verdict in verdicts.of_release(evidence, release):
        print(verdict.outcome, verdict.ratio)

Only evidence of the release and of those before it is used.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .. import records
from ..errors import how_many
from ..records import Store
from ..releases.catalogue import Catalogue, Release
from ..runs import profiles
from ..stats import blocks
from ..stats.blocks import BlockNoise
from ..stats.judge import Judgement, Noise, Process, judge
from ..stats.policy import (
    BATCH,
    CHANGED,
    IMPROVED,
    LEAST_BLOCKS,
    MOST_BLOCKS,
    NOT_SURE,
    REGRESSED,
    SURE,
    THRESHOLD,
    UNCHANGED,
)
from ..terminal import quoted
from . import duets
from .acknowledged import Acknowledged, acknowledge
from .comparisons import LineComparison, comparisons_of
from .differences import Difference
from .duets import Block
from .evidence import Evidence, gather, processes_of, typical
from .measures import JUDGED, STEP

#: It ran, and could not in the release before.
NEW = "new"
#: It ran in the release before, and is n/a now.
LOST = "lost"
#: A process of it failed.
FAILED = "failed"

#: In the order in which they matter.
OUTCOMES = (REGRESSED, FAILED, LOST, NOT_SURE, IMPROVED, NEW, UNCHANGED)

#: A single process may be far off for no reason that lasts: it makes no sure answer.
LEAST_PROCESSES = 2

#: What means something else in a regular expression, of all that words of a configuration have.
_SPECIAL = frozenset(r"\.^$*+?{}[]()|")

#: What a verdict was decided by: blocks of duets, or processes that were measured by themselves.
BY_DUETS, BY_PROCESSES = "duets", "processes"


@dataclass(frozen=True, kw_only=True)
class MeasuredProcess:
    """One process: the median of its samples, in the unit of records, and how many there are. The
    session of one in a duet is its block."""

    session: str
    value: float
    samples: int


@dataclass(frozen=True, kw_only=True)
class Side:
    """What was measured of one release: ``value`` is the median of the processes' medians (s or
    bytes)."""

    release: str
    value: float
    processes: int
    samples: int
    sessions: int
    evidence: tuple[MeasuredProcess, ...]


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What processes that were measured by themselves say where duets decided."""

    outcome: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is said of one measure of one configuration of a release against ``against``.

    ``words``: the configuration's. ``ratio`` is after by before, in ``low`` to ``high``, None where
    nothing was compared. ``why``: the reason or error, or what makes an answer impossible.
    ``next_step``: the command that would make it sure, with about ``processes_needed`` more
    processes; None where it is sure, and where no command goes on with it. ``acknowledged``: the
    reason with which a regression was accepted. ``differences``: what changed beside the framework.
    ``comparisons``: how many configurations were judged together. ``notes``: what of the evidence
    did not count, and why.

    ``decided_by``: BY_DUETS or BY_PROCESSES, None where nothing was compared. ``blocks``: how many
    there are of the two releases; about ``blocks_needed`` more would make it sure, None where it
    is. ``second_opinion``: what the processes say, where duets decided and there are any.
    """

    machine: str
    profile: str
    track: str
    release: str
    against: str | None
    benchmark: str
    configuration: dict[str, Any]
    measure: str
    outcome: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    before: Side | None = None
    after: Side | None = None
    suspected: bool = False
    processes_needed: int | None = None
    why: str | None = None
    next_step: str | None = None
    acknowledged: str | None = None
    differences: tuple[Difference, ...] = ()
    noise: Noise | BlockNoise | None = None
    threshold: float = THRESHOLD
    comparisons: int = 0
    decided_by: str | None = None
    blocks: int = 0
    blocks_needed: int | None = None
    second_opinion: Opinion | None = None
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return records.words_of(self.configuration)

    @property
    def family(self) -> str:
        """The class of its benchmark."""
        return records.family_of(self.benchmark)

    @property
    def is_compared(self) -> bool:
        """Whether there are numbers of both releases."""
        return self.ratio is not None

    @property
    def lacks_shared_session(self) -> bool:
        """Whether no session has measured both releases."""
        sides = [
            {process.session for process in side.evidence}
            for side in (self.before, self.after)
            if side
        ]
        return not set.intersection(*sides) if len(sides) == 2 else True

    @property
    def is_confirmed(self) -> bool:
        """Whether it is a sure change, and one session measured both releases."""
        return self.outcome in CHANGED and not self.lacks_shared_session

    @property
    def is_disputed(self) -> bool:
        """Whether processes surely say otherwise than duets."""
        return (
            self.second_opinion is not None
            and self.outcome in SURE
            and self.second_opinion.outcome in SURE
            and self.second_opinion.outcome != self.outcome
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "words": self.words}


def read_evidence(
    store: Store,
    machine: str,
    catalogue: Catalogue,
    complain: Callable[[str], None] = lambda line: None,
) -> Evidence:
    """The evidence on record of a machine; ``complain`` gets a line for each reason for which
    records are left out."""
    evidence = gather(machine, store.all(machine, complain), catalogue)
    for line in filter(None, (*evidence.left_out, evidence.unknown)):
        complain(line)
    return evidence


def of_track(
    evidence: Evidence,
    track: str,
    profile: str | None = None,
    threshold: float = THRESHOLD,
    accepted: Sequence[Acknowledged] = (),
    *,
    superseded: bool = False,
) -> list[Verdict]:
    """The verdicts on every release of a track against the one before, oldest first; none on what
    no earlier release was asked for. ``superseded``: whether also on superseded pre-releases."""
    return [
        verdict
        for release in evidence.measured(track, profile)
        if superseded or evidence.catalogue.is_current(release)
        for verdict in of_release(evidence, release, None, profile, threshold, accepted=accepted)
        if verdict.against is not None
    ]


def of_release(
    evidence: Evidence,
    release: Release,
    against: Release | None = None,
    profile: str | None = None,
    threshold: float = THRESHOLD,
    *,
    accepted: Sequence[Acknowledged] = (),
) -> list[Verdict]:
    """The verdicts on a release: against ``against``, or in each configuration against the newest
    current release before it that ran or was n/a. ``profile``: all on record where it is None.

    What is unmeasured, or n/a in both releases, has no verdict.
    """
    made = []
    for together in comparisons_of(evidence, release, against, profile):
        for key in JUDGED:
            made += _of_measure(evidence, together, key, threshold)
    return [acknowledge(verdict, release, accepted) for verdict in made]


def _of_measure(
    evidence: Evidence, together: Sequence[LineComparison], key: str, threshold: float
) -> list[Verdict]:
    """The verdicts on one measure of the configurations that are judged together."""
    compared = [comparison for comparison in together if comparison.is_compared(key)]
    in_duets = [comparison for comparison in together if comparison.is_by_duets(key)]
    comparisons = len({comparison.line for comparison in (*compared, *in_duets)})
    for_noise = {comparison.line: comparison.for_noise(key) for comparison in compared}
    states = {comparison.line: comparison.state for comparison in compared}
    noises = evidence.noise_by_line(states, for_noise, key)
    made = []
    for comparison in together:
        by_processes = None
        if comparison.line in noises:
            noise = noises[comparison.line]
            judgement = judge(
                comparison.processes(comparison.before, key),
                comparison.processes(comparison.after, key),
                comparison.releases_before(key),
                noise,
                threshold=threshold,
                comparisons=comparisons,
            )
            by_processes = _judged(
                comparison, key, judgement, noise, threshold=threshold, comparisons=comparisons
            )
        if comparison in in_duets:
            about = replace(_bare(comparison, key, NOT_SURE, threshold), comparisons=comparisons)
            made.append(_with_next_step(comparison, _by_duets(comparison, about, by_processes)))
        elif by_processes is not None:
            foreseen = _with_blocks_foreseen(comparison, by_processes)
            made.append(_with_next_step(comparison, foreseen))
        elif key == STEP.key:
            # What is no comparison is said once, of the step.
            made.append(_not_compared(comparison, together, threshold))
    return made


def _by_duets(comparison: LineComparison, about: Verdict, by_processes: Verdict | None) -> Verdict:
    """What blocks say. ``about`` has all that is said in any case."""
    assert comparison.before is not None
    key, line = about.measure, comparison.line
    own = comparison.blocks(key)
    noise = comparison.evidence.block_noise(
        line, comparison.before, comparison.after, key, own[-1].states[0]
    )
    subjects = line.subject_key(comparison.before), line.subject_key(comparison.after)
    found = blocks.judge_blocks(
        duets.numbers(own, *subjects, key),
        noise,
        threshold=about.threshold,
        comparisons=about.comparisons,
    )
    second = None
    if by_processes is not None and by_processes.ratio is not None:
        assert by_processes.low is not None
        assert by_processes.high is not None
        second = Opinion(
            outcome=by_processes.outcome,
            ratio=by_processes.ratio,
            low=by_processes.low,
            high=by_processes.high,
        )
    notes = []
    for release, subject in zip((comparison.before, comparison.after), subjects, strict=True):
        newest = own[-1].of(subject)[-1]
        told = newest.set_by_vggbench
        notes += comparison.newer_otherwise(
            release,
            own[-1].state_of(subject),
            newest.run,
            "in the blocks",
            ours=told if isinstance(told, dict) else (),
        )
    return replace(
        about,
        outcome=found.outcome,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        before=_side_in_duets(comparison.before, subjects[0], own, key),
        after=_side_in_duets(comparison.after, subjects[1], own, key),
        suspected=found.suspected,
        noise=noise,
        decided_by=BY_DUETS,
        blocks=len(own),
        blocks_needed=found.blocks_needed,
        second_opinion=second,
        notes=tuple(notes),
    )


def _with_blocks_foreseen(comparison: LineComparison, verdict: Verdict) -> Verdict:
    """The verdict by processes, with how many blocks would make it sure where it is not."""
    own, needed = comparison.blocks(verdict.measure), None
    if verdict.outcome == NOT_SURE and comparison.before is not None:
        noise = comparison.evidence.block_noise(
            comparison.line, comparison.before, comparison.after, verdict.measure
        )
        needed = blocks.blocks_for(
            noise, threshold=verdict.threshold, comparisons=verdict.comparisons
        )
        needed = max(1, needed - len(own))
    return replace(
        verdict,
        decided_by=BY_PROCESSES,
        blocks=len(own),
        blocks_needed=needed,
        notes=(*verdict.notes, *_too_few(comparison, verdict.measure, own)),
    )


def _with_next_step(comparison: LineComparison, verdict: Verdict) -> Verdict:
    """What was compared, with the command that goes on with it where it is not sure."""
    if verdict.outcome != NOT_SURE or not is_followed(verdict):
        return verdict
    return replace(verdict, next_step=_confirm(comparison, verdict.threshold))


def is_followed(verdict: Verdict) -> bool:
    """Whether ``vggbench confirm`` takes blocks until a verdict that is not sure is sure: of a
    by-product only where a regression is suspected, and the blocks that are left may answer it."""
    # It asks anew about what has had all its blocks.
    left = MOST_BLOCKS - verdict.blocks if verdict.blocks < MOST_BLOCKS else MOST_BLOCKS
    is_near = (verdict.blocks_needed or LEAST_BLOCKS) <= left
    return verdict.measure == STEP.key or (verdict.suspected and is_near)


def _too_few(comparison: LineComparison, key: str, own: Sequence[Block]) -> list[str]:
    """What these blocks say, where they are too few to decide."""
    if comparison.before is None or not 0 < len(own) < LEAST_BLOCKS:
        return []
    line = comparison.line
    subjects = line.subject_key(comparison.before), line.subject_key(comparison.after)
    change = 100 * (blocks.ratio_of(duets.numbers(own, *subjects, key)) - 1)
    say = "says" if len(own) == 1 else "say"
    return [f"{how_many(len(own), 'block')} of duets {say} {change:+.1f} %: too few to decide"]


def _side_in_duets(
    release: Release, subject: duets.SubjectKey, own: Sequence[Block], key: str
) -> Side | None:
    return _side(
        release,
        [
            Process(block.id, duets.values_of(record)[key])
            for block in own
            for record in block.of(subject)
        ],
    )


def _bare(comparison: LineComparison, measure: str, outcome: str, threshold: float) -> Verdict:
    """What is said of a comparison in any case; the rest is for ``replace``."""
    return Verdict(
        machine=comparison.evidence.machine,
        profile=comparison.line.profile,
        track=comparison.after.track,
        release=comparison.after.name,
        against=None if comparison.before is None else comparison.before.name,
        benchmark=comparison.line.benchmark,
        configuration=comparison.line.configuration,
        measure=measure,
        outcome=outcome,
        differences=comparison.differences,
        threshold=threshold,
    )


def _not_compared(
    comparison: LineComparison, together: Sequence[LineComparison], threshold: float
) -> Verdict:
    """``together``: all comparisons of the two releases, this one too."""
    bare = _bare(comparison, STEP.key, NOT_SURE, threshold)
    profile = comparison.line.profile
    now, why = comparison.now
    if now == records.FAILED:
        again = profiles.asking(profile, f"asv run {comparison.after.name}")
        return replace(bare, outcome=FAILED, why=why, next_step=again)
    if now == records.NOT_APPLICABLE:
        before = (
            comparison.evidence.taken(comparison.line, comparison.before, comparison.states[0])
            if comparison.before
            else []
        )
        side = _side(comparison.before, processes_of(before, STEP.key))
        return replace(bare, outcome=LOST, why=why, before=side)
    after = _side(comparison.after, comparison.processes(comparison.after, STEP.key))
    if comparison.before is None:
        why = "no earlier release was measured with it"
        if not comparison.earlier:
            return replace(bare, why=why, after=after)
        again = profiles.asking(profile, f"asv run {comparison.earlier[-1].name}")
        return replace(bare, why=why, next_step=again, after=after)
    past, past_why = comparison.past
    if past == records.NOT_APPLICABLE:
        why = f"n/a in {comparison.before.name}: {past_why}"
        return replace(bare, outcome=NEW, why=why, after=after)
    again = profiles.asking(profile, f"asv run {comparison.before.name}")
    states = comparison.states
    names = comparison.before.name, comparison.after.name
    alone = [name for name, state in zip(names, states, strict=True) if state is None]
    if past == records.OK and alone:
        why = f"only duets with other releases have measured {' and '.join(alone)}"
        again = _confirm(comparison, threshold)
    elif past == records.OK:
        assert states[0] is not None
        assert states[1] is not None
        why = f"not compared: {names[1]} was measured otherwise; {states[1].differs(states[0])}"
        if flags := states[1].other_flags(states[0]):
            them = "it" if len(flags) == 1 else "them"
            why += f"; unset {' '.join(flags)}, or set {them} for both"
        both = f"asv run '{comparison.before.name} {comparison.after.name}'"
        again = profiles.asking(profile, both)
        if [each for each in together if each.is_otherwise] == [comparison] != list(together):
            line = comparison.line
            again += f" --bench {quoted(pattern_of(line.benchmark, line.configuration))}"
    elif past == records.FAILED:
        why = f"{comparison.before.name} failed: {past_why}"
    else:
        why = f"{comparison.before.name} is unmeasured"
    return replace(bare, why=why, next_step=again, after=after)


def pattern_of(benchmark: str, configuration: Mapping[str, Any]) -> str:
    """The pattern of asv's --bench that selects this configuration of a release: alone of what
    vggbench ships. It also selects what has the same params in benchmarks of the user's own."""
    params = ", ".join(map(repr, configuration.values()))
    text = f"({params})" if params else benchmark
    return "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text)


def confirm_command(
    release: str,
    against: str | None,
    patterns: Iterable[str] = (),
    *,
    profile: str,
    threshold: float = THRESHOLD,
) -> str:
    """The command, for a shell, that measures two releases in duets in the configurations that
    ``patterns`` of --bench select; in all that are open where there are none. ``against``: None
    leaves it to the command."""
    command = profiles.asking(profile, f"vggbench confirm {release}")
    if against is not None:
        command += f" --against {against}"
    command += threshold_option(threshold)
    bench = " ".join(map(quoted, patterns))
    return f"{command} --bench {bench}" if bench else command


def threshold_option(threshold: float) -> str:
    """The option of a command that judges with this threshold: " --threshold 5%"; nothing for the
    default."""
    return "" if threshold == THRESHOLD else f" --threshold {threshold * 100:g}%"


def _confirm(comparison: LineComparison, threshold: float) -> str:
    """The command that compares this configuration alone in duets."""
    assert comparison.before is not None
    line = comparison.line
    return confirm_command(
        comparison.after.name,
        comparison.before.name,
        [pattern_of(line.benchmark, line.configuration)],
        profile=line.profile,
        threshold=threshold,
    )


def _judged(
    comparison: LineComparison,
    key: str,
    judgement: Judgement,
    noise: Noise,
    *,
    threshold: float,
    comparisons: int,
) -> Verdict:
    before = _side(comparison.before, comparison.processes(comparison.before, key))
    after = _side(comparison.after, comparison.processes(comparison.after, key))
    assert before is not None
    assert after is not None
    outcome, needed, why = judgement.outcome, judgement.processes_needed, None
    few = [side for side in (before, after) if side.processes < LEAST_PROCESSES]
    if few and outcome != NOT_SURE:
        outcome, needed = NOT_SURE, BATCH
        why = f"one process only of {' and '.join(side.release for side in few)}"
    disturbed, notes = comparison.disturbed(key), comparison.notes(key)
    if disturbed and outcome in CHANGED:
        outcome, needed, why = NOT_SURE, BATCH, "; ".join(disturbed)
    else:
        notes = [*disturbed, *notes]
    return replace(
        _bare(comparison, key, outcome, threshold),
        ratio=judgement.ratio,
        low=judgement.low,
        high=judgement.high,
        before=before,
        after=after,
        suspected=judgement.suspected or (outcome != judgement.outcome == REGRESSED),
        processes_needed=needed,
        why=why,
        notes=tuple(notes),
        noise=noise,
        comparisons=comparisons,
    )


def _side(release: Release | None, processes: Sequence[Process]) -> Side | None:
    if release is None or not processes:
        return None
    return Side(
        release=release.name,
        value=typical(processes),
        processes=len(processes),
        samples=sum(len(process.samples) for process in processes),
        sessions=len({process.session for process in processes}),
        evidence=tuple(
            MeasuredProcess(
                session=process.session,
                value=statistics.median(process.samples),
                samples=len(process.samples),
            )
            for process in processes
        ),
    )


def exit_status(verdicts: Iterable[Verdict]) -> int:
    """0 where nothing regressed, 1 where something did that is not acknowledged, 2 where it could
    not be judged: nothing was compared, something failed, or a slow-down is suspected."""
    found = list(verdicts)
    if any(verdict.outcome == REGRESSED and verdict.acknowledged is None for verdict in found):
        return 1
    answered = any(verdict.outcome in (NEW, LOST) or verdict.ratio is not None for verdict in found)
    open_ = any(verdict.outcome == FAILED or verdict.suspected for verdict in found)
    return 2 if open_ or not answered else 0
