"""xla=on is timed where XLA compiled the whole step, and only there."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vggbench.campaigns import verify
from vggbench.inside import params
from vggbench.inside.builders import tensorflow as package
from vggbench.inside.params import Configuration, NotApplicable
from vggbench.judging import agreement

from ...real import TURNS, in_turn, python_of

NETWORK = [
    "Conv2D",
    "_FusedConv2D",
    "Conv2DBackpropInput",
    "MatMul",
    "ResourceApplyGradientDescent",
]
PLUMBING = ["_Arg", "_Retval", "Const", "VarHandleOp", "Identity", "NoOp"]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A TensorFlow that knows its version, and nothing else yet."""
    name = "vggbench.inside.builders.tensorflow.xla"
    tensorflow = ModuleType("tensorflow")
    tensorflow.__version__ = "2.21.0"
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    # So that what is imported with the stand-in goes when it goes.
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(package, "xla", None, raising=False)
    del sys.modules[name]
    importlib.import_module(name)
    return tensorflow


@pytest.fixture
def xla(stand_in: ModuleType) -> ModuleType:
    return sys.modules["vggbench.inside.builders.tensorflow.xla"]


def graph(*operations: str) -> Any:
    return SimpleNamespace(node=[SimpleNamespace(op=op) for op in operations])


class CompiledFunction:
    """A tf.function that has run."""

    def __init__(self, must_compile: bool = True, mark: str = "_XlaMustCompile") -> None:
        attributes = {mark: SimpleNamespace(b=must_compile)}
        definition = SimpleNamespace(attr=attributes)
        self.get_concrete_function = lambda: SimpleNamespace(function_def=definition)


class TellingFunction(CompiledFunction):
    """A tf.function that has run and hands out its program."""

    def __init__(self, convolutions: int) -> None:
        super().__init__()
        line = "  %c.1 = f32[2,8,8,4]{3,2,1,0} convolution(f32[2,8,8,3]{3,2,1,0} %x, %w)\n"
        program = "ENTRY %main {\n" + convolutions * line + "}\n"
        self.experimental_get_compiler_ir = lambda: lambda stage: program


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.0.0", None),
        ("1.11.0", None),
        ("1.12.3", "tensorflow.contrib.compiler.xla.compile"),
        ("1.14.0", "tensorflow.contrib.compiler.xla.compile"),
        ("1.15.5", "tf.xla.experimental.compile"),
        ("2.0.4", "tf.xla.experimental.compile"),
        ("2.1.4", "tf.function(experimental_compile=True)"),
        ("2.4.4", "tf.function(experimental_compile=True)"),
        ("2.5.3", "tf.function(jit_compile=True)"),
        ("2.10.1", "tf.function(jit_compile=True)"),
        ("2.22.0-rc1", "tf.function(jit_compile=True)"),
    ],
)
def test_each_era_has_its_widest_mode(xla: ModuleType, version: str, name: str | None) -> None:
    assert xla.mode_name(version) == name


def test_a_build_without_xla_is_not_applicable(stand_in: ModuleType, xla: ModuleType) -> None:
    stand_in.test = SimpleNamespace(is_built_with_xla=lambda: False)
    with pytest.raises(NotApplicable, match=r"no XLA in this build of tensorflow 2\.21\.0"):
        xla.mode()


def test_a_build_too_old_to_compile_a_whole_step_is_not_applicable(
    stand_in: ModuleType, xla: ModuleType
) -> None:
    stand_in.__version__ = "1.8.0"
    stand_in.test = SimpleNamespace(is_built_with_xla=lambda: True)
    with pytest.raises(NotApplicable, match="no way to compile a whole step"):
        xla.mode()


@pytest.mark.parametrize(
    ("version", "argument"), [("2.3.4", "experimental_compile"), ("2.21.0", "jit_compile")]
)
def test_tf_function_is_given_the_argument_of_its_era(
    stand_in: ModuleType, xla: ModuleType, version: str, argument: str
) -> None:
    stand_in.__version__ = version
    stand_in.test = SimpleNamespace(is_built_with_xla=lambda: True)
    mode = xla.mode()
    assert mode.function_arguments == {argument: True}
    assert mode.compiled(test_tf_function_is_given_the_argument_of_its_era).__name__ == (
        "test_tf_function_is_given_the_argument_of_its_era"
    )


