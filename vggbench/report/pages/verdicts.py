"""What the verdicts say, as pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ... import records
from ...errors import how_many
from ...judging import chains, explanation_text, growth, line_changes, phrases, verdicts
from ...judging.acknowledged import Acknowledged
from ...judging.chains import LineChain
from ...judging.duets import Block
from ...judging.evidence import gather
from ...judging.growth import GrowthSide, GrowthVerdict
from ...judging.line_changes import LineChange
from ...judging.measures import JUDGED
from ...judging.verdicts import Side, Verdict
from ...releases.catalogue import Catalogue
from ...stats import whole_lines


@dataclass(frozen=True)
class PageVerdict:
    """The verdict on one measure of one configuration of a release, against an earlier one.

    ``configuration``: its values, by param. ``ratio`` is after by before, in ``low`` to ``high``;
    None where nothing was compared, and of a measure that has no ratio: then ``difference`` is
    after less before, and its interval. ``notes`` are lines of evidence, ``next_step`` the command
    that would make it sure, ``acknowledged`` why a regression was accepted. ``by_duets``: whether
    blocks of duets decided it.
    """

    profile: str
    track: str
    family: str
    release: str
    configuration: dict[str, str]
    measure: str
    outcome: str
    against: str | None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    difference: tuple[float, float, float] | None = None
    notes: Sequence[str] = ()
    next_step: str | None = None
    acknowledged: str | None = None
    by_duets: bool = False

    @property
    def is_compared(self) -> bool:
        """Whether there are numbers of both releases."""
        return self.ratio is not None or self.difference is not None


@dataclass(frozen=True)
class MachineVerdicts:
    """``judged``: what ``told`` was made of. ``chains`` are those that have levels, judged or not.
    ``blocks``: all that are evidence, calibrations too. ``complaints`` are lines on what was left
    out; ``why_none`` where nothing could be judged."""

    judged: tuple[Verdict, ...] = ()
    told: tuple[PageVerdict, ...] = ()
    changes: tuple[LineChange, ...] = ()
    chains: tuple[LineChain, ...] = ()
    blocks: tuple[Block, ...] = ()
    complaints: tuple[str, ...] = ()
    why_none: str | None = None


def page_verdict(verdict: Verdict) -> PageVerdict:
    return PageVerdict(
        profile=verdict.profile,
        track=verdict.track,
        family=records.family_of(verdict.benchmark),
        release=verdict.release,
        configuration={name: str(value) for name, value in verdict.configuration.items()},
        measure=verdict.measure,
        outcome=verdict.outcome,
        against=verdict.against,
        ratio=verdict.ratio,
        low=verdict.low,
        high=verdict.high,
        notes=tuple(_notes(verdict)),
        next_step=verdict.next_step,
        acknowledged=verdict.acknowledged,
        by_duets=verdict.decided_by == verdicts.BY_DUETS,
    )


def page_growth(verdict: GrowthVerdict) -> PageVerdict:
    """The verdict on memory growth, as that on any other measure."""
    difference = None
    if verdict.low is not None and verdict.high is not None:
        difference = verdict.difference, verdict.low, verdict.high
    return PageVerdict(
        profile=verdict.profile,
        track=verdict.track,
        family=records.family_of(verdict.benchmark),
        release=verdict.release,
        configuration={name: str(value) for name, value in verdict.configuration.items()},
        measure=verdict.measure,
        outcome=verdict.outcome,
        against=verdict.against,
        difference=difference,
        notes=tuple(_notes_of_growth(verdict)),
        acknowledged=verdict.acknowledged,
    )


def _notes_of_growth(verdict: GrowthVerdict) -> list[str]:
    said = phrases.growth_remark(verdict)
    return [
        *([said] if said else []),
        *map(_grown, (verdict.before, verdict.after)),
        phrases.growth_threshold([verdict]),
    ]


def _grown(side: GrowthSide) -> str:
    processes = how_many(side.processes, "process")
    shown = ", ".join(map(phrases.bytes_a_step, side.evidence))
    return f"{side.release}: {phrases.growth_of(side)} a step, the mean of {processes}: {shown}"


def _notes(verdict: Verdict) -> list[str]:
    """The evidence in lines."""
    why = verdict.why or phrases.doubt(verdict, verdict.threshold)
    notes = [*filter(None, [why]), *verdict.notes]
    notes += [_side(side, verdict) for side in (verdict.before, verdict.after) if side]
    if verdict.differences:
        changed = "; ".join(
            f"{difference.what} {difference.before or 'none'} → {difference.after or 'none'}"
            for difference in verdict.differences
        )
        notes.append(f"changed between the two: {changed}")
    if verdict.decided_by == verdicts.BY_DUETS:
        notes.append(f"decided by {how_many(verdict.blocks, 'block')} of duets")
    if verdict.second_opinion is not None and verdict.is_disputed:
        told = verdict.second_opinion
        notes.append(f"processes by themselves say {told.outcome}: {phrases.change(told)}")
    notes += [f"noise: {line}" for line in phrases.noise_messages([verdict])]
    if verdict.noise is not None:
        others = f", {verdict.comparisons} configurations together" * (verdict.comparisons > 1)
        notes.append(f"judged with a threshold of {100 * verdict.threshold:g} %{others}")
    return notes


def _side(side: Side, verdict: Verdict) -> str:
    measure = JUDGED[verdict.measure]
    shown = ", ".join(f"{process.value * measure.scale:.5g}" for process in side.evidence)
    processes = how_many(side.processes, "process")
    sessions = "one session" if side.sessions == 1 else f"{side.sessions} sessions"
    if verdict.decided_by == verdicts.BY_DUETS:
        sessions = how_many(side.sessions, "block")
    return (
        f"{side.release}: {side.value * measure.scale:.5g} {measure.unit}, the median of "
        f"{processes} in {sessions} with {side.samples} samples: {shown}"
    )


def judge(
    machine: str,
    taken: Sequence[records.Record],
    catalogue: Catalogue,
    accepted: Sequence[Acknowledged] = (),
    *,
    why_none: str | None = None,
) -> MachineVerdicts:
    """The verdicts on all releases of all tracks, each against the one before, and the chains;
    no verdicts where there is a reason ``why_none``."""
    evidence = gather(machine, taken, catalogue)
    chained = tuple(
        line_chain for line_chain in chains.of_machine(evidence) if line_chain.has_levels
    )
    if why_none is not None:
        return MachineVerdicts(chains=chained, blocks=tuple(evidence.blocks), why_none=why_none)
    found: list[Verdict] = []
    grown: list[GrowthVerdict] = []
    changes: list[LineChange] = []
    for track in catalogue.tracks:
        found += verdicts.of_track(evidence, track, accepted=accepted, superseded=True)
        grown += growth.of_track(evidence, track, accepted=accepted, superseded=True)
        changes += [
            change
            for change in line_changes.of_track(evidence, track)
            if change.kind in whole_lines.OF_LINES
        ]
    found = explanation_text.with_explanations(found, evidence, taken)
    return MachineVerdicts(
        judged=tuple(found),
        told=(*map(page_verdict, found), *map(page_growth, grown)),
        changes=tuple(changes),
        chains=chained,
        blocks=tuple(evidence.blocks),
        complaints=tuple(evidence.left_out),
    )
