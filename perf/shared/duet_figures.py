"""The figures of duets.py: what a row measures next, and what its entries come to.

All functions take numbers, and return numbers and messages. A row has entries: the JSON objects of
its state file, oldest first. Each entry has ``processor`` and ``seconds``, and ``waited_s`` where
the machine was waited for before it. An entry of a block has ``log``, the natural logarithm of the
second subject by the first. Its ``left_out`` says why no verdict would count the block, and is null
where a verdict would. Only ratios pool over processors.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from vggbench import records
from vggbench.inside import measure
from vggbench.judging import evidence, verdicts
from vggbench.judging.measures import PEAK_MEMORY
from vggbench.records import Record
from vggbench.releases.catalogue import Catalogue, Release
from vggbench.releases.environments import require_lock
from vggbench.stats import blocks, robust
from vggbench.stats.blocks import BlockNoise
from vggbench.stats.policy import (
    IMPROVED,
    MOST_BLOCKS,
    NOT_SURE,
    REGRESSED,
    THRESHOLD,
    UNCHANGED,
)

from . import common, copies
from .rows import Entries, Entry, Plan, Reached

#: So many blocks of a release with itself tell the noise that a trial begins with. A calibration of
#: two configurations would take five blocks of each.
CALIBRATING = 10

#: The processes by themselves that are compared with one block: a block starts so many.
PROCESSES_A_BLOCK = 4

#: Draws of a bootstrap, and its seed.
DRAWS, SEED = 4000, 0

#: The processes of one side of a comparison of peak memory.
MEMORY_PROCESSES = 3

#: Duets and processes are said to disagree about two releases where chance makes them differ so
#: rarely. With five comparisons, at least one would disagree by chance once in 20 times.
DISAGREE = 0.01


def processors(taken: Entries) -> dict[str, list[Entry]]:
    """The entries of each processor."""
    return grouped(taken, "processor")


def grouped(taken: Entries, key: str) -> dict[Any, list[Entry]]:
    """The entries by what they have under ``key``."""
    groups: dict[Any, list[Entry]] = {}
    for entry in taken:
        groups.setdefault(entry[key], []).append(entry)
    return groups


def counted(taken: Entries) -> list[Entry]:
    """The blocks that a verdict would count."""
    return [entry for entry in taken if entry.get("log") is not None and entry["left_out"] is None]


def logs_of(taken: Iterable[Entry]) -> list[float]:
    """The ``log`` of each block."""
    return [float(entry["log"]) for entry in taken]


def interval(logs: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """The mean of two or more numbers, and Student's interval of it: (mean, low, high)."""
    middle = statistics.fmean(logs)
    quantile = float(special.stdtrit(len(logs) - 1, (1 + confidence) / 2))
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return middle, middle - half, middle + half


def per_cent(log: float) -> str:
    """The logarithm of a ratio as a change in per cent, for people."""
    return f"{math.expm1(log):+.2%}"


def mean_text(logs: Sequence[float], confidence: float) -> str:
    """The mean of logarithms of ratios and its interval, for people."""
    if len(logs) < 2:
        return ", ".join(map(per_cent, logs)) or "nothing"
    middle, low, high = interval(logs, confidence)
    return (
        f"{per_cent(middle)} ({confidence:.0%} interval {per_cent(low)} to {per_cent(high)}), "
        f"deviation {statistics.stdev(logs):.2%}, of {len(logs)}"
    )


def clocks_text(taken: Entries) -> str:
    """What the clocks saw of these blocks, for people."""
    most = {key: max(entry[key] for entry in taken) for key in ("others", "waiting")}
    return (
        f"others {statistics.median(entry['others'] for entry in taken):.1%} of the processors "
        f"(most {most['others']:.1%}), the one that waits at most {most['waiting']:.1%} of a step, "
        f"{statistics.median(entry['seconds'] for entry in taken):.0f} s a block"
    )


#: The by-products in the entry of a process, and what people call them.
BY_PRODUCTS = {"first_step_s": "first step", "peak_memory_bytes": "peak memory"}


