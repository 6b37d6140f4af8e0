"""The rows of perf/duets.py: what is to be measured next, and what is made of it."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from vggbench.campaigns.budget import Budget
from vggbench.stats.policy import IMPROVED, NOT_SURE, REGRESSED, UNCHANGED

HERE, ELSEWHERE = "one, 2 CPUs", "another, 8 CPUs"
KNOWN = {"deviation": 0.01, "degrees": 10.0, "origin": "blocks", "bias": 0.0}

Entry = dict[str, Any]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module("shared.duet_figures")


@pytest.fixture
def rows(figures: ModuleType) -> ModuleType:
    return importlib.import_module("shared.rows")


@pytest.fixture
def duets(figures: ModuleType) -> ModuleType:
    return importlib.import_module("duets")


def block(log: float, **more: Any) -> Entry:
    told = {"left_out": None, "others": 0.0, "waiting": 0.0, "seconds": 30.0, "processor": HERE}
    return {"log": log, **told, **more}


# -- one release against itself


def test_blocks_that_no_verdict_would_count_are_measured_again(figures: ModuleType) -> None:
    taken = [block(0.0), block(0.0, left_out="busy"), block(0.01)]

    assert figures.same_plan(taken, HERE, 3) == {}
    assert figures.same_plan([*taken, block(0.0)], HERE, 3) is None
    assert figures.same_progress(taken, 3) == "2 of 3 blocks"


def test_a_release_with_itself_is_measured_until_each_processor_that_is_used_has_its_blocks(
    figures: ModuleType,
) -> None:
    taken = [block(0.0), block(0.0), block(0.0, processor=ELSEWHERE)]

    assert figures.same_plan(taken, HERE, 3, 2) is None
    assert figures.same_plan(taken, ELSEWHERE, 3, 2) == {}


def test_the_interval_of_the_mean_is_students(figures: ModuleType) -> None:
    # Mean 0.01, standard deviation 0.01, of 3; t at 95 % with 2 degrees of freedom is 2.920.
    mean, low, high = figures.interval([0.0, 0.01, 0.02], 0.9)

    assert mean == pytest.approx(0.01)
    assert (
        high - mean == pytest.approx(mean - low) == pytest.approx(2.920 * 0.01 / 3**0.5, rel=1e-3)
    )


@pytest.mark.parametrize(("shift", "good"), [(0.0, True), (0.004, True), (0.008, False)])
def test_a_release_with_itself_is_good_where_the_whole_interval_lies_inside(
    figures: ModuleType, shift: float, good: bool
) -> None:
    taken = [block(shift + scatter) for scatter in (-0.01, 0.01) * 8]  # an interval of +-0.45 %

    assert figures.same_reached(taken, 0.01).good is good
    assert figures.same_reached([block(-one["log"]) for one in taken], 0.01).good is good


def test_a_row_of_a_release_with_itself_says_what_by_products_differed_by(
    figures: ModuleType,
) -> None:
    """A block is the mean of its duets, second subject by first, whoever was started first."""

    def of_peaks(*peaks: tuple[float, float]) -> Entry:
        sides = [
            [side(place, place == 1, peak_memory_bytes=peak) for place, peak in enumerate(both, 1)]
            for both in peaks
        ]
        return block(0.0, duets=[{"log": 0.0, "sides": both} for both in sides])

    taken = [of_peaks((100, 104), (100, 100)), of_peaks((100, 100), (104, 104))]

    messages = figures.same_reached(taken, 0.01).messages

    assert any(line.startswith("peak memory: +0.99%") for line in messages)
    assert not any(line.startswith("first step") for line in messages)


def test_ratios_of_several_processors_pool_and_each_is_shown(figures: ModuleType) -> None:
    here, there = [block(0.01), block(0.02)], [block(-0.01), block(-0.02)]
    for record in there:
        record["processor"] = ELSEWHERE

    messages = figures.same_reached(here + there, 0.01).messages

    assert messages[0].startswith("+0.00%")
    assert any(line.startswith(f"{ELSEWHERE}: -1.49%") for line in messages)


# -- blocks against processes in turns


def beside(log: float, processes_log: float, **more: Any) -> Entry:
    return block(log, processes_log=processes_log, processes_s=31.0, **more)


def test_a_deviation_is_about_the_mean_of_each_processor(figures: ModuleType) -> None:
    taken = [beside(0.01, 0.04), beside(-0.01, -0.04)] * 5
    taken += [beside(1.01, 2.04, processor=ELSEWHERE), beside(0.99, 1.96, processor=ELSEWHERE)] * 5

    reached = figures.deviation_reached(taken, 0.25)

    assert reached.messages[0].startswith("0.25 (95 % interval 0.25 to 0.25)")


def test_the_ratio_of_deviations_is_held_against_the_figure(figures: ModuleType) -> None:
    draw = np.random.default_rng(1)
    taken = [beside(*pair) for pair in draw.normal(0, (0.01, 0.10), (20, 2))]

    assert figures.deviation_reached(taken, 0.25).good
    assert not figures.deviation_reached(taken, 0.05).good


def test_the_interval_of_the_ratio_of_deviations_holds_the_true_one(figures: ModuleType) -> None:
    draw = np.random.default_rng(2)
    held = 0
    for _ in range(60):
        taken = [beside(*pair) for pair in draw.normal(0, (0.01, 0.02), (20, 2))]
        texts = figures.deviation_reached(taken, 1).messages[0].split()
        held += float(texts[4]) <= 0.5 <= float(texts[6].rstrip("):"))
    assert held >= 48  # a percentile bootstrap of 20 is somewhat narrow


def test_where_no_block_came_in_time_the_figure_is_missed(figures: ModuleType) -> None:
    taken = [beside(0.001 * (-1) ** place, 0.1 * (-1) ** place) for place in range(20)]
    assert figures.deviation_reached(taken, 0.25).good
    taken[0]["log"] = None
    reached = figures.deviation_reached(taken, 0.25)
    assert reached.good is False
    assert reached.messages[0] == "1 times no block that counts in its time"


def test_processes_get_as_many_seconds_as_blocks_over_the_whole_row(duets: ModuleType) -> None:
    order: list[int] = []
    taken: list[Entry] = []

    def process() -> Entry:
        order.append(len(order))
        return {"level": float(len(order)), "seconds": 9.0}

    for _ in range(20):
        found = duets.in_turns(process, 30.0, taken)
        taken.append(block(0.0, **found))

    assert sum(block["processes_s"] for block in taken) == pytest.approx(20 * 30.0, abs=9.0)


def test_processes_take_turns_so_that_a_steady_drift_favours_neither_side(
    duets: ModuleType,
) -> None:
    levels = iter(range(100))
    found = duets.in_turns(lambda: {"level": float(next(levels)), "seconds": 10.0}, 40.0, [])
    assert found["levels"] == [[0.0, 3.0], [1.0, 2.0]]
    assert found["processes_log"] == 0.0


def test_at_least_one_process_of_each_side_is_measured(duets: ModuleType) -> None:
    found = duets.in_turns(lambda: {"level": 0.0, "seconds": 500.0}, 1.0, [])
    assert found["levels"] == [[0.0], [0.0]]


# -- trials and rounds


def trial(number: int, logs: list[float], **more: Any) -> list[Entry]:
    return [block(log, trial=number, noise=KNOWN, **more) for log in logs]


def test_a_trial_is_over_when_its_blocks_make_the_outcome_sure(figures: ModuleType) -> None:
    rule = figures.Rule()
    slower = [0.10, 0.101, 0.099]

    assert figures.outcome(trial(1, slower[:2]), rule) is None
    assert figures.outcome(trial(1, slower), rule) == REGRESSED
    assert figures.outcome(trial(1, [-one for one in slower]), rule) == IMPROVED
    assert figures.outcome(trial(1, [0.0, 0.001] * 10), rule) == UNCHANGED
    # What came after that changes nothing.
    assert figures.outcome(trial(1, [*slower, *[-0.5] * 10]), rule) == REGRESSED


def test_a_trial_ends_unsure_after_twenty_blocks_or_before_the_block_that_would_be_late(
    figures: ModuleType,
) -> None:
    unsure = trial(1, [-0.2, 0.25] * 10)

    assert figures.outcome(unsure, figures.Rule()) == NOT_SURE
    assert figures.outcome(unsure[:19], figures.Rule()) is None
    assert figures.outcome(unsure[:11], figures.Rule(limit_s=360)) is None
    assert figures.outcome(unsure[:12], figures.Rule(limit_s=360)) == NOT_SURE


def test_a_block_that_does_not_count_costs_its_seconds_alone(figures: ModuleType) -> None:
    rule = figures.Rule(limit_s=360)
    refused = trial(1, [5.0] * 3, left_out="busy")

    assert figures.outcome(refused, rule) is None
    assert figures.outcome([*refused, *trial(1, [0.10, 0.101])], rule) is None
    assert figures.outcome([*refused, *trial(1, [0.10, 0.101, 0.099])], rule) == REGRESSED


def test_a_trial_goes_on_only_on_the_processor_that_began_it(figures: ModuleType) -> None:
    rule = figures.Rule()
    taken = trial(1, [0.1, 0.1, 0.1]) + trial(2, [0.1])

    assert figures.planted_plan([], HERE, 2, rule) == {"trial": 1}
    assert figures.planted_plan(taken, HERE, 2, rule) == {"trial": 2}
    assert figures.planted_plan(taken, ELSEWHERE, 2, rule) == {"trial": 3}
    taken += trial(3, [0.1, 0.1, 0.1], processor=ELSEWHERE)
    assert figures.planted_plan(taken, ELSEWHERE, 2, rule) is None
    assert figures.planted_reached(taken, 2, rule, 2).good


def test_slow_downs_that_are_not_found_miss_the_figure(figures: ModuleType) -> None:
    taken = trial(1, [0.1] * 3) + trial(2, [0.0, 0.001] * 10)
    assert figures.planted_reached(taken, 2, figures.Rule(), 1).good
    assert not figures.planted_reached(taken, 2, figures.Rule(), 2).good
    assert figures.planted_reached(taken, 3, figures.Rule(), 1).good is None


def test_a_calibration_knows_the_first_blocks_of_the_same_processor(figures: ModuleType) -> None:
    draw = np.random.default_rng(0)
    here = [block(log) for log in draw.normal(0, 0.01, 10)]
    there = [block(log, processor=ELSEWHERE) for log in draw.normal(0, 0.2, 10)]
    later = [block(log) for log in draw.normal(0, 0.2, 10)]

    found = figures.calibrated([*here, *there, *later], HERE)

    assert found == figures.calibrated(here, HERE)
    assert found.deviation == pytest.approx(0.01, rel=0.5)
    assert figures.calibrated(there, HERE).is_assumed


BOTH = ("a", "b")


def in_round(number: int, name: str, logs: list[float], **more: Any) -> list[Entry]:
    return [block(log, round=number, configuration=name, noise=KNOWN, **more) for log in logs]


def test_a_round_takes_blocks_of_what_is_open_in_turns(figures: ModuleType) -> None:
    rule = figures.Rule(comparisons=2)
    taken: list[Entry] = []
    asked = []
    for _ in range(8):
        plan = figures.rounds_plan(taken, HERE, 2, BOTH, rule)
        asked.append((plan["round"], plan["configuration"]))
        taken += in_round(plan["round"], plan["configuration"], [0.2])

    assert asked == [(n, name) for n in (1, 1) for name in BOTH] + [
        (1, "a"),
        (1, "b"),
        (2, "a"),
        (2, "b"),
    ]


def test_rounds_count_false_alarms_and_what_is_unchanged(figures: ModuleType) -> None:
    rule = figures.Rule(comparisons=2)
    quiet = [0.0, 0.001] * 10
    taken = [
        line for number in range(1, 11) for name in BOTH for line in in_round(number, name, quiet)
    ]
    assert figures.rounds_plan(taken, HERE, 10, BOTH, rule) is None
    assert figures.rounds_reached(taken, 10, BOTH, rule).good
    loud = [block for block in taken if block["round"] > 2]
    for number in (1, 2):
        loud += in_round(number, "a", [0.1] * 3) + in_round(number, "b", quiet)
    reached = figures.rounds_reached(loud, 10, BOTH, rule)
    assert reached.good is False
    assert "false alarms 2" in reached.messages[1]
    assert [message[:2] for message in reached.messages[2:4]] == ["a:", "b:"]


# -- peak memory

SUBJECTS = (("tensorflow-2.21.0", "NHWC none off"), ("theano-1.0.5", "none"))
CONFIGURATIONS = {
    "tensorflow-2.21.0": {"data_format": "NHWC", "batch_norm": "none", "xla": "off"},
    "theano-1.0.5": {"batch_norm": "none"},
}
CLASSES = {"tensorflow-2.21.0": "TensorFlow", "theano-1.0.5": "Theano"}


def memory_entries(figures: ModuleType, values: Iterator[float], wanted: int) -> list[Entry]:
    taken: list[Entry] = []
    while (plan := figures.memory_plan(taken, HERE, wanted, SUBJECTS)) is not None:
        release = plan["subject"].split()[0]
        minute = len(taken)
        taken.append(
            {
                **plan,
                "benchmark": f"train_step.{CLASSES[release]}.time_train_step",
                "configuration": CONFIGURATIONS[release],
                "started": f"2026-11-29T{minute // 60:02}:{minute % 60:02}:00+00:00",
                "process_s": 10.0,
                "samples": [0.3] * 10,
                "peak_memory_bytes": next(values),
                "seconds": 10.0,
                "processor": HERE,
            }
        )
    return taken


def test_groups_of_processes_are_judged_as_releases_by_the_product(figures: ModuleType) -> None:
    draw = np.random.default_rng(0)
    values = (1e9 * math.exp(draw.normal(0, 0.0005)) for _ in iter(int, 1))

    taken = memory_entries(figures, values, 8)

    assert len(taken) == 5 * 3 * 2  # four groups beside the one before
    found = figures.memory_verdicts(taken, SUBJECTS)
    assert {len(own) for own in found.values()} == {4}
    # The machine's noise is not known before some groups are on record.
    assert all(own[-1] == UNCHANGED for own in found.values())
    assert not {REGRESSED, IMPROVED} & {outcome for own in found.values() for outcome in own}


def test_processes_that_take_more_memory_are_not_called_unchanged(figures: ModuleType) -> None:
    taken = memory_entries(figures, iter([1e9] * 300), 8)
    for record in taken:
        if record["group"] == 4:
            record["peak_memory_bytes"] *= 1.5

    found = figures.memory_verdicts(taken, SUBJECTS)

    assert all(own[-1] != UNCHANGED for own in found.values())
    assert figures.memory_reached(taken, 8, SUBJECTS).good is False


def test_groups_of_two_processors_are_not_compared(figures: ModuleType) -> None:
    taken = memory_entries(figures, iter([1e9] * 300), 2)
    assert len(taken) == 2 * 6
    for record in taken[6:]:
        record["processor"] = ELSEWHERE
    assert figures.memory_comparisons(taken, 2) == 0
    assert figures.memory_verdicts(taken, SUBJECTS) == {subject: [] for subject in SUBJECTS}


# -- two real releases


def alone(side: int, level: float) -> Entry:
    return {"pair": "p", "side": side, "level": level, "seconds": 10.0, "processor": HERE}


def test_each_block_is_followed_by_as_many_processes_as_it_starts(figures: ModuleType) -> None:
    taken: list[Entry] = []
    order = ""
    while (plan := figures.agreement_plan(taken, HERE, ["p", "q"], 2)) is not None:
        own = {"processor": HERE, "seconds": 1.0}
        order += str(plan.get("side", "x"))
        taken.append({**plan, "level": 0.0} | own if "side" in plan else {**block(0.0), **plan})
    assert order == "x0110x0110" * 2


@pytest.mark.parametrize(("change", "good"), [(0.1, True), (0.0, False)])
def test_blocks_and_processes_are_held_against_each_other(
    figures: ModuleType, change: float, good: bool
) -> None:
    scatter = [0.001, -0.001, 0.002, -0.002, 0.0, 0.0]
    taken: list[Entry] = []
    for one in scatter:
        taken.append(block(0.1 + one, pair="p"))
        for side in (0, 1, 1, 0):
            taken.append(alone(side, 5.0 + side * (change + one)))

    reached = figures.agreement_reached(taken, ["p"], 6)

    assert reached.good is good
    assert figures.agreement_reached(taken[:-1], ["p"], 6).good is None


def test_processes_are_paired_with_their_neighbours(figures: ModuleType) -> None:
    taken = [alone(0, 1.0), alone(1, 1.5), alone(1, 3.0), alone(0, 2.0), alone(0, 9.0)]
    assert figures.neighbours(taken) == [0.5, 1.0]


# -- a whole release, and other work beside blocks


@pytest.mark.parametrize(
    ("outcomes", "seconds", "good"),
    [
        ([UNCHANGED] * 11 + [REGRESSED], 3500.0, True),
        ([UNCHANGED] * 11 + [NOT_SURE], 3500.0, False),
        ([UNCHANGED] * 11, 3500.0, False),
        ([UNCHANGED] * 12, 3700.0, False),
    ],
)
def test_a_release_is_answered_where_all_is_sure_in_time(
    figures: ModuleType, outcomes: list[str], seconds: float, good: bool
) -> None:
    named = {str(place): outcome for place, outcome in enumerate(outcomes)}
    line = {"seconds": seconds, "outcomes": named, "processor": HERE}
    assert figures.release_reached([line], 12, 3600.0).good is good


def side(started: int, begins: bool, **more: Any) -> Entry:
    told = dict.fromkeys(("step_s", "cpu_by_wall", "waiting", "others", "steal"), 0.5)
    return {"started": started, "begins": begins, **told, **more}


def test_what_was_started_second_is_held_against_what_was_started_first(
    figures: ModuleType,
) -> None:
    first = {"log": 0.1, "sides": [side(1, True), side(2, False)]}
    swapped = {"log": 0.1, "sides": [side(2, True), side(1, False)]}

    assert figures.second_starter(first) == 0.1
    assert figures.second_starter(swapped) == -0.1
    messages = figures.load_reached([block(0.1, duets=[first, swapped])]).messages
    assert any("where the first makes the first step: +10.52%" in line for line in messages)
    assert any("where the second makes the first step: -9.52%" in line for line in messages)


@pytest.mark.parametrize("begins", [True, False])
def test_steps_that_follow_ones_own_are_told_from_the_others(
    figures: ModuleType, begins: bool
) -> None:
    turns = "ABBA" * 4
    mine = "A" if begins else "B"
    samples = [
        2.0 if place and turns[place - 1] == who else 1.0
        for place, who in enumerate(turns)
        if who == mine
    ]
    found = figures.after_own(side(1, begins, samples=samples))
    assert found == pytest.approx(math.log(2.0))


# -- the state


def test_a_row_goes_on_where_its_file_ends(
    duets: ModuleType, rows: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(duets, "STATE", tmp_path)
    state = duets.state_of("aa-theano")
    measured = iter(range(100))

    def measure(bench: Any, plan: Entry, taken: list[Entry]) -> Entry:
        assert len(taken) == next(measured)
        return block(0.001)

    row = replace(duets.ROWS["aa-theano"], measure=measure)
    for _ in range(2):
        ends = Budget(1e9, iter([0.0] * 9 + [2e9] * 99).__next__)
        rows.go_on("aa-theano", row, state, ends, None)
    rows.go_on("aa-theano", row, state, Budget(1e9), None)

    assert len(state.read()) == 15
    assert {entry["processor"] for entry in state.read()} == {rows.processor()}
    assert next(measured) == 15


def test_every_row_can_be_printed_before_anything_is_measured(
    duets: ModuleType,
    rows: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(duets, "STATE", tmp_path)
    states = {name: duets.state_of(name) for name in duets.ROWS}
    assert not any(rows.report(name, row, states[name]) for name, row in duets.ROWS.items())
    assert capsys.readouterr().out.count("NOT COMPLETE: 0 of ") == len(duets.ROWS)
