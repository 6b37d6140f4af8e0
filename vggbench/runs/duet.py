"""Duets: two processes that are alive at once, and step in turns.

One after the other, the two processes import, build and warm up, as ``asv run`` starts them. Then
they take their samples A B B A, each while the other stands still. What the machine does meanwhile
happens to both. Each process times its own steps with asv's clock.

Two duets with the start order swapped are a block, the unit of evidence: which of two processes was
started first makes a difference of its own. docs/method.md describes all of it under "Duets".
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import frameworks, records
from ..errors import of_system
from ..inside import gpu, onednn, profilers, turns
from ..records import OK, Record
from ..stats.policy import per_cent
from . import clocks, process, profiles, timed
from .draft import Draft
from .installation import Installation
from .run import Run
from .suite import Configured

#: A duet has PAIRS pairs of steps, or as many as take each process about STEPPING_S seconds, but at
#: least LEAST_PAIRS. To start two processes of TensorFlow takes about as long on two cores.
PAIRS, STEPPING_S, LEAST_PAIRS = 16, 12.0, 6

#: A turn begins when, for STILL_S seconds, the two processes have computed no more than STILL_SHARE
#: of that time, and neither is about to compute. After STILL_PATIENCE_S seconds it begins all the
#: same, which the record shows.
STILL_S = 0.002
STILL_SHARE = 0.05
STILL_PATIENCE_S = 0.5

#: A step is disturbed where others used more than this share of the processors meanwhile. The next
#: pair then waits until others use less. The kernel counts ticks for the whole machine, and exact
#: times for a process: on an idle machine the two differ by 1 to 2 %.
MOST_OTHERS = 0.1

#: The seconds over which the processors that others use are measured: a tick is ten milliseconds.
QUIET_WINDOW_S = 0.2

#: After so many seconds without a word from a process, vggbench asks whether it is still alive.
POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a process of a duet measures: a release or a variant of it, in a configuration."""

    installation: Installation
    configured: Configured

    @property
    def name(self) -> str:
        """The subject, as messages and records name it."""
        variant = self.installation.variant
        name = f"{self.installation.release.name} {self.configured.words}".strip()
        return f"{name} with {variant}" if variant else name


#: The records of a duet, in the order of its subjects. None stands for a process that was not
#: started because the other process could not run.
BothRecords = tuple[Record | None, Record | None]


def ended_well(both: BothRecords) -> bool:
    """Whether both processes of a duet took their samples."""
    return all(record is not None and record.outcome == OK for record in both)


def pairs_for(step_s: float | None) -> int:
    """How many pairs of steps a duet should have. ``step_s``: seconds that a step is known to take,
    None where that is not known."""
    if not step_s:
        return PAIRS
    return max(LEAST_PAIRS, min(PAIRS, round(STEPPING_S / step_s)))


#: A function that is called again and again while the machine is busy, with the share of its
#: processors that others use. It returns whether to wait any longer; False ends the duet.
MayWait = Callable[[float], bool]


def block(
    run: Run,
    subjects: tuple[Subject, Subject],
    *,
    pairs: int = PAIRS,
    patience: MayWait | None = None,
) -> list[BothRecords]:
    """Run a block and return the records of its duets: two duets of ``subjects``, the start order
    swapped in the second.

    The block ends with the first duet that does not end well. Without ``patience`` it goes on
    however busy the machine is. Raises Interrupted, NotMeasured and RecordError.
    """
    number = run.next_block()
    duets = []
    # In every other block, the process that is started first also makes the first step.
    begins = number % 2
    for place in range(2):
        names = {"id": f"{run.id}/{number}.{place + 1}", "block": f"{run.id}/{number}"}
        course = _Course(begins, pairs, patience)
        duets.append(_duet(run, subjects, names, order=(place, 1 - place), course=course))
        if not ended_well(duets[-1]):
            break
    return duets


