"""Blocks of duets, measured on real releases. Each row has a figure that they must reach.

    python perf/duets.py aa-tensorflow --budget 60m    # goes on with a row
    python perf/duets.py                               # prints all rows

What a row has measured is kept in perf/state/duets/, a JSON object a line (an entry). The row goes
on from there, on any machine, because only ratios pool over processors. A row begins nothing new
once its budget is spent. The environments are those of this checkout, but the results are not: a
row measures in a throw-away checkout, .asv/duets/checkout. Except in rows that say so, a
measurement that others disturbed is taken again (perf/shared/common.py). The seconds for which the
machine was waited for are kept beside those that were measured, and count for nothing.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import planted
from shared import common, copies, rows
from shared import duet_figures as figures
from shared.duet_figures import Rule
from shared.rows import Entries, Entry, Plan, Row, local

from vggbench import records
from vggbench.campaigns import taking
from vggbench.campaigns.budget import Budget
from vggbench.errors import VggbenchError
from vggbench.judging import duets as judging
from vggbench.judging.measures import PEAK_MEMORY, STEP
from vggbench.judging.state import values_of
from vggbench.records import Record
from vggbench.releases.environments import Environments, require_lock
from vggbench.runs import duet
from vggbench.runs.duet import Subject
from vggbench.runs.installation import Installation
from vggbench.runs.local import Local, Runner
from vggbench.runs.suite import Configured
from vggbench.stats import blocks
from vggbench.stats.judge import Process, level_of

DEVICE, PROFILE = "cpu", "cpu-quick"
STATE = common.ROOT / "perf" / "state" / "duets"
FOLDER = common.ROOT / ".asv" / "duets"

TENSORFLOW = "tensorflow-2.21.0"
PLAIN = "NHWC none off"
TORCH, TORCH_PLAIN = "torch-2.15.0", "NCHW none off"
FOUR = ("NHWC none off", "NHWC fused off", "NCHW none off", "NCHW fused off")

#: One plain configuration of each framework, and the one with XLA.
OF_ALL = (
    (TENSORFLOW, PLAIN),
    (TENSORFLOW, "NHWC none on"),
    ("keras-3.15.1", "tensorflow NHWC none off"),
    ("theano-1.0.5", "none"),
)

#: Releases that are known to differ: before, after, configuration.
REAL = {
    "tensorflow 2.10.1/2.21.0": ("tensorflow-2.10.1", TENSORFLOW, PLAIN),
    "tensorflow 2.8.4/2.9.3": ("tensorflow-2.8.4", "tensorflow-2.9.3", PLAIN),
    "tensorflow 2.10.1/2.21.0 XLA": ("tensorflow-2.10.1", TENSORFLOW, "NHWC none on"),
    "keras 3.0.5/3.15.1": ("keras-3.0.5", "keras-3.15.1", "tensorflow NHWC none off"),
    "theano 0.8.2/1.0.5": ("theano-0.8.2", "theano-1.0.5", "none"),
}

#: A block waits for a quiet machine, or is taken again beside bursts until it counts, for so many
#: seconds at most.
PATIENCE_S = 600.0

#: Two installations of one lock share no file larger than this many bytes.
SHARED_MOST = 100_000


class Bench:
    """Measures on this machine, in a throw-away checkout in ``folder``.

    It is a context, which is closed between rows. All blocks of a row that are measured at one go
    have the same runner, because which of two subjects makes the first step changes from block to
    block of a runner.
    """

    def __init__(self, folder: Path = FOLDER):
        self.folder = folder
        self._runners: dict[Path, Runner] = {}
        self._stack = contextlib.ExitStack()
        self._planted: dict[float, tuple[Local, tuple[Subject, Subject]]] = {}
        self._pythons: dict[tuple[Path, str], Path] = {}

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        self._runners.clear()

    @cached_property
    def here(self) -> Local:
        """This machine in the throw-away checkout, which is made where it is missing."""
        folder = self.folder / "checkout"
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            common.checkout(folder, benchmarks=common.ROOT / "benchmarks")
            (folder / "whole").touch()
        return local(folder)

    def subject(self, name: str, configuration: str, here: Local | None = None) -> Subject:
        """The release of that name as this checkout installs it, in a configuration (its words)."""
        here = here or self.here
        release = here.catalogue.by_name[name]
        python = self._python(here.checkout.environments, name)
        lock = require_lock(release, DEVICE)
        installation = Installation(
            release=release, profile=PROFILE, interpreter=str(python), lock=lock
        )
        return Subject(
            installation=installation, configured=_configured(here, installation, configuration)
        )

    def again(self, subject: Subject) -> Subject:
        """The same subject, installed a second time from the same lock, in another folder.

        Its files are copies. uv links files into its cache, so without copies they would be the
        same files as those of the first installation, in the same pages of memory.
        """
        second = Environments(self.folder / "second" / "releases", self.here.catalogue)
        python = self._python(second, subject.installation.release.name)
        _copied(python.parent.parent / "lib")
        shared = _files(Path(subject.installation.interpreter)) & _files(python)
        if shared:
            raise SystemExit(f"{len(shared)} files of the two installations are the same files")
        return Subject(
            installation=replace(subject.installation, interpreter=str(python)),
            configured=subject.configured,
        )

    def _python(self, environments: Environments, name: str) -> Path:
        """The interpreter of a release in these environments, which is made sure of once."""
        key = environments.folder, name
        if key not in self._pythons:
            release = environments.catalogue.by_name[name]
            lock = require_lock(release, DEVICE)
            self._pythons[key] = environments.ensure(release, lock.name, rows.say)
        return self._pythons[key]

    def with_slow_down(self, slow_down: float) -> tuple[Local, tuple[Subject, Subject]]:
        """A checkout with two copies of TENSORFLOW, and both copies.

        The step of the second copy takes longer by ``slow_down``, a ratio less one (planted.py).
        """
        if slow_down not in self._planted:
            folder = self.folder / f"planted-{slow_down * 100:g}"
            folder.mkdir(parents=True, exist_ok=True)
            version = TENSORFLOW.removeprefix("tensorflow-")
            copied = copies.CopiedTrack(folder / "checkout", version, folder / "env")
            names = copied.add(0), copied.add(1, [planted.wheel(folder, slow_down)])
            here = local(copied.folder)
            before, after = (self.subject(name, PLAIN, here) for name in names)
            self._planted[slow_down] = here, (before, after)
        return self._planted[slow_down]

    def block(
        self,
        subjects: tuple[Subject, Subject],
        here: Local | None = None,
        step_s: float | None = None,
    ) -> Entry:
        """Measure a block as the product does where it knows the seconds of a step (``step_s``).

        It waits for a quiet machine, for PATIENCE_S at most. Raises SystemExit where a duet does
        not end well.
        """
        here = here or self.here
        runner = self._runner(here)
        began = time.monotonic()

        def patience(share: float) -> bool:
            time.sleep(taking.POLL_S)
            return time.monotonic() - began < PATIENCE_S

        duets = runner.block(subjects, step_s, patience=patience)
        return of_block(duets, time.monotonic() - began, here)

    def block_whatever_others_do(self, subjects: tuple[Subject, Subject]) -> Entry:
        """Measure a block that waits for no quiet machine.

        Its entry has the samples, and what the clocks saw of each sample. Raises SystemExit where a
        duet does not end well.
        """
        runner = self._runner(self.here)
        began = time.monotonic()
        duets = duet.block(runner.run, subjects)
        return of_block(duets, time.monotonic() - began, self.here, samples=True)

    def process(self, subject: Subject) -> Record:
        """Measure a process by itself. Raises SystemExit where it does not end well."""
        record = self._runner(self.here).measure_installed(subject.installation, subject.configured)
        if record.outcome != records.OK:
            raise SystemExit(records.progress_message(record))
        return record

    def _runner(self, here: Local) -> Runner:
        """The runner of a checkout, which lives until this context is closed."""
        root = here.checkout.root
        if root not in self._runners:
            runner = self._stack.enter_context(here.runner(records.DUET))
            self._runners[root] = runner
        return self._runners[root]


def _configured(here: Local, installation: Installation, configuration: str) -> Configured:
    """What measures the release of an installation in a configuration (its words)."""
    timed = here.suite.timed_of(installation.release, [], here.catalogue)
    return next(configured for configured in timed if configured.words == configuration)


def _copied(folder: Path) -> None:
    """Replace each file that has other names too by a copy."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1:
            copy = path.with_name(path.name + ".copy")
            shutil.copy2(path, copy)
            copy.replace(path)


