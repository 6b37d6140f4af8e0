"""``vggbench bisect --fleet``: a bisection whose looks are taken on another machine.

What is looked at next is decided here, by the records, and builds get their locks here. One and the
same machine takes all looks, one after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from packaging.version import Version

from ..campaigns.bisect import report, standing
from ..campaigns.bisect.look import Ended
from ..campaigns.bisect.standing import (
    INSTALL_S,
    Bisection,
    BisectRequest,
    CannotBisect,
    Elsewhere,
)
from ..campaigns.budget import Budget
from ..checkout import Checkout
from ..errors import Say, VggbenchError, how_many, some_of
from ..judging.duets import Block
from ..judging.state import Now
from ..releases.interpreters import InterpreterMissing
from ..runs import profiles
from ..runs.local import Local
from ..stats.bisection import Unmeasured
from ..stats.policy import A_BLOCK
from . import FleetError, hand_out
from .hand_out import MOST_NAMES, Engine, FleetRequest
from .plan import Capability
from .units import CANNOT_LOOK, DONE, LOOK, UnitOfWork


def run(
    checkout: Checkout,
    asked: BisectRequest,
    engine: Engine,
    budget: Budget,
    *,
    machine: str | None,
    options: str,
    say: Say,
) -> int:
    """Search, and say what came of it; returns the exit status, as ``bisect.run`` does.

    ``machine``: where the looks are taken; None: the only one that has a worker. ``options``: those
    of the command that name the scheduler. Raises VggbenchError and UserError where nothing can be
    searched, or nothing can be handed out.
    """
    name = machine or _only(engine, options)
    here, searched, configured = standing.prepared(Local.of(checkout, name, say), asked)
    options = f"{options} --machine {name}"
    looks = _Looks(
        functools.partial(Bisection, here, searched, configured, asked, budget=budget),
        machine=here.machine,
        profile=here.profiles[0],
        options=options,
    )
    first, *between, last = searched.builds
    builds = how_many(len(between), "build")
    say(f"{builds} between {first.name} and {last.name}, looked at on {name}")
    request = FleetRequest(
        budget=budget,
        processes=A_BLOCK,
        threshold=asked.threshold,
        environments=0,  # a look frees none
        machine=name,
    )
    hand_out.hand_out(checkout, request, engine, say, planner=looks)
    found = looks.finding()
    report.show(found, as_json=asked.as_json)
    return found.status


def _only(engine: Engine, options: str) -> str:
    """The machine that has a worker. Raises FleetError unless there is one."""
    found = sorted(set(engine.workers().values()))
    if len(found) == 1:
        return found[0]
    if not found:
        raise FleetError(
            f"{options}: no worker is there; start one (docs/fleet.md), or name the machine that "
            f"is to come: --machine NAME"
        )
    raise FleetError(
        f"{options}: there are workers of {some_of(found, MOST_NAMES)}, and a bisection is "
        f"measured on one machine; name it: --machine NAME"
    )


class _Wanted(Exception):
    """A block of the builds at two ``places`` is to be taken."""

    def __init__(self, before: int, after: int):
        super().__init__(before, after)
        self.places = before, after


class _Looks:
    """What is left of a bisection: the look that tells most, by what is on record. What was learned
    of builds that cannot be looked at, and of why it ends, is of this process alone.

    ``begin``: begins the bisection, once it is known what the machine has: ``elsewhere``."""

    def __init__(
        self, begin: Callable[..., Bisection], *, machine: str, profile: str, options: str
    ):
        self._begin = begin
        self._machine = machine
        self._profile = profile
        self._options = options
        self._stands: Bisection | None = None
        self._seen: set[str] = set()
        self._count = 0
        self._open: UnitOfWork | None = None
        self._is_done = False
        self._ended: str | None = None
        self._error: VggbenchError | None = None

    # -- as a WorkPlan

    def left(self, machine: str, can: Capability) -> tuple[list[UnitOfWork], list[str]]:
        """The first look. Raises CannotBisect where the machine cannot measure the profile."""
        device = profiles.device_of(self._profile)
        if can.now is None or device not in (can.devices or ()):
            self._error = CannotBisect(
                f"{machine} has no {device}, which {self._profile} is for; choose another profile: "
                f"{profiles.VARIABLE}"
            )
            raise self._error
        self._stands = self._begin(elsewhere=self._elsewhere(can, can.now))
        return self.more(machine, can)

    def more(self, machine: str, can: Capability) -> tuple[list[UnitOfWork], list[str]]:
        """The next look, where there is one."""
        self._open = None
        if self._stands is not None and can.now is not None:
            self._stands.looked_at_by(self._elsewhere(can, can.now))
        if self._stands is not None and self._ended is None and self._error is None:
            try:
                self._open = self._next(self._stands)
            except Ended as end:
                self._ended = str(end)
            except VggbenchError as err:
                # Raised here it would be the worker that is refused.
                self._error = err
        return ([] if self._open is None else [self._open]), []

    def again(self, machine: str, can: Capability, units: list[UnitOfWork]) -> list[UnitOfWork]:
        """The next look by what is on record now, which may have the block of the one before."""
        self._is_done, self._ended = False, None
        found, _ = self.more(machine, can)
        # Where it is at the same builds it stays the same one, which may fail so often and no more.
        is_same = [replace(unit, number=units[0].number) for unit in found] == units
        return units if is_same else found

    def came(self, unit: UnitOfWork, status: int, message: str) -> None:
        """Note what a look came to. A block of it, where there is one, is on record by now."""
        self._is_done = status == DONE
        self._ended = None
        stands = self._stands
        if stands is None or status == DONE:
            return
        if status not in CANNOT_LOOK:
            # It comes again where something went wrong, and may be done then.
            self._ended = message
            return
        name = (unit.before, unit.release)[CANNOT_LOOK.index(status)]
        place = [build.name for build in stands.line.builds].index(name)
        try:
            stands.give_up(place, message)
        except Ended as end:
            self._ended = str(end)
        except VggbenchError as err:
            self._error = err

    def files_of(self, unit: UnitOfWork) -> Mapping[str, str]:
        """The files of those of its two builds that are on no track."""
        if self._stands is None:
            return {}
        catalogue = self._stands.line.catalogue
        off_track = [
            catalogue.by_name[name]
            for name in (unit.before, unit.release)
            if not catalogue.is_on_track(name)
        ]
        paths = [
            path
            for build in off_track
            for path in (
                *(catalogue.lock_path(build, name) for name in build.locks),
                catalogue.file_of(build),
            )
        ]
        return {
            path.relative_to(catalogue.folder).as_posix(): path.read_text(encoding="utf-8")
            for path in paths
        }

    # -- the search

    def _elsewhere(self, can: Capability, now: Now) -> Elsewhere:
        """The machine as its worker says that it is ``now``."""
        return Elsewhere(
            now=now,
            pythons=tuple(sorted(can.interpreters or (), key=Version, reverse=True)),
            options=self._options,
        )

    def _next(self, stands: Bisection) -> UnitOfWork | None:
        """The next look; None where the search has ended. Raises Ended where none can be taken, and
        CannotBisect for an end that cannot be looked at."""
        blocks = stands.blocks()
        self._take_note(stands, blocks)
        block_s = stands.likely_block_s(blocks)
        looks = [stands.look(block) for block in blocks]
        # What the machine has installed it alone knows; what is in a block that counts was.
        measured = {place for look in looks for place in (look.before, look.after)}
        seconds = [
            block_s + (0.0 if place in measured else INSTALL_S)
            for place in range(len(stands.line.builds))
        ]

        def look(before: int, after: int) -> float | Unmeasured:
            for place in (before, after):
                try:
                    stands.locked(place)
                except InterpreterMissing as err:
                    # Of this machine: the one that is to measure the build may have it.
                    raise Ended(
                        f"{stands.line.builds[place].name} cannot be locked here: {err}; the same "
                        f"command goes on from here"
                    ) from None
                except VggbenchError as err:
                    return stands.give_up(place, str(err))
            raise _Wanted(before, after)

        try:
            stands.go_on(blocks, look, lambda: seconds)
        except _Wanted as wanted:
            before, after = wanted.places
            self._count += 1
            return UnitOfWork(
                kind=LOOK,
                profile=stands.profile,
                release=stands.line.builds[after].name,
                before=stands.line.builds[before].name,
                key=stands.configured.key,
                words=stands.configured.words,
                measure=stands.asked.measure,
                number=self._count,
                seconds=round(max(seconds[before], seconds[after])),
            )
        return None

    def _take_note(self, stands: Bisection, blocks: Sequence[Block]) -> None:
        """Take note of what came of the last look. Raises Ended where it was done, and nothing of
        it counts."""
        stands.take_note(blocks)
        found = {block.id for block in blocks}
        if self._is_done and found <= self._seen:
            raise Ended(
                f"what {self._machine} has measured does not count here; see excluded.toml, and "
                f"whether its variables are those that its worker was started with"
            )
        self._is_done = False
        self._seen |= found

    def finding(self) -> report.BisectFinding:
        """What the bisection has come to. Raises what has ended it, where there is nothing to
        report."""
        if self._error is not None:
            raise self._error
        if self._stands is None:
            raise FleetError(
                f"{self._machine} has not measured anything; why is said above; the same command "
                f"goes on from here"
            )
        ended = self._ended
        if ended is None and self._open is not None:
            budget = self._stands.budget
            why = (
                f"{self._open.name} was not measured on {self._machine}; why is said above"
                if budget.allows(self._open.seconds)
                else budget.why_over()
            )
            ended = f"{why}; the same command goes on from here"
        return self._stands.finding(ended)
