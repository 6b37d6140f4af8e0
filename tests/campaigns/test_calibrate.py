"""The machine's noise: what calibrating says of literal noise, and takes within a budget."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns import calibrate
from vggbench.campaigns.budget import Budget
from vggbench.campaigns.taking import BlockResult, out_of_budget
from vggbench.judging.duets import gather as gather_blocks
from vggbench.judging.evidence import gather
from vggbench.records import Record
from vggbench.runs.local import CannotMeasure
from vggbench.runs.suite import Configured
from vggbench.stats.blocks import BlockNoise, noise
from vggbench.stats.policy import MOST_BLOCKS

from ..judging.duets import block_by_log, blocks_by_log
from ..judging.literal import FUSED, LINE, MACHINE
from ..judging.literal import record as literal_record
from ..records.factory import CATALOGUE, changed
from .here import local

QUIET = BlockNoise(0.008, 13.0, "20 calibrating blocks")
ORDINARY = BlockNoise(0.015, 13.0, "20 calibrating blocks")
LOUD = BlockNoise(0.10, 13.0, "20 calibrating blocks")
BIASED = BlockNoise(0.008, 13.0, "20 calibrating blocks", bias=0.06)
ASSUMED = noise([], [])

RELEASE = CATALOGUE.by_name[LINE[-1]]
NAME = f"{LINE[-1]} NHWC none off"


def configuration(mode: str) -> Configured:
    params = (("'plain'", "'fused'", "'slow'"),)
    return Configured(
        benchmark="step.Tiny.time_step",
        version="3",
        index=0,
        params=params,
        configuration=(("mode", mode),),
    )


class Machine:
    """Every block takes ten seconds, as was ``foreseen`` or not; ``bad`` modes do not run, and
    ``busy`` ones do not count."""

    def __init__(self, *bad: str, busy: Collection[str] = (), foreseen: float = 10.0):
        self.now = 0.0
        self.foreseen = foreseen
        self.bad = bad
        self.busy = busy
        self.order: list[str] = []
        self.said: list[str] = []

    def measure(self, configured: Configured) -> BlockResult:
        mode = dict(configured.configuration)["mode"]
        self.now += 10.0
        self.order.append(mode)
        if mode in self.bad:
            return BlockResult(
                why="failed: crashed with SIGSEGV", outcome=records.FAILED, seconds=10.0
            )
        if mode in self.busy:
            return BlockResult(why="the machine was busy", seconds=10.0)
        ((found,), _) = gather_blocks(MACHINE, block_by_log(LINE[-1], LINE[-1], 0.01), CATALOGUE)
        return BlockResult(block=found, seconds=10.0)

    def take(self, how_many: int = 2, seconds: float = 3600.0, blocks: int = 5) -> int:
        return calibrate.take(
            self.measure,
            [configuration(mode) for mode in ("plain", "fused", "slow")],
            Budget(seconds, lambda: self.now),
            forecast=lambda configured: self.foreseen,
            how_many=how_many,
            blocks=blocks,
            say=self.said.append,
        )


def test_configurations_take_turns_up_to_the_number_of_blocks() -> None:
    machine = Machine()
    assert machine.take(blocks=3) == 6
    assert machine.order == ["plain", "fused"] * 3
    assert machine.said[2] == "plain, block 2: the two differ by +1.0 %"


@pytest.mark.parametrize(
    ("seconds", "until"), [(45, 40), (40, 40), (39, 30), (19, 10), (10, 10), (9, 0)]
)
def test_no_block_is_begun_that_would_end_after_the_budget(seconds: float, until: float) -> None:
    machine = Machine()
    assert machine.take(seconds=seconds) == until / 10
    assert machine.now == until


def test_where_the_budget_has_no_block_that_is_said() -> None:
    machine = Machine(foreseen=100.0)
    assert machine.take(seconds=60) == 0
    assert machine.said == ["a block takes about 2 min, more than the budget of 60 s"]


def test_of_what_was_never_measured_a_block_is_begun_that_ends_after_the_budget() -> None:
    machine = Machine(foreseen=0.0)
    assert machine.take(seconds=9) == 1


def test_a_configuration_that_does_not_run_gives_way_to_the_next() -> None:
    machine = Machine("fused")
    assert machine.take(blocks=2) == 4
    assert machine.order == ["plain", "fused", "slow", "plain", "slow"]
    assert machine.said[1] == "failed: crashed with SIGSEGV"


def test_a_release_of_which_nothing_runs_comes_to_nothing() -> None:
    machine = Machine("plain", "fused", "slow")
    assert machine.take() == 0
    assert len(machine.said) == 3


def test_blocks_beside_other_work_do_not_count_and_three_in_a_row_give_way() -> None:
    machine = Machine(busy=["fused"])
    assert machine.take(blocks=2) == 4
    assert machine.order == ["plain", "fused", "fused", "fused", "slow", "plain", "slow"]
    assert machine.said[1] == "fused: the block does not count: the machine was busy"


def test_waiting_in_vain_for_a_quiet_machine_ends_it() -> None:
    machine = Machine()
    came = BlockResult(why="the machine is busy", outcome=records.INTERRUPTED, waited_in_vain=True)
    machine.measure = lambda configured: came
    assert machine.take() == 0
    first, second = machine.said
    assert first == "the machine is busy", "no other configuration is asked"
    assert second.startswith("the budget is spent while the machine was busy; end what computes")


def test_an_environment_that_takes_the_budget_ends_it_and_no_other_is_made() -> None:
    machine = Machine()
    asked = []

    def measure(configured: Configured) -> BlockResult:
        asked.append(configured)
        machine.now += 55.0
        came = out_of_budget(Budget(60, iter([0.0, 55.0, 55.0, 55.0]).__next__), 10.0)
        assert came is not None
        return came

    machine.measure = measure
    assert machine.take(seconds=60) == 0
    assert len(asked) == 1
    assert machine.said == ["the budget of 60 s is spent"]


def known(noise: BlockNoise, off: float = 0.001) -> calibrate.KnownNoise:
    return calibrate.KnownNoise(noise=noise, off=off)


@pytest.mark.parametrize(
    ("noise", "threshold", "noisy"),
    [
        (QUIET, 0.02, False),
        (ORDINARY, 0.02, False),
        (LOUD, 0.02, True),
        (LOUD, 0.10, False),
        (BIASED, 0.02, True),
        (ASSUMED, 0.001, False),
    ],
)
def test_a_machine_is_too_noisy_for_a_threshold_that_no_comparison_can_serve(
    noise: BlockNoise, threshold: float, noisy: bool
) -> None:
    assert calibrate.is_too_noisy(noise, threshold, 12) is noisy


def test_the_noisiest_configuration_says_what_can_be_found() -> None:
    lines = calibrate.noise_report({"plain": known(QUIET), "fused": known(LOUD, -0.02)}, 0.02, 12)
    assert lines[0] == (
        "plain: blocks differ by 0.8 %, no bias that is sure (together they lie +0.1 % off; from "
        "20 calibrating blocks)"
    )
    assert "fused: blocks differ by 10.0 %" in lines[1]
    most = f"more than {MOST_BLOCKS} blocks"
    assert f"of 3 % with {most}, of 5 % with {most}, of 10 % with " in lines[2]
    assert (
        "too noisy for a threshold of 2.0 %: no comparison could tell 5.1 % from nothing"
        in lines[3]
    )
    assert len(lines) > 4


def test_a_bias_is_said_and_is_what_no_number_of_blocks_finds_below() -> None:
    lines = calibrate.noise_report({"plain": known(BIASED, 0.06)}, 0.02, 12)
    assert "a bias of 6.0 % (together they lie +6.0 % off" in lines[0]
    assert f"of 10 % with more than {MOST_BLOCKS} blocks" in lines[1]


def test_a_quiet_machine_gets_no_advice() -> None:
    lines = calibrate.noise_report({"plain": known(QUIET)}, 0.02, 12)
    assert len(lines) == 2
    assert lines[1] == (
        "Likely to be found: a slow-down of 3 % with 3 blocks, of 5 % with 3 blocks, of 10 % with "
        "3 blocks, of 2.2 % with 20 blocks."
    )


def test_slow_downs_that_are_not_relevant_are_left_out() -> None:
    (_, told) = calibrate.noise_report({"plain": known(QUIET)}, 0.04, 12)
    assert "3 %" not in told
    assert "of 5 % with " in told


def test_too_few_blocks_to_tell_the_noise_are_said_and_tell_nothing_else() -> None:
    assert calibrate.noise_report({"plain": known(ASSUMED)}, 0.02, 12) == [
        "plain: too few blocks to tell its noise; 2.5 % between blocks is assumed until more is on "
        "record",
        "Run this again, or with a higher --budget: earlier blocks count, too.",
    ]


def cpus(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder


def test_advice_names_what_is_seen_of_the_machine(tmp_path: Path) -> None:
    folder = cpus(
        tmp_path,
        cpu0__cpufreq__scaling_governor="powersave",
        intel_pstate__no_turbo="0",
        cpufreq__boost="1",
    )
    text = "\n".join(calibrate.advice(folder, lambda: (9.0, 1000.0, 9.0)))
    for part in ("end other load: 1000.0 of", "governor is powersave", "turbo", "boost"):
        assert part in text


def test_advice_leaves_out_what_is_well_already(tmp_path: Path) -> None:
    folder = cpus(
        tmp_path,
        cpu0__cpufreq__scaling_governor="performance",
        intel_pstate__no_turbo="1",
        cpufreq__boost="0",
    )
    text = "\n".join(calibrate.advice(folder, lambda: (0.0, 0.0, 0.0)))
    for part in ("load", "governor", "turbo", "boost"):
        assert part not in text


@pytest.mark.parametrize("files", [{}, {"cpufreq__boost": "\udcff"}])
def test_advice_does_without_what_the_system_does_not_tell(tmp_path: Path, files) -> None:
    assert calibrate.advice(cpus(tmp_path) if not files else tmp_path, lambda: (0, 0, 0))


#: What ten blocks of a release with itself scatter by, about 0.
SCATTER = (0.012, -0.021, 0.003, 0.017, -0.009, -0.014, 0.019, -0.002, 0.008, -0.016)


def itself(*numbers: float, release: str = LINE[-1], **more: Any) -> list[Record]:
    return blocks_by_log(release, release, *numbers, **more)


def found_in(*taken: Record) -> dict[str, calibrate.KnownNoise]:
    return calibrate.noises(gather(MACHINE, taken, CATALOGUE), RELEASE, "cpu-quick")


def test_blocks_of_a_release_with_itself_tell_the_noise_by_configuration() -> None:
    found = found_in(*itself(*SCATTER), *itself(*(3 * one for one in SCATTER), words=FUSED))
    assert list(found) == [NAME, f"{LINE[-1]} NHWC fused off"]
    plain, fused = found.values()
    assert fused.noise.deviation == pytest.approx(3 * plain.noise.deviation)
    assert plain.noise.origin == "10 calibrating blocks"
    assert abs(plain.off) < 0.005


def test_a_configuration_of_few_blocks_has_the_noise_of_all_of_them() -> None:
    found = found_in(*itself(*SCATTER), *itself(0.01, words=FUSED))
    assert [one.noise.origin for one in found.values()] == [
        "10 calibrating blocks",
        "11 calibrating blocks",
    ]


def test_what_blocks_lie_off_by_together_is_a_bias_where_it_is_sure() -> None:
    (found,) = found_in(*itself(*(one - 0.05 for one in SCATTER))).values()
    assert found.noise.bias == pytest.approx(0.05, rel=0.2)
    assert found.off == pytest.approx(-0.049, abs=0.005)


@pytest.mark.parametrize(
    "change",
    [
        {"benchmark_version": "0"},
        {"lock": "0" * 64},
        {"machine": "other"},
        {"profile": "cpu-paper"},
        {"samples": [0.1, True, "0.1"]},
        {"samples": [9.0]},
        {"process_s": 0.5, "samples": [9.0, 9.0, 9.0]},
        {"outcome": "failed"},
    ],
)
def test_what_no_verdict_would_count_calibrates_nothing(change: dict[str, Any]) -> None:
    bad = [changed(record, **change) for record in itself(0.9)]
    assert found_in(*itself(*SCATTER), *bad) == found_in(*itself(*SCATTER))


def test_blocks_of_two_releases_or_of_a_variant_are_no_noise_of_a_release_with_itself() -> None:
    others = [
        *blocks_by_log(LINE[-2], LINE[-1], 0.5),
        *itself(0.5, release=LINE[-2]),
        *blocks_by_log({"release": LINE[-1], "variant": "numpy 1.26.4"}, LINE[-1], 0.5),
    ]
    assert found_in(*itself(*SCATTER), *others) == found_in(*itself(*SCATTER))


def test_what_calibrated_with_other_cpus_or_flags_is_no_part_of_the_noise_of_today() -> None:
    before = [*itself(0.5, cpus=8), *itself(0.4, variables={"OMP_NUM_THREADS": "1"})]
    assert found_in(*before, *itself(*SCATTER)) == found_in(*itself(*SCATTER))


def test_configurations_come_first_that_took_least_time_by_what_counts(tmp_path: Path) -> None:
    release = CATALOGUE.by_name[LINE[-1]]
    on_record = [
        literal_record(release.name, process_s=30.0),
        literal_record(release.name, words=FUSED, process_s=20.0),
        literal_record(release.name, process_s=1.0, purpose="separate", variant="numpy 1.26.4"),
        literal_record(release.name, process_s=2.0, lock="0" * 64),
        literal_record(LINE[-2], process_s=3.0),
    ]
    patterns = [r"TensorFlow\.time_train_step\('NHWC', '(none|fused)', 'off'"]
    found = calibrate.candidates(local(tmp_path), release, "cpu-quick", patterns, on_record)
    assert [one.words for one in found] == ["NHWC fused off", "NHWC none off"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"process_s": 0.5, "samples": [9.0, 9.0, 9.0]}, "4 records during which a clock jumped"),
        ({"samples": [0.1, 0.1]}, "4 records with fewer than 3 samples"),
        ({"lock": "0" * 64}, "4 records of another lock than the release has now"),
        ({"others_cpu_s": [1.0] * 5}, "beside other work (busy: "),
    ],
)
def test_blocks_of_which_none_counts_leave_the_noise_unknown_and_say_why(
    change: dict[str, Any], why: str
) -> None:
    taken = [changed(record, **change) for record in itself(0.0)]
    with pytest.raises(calibrate.CalibrateError) as refused:
        found_in(*taken)
    told = str(refused.value)
    assert told.startswith(
        f"{LINE[-1]}: no block of it with itself counts, so its noise is not known: 4 records "
    )
    assert why in told
    assert told.endswith(f" are left out: {LINE[-1]}")


def not_counted(*taken: Record) -> list[str]:
    return calibrate.not_counted(gather(MACHINE, taken, CATALOGUE), RELEASE, "cpu-quick")


def test_what_calibrated_and_does_not_count_is_said() -> None:
    taken = [
        *itself(0.0, 0.01, cpus=8),
        *itself(0.0)[:3],
        *itself(0.0, variables={"OMP_NUM_THREADS": "1"}),
        *itself(0.0),
    ]
    assert not_counted(*taken) == [
        f"3 records of a block of duets that is not whole are left out: {LINE[-1]}",
        f"{NAME}: 2 blocks with 8 CPUs left out: the last was with 2 CPUs",
        f"{NAME}: 1 block with 2 CPUs, OMP_NUM_THREADS=1 left out: the last was with 2 CPUs",
    ]
    assert not_counted(*itself(0.0, 0.01)) == []


def test_two_profiles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGGBENCH_PROFILE", "cpu-quick cpu-paper")
    asked = calibrate.CalibrateRequest(release=None, patterns=(), processes=4, threshold=0.02)
    with pytest.raises(CannotMeasure, match="a calibration is of one profile; give one"):
        calibrate.run(local(tmp_path), asked, Budget(60))