def _files(python: Path) -> set[tuple[int, int]]:
    """The large files of the packages of an environment: (device, inode) of each."""
    large = set()
    for path in (python.parent.parent / "lib").rglob("*"):
        stat = path.lstat()
        if stat.st_size > SHARED_MOST:
            large.add((stat.st_dev, stat.st_ino))
    return large


# -- what an entry has of a block


def of_block(
    taken: Sequence[duet.BothRecords], seconds: float, here: Local, samples: bool = False
) -> Plan:
    """The entry of a block.

    taken: the records of its duets. seconds: what the block took. samples: whether the entry has
    the samples. Raises SystemExit where a duet did not end well.
    """
    duets = []
    for of_duet in taken:
        for record in of_duet:
            if record is not None and record.outcome not in (records.OK, records.INTERRUPTED):
                raise SystemExit(records.progress_message(record))
        first, second = of_duet
        if first is None or second is None or not duet.ended_well(of_duet):
            raise SystemExit("a duet was cut off")
        duets.append(judging.DuetRecords(first, second))
    four = [record for duet_records in duets for record in duet_records]
    whole, left_out = judging.gather(here.machine, four, here.catalogue)
    logs = [
        blocks.duet(*steps) for duet_records in duets if (steps := duet_records.values(STEP.key))
    ]
    return {
        "log": round(blocks.block(*logs), 6),
        "left_out": None if whole else next(iter(left_out), "not whole"),
        "seconds": round(seconds, 1),
        "others": round(judging.others_share(duets), 4),
        "waiting": round(max(map(judging.waiting_share, duets)), 4),
        "duets": [
            {
                "log": round(log, 6),
                "sides": [_of_process(record, duet_records, samples) for record in duet_records],
            }
            for log, duet_records in zip(logs, duets, strict=True)
        ],
    }


