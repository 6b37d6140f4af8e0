"""What a fleet costs, how much faster it is, and whether it loses anything.

    python perf/fleet.py idle-step --budget 30m    # goes on with a row
    python perf/fleet.py                           # measures the quick rows, prints all

The quick rows are `idle-cpu`, `units` and `client`, some minutes each. They are measured anew at
each call. The other rows go on from where they were: what they have measured is kept in
perf/state/fleet/, a JSON object a line. Run them on an idle machine. All rows need the packages of
pip install -e '.[test]', and measure in throw-away checkouts, .asv/fleet.

In `idle-step`, one process makes steps of a real release, while an idle worker beside it runs and
is stopped (SIGSTOP) in turns. In `kills`, a scheduler, a client and the workers of two machines run
on a tiny checkout of the tests, and one of them at a time is killed (SIGKILL) at a random moment
and started again. The seed of an entry says when and whom; what is going on then differs. Records
are looked for in the mirrors and at the client all the time.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import tomli_w
from shared import common, copies, fleets, processes, rows, stepping, waiting_worker
from shared.fleets import Fleet, Part
from shared.rows import Entries, Plan, Reached, Row

from vggbench import machine_lock
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.history import plan as history_plan
from vggbench.checkout import Checkout
from vggbench.errors import VggbenchError
from vggbench.fleet import hand_out, on_machine
from vggbench.fleet import plan as fleet_plan
from vggbench.inside.launch import die_with_parent
from vggbench.records import Record
from vggbench.runs import clocks, variables
from vggbench.stats.policy import A_BLOCK, MOST_BLOCKS, THRESHOLD

if TYPE_CHECKING:
    from tests.tiny import Tiny

STATE = common.ROOT / "perf" / "state" / "fleet"
FOLDER = common.ROOT / ".asv" / "fleet"
SHARED = Path(__file__).parent / "shared"

RELEASE, FRAMEWORK = "tensorflow-2.21.0", "TensorFlow"
PLAIN = {"data_format": "NHWC", "batch_norm": "none", "xla": "off"}
PATTERN = r"TensorFlow\.time_train_step\('NHWC', 'none', 'off'\)"

#: The name of a machine that is the only one.
MACHINE = "idle"

#: Seconds after which a worker that has just begun, or that goes on after it was stopped, is idle.
SETTLED_S = 2.0

#: Turns of idle-step, and the steps of a turn on each side.
TURNS, STEPS = 20, 30
RUNNING, STOPPED = "running", "stopped"
STEP_WITHIN = 0.01

#: For so many seconds an idle worker is watched; the share of a core that it may use.
WATCHED_S, MOST_CPU = 120.0, 0.005

#: Units that wait, on one machine or on so many; how many times as fast those must be.
UNITS, MACHINES, TIMES_FASTER = 40, 4, 3.6

#: What the client alone hands out, and what it may cost.
SIMULATED, UNITS_EACH = 200, 50
MOST_CLIENT_S, MOST_CLIENT_BYTES = 0.010, 500e6

#: Kills in all; the most seconds between two of them; between two looks at what there is.
KILLS, LONGEST_S, LOOK_S = 20, 8.0, 0.3
SCHEDULER, CLIENT, BOXES = "scheduler", "client", ("box-1", "box-2")

#: For so many seconds a fleet may be killed and measure, before it is given up.
PATIENCE_S = 3600.0

#: The processes of a configuration in `kills`, at most: some blocks of duets are enough.
FEW_PROCESSES = 12

#: The folder whose sitecustomize.py has a machine of `kills` be alone on this computer: of tests.
UNDISTURBED = common.ROOT / "tests" / "fleet" / "undisturbed"

#: What the machines of `kills` measure besides their calibrations: runs, and comparisons.
HISTORY = {
    "stage": [
        {"name": "plain", "releases": "tinyframe", "bench": ["plain"]},
        {"name": "fused", "releases": "tinyframe>=1.2", "bench": ["fused"]},
    ],
    "duets": [
        {"name": "neighbours", "releases": "tinyframe", "bench": ["plain"], "budget": "2m"},
    ],
}


# -- throw-away checkouts


def fresh(name: str) -> Path:
    """A new throw-away checkout of the shipped releases, without environments and results."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    return common.checkout(
        folder, env_dir=folder / ".asv" / "env", benchmarks=common.ROOT / "benchmarks"
    )


