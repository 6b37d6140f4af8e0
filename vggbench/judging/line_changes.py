"""Changes over whole lines: what no comparison of two releases shows.

    evidence = verdicts.read_evidence(store, "box", catalogue, complain)
    for change in line_changes.of_track(evidence, "tensorflow"):
        print(change.kind, change.first, change.ratio)

Evidence of the whole line is used: what came after a change tells whether it stayed or was taken
back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import records
from ..stats import whole_lines
from ..stats.judge import Process
from ..stats.policy import THRESHOLD
from .evidence import Evidence, Line
from .measures import JUDGED
from .state import State


@dataclass(frozen=True, kw_only=True)
class LineChange:
    """A change over a whole line of releases. ``kind``: LEVEL_SHIFT, RECOVERED or DRIFT
    (vggbench.stats.whole_lines). ``before``: the last release of the level before ``first``."""

    machine: str
    profile: str
    track: str
    benchmark: str
    configuration: dict[str, Any]
    measure: str
    kind: str
    before: str
    first: str
    last: str
    ratio: float
    low: float
    high: float

    @property
    def words(self) -> str:
        return records.words_of(self.configuration)

    @property
    def family(self) -> str:
        """The class of its benchmark."""
        return records.family_of(self.benchmark)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "words": self.words}


def of_track(
    evidence: Evidence, track: str, profile: str | None = None, threshold: float = THRESHOLD
) -> list[LineChange]:
    """The changes over the whole lines of a track, later releases included: what no comparison of
    two releases shows."""
    lines = sorted(
        (
            line
            for line in evidence.lines
            if line.track == track and profile in (None, line.profile)
        ),
        key=lambda line: line.rank,
    )
    found = []
    for own_profile in dict.fromkeys(line.profile for line in lines):
        for key in JUDGED:
            found += _of_measure(
                [line for line in lines if line.profile == own_profile], evidence, key, threshold
            )
    return found


def _of_measure(
    lines: Sequence[Line], evidence: Evidence, key: str, threshold: float
) -> list[LineChange]:
    """Those of one measure of the configurations of one profile."""
    for_noise: dict[Line, list[list[Process]]] = {}
    states: dict[Line, State | None] = {}
    for line in lines:
        releases = evidence.catalogue.tracks[line.track].current
        own = [state for release in releases for state in [evidence.state(line, release)] if state]
        if not own:
            continue
        state = states[line] = own[-1]
        found = [evidence.processes(line, release, state, key) for release in releases]
        for_noise[line] = [processes for processes in found if processes]
    made = []
    for line, noise in evidence.noise_by_line(states, for_noise, key).items():
        for segment in evidence.segments(line, states[line], key):
            processes = [own for _, own in segment]
            for change in whole_lines.changes(processes, noise, threshold, len(for_noise)):
                before, first, last = (
                    segment[place][0].name for place in (change.before, change.first, change.last)
                )
                made.append(
                    LineChange(
                        machine=evidence.machine,
                        profile=line.profile,
                        track=line.track,
                        benchmark=line.benchmark,
                        configuration=line.configuration,
                        measure=key,
                        kind=change.kind,
                        before=before,
                        first=first,
                        last=last,
                        ratio=change.ratio,
                        low=change.low,
                        high=change.high,
                    )
                )
    return made
