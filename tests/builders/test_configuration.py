"""Configurations validate themselves; an unknown device is refused before TensorFlow loads."""

import subprocess
import sys
from pathlib import Path

import pytest

from vggbench.builders import Configuration, build_tensorflow
from vggbench.workload import Workload

REPOSITORY = Path(__file__).parents[2]


def test_configuration_is_plain_by_default():
    assert Configuration() == ("NHWC", "none", "off")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nhwc", "none", "off"), "unknown data format 'nhwc': choose one of NHWC, NCHW"),
        (("NHWC", "yes", "off"), "unknown batch norm 'yes': choose one of none, unfused, fused"),
        (("NHWC", "none", True), "unknown xla True: choose one of off, on"),
    ],
)
def test_unknown_word_is_refused_in_one_line(words, message):
    with pytest.raises(ValueError, match="choose one of") as error:
        Configuration(*words)
    assert str(error.value) == message


def test_both_kinds_of_batch_norm_count():
    kinds = ("none", "unfused", "fused")
    assert [Configuration(batch_norm=kind).has_batch_norm for kind in kinds] == [False, True, True]


def test_unknown_device_is_refused():
    with pytest.raises(ValueError, match="unknown device 'tpu': choose one of cpu, gpu"):
        build_tensorflow(Workload(2, 32), Configuration(), "tpu")


def test_builders_import_without_a_framework():
    code = (
        "import sys\n"
        "sys.modules['tensorflow'] = None  # makes an import of it fail\n"
        "from vggbench.builders import *\n"
        "from vggbench.workload import Workload\n"
        "try:\n"
        "    build_tensorflow(Workload(2, 32), Configuration(xla='on'), 'tpu')\n"
        "except ValueError:\n"
        "    print('refused')\n"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    assert result.stdout == b"refused\n"
