"""From the records of a machine to what verdicts are made of: processes, by release and line.

A line is one configuration of one benchmark on one track in one profile. Records that are no
evidence are left out, and a message for each reason says so: a verdict must not come of them.
"""

from __future__ import annotations

import functools
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import records
from ..errors import how_many, one_line, some_of
from ..inside.params import choices_of
from ..records import Record
from ..records.stretches import stretches
from ..releases.catalogue import Catalogue, Release
from ..stats.blocks import BlockNoise
from ..stats.judge import Noise, Process
from ..stats.noise import between_sessions, estimate
from . import duets
from .duets import Block, SubjectKey
from .measures import JUDGED, TAKE_TIME
from .state import Known, State, known_of, state_of, unknown_message, values_of

#: Names of releases in a message, at most.
_MOST_NAMES = 5


@dataclass(frozen=True, kw_only=True)
class ProcessEvidence:
    """What one process left: its record, and what it measured (``values``, by the measure's key).

    ``session``: what drifts of the machine it shares. asv measures release after release, for
    hours, so of a run only the processes of one release share theirs; those of a confirmation are
    interleaved. ``stretch``: what was measured without a long pause has the same; None where that
    is unknown. ``busy`` is the record's, ``ran`` whether it ended well: asked once, not at each of
    the many looks.
    """

    record: Record
    session: str
    state: State
    values: Mapping[str, tuple[float, ...]]
    stretch: int | None
    busy: str | None
    ran: bool


class Line(NamedTuple):
    """``canonical``: the configuration as JSON, its keys sorted."""

    profile: str
    track: str
    benchmark: str
    canonical: str

    @property
    def configuration(self) -> dict[str, Any]:
        """The params by name, in the order of the benchmark's."""
        found: dict[str, Any] = json.loads(self.canonical)
        known = list(_params(self.benchmark))
        return dict(sorted(found.items(), key=lambda item: _place(known, item[0])))

    @property
    def rank(self) -> tuple[Any, ...]:
        """Where the line stands among others: in the order of asv's tables."""
        params = _params(self.benchmark)
        ranks = [
            (_place(list(params.get(name, ())), word), str(word))
            for name, word in self.configuration.items()
        ]
        return self.profile, self.benchmark, ranks

    @property
    def key(self) -> str:
        """That of its records (``Record.key``)."""
        return f"{self.benchmark} {self.canonical}"

    def subject_key(self, release: Release) -> SubjectKey:
        """The release in this line, as duets have it."""
        return release.commit, self.key, None


def _params(benchmark: str) -> dict[str, Sequence[str]]:
    return dict(choices_of(records.class_of(benchmark)))


def _place(known: Sequence[Any], value: Any) -> int:
    return known.index(value) if value in known else len(known)


#: A segment of a line: its releases, oldest first, each with what its processes measured.
Segment = list[tuple[Release, list[Process]]]


