"""What main.py makes of its command line, and what it refuses before any work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vggbench.inside import builders
from vggbench.inside.trials import options
from vggbench.releases import interpreters

from ...real import ROOT
from ...tiny import pythons


@pytest.fixture(autouse=True)
def no_backend_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)


def configurations(arguments: str) -> list[str]:
    asked = options.parse(arguments.split())
    return [f"{configuration.framework} {configuration}" for configuration in asked.configurations]


@pytest.mark.parametrize(
    ("arguments", "configuration"),
    [
        ("--run_tensorflow", "TensorFlow NHWC none off"),
        ("--run_tensorflow --data_format NCHW --use_XLA", "TensorFlow NCHW none on"),
        ("--run_tensorflow --use_bn", "TensorFlow NHWC unfused off"),
        ("--run_tensorflow --use_bn --use_fused", "TensorFlow NHWC fused off"),
        ("--run_keras", "Keras tensorflow NHWC none off"),
        ("--run_keras --use_XLA", "Keras tensorflow NHWC none on"),
        ("--run_keras --keras_backend theano", "Keras theano NCHW none off"),
        (
            "--run_keras --keras_backend theano --data_format NHWC --use_bn",
            "Keras theano NHWC mode 0 off",
        ),
        ("--run_keras --use_bn --keras_bn_mode 2", "Keras tensorflow NHWC mode 2 off"),
        ("--run_theano", "Theano none"),
        ("--run_theano --use_bn --data_format NCHW", "Theano unfused"),
        ("--run_theano --use_bn --use_fused", "Theano fused"),
    ],
)
def test_options_choose_a_configuration(arguments: str, configuration: str) -> None:
    assert configurations(arguments) == [configuration]


def test_every_framework_of_ours_has_an_option_and_a_configuration_of_its_own() -> None:
    """docs/adding-a-framework.md says that others have none."""
    assert set(options.FRAMEWORKS) == set(builders.packages())
    for framework, option in options.FRAMEWORKS.items():
        (configuration,) = configurations(option)
        assert configuration.split()[0] == framework


def test_the_defaults_are_the_seeds() -> None:
    asked = options.parse(["--run_tensorflow"])
    assert (asked.batch_size, asked.image_size, asked.n_trials) == (16, 224, 100)
    assert (asked.device, asked.json, asked.notes) == (None, None, [])


def test_frameworks_run_in_the_seeds_order_whatever_the_arguments() -> None:
    assert configurations("--run_theano --run_tensorflow --run_keras --use_bn") == [
        "Keras tensorflow NHWC mode 0 off",
        "TensorFlow NHWC unfused off",
        "Theano unfused",
    ]


def test_an_option_that_some_frameworks_have_not_is_for_the_others_and_said() -> None:
    asked = options.parse(
        ["--run_keras", "--run_tensorflow", "--run_theano", "--use_bn", "--use_fused", "--use_XLA"]
    )
    assert [str(configuration) for configuration in asked.configurations] == [
        "tensorflow NHWC mode 0 on",
        "NHWC fused on",
        "fused",
    ]
    assert asked.notes == [
        "--use_XLA is not for Theano: Theano has no XLA",
        "--use_fused is not for Keras on tensorflow: "
        "Keras chooses the kernel of batch normalisation itself",
    ]


def test_keras_itself_chooses_its_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By KERAS_BACKEND, or as that release does by default; the user's keras.json has no say."""
    home = tmp_path / "home" / ".keras"
    home.mkdir(parents=True)
    (home / "keras.json").write_text('{"backend": "theano"')
    monkeypatch.setenv("HOME", str(home.parent))
    package = tmp_path / "keras"
    package.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    for version, backend in (("1.0.8", "theano"), ("1.1.0", "tensorflow"), ("2.3.1", "tensorflow")):
        (package / "__init__.py").write_text(f"__version__ = '{version}'\nimport nothing\n")
        assert options.own_keras_backend() == backend
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert options.own_keras_backend() == "theano"
    assert configurations("--run_keras --keras_backend tensorflow")[0].startswith("Keras tensorfl")
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(options.Refused, match="KERAS_BACKEND is 'openvino'"):
        options.parse(["--run_keras"])


