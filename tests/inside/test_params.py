"""Params are asked for by role; configurations validate themselves; unknown devices are refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from vggbench.inside import params
from vggbench.inside.builders import build, packages
from vggbench.inside.params import Configuration, configurations
from vggbench.inside.workload import Workload

REPOSITORY = Path(__file__).parents[2]


def test_configuration_is_plain_by_default():
    assert Configuration("TensorFlow").values == {
        "data_format": "NHWC",
        "batch_norm": "none",
        "xla": "off",
    }
    assert Configuration("Theano").values == {"batch_norm": "none"}


@pytest.mark.parametrize(
    ("framework", "chosen", "message"),
    [
        (
            "torch",
            {},
            "unknown framework 'torch': choose one of JAX, Keras, TensorFlow, Theano, PyTorch",
        ),
        (
            "TensorFlow",
            {"data_format": "nhwc"},
            "unknown data format 'nhwc': choose one of NHWC, NCHW",
        ),
        (
            "Keras",
            {"batch_norm": "fused"},
            "unknown batch norm 'fused': choose one of none, mode 0, mode 2",
        ),
        (
            "Keras",
            {"backend": "openvino"},
            "unknown backend 'openvino': choose one of tensorflow, theano, jax, torch",
        ),
        ("TensorFlow", {"xla": True}, "unknown xla True: choose one of off, on"),
        ("Theano", {"data_format": "NHWC"}, "Theano has no choice of data format"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_line(framework, chosen, message):
    with pytest.raises(ValueError, match=r"choose one of|has no choice") as error:
        Configuration(framework, **chosen)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("batch_norm", "has_batch_norm", "has_running_averages"),
    [("none", False, False), ("mode 0", True, True), ("mode 2", True, False)],
)
def test_mode_2_has_no_running_averages(batch_norm, has_batch_norm, has_running_averages):
    configuration = Configuration("Keras", batch_norm=batch_norm)
    assert configuration.has_batch_norm == has_batch_norm
    assert configuration.has_running_averages == has_running_averages


def test_both_kinds_of_one_kernel_and_several_have_running_averages():
    for batch_norm in ("unfused", "fused"):
        assert Configuration("TensorFlow", batch_norm=batch_norm).has_running_averages


def test_code_of_no_framework_asks_by_role() -> None:
    plain = Configuration("Keras")
    assert (plain.layout, plain.backend, plain.is_compiled) == ("NHWC", "tensorflow", False)
    compiled = Configuration("Keras", backend="theano", data_format="NCHW", xla="on")
    assert (compiled.layout, compiled.backend, compiled.is_compiled) == ("NCHW", "theano", True)
    theanos = Configuration("Theano", batch_norm="fused")
    assert (theanos.layout, theanos.backend, theanos.is_compiled) == (None, None, False)


def test_a_recorded_configuration_is_asked_by_role_whatever_it_holds() -> None:
    assert params.is_chosen("TensorFlow", {"data_format": "NHWC", "xla": "on"}, params.COMPILER)
    assert not params.is_chosen("TensorFlow", {"data_format": "NHWC"}, params.COMPILER)
    assert not params.is_chosen("Tinyframe", {"xla": "on"}, params.COMPILER)
    assert params.value_of("Keras", {"backend": "theano"}, params.BACKEND) == "theano"
    assert params.value_of("TensorFlow", {"backend": "theano"}, params.BACKEND) is None


def test_a_name_that_no_framework_has_is_a_param_without_a_role() -> None:
    xla, mode = params.named("TensorFlow", ["xla", "mode"])
    assert (xla.role, xla.readable("off"), xla.readable("of old")) == (
        params.COMPILER,
        "no XLA",
        "of old",
    )
    assert (mode.name, mode.role, mode.readable("plain")) == ("mode", None, "plain")


def test_a_name_that_the_framework_lacks_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="Theano has no param xla"):
        _ = Configuration("Theano").xla


def test_every_combination_is_a_configuration():
    assert {name: len(set(configurations(name))) for name in packages()} == {
        "JAX": 4,
        "Keras": 48,
        "PyTorch": 12,
        "TensorFlow": 12,
        "Theano": 3,
    }


def test_unknown_device_is_refused():
    with pytest.raises(ValueError, match="unknown device 'tpu': choose one of cpu, gpu"):
        build(Workload(2, 32), Configuration("TensorFlow"), "tpu")


def test_builders_import_without_a_framework():
    code = (
        "import sys\n"
        "sys.modules['tensorflow'] = None  # makes an import of it fail\n"
        "from vggbench.inside.builders import build\n"
        "from vggbench.inside.params import Configuration\n"
        "from vggbench.inside.workload import Workload\n"
        "try:\n"
        "    build(Workload(2, 32), Configuration('TensorFlow', xla='on'), 'tpu')\n"
        "except ValueError:\n"
        "    print('refused')\n"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    assert result.stdout == b"refused\n"