def _duet(
    run: Run,
    subjects: tuple[Subject, Subject],
    names: dict[str, Any],
    *,
    order: tuple[int, int],
    course: _Course,
) -> BothRecords:
    """Run one duet and return its records.

    ``names``: the names of the duet and of its block, as records have them. ``order``: the places
    in ``subjects`` of the subject that is started first, and of the one that is started second.
    """
    started: list[_RunningProcess] = []
    ended: dict[int, Record] = {}
    try:
        why: str | None = None
        with contextlib.ExitStack() as stack:
            for place, which in enumerate(order):
                in_record = {
                    **names,
                    "partner": subjects[order[1 - place]].name,
                    "started": place + 1,
                    "begins": place == course.begins,
                }
                # The process works in this folder, which is entered first to be removed last.
                aside = stack.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX))
                member = _RunningProcess(run, subjects[which], in_record, course.pairs)
                started.append(member)
                stack.callback(member.close)
                member.start(Path(aside))
                if not member.wait_until_still():
                    break
            else:
                why = _step_in_turns(started, course)
            for member in started:
                if member.has_ended:  # while a busy machine was waited for, which is no reason then
                    why, member.in_trouble = None, True
            # A process in trouble is ended first: its record tells the reason to end the other.
            for member in sorted(started, key=lambda member: not member.in_trouble):
                record = ended[order[started.index(member)]] = member.end(why)
                if why is None and (member.in_trouble or record.outcome != OK):
                    partner = f"its partner in the duet: {member.subject.name}"
                    why = f"{partner}: {_what_happened(record)}"
    except KeyboardInterrupt:
        for member in started:
            member.interrupt()
        both_names = " and ".join(member.subject.name for member in started)
        raise timed.Interrupted(f" in a duet of {both_names}") from None
    except BrokenPipeError:  # nobody reads any more what is said, which ends a command elsewhere
        for member in started:
            member.interrupt()
        raise
    except OSError as err:
        trouble = of_system(err)
        for member in started:
            member.interrupt(trouble)
        raise timed.NotMeasured(
            f"{subjects[0].name} and {subjects[1].name} cannot be measured: {trouble}; "
            f"if the disk is full: vggbench releases prune --to 10G"
        ) from None
    return ended.get(0), ended.get(1)


_PREFIX = "vggbench-duet-"


def _what_happened(record: Record) -> str:
    """What ended a process of a duet, by its record."""
    if record.outcome == OK:
        return f"it ended after {len(record.samples or ())} samples"
    return f"{record.outcome}: {record.error or record.reason}"


@dataclass(frozen=True)
class _Course:
    """How the processes of a duet take turns.

    ``begins``: whether the process that was started first (0) or second (1) makes the first step.
    ``pairs``: how many steps each process makes. ``patience``: how long to wait while the machine
    is busy; None where nobody looks whether it is.
    """

    begins: int
    pairs: int
    patience: MayWait | None


def _step_in_turns(started: Sequence[_RunningProcess], course: _Course) -> str | None:
    """Let the processes step A B B A, until each has taken its samples or one of them does not
    come back from a step. Returns why both are to be ended before that, None where they are not."""
    first = time.monotonic()
    order = (course.begins, 1 - course.begins)
    disturbed = True
    for pair in range(course.pairs):
        if disturbed and course.patience is not None:
            share = _await_quiet(started, course.patience)
            if share is not None:
                return f"the machine is busy: others use {per_cent(share)} of the processors"
        disturbed = False
        for place in order if pair % 2 == 0 else order[::-1]:
            mover, other = started[place], started[1 - place]
            step = _step(mover, other, first)
            if step is None:
                return None
            disturbed = disturbed or step.is_disturbed(len(mover.cpus))
    return None


def _await_quiet(members: Sequence[_RunningProcess], patience: MayWait) -> float | None:
    """Wait until others than the two processes leave the processors alone, and return None. Where
    the ``patience`` ends before that, return the share of the processors that others use."""
    while (share := _others_share(members)) > MOST_OTHERS:
        if not patience(share):
            return share
    return None


def _others_share(members: Sequence[_RunningProcess]) -> float:
    """The share of the processors that others than the two processes use in the next QUIET_WINDOW_S
    seconds. A pool that spins while its process waits is no other: waiting would not end it."""
    cpus = members[0].cpus
    before, began = [member.cpu_s() for member in members], time.monotonic()
    used = clocks.busy_share(cpus, QUIET_WINDOW_S)
    took = max(QUIET_WINDOW_S, time.monotonic() - began)
    own = _moved(before, [member.cpu_s() for member in members])
    return max(0.0, used - own / (took * len(cpus)))


def _step(mover: _RunningProcess, other: _RunningProcess, first: float) -> _Step | None:
    """Let ``mover`` make one step; None where it did not come back. ``first``: when the turns
    began, in seconds of this process's monotonic clock."""
    _await_stillness(mover, other)
    before = _Reading.now(mover, other)
    mover.go()
    if not mover.wait_until_still():
        return None
    step = _Reading.now(mover, other).since(before, begun=before.at - first)
    mover.seen.add(step, other.seen)
    return step


def _await_stillness(*members: _RunningProcess) -> None:
    """Return when no process computes, or after STILL_PATIENCE_S seconds. Thread pools may spin
    while their process waits.

    Clocks alone do not show that. The clock of a thread that spins, or that others keep from its
    processor, may stand still for milliseconds; such a thread is seen because it could run. A
    thread that runs only now and then is seen by its clock.
    """
    until = time.monotonic() + STILL_PATIENCE_S
    before = [member.cpu_s() for member in members]
    while time.monotonic() < until:
        time.sleep(STILL_S)
        now = [member.cpu_s() for member in members]
        if _moved(before, now) <= STILL_SHARE * STILL_S and not any(
            member.is_computing() for member in members
        ):
            return
        before = now


