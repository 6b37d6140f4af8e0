"""The scripts of perf/ that take long, or a GPU: their command lines, and what they make of short
runs.

Some run for real on stand-ins of frameworks (tests/stand_ins.py), whose steps do no work. For the
others the processes of a release are made up. What they are told is real: the releases and their
locks, the configurations and asv's ids of them, the scripts of by_hand/.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import ctypes
import importlib
import itertools
import json
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest

from vggbench import machine_lock
from vggbench.inside.measure import NOTES_VARIABLE, REPEAT
from vggbench.inside.params import Configuration
from vggbench.inside.workload import WORKLOADS
from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import Environments
from vggbench.runs.suite import Suite
from vggbench.runs.timed import Call

from .documented import arguments
from .stand_ins import StandIns
from .tiny import PROGRAMS, ROOT, Tiny

PERF = ROOT / "perf"
SCRIPTS = sorted(path.name for path in PERF.glob("*.py"))

Load = Callable[[str], ModuleType]


@pytest.fixture
def perf(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports a script by its name, or a module of shared/."""
    monkeypatch.syspath_prepend(str(PERF))
    return importlib.import_module


# -- command lines


class Read(Exception):
    """A script has read its command line."""


def usages() -> Iterator[tuple[str, str]]:
    """(script, command line) of what the docstrings in perf/ show."""
    for name in SCRIPTS:
        text = ast.get_docstring(ast.parse((PERF / name).read_text())) or ""
        for line in text.splitlines():
            command = line.partition("#")[0].strip()
            if command.startswith(f"python perf/{name}"):
                yield name, command


#: What a docstring leaves to the reader.
FOR = {"NAME": "epyc-zen4"}


