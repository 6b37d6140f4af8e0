"""Blocks of duets of builds, taken where the search wants them, until a change is found.

What a build is divided by is measured with it: the good end, or its neighbour where the search
looks at two neighbours directly. What was measured for a bisection is on record, and the next call
goes on from there.
"""

from __future__ import annotations

import statistics
import time

from ... import records
from ...errors import VggbenchError, how_many
from ...judging.duets import Block
from ...judging.state import State
from ...runs.duet import Subject
from ...runs.local import Local, Runner
from ...stats.bisection import Unmeasured
from ..budget import Budget
from . import look, report, standing
from .look import CannotLook, Ended, Looking
from .report import BisectFinding
from .standing import INSTALL_S, Bisection, BisectRequest


class _OtherState(Exception):
    """A block was measured in another state of the machine than what is on record."""


def run(here: Local, asked: BisectRequest, budget: Budget) -> int:
    """Search, and say what came of it; returns the exit status: 0 where the change is named, 1
    where both ends do not differ, 2 where it is not named. Raises VggbenchError and UserError where
    nothing can be searched, and where something that was started went wrong."""
    here, searched, configured = standing.prepared(here, asked)
    with here.runner(records.BISECT) as runner:
        stands = Bisection(here, searched, configured, asked, budget=budget)
        found = _Campaign(stands, runner).run()
    report.show(found, as_json=asked.as_json)
    return found.status


class _Campaign:
    """One bisection on this machine, and where it ``stands``."""

    def __init__(self, stands: Bisection, runner: Runner):
        self._stands = stands
        self._here = stands.here
        self._runner = runner
        self._looking = Looking(
            here=stands.here,
            runner=runner,
            measure=stands.asked.measure,
            budget=stands.budget,
            notes=stands.notes,
        )
        self._subjects: dict[int, Subject] = {}
        self._state: State | None = None
        self._installs_s: list[float] = []

    def run(self) -> BisectFinding:
        """Search until the change is found, there is none, or nothing more can be told."""
        stands, builds = self._stands, self._stands.line.builds
        self._here.say(
            f"{how_many(len(builds) - 2, 'build')} between {builds[0].name} and {builds[-1].name}, "
            f"{sum(map(self._is_installed, range(len(builds))))} of {len(builds)} installed"
            + (f", {len(stands.unknown)} that cannot be looked at" if stands.unknown else "")
        )
        ended: str | None = None
        while True:
            blocks = stands.blocks()
            self._state = blocks[-1].states[0] if blocks else None
            stands.take_note(blocks)
            self._looking.block_s = self._looking.block_s or stands.likely_block_s(blocks)
            try:
                stands.go_on(blocks, self._take, self._seconds)
            except _OtherState:
                continue  # the noise is that of the state, which the first block tells
            except Ended as end:
                ended = str(end)
            break
        return stands.finding(ended)

    # -- what a look costs

    def _seconds(self) -> list[float]:
        """What a block of each build and the good end costs now."""
        install_s = statistics.mean(self._installs_s) if self._installs_s else INSTALL_S
        return [
            self._looking.block_s + (0.0 if self._is_installed(place) else install_s)
            for place in range(len(self._stands.line.builds))
        ]

    def _is_installed(self, place: int) -> bool:
        if place in self._subjects:
            return True
        build = self._stands.lock_of(place)
        if build is None:
            return False
        release, lock = build
        return self._here.checkout.environments.installed(release, lock.name) is not None

    # -- taking a look

    def _take(self, before: int, after: int) -> float | Unmeasured:
        """Take one block of two builds that counts; returns the logarithm of the one behind by the
        one before. Raises Ended where no block can be taken, CannotBisect where an end cannot be
        measured."""
        subjects = []
        for place in (before, after):
            subject = self._subject(place)
            if subject is None:
                return Unmeasured(place)
            subjects.append(subject)
        one, other = subjects
        came = self._looking.take((one, other))
        if isinstance(came, CannotLook):
            return self._stands.give_up((before, after)[came.which], came.why)
        if self._state != came.states[0] and self._is_on_record(came):
            raise _OtherState
        return came.numbers[self._stands.asked.measure]

    def _is_on_record(self, block: Block) -> bool:
        """Whether the records tell of a block that was just taken; an exclusion may hide it."""
        return any(block.id == other.id for other in self._stands.blocks())

    def _subject(self, place: int) -> Subject | None:
        """The build at a place, locked and installed; None where that cannot be. Raises
        CannotBisect for an end that cannot be, and Ended where the network, the index or the disk
        is at fault, and not the build."""
        if place in self._subjects:
            return self._subjects[place]
        stands = self._stands
        is_there = self._is_installed(place)
        began = time.monotonic()
        try:
            release = stands.locked(place)
            own = stands.line.catalogue
            made = look.subject(self._runner, own, release, stands.profile, stands.configured)
        except VggbenchError as err:
            stands.give_up(place, str(err))
            return None
        if not is_there:
            self._installs_s.append(time.monotonic() - began)
        self._subjects[place] = made
        return made