def write_plan(folder: Path, release: str, pattern: str, units: Mapping[str, int]) -> None:
    """Give a checkout a history.toml and a fleet.toml by which each machine has so many ``units``,
    two or more.

    The keys of ``units`` are patterns of machines' names. A machine's units are a calibration and
    runs of the ``release``, each in a stage of its own, of the configurations that ``pattern``
    selects.
    """
    most = max(units.values()) - 1
    stages = [f"stage {number}" for number in range(1, most + 1)]
    history = [{"name": name, "releases": release, "bench": [pattern]} for name in stages]
    machines = [
        {"name": name, "stages": stages[: count - 1], "profiles": [processes.PROFILE]}
        for name, count in units.items()
    ]
    for file, content in (
        (history_plan.FILE, {"stage": history}),
        (fleet_plan.FILE, {"machines": machines}),
    ):
        (folder / file).write_text(tomli_w.dumps(content), encoding="utf-8")


# -- an idle worker


class Idle:
    """An idle worker and its scheduler on this machine; and a process that makes steps beside them.
    Both are started when they are first asked for. It is a context, which ends them."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Idle:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @cached_property
    def fleet(self) -> Fleet:
        folder = fresh("idle")
        environ = fleets.of_machine(folder, MACHINE, common.surroundings(folder))
        fleet = self._stack.enter_context(Fleet(folder / "logs"))
        fleet.start(fleet.scheduler(folder, environ))
        fleet.start(fleet.worker(MACHINE, folder, environ))
        fleet.await_workers(1)
        time.sleep(SETTLED_S)
        return fleet

    @cached_property
    def stepper(self) -> Stepper:
        return self._stack.enter_context(Stepper(FOLDER / "stepping"))


class Stepper:
    """A process that makes steps of RELEASE; they are warm when this object is made. It is a
    context, which ends the process. ``folder``: for what the process leaves behind."""

    def __init__(self, folder: Path):
        python = processes.python_of(RELEASE)
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log"
        chosen = [f"{name}={value}" for name, value in PLAIN.items()]
        command = [str(python), stepping.__file__, FRAMEWORK, processes.PROFILE, *chosen]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=variables.for_release(common.surroundings(folder)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=die_with_parent,
            )
        try:
            self.cpu_s = cpu_clock(self._process.pid)
            self._answer()
        except BaseException:  # the caller does not get this object, and cannot end the process
            self.__exit__()
            raise

    def __enter__(self) -> Stepper:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def step_s(self) -> float:
        """The median seconds of STEPS steps. Raises SystemExit where the process has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{STEPS}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says why
        return statistics.median(self._answer())

    def _answer(self) -> list[float]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(stepping.ANSWER):
                return [float(value) for value in json.loads(line.removeprefix(stepping.ANSWER))]
        raise SystemExit(f"stepping.py has ended:\n{self._log.read_text()}")


def cpu_clock(pid: int) -> Callable[[], float]:
    """What reads the CPU seconds of a process. Raises SystemExit where the system has no such
    clock."""
    clock = clocks.cpu_clock(pid)
    if clock is None:
        raise SystemExit(f"the CPU seconds of the process {pid} cannot be read on this system")
    return clock


