"""A block of duets, taken for whoever decides which: what came of it, and what it is likely to
take."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .. import records
from ..errors import Say
from ..judging import duets
from ..judging.duets import Block
from ..judging.evidence import left_out_message
from ..judging.state import Now, is_as_now, known_of
from ..records import Record
from ..records.record import is_number
from ..runs import duet, memory
from ..runs.duet import Subject
from ..runs.local import Local, Runner
from ..stats.policy import A_BLOCK, per_cent
from .budget import Budget, duration_text

#: Both processes of a duet may take so much more together than they were seen to.
ROOM = 1.1

#: Seconds after which a busy machine is asked again, and between two messages about it.
POLL_S, SAY_S = 2.0, 60.0

#: So many blocks one after the other that do not count end a comparison.
MOST_UNCOUNTED = 3

#: What to do about a machine that others keep busy: no more budget would help.
QUIET = "end what computes (top shows it), or go on later, with the same command"

#: A subject that is no variant: a release (its commit) and a configuration (``Record.key``).
PlainSubject = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class BlockResult:
    """What came of a block: itself, or ``why`` it does not count. ``outcome``: OK where both of its
    subjects ran in both duets, else that of the process that did not, of the release with the id
    ``commit``; None where no process ran. ``has_no_room``: two found no room in memory.
    ``waited_in_vain``: the patience with a busy machine ended. ``is_spent``: it was not begun,
    since environments left too little of the budget. ``is_spoilt``: the block does not count
    since others computed. ``waiting``: a line where a process computed while it waited.
    ``seconds``: what it took, but for waiting for a quiet machine and for environments; what it
    would take where the budget is spent."""

    block: Block | None = None
    why: str | None = None
    outcome: str | None = records.OK
    has_no_room: bool = False
    waited_in_vain: bool = False
    is_spent: bool = False
    is_spoilt: bool = False
    commit: str | None = None
    waiting: str | None = None
    seconds: float = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether there is no block since others keep the machine busy."""
        return self.waited_in_vain or self.is_spoilt


def out_of_budget(budget: Budget, seconds: float, until_s: float = math.inf) -> BlockResult | None:
    """What comes of a block that is likely to take so many ``seconds``, where that is more than is
    left of the ``budget``, or of what of it is spent at ``until_s``. None where there is room."""
    left_s = min(budget.left_s, until_s - budget.spent_s)
    if 0 < left_s >= seconds:
        return None
    return BlockResult(why=budget.why_over(), outcome=None, is_spent=True, seconds=seconds)


@dataclass
class Uncounted:
    """How many blocks of one comparison did not count, one after the other."""

    in_a_row: int = 0

    def end_it(self, came: BlockResult) -> bool:
        """Whether no further block is taken after ``came``: a process did not end well, there was
        no room, or too many in a row did not count."""
        self.in_a_row = 0 if came.block is not None else self.in_a_row + 1
        return came.outcome != records.OK or self.in_a_row >= MOST_UNCOUNTED


def take(
    here: Local,
    runner: Runner,
    subjects: tuple[Subject, Subject],
    budget: Budget,
    *,
    until_s: float = math.inf,
    purpose: str = records.DUET,
) -> BlockResult:
    """Take a block of ``subjects``, and say where one computed while it waited. A busy machine
    is waited for as long as the ``budget`` lasts, and until ``until_s`` of it are spent.
    ``purpose``: the runner's.

    Raises Interrupted, NotMeasured and RecordError.
    """
    plain = [(subject.installation.release.commit, subject.configured.key) for subject in subjects]
    newest = known(here, subjects[0].installation.profile, plain, purpose=purpose)
    why = why_no_room(newest)
    if why is not None:
        return BlockResult(why=why, outcome=None, has_no_room=True)
    patience = Patience(budget, here.say, until_s=until_s)
    block = runner.block(subjects, step_s(newest), patience=patience)
    bad = [record for record in block[-1] if record is not None and record.outcome != records.OK]
    if bad:
        # The one that was ended because of the other says so; the other says what it was.
        worst = min(bad, key=lambda record: record.outcome == records.INTERRUPTED)
        return BlockResult(
            why=trouble(worst),
            outcome=worst.outcome,
            commit=worst.commit,
            waited_in_vain=patience.is_over and worst.outcome == records.INTERRUPTED,
        )
    both = [
        duets.DuetRecords(first, second)
        for first, second in block
        if first is not None and second is not None
    ]
    seconds = sum(max(map(lasted_s, of_duet)) for of_duet in both)
    waiting = waiting_message(both)
    if waiting is not None:
        here.say(waiting)
    taken = [record for of_duet in both for record in of_duet]
    on_machine = known_of(here.store.all(here.machine))
    whole, left_out = duets.gather(here.machine, taken, here.catalogue, on_machine, purpose=purpose)
    if whole:
        return BlockResult(block=whole[0], waiting=waiting, seconds=seconds)
    why = "; ".join(left_out_message(*told) for told in left_out.items())
    other, is_spoilt = duets.beside(both), duets.is_busy(both)
    if other is not None:
        why = f"another one measured on this machine at the same time: {other}"
    elif is_spoilt:
        share = duets.others_share(both)
        why = f"the machine was busy: others used {per_cent(share)} of the processors"
    return BlockResult(why=why, is_spoilt=is_spoilt, waiting=waiting, seconds=seconds)


