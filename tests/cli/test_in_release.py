"""vggbench run: main.py in the environment of a release."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..real import RealCheckout, find
from ..tiny import PATIENCE_S, Ended, Tiny

PROGRAM = Path(sys.executable).parent / "vggbench"


def run(tiny: Tiny, *arguments: str) -> Ended:
    done = subprocess.run(
        [PROGRAM, "run", *arguments],
        cwd=tiny.folder,
        env=tiny.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    return Ended(done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("tinyframe-1.1",), 2, "nothing to run: give one or more of --run_keras"),
        (("tinyframe-1.1", "--", "--run_theano", "--use_XLA"), 2, "Theano has no XLA"),
        (("tinyframe-1.3", "--", "--run_theano"), 1, "no such release on the track"),
        (
            ("tinyframe>=1.0", "--", "--run_theano"),
            1,
            "names 5 releases; give one of them, such as tinyframe-2.0",
        ),
        (
            ("tinyframe-1.1", "--", "--run_theano", "--device", "gpu"),
            1,
            "tinyframe-1.1 has no lock for gpu",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_installed(
    bare_tiny: Tiny, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = run(bare_tiny, *arguments)
    assert (done.status, len(done.output.splitlines())) == (status, 1)
    assert said in done
    assert not list(bare_tiny.environments.glob("tinyframe-*"))


def test_main_py_runs_in_the_interpreter_of_the_release_with_its_status(tiny: Tiny) -> None:
    done = run(tiny, "tinyframe-1.1", "--", "--run_theano", "--batch_size", "2")
    assert done.status == 1
    python = next(tiny.environments.glob("tinyframe-1.1-*")) / "bin" / "python"
    assert done.output.startswith(f"main.py: no theano in this interpreter ({python})")


def test_main_py_runs_in_the_environment_of_the_backend_that_its_options_ask_for(
    bare_tiny: Tiny,
) -> None:
    bare_tiny.add_backends({"cpu": 0.01, "cpu-theano": 0.02})
    for backend, folder in (("theano", "keras-1.0-b1-cpu-theano"), (None, "keras-1.0-b1-cpu")):
        options = () if backend is None else ("--keras_backend", backend)
        done = run(bare_tiny, "keras-1.0", "--", "--run_keras", *options)
        python = bare_tiny.environments / folder / "bin" / "python"
        assert f"main.py: no keras in this interpreter ({python})" in done


def test_options_may_ask_for_main_pys_help(tiny: Tiny) -> None:
    done = run(tiny, "tinyframe-1.1", "--", "--help")
    assert done.status == 0
    assert done.output.startswith("usage: main.py ")


@pytest.mark.tensorflow
def test_a_release_is_run_by_the_seeds_command_line(tmp_path: Path) -> None:
    """From another folder: a relative path is relative to it."""
    release = find("tensorflow-2.21.0")
    real = RealCheckout.make(tmp_path / "checkout")
    arguments = "--run_tensorflow --batch_size 2 --image_size 32 --n_trials 3 --device cpu"
    command = [PROGRAM, "--config", real.folder / "asv.conf.json", "run", release.name, "--"]
    done = subprocess.run(
        [*command, *arguments.split(), "--json", "out.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "/nowhere", "VIRTUAL_ENV": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "out.json").read_text())
    (run,) = told["runs"]
    assert run["versions"]["tensorflow"] == release.version
    # The first loss of the reference without batch normalisation (vggbench/judging/agreement.py).
    assert run["warm_up_loss"] == pytest.approx(7.18916, abs=1e-4)
    assert release.name in told["machine"]["interpreter"]
    assert f"mean      {1000 * run['mean_s']:.3f} ms a step" in done.stdout


@pytest.mark.tensorflow
def test_ctrl_c_is_one_line_of_main_pys_and_its_status(tmp_path: Path) -> None:
    """A terminal sends it to all processes of the command."""
    real = RealCheckout.make(tmp_path / "checkout")
    arguments = (
        f"run {find('tensorflow-2.21.0').name} -- --run_tensorflow --image_size 32 --device cpu"
    )
    process = subprocess.Popen(
        [PROGRAM, *arguments.split(), "--json", "out.json"],
        cwd=real.folder,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    where = next(line for line in process.stderr if "warm-up" in line).strip()
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=PATIENCE_S)[1].splitlines()
    assert process.returncode == 130
    assert rest[-1].startswith("main.py: interrupted at TensorFlow, ")
    assert where == "TensorFlow, warm-up step"
    assert not (real.folder / "out.json").exists()
