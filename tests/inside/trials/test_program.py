"""main.py's processes, output and exit status, with a framework that the tests make."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vggbench.inside.trials import program

from ...tiny import PATIENCE_S

STAND_IN = """
import os, signal, sys, time
from vggbench.inside import builders, params
from vggbench.inside.trials import one_process

class Step:
    calls = 0

    def __call__(self):
        print("a framework's own words")
        os.write(1, b"and those of its library\\n")
        self.calls += 1
        mode = os.environ.get("STAND_IN", "")
        if mode == "slow" and self.calls == 3:
            time.sleep(1000)
        if mode == "slow":
            time.sleep(1.1)
        if mode == "crash" and self.calls == 3:
            os.write(2, b"terminate called\\n")
            os.kill(os.getpid(), signal.SIGSEGV)
        if mode == "error":
            raise RuntimeError("no memory\\nand a long story")

    def loss(self):
        return float("nan") if os.environ.get("STAND_IN") == "nan" else 1.0

    def describe(self):
        return {"tensorflow": "9.9", "xla": {"mode": "off"}, "cuda": None}

def build(workload, configuration, device):
    if configuration.data_format == "NCHW":
        raise params.NotApplicable("NHWC only on the " + device)
    return Step()

builders.build = build
one_process.main(sys.argv[1:])
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A stand-in for one_process.py, in an interpreter that has a module of each framework."""
    for name in ("tensorflow", "keras"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "tmp").mkdir()
    path = tmp_path / "stand_in.py"
    path.write_text(STAND_IN)
    return str(path)


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[list[Path]]:
    """What is left in the folder of temporary files, to be looked at when the test has run."""
    found: list[Path] = []
    yield found
    assert sorted((tmp_path / "tmp").iterdir()) == sorted(found)


SMALL = ["--run_tensorflow", "--batch_size", "2", "--image_size", "32", "--n_trials", "3"]


def test_a_run_prints_and_writes_all_of_it(
    script: str, logs: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out.json"
    file.write_text("old")
    arguments = [*SMALL, "--device", "cpu", "--json", str(file)]
    assert program.main(arguments, script) == 0
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert lines[0] == "TensorFlow on the cpu: data_format NHWC, batch_norm none, xla off"
    said = {line.split()[0]: line.split(None, 1)[1] for line in lines[1:]}
    assert list(said) == [
        *("workload", "versions", "machine", "python", "start", "mean", "spread"),
    ]
    assert said["workload"] == "2 x 32 x 32, 3 trials"
    assert said["versions"] == 'tensorflow 9.9, xla {"mode": "off"}'
    assert err.splitlines() == [
        "TensorFlow, importing and building",
        "TensorFlow, warm-up step",
        "TensorFlow, trials",
    ]

    told = json.loads(file.read_text())
    assert told["schema"] == 1
    assert told["arguments"] == arguments
    assert told["machine"]["interpreter"] == sys.executable
    assert told["machine"]["cpu"] in said["machine"]
    (run,) = told["runs"]
    assert run["outcome"] == "ok"
    assert run["configuration"] == {"data_format": "NHWC", "batch_norm": "none", "xla": "off"}
    assert len(run["trials_s"]) == run["n_trials"] == 3
    assert run["mean_s"] == pytest.approx(run["total_s"] / 3)
    assert sum(run["trials_s"]) == pytest.approx(run["total_s"])
    assert f"{1000 * run['mean_s']:.3f} ms a step" == said["mean"]
    assert run["versions"]["tensorflow"] == "9.9"
    assert not list(tmp_path.glob("*.new"))


def test_what_is_not_applicable_has_its_reason_and_status_3(
    script: str, logs: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out.json"
    arguments = [*SMALL, "--data_format", "NCHW", "--json", str(file)]
    assert program.main(arguments, script) == 3
    assert capfd.readouterr().err.splitlines()[-1] == (
        "main.py: TensorFlow on the cpu: data_format NCHW, batch_norm none, xla off: "
        "n/a: NHWC only on the cpu"
    )
    (run,) = json.loads(file.read_text())["runs"]
    assert (run["outcome"], run["reason"]) == ("n/a", "NHWC only on the cpu")


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("nan", "the loss of the warm-up step is nan: the step computes nonsense"),
        ("error", "RuntimeError: no memory"),
        ("crash", "the process died with signal 11 at TensorFlow, trials: terminate called"),
    ],
)
def test_a_failure_is_one_line_with_what_the_framework_printed(
    *,
    script: str,
    logs: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    mode: str,
    error: str,
) -> None:
    monkeypatch.setenv("STAND_IN", mode)
    file = tmp_path / "out.json"
    assert program.main([*SMALL, "--json", str(file)], script) == 1
    (run,) = json.loads(file.read_text())["runs"]
    assert (run["outcome"], run["error"]) == ("failed", error)
    logs.append(Path(run["output"]))
    assert "a framework's own words" in logs[0].read_text()
    assert "and those of its library" in logs[0].read_text()
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.endswith(f"failed: {error}; what it printed is in {logs[0]}")


def test_frameworks_run_one_after_the_other_and_the_worst_is_the_status(
    script: str, logs: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out.json"
    arguments = [*SMALL, "--run_keras", "--keras_backend", "tensorflow", "--use_bn", "--use_fused"]
    assert program.main([*arguments, "--json", str(file)], script) == 0
    runs = json.loads(file.read_text())["runs"]
    assert [run["framework"] for run in runs] == ["Keras", "TensorFlow"]
    assert [run["configuration"]["batch_norm"] for run in runs] == ["mode 0", "fused"]
    out = capfd.readouterr().out
    assert out.startswith("--use_fused is not for Keras on tensorflow: ")


def test_a_framework_that_is_not_there_is_said_before_any_work(
    script: str, logs: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert program.main([*SMALL, "--run_theano"], script) == 1
    assert program.main(["--run_keras", "--keras_backend", "theano"], script) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"main.py: no theano in this interpreter ({sys.executable}); to run in the environment of "
        f"a release: vggbench run {track} -- OPTIONS"
        for track in ("theano", "keras")
    ]


RUN = """
import sys
from vggbench.inside.trials import program
sys.path.insert(0, sys.argv[1])
sys.exit(program.main(sys.argv[3:], sys.argv[2]))
"""


def test_ctrl_c_is_one_line_and_leaves_nothing_behind(
    script: str, logs: list[Path], tmp_path: Path
) -> None:
    file = tmp_path / "out.json"
    file.write_text("old")
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), script, *SMALL, "--json", str(file)],
        env={**os.environ, "STAND_IN": "slow"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "trial 1 of 3" in line:
            break
    child = children(process.pid)
    assert len(child) == 1
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert out == ""
    assert err == "main.py: interrupted at TensorFlow, trial 1 of 3; no results are written\n"
    assert file.read_text() == "old"
    assert not Path(f"/proc/{child[0]}").exists()


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_progress_on_a_terminal_is_one_line_that_changes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = program.Progress("TensorFlow", 40)
    for trial in (1, 2):
        progress.trial(trial)
    progress.clear()
    shown = capsys.readouterr().err
    assert "\n" not in shown
    assert shown.split("\r\x1b[K") == [
        *("", "TensorFlow, trial 1 of 40", "TensorFlow, trial 2 of 40", "")
    ]


def test_progress_elsewhere_is_a_line_at_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    progress = program.Progress("TensorFlow", 40)
    for trial in range(1, 13):
        progress.trial(trial)
    assert progress.where == "TensorFlow, trial 12 of 40"
    progress.clear()
    shown = capsys.readouterr().err.splitlines()
    assert shown == [f"TensorFlow, trial {trial} of 40" for trial in (4, 8, 12)]