def trouble(worst: Record) -> str:
    """What kept a duet from ending well, by the record of the process that did not."""
    if worst.outcome == records.INTERRUPTED:
        return f"{worst.name} was interrupted: {worst.reason}"
    return f"{worst.name} {worst.outcome}: {worst.error or worst.reason}"


def waiting_message(both: Sequence[duets.DuetRecords]) -> str | None:
    """A message where a process computed while it waited for the other's step, else None."""
    share = max(map(duets.waiting_share, both))
    if share <= duets.MOST_WAITING:
        return None
    names = " and ".join(dict.fromkeys(record.name for record in both[0]))
    return (
        f"{names}: one of the two computed while it waited, {per_cent(share, 1)} of a step of the "
        f"other; pools of threads that spin do that (OMP_WAIT_POLICY=passive and KMP_BLOCKTIME=0 "
        f"end it)"
    )


def blocks_apart(here: Local, profile: str, purpose: str, at: Now | None = None) -> list[Block]:
    """The whole blocks in a profile that were measured for a ``purpose`` which is one of APART, in
    the state that the machine has now, as far as that is known, oldest first. ``at``: as
    ``is_as_now`` has it."""
    found, _ = duets.gather(
        here.machine,
        here.store.apart(here.machine, purpose),
        here.catalogue,
        known_of(here.store.all(here.machine)),
        purpose=purpose,
    )
    ours = duet.set_by_us(profile, purpose)
    return [
        block
        for block in found
        if block.profile == profile and is_as_now(block.states[0], ours, at)
    ]


# -- what it is likely to take


def known(
    here: Local, profile: str, subjects: Sequence[PlainSubject], *, purpose: str = records.DUET
) -> list[Record | None]:
    """Of each of the ``subjects`` the newest process that counts, by itself or in a duet, and of no
    variant; None where none is on record. ``purpose``: where its records are apart, they tell it,
    too."""
    commits = {commit for commit, _ in subjects}
    keys = {key for _, key in subjects}
    on_record = here.store.where(here.machine, commits=commits, profile=profile, keys=keys)
    if purpose in records.APART:
        on_record += [
            record
            for record in here.store.apart(here.machine, purpose)
            if record.commit in commits and record.profile == profile and record.key in keys
        ]
    newest = {
        (record.commit, record.key): record
        for record in on_record
        if record.outcome == records.OK
        and record.tells_of_release(here.machine, here.catalogue, purpose=purpose)
    }
    return [newest.get(subject) for subject in subjects]


def step_s(newest: Iterable[Record | None]) -> float | None:
    """Seconds of a step of the slowest of what is ``known``; None where nothing is."""
    return max((record.median_s for record in newest if record is not None), default=None)


def block_s(newest: Sequence[Record | None]) -> float:
    """Seconds that a block of two subjects is likely to take, by what is ``known`` of both; 0 where
    nothing is."""
    ran = [record for record in newest if record is not None]
    in_duets = [lasted_s(record) for record in ran if record.is_of_a_duet]
    if in_duets:
        # In a duet each process lasts nearly as long as the whole.
        return 2 * max(in_duets)
    pairs = duet.pairs_for(step_s(ran))
    alone = [
        (record.seconds or 0.0) + (pairs - len(record.samples)) * record.median_s for record in ran
    ]
    return A_BLOCK * statistics.mean(alone) if alone else 0.0


def lasted_s(record: Record) -> float:
    """Seconds that a process of a duet lasted, but for what the two waited for a quiet machine.

    That shows in its steps: each other one begins when both have made two, mostly.
    """
    seconds: float = record.seconds or 0.0
    begun, samples = record.sample_started_s, record.samples
    if not (isinstance(begun, list) and len(begun) > 2 and all(map(is_number, begun))):
        return seconds
    apart = statistics.median(b - a for a, b in zip(begun, begun[2:], strict=False))
    waited = begun[-1] + samples[-1] - len(begun) / 2 * apart
    return seconds - min(max(0.0, waited), seconds)


def why_no_room(newest: Iterable[Record | None]) -> str | None:
    """Why there is no room in memory for both processes of a duet, by what is ``known`` of both;
    None where there is, or too little is known."""
    left = memory.available_bytes()
    sizes = [record.by_product("track_peak_memory") for record in newest if record is not None]
    sizes = [size for size in sizes if records.is_measured(size)]
    wanted = ROOM * sum(sizes)
    if left is None or len(sizes) < 2 or wanted <= left:
        return None
    return (
        f"two processes at once would take about {wanted / 1e9:.1f} GB of memory, "
        f"{left / 1e9:.1f} GB are free"
    )


class Patience:
    """With a machine that is busy: as long as the budget lasts, and until ``until_s`` of it are
    spent, with a line a minute. ``is_over``: it has ended."""

    def __init__(
        self,
        budget: Budget,
        say: Say,
        sleep: Callable[[float], None] = time.sleep,
        *,
        until_s: float = math.inf,
    ):
        self.is_over = False
        self._budget = budget
        self._until_s = min(budget.seconds, until_s)
        self._say = say
        self._sleep = sleep
        self._said: float | None = None

    def __call__(self, share: float) -> bool:
        spent = self._budget.spent_s
        left = self._until_s - spent
        if self._said is None or spent - self._said >= SAY_S:
            self._said = spent
            until = (
                ""
                if left == math.inf
                else f", {duration_text(max(0.0, left))} of the budget are left"
            )
            self._say(
                f"the machine is busy, others use {per_cent(share)} of the processors: "
                f"waiting{until}"
            )
        if left <= 0:
            self.is_over = True
            return False
        self._sleep(POLL_S)
        return True
