"""``vggbench confirm``: what it compares, by literal records; and on the tiny track, in real duets
of processes whose times the tests choose."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from vggbench import records
from vggbench.campaigns import confirm as command
from vggbench.campaigns import interleave
from vggbench.campaigns.answering import Comparison
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.confirm import ConfirmRequest, Judging, Limits
from vggbench.campaigns.interleave import Confirmation, Confirmed, TurnTools
from vggbench.campaigns.taking import BlockResult
from vggbench.errors import VggbenchError
from vggbench.judging.verdicts import BY_DUETS, BY_PROCESSES
from vggbench.records import Record
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Lock, Release
from vggbench.releases.environments import EnvironmentUnusable
from vggbench.runs import memory
from vggbench.runs.installation import Installation
from vggbench.runs.local import Local
from vggbench.runs.suite import Configured
from vggbench.runs.timed import Interrupted, NotMeasured
from vggbench.stats.policy import MOST

from ..asv_plugin.test_faults import ended, gone, result_files, started_process, the_line, until
from ..judging.duets import block
from ..judging.literal import BENCH_NHWC, CONFIRM_NEWEST, FUSED, LINE, MACHINE, XLA, line, measured
from ..judging.literal import record as literal_record
from ..once import once
from ..records.factory import CATALOGUE
from ..tiny import Tiny
from .here import local

# -- what is compared

LIMITS = Limits(seconds=3600, processes=80)


def blocks_of(before: str, after: str, ratio: float, count: int, **more) -> list[Record]:
    """So many blocks of about this ratio, which hardly differ."""
    return [
        record
        for number in range(count)
        for record in block(
            before, after, ratio * (1 + 1e-3 * (number % 3)), number=number + 1, **more
        )
    ]


def judging(folder: Path, taken: Sequence[Record], **more) -> Judging:
    for one in taken:
        records.append(records.folder(folder, MACHINE) / f"{one.run}.jsonl", one)
    known = {"against": None, "threshold": 0.02, **more}
    return Judging(local(folder), **known)


def compared(of: Judging, release: str = LINE[-1], limits: Limits = LIMITS) -> list[str]:
    """What is to be compared, as a text."""
    return [
        comparison.in_full for comparison in of.comparisons([CATALOGUE.by_name[release]], limits)
    ]


PAIR = f"{LINE[-1]} NHWC none off against {LINE[-2]}"


def test_what_is_not_sure_is_compared_though_nothing_is_suspected(tmp_path: Path) -> None:
    of = judging(tmp_path, line(0.1, 0.1))
    (comparison,) = of.comparisons([CATALOGUE.by_name[LINE[-1]]], LIMITS)
    assert (comparison.name, comparison.before.name) == (f"{LINE[-1]} NHWC none off", LINE[-2])
    assert not of.standing(comparison).is_telling


@pytest.mark.parametrize("ratio", [0.9, 1.0, 1.1])
def test_what_duets_have_answered_is_not_compared_again(tmp_path: Path, ratio: float) -> None:
    of = judging(tmp_path, [*line(0.1, 0.1), *blocks_of(LINE[-2], LINE[-1], ratio, 8)])
    assert compared(of) == []
    assert of.is_compared(CATALOGUE.by_name[LINE[-1]])


def test_a_slow_down_that_processes_alone_show_is_compared(tmp_path: Path) -> None:
    of = judging(tmp_path, line(0.1, 0.1, 0.1, 0.1, 0.1, 0.2))
    assert compared(of) == [PAIR]


def test_what_looks_faster_is_compared_where_that_is_asked_for(tmp_path: Path) -> None:
    taken = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.05)
    assert compared(judging(tmp_path, taken)) == []
    assert compared(Judging(local(tmp_path), against=None, threshold=0.02, improved=True)) == [PAIR]


def test_what_is_na_in_one_of_the_two_answers_once(tmp_path: Path) -> None:
    taken = [*line(0.1, 0.1), *line(0.1, 0.1, words=FUSED)]
    of = judging(tmp_path, taken)
    assert compared(of) == [PAIR, PAIR.replace("none", "fused")]
    na = literal_record(LINE[-1], words=FUSED, session=25, purpose=records.DUET, outcome="n/a")
    assert compared(judging(tmp_path, [na])) == [PAIR]


def test_what_has_spent_its_blocks_may_have_as_many_more_when_it_is_asked_for_again(
    tmp_path: Path,
) -> None:
    taken = [
        record
        for number in range(4)
        for record in block(LINE[-2], LINE[-1], 1.03 + 0.05 * (-1) ** number, number=number + 1)
    ]
    of = judging(tmp_path, [*line(0.1, 0.1), *taken])
    release = CATALOGUE.by_name[LINE[-1]]
    (comparison,) = of.comparisons([release], Limits(60, 16))
    assert of.standing(comparison).left(comparison) == 0
    assert not of.is_open(comparison)
    (comparison,) = of.comparisons([release], Limits(60, 16, again=True))
    assert of.standing(comparison).left(comparison) == 4
    assert of.is_open(comparison)


def test_a_release_may_be_held_against_one_that_is_no_neighbour(tmp_path: Path) -> None:
    against = CATALOGUE.by_name[LINE[-4]]
    taken = [*line(0.1, 0.1, 0.1, 0.1), *blocks_of(LINE[-2], LINE[-1], 1.0, 8)]
    of = judging(tmp_path, taken, against=against)
    assert compared(of) == [PAIR.replace(LINE[-2], LINE[-4])], "blocks of the neighbour are others"
    of = judging(tmp_path / "another", blocks_of(LINE[-4], LINE[-1], 1.0, 8), against=against)
    assert compared(of) == []


def test_a_release_may_be_held_against_one_that_was_never_measured(tmp_path: Path) -> None:
    of = judging(tmp_path, measured(LINE[-1]), against=CATALOGUE.by_name[LINE[-3]])
    assert compared(of) == [PAIR.replace(LINE[-2], LINE[-3])]


def test_blocks_alone_judge_two_releases_that_nothing_else_has_measured(tmp_path: Path) -> None:
    of = judging(tmp_path, blocks_of(LINE[-2], LINE[-1], 1.1, 8))
    (verdict,) = [v for v in of.verdicts(CATALOGUE.by_name[LINE[-1]]) if v.measure == "step"]
    assert (verdict.outcome, verdict.decided_by, verdict.blocks) == ("regressed", BY_DUETS, 8)
    assert [release.name for release in of.newest()] == [LINE[-1]]
    assert compared(of) == []


def test_what_duets_measured_beside_others_alone_is_said(tmp_path: Path) -> None:
    """2.16.2 by asv; 2.15.1 in duets with 2.14.1 alone."""
    of = judging(tmp_path, [*measured(LINE[-1]), *blocks_of(LINE[-3], LINE[-2], 1.0, 8)])
    (verdict,) = of.verdicts(CATALOGUE.by_name[LINE[-1]])
    assert verdict.why == f"only duets with other releases have measured {LINE[-2]}"
    assert verdict.next_step == f"{CONFIRM_NEWEST} {BENCH_NHWC}"
    assert compared(of) == [PAIR]


def test_two_profiles_are_compared_each_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [*line(0.1, 0.1), *line(0.1, 0.1, profile="cpu-paper")]
    monkeypatch.setenv("VGGBENCH_PROFILE", "cpu-quick cpu-paper")
    of = judging(tmp_path, taken)
    found = of.comparisons([CATALOGUE.by_name[LINE[-1]]], LIMITS)
    assert [comparison.profile for comparison in found] == ["cpu-quick", "cpu-paper"]
    assert {of.standing(comparison).blocks for comparison in found} == {0}
    of = judging(tmp_path, blocks_of(LINE[-2], LINE[-1], 1.0, 8, profile="cpu-paper"))
    found = of.comparisons([CATALOGUE.by_name[LINE[-1]]], LIMITS)
    assert [comparison.profile for comparison in found] == ["cpu-quick"]


def test_a_configuration_that_the_benchmarks_have_no_longer_keeps_no_other_back(
    tmp_path: Path,
) -> None:
    gone_now = ("NHWC", "bygone", "off")
    of = judging(tmp_path, [*line(0.1, 0.1), *line(0.1, 0.1, words=gone_now)])
    assert compared(of) == [PAIR]


# -- what was never measured


def never_measured(of: Judging, release: str = LINE[-1]) -> list[str]:
    return [
        comparison.in_full for comparison in of.never_measured(CATALOGUE.by_name[release], LIMITS)
    ]


def test_a_release_that_was_never_measured_is_compared_in_all_that_both_run(
    tmp_path: Path,
) -> None:
    of = judging(tmp_path, [])
    found = never_measured(of)
    assert len(found) == len(set(found)) == 12
    assert PAIR in found
    assert compared(of) == []
    far = judging(tmp_path, [], against=CATALOGUE.by_name[LINE[-3]], patterns=["'NHWC', 'none'"])
    against = PAIR.replace(LINE[-2], LINE[-3])
    assert never_measured(far) == [against, against.replace("off", "on")]


def test_what_duets_have_begun_with_goes_on_with_the_other_configurations(tmp_path: Path) -> None:
    of = judging(tmp_path, blocks_of(LINE[-2], LINE[-1], 1.1, 8))
    assert compared(of) == []
    found = never_measured(of)
    assert len(found) == 11
    assert PAIR not in found
    na = literal_record(LINE[-1], words=FUSED, session=25, purpose=records.DUET, outcome="n/a")
    assert PAIR.replace("none", "fused") in found
    assert len(never_measured(judging(tmp_path, [na]))) == 10, "it answers once"


def test_of_what_asv_has_measured_nothing_else_is_compared(tmp_path: Path) -> None:
    of = judging(tmp_path, measured(LINE[-1]))
    assert never_measured(of) == []
    assert never_measured(of, LINE[-2]), "the one before is another release"


def test_bench_names_configurations_that_asv_has_not_measured(tmp_path: Path) -> None:
    against = CATALOGUE.by_name[LINE[-3]]
    asked = {"against": against, "patterns": ["'NHWC', 'none'"]}
    pair = PAIR.replace(LINE[-2], LINE[-3])
    of = judging(tmp_path, measured(LINE[-1]), **asked)
    assert compared(of) == [pair], "what asv has measured is compared once"
    assert never_measured(of) == [pair.replace("off", "on")]
    na = literal_record(LINE[-1], words=XLA, session=25, outcome="n/a")
    assert never_measured(judging(tmp_path, [na], **asked)) == [], "it answers once"
    of = judging(tmp_path, [], against=against)
    assert never_measured(of) == [], "without --bench it is what asv has measured"


def test_nothing_is_compared_where_no_release_is_before_it(tmp_path: Path) -> None:
    first = CATALOGUE.tracks["tensorflow"].releases[0].name
    assert never_measured(judging(tmp_path, []), first) == []


@pytest.fixture
def no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no CPython of any release."""
    monkeypatch.setattr(interpreters, "find", lambda version: None)


