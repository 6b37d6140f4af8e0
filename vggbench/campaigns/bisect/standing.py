"""What a bisection has come to: what is searched, what is on record of it, and which builds cannot
be looked at. Where its looks are taken is another's business."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from ...errors import VggbenchError, how_many, one_line, some_of
from ...judging.duets import Block
from ...judging.state import Now, State
from ...releases import locks
from ...releases.builds import BuildCatalogue, lock_name
from ...releases.catalogue import Lock, Release
from ...runs import profiles
from ...runs.local import Local
from ...runs.suite import Configured
from ...stats import bisection
from ...stats.bisection import Look, Search, Unmeasured
from ...terminal import quoted
from .. import taking
from ..budget import Budget
from . import line, report
from .line import BuildsBetween, NothingToBisect
from .look import Ended, pausing
from .on_record import OnRecord
from .report import BisectFinding

#: Seconds of a block, and of making an environment and its lock, where none was seen yet.
BLOCK_S, INSTALL_S = 60.0, 60.0

#: Names of configurations in a message, at most.
MOST_NAMES = 12


@dataclass(frozen=True, kw_only=True)
class BisectRequest:
    """``good`` and ``bad``: the two ends, of which the good one is the earlier. ``patterns``:
    --bench. ``measure``: a key of JUDGED. A change of both ends below the ``threshold`` is none."""

    good: str
    bad: str
    patterns: Sequence[str]
    measure: str
    threshold: float
    as_json: bool


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Another machine on which the looks are taken: what it has ``now``, and its ``pythons``,
    newest first. ``options``: those of the command that name it."""

    now: Now
    pythons: tuple[str, ...]
    options: str


class CannotBisect(VggbenchError):
    """One of both ends cannot be measured."""

    status = 2


def prepared(here: Local, asked: BisectRequest) -> tuple[Local, BuildsBetween, Configured]:
    """What is searched, and in which configuration; and the machine ``here`` with a catalogue that
    has the builds, too. Raises VggbenchError and UserError where nothing can be searched."""
    if len(here.profiles) > 1:
        names = " ".join(here.profiles)
        raise NothingToBisect(f"{profiles.VARIABLE}={names}: a bisection is of one profile")
    main = here.catalogue
    tracks = line.tracks_of(main, line.track_of(main, asked.good))
    own = BuildCatalogue(main, here.checkout.builds_dir, tracks)
    searched = line.between(main, own, asked.good, asked.bad)
    here = replace(here, checkout=here.checkout.with_catalogue(own))
    configured = _configured(here, searched, asked)
    searched = _lockable(searched, profiles.device_of(here.profiles[0]), configured)
    return here, searched, configured


def _configured(here: Local, searched: BuildsBetween, asked: BisectRequest) -> Configured:
    """The one configuration that is searched in: the first of the track's without patterns. Raises
    NothingToBisect where the patterns select several, UserError where they select none."""
    end = searched.builds[0]
    # Of which configurations there are, its track decides.
    release = here.catalogue.by_name.get(
        end.name, Release(end.track.name, end.version, end.date or "", "")
    )
    chosen = here.suite.chosen(release, asked.patterns, here.catalogue)
    if asked.patterns and len(chosen) > 1:
        names = some_of([configured.words for configured in chosen], MOST_NAMES)
        one = quoted(re.escape(chosen[0].asv_name).replace("\\ ", " "))
        raise NothingToBisect(
            f"--bench selects {len(chosen)} configurations of {release.name} ({names}); a "
            f"bisection is of one, such as --bench {one}"
        )
    if len(chosen) > 1:
        here.say(f"in the configuration {chosen[0].words} (--bench chooses another)")
    return chosen[0]


def _lockable(searched: BuildsBetween, device: str, configured: Configured) -> BuildsBetween:
    """The same line without the builds whose tracks have no packages for the device: the nightlies
    of a track may be for the CPU alone. Raises NothingToBisect where nothing is left."""
    first, *between, last = searched.builds
    left = [
        build
        for build in between
        if searched.catalogue.is_on_track(build.name)
        or lock_name(build.track, build.version, device, configured.backend) is not None
    ]
    if not left:
        raise NothingToBisect(
            f"nothing between {first.name} and {last.name} is for {device}; compare the two: "
            f"vggbench duet {first.name} {last.name}"
        )
    return replace(searched, builds=(first, *left, last))