def test_compile_is_given_the_step_and_its_only_output_is_returned(
    stand_in: ModuleType, xla: ModuleType
) -> None:
    stand_in.__version__ = "2.0.4"
    stand_in.test = SimpleNamespace(is_built_with_xla=lambda: True)
    stand_in.xla = SimpleNamespace(
        experimental=SimpleNamespace(compile=lambda f: [("in XLA", f())])
    )
    assert xla.mode().compiled(lambda: "loss")() == ("in XLA", "loss")


def test_one_launch_and_plumbing_prove_a_compiled_graph(xla: ModuleType) -> None:
    assert "one XlaLaunch" in xla.prove_one_launch([graph("XlaLaunch", *PLUMBING)])


@pytest.mark.parametrize(
    "operation", [*NETWORK, "_MklConv2D", "FusedBatchNormV3", "AssignSub", "PartitionedCall"]
)
def test_work_outside_the_computation_is_refused_and_named(xla: ModuleType, operation: str) -> None:
    with pytest.raises(NotApplicable, match=f"outside XLA: {operation}$"):
        xla.prove_one_launch([graph("XlaLaunch", *PLUMBING), graph(operation)])


@pytest.mark.parametrize("launches", [0, 7])
def test_a_step_in_several_computations_or_none_is_refused(xla: ModuleType, launches: int) -> None:
    with pytest.raises(NotApplicable, match=f"as {launches} computations of XLA instead of one"):
        xla.prove_one_launch([graph(*launches * ["XlaLaunch"], *PLUMBING)])


@pytest.mark.parametrize("mark", ["_XlaMustCompile", "_XlaCompile"])
def test_a_marked_function_is_proven_without_its_program(xla: ModuleType, mark: str) -> None:
    function = CompiledFunction(mark=mark)
    proof = xla.prove_must_compile([graph("Atan2", "_Retval")], function, "/cpu:0")
    assert f"marked {mark}," in proof
    assert "HLO" not in proof


def test_the_program_must_hold_every_convolution(stand_in: ModuleType, xla: ModuleType) -> None:
    stand_in.device = lambda name: open(os.devnull)
    control = [graph("Atan2")]
    proof = xla.prove_must_compile(control, TellingFunction(39), "/cpu:0")
    assert proof.endswith("; 39 convolutions in its HLO")
    assert xla.prove_must_compile(control, TellingFunction(38), "/cpu:0")
    with pytest.raises(NotApplicable, match="gave XLA 37 convolutions of the step's 38"):
        xla.prove_must_compile(control, TellingFunction(37), "/cpu:0")


def test_a_function_that_may_be_interpreted_is_refused(xla: ModuleType) -> None:
    with pytest.raises(NotApplicable, match="not marked for XLA"):
        xla.prove_must_compile([graph("Atan2")], CompiledFunction(must_compile=False), "/cpu:0")


def test_a_graph_that_ran_refutes_every_mark(xla: ModuleType) -> None:
    with pytest.raises(NotApplicable, match="outside XLA: _MklNativeConv2D"):
        xla.prove_must_compile([graph("Atan2", "_MklNativeConv2D")], CompiledFunction(), "/cpu:0")


def test_no_graphs_prove_nothing_where_none_are_recorded(xla: ModuleType) -> None:
    with pytest.raises(NotApplicable, match="does not tell what it ran"):
        xla.prove_must_compile([], CompiledFunction(), "/cpu:0")


# Real releases, in their own interpreters.

# What a mutated TensorFlow does, before the probe runs in it.
XLA_IGNORED = {
    "tensorflow-1.15.5": """
import tensorflow as tf
tf.xla.experimental.compile = lambda computation: [computation()]
""",
    "tensorflow-2.21.0": """
import tensorflow as tf
function = tf.function
tf.function = lambda *a, jit_compile=None, **k: function(*a, **k)
""",
}

# As verify.SCRIPT runs, after what changes TensorFlow.
RUN_SCRIPT = """
import runpy, sys
path, sys.argv = sys.argv[1], sys.argv[1:]
runpy.run_path(path, run_name="__main__")
"""


