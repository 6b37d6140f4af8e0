"""Real TensorFlow releases: three old friends, and one whose turn it is (tests/real.py).

They are installed from their locks into .asv/test-env and kept there for the next run.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

from vggbench import records
from vggbench.campaigns import verify
from vggbench.frameworks.tensorflow import ONEDNN_TOLD_SINCE, ONEDNN_VARIABLE
from vggbench.inside.params import Configuration, choices_of
from vggbench.inside.scripts import first_steps
from vggbench.inside.workload import Workload
from vggbench.judging import agreement

from ...real import ROOT, TURNS, RealCheckout, find, in_turn, mutated, python_of, verified
from ...stand_in_nvml import StandIn

pytestmark = pytest.mark.tensorflow

# At 8 x 64 x 64 a near-tie of two values in a ReLU or a max-pool, decided by rounding, moves the
# third loss by 2e-4 (seen at 3 x 64 x 64).
QUICK_LOSS_TOLERANCE = 1e-3
# With batch normalisation near-ties weigh more: the absolute difference counts.
QUICK_BATCH_NORM_LOSS_TOLERANCE = 1e-2

OLDEST, LAST_OF_1, NEWEST = "tensorflow-1.0.0", "tensorflow-1.15.5", "tensorflow-2.21.0"
RELEASES = (OLDEST, LAST_OF_1, NEWEST, TURNS["TensorFlow"])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealCheckout:
    return RealCheckout.make(tmp_path_factory.mktemp("real") / "checkout")


def plain(data_format: str, batch_norm: str) -> Configuration:
    return Configuration("TensorFlow", data_format=data_format, batch_norm=batch_norm)


@pytest.mark.parametrize("batch_norm", choices_of("TensorFlow")["batch_norm"])
@pytest.mark.parametrize("name", RELEASES)
def test_every_release_computes_what_the_reference_computes(name: str, batch_norm: str) -> None:
    nhwc = verified(name, plain("NHWC", batch_norm))
    assert nhwc.answer == verify.AGREES, nhwc.reason
    nchw = verified(name, plain("NCHW", batch_norm))
    if nchw.answer == verify.NOT_APPLICABLE:
        assert "NHWC" in (nchw.reason or "")
    else:
        assert nchw.answer == verify.AGREES, nchw.reason


@pytest.mark.parametrize("name", RELEASES)
def test_a_framework_that_sees_no_gpu_is_na_on_one(name: str) -> None:
    found = verified(name, Configuration("TensorFlow"), device="gpu")
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert found.reason == f"no GPU visible to {name.replace('-', ' ')}"


BUILT_WITH_CUDA = """
def mutate():
    import tensorflow as tf
    tf.test.is_built_with_cuda = lambda: True
"""


@pytest.mark.parametrize("name", ["tensorflow-1.15.5", "tensorflow-2.21.0"])
def test_a_framework_with_cuda_that_lists_none_of_the_machines_gpus_failed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that is not found would else pass for a machine without a GPU."""
    python_of(name)  # which takes programs to install
    monkeypatch.setenv("PATH", StandIn(tmp_path / "gpus").environ(os.environ["PATH"])["PATH"])
    script = mutated(tmp_path, BUILT_WITH_CUDA)
    found = verified(name, Configuration("TensorFlow"), script, device="gpu")
    assert found.answer == verify.FAILED
    assert (
        f"{name.replace('-', ' ')} has CUDA and lists no GPU, nvidia-smi lists Stand-in: "
        in str(found.reason)
    )


FINDS_CUSOLVER = """
import ctypes, sys
sys.path.insert(0, sys.argv[1])
from vggbench.inside.builders.tensorflow import network as tensorflow_network

try:
    ctypes.CDLL("libcusolver.so.11")
except OSError:
    tensorflow_network.load_cusolver(sys.argv[2])
    ctypes.CDLL("libcusolver.so.11")
    print("found once loaded")
"""


