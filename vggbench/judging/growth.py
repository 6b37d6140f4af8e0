"""What verdicts say of memory growth: does a release surely grow, and surely more than the one
before.

Only processes that were measured by themselves count. What other work a machine does changes no
memory, so those on a busy machine count too.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import records
from ..records import Record
from ..records.record import is_measured
from ..releases.catalogue import Release
from ..stats import growth
from ..stats.policy import NOT_SURE, REGRESSED, UNCHANGED
from .acknowledged import Acknowledged, acknowledge
from .comparisons import LineComparison, comparisons_of
from .evidence import Evidence
from .measures import MEMORY_GROWTH


@dataclass(frozen=True, kw_only=True)
class GrowthSide:
    """One release: the mean of its processes in bytes a step, and its interval; None where there is
    one process. ``grows``: it surely does, by more than settling explains."""

    release: str
    value: float
    low: float | None
    high: float | None
    processes: int
    grows: bool
    evidence: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class GrowthVerdict:
    """What is said of the memory growth of one configuration of a release against ``against``.

    ``difference``: bytes a step that it grows by more, in ``low`` to ``high``. ``threshold``: the
    growth in bytes a step from which on it is no settling. ``steps``: the fewest that a process
    took. ``why``: what keeps it from being sure. ``acknowledged``: the reason with which a
    regression was accepted.
    """

    machine: str
    profile: str
    track: str
    release: str
    against: str
    benchmark: str
    configuration: dict[str, Any]
    outcome: str
    difference: float
    low: float | None
    high: float | None
    before: GrowthSide
    after: GrowthSide
    threshold: float
    steps: int
    comparisons: int
    why: str | None = None
    acknowledged: str | None = None

    measure = MEMORY_GROWTH.key

    @property
    def words(self) -> str:
        return records.words_of(self.configuration)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "measure": self.measure, "words": self.words}


def of_track(
    evidence: Evidence,
    track: str,
    profile: str | None = None,
    accepted: Sequence[Acknowledged] = (),
    *,
    superseded: bool = False,
) -> list[GrowthVerdict]:
    """Those on every release of a track against the one before, as ``verdicts.of_track``."""
    return [
        verdict
        for release in evidence.measured(track, profile)
        if superseded or evidence.catalogue.is_current(release)
        for verdict in of_release(evidence, release, None, profile, accepted=accepted)
    ]


def of_release(
    evidence: Evidence,
    release: Release,
    against: Release | None = None,
    profile: str | None = None,
    *,
    accepted: Sequence[Acknowledged] = (),
) -> list[GrowthVerdict]:
    """Those on a release, against what ``verdicts.of_release`` judges it against.

    There is none where a release has no process that says how its memory grew. What is failed, n/a
    or unmeasured is said with the step.
    """
    made = []
    for together in comparisons_of(evidence, release, against, profile):
        compared = []
        for comparison in together:
            before, after = _processes(comparison)
            if comparison.before is not None and before and after:
                compared.append((comparison, comparison.before, before, after))
        made += [_judged(*each, comparisons=len(compared)) for each in compared]
    return [acknowledge(verdict, release, accepted) for verdict in made]


def _processes(comparison: LineComparison) -> tuple[list[Record], list[Record]]:
    """The records of the processes before and after that say by how much they grew."""
    if comparison.before is None or not comparison.past[0] == comparison.now[0] == records.OK:
        return [], []
    before, after = (
        [
            process.record
            for process in comparison.taken(release)
            if process.record.memory_growth is not None
            and is_measured(process.record.peak_memory_bytes)
        ]
        for release in (comparison.before, comparison.after)
    )
    return before, after


def _judged(
    comparison: LineComparison,
    earlier: Release,
    before: Sequence[Record],
    after: Sequence[Record],
    *,
    comparisons: int,
) -> GrowthVerdict:
    steps = min(len(record.samples) for record in (*before, *after))
    # What has more memory has more of it to settle.
    peak = max(
        statistics.median(record.peak_memory_bytes for record in side) for side in (before, after)
    )
    threshold = growth.threshold(peak, steps)
    judgement = growth.judge(
        _values(before), _values(after), threshold=threshold, comparisons=comparisons
    )
    sides = _side(earlier, before, threshold), _side(comparison.after, after, threshold)
    few = [side.release for side in sides if side.processes < growth.LEAST_PROCESSES]
    return GrowthVerdict(
        machine=comparison.evidence.machine,
        profile=comparison.line.profile,
        track=comparison.after.track,
        release=comparison.after.name,
        against=earlier.name,
        benchmark=comparison.line.benchmark,
        configuration=comparison.line.configuration,
        outcome=judgement.outcome,
        difference=judgement.difference,
        low=judgement.low,
        high=judgement.high,
        before=sides[0],
        after=sides[1],
        threshold=threshold,
        steps=steps,
        comparisons=comparisons,
        why=f"one process only of {' and '.join(few)}" if few else None,
    )


def _values(taken: Iterable[Record]) -> list[float]:
    return [record.memory_growth for record in taken if record.memory_growth is not None]


def _side(release: Release, taken: Sequence[Record], threshold: float) -> GrowthSide:
    values = _values(taken)
    mean = growth.mean(values)
    return GrowthSide(
        release=release.name,
        value=mean.value,
        low=mean.low,
        high=mean.high,
        processes=len(values),
        grows=mean.grows(threshold),
        evidence=tuple(values),
    )


def is_news(verdict: GrowthVerdict) -> bool:
    """Whether a listing of many releases shows it: a change that is sure, or growth that is."""
    return verdict.after.grows or verdict.outcome not in (NOT_SURE, UNCHANGED)


def exit_status(found: Iterable[GrowthVerdict]) -> int:
    """1 where one regressed and is not acknowledged, else 0, as ``verdicts.exit_status``."""
    return int(
        any(verdict.outcome == REGRESSED and verdict.acknowledged is None for verdict in found)
    )