def _of_process(record: Record, of_duet: judging.DuetRecords, samples: bool) -> Plan:
    """What an entry has of a process of a duet.

    Shares are of the time of the process's own steps. The share of ``waiting`` is of the time of
    its partner's steps. samples: whether the entry has the samples.
    """
    steps = list(record.samples)
    partner = of_duet.second if record is of_duet.first else of_duet.first
    in_all = sum(steps)
    facts = {
        "started": record.duet["started"],
        "begins": record.duet["begins"],
        "step_s": round(statistics.median(steps), 5),
        "cpu_by_wall": _share(record.sample_cpu_s, in_all),
        # While this process waited, its partner made its steps.
        "waiting": _share(record.waiting_cpu_s, sum(partner.samples)),
        "others": _share(record.others_cpu_s, in_all * record.cpus),
        "steal": _share(record.steal_s, in_all * record.cpus),
        "first_step_s": round(record.by_product("track_first_step"), 3),
        "peak_memory_bytes": record.by_product("track_peak_memory"),
    }
    if samples:
        facts["samples"] = [round(sample, 5) for sample in steps]
        for key in ("sample_cpu_s", "waiting_cpu_s", "others_cpu_s"):
            facts[key] = getattr(record, key)
    return facts


def _share(seconds: Any, whole_s: float) -> float | None:
    """The sum of the seconds that are known, by ``whole_s``; None where none are known."""
    known = [sample_s for sample_s in seconds or [] if sample_s is not None]
    return round(sum(known) / whole_s, 4) if known else None


