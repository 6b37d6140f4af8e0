"""Real Keras releases: the oldest on both backends, the newest, and in between some in turns.

They are installed from their locks into .asv/test-env and kept there for the next run.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from vggbench import records
from vggbench.campaigns import verify
from vggbench.inside.params import DATA_FORMATS, Configuration, choices_of
from vggbench.inside.scripts import first_steps
from vggbench.inside.workload import Workload
from vggbench.judging import agreement

from ...real import (
    ROOT,
    TORCH_OR_KERAS,
    TURNS,
    RealCheckout,
    by_commit,
    find,
    in_turn,
    mutated,
    python_of,
    verified,
)

pytestmark = pytest.mark.tensorflow

OLDEST, NEWEST = "keras-1.2.2", "keras-3.15.1"
SECOND = TURNS["Keras 2 on TensorFlow and Theano"]
SECOND_WITHOUT_XLA = TURNS["Keras 2 without XLA"]
SECOND_WITH_XLA = TURNS["Keras 2 with XLA"]
THIRD = TURNS["Keras 3"]

BATCH_NORMS = choices_of("Keras")["batch_norm"]
# Theano compiles a configuration for up to two minutes: one a run, in turns.
IN_TURN = in_turn(BATCH_NORMS)

ASKING_FOR_SOMETHING_ELSE = (
    '{"backend": "theano", "floatx": "float16", "epsilon": 0.1, "image_dim_ordering": "th", '
    '"image_data_format": "channels_first"}'
)
NONSENSE, TORN = '{"floatx": "nonsense"}', "{ torn"
KERAS_JSON = dict(zip(BATCH_NORMS, (ASKING_FOR_SOMETHING_ELSE, NONSENSE, None), strict=True))


def compiling_in(name: str) -> pytest.MarkDecorator:
    """Theano lets one process at a time compile into an environment: more would wait."""
    return pytest.mark.xdist_group(f"theano of {name}")


# The release on Theano takes another turn than the batch normalisation and the data format do.
ON_THEANO, ITS_KERAS_JSON = ((OLDEST, TORN), (SECOND, None))[by_commit() // 6 % 2]

# (release, backend, batch_norm, the keras.json of the user or None)
CASES = [
    pytest.param(ON_THEANO, "theano", IN_TURN, ITS_KERAS_JSON, marks=compiling_in(ON_THEANO)),
    *(
        (name, "tensorflow", batch_norm, KERAS_JSON[batch_norm])
        for name in (OLDEST, SECOND, SECOND_WITH_XLA, NEWEST)
        for batch_norm in BATCH_NORMS
    ),
    (SECOND_WITHOUT_XLA, "tensorflow", IN_TURN, TORN),
]


def configured(**chosen: str) -> Configuration:
    return Configuration("Keras", **chosen)


def assert_agrees(found: verify.Verified) -> None:
    if found.configuration.data_format == "NCHW" and found.answer == verify.NOT_APPLICABLE:
        assert "NHWC" in (found.reason or "")
    else:
        assert found.answer == verify.AGREES, found.reason


@pytest.mark.parametrize(("name", "backend", "batch_norm", "keras_json"), CASES)
def test_every_release_computes_what_the_reference_computes_whatever_the_users_home_has(
    name: str,
    backend: str,
    batch_norm: str,
    keras_json: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one of the two data formats, which take turns with the commit. The home stays as it is."""
    python = python_of(name)
    (tmp_path / ".theanorc").write_text("[global]\nfloatX = float64\n")
    if keras_json is not None:
        (tmp_path / ".keras").mkdir()
        (tmp_path / ".keras" / "keras.json").write_text(keras_json)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("KERAS_HOME", "KERAS_BACKEND"):
        monkeypatch.delenv(variable, raising=False)
    turn = by_commit() + BATCH_NORMS.index(batch_norm)
    data_format = DATA_FORMATS[turn % 2]
    chosen = configured(backend=backend, batch_norm=batch_norm, data_format=data_format)
    assert_agrees(verify.verify_one(python, chosen, "cpu"))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_loss_is_that_of_the_batch_where_keras_returns_a_mean() -> None:
    assert_agrees(verified(THIRD, configured(batch_norm="mode 0")))


@pytest.mark.parametrize("name", [SECOND_WITH_XLA, THIRD, NEWEST])
def test_a_compiled_step_is_proven_and_agrees(name: str) -> None:
    assert_agrees(verified(name, configured(batch_norm="mode 0", xla="on")))


