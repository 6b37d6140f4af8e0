"""What a choice buys, from literal records."""

from __future__ import annotations

import pytest

from vggbench.records import Record
from vggbench.report.lines import lines
from vggbench.report.pages.choices import Choice, choices

from .literal import CATALOGUE, HISTORY, SHIPPED, processes

OFF, ON = "NHWC none off", "NHWC none on"


def found(*taken: Record) -> list[Choice]:
    (line,) = lines("box", taken, CATALOGUE)[0]
    return choices(line)


def xla(off_s: float, on_s: float, off_first: float, on_first: float) -> Choice:
    (choice,) = found(
        *processes(SHIPPED[2], OFF, *[off_s] * 3, build_s=0.0, warm_up_s=[off_first]),
        *processes(SHIPPED[2], ON, *[on_s] * 3, build_s=0.0, warm_up_s=[on_first]),
    )
    return choice


def test_pairs_differ_in_one_param_alone_within_one_release() -> None:
    tensorflow = [record for record in HISTORY if record.release.startswith("tensorflow")]
    assert [
        (c.release, c.param, " ".join(c.one), " ".join(c.other)) for c in found(*tensorflow)
    ] == [
        (SHIPPED[1], "xla", OFF, ON),
        (SHIPPED[2], "data_format", OFF, "NCHW none off"),
        (SHIPPED[2], "batch_norm", OFF, "NHWC unfused off"),
        (SHIPPED[2], "batch_norm", OFF, "NHWC fused off"),
        (SHIPPED[2], "batch_norm", "NHWC unfused off", "NHWC fused off"),
        (SHIPPED[2], "xla", OFF, ON),
    ]


def test_a_difference_is_clear_where_the_intervals_are_apart() -> None:
    apart = found(
        *processes(SHIPPED[2], OFF, 1.0, 1.1, 1.2), *processes(SHIPPED[2], ON, 0.7, 0.8, 0.9)
    )
    assert [(choice.clear, choice.ratio) for choice in apart] == [(True, 0.8 / 1.1)]
    (overlap,) = found(
        *processes(SHIPPED[2], OFF, 1.0, 1.1, 1.2), *processes(SHIPPED[2], ON, 0.7, 0.8, 1.0)
    )
    assert (overlap.clear, overlap.unclear, overlap.payback) == (False, None, None)


@pytest.mark.parametrize(
    ("count", "why"),
    [(1, "1 process: no noise is known"), (2, "2 processes: too few to know the noise")],
)
def test_no_difference_is_clear_by_fewer_than_three_processes(count: int, why: str) -> None:
    many, few = (
        processes(SHIPPED[2], words, *[seconds] * n)
        for words, seconds, n in ((OFF, 1.0, 3), (ON, 0.5, count))
    )
    (choice,) = found(*many, *few)
    assert (choice.clear, choice.payback, choice.unclear) == (False, None, why)


def test_no_difference_is_clear_where_one_of_two_was_measured_on_a_busy_machine_alone() -> None:
    quiet = processes(SHIPPED[2], OFF, 1.0, 1.0, 1.0)
    busy = processes(SHIPPED[2], ON, 0.5, 0.5, 0.5, load_before=[9.0, 5.0, 3.0])
    (choice,) = found(*quiet, *busy)
    why = "on a busy machine (a load of 9.0 where the process may use 2 CPUs)"
    assert (choice.clear, choice.payback, choice.unclear) == (False, None, why)
    (choice,) = found(*quiet, *busy, *processes(SHIPPED[2], ON, 0.6, 0.6, 0.6))
    assert (choice.clear, choice.payback, choice.unclear) == (True, 1, None)
    assert choice.ratio == 0.6


def test_xla_pays_back_when_its_steps_have_saved_what_its_first_step_cost() -> None:
    # 20 s dearer, 0.1 s saved a step: after 200 further steps both have taken as long.
    choice = xla(off_s=0.5, on_s=0.4, off_first=1.0, on_first=21.0)
    assert choice.payback is not None
    assert choice.payback == 201
    n = choice.payback
    assert 21.0 + (n - 1) * 0.4 <= 1.0 + (n - 1) * 0.5 + 1e-9
    assert 21.0 + (n - 2) * 0.4 > 1.0 + (n - 2) * 0.5


def test_a_dearer_first_step_that_saves_nothing_never_pays_back() -> None:
    assert xla(0.5, 0.5, 1.0, 2.0).payback is None
    assert xla(0.5, 0.6, 1.0, 2.0).payback is None


def test_what_costs_no_more_from_the_start_pays_back_at_once() -> None:
    assert xla(0.5, 0.4, 2.0, 2.0).payback == 1
    assert xla(0.5, 0.6, 2.0, 1.0).payback is None


def test_without_a_first_step_on_record_nothing_is_said_of_paying_back() -> None:
    (choice,) = found(
        *processes(SHIPPED[2], OFF, 0.5, 0.5, 0.5),
        *processes(SHIPPED[2], ON, 0.4, 0.4, 0.4, warm_up_s=[]),
    )
    assert (choice.clear, choice.payback) == (True, None)


def test_what_was_measured_in_another_state_of_the_machine_is_not_compared() -> None:
    (choice,) = found(
        *processes(SHIPPED[2], OFF, 1.0, 1.1, 1.2),
        *processes(SHIPPED[2], ON, 0.7, 0.9, cpus=1),
    )
    assert (choice.ratio, choice.clear, choice.payback) == (None, False, None)
    assert choice.otherwise == "CPUs: 2 CPUs with off, 1 CPU with on"
