"""A look: a block of duets of two builds, taken on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ... import records
from ...errors import of_system
from ...judging.duets import Block
from ...judging.measures import JUDGED
from ...judging.state import values_of
from ...releases.builds import BuildCatalogue
from ...releases.catalogue import Release
from ...releases.environments import Postponed
from ...releases.uv import Hindered
from ...runs.duet import Subject
from ...runs.local import Local, Runner
from ...runs.suite import Configured
from .. import taking
from ..budget import Budget
from ..taking import MOST_UNCOUNTED, Uncounted

#: How records name the catalogue of bisections.
CATALOGUE = "bisect"


class Ended(Exception):
    """No block can be taken any more; its text says why."""


@dataclass(frozen=True)
class CannotLook:
    """Of two builds, the one before (0) or the one behind (1) cannot be measured, and ``why``."""

    which: int
    why: str


@contextlib.contextmanager
def pausing(name: str) -> Iterator[None]:
    """A context in which a lock or an environment is made for the build called ``name``. Raises
    Ended where the network, the index or the disk is at fault, and not the build."""
    try:
        yield
    except (Hindered, Postponed, OSError) as err:
        # Build after build would be taken for unknown, though nothing is wrong with them.
        why = of_system(err) if isinstance(err, OSError) else err
        raise Ended(
            f"{name} cannot be had now: {why}; the same command goes on from here"
        ) from None


def subject(
    runner: Runner, own: BuildCatalogue, release: Release, profile: str, configured: Configured
) -> Subject:
    """A build of the catalogue ``own``, installed. Raises Ended where the network, the index or the
    disk is at fault, VggbenchError where the build cannot be installed."""
    with pausing(release.name):
        installation = runner.prepared(release, profile, configured)
    if not own.is_on_track(release.name):
        installation = replace(installation, catalogue=CATALOGUE)
    return Subject(installation=installation, configured=configured)


@dataclass(kw_only=True)
class Looking:
    """Takes blocks of builds for a ``measure``, a key of JUDGED. ``block_s``: seconds that a block
    is likely to take, 0 where nothing is known. ``notes`` get a message where a process computed
    while it waited."""

    here: Local
    runner: Runner
    measure: str
    budget: Budget
    block_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    def take(self, subjects: tuple[Subject, Subject]) -> Block | CannotLook:
        """Take one block of two builds that counts and tells the measure. Raises Ended where no
        block can be taken, and VggbenchError where one cannot be measured or recorded."""
        one, other = (each.installation.release for each in subjects)
        names = f"{other.name} by {one.name}"
        if not self.budget.allows(self.block_s):  # the environments took what was left
            raise Ended(f"{self.budget.why_over()}; the same command goes on from here")
        uncounted = Uncounted()
        told_nothing = 0
        while True:
            came = taking.take(
                self.here, self.runner, subjects, self.budget, purpose=records.BISECT
            )
            self.block_s = came.seconds or self.block_s
            if came.waiting is not None and came.waiting not in self.notes:
                self.notes.append(came.waiting)
            if came.waited_in_vain:
                why = self.budget.why_over()
                raise Ended(f"{why} while the machine was busy; {taking.QUIET}")
            if came.outcome in (records.FAILED, records.NOT_APPLICABLE):
                return CannotLook(int(came.commit == other.commit), str(came.why))
            if uncounted.end_it(came):
                raise Ended(str(came.why))
            if came.block is None:
                self.here.say(f"{names}: the block does not count: {came.why}")
            elif came.block.numbers.get(self.measure) is not None:
                return came.block
            else:
                told_nothing += 1
                title = JUDGED[self.measure].title
                self.here.say(f"{names}: the block has no {title}")
                if told_nothing >= MOST_UNCOUNTED:
                    why = f"its processes do not tell the {title}"
                    return CannotLook(self._silent(came.block), why)
            if not self.budget.allows(self.block_s):
                raise Ended(self.budget.why_over())

    def _silent(self, block: Block) -> int:
        """Which of two builds does not tell the measure; the one before only where the other
        does."""
        tells = [
            all(self.measure in values_of(duet[which]) for duet in block.duets) for which in (0, 1)
        ]
        return 0 if tells == [False, True] else 1
