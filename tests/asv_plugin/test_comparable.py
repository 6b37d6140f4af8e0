"""What a real run of asv puts on record of the machine, so that only what may be is compared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vggbench import machine_lock
from vggbench.runs.processor import CPUINFO, in_short, processor

from ..tiny import PROGRAMS, Tiny

pytestmark = pytest.mark.asv

BRIEFLY = ("--bench", r"\('plain'\)", "-a", "rounds=1")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root's rights")


def measured_with(tiny: Tiny, *words: str, **env: str) -> dict[str, object]:
    """The record of one process of tinyframe-1.1."""
    done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY, *words, env=env)
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
        (line,) = done.lines_with("another one measures on this machine")
        assert f"process {os.getpid()}" in line
        assert "VGGBENCH_BESIDE=1" in line
        record = measured_with(tiny, VGGBENCH_BESIDE="1")
    assert str(record["beside"]).startswith(f"process {os.getpid()}, ")
    verdict = tiny.vggbench("verdict", "--all", "--format", "json")
    assert '"regressed"' not in verdict


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
    for one in (done, confirmed):
        (line,) = one.lines_with("this is not the processor that testbox was measured on")
        assert "model is 4711" in line
        assert "asv machine --machine NAME" in line
    assert tiny.records() == before