def _quiet(measure: Callable[[], Entry]) -> Plan:
    """The entry of what is measured on a quiet machine, and the seconds that it waited for that."""
    began = time.monotonic()
    entry = dict(common.undisturbed(measure))
    entry["waited_s"] = round(time.monotonic() - began - entry["seconds"], 1)
    return entry


# -- what rows measure


def same(bench: Bench, plan: Plan, taken: Entries, *, release: str, configuration: str) -> Plan:
    """A block of two installations of one lock."""
    subject = bench.subject(release, configuration)
    subjects = subject, bench.again(subject)
    return _quiet(lambda: bench.block(subjects, step_s=_step_s(taken)))


def _step_s(taken: Entries) -> float | None:
    """Seconds of a step by the last of these blocks."""
    known = [
        side["step_s"]
        for entry in taken[-1:]
        for duet_ in entry["duets"]
        for side in duet_["sides"]
    ]
    return statistics.median(known) if known else None


def quiet_deviation(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """A block of a release with itself, and as long processes in turns, on a quiet machine."""
    subject = bench.subject(TENSORFLOW, PLAIN)
    entry = _quiet(lambda: bench.block((subject, subject)))
    process = partial(_process_level, bench, subject)
    return entry | in_turns(lambda: _quiet(process), entry["seconds"], taken)


def burst_deviation(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """A block of a release with itself, and as long processes in turns, beside bursts of work.

    Only the product waits for a quiet machine. Its waiting counts, and the seconds of blocks that
    no verdict would count do so too.
    """
    subject = bench.subject(TENSORFLOW, PLAIN)
    with common.beside("--seed", str(len(taken))):
        entry = dict(_counting_block(bench, subject))
        process = partial(_process_level, bench, subject)
        return entry | in_turns(process, entry["seconds"], taken)


def _counting_block(bench: Bench, subject: Subject) -> Entry:
    """A block of a subject with itself, which is tried again until it counts or the patience ends.

    The seconds are those of all that were tried. Where none counts there is no "log".
    """
    began = time.monotonic()
    tried = []
    while True:
        tried.append(bench.block((subject, subject)))
        if tried[-1]["left_out"] is None or time.monotonic() - began > PATIENCE_S:
            break
    entry = {**tried[-1], "seconds": round(time.monotonic() - began, 1)}
    if entry["left_out"] is not None:
        entry["log"] = None
    entry["tried"] = [[block["log"], block["others"], block["seconds"]] for block in tried]
    return entry


def same_beside_bursts(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """A block of a release with itself, beside bursts of work."""
    subject = bench.subject(TORCH, TORCH_PLAIN)
    with common.beside("--seed", str(len(taken))):
        return dict(_counting_block(bench, subject))


def in_turns(process: Callable[[], Entry], seconds: float, taken: Entries) -> Plan:
    """Measure processes A B, B A, ... until they took as long as blocks, to half a pair.

    seconds: what the block of this entry took. The entries so far (``taken``) may owe some more.
    """
    owed_s = seconds + figures.owed_s(taken)
    levels: tuple[list[float], list[float]] = [], []
    spent_s = pair_s = 0.0
    while not levels[0] or owed_s - spent_s >= pair_s / 2:
        order = (0, 1) if len(levels[0]) % 2 == 0 else (1, 0)
        for place in order:
            measured = process()
            levels[place].append(measured["level"])
            spent_s += measured["seconds"]
        pair_s = spent_s / len(levels[0])
    return {
        "processes_log": round(figures.turns_log(levels), 6),
        "processes_s": round(spent_s, 1),
        "levels": [[round(level, 5) for level in of_side] for of_side in levels],
    }


def _process_level(bench: Bench, subject: Subject) -> Entry:
    """Measure a process by itself: its level, and the seconds that it took."""
    began = time.monotonic()
    record = bench.process(subject)
    level = level_of(Process(record.run, values_of(record)[STEP.key]))
    return {"level": level, "seconds": time.monotonic() - began}


def planted_trial(bench: Bench, plan: Plan, taken: Entries, *, slow_down: float) -> Plan:
    """A block of two copies of a release, of which the second is slowed down."""
    here, subjects = bench.with_slow_down(slow_down)
    noise = _noise_of(taken, "trial", plan["trial"])
    return {**_quiet(lambda: bench.block(subjects, here)), "noise": noise}


def _noise_of(taken: Entries, key: str, name: Any) -> Plan:
    """The noise that a trial or a round knows beforehand.

    Where it has begun, its entries have the noise. Before that, the blocks of aa-tensorflow tell
    it. key: "trial" or "round". name: what the entries of the trial or round have under that key.
    """
    for entry in taken:
        if entry[key] == name:
            return dict(entry["noise"])
    same_release = state_of("aa-tensorflow").read()
    return asdict(figures.calibrated(same_release, rows.processor()))


def round_of_four(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """A block of two installations of one lock, in the configuration of the plan."""
    subject = bench.subject(TENSORFLOW, plan["configuration"])
    subjects = subject, bench.again(subject)
    noise = _noise_of(taken, "round", plan["round"])
    return {**_quiet(lambda: bench.block(subjects)), "noise": noise}


def memory_process(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """An ordinary process of the plan's subject."""
    release, _, configuration = plan["subject"].partition(" ")
    subject = bench.subject(release, configuration)

    def process() -> Entry:
        began = time.monotonic()
        record = bench.process(subject)
        return {
            "benchmark": record.benchmark,
            "configuration": dict(record.configuration),
            "started": record.started,
            "process_s": round(record.process_s, 1),
            "samples": [round(sample, 5) for sample in record.samples],
            "peak_memory_bytes": values_of(record)[PEAK_MEMORY.key][0],
            "seconds": round(time.monotonic() - began, 1),
        }

    return _quiet(process)


def agreement(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """A block of two real releases, or a process of one of them."""
    before, after, configuration = REAL[plan["pair"]]
    subjects = bench.subject(before, configuration), bench.subject(after, configuration)
    if "side" not in plan:
        earlier = [
            entry for entry in taken if entry["pair"] == plan["pair"] and "side" not in entry
        ]
        return _quiet(lambda: bench.block(subjects, step_s=_step_s(earlier)))

    def process() -> Entry:
        measured = _process_level(bench, subjects[plan["side"]])
        return {"level": round(measured["level"], 6), "seconds": round(measured["seconds"], 1)}

    return _quiet(process)


def load_bias(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """A block of a release with itself, beside another process that computes all the time."""
    subject = bench.subject(TENSORFLOW, PLAIN)
    with common.beside("--steady"):
        return dict(bench.block_whatever_others_do((subject, subject)))


#: The configurations of the whole release, and within how many seconds all must be answered.
CONFIGURATIONS, WITHIN_S = 12, 3600.0

#: The release before, and the budget of `vggbench confirm`.
BEFORE_IT, ITS_BUDGET = "tensorflow-2.20.0", "90m"


def whole_release(bench: Bench, plan: Plan, taken: Entries) -> Plan:
    """A release against the release before, from nothing to all answered.

    It is asked for as a user would: with ``vggbench confirm`` in a checkout without results, whose
    environments are installed already.
    """
    for name in (BEFORE_IT, TENSORFLOW):
        bench.subject(name, PLAIN)
    folder = bench.folder / "release"
    shutil.rmtree(folder, ignore_errors=True)
    common.checkout(folder, benchmarks=common.ROOT / "benchmarks")
    against = [TENSORFLOW, "--against", BEFORE_IT]
    log = folder / "log"
    began = time.monotonic()
    with log.open("w") as file:
        done = subprocess.run(
            [str(common.VGGBENCH), "confirm", *against, "--budget", ITS_BUDGET],
            cwd=folder,
            env=common.surroundings(folder),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    seconds = time.monotonic() - began
    if done.returncode not in (0, 1, 2):
        raise SystemExit(f"vggbench confirm ended with {done.returncode}:\n{log.read_text()}")
    verdicts = common.step_verdicts(folder, *against)
    if not verdicts:
        raise SystemExit(f"vggbench verdict printed no verdicts\n{log.read_text()}")
    return {
        "seconds": round(seconds, 1),
        "status": done.returncode,
        "outcomes": {verdict["words"]: verdict["outcome"] for verdict in verdicts},
        "blocks": {verdict["words"]: verdict["blocks"] for verdict in verdicts},
    }


# -- the rows


def _same(release: str, configuration: str, wanted: int, within: float, of_each: int = 0) -> Row:
    """The row of blocks of two installations of one lock, ``of_each`` or more on a processor."""
    return Row(
        f"A/A between two installations of one lock, {release} {configuration}, {wanted} blocks",
        f"90 % interval of the mean inside +-{within:.1%}",
        plan=partial(figures.same_plan, wanted=wanted, of_each=of_each),
        progress=partial(figures.same_progress, wanted=wanted),
        reached=partial(figures.same_reached, within=within),
        measure=partial(same, release=release, configuration=configuration),
    )


def _deviation(where: str, most: float, measure: Callable[[Bench, Plan, Entries], Plan]) -> Row:
    """The row of the deviation of blocks by that of processes; ``where``: on which machine."""
    wanted = 20
    return Row(
        f"deviation of a block by that of processes in turns at equal seconds, A/A, {where}",
        f"at most {most:g}",
        plan=partial(figures.deviation_plan, wanted=wanted),
        progress=partial(figures.deviation_progress, wanted=wanted),
        reached=partial(figures.deviation_reached, most=most),
        measure=measure,
    )


def _planted(slow_down: float, threshold: float, least: int) -> Row:
    """The row of a planted slow-down, which must be found ``least`` times."""
    rule = Rule(threshold=threshold, limit_s=360.0)
    wanted = 10
    return Row(
        f"{slow_down:.0%} planted in {TENSORFLOW} {PLAIN}, at a threshold of {threshold:.0%}, one "
        f"configuration judged; until sure, 20 blocks or 6 minutes a trial; noise as the first "
        f"{figures.CALIBRATING} blocks of aa-tensorflow on the same processor tell it",
        f"found at least {least} times of {wanted}",
        plan=partial(figures.planted_plan, wanted=wanted, rule=rule),
        progress=partial(figures.planted_progress, wanted=wanted, rule=rule),
        reached=partial(figures.planted_reached, wanted=wanted, rule=rule, least=least),
        measure=partial(planted_trial, slow_down=slow_down),
    )


ROUNDS_RULE = Rule(comparisons=len(FOUR))
ROUNDS = 20
COMPARISONS = 20
AGREEMENT_BLOCKS = 6
LOADED_BLOCKS = 8
BURST_BLOCKS = 20

ROWS = {
    "aa-tensorflow": _same(TENSORFLOW, PLAIN, 30, 0.01, figures.CALIBRATING),
    "aa-keras": _same("keras-3.15.1", "tensorflow NHWC none off", 15, 0.015),
    "aa-theano": _same("theano-1.0.5", "none", 15, 0.015),
    "aa-xla": _same(TENSORFLOW, "NHWC none on", 15, 0.015),
    "deviation-quiet": _deviation("on a quiet machine", 1.0, quiet_deviation),
    "deviation-bursts": _deviation(
        "beside a process that works in bursts of 5 to 60 s, waiting counted", 0.25, burst_deviation
    ),
    "torch-bursts": Row(
        f"A/A of {TORCH} {TORCH_PLAIN}, beside a process that works in bursts of 5 to 60 s, "
        f"{BURST_BLOCKS} blocks",
        "90 % interval of the mean inside +-2 %; what is busy is refused",
        plan=partial(figures.load_plan, wanted=BURST_BLOCKS),
        progress=partial(figures.load_progress, wanted=BURST_BLOCKS),
        reached=partial(figures.same_reached, within=0.02),
        measure=same_beside_bursts,
    ),
    "planted-3": _planted(0.03, 0.02, 10),
    "planted-2": _planted(0.02, 0.01, 9),
    "rounds": Row(
        f"{ROUNDS} rounds of A/A between two installations of one lock, {TENSORFLOW}, "
        f"{len(FOUR)} configurations judged together, until sure or 20 blocks; noise as in planted",
        "false alarms: at most 1; unchanged: at least 90 %",
        plan=partial(figures.rounds_plan, wanted=ROUNDS, configurations=FOUR, rule=ROUNDS_RULE),
        progress=partial(
            figures.rounds_progress, wanted=ROUNDS, configurations=FOUR, rule=ROUNDS_RULE
        ),
        reached=partial(
            figures.rounds_reached, wanted=ROUNDS, configurations=FOUR, rule=ROUNDS_RULE
        ),
        measure=round_of_four,
    ),
    "memory": Row(
        f"peak memory, A/A, {COMPARISONS} comparisons of {figures.MEMORY_PROCESSES} ordinary "
        f"processes a side, of {', '.join(map(' '.join, OF_ALL))}",
        "unchanged: 95 %",
        plan=partial(figures.memory_plan, wanted=COMPARISONS, subjects=OF_ALL),
        progress=partial(figures.memory_progress, wanted=COMPARISONS, subjects=OF_ALL),
        reached=partial(figures.memory_reached, wanted=COMPARISONS, subjects=OF_ALL),
        measure=memory_process,
    ),
    "agreement": Row(
        f"real releases on a quiet machine, two and two: {AGREEMENT_BLOCKS} blocks, and as many "
        f"processes by themselves in turns as they start",
        f"blocks and processes do not surely differ ({1 - figures.DISAGREE:.0%}) about any",
        plan=partial(figures.agreement_plan, comparisons=list(REAL), wanted=AGREEMENT_BLOCKS),
        progress=partial(
            figures.agreement_progress, comparisons=list(REAL), wanted=AGREEMENT_BLOCKS
        ),
        reached=partial(figures.agreement_reached, comparisons=list(REAL), wanted=AGREEMENT_BLOCKS),
        measure=agreement,
    ),
    "release": Row(
        f"{TENSORFLOW} against {BEFORE_IT}, {CONFIGURATIONS} configurations, environments warm, by "
        f"vggbench confirm",
        f"all answered within {WITHIN_S / 60:.0f} min",
        plan=figures.release_plan,
        progress=figures.release_progress,
        reached=partial(figures.release_reached, configurations=CONFIGURATIONS, within_s=WITHIN_S),
        measure=whole_release,
    ),
    "load-bias": Row(
        f"A/A of {TENSORFLOW} {PLAIN} beside a process that computes all the time, "
        f"{LOADED_BLOCKS} blocks",
        "tells what the bias follows",
        plan=partial(figures.load_plan, wanted=LOADED_BLOCKS),
        progress=partial(figures.load_progress, wanted=LOADED_BLOCKS),
        reached=figures.load_reached,
        measure=load_bias,
    ),
}


def state_of(name: str) -> copies.State:
    """What the row of that name has measured."""
    return copies.State(STATE / f"{name}.jsonl")


def main() -> int:
    options = rows.options(__doc__, list(ROWS))
    if options.row and not options.report:
        budget = Budget(options.budget)
        try:
            for name in options.row:
                with Bench() as bench:
                    rows.go_on(name, ROWS[name], state_of(name), budget, bench)
        except VggbenchError as err:
            raise SystemExit(str(err)) from None
    missed = [rows.report(name, ROWS[name], state_of(name)) for name in options.row or ROWS]
    return 1 if any(missed) else 0


if __name__ == "__main__":
    sys.exit(main())