@dataclass
class Evidence:
    """The evidence of one machine: of each line, what the processes of each release (its commit)
    left, oldest first; a line that only duets have measured has none. ``calibrating``: the same of
    processes that only measured noise. ``blocks``: the whole blocks of duets, of whatever two
    subjects, oldest first. ``not_applicable``: the records of duets that said n/a, by line and
    commit. ``left_out``: a message for each reason why records are none. ``unknown``: a message
    about facts of the machine that only some records have.
    """

    machine: str
    catalogue: Catalogue
    lines: dict[Line, dict[str, list[ProcessEvidence]]] = field(default_factory=dict)
    calibrating: dict[Line, dict[str, list[ProcessEvidence]]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    not_applicable: dict[Line, dict[str, list[Record]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    unknown: str | None = None
    _noises: dict[Any, BlockNoise] = field(default_factory=dict, repr=False, compare=False)

    def of(self, line: Line, release: Release) -> list[ProcessEvidence]:
        """What the processes of a release left in a line, oldest first; empty where only duets
        measured it."""
        return self.lines.get(line, {}).get(release.commit, [])

    def answer(self, line: Line, release: Release, until: Release) -> tuple[str | None, str | None]:
        """(outcome, why) of a configuration: as in asv's result, that of the newest run that has
        it, and one failed process makes it failed. Where only duets have measured it, what is in a
        block ran, and what said n/a in a duet is n/a; but for duets with a release after ``until``,
        which is judged. (None, None) where it is unmeasured."""
        taken = [process.record for process in self.of(line, release)]
        if not taken and self._is_in_duets(line, release, until):
            return records.OK, None
        if not taken:
            taken = [
                record
                for record in self.not_applicable.get(line, {}).get(release.commit, [])
                if self._partners_place(record) <= self._places[until.commit]
            ]
        if not taken:
            return None, None
        found = records.outcome_of(records.newest_run(taken))
        return found.outcome, None if found.why is None else one_line(found.why)

    def state(self, line: Line, release: Release) -> State | None:
        """That of the newest process that measured the release, None where none did."""
        states = [process.state for process in self.of(line, release) if process.ran]
        return states[-1] if states else None

    @functools.cached_property
    def _by_configuration(self) -> dict[tuple[str, str], list[Block]]:
        """The blocks whose two subjects are of one configuration, by profile and its key."""
        found: dict[tuple[str, str], list[Block]] = {}
        for block in self.blocks:
            if block.first[1] == block.second[1]:
                found.setdefault((block.profile, block.first[1]), []).append(block)
        return found

    def in_configuration(self, line: Line) -> list[Block]:
        """The blocks both of whose subjects are of this line's configuration in its profile, of
        whatever releases, variants too."""
        return self._by_configuration.get((line.profile, line.key), [])

    @functools.cached_property
    def _by_profile(self) -> dict[str, list[Block]]:
        found: dict[str, list[Block]] = {}
        for block in self.blocks:
            found.setdefault(block.profile, []).append(block)
        return found

    @functools.cached_property
    def _of_releases(self) -> dict[tuple[Line, frozenset[str]], list[Block]]:
        """The blocks of two releases of a line, by the line and their commits."""
        found: dict[tuple[Line, frozenset[str]], list[Block]] = {}
        for block in self.blocks:
            line = line_of(block, self.catalogue)
            if line is not None:
                found.setdefault((line, frozenset((block.first[0], block.second[0]))), []).append(
                    block
                )
        return found

    @functools.cached_property
    def _in_duets(self) -> dict[Line, dict[str, int]]:
        """Of each release (its commit) that a block holds against another, the place on the track
        of the later of the two; of several blocks the earliest."""
        found: dict[Line, dict[str, int]] = {}
        for (line, commits), _ in self._of_releases.items():
            later = max(map(self._places.__getitem__, commits))
            own = found.setdefault(line, {})
            own.update({commit: min(later, own.get(commit, later)) for commit in commits})
        return found

    def partners(self, release: Release, profile: str | None = None) -> list[Release]:
        """The other releases of its track that blocks hold a release against, oldest first."""
        commits = {
            commit
            for line, both in self._of_releases
            if release.commit in both and profile in (None, line.profile)
            for commit in both
        }
        line = self.catalogue.tracks[release.track].releases
        return [r for r in line if r.commit in commits and r != release]

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        """Where each release (its commit) stands on its track."""
        return {
            release.commit: place
            for track in self.catalogue.tracks.values()
            for place, release in enumerate(track.releases)
        }

    def _partners_place(self, record: Record) -> int:
        """Where the other release of a duet stands on the track; -1 where it is on another, or on
        none."""
        name = str(record.duet.get("partner")).partition(" ")[0]
        partner = self.catalogue.by_name.get(name)
        own = self.catalogue.by_commit[record.commit]
        if partner is None or partner.track != own.track:
            return -1
        return self._places[partner.commit]

    def _is_in_duets(self, line: Line, release: Release, until: Release) -> bool:
        place = self._in_duets.get(line, {}).get(release.commit)
        return place is not None and place <= self._places[until.commit]

    def compared(self, line: Line, before: Release, after: Release) -> list[Block]:
        """The blocks of two releases, in the state in which they were measured last."""
        both = self._of_releases.get((line, frozenset((before.commit, after.commit))), [])
        return duets.in_one_state(both)

    def block_noise(
        self, line: Line, before: Release, after: Release, key: str, state: State | None = None
    ) -> BlockNoise:
        """The noise of a measure's blocks of ``after`` against ``before``: by those of this line,
        else, where these tell too little, by those of all lines in its profile. ``state``: what
        was measured in another does not count; None where each does.

        Calibrating blocks count, and blocks of releases up to ``before``. Where all of these tell
        too little, those of the same two releases in other configurations count too, which are
        measured in the same hour. No verdict changes when later releases come. Which is earlier is
        known within a track alone, so of other tracks only what calibrated counts.
        """
        of_line = self.in_configuration(line)
        of_profile = self._by_profile.get(line.profile, [])
        found = self._noise(line, of_line, before, key, state)
        if found.is_assumed:
            found = self._noise(line.profile, of_profile, before, key, state)
        if found.is_assumed:
            both, own_key = {before.commit, after.commit}, line.subject_key(after)[1]
            others = [
                block
                for block in of_profile
                if block.is_of_one
                or after.commit not in (block.first[0], block.second[0])
                or (
                    {block.first[0], block.second[0]} == both
                    and own_key not in (block.first[1], block.second[1])
                )
            ]
            of = line, after.commit
            found = self._noise(of, others, before, key, state, besides=after)
        return found

    def _noise(
        self,
        of: object,
        own: Sequence[Block],
        before: Release,
        key: str,
        state: State | None,
        *,
        besides: Release | None = None,
    ) -> BlockNoise:
        """That of ``own``, the blocks ``of`` a line or a profile, by those of releases up to
        ``before`` and of the one ``besides``; kept, since many verdicts of a release ask for the
        same."""
        asked = of, before.commit, key, state
        if asked not in self._noises:
            track = self.catalogue.tracks[before.track].releases
            earlier = {release.commit for release in track[: track.index(before) + 1]}
            if besides is not None:
                earlier.add(besides.commit)
            counting = own if state is None else duets.of_states(own, [state])
            self._noises[asked] = duets.noise(counting, measure=key, earlier=earlier)
        return self._noises[asked]

    def noise_by_line(
        self,
        states: Mapping[Line, State | None],
        for_noise: Mapping[Line, Sequence[Sequence[Process]]],
        key: str,
    ) -> dict[Line, Noise]:
        """The noise of a measure's processes, of each of the lines that are judged together, in
        these ``states``: by the processes ``for_noise``, and by what calibrated the machine, with
        lines of any track, since drifts are the machine's."""
        calibrations = {line: self.calibration(line, state, key) for line, state in states.items()}
        profiles = {line.profile for line in states}
        others = [
            self.calibration(line, state, key)
            for line in self.calibrating
            if line.profile in profiles and line not in states
            for state in dict.fromkeys(states.values())
        ]
        sessions = between_sessions(
            list(calibrations.values()),
            list(for_noise.values()),
            others,
            steady=JUDGED[key].steady,
        )
        return {
            line: estimate(calibrations[line], measured, sessions)
            for line, measured in for_noise.items()
        }

    def stretches(self, line: Line, release: Release, state: State | None) -> set[int]:
        """Those in which runs of asv measured the release in that state."""
        return {
            process.stretch
            for process in self.of(line, release)
            if process.ran and process.state == state and not process.record.is_interleaved
            if process.stretch is not None
        }

    def taken(
        self,
        line: Line,
        release: Release,
        state: State | None,
        *,
        stretches: Set[int] = frozenset(),
        confirmations: bool = True,
    ) -> list[ProcessEvidence]:
        """What the processes in that state left. Where ``stretches`` are named, those of these
        alone, and of ``confirmations`` in any case if asked for."""
        return [
            process
            for process in self.of(line, release)
            if process.ran and process.state == state
            if not stretches
            or process.stretch in stretches
            or (confirmations and process.record.is_interleaved)
        ]

    def processes(
        self,
        line: Line,
        release: Release,
        state: State | None,
        key: str,
        *,
        stretches: Set[int] = frozenset(),
        confirmations: bool = True,
    ) -> list[Process]:
        """What those processes measured (``taken``), by the key of the measure: of what takes time,
        those that no other work disturbed, since no change is sure by the others."""
        own = self.taken(line, release, state, stretches=stretches, confirmations=confirmations)
        return processes_of(counting(own, key), key)

    def segments(self, line: Line, state: State | None, key: str) -> list[Segment]:
        """The line, cut where what the machine drifted by could be put on a release.

        A history measures the last release of a sitting again in the next, before it goes on: a
        segment ends with what that release took in the one sitting, and the next begins with what
        it took in the other. Releases that were measured on days of their own are one segment.
        Superseded pre-releases are in none.
        """
        cut: list[tuple[set[int], list[Release]]] = []
        before: set[int] = set()
        for release in self.catalogue.tracks[line.track].current:
            if not self.processes(line, release, state, key):
                continue
            own = self.stretches(line, release, state)
            shared, releases = cut[-1] if cut else (own, [])
            if not cut or (before & own and not shared & own):
                cut.append((before & own or own, [*releases[-1:], release]))
            else:
                cut[-1] = (shared & own or own, [*releases, release])
            before = own
        return [
            [
                (
                    release,
                    self.processes(line, release, state, key, stretches=among, confirmations=False),
                )
                for release in releases
                for among in [shared & self.stretches(line, release, state)]
            ]
            for shared, releases in cut
        ]

    def calibration(self, line: Line, state: State | None, key: str) -> list[Process]:
        """The calibrating processes that count of the release that has most of them; the newest of
        several."""
        most: list[Process] = []
        for taken in self.calibrating.get(line, {}).values():
            found = processes_of(counting(_in_state(taken, state), key), key)
            if len(found) >= len(most):
                most = found
        return most

    def calibrated(self, line: Line, release: Release, key: str) -> list[Process]:
        """What calibrating with a release measured, in the state in which it was done last: what
        counts of it."""
        states = list(self.calibrated_in(line, release))
        taken = self.calibrating.get(line, {}).get(release.commit, [])
        return processes_of(counting(_in_state(taken, states[-1]), key), key) if states else []

    def calibrated_in(self, line: Line, release: Release) -> dict[State, list[str]]:
        """The sessions that calibrated with a release, by the state in which they did; the state in
        which it was done last comes last."""
        found: dict[State, list[str]] = {}
        for process in self.calibrating.get(line, {}).get(release.commit, []):
            if process.ran:
                sessions = found.pop(process.state, [])
                found[process.state] = list(dict.fromkeys([*sessions, process.session]))
        return found

    def newest(self, track: str, profile: str | None = None) -> Release | None:
        """The newest current release of a track of which anything is on record."""
        measured = self.measured(track, profile)
        return next(filter(self.catalogue.is_current, reversed(measured)), None)

    def measured(self, track: str, profile: str | None = None) -> list[Release]:
        """The releases of a track of which anything is on record, superseded pre-releases too,
        oldest first."""
        commits = {
            commit
            for line, cells in self.lines.items()
            if line.track == track and profile in (None, line.profile)
            for commit in (
                *cells,
                *self._in_duets.get(line, ()),
                *self.not_applicable.get(line, ()),
            )
        }
        return [r for r in self.catalogue.tracks[track].releases if r.commit in commits]


def counting(taken: Iterable[ProcessEvidence], key: str) -> list[ProcessEvidence]:
    """Those from which a measure's changes and noise are told: of what takes time, those that no
    other work disturbed."""
    return [process for process in taken if process.busy is None or key not in TAKE_TIME]


def processes_of(taken: Iterable[ProcessEvidence], key: str) -> list[Process]:
    return [
        Process(process.session, process.values[key]) for process in taken if key in process.values
    ]


def _in_state(taken: Iterable[ProcessEvidence], state: State | None) -> list[ProcessEvidence]:
    return [process for process in taken if process.ran and process.state == state]


def gather(
    machine: str, taken: Sequence[Record], catalogue: Catalogue, known: Known | None = None
) -> Evidence:
    """The evidence in the records ``taken`` of a machine, which come in the order in which they
    were written. ``known``: what the machine's records say of facts that some lack; those ``taken``
    say it where it is None."""
    evidence = Evidence(machine, catalogue)
    # Not even the pauses between processes may be filled by those of a bisection or an explanation.
    taken = [record for record in taken if not record.is_apart]
    known = known_of(taken) if known is None else known
    evidence.blocks, left_out = duets.gather(machine, taken, catalogue, known)
    for block in evidence.blocks:
        of_block = line_of(block, catalogue)
        if of_block is not None:  # a line that nothing but duets has measured is one, too
            evidence.lines.setdefault(of_block, {})
    for record, stretch in zip(taken, stretches([record.period for record in taken]), strict=True):
        if not record.times_the_step or record.separates:
            continue
        if record.outcome == records.INTERRUPTED:
            continue
        if record.is_of_a_duet:
            _keep_not_applicable(evidence, record)
            continue
        why = record.why_no_evidence(machine, catalogue)
        if why is not None:
            left_out.setdefault(why, []).append(one_line(record.release, 40))
            continue
        release = catalogue.by_commit[record.commit]
        line = _line(record, release)
        into = evidence.calibrating if record.calibrates else evidence.lines
        into.setdefault(line, {}).setdefault(release.commit, []).append(
            _process_evidence(record, stretch, known)
        )
    evidence.left_out = [left_out_message(*told) for told in sorted(left_out.items())]
    evidence.unknown = unknown_message(taken)
    return evidence


def _keep_not_applicable(evidence: Evidence, record: Record) -> None:
    """Keep the record of a duet where its process said n/a: that is an answer, which no other
    process need give again. Each other answer is a block's, or none."""
    is_answer = record.outcome == records.NOT_APPLICABLE and record.variant is None
    if (
        is_answer
        and isinstance(record.duet, dict)
        and record.why_no_evidence(evidence.machine, evidence.catalogue) is None
    ):
        line = _line(record, evidence.catalogue.by_commit[record.commit])
        evidence.lines.setdefault(line, {})
        evidence.not_applicable.setdefault(line, {}).setdefault(record.commit, []).append(record)


def _line(record: Record, release: Release) -> Line:
    return Line(
        record.profile,
        release.track,
        record.benchmark,
        records.canonical(record.configuration),
    )


def line_of(block: Block, catalogue: Catalogue) -> Line | None:
    """The line two releases of which a block compares; None where it compares something else: two
    configurations, a variant, two tracks, or a release with itself."""
    if not block.compares_releases:
        return None
    releases = catalogue.by_commit[block.first[0]], catalogue.by_commit[block.second[0]]
    if releases[0].track != releases[1].track:
        return None
    return _line(block.duets[0].first, releases[0])


def left_out_message(why: str, names: Sequence[str]) -> str:
    """The message about records that are left out for a reason; ``names``: the release of each."""
    releases = some_of(list(dict.fromkeys(names)), _MOST_NAMES)
    verb = "is" if len(names) == 1 else "are"
    return f"{how_many(len(names), 'record')} {why} {verb} left out: {releases}"


def _process_evidence(record: Record, stretch: int | None, known: Known) -> ProcessEvidence:
    return ProcessEvidence(
        record=record,
        session=record.run if record.is_interleaved else f"{record.run}/{record.release}",
        state=state_of(record, known),
        values=values_of(record),
        stretch=stretch,
        busy=record.busy,
        ran=record.outcome == records.OK,
    )


def durations(
    machine: str, taken: Iterable[Record], catalogue: Catalogue, profile: str
) -> dict[tuple[str, str], float]:
    """Seconds that the newest process of each configuration of each release ran, by the release's
    commit and the configuration's key; of those of ``taken`` that count, and of no variant."""
    return {
        (record.commit, record.key): record.seconds
        for record in taken
        if record.profile == profile
        and record.outcome == records.OK
        and not record.is_of_a_duet
        and record.seconds is not None
        and record.tells_of_release(machine, catalogue)
    }


def typical(processes: Sequence[Process]) -> float:
    """The median of the processes' medians, in the unit of the records."""
    return statistics.median(statistics.median(process.samples) for process in processes)
