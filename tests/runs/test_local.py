"""Processes beside asv run: real ones, on the tiny track, most by way of ``vggbench calibrate``."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import statistics

import pytest

from vggbench.checkout import Checkout
from vggbench.runs.local import Local

from ..asv_plugin.test_faults import (
    ended,
    fill,
    gone,
    notes,
    result_files,
    rewire,
    small_disk,
    started_process,
    the_line,
    until,
)
from ..tiny import MACHINE, REPEAT, Tiny

pytestmark = pytest.mark.asv

#: A block of duets of each of two configurations.
BRIEFLY = ("calibrate", "tinyframe-1.1", "--processes", "2")


def test_its_records_are_those_of_asv_run_with_a_purpose(measured: Tiny, monkeypatch):
    of_asv = {r["configuration"]["mode"]: r for r in measured.records("tinyframe-1.1")}
    before = result_files(measured)
    for name, value in measured.environ().items():
        monkeypatch.setenv(name, value)
    checkout = Checkout(str(measured.folder / "asv.conf.json"))
    here = Local.of(checkout, MACHINE, lambda line: None)
    with here.runner("calibrate") as runner:
        for _ in range(2):
            for configured in here.suite.timed(["'plain'", "'fused'"]):
                runner.measure(here.catalogue.by_name["tinyframe-1.1"], "cpu-quick", configured)
    taken = [r for r in measured.records() if r.get("purpose") == "calibrate"]
    assert [r["configuration"]["mode"] for r in taken] == ["plain", "fused"] * 2
    assert len({r["run"] for r in taken}) == 1
    assert [r["round"] for r in taken] == [1, 1, 2, 2]
    for record in taken:
        like = of_asv[record["configuration"]["mode"]]
        assert set(record) == {*like, "purpose"}
        for key in ("commit", "lock", "interpreter", "profile", "benchmark", "benchmark_version"):
            assert record[key] == like[key]
        assert (record["attributes"], len(record["samples"])) == ({}, REPEAT)
    # asv's own results, and what a run of asv has recorded, are as they were.
    after = result_files(measured)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1


def test_each_process_runs_in_the_environment_of_its_backend(tiny: Tiny, monkeypatch):
    release = tiny.add_backends({"cpu": 0.010, "cpu-theano": 0.020})
    for name, value in tiny.environ().items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    here = Local.of(Checkout(str(tiny.folder / "asv.conf.json")), MACHINE, said.append)
    with here.runner("calibrate") as runner:
        for configured in here.suite.timed(["Keras"]) * 2:
            runner.measure(release, "cpu-quick", configured)
    taken = {r["configuration"]["backend"]: r for r in tiny.records(release.name)}
    for backend, name, step_s in (("tensorflow", "cpu", 0.010), ("theano", "cpu-theano", 0.020)):
        assert taken[backend]["outcome"] == "ok"
        assert taken[backend]["lock"] == release.locks[name].digest
        assert statistics.median(taken[backend]["samples"]) == pytest.approx(step_s, rel=0.03)
        assert (
            len([line for line in said if line.startswith(f"installing keras-1.0 ({name})")]) == 1
        )


def test_a_backend_whose_environment_cannot_be_made_gives_way_to_the_next(tiny: Tiny):
    tiny.add_backends({"cpu": 0.010, "cpu-theano": 0.020})
    shutil.rmtree(tiny.folder / "wheels" / "cpu-theano")
    done = tiny.vggbench("calibrate", "keras-1.0", "--bench", "Keras", "--processes", "2")
    assert done.status == 0, done.output
    the_line(done, "keras-1.0 (cpu-theano) cannot be installed: ")
    taken = tiny.records("keras-1.0")
    assert {r["configuration"]["backend"] for r in taken} == {"tensorflow"}


def test_blocks_are_of_one_release_with_itself_and_of_configurations_in_turns(measured: Tiny):
    before = result_files(measured)
    done = measured.vggbench(*BRIEFLY, env={"TINY_NOISE": "0.001"})
    assert done.status == 0, done.output
    taken = [r for r in measured.records() if r.get("purpose") == "duet"]
    modes = [r["configuration"]["mode"] for r in taken]
    assert modes in (["plain"] * 4 + ["fused"] * 4, ["fused"] * 4 + ["plain"] * 4)
    assert {r["release"] for r in taken} == {"tinyframe-1.1"}
    assert len({r["duet"]["block"] for r in taken}) == 2
    assert len(done.lines_with(", block 1: the two differ by ")) == 2
    after = result_files(measured)
    assert {name: after[name] for name in before} == before


def test_asv_run_has_as_much_to_do_as_before(tiny: Tiny):
    assert tiny.vggbench(*BRIEFLY).status == 0
    done = tiny.asv("run", "NEW", "--bench", "plain", "-a", "rounds=1")
    assert done.status == 0, done.output
    assert "tinyframe-1.1" in tiny.measured()


def test_blocks_of_earlier_invocations_count_too(tiny: Tiny):
    done = tiny.vggbench(*BRIEFLY)
    assert done.status == 0, done.output
    assert len(done.lines_with("too few blocks to tell its noise; 2.5 % between blocks")) == 2
    the_line(done, "Run this again, or with a higher --budget")
    done = tiny.vggbench(*BRIEFLY)
    assert len(done.lines_with("no bias that is sure (together they lie +0.0 % off; from 4 ")) == 2
    found = "of 3 % with 3 blocks, of 5 % with 3 blocks, of 10 % with 3 blocks, of 2."
    the_line(done, f"Likely to be found: a slow-down {found}")
    assert len({r["run"] for r in tiny.records()}) == 2


def test_a_machine_that_is_too_noisy_is_told_what_to_do(tiny: Tiny):
    done = tiny.vggbench(
        "calibrate", "tinyframe-1.1", "--processes", "12", env={"TINY_NOISE": "0.2"}
    )
    assert done.status == 1
    the_line(done, "This machine is too noisy for a threshold of 2.0 %")
    assert "  - " in done.output


def test_the_newest_release_that_was_measured_here_is_the_default(tiny: Tiny):
    assert tiny.asv("run", "tinyframe-1.2 tinyframe-1.1", "--bench", "plain").status == 0
    done = tiny.vggbench("calibrate", "--processes", "1")
    assert {r["release"] for r in tiny.records() if "purpose" in r} == {"tinyframe-1.2"}, done


def test_bench_chooses_configurations_as_asv_runs_does(tiny: Tiny):
    assert tiny.vggbench(*BRIEFLY, "--bench", "'fused'").status == 0
    assert tiny.outcomes("tinyframe-1.1") == {"fused": ["ok"] * 4}
    done = tiny.vggbench(*BRIEFLY, "--bench", "no_such")
    assert done.status == 2
    the_line(done, "no_such selects no benchmark of tinyframe-1.1")


def test_a_profile_that_this_machine_cannot_serve_is_one_line(tiny: Tiny):
    done = tiny.vggbench(*BRIEFLY, env={"VGGBENCH_PROFILE": "gpu-quick"})
    assert done.status == 2
    the_line(done, "gpu-quick is not measured: no GPU is visible here")
    done = tiny.vggbench(*BRIEFLY, env={"VGGBENCH_PROFILE": "cpu-fast"})
    assert done.status == 2
    the_line(done, "VGGBENCH_PROFILE=cpu-fast: unknown profile")
    assert not tiny.records()


def test_flags_of_the_user_are_said(tiny: Tiny):
    done = tiny.vggbench(*BRIEFLY, env={"OMP_NUM_THREADS": "1"})
    the_line(done, "OMP_NUM_THREADS=1 is set: used as it is, and recorded")
    assert {r["variables"]["OMP_NUM_THREADS"] for r in tiny.records()} == {"1"}


# -- installing


def test_an_environment_that_is_missing_is_made_with_a_line(bare_tiny: Tiny):
    done = bare_tiny.vggbench(*BRIEFLY)
    assert done.status == 0, done.output
    the_line(done, "installing tinyframe-1.1")
    assert bare_tiny.outcomes("tinyframe-1.1")["plain"] == ["ok"] * 4


def test_an_interpreter_that_is_missing_is_one_line(tiny: Tiny):
    tiny.add_release("3.0", python="3.99")
    done = tiny.vggbench("calibrate", "tinyframe-3.0")
    assert done.status == 2
    assert len(done.output.splitlines()) == 1
    the_line(done, "tinyframe-3.0", "CPython 3.99", "uv python install 3.99")
    assert not tiny.records()


def test_a_release_that_cannot_be_installed_is_one_line(tiny: Tiny, tmp_path):
    rewire(tiny, "tinyframe-1.1", f"tinyframe==1.1 --hash=sha256:{'0' * 64}")
    done = tiny.vggbench(*BRIEFLY, env={"UV_CACHE_DIR": str(tmp_path / "uv-cache")})
    assert done.status == 2
    the_line(done, "tinyframe-1.1 (cpu) cannot be installed: ")
    assert not tiny.records()


# -- processes that go wrong


def test_a_crash_is_recorded_and_another_configuration_takes_its_place(tiny: Tiny):
    done = tiny.vggbench(*BRIEFLY, faults="1.1/plain:segv")
    assert done.status == 0, done.output
    the_line(done, "tinyframe-1.1 plain failed: crashed with SIGSEGV while warming up")
    assert tiny.outcomes("tinyframe-1.1") == {
        "plain": ["failed"],
        "fused": ["ok"] * 4,
        "impossible": ["n/a"],
    }


def test_a_process_that_never_ends_is_ended_at_its_deadline(tiny: Tiny):
    done = tiny.vggbench(*BRIEFLY, faults="1.1/plain:hang", env={"VGGBENCH_DEADLINE": "2"})
    the_line(done, "plain failed: not done within its deadline of 2 s")
    done = tiny.vggbench(*BRIEFLY, env={"VGGBENCH_DEADLINE": "soon"})
    assert done.status == 2
    the_line(done, "VGGBENCH_DEADLINE=soon is no number of seconds above zero")


@pytest.mark.parametrize("to", ["vggbench alone", "all, as Ctrl-C does"])
def test_an_interrupted_process_is_recorded_and_the_next_one_goes_on(tiny: Tiny, to: str):
    process = tiny.popen(*BRIEFLY, program="vggbench", faults="1.1/fused:hang")
    children = started_process(tiny, process, mode="fused")
    (os.kill if to == "vggbench alone" else os.killpg)(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status == 130
    the_line(done, "Interrupted in a duet of tinyframe-1.1 fused; run the same command again")
    until(lambda: all(gone(child) for child in children))
    last = tiny.records()[-1]
    assert (last["outcome"], last["purpose"]) == ("interrupted", "duet")
    assert not notes(tiny)
    assert tiny.vggbench(*BRIEFLY).status == 0


def test_a_kill_loses_no_record_and_the_next_one_goes_on(tiny: Tiny):
    process = tiny.popen(*BRIEFLY, program="vggbench", faults="1.1/fused:hang")
    children = started_process(tiny, process, mode="fused")
    kept = tiny.outcomes("tinyframe-1.1")
    assert kept == {"plain": ["ok"] * 4}
    process.kill()
    process.communicate()
    until(lambda: all(gone(child) for child in children))
    assert tiny.vggbench(*BRIEFLY).status == 0
    outcomes = tiny.outcomes("tinyframe-1.1")
    assert outcomes == {"plain": ["ok"] * 8, "fused": ["interrupted", *["ok"] * 4]}
    assert {r["purpose"] for r in tiny.records()} == {"duet"}


def test_a_second_one_at_once_is_refused(tiny: Tiny):
    process = tiny.popen(*BRIEFLY, program="vggbench", faults="1.1:hang")
    started_process(tiny, process)
    for done in (tiny.vggbench(*BRIEFLY), tiny.asv("run", "tinyframe-1.0", "--bench", "plain")):
        the_line(done, f"another process works in this checkout: process {process.pid}, ")
    assert tiny.vggbench(*BRIEFLY).status == 2
    os.kill(process.pid, signal.SIGINT)
    ended(process)


def test_a_full_disk_is_one_line(tiny: Tiny):
    with small_disk(tiny.results, "64k"):
        fill(tiny.results)
        done = tiny.vggbench(*BRIEFLY)
        assert done.status == 2
        assert len(done.lines_with("No space left on device")) == 1, done.output
    with small_disk(tiny.folder / ".asv" / "env" / "open", "64k"):
        fill(tiny.folder / ".asv" / "env" / "open")
        done = tiny.vggbench(*BRIEFLY)
        assert done.status == 2
        assert len(done.lines_with("No space left on device")) == 1, done.output


def test_what_measures_tells_asv_of_a_machine_that_it_does_not_know(tiny: Tiny):
    (tiny.home / ".asv-machine.json").unlink()
    done = tiny.vggbench(*BRIEFLY)
    assert done.status == 0, done.output
    the_line(done, f"asv is told that this machine is {platform.node()}: ")
    assert list((tiny.results / platform.node() / "records").iterdir())
    assert "asv is told" not in tiny.vggbench(*BRIEFLY)


def test_what_only_reads_says_that_asv_does_not_know_this_machine(tiny: Tiny):
    (tiny.home / ".asv-machine.json").unlink()
    done = tiny.vggbench("verdict")
    assert done.status == 2
    the_line(done, "asv does not know this machine yet; tell it with: asv machine --yes")
    assert not (tiny.home / ".asv-machine.json").exists()


def test_another_configuration_file_is_used_where_it_is_given(tiny: Tiny):
    conf = json.loads((tiny.folder / "asv.conf.json").read_text())
    (tiny.folder / "asv.conf.json").unlink()
    (tiny.folder / "other.json").write_text(json.dumps({**conf, "results_dir": "elsewhere"}))
    done = tiny.vggbench("--config", "other.json", *BRIEFLY)
    assert done.status == 0, done.output
    assert list((tiny.folder / "elsewhere" / MACHINE / "records").iterdir())
    shutil.rmtree(tiny.folder / "elsewhere")