def turn(idle: Idle, plan: Plan, taken: Entries) -> Plan:
    """Steps while the worker runs, and while it is stopped; which comes first takes turns."""
    worker, stepper = idle.fleet.process(MACHINE), idle.stepper
    order = (RUNNING, STOPPED) if len(taken) % 2 == 0 else (STOPPED, RUNNING)

    def both() -> dict[str, float]:
        found = {}
        for side in order:
            worker.send_signal(signal.SIGSTOP if side == STOPPED else signal.SIGCONT)
            time.sleep(SETTLED_S)
            found[side] = round(stepper.step_s(), 6)
        return found

    began = time.monotonic()
    found = common.undisturbed(both, stepper.cpu_s)
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def step_plan(taken: Entries, processor: str) -> Plan | None:
    return {"turn": len(taken) + 1} if len(taken) < TURNS else None


def step_progress(taken: Entries) -> str:
    return f"{len(taken)} of {TURNS} turns"


def step_reached(taken: Entries) -> Reached:
    """The ratio of the medians, and its interval, which must lie inside what is wanted."""
    if len(taken) < 2:
        return Reached([])
    ratio = common.ratio_with_interval([(entry[RUNNING], entry[STOPPED]) for entry in taken])
    step_s = statistics.median(entry[STOPPED] for entry in taken)
    messages = [f"{ratio}; a step takes {step_s * 1e3:.1f} ms while the worker is stopped"]
    if len(taken) < TURNS:
        return Reached(messages)
    return Reached(messages, ratio.low >= 1 - STEP_WITHIN and ratio.high <= 1 + STEP_WITHIN)


def idle_cpu() -> int:
    """Report the CPU seconds of an idle worker, and of its scheduler, by seconds of the wall."""
    names = (MACHINE, SCHEDULER)
    with Idle() as idle:
        read = [cpu_clock(idle.fleet.process(name).pid) for name in names]
        before, began = [clock() for clock in read], time.monotonic()
        time.sleep(WATCHED_S)
        took_s = time.monotonic() - began
        worker, scheduler = (
            (clock() - was) / took_s for clock, was in zip(read, before, strict=True)
        )
    return common.report(
        f"idle-cpu: CPU seconds of an idle worker by seconds of the wall, over {WATCHED_S:g} s",
        f"at most {MOST_CPU:.1%} of a core",
        f"{worker:.3%} of a core; its scheduler: {scheduler:.3%}",
        worker <= MOST_CPU,
    )


# -- more machines, more units


