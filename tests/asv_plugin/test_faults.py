"""What goes wrong around a run: one clear line, the right status, and nothing else is touched."""

from __future__ import annotations

import contextlib
import http.server
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vggbench.releases.catalogue import Release
from vggbench.releases.locks import sha256

from ..tiny import (
    BENCHMARK,
    MACHINE,
    PATIENCE_S,
    PROGRAMS,
    TESTS,
    Ended,
    Tiny,
    gone,
    until,
    write_wheel,
)

pytestmark = pytest.mark.asv

NO_FLOCK = TESTS / "no_flock.py"

#: One process of each of two configurations.
BRIEFLY = ("--bench", r"\('(plain|fused)'\)", "-a", "rounds=1")


def result_files(tiny: Tiny) -> dict[str, bytes]:
    """The contents of every result and record."""
    files = [*tiny.machine_results.glob("*-*.json"), *tiny.machine_results.glob("records/*")]
    return {path.name: path.read_bytes() for path in files}


def the_line(done: Ended, *texts: str) -> str:
    """The one line that has all of these ``texts``."""
    lines = [line for line in done.output.splitlines() if all(word in line for word in texts)]
    assert len(lines) == 1, done.output
    return lines[0]


# -- processes that go wrong


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("segv", "crashed with SIGSEGV while warming up"),
        ("kill", "killed by SIGKILL (out of memory is the usual cause"),
        ("exit", "exit status 3 while warming up"),
        ("eat", "MemoryError"),
        ("memory", "MemoryError: cannot allocate 12 GB"),
        ("error", "ValueError: the kernel went astray"),
        ("not-implemented", "NotImplementedError: a kernel of the framework's own"),
        ("nan", "the losses of the first 3 steps are nan, nan, nan"),
        ("nan-later", "the loss after the last sample is nan"),
    ],
)
def test_a_process_that_goes_wrong_is_failed_with_its_error(tiny: Tiny, kind: str, error: str):
    done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY, faults=f"1.1/fused:{kind}")
    assert done.status == 2
    the_line(done, "tinyframe-1.1 fused, process 1: failed: ", error)
    assert "Traceback" not in done
    the_line(done, "its error stands above; --show-stderr shows all that a process printed")
    values = tiny.values("tinyframe-1.1")
    assert values["fused"] is None
    assert values["plain"] == pytest.approx(0.010)
    assert tiny.outcomes("tinyframe-1.1") == {"plain": ["ok"], "fused": ["failed"]}
    failed = [record for record in tiny.records() if record["outcome"] == "failed"]
    assert error in failed[0]["error"]


def test_what_the_machine_lacks_is_not_put_on_the_release(tiny: Tiny):
    """Without a compiler a release is unmeasured: asked again, and not "lost"."""
    for name in ("tinyframe-1.0", "tinyframe-1.1"):
        done = tiny.asv("run", name, *BRIEFLY, faults="1.1/fused:lacks")
        assert done.status == 0, done.output
    the_line(done, "tinyframe-1.1 fused, process 1: n/a: there is no compiler here")
    (record,) = [record for record in tiny.records("tinyframe-1.1") if record["outcome"] == "n/a"]
    assert record["lacks"] == "a compiler"
    verdict = tiny.vggbench("verdict", "tinyframe-1.1")
    assert "lost" not in verdict
    the_line(verdict, "for which the machine lacked a compiler", "tinyframe-1.1")
    # There is one now.
    again = tiny.asv("run", "NEW", *BRIEFLY)
    assert "tinyframe-1.1 fused, process 1: " in again
    assert tiny.outcomes("tinyframe-1.1")["fused"] == ["n/a", "ok"]
    assert "fused" in tiny.vggbench("verdict", "tinyframe-1.1")


