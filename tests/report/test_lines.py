"""Lines from literal records."""

from __future__ import annotations

from typing import Any

import pytest

from vggbench.report import rates
from vggbench.report.estimates import Estimate
from vggbench.report.lines import Cell, LeftOut, PageGraph, lines

from ..records.factory import changed
from .pages.literal import CATALOGUE, HISTORY, SHIPPED, TWO_DAYS, processes, record


def made(*taken: Any) -> list[PageGraph]:
    return lines("box", taken, CATALOGUE)[0]


def one(*taken: Any) -> Cell:
    (line,) = made(*taken)
    (cell,) = line.cells
    return cell


def test_a_track_has_a_line_in_the_order_of_releases_and_asvs_order_of_configurations() -> None:
    keras, tensorflow = made(*reversed(HISTORY))
    assert (keras.track, tensorflow.track) == ("keras", "tensorflow")
    assert tensorflow.params == ("data_format", "batch_norm", "xla")
    assert [" ".join(words) for words in tensorflow.configurations] == [
        "NHWC none off",
        "NHWC none on",
        "NHWC unfused off",
        "NHWC fused off",
        "NCHW none off",
    ]
    assert [(cell.release, " ".join(cell.words), cell.outcome) for cell in tensorflow.cells] == [
        (SHIPPED[0], "NHWC none off", "ok"),
        (SHIPPED[0], "NHWC none on", "n/a"),
        (SHIPPED[1], "NHWC none off", "ok"),
        (SHIPPED[1], "NHWC none on", "ok"),
        (SHIPPED[1], "NCHW none off", "failed"),
        (SHIPPED[2], "NHWC none off", "ok"),
        (SHIPPED[2], "NHWC none on", "ok"),
        (SHIPPED[2], "NHWC unfused off", "ok"),
        (SHIPPED[2], "NHWC fused off", "ok"),
        (SHIPPED[2], "NCHW none off", "ok"),
    ]


def test_a_cell_is_the_median_of_the_processes_medians() -> None:
    cell = one(*processes(SHIPPED[2], "NHWC none off", 0.300, 0.306, 0.294))
    assert (cell.processes, cell.samples) == (3, 9)
    assert cell.estimates["step"] == Estimate(0.300, 0.294, 0.306, 3)
    assert cell.estimates["images"].value == pytest.approx(8 / 0.3)
    assert cell.estimates["first_step"].value == 4.5


def test_memory_growth_may_be_0_or_below_it() -> None:
    cell = one(
        *(
            changed(process, memory_growth_per_step_bytes=grown)
            for process, grown in zip(
                processes(SHIPPED[2], "NHWC none off", 0.3, 0.3, 0.3),
                (0, -4096.0, 8e6),
                strict=True,
            )
        )
    )
    assert cell.estimates["memory_growth"] == Estimate(0.0, -4096.0, 8e6, 3)


def test_what_a_step_costs_besides_its_time_is_shown_where_it_was_counted() -> None:
    counted = [{"cpu_s": 0.4, "cycles": {"reason": "no counter"}}, {"cpu_s": 0.6}, {"cpu_s": "?"}]
    cell = one(
        *(
            changed(process, counters=told)
            for process, told in zip(
                processes(SHIPPED[2], "NHWC none off", 0.3, 0.3, 0.3), counted, strict=True
            )
        )
    )
    assert cell.estimates["cpu_time"] == Estimate(0.5, 0.4, 0.6, 2)
    assert "cycles" not in cell.estimates


def test_the_step_is_that_of_vggbench_rates() -> None:
    rows = {
        (row.release, tuple(row.configuration.values())): (row.outcome, row.why, row.step_s)
        for row in rates.rates("box", HISTORY, list(CATALOGUE), [])
    }
    cells = {
        (cell.release, cell.words): (
            cell.outcome,
            cell.why,
            cell.estimates["step"].value if cell.estimates else None,
        )
        for line in made(*HISTORY)
        for cell in line.cells
    }
    assert cells == rows


def test_the_newest_run_counts() -> None:
    later = processes(SHIPPED[2], "NHWC none off", 0.5, run="20260601T120000Z-00000002")
    cell = one(*processes(SHIPPED[2], "NHWC none off", 0.3, 0.31), *later)
    assert (cell.run, cell.processes) == ("20260601T120000Z-00000002", 1)
    assert cell.estimates["step"].value == 0.5


def test_what_a_busy_machine_measured_counts_where_there_is_nothing_else() -> None:
    load = {"load_before": [9.0, 5.0, 3.0]}
    busy = processes(SHIPPED[2], "NHWC none off", 0.5, **load, peak_memory_bytes=1_000)
    quiet = processes(SHIPPED[2], "NHWC none off", 0.3, 0.31, peak_memory_bytes=2_000)
    cell = one(*quiet, *busy)
    assert (cell.busy, cell.processes, cell.samples) == (None, 2, 6)
    assert cell.estimates["step"] == Estimate(pytest.approx(0.305), 0.3, 0.31, 2)
    # Other work on the machine takes processors, and no memory of the process.
    assert cell.estimates["peak_memory"] == Estimate(2_000, 1_000, 2_000, 3)
    cell = one(*busy)
    assert cell.busy == "a load of 9.0 where the process may use 2 CPUs"
    assert cell.estimates["step"].value == 0.5