@pytest.mark.parametrize(
    ("name", "xla"),
    in_turn([((THIRD, "off"), (NEWEST, "on")), ((THIRD, "on"), (NEWEST, "off"))]),
)
def test_keras_3_on_jax_computes_what_the_reference_computes(name: str, xla: str) -> None:
    """One with XLA, the other without; in one of the two data formats each, and with one of the
    batch normalisations."""
    turn = by_commit() // 2 + (xla == "on")  # which data format takes another turn than XLA
    chosen = configured(
        backend="jax", batch_norm=IN_TURN, data_format=DATA_FORMATS[turn % 2], xla=xla
    )
    assert_agrees(verified(name, chosen))


NOT_JITTED = """
def mutate():
    from vggbench.inside.builders.keras import network as keras_network
    keras = keras_network.imported("jax", "cpu")
    compile_ = keras.Model.compile
    keras.Model.compile = lambda self, *a, jit_compile=None, **k: compile_(
        self, *a, jit_compile=False, **k
    )
"""


def test_a_step_that_keras_does_not_give_to_jit_is_not_applicable(tmp_path: Path) -> None:
    found = verified(NEWEST, configured(backend="jax", xla="on"), mutated(tmp_path, NOT_JITTED))
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert "compiled 0 convolutions of the step's 38" in str(found.reason)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_2_has_neither_jax_nor_torch(backend: str) -> None:
    found = verified(SECOND_WITH_XLA, configured(backend=backend))
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert found.reason == (f"this keras has no backend {backend}: 3.0 was the first that had")


@pytest.mark.skipif(not TURNS[TORCH_OR_KERAS].startswith("keras"), reason="it is PyTorch's turn")
@pytest.mark.parametrize("data_format", DATA_FORMATS)
def test_keras_3_on_torch_computes_what_the_reference_computes(data_format: str) -> None:
    assert_agrees(
        verified(
            TURNS[TORCH_OR_KERAS],
            configured(backend="torch", batch_norm=IN_TURN, data_format=data_format),
        )
    )


# What is made wrong, in the release's own interpreter.
IMPORTED = """
def mutate():
    from vggbench.inside.builders.keras import network as keras_network
    keras = keras_network.imported("tensorflow", "cpu")
    from vggbench.inside.builders.keras import keras_3 as builder
"""
A_LAYER_WITHOUT_UPDATE = """
    Dense = builder.Dense
    builder.Dense = lambda outputs: Dense(outputs, trainable=outputs != 1000)
"""
SOFTMAX_TWICE = """
    once = keras.layers.Activation
    softmax = keras.activations.softmax
    keras.layers.Activation = lambda kind: once(
        (lambda x: softmax(softmax(x))) if kind == "softmax" else kind
    )
"""
UPDATE_TWICE = """
    class Twice(keras.optimizers.SGD):
        def apply_gradients(self, pairs):
            pairs = list(pairs)
            super().apply_gradients(pairs)
            return super().apply_gradients(pairs)

    keras.optimizers.SGD = Twice
"""
STATISTICS_OF_ONE_IMAGE = """
    moments = keras.ops.moments
    keras.ops.moments = lambda x, axes: moments(x[:1], axes)
"""
STATISTICS_OF_A_WRONG_AXIS = """
    batch_norm = builder.BatchNormalization
    builder.BatchNormalization = lambda axis, **rest: batch_norm(axis=1, **rest)
"""
AVERAGES_THAT_DO_NOT_MOVE = """
    batch_norm = builder.BatchNormalization
    builder.BatchNormalization = lambda **rest: batch_norm(**dict(rest, momentum=1.0))
"""
A_MEAN_TAKEN_FOR_THE_LOSS = """
    builder.LOSS_OF_THE_BATCH = (99, 0, 0)
"""
XLA_SWITCHED_OFF = """
    import tensorflow as tf
    function = tf.function
    tf.function = lambda *a, jit_compile=None, **k: function(*a, **k)
"""


LOOKS_FOR_TF32 = """
    import tensorflow as tf
    call = keras_network.KerasStep.__call__
    def checked(step):
        assert not tf.config.experimental.tensor_float_32_execution_enabled(), "TF32 is on"
        return call(step)
    keras_network.KerasStep.__call__ = checked
"""


def test_what_is_held_against_the_reference_is_computed_in_float32(tmp_path: Path) -> None:
    script = mutated(tmp_path, IMPORTED + LOOKS_FOR_TF32)
    assert_agrees(verified(NEWEST, configured(), script))


