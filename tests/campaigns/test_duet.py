"""``vggbench duet``: what its arguments name, and real duets on the tiny track."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from vggbench import records
from vggbench.campaigns import duet, taking
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.duet import DuetRequest, NoSubject
from vggbench.campaigns.taking import BlockResult
from vggbench.judging.duets import gather
from vggbench.releases.catalogue import Release
from vggbench.releases.environments import EnvironmentUnusable
from vggbench.releases.interpreters import InterpreterMissing
from vggbench.runs.local import CannotMeasure, Local
from vggbench.runs.suite import Configured

from ..asv_plugin.test_faults import ended, gone, started_process, the_line, until
from ..judging.duets import block_by_log
from ..judging.literal import LINE, MACHINE
from ..records.factory import CATALOGUE
from ..tiny import TESTS, Ended, Tiny
from .here import ROOT, local
from .test_confirm import NOISE, ROUGH, in_duets, whole_blocks

#: What scripts read.
KEYS = {
    *("schema", "machine", "profile", "first", "second", "ratio", "low", "high", "outcome"),
    *("blocks", "samples", "notes", "status"),
}


def test_the_keys_that_scripts_read_are_described() -> None:
    page = (ROOT / "docs" / "confirming.md").read_text()
    table = page.partition("## Any two")[2].partition("| key |")[2].partition("\n\n")[0]
    described = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {key for cell in described for key in re.findall(r"`(\w+)`", cell)} == KEYS


# -- what arguments name, among what is shipped

TENSORFLOW = "tensorflow-2.21.0"
KERAS = "keras-3.15.1"


def asked(first: str, second: str, *patterns: str) -> DuetRequest:
    return DuetRequest(
        first=first, second=second, pythons=(), patterns=patterns, threshold=0.02, as_json=False
    )


def names_of_subjects(
    tmp_path: Path, first: str, second: str, *patterns: str
) -> list[tuple[str, str]]:
    found = duet._comparisons(local(tmp_path), asked(first, second, *patterns))
    return [(one.name, other.name) for one, other in found]


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (
            f"{TENSORFLOW} NHWC none off",
            f"{TENSORFLOW} NHWC none on",
            (f"{TENSORFLOW} NHWC none off", f"{TENSORFLOW} NHWC none on"),
        ),
        (
            f"{TENSORFLOW} NHWC none off",
            f"{KERAS} tensorflow NHWC none off",
            (f"{TENSORFLOW} NHWC none off", f"{KERAS} tensorflow NHWC none off"),
        ),
        # The words of the one are the other's.
        (
            f"  {TENSORFLOW}  NCHW  fused on ",
            "tensorflow-2.20.0",
            (f"{TENSORFLOW} NCHW fused on", "tensorflow-2.20.0 NCHW fused on"),
        ),
        (
            "tensorflow-2.20.0",
            f"{TENSORFLOW} NCHW fused on",
            ("tensorflow-2.20.0 NCHW fused on", f"{TENSORFLOW} NCHW fused on"),
        ),
        # Without words it is the first configuration that both have.
        (
            "tensorflow-2.20.0",
            TENSORFLOW,
            ("tensorflow-2.20.0 NHWC none off", f"{TENSORFLOW} NHWC none off"),
        ),
        (
            "theano-1.0.4 none",
            "theano-1.0.5",
            ("theano-1.0.4 none", "theano-1.0.5 none"),
        ),
    ],
)
def test_a_subject_is_a_release_and_the_words_of_a_configuration(
    tmp_path: Path, first: str, second: str, named: tuple[str, str]
) -> None:
    assert names_of_subjects(tmp_path, first, second) == [named]


def test_bench_chooses_where_no_words_do(tmp_path: Path) -> None:
    found = names_of_subjects(tmp_path, "tensorflow-2.20.0", TENSORFLOW, "'NHWC', 'none'")
    assert [other for _, other in found] == [
        f"{TENSORFLOW} NHWC none off",
        f"{TENSORFLOW} NHWC none on",
    ]


@pytest.mark.parametrize(
    ("first", "second", "patterns", "told"),
    [
        ("", TENSORFLOW, (), "a subject is a release, such as"),
        (
            f"{TENSORFLOW} NHWC none",
            TENSORFLOW,
            (),
            f"{TENSORFLOW} has no configuration NHWC none; it has: NHWC none off, NHWC none on, ",
        ),
        (
            f"{TENSORFLOW} NHWC none off",
            KERAS,
            (),
            f"{KERAS} has no configuration NHWC none off; it has: tensorflow NHWC none off, ",
        ),
        (
            TENSORFLOW,
            KERAS,
            (),
            f"{TENSORFLOW} and {KERAS} have no configuration in common: give each its own, such "
            f"as '{TENSORFLOW} NHWC none off'",
        ),
        (
            f"{TENSORFLOW} NHWC none off",
            "tensorflow-2.20.0",
            ("XLA",),
            "--bench chooses configurations where no words do; leave out the one",
        ),
    ],
)
def test_words_that_name_nothing_are_told_what_there_is(
    tmp_path: Path, first: str, second: str, patterns: tuple[str, ...], told: str
) -> None:
    with pytest.raises(NoSubject) as raised:
        names_of_subjects(tmp_path, first, second, *patterns)
    assert str(raised.value).startswith(told)
    assert "\n" not in str(raised.value)
    assert raised.value.status == 2


def test_two_profiles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGGBENCH_PROFILE", "cpu-quick cpu-paper")
    with pytest.raises(CannotMeasure, match="a duet is of one profile; give one"):
        duet.run(local(tmp_path), asked(TENSORFLOW, TENSORFLOW), Budget(60))


# -- what blocks say


def answered(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    comes: Sequence[BlockResult],
    *,
    making_s: float = 0.0,
    made: list[Release] | None = None,
    **more: float,
) -> duet.Finding:
    """What is said of two neighbours when blocks come to this one after the other. ``making_s``:
    what it takes to make the environment of either; ``made`` gets their releases."""
    here = local(tmp_path)
    ((first, second),) = duet._comparisons(here, asked(f"{LINE[-2]} NHWC none off", LINE[-1]))
    into = duet.Finding(machine=MACHINE, profile="cpu-quick", first=first.name, second=second.name)
    clock = [0.0]
    coming = iter(comes)

    def take(*told) -> BlockResult:
        clock[0] += 10.0
        return next(coming)

    def prepared(release: Release, *asked) -> None:
        clock[0] += making_s
        if made is not None:
            made.append(release)

    monkeypatch.setattr(taking, "take", take)
    runner = SimpleNamespace(prepared=prepared)
    budget = Budget(more.get("seconds", 1e6), lambda: clock[0])
    criterion = duet._Criterion(0.02, int(more.get("comparisons", 1)))
    duet._answer(here, runner, (first, second), into, criterion=criterion, budget=budget)
    return into


def came(number: float, **more) -> BlockResult:
    ((found,), _) = gather(MACHINE, block_by_log(LINE[-2], LINE[-1], number, **more), CATALOGUE)
    return BlockResult(block=found, seconds=10.0)


def test_what_else_was_measured_is_told_though_the_budget_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes = [came(number) for number in (-0.2, 0.2, -0.2, 0.2, 0.0)]
    into = answered(tmp_path, monkeypatch, comes, seconds=40.0)
    assert (into.outcome, into.blocks) == ("not sure", 4)
    budget, *others = into.notes
    assert budget == "the budget of 40 s is spent"
    assert [one.partition(":")[0] for one in others] == ["first step", "peak memory"]


def test_no_environment_is_made_where_a_block_takes_more_than_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for record in block_by_log(LINE[-2], LINE[-1], process_s=70.0):
        records.append(records.folder(tmp_path, MACHINE) / f"{record.run}.jsonl", record)
    made: list[Release] = []
    into = answered(tmp_path, monkeypatch, [], made=made, seconds=60.0)
    assert into.notes == ["a block takes about 2 min, more than the budget of 60 s"]
    assert (into.outcome, into.blocks, into.status) == ("not sure", 0, 2)
    assert made == []
    into = answered(tmp_path, monkeypatch, [came(0.5)] * 20, made=made, seconds=1000.0)
    assert (into.outcome, [release.name for release in made]) == ("regressed", LINE[-2:])


def test_no_block_is_begun_where_the_environments_have_taken_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into = answered(tmp_path, monkeypatch, [], making_s=60.0, seconds=100.0)
    assert into.notes == ["the budget of 2 min is spent"]
    assert (into.outcome, into.blocks, into.status) == ("not sure", 0, 2)


def test_blocks_in_another_state_than_the_last_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the governor changes while it is measured."""
    comes = [came(0.5, cpus=4), came(0.5, cpus=4), *[came(0.0)] * 18]
    into = answered(tmp_path, monkeypatch, comes)
    assert into.outcome == "unchanged"
    assert into.ratio == pytest.approx(1.0)
    assert into.blocks < 18
    # So many are taken at most, whatever counts of them.
    comes = [came(0.0, cpus=cpus) for cpus in range(2, 22)]
    into = answered(tmp_path, monkeypatch, comes)
    assert (into.outcome, into.blocks) == ("not sure", 1)