def test_a_line_is_cut_where_a_release_was_measured_again_on_another_day() -> None:
    (line,) = made(*TWO_DAYS)
    assert [cell.estimates["step"].value for cell in line.cells] == [
        pytest.approx(seconds) for seconds in (0.201, 0.316, 0.319)
    ]
    assert [bool(cell.earlier) for cell in line.cells] == [False, True, False]
    assert line.cells[1].earlier["step"] == Estimate(pytest.approx(0.211), 0.210, 0.212, 2)
    assert line.cells[1].earlier["images"].value == pytest.approx(8 / 0.211)


def test_a_line_is_not_cut_where_nothing_was_measured_twice() -> None:
    days = [
        process
        for day, release in enumerate(SHIPPED[:3], 1)
        for process in processes(
            release, "NHWC none off", 0.2, started=f"2026-05-0{day}T12:00:00+00:00"
        )
    ]
    (line,) = made(*days)
    assert not any(cell.earlier for cell in line.cells)


def test_a_line_is_not_cut_where_all_of_it_was_measured_again() -> None:
    again = [
        changed(record, run="20260503T120000Z-00000003", started="2026-05-03T12:00:00+00:00")
        for record in TWO_DAYS[:4]
    ]
    (line,) = made(*TWO_DAYS[:4], *again)
    assert [len(line.cells), any(cell.earlier for cell in line.cells)] == [2, False]


def test_an_earlier_run_that_failed_is_no_part_of_a_line() -> None:
    failed = [
        changed(record, outcome="failed", error="SIGSEGV")
        if record.release == SHIPPED[1]
        else record
        for record in TWO_DAYS[:4]
    ]
    (line,) = made(*failed, *TWO_DAYS[4:])
    assert not any(cell.earlier for cell in line.cells)


@pytest.mark.parametrize("purpose", ["confirm", "calibrate", "separate", "duet"])
def test_processes_that_have_a_purpose_make_no_line(purpose: str) -> None:
    assert made(record(purpose=purpose)) == []


def test_what_is_not_ok_has_its_reason_and_no_figures() -> None:
    cell = one(record(outcome="n/a", reason="no\nXLA   here"))
    assert (cell.outcome, cell.why, dict(cell.estimates)) == ("n/a", "no XLA here", {})


@pytest.mark.parametrize(
    "samples", [[], None, 5, "fast", [None], [0], [-1.0], [True], {}, [[1]], [1e308] * 2, [5e-324]]
)
def test_results_without_times_are_failed_not_slow(samples: Any) -> None:
    cell = one(record(samples=samples))
    assert cell.outcome == "failed"
    assert "is no number of seconds" in str(cell.why) or cell.why == "its record has no samples"


def test_a_run_in_two_states_of_the_machine_counts_in_the_last_of_them() -> None:
    taken = [record(SHIPPED[0]), record(SHIPPED[1]), record(SHIPPED[1], cpus=4, process_s=9.0)]
    (line,) = made(*taken)
    assert [cell.processes for cell in line.cells] == [1, 1]
    assert line.cells[1].otherwise == "CPUs: 2 CPUs before, 4 CPUs after"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"cpus": 4}, "CPUs: 2 CPUs before, 4 CPUs after"),
        ({"variables": {"OMP_NUM_THREADS": "1"}}, "OMP_NUM_THREADS: none before, 1 after"),
    ],
)
def test_a_line_is_cut_where_the_state_of_the_machine_changed(
    other: dict[str, Any], said: str
) -> None:
    taken = [record(SHIPPED[0]), record(SHIPPED[1], **other), record(SHIPPED[2], **other)]
    (line,) = made(*taken)
    assert [cell.otherwise for cell in line.cells] == [None, said, None]


def test_releases_that_are_gone_and_other_protocols_are_left_out_and_counted() -> None:
    found, left_out = lines(
        "box",
        [record("tensorflow-0.12.0"), record("tensorflow-0.12.0"), record(benchmark_version="0")],
        CATALOGUE,
    )
    assert found == []
    gone = "not on a track, or of another build number"
    assert LeftOut(gone, "tensorflow-0.12.0", 2) in left_out
    assert sorted(runs.count for runs in left_out) == [1, 2]


def test_words_of_someone_elses_configuration_are_kept_as_text() -> None:
    odd = record(configuration={"data_format": ["x"], "<b>": None})
    (line,) = made(odd)
    assert line.params == ("data_format", "batch_norm", "xla", "<b>")
    assert line.configurations == (("['x']", "-", "-", "None"),)
