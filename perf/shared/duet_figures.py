"""What the rows of duets.py come to: which is to be measured next, and the figure of what was.

All here is numbers in, numbers and messages out. A row has entries: JSON objects, oldest first, as
they lie in its state file. Each has ``processor`` and ``seconds``; ``waited_s`` where the machine
was waited for before it. An entry of a block has ``log``, the natural logarithm of the second
subject by the first, and ``left_out``: why no verdict would count it, null where one would. Only
ratios pool over processors.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
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

Entry = Mapping[str, Any]
Entries = Sequence[Entry]

#: What to measure next, by the keys that its line has for it.
Plan = dict[str, Any]

#: Blocks of a release with itself that tell the noise which a trial begins with: as a calibration
#: of two configurations would, five of each.
CALIBRATING = 10

#: Processes for one block of the same comparison: a block starts so many.
PROCESSES_A_BLOCK = 4

#: Draws of a bootstrap, and its seed.
DRAWS, SEED = 4000, 0

MEMORY_PROCESSES = 3

#: Duets and processes disagree about two releases where chance does it so rarely: with five
#: comparisons, at least one would once in 20 times.
DISAGREE = 0.01


@dataclass(frozen=True)
class Reached:
    """``said``: messages. ``good``: whether the figure is met; None where that is not asked,
    or too little was measured to tell."""

    said: list[str]
    good: bool | None = None


def processors(taken: Entries) -> dict[str, list[Entry]]:
    """The lines of each processor."""
    found: dict[str, list[Entry]] = {}
    for entry in taken:
        found.setdefault(entry["processor"], []).append(entry)
    return found


def counted(taken: Entries) -> list[Entry]:
    """The blocks that a verdict would count."""
    return [entry for entry in taken if entry.get("log") is not None and entry["left_out"] is None]


def logs_of(taken: Iterable[Entry]) -> list[float]:
    return [float(entry["log"]) for entry in taken]


def interval(logs: Sequence[float], confidence: float) -> tuple[float, float, float]:
    """The mean of two or more numbers, and Student's interval of it: (mean, low, high)."""
    middle = statistics.fmean(logs)
    quantile = float(special.stdtrit(len(logs) - 1, (1 + confidence) / 2))
    half = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return middle, middle - half, middle + half


def per_cent(log: float) -> str:
    """The logarithm of a ratio, for people."""
    return f"{math.expm1(log):+.2%}"


def mean_text(logs: Sequence[float], confidence: float) -> str:
    if len(logs) < 2:
        return ", ".join(map(per_cent, logs)) or "nothing"
    middle, low, high = interval(logs, confidence)
    return (
        f"{per_cent(middle)} ({confidence:.0%} interval {per_cent(low)} to {per_cent(high)}), "
        f"deviation {statistics.stdev(logs):.2%}, of {len(logs)}"
    )


def clocks_text(taken: Entries) -> str:
    """What was seen of these blocks from outside."""
    most = {key: max(entry[key] for entry in taken) for key in ("others", "waiting")}
    return (
        f"others {statistics.median(one['others'] for one in taken):.1%} of the processors "
        f"(most {most['others']:.1%}), the one that waits at most {most['waiting']:.1%} of a step, "
        f"{statistics.median(one['seconds'] for one in taken):.0f} s a block"
    )


def refused_texts(taken: Entries) -> list[str]:
    refused = [entry["left_out"] for entry in taken if entry.get("left_out") is not None]
    return [f"{len(refused)} blocks do not count, the last {refused[-1]}"] if refused else []


# -- one release against itself


def same_plan(taken: Entries, processor: str, wanted: int) -> Plan | None:
    return {} if len(counted(taken)) < wanted else None


def same_progress(taken: Entries, wanted: int) -> str:
    return f"{len(counted(taken))} of {wanted} blocks"