@pytest.mark.parametrize("forced", [True, False])
def test_a_sigfpe_with_onednn_forced_on_says_what_to_do(tiny: Tiny, forced: bool):
    env = {"TF_ENABLE_ONEDNN_OPTS": "1" if forced else "0"}
    done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY, faults="1.1/fused:fpe", env=env)
    assert done.status == 2
    line = the_line(done, "failed: crashed with SIGFPE while warming up")
    remedy = "; TF_ENABLE_ONEDNN_OPTS=1 is set: oneDNN kills tensorflow 2.5 and 2.6 on some"
    assert (remedy in line and line.endswith("unset it")) == forced
    (failed,) = [record for record in tiny.records() if record["outcome"] == "failed"]
    assert failed["error"] in line


def test_all_that_a_failed_process_printed_is_shown_when_asked_for(tiny: Tiny):
    done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY, "--show-stderr", faults="1.1/fused:error")
    assert done.status == 2
    assert "raise_(ValueError(" in done


@pytest.mark.parametrize("kind", ["hang", "chatter"])
def test_a_process_that_never_ends_is_ended_at_its_deadline(tiny: Tiny, kind: str):
    """asv's own limit is on silence: a process that chatters would run for ever."""
    done = tiny.asv(
        "run",
        "tinyframe-1.1",
        *BRIEFLY,
        faults=f"1.1/fused:{kind}",
        env={"VGGBENCH_DEADLINE": "5"},
    )
    assert done.status == 2
    the_line(done, "tinyframe-1.1 fused, process 1: failed: not done within its deadline of 5 s")
    assert tiny.outcomes("tinyframe-1.1") == {"plain": ["ok"], "fused": ["failed"]}
    assert tiny.values("tinyframe-1.1")["fused"] is None


@pytest.mark.parametrize("asked", ["soon", "-1", "0", "nan"])
def test_a_deadline_that_is_none_is_one_line(tiny: Tiny, asked: str):
    done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY, env={"VGGBENCH_DEADLINE": asked})
    assert done.status == 1
    the_line(done, f"VGGBENCH_DEADLINE={asked} is no number of seconds above zero")
    assert not tiny.records()


@pytest.mark.parametrize("process", [1, 2])
def test_one_failed_process_of_two_is_failed_and_the_other_ones_samples_stay(
    tiny: Tiny, process: int
):
    done = tiny.asv(
        "run", "tinyframe-1.1", "--bench", "plain|fused", faults=f"1.1/fused:error@{process}"
    )
    assert done.status == 2
    the_line(done, f"tinyframe-1.1 fused, process {process}: failed: ValueError")
    the_line(done, "tinyframe-1.1 fused: failed in 1 of 2 processes")
    assert tiny.values("tinyframe-1.1")["fused"] is None
    assert tiny.values("tinyframe-1.1")["plain"] == pytest.approx(0.010)
    outcomes = ["failed", "ok"] if process == 1 else ["ok", "failed"]
    assert tiny.outcomes("tinyframe-1.1") == {"plain": ["ok", "ok"], "fused": outcomes}
    good = [r for r in tiny.records() if r["configuration"] == {"mode": "fused"}]
    assert [len(r["samples"]) for r in good if r["outcome"] == "ok"] == [5]


def test_a_failure_leaves_the_other_releases_as_they_were(measured: Tiny):
    before = result_files(measured)
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY, faults="1.1:segv")
    assert done.status == 2
    changed = {name for name, text in result_files(measured).items() if before.get(name) != text}
    assert {name for name in changed if name.endswith(".json")} == {
        measured.result_path("tinyframe-1.1").name
    }
    assert set(before) <= set(result_files(measured))


# -- releases that cannot be measured


def rewire(tiny: Tiny, name: str, requirement: str) -> Release:
    """Let the lock of ``name`` be ``requirement`` alone; its environment goes."""
    release = tiny.relock(name, requirement + "\n")
    for folder in tiny.environments.glob(f"{name}-*"):
        shutil.rmtree(folder)
    return release


