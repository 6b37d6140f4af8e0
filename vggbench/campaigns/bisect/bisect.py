"""Blocks of duets of builds, taken where the search wants them, until a change is found.

What a build is divided by is measured with it: the good end, or its neighbour where the search
looks at two neighbours directly. What was measured for a bisection is on record, and the next call
goes on from there.
"""

from __future__ import annotations

import re
import shlex
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from ... import records
from ...errors import VggbenchError, of_system, one_line, some_of
from ...judging.duets import Block
from ...judging.measures import JUDGED
from ...judging.phrases import how_many_blocks
from ...judging.state import State, values_of
from ...releases import locks
from ...releases.builds import BuildCatalogue, lock_name
from ...releases.catalogue import Release
from ...releases.environments import Postponed
from ...releases.uv import Hindered
from ...runs import profiles
from ...runs.duet import Subject
from ...runs.local import Local, Runner
from ...runs.suite import Configured
from ...stats import bisection
from ...stats.bisection import Search, Unmeasured
from .. import taking
from ..budget import Budget
from ..taking import MOST_UNCOUNTED, Uncounted
from . import line, report
from .line import BuildsBetween, NothingToBisect
from .on_record import OnRecord
from .report import BisectFinding

#: Seconds of a block, and of making an environment and its lock, where none was seen yet.
BLOCK_S, INSTALL_S = 60.0, 60.0

#: Names of configurations in a message, at most.
MOST_NAMES = 12

#: How records name the catalogue of bisections.
CATALOGUE = "bisect"


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


class CannotBisect(VggbenchError):
    """One of both ends cannot be measured."""

    status = 2


class _OtherState(Exception):
    """A block was measured in another state of the machine than what is on record; its text says
    what differs, and is empty where nothing is on record."""


class _Ended(Exception):
    """No block can be taken any more; its text says why."""


def run(here: Local, asked: BisectRequest, budget: Budget) -> int:
    """Search, and say what came of it; returns the exit status: 0 where the change is named, 1
    where both ends do not differ, 2 where it is not named. Raises VggbenchError and UserError where
    nothing can be searched, and where something that was started went wrong."""
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
    with here.runner(records.BISECT) as runner:
        campaign = _Campaign(here, runner, searched, configured, asked, budget=budget)
        found = campaign.run()
    report.show(found, as_json=asked.as_json)
    return found.status


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
        one = shlex.quote(re.escape(chosen[0].asv_name).replace("\\ ", " "))
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


