"""Rates from literal records, and how they are shown."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from rich.console import Console

from vggbench.campaigns.peak import Peak
from vggbench.inside import measure, vgg16
from vggbench.records import Record
from vggbench.report import rates

from ..records import factory
from ..records.factory import peak

OLD, NEW = "tensorflow-1.15.5", "tensorflow-2.21.0"
RELEASES = [factory.CATALOGUE.by_name[name] for name in (OLD, NEW)]
FLOPS_QUICK, FLOPS_PAPER = vgg16.step_flops(8, 64), vgg16.step_flops(16, 224)


NO_NUMBERS = ["NCHW", "none", "off", "-", "-", "-", "-", "n/a:", "NHWC", "only"]


def record(release: str = NEW, samples: Any = (0.25, 0.5, 1.0), **more: Any) -> Record:
    return factory.record(release, samples=list(samples), **more)


@pytest.mark.parametrize(
    "other",
    [
        {"variables": {"OMP_NUM_THREADS": "1"}},
        {"cpu_quota": 1.0},
        {"processor": {"model name": "another"}},
    ],
)
def test_a_peak_of_another_state_of_the_machine_is_no_peak(other: dict[str, Any]) -> None:
    same = {"variables": {}, "cpu_quota": None, "processor": {"model name": "this"}}
    taken = record(**same)
    assert one(taken, peaks=(peak(**{**same, **other}),)).share_of_peak is None
    both = (peak(200e9, **same), peak(**{**same, **other, "measured": "2026-05-02T12:00:00+00:00"}))
    row = one(taken, peaks=both)
    assert row.peak_flops_per_s == pytest.approx(200e9)
    assert row.peak_measured == "2026-05-01T12:00:00+00:00"
    # What one of them does not say may have been the same.
    assert one(record(), peaks=(peak(**other),)).share_of_peak is not None


def made(*taken: Record, peaks: tuple[Peak, ...] = ()) -> list[rates.Rate]:
    return rates.rates("box", taken, RELEASES, peaks)


def one(*taken: Record, peaks: tuple[Peak, ...] = ()) -> rates.Rate:
    (row,) = made(*taken, peaks=peaks)
    return row


def shown(rows: list[rates.Rate]) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(rates.table(rows))
    return capture.get().splitlines()


@pytest.mark.parametrize("purpose", ["confirm", "calibrate", "separate", "duet", "bisect"])
def test_what_was_run_for_a_purpose_changes_no_rate(purpose: str) -> None:
    of_asv = record(samples=[0.4])
    later = record(samples=[0.8], run="20990101T000000Z-00000001", purpose=purpose)
    assert made(of_asv, later) == made(of_asv)
    assert made(later) == []


def test_rates_follow_from_the_median_of_the_processes_medians() -> None:
    row = one(
        record(samples=[0.1, 0.2, 9.0]),
        record(samples=[0.5, 0.5]),
        record(samples=[0.4]),
        peaks=(peak(400e9),),
    )
    assert (row.outcome, row.processes) == ("ok", 3)
    assert row.step_s == 0.4
    assert row.images_per_s == 20.0
    assert row.flops_per_s == pytest.approx(FLOPS_QUICK / 0.4)
    assert row.share_of_peak == pytest.approx(FLOPS_QUICK / 0.4 / 400e9)
    assert row.peak_flops_per_s == pytest.approx(400e9)


def test_profiles_and_releases_have_rows_of_their_own_in_the_order_of_the_track() -> None:
    rows = made(
        record(NEW, [1.0]),
        record(NEW, [4.0], profile="cpu-paper"),
        record(OLD, [2.0]),
    )
    assert [(row.profile, row.release, row.step_s) for row in rows] == [
        ("cpu-paper", "tensorflow-2.21.0", 4.0),
        ("cpu-quick", "tensorflow-1.15.5", 2.0),
        ("cpu-quick", "tensorflow-2.21.0", 1.0),
    ]
    assert rows[0].images_per_s == 4.0
    assert rows[0].flops_per_s == pytest.approx(FLOPS_PAPER / 4.0)


def test_the_newest_run_that_has_a_configuration_counts_alone() -> None:
    later = "20260502T120000Z-00000002"
    fused = ("NHWC", "fused", "off")
    rows = made(
        record(samples=[1.0]),
        record(samples=[8.0], words=fused),
        record(samples=[2.0], run=later),
        record(run=later, words=fused, outcome="interrupted", samples=[]),
    )
    assert {row.configuration["batch_norm"]: row.step_s for row in rows} == {
        "none": 2.0,
        "fused": 8.0,
    }


def test_what_cannot_be_and_what_failed_keep_their_rows_and_reasons() -> None:
    rows = made(
        record(words=("NCHW", "none", "off"), outcome="n/a", reason="NHWC only", samples=[]),
        record(words=("NHWC", "fused", "off"), outcome="failed", error="SIGSEGV", samples=[]),
        record(words=("NHWC", "none", "on"), outcome="interrupted", samples=[]),
        record(),
        peaks=(peak(),),
    )
    assert {(row.outcome, row.why, row.images_per_s is None) for row in rows} == {
        ("n/a", "NHWC only", True),
        ("failed", "SIGSEGV", True),
        ("interrupted", "its run was interrupted", True),
        ("ok", None, False),
    }
    assert any(line.split()[1:] == NO_NUMBERS for line in shown(rows))
    assert any("failed: SIGSEGV" in line for line in shown(rows))


def test_one_failed_process_of_three_makes_the_configuration_failed() -> None:
    row = one(record(), record(outcome="failed", error="OOM", samples=[]), record())
    assert (row.outcome, row.why, row.step_s) == ("failed", "OOM (1 of 3 processes)", None)


@pytest.mark.parametrize(
    "samples", [[], [0.5, 0.0], [math.nan], [-1.0], ["0.5"], [math.inf], [1e308] * 3, [5e-324] * 3]
)
def test_samples_that_are_no_times_have_no_rate(samples: list[Any]) -> None:
    row = one(record(samples=samples), peaks=(peak(),))
    assert row.outcome == "failed"
    assert row.why is not None
    assert "is no number of seconds" in row.why or row.why == "its record has no samples"
    assert row.flops_per_s is None
    json.dumps(row.as_json(), allow_nan=False)


def test_only_records_of_the_timed_step_count() -> None:
    by_product = record(benchmark="train_step.TensorFlow.track_loss", value=6.5)
    assert made(by_product) == []


def test_records_of_another_protocol_build_lock_or_profile_are_left_out_with_a_reason() -> None:
    others = [
        record(commit="c" * 40),
        record(benchmark_version="0"),
        record(profile="tpu-quick"),
        record(machine="other"),
        record(lock="0" * 64),
    ]
    assert made(*others) == []
    assert [other.why_left_out("box", factory.CATALOGUE.by_commit) for other in others] == [
        "not on a track, or of another build number",
        f"of another measuring protocol than {measure.PROTOCOL}",
        "of the unknown profile tpu-quick",
        "of another machine (other)",
        "of another lock than the release has now",
    ]
    digest = RELEASES[1].locks["cpu"].digest
    assert record(lock=digest).why_left_out("box", factory.CATALOGUE.by_commit) is None


def test_without_a_peak_no_share_is_made_up() -> None:
    row = one(record())
    assert (row.share_of_peak, row.peak_flops_per_s) == (None, None)
    assert "run vggbench peak" in shown([row])[1]
    (line,) = rates.peak_messages([row], [])
    assert line == "peak: not measured on 2 CPUs of this machine yet; there, run: vggbench peak"


def test_the_newest_peak_of_the_same_device_and_processors_counts() -> None:
    peaks = (
        peak(100e9),
        peak(200e9),
        peak(800e9, cpus=8),
        peak(60e12, device="gpu"),
    )
    assert one(record(), peaks=peaks).peak_flops_per_s == pytest.approx(200e9)
    assert one(record(cpus=4), peaks=peaks).peak_flops_per_s is None
    on_gpu = one(record(profile="gpu-paper", cpus=16), peaks=peaks)
    assert on_gpu.peak_flops_per_s == pytest.approx(60e12)
    (line,) = rates.peak_messages([one(record(), peaks=peaks)], peaks)
    assert line == (
        "peak: 200 GFLOP/s on 2 CPUs: float32 product of two 1000 x 1000 matrices, "
        "tensorflow-2.21.0, 2026-05-01"
    )


def test_the_table_has_numbers_in_the_units_of_its_headings() -> None:
    flops_per_s = FLOPS_QUICK / 0.25
    heading, line = shown([one(record(samples=[0.25]), peaks=(peak(flops_per_s * 2),))])
    headings = "release configuration ms a step images/s GFLOP/s % of peak outcome"
    assert heading.split() == headings.split()
    assert line.split() == [
        "tensorflow-2.21.0",
        *("NHWC", "none", "off"),
        "250.0",
        "32.0",
        f"{flops_per_s / 1e9:.1f}",
        "50.0",
        *("ok,", "1", "process"),
    ]


def test_rows_of_another_state_of_the_machine_are_told_apart() -> None:
    rows = made(
        record(OLD, [1.0]),
        record(NEW, [1.0]),
        record(NEW, [2.0], words=("NHWC", "fused", "off"), variables={"OMP_NUM_THREADS": "1"}),
        record(NEW, words=("NCHW", "none", "off"), outcome="n/a", samples=[], cpus=1),
    )
    assert rows[0].as_json()["state"] == "2 CPUs"
    assert rates.state_messages(rows) == [
        "tensorflow-2.21.0 NHWC fused off: measured with 2 CPUs, OMP_NUM_THREADS=1, the others "
        "with 2 CPUs: not to be compared with them"
    ]
    assert rates.state_messages(rows[:1]) == []


def test_of_a_run_in_two_states_of_the_machine_the_last_counts() -> None:
    """... as in verdicts: a median over both would be of neither."""
    governors = ("performance", "powersave", "powersave")
    taken = [
        record(NEW, [seconds], governor=governor)
        for seconds, governor in zip((1.0, 2.0, 3.0), governors, strict=True)
    ]
    (row,) = made(*taken)
    assert (row.step_s, row.processes) == (2.5, 2)
    assert row.state == "2 CPUs, governor powersave"


def test_a_busy_machine_is_said_beside_its_figures() -> None:
    (row,) = made(record(NEW, load_before=[7.5, 5.0, 3.0]))
    assert row.busy == "a load of 7.5 where the process may use 2 CPUs"
    assert "on a busy machine (a load of 7.5" in shown([row])[-1]
    assert one(record(NEW)).busy is None


def test_what_a_busy_machine_measured_does_not_count_beside_quiet_processes() -> None:
    busy = record(NEW, [9.0], load_before=[7.5, 5.0, 3.0])
    row = one(record(NEW, [1.0]), busy, record(NEW, [2.0]))
    assert (row.step_s, row.processes, row.busy) == (1.5, 2, None)
    # One that failed is no figure, whatever disturbed it.
    failed = record(NEW, outcome="failed", samples=[], load_before=[7.5, 5.0, 3.0])
    assert one(record(NEW, [1.0]), failed).outcome == "failed"


def test_a_configuration_that_json_cannot_hold_is_a_text_there() -> None:
    taken = record(NEW)
    taken.configuration["xla"] = math.inf
    told = json.dumps([row.as_json() for row in made(taken)], allow_nan=False)
    assert json.loads(told)[0]["configuration"]["xla"] == "inf"


def test_without_a_believable_number_of_processors_the_peak_is_of_an_unknown_one() -> None:
    for cpus in (None, 10**400):
        (line,) = rates.peak_messages(made(record(cpus=cpus)), ())
        assert line.startswith("peak: not measured on an unknown number of CPUs of this machine")