@pytest.mark.parametrize(
    ("python", "command"), [("3.5", "pyenv install 3.5"), ("3.99", "uv python install 3.99")]
)
def test_a_missing_interpreter_leaves_its_release_out_and_unmeasured(
    measured: Tiny, python: str, command: str
):
    before = result_files(measured)
    measured.add_release("3.0", python=python)
    for asked in ("tinyframe-3.0", "NEW"):
        done = measured.asv("run", asked, *BRIEFLY, "--dry-run")
        the_line(
            done,
            "left out, unmeasured: tinyframe-3.0: ",
            f"CPython {python} is not on this machine; get it with: {command}",
        )
        if asked != "NEW":
            assert done.status == 1
    assert result_files(measured) == before

    done = measured.asv("run", "tinyframe-3.0 tinyframe-1.1", *BRIEFLY)
    assert done.status == 0, done.output
    assert not measured.records("tinyframe-3.0")
    assert [r["outcome"] for r in measured.records("tinyframe-1.1")][-2:] == ["ok", "ok"]


def test_a_release_whose_interpreter_went_keeps_its_results(measured: Tiny):
    before = result_files(measured)
    path = measured.releases / "tinyframe" / "2.0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "python": "3.99"}))
    done = measured.asv("run", "tinyframe-2.0", *BRIEFLY)
    assert done.status == 1
    the_line(done, "left out, unmeasured: tinyframe-2.0: CPython 3.99 is not on this machine")
    assert result_files(measured) == before


def fails_to_install(tiny: Tiny, name: str, env: dict[str, str], *texts: str) -> None:
    """``name`` cannot be installed: results stay, the next release is measured, NEW has it."""
    result, records = tiny.result_path(name).read_bytes(), tiny.records(name)
    done = tiny.asv("run", f"{name} tinyframe-1.0", *BRIEFLY, env=env)
    assert done.status == 2
    the_line(done, f"{name} (cpu) cannot be installed: ", *texts)
    assert tiny.result_path(name).read_bytes() == result
    assert tiny.records(name) == records
    assert [r["outcome"] for r in tiny.records("tinyframe-1.0")][-2:] == ["ok", "ok"]
    assert not list(tiny.environments.glob(f"{name}-*"))
    assert not list(tiny.environments.glob(".building/*"))

    tiny.result_path(name).unlink()
    done = tiny.asv("run", "NEW", *BRIEFLY, env=env)
    assert done.status == 2
    the_line(done, f"{name} (cpu) cannot be installed: ")
    assert not tiny.result_path(name).exists()


@pytest.fixture
def empty_cache(tmp_path: Path) -> dict[str, str]:
    return {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "UV_HTTP_RETRIES": "0"}


