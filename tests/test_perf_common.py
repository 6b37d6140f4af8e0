"""Comparing two measurements, as the scripts in perf/ do it."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def common(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    from shared import common

    return common


@pytest.fixture
def processes(common: ModuleType) -> ModuleType:
    from shared import processes

    return processes


@pytest.fixture
def quiet(common: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody else use the machine."""
    monkeypatch.setattr(common, "undisturbed", lambda side: side())


@pytest.mark.usefixtures("quiet")
def test_both_take_turns_in_abba_order_and_neighbours_are_paired(common: ModuleType) -> None:
    order: list[str] = []
    clock = itertools.count(1)

    def measure(name: str) -> int:
        order.append(name)
        return next(clock)

    pairs = common.abba(lambda: measure("a"), lambda: measure("b"), 4, str)

    assert "".join(order) == "abbaabba"
    assert pairs == [(1, 2), (4, 3), (5, 6), (8, 7)]


@pytest.mark.usefixtures("quiet")
def test_a_steady_drift_of_the_machine_favours_neither_side(common: ModuleType) -> None:
    seconds = (1.01**turn for turn in itertools.count())

    pairs = common.abba(lambda: next(seconds), lambda: next(seconds), 8, str)

    assert common.ratio_with_interval(pairs).value == pytest.approx(1.0)


class Machine:
    """Processors whose clocks move only when told to."""

    def __init__(self) -> None:
        self.now = self.busy = self.own = 0.0
        self.foreign: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def cpu_count(self) -> int:
        return 2

    def sleep(self, seconds: float) -> None:
        """Others use what ``foreign`` says next, as a share, nothing at its end."""
        self.now += seconds
        self.busy += (self.foreign.pop(0) if self.foreign else 0.0) * 2 * seconds

    def work(self, seconds: float) -> None:
        """Use one processor."""
        self.own += seconds
        self.busy += seconds
        self.sleep(seconds)


@pytest.fixture
def machine(common: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(common, "time", machine)
    monkeypatch.setattr(common.os, "cpu_count", machine.cpu_count)
    monkeypatch.setattr(common, "_busy_s", lambda: machine.busy)
    monkeypatch.setattr(common, "_own_s", lambda: machine.own)
    return machine


def test_a_process_starts_when_the_machine_is_quiet(common: ModuleType, machine: Machine) -> None:
    machine.foreign = [0.5, 0.5, 0.0]
    started = []
    common.undisturbed(lambda: (started.append(machine.now), machine.work(10.0)))
    assert started == [3.0]


def test_a_process_that_others_disturbed_is_taken_again(
    common: ModuleType, machine: Machine
) -> None:
    machine.foreign = [0.0, 0.2, 0.0, 0.05]  # a look, disturbed, a look, undisturbed enough
    called = []
    common.undisturbed(lambda: called.append(machine.work(10.0)))
    assert len(called) == 2


def test_what_a_process_computes_that_measures_for_this_one_is_no_others(
    common: ModuleType, machine: Machine
) -> None:
    helped = 0.0

    def measure() -> str:
        nonlocal helped
        helped += 10.0
        machine.busy += 10.0
        machine.sleep(10.0)
        return "measured"

    assert common.undisturbed(measure, lambda: helped) == "measured"
    assert helped == 10.0


def test_a_machine_that_others_never_leave_alone_is_given_up(
    common: ModuleType, machine: Machine
) -> None:
    machine.foreign = [0.5] * 10_000
    with pytest.raises(SystemExit, match="idle"):
        common.undisturbed(lambda: None)


def test_the_ratio_is_the_geometric_mean_and_its_interval_is_students(common: ModuleType) -> None:
    ratio = common.ratio_with_interval([(2.0, 1.0), (8.0, 4.0), (4.0, 1.0), (1.0, 1.0)])

    # The logarithms to base 2 are 1, 1, 2, 0: mean 1, standard deviation 0.8165, t = 3.182.
    half = 3.182 * math.sqrt(2 / 3) / 2
    assert ratio.value == pytest.approx(2.0)
    assert ratio.low == pytest.approx(2.0 ** (1 - half))
    assert ratio.high == pytest.approx(2.0 ** (1 + half))


def test_sides_that_swap_places_give_the_inverse(common: ModuleType) -> None:
    pairs = [(1.0, 1.1), (1.2, 1.0), (1.3, 1.4)]

    there = common.ratio_with_interval(pairs)
    back = common.ratio_with_interval([(b, a) for a, b in pairs])

    assert back.value == pytest.approx(1 / there.value)
    assert back.low == pytest.approx(1 / there.high)


@pytest.mark.parametrize("pairs", [2, 3, 12, 40])
def test_the_interval_holds_the_true_ratio_19_times_in_20(common: ModuleType, pairs: int) -> None:
    noise = np.random.default_rng(0).normal(math.log(1.05), 0.03, (4000, pairs))

    intervals = [common.ratio_with_interval([(math.exp(n), 1.0) for n in row]) for row in noise]

    held = np.mean([interval.low <= 1.05 <= interval.high for interval in intervals])
    assert held == pytest.approx(0.95, abs=0.012)


APART = [[7.0, 6.292, 5.56], [7.0, 6.295, 5.574]]


@pytest.mark.parametrize(
    ("theirs", "step"),
    [
        ([[7.0, 6.2921, 5.562], [7.0, 6.2886, 5.5655]], None),
        ([[7.002, 6.292, 5.56], [7.002, 6.295, 5.574]], 1),
        ([[7.0, 6.2, 5.56], [7.0, 6.2, 5.56]], 2),
        ([[7.0, 6.292, 4.0], [7.0, 6.295, 5.0]], 3),
        ([[7.0, 6.292, float("nan")], [7.0, 6.295, 5.574]], 3),
    ],
)
def test_losses_may_be_apart_as_within_one_side_but_for_the_first(
    processes: ModuleType, theirs: list[list[float]], step: int | None
) -> None:
    why = processes.not_the_same_work(APART, theirs)
    assert why is None if step is None else f"step {step} " in why


def test_losses_that_are_always_the_same_must_be_so_on_both_sides(processes: ModuleType) -> None:
    same = [[7.0, 6.0, 5.0]] * 2
    assert processes.not_the_same_work(same, same) is None
    assert "step 2" in processes.not_the_same_work(same, [[7.0, 6.002, 5.0]] * 2)
