"""What is on record for a bisection: the blocks of its builds, in the state of the newest, and the
noise of blocks on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from ... import records
from ...errors import one_line
from ...judging import duets
from ...judging.duets import Block, SubjectKey
from ...judging.state import Now, State
from ...runs.local import Local
from ...runs.suite import Configured
from ...stats.bisection import Look
from ...stats.blocks import BlockNoise
from .. import taking
from .line import BuildsBetween


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """The records of bisections in one configuration, measure and profile, as they are on the disk
    whenever something is asked. ``at``: what is known of the machine now; None where it is this
    one."""

    here: Local
    searched: BuildsBetween
    profile: str
    configured: Configured
    measure: str
    at: Now | None = None

    def blocks(self) -> list[Block]:
        """The whole blocks of two builds of the line, oldest first, which were measured in the
        state of the newest, as far as it is known to be that of now: with the same variables, on as
        many CPUs."""
        places = self._places()
        of_line = [
            block
            for block in taking.blocks_apart(self.here, self.profile, records.BISECT, self.at)
            if block.first in places
            and block.second in places
            and block.first != block.second
            and self.measure in block.numbers
        ]
        return [block for block in of_line if block.states[0] == of_line[-1].states[0]]

    def look(self, block: Block) -> Look:
        """A block as the search has it."""
        places = self._places()
        return Look(places[block.first], places[block.second], block.numbers[self.measure])

    def not_applicable(self) -> dict[int, str]:
        """By place, why a build is n/a, as a process of a bisection said."""
        here, places = self.here, self._places()
        return {
            place: one_line(f"n/a: {record.reason}", 160)
            for record in here.store.apart(here.machine, records.BISECT)
            if record.outcome == records.NOT_APPLICABLE
            and record.profile == self.profile
            and record.why_no_evidence(here.machine, here.catalogue, purpose=records.BISECT) is None
            if (place := places.get(duets.subject_key(record))) is not None
        }

    def noise(self, state: State | None) -> BlockNoise:
        """The noise of the measure's blocks, by those that are evidence on this machine; of this
        ``state`` alone where it is known."""
        here = self.here
        found, _ = duets.gather(here.machine, here.store.all(here.machine), here.catalogue)
        alike = [
            block
            for block in found
            if block.profile == self.profile and (state is None or state in block.states)
        ]
        return duets.noise(alike, measure=self.measure)

    def _places(self) -> dict[SubjectKey, int]:
        """The place of each build that is locked, by its key in blocks."""
        return {
            (release.commit, self.configured.key, None): place
            for place, build in enumerate(self.searched.builds)
            if (release := self.searched.catalogue.by_name.get(build.name)) is not None
        }