def same_reached(taken: Entries, within: float) -> Reached:
    """Blocks of two subjects that are one: the 90 % interval of their mean inside +-``within``, a
    ratio less one."""
    own = counted(taken)
    if len(own) < 2:
        return Reached(refused_texts(taken))
    orders = [second_starter(duet) for line in own for duet in line.get("duets", ())]
    said = [mean_text(logs_of(own), 0.9)]
    if orders:
        said.append(f"started second by started first: {mean_text(orders, 0.9)}")
    said += [clocks_text(own), *refused_texts(taken)]
    parts = processors(own)
    if len(parts) > 1:
        said += [f"{name}: {mean_text(logs_of(one), 0.9)}" for name, one in parts.items()]
    else:
        said += list(parts)
    _, low, high = interval(logs_of(own), 0.9)
    return Reached(said, math.log1p(-within) < low and high < math.log1p(within))


# -- blocks against processes in turns


def deviation_plan(taken: Entries, processor: str, wanted: int) -> Plan | None:
    return {} if len(taken) < wanted else None


def deviation_progress(taken: Entries, wanted: int) -> str:
    return f"{len(taken)} of {wanted} blocks with as long processes in turns"


def owed_s(taken: Entries) -> float:
    """Seconds that blocks so far took longer than the processes beside them."""
    return math.fsum(entry["seconds"] - entry["processes_s"] for entry in taken)


def residuals(taken: Entries, key: str) -> NDArray[np.float64]:
    """Distances from the mean of their processor, made larger for the degree of freedom that it
    took; nothing of a processor that has one line."""
    parts = [np.array([entry[key] for entry in own]) for own in processors(taken).values()]
    return np.concatenate(
        [(own - own.mean()) * math.sqrt(len(own) / (len(own) - 1)) for own in parts if len(own) > 1]
        or [np.zeros(0)]
    )


def deviation_reached(taken: Entries, most: float) -> Reached:
    """The deviation of blocks by that of processes in turns at equal seconds, ``most`` at most. Its
    interval is a bootstrap's over the pairs of both."""
    own = [entry for entry in taken if entry["log"] is not None]
    none = len(taken) - len(own)
    said = [f"{none} times no block that counts in its time"] if none else []
    of_blocks, of_processes = residuals(own, "log"), residuals(own, "processes_log")
    if len(of_blocks) < 3 or not np.any(of_processes):
        return Reached(said, None)
    drawn = stats.bootstrap(
        (of_blocks, of_processes),
        lambda a, b, axis=-1: _rms(a, axis) / _rms(b, axis),
        n_resamples=DRAWS,
        paired=True,
        method="percentile",
        random_state=SEED,
    ).confidence_interval
    ratio = float(_rms(of_blocks) / _rms(of_processes))
    seconds = [math.fsum(entry[key] for entry in own) for key in ("seconds", "processes_s")]
    said += [
        f"{ratio:.2f} (95 % interval {drawn.low:.2f} to {drawn.high:.2f}): blocks "
        f"{_rms(of_blocks):.2%}, processes {_rms(of_processes):.2%}, of {len(own)} each; "
        f"{seconds[0]:.0f} s and {seconds[1]:.0f} s",
        f"means: blocks {mean_text(logs_of(own), 0.95)}; processes "
        f"{mean_text([one['processes_log'] for one in own], 0.95)}",
        *(
            f"{name}: blocks {_rms(residuals(part, 'log')):.2%}, "
            f"processes {_rms(residuals(part, 'processes_log')):.2%}, of {len(part)}"
            for name, part in processors(own).items()
            if len(part) > 1
        ),
    ]
    return Reached(said, ratio <= most and not none)