def test_no_network_is_one_line(measured: Tiny, empty_cache: dict[str, str]):
    rewire(measured, "tinyframe-1.1", f"tinyframe==1.1 --hash=sha256:{'0' * 64}")
    index = {"UV_OFFLINE": "false", "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}
    fails_to_install(
        measured,
        "tinyframe-1.1",
        {**empty_cache, **index},
        "check the network and run it again",
    )


def test_a_network_that_is_switched_off_is_one_line(measured: Tiny, empty_cache: dict[str, str]):
    rewire(measured, "tinyframe-1.1", f"tinyframe==1.1 --hash=sha256:{'0' * 64}")
    fails_to_install(measured, "tinyframe-1.1", empty_cache, "run it again with a network")


def test_a_hash_that_does_not_match_is_one_line(measured: Tiny, empty_cache: dict[str, str]):
    wheel = measured.folder / "wheels" / "tinyframe-1.1-py3-none-any.whl"
    rewire(measured, "tinyframe-1.1", f"tinyframe @ {wheel.as_uri()} --hash=sha256:{sha256(wheel)}")
    write_wheel(wheel.parent, "tinyframe", "1.1", "SECONDS_A_STEP = 0.0  # another file")
    fails_to_install(measured, "tinyframe-1.1", empty_cache, "ash mismatch", "do not install it")


def test_a_lock_that_was_edited_is_one_line(measured: Tiny):
    path = measured.releases / "tinyframe" / "1.1-cpu.txt"
    path.write_text(path.read_text() + "# edited\n")
    before = result_files(measured)
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
    assert done.status == 2
    line = the_line(done, "tinyframe-1.1", "lock")
    assert "vggbench releases lock" in line
    assert result_files(measured) == before


# -- damaged files


@pytest.mark.parametrize("command", [["run", "tinyframe"], ["publish"], ["show"], ["run", "NEW"]])
def test_a_corrupt_release_file_is_one_line(measured: Tiny, command: list[str]):
    before = result_files(measured)
    path = measured.releases / "tinyframe" / "1.2.json"
    path.write_text(path.read_text()[:40])
    done = measured.asv(*command)
    assert done.status == 1
    the_line(done, "tinyframe/1.2.json: cannot be read: ", "restore it (git checkout -- ")
    assert result_files(measured) == before


def corrupt(text: str) -> dict[str, str]:
    """Ways in which a result file can be no result, by what they are called."""
    whole = json.loads(text)
    row = next(iter(whole["results"].values()))

    def with_row(*changed: object) -> str:
        rows = {name: [*changed, *row[len(changed) :]] for name in whole["results"]}
        return json.dumps({**whole, "results": rows})

    lower, upper = (whole["result_columns"].index(f"stats_ci_99_{end}") for end in "ab")
    too_narrow = [*row[:lower], [0.0] * len(row[0]), [1e-320] * len(row[0]), *row[upper + 1 :]]
    return {
        "empty": "",
        "truncated": text[: len(text) // 2],
        "a list": "[]",
        "no key": "{}",
        "no results": json.dumps({**whole, "results": []}),
        "a number": json.dumps({**whole, "results": 7}),
        "a number for a row": json.dumps({**whole, "results": dict.fromkeys(whole["results"], 7)}),
        "a text for numbers": json.dumps(
            {**whole, "results": {name: ["x", *row[1:]] for name in whole["results"]}}
        ),
        "too few numbers": json.dumps(
            {**whole, "results": {name: [row[0][:1], *row[1:]] for name in whole["results"]}}
        ),
        "a number without end": with_row([math.inf] * len(row[0])),
        "a number that no sum holds": with_row([1e308] * len(row[0])),
        "an integer beyond a float's range": with_row([10**400] * len(row[0])),
        "an interval too narrow for a weight": with_row(*too_narrow),
        "nested lists": json.dumps(
            {**whole, "results": {name: [[[[1]]]] for name in whole["results"]}}
        ),
        "no params": with_row([1.0], None),
        "no commit": json.dumps({**whole, "commit_hash": None}),
        "no version": json.dumps({**whole, "version": None}),
        "params of another type": json.dumps({**whole, "params": 7}),
        "nested too deeply": '{"a":' * 100_000 + "1" + "}" * 100_000,
    }


KINDS = [
    "empty",
    "truncated",
    "a list",
    "no key",
    "no results",
    "a number",
    "a number for a row",
    "a text for numbers",
    "too few numbers",
    "a number without end",
    "a number that no sum holds",
    "an integer beyond a float's range",
    "an interval too narrow for a weight",
    "nested lists",
    "no params",
    "no commit",
    "no version",
    "params of another type",
    "nested too deeply",
]


def published_with_a_corrupt_result_file(measured: Tiny, kind: str) -> dict[str, bytes]:
    """Corrupt the one of 1.2, and publish, which sets it aside; returns what the others hold."""
    before = result_files(measured)
    path = measured.result_path("tinyframe-1.2")
    path.write_text(corrupt(path.read_text())[kind])
    damaged = path.read_bytes()

    done = measured.asv("publish")
    the_line(done, path.name)
    assert done.status == 0, done.output

    assert path.with_name(path.name + ".damaged").read_bytes() == damaged
    untouched = {name: text for name, text in before.items() if name != path.name}
    assert result_files(measured) == untouched
    return untouched


@pytest.mark.parametrize("kind", KINDS)
def test_publishing_sets_a_corrupt_result_file_aside(measured: Tiny, kind: str):
    published_with_a_corrupt_result_file(measured, kind)


def test_a_release_whose_result_file_was_set_aside_is_new(measured: Tiny):
    untouched = published_with_a_corrupt_result_file(measured, "truncated")
    done = measured.asv("run", "NEW", *BRIEFLY)
    assert done.status == 0, done.output
    assert "2 of 6 releases lack results here" in done  # the other is otherframe-7.0
    assert measured.values("tinyframe-1.2")["plain"] == pytest.approx(0.030)
    assert {name: result_files(measured).get(name) for name in untouched} == untouched


@pytest.mark.parametrize("kind", ["truncated", "a list", "no key", "a number for a row"])
@pytest.mark.parametrize("asked", ["NEW", "tinyframe-1.2", "tinyframe-1.1"])
def test_a_run_sets_a_corrupt_result_file_aside(measured: Tiny, kind: str, asked: str):
    path = measured.result_path("tinyframe-1.2")
    path.write_text(corrupt(path.read_text())[kind])
    done = measured.asv("run", asked, *BRIEFLY)
    assert done.status == 0, done.output
    the_line(done, path.name, f"is now {path.name}.damaged; its release counts as unmeasured")
    assert path.exists() == (asked != "tinyframe-1.1")


@pytest.mark.parametrize(
    "kind", ["truncated", "a list", "no results", "a number for a row", "nested lists"]
)
@pytest.mark.parametrize("command", [["compare", "tinyframe-1.1", "tinyframe-1.2"], ["show"]])
def test_a_corrupt_result_file_is_one_line_to_commands_that_read_it(
    measured: Tiny, kind: str, command: list[str]
):
    path = measured.result_path("tinyframe-1.2")
    path.write_text(corrupt(path.read_text())[kind])
    done = measured.asv(*command)
    the_line(done, path.name)


@pytest.mark.parametrize("text", ['{"machine": "old", "version": null}', "[]", "7", "[" * 9999])
def test_a_corrupt_machine_file_is_one_line_and_costs_that_machine_alone(measured: Tiny, text: str):
    old = measured.results / "old"
    old.mkdir()
    (old / "machine.json").write_text(text)
    path = measured.result_path("tinyframe-1.1")
    whole = json.loads(path.read_text())
    whole["params"]["machine"] = "old"
    (old / path.name).write_text(json.dumps(whole))
    for command in (
        ["publish"],
        ["compare", "tinyframe-1.1", "tinyframe-1.2"],
        ["show"],
        ["run", "NEW", *BRIEFLY, "--dry-run"],
    ):
        done = measured.asv(*command)
        assert done.status == 0, done.output
        the_line(done, "old/machine.json is left out", "restore it (git checkout -- ")


@pytest.mark.parametrize("kind", ["no version", "a number", "no benchmarks", "no params"])
def test_a_corrupt_list_of_benchmarks_is_one_line(measured: Tiny, kind: str):
    path = measured.results / "benchmarks.json"
    before = path.read_text()
    whole = json.loads(before)
    bare = {BENCHMARK: {**whole[BENCHMARK], "params": None}}
    ways = {
        "no version": {**whole, "version": None},
        "a number": 7,
        "no benchmarks": {**whole, BENCHMARK: 7},
        "no params": {**whole, **bare},
    }
    path.write_text(json.dumps(ways[kind]))
    for command in (["publish"], ["compare", "tinyframe-1.1", "tinyframe-1.2"], ["show"]):
        done = measured.asv(*command)
        if command != ["show"]:  # which lists releases alone
            assert done.status == 1
            the_line(done, "benchmarks.json is damaged", "asv run --bench just-discover")
    assert measured.asv("run", "--bench", "just-discover").status == 0
    assert path.read_text() == before


def test_the_machine_that_measures_writes_its_corrupt_file_anew(measured: Tiny):
    file = measured.machine_results / "machine.json"
    before = file.read_text()
    file.write_text("[]")
    done = measured.asv("compare", "tinyframe-1.1", "tinyframe-1.2")
    assert done.status == 1
    the_line(done, f"{file.parent.name}/machine.json is left out")
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
    assert done.status == 0, done.output
    assert file.read_text() == before


def test_a_corrupt_record_line_is_left_out_with_one_line(measured: Tiny):
    path = next(measured.machine_results.glob("records/*.jsonl"))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], '{"schema": 1, "run\n', *lines[1:]]))
    before = path.read_bytes()
    done = measured.asv("run", "NEW", *BRIEFLY, "--dry-run")
    the_line(done, f"{path}:2 is no record and is left out: ")
    assert "1 of 6 releases lack results here" in done
    assert path.read_bytes() == before


