"""What is concluded from the records of ``vggbench separate``, by literal ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench.judging.evidence import durations
from vggbench.judging.separations import (
    conclusion,
    explains,
    facts,
    facts_key,
    separations,
    things,
)
from vggbench.records import DUET, SEPARATE, Record
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import IMPROVED, NOT_SURE, REGRESSED, UNCHANGED

from .. import two_locks
from ..records import factory
from ..records.factory import changed
from .duets import block_by_log, blocks_by_log
from .literal import CATALOGUE, FUSED, LINE, MACHINE, PROCESSES, record, separation, verdict

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
        (None, "python 3.9 and numpy 1.20.1 cannot be changed back: ImportError: no numpy"),
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
    """Four processes of the release, and four of the variant, with another lock and a flag."""
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
    """The outcome and the number of processes of each separation of the step time."""
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
    bad = [changed(record, **change) if record.variant else record for record in good]
    assert of_the_step([*bad[:-2], *good[-2:]]) == []
    assert of_the_step([*bad[:2], *good[2:]]) == [(REGRESSED, 3)]


def test_what_processes_lack_of_the_state_the_first_of_the_machines_records_tell() -> None:
    """... of whatever profile, as for verdicts."""
    taken = [
        record if record.variant else changed(record, governor="powersave") for record in in_turns()
    ]
    assert of_the_step(taken) == [(REGRESSED, 4)]
    first = changed(taken[0], profile="cpu-paper", variant=None, governor="performance")
    assert of_the_step([first, *taken]) == []


def test_the_release_as_it_is_counts_with_its_lock_alone() -> None:
    relocked = [
        record if record.variant else changed(record, lock="0" * 64) for record in in_turns()
    ]
    assert of_the_step(relocked) == []


def test_an_interrupted_process_is_none_and_the_newest_run_with_an_answer_counts() -> None:
    cut = [changed(record, outcome="interrupted") for record in in_turns()]
    assert of_the_step(cut) == []
    again = [
        changed(record, run="20990101T000000.000000Z-00000001", started=None) for record in cut
    ]
    assert of_the_step([*in_turns(), *again]) == [(REGRESSED, 4)]


#: A variant of the newest release, made by a lock and a flag of its own.
VARIANT = {
    "release": NEWEST,
    "variant": "oneDNN off",
    "variables": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "lock": "f" * 64,
}

#: What six blocks scatter by, about 0.
SCATTER = (0.002, -0.003, 0.001, 0.003, -0.002, -0.001)


def in_blocks(change: float, how_many: int = 6, **more: Any) -> list[Record]:
    """Blocks of the variant and of the release as it is. The release takes more by ``change``, a
    logarithm."""
    return blocks_by_log(VARIANT, NEWEST, *(change + part for part in SCATTER[:how_many]), **more)


def by_measure(taken: list[Record]) -> dict[str, tuple[str, int, int]]:
    """(outcome, blocks, processes) of each separation, by its measure."""
    found = separations(MACHINE, taken, CATALOGUE, "cpu-quick", 0.02).get(NEWEST, [])
    return {
        one.measure: (one.judgement.outcome, one.blocks, one.processes)
        for one in found
        if one.judgement is not None
    }


def test_blocks_of_a_variant_and_its_release_say_what_it_makes_of_each_measure() -> None:
    slower = by_measure(in_blocks(0.2))
    assert slower == dict.fromkeys(("step", "first_step", "peak_memory"), (REGRESSED, 6, 12))
    assert by_measure(in_blocks(-0.2))["step"] == (IMPROVED, 6, 12)
    assert by_measure(in_blocks(0.0))["step"] == (UNCHANGED, 6, 12)


def test_a_block_says_the_same_whichever_of_the_two_was_named_first() -> None:
    turned = blocks_by_log(NEWEST, VARIANT, *(-0.2 + part for part in SCATTER))
    assert by_measure(turned)["step"] == (REGRESSED, 6, 12)


def test_blocks_decide_and_not_the_processes_of_earlier_records() -> None:
    assert by_measure([*in_turns(0.1, 0.1), *in_blocks(0.2)])["step"] == (REGRESSED, 6, 12)
    assert by_measure([*in_blocks(0.2), *in_turns(0.1, 0.1)])["step"] == (REGRESSED, 6, 12)


def test_fewer_blocks_than_an_answer_takes_leave_it_to_processes() -> None:
    assert by_measure([*in_turns(), *in_blocks(0.0, 2)])["step"] == (REGRESSED, 0, 4)
    assert by_measure(in_blocks(0.2, 2))["step"] == (NOT_SURE, 2, 4)


def test_blocks_that_no_verdict_would_count_separate_nothing() -> None:
    assert by_measure(in_blocks(0.2, others_cpu_s=[1.0] * 5)) == {}
    assert by_measure(in_blocks(0.2)[:-1])["step"] == (REGRESSED, 5, 10)
    assert by_measure(in_blocks(0.2, profile="cpu-paper")) == {}
    before = in_blocks(0.0, cpus=8)
    assert by_measure([*before, *in_blocks(0.2)])["step"] == (REGRESSED, 6, 12)


def test_other_blocks_tell_the_noise_and_not_those_that_are_judged() -> None:
    few = in_blocks(0.025, 4)
    assert by_measure(few)["step"][0] == NOT_SURE
    quiet = blocks_by_log(LINE[0], LINE[0], *(part / 3 for part in SCATTER * 3))
    assert by_measure([*quiet, *few])["step"][0] == REGRESSED
    later = blocks_by_log(LINE[0], "tensorflow-2.21.0", *(part / 3 for part in SCATTER * 3))
    assert by_measure([*later, *few])["step"][0] == NOT_SURE, "later releases change no answer"


def test_configurations_with_the_same_thing_changed_back_are_judged_together() -> None:
    loud = [25 * part for part in SCATTER * 5]
    noise = blocks_by_log(LINE[0], LINE[0], *loud)
    one = blocks_by_log(VARIANT, NEWEST, *(0.036 + part for part in loud[:20]))
    fused = blocks_by_log(VARIANT, NEWEST, *loud[:20], words=FUSED)
    other = blocks_by_log({**VARIANT, "variant": "numpy 1.26.4"}, NEWEST, *loud[:20])
    assert of_plain([*noise, *one]) == REGRESSED
    assert of_plain([*noise, *one, *other]) == REGRESSED
    assert of_plain([*noise, *one, *fused]) == NOT_SURE


def of_plain(taken: list[Record]) -> str:
    """What is said of the step of the first configuration with oneDNN off."""
    found = separations(MACHINE, taken, CATALOGUE, "cpu-quick", 0.02)[NEWEST]
    (judgement,) = [
        one.judgement
        for one in found
        if (one.measure, one.configuration) == ("step", "NHWC none off")
        if one.variant == "oneDNN off"
    ]
    assert judgement is not None
    return judgement.outcome


def test_a_variant_that_does_not_run_in_a_duet_cannot_be_put_back() -> None:
    first, other, *_ = block_by_log(VARIANT, NEWEST)
    failed = changed(first, outcome="failed", error="ImportError: no numpy", samples=None)
    ended = changed(other, outcome="interrupted", error="its partner failed")
    (step, *_) = separations(MACHINE, [failed, ended], CATALOGUE, "cpu-quick", 0.02)[NEWEST]
    assert conclusion(step, None) == "oneDNN off cannot be changed back: ImportError: no numpy"
    refused = record(NEWEST, outcome="failed", error="no wheel", purpose=DUET, **without_release())
    (step, *_) = separations(MACHINE, [refused], CATALOGUE, "cpu-quick", 0.02)[NEWEST]
    assert step.error == "no wheel"
    assert by_measure([failed, ended, *in_blocks(0.2)])["step"] == (REGRESSED, 6, 12)


def without_release() -> dict[str, Any]:
    return {key: value for key, value in VARIANT.items() if key != "release"}


def test_what_blocks_say_is_concluded_and_explained_like_what_processes_say() -> None:
    (step, *_) = separations(MACHINE, in_blocks(0.2), CATALOGUE, "cpu-quick", 0.02)[NEWEST]
    whole = verdict(1.3, 1.25, 1.35)
    assert conclusion(step, whole) == "oneDNN makes a difference"
    assert step.judgement is not None
    assert explains(step.judgement, whole)


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
    assert facts(*of) == {(good.commit, "cpu"): {"numpy": "2.0"}}
    assert durations(*of) == {(good.commit, good.key): 20.0}


def test_the_newest_process_that_counts_tells_of_libraries_and_of_time() -> None:
    older, newer = (record(NEWEST, process_s=s, versions={"a": s}) for s in (20.0, 30.0))
    of = MACHINE, [older, newer], CATALOGUE, "cpu-quick"
    assert facts(*of) == {(newer.commit, "cpu"): {"a": 30.0}}
    assert durations(*of) == {(newer.commit, newer.key): 30.0}


def test_each_lock_of_a_release_has_facts_of_its_own(tmp_path: Path) -> None:
    catalogue = two_locks.make(tmp_path)
    release = catalogue.by_name["keras-2.1"]
    taken = [
        factory.record(
            "keras-2.3.1",
            backend=backend,
            commit=release.commit,
            samples=[0.1, 0.1, 0.1],
            process_s=30.0,
            versions={"backend": backend},
        )
        for backend in ("theano", "tensorflow")
    ]
    told = facts(MACHINE, taken, catalogue, "cpu-quick")
    for backend, name in (("tensorflow", "cpu"), ("theano", "cpu-theano")):
        assert facts_key(release, "cpu-quick", backend) == (release.commit, name)
        assert told[release.commit, name] == {"backend": backend}


def test_what_was_changed_back_is_named_without_its_version_or_state() -> None:
    assert things("python 3.10 and numpy 1.26.4 and oneDNN off") == ["python", "numpy", "oneDNN"]
    assert things("layout optimiser off") == ["layout optimiser"]
    assert things("numpy") == ["numpy"]
