"""``vggbench fleet run``, and ``vggbench bisect --fleet``: the client. It hands out one unit after
the other to each machine, and takes in what comes back.

How machines are reached is an ``Engine``'s business. What is left follows from the records, so a
client that was killed is simply started again.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from filelock import Timeout

from .. import file_lock
from ..campaigns.budget import Budget, duration_text
from ..checkout import Checkout
from ..errors import Say, VggbenchError, how_many, one_line, some_of
from ..judging.state import Now
from ..runs import processor
from . import LEFT, TROUBLE, FleetError, identity, mirror, on_machine, plan, unit_process
from .mirror import Known
from .plan import Capability, forecast_text
from .units import CANNOT_LOOK, DONE, NOT_NOW, OPEN, UnitOfWork

#: So many times a unit may fail before it is left out. Where the first so many units of a machine
#: all fail, the machine is.
MOST_FAILURES = 3

#: Seconds until a machine that could not measure is asked again, and how often in a row it is.
PAUSE_S, MOST_PAUSES = 60.0, 60

#: Seconds for which a machine that was lost with work left is waited for.
PATIENCE_S = 600.0

#: Seconds by which the clock of a machine may be off. Records say when they were taken, and what
#: was taken in the future is no evidence.
CLOCK_S = 60.0

#: Seconds between two looks at which workers there are, and between two lines about waiting.
POLL_S, SAY_S = 1.0, 60.0

#: Units that are named in one line, at most.
MOST_NAMES = 6

#: The error of a question whose worker has ended, or whose connection has.
LOST = "its worker was lost"


@dataclass(frozen=True)
class Arrived:
    """What came of the last question to the worker at ``address``: its ``answer``, or the text of
    the ``error`` that kept it from one."""

    address: str
    answer: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True)
class Awaited:
    """What is known of the workers that this client had started: how many have ``ended`` for good,
    how many have not come yet and may still be ``coming``, and a ``line`` that says so, which is
    empty where nothing is worth saying."""

    ended: int = 0
    coming: int = 0
    line: str = ""


class Engine(Protocol):
    """Reaches workers by their addresses. A worker is asked one question at a time, which is a
    method of ``OnMachine``: "hello" or "work"."""

    def workers(self) -> Mapping[str, str]:
        """The names of the machines of all workers, by their addresses. Raises FleetError where
        nothing can be reached any more."""

    def ask(self, address: str, machine: str, question: str, *arguments: Any) -> None:
        """Ask the worker at an address; the answer arrives later."""

    def arrived(self, wait_s: float) -> list[Arrived]:
        """What has arrived, or arrives within so many seconds."""

    def forget(self, address: str) -> None:
        """Nobody waits any longer for what the worker at an address was asked."""

    def awaited(self) -> Awaited:
        """What is known of the workers that have not come yet, and of those that will not."""


class WorkPlan(Protocol):
    """Knows what there is to hand out, by the records in the checkout."""

    def left(self, machine: str, can: Capability) -> tuple[list[UnitOfWork], list[str]]:
        """The units that are left for a machine that has come, in their order; and lines about what
        is left out. Raises VggbenchError where it must be refused."""

    def more(self, machine: str, can: Capability) -> tuple[list[UnitOfWork], list[str]]:
        """As ``left``, of what follows from what came of the machine's units, now that all of them
        are through."""

    def again(self, machine: str, can: Capability, units: list[UnitOfWork]) -> list[UnitOfWork]:
        """What is left of these ``units``, which were planned before, by records that have come
        since: those of a unit whose answer was lost."""

    def came(self, unit: UnitOfWork, status: int, message: str) -> None:
        """A process for a unit has ended with ``status``, which is not NOT_NOW, and its last line
        is ``message``. What it left on record is there."""

    def files_of(self, unit: UnitOfWork) -> Mapping[str, str]:
        """What a unit needs and no track has: texts of files, by their paths in BUILDS."""


@dataclass(frozen=True, kw_only=True)
class FleetRequest:
    """``processes``, ``threshold`` and ``environments``: as HistoryRequest has them. ``workers``:
    so many are waited for before the fleet may be done. ``machine``: the only one that is asked for
    anything; None where all are that come."""

    budget: Budget
    processes: int
    threshold: float
    environments: int
    workers: int = 1
    machine: str | None = None


@dataclass
class _Worker:
    """A worker that is connected. ``unheard``: how often it was greeted in vain. ``host`` and
    ``lock``: the name of its computer and the lock that it holds there, once it has said that.
    ``asked_s``: when it was asked what it is asked now, in
    seconds since the epoch; ``unit``: the one that it measures."""

    machine: str
    unheard: int = 0
    host: str | None = None
    lock: str | None = None
    asked_s: float | None = None
    unit: UnitOfWork | None = None
    is_refused: bool = False


@dataclass
class _Machine:
    """What is left for a machine in this process; ``can``: what it can run. ``offered``: what its
    mirror held last. ``handed``: the units that it was asked for. ``has_news``: something came of
    them since it was last planned what follows from that. ``is_left_alone``: nothing more
    is handed out to it. ``lost_s``: when its worker was lost, monotonic. ``faulty``: the units that
    failed there by themselves. ``pauses``: how often in a row it could not measure; nothing is
    handed out to it before ``not_before_s``, monotonic."""

    can: Capability
    units: deque[UnitOfWork]
    offered: Mapping[str, Any]
    handed: set[UnitOfWork] = field(default_factory=set)
    has_news: bool = False
    done: int = 0
    failures: Counter[UnitOfWork] = field(default_factory=Counter)
    left_out: list[UnitOfWork] = field(default_factory=list)
    open: list[UnitOfWork] = field(default_factory=list)
    is_left_alone: bool = False
    lost_s: float | None = None
    faulty: set[UnitOfWork] = field(default_factory=set)
    pauses: int = 0
    not_before_s: float = 0.0


def run(checkout: Checkout, asked: FleetRequest, engine: Engine, say: Say) -> int:
    """Hand out the plan of a checkout. Returns and raises what ``hand_out`` does, and UserError for
    a pattern of history.toml that is no regular expression."""
    fleet = plan.read(checkout)
    planner = plan.Planner(checkout, fleet, processes=asked.processes, threshold=asked.threshold)
    return hand_out(checkout, asked, engine, say, planner=planner)


def hand_out(
    checkout: Checkout, asked: FleetRequest, engine: Engine, say: Say, *, planner: WorkPlan
) -> int:
    """Returns the exit status: 0 when all is measured, LEFT, or TROUBLE where a unit failed too
    often or a worker was refused. Raises VggbenchError where nothing can be handed out, as where no
    worker answered and none will."""
    folder = checkout.env_dir / on_machine.MIRRORS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = file_lock.take(folder / "client.lock")
    except Timeout:
        raise FleetError(
            "another vggbench fleet run, or bisect --fleet, takes records into this checkout; wait "
            "until it has ended, or end it, then run this again"
        ) from None
    try:
        return _Client(checkout, asked, engine, planner, say).run()
    finally:
        lock.release()


class _Client:
    def __init__(
        self,
        checkout: Checkout,
        asked: FleetRequest,
        engine: Engine,
        planner: WorkPlan,
        say: Say,
    ):
        self._checkout = checkout
        self._asked = asked
        self._engine = engine
        self._planner = planner
        self._say = say
        self._identity = identity.of(checkout)
        self._known = Known()
        self._workers: dict[str, _Worker] = {}
        self._machines: dict[str, _Machine] = {}
        self._refused: dict[str, None] = {}
        self._said_s: float | None = None
        self._said_ended: int | None = None
        self._said_lines: set[str] = set()
        self._awaits_more = True

    def run(self) -> int:
        try:
            while True:
                self._look()
                self._look_for_more()
                for address, worker in self._workers.items():
                    if worker.asked_s is None and not worker.is_refused:
                        self._hand_out(address, worker)
                if self._is_over():
                    break
                for arrived in self._engine.arrived(POLL_S):
                    self._take(arrived)
        finally:
            for address, worker in self._workers.items():
                if worker.asked_s is not None:
                    self._engine.forget(address)
        return self._summary()

    # -- who is there

    def _look(self) -> None:
        """Note which workers have come and gone."""
        only = self._asked.machine
        there = {
            address: machine
            for address, machine in self._engine.workers().items()
            if only is None or machine == only
        }
        for address in [each for each in self._workers if each not in there]:
            self._lost(address)
        for address, machine in there.items():
            if address not in self._workers:
                self._workers[address] = worker = _Worker(machine)
                self._ask(address, worker, "hello")

    def _look_for_more(self) -> None:
        """Note whether more workers may come, and say why some do not. Raises FleetError where none
        answered and none will."""
        missing = self._asked.workers - self._came
        awaited = self._engine.awaited()
        # Where more are asked for than this client starts, somebody else may start the others. A
        # machine whose worker is gone is not missing: it has come.
        gone = sum(machine.lost_s is not None for machine in self._machines.values())
        self._awaits_more = missing > 0 and (awaited.coming > 0 or missing > awaited.ended - gone)
        if missing > 0 and not (self._awaits_more or self._came or self._workers):
            raise FleetError(
                f"no worker answered: {awaited.line}; mend that, and run the same command again"
            )
        if awaited.line and awaited.ended != self._said_ended:
            self._said_ended = awaited.ended
            self._say(awaited.line)

    def _lost(self, address: str) -> None:
        worker = self._workers.pop(address)
        self._engine.forget(address)
        for other_address, other in self._workers.items():
            if other.machine == worker.machine and other.is_refused and not worker.is_refused:
                other.is_refused = False
                self._ask(other_address, other, "hello")  # it may have been because of this one
        machine = self._machines.get(worker.machine)
        if machine is None or worker.is_refused:
            return
        if worker.unit is None:
            self._say(f"{worker.machine}: its worker has gone")
        else:
            self._failed(worker.machine, machine, worker.unit, LOST)
        machine.lost_s = time.monotonic()

    def _ask(self, address: str, worker: _Worker, question: str, *arguments: Any) -> None:
        worker.asked_s = time.time()
        self._engine.ask(address, worker.machine, question, *arguments)

    def _is_over(self) -> bool:
        """Whether nothing is going on, and nothing more will."""
        if any(worker.asked_s is not None for worker in self._workers.values()):
            silent = [
                worker.machine
                for worker in self._workers.values()
                if worker.asked_s is not None
                and worker.unit is None
                and time.time() - worker.asked_s > SAY_S
            ]
            if silent:
                names = some_of(silent, MOST_NAMES)
                self._wait(f"no answer yet of {names}: another client may have it measure")
            return False
        if self._asked.budget.left_s <= 0:
            return True
        if self._awaits_more:
            only = self._asked.machine
            self._wait(
                f"waiting for workers: {self._came} of {self._asked.workers} have come"
                if only is None
                else f"waiting for the worker of {only}"
            )
            return False
        now = time.monotonic()
        awaited = [
            name
            for name, machine in self._machines.items()
            if machine.units
            and not machine.is_left_alone
            and (
                now < machine.not_before_s
                or (machine.lost_s is not None and now - machine.lost_s < PATIENCE_S)
            )
        ]
        if awaited:
            self._wait(f"waiting for {some_of(awaited, MOST_NAMES)}")
        return not awaited

    @property
    def _came(self) -> int:
        """How many machines have come, whether they may measure or were refused."""
        return len({*self._machines, *self._refused})

    def _wait(self, line: str) -> None:
        now = time.monotonic()
        if self._said_s is None or now - self._said_s >= SAY_S:
            self._said_s = now
            self._say(line)

    # -- what is handed out

    def _hand_out(self, address: str, worker: _Worker) -> None:
        """Ask a worker that waits for the next unit of its machine, where the budget allows one."""
        machine = self._machines[worker.machine]
        if machine.is_left_alone or time.monotonic() < machine.not_before_s:
            return
        self._look_for_what_follows(worker.machine, machine)
        if not machine.units:
            return
        unit = machine.units[0]
        if not self._asked.budget.allows(unit.seconds):
            return
        machine.units.popleft()
        machine.handed.add(unit)
        worker.unit = unit
        options = unit_process.options(
            processes=self._asked.processes,
            threshold=self._asked.threshold,
            environments=self._asked.environments,
            budget_s=self._asked.budget.left_s,
        )
        sent = {
            "unit": unit.as_json(),
            "options": options,
            "files_of_builds": self._planner.files_of(unit),
            "identity": self._identity,
            **mirror.lacking(self._place(worker.machine), self._known, machine.offered),
        }
        self._ask(address, worker, "work", sent)

    def _look_for_what_follows(self, name: str, machine: _Machine) -> None:
        """Where all of a machine's units are through, plan what follows from what they measured."""
        if machine.units or not machine.has_news:
            return
        machine.has_news = False
        units, lines = self._planner.more(name, machine.can)
        self._say_once(lines)
        # What was tried in this run, and could not be answered, is not tried again, nor is what is
        # left of it.
        machine.units.extend(unit for unit in units if not _is_part(unit, machine.handed))

    def _say_once(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line not in self._said_lines:
                self._said_lines.add(line)
                self._say(line)

    def _place(self, machine: str) -> mirror.Place:
        return mirror.Place(self._checkout.root, self._checkout.results_dir, machine)

    # -- what comes back

    def _take(self, arrived: Arrived) -> None:
        worker = self._workers.get(arrived.address)
        if worker is None or worker.asked_s is None:
            return  # it was lost meanwhile
        if arrived.error == LOST:
            self._lost(arrived.address)
            return
        asked_s, unit = worker.asked_s, worker.unit
        worker.asked_s = worker.unit = None
        if unit is not None:
            if not self._take_work(worker.machine, unit, arrived):
                # What its mirror holds is not known now, and must be before more is sent to it.
                self._ask(arrived.address, worker, "hello")
            return
        why = arrived.error
        if arrived.answer is None:
            worker.unheard += 1
            if worker.unheard < MOST_FAILURES:  # it may be lost, and Dask say so next
                self._ask(arrived.address, worker, "hello")
                return
        else:
            try:
                why = self._why_refused(arrived, worker.machine, asked_s)
                if why is None:
                    self._welcome(worker.machine, arrived.answer)
                    worker.host, worker.lock = arrived.answer["host"], arrived.answer["lock"]
                    worker.unheard = 0
            except VggbenchError as err:
                why = str(err)
            except (KeyError, TypeError, ValueError) as err:
                why = f"its answer is none of vggbench's: {type(err).__name__}: {err}"
        if why is not None:
            worker.is_refused = True
            self._refused[worker.machine] = None
            self._say(f"{worker.machine} at {arrived.address} is refused: {one_line(why)}")

    def _why_refused(self, arrived: Arrived, name: str, asked_s: float) -> str | None:
        """Why nothing is measured by a worker that has answered; None where it may measure. Raises
        OtherProcessor."""
        hello = arrived.answer or {}
        differing = identity.differing(self._identity, hello["identity"])
        if differing:
            return (
                f"it differs from this checkout in {'; '.join(differing)}; bring both to one "
                f"commit, and start the worker again"
            )
        behind, ahead = asked_s - hello["now"], hello["now"] - time.time()
        if max(behind, ahead) > CLOCK_S:
            how = "behind" if behind > ahead else "ahead"
            return (
                f"its clock is {duration_text(max(behind, ahead))} {how}; set it "
                f"(timedatectl set-ntp true), and start the worker again"
            )
        same = [
            (address, other)
            for address, other in self._workers.items()
            if address != arrived.address
            and other.machine == name
            and other.host is not None
            and not other.is_refused
        ]
        for address, other in same:
            if (other.host, other.lock) != (hello["host"], hello["lock"]):
                return (
                    f"{other.host} measures under this name; give one of them another name: "
                    f"vggbench fleet worker --machine NAME; where that is this one before it was "
                    f"started anew, wait a few minutes"
                )
            # It began again before Dask has noticed that it had ended.
            self._lost(address)
        processor.require_known(
            self._checkout.results_dir, name, hello["facts"].get("processor") or {}
        )
        return None

    def _welcome(self, name: str, hello: Mapping[str, Any]) -> None:
        """A worker may measure: take in what its mirror holds, and plan what is left. Raises
        VggbenchError."""
        came = self._take_in(name, hello["offer"])
        known = self._machines.get(name)
        can = Capability(
            interpreters=hello["interpreters"],
            devices=hello["devices"],
            now=Now(**hello["state"]),
        )
        if known is None:
            units, lines = self._planner.left(name, can)
            self._say_once(lines)
            known = self._machines[name] = _Machine(can, deque(units), hello["offer"])
            on = processor.described(hello["facts"].get("processor") or {})
            self._say(f"{name}: connected, on {on}; {forecast_text(units)}")
        else:
            known.can = can  # it may have been started again with other variables
            if came and known.units:
                known.units = deque(self._planner.again(name, can, list(known.units)))
            self._say(f"{name}: connected again; {forecast_text(known.units)}")
        if came:
            self._say(f"{name}: {how_many(came, 'line')} came that a connection had lost")
        known.offered, known.lost_s = hello["offer"], None
        self._refused.pop(name, None)

    def _take_in(self, name: str, offer: Mapping[str, Any]) -> int:
        return mirror.take_in(self._place(name), self._known, offer, self._say)

    def _take_work(self, name: str, unit: UnitOfWork, arrived: Arrived) -> bool:
        """Take in what came of a unit; returns whether the mirror is known to be as it is here."""
        machine = self._machines[name]
        if arrived.answer is None:
            self._failed(name, machine, unit, str(arrived.error))
            return False
        answer = arrived.answer
        if identity.differing(self._identity, answer["identity"]):
            machine.units.appendleft(unit)
            return False  # the next answer is refused, and says why
        try:
            came = self._take_in(name, answer["offer"])
        except VggbenchError as err:
            self._failed(name, machine, unit, str(err))
            return False
        machine.offered = answer["offer"]
        machine.has_news = True
        if answer["status"] == NOT_NOW:
            # Nothing is wrong with the unit: somebody else measures there, or the disk is full.
            machine.units.appendleft(unit)
            machine.pauses += 1
            machine.not_before_s = time.monotonic() + PAUSE_S
            machine.is_left_alone = machine.pauses >= MOST_PAUSES
            then = "nothing more is handed out to it" if machine.is_left_alone else "it waits"
            self._say(f"{name}: {one_line(answer['message'])}; {then}")
            return True
        machine.pauses = 0
        self._planner.came(unit, answer["status"], answer["message"])
        if answer["status"] not in (DONE, OPEN, *CANNOT_LOOK):
            self._failed(name, machine, unit, answer["message"])
            return True
        machine.done += 1
        if answer["status"] == OPEN:
            machine.open.append(unit)
        self._look_for_what_follows(name, machine)
        told = {DONE: "done", OPEN: f"open: {answer['message']}"}
        how = told.get(answer["status"], "cannot be measured")
        self._say(
            f"{name}: {unit.name} {how} ({how_many(came, 'line')}); {forecast_text(machine.units)}"
        )
        return True

    def _failed(self, name: str, machine: _Machine, unit: UnitOfWork, why: str) -> None:
        """Note that a unit failed: it comes again after the others, or is left out."""
        machine.failures[unit] += 1
        if why != LOST:
            machine.faulty.add(unit)
        count = machine.failures[unit]
        if count < MOST_FAILURES:
            machine.units.append(unit)
            then = f"it comes again ({count} of {MOST_FAILURES})"
        else:
            machine.left_out.append(unit)
            then = f"it failed {count} times and is left out"
        self._say(f"{name}: {unit.name} failed: {one_line(why)}; {then}")
        if why != LOST and len(machine.faulty) >= MOST_FAILURES and not machine.done:
            machine.is_left_alone = True
            self._say(
                f"{name}: its first {MOST_FAILURES} units all failed: nothing more is handed out "
                f"to it; see what it says of them on that machine"
            )

    def _summary(self) -> int:
        """Say what is left; returns the exit status."""
        status = 0
        if self._came < self._asked.workers:
            status = LEFT
            self._say(
                f"{self._came} of {self._asked.workers} workers came; what is left for the others "
                f"is not known; run the same command again to go on"
            )
        for name, machine in sorted(self._machines.items()):
            if machine.units or machine.open:
                status = max(status, LEFT)
                told = forecast_text(machine.units)
                still = f"; open: {_names(machine.open)}" if machine.open else ""
                self._say(f"{name}: {told}{still}; run the same command again to go on")
            if machine.left_out or machine.is_left_alone:
                status = TROUBLE
            if machine.left_out:
                self._say(f"{name}: left out: {_names(machine.left_out)}; why is said above")
            # What a single machine was asked for says itself what it came to.
            is_through = not (machine.units or machine.open or machine.left_out)
            if is_through and self._asked.machine is None:
                self._say(f"{name}: all is measured")
        if self._refused:
            status = TROUBLE
            self._say(f"Refused: {some_of(list(self._refused), MOST_NAMES)}; why is said above")
        return status


def _is_part(unit: UnitOfWork, handed: Iterable[UnitOfWork]) -> bool:
    """Whether one of the ``handed`` units asked for all that ``unit`` asks for."""
    return any(
        replace(each, keys=unit.keys) == unit and set(unit.keys) <= set(each.keys)
        for each in handed
    )


def _names(units: Sequence[UnitOfWork]) -> str:
    return some_of([unit.name for unit in units], MOST_NAMES)
