"""Comparisons: what there is on record of each configuration of a release and of an earlier one.

What is measured of both, and what of it can be compared, is found here. ``verdicts`` and ``growth``
judge it.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass

from .. import records
from ..errors import how_many
from ..records import Record
from ..releases.catalogue import Release
from ..runs import profiles
from ..stats.judge import Process
from ..stats.policy import LEAST_BLOCKS
from . import differences
from .differences import Difference
from .duets import Block
from .evidence import Evidence, Line, ProcessEvidence, counting, processes_of
from .measures import STEP, TAKE_TIME
from .state import State


def comparisons_of(
    evidence: Evidence,
    release: Release,
    against: Release | None = None,
    profile: str | None = None,
) -> list[list[LineComparison]]:
    """What there is to say something of in a release, as in ``verdicts.of_release``: in each
    profile the comparisons that are judged together."""
    lines = sorted(
        (
            line
            for line in evidence.lines
            if line.track == release.track and profile in (None, line.profile)
        ),
        key=lambda line: line.rank,
    )
    return [
        [
            comparison
            for line in lines
            if line.profile == own_profile
            for comparison in [_comparison(evidence, line, release, against)]
            if comparison is not None
        ]
        for own_profile in dict.fromkeys(line.profile for line in lines)
    ]


def _processes_of(count: int, release: Release, kind: str = "") -> str:
    return f"{how_many(count, f'{kind}process')} of {release.name}"


@dataclass(frozen=True, eq=False, kw_only=True)
class LineComparison:
    """One line in a release and in the one before; ``past`` and ``now`` are (outcome, why)."""

    evidence: Evidence
    line: Line
    before: Release | None
    after: Release
    past: tuple[str | None, str | None]
    now: tuple[str | None, str | None]
    earlier: tuple[Release, ...]

    @functools.cached_property
    def state(self) -> State | None:
        return self.evidence.state(self.line, self.after)

    def processes(self, release: Release | None, key: str) -> list[Process]:
        """Those that can be compared: in the state in which ``after`` was measured last, and of
        what takes time, those that no other work disturbed, where there are any."""
        if release is None:
            return []
        taken = self.taken(release)
        return processes_of(counting(taken, key) or taken, key)

    def taken(self, release: Release) -> list[ProcessEvidence]:
        """What its processes left that were measured by themselves and can be compared."""
        return self.evidence.taken(self.line, release, self.state, stretches=self.together)

    def disturbed(self, key: str) -> list[str]:
        """Of the releases both of which must have been measured on a quiet machine for a change to
        be sure, a message about each that never was."""
        if key not in TAKE_TIME:
            return []
        found = []
        for release in filter(None, (self.before, self.after)):
            busy = [process.busy for process in self.taken(release)]
            if busy and None not in busy:
                found.append(f"{release.name} was measured on a busy machine ({busy[-1]})")
        return found

    def notes(self, key: str) -> list[str]:
        """What of the processes does not count, and why."""
        found = []
        for release in filter(None, (self.before, self.after)):
            taken = self.taken(release)
            busy = [process.busy for process in taken if process.busy is not None]
            if 0 < len(busy) < len(taken) and key in TAKE_TIME:
                found.append(
                    f"{_processes_of(len(busy), release)} on a busy machine left out ({busy[-1]})"
                )
            last = max((process.record.run for process in taken), default="")
            newer = [
                process
                for process in self.evidence.taken(self.line, release, self.state)
                if process.record.run > last
            ]
            if newer and taken:
                both = " ".join(each.name for each in (self.before, self.after) if each is not None)
                again = profiles.asking(self.line.profile, f"asv run '{both}'")
                found.append(
                    f"{_processes_of(len(newer), release, 'newer ')} of another day left out: the "
                    f"other release was not measured then; measure both together: {again}"
                )
            if taken:
                found += self.newer_otherwise(
                    release, taken[-1].state, last, "in the processes that count"
                )
        return found

    def newer_otherwise(
        self,
        release: Release,
        state: State,
        last: str,
        counts: str,
        ours: Collection[str] = (),
    ) -> list[str]:
        """The processes of a release by themselves that are newer than the run ``last`` and were
        measured in another state than ``state``, which is that of what ``counts``. ``ours``: the
        variables that we set there ourselves, which no user can have changed."""
        compared = state.without(ours)
        newer = [
            process.state.without(ours)
            for process in self.evidence.of(self.line, release)
            if process.ran and process.record.run > last
        ]
        return [
            f"{_processes_of(newer.count(other), release, 'newer ')} left out: measured "
            f"otherwise; {other.differs(compared, (counts, 'in the newer ones'))}"
            for other in dict.fromkeys(newer)
            if other != compared
        ]

    @functools.cached_property
    def together(self) -> set[int]:
        """The stretches in which runs of asv measured both: where there are any, those of other
        stretches are no evidence, since what the machine drifted by would be put on the release.
        Confirmations measure both in any case."""
        if self.before is None:
            return set()
        return set.intersection(
            *(
                self.evidence.stretches(self.line, release, self.state)
                for release in (self.before, self.after)
            )
        )

    @functools.cached_property
    def _both(self) -> list[Block]:
        """The blocks of both releases; none where one of them has not run."""
        if self.before is None or not self.past[0] == self.now[0] == records.OK:
            return []
        return self.evidence.compared(self.line, self.before, self.after)

    @functools.cached_property
    def states(self) -> tuple[State | None, State | None]:
        """Those in which either release was measured last by itself; None where it never was."""
        before = self.evidence.state(self.line, self.before) if self.before else None
        return before, self.state

    @property
    def is_otherwise(self) -> bool:
        """Whether nothing compares the two, as each was measured in another state."""
        return (
            self.past[0] == self.now[0] == records.OK
            and None not in self.states
            and not self.is_compared(STEP.key)
            and not self.is_by_duets(STEP.key)
        )

    def blocks(self, key: str) -> list[Block]:
        """Those that measured it of both releases."""
        return [block for block in self._both if key in block.numbers]

    def is_compared(self, key: str) -> bool:
        """Whether processes that were measured by themselves compare the two."""
        return (
            self.past[0] == self.now[0] == records.OK
            and bool(self.processes(self.before, key))
            and bool(self.processes(self.after, key))
        )

    def is_by_duets(self, key: str) -> bool:
        """Whether blocks decide: of what else they measured only where they do of the step. Too few
        of them do where no processes answer."""
        own = self.blocks(key)
        decide = len(own) >= LEAST_BLOCKS or (bool(own) and not self.is_compared(key))
        return decide and (key == STEP.key or self.is_by_duets(STEP.key))

    def releases_before(self, key: str) -> list[list[Process]]:
        """The processes of the releases before ``before``, oldest first, that can be compared."""
        return [self.processes(release, key) for release in self.earlier]

    def for_noise(self, key: str) -> list[list[Process]]:
        """The processes that tell the noise: of all releases up to ``before``, of all stretches."""
        releases = [*self.earlier, *([self.before] if self.before else [])]
        taken = (self.evidence.taken(self.line, release, self.state) for release in releases)
        return [processes_of(counting(own, key), key) for own in taken]

    def newest(self, release: Release) -> Record | None:
        """The record of the newest process of a release: of its blocks where blocks decide, else of
        its processes by themselves."""
        if self.is_by_duets(STEP.key):
            return self.blocks(STEP.key)[-1].of(self.line.subject_key(release))[-1]
        ran = [process for process in self.evidence.of(self.line, release) if process.ran]
        return ran[-1].record if ran else None

    @functools.cached_property
    def differences(self) -> tuple[Difference, ...]:
        """What else changed; nothing where there is no release before."""
        if self.before is None:
            return ()
        return differences.between(
            self.evidence.catalogue,
            self.before,
            self.after,
            profile=self.line.profile,
            configuration=self.line.configuration,
            newest=(self.newest(self.before), self.newest(self.after)),
        )


def _comparison(
    evidence: Evidence, line: Line, after: Release, against: Release | None
) -> LineComparison | None:
    """None where there is nothing to say: it is unmeasured, or n/a and did not run before."""
    now = evidence.answer(line, after, after)
    track = evidence.catalogue.tracks[after.track]
    older = track.before(after)
    before = against
    if before is None:
        answers = [
            (release, evidence.answer(line, release, after)[0]) for release in reversed(older)
        ]
        ran = [release for release, told in answers if told in (records.OK, records.NOT_APPLICABLE)]
        before = next(
            (release for release in ran if not _is_with_others(evidence, line, release, after)),
            ran[0] if ran else None,
        )
    past: tuple[str | None, str | None] = (None, None)
    if before is not None:
        past = evidence.answer(line, before, after)
        older = track.before(before)
    if now[0] is None or (now[0] == records.NOT_APPLICABLE and past[0] != records.OK):
        return None
    return LineComparison(
        evidence=evidence, line=line, before=before, after=after, past=past, now=now, earlier=older
    )


def _is_with_others(evidence: Evidence, line: Line, before: Release, after: Release) -> bool:
    """Whether only duets with other releases have measured the one before: they say nothing of
    these two, and must not hide what is known of an earlier one."""
    ran = evidence.answer(line, before, after)[0] == records.OK
    return ran and not evidence.of(line, before) and not evidence.compared(line, before, after)