def test_a_torn_last_record_does_not_hurt_the_next_run(measured: Tiny):
    path = next(measured.machine_results.glob("records/*.jsonl"))
    path.write_bytes(path.read_bytes()[:-20])
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
    assert done.status == 0, done.output
    assert measured.result("tinyframe-1.1") is not None


# -- a full disk


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a disk of ``size`` at ``folder``; needs root's rights."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass


def test_a_disk_too_full_for_an_environment_is_one_line(bare_tiny: Tiny, empty_cache):
    with small_disk(bare_tiny.environments, "40k"):
        done = bare_tiny.asv("run", "tinyframe-1.1", *BRIEFLY, env=empty_cache)
        assert done.status in (1, 2)
        the_line(done, "tinyframe-1.1", "vggbench releases prune --to 10G")
        assert not list(bare_tiny.environments.glob("tinyframe-*"))
    assert not bare_tiny.result_path("tinyframe-1.1").exists()


def test_a_disk_too_full_for_results_and_records_is_one_line(measured: Tiny):
    before = result_files(measured)
    kept = measured.results.with_name("kept")
    measured.results.rename(kept)
    with small_disk(measured.results, "1m"):
        shutil.copytree(kept, measured.results, dirs_exist_ok=True)
        fill(measured.results)
        done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
        assert done.status == 1
        assert len(done.lines_with("No space left on device")) == 1, done.output
        after = result_files(measured)
        assert {name: after[name] for name in before} == before

        (measured.results / "filler").unlink()
        done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
        assert done.status == 0, done.output


