"""What the findings open on, from literal verdicts."""

from __future__ import annotations

from typing import Any

from vggbench.judging.differences import Difference
from vggbench.judging.verdicts import MeasuredProcess, Opinion, Side, Verdict
from vggbench.report import opening
from vggbench.report.across import across
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import IMPROVED, REGRESSED, UNCHANGED

from ..judging.literal import LINE, MACHINE, separation, verdict

ONEDNN = (Difference("oneDNN", "off", "on"),)


def side(release: str, session: str) -> Side:
    process = MeasuredProcess(session=session, value=0.1, samples=10)
    return Side(
        release=release, value=0.1, processes=1, samples=10, sessions=1, evidence=(process,)
    )


def confirmed(ratio: float, **more: Any) -> Verdict:
    """A change that one session saw, with an interval of one per cent on either side."""
    outcome = REGRESSED if ratio > 1 else IMPROVED
    sides = {"before": side(LINE[-2], "both"), "after": side(LINE[-1], "both")}
    return verdict(ratio, ratio * 0.99, ratio * 1.01, **{"outcome": outcome, **sides, **more})


def test_the_largest_confirmed_changes_come_first_each_in_a_sentence() -> None:
    found = [
        confirmed(1.05, release="tensorflow-2.5.3", against="tensorflow-2.4.4"),
        confirmed(0.5, release="tensorflow-2.9.3", against="tensorflow-2.8.4"),
    ]
    assert opening.sentences(found, {}) == [
        "1. tensorflow-2.9.3 (NHWC): a step takes 50 % less than in tensorflow-2.8.4 "
        f"(50 to 50 %), on {MACHINE}. Nothing else is known to have changed.",
        "2. tensorflow-2.5.3 (NHWC): a step takes 5.0 % more than in tensorflow-2.4.4 "
        f"(4.0 to 6.0 %), on {MACHINE}. Nothing else is known to have changed.",
    ]


def test_no_more_than_twenty_are_named() -> None:
    found = [confirmed(1.1 + place / 100, release=f"tensorflow-3.{place}") for place in range(30)]
    lines = opening.sentences(found, {})
    assert len(lines) == 20
    assert lines[0].startswith("1. tensorflow-3.29 (NHWC): ")


def test_of_a_release_the_change_that_duets_decided_is_named() -> None:
    large = confirmed(1.5)
    by_duets = confirmed(1.1, decided_by="duets")
    assert opening.largest([large, by_duets]) == [by_duets]


def test_what_no_session_saw_or_is_no_step_time_is_not_named() -> None:
    apart = confirmed(1.5, before=side(LINE[-2], "one"), after=side(LINE[-1], "another"))
    memory = confirmed(1.5, measure="peak_memory")
    same = confirmed(1.001, outcome=UNCHANGED)
    assert opening.largest([apart, memory, same]) == []
    assert opening.sentences([apart], {}) == ["No change of the step time is confirmed yet."]


def test_a_cause_that_was_separated_is_named_and_surprises() -> None:
    faster = confirmed(0.7, differences=ONEDNN)
    part = separation(
        faster,
        "oneDNN off",
        Judgement(IMPROVED, 0.72, 0.7, 0.74, suspected=False, processes_needed=None),
    )
    told = {MACHINE: [part]}
    (line,) = opening.sentences([faster], told)
    assert line.endswith("oneDNN alone makes a step take 28 % less.")
    lines = opening.surprises([faster], told, [])
    assert lines[0] == "1 is a change of something else than the framework:"
    assert "-30.0 %; by oneDNN alone -28.0 %" in lines[2]
    # Of another machine it says nothing.
    (line,) = opening.sentences([faster], {"another": [part]})
    assert line.endswith("Also changed: oneDNN off to on.")


def test_machines_that_are_sure_of_different_things_surprise() -> None:
    found = [
        confirmed(1.2, machine="a"),
        confirmed(1.001, machine="b", outcome=UNCHANGED),
        confirmed(1.1, machine="c", outcome="not sure"),
    ]
    lines = opening.surprises(found, {}, across(found))
    assert lines[0] == "1 differs from machine to machine:"
    assert lines[2].endswith("regressed on a (+20.0 %), unchanged on b (+0.1 %)")


def test_processes_that_contradict_duets_surprise() -> None:
    opinion = Opinion(outcome=REGRESSED, ratio=1.2, low=1.1, high=1.3)
    found = [confirmed(1.001, outcome=UNCHANGED, decided_by="duets", second_opinion=opinion)]
    lines = opening.surprises(found, {}, [])
    assert lines[0] == "1 is seen otherwise by processes that ran alone:"
    assert lines[2].endswith("unchanged by duets, regressed by processes")


def test_where_nothing_surprises_that_is_said() -> None:
    assert opening.surprises([confirmed(1.1)], {}, []) == ["Nothing."]