def by_products_texts(taken: Entries) -> list[str]:
    """What by-products differed by in these blocks, in which the step is that of one release: a
    message for each that their processes have."""
    found = []
    for key, title in BY_PRODUCTS.items():
        logs = [
            statistics.fmean(math.log(second[key] / first[key]) for first, second in both)
            for entry in taken
            if (both := [duet["sides"] for duet in entry.get("duets", ())])
            and all(side.get(key) for sides in both for side in sides)
        ]
        if len(logs) > 1:
            found.append(f"{title}: {mean_text(logs, 0.9)}")
    return found


def refused_texts(taken: Entries) -> list[str]:
    """A message about the blocks that a verdict would not count, where there are any."""
    refused = [entry["left_out"] for entry in taken if entry.get("left_out") is not None]
    return [f"{len(refused)} blocks do not count, the last {refused[-1]}"] if refused else []


# -- one release against itself


def same_plan(taken: Entries, processor: str, wanted: int, of_each: int = 0) -> Plan | None:
    """A block, until ``wanted`` count, of which ``of_each`` or more are of this processor."""
    here = counted(processors(taken).get(processor, []))
    return {} if len(counted(taken)) < wanted or len(here) < of_each else None


def same_progress(taken: Entries, wanted: int) -> str:
    return f"{len(counted(taken))} of {wanted} blocks"


def same_reached(taken: Entries, within: float) -> Reached:
    """The figure of blocks of a release with itself.

    It is met where the 90 % interval of their mean lies inside +-``within``, a ratio less one.
    """
    counting = counted(taken)
    if len(counting) < 2:
        return Reached(refused_texts(taken))
    orders = [second_starter(duet) for entry in counting for duet in entry.get("duets", ())]
    messages = [mean_text(logs_of(counting), 0.9)]
    if orders:
        messages.append(f"started second by started first: {mean_text(orders, 0.9)}")
    messages += [
        *by_products_texts(counting),
        clocks_text(counting),
        *refused_texts(taken),
    ]
    by_processor = processors(counting)
    if len(by_processor) > 1:
        messages += [
            f"{name}: {mean_text(logs_of(entries), 0.9)}" for name, entries in by_processor.items()
        ]
    else:
        messages += list(by_processor)
    _, low, high = interval(logs_of(counting), 0.9)
    return Reached(messages, math.log1p(-within) < low and high < math.log1p(within))


# -- blocks against processes in turns


def deviation_plan(taken: Entries, processor: str, wanted: int) -> Plan | None:
    return {} if len(taken) < wanted else None


def deviation_progress(taken: Entries, wanted: int) -> str:
    return f"{len(taken)} of {wanted} blocks with as long processes in turns"


def owed_s(taken: Entries) -> float:
    """Seconds by which the blocks so far took longer than the processes of the same entries."""
    return math.fsum(entry["seconds"] - entry["processes_s"] for entry in taken)


def residuals(taken: Entries, key: str) -> NDArray[np.float64]:
    """The distances of the entries' values from the mean of their processor.

    They are made larger for the degree of freedom that the mean took. A processor with one entry
    has none.
    """
    groups = [np.array([entry[key] for entry in entries]) for entries in processors(taken).values()]
    return np.concatenate(
        [
            (values - values.mean()) * math.sqrt(len(values) / (len(values) - 1))
            for values in groups
            if len(values) > 1
        ]
        or [np.zeros(0)]
    )