class Bisection:
    """Of one bisection. ``unknown``: by place, why a build cannot be looked at. ``notes``: messages
    for the report. ``search``: what it has come to; None before its first block."""

    def __init__(
        self,
        here: Local,
        searched: BuildsBetween,
        configured: Configured,
        asked: BisectRequest,
        *,
        budget: Budget,
        elsewhere: Elsewhere | None = None,
    ):
        self.here = here
        self.line = searched
        self.configured = configured
        self.asked = asked
        self.budget = budget
        self.profile = here.profiles[0]
        self.device = profiles.device_of(self.profile)
        self.last = len(searched.builds) - 1
        self.unknown = {
            place: build.unknown
            for place, build in enumerate(searched.builds)
            if build.unknown is not None and 0 < place < self.last
        }
        self.notes = list(searched.notes)
        self.search: Search | None = None
        self._state: State | None = None
        self._is_first = True
        self._elsewhere = elsewhere
        self._on_record = OnRecord(
            here=here,
            searched=searched,
            profile=self.profile,
            configured=configured,
            measure=asked.measure,
            at=None if elsewhere is None else elsewhere.now,
        )

    def looked_at_by(self, elsewhere: Elsewhere) -> None:
        """Go on with the other machine as it is now: it may have other variables than before, and
        what is on record counts by those that it has."""
        self._elsewhere = elsewhere
        self._on_record = replace(self._on_record, at=elsewhere.now)

    # -- what is on record

    def blocks(self) -> list[Block]:
        """The blocks on record that count now, oldest first. A build that is n/a by the records is
        unknown from then on."""
        for place, why in self._on_record.not_applicable().items():
            if 0 < place < self.last:
                self.unknown[place] = why
        return self._on_record.blocks()

    def look(self, block: Block) -> Look:
        """A block as the search has it."""
        return self._on_record.look(block)

    def take_note(self, blocks: Sequence[Block]) -> None:
        """Say that there are ``blocks`` on record of earlier calls, where these are the first; or
        that earlier ones do not count any more, since the newest has another state."""
        state = blocks[-1].states[0] if blocks else self._state
        if blocks and self._is_first:
            on_record = how_many(len(blocks), "block")
            self.here.say(f"{on_record} on record: the search goes on from there")
        elif state is not None and self._state is not None and state != self._state:
            self.here.say(
                f"the machine is in another state than in the earlier blocks, which do not count: "
                f"{state.differs(self._state, ('earlier', 'now'))}"
            )
        self._state, self._is_first = state, False

    # -- the search

    def go_on(
        self,
        blocks: Sequence[Block],
        look: Callable[[int, int], float | Unmeasured],
        seconds: Callable[[], Sequence[float]],
    ) -> None:
        """Search by these ``blocks``, and by those that ``look`` takes. ``look``, ``seconds``: as
        ``bisection.search`` has them. What ``look`` raises passes through."""
        self.search = bisection.search(
            len(self.line.builds),
            look,
            self._on_record.noise(blocks[-1].states[0] if blocks else None),
            seconds=seconds,
            allows=self.budget.allows,
            looks=[self.look(block) for block in blocks],
            unknown=sorted(self.unknown),
            on_look=self._tell,
            threshold=self.asked.threshold,
        )

    def _tell(self, search: Search) -> None:
        self.search = search
        told = report.progress(search, self.line.builds)
        if told is not None:
            self.here.say(told)

    def likely_block_s(self, blocks: Sequence[Block]) -> float:
        """Seconds that a block is likely to take, by those on record."""
        if blocks:
            return statistics.median(block.seconds for block in blocks)
        ends = (self.line.builds[0], self.line.builds[-1])
        keys = [
            (release.commit, self.configured.key)
            for build in ends
            if (release := self.line.catalogue.by_name.get(build.name)) is not None
        ]
        return taking.block_s(taking.known(self.here, self.profile, keys)) or BLOCK_S

    # -- a build

    def lock_of(self, place: int) -> tuple[Release, Lock] | None:
        """The build at a place with its lock; None where it has none yet."""
        release = self.line.catalogue.by_name.get(self.line.builds[place].name)
        lock = None if release is None else release.lock_for(self.device, self.configured.backend)
        return None if release is None or lock is None else (release, lock)

    def locked(self, place: int) -> Release:
        """The build at a place, with a lock, which is made where it has none. Raises Ended where
        the network, the index or the disk is at fault, VggbenchError where none can be made."""
        build = self.line.builds[place]
        catalogue = self.line.catalogue
        if catalogue.by_name.get(build.name) is None:
            self.here.say(f"{build.name}: resolving its packages as of its date")
        with pausing(build.name):
            return catalogue.locked(
                build.track,
                build.version,
                self.device,
                self.configured.backend,
                date=build.date,
                newest_python=self._newest_python,
            )

    @property
    def _newest_python(self) -> str | None:
        """The newer CPython of both ends, so that a build's is no reason for a change; where
        neither has one yet, the newest of the machine. None where there is none."""
        ends = (self.line.builds[0].name, self.line.builds[-1].name)
        by_name = self.line.catalogue.by_name
        known = [by_name[name].python for name in ends if name in by_name]
        if known:
            return max(known, key=Version)
        there = self._elsewhere
        return next(iter(locks.pythons_here() if there is None else there.pythons), None)

    def give_up(self, place: int, why: str) -> Unmeasured:
        """Note why a build cannot be looked at. Where it is an end, raises CannotBisect, or Ended
        where there are blocks to report."""
        name = self.line.builds[place].name
        if place in (0, self.last):
            told = f"{name} is an end and cannot be measured: {why}; give another build as this end"
            if self.search is not None and self.search.looks:
                raise Ended(told)  # what earlier blocks say is reported
            raise CannotBisect(told)
        self.unknown[place] = one_line(why, 200)
        self.here.say(f"{name} is stepped over: {self.unknown[place]}")
        return Unmeasured(place)

    # -- what came of it

    def finding(self, ended: str | None) -> BisectFinding:
        """What it has come to. ``ended``: why it was ended, where that was before its time."""
        return report.finding(
            self.here,
            self.line,
            report.Asked(
                profile=self.profile,
                configured=self.configured,
                measure=self.asked.measure,
                patterns=self.asked.patterns,
                threshold=self.asked.threshold,
                options="" if self._elsewhere is None else self._elsewhere.options,
            ),
            self.search,
            unknown=self.unknown,
            notes=[*self.notes, *([] if ended is None else [ended])],
            budget=self.budget,
        )