LEFT_OUT = (
    f"Not compared in cpu-quick: {LINE[-1]} against {LINE[-2]}: "
    f"{LINE[-2]}: CPython 3.11 is not on this machine; get it with: "
    f"{interpreters.how_to_get('3.11')}; {LINE[-1]}: CPython 3.12 is not on this machine; get it "
    f"with: {interpreters.how_to_get('3.12')}"
)


@pytest.mark.usefixtures("no_python")
def test_what_this_machine_cannot_run_is_left_out_with_one_message(tmp_path: Path) -> None:
    said: list[str] = []
    asked = ConfirmRequest(LINE[-1], None, 0.02)
    with pytest.raises(VggbenchError, match=f"nothing on {MACHINE} can be judged"):
        command.run(local(tmp_path, said.append), asked, LIMITS)
    assert said[0] == LEFT_OUT
    assert len([line for line in said if line.startswith("Not compared")]) == 1


@pytest.mark.usefixtures("no_python")
def test_what_is_left_out_is_not_called_answered(tmp_path: Path) -> None:
    for one in blocks_of(LINE[-2], LINE[-1], 1.0, 8):
        records.append(records.folder(tmp_path, MACHINE) / f"{one.run}.jsonl", one)
    said: list[str] = []
    asked = ConfirmRequest(LINE[-1], None, 0.02)
    assert command.run(local(tmp_path, said.append), asked, LIMITS) == 2
    assert LEFT_OUT in said
    assert not [line for line in said if "answered" in line]


