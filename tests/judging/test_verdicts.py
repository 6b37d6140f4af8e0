"""Verdicts from literal records: every outcome, and what must never become one."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggbench.judging import verdicts
from vggbench.judging.acknowledged import Acknowledged
from vggbench.judging.phrases import confirm_messages, noise_messages, remark
from vggbench.judging.state import known_of, state_of
from vggbench.judging.verdicts import Verdict
from vggbench.records import Record
from vggbench.stats.blocks import BlockNoise
from vggbench.stats.judge import Noise
from vggbench.stats.policy import ASSUMED_ENDING

from ..records.factory import changed
from .literal import (
    BENCH_NHWC,
    CATALOGUE,
    CONFIRM_NEWEST,
    FUSED,
    LINE,
    NCHW,
    NHWC,
    XLA,
    evidence,
    line,
    measured,
    record,
)
from .literal import verdict as literal_verdict

NEWEST, BEFORE = LINE[-1], LINE[-2]


def judged(records: list[Record], release: str = NEWEST, **more: Any) -> list[Verdict]:
    against = more.pop("against", None)
    return verdicts.of_release(
        evidence(records),
        CATALOGUE.by_name[release],
        against and CATALOGUE.by_name[against],
        **more,
    )


def step(records: list[Record], release: str = NEWEST, **more: Any) -> Verdict:
    (verdict,) = [
        verdict for verdict in judged(records, release, **more) if verdict.measure == "step"
    ]
    return verdict


# -- outcomes


def test_a_slow_down_is_regressed_with_its_ratio_interval_and_both_sides() -> None:
    verdict = step(line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.11))
    assert (verdict.outcome, verdict.release, verdict.against) == ("regressed", NEWEST, BEFORE)
    assert verdict.ratio is not None
    assert verdict.low is not None
    assert verdict.high is not None
    assert 1.02 < verdict.low < verdict.ratio < verdict.high
    assert verdict.ratio == pytest.approx(1.10, abs=0.01)
    assert verdict.before is not None
    assert verdict.after is not None
    assert (verdict.before.value, verdict.after.value) == pytest.approx((0.1, 0.11), rel=0.01)
    assert (verdict.after.processes, verdict.after.samples, verdict.after.sessions) == (4, 20, 1)
    assert verdicts.exit_status([verdict]) == 1


def test_a_gain_is_improved_and_no_change_unchanged() -> None:
    assert step(line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.09)).outcome == "improved"
    same = step(line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1))
    assert same.outcome == "unchanged"
    assert (same.processes_needed, same.next_step) == (None, None)
    assert verdicts.exit_status([same]) == 0


def test_first_step_and_peak_memory_are_judged_too() -> None:
    found = judged(line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.13))
    assert {verdict.measure: verdict.outcome for verdict in found} == {
        "step": "regressed",
        "first_step": "regressed",
        "peak_memory": "regressed",
    }
    before = {verdict.measure: verdict.before for verdict in found}
    assert before["first_step"] is not None
    assert before["first_step"].value == pytest.approx(3.0, rel=0.01)
    assert before["peak_memory"] is not None
    assert before["peak_memory"].value == pytest.approx(1e9, rel=0.01)


def test_what_is_not_sure_says_what_would_make_it_sure() -> None:
    verdict = step(line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1018))
    assert verdict.outcome == "not sure"
    assert verdict.suspected
    assert verdict.processes_needed is not None
    assert verdict.processes_needed > 0
    assert verdict.next_step == f"{CONFIRM_NEWEST} {BENCH_NHWC}"
    assert verdicts.exit_status([verdict]) == 2


def test_what_ran_and_is_now_not_applicable_is_lost() -> None:
    verdict = step(
        [*line(0.1, 0.1)[:4], record(NEWEST, outcome="n/a", reason="no such kernel", session=6)]
    )
    assert (verdict.outcome, verdict.why, verdict.ratio) == ("lost", "no such kernel", None)
    assert verdicts.exit_status([verdict]) == 0


def test_what_was_not_applicable_and_runs_now_is_new() -> None:
    verdict = step(
        [record(BEFORE, outcome="n/a", reason="no such kernel", session=5), *measured(NEWEST)]
    )
    assert (verdict.outcome, verdict.why) == ("new", f"n/a in {BEFORE}: no such kernel")
    assert verdict.after is not None


def test_not_applicable_on_both_sides_is_no_verdict() -> None:
    both = [record(r, outcome="n/a", reason="never", session=s) for s, r in enumerate(LINE)]
    assert judged(both) == []


def test_one_failed_process_makes_it_failed_with_its_error() -> None:
    crash = record(NEWEST, outcome="failed", error="crashed with SIGSEGV", session=6)
    verdict = step([*line(0.1, 0.1), crash])
    assert (verdict.outcome, verdict.why) == ("failed", "crashed with SIGSEGV")
    assert verdicts.exit_status([verdict]) == 2


def test_a_release_that_failed_or_is_unmeasured_is_not_the_one_before() -> None:
    crash = record(BEFORE, outcome="failed", error="crashed", session=5)
    verdict = step([*measured(LINE[-3]), crash, *measured(NEWEST)])
    assert (verdict.against, verdict.before is not None) == (LINE[-3], True)
    assert step([*measured(LINE[0]), *measured(NEWEST)]).against == LINE[0]


def test_against_names_the_release_to_compare_with() -> None:
    records = line(0.08, 0.1, 0.1)
    assert step(records).against == BEFORE
    assert step(records, against=LINE[-3]).outcome == "regressed"
    unmeasured = step(records, against=LINE[0])
    assert (unmeasured.outcome, unmeasured.why) == ("not sure", f"{LINE[0]} is unmeasured")
    assert verdicts.exit_status([unmeasured]) == 2


def test_each_configuration_and_profile_is_judged_by_itself() -> None:
    records = [
        *line(0.1, 0.1, 0.1, 0.1, 0.12),
        *line(0.2, 0.2, 0.2, 0.2, 0.2, words=NCHW),
        *line(0.3, 0.3, 0.3, 0.3, 0.2, profile="cpu-paper"),
    ]
    found = {(v.profile, v.words): v.outcome for v in judged(records) if v.measure == "step"}
    assert found == {
        ("cpu-quick", "NHWC none off"): "regressed",
        ("cpu-quick", "NCHW none off"): "unchanged",
        ("cpu-paper", "NHWC none off"): "improved",
    }
    assert {v.profile for v in judged(records, profile="cpu-paper")} == {"cpu-paper"}


def test_configurations_come_in_the_order_of_the_benchmarks_params() -> None:
    records = [
        record for words in (NCHW, XLA, FUSED, NHWC) for record in line(0.1, 0.1, words=words)
    ]
    steps = [verdict for verdict in judged(records) if verdict.measure == "step"]
    assert [verdict.words for verdict in steps] == [" ".join(w) for w in (NHWC, XLA, FUSED, NCHW)]
    assert {verdict.comparisons for verdict in steps} == {4}


# -- what is accepted


def test_an_acknowledged_regression_is_shown_and_does_not_fail() -> None:
    records = line(0.1, 0.1, 0.1, 0.1, 0.12)
    accepted = [Acknowledged("tensorflow", NEWEST, "NHWC none off", "a fix costs it")]
    found = judged(records, accepted=accepted)
    assert {verdict.acknowledged for verdict in found} == {"a fix costs it"}
    assert verdicts.exit_status(found) == 0


@pytest.mark.parametrize(
    "other",
    [
        Acknowledged("tensorflow", BEFORE, "NHWC none off", "x"),
        Acknowledged("tensorflow", NEWEST, "NCHW none off", "x"),
        Acknowledged("tensorflow", NEWEST, "all", "x", "peak_memory"),
    ],
)
def test_what_is_acknowledged_of_something_else_does_not_count(other: Acknowledged) -> None:
    found = judged(line(0.1, 0.1, 0.1, 0.1, 0.12), accepted=[other])
    assert verdicts.exit_status(found) == 1


# -- what must not become a verdict


def test_one_process_makes_no_sure_answer() -> None:
    older = [record for record in line(*[0.1] * 7) if record.release != NEWEST]
    verdict = step([*older, *measured(NEWEST, 0.2, processes=1)])
    assert (verdict.outcome, verdict.why) == ("not sure", f"one process only of {NEWEST}")
    assert verdict.suspected
    assert verdict.next_step is not None


def test_the_only_release_has_nothing_before_it() -> None:
    verdict = step(measured(NEWEST))
    assert (verdict.outcome, verdict.against) == ("not sure", None)
    assert verdicts.exit_status([verdict]) == 2
    assert verdicts.of_track(evidence(measured(NEWEST)), "tensorflow") == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"samples": [0.1, 0.1, math.nan]}, "no times"),
        ({"samples": [0.1, 0.0, 0.1]}, "no times"),
        ({"samples": [0.1, -0.1, 0.1]}, "no times"),
        ({"samples": [0.1, math.inf, 0.1]}, "no times"),
        ({"samples": [1e308] * 10, "process_s": None}, "no times"),
        ({"samples": [5e-324] * 10, "process_s": None}, "no times"),
        ({"samples": [0.1, True, "0.1"]}, "no times"),
        ({"samples": [9.0]}, "fewer than 3 samples"),
        ({"samples": None}, "fewer than 3 samples"),
        ({"benchmark_version": "0"}, "another measuring protocol"),
        ({"commit": "c" * 40}, "another build number"),
        ({"lock": "0" * 64}, "another lock"),
        ({"machine": "other"}, "another machine"),
        ({"profile": "tpu-quick"}, "unknown profile"),
        ({"purpose": "play"}, "unknown purpose"),
        ({"process_s": 0.5, "samples": [9.0, 9.0, 9.0]}, "a clock jumped"),
        ({"process_s": math.nan}, "a clock jumped"),
        ({"started": "2020-01-01T00:00:00+00:00"}, "a clock jumped"),
    ],
)
def test_records_that_are_no_evidence_are_left_out_with_one_line(
    change: dict[str, Any], why: str
) -> None:
    good = line(0.1, 0.1, 0.1, 0.1, 0.1)
    bad = [changed(record, **change) for record in measured(NEWEST, 0.3)]
    found = evidence([*good, *bad])
    (said,) = found.left_out
    assert why in said
    assert said.startswith("4 records")
    assert step([*good, *bad]).outcome == "unchanged"


def test_calibrating_and_interrupted_processes_are_not_what_a_release_took() -> None:
    good = line(0.1, 0.1, 0.1, 0.1, 0.1)
    calibrating = measured(NEWEST, 0.3, session=9, purpose="calibrate", processes=8)
    interrupted = measured(NEWEST, 0.3, session=10, outcome="interrupted")
    verdict = step([*good, *calibrating, *interrupted])
    assert verdict.outcome == "unchanged"
    assert verdict.noise is not None
    assert "calibrating processes" in verdict.noise.origin
    assert evidence(interrupted).left_out == []


def test_what_calibrated_another_configuration_tells_how_sessions_differ() -> None:
    restless = line(0.1, 0.13, 0.1, 0.14, 0.1, 0.13, 0.1)
    anchors = [
        record
        for session in range(10, 16)
        for record in measured(LINE[0], 0.3, FUSED, session=session, purpose="calibrate")
    ]
    alone, told = step(restless), step([*restless, *anchors])
    assert (alone.outcome, told.outcome) == ("not sure", "improved")
    assert alone.noise is not None
    assert told.noise is not None
    assert alone.noise.origin.endswith("pairs of neighbouring releases")
    assert told.noise.origin.endswith("6 calibrating sessions")
    assert noise_messages([told])[0].endswith("; from 6 calibrating sessions")
    # What another verdict rests on that is but assumed is named too.
    assumed = Noise(0.03, 0.02, f"2 % between sessions {ASSUMED_ENDING}", 0.5, 0.5)
    both = noise_messages([told, replace(told, noise=assumed)])[0]
    assert both.endswith(f"; from 6 calibrating sessions; 2 % between sessions {ASSUMED_ENDING}")
    assert told.noise.processes == alone.noise.processes
    elsewhere = [changed(record, profile="cpu-paper") for record in anchors]
    assert step([*restless, *elsewhere]).noise == alone.noise


def test_a_confirmation_is_evidence_beside_the_run() -> None:
    confirmed = [
        *measured(BEFORE, 0.1, session=8, purpose="confirm"),
        *measured(NEWEST, 0.1, session=8, purpose="confirm"),
    ]
    verdict = step([*line(0.1, 0.1), *confirmed])
    assert verdict.after is not None
    assert (verdict.after.processes, verdict.after.sessions) == (8, 2)


def one_after_the_other(day: int, levels: dict[str, float]) -> list[Record]:
    """The newest releases of LINE, with these times a step, measured within an hour."""
    return [
        record
        for place, (release, level) in enumerate(levels.items())
        for record in measured(
            release,
            level,
            run=f"202405{day:02d}T12{5 * place:02d}00.000000Z-{place:08x}",
            started=f"2024-05-{day:02d}T12:{5 * place:02d}:00+00:00",
        )
    ]


def test_what_the_machine_drifted_by_between_days_is_not_put_on_a_release() -> None:
    earlier_day = measured(BEFORE, 0.1)
    one_day = one_after_the_other(9, {BEFORE: 0.13, NEWEST: 0.13})
    alone, verdict = step(one_day), step([*earlier_day, *one_day])
    assert verdict.ratio == alone.ratio == pytest.approx(1, abs=0.01)
    assert (verdict.before, verdict.after) == (alone.before, alone.after)
    # A confirmation measures both, on whatever day.
    confirmed = [
        *measured(BEFORE, 0.1, session=9, purpose="confirm"),
        *measured(NEWEST, 0.1, session=9, purpose="confirm"),
    ]
    more = step([*earlier_day, *one_day, *confirmed])
    assert more.before is not None
    assert (more.before.processes, more.before.sessions) == (8, 2)


def test_older_releases_of_another_day_say_nothing_of_what_one_day_measured() -> None:
    older = line(0.1, 0.1, 0.1, 0.1, 0.1)[: 4 * 3]
    one_day = one_after_the_other(9, {BEFORE: 0.102, NEWEST: 0.102})
    alone, told = step(one_day), step([*older, *one_day])
    assert told.ratio == alone.ratio
    assert told.noise is not None
    assert alone.noise is not None
    assert told.noise.processes_degrees > alone.noise.processes_degrees


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"cpus": 4}, "CPUs: 4 CPUs before, 2 CPUs after"),
        (
            {"variables": {"TF_ENABLE_ONEDNN_OPTS": "0"}},
            "TF_ENABLE_ONEDNN_OPTS: 0 before, none after",
        ),
        ({"variables": {"TF_NUM_INTRAOP_THREADS": "1"}}, "TF_NUM_INTRAOP_THREADS: 1 before"),
        ({"variables": {"LD_PRELOAD": "/lib/libtcmalloc.so"}}, "LD_PRELOAD: /lib/libtcmalloc.so"),
        ({"variables": {"MALLOC_CHECK_": "3"}}, "MALLOC_CHECK_: 3 before"),
        ({"variables": {"OPENBLAS_CORETYPE": "Haswell"}}, "OPENBLAS_CORETYPE: Haswell before"),
        ({"variables": {"GLIBC_TUNABLES": "x"}}, "GLIBC_TUNABLES: x before"),
        ({"interpreter": "/opt/python", "lock": None}, "interpreter: an interpreter given with -E"),
        ({"attributes": {"cpu_affinity": [0]}}, "CPU affinity: [0] before, none after"),
        ({"cpu_quota": 1.0, "governor": None}, "CPU quota: 1 CPU before, none after"),
        ({"cpu_quota": None, "governor": "powersave"}, "governor: powersave before, none after"),
        ({"processor": {"model name": "AMD EPYC", "model": "1"}}, "processor: AMD EPYC (model 1)"),
    ],
)
def test_another_state_of_the_machine_is_not_compared(other: dict[str, Any], named: str) -> None:
    known = {"cpu_quota": None, "governor": None, "processor": {"model name": "Xeon"}}
    verdict = step([*measured(BEFORE, 0.1, **{**known, **other}), *measured(NEWEST, 0.2, **known)])
    assert (verdict.outcome, verdict.ratio) == ("not sure", None)
    assert verdict.why is not None
    assert verdict.why.startswith(f"not compared: {NEWEST} was measured otherwise; ")
    assert named in verdict.why
    # Measured again in the same state, it is.
    again = measured(BEFORE, 0.1, session=12, **known)
    taken = [
        *measured(BEFORE, 0.1, **{**known, **other}),
        *measured(NEWEST, 0.2, **known),
        *again,
    ]
    assert step(taken).ratio is not None


def test_another_gpu_is_another_state_of_the_machine() -> None:
    one, other, lacking = (
        state_of(record(BEFORE, profile=profile, gpu=gpu), {})
        for profile, gpu in (
            ("gpu-quick", {"name": "NVIDIA H200"}),
            ("gpu-quick", {"name": "Tesla T4"}),
            ("cpu-quick", None),
        )
    )
    assert other.differs(one) == "GPU: NVIDIA H200 before, Tesla T4 after"
    assert str(one).endswith("GPU NVIDIA H200")
    assert "GPU" not in str(lacking)


def test_a_gpu_that_a_record_does_not_name_is_the_machines() -> None:
    """... whatever was measured on its CPU before, as in a duet, where nothing looks at it."""
    known = {"cpu_quota": None, "governor": None, "processor": {"model name": "Xeon"}}
    on_cpu, named, unnamed = (
        record(BEFORE, profile=profile, gpu=gpu, **known)
        for profile, gpu in (
            ("cpu-quick", None),
            ("gpu-quick", {"name": "NVIDIA H200"}),
            ("gpu-quick", None),
        )
    )
    for taken in ([on_cpu, named, unnamed], [unnamed, named, on_cpu]):
        told = known_of(taken)
        assert state_of(unnamed, told) == state_of(named, told)
        assert state_of(on_cpu, told) != state_of(named, told)


def test_what_differs_is_told_where_it_stands_in_the_middle_of_a_long_value() -> None:
    flags = [f"--xla_a={'a' * 90} --xla_b={word} --xla_c={'c' * 90}" for word in ("on", "off")]
    past, now = (state_of(record(BEFORE, variables={"XLA_FLAGS": flag}), {}) for flag in flags)
    assert past != now
    assert now.differs(past).startswith("XLA_FLAGS: --xla_a=")


@pytest.mark.parametrize("name", ["LD_LIBRARY_PATH", "PYTHONUNBUFFERED", "CUDA_VISIBLE_DEVICES"])
def test_what_only_stands_in_the_records_keeps_nothing_from_being_compared(name: str) -> None:
    other = measured(BEFORE, 0.1, variables={name: "/x"})
    assert step([*other, *measured(NEWEST, 0.2)]).ratio is not None


def test_what_older_records_lack_is_taken_to_be_as_it_was_first_on_record() -> None:
    """A change of the processor is noticed all the same, from there on."""
    old, new = {"cpu_quota": None}, {"cpu_quota": 1.0}
    before, now = measured(BEFORE, 0.1), measured(NEWEST, 0.2, **old)
    assert step([*before, *now]).outcome == "regressed"
    said = evidence([*before, *now]).unknown or ""
    assert said.startswith("4 of 8 records do not say the machine's CPU quota")
    # Those of before are of no quota now: the first that have the fact say so.
    later = measured(NEWEST, 0.2, session=12, **new)
    assert "not compared" in (step([*before, *measured(LINE[0], **old), *later]).why or "")


@pytest.mark.parametrize(
    "busy",
    [
        {"load_before": [4, 4, 4], "load_after": [5, 4, 4]},
        {"load_before": [0.1, 4, 4], "load_after": [5, 4, 4]},
        {"busy_cpus": 3.9},
        {"busy_cpus": 0.5, "stolen_cpus": 0.6},
        {"beside": "process 7, asv run, since noon"},
    ],
    ids=["loads", "load", "processors", "hypervisor", "beside"],
)
def test_a_busy_machine_is_not_put_on_the_release(busy: dict[str, Any]) -> None:
    slow = measured(NEWEST, 0.16, **busy)
    verdict = step([*measured(BEFORE, 0.1), *slow])
    assert (verdict.outcome, verdict.suspected) == ("not sure", True)
    assert verdict.ratio == pytest.approx(1.6, rel=0.05)
    assert f"{NEWEST} was measured on a busy machine" in (verdict.why or "")
    # It takes no memory that others do not have.
    (memory,) = [
        verdict
        for verdict in judged([*measured(BEFORE, 0.1), *slow])
        if verdict.measure == "peak_memory"
    ]
    assert memory.outcome == "regressed"
    # Beside processes that nobody disturbed it does not count, which is said.
    both = step([*measured(BEFORE, 0.1), *slow[:2], *measured(NEWEST, 0.1)])
    assert both.outcome != "regressed"
    assert [note.partition(" left out")[0] for note in both.notes] == [
        f"2 processes of {NEWEST} on a busy machine"
    ]


def test_the_noise_is_told_by_what_no_other_work_disturbed() -> None:
    """... of what takes time, whether it calibrated or is of earlier releases."""

    def noise(more: list[Record], measure: str = "step") -> object:
        known = measured(LINE[0], 0.1, session=20, purpose="calibrate")
        found = judged([*known, *more, *line(0.1, 0.1, 0.1)])
        return next(verdict.noise for verdict in found if verdict.measure == measure)

    busy = [
        *measured(LINE[0], 0.3, session=21, purpose="calibrate", busy_cpus=9.0),
        *measured(LINE[0], 0.5, session=22, busy_cpus=9.0),
    ]
    assert noise(busy) == noise([])
    assert noise(busy, "peak_memory") != noise([], "peak_memory")


def test_a_full_load_of_its_own_is_no_busy_machine() -> None:
    own = {"load_before": [2.9, 2, 2], "load_after": [3.4, 2, 2], "busy_cpus": 2.0}
    assert step([*measured(BEFORE, 0.1, **own), *measured(NEWEST, 0.16, **own)]).outcome == (
        "regressed"
    )


def test_newer_processes_that_do_not_count_are_said() -> None:
    """Of a release that was measured again by itself, which tables show."""
    together = [*measured(BEFORE, 0.1, session=5), *measured(NEWEST, 0.16, session=5)]
    later = measured(NEWEST, 0.1, session=9, processes=3)
    verdict = step([*together, *later])
    assert verdict.outcome == "regressed"
    assert verdict.notes == (
        f"3 newer processes of {NEWEST} of another day left out: the other release was not "
        "measured then; measure both together: VGGBENCH_PROFILE=cpu-quick "
        f"asv run '{BEFORE} {NEWEST}'",
    )
    assert verdict.as_json()["notes"] == verdict.notes


@pytest.mark.parametrize(
    ("ratio", "more", "said"),
    [
        ((1.141, 1.064, 1.224), {}, "seen, not yet sure: "),
        ((0.9, 0.85, 0.96), {}, "seen, not yet sure: "),
        ((1.141, 0.99, 1.3), {}, None),
        ((1.01, 1.005, 1.015), {}, None),
        ((1.141, 1.064, 1.224), {"outcome": "regressed"}, None),
        ((1.141, 1.064, 1.224), {"why": "one process only of it"}, "one process only of it"),
    ],
)
def test_what_is_not_sure_though_its_interval_excludes_0_says_that_it_is_seen(
    ratio: tuple[float, float, float], more: dict[str, Any], said: str | None
) -> None:
    told = remark(literal_verdict(*ratio, **{"outcome": "not sure", **more}))
    assert told == said if told is None or said is None else told.startswith(said)


SESSIONS_ASSUMED = f"2 % between sessions {ASSUMED_ENDING}"


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (
            BlockNoise(0.025, 2.0, f"2.5 % between blocks {ASSUMED_ENDING}"),
            "2.5 % between blocks (assumed until more is on record)",
        ),
        (
            Noise(0.03, 0.02, f"3 % between processes {ASSUMED_ENDING}; {SESSIONS_ASSUMED}", 1, 1),
            "3.0 % between processes, 2.0 % between sessions (both assumed until more is on "
            "record)",
        ),
        (
            Noise(0.005, 0.02, f"12 processes of earlier releases; {SESSIONS_ASSUMED}", 9, 1),
            "0.5 % between processes, 2.0 % between sessions (assumed until more is on record); "
            "from 12 processes of earlier releases",
        ),
        (
            # It was assumed, and moved by what other configurations tell.
            Noise(0.02, 0.001, f"3 % between processes {ASSUMED_ENDING}; 6 sessions", 9, 9),
            f"2.0 % between processes, 0.1 % between sessions; 3 % between processes "
            f"{ASSUMED_ENDING}; from 6 sessions",
        ),
    ],
)
def test_a_noise_that_was_assumed_is_said_once(noise: Noise | BlockNoise, said: str) -> None:
    assert noise_messages([of_words(*NHWC, noise=noise)]) == [said]


def test_the_noise_of_two_kinds_says_of_which_configurations_each_is() -> None:
    of_blocks = BlockNoise(0.004, 9.0, "6 calibrating blocks")
    of_processes = Noise(0.005, 0.001, "9 processes; 6 sessions", 9, 9)
    own = [
        of_words(*NHWC, noise=of_blocks),
        of_words(*NCHW, noise=of_processes),
        of_words(*FUSED, noise=of_blocks),
    ]
    assert noise_messages(own) == [
        "NHWC none off, NHWC fused off: 0.4 % between blocks; from 6 calibrating blocks",
        "NCHW none off: 0.5 % between processes, 0.1 % between sessions; from 9 processes; from 6 "
        "sessions",
    ]


OPEN = {"outcome": "not sure", "next_step": "vggbench confirm ...", "blocks_needed": 4}


def of_words(data_format: str, batch_norm: str, xla: str, **more: Any) -> Verdict:
    configuration = {"data_format": data_format, "batch_norm": batch_norm, "xla": xla}
    return literal_verdict(1.02, 0.99, 1.05, configuration=configuration, **{**OPEN, **more})


AGAIN = f"to be sure: {CONFIRM_NEWEST}"


def test_what_would_make_it_sure_names_the_few_configurations_that_are_open() -> None:
    sure = of_words(*NCHW, outcome="unchanged", next_step=None)
    both = [of_words(*NHWC), of_words(*NHWC, measure="first_step", suspected=True), sure]
    assert confirm_messages(both) == [f"{AGAIN} {BENCH_NHWC}"]
    two = [*both, of_words(*FUSED)]
    assert confirm_messages(two) == [f"{AGAIN} {BENCH_NHWC} \"\\('NHWC', 'fused', 'off'\\)\""]
    many = [of_words(*words) for words in (NHWC, NCHW, FUSED, XLA)]
    assert confirm_messages(many) == [AGAIN]
    assert confirm_messages([sure]) == []


def test_what_would_make_it_sure_is_of_the_profile_and_the_threshold_that_were_judged() -> None:
    found = judged(line(0.1, 0.1, profile="cpu-paper"), threshold=0.015)
    again = (
        f"VGGBENCH_PROFILE=cpu-paper vggbench confirm {NEWEST} --against {BEFORE} "
        f"--threshold 1.5% {BENCH_NHWC}"
    )
    assert found[0].next_step == again
    assert confirm_messages(found) == [f"to be sure: {again}"]


def test_what_failed_is_measured_anew_in_its_profile() -> None:
    failed = record(NEWEST, outcome="failed", error="SIGSEGV", session=6, profile="cpu-paper")
    verdict = step([*line(0.1, 0.1, profile="cpu-paper"), failed], threshold=0.05)
    assert verdict.next_step == f"VGGBENCH_PROFILE=cpu-paper asv run {NEWEST}"
    assert verdict.threshold == 0.05


def test_what_would_make_it_sure_has_the_bench_that_was_typed() -> None:
    assert confirm_messages([of_words(*NHWC)], ["off", "'NHWC', 'none'"]) == [
        f"{AGAIN} --bench off \"'NHWC', 'none'\""
    ]


@pytest.mark.parametrize(
    ("more", "is_named"),
    [
        ({}, False),
        ({"suspected": True}, True),
        ({"suspected": True, "blocks_needed": 21}, False),
        ({"suspected": True, "blocks": 10, "blocks_needed": 15}, False),
        ({"suspected": True, "blocks": 20, "blocks_needed": 15}, True),
        ({"measure": "step", "blocks_needed": 21}, True),
    ],
)
def test_no_command_is_named_that_would_take_no_block(more: dict[str, Any], is_named: bool) -> None:
    verdict = of_words(*NHWC, **{"measure": "peak_memory", **more})
    assert verdicts.is_followed(verdict) == is_named


def test_of_by_products_that_are_not_suspected_no_command_makes_them_sure() -> None:
    found = judged(line(0.1, 0.1))
    assert {verdict.outcome for verdict in found} == {"not sure"}
    again = f"{CONFIRM_NEWEST} {BENCH_NHWC}"
    assert {verdict.measure: verdict.next_step for verdict in found} == {
        "step": again,
        "first_step": None,
        "peak_memory": None,
    }
    assert confirm_messages(found) == [f"to be sure: {again}"]
    assert confirm_messages([each for each in found if each.measure != "step"]) == []


ONE_THREAD = {"variables": {"OMP_NUM_THREADS": "1"}}


def test_newer_processes_of_the_release_before_in_another_state_are_said() -> None:
    newer = measured(BEFORE, 0.2, session=9, processes=3, **ONE_THREAD)
    verdict = step([*line(*[0.1] * 6, 0.16), *newer])
    assert verdict.outcome == "regressed"
    assert verdict.notes == (
        f"3 newer processes of {BEFORE} left out: measured otherwise; "
        "OMP_NUM_THREADS: none in the processes that count, 1 in the newer ones",
    )


def test_of_what_is_not_compared_it_is_said_which_variable_to_unset_and_what_to_measure() -> None:
    again = f"VGGBENCH_PROFILE=cpu-quick asv run '{BEFORE} {NEWEST}'"
    taken = [*measured(BEFORE), *measured(NEWEST, **ONE_THREAD)]
    verdict = step(taken)
    assert verdict.why is not None
    assert verdict.why.endswith("1 after; unset OMP_NUM_THREADS, or set it for both")
    assert verdict.next_step == again
    verdict, other = (
        each for each in judged([*taken, *line(0.1, 0.1, words=FUSED)]) if each.measure == "step"
    )
    assert verdict.next_step == f"{again} {BENCH_NHWC}"
    assert other.ratio is not None


def test_the_first_step_that_theano_compiled_for_is_not_judged() -> None:
    compiled = {"compiled_modules": 40, "theano": "1.0.5"}
    records = [*measured(BEFORE, 0.1), *measured(NEWEST, 0.1, versions=compiled)]
    assert {verdict.measure for verdict in judged(records)} == {"step", "peak_memory"}


def test_damaged_by_products_keep_the_step_and_lose_their_own_verdict() -> None:
    damaged = {"peak_memory_bytes": None, "warm_up_s": [], "versions": None, "python": 3}
    records = [*measured(BEFORE, 0.1), *measured(NEWEST, 0.1, **damaged)]
    assert {verdict.measure for verdict in judged(records)} == {"step"}


# -- histories


def test_a_whole_history_judges_every_release_against_the_one_before() -> None:
    found = verdicts.of_track(evidence(line(0.1, 0.1, 0.13, 0.13, 0.1, 0.1, 0.1)), "tensorflow")
    steps = {verdict.release: verdict.outcome for verdict in found if verdict.measure == "step"}
    assert list(steps) == LINE[1:]
    assert steps[LINE[2]] == "regressed"
    assert steps[LINE[4]] == "improved"


levels = st.lists(st.floats(0.05, 0.2), min_size=3, max_size=7)


@settings(max_examples=40)
@given(levels, st.floats(0.05, 0.2))
def test_a_later_release_changes_no_older_verdict(times: list[float], later: float) -> None:
    newest = line(*([0.1] * (7 - len(times))), *times)
    without = [record for record in newest if record.release != NEWEST]
    extended = [*without, *measured(NEWEST, later)]
    for release in LINE[1:-1]:
        assert judged(without, release) == judged(extended, release)


@settings(max_examples=40)
@given(levels, st.floats(0.01, 100))
def test_a_faster_machine_has_the_same_verdicts(times: list[float], scale: float) -> None:
    one, other = step(line(*times)), step(line(*[each * scale for each in times], process_s=1e9))
    assert one.outcome == other.outcome
    assert one.ratio == pytest.approx(other.ratio)


@settings(max_examples=40)
@given(levels)
def test_verdicts_can_always_be_written_as_json(times: list[float]) -> None:
    for verdict in judged(line(*times)):
        told = json.loads(json.dumps(verdict.as_json(), allow_nan=False))
        assert told["words"] == "NHWC none off"