def reads(script: ModuleType, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin a script, which must read its command line before all else; there it is ended."""
    parse = argparse.ArgumentParser.parse_args

    def parsed(parser: argparse.ArgumentParser) -> None:
        parse(parser)
        raise Read

    def started(*words: object, **options: object) -> None:
        pytest.fail(f"{script.__name__} starts {words} before it has read its command line")

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.setattr(subprocess, "Popen", started)
    monkeypatch.setattr(sys, "argv", [script.__name__, *argv])
    with pytest.raises(Read):
        script.main()


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_can_be_imported(perf: Load, name: str) -> None:
    assert perf(name.removesuffix(".py")).__doc__


@pytest.mark.parametrize(("name", "line"), list(usages()))
def test_a_script_takes_what_its_docstring_shows(
    perf: Load, name: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, argv = arguments(line)
    reads(perf(name.removesuffix(".py")), [FOR.get(word, word) for word in argv], monkeypatch)


@pytest.mark.parametrize("name", ["bisection.py", "detection.py", "fuzz.py"])
def test_a_script_takes_what_the_table_of_figures_gives_it(
    perf: Load, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = perf("figures").SHORT[name]
    assert argv
    reads(perf(name.removesuffix(".py")), list(argv), monkeypatch)


def test_a_script_says_that_it_does_not_know_a_release(
    perf: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["environment.py", "tensorflow-0.1"])
    with pytest.raises(SystemExit):
        perf("environment").main()
    assert "tensorflow-0.1 is on no track" in capsys.readouterr().err


# -- comparisons of processes, which are made up


class MadeUp:
    """What processes of releases leave, though none runs. ``step_s``: the seconds of their steps,
    by the words of a configuration or the name of a script in by_hand/; of all others USUAL_S."""

    USUAL_S = 0.3
    PROOF_S = 0.5
    LOSSES = (6.9, 6.8, 6.7)

    def __init__(self) -> None:
        self.suite = Suite(ROOT / "benchmarks")
        self.step_s: dict[str, float] = {}
        self.variables: list[dict[str, str]] = []
        self.environments: set[str] = set()

    def run(self, python: Path, command: list[str], folder: str, **more: str) -> None:
        """In place of processes._run, and with its arguments."""
        self.environments.add(python.parent.parent.name)
        self.variables.append(more)
        script = Path(command[0])
        text = script.read_text()
        if script.parent == PERF / "by_hand":
            _, _, report, samples, *option = command
            assert not option or "sys.argv[4" in text
            step_s = self.step_s.get(script.name, self.USUAL_S)
            told = {"first_step_s": 3 * step_s, "losses": self.LOSSES}
            Path(report).write_text(json.dumps({**told, "samples": [step_s] * int(samples)}))
            return
        assert script == ROOT / "vggbench" / "inside" / "launch.py"
        call = Call(arguments=command[3:], env={}, cwd=folder, deadline_s=None)
        words = self.suite.configurations[call.identity].words
        step_s = self.step_s.get(words, self.USUAL_S)
        call.result_file.write_text(json.dumps({"samples": [step_s] * REPEAT, "number": 1}))
        notes = {
            "build_s": step_s,
            "warm_up_s": [2 * step_s + self.PROOF_S, step_s, step_s],
            "losses": self.LOSSES,
            "versions": {
                "cxx": "g++",
                "blas": "none",
                "openmp": False,
                "xla": {"mode": "on", "proof": "", "proof_s": self.PROOF_S},
            },
        }
        Path(more[NOTES_VARIABLE]).write_text(json.dumps(notes))


@pytest.fixture
def made_up(perf: Load, monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    """Have processes made up, nobody else use the machine, and each release be installed."""
    processes, made = perf("shared.processes"), MadeUp()

    def ensure(environments: Environments, release: Any, name: str, say: object) -> Path:
        return environments.python(release, name)

    monkeypatch.setattr(Environments, "ensure", ensure)
    monkeypatch.setattr(processes.common, "undisturbed", lambda side: side())
    monkeypatch.setattr(processes, "save_start", lambda folder: folder / "start.npz")
    monkeypatch.setattr(processes, "_run", made.run)
    return made


def begun(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", [script.__name__, *argv])
    status: int = script.main()
    return status


@pytest.mark.parametrize(("theirs_s", "ratio", "status"), [(0.2, "1.000", 0), (0.1, "2.000", 1)])
@pytest.mark.parametrize(
    ("name", "fastest", "by_hand", "figure"),
    [
        (
            "keras_applications",
            "NCHW none on",
            "applications_vgg16.py",
            "tensorflow-2.21.0 NCHW none on against keras.applications.VGG16, 2 pairs",
        ),
        (
            "torchvision_vgg16",
            "NHWC none on",
            "torchvision_vgg16.py",
            "torch-2.15.0 NHWC none on against torchvision's VGG16 by hand, 2 pairs",
        ),
        (
            "xla_first_step",
            "NHWC none on",
            "tensorflow_2.py",
            "first step of tensorflow-2.21.0 with XLA against the same jitted by hand, 2 pairs",
        ),
    ],
)
def test_our_fastest_step_is_held_against_what_is_made_by_hand(
    perf: Load,
    made_up: MadeUp,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    fastest: str,
    by_hand: str,
    figure: str,
    theirs_s: float,
    ratio: str,
    status: int,
) -> None:
    made_up.step_s = {fastest: 0.2, by_hand: theirs_s}
    assert begun(perf(name), monkeypatch, "--pairs", "2") == status
    told = capsys.readouterr().out
    assert f"\n{figure}\n" in f"\n{told}"
    assert f"reached: {ratio} (95 % interval {ratio} to {ratio})" in told


def test_the_proof_of_xla_is_no_part_of_the_first_step(
    perf: Load,
    made_up: MadeUp,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun(perf("xla_first_step"), monkeypatch, "--pairs", "2")
    with_proof = (3 * made_up.USUAL_S + made_up.PROOF_S) / (3 * made_up.USUAL_S)
    told = capsys.readouterr().out
    assert f"with the proof, of 0.50 s: {with_proof:.3f} (95 % interval" in told
    assert "reached: 1.000 " in told


def test_each_case_is_held_against_a_loop_by_hand(
    perf: Load,
    made_up: MadeUp,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train_step = perf("train_step")
    assert begun(train_step, monkeypatch, "--pairs", "2") == 0
    told = capsys.readouterr().out
    assert told.count("reached: 1.000 (95 % interval 1.000 to 1.000)") == len(train_step.CASES)
    assert {"keras-3.15.1-b1-cpu", "keras-3.15.1-b1-cpu-jax"} <= made_up.environments
    flags = {more["THEANO_FLAGS"] for more in made_up.variables if "THEANO_FLAGS" in more}
    assert flags
    assert all("blas.ldflags=,openmp=False" in each for each in flags)


def test_a_case_is_held_against_another_checkout(
    perf: Load,
    made_up: MadeUp,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = ["--pairs", "2", "--against", str(ROOT), "tensorflow-2.21.0"]
    assert begun(perf("train_step"), monkeypatch, *argv) == 0
    assert f"time_train_step of tensorflow-2.21.0 against that of {ROOT}" in capsys.readouterr().out


def test_each_setting_of_openmp_is_timed_alone_and_beside_other_work(
    perf: Load,
    made_up: MadeUp,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    others: list[tuple[tuple[str, ...], dict[str, str]]] = []

    @contextlib.contextmanager
    def beside(*options: str, **variables: str) -> Iterator[None]:
        others.append((options, variables))
        yield

    script = perf("torch_speeds")
    monkeypatch.setattr(script.common, "beside", beside)
    assert begun(script, monkeypatch, "--rounds", "2", "default", "one thread") == 0
    assert others == [(("--steady",), {"OPENBLAS_NUM_THREADS": "1"}), (("--steady",), {})] * 2
    assert Counter(more.get("OMP_NUM_THREADS") for more in made_up.variables) == {None: 6, "1": 6}
    assert made_up.environments == {"torch-2.15.0-b1-any"}
    told = capsys.readouterr().out
    of_all = "alone: 300 (300 to 300); beside work on one CPU: 300 (300 to 300); "
    assert told.count(of_all) == 2
    reads(perf("shared.burst"), list(others[0][0]), monkeypatch)


@pytest.mark.numerics
def test_what_is_made_by_hand_starts_from_our_weights_and_batch(perf: Load, tmp_path: Path) -> None:
    with np.load(perf("shared.processes").save_start(tmp_path)) as start:
        weights = [start[f"weight_{place}"].shape for place in range(len(start.files) - 2)]
        assert start["images"].shape == (8, 64, 64, 3)
        assert start["labels"].shape == (8, 1000)
    assert weights[:2] == [(3, 3, 3, 64), (64,)]
    assert weights[-2:] == [(4096, 1000), (1000,)]
    assert len(weights) == 32


# -- on stand-ins of frameworks


@pytest.fixture
def on_stand_ins(
    perf: Load, stand_ins: StandIns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StandIns:
    """The checkout of stand-ins in the place of this one, on a machine that nobody else uses."""
    common = perf("shared.common")
    for name, value in stand_ins.environ(UV_CACHE_DIR=str(tmp_path / "uv-cache")).items():
        monkeypatch.setenv(name, value)
    program = tmp_path / "vggbench"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAMS["vggbench"])} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(common, "ROOT", stand_ins.folder)
    monkeypatch.setattr(common, "VGGBENCH", program)
    return stand_ins


@pytest.mark.asv
def test_ours_is_a_process_as_asv_starts_it(perf: Load, on_stand_ins: StandIns) -> None:
    (on_stand_ins.folder / "vggbench").symlink_to(ROOT / "vggbench")
    processes = perf("shared.processes")
    python = processes.python_of("tensorflow-2.21.0")
    taken = processes.ours(python, xla="on", batch_norm="none", data_format="NHWC")
    assert taken.step_s == pytest.approx(0.020)
    assert len(taken.samples) == 5
    assert taken.losses == pytest.approx([1, 1 / 2, 1 / 3])
    assert taken.first_step_s == pytest.approx(1.0198)
    assert taken.notes["versions"] == {"tensorflow": "2.21.0"}
    with pytest.raises(SystemExit, match=r"^Theano none: theano is not part of this release$"):
        processes.ours(python, "Theano", batch_norm="none")


@pytest.mark.asv
@pytest.mark.parametrize(
    ("name", "smaller", "figures"),
    [
        ("asv_run", {"PROCESSES": 4}, 2),
        ("first_sample", {"TIMES": 1}, 1),
        ("memory", {"RELEASES": "tensorflow-2.15.1 tensorflow-2.16.2", "COUNT": 2}, 1),
    ],
)
def test_what_asv_costs_can_be_measured(
    perf: Load,
    on_stand_ins: StandIns,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    smaller: dict[str, Any],
    figures: int,
) -> None:
    """Whether a figure is met is the machine's affair."""
    script = perf(name)
    for constant, value in smaller.items():
        monkeypatch.setattr(script, constant, value)
    kept = tmp_path / "figures"
    monkeypatch.setenv(script.common.FIGURES_VARIABLE, str(kept))
    begun(script, monkeypatch)
    outcomes = [json.loads(line)[-1] for line in kept.read_text().splitlines()]
    assert len(outcomes) == figures
    assert set(outcomes) <= {"met", "MISSED"}


#: A package that has a stand-in of TensorFlow take twice as long, in place of planted.MODULE.
SLOWER = "import tensorflow\n\ntensorflow.SECONDS_A_STEP *= 2\n"


@pytest.mark.asv
def test_a_slow_down_that_is_planted_is_found(
    perf: Load,
    on_stand_ins: StandIns,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planted, state = perf("planted"), tmp_path / "state"
    monkeypatch.setattr(planted, "MODULE", SLOWER)
    status = begun(planted, monkeypatch, "--times", "1", "--state", str(state))
    told = capsys.readouterr().out
    assert status == 0, told
    assert "planted in tensorflow-2.21.0, in all of 1 configurations" in told
    (round_,) = planted.copies.State(state / "rounds.jsonl").read()
    assert round_["outcomes"] == {"NHWC none off": "regressed"}
    assert round_["status"] == 1
    left = {release.version for release in Catalogue(state / "checkout" / "releases")}
    assert left == {"2.21.0.post0", "2.21.0.post1"}
    # It goes on where it was, and measures nothing more.
    assert begun(planted, monkeypatch, "--times", "1", "--state", str(state)) == 0
    assert "left: " not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({"a": "unchanged", "b": "not sure"}, {"a": "unchanged", "b": "improved"}, 0),
        ({"a": "regressed", "b": "unchanged"}, {"a": "unchanged", "b": "unchanged"}, 0),
        ({"a": "regressed", "b": "unchanged"}, {"a": "regressed", "b": "unchanged"}, 1),
        ({"a": "unchanged", "b": "unchanged"}, {}, 1),
    ],
)
def test_one_false_alarm_is_not_too_many_but_a_release_has_to_be_judged(
    perf: Load,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    first: dict[str, str],
    second: dict[str, str],
    status: int,
) -> None:
    script = perf("false_alarms")
    made = mock.create_autospec(script.copies.CopiedTrack)
    copied = made.return_value
    copied.add.side_effect = lambda place, more=(): f"tensorflow-2.21.0.post{place}"
    copied.check.return_value = script.copies.Checked(0, "", 60.0)
    copied.verdicts.side_effect = [first, second]
    copied.processes.return_value = {"run": 36}
    monkeypatch.setattr(script.copies, "CopiedTrack", made)
    for _ in range(2):  # the second time from what is on record
        assert begun(script, monkeypatch, "--times", "2", "--state", str(tmp_path)) == status
    assert [call.args[0] for call in copied.add.call_args_list] == [0, 1, 2, 0]
    told = capsys.readouterr().out
    assert told.count("left: ") == 2
    assert ("not judged: tensorflow-2.21.0.post2" in told) is (not second)