def deviation_reached(taken: Entries, most: float) -> Reached:
    """The figure of the deviation of blocks by that of processes in turns, at equal seconds.

    It is met where the ratio is ``most`` at most. The ratio's interval is a bootstrap's over
    entries, each of which has a block and its processes.
    """
    whole = [entry for entry in taken if entry["log"] is not None]
    none = len(taken) - len(whole)
    messages = [f"{none} times no block that counts in its time"] if none else []
    of_blocks, of_processes = residuals(whole, "log"), residuals(whole, "processes_log")
    if len(of_blocks) < 3 or not np.any(of_processes):
        return Reached(messages, None)
    drawn = stats.bootstrap(
        (of_blocks, of_processes),
        lambda a, b, axis=-1: _rms(a, axis) / _rms(b, axis),
        n_resamples=DRAWS,
        paired=True,
        method="percentile",
        random_state=SEED,
    ).confidence_interval
    ratio = float(_rms(of_blocks) / _rms(of_processes))
    seconds = [math.fsum(entry[key] for entry in whole) for key in ("seconds", "processes_s")]
    messages += [
        f"{ratio:.2f} (95 % interval {drawn.low:.2f} to {drawn.high:.2f}): blocks "
        f"{_rms(of_blocks):.2%}, processes {_rms(of_processes):.2%}, of {len(whole)} each; "
        f"{seconds[0]:.0f} s and {seconds[1]:.0f} s",
        f"means: blocks {mean_text(logs_of(whole), 0.95)}; processes "
        f"{mean_text([entry['processes_log'] for entry in whole], 0.95)}",
        *(
            f"{name}: blocks {_rms(residuals(entries, 'log')):.2%}, "
            f"processes {_rms(residuals(entries, 'processes_log')):.2%}, of {len(entries)}"
            for name, entries in processors(whole).items()
            if len(entries) > 1
        ),
    ]
    return Reached(messages, ratio <= most and not none)