def test_a_disk_too_full_for_what_asv_keeps_is_one_line(tiny: Tiny):
    kept = tiny.folder / "kept"
    (tiny.folder / ".asv" / "env").rename(kept)
    with small_disk(tiny.folder / ".asv" / "env", "3m"):
        shutil.copytree(kept, tiny.folder / ".asv" / "env", symlinks=True, dirs_exist_ok=True)
        fill(tiny.folder / ".asv" / "env")
        done = tiny.asv("run", "tinyframe-1.1", *BRIEFLY)
        assert done.status == 1
        assert len(done.lines_with("No space left on device")) == 1, done.output
        assert not tiny.records()
        assert not tiny.measured()


@pytest.mark.parametrize(
    ("where", "command"),
    [("results", ["run", "tinyframe-1.1", *BRIEFLY]), (".asv", ["publish"])],
    ids=["results", "pages"],
)
def test_a_disk_too_full_for_asvs_own_files_is_one_line(
    measured: Tiny, where: str, command: list[str]
):
    shutil.rmtree(measured.folder / where, ignore_errors=True)
    if where != "results":
        before = result_files(measured)
    with small_disk(measured.folder / where, "64k"):
        fill(measured.folder / where)
        done = measured.asv(*command)
        assert done.status == 1
        assert len(done.lines_with("No space left on device")) == 1, done.output
        assert "vggbench releases prune" in done
    if where != "results":
        assert result_files(measured) == before