def _moved(before: Sequence[float | None], now: Sequence[float | None]) -> float:
    """By how many seconds clocks moved together, as far as they were known at both looks."""
    return sum(b - a for a, b in zip(before, now, strict=True) if a is not None and b is not None)


@dataclass(frozen=True)
class _Reading:
    """What the clocks show at a moment, in seconds. A clock that the system does not have is
    None."""

    at: float
    mover_s: float | None
    other_s: float | None
    machine: clocks.MachineTime | None

    @staticmethod
    def now(mover: _RunningProcess, other: _RunningProcess) -> _Reading:
        return _Reading(time.monotonic(), mover.cpu_s(), other.cpu_s(), clocks.machine(mover.cpus))

    def since(self, before: _Reading, begun: float) -> _Step:
        """The step between the reading ``before`` and this one."""
        stepping = _less(self.mover_s, before.mover_s)
        waiting = _less(self.other_s, before.other_s)
        others = steal = None
        if self.machine is not None and before.machine is not None:
            steal = self.machine.steal_s - before.machine.steal_s
            if stepping is not None and waiting is not None:
                others = self.machine.busy_s - before.machine.busy_s - stepping - waiting
        return _Step(begun, self.at - before.at, stepping, waiting, others=others, steal=steal)


def _less(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


@dataclass(frozen=True)
class _Step:
    """One step as seen from outside, all in seconds.

    ``begun`` is when the step began since the turns began, and ``took`` how long it took. The rest
    is CPU time meanwhile: of the process that stepped, of the one that waited, of all ``others``,
    and what a hypervisor kept (``steal``). The time of all others may be slightly negative, because
    the kernel counts it in ticks.
    """

    begun: float
    took: float
    stepping: float | None
    waiting: float | None
    others: float | None
    steal: float | None

    def is_disturbed(self, cpus: int) -> bool:
        """Whether others used too much of the processors, of which there are ``cpus``. A hypervisor
        is one of the others."""
        if self.others is None:
            return False
        return self.others + (self.steal or 0.0) > MOST_OTHERS * self.took * cpus


@dataclass
class _Seen:
    """What was seen of a process from outside, a value for each of its steps in order.
    ``waiting`` has a value for each step of its partner instead."""

    started: list[float] = field(default_factory=list)
    stepping: list[float | None] = field(default_factory=list)
    waiting: list[float | None] = field(default_factory=list)
    others: list[float | None] = field(default_factory=list)
    steal: list[float | None] = field(default_factory=list)

    def add(self, step: _Step, of_other: _Seen) -> None:
        self.started.append(round(step.begun, 6))
        self.stepping.append(_rounded(step.stepping))
        self.others.append(_rounded(step.others))
        self.steal.append(_rounded(step.steal))
        of_other.waiting.append(_rounded(step.waiting))

    def as_json(self) -> dict[str, Any]:
        return {
            "sample_started_s": self.started,
            "sample_cpu_s": self.stepping,
            "waiting_cpu_s": self.waiting,
            "others_cpu_s": self.others,
            "steal_s": self.steal,
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


class _RunningProcess:
    """One process of a duet while it runs."""

    def __init__(self, run: Run, subject: Subject, in_record: dict[str, Any], pairs: int):
        self.subject = subject
        self.seen = _Seen()
        self.cpus = sorted(os.sched_getaffinity(0))
        self.in_trouble = False
        self._run = run
        self._in_record = in_record
        self._attributes = json.dumps({"repeat": pairs})
        self._draft: Draft | None = None
        self._running: process.Running | None = None
        self._clock: Callable[[], float] | None = None
        self._ends: list[int] = []
        # For how many seconds the process has stood still so far, and since when it stands still
        # now, in seconds since its start.
        self._stood_still_s = 0.0
        self._still_since_s: float | None = None

    def start(self, aside: Path) -> None:
        """Start the process. ``aside`` is an empty folder for its files."""
        installation, configured = self.subject.installation, self.subject.configured
        self._call = call = timed.fresh(
            self._run, installation, configured, aside, self._attributes
        )
        ours = set_by_us(installation.profile, self._run.purpose)
        more = {
            "duet": self._in_record,
            "set_by_vggbench": ours,
            **_facts_of_gpu(installation.profile),
        }
        self._draft = Draft.begin(
            self._run, installation, configured, self._attributes, call.env, more=more
        )
        with contextlib.ExitStack() as its_ends:
            heard, self._word = os.pipe()
            its_ends.callback(os.close, heard)
            self._ends.append(self._word)
            self._still, said = os.pipe()
            its_ends.callback(os.close, said)
            self._ends.append(self._still)
            env = {
                **call.env,
                **ours,
                timed.NOTES_VARIABLE: str(self._draft.notes_path),
                **timed.started_here(installation),
                turns.VARIABLE: f"{heard},{said}",
            }
            if self._run.purpose == records.EXPLAIN:
                env[profilers.VARIABLE] = str(self._trace_folder(aside))
            command = timed.launched(installation, call.arguments)
            self._running = process.Running(
                command, env, call.cwd, merge_streams=True, handed=(heard, said)
            )
        self._clock = clocks.cpu_clock(self._running.pid)

    def _trace_folder(self, aside: Path) -> Path:
        """The folder for what a profiler writes: below the one that the user wants it in, else one
        that is removed with the other files of the process."""
        if self._run.traces is None:
            folder = aside / "trace"
        else:
            subject = self.subject.name.replace(" ", "-").replace("/", "-")
            folder = self._run.traces / self._in_record["id"] / subject
        folder.mkdir(parents=True)
        return folder

    def cpu_s(self) -> float | None:
        """CPU seconds that the process has taken so far; None where that is not known."""
        try:
            return None if self._clock is None else self._clock()
        except OSError:  # it has ended
            return None

    def is_computing(self) -> bool:
        """Whether the process computes now, or would if it had a processor."""
        return self._running is not None and clocks.is_computing(self._running.pid)

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended by itself, or was killed."""
        return self._running is not None and self._running.has_ended

    def go(self) -> None:
        """Give the process the word to step."""
        assert self._running is not None
        if self._still_since_s is not None:
            self._stood_still_s += self._running.seconds - self._still_since_s
            self._still_since_s = None
        with contextlib.suppress(BrokenPipeError):
            os.write(self._word, turns.WORD)

    def wait_until_still(self) -> bool:
        """Wait until the process says that it stands still; False where it ended instead, or its
        deadline passed."""
        assert self._running is not None
        poll = select.poll()
        poll.register(self._still, select.POLLIN)
        deadline_s = self._deadline_s
        while deadline_s is None or self._running.seconds < deadline_s:
            if poll.poll(POLL_S * 1000):
                if os.read(self._still, 1):
                    self._still_since_s = self._running.seconds
                    return True
                break
            # A child of the process may hold the pipe open after its end.
            if self._running.has_ended:
                break
        self.in_trouble = True
        return False

    @property
    def _deadline_s(self) -> float | None:
        """Seconds since its start after which the process is ended. They are as many as those of a
        process that runs alone, and do not run while it stands still."""
        deadline_s = self._call.deadline_s
        return None if deadline_s is None else deadline_s + self._stood_still_s

    def end(self, why: str | None) -> Record:
        """End the process, append its record, and return the record.

        ``why``: the reason to end it before it is done, which lies outside it; None where it is to
        end by itself.
        """
        assert self._draft is not None
        assert self._running is not None
        draft, running = self._draft, self._running
        if why is not None and not self.in_trouble:
            running.end()
            return self._record_interrupted(draft, why)
        if not self.in_trouble:
            self.go()
        done = running.wait(self._deadline_s)
        self._draft = None  # not sooner: an interrupt until here records the draft
        draft.record.update(self.seen.as_json())
        return draft.end(done, self._call.deadline_s, self._call.result_file)

    def interrupt(self, why: str | None = None) -> None:
        """End the process, and record that it was ended, unless it is on record already."""
        if self._running is not None:
            self._running.end()
        if self._draft is not None:
            self._record_interrupted(self._draft, why)

    def _record_interrupted(self, draft: Draft, why: str | None) -> Record:
        self._draft = None
        draft.record.update(self.seen.as_json())
        if self._running is not None:
            draft.record["process_s"] = self._running.seconds
        return draft.interrupted(why)

    def close(self) -> None:
        """End the process, whatever it does, and close its pipes."""
        ends, self._ends = self._ends, []
        try:
            if self._running is not None:
                self._running.end()
        finally:
            for end in ends:
                os.close(end)


def set_by_us(profile: str, purpose: str | None = None) -> dict[str, str]:
    """The variables that vggbench adds to those of the processes of a duet. On a GPU they make both
    processes find room in its memory. Where both are traced, oneDNN gives its account."""
    found: dict[str, str] = {}
    if profiles.device_of(profile) == "gpu":
        for framework in frameworks.KNOWN:
            found.update(framework.shares_gpu)
    if purpose == records.EXPLAIN:
        found.update(dict.fromkeys(onednn.VARIABLES, "1"))
    return found


def _facts_of_gpu(profile: str) -> dict[str, Any]:
    """What the record of a process of a duet says of the GPU: its name, where all that are visible
    have one. Nothing samples it, and nothing is said on a CPU."""
    names = set(gpu.visible()) if profiles.device_of(profile) == "gpu" else set()
    return {"gpu": {"name": names.pop()}} if len(names) == 1 else {}