def test_cusolver_is_found_by_its_name_once_its_wheel_is_loaded(tmp_path: Path) -> None:
    library = tmp_path / "nvidia" / "cusolver" / "lib" / "libcusolver.so.11"
    library.parent.mkdir(parents=True)
    compiled = ["gcc", "-shared", f"-Wl,-soname,{library.name}", "-x", "c", "/dev/null"]
    subprocess.run([*compiled, "-o", str(library)], check=True)
    command = [python_of("tensorflow-2.21.0"), "-c", FINDS_CUSOLVER, str(ROOT), str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "found once loaded\n"


LOOKS_FOR_TF32 = """
def mutate():
    import tensorflow as tf
    from vggbench.inside.builders.tensorflow import function as builder
    call = builder._FunctionStep.__call__
    def checked(step):
        assert not tf.config.experimental.tensor_float_32_execution_enabled(), "TF32 is on"
        return call(step)
    builder._FunctionStep.__call__ = checked
"""


def test_what_is_held_against_the_reference_is_computed_in_float32(tmp_path: Path) -> None:
    script = mutated(tmp_path, LOOKS_FOR_TF32)
    found = verified("tensorflow-2.21.0", plain("NHWC", "none"), script)
    assert found.answer == verify.AGREES, found.reason


ONE_IMAGE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from vggbench.inside.scripts import first_steps
first_steps.BATCH_SIZE = 1
first_steps.main(sys.argv[1:])
"""


@pytest.mark.parametrize("batch_norm", [in_turn(["unfused", "fused"])])
@pytest.mark.parametrize("name", [OLDEST, LAST_OF_1, NEWEST])
def test_a_batch_of_one_image_is_normalised_as_in_the_reference(
    name: str, batch_norm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last convolutions see four values a channel, whose variance is rounded more."""
    monkeypatch.setattr(agreement, "WORKLOAD", Workload(1, first_steps.IMAGE_SIZE))
    monkeypatch.setattr(agreement, "expected", agreement.expected.__wrapped__)
    script = tmp_path / "one_image.py"
    script.write_text(ONE_IMAGE)
    found = verified(name, plain("NHWC", batch_norm), script)
    assert found.answer == verify.AGREES, found.reason


@pytest.mark.parametrize("name", [in_turn([LAST_OF_1, TURNS["TensorFlow"]])])
def test_the_users_home_is_neither_read_nor_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing TensorFlow imports a Keras, which would do both."""
    python = python_of(name)
    settings = tmp_path / ".keras" / "keras.json"
    settings.parent.mkdir()
    settings.write_text("{ torn")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = verify.verify_one(python, plain("NHWC", "none"), "cpu")
    assert found.answer == verify.AGREES, found.reason
    settings.unlink()
    assert verify.verify_one(python, plain("NHWC", "none"), "cpu").answer == verify.AGREES
    assert list(settings.parent.iterdir()) == []


@pytest.mark.parametrize("name", [TURNS["TensorFlow that oneDNN kills"]])
def test_onednn_forced_on_computes_or_says_what_killed_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It kills them with SIGFPE on some processors (seen on a Zen 5), on others it works (seen on a
    Xeon with AMX)."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    found = verified(name, plain("NHWC", "none"))
    if found.answer == verify.FAILED:
        assert "signal 8" in (found.reason or "")
        assert "TF_ENABLE_ONEDNN_OPTS=1 is set: oneDNN kills tensorflow" in (found.reason or "")
    else:
        assert found.answer == verify.AGREES, found.reason


# What is made wrong in the TensorFlow 2 builder, in the release's own interpreter.
SOFTMAX_TWICE = """
import tensorflow as tf

def mutate():
    once = tf.nn.softmax_cross_entropy_with_logits
    tf.nn.softmax_cross_entropy_with_logits = lambda labels, logits: once(
        labels=labels, logits=tf.nn.softmax(logits)
    )
"""
UPDATE_TWICE = """
import tensorflow as tf

def mutate():
    once = tf.raw_ops.ResourceApplyGradientDescent

    def twice(var, alpha, delta):
        with tf.control_dependencies([once(var=var, alpha=alpha, delta=delta)]):
            return once(var=var, alpha=alpha, delta=delta)

    tf.raw_ops.ResourceApplyGradientDescent = twice
"""
MOMENTS_OF_ONE_IMAGE = """
import tensorflow as tf

def mutate():
    moments = tf.nn.moments
    tf.nn.moments = lambda x, axes: moments(x[:1], axes)
"""
AVERAGES_THAT_DO_NOT_MOVE = """
def mutate():
    from vggbench.inside.builders.tensorflow import network
    original = network.loss_and_statistics
    network.loss_and_statistics = lambda *args: (original(*args)[0], {})
"""


@pytest.mark.parametrize(
    ("mutation", "batch_norm", "said"),
    [
        in_turn(
            [
                (SOFTMAX_TWICE, "none", "the loss of step 1"),
                (UPDATE_TWICE, "none", "the loss of step 2"),
            ]
        ),
        (MOMENTS_OF_ONE_IMAGE, "unfused", "the loss of step 1"),
        (AVERAGES_THAT_DO_NOT_MOVE, "fused", "/moving_"),
    ],
)
def test_a_builder_that_computes_something_else_is_caught(
    tmp_path: Path, mutation: str, batch_norm: str, said: str
) -> None:
    found = verified("tensorflow-2.21.0", plain("NHWC", batch_norm), mutated(tmp_path, mutation))
    assert found.answer == verify.DISAGREES, found.reason
    assert said in (found.reason or "")


def clustering_that_is_off(version: Version) -> str | bool | None:
    """What tf.config.optimizer.get_jit() answers by default; 1.x has no such function."""
    if version < Version("2.0"):
        return None
    return False if version < Version("2.5") else ""


@pytest.mark.asv
def test_asv_measures_publishes_and_compares_real_releases(real: RealCheckout) -> None:
    """The way of a user: run, show, compare, publish, on the shipped benchmarks and workload.

    Three configurations of twelve, and of XLA one, in the data format that old releases compile in
    seconds. All of them are verified above, under XLA in test_xla.py.
    """
    releases = (OLDEST, NEWEST, in_turn([LAST_OF_1, TURNS["TensorFlow"]]))
    for name in releases:
        find(name)
    real.asv(
        "run",
        "--attribute=rounds=1",
        "--attribute=repeat=2",
        "--record-samples",
        "--bench",
        "'NHWC', '(none|fused)', 'off'|'NCHW', 'none', 'on'",
        " ".join(releases),
        timeout=1800,
    )
    taken = {
        (r.release, *r.configuration.values()): r
        for r in records.read(real.folder / "results", "testbox")
    }
    assert len(taken) == 3 * len(releases)
    assert [key for key, r in taken.items() if r.outcome == records.FAILED] == []
    first_losses: dict[bool, list[list[float]]] = {True: [], False: []}
    for (release, _, batch_norm, xla), record in taken.items():
        if record.outcome == records.NOT_APPLICABLE:
            assert xla == "on", record
            assert "no XLA" in record.reason
            continue
        assert ("proof" in record.versions["xla"]) == (xla == "on")
        assert len(record.samples) == 2
        assert all(0 < sample < 600 for sample in record.samples)
        version = release.partition("-")[2]
        assert record.versions["tensorflow"] == version
        # TF32 and XLA's clustering stay as the release has them, and are told.
        assert record.versions["tf32"] is (True if Version(version) >= Version("2.4") else None)
        assert record.versions["auto_jit"] == clustering_that_is_off(Version(version))
        assert record.peak_memory_bytes > 100e6
        assert isinstance(record.versions["onednn_instructions"], bool)
        if Version(version) >= ONEDNN_TOLD_SINCE and ONEDNN_VARIABLE not in os.environ:
            default = record.versions["onednn_instructions"]
            assert record.versions["mkl_enabled"] is default
        first_losses[batch_norm != "none"].append(record.losses)
    for batch_norm, all_losses in first_losses.items():
        assert len(all_losses) >= len(releases)
        for losses in all_losses:
            if batch_norm:
                about = pytest.approx(all_losses[0], abs=QUICK_BATCH_NORM_LOSS_TOLERANCE)
            else:
                about = pytest.approx(all_losses[0], rel=QUICK_LOSS_TOLERANCE)
            assert losses == about

    shown = real.asv("compare", OLDEST, NEWEST)
    assert "time_train_step('NHWC', 'fused', 'off')" in shown
    real.asv("publish")
    index = json.loads((real.folder / "html" / "index.json").read_text())
    assert {f"tensorflow-{v.partition('-')[2]}" for v in releases} <= set(index["tags"])
    graphs = list((real.folder / "html" / "graphs").rglob("*time_train_step.json"))
    lines = [json.loads(path.read_text()) for path in graphs if "summary" not in path.parts]
    # One line a profile and machine, whatever CPython each release has.
    assert len(lines) == 1
    assert len(lines[0]) == len(releases)


@pytest.mark.asv
def test_a_second_profile_stays_on_a_line_of_its_own(real: RealCheckout) -> None:
    """The paper's workload takes minutes on a CPU, so its n/a alone is asked for here."""
    output = real.asv(
        "run",
        "--bench",
        "'NHWC', 'none', 'on'",
        "tensorflow-1.0.0",
        VGGBENCH_PROFILE="cpu-paper",
    )
    assert "n/a: no XLA in this build of tensorflow 1.0.0" in output
    names = [path.name for path in (real.folder / "results" / "testbox").glob("*paper*.json")]
    assert len(names) == 1