def test_what_is_not_sure_after_the_most_blocks_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes = [came(number) for number in (-0.4, 0.4, 0.02) * 9]
    into = answered(tmp_path, monkeypatch, comes)
    assert (into.outcome, into.blocks) == ("not sure", 20)
    assert into.notes[0] == (
        "not sure after 20 blocks, the most that are taken; what this machine can tell: "
        "vggbench calibrate"
    )


def test_several_configurations_are_judged_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sure of one by itself asks for more blocks as one of very many."""
    comes = [came(number) for number in (0.02, 0.03, 0.04, 0.02, 0.03) * 4]
    alone = answered(tmp_path, monkeypatch, comes)
    together = answered(tmp_path, monkeypatch, comes, comparisons=1000)
    assert alone.blocks < together.blocks


def test_waiting_in_vain_leaves_what_blocks_have_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_vain = BlockResult(why="the machine is busy", outcome="interrupted", waited_in_vain=True)
    into = answered(tmp_path, monkeypatch, [came(0.2), in_vain])
    assert (into.outcome, into.blocks, into.status) == ("not sure", 1, 2)
    assert into.notes[0] == "the machine is busy"
    assert "is spent while the machine was busy; end what computes" in into.notes[1]


@pytest.mark.parametrize(("outcome", "told"), [("n/a", "n/a"), (None, "not sure")])
def test_what_cannot_be_measured_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str | None, told: str
) -> None:
    into = answered(tmp_path, monkeypatch, [BlockResult(why="no", outcome=outcome)])
    assert (into.outcome, into.status, into.notes) == (told, 2, ["no"])


@pytest.mark.parametrize("error", [EnvironmentUnusable, InterpreterMissing])
def test_an_environment_that_cannot_be_made_keeps_no_other_answer_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: type[Exception],
) -> None:
    def prepared(release: Release, profile: str, configured: Configured) -> None:
        if configured.words == "NHWC none off":
            raise error("it cannot be installed: no wheel")

    def take(*told) -> BlockResult:
        taken = block_by_log(LINE[-2], LINE[-1], 0.5, ("NHWC", "fused", "off"))
        ((found,), _) = gather(MACHINE, taken, CATALOGUE)
        return BlockResult(block=found, seconds=10.0)

    runner = SimpleNamespace(prepared=prepared)
    monkeypatch.setenv("VGGBENCH_PROFILE", "cpu-quick")
    monkeypatch.setattr(Local, "runner", lambda self, *told, own: nullcontext(runner))
    monkeypatch.setattr(taking, "take", take)
    of_two = asked(LINE[-2], LINE[-1], "'NHWC', '(none|fused)', 'off'")
    said: list[str] = []
    status = duet.run(local(tmp_path, said.append), replace(of_two, as_json=True), Budget(60))
    failed, regressed = json.loads(capsys.readouterr().out)
    assert status == 1
    assert (failed["outcome"], failed["status"], failed["blocks"]) == ("failed", 2, 0)
    assert failed["notes"] == ["it cannot be installed: no wheel"]
    assert (regressed["outcome"], regressed["status"]) == ("regressed", 1)
    assert regressed["second"] == f"{LINE[-1]} NHWC fused off"


def test_what_a_process_said_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    said = "failed: ValueError: no kernel for [/device:GPU:0] in [bold]float16[/bold] :warning:"
    finding = duet.Finding(
        machine=MACHINE, profile="cpu-quick", first="one [x]", second="another", notes=[said]
    )
    duet._show([finding])
    row, note = capsys.readouterr().out.splitlines()[-2:]
    assert "one [x]" in row
    assert note == f"  another: {said}"


# -- real duets

#: The other mode takes 30 % less.
FASTER = {**NOISE, "TINY_FACTORS": "2.0/fused:0.7"}

PLAIN, FUSED = "tinyframe-2.0 plain", "tinyframe-2.0 fused"


def told(done: Ended) -> dict:
    """The JSON at the end of the output."""
    found = json.loads(done.output[done.output.index("{\n") :])
    assert set(found) == KEYS
    assert found["status"] == done.status
    return found


@pytest.mark.asv
def test_a_release_that_is_slower_ends_with_1_and_standard_output_is_json_alone(
    tiny: Tiny,
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, str(TESTS / "undisturbed.py")),
            *("duet", "tinyframe-1.1 plain", "tinyframe-1.2", *ROUGH, "--json"),
        ],
        cwd=tiny.folder,
        env=tiny.environ(**NOISE),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == KEYS
    assert (found["schema"], found["machine"], found["profile"]) == (1, "testbox", "cpu-quick")
    assert (found["first"], found["second"]) == ("tinyframe-1.1 plain", "tinyframe-1.2 plain")
    assert found["ratio"] == pytest.approx(3, rel=0.02)
    assert found["low"] < found["ratio"] < found["high"]
    assert (found["outcome"], found["status"]) == ("regressed", 1)
    assert found["blocks"] == whole_blocks(tiny) >= 3
    assert found["samples"] == sum(len(record["samples"]) for record in tiny.records())
    assert (
        f"vggbench: {found['blocks']} blocks: tinyframe-1.2 plain against tinyframe-1.1 plain: "
        f"{100 * (found['ratio'] - 1):+.1f} % (" in done.stderr
    )


@pytest.mark.asv
def test_two_configurations_of_one_release_are_compared(tiny: Tiny) -> None:
    done = tiny.vggbench("duet", PLAIN, FUSED, *ROUGH, env=FASTER)
    assert done.status == 0, done.output
    row = the_line(done, f"{FUSED}  {PLAIN}  ", "improved")
    assert "-30." in row
    assert " 3 (" in row
    modes = {record["configuration"]["mode"] for record in tiny.records()}
    assert modes == {"plain", "fused"}
    the_line(done, f"{FUSED}: peak memory: ")


@pytest.mark.asv
def test_one_and_the_same_says_so_and_is_unchanged(tiny: Tiny) -> None:
    done = tiny.vggbench("duet", PLAIN, PLAIN, *ROUGH, "--json", env=NOISE)
    assert done.status == 0, done.output
    found = told(done)
    assert found["outcome"] == "unchanged"
    assert found["notes"][0] == (
        "both are one release and configuration: what they differ by is the machine's doing"
    )


@pytest.mark.asv
def test_bench_compares_several_configurations_each_with_an_object(tiny: Tiny) -> None:
    arguments = ("duet", "tinyframe-1.10", "tinyframe-2.0", "--bench", "plain", "fused", *ROUGH)
    done = tiny.vggbench(*arguments, "--json", env=FASTER)
    assert done.status == 0, done.output
    found = json.loads(done.output[done.output.index("[\n") :])
    assert [(one["second"], one["outcome"]) for one in found] == [
        (PLAIN, "unchanged"),
        (FUSED, "improved"),
    ]


@pytest.mark.asv
@pytest.mark.parametrize(
    ("second", "why"),
    [
        ("tinyframe-2.0 impossible", "tinyframe has no such mode"),
        # A release of another framework.
        ("otherframe-7.0 plain", "tinyframe is not part of this release"),
    ],
)
def test_what_cannot_be_is_na_and_ends_with_2(tiny: Tiny, second: str, why: str) -> None:
    done = tiny.vggbench("duet", PLAIN, second, "--json")
    assert done.status == 2
    found = told(done)
    assert (found["outcome"], found["ratio"], found["blocks"]) == ("n/a", None, 0)
    assert found["notes"] == [f"{second} n/a: {why}"]
    assert len(in_duets(tiny)) == 2, "it answers once"


@pytest.mark.asv
def test_one_that_dies_is_told(tiny: Tiny) -> None:
    done = tiny.vggbench("duet", PLAIN, FUSED, faults="2.0/fused:segv")
    assert done.status == 2
    the_line(done, f"{FUSED}  {PLAIN}  -  ", "failed", "0 (0)")
    the_line(done, f"{FUSED} failed: crashed with SIGSEGV while warming up")


@pytest.mark.asv
def test_a_noisy_tie_is_not_sure_when_the_budget_is_spent(tiny: Tiny) -> None:
    done = tiny.vggbench(
        "duet", PLAIN, FUSED, "--budget", "5s", "--json", env={"TINY_NOISE": "0.2"}
    )
    assert done.status == 2, done.output
    found = told(done)
    assert found["outcome"] == "not sure"
    assert "the budget of 5 s is spent" in found["notes"]
    assert found["low"] < found["ratio"] < found["high"]


@pytest.mark.asv
def test_a_machine_that_stays_busy_is_told(tiny: Tiny) -> None:
    done = tiny.vggbench("duet", PLAIN, FUSED, "--budget", "2s", env={"TINY_OTHERS": "0.5"})
    assert done.status == 2
    the_line(done, "the machine is busy, others use 50 % of the processors: waiting, ")
    the_line(done, "was interrupted: the machine is busy: others use 50 % of the processors")


@pytest.mark.asv
def test_ctrl_c_ends_it_with_130_and_leaves_no_process(tiny: Tiny) -> None:
    process = tiny.popen("duet", PLAIN, FUSED, program="vggbench", faults="2.0/fused:hang")
    children = started_process(tiny, process, "2.0", "fused")
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status == 130, done.output
    the_line(done, f"Interrupted in a duet of {PLAIN} and {FUSED}; run the same command again")
    until(lambda: all(gone(child) for child in children))


@pytest.mark.asv
def test_a_release_that_is_none_is_refused_in_one_line(tiny: Tiny) -> None:
    for arguments, line in (
        (("tinyframe-9.9", PLAIN), "no such release on the track"),
        (("tinyframe-2.0 odd", PLAIN), "it has: plain, fused, impossible"),
    ):
        done = tiny.vggbench("duet", *arguments)
        assert done.status == 2
        the_line(done, line)
        assert len(done.output.splitlines()) == 1
