"""Verdicts on memory growth, from literal records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from vggbench.judging import growth, phrases, verdicts
from vggbench.judging.acknowledged import Acknowledged
from vggbench.judging.growth import GrowthVerdict
from vggbench.records import Record
from vggbench.releases.catalogue import Release

from ..records.factory import NONSENSE, changed
from .literal import CATALOGUE, LINE, MACHINE, NCHW, NHWC, evidence, measured, record

NEWEST, BEFORE = LINE[-1], LINE[-2]
MB = 1e6

#: By how much the growth of four processes differs, in bytes a step.
SCATTER = (0.8 * MB, -0.4 * MB, 0.1 * MB, -0.5 * MB)

#: More than a fifth of the peak memory (1 GB) over five steps.
LEAK = 60 * MB


def grown(
    release: str, level: float, words: Sequence[str] = NHWC, processes: int = 4, **more: Any
) -> list[Record]:
    """Processes of a release that grow by about ``level`` bytes a step."""
    return [
        changed(process, memory_growth_per_step_bytes=level + SCATTER[i % len(SCATTER)])
        for i, process in enumerate(measured(release, words=words, processes=processes, **more))
    ]


def release(name: str = NEWEST) -> Release:
    return CATALOGUE.by_name[name]


def judged(records: list[Record], **more: Any) -> list[GrowthVerdict]:
    return growth.of_release(evidence(records), release(), **more)


def one(records: list[Record], **more: Any) -> GrowthVerdict:
    (verdict,) = judged(records, **more)
    return verdict


def said(records: list[Record], **more: Any) -> phrases.Report:
    found = evidence(records)
    return phrases.Report(
        machine=MACHINE,
        threshold=0.02,
        status=0,
        verdicts=verdicts.of_release(found, release()),
        growths=growth.of_release(found, release(), **more),
    )


def test_a_leak_is_regressed_with_both_sides_and_surely_grows() -> None:
    verdict = one([*grown(BEFORE, 0.0), *grown(NEWEST, LEAK)])
    assert (verdict.outcome, verdict.release, verdict.against) == ("regressed", NEWEST, BEFORE)
    assert verdict.difference == pytest.approx(LEAK)
    assert verdict.low is not None
    assert verdict.low > 0
    assert verdict.before.value == pytest.approx(0.0)
    assert verdict.after.value == pytest.approx(LEAK)
    assert (verdict.before.grows, verdict.after.grows) == (False, True)
    assert (verdict.after.processes, verdict.steps) == (4, 5)
    assert growth.exit_status([verdict]) == 1


def test_a_leak_that_ended_is_improved() -> None:
    verdict = one([*grown(BEFORE, LEAK), *grown(NEWEST, 0.0)])
    assert verdict.outcome == "improved"
    assert growth.exit_status([verdict]) == 0


def test_growth_that_settling_explains_is_unchanged() -> None:
    verdict = one([*grown(BEFORE, 0.0), *grown(NEWEST, 20 * MB)])
    assert verdict.outcome == "unchanged"
    assert verdict.low is not None
    assert verdict.low > 0
    assert not verdict.after.grows
    assert not growth.is_news(verdict)


def test_a_release_that_leaks_as_the_one_before_is_unchanged_and_news() -> None:
    verdict = one([*grown(BEFORE, LEAK), *grown(NEWEST, LEAK)])
    assert verdict.outcome == "unchanged"
    assert verdict.after.grows
    assert growth.is_news(verdict)


def test_more_steps_find_a_smaller_leak() -> None:
    small = LEAK / 10
    few = one([*grown(BEFORE, 0.0), *grown(NEWEST, small)])
    assert few.outcome == "unchanged"
    many = one(
        [
            changed(process, samples=[0.1] * 100)
            for process in (*grown(BEFORE, 0.0), *grown(NEWEST, small))
        ]
    )
    assert (many.outcome, many.steps) == ("regressed", 100)


def test_one_process_makes_no_sure_answer_and_says_so() -> None:
    verdict = one([*grown(BEFORE, 0.0), *grown(NEWEST, LEAK, processes=1)])
    assert (verdict.outcome, verdict.low) == ("not sure", None)
    assert verdict.why == f"one process only of {NEWEST}"


def test_processes_that_do_not_say_how_their_memory_grew_are_not_judged() -> None:
    assert judged([*measured(BEFORE), *grown(NEWEST, LEAK)]) == []
    assert judged([*grown(BEFORE, 0.0), *measured(NEWEST)]) == []


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_a_record_ends_in_no_traceback(nonsense: Any) -> None:
    for key in ("memory_growth_per_step_bytes", "peak_memory_bytes"):
        records = [
            changed(process, **{key: nonsense})
            for process in (*grown(BEFORE, 0.0), *grown(NEWEST, LEAK))
        ]
        for verdict in judged(records):
            assert verdict.outcome in ("unchanged", "not sure")


def test_what_failed_is_not_judged_by_its_memory() -> None:
    failed = record(NEWEST, session=6, outcome="failed", error="SIGSEGV")
    assert judged([*grown(BEFORE, 0.0), failed]) == []


def test_processes_on_a_busy_machine_count() -> None:
    busy = grown(NEWEST, LEAK, load_before=[9.0, 5.0, 3.0])
    assert one([*grown(BEFORE, 0.0), *busy]).outcome == "regressed"


def test_another_state_of_the_machine_is_not_compared() -> None:
    assert judged([*grown(BEFORE, 0.0, cpus=8), *grown(NEWEST, LEAK)]) == []


def test_an_acknowledged_regression_stands_with_its_reason_and_fails_nothing() -> None:
    records = [*grown(BEFORE, 0.0), *grown(NEWEST, LEAK)]
    entry = Acknowledged("tensorflow", NEWEST, "all", "a cache of kernels", "memory_growth")
    verdict = one(records, accepted=[entry])
    assert (verdict.outcome, verdict.acknowledged) == ("regressed", "a cache of kernels")
    assert growth.exit_status([verdict]) == 0
    of_the_step = Acknowledged("tensorflow", NEWEST, "all", "slower", "step")
    assert one(records, accepted=[of_the_step]).acknowledged is None


def test_every_release_of_a_track_is_judged_against_the_one_before() -> None:
    records = [
        process
        for name, level in zip(LINE[-3:], (0.0, LEAK, LEAK), strict=True)
        for process in grown(name, level)
    ]
    found = growth.of_track(evidence(records), "tensorflow")
    assert [(each.release, each.outcome) for each in found] == [
        (LINE[-2], "regressed"),
        (LINE[-1], "unchanged"),
    ]


def test_the_text_has_a_table_of_it_below_the_other_measures() -> None:
    told = phrases.text(
        said(
            [
                *grown(BEFORE, 0.0),
                *grown(NEWEST, LEAK),
                *grown(BEFORE, 0.0, NCHW),
                *grown(NEWEST, 3e3, NCHW),
            ]
        )
    )
    assert "memory growth per step: 1 regressed, 1 unchanged" in told
    row = next(line for line in told.splitlines() if "+60.0 (" in line)
    assert row.split()[:4] == ["NHWC", "none", "off", "regressed"]
    assert row.endswith("4 + 4")
    assert "NHWC none off: memory surely grows, by 60.0 (" in told
    assert "growth below 40.0 MB a step may be settling, over 5 steps" in told
    assert told.index("peak memory") < told.index("memory growth per step")


def test_the_markdown_has_its_table_and_each_process() -> None:
    told = phrases.markdown(said([*grown(BEFORE, 0.0), *grown(NEWEST, LEAK)]))
    assert "**memory growth per step**: 1 regressed" in told
    assert "| NHWC none off | **regressed** | +60.0 (" in told
    assert f"| NHWC none off | {NEWEST} | 60.8 MB, 59.6 MB, 60.1 MB, 59.5 MB |" in told


def test_the_json_has_it_beside_the_verdicts() -> None:
    told = json.loads(phrases.as_json(said([*grown(BEFORE, 0.0), *grown(NEWEST, LEAK)])))
    (found,) = told["memory_growth"]
    assert (found["measure"], found["outcome"], found["words"]) == (
        "memory_growth",
        "regressed",
        "NHWC none off",
    )
    assert found["after"]["evidence"] == [LEAK + part for part in SCATTER]
    assert {each["measure"] for each in told["verdicts"]} == {"step", "first_step", "peak_memory"}


def test_a_listing_of_all_releases_shows_a_leak_alone() -> None:
    report = said(
        [
            *grown(BEFORE, 0.0),
            *grown(NEWEST, LEAK),
            *grown(BEFORE, 0.0, NCHW),
            *grown(NEWEST, 0.0, NCHW),
        ]
    )
    whole = phrases.text(
        phrases.Report(
            machine=MACHINE,
            threshold=0.02,
            status=0,
            verdicts=report.verdicts,
            growths=report.growths,
            whole=True,
        )
    )
    _, below = whole.split("memory growth per step: 1 regressed, 1 unchanged\n")
    assert "NHWC none off" in below
    assert "NCHW none off" not in below


@pytest.mark.parametrize(
    ("values", "sign", "text"),
    [
        ((1_234_000.0,), "", "1.2 MB"),
        ((-999.0,), "", "-1.0 kB"),
        ((0.0,), "+", "+0.0 kB"),
        ((3e3, -2e6, 2.5e6), "+", "+0.0 (-2.0 to +2.5) MB"),
    ],
)
def test_bytes_a_step_stand_in_the_unit_that_fits(
    values: tuple[float, ...], sign: str, text: str
) -> None:
    assert phrases.bytes_a_step(*values, sign=sign) == text
