"""Which GPU a process runs on, and what the record says of its samples: on literal values."""

from __future__ import annotations

import pytest

from vggbench.runs import nvml
from vggbench.runs.nvml import Gpu, Sampler, shares, visible

A, B, C = (Gpu(None, name, f"GPU-{name * 4}-0") for name in "abc")

#: CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER -> the GPUs that may be meant, and whether in this order.
SEEN = [
    (None, None, [A, B, C], False),
    (None, "PCI_BUS_ID", [A, B, C], True),
    (None, "FASTEST_FIRST", [A, B, C], False),
    ("1", None, [A, B, C], False),
    ("1", "PCI_BUS_ID", [B], True),
    ("2,0", "PCI_BUS_ID", [C, A], True),
    ("2, 7, 0", "PCI_BUS_ID", [C], True),
    ("2,-1,0", "PCI_BUS_ID", [C], True),
    ("GPU-bbbb-0", None, [B], True),
    ("GPU-c,GPU-aa", None, [C, A], True),
    ("GPU-none,GPU-a", None, [], True),
    ("MIG-1234", "PCI_BUS_ID", [A, B, C], False),
]


@pytest.mark.parametrize(("listed", "order", "expected", "ordered"), SEEN)
def test_a_process_may_use_the_gpus_that_its_variables_list(listed, order, expected, ordered):
    pairs = {"CUDA_VISIBLE_DEVICES": listed, "CUDA_DEVICE_ORDER": order}
    variables = {key: value for key, value in pairs.items() if value is not None}
    assert visible([A, B, C], variables) == (expected, ordered)


@pytest.mark.parametrize("listed", [None, "0", "GPU-aaaa", "MIG-1234"])
def test_of_a_single_gpu_there_is_no_doubt(listed):
    variables = {} if listed is None else {"CUDA_VISIBLE_DEVICES": listed}
    assert visible([A], variables) == ([A], True)


def test_throttle_reasons_are_named_with_their_shares():
    assert shares([0, 0x4, 0x44, 0x40000]) == {
        "SW power cap": 0.5,
        "HW thermal slowdown": 0.25,
        "reason 0x40000": 0.25,
    }


def test_quantities_are_of_the_time_asked_for_and_peaks_of_all_time():
    gpu = Gpu(None, "a", "GPU-a")
    gpu.taken["power_w"] = [(1.0, 10.0), (2.0, 20.0), (3.0, 60.0), (4.0, 40.0), (5.0, 90.0)]
    gpu.taken["memory_used_bytes"] = [(1.0, 700), (3.0, 500)]
    assert gpu.summary(2.0, 4.0) == {
        "name": "a",
        "uuid": "GPU-a",
        "power_w": {"samples": 3, "mean": 40.0, "median": 40.0, "min": 20.0, "max": 60.0},
        "memory_used_bytes": {"samples": 1, "mean": 500, "median": 500, "min": 500, "max": 500},
        "memory_peak_bytes": 700,
    }


def sampled(*gpus, ordered):
    """A sampler that has sampled ``gpus``."""
    sampler = Sampler.__new__(Sampler)
    sampler._system, sampler.trouble = {"driver": "535.1"}, None
    sampler._gpus, sampler._ordered = list(gpus), ordered
    return sampler


def used(uuid, percent, runs_process):
    gpu = Gpu(None, "x", uuid, runs_process)
    gpu.taken["utilisation_percent"] = [(at, percent) for at in (1.0, 2.0, 3.0)]
    return gpu


def test_cudas_order_decides_before_utilisation_where_it_is_known():
    """A neighbour may be busy with the work of others."""
    gpus = used("GPU-a", 20, True), used("GPU-b", 99, True)
    assert sampled(*gpus, ordered=True).record(0.0, 3.0)["uuid"] == "GPU-a"
    assert sampled(*gpus, ordered=False).record(0.0, 3.0)["uuid"] == "GPU-b"


def test_where_the_process_runs_decides_before_all():
    """TensorFlow passes over a GPU that is far weaker than another."""
    told = sampled(used("GPU-a", 99, False), used("GPU-b", 20, True), ordered=True).record(0.0, 3.0)
    assert (told["uuid"], told["found_by"]) == ("GPU-b", "process")


def test_the_first_second_is_left_out():
    told = sampled(used("GPU-a", 50, True), ordered=True).record(1.5, 3.0)
    assert told["utilisation_percent"]["samples"] == 1
    assert nvml.LOOK_BACK_S == 1.0


def test_a_process_that_was_never_warm_has_no_timed_stretch():
    assert "utilisation_percent" not in sampled(used("GPU-a", 50, True), ordered=True).record(
        None, None
    )
