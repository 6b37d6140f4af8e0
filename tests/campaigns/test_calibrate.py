"""The machine's noise: what calibrating says of literal noise, and takes within a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench.campaigns import calibrate
from vggbench.campaigns.budget import Budget
from vggbench.judging.evidence import Evidence, gather
from vggbench.records import Record
from vggbench.releases.catalogue import Release
from vggbench.runs.suite import Configured
from vggbench.stats.judge import Noise
from vggbench.stats.policy import MOST

from ..judging.literal import FUSED, LINE, MACHINE
from ..judging.literal import record as literal_record
from ..records import factory
from ..records.factory import CATALOGUE, changed
from .here import local

QUIET = Noise(0.01, 0.005, "40 calibrating processes", 38.0, 5.0)
ORDINARY = Noise(0.02, 0.01, "40 calibrating processes", 38.0, 5.0)
LOUD = Noise(0.10, 0.05, "40 calibrating processes", 38.0, 5.0)


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
    """Every process takes ten seconds; ``bad`` modes do not end well."""

    def __init__(self, *bad: str):
        self.now = 0.0
        self.bad = bad
        self.order: list[str] = []
        self.said: list[str] = []

    def measure(self, one: Configured) -> Record:
        mode = dict(one.configuration)["mode"]
        self.now += 10.0
        self.order.append(mode)
        came = {"samples": [0.3]}
        if mode in self.bad:
            came = {"outcome": "failed", "error": "crashed with SIGSEGV"}
        return factory.record(configuration={"mode": mode}, process_s=10.0, **came)

    def take(self, how_many: int = 2, seconds: float = 3600.0, processes: int = 20):
        return calibrate.take(
            self.measure,
            [configuration(mode) for mode in ("plain", "fused", "slow")],
            Budget(seconds, lambda: self.now),
            how_many=how_many,
            processes=processes,
            say=self.said.append,
        )


def test_configurations_take_turns_up_to_the_number_of_processes() -> None:
    machine = Machine()
    assert len(machine.take(processes=3)) == 6
    assert machine.order == ["plain", "fused"] * 3


def test_no_process_is_begun_that_would_end_after_the_budget() -> None:
    machine = Machine()
    machine.take(seconds=45)
    assert machine.now == 40


def test_a_configuration_that_does_not_run_gives_way_to_the_next() -> None:
    machine = Machine("fused")
    taken = machine.take(processes=2)
    assert machine.order == ["plain", "fused", "slow", "plain", "slow"]
    assert {record.outcome for record in taken} == {"ok"}
    assert "failed: crashed with SIGSEGV" in machine.said[1]


def test_a_release_of_which_nothing_runs_comes_to_nothing() -> None:
    machine = Machine("plain", "fused", "slow")
    assert machine.take() == []
    assert len(machine.said) == 3


def test_less_noise_finds_less_with_fewer_processes() -> None:
    assert calibrate.smallest(QUIET) < calibrate.smallest(ORDINARY) < calibrate.smallest(LOUD)
    for slow_down in (0.03, 0.05, 0.10):
        assert calibrate.needed(QUIET, slow_down) <= calibrate.needed(ORDINARY, slow_down)


def test_a_machine_is_too_noisy_for_a_threshold_that_no_confirmation_can_serve() -> None:
    assert not calibrate.is_too_noisy(ORDINARY, 0.02)
    assert calibrate.is_too_noisy(LOUD, 0.02)
    assert not calibrate.is_too_noisy(LOUD, 0.10)


def test_the_noisiest_configuration_says_what_can_be_found() -> None:
    lines = calibrate.words({"plain": QUIET, "fused": LOUD}, 0.02)
    assert lines[0] == (
        "plain: noise of 1.0% between processes, 0.5% between sessions (40 calibrating processes)"
    )
    assert f"3%: more than {MOST}, 5%: more than {MOST}, 10%: more than {MOST}" in lines[2]
    assert "too noisy for a threshold of 2.0%" in lines[3]
    assert len(lines) > 4


def test_a_quiet_machine_gets_no_advice() -> None:
    assert len(calibrate.words({"plain": QUIET}, 0.02)) == 2


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
    for words in ("end other load: 1000.0 of", "governor is powersave", "turbo", "boost"):
        assert words in text


def test_advice_leaves_out_what_is_well_already(tmp_path: Path) -> None:
    folder = cpus(
        tmp_path,
        cpu0__cpufreq__scaling_governor="performance",
        intel_pstate__no_turbo="1",
        cpufreq__boost="0",
    )
    text = "\n".join(calibrate.advice(folder, lambda: (0.0, 0.0, 0.0)))
    for words in ("load", "governor", "turbo", "boost"):
        assert words not in text


@pytest.mark.parametrize("files", [{}, {"cpufreq__boost": "\udcff"}])
def test_advice_does_without_what_the_system_does_not_tell(tmp_path: Path, files) -> None:
    assert calibrate.advice(cpus(tmp_path) if not files else tmp_path, lambda: (0, 0, 0))


def of_calibrations(*taken: Record) -> dict[str, list[str]]:
    """The sessions of what calibrated with the newest release, by configuration."""
    release = CATALOGUE.by_name[LINE[-1]]
    found = calibrate.calibrating(gather(MACHINE, taken, CATALOGUE), release, "cpu-quick")
    return {name: [one.session for one in processes] for name, processes in found.items()}


def calibrating(session: int = 1, **more: Any) -> Record:
    return literal_record(LINE[-1], session=session, purpose="calibrate", **more)


def test_what_calibrated_is_found_by_configuration() -> None:
    one, other = calibrating(), calibrating(2)
    fused = calibrating(words=FUSED)
    name = f"{LINE[-1]} NHWC"
    assert of_calibrations(one, fused, other, literal_record(LINE[-1])) == {
        f"{name} none off": [one.run, other.run],
        f"{name} fused off": [fused.run],
    }


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
    good = calibrating()
    (sessions,) = of_calibrations(good, changed(good, **change)).values()
    assert sessions == [good.run]


def test_what_calibrated_with_other_cpus_or_flags_is_no_part_of_the_noise_of_today() -> None:
    before = [calibrating(1, cpus=8), calibrating(2, variables={"OMP_NUM_THREADS": "1"})]
    now = calibrating(3)
    (sessions,) = of_calibrations(*before, now).values()
    assert sessions == [now.run]


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


def evidence_of(*taken: Record) -> tuple[Evidence, Release, str]:
    return gather(MACHINE, taken, CATALOGUE), CATALOGUE.by_name[LINE[-1]], "cpu-quick"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"process_s": 0.5, "samples": [9.0, 9.0, 9.0]}, "during which a clock jumped"),
        ({"samples": [0.1, 0.1]}, "with fewer than 3 samples"),
        ({"lock": "0" * 64}, "of another lock than the release has now"),
    ],
)
def test_processes_of_which_none_counts_leave_the_noise_unknown_and_say_why(
    change: dict[str, Any], why: str
) -> None:
    taken = [changed(calibrating(), **change) for _ in range(2)]
    with pytest.raises(calibrate.CalibrateError) as refused:
        calibrate.noises(*evidence_of(*taken))
    assert str(refused.value) == (
        f"{LINE[-1]}: none of its processes counts, so its noise is not known: "
        f"2 records {why} are left out: {LINE[-1]}"
    )


def test_what_calibrated_and_does_not_count_is_said() -> None:
    taken = [
        calibrating(1, cpus=8),
        changed(calibrating(2), lock="0" * 64),
        calibrating(3, cpus=8),
        calibrating(4, variables={"OMP_NUM_THREADS": "1"}),
        calibrating(5),
    ]
    name = f"{LINE[-1]} NHWC none off"
    assert calibrate.not_counted(*evidence_of(*taken)) == [
        f"1 record of another lock than the release has now is left out: {LINE[-1]}",
        f"{name}: 2 sessions with 8 CPUs left out: the last was with 2 CPUs",
        f"{name}: 1 session with 2 CPUs, OMP_NUM_THREADS=1 left out: the last was with 2 CPUs",
    ]
    assert calibrate.not_counted(*evidence_of(calibrating(5), calibrating(6))) == []