def _rms(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    """The root of the mean square of values along an axis."""
    root: NDArray[np.float64] = np.sqrt(np.mean(values * values, axis=axis))
    return root


def turns_log(levels: Sequence[Sequence[float]]) -> float:
    """The logarithm of the second side by the first, both by their robust levels.

    levels: for each side, the logarithms of its processes' levels.
    """
    first, second = map(robust.pseudomedian, levels)
    return second - first


# -- trials: blocks one by one until the outcome is sure


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a trial is judged. ``threshold``: the smallest change that is relevant, a ratio less one.
    ``comparisons``: how many are judged together. ``limit_s``: a trial begins no block that is
    likely to end after so many seconds."""

    threshold: float = THRESHOLD
    comparisons: int = 1
    limit_s: float = math.inf


def calibrated(same: Entries, processor: str) -> BlockNoise:
    """The noise that a calibration on this processor would know.

    It is computed from the processor's first blocks of a release with itself (``same``). It is an
    assumption where these are too few.
    """
    known = counted(processors(same).get(processor, []))[:CALIBRATING]
    return blocks.noise([logs_of(known)], [])


def outcome(trial: Entries, rule: Rule) -> str | None:
    """The outcome of a trial with these blocks; None where it is not over.

    The trial knows the noise that its first entry has.
    """
    if not trial:
        return None
    noise = BlockNoise(**trial[0]["noise"])
    logs: list[float] = []
    spent_s = 0.0
    for number, entry in enumerate(trial, 1):
        spent_s += entry["seconds"]
        if entry["left_out"] is None:
            logs.append(entry["log"])
            judgement = blocks.judge_blocks(
                logs, noise, threshold=rule.threshold, comparisons=rule.comparisons
            )
            if judgement.outcome != NOT_SURE:
                return judgement.outcome
        if len(logs) >= MOST_BLOCKS or spent_s * (1 + 1 / number) > rule.limit_s:
            return NOT_SURE
    return None


def planted_plan(taken: Entries, processor: str, wanted: int, rule: Rule) -> Plan | None:
    """The trial to go on with, an open one of this processor or a new one, until ``wanted`` ended.

    A trial that another processor has left open is not gone on with.
    """
    trials = grouped(taken, "trial")
    outcomes = {name: outcome(trial, rule) for name, trial in trials.items()}
    if sum(ended is not None for ended in outcomes.values()) >= wanted:
        return None
    open_here = (
        name
        for name, trial in trials.items()
        if outcomes[name] is None and trial[0]["processor"] == processor
    )
    return {"trial": next(open_here, len(trials) + 1)}


def planted_progress(taken: Entries, wanted: int, rule: Rule) -> str:
    ended = [
        trial for trial in grouped(taken, "trial").values() if outcome(trial, rule) is not None
    ]
    return f"{len(ended)} of {wanted} trials, {len(taken)} blocks"


def planted_reached(taken: Entries, wanted: int, rule: Rule, least: int) -> Reached:
    """The figure of a planted slow-down. It is met where ``least`` of ``wanted`` trials find it."""
    trials = [
        (trial, came_to)
        for trial in grouped(taken, "trial").values()
        if (came_to := outcome(trial, rule)) is not None
    ]
    if not trials:
        return Reached([])
    outcomes = [came_to for _, came_to in trials]
    found = outcomes.count(REGRESSED)
    how_long = [math.fsum(entry["seconds"] for entry in trial) for trial, _ in trials]
    noises = {trial[0]["noise"]["origin"]: trial[0]["noise"]["deviation"] for trial, _ in trials}
    messages = [
        f"found {found} times of {len(trials)}: {counts(outcomes)}",
        f"{min(len(trial) for trial, _ in trials)} to {max(len(trial) for trial, _ in trials)} "
        f"blocks, {min(how_long):.0f} to {max(how_long):.0f} s a trial",
        f"all blocks: {mean_text(logs_of(counted(taken)), 0.95)}",
        *refused_texts(taken),
        *(
            f"known beforehand: {deviation:.2%} between blocks ({why})"
            for why, deviation in noises.items()
        ),
        *_by_processor(trials),
    ]
    return Reached(messages, found >= least if len(trials) >= wanted else None)


def _by_processor(trials: Sequence[tuple[Entries, str]]) -> list[str]:
    """A message for each processor with the outcomes of its ``trials``: (blocks, outcome) each."""
    names = {trial[0]["processor"]: None for trial, _ in trials}
    return [
        f"{name}: {counts([came_to for trial, came_to in trials if trial[0]['processor'] == name])}"
        for name in names
    ]


def counts(outcomes: Sequence[str]) -> str:
    """How often there is each outcome, for people."""
    return ", ".join(f"{outcomes.count(name)} {name}" for name in sorted(set(outcomes)))


# -- rounds: configurations that are judged together


def round_outcomes(
    round_: Entries, configurations: Sequence[str], rule: Rule
) -> dict[str, str | None]:
    """The outcome of each configuration of a round; None where the configuration is not over."""
    by_name = grouped(round_, "configuration")
    return {name: outcome(by_name.get(name, []), rule) for name in configurations}


def rounds_plan(
    taken: Entries, processor: str, wanted: int, configurations: Sequence[str], rule: Rule
) -> Plan | None:
    """The open configuration that has the fewest blocks in a round that this processor has begun.

    Where there is no such round, the plan is the first configuration of a new round.
    """
    rounds = grouped(taken, "round")
    ended = 0
    for number, round_ in rounds.items():
        outcomes = round_outcomes(round_, configurations, rule)
        still_open = [name for name, came_to in outcomes.items() if came_to is None]
        if not still_open:
            ended += 1
        elif round_[0]["processor"] == processor:
            sizes = {
                name: sum(entry["configuration"] == name for entry in round_) for name in still_open
            }
            return {"round": number, "configuration": min(still_open, key=sizes.__getitem__)}
    if ended >= wanted:
        return None
    return {"round": len(rounds) + 1, "configuration": configurations[0]}


def rounds_progress(taken: Entries, wanted: int, configurations: Sequence[str], rule: Rule) -> str:
    ended = _ended_rounds(taken, configurations, rule)
    return f"{len(ended)} of {wanted} rounds, {len(taken)} blocks"


def _ended_rounds(
    taken: Entries, configurations: Sequence[str], rule: Rule
) -> list[tuple[Entries, list[str]]]:
    """(blocks, outcomes) of each round of which all configurations are over."""
    ended: list[tuple[Entries, list[str]]] = []
    for round_ in grouped(taken, "round").values():
        outcomes = [name for name in round_outcomes(round_, configurations, rule).values() if name]
        if len(outcomes) == len(configurations):
            ended.append((round_, outcomes))
    return ended


def rounds_reached(
    taken: Entries, wanted: int, configurations: Sequence[str], rule: Rule
) -> Reached:
    """The figure of rounds: at most one false alarm, and nine of ten verdicts unchanged."""
    ended = _ended_rounds(taken, configurations, rule)
    outcomes = [name for _, of_round in ended for name in of_round]
    if not outcomes:
        return Reached([])
    share = outcomes.count(UNCHANGED) / len(outcomes)
    alarms = outcomes.count(REGRESSED)
    messages = [
        f"{len(ended)} rounds, {len(outcomes)} verdicts: {counts(outcomes)}",
        f"false alarms {alarms} (called improved: {outcomes.count(IMPROVED)}); "
        f"unchanged {share:.0%}",
        *(
            f"{name}: {mean_text(logs_of(own), 0.9)}"
            for name, own in grouped(counted(taken), "configuration").items()
        ),
        *by_products_texts(counted(taken)),
        *refused_texts(taken),
        *_by_processor([(round_, name) for round_, of_round in ended for name in of_round]),
    ]
    good = alarms <= 1 and share >= 0.9
    return Reached(messages, good if len(ended) >= wanted else None)


# -- peak memory of ordinary processes


def memory_plan(
    taken: Entries, processor: str, wanted: int, subjects: Sequence[tuple[str, str]]
) -> Plan | None:
    """The next process. Groups are taken one after the other, and a group stands for a release.

    A group is MEMORY_PROCESSES rounds through the ``subjects``, in asv's order.
    """
    if memory_comparisons(taken, len(subjects)) >= wanted:
        return None
    done = len(processors(taken).get(processor, []))
    group, place = divmod(done, MEMORY_PROCESSES * len(subjects))
    return {"group": group, "subject": " ".join(subjects[place % len(subjects)])}


def memory_comparisons(taken: Entries, subjects: int) -> int:
    """How many comparisons there are: of each subject in each whole group that has a whole group
    before it on the same processor."""
    whole = MEMORY_PROCESSES * subjects
    later_groups = sum(max(0, len(entries) // whole - 1) for entries in processors(taken).values())
    return later_groups * subjects


def memory_progress(taken: Entries, wanted: int, subjects: Sequence[tuple[str, str]]) -> str:
    comparisons = memory_comparisons(taken, len(subjects))
    return f"{comparisons} of {wanted} comparisons, {len(taken)} processes"


def memory_reached(taken: Entries, wanted: int, subjects: Sequence[tuple[str, str]]) -> Reached:
    """The figure of peak memory: 95 % unchanged, by verdicts of today's code on the processes."""
    verdicts_of = memory_verdicts(taken, subjects)
    outcomes = [name for of_subject in verdicts_of.values() for name in of_subject]
    if not outcomes:
        return Reached([])
    share = outcomes.count(UNCHANGED) / len(outcomes)
    messages = [f"unchanged {share:.0%} of {len(outcomes)}: {counts(outcomes)}"]
    for (release, words), of_subject in verdicts_of.items():
        subject = f"{release} {words}"
        within = _memory_deviation(taken, subject)
        messages.append(f"{subject}: {counts(of_subject)}; {within:.1%} between processes")
    return Reached(messages, share >= 0.95 if len(outcomes) >= wanted else None)


def _memory_deviation(taken: Entries, subject: str) -> float:
    """The deviation of the logarithm of peak memory between the processes of a group.

    It is the root of the mean square over the groups of all processors; 0 without such groups.
    """
    deviations = []
    for entries in processors(taken).values():
        for group in grouped(entries, "group").values():
            peaks = [entry["peak_memory_bytes"] for entry in group if entry["subject"] == subject]
            if len(peaks) > 1:
                deviations.append(statistics.stdev(math.log(peak) for peak in peaks))
    squares = [deviation * deviation for deviation in deviations]
    return math.sqrt(statistics.fmean(squares)) if squares else 0.0


def memory_verdicts(
    taken: Entries, subjects: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """The outcomes of peak memory, by subject (release, configuration).

    The processes become records of copies of the release, one copy a group. The product judges each
    copy against the copy before.
    """
    shipped = Catalogue(common.ROOT / "releases")
    outcomes: dict[tuple[str, str], list[str]] = {subject: [] for subject in subjects}
    for entries in processors(taken).values():
        groups = len(entries) // (MEMORY_PROCESSES * len(subjects))
        with tempfile.TemporaryDirectory() as folder:
            releases = Path(folder)
            copied: dict[tuple[str, int], Release] = {}
            for name in dict.fromkeys(release for release, _ in subjects):
                for group in range(groups):
                    release = shipped.by_name[name]
                    copied[name, group] = copies.add_copy(releases, release, group)
            if not copied:
                continue
            made = [
                memory_record(entry, copied[name, entry["group"]])
                for entry in entries
                for name, words in subjects
                if entry["subject"] == f"{name} {words}" and entry["group"] < groups
            ]
            gathered = evidence.gather("perf", made, Catalogue(releases))
            for (name, group), copy in copied.items():
                for verdict in verdicts.of_release(gathered, copy) if group else []:
                    if verdict.measure == PEAK_MEMORY.key:
                        outcomes[name, verdict.words].append(verdict.outcome)
    return outcomes


def memory_record(entry: Entry, copy: Release) -> Record:
    """The record of the process of an entry, as that of a process of ``copy``."""
    keys = ("benchmark", "configuration", "started", "process_s", "samples", "peak_memory_bytes")
    return Record.from_json(
        {
            "schema": records.SCHEMA,
            "run": f"group-{entry['group']}",
            "machine": "perf",
            "track": copy.track,
            "release": copy.name,
            "commit": copy.commit,
            "lock": require_lock(copy, "cpu").digest,
            "profile": "cpu-quick",
            "benchmark_version": measure.PROTOCOL,
            "outcome": records.OK,
            "number": 1,
            **{key: entry[key] for key in keys},
        }
    )


# -- real releases, two each: blocks and processes by themselves


def agreement_plan(
    taken: Entries, processor: str, comparisons: Sequence[str], wanted: int
) -> Plan | None:
    """The next block, or the next process by itself, of the first comparison that is not complete.

    After each block come as many processes by themselves as the block started, until there are
    ``wanted`` blocks that count. ``comparisons``: their names, which entries keep as ``pair``.
    """
    by_comparison = grouped(taken, "pair")
    for comparison in comparisons:
        whole, alone = _blocks_and_processes(by_comparison.get(comparison, []))
        if len(alone) < PROCESSES_A_BLOCK * len(whole):
            # A B B A
            return {"pair": comparison, "side": (0, 1, 1, 0)[len(alone) % 4]}
        if len(whole) < wanted:
            return {"pair": comparison}
    return None


def _blocks_and_processes(taken: Entries) -> tuple[list[Entry], list[Entry]]:
    """(the blocks that count, the processes by themselves)."""
    alone = [entry for entry in taken if "side" in entry]
    return counted([entry for entry in taken if "side" not in entry]), alone


def agreement_progress(taken: Entries, comparisons: Sequence[str], wanted: int) -> str:
    by_comparison = grouped(taken, "pair")
    done = [_blocks_and_processes(by_comparison.get(comparison, [])) for comparison in comparisons]
    whole = sum(len(of_comparison) for of_comparison, _ in done)
    alone = sum(len(of_comparison) for _, of_comparison in done)
    return (
        f"{whole} of {wanted * len(comparisons)} blocks, "
        f"{alone} of {PROCESSES_A_BLOCK * wanted * len(comparisons)} processes"
    )


def agreement_reached(taken: Entries, comparisons: Sequence[str], wanted: int) -> Reached:
    """The figure of agreement: duets and processes surely differ about no comparison."""
    messages, agree = [], []
    whole_row = agreement_plan(taken, "", comparisons, wanted) is None
    for comparison in comparisons:
        counting, alone = _blocks_and_processes(grouped(taken, "pair").get(comparison, []))
        of_blocks, of_processes = logs_of(counting), neighbours(alone)
        if len(of_blocks) < 2 or len(of_processes) < 2:
            continue
        low, high = difference(of_blocks, of_processes, 1 - DISAGREE)
        agree.append(low <= 0 <= high)
        messages.append(
            f"{comparison}: blocks {mean_text(of_blocks, 0.95)}; "
            f"processes {mean_text(of_processes, 0.95)}; blocks by processes "
            f"{per_cent(low)} to {per_cent(high)} ({1 - DISAGREE:.0%}): "
            f"{'they agree' if agree[-1] else 'THEY DISAGREE'}"
        )
    return Reached(messages, all(agree) if whole_row else None)


def neighbours(alone: Entries) -> list[float]:
    """The log ratios of processes that were measured one after the other, second side by first."""
    ratios = []
    for earlier, later in zip(alone[::2], alone[1::2], strict=False):
        first, second = sorted((earlier, later), key=lambda process: process["side"])
        ratios.append(second["level"] - first["level"])
    return ratios


def difference(
    minuends: Sequence[float], subtrahends: Sequence[float], confidence: float
) -> tuple[float, float]:
    """The interval of the difference of two means whose values may scatter differently.

    Returns (low, high), by Welch (1947).
    """
    test = stats.ttest_ind(minuends, subtrahends, equal_var=False)
    interval_ = test.confidence_interval(confidence)
    return float(interval_.low), float(interval_.high)


# -- one release, from nothing to all answered


def release_plan(taken: Entries, processor: str) -> Plan | None:
    return None if taken else {}


def release_progress(taken: Entries) -> str:
    return f"{len(taken)} of 1 release"


def release_reached(taken: Entries, configurations: int, within_s: float) -> Reached:
    """The figure of a whole release, by the last time that it was measured.

    It is met where all ``configurations`` are answered within ``within_s`` seconds.
    """
    if not taken:
        return Reached([])
    last = taken[-1]
    outcomes = list(last["outcomes"].values())
    messages = [
        f"{last['seconds'] / 60:.1f} min, {len(outcomes)} configurations: {counts(outcomes)}",
        str(last["processor"]),
    ]
    answered = len(outcomes) == configurations and not {NOT_SURE, verdicts.FAILED} & set(outcomes)
    return Reached(messages, answered and last["seconds"] <= within_s)


# -- why blocks beside other work are off


def load_plan(taken: Entries, processor: str, wanted: int) -> Plan | None:
    return {} if len(taken) < wanted else None


def load_progress(taken: Entries, wanted: int) -> str:
    return f"{len(taken)} of {wanted} blocks"


def load_reached(taken: Entries) -> Reached:
    """What blocks beside other work came to, by what tells two processes of one release apart."""
    if not taken:
        return Reached([])
    messages = [f"blocks: {mean_text(logs_of(taken), 0.95)}", clocks_text(taken)]
    duets = [duet for entry in taken for duet in entry["duets"]]
    for first_begins in (True, False):
        logs = [
            second_starter(duet) for duet in duets if started(duet, 1)["begins"] == first_begins
        ]
        who = "first" if first_begins else "second"
        messages.append(
            f"started second by started first, where the {who} makes the first step: "
            f"{mean_text(logs, 0.95)}"
        )
    for place, name in ((1, "started first"), (2, "started second")):
        sides = [started(duet, place) for duet in duets]
        shown = (
            f"{key.replace('_', ' ')} {statistics.median(known):.3g}"
            for key in ("step_s", "cpu_by_wall", "waiting", "others", "steal")
            if (known := [side[key] for side in sides if side[key] is not None])
        )
        messages.append(f"{name}: {', '.join(shown)} (medians over {len(sides)} duets)")
    after = [
        log for duet in duets for side in duet["sides"] if (log := after_own(side)) is not None
    ]
    messages.append(f"a step after one's own by a step after the other's: {mean_text(after, 0.95)}")
    messages += list(processors(taken))
    return Reached(messages)


def started(duet: Entry, place: int) -> Entry:
    """The process of a duet that was started first (1) or second (2), one of its ``sides``."""
    process: Entry = next(side for side in duet["sides"] if side["started"] == place)
    return process


def second_starter(duet: Entry) -> float:
    """The logarithm of a duet: of the process started second by the process started first."""
    return float(duet["log"] if duet["sides"][1]["started"] == 2 else -duet["log"])


def after_own(process: Entry) -> float | None:
    """How steps that follow a step of the same process differ from those that follow its partner's.

    Returns the logarithm of the median of the first by the median of the second, None where the
    entry has no samples. In A B B A A B B A every second step of a process follows its own: of the
    process that begins, the third, the fifth, ...; of its partner, the second, the fourth, ...
    """
    samples = process.get("samples") or []
    after_itself, after_partner = samples[2::2], samples[1::2]
    if not process["begins"]:
        after_itself, after_partner = samples[1::2], samples[0::2]
    if not after_itself or not after_partner:
        return None
    return math.log(statistics.median(after_itself) / statistics.median(after_partner))