# -- interrupts


class StallingServer(http.server.ThreadingHTTPServer):
    """Serves the wheels of ``folder``, but answers nobody until ``go`` is set."""

    daemon_threads = True

    def __init__(self, folder: Path):
        self.asked = threading.Event()
        self.go = threading.Event()
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, directory=str(folder), **kwargs)

            def do_GET(self):
                server.asked.set()
                server.go.wait(PATIENCE_S)
                super().do_GET()

            def do_HEAD(self):
                server.asked.set()
                server.go.wait(PATIENCE_S)
                super().do_HEAD()

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request, client_address):
        pass  # a client that was killed


@pytest.fixture
def stalled(measured: Tiny) -> Iterator[StallingServer]:
    """The packages of tinyframe 1.1 come from this server."""
    with StallingServer(measured.folder / "wheels") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        wheel = measured.folder / "wheels" / "tinyframe-1.1-py3-none-any.whl"
        url = f"http://127.0.0.1:{server.server_address[1]}/{wheel.name}"
        rewire(measured, "tinyframe-1.1", f"tinyframe @ {url} --hash=sha256:{sha256(wheel)}")
        yield server
        server.go.set()
        server.shutdown()


@pytest.fixture
def online(empty_cache: dict[str, str]) -> dict[str, str]:
    # uv itself would give up after half a minute, and hide an orphan that way.
    return {**empty_cache, "UV_OFFLINE": "false", "UV_HTTP_TIMEOUT": "3600"}


def ended(process: subprocess.Popen[str]) -> Ended:
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in output, output
    return Ended(process.returncode, output)


def started_process(
    tiny: Tiny, process: subprocess.Popen[str], version: str = "1.1", mode: str = "plain"
) -> list[psutil.Process]:
    """Wait until the process that times ``version`` is warming up; returns what ``process``, asv
    or vggbench, has started."""
    until(lambda: _warming_up(tiny, version, mode))
    return psutil.Process(process.pid).children(recursive=True)


def _warming_up(tiny: Tiny, version: str, mode: str) -> bool:
    # The files of a process that has just ended may vanish while they are read.
    with contextlib.suppress(FileNotFoundError):
        for notes_path in notes(tiny):
            record = json.loads(notes_path.with_suffix(".draft").read_text())["record"]
            if (record["version"], record["configuration"]["mode"]) == (version, mode):
                return "build_s" in notes_path.read_text()
    return False


def notes(tiny: Tiny) -> list[Path]:
    return list((tiny.folder / ".asv" / "env" / "open").glob("*.notes"))


@pytest.mark.parametrize("to", ["asv alone", "all, as Ctrl-C does"])
def test_an_interrupted_install_goes_on_the_next_time(measured: Tiny, stalled, online, to: str):
    before = result_files(measured)
    process = measured.popen("run", "tinyframe-1.1", *BRIEFLY, **online)
    assert stalled.asked.wait(PATIENCE_S)
    children = psutil.Process(process.pid).children(recursive=True)
    (os.kill if to == "asv alone" else os.killpg)(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status != 0
    the_line(done, "tinyframe-1.1", "run the same command again")
    until(lambda: all(gone(child) for child in children))
    assert result_files(measured) == before

    stalled.go.set()
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY, env=online)
    assert done.status == 0, done.output


def test_a_killed_install_goes_on_the_next_time(measured: Tiny, stalled, online):
    before = result_files(measured)
    process = measured.popen("run", "tinyframe-1.1", *BRIEFLY, **online)
    assert stalled.asked.wait(PATIENCE_S)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    until(lambda: all(gone(child) for child in children))
    assert result_files(measured) == before

    stalled.go.set()
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY, env=online)
    assert done.status == 0, done.output
    assert not list(measured.environments.glob(".building/*"))


