"""Verdicts by blocks of duets, from literal records: what decides, and what must never count."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggbench.judging import line_changes, phrases, verdicts
from vggbench.judging.evidence import durations
from vggbench.judging.verdicts import Verdict
from vggbench.records import BISECT, NOT_APPLICABLE, Record
from vggbench.report import rates
from vggbench.report.pages.verdicts import judge as of_pages
from vggbench.stats.blocks import BlockNoise
from vggbench.stats.judge import Noise

from ..records.factory import changed
from .duets import block, blocks
from .literal import (
    BENCH_NHWC,
    CATALOGUE,
    CONFIRM_NEWEST,
    FUSED,
    LINE,
    MACHINE,
    NCHW,
    evidence,
    line,
    measured,
    record,
)
from .test_verdicts import judged, step

NEWEST, BEFORE, OLDER = LINE[-1], LINE[-2], LINE[-3]
PLAIN = "NHWC none off"


def compared(ratio: float = 1.0, **more: Any) -> list[Record]:
    """Six blocks of the newest two releases: the newest takes ``ratio`` times as long."""
    return blocks(BEFORE, NEWEST, ratio, **more)


def by_measure(records: list[Record], **more: Any) -> dict[str, Verdict]:
    return {verdict.measure: verdict for verdict in judged(records, **more)}


# -- what decides


@pytest.mark.parametrize(
    ("ratio", "outcome"), [(1.1, "regressed"), (0.9, "improved"), (1.001, "unchanged")]
)
def test_blocks_decide_where_both_releases_have_them(ratio: float, outcome: str) -> None:
    verdict = step([*line(0.1, 0.1), *compared(ratio)])
    assert (verdict.outcome, verdict.decided_by, verdict.blocks) == (outcome, "duets", 6)
    assert verdict.ratio == pytest.approx(ratio, rel=0.005)
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low < verdict.ratio < verdict.high
    assert (verdict.blocks_needed, verdict.processes_needed, verdict.next_step) == (
        None,
        None,
        None,
    )
    assert isinstance(verdict.noise, BlockNoise)


def test_each_side_is_made_of_the_processes_of_the_blocks_alone() -> None:
    verdict = step([*line(0.3, 0.3), *compared(1.1)])
    assert verdict.before is not None
    assert verdict.after is not None
    for side in (verdict.before, verdict.after):
        assert (side.processes, side.samples, side.sessions) == (12, 60, 6)
    assert verdict.after.value / verdict.before.value == pytest.approx(1.1, rel=0.01)
    assert {each.session.rpartition("/")[2] for each in verdict.after.evidence} == set("123456")
    assert not verdict.lacks_shared_session


def test_blocks_of_the_later_release_by_the_earlier_one_say_the_same() -> None:
    verdict, mirrored = step(compared(1.25)), step(blocks(NEWEST, BEFORE, 1 / 1.25))
    assert mirrored.outcome == verdict.outcome == "regressed"
    assert mirrored.ratio == pytest.approx(verdict.ratio, rel=0.005)


def test_unsure_blocks_say_how_many_more_would_tell() -> None:
    verdict = step(compared(1.025, count=3))
    assert (verdict.outcome, verdict.decided_by, verdict.blocks) == ("not sure", "duets", 3)
    assert verdict.blocks_needed is not None
    assert verdict.blocks_needed > 0
    assert verdict.processes_needed is None
    assert verdict.next_step == f"{CONFIRM_NEWEST} {BENCH_NHWC}"
    assert verdict.suspected
    assert verdicts.exit_status([verdict]) == 2


def test_fewer_than_three_blocks_leave_it_to_the_processes() -> None:
    slower = line(*[0.1] * 6, 0.112)
    verdict = step([*slower, *compared(1.0, count=2)])
    assert (verdict.outcome, verdict.decided_by, verdict.blocks) == ("regressed", "processes", 2)
    assert isinstance(verdict.noise, Noise)
    assert verdict.second_opinion is None
    assert step([*slower, *compared(1.0, count=3)]).decided_by == "duets"


def test_blocks_that_are_too_few_to_decide_are_noted_with_what_they_say() -> None:
    slower = line(*[0.1] * 6, 0.112)
    assert step([*slower, *compared(1.05, count=1)]).notes == (
        "1 block of duets says +5.4 %: too few to decide",
    )
    two = report([*slower, *blocks(NEWEST, BEFORE, 1 / 1.05, count=2)])
    note = "2 blocks of duets say +5.1 %: too few to decide"
    for told in (phrases.text(two), phrases.markdown(two).replace("\\", ""), phrases.as_json(two)):
        assert note in told
    assert step([*slower, *compared(1.05, count=3)]).notes == ()


def test_fewer_than_three_blocks_are_never_sure_where_nothing_else_is_there() -> None:
    verdict = step(compared(1.5, count=2))
    assert (verdict.outcome, verdict.decided_by, verdict.blocks) == ("not sure", "duets", 2)
    assert verdict.ratio == pytest.approx(1.5, rel=0.01)


def test_processes_that_are_not_sure_say_how_many_blocks_would_tell() -> None:
    unsure = line(*[0.1] * 6, 0.1018)
    verdict = step(unsure)
    assert (verdict.outcome, verdict.decided_by, verdict.blocks) == ("not sure", "processes", 0)
    assert verdict.processes_needed is not None
    assert verdict.blocks_needed is not None
    with_two = step([*unsure, *compared(count=2)])
    assert with_two.blocks_needed == verdict.blocks_needed - 2
    sure = step(line(*[0.1] * 7))
    assert (sure.outcome, sure.blocks_needed) == ("unchanged", None)


def test_what_is_no_comparison_was_decided_by_nothing() -> None:
    verdict = step([record(BEFORE, outcome="n/a", reason="no", session=5), *measured(NEWEST)])
    assert (verdict.outcome, verdict.decided_by, verdict.blocks, verdict.noise) == (
        "new",
        None,
        0,
        None,
    )


def test_a_failed_run_of_a_release_is_no_comparison_whatever_duets_say() -> None:
    crash = record(NEWEST, outcome="failed", error="crashed", session=25)
    verdict = step([*line(0.1, 0.1), *compared(1.0), crash])
    assert (verdict.outcome, verdict.why, verdict.blocks) == ("failed", "crashed", 0)


# -- the second opinion


def test_processes_that_surely_say_otherwise_are_a_second_opinion_that_is_shown() -> None:
    verdict = step([*line(*[0.1] * 6, 0.112), *compared(1.0)])
    assert (verdict.outcome, verdict.is_disputed) == ("unchanged", True)
    assert verdict.second_opinion is not None
    assert verdict.second_opinion.outcome == "regressed"
    said = phrases.remark(verdict)
    assert said is not None
    assert said.startswith("processes by themselves say regressed: +11.9 % (")


@pytest.mark.parametrize("newest", [0.1, 0.1018])
def test_processes_that_agree_or_are_not_sure_are_on_record_and_not_shown(newest: float) -> None:
    verdict = step([*line(*[0.1] * 6, newest), *compared(1.0)])
    assert verdict.outcome == "unchanged"
    assert verdict.second_opinion is not None
    assert not verdict.is_disputed
    assert phrases.remark(verdict) is None


def test_an_unsure_block_is_not_disputed() -> None:
    verdict = step([*line(*[0.1] * 6, 0.12), *compared(1.025, count=3)])
    assert verdict.outcome == "not sure"
    assert verdict.second_opinion is not None
    assert not verdict.is_disputed
    assert "by themselves" not in str(phrases.remark(verdict))


def test_pages_and_markdown_show_the_dispute_too() -> None:
    records = [*line(*[0.1] * 6, 0.112), *compared(1.0)]
    (told,) = [
        one
        for one in of_pages(MACHINE, records, CATALOGUE).told
        if (one.release, one.measure) == (NEWEST, "step")
    ]
    assert told.outcome == "unchanged"
    assert "decided by 6 blocks of duets" in told.notes
    assert any(note.startswith("processes by themselves say regressed: ") for note in told.notes)
    assert any("12 processes in 6 blocks with 60 samples" in note for note in told.notes)
    said = report(records)
    assert "processes by themselves say regressed" in phrases.markdown(said)
    assert "12 + 12 (60 + 60), 6 blocks" in phrases.text(said)


def report(records: list[Record]) -> phrases.Report:
    found = judged(records)
    return phrases.Report(machine=MACHINE, threshold=0.02, status=0, verdicts=found)


# -- by-products


def test_by_products_are_by_blocks_where_the_step_is() -> None:
    found = by_measure([*line(*[0.1] * 7), *compared(1.25)])
    assert {verdict.decided_by for verdict in found.values()} == {"duets"}
    assert {verdict.outcome for verdict in found.values()} == {"regressed"}


def test_by_products_of_duets_are_never_mixed_with_those_of_other_processes() -> None:
    # Duets have twice the memory, of both releases alike.
    heavy = [
        changed(record, peak_memory_bytes=2 * record.peak_memory_bytes) for record in compared(1.0)
    ]
    calibrating = blocks(LINE[0], LINE[0], session=10)
    found = by_measure([*line(*[0.1] * 7), *calibrating, *heavy])["peak_memory"]
    assert found.outcome == "unchanged"
    assert found.before is not None
    assert found.before.value == pytest.approx(2e9, rel=0.05)
    assert found.second_opinion is not None
    assert found.second_opinion.outcome == "unchanged"


def test_by_products_are_by_processes_where_the_step_is() -> None:
    found = by_measure([*line(*[0.1] * 7), *compared(1.1, count=2)])
    assert {verdict.decided_by for verdict in found.values()} == {"processes"}
    # Also where no process that was measured by itself has any.
    lacking = [changed(record, peak_memory_bytes=None) for record in line(*[0.1] * 7)]
    assert set(by_measure([*lacking, *compared(1.1, count=2)])) == {"step", "first_step"}
    assert set(by_measure([*lacking, *compared(1.1)])) == {"step", "first_step", "peak_memory"}


def test_a_by_product_that_too_few_blocks_have_is_by_processes() -> None:
    some = compared(1.1)
    lacking = [changed(record, peak_memory_bytes=None) for record in some[:16]]
    found = by_measure([*line(*[0.1] * 7), *lacking, *some[16:]])
    assert {key: verdict.decided_by for key, verdict in found.items()} == {
        "step": "duets",
        "first_step": "duets",
        "peak_memory": "processes",
    }
    assert found["peak_memory"].blocks == 2


# -- which blocks count


def test_blocks_in_another_state_than_the_newest_do_not_count() -> None:
    older = compared(1.3, session=20, cpus=4, count=8)
    verdict = step([*older, *compared(1.0, session=21)])
    assert (verdict.outcome, verdict.blocks) == ("unchanged", 6)


def test_newer_processes_in_another_state_than_the_blocks_are_said() -> None:
    one_thread = {"processes": 3, "variables": {"OMP_NUM_THREADS": "1"}}
    later = {"run": "20240701T120000.000000Z-0000001c", "started": "2024-07-01T12:00:00+00:00"}
    newer = measured(NEWEST, 0.2, **one_thread, **later)
    verdict = step([*line(0.1, 0.1), *compared(1.0), *newer])
    assert (verdict.outcome, verdict.decided_by) == ("unchanged", "duets")
    assert verdict.notes == (
        f"3 newer processes of {NEWEST} left out: measured otherwise; "
        "OMP_NUM_THREADS: none in the blocks, 1 in the newer ones",
    )
    ours = {"set_by_vggbench": {"OMP_NUM_THREADS": "4"}}
    assert step([*line(0.1, 0.1), *compared(1.0, **ours), *newer]).notes == (), "we set it in duets"
    older = measured(NEWEST, 0.2, session=9, **one_thread)
    assert step([*line(0.1, 0.1), *compared(1.0), *older]).notes == ()


def test_what_is_set_by_vggbench_is_a_state_of_its_own() -> None:
    growth = {"set_by_vggbench": {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}}
    verdict = step([*compared(1.3, session=20), *compared(1.0, session=21, **growth)])
    assert (verdict.outcome, verdict.blocks) == ("unchanged", 6)


def test_the_users_own_value_of_what_is_set_by_vggbench_keeps_no_blocks_apart() -> None:
    growth = {"set_by_vggbench": {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}}
    users = {"variables": {"TF_FORCE_GPU_ALLOW_GROWTH": "false"}, **growth}
    verdict = step([*compared(1.0, session=20, **users), *compared(1.0, session=21, **growth)])
    assert (verdict.outcome, verdict.blocks) == ("unchanged", 12)


def test_busy_blocks_do_not_count_and_are_told() -> None:
    records = [*compared(1.0), *compared(1.4, session=21, others_cpu_s=[0.1] * 5)]
    assert (step(records).outcome, step(records).blocks) == ("unchanged", 6)
    (said,) = evidence(records).left_out
    assert "busy" in said


@pytest.mark.parametrize(
    "other",
    [
        blocks(OLDER, NEWEST, 1.5),
        blocks(BEFORE, BEFORE, 1.5),
        blocks(NEWEST, NEWEST, 1.5),
        blocks(BEFORE, NEWEST, 1.5, FUSED),
        blocks(BEFORE, NEWEST, 1.5, profile="cpu-paper"),
        blocks(BEFORE, {"release": NEWEST, "variant": "NumPy 1.26.4", "lock": None}, 1.5),
        [one for number in range(6) for one in block(BEFORE, NEWEST, 1.5, number=number)[:3]],
    ],
    ids=["release", "before", "after", "configuration", "profile", "variant", "torn"],
)
def test_blocks_of_something_else_do_not_count(other: list[Record]) -> None:
    verdict = step(line(*[0.1] * 7), profile="cpu-quick")
    (told,) = [
        each
        for each in judged([*line(*[0.1] * 7), *other], profile="cpu-quick")
        if (each.measure, each.words) == ("step", verdict.words)
    ]
    assert (told.outcome, told.blocks, told.decided_by) == ("unchanged", 0, "processes")
    assert told.ratio == verdict.ratio


def test_configurations_that_are_judged_together_are_counted_together() -> None:
    records = [
        *line(0.1, 0.1),
        *compared(1.0),
        *compared(1.0, words=FUSED, session=21),
        *line(0.1, 0.1, words=NCHW),
    ]
    steps = [verdict for verdict in judged(records) if verdict.measure == "step"]
    assert {verdict.comparisons for verdict in steps} == {3}
    assert [verdict.decided_by for verdict in steps] == ["duets", "duets", "processes"]


# -- what only duets have measured


def test_a_release_that_only_duets_have_measured_has_a_verdict() -> None:
    verdict = step([*line(0.1, 0.1)[:4], *compared(1.1)])
    assert (verdict.release, verdict.against, verdict.outcome) == (NEWEST, BEFORE, "regressed")
    assert verdict.second_opinion is None


def test_a_line_that_only_duets_have_measured_has_a_verdict() -> None:
    records = compared(1.1)
    found = evidence(records)
    assert [release.name for release in found.measured("tensorflow")] == [BEFORE, NEWEST]
    assert found.measured("tensorflow", "cpu-paper") == []
    assert step(records).outcome == "regressed"
    (told,) = [
        verdict for verdict in verdicts.of_track(found, "tensorflow") if verdict.measure == "step"
    ]
    assert (told.release, told.against) == (NEWEST, BEFORE)
    assert line_changes.of_track(found, "tensorflow") == []


def test_what_duets_measured_says_what_else_changed() -> None:
    before = {"release": BEFORE, "versions": {"tensorflow": "2.15.1", "numpy": "1.25.0"}}
    after = {"release": NEWEST, "versions": {"tensorflow": "2.16.2", "numpy": "2.0"}}
    found = step(blocks(before, after))
    changes = {one.what: (one.before, one.after) for one in found.differences}
    assert changes["NumPy"] == ("1.25.0", "2.0")


def test_calibrating_with_a_release_does_not_make_it_measured() -> None:
    found = evidence(blocks(NEWEST, NEWEST))
    assert found.measured("tensorflow") == []
    assert judged(blocks(NEWEST, NEWEST)) == []


def test_a_release_that_was_measured_with_others_only_is_not_compared_and_says_so() -> None:
    verdict = step([*blocks(OLDER, BEFORE), *measured(NEWEST)])
    assert (verdict.outcome, verdict.against, verdict.ratio) == ("not sure", BEFORE, None)
    assert verdict.why == f"only duets with other releases have measured {BEFORE}"
    assert verdict.next_step == f"{CONFIRM_NEWEST} {BENCH_NHWC}"
    both = step([*blocks(LINE[0], BEFORE), *blocks(OLDER, NEWEST, session=21)], against=BEFORE)
    assert both.why == f"only duets with other releases have measured {BEFORE} and {NEWEST}"


def test_a_duet_of_two_others_hides_no_answer() -> None:
    known = step([*measured(OLDER), *measured(NEWEST)])
    assert known.against == OLDER
    assert step([*measured(OLDER), *measured(NEWEST), *blocks(OLDER, BEFORE)]) == known


def test_what_was_refused_beside_a_later_release_changes_no_older_verdict() -> None:
    """OLDER, which nothing else has measured, is n/a: in a duet with NEWEST, and with BEFORE."""
    known = [*measured(LINE[0]), *measured(BEFORE)]
    assert step([*known, *_refusing(OLDER, NEWEST)], BEFORE) == step(known, BEFORE)
    assert step([*known, *_refusing(OLDER, BEFORE)], BEFORE).outcome == "new"


def _refusing(release: str, partner: str) -> list[Record]:
    """A record of a duet in which ``release`` said n/a."""
    return [
        changed(record, outcome="n/a", reason="no such kernel", samples=None)
        for record in block(release, partner, session=23)[:1]
    ]


def test_what_said_in_a_duet_that_it_cannot_be_is_an_answer() -> None:
    refused = _refusing(NEWEST, OLDER)
    lost = step([*measured(BEFORE), *refused])
    assert (lost.outcome, lost.why) == ("lost", "no such kernel")
    new = step([changed(record, **_of(BEFORE)) for record in refused] + measured(NEWEST))
    assert (new.outcome, new.why) == ("new", f"n/a in {BEFORE}: no such kernel")
    # What a run of asv or a whole block says goes before it.
    assert step([*measured(BEFORE), *refused, *measured(NEWEST)]).ratio is not None
    assert step([*refused, *compared(1.0)]).outcome == "unchanged"


def _of(release: str) -> dict[str, Any]:
    one = record(release)
    return {"release": one.release, "commit": one.commit, "lock": one.lock}


# -- where duets never count


def test_records_of_duets_change_nothing_that_processes_say() -> None:
    apart = line(0.1, 0.1, 0.13, 0.13, 0.1, 0.1, 0.1)
    others = [*blocks(LINE[2], NEWEST, 1.5), *blocks(NEWEST, NEWEST, 1.1, session=21)]
    for release in LINE[1:]:
        told = judged([*apart, *others], release)
        without = judged(apart, release)
        assert [verdict.noise for verdict in told] == [verdict.noise for verdict in without]
        # How many blocks would tell is what blocks of the machine say, and a command is offered
        # where they are few.
        assert [replace(verdict, blocks_needed=None, next_step=None) for verdict in told] == [
            replace(verdict, blocks_needed=None, next_step=None) for verdict in without
        ]
    found, without_them = evidence([*apart, *others]), evidence(apart)
    assert found.lines == without_them.lines
    assert found.calibrating == without_them.calibrating == {}
    changes = line_changes.of_track(found, "tensorflow")
    assert changes == line_changes.of_track(without_them, "tensorflow")


def test_what_a_bisection_measured_is_evidence_for_nothing_else() -> None:
    """Of releases on the track and of builds that are on none: no block, no line, no message."""
    known = [
        *line(0.1, 0.1, 0.13, 0.13),
        *blocks(BEFORE, NEWEST, 1.1),
        *blocks(OLDER, OLDER, session=24),
    ]
    nightly = {"release": "tensorflow-9.9.0.dev20260101", "commit": "f" * 40}
    bisecting = [
        *blocks(BEFORE, NEWEST, 1.5, session=21, purpose=BISECT),
        *blocks(NEWEST, NEWEST, 1.2, session=22, purpose=BISECT),
        *(changed(one, **nightly) for one in blocks(OLDER, OLDER, session=23, purpose=BISECT)),
    ]
    found, without = evidence([*known, *bisecting]), evidence(known)
    assert found.blocks == without.blocks
    assert found.lines == without.lines
    assert found.not_applicable == without.not_applicable
    assert found.left_out == without.left_out == []
    assert by_measure([*known, *bisecting]) == by_measure(known)
    for one in bisecting:
        assert one.why_no_evidence(MACHINE, CATALOGUE) == "of vggbench bisect"


def test_a_bisections_refusals_and_pauses_are_no_evidence_either() -> None:
    refused = [
        changed(one, outcome=NOT_APPLICABLE, samples=None, reason="no")
        for one in blocks(BEFORE, NEWEST, count=1, purpose=BISECT)
    ]
    assert evidence(refused).not_applicable == {}
    # Processes that lie two hours apart are two stretches, whatever was measured in between.
    apart = [
        record(release, run=f"20240620T{hour:02d}0000Z-{hour:08x}", started=_at(hour))
        for release, hour in ((BEFORE, 10), (NEWEST, 12))
    ]
    between = [changed(one, started=_at(11), process_s=3000.0) for one in apart]
    bisecting = [changed(one, purpose=BISECT, run="other") for one in between]
    assert evidence([*apart, *bisecting]).lines == evidence(apart).lines


def _at(hour: int) -> str:
    return f"2024-06-20T{hour:02d}:00:00+00:00"


def test_records_of_duets_are_in_no_forecast_and_no_table() -> None:
    only = compared(1.0)
    assert durations(MACHINE, only, CATALOGUE, "cpu-quick") == {}
    assert not any(
        record.is_timed or record.is_ordinary or record.is_interleaved for record in only
    )
    assert rates.rates(MACHINE, only, list(CATALOGUE), []) == []


# -- noise


def noise_of(records: list[Record], key: str = "step", **more: Any) -> BlockNoise:
    found = by_measure(records, **more)[key].noise
    assert isinstance(found, BlockNoise)
    return found


def test_noise_is_of_the_line_where_that_tells_it_else_of_the_profile() -> None:
    assert noise_of(compared()).is_assumed
    own = blocks(LINE[0], LINE[0], session=10)
    fused = blocks(LINE[0], LINE[0], words=FUSED, session=11, count=8)
    assert noise_of([*own, *fused, *compared()]).origin == "6 calibrating blocks"
    assert noise_of([*fused, *compared()]).origin == "8 calibrating blocks"
    elsewhere = [changed(record, profile="cpu-paper") for record in fused]
    assert noise_of([*elsewhere, *compared()], profile="cpu-quick").is_assumed


def test_more_is_assumed_between_blocks_of_what_a_process_measures_once() -> None:
    step, memory = (noise_of(compared(), key) for key in ("step", "peak_memory"))
    assert step.is_assumed
    assert memory.is_assumed
    assert memory.deviation > 2 * step.deviation


def test_calibrating_blocks_in_another_state_tell_nothing() -> None:
    other = blocks(LINE[0], LINE[0], session=10, cpus=4)
    assert noise_of([*other, *compared()]).is_assumed
    assert not noise_of([*other, *compared(cpus=4)]).is_assumed


def test_calibrating_a_release_of_another_track_tells_the_noise_of_the_machine() -> None:
    keras = next(release.name for release in CATALOGUE.tracks["keras"].releases)
    words_of_keras = ("tensorflow", "NHWC", "none", "off")
    other = blocks(keras, keras, words=words_of_keras, session=10)
    assert not noise_of([*other, *compared()]).is_assumed


def test_blocks_of_releases_up_to_the_one_before_tell_the_noise_and_later_ones_do_not() -> None:
    earlier = blocks(LINE[3], OLDER, 1.2, session=10)
    one = noise_of([*earlier, *compared()])
    assert one.origin == "6 blocks of other comparisons"
    assert noise_of([*earlier, *compared(), *blocks(LINE[0], NEWEST, session=11)]) == one
    assert noise_of([*blocks(OLDER, NEWEST, session=10), *compared()]).is_assumed


def test_other_configurations_of_both_releases_tell_the_noise_where_nothing_else_does() -> None:
    """They are measured in the same hour. The blocks that are judged tell it another way."""

    def origin(taken: list[Record]) -> str:
        (verdict,) = [one for one in judged(taken) if (one.words, one.measure) == (PLAIN, "step")]
        assert verdict.noise is not None
        return verdict.noise.origin

    others = [
        *blocks(BEFORE, NEWEST, 0.8, NCHW, session=22),
        *blocks(BEFORE, NEWEST, 1.2, FUSED, session=21),
    ]
    assert origin([*others, *compared()]) == "12 blocks of other comparisons"
    calibrated = blocks(OLDER, OLDER, words=FUSED, session=10, count=8)
    assert origin([*others, *calibrated, *compared()]) == "8 calibrating blocks"
    # What compares the newest release with yet another one may have been measured any time.
    assumed = origin(compared())
    assert "is assumed" in assumed
    assert origin([*blocks(OLDER, NEWEST, 0.8, NCHW, session=10), *compared()]) == assumed


def test_the_noise_of_a_by_product_is_its_own() -> None:
    steady = [
        changed(record, peak_memory_bytes=10**9) for record in blocks(LINE[0], LINE[0], session=10)
    ]
    found = by_measure([*steady, *compared()])
    noise, of_memory = found["step"].noise, found["peak_memory"].noise
    assert isinstance(noise, BlockNoise)
    assert isinstance(of_memory, BlockNoise)
    assert of_memory.deviation < noise.deviation


# -- properties

ratios = st.lists(st.floats(0.8, 1.25), min_size=2, max_size=6)


def chained(changes: list[float], count: int = 4) -> list[Record]:
    """Blocks of each release of LINE and the one before, by what the later one changed."""
    return [
        record
        for place, ratio in enumerate(changes)
        for record in blocks(LINE[place], LINE[place + 1], ratio, session=20 + place, count=count)
    ]


@settings(max_examples=25)
@given(ratios, st.floats(0.8, 1.25), st.integers(0, 5), st.booleans())
def test_a_later_release_changes_no_older_verdict(
    changes: list[float], later: float, other: int, with_processes: bool
) -> None:
    old = chained(changes)
    if with_processes:
        old = [*old, *line(*[0.1] * 7)[:-4]]
    new = [*measured(NEWEST, 0.1 * later), *blocks(LINE[other], NEWEST, later, session=27)]
    for release in LINE[1:-1]:
        assert judged(old, release) == judged([*old, *new], release)


def test_a_later_release_does_not_make_an_unmeasured_one_the_one_before() -> None:
    old = [*measured(LINE[3]), *measured(BEFORE)]
    link = blocks(LINE[4], NEWEST)
    assert judged([*old, *link], BEFORE) == judged(old, BEFORE)
    assert judged([*old, *link], LINE[4]) == []
    assert step([*old, *link], LINE[6]).against == BEFORE


@settings(max_examples=25)
@given(ratios, st.floats(0.01, 100))
def test_a_faster_machine_has_the_same_verdicts(changes: list[float], scale: float) -> None:
    for place, ratio in enumerate(changes):
        one, other = (
            step(
                blocks(LINE[place], LINE[place + 1], ratio, seconds=seconds, process_s=1e9),
                LINE[place + 1],
            )
            for seconds in (0.1, 0.1 * scale)
        )
        assert (one.outcome, one.blocks_needed) == (other.outcome, other.blocks_needed)
        assert (one.ratio, one.low, one.high) == pytest.approx((other.ratio, other.low, other.high))


@settings(max_examples=25)
@given(ratios)
def test_mirrored_names_give_mirrored_ratios(changes: list[float]) -> None:
    names = {LINE[0]: LINE[1], LINE[1]: LINE[0]}
    for ratio in changes:
        taken = blocks(LINE[0], LINE[1], ratio)
        mirrored = [changed(record, **_of(names[record.release])) for record in taken]
        one, other = step(taken, LINE[1]), step(mirrored, LINE[1])
        assert one.ratio is not None
        assert one.low is not None
        assert other.ratio == pytest.approx(1 / one.ratio)
        assert other.high == pytest.approx(1 / one.low)
        swap = {"regressed": "improved", "improved": "regressed"}
        assert other.outcome == swap.get(one.outcome, one.outcome)


@settings(max_examples=25)
@given(ratios, st.integers(1, 4))
def test_verdicts_by_duets_can_always_be_written_as_json(changes: list[float], count: int) -> None:
    found = verdicts.of_track(evidence(chained(changes, count)), "tensorflow")
    assert len(found) == 3 * len(changes)
    for verdict in found:
        told = json.loads(json.dumps(verdict.as_json(), allow_nan=False))
        assert told["decided_by"] == "duets"
        assert told["noise"].keys() == {"deviation", "degrees", "origin", "bias"}
