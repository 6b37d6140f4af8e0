"""What records of ``vggbench separate`` are said to mean, from literal ones."""

from __future__ import annotations

from typing import Any

import pytest

from vggbench.judging.evidence import durations
from vggbench.judging.separations import conclusion, explains, facts, separations, things
from vggbench.records import SEPARATE, Record
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import IMPROVED, NOT_SURE, REGRESSED, UNCHANGED

from ..records.factory import changed
from .literal import CATALOGUE, LINE, MACHINE, PROCESSES, record, separation, verdict

NEWEST = LINE[-1]

#: A first step that takes a tenth to an eighth of what it took.
FASTER = (0.11, 0.1, 0.125)


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        ((NOT_SURE, 1.02, 0.89, 1.17), FASTER, "at most 6 % of it is by python"),
        ((NOT_SURE, 1.02, 0.99, 1.17), FASTER, "at most 1 % of it is by python"),
        ((NOT_SURE, 1.02, 0.89, 1.17), (9.0, 8.0, 10.0), "at most 8 % of it is by python"),
        ((NOT_SURE, 0.60, 0.25, 1.20), FASTER, "not sure about python"),
        ((NOT_SURE, 1.02, 0.89, 1.17), (1.02, 0.98, 1.06), "not sure about python"),
        ((NOT_SURE, 1.02, 0.89, 1.17), None, "not sure about python"),
        ((UNCHANGED, 1.0, 0.99, 1.01), FASTER, "not python"),
        ((IMPROVED, 0.9, 0.88, 0.92), FASTER, "python makes a difference"),
    ],
)
def test_what_one_thing_makes_at_most_is_said_where_that_is_little(part, whole, told) -> None:
    outcome, *ratios = part
    judgement = Judgement(outcome, *ratios, suspected=False, processes_needed=None)
    change = None if whole is None else verdict(*whole, outcome=IMPROVED)
    one = separation(verdict(), "python 3.9", judgement)
    assert conclusion(one, change) == told


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (IMPROVED, "python and numpy make a difference"),
        (UNCHANGED, "neither python nor numpy"),
        (NOT_SURE, "not sure about python and numpy"),
        (None, "python 3.9 and numpy 1.20.1 cannot be put back: ImportError: no numpy"),
    ],
)
def test_what_several_things_make_together_is_said_of_all_of_them(outcome, told: str) -> None:
    made = "python 3.9 and numpy 1.20.1"
    judgement = outcome and Judgement(
        outcome, 0.9, 0.5, 1.2, suspected=False, processes_needed=None
    )
    error = None if outcome else "ImportError: no numpy"
    one = separation(verdict(), made, judgement, processes=4, error=error)
    assert conclusion(one, None) == told


@pytest.mark.parametrize(
    ("outcome", "part", "whole", "most"),
    [
        (IMPROVED, 0.7, 0.5, True),
        (IMPROVED, 0.75, 0.5, False),
        (REGRESSED, 1.5, 2.0, True),
        (REGRESSED, 1.4, 2.0, False),
        (IMPROVED, 0.5, 2.0, False),
        (NOT_SURE, 2.0, 2.0, False),
    ],
)
def test_what_makes_most_of_a_change_explains_it(outcome, part, whole, most: bool) -> None:
    judgement = Judgement(outcome, part, part, part, suspected=False, processes_needed=None)
    assert explains(judgement, verdict(whole, whole, whole)) is most


def in_turns(variant_s: float = 0.1, as_it_is_s: float = 0.2, **of_variant: Any) -> list[Record]:
    """Four processes of each side, the variant's with another lock and a flag of its own."""
    flag = {"variables": {"TF_ENABLE_ONEDNN_OPTS": "0"}, "lock": "f" * 64}
    told = {"variant": "oneDNN off", **flag, **of_variant}
    return [
        one
        for part in PROCESSES
        for one in (
            record(NEWEST, variant_s * (1 + part), purpose=SEPARATE, **told),
            record(NEWEST, as_it_is_s * (1 + part), purpose=SEPARATE),
        )
    ]


def of_the_step(taken: list[Record]) -> list[tuple[str, int]]:
    """(outcome, processes) of what was separated of the step time."""
    found = separations(MACHINE, taken, CATALOGUE, "cpu-quick", 0.02).get(NEWEST, [])
    return [
        (one.judgement.outcome, one.processes)
        for one in found
        if one.measure == "step" and one.judgement is not None
    ]


def test_a_variant_is_judged_against_the_release_as_it_is() -> None:
    assert of_the_step(in_turns()) == [(REGRESSED, 4)]
    assert of_the_step(in_turns(0.1, 0.1)) == [(UNCHANGED, 4)]


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark_version": "0"},
        {"machine": "other"},
        {"samples": [0.3, True, 0.3]},
        {"samples": [9.0]},
        {"process_s": 0.1, "samples": [9.0, 9.0, 9.0]},
        {"cpus": 7},
    ],
)
def test_what_no_verdict_would_count_separates_nothing(change: dict[str, Any]) -> None:
    good = in_turns()
    bad = [changed(one, **change) if one.variant else one for one in good]
    assert of_the_step([*bad[:-2], *good[-2:]]) == []
    assert of_the_step([*bad[:2], *good[2:]]) == [(REGRESSED, 3)]


def test_the_release_as_it_is_counts_with_its_lock_alone() -> None:
    relocked = [one if one.variant else changed(one, lock="0" * 64) for one in in_turns()]
    assert of_the_step(relocked) == []


def test_an_interrupted_process_is_none_and_the_newest_run_with_an_answer_counts() -> None:
    cut = [changed(one, outcome="interrupted") for one in in_turns()]
    assert of_the_step(cut) == []
    again = [changed(one, run="20990101T000000.000000Z-00000001", started=None) for one in cut]
    assert of_the_step([*in_turns(), *again]) == [(REGRESSED, 4)]


NOT_COUNTED = [
    {"benchmark_version": "0"},
    {"lock": "0" * 64},
    {"machine": "other"},
    {"profile": "cpu-paper"},
    {"variant": "numpy 1.26.4", "purpose": SEPARATE},
    {"outcome": "failed"},
    {"process_s": 0.1, "samples": [9.0, 9.0, 9.0]},
]


@pytest.mark.parametrize("change", NOT_COUNTED, ids=str)
def test_what_no_verdict_would_count_tells_neither_of_libraries_nor_of_time(
    change: dict[str, Any],
) -> None:
    good = record(NEWEST, process_s=20.0, versions={"numpy": "2.0"})
    bad = changed(good, **{"process_s": 90.0, "versions": {"numpy": "1.0"}, **change})
    of = MACHINE, [good, bad], CATALOGUE, "cpu-quick"
    assert facts(*of) == {good.commit: {"numpy": "2.0"}}
    assert durations(*of) == {(good.commit, good.key): 20.0}


def test_the_newest_process_that_counts_tells_of_libraries_and_of_time() -> None:
    older, newer = (record(NEWEST, process_s=s, versions={"a": s}) for s in (20.0, 30.0))
    of = MACHINE, [older, newer], CATALOGUE, "cpu-quick"
    assert facts(*of) == {newer.commit: {"a": 30.0}}
    assert durations(*of) == {(newer.commit, newer.key): 30.0}


def test_what_was_changed_back_is_named_without_its_version_or_state() -> None:
    assert things("python 3.10 and numpy 1.26.4 and oneDNN off") == ["python", "numpy", "oneDNN"]
    assert things("layout optimiser off") == ["layout optimiser"]
    assert things("numpy") == ["numpy"]