class _Campaign:
    """One bisection. ``unknown``: by place, why a build cannot be looked at."""

    def __init__(
        self,
        here: Local,
        runner: Runner,
        searched: BuildsBetween,
        configured: Configured,
        asked: BisectRequest,
        *,
        budget: Budget,
    ):
        self._here = here
        self._runner = runner
        self._line = searched
        self._catalogue = searched.catalogue
        self._configured = configured
        self._asked = asked
        self._budget = budget
        self._profile = here.profiles[0]
        self._device = profiles.device_of(self._profile)
        self._last = len(searched.builds) - 1
        self.unknown = {
            place: build.unknown
            for place, build in enumerate(searched.builds)
            if build.unknown is not None and 0 < place < self._last
        }
        self._on_record = OnRecord(
            here=here,
            searched=searched,
            profile=self._profile,
            configured=configured,
            measure=asked.measure,
        )
        self._subjects: dict[int, Subject] = {}
        self._state: State | None = None
        self._installs_s: list[float] = []
        self._block_s = 0.0
        self._taken = 0
        self._notes = list(searched.notes)
        self._search: Search | None = None

    def run(self) -> BisectFinding:
        """Search until the change is found, there is none, or nothing more can be told."""
        here, builds = self._here, self._line.builds
        here.say(
            f"{len(builds) - 2} builds between {builds[0].name} and {builds[-1].name}, "
            f"{sum(map(self._is_installed, range(len(builds))))} of {len(builds)} installed"
            + (f", {len(self.unknown)} that cannot be looked at" if self.unknown else "")
        )
        ended: str | None = None
        while True:
            blocks = self._on_record.blocks()
            self._state = blocks[-1].states[0] if blocks else None
            for place, why in self._on_record.not_applicable().items():
                if 0 < place < self._last:
                    self.unknown[place] = why
            looks = [self._on_record.look(block) for block in blocks]
            if looks and self._search is None and not self._taken:
                here.say(f"{how_many_blocks(len(looks))} on record: the search goes on from there")
            self._block_s = self._block_s or self._likely_block_s(blocks)
            try:
                self._search = bisection.search(
                    len(builds),
                    self._take,
                    self._on_record.noise(self._state),
                    seconds=self._seconds,
                    allows=self._budget.allows,
                    looks=looks,
                    unknown=sorted(self.unknown),
                    on_look=self._tell,
                    threshold=self._asked.threshold,
                )
            except _OtherState as other:
                # The noise is that of the state, which the first block tells.
                if blocks:
                    here.say(
                        f"the machine is in another state than in the earlier blocks, which do not "
                        f"count: {other}"
                    )
                continue
            except _Ended as end:
                ended = str(end)
            break
        return report.finding(
            here,
            self._line,
            report.Asked(
                profile=self._profile,
                configured=self._configured,
                measure=self._asked.measure,
                patterns=self._asked.patterns,
            ),
            self._search,
            unknown=self.unknown,
            notes=[*self._notes, *([] if ended is None else [ended])],
            budget=self._budget,
        )

    # -- what a look costs

    def _likely_block_s(self, blocks: Sequence[Block]) -> float:
        if blocks:
            return statistics.median(block.seconds for block in blocks)
        ends = (self._line.builds[0], self._line.builds[-1])
        keys = [
            (release.commit, self._configured.key)
            for build in ends
            if (release := self._catalogue.by_name.get(build.name)) is not None
        ]
        return taking.block_s(taking.known(self._here, self._profile, keys)) or BLOCK_S

    def _seconds(self) -> list[float]:
        """What a block of each build and the good end costs now."""
        install_s = statistics.mean(self._installs_s) if self._installs_s else INSTALL_S
        return [
            self._block_s + (0.0 if self._is_installed(place) else install_s)
            for place in range(len(self._line.builds))
        ]

    def _is_installed(self, place: int) -> bool:
        if place in self._subjects:
            return True
        release = self._catalogue.by_name.get(self._line.builds[place].name)
        lock = None if release is None else release.lock_for(self._device, self._configured.backend)
        if release is None or lock is None:
            return False
        return self._here.checkout.environments.installed(release, lock.name) is not None

    # -- taking a look

    def _take(self, before: int, after: int) -> float | Unmeasured:
        """Take one block of two builds that counts; returns the logarithm of the one behind by the
        one before. Raises _Ended where no block can be taken, CannotBisect where an end cannot be
        measured."""
        subjects = []
        for place in (before, after):
            subject = self._subject(place)
            if subject is None:
                return Unmeasured(place)
            subjects.append(subject)
        one, other = subjects
        names = f"{self._line.builds[after].name} by {self._line.builds[before].name}"
        if not self._budget.allows(self._block_s):  # the environments took what was left
            raise _Ended(f"{self._budget.why_over()}; the same command goes on from here")
        uncounted = Uncounted()
        told_nothing = 0
        while True:
            came = taking.take(
                self._here, self._runner, (one, other), self._budget, purpose=records.BISECT
            )
            self._block_s = came.seconds or self._block_s
            if came.waiting is not None and came.waiting not in self._notes:
                self._notes.append(came.waiting)
            if came.waited_in_vain:
                why = self._budget.why_over()
                raise _Ended(f"{why} while the machine was busy; {taking.QUIET}")
            if came.outcome in (records.FAILED, records.NOT_APPLICABLE):
                is_after = came.commit == other.installation.release.commit
                return self._give_up(after if is_after else before, str(came.why))
            if uncounted.end_it(came):
                raise _Ended(str(came.why))
            if came.block is None:
                self._here.say(f"{names}: the block does not count: {came.why}")
            else:
                number = came.block.numbers.get(self._asked.measure)
                if number is not None:
                    self._taken += 1
                    if self._state != came.block.states[0] and self._is_on_record(came.block):
                        earlier, now = self._state, came.block.states[0]
                        when = ("earlier", "now")
                        raise _OtherState("" if earlier is None else now.differs(earlier, when))
                    return number
                told_nothing += 1
                title = JUDGED[self._asked.measure].title
                self._here.say(f"{names}: the block has no {title}")
                if told_nothing >= MOST_UNCOUNTED:
                    silent = self._silent(came.block, (before, after))
                    return self._give_up(silent, f"its processes do not tell the {title}")
            if not self._budget.allows(self._block_s):
                raise _Ended(self._budget.why_over())

    def _is_on_record(self, block: Block) -> bool:
        """Whether the records tell of a block that was just taken; an exclusion may hide it."""
        return any(block.id == other.id for other in self._on_record.blocks())

    def _silent(self, block: Block, places: tuple[int, int]) -> int:
        """Which of two builds does not tell the measure; the good end only where the other does."""
        tells = [
            all(self._asked.measure in values_of(duet[which]) for duet in block.duets)
            for which in (0, 1)
        ]
        return places[0] if tells == [False, True] else places[1]

    def _subject(self, place: int) -> Subject | None:
        """The build at a place, locked and installed; None where that cannot be. Raises
        CannotBisect for an end that cannot be, and _Ended where the network, the index or the disk
        is at fault, and not the build."""
        if place in self._subjects:
            return self._subjects[place]
        build = self._line.builds[place]
        is_there = self._is_installed(place)
        began = time.monotonic()
        try:
            if self._catalogue.by_name.get(build.name) is None:
                self._here.say(f"{build.name}: resolving its packages as of its date")
            release = self._catalogue.locked(
                build.track,
                build.version,
                self._device,
                self._configured.backend,
                date=build.date,
                newest_python=self._newest_python,
            )
            installation = self._runner.prepared(release, self._profile, self._configured)
        except (Hindered, Postponed, OSError) as err:
            # Build after build would be taken for unknown, though nothing is wrong with them.
            why = of_system(err) if isinstance(err, OSError) else err
            raise _Ended(
                f"{build.name} cannot be had now: {why}; the same command goes on from here"
            ) from None
        except VggbenchError as err:
            self._give_up(place, str(err))
            return None
        if not is_there:
            self._installs_s.append(time.monotonic() - began)
        if not self._catalogue.is_on_track(build.name):
            installation = replace(installation, catalogue=CATALOGUE)
        self._subjects[place] = Subject(installation=installation, configured=self._configured)
        return self._subjects[place]

    @property
    def _newest_python(self) -> str | None:
        """The newer CPython of both ends, so that a build's is no reason for a change; where
        neither has one yet, the newest that is here. None where there is none."""
        ends = (self._line.builds[0].name, self._line.builds[-1].name)
        known = [
            self._catalogue.by_name[name].python for name in ends if name in self._catalogue.by_name
        ]
        if not known:
            return next(iter(locks.pythons_here()), None)
        return max(known, key=Version)

    def _give_up(self, place: int, why: str) -> Unmeasured:
        """Note why a build cannot be looked at. Raises CannotBisect where it is an end."""
        name = self._line.builds[place].name
        if place in (0, self._last):
            told = f"{name} is an end and cannot be measured: {why}; give another build as this end"
            if self._search is not None and self._search.looks:
                raise _Ended(told)  # what earlier blocks say is reported
            raise CannotBisect(told)
        self.unknown[place] = one_line(why, 200)
        self._here.say(f"{name} is stepped over: {self.unknown[place]}")
        return Unmeasured(place)

    # -- what is known so far

    def _tell(self, search: Search) -> None:
        self._search = search
        told = report.progress(search, self._line.builds)
        if told is not None:
            self._here.say(told)