ONLY_NHWC = "'NHWC', 'none', 'off'"


def test_with_bench_the_verdict_is_of_what_it_selects_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other configuration that is on record became slower."""
    slower = {"words": FUSED, "session": 21}
    taken = [
        *blocks_of(LINE[-2], LINE[-1], 1.0, 8),
        *blocks_of(LINE[-2], LINE[-1], 1.3, 8, **slower),
    ]
    for one in taken:
        records.append(records.folder(tmp_path, MACHINE) / f"{one.run}.jsonl", one)
    asked = ConfirmRequest(LINE[-1], None, 0.02, patterns=[ONLY_NHWC])
    assert command.run(local(tmp_path), asked, LIMITS) == 0
    told = capsys.readouterr().out
    assert "step time: 1 unchanged" in told
    assert "fused" not in told
    judging = Judging(local(tmp_path), against=None, threshold=0.02)
    assert judging.report([LINE[-1]]) == 1
    assert "step time: 1 regressed, 1 unchanged" in capsys.readouterr().out


def test_with_bench_of_nothing_on_record_there_is_no_verdict_on_other_configurations(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    for one in line(0.1, 0.1, words=FUSED):
        records.append(records.folder(tmp_path, MACHINE) / f"{one.run}.jsonl", one)
    of = Judging(local(tmp_path, said.append), against=None, threshold=0.02, patterns=[ONLY_NHWC])
    with pytest.raises(VggbenchError, match=f"nothing on {MACHINE} can be judged"):
        of.report_of(CATALOGUE.by_name[LINE[-1]])
    assert f"{LINE[-1]}: nothing that --bench selects of it is on record on {MACHINE}" in said


def test_the_command_that_would_make_it_sure_has_the_bench_that_was_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in blocks_of(LINE[-2], LINE[-1], 1.025, 3):
        records.append(records.folder(tmp_path, MACHINE) / f"{one.run}.jsonl", one)
    of = Judging(local(tmp_path), against=None, threshold=0.02, patterns=[ONLY_NHWC])
    of.report_of(CATALOGUE.by_name[LINE[-1]])
    assert f'to be sure: {CONFIRM_NEWEST} --bench "{ONLY_NHWC}"\n' in capsys.readouterr().out


# -- what blocks there are


def test_blocks_count_though_a_process_by_itself_has_failed(tmp_path: Path) -> None:
    """Else a comparison that no verdict answers would be measured for ever."""
    failed = literal_record(LINE[-2], session=1, outcome="failed", error="it crashed")
    taken = [failed, *measured(LINE[-1]), *blocks_of(LINE[-2], LINE[-1], 1.0, 4)]
    of = judging(tmp_path, taken, against=CATALOGUE.by_name[LINE[-2]])
    comparison = the_comparison(of)
    assert of.standing(comparison).blocks == 4
    assert not of.is_open(comparison)


def test_blocks_that_are_too_few_to_decide_say_what_they_came_to(tmp_path: Path) -> None:
    slower = line(0.1, 0.1, 0.1, 0.1, 0.1, 0.127)
    of = judging(tmp_path, [*slower, *block(LINE[-2], LINE[-1], 1.01)])
    standing = of.standing(the_comparison(of))
    assert standing.verdicts["step"].decided_by == BY_PROCESSES
    assert standing.ratios["step"] == pytest.approx(1.01)


def test_only_what_is_no_neighbour_has_what_it_is_held_against_in_its_name(
    tmp_path: Path,
) -> None:
    of = judging(tmp_path, [])
    near, configured = the_comparison(of), the_comparison(of).configured
    far = of.comparison(CATALOGUE.by_name[LINE[-3]], near.after, near.profile, configured)
    near = of.comparison(near.before, near.after, near.profile, configured)
    assert near.name == f"{LINE[-1]} NHWC none off"
    assert far.name == f"{near.name} against {LINE[-3]}"


# -- what a block takes


def the_comparison(of: Judging) -> Comparison:
    here = of.here
    known = literal_record(LINE[-1])
    before, after = (CATALOGUE.by_name[name] for name in LINE[-2:])
    configured = here.configured(known.benchmark, known.configuration)
    return Comparison(before, after, "cpu-quick", configured)


def test_a_block_takes_two_processes_of_each_and_the_steps_of_a_duet(tmp_path: Path) -> None:
    of = judging(tmp_path, line(2.0, 2.0))
    # Processes of 30 s took five steps each of 2 s; in a duet they take six.
    assert of.seconds(the_comparison(of)) == pytest.approx(2 * (30 + 30 + 2 * 2.0), rel=0.01)
    # In a duet each process lasts as long as both.
    of = judging(tmp_path, block(LINE[-2], LINE[-1], 1.0, process_s=70.0))
    assert of.seconds(the_comparison(of)) == 140.0


def test_of_what_was_never_measured_nothing_is_known(tmp_path: Path) -> None:
    of = judging(tmp_path, [])
    comparison = the_comparison(of)
    assert (of.seconds(comparison), of.forecast_s(comparison)) == (0.0, 0.0)
    assert of.is_open(comparison)
    assert of.why_not_both(comparison) is None


def test_two_that_find_no_room_in_memory_are_no_duet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = judging(tmp_path, line(0.1, 0.1, peak_memory_bytes=2_000_000_000))
    free = [4_500_000_000]
    monkeypatch.setattr(memory, "available_bytes", lambda: free[0])
    assert of.why_not_both(the_comparison(of)) is None
    free[0] = 4_300_000_000
    assert of.why_not_both(the_comparison(of)) == (
        "two processes at once would take about 4.4 GB of memory, 4.3 GB are free"
    )
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    assert of.why_not_both(the_comparison(of)) is None, "the system does not tell"


@pytest.mark.parametrize(("processes", "most"), [(80, MOST), (8, 8)])
def test_processes_in_turns_are_no_more_than_their_bounds_are_made_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, most: int
) -> None:
    of = judging(tmp_path, line(0.1, 0.1, peak_memory_bytes=2_000_000_000))
    told: list[int] = []

    def confirm_all(wanted: Sequence[Confirmation], tools: TurnTools) -> list[Confirmed]:
        told.append(tools.most)
        return [Confirmed(each, {}, 0, "it crashed", failed=True) for each in wanted]

    monkeypatch.setattr(memory, "available_bytes", lambda: 1)
    monkeypatch.setattr(Local, "runner", lambda self, purpose: contextlib.nullcontext())
    monkeypatch.setattr(interleave, "confirm_all", confirm_all)
    limits = Limits(seconds=60, processes=processes)
    wanted = of.comparisons([CATALOGUE.by_name[LINE[-1]]], limits)
    (found,) = command.answer(of, wanted, limits)
    assert told == [most]
    assert (found.why, found.failed) == ("it crashed", True)


@pytest.mark.parametrize("blocks", [0, 2, 3])
def test_what_finds_no_room_during_the_command_takes_turns_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    """Unless there are enough blocks, which decide."""
    noisy = [
        record
        for number in range(blocks)
        for record in block(LINE[-2], LINE[-1], 1.03 + 0.3 * (-1) ** number, number=number + 1)
    ]
    taken = [*line(0.1, 0.1, peak_memory_bytes=2_000_000_000), *noisy]
    of = judging(tmp_path, taken)
    begun: list[Confirmation] = []

    def confirm_all(wanted: Sequence[Confirmation], tools: TurnTools) -> list[Confirmed]:
        begun.extend(wanted)
        return [Confirmed(each, {}, 4, "it is not sure") for each in wanted]

    def prepared(release: Release, profile: str, configured: Configured) -> Installation:
        # It fills up while environments are made.
        monkeypatch.setattr(memory, "available_bytes", lambda: 1_000)
        return Installation(release=release, profile=profile, interpreter="", lock=None)

    runner = SimpleNamespace(prepared=prepared, forget=lambda: None)
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**15)
    monkeypatch.setattr(Local, "runner", lambda self, purpose: contextlib.nullcontext(runner))
    monkeypatch.setattr(interleave, "confirm_all", confirm_all)
    wanted = of.comparisons([CATALOGUE.by_name[LINE[-1]]], LIMITS)
    (found,) = command.answer(of, wanted, LIMITS)
    if blocks == 3:
        assert begun == []
        assert found.has_no_room
        assert str(found.why).startswith("two processes at once would take about ")
    else:
        assert [each.comparison.name for each in begun] == [f"{LINE[-1]} NHWC none off"]
        assert found.why == "it is not sure"


def test_what_is_left_of_a_budget_for_more_is_called_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    of = judging(tmp_path, line(0.1, 0.1))
    of.here = replace(of.here, say=said.append)
    monkeypatch.setattr(Local, "runner", lambda self, purpose: contextlib.nullcontext())
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    limits = Limits(seconds=0.0, processes=80, is_rest=True)
    (found,) = command.answer(of, of.comparisons([CATALOGUE.by_name[LINE[-1]]], limits), limits)
    assert found.why == "what is left of the budget (0 s) is spent"
    (plan,) = said
    assert plan.endswith("; what is left of the budget (0 s) may not be enough")


class FailingRunner:
    """A runner that has no environment of a release, and leaves no process."""

    def __init__(self, error: Exception):
        self.error = error

    def prepared(self, release: Release, profile: str, configured: Configured):
        raise self.error

    def forget(self) -> None:
        pass


def taken_with(of: Judging, error: Exception, rooms: list[tuple[str, list[str]]]) -> BlockResult:
    """What comes of a block where there is no environment. ``rooms``: what room is made for."""

    def make_room(name: str, both: Sequence[tuple[Release, Lock]]) -> None:
        assert all(release.locks[lock.name] == lock for release, lock in both)
        rooms.append((name, [f"{release.name} {lock.name}" for release, lock in both]))

    limits = Limits(60, 80, make_room=make_room)
    tools = of.block_tools(FailingRunner(error), Budget(60), limits)
    return tools.take(the_comparison(of), 60.0)


def test_an_environment_that_cannot_be_made_ends_its_comparison_alone(tmp_path: Path) -> None:
    of = judging(tmp_path, [])
    rooms: list[tuple[str, list[str]]] = []
    came = taken_with(of, EnvironmentUnusable("it cannot be installed: no wheel"), rooms)
    assert (came.block, came.outcome) == (None, records.FAILED)
    assert came.why == "it cannot be installed: no wheel"
    assert rooms == [(f"{LINE[-1]} NHWC none off", [f"{name} cpu" for name in LINE[-2:]])]


def test_no_block_is_begun_where_the_environments_have_taken_the_budget(tmp_path: Path) -> None:
    of = judging(tmp_path, line(0.1, 0.1))
    clock = [0.0]

    def prepared(*asked) -> None:
        clock[0] += 30.0

    runner = SimpleNamespace(prepared=prepared, forget=lambda: None)
    tools = of.block_tools(runner, Budget(100, lambda: clock[0]), LIMITS)
    came = tools.take(the_comparison(of), math.inf)
    assert came.is_spent, "four processes of 30 s each do not end within 40 s"
    assert (came.why, clock[0]) == ("the budget of 2 min is spent", 60.0)


@pytest.mark.parametrize("error", [Interrupted(""), NotMeasured("the disk is full")])
def test_what_ends_all_measuring_passes_through(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)):
        taken_with(judging(tmp_path, []), error, [])


# -- real duets

#: Between processes, of the logarithm; the seconds of first steps are chosen too.
NOISE = {"TINY_NOISE": "0.002"}

#: A slow-down of the newest release.
SLOWER = {**NOISE, "TINY_FACTORS": "2.1/plain:1.3"}

#: A slow-down that is looked for with this threshold is found, or excluded, in as few blocks as
#: there may be: what is known of the noise at first would ask for more.
ROUGH = ("--threshold", "10%")

PLAIN = ("--bench", "'plain'")

CONFIRM = ("confirm", "tinyframe-2.1", *ROUGH)


@pytest.fixture(scope="session")
def line_template(tiny_template: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Three releases that take the same time, measured; the next, 2.1, is installed. To be copied.

    2.1 takes the same time as they do, unless TINY_FACTORS says otherwise.
    """

    def fill(folder: Path) -> None:
        template = tiny_template.copy(folder / "tiny")
        template.add_release("2.1", seconds=0.030)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("UV_CACHE_DIR", str(folder / "uv-cache"))
            patch.setenv("UV_OFFLINE", "1")
            template.install("tinyframe-2.1")
        for name in ("tinyframe-1.2", "tinyframe-1.10", "tinyframe-2.0"):
            done = template.asv("run", name, *PLAIN, env=NOISE)
            assert done.status == 0, done.output

    return Tiny(once(tmp_path_factory, "line-template", fill) / "tiny")