REFUSED = {
    "": "nothing to run: give one or more of --run_keras, --run_tensorflow, --run_theano",
    "--use_bn": "nothing to run",
    "--run_tensorflow --use_fused": "--use_fused says which batch normalisation: give --use_bn",
    "--run_keras --keras_bn_mode 2": "--keras_bn_mode says which batch normalisation",
    "--run_tensorflow --keras_backend theano": "--keras_backend cannot be: it is Keras's",
    "--run_tensorflow --use_bn --keras_bn_mode 2": "--keras_bn_mode cannot be: it is Keras's",
    "--run_theano --use_XLA": "--use_XLA cannot be: Theano has no XLA",
    "--run_keras --keras_backend theano --use_XLA": "--use_XLA cannot be: Theano has no XLA",
    "--run_keras --use_bn --use_fused": "--use_fused cannot be: Keras chooses the kernel",
    "--run_theano --data_format NHWC": "--data_format NHWC cannot be: Theano alone computes",
    "--run_tensorflow --data_format CHWN": "invalid choice: 'CHWN'",
    "--run_keras --keras_backend openvino": "invalid choice: 'openvino'",
    "--run_keras --use_bn --keras_bn_mode 1": "invalid choice: '1'",
    "--run_tensorflow --device tpu": "invalid choice: 'tpu'",
    "--run_tensorflow --batch_size 0": "--batch_size: '0': it must be a whole number of at least 1",
    "--run_tensorflow --batch_size -1": "--batch_size: '-1': it must be a whole number",
    "--run_tensorflow --batch_size 1.5": "--batch_size: '1.5': it must be a whole number",
    "--run_tensorflow --batch_size": "--batch_size: expected one argument",
    "--run_tensorflow --n_trials 0": "--n_trials: '0': it must be a whole number of at least 1",
    "--run_tensorflow --image_size 100": "--image_size 100: it must be a multiple of 32",
    "--run_tensorflow --image_size 0": "--image_size: '0': it must be a whole number",
    "--run_tensorflow --run_tensorflow": "--run_tensorflow is given twice",
    "--run_tensorflow --batch_size 4 --batch_size=4": "--batch_size is given twice",
    "--run_tensorflow --learning_rate 1": "unrecognized arguments: --learning_rate 1",
    "--run_tens": "unrecognized arguments: --run_tens",
    "--run_tensorflow NHWC": "unrecognized arguments: NHWC",
    "--run_tensorflow --json /nowhere/file": "--json /nowhere/file: there is no folder /nowhere",
    "--run_tensorflow --json /dev/null": "--json /dev/null: it is no file",
}

ALL_REFUSED = """
import sys
sys.path.insert(0, sys.argv[1])
from vggbench.inside.trials import program
for line in sys.stdin:
    print(program.main(line.split()), flush=True)
"""


@pytest.mark.parametrize("python", sorted(set(pythons())))
def test_what_cannot_be_is_refused_in_one_line_without_numpy(python: str) -> None:
    """In one process a CPython, all after one another."""
    done = subprocess.run(
        [interpreters.find(python), "-S", "-B", "-c", ALL_REFUSED, ROOT],
        input="\n".join(REFUSED) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONNOUSERSITE": "1"},
    )
    assert done.stdout.split() == ["2"] * len(REFUSED)
    lines = done.stderr.splitlines()
    assert len(lines) == len(REFUSED)
    for (arguments, said), line in zip(REFUSED.items(), lines, strict=True):
        assert line.startswith("main.py: "), arguments
        assert said in line


@pytest.mark.parametrize("python", sorted(set(pythons())))
def test_main_py_refuses_with_status_2_and_nothing_on_standard_output(python: str) -> None:
    done = subprocess.run(
        [interpreters.find(python), "-S", "-B", "main.py", "--run_tensorflow", "a\nb"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"PYTHONNOUSERSITE": "1"},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "main.py: unrecognized arguments: a b; main.py --help shows all options\n"
    )