@pytest.mark.asv
def test_two_clones_are_refused_or_say_what_ran_beside(
    perf: Load, on_stand_ins: StandIns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = perf("two_clones")
    before, after = script.RELEASES
    clones = tuple(script.Clone.make(tmp_path / name) for name in ("one", "other"))
    alone = clones[0].start(before, beside=False)
    output, _ = alone.communicate()
    assert alone.returncode == 0, output
    shutil.copytree(clones[0].folder / "results", clones[1].folder / "results")
    with machine_lock.held():
        # Both meet a third, and only one of them is to be refused.
        assert script.a_round(clones, after, False) == (0, 1)
        assert "2 of the two were refused" in capsys.readouterr().out
        assert script.a_round(clones, after, True) == (0, 0), capsys.readouterr().out
    assert {record.outcome for clone in clones for record in clone.taken(after)} == {"ok"}


# -- the rest


def test_an_environment_is_made_again_and_by_virtualenv_and_pip(
    perf: Load,
    bare_tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands: list[list[str]] = []

    def check(command: list[str]) -> None:
        commands.append(command)
        if "virtualenv" in command:
            Path(command[-1]).mkdir()

    script = perf("environment")
    clock = itertools.cycle([0.0, 2.0, 0.0, 1.0, 0.0, 6.0])  # first made, made again, theirs
    monkeypatch.setattr(script, "time", SimpleNamespace(perf_counter=clock.__next__))
    monkeypatch.setattr(script, "TURNS", 1)
    monkeypatch.setattr(script, "_check", check)
    monkeypatch.setattr(script.common, "ROOT", bare_tiny.folder)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert begun(script, monkeypatch, "tinyframe-1.1") == 1
    told = capsys.readouterr().out
    assert "reached: 3.0 times: 2.0 s against 6.0 s (medians of 1)\n  MISSED" in told
    assert "reached: 6.0 times: 1.0 s against 6.0 s (medians of 1)\n  met" in told
    (virtualenv, pip), (_, again) = commands[:2], commands[2:]
    assert virtualenv[1:3] == ["-m", "virtualenv"]
    assert pip[0] == f"{virtualenv[-1]}/bin/python"
    assert pip[-1] == again[-1] == str(bare_tiny.releases / "tinyframe" / "1.1-cpu.txt")


class Gpu:
    """CUDA's driver, and a train step of which LEFT_S are left to the GPU. The step waits for them
    where ``waits`` is true."""

    CALL_S, LEFT_S = 0.001, 0.010

    def __init__(self, waits: bool) -> None:
        self.waits = waits
        self.now = self.left_s = 0.0

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("cu"):
            raise AttributeError(name)
        return lambda *given: 0

    def cuCtxSynchronize(self) -> int:  # noqa: N802 (CUDA's name)
        self.now += self.left_s
        self.left_s = 0.0
        return 0

    def _run(self) -> None:
        self.now += self.CALL_S
        self.left_s += self.LEFT_S

    def __call__(self) -> None:
        self._run()
        if self.waits:
            self.cuCtxSynchronize()

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("waits", "status"), [(True, 0), (False, 1)])
def test_a_step_that_leaves_the_gpu_at_work_misses_the_figure(
    perf: Load,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    waits: bool,
    status: int,
) -> None:
    script, gpu = perf("gpu_wait"), Gpu(waits)
    built = []

    def build(workload: object, configuration: Configuration, device: str) -> Gpu:
        built.append((workload, configuration.framework, str(configuration), device))
        return gpu

    monkeypatch.setattr(script.builders, "build", build)
    monkeypatch.setattr(script, "time", SimpleNamespace(perf_counter=lambda: gpu.now))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: gpu)
    assert script.main() == status
    assert built[0] == (WORKLOADS["paper"], "TensorFlow", "NHWC none off", "gpu")
    told = capsys.readouterr().out
    assert told.count("MISSED") == (0 if waits else len(built))
    assert told.count("control {'call_ms': 1.0, 'wait_ms': 10.0}") == len(built) == 3


def test_what_the_wait_for_the_gpu_is_asked_of_is_there(perf: Load) -> None:
    """Nothing here has a GPU: what the script needs of a release and of its step is looked up."""
    catalogue = Catalogue(ROOT / "releases")
    environments = Environments(ROOT / ".asv" / "env" / "releases", catalogue)
    python = environments.python(catalogue.by_name["tensorflow-2.21.0"], "gpu")
    assert f"{python.relative_to(ROOT)} perf/gpu_wait.py" in str(perf("gpu_wait").__doc__)
    assert "gpu" in catalogue.by_name["tensorflow-2.21.0"].locks
    step = ROOT / "vggbench" / "inside" / "builders" / "tensorflow" / "function.py"
    assert "self._loss = self._run().numpy()" in step.read_text()