def units() -> int:
    """Report how many times as fast MACHINES measure units that wait as one machine."""
    one_s = waited({"one": UNITS})
    several_s = waited({f"several-{n}": UNITS // MACHINES for n in range(1, MACHINES + 1)})
    return common.report(
        f"units: {UNITS} units that wait {waiting_worker.UNIT_S:g} s, {MACHINES} workers against "
        f"1, from the first hello to the last record",
        f"at least {TIMES_FASTER:g} times as fast",
        f"{one_s / several_s:.2f} times: {several_s:.1f} s against {one_s:.1f} s",
        one_s / several_s >= TIMES_FASTER,
    )


def waited(of_machines: Mapping[str, int]) -> float:
    """The seconds that the client takes until these machines, by their names, have waited for so
    many units each; their workers are connected before. Raises SystemExit where a unit fails."""
    folder = fresh(f"units-{len(of_machines)}")
    write_plan(folder, RELEASE, PATTERN, of_machines)
    program = (sys.executable, str(waiting_worker.__file__))
    environ = common.surroundings(folder)
    with Fleet(folder / "logs") as fleet:
        fleet.start(fleet.scheduler(folder, environ))
        for name in of_machines:
            own = fleets.of_machine(folder, name, environ)
            fleet.start(fleet.worker(name, folder, own, program))
        fleet.await_workers(len(of_machines))
        return _handed_out(folder, fleet, of_machines)


def _handed_out(folder: Path, fleet: Fleet, of_machines: Mapping[str, int]) -> float:
    from distributed import Client

    from vggbench.fleet.engine import DaskEngine

    said: list[str] = []
    request = hand_out.FleetRequest(
        budget=Budget(PATIENCE_S),
        processes=A_BLOCK * MOST_BLOCKS,
        threshold=THRESHOLD,
        environments=10**10,
        workers=len(of_machines),
    )
    checkout = Checkout(str(folder / "asv.conf.json"))
    with Client(fleet.address, set_as_default=False) as client:
        began = time.monotonic()
        status = hand_out.run(checkout, request, DaskEngine(client), said.append)
        took_s = time.monotonic() - began
    done = sum(" done (" in line for line in said)
    if status != 0 or done != sum(of_machines.values()):
        raise SystemExit("\n".join([*said, fleet.last_lines(), f"{done} units were done"]))
    return took_s


# -- the client alone


def client() -> int:
    """Report what the client costs a unit, without Dask and without what workers cost."""
    folder = fresh("client")
    write_plan(folder, RELEASE, PATTERN, {"*": UNITS_EACH})
    record = next(iter(sorted((common.ROOT / "results").glob("*/records/*.jsonl"))), None)
    if record is None:
        raise SystemExit("no record is in results/; measure one with: vggbench history")
    program = [sys.executable, str(SHARED / "client_alone.py")]
    settings = str(folder / "asv.conf.json")
    output = common.run([*program, settings, str(record), str(SIMULATED)], folder)
    return report_client(json.loads(output.splitlines()[-1]))


def report_client(found: Mapping[str, Any]) -> int:
    """Report the figures of client_alone.py. Raises SystemExit where these are of other work."""
    wanted = SIMULATED * UNITS_EACH
    if not found["units"] == found["records"] == wanted:
        raise SystemExit(f"{found['units']} units left {found['records']} records, not {wanted}")
    unit_s, peak = found["client_s"] / wanted, found["peak_bytes"]
    what = f"client: {wanted} units on {SIMULATED} simulated workers, a record of each, no Dask"
    return common.report(
        f"{what}: the client's own time a unit",
        f"at most {MOST_CLIENT_S * 1e3:g} ms",
        f"{unit_s * 1e3:.2f} ms; {found['workers_s'] / wanted * 1e3:.2f} ms that the simulated "
        f"workers took in the same thread are subtracted",
        unit_s <= MOST_CLIENT_S,
    ) | common.report(
        f"{what}: peak memory, the simulated workers' own included",
        f"at most {MOST_CLIENT_BYTES / 1e6:g} MB",
        f"{peak / 1e6:.0f} MB",
        peak <= MOST_CLIENT_BYTES,
    )


# -- kills


def moments(seed: int) -> Iterator[tuple[float, str]]:
    """Yield (seconds until the next kill, the part that is killed), without end."""
    draw = random.Random(seed)
    while True:
        yield draw.uniform(0.0, LONGEST_S), draw.choice((SCHEDULER, CLIENT, *BOXES))


def kills_plan(taken: Entries, processor: str) -> Plan | None:
    """The next fleet, whose seed is its number."""
    return {"seed": len(taken) + 1} if _kills(taken) < KILLS else None


def _kills(taken: Entries) -> int:
    return sum(sum(entry["killed"].values()) for entry in taken)


def kills_progress(taken: Entries) -> str:
    return f"{_kills(taken)} of {KILLS} kills"


def kills_reached(taken: Entries) -> Reached:
    if not taken:
        return Reached([])
    killed: Counter[str] = Counter()
    for entry in taken:
        killed.update(entry["killed"])
    records, lost, doubled = (
        sum(entry[key] for entry in taken) for key in ("records", "lost", "doubled")
    )
    whom = ", ".join(f"{name} {count} times" for name, count in sorted(killed.items()))
    seeds = ", ".join(str(entry["seed"]) for entry in taken)
    messages = [
        f"{records} records, {lost} lost and {doubled} doubled after {killed.total()} kills "
        f"({whom}; seeds: {seeds})"
    ]
    return Reached(messages, lost == doubled == 0 if killed.total() >= KILLS else None)


def kills(plan: Plan, taken: Entries) -> Plan:
    """Kill parts of a new fleet until there were KILLS in all or it has measured everything, and
    look for each record that was seen. Raises SystemExit where it does not measure everything."""
    began = time.monotonic()
    rows.say(f"kills: a fleet of {' and '.join(BOXES)}; the seed of its kills is {plan['seed']}")
    here, boxes = _tiny_checkouts(FOLDER / "kills")
    seen = Seen(here, boxes)
    with Fleet(FOLDER / "kills" / "logs") as fleet:
        parts = _parts(fleet, here, boxes)
        killed = _survive(fleet, parts, moments(plan["seed"]), KILLS - _kills(taken), seen)
    seen.look()
    kept = seen.kept()
    return {
        "killed": dict(killed),
        "records": len(kept),
        "lost": len(lost(seen.lines, kept)),
        "doubled": doubled(kept),
        "seconds": round(time.monotonic() - began, 1),
    }


def _tiny_checkouts(folder: Path) -> tuple[Tiny, dict[str, Tiny]]:
    """The client's checkout and those of the machines, by their names; nothing is installed."""
    sys.path.insert(0, str(common.ROOT))
    from tests.tiny import Tiny

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    here = Tiny.make(folder / CLIENT)
    (here.folder / history_plan.FILE).write_text(tomli_w.dumps(HISTORY), encoding="utf-8")
    return here, {name: here.copy(folder / name) for name in BOXES}


def _parts(fleet: Fleet, here: Tiny, boxes: Mapping[str, Tiny]) -> dict[str, Part]:
    def environ(tiny: Tiny, name: str) -> dict[str, str]:
        with mock.patch.dict(os.environ, {machine_lock.VARIABLE: ""}):
            own = tiny.environ(PYTHONPATH=str(UNDISTURBED))
        return fleets.of_machine(FOLDER / "kills" / "machines", name, own)

    of_client = environ(here, CLIENT)
    options = ["--workers", str(len(BOXES)), "--processes", str(FEW_PROCESSES), "--budget", "2h"]
    command = [str(common.VGGBENCH), "fleet", "run", fleet.address, *options]
    return {
        SCHEDULER: fleet.scheduler(here.folder, of_client),
        **{
            name: fleet.worker(name, tiny.folder, environ(tiny, name))
            for name, tiny in boxes.items()
        },
        CLIENT: Part(CLIENT, command, here.folder, of_client),
    }


def _survive(
    fleet: Fleet,
    parts: Mapping[str, Part],
    drawn: Iterator[tuple[float, str]],
    most: int,
    seen: Seen,
) -> Counter[str]:
    """Start the parts, kill them as ``drawn``, ``most`` times at most, and start again what has
    ended, until the client says that all is measured. Returns how often each was killed."""
    for part in parts.values():
        fleet.start(part)
    killed: Counter[str] = Counter()
    given_up = time.monotonic() + PATIENCE_S
    wait_s, victim = next(drawn)
    next_s = time.monotonic() + wait_s
    while not _is_all_measured(fleet):
        if time.monotonic() > given_up:
            raise SystemExit(
                f"not all is measured after {PATIENCE_S:g} s and {killed.total()} kills:\n"
                f"{fleet.last_lines()}"
            )
        is_due = killed.total() < most and time.monotonic() >= next_s
        if is_due and fleet.process(victim).poll() is None:
            fleet.kill(victim)
            killed[victim] += 1
            wait_s, victim = next(drawn)
            next_s = time.monotonic() + wait_s
        seen.look()
        for name, part in parts.items():
            if fleet.process(name).poll() is not None:
                fleet.start(part)
        time.sleep(LOOK_S)
    return killed


def _is_all_measured(fleet: Fleet) -> bool:
    """Whether the client has ended well, and has said of both machines that all is measured."""
    if fleet.process(CLIENT).poll() != 0:
        return False
    said = fleet.said(CLIENT)
    return all(any(line == f"{name}: all is measured" for line in said) for name in BOXES)


class Seen:
    """The ``lines`` of records that were seen so far, each with its machine: in a mirror, or in the
    client's checkout ``here``. ``boxes``: the checkouts of the machines, by their names."""

    def __init__(self, here: Tiny, boxes: Mapping[str, Tiny]):
        self.lines: set[tuple[str, bytes]] = set()
        self._client = {name: here.results / name / "records" for name in boxes}
        self._mirrors = {
            name: tiny.checkout.env_dir / on_machine.MIRRORS / name / "results" / name / "records"
            for name, tiny in boxes.items()
        }

    def look(self) -> None:
        for folders in (self._mirrors, self._client):
            self.lines.update(_lines(folders))

    def kept(self) -> list[tuple[str, bytes]]:
        """All lines in the client's checkout, each with its machine, as often as they are there."""
        return list(_lines(self._client))


def _lines(folders: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
    """Yield (machine, line) of all whole lines that are records."""
    for name, folder in folders.items():
        for path in sorted(folder.glob("*.jsonl")):
            for line in _content(path).splitlines(keepends=True):
                # What has no end is being written, or was when its process was killed.
                if line.endswith(b"\n") and _record(line) is not None:
                    yield name, line


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a mirror's file, of which the client has none
        return b""


def _record(line: bytes) -> Record | None:
    try:
        return Record.from_json(json.loads(line))
    except ValueError:
        return None


def lost(
    seen: Collection[tuple[str, bytes]], kept: Collection[tuple[str, bytes]]
) -> set[tuple[str, bytes]]:
    """The lines that were seen and are not kept."""
    return set(seen) - set(kept)


def doubled(kept: Iterable[tuple[str, bytes]]) -> int:
    """How many of the lines are of a process that another line is of, too."""
    counts: Counter[object] = Counter()
    for name, line in kept:
        record = _record(line)
        if record is not None:
            counts[name, record.identity] += 1
    return sum(count - 1 for count in counts.values())


# -- the rows

#: The rows that are measured anew at each call, by what measures them and returns the exit status.
QUICK: dict[str, Callable[[], int]] = {"idle-cpu": idle_cpu, "units": units, "client": client}

IDLE_STEP = "idle-step"

ROWS = {
    IDLE_STEP: Row(
        f"a step of {RELEASE} {' '.join(PLAIN.values())} while an idle worker runs, by one while "
        f"it is stopped, medians of {STEPS} steps in {TURNS} turns",
        f"interval inside {1 - STEP_WITHIN:g} to {1 + STEP_WITHIN:g}",
        plan=step_plan,
        progress=step_progress,
        reached=step_reached,
        measure=turn,
    ),
    "kills": Row(
        f"{KILLS} random kills of a scheduler, a client or one of {len(BOXES)} workers, each "
        f"started again: records that are lost, and records that are doubled",
        "0 and 0",
        plan=kills_plan,
        progress=kills_progress,
        reached=kills_reached,
        measure=kills,
    ),
}


def state_of(name: str) -> copies.State:
    """What the row of that name has measured."""
    return copies.State(STATE / f"{name}.jsonl")


def go_on(names: Sequence[str], budget: Budget) -> None:
    """Go on with those of the ROWS."""
    with Idle() as idle:
        for name in names:
            given = [idle] if name == IDLE_STEP else []
            rows.go_on(name, ROWS[name], state_of(name), budget, *given)


def main() -> int:
    options = rows.options(__doc__, [*QUICK, *ROWS])
    asked = options.row or [*QUICK, *ROWS]
    status = 0
    try:
        if options.row and not options.report:
            go_on([name for name in asked if name in ROWS], Budget(options.budget))
        for name in [] if options.report else asked:
            status |= QUICK[name]() if name in QUICK else 0
    except VggbenchError as err:
        raise SystemExit(str(err)) from None
    missed = [rows.report(name, ROWS[name], state_of(name)) for name in asked if name in ROWS]
    return 1 if status or any(missed) else 0


if __name__ == "__main__":
    sys.exit(main())