def _rms(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.sqrt(np.mean(values * values, axis=axis))
    return found


def turns_log(levels: Sequence[Sequence[float]]) -> float:
    """The log ratio of robust levels, second by first, of the logarithms of its processes'."""
    first, second = map(robust.pseudomedian, levels)
    return second - first


# -- trials: blocks one by one until the outcome is sure


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a trial is judged; ``limit_s``: it begins no block that is likely to end later."""

    threshold: float = THRESHOLD
    comparisons: int = 1
    limit_s: float = math.inf


def calibrated(same: Entries, processor: str) -> BlockNoise:
    """The noise that a calibration on this processor would know, from its first blocks of a release
    with itself; an assumption where there are too few."""
    known = counted(processors(same).get(processor, []))[:CALIBRATING]
    return blocks.noise([logs_of(known)], [])


def outcome(own: Entries, rule: Rule) -> str | None:
    """What a trial with these blocks came to; None where it is not over. It knows the noise that
    its first line has."""
    if not own:
        return None
    noise = BlockNoise(**own[0]["noise"])
    logs: list[float] = []
    spent_s = 0.0
    for taken, entry in enumerate(own, 1):
        spent_s += entry["seconds"]
        if entry["left_out"] is None:
            logs.append(entry["log"])
            found = blocks.judge_blocks(
                logs, noise, threshold=rule.threshold, comparisons=rule.comparisons
            )
            if found.outcome != NOT_SURE:
                return found.outcome
        if len(logs) >= MOST_BLOCKS or spent_s * (1 + 1 / taken) > rule.limit_s:
            return NOT_SURE
    return None


def grouped(taken: Entries, key: str) -> dict[Any, list[Entry]]:
    found: dict[Any, list[Entry]] = {}
    for entry in taken:
        found.setdefault(entry[key], []).append(entry)
    return found


def planted_plan(taken: Entries, processor: str, wanted: int, rule: Rule) -> Plan | None:
    """A trial that another processor has left open is not gone on with."""
    trials = grouped(taken, "trial")
    outcomes = {name: outcome(own, rule) for name, own in trials.items()}
    if sum(outcome is not None for outcome in outcomes.values()) >= wanted:
        return None
    open_here = (
        name
        for name, own in trials.items()
        if outcomes[name] is None and own[0]["processor"] == processor
    )
    return {"trial": next(open_here, len(trials) + 1)}


def planted_progress(taken: Entries, wanted: int, rule: Rule) -> str:
    ended = [own for own in grouped(taken, "trial").values() if outcome(own, rule) is not None]
    return f"{len(ended)} of {wanted} trials, {len(taken)} blocks"


def planted_reached(taken: Entries, wanted: int, rule: Rule, least: int) -> Reached:
    """In how many trials the slow-down was found: ``least`` of ``wanted``."""
    trials = [
        (own, came_to)
        for own in grouped(taken, "trial").values()
        if (came_to := outcome(own, rule)) is not None
    ]
    if not trials:
        return Reached([])
    outcomes = [came_to for _, came_to in trials]
    found = outcomes.count(REGRESSED)
    how_long = [math.fsum(entry["seconds"] for entry in own) for own, _ in trials]
    noises = {own[0]["noise"]["origin"]: own[0]["noise"]["deviation"] for own, _ in trials}
    own_blocks = counted(taken)
    said = [
        f"found {found} times of {len(trials)}: {counts(outcomes)}",
        f"{min(len(own) for own, _ in trials)} to {max(len(own) for own, _ in trials)} blocks, "
        f"{min(how_long):.0f} to {max(how_long):.0f} s a trial",
        f"all blocks: {mean_text(logs_of(own_blocks), 0.95)}",
        *refused_texts(taken),
        *(f"known beforehand: {noise:.2%} between blocks ({why})" for why, noise in noises.items()),
        *_by_processor(trials),
    ]
    return Reached(said, found >= least if len(trials) >= wanted else None)


def _by_processor(trials: Sequence[tuple[Entries, str]]) -> list[str]:
    names = {own[0]["processor"]: None for own, _ in trials}
    return [
        f"{name}: {counts([came_to for own, came_to in trials if own[0]['processor'] == name])}"
        for name in names
    ]


def counts(outcomes: Sequence[str]) -> str:
    return ", ".join(f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes)))


# -- rounds: configurations that are judged together


def round_outcomes(
    own: Entries, configurations: Sequence[str], rule: Rule
) -> dict[str, str | None]:
    """What each configuration of a round came to; None where it is not over."""
    by_name = grouped(own, "configuration")
    return {name: outcome(by_name.get(name, []), rule) for name in configurations}


def rounds_plan(
    taken: Entries, processor: str, wanted: int, configurations: Sequence[str], rule: Rule
) -> Plan | None:
    """The configuration that has the fewest blocks of those that are open, in a round that this
    processor has begun."""
    rounds = grouped(taken, "round")
    ended = 0
    for number, own in rounds.items():
        came_to = round_outcomes(own, configurations, rule)
        still_open = [name for name, outcome in came_to.items() if outcome is None]
        if not still_open:
            ended += 1
        elif own[0]["processor"] == processor:
            sizes = {
                name: sum(entry["configuration"] == name for entry in own) for name in still_open
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
    found: list[tuple[Entries, list[str]]] = []
    for own in grouped(taken, "round").values():
        came_to = [
            outcome for outcome in round_outcomes(own, configurations, rule).values() if outcome
        ]
        if len(came_to) == len(configurations):
            found.append((own, came_to))
    return found


def rounds_reached(
    taken: Entries, wanted: int, configurations: Sequence[str], rule: Rule
) -> Reached:
    """At most one false alarm, and nine of ten verdicts unchanged."""
    ended = _ended_rounds(taken, configurations, rule)
    outcomes = [outcome for _, own in ended for outcome in own]
    if not outcomes:
        return Reached([])
    share = outcomes.count(UNCHANGED) / len(outcomes)
    alarms = outcomes.count(REGRESSED)
    said = [
        f"{len(ended)} rounds, {len(outcomes)} verdicts: {counts(outcomes)}",
        f"false alarms {alarms} (called improved: {outcomes.count(IMPROVED)}); "
        f"unchanged {share:.0%}",
        *refused_texts(taken),
        *_by_processor([(own, outcome) for own, came_to in ended for outcome in came_to]),
    ]
    good = alarms <= 1 and share >= 0.9
    return Reached(said, good if len(ended) >= wanted else None)


# -- peak memory of ordinary processes


def memory_plan(
    taken: Entries, processor: str, wanted: int, subjects: Sequence[tuple[str, str]]
) -> Plan | None:
    """Group after group, each of MEMORY_PROCESSES rounds through the ``subjects``, as asv takes
    them: a group stands for a release."""
    if memory_comparisons(taken, len(subjects)) >= wanted:
        return None
    done = len(processors(taken).get(processor, []))
    group, place = divmod(done, MEMORY_PROCESSES * len(subjects))
    return {"group": group, "subject": " ".join(subjects[place % len(subjects)])}


def memory_comparisons(taken: Entries, subjects: int) -> int:
    """How many whole groups stand beside one before them on the same processor, times subjects."""
    whole = MEMORY_PROCESSES * subjects
    return sum(max(0, len(own) // whole - 1) for own in processors(taken).values()) * subjects


def memory_progress(taken: Entries, wanted: int, subjects: Sequence[tuple[str, str]]) -> str:
    comparisons = memory_comparisons(taken, len(subjects))
    return f"{comparisons} of {wanted} comparisons, {len(taken)} processes"


def memory_reached(taken: Entries, wanted: int, subjects: Sequence[tuple[str, str]]) -> Reached:
    """95 % unchanged, by verdicts of today's code on the processes on record."""
    found = memory_verdicts(taken, subjects)
    outcomes = [outcome for own in found.values() for outcome in own]
    if not outcomes:
        return Reached([])
    share = outcomes.count(UNCHANGED) / len(outcomes)
    said = [f"unchanged {share:.0%} of {len(outcomes)}: {counts(outcomes)}"]
    for (release, words), own in found.items():
        name = f"{release} {words}"
        deviations = [
            statistics.stdev(logs)
            for part in processors(taken).values()
            for group in grouped(part, "group").values()
            if len(
                logs := [math.log(o["peak_memory_bytes"]) for o in group if o["subject"] == name]
            )
            > 1
        ]
        within = (
            math.sqrt(statistics.fmean(deviation * deviation for deviation in deviations))
            if deviations
            else 0.0
        )
        said.append(f"{name}: {counts(own)}; {within:.1%} between processes")
    return Reached(said, share >= 0.95 if len(outcomes) >= wanted else None)


def memory_verdicts(
    taken: Entries, subjects: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """The outcomes of peak memory, by subject (release, configuration): the processes become
    records of copies of the release, one copy a group, and the product judges each copy against the
    one before."""
    shipped = Catalogue(common.ROOT / "releases")
    found: dict[tuple[str, str], list[str]] = {subject: [] for subject in subjects}
    for own in processors(taken).values():
        groups = len(own) // (MEMORY_PROCESSES * len(subjects))
        with tempfile.TemporaryDirectory() as folder:
            releases = Path(folder)
            copied: dict[tuple[str, int], Release] = {}
            for name in dict.fromkeys(release for release, _ in subjects):
                for group in range(groups):
                    of = shipped.by_name[name]
                    copied[name, group] = copies.add_copy(releases, of, group)
            if not copied:
                continue
            made = [
                memory_record(entry, copied[release, entry["group"]])
                for entry in own
                for release, words in subjects
                if entry["subject"] == f"{release} {words}" and entry["group"] < groups
            ]
            gathered = evidence.gather("perf", made, Catalogue(releases))
            for (name, group), copy in copied.items():
                for verdict in verdicts.of_release(gathered, copy) if group else []:
                    if verdict.measure == PEAK_MEMORY.key:
                        found[name, verdict.words].append(verdict.outcome)
    return found


def memory_record(entry: Entry, copy: Release) -> Record:
    """The record of a process of an ``entry``, as that of a process of ``copy``."""
    keys = ("benchmark", "configuration", "started", "process_s", "samples", "peak_memory_bytes")
    return Record.from_json(
        {
            "schema": records.SCHEMA,
            "run": f"group-{entry['group']}",
            "machine": "perf",
            "track": copy.track,
            "release": copy.name,
            "commit": copy.commit,
            "lock": copy.locks["cpu"].digest,
            "profile": "cpu-quick",
            "benchmark_version": measure.PROTOCOL,
            "outcome": records.OK,
            "number": 1,
            **{key: entry[key] for key in keys},
        }
    )


# -- two real releases: blocks and processes by themselves


def agreement_plan(
    taken: Entries, processor: str, comparisons: Sequence[str], wanted: int
) -> Plan | None:
    """Comparison after comparison: a block, then as many processes as it started, until there
    are ``wanted`` blocks that count."""
    by_comparison = grouped(taken, "pair")
    for comparison in comparisons:
        whole, alone = _blocks_and_processes(by_comparison.get(comparison, []))
        if len(alone) < PROCESSES_A_BLOCK * len(whole):
            # A B B A
            return {"pair": comparison, "side": (0, 1, 1, 0)[len(alone) % 4]}
        if len(whole) < wanted:
            return {"pair": comparison}
    return None


def _blocks_and_processes(own: Entries) -> tuple[list[Entry], list[Entry]]:
    alone = [entry for entry in own if "side" in entry]
    return counted([entry for entry in own if "side" not in entry]), alone


def agreement_progress(taken: Entries, comparisons: Sequence[str], wanted: int) -> str:
    by_comparison = grouped(taken, "pair")
    done = [_blocks_and_processes(by_comparison.get(comparison, [])) for comparison in comparisons]
    whole = sum(len(own) for own, _ in done)
    alone = sum(len(own) for _, own in done)
    return (
        f"{whole} of {wanted * len(comparisons)} blocks, "
        f"{alone} of {PROCESSES_A_BLOCK * wanted * len(comparisons)} processes"
    )


def agreement_reached(taken: Entries, comparisons: Sequence[str], wanted: int) -> Reached:
    """No comparison about which duets and processes surely differ."""
    said, agree = [], []
    whole_row = agreement_plan(taken, "", comparisons, wanted) is None
    for comparison in comparisons:
        own_blocks, alone = _blocks_and_processes(grouped(taken, "pair").get(comparison, []))
        of_blocks, of_processes = logs_of(own_blocks), neighbours(alone)
        if len(of_blocks) < 2 or len(of_processes) < 2:
            continue
        low, high = difference(of_blocks, of_processes, 1 - DISAGREE)
        agree.append(low <= 0 <= high)
        said.append(
            f"{comparison}: blocks {mean_text(of_blocks, 0.95)}; "
            f"processes {mean_text(of_processes, 0.95)}; blocks by processes "
            f"{per_cent(low)} to {per_cent(high)} ({1 - DISAGREE:.0%}): "
            f"{'they agree' if agree[-1] else 'THEY DISAGREE'}"
        )
    return Reached(said, all(agree) if whole_row else None)


def neighbours(alone: Entries) -> list[float]:
    """The log ratios, second release by first, of processes measured one after the other."""
    found = []
    for one, other in zip(alone[::2], alone[1::2], strict=False):
        first, second = sorted((one, other), key=lambda process: process["side"])
        found.append(second["level"] - first["level"])
    return found


def difference(
    one: Sequence[float], other: Sequence[float], confidence: float
) -> tuple[float, float]:
    """The interval of the difference of two means that may scatter differently (Welch 1947)."""
    found = stats.ttest_ind(one, other, equal_var=False).confidence_interval(confidence)
    return float(found.low), float(found.high)


# -- one release, from nothing to all answered


def release_plan(taken: Entries, processor: str) -> Plan | None:
    return None if taken else {}


def release_progress(taken: Entries) -> str:
    return f"{len(taken)} of 1 release"


def release_reached(taken: Entries, configurations: int, within_s: float) -> Reached:
    """By the last time that it was measured."""
    if not taken:
        return Reached([])
    last = taken[-1]
    outcomes = list(last["outcomes"].values())
    said = [
        f"{last['seconds'] / 60:.1f} min, {len(outcomes)} configurations: {counts(outcomes)}",
        str(last["processor"]),
    ]
    answered = len(outcomes) == configurations and not {NOT_SURE, verdicts.FAILED} & set(outcomes)
    return Reached(said, answered and last["seconds"] <= within_s)


# -- why blocks beside other work are off


def load_plan(taken: Entries, processor: str, wanted: int) -> Plan | None:
    return {} if len(taken) < wanted else None


def load_progress(taken: Entries, wanted: int) -> str:
    return f"{len(taken)} of {wanted} blocks"


def load_reached(taken: Entries) -> Reached:
    """What the clocks saw, by what tells two processes of one release apart."""
    if not taken:
        return Reached([])
    said = [f"blocks: {mean_text(logs_of(taken), 0.95)}", clocks_text(taken)]
    duets = [duet for line in taken for duet in line["duets"]]
    for first_begins in (True, False):
        own = [duet for duet in duets if started(duet, 1)["begins"] == first_begins]
        who = "first" if first_begins else "second"
        said.append(
            f"started second by started first, where the {who} makes the first step: "
            f"{mean_text([second_starter(one) for one in own], 0.95)}"
        )
    for place, name in ((1, "started first"), (2, "started second")):
        sides = [started(duet, place) for duet in duets]
        shown = (
            f"{key.replace('_', ' ')} {statistics.median(known):.3g}"
            for key in ("step_s", "cpu_by_wall", "waiting", "others", "steal")
            if (known := [side[key] for side in sides if side[key] is not None])
        )
        said.append(f"{name}: {', '.join(shown)} (medians over {len(sides)} duets)")
    after = [
        log for duet in duets for side in duet["sides"] if (log := after_own(side)) is not None
    ]
    said.append(f"a step after one's own by a step after the other's: {mean_text(after, 0.95)}")
    said += list(processors(taken))
    return Reached(said)


def started(duet: Entry, place: int) -> Entry:
    """The side of a duet that was started first (1) or second (2)."""
    found: Entry = next(side for side in duet["sides"] if side["started"] == place)
    return found


def second_starter(duet: Entry) -> float:
    """The logarithm of a duet, of who was started second by who was started first."""
    return float(duet["log"] if duet["sides"][1]["started"] == 2 else -duet["log"])


def after_own(side: Entry) -> float | None:
    """The logarithm of the median of steps that follow a step of the same process, by that of those
    that follow one of the other; None where samples are not on the line.

    In A B B A A B B A every second step of a process follows its own: of who begins the third, the
    fifth, ..., of the other one the second, the fourth, ...
    """
    samples = side.get("samples") or []
    own, others = samples[2::2], samples[1::2]
    if not side["begins"]:
        own, others = samples[1::2], samples[0::2]
    if not own or not others:
        return None
    return math.log(statistics.median(own) / statistics.median(others))
