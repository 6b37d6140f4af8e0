"""Workloads and profiles."""

import pytest

from vggbench.inside import workload


def test_workloads_are_those_of_the_glossary():
    assert workload.WORKLOADS == {"paper": (16, 224), "quick": (8, 64)}
    assert str(workload.WORKLOADS["paper"]) == "16 x 224 x 224"


@pytest.mark.parametrize(("batch_size", "image_size"), [(0, 32), (2, 0), (2, 40), (2, -32)])
def test_workload_that_vgg16_cannot_take_is_refused(batch_size, image_size):
    with pytest.raises(ValueError, match="must be"):
        workload.Workload(batch_size, image_size)


def test_profile_is_device_and_workload():
    assert workload.profile("cpu-quick") == ("cpu", (8, 64))
    assert workload.profile("gpu-paper") == ("gpu", (16, 224))
    assert sorted(workload.PROFILES) == ["cpu-paper", "cpu-quick", "gpu-paper", "gpu-quick"]


def test_unknown_profile_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="'tpu-quick': choose one of cpu-paper, cpu-quick"
    ) as error:
        workload.profile("tpu-quick")
    assert "\n" not in str(error.value)