def first_steps(
    name: str, folder: Path, xla: str, data_format: str = "NHWC", before: str = "", **flags: str
) -> dict[str, Any]:
    """The outcome of three steps of a release, run in its own environment; ``folder`` gets them."""
    python = python_of(name)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    chosen = json.dumps({"data_format": data_format, "xla": xla})
    arguments = [str(folder), "TensorFlow", chosen, "cpu"]
    done = subprocess.run(
        [python, "-c", before + RUN_SCRIPT, verify.SCRIPT, *arguments],
        capture_output=True,
        text=True,
        env={**env, **flags},
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    outcome: dict[str, Any] = json.loads((folder / "outcome.json").read_text())
    return outcome


def in_xla(name: str) -> list[tuple[str, str]]:
    """The release in both data formats, in one of them, in turns, or in none: from 2.8 on XLA
    compiles the step in seconds, before in up to a minute, and before 1.12 there is none."""
    version = tuple(int(part) for part in name.partition("-")[2].split("."))
    formats = params.DATA_FORMATS if version >= (2, 8) else [in_turn(params.DATA_FORMATS)]
    return [(name, data_format) for data_format in formats if version >= (1, 12)]


COMPILED = [
    pair
    for name in dict.fromkeys(("tensorflow-1.15.5", "tensorflow-2.21.0", TURNS["TensorFlow"]))
    for pair in in_xla(name)
]


@pytest.mark.tensorflow
@pytest.mark.parametrize(("name", "data_format"), COMPILED)
def test_a_compiled_step_computes_what_the_reference_computes(
    name: str, data_format: str, tmp_path: Path
) -> None:
    outcome = first_steps(name, tmp_path, "on", data_format)
    assert outcome["outcome"] == "ok", outcome
    with np.load(tmp_path / "steps.npz") as steps:
        assert agreement.compare(steps, Configuration("TensorFlow")).why_not is None
    told = outcome["describe"]["xla"]
    assert told["mode"].startswith(("tf.", "tensorflow.contrib."))
    proofs = ("XlaLaunch", "39 convolutions in its HLO", "the function is marked _Xla")
    assert any(proof in told["proof"] for proof in proofs)
    assert told["proof_s"] >= 0


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", sorted(XLA_IGNORED))
def test_xla_switched_off_behind_the_back_is_caught(name: str, tmp_path: Path) -> None:
    outcome = first_steps(name, tmp_path, "on", before=XLA_IGNORED[name])
    assert outcome["outcome"] == "n/a"
    assert "ran parts of the step outside XLA: " in outcome["reason"]
    assert "Conv2D" in outcome["reason"]


@pytest.mark.tensorflow
def test_a_wheel_without_xla_says_so(tmp_path: Path) -> None:
    outcome = first_steps("tensorflow-1.0.0", tmp_path, "on")
    assert outcome == {"outcome": "n/a", "reason": "no XLA in this build of tensorflow 1.0.0"}


@pytest.mark.tensorflow
def test_without_xla_the_description_says_off(tmp_path: Path) -> None:
    outcome = first_steps("tensorflow-2.21.0", tmp_path, "off")
    assert outcome["describe"]["xla"] == {"mode": "off"}


@pytest.mark.tensorflow
def test_xla_flags_of_the_user_are_used_and_told(tmp_path: Path) -> None:
    dumped = tmp_path / "dumped"
    flags = {
        "TF_XLA_FLAGS": "--tf_xla_cpu_global_jit",
        "XLA_FLAGS": f"--xla_dump_to={dumped} --xla_dump_hlo_as_text",
    }
    told = first_steps("tensorflow-2.21.0", tmp_path, "on", **flags)["describe"]
    assert {name: told[name] for name in flags} == flags
    assert list(dumped.iterdir()) != []


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("flag", "compiles"),
    [("--tf_xla_auto_jit=2", False), ("--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit", True)],
)
def test_with_xla_off_the_users_flags_are_used_and_told_all_the_same(
    flag: str, compiles: bool, tmp_path: Path
) -> None:
    dumped = tmp_path / "dumped"
    flags = {"TF_XLA_FLAGS": flag, "XLA_FLAGS": f"--xla_dump_to={dumped}"}
    told = first_steps("tensorflow-2.21.0", tmp_path, "off", **flags)["describe"]
    assert {name: told[name] for name in flags} == flags
    assert told["xla"] == {"mode": "off"}
    assert dumped.exists() == compiles