@pytest.mark.parametrize("to", ["asv alone", "all, as Ctrl-C does"])
def test_an_interrupted_process_is_recorded_and_the_next_run_goes_on(measured: Tiny, to: str):
    before = result_files(measured)
    process = measured.popen("run", "tinyframe-1.1", *BRIEFLY, faults="1.1/fused:hang")
    children = started_process(measured, process, mode="fused")
    (os.kill if to == "asv alone" else os.killpg)(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status != 0
    the_line(done, "Interrupted while measuring tinyframe-1.1 fused; the processes that ended are")
    until(lambda: all(gone(child) for child in children))
    last = measured.records("tinyframe-1.1")[-1]
    assert (last["outcome"], last["configuration"]) == ("interrupted", {"mode": "fused"})
    after = result_files(measured)
    assert {name: after[name] for name in before} == before

    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
    assert done.status == 0, done.output


def test_an_interrupt_between_processes_is_one_line(measured: Tiny):
    process = measured.popen("run", "tinyframe>=1.0", *BRIEFLY)
    output = ""
    while ", process 1: " not in output:
        line = process.stdout.readline()
        assert line, output
        output += line
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process)
    assert done.status != 0
    assert len(done.lines_with("nterrupted")) == 1, done.output
    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
    assert done.status == 0, done.output


def test_a_killed_run_is_recorded_by_the_next_one(measured: Tiny):
    before = result_files(measured)
    process = measured.popen("run", "tinyframe-1.1", *BRIEFLY, faults="1.1/fused:hang")
    children = started_process(measured, process, mode="fused")
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    until(lambda: all(gone(child) for child in children))
    after = result_files(measured)
    assert {name: after[name] for name in before} == before

    done = measured.asv("run", "tinyframe-1.1", *BRIEFLY)
    assert done.status == 0, done.output
    outcomes = [r["outcome"] for r in measured.records("tinyframe-1.1")]
    assert outcomes.count("interrupted") == 1
    assert outcomes[-2:] == ["ok", "ok"]
    assert not notes(measured)


# -- two at once


def test_without_flock_nothing_is_measured_or_published(
    measured: Tiny, monkeypatch: pytest.MonkeyPatch
):
    """A file that stands for a lock would outlive whoever is killed."""
    for program in ("asv", "vggbench"):
        without = [sys.executable, str(NO_FLOCK), *PROGRAMS[program]]
        monkeypatch.setitem(PROGRAMS, program, without)
    before = result_files(measured)
    asked = [
        measured.asv("run", "tinyframe-1.1", *BRIEFLY),
        measured.asv("publish"),
        measured.vggbench("confirm", "tinyframe-1.1"),
        measured.vggbench("releases", "install", "tinyframe-1.1"),
    ]
    for done in asked:
        assert done.status in (1, 2), done.output
        the_line(done, "cannot be locked (Function not implemented)", "have the folder on another")
    assert asked[2].status == 2, "1 says that something regressed"
    assert result_files(measured) == before


def test_the_second_of_two_runs_at_once_is_refused(tiny: Tiny):
    process = tiny.popen("run", "tinyframe-1.1", *BRIEFLY, faults="1.1:hang")
    started_process(tiny, process)
    done = tiny.asv("run", "tinyframe-1.0", *BRIEFLY)
    assert done.status == 1
    the_line(done, f"another process works in this checkout: process {process.pid}, ")
    assert not tiny.measured()
    assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    ended(process)
    assert {r["release"] for r in tiny.records()} == {"tinyframe-1.1"}


def test_results_can_be_read_during_a_run(measured: Tiny):
    process = measured.popen("run", "tinyframe-1.1", *BRIEFLY, faults="1.1:hang")
    started_process(measured, process)
    done = measured.asv("compare", "tinyframe-1.1", "tinyframe-1.2", "--machine", MACHINE)
    assert done.status == 0, done.output
    os.kill(process.pid, signal.SIGINT)
    ended(process)
