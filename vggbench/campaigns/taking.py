"""A block of duets, taken for whoever decides which: what came of it, and what it is likely to
take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .. import records
from ..judging import duets
from ..judging.duets import Block
from ..records import Record
from ..runs import memory
from ..runs.duet import Side
from ..runs.local import Local, Say, Session
from ..stats.policy import A_BLOCK
from .budget import Budget, words

#: Both processes of a duet may take so much more together than they were seen to.
ROOM = 1.1

#: Seconds between two looks at a machine that is busy, and between two lines about it.
LOOK_S, SAY_S = 2.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came of a block: itself, or ``why`` it does not count. ``ended_well``: both of its
    subjects ran in both duets."""

    block: Block | None
    why: str | None
    ended_well: bool


def take(
    here: Local,
    measuring: Session,
    sides: tuple[Side, Side],
    step_s: float | None,
    *,
    patience: Patience,
) -> Came:
    """Take a block of ``sides``. ``step_s``: seconds that a step is known to take. ``patience``:
    with a busy machine. Raises VggbenchError where nothing can be measured."""
    pairs = measuring.block(sides, step_s, patience=patience)
    taken = [record for pair in pairs for record in pair if record is not None]
    bad = [record for record in taken if record.outcome != records.OK]
    if bad:
        # The one that was ended because of the other says so; the other says what it was.
        first = min(bad, key=lambda record: record.outcome == records.INTERRUPTED)
        return Came(block=None, why=records.progress_line(first), ended_well=False)
    whole, left_out = duets.gather(here.machine, taken, here.catalogue)
    if not whole:
        why = f"it does not count: {'; '.join(left_out)}"
        return Came(block=None, why=why, ended_well=True)
    return Came(block=whole[0], why=None, ended_well=True)


def step_s(taken: Iterable[Record], commit: str, key: str, profile: str) -> float | None:
    """Seconds that a step of a release in a configuration took in the newest process among the
    records ``taken``; None where that is not on record."""
    newest = None
    for record in taken:
        if (record.commit, record.key, record.profile) == (commit, key, profile):
            samples = record.samples
            if record.outcome == records.OK and isinstance(samples, list) and samples:
                newest = record if all(map(records.is_measured, samples)) else newest
    return None if newest is None else newest.median_s


def block_s(
    whole: Sequence[Block], durations: Mapping[tuple[str, str], float], commit: str, key: str
) -> float:
    """Seconds that a block of a release in a configuration is likely to take: as many as the newest
    did, of whatever two subjects, else as many as four of its processes one after the other. 0
    where nothing is known. ``durations``: as vggbench.judging.evidence tells them."""
    for block in reversed(whole):
        if (commit, key) in ((*block.first[:2],), (*block.second[:2],)):
            return block.seconds
    return A_BLOCK * durations.get((commit, key), 0.0)


def why_no_room(newest: Iterable[Record]) -> str | None:
    """Why there is no room in memory for both processes of a duet, by what the ``newest`` of each
    took; None where there is, or too little is known."""
    left = memory.available_bytes()
    sizes = [record.by_product("track_peak_memory") for record in newest]
    known = [size for size in sizes if records.is_measured(size)]
    wanted = ROOM * sum(known)
    if left is None or len(known) < 2 or wanted <= left:
        return None
    return (
        f"two processes at once would take about {wanted / 1e9:.1f} GB of memory, "
        f"{left / 1e9:.1f} GB are free"
    )


class Patience:
    """With a machine that is busy: as long as the budget lasts, with a line a minute."""

    def __init__(self, budget: Budget, say: Say, sleep: Callable[[float], None] = time.sleep):
        self._budget = budget
        self._say = say
        self._sleep = sleep
        self._said: float | None = None

    def __call__(self, share: float) -> bool:
        spent = self._budget.spent_s
        if self._said is None or spent - self._said >= SAY_S:
            self._said = spent
            left = self._budget.left_s
            until = "" if left == math.inf else f", {words(max(0.0, left))} of the budget are left"
            self._say(
                f"the machine is busy, others use {share:.0%} of the processors: waiting{until}"
            )
        if self._budget.left_s <= 0:
            return False
        self._sleep(LOOK_S)
        return True