@pytest.mark.parametrize(
    ("mutation", "chosen", "answer", "said"),
    [
        in_turn(
            [
                (A_LAYER_WITHOUT_UPDATE, {}, verify.DISAGREES, "the loss of step 2"),
                (SOFTMAX_TWICE, {}, verify.DISAGREES, "the loss of step 1"),
                (UPDATE_TWICE, {}, verify.DISAGREES, "the loss of step 2"),
            ]
        ),
        (A_MEAN_TAKEN_FOR_THE_LOSS, {}, verify.DISAGREES, "the loss of step 2"),
        (
            STATISTICS_OF_ONE_IMAGE,
            {"batch_norm": "mode 2"},
            verify.DISAGREES,
            "the loss of step 1",
        ),
        (STATISTICS_OF_A_WRONG_AXIS, {"batch_norm": "mode 0"}, verify.FAILED, "shape"),
        (AVERAGES_THAT_DO_NOT_MOVE, {"batch_norm": "mode 0"}, verify.DISAGREES, "/moving_"),
        (XLA_SWITCHED_OFF, {"xla": "on"}, verify.NOT_APPLICABLE, "outside XLA: "),
    ],
)
def test_a_builder_that_computes_something_else_is_caught(
    tmp_path: Path, mutation: str, chosen: dict[str, str], answer: str, said: str
) -> None:
    found = verified(NEWEST, configured(**chosen), mutated(tmp_path, IMPORTED + mutation))
    assert found.answer == answer, found.reason
    assert said in (found.reason or "")


def test_a_batch_of_one_image_is_normalised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last convolutions have four values a channel."""
    monkeypatch.setattr(agreement, "WORKLOAD", Workload(1, first_steps.IMAGE_SIZE))
    agreement.expected.cache_clear()
    try:
        one_image = mutated(tmp_path, "def mutate():\n    first_steps.BATCH_SIZE = 1\n")
        for name in (SECOND, NEWEST):
            assert_agrees(verified(name, configured(batch_norm="mode 0"), one_image))
    finally:
        agreement.expected.cache_clear()


@pytest.mark.parametrize(
    ("name", "chosen", "reason"),
    [
        (NEWEST, {"backend": "theano"}, "this keras has no backend theano: 2.3 was the last"),
        ("keras-1.0.8", {}, "no tensorflow is installed beside this keras"),
        (OLDEST, {"xla": "on"}, "keras 1.2.2 has no switch for XLA"),
        (
            SECOND_WITHOUT_XLA,
            {"xla": "on"},
            f"{SECOND_WITHOUT_XLA.replace('-', ' ')} has no switch for XLA",
        ),
    ],
)
def test_what_a_release_does_not_have_is_not_applicable(
    name: str, chosen: dict[str, str], reason: str
) -> None:
    found = verified(name, configured(**chosen))
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert reason in (found.reason or "")


@compiling_in(SECOND)
def test_a_second_backend_in_one_process_is_refused() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from vggbench.inside.builders.keras import network\n"
        "for backend in ('theano', 'tensorflow'):\n"
        "    network.imported(backend, 'cpu')\n"
    )
    done = subprocess.run([python_of(SECOND), "-c", code], capture_output=True, text=True)
    assert "RuntimeError: keras is imported with backend theano in this process" in done.stderr


@pytest.mark.asv
@compiling_in(OLDEST)
def test_asv_measures_the_oldest_and_the_newest(tmp_path: Path) -> None:
    """On Theano in the data format of the documented command, which has had most of it compiled."""
    real = RealCheckout.make(tmp_path / "checkout")
    for name in (OLDEST, NEWEST):
        find(name)
    real.asv(
        "run",
        "--attribute=rounds=1",
        "--attribute=repeat=2",
        "--record-samples",
        "--bench",
        "'(tensorflow|jax)', 'NHWC', 'none', 'off'|'theano', 'NCHW', 'none', 'off'",
        f"{OLDEST} {NEWEST}",
        timeout=1800,
    )
    taken = {
        (record.release, record.configuration["backend"]): record
        for record in records.read(real.folder / "results", "testbox")
    }
    for absent in ((NEWEST, "theano"), (OLDEST, "jax")):
        assert taken.pop(absent).outcome == records.NOT_APPLICABLE
    assert set(taken) == {
        *((OLDEST, "tensorflow"), (OLDEST, "theano")),
        *((NEWEST, "tensorflow"), (NEWEST, "jax")),
    }
    assert taken[NEWEST, "jax"].lock == find(NEWEST).locks["cpu-jax"].digest
    for (release, backend), record in taken.items():
        assert len(record.samples) == 2
        assert record.versions["keras"] == release.partition("-")[2]
        assert backend in record.versions
        newest = taken[NEWEST, "tensorflow"].losses
        np.testing.assert_allclose(record.losses[0], newest[0], rtol=1e-3)
        # What is timed is not gated: on TensorFlow, the oldest lets updates race with the backward
        # pass (docs/method.md), which was seen to move the third loss by 6e-3.
        np.testing.assert_allclose(record.losses, newest, rtol=5e-2)