@pytest.fixture
def line_of_releases(line_template: Tiny, tmp_path: Path) -> Tiny:
    return line_template.copy(tmp_path / "tiny")


@pytest.fixture(scope="session")
def slower_template(line_template: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    def fill(folder: Path) -> None:
        template = line_template.copy(folder / "tiny")
        assert template.asv("run", "tinyframe-2.1", *PLAIN, env=SLOWER).status == 0

    return Tiny(once(tmp_path_factory, "slower-template", fill) / "tiny")


@pytest.fixture
def slower(slower_template: Tiny, tmp_path: Path) -> Tiny:
    """2.1 is slower, and was measured once. Or it was a bad day: TINY_FACTORS says."""
    return slower_template.copy(tmp_path / "tiny")


def in_duets(tiny: Tiny) -> list[tuple[str, str]]:
    """The version and the outcome of each process of a duet, in the order in which they ended."""
    found = [r for r in tiny.records() if r.get("purpose") == "duet"]
    return [(r["version"], r["outcome"]) for r in found]


def whole_blocks(tiny: Tiny) -> int:
    """How many blocks of four processes that ended well there are; there must be no others."""
    found: dict[str, list[tuple]] = {}
    for one in tiny.records():
        if one.get("purpose") == "duet":
            told = one["duet"]
            found.setdefault(told["block"], []).append(
                (told["id"][-1], told["started"], one["version"], one["outcome"])
            )
    versions = {version for own in found.values() for _, _, version, _ in own}
    for own in found.values():
        assert {outcome for *_, outcome in own} == {"ok"}
        assert sorted(place[:2] for place in own) == [("1", 1), ("1", 2), ("2", 1), ("2", 2)]
        first = {version for _, started, version, _ in own if started == 1}
        assert first == versions, "each was started first once"
    return len(found)


def step_verdict(tiny: Tiny, *arguments: str) -> dict:
    done = tiny.vggbench("verdict", "tinyframe-2.1", *ROUGH, "--format", "json", *arguments)
    found = json.loads(done.output[done.output.index("{") :])["verdicts"]
    (verdict,) = [v for v in found if v["measure"] == "step" and v["words"] == "plain"]
    return verdict


@pytest.mark.asv
def test_a_slow_down_is_confirmed_by_whole_blocks_and_not_measured_again(slower: Tiny) -> None:
    before = result_files(slower)
    done = slower.vggbench(*CONFIRM, env=SLOWER)
    assert done.status == 1, done.output
    taken = whole_blocks(slower)
    assert taken >= 3
    the_line(done, "To answer: tinyframe-2.1 plain, about ")
    the_line(done, f"tinyframe-2.1 plain, {taken} blocks: step time: regressed, +30.")
    the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ", "regressed", "blocks taken")
    assert step_verdict(slower)["decided_by"] == BY_DUETS
    # asv's results, and what was on record, are as they were.
    after = result_files(slower)
    assert {name: after[name] for name in before} == before

    done = slower.vggbench(*CONFIRM, env=SLOWER)
    assert done.status == 1, done.output
    the_line(done, "Everything of tinyframe-2.1 is answered: nothing is measured.")
    assert whole_blocks(slower) == taken


@pytest.mark.asv
def test_what_was_a_bad_day_is_dismissed(slower: Tiny) -> None:
    done = slower.vggbench(*CONFIRM, env=NOISE)
    assert done.status == 0, done.output
    assert whole_blocks(slower) >= 3
    the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ", "unchanged", "blocks taken")
    verdict = step_verdict(slower)
    assert (verdict["outcome"], verdict["decided_by"]) == ("unchanged", BY_DUETS)
    assert verdict["ratio"] == pytest.approx(1.0, abs=0.02)
    assert verdict["second_opinion"]["ratio"] == pytest.approx(1.3, rel=0.02)


@pytest.mark.asv
def test_what_processes_have_answered_takes_no_block(line_of_releases: Tiny) -> None:
    tiny = line_of_releases
    assert tiny.asv("run", "tinyframe-2.1", *PLAIN, env=NOISE).status == 0
    done = tiny.vggbench(*CONFIRM, env=NOISE)
    assert done.status == 0, done.output
    the_line(done, "Everything of tinyframe-2.1 is answered: nothing is measured.")
    assert in_duets(tiny) == []


@pytest.mark.asv
def test_bench_that_selects_nothing_is_one_line(slower: Tiny) -> None:
    for pattern, told in (
        ("no_such", "no_such selects no benchmark of tinyframe-2.1"),
        ("(", "( selects no benchmark: it is no regular expression: missing )"),
    ):
        done = slower.vggbench(*CONFIRM, "--bench", pattern, env=SLOWER)
        assert done.status == 2
        the_line(done, told)
        assert len(done.output.splitlines()) == 1
    assert in_duets(slower) == []


@pytest.mark.asv
def test_bench_names_a_configuration_that_asv_has_not_measured(slower: Tiny) -> None:
    fused = ("--bench", "'fused'")
    done = slower.vggbench(*CONFIRM, *fused, env=SLOWER)
    the_line(done, "tinyframe-2.1 fused against tinyframe-2.0: ", "unchanged", "blocks taken")
    taken = whole_blocks(slower)
    assert taken >= 3
    modes = {
        one["configuration"]["mode"] for one in slower.records() if one.get("purpose") == "duet"
    }
    assert modes == {"fused"}, "--bench chooses of what is compared"
    done = slower.vggbench(*CONFIRM, *fused, env=SLOWER)
    the_line(done, "Nothing of tinyframe-2.1 that --bench selects is to be measured.")
    assert whole_blocks(slower) == taken


@pytest.mark.asv
def test_a_release_that_was_never_measured_is_compared_with_the_one_before(
    line_of_releases: Tiny,
) -> None:
    tiny = line_of_releases
    done = tiny.vggbench(*CONFIRM, *PLAIN, env=SLOWER)
    assert done.status == 1, done.output
    the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ", "regressed", "blocks taken")
    taken = whole_blocks(tiny)
    assert taken >= 3
    done = tiny.vggbench(*CONFIRM, *PLAIN, env=SLOWER)
    assert done.status == 1, done.output
    the_line(done, "Nothing of tinyframe-2.1 that --bench selects is to be measured.")
    assert whole_blocks(tiny) == taken


@pytest.mark.asv
def test_a_release_that_nothing_can_be_compared_with_is_no_answered_one(
    line_of_releases: Tiny,
) -> None:
    first = "tinyframe-1.0"
    done = line_of_releases.vggbench("confirm", first)
    assert done.status == 2
    assert "answered" not in done
    the_line(done, f"{first}: unmeasured", f"VGGBENCH_PROFILE=cpu-quick asv run {first}")


@pytest.mark.asv
def test_what_the_budget_leaves_open_is_said_with_its_cost(slower: Tiny) -> None:
    done = slower.vggbench(*CONFIRM, "--budget", "0.01s", env=SLOWER)
    assert in_duets(slower) == []
    line = the_line(done, "Open, as the budget allows no more blocks: tinyframe-2.1 plain; about ")
    assert line.endswith(" more would answer it")


@pytest.mark.asv
def test_so_many_processes_are_whole_blocks_at_most_and_asking_again_takes_as_many(
    slower: Tiny,
) -> None:
    for taken in (1, 2):
        done = slower.vggbench(*CONFIRM, "--processes", "4", env=SLOWER)
        assert whole_blocks(slower) == taken
        plural = "1 block" if taken == 1 else "2 blocks"
        the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ", f"not sure after {plural}")
    the_line(done, "Not answered: tinyframe-2.1 plain")


@pytest.mark.asv
def test_a_crash_gives_up_its_comparison_with_a_line(slower: Tiny) -> None:
    done = slower.vggbench(*CONFIRM, faults="2.1/plain:segv", env=SLOWER)
    assert sorted(in_duets(slower)) == [("2.0", "interrupted"), ("2.1", "failed")]
    line = the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ")
    assert line.endswith("tinyframe-2.1 plain failed: crashed with SIGSEGV while warming up")
    the_line(done, "Not answered: tinyframe-2.1 plain")


@pytest.mark.asv
def test_a_release_that_says_in_a_duet_that_it_cannot_is_not_asked_again(slower: Tiny) -> None:
    done = slower.vggbench(*CONFIRM, faults="2.1/plain:n/a", env=SLOWER)
    taken = in_duets(slower)
    assert ("2.1", "n/a") in taken
    assert the_line(done, "Not answered: tinyframe-2.1 plain")
    slower.vggbench(*CONFIRM, env=SLOWER)
    assert in_duets(slower) == taken


@pytest.mark.asv
def test_a_machine_that_stays_busy_leaves_it_open(slower: Tiny) -> None:
    busy = {**SLOWER, "TINY_OTHERS": "0.5"}
    done = slower.vggbench(*CONFIRM, "--budget", "9s", env=busy)
    the_line(done, "the machine is busy, others use 50 % of the processors: waiting, ")
    the_line(done, "Open, as the machine was busy for the whole budget: tinyframe-2.1 plain; end")
    assert "more would answer it" not in done
    assert {outcome for _, outcome in in_duets(slower)} == {"interrupted"}


@pytest.mark.asv
def test_an_interrupted_confirmation_goes_on(slower: Tiny) -> None:
    process = slower.popen(*CONFIRM, program="vggbench", faults="2.1:hang", **SLOWER)
    children = started_process(slower, process, "2.1")
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status == 130
    the_line(done, "Interrupted in a duet of tinyframe-2.", "run the same command again to go on")
    until(lambda: all(gone(child) for child in children))
    assert sorted(in_duets(slower)) == [("2.0", "interrupted"), ("2.1", "interrupted")]
    assert slower.vggbench(*CONFIRM, env=SLOWER).status == 1


@pytest.mark.asv
def test_a_second_confirmation_at_once_is_refused_and_a_killed_one_goes_on(slower: Tiny) -> None:
    process = slower.popen(*CONFIRM, program="vggbench", faults="2.1:hang", **SLOWER)
    children = started_process(slower, process, "2.1")
    done = slower.vggbench(*CONFIRM, env=SLOWER)
    assert done.status == 2
    the_line(done, f"another process works in this checkout: process {process.pid}, ")
    process.kill()
    process.communicate()
    until(lambda: all(gone(child) for child in children))
    done = slower.vggbench(*CONFIRM, env=SLOWER)
    assert done.status == 1, done.output
    assert sorted(in_duets(slower))[:2] == [("2.0", "interrupted"), ("2.0", "ok")]


def need_much_memory(tiny: Tiny) -> None:
    """Say of each process on record that it took more memory than any machine has."""
    for file in (tiny.machine_results / "records").glob("*.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        told = [json.dumps({**one, "peak_memory_bytes": 10**15}) + "\n" for one in lines]
        file.write_text("".join(told))


@pytest.mark.asv
def test_what_finds_no_room_for_two_takes_turns_as_whole_processes(slower: Tiny) -> None:
    need_much_memory(slower)
    done = slower.vggbench(*CONFIRM, env=SLOWER)
    assert done.status == 1, done.output
    line = the_line(done, "two processes at once would take about 2200000.0 GB of memory")
    assert line.endswith("its processes take turns instead")
    assert in_duets(slower) == []
    taken = [r["version"] for r in slower.records() if r.get("purpose") == "confirm"]
    assert taken[:4] == ["2.0", "2.1", "2.1", "2.0"]
    verdict = step_verdict(slower)
    assert (verdict["outcome"], verdict["decided_by"]) == ("regressed", BY_PROCESSES)


@pytest.mark.asv
def test_where_blocks_decide_what_finds_no_room_is_left_as_it_is(line_of_releases: Tiny) -> None:
    """Processes in turns would change nothing of its verdict."""
    tiny = line_of_releases
    noisy = {"TINY_NOISE": "0.3"}
    tiny.vggbench(*CONFIRM, *PLAIN, "--processes", "12", env=noisy)
    assert whole_blocks(tiny) == 3
    need_much_memory(tiny)
    done = tiny.vggbench(*CONFIRM, *PLAIN, env=noisy)
    the_line(done, "tinyframe-2.1 plain against tinyframe-2.0: ", "two processes at once would")
    the_line(done, "Not answered: tinyframe-2.1 plain")
    assert whole_blocks(tiny) == 3
    assert not [r for r in tiny.records() if r.get("purpose") == "confirm"]


def test_two_releases_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    here = local(tmp_path)
    asked = ConfirmRequest(LINE[-2], LINE[-1], 0.02)
    with pytest.raises(VggbenchError, match=r"is before tensorflow-2\.16\.2; turn it round"):
        command.run(here, asked, LIMITS)
