"""What the page Machines says of a machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from vggbench.records import APART, Record
from vggbench.report.pages import machine
from vggbench.report.pages.about import UNSEEN
from vggbench.runs.processor import FACTS, SETS, described

from ...judging.duets import LINK, blocks_by_log
from ...records.factory import changed
from .literal import CATALOGUE, CHAINED, HISTORY, SHIPPED, record

PROCESSOR = {**dict.fromkeys(FACTS, "1"), "model name": "A Processor", SETS: "0123456789ab"}

#: HISTORY, each of whose processes began at the same moment and ran for 36 s.
RAN = [changed(one, process_s=36.0) for one in HISTORY]


def about(taken: list[Record], why_none: str | None = None) -> dict[str, Any]:
    source: Any = SimpleNamespace(
        records_of=lambda name, complain: taken,
        catalogue=CATALOGUE,
        accepted=(),
        why_none=why_none,
    )
    found = machine.of_machine("box", source).about
    assert found is not None
    return found


def row(taken: list[Record], track: str | None = "tensorflow", **more: Any) -> Any:
    (found,) = (one for one in about(taken, **more)["measured"] if one["track"] == track)
    return found


def test_facts_that_no_record_has_have_no_value() -> None:
    told = about(HISTORY)
    assert told["cpus"] == ["2"]
    assert [told[key] for key in ("processor", "kernel", "governor", "gpu")] == [[]] * 4
    assert told["memory_limit_bytes"] is None


def test_of_a_fact_that_changed_the_newest_value_comes_first() -> None:
    old = record(kernel="6.1.0", governor=None, processor=PROCESSOR, memory_limit_bytes=None)
    new = record(kernel="6.2.0", governor="performance", memory_limit_bytes=8_000_000_000)
    told = about([*HISTORY, old, new])
    assert told["kernel"] == ["6.2.0", "6.1.0"]
    assert told["governor"] == ["performance", UNSEEN]
    assert told["processor"] == [described(PROCESSOR)]
    assert told["memory_limit_bytes"] == 8_000_000_000
    assert about([old])["governor"] == [UNSEEN]


def test_the_gpu_is_that_of_processes_that_used_it() -> None:
    gpu = {"name": "A GPU", "utilisation_percent": {"mean": 97.0}}
    told = about([*HISTORY, record(profile="gpu-paper", gpu=gpu)])
    assert told["gpu"] == ["A GPU"]
    assert {one["profile"] for one in told["noise"]} == {"gpu-paper", "cpu-quick"}


def test_the_noise_is_what_blocks_of_a_release_with_itself_tell() -> None:
    calibrating = blocks_by_log(SHIPPED[2], SHIPPED[2], *LINK, *LINK)
    (noise,) = about([*HISTORY, *CHAINED, *calibrating])["noise"]
    assert (noise["profile"], noise["blocks"], noise["bias"]) == ("cpu-quick", 12, 0)
    assert 0.001 < noise["deviation"] < 0.01


def test_too_few_blocks_tell_no_noise_and_a_profile_without_any_is_not_calibrated() -> None:
    few = blocks_by_log(SHIPPED[2], SHIPPED[2], 0.001)
    (noise,) = about([*HISTORY, *few])["noise"]
    assert noise == {"profile": "cpu-quick", "blocks": 1, "deviation": None, "bias": None}
    (noise,) = about([*HISTORY, *CHAINED])["noise"]
    assert noise == {"profile": "cpu-quick", "blocks": 0, "deviation": None, "bias": None}


def test_a_track_has_the_releases_with_a_number_of_all_its_releases() -> None:
    told = row(RAN)
    assert (told["profile"], told["releases"]) == ("cpu-quick", 3)
    assert told["of"] == len(CATALOGUE.tracks["tensorflow"].releases)
    assert row(RAN, "keras")["releases"] == 1
    failed = [record(SHIPPED[0], outcome="failed", error="SIGSEGV")]
    assert row([*failed, record(SHIPPED[1])])["releases"] == 1
    # A release that only duets have measured has a level.
    assert row(list(CHAINED))["releases"] == 3


def test_comparisons_of_the_step_are_counted_and_those_that_are_sure() -> None:
    told = row(RAN)
    # 2.15.1 and 2.16.2 without XLA, and 2.16.2 with it. Only the second is sure, which is 43 %
    # slower: three processes of a release tell no change of less than 20 %.
    assert (told["answered"], told["comparisons"]) == (1, 3)
    unsure = [record(name) for name in SHIPPED[:3]]
    assert (row(unsure)["answered"], row(unsure)["comparisons"]) == (0, 2)


def test_where_nothing_can_be_judged_no_comparison_is_counted() -> None:
    told = row(RAN, why_none="acknowledged.toml cannot be read")
    assert (told["answered"], told["comparisons"]) == (None, None)


def test_hours_in_which_two_processes_ran_count_once() -> None:
    told = row(RAN)
    assert told["processes"] == sum(one.release.startswith("tensorflow") for one in RAN)
    assert told["hours"] == 0.01
    later = record(started="2026-05-01T13:00:00+00:00", process_s=36.0)
    assert row([*RAN, later])["hours"] == 0.02


@pytest.mark.parametrize("purpose", APART)
def test_what_counts_for_one_command_alone_was_measured_too(purpose: str) -> None:
    more = changed(RAN[0], purpose=purpose, run="other", started="2026-05-01T14:00:00+00:00")
    before, after = row(RAN), row([*RAN, more])
    assert after["processes"] == before["processes"] + 1
    assert {**after, "processes": 0, "hours": 0} == {**before, "processes": 0, "hours": 0}


def test_releases_that_are_on_no_track_have_a_row_of_their_own() -> None:
    told = row([*RAN, record("tensorflow-0.12.0", process_s=36.0)], None)
    assert (told["processes"], told["releases"], told["of"]) == (1, 0, 0)


def test_the_newest_end_of_a_process_is_when_it_was_last_heard_of() -> None:
    assert about(RAN)["heard"] == "2026-05-01T12:00:36+00:00"
    assert about([record(started=None)])["heard"] is None
    east = record(started="2026-05-01T15:00:00+02:00", process_s=1.5)
    assert about([*RAN, east])["heard"] == "2026-05-01T13:00:01+00:00"


def test_records_that_are_not_the_machines_or_were_excluded_are_no_part_of_it() -> None:
    excluded = changed(RAN[0], kernel="6.0", started="2026-05-02T12:00:00+00:00")
    excluded.exclude("the fan had failed")
    others = [
        excluded,
        record(machine="elsewhere", kernel="6.0", process_s=36.0),
        record(started="2999-01-01T00:00:00+00:00", kernel="6.0", process_s=36.0),
    ]
    assert about([*RAN, *others]) == about(RAN)
