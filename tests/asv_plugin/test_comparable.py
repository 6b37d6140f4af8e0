"""What a real run of asv puts on record of the machine, so that only what may be is compared."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vggbench import machine_lock
from vggbench.runs.processor import CPUINFO, in_short, processor

from ..tiny import PROGRAMS, Ended, Tiny

pytestmark = pytest.mark.asv

BRIEFLY = ("--bench", r"\('plain'\)", "-a", "rounds=1")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root's rights")


def measured_with(tiny: Tiny, *arguments: str, **env: str) -> dict[str, object]:
    """The record of one process of tinyframe-1.1."""
    done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY, *arguments, env=env)
    assert done.status == 0, done.output
    return tiny.records("tinyframe-1.1")[-1]


def test_the_machine_is_on_record(tiny: Tiny) -> None:
    record = measured_with(tiny)
    assert record["cpus"] == len(os.sched_getaffinity(0))
    assert record["processor"] == in_short(processor())
    assert record["kernel"] == os.uname().release
    assert {"cpu_quota", "memory_limit_bytes", "governor", "busy_cpus"} <= record.keys()
    assert "beside" not in record


def test_the_cpus_of_a_process_are_those_that_asv_leaves_it(tiny: Tiny) -> None:
    assert measured_with(tiny, "--cpu-affinity", "0")["cpus"] == 1


def test_what_only_disturbs_python_reaches_no_release(tiny: Tiny, tmp_path: Path) -> None:
    disturbing = {
        "PYTHONPYCACHEPREFIX": str(tmp_path / "cache"),
        "PYTHONOPTIMIZE": "1",
        "PYTHONWARNINGS": "error",
    }
    record = measured_with(tiny, **disturbing, PYTHONUNBUFFERED="1")
    assert record["variables"] == {"CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}


def test_a_second_measurement_goes_on_beside_the_first_only_when_asked(tiny: Tiny) -> None:
    with machine_lock.held():
        done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY)
        assert done.status == 1
        (line,) = done.lines_with("another process measures on this machine")
        assert f"process {os.getpid()}" in line
        assert "VGGBENCH_BESIDE=1" in line
        record = measured_with(tiny, VGGBENCH_BESIDE="1")
    assert str(record["beside"]).startswith(f"process {os.getpid()}, ")


def said_after(done: Ended, why: str) -> list[str]:
    """The lines after the table that say so. What else the machine had to do may be said too."""
    lines = done.output.splitlines()
    *_, last = (at for at, line in enumerate(lines) if line.startswith("|"))
    return [line for line in lines[last + 1 :] if "would not compare" in line and why in line]


OTHERWISE = "was measured otherwise"
BESIDE = "was measured on a busy machine (another measurement at the same time)"


def test_compare_says_what_was_measured_in_another_state_of_the_machine(measured: Tiny) -> None:
    releases = ("tinyframe-1.1", "tinyframe-1.2")
    assert said_after(measured.asv("compare", *releases), OTHERWISE) == []
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY, "--cpu-affinity", "0")
    assert done.status == 0, done.output
    done = measured.asv("compare", *releases)
    assert done.status == 0
    (line,) = said_after(done, OTHERWISE)
    assert f"vggbench would not compare plain (cpu-quick): tinyframe-1.2 {OTHERWISE}; " in line
    assert "CPU affinity: [0] before, none after" in line
    assert "asv run 'tinyframe-1.1 tinyframe-1.2'" in line
    done = measured.asv("compare", "tinyframe-1.0", "tinyframe-1.2")
    assert said_after(done, OTHERWISE) == []


def test_compare_says_what_was_measured_beside_another_measurement(measured: Tiny) -> None:
    with machine_lock.held():
        measured_with(measured, VGGBENCH_BESIDE="1")
    done = measured.asv("compare", "tinyframe-1.1", "tinyframe-1.2")
    (line,) = said_after(done, BESIDE)
    assert f"vggbench would not compare plain (cpu-quick): tinyframe-1.1 {BESIDE}" in line


def test_compare_says_what_is_not_to_count(measured: Tiny) -> None:
    releases = ("tinyframe-1.1", "tinyframe-1.2")
    excluded = measured.folder / "excluded.toml"
    excluded.write_text('[[excluded]]\nreason = "a fan had failed"\nrelease = "tinyframe-1.2"\n')
    done = measured.asv("compare", *releases)
    (line,) = said_after(done, "records excluded (a fan had failed) do not count")
    assert "fused, plain (cpu-quick): of tinyframe-1.2, records excluded" in line
    excluded.write_text("[[excluded]]")
    done = measured.asv("compare", *releases)
    assert done.status == 1
    assert done.lines_with("excluded.toml: entry 1 names no records")


def test_one_line_is_of_all_that_other_work_disturbed_in_the_same_release(measured: Tiny) -> None:
    """... however much of it there was: a figure of the load is that of the first."""
    loads = iter(range(100, 1000))
    for path in measured.machine_results.glob("records/*.jsonl"):
        told = [json.loads(line) for line in path.read_text().splitlines()]
        for record in told:
            is_busy = record["release"] == "tinyframe-1.1"
            quiet = dict.fromkeys(("load_before", "load_after", "busy_cpus"))
            record.update({**quiet, "busy_cpus": next(loads)} if is_busy else quiet)
        path.write_text("".join(f"{json.dumps(record)}\n" for record in told))
    compared = [("1.0", "1.2"), ("1.0", "1.1"), ("1.1", "1.2")]
    said = [
        said_after(measured.asv("compare", *(f"tinyframe-{version}" for version in versions)), "")
        for versions in compared
    ]
    assert said[0] == []
    for (line,) in said[1:]:
        assert "fused, plain (cpu-quick): tinyframe-1.1 was measured on a busy machine" in line


def test_continuous_says_what_it_measured_beside_another_measurement(tiny: Tiny) -> None:
    with machine_lock.held():
        done = tiny.asv(
            *("continuous", "tinyframe-1.1", "tinyframe-1.2", *BRIEFLY),
            env={"VGGBENCH_BESIDE": "1"},
        )
    assert done.status == 1
    assert "PERFORMANCE DECREASED" in done
    (line,) = said_after(done, BESIDE)
    assert line.endswith(
        f"tinyframe-1.1 {BESIDE}; tinyframe-1.2 {BESIDE}; measure both anew: "
        f"VGGBENCH_PROFILE=cpu-quick asv run 'tinyframe-1.1 tinyframe-1.2'"
    )


@as_root
def test_another_processor_under_the_machines_name_is_refused(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_with(tiny)
    other = tmp_path / "cpuinfo"
    text = CPUINFO.read_text()
    (own,) = {line for line in text.splitlines() if line.startswith("model\t")}
    other.write_text(text.replace(own, "model\t\t: 4711"))
    bound = ["unshare", "--mount", "sh", "-c", f'mount --bind {other} {CPUINFO} && exec "$@"', "-"]
    for program in ("asv", "vggbench"):
        monkeypatch.setitem(PROGRAMS, program, [*bound, *PROGRAMS[program]])
    before = tiny.records()
    done = tiny.asv("run", "tinyframe-1.0", *BRIEFLY)
    assert done.status == 1
    confirmed = tiny.vggbench("confirm", "tinyframe-1.1", "--against", "tinyframe-1.0")
    assert confirmed.status == 2
    for run in (done, confirmed):
        (line,) = run.lines_with("this is not the processor that testbox was measured on")
        assert "model is 4711" in line
        assert "asv machine --machine NAME" in line
    assert tiny.records() == before
