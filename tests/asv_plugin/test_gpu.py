"""GPUs sampled through NVML while a process is timed, from the driver's library to asv's result.

The library is a stand-in, loaded by the real binding (tests/stand_in_nvml.py); asv is the real one.
A process that is sampled takes three seconds, so each test times one.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..stand_in_nvml import BENCHMARKS, StandIn
from ..tiny import Ended, Tiny

pytestmark = pytest.mark.asv

NAME = "tinyframe-1.1"
PLAIN = r"OnGpu.*plain"


class Machine:
    """A tiny checkout on a machine with the stand-in's GPUs."""

    def __init__(self, tiny: Tiny, folder: Path, *options: str):
        self.tiny = tiny
        self.nvml = StandIn(folder, *options)
        (tiny.folder / "benchmarks" / "on_gpu.py").write_text(BENCHMARKS)
        tiny.add_release("1.1", names=("cpu", "gpu"))
        # The one release, so that NEW finds it or nothing.
        conf = json.loads((tiny.folder / "asv.conf.json").read_text())
        conf["branches"] = ["tinyframe"]
        (tiny.folder / "asv.conf.json").write_text(json.dumps(conf))
        shutil.rmtree(tiny.releases / "otherframe")
        for release in (tiny.releases / "tinyframe").glob("[0-9]*.json"):
            if release.stem != "1.1":
                release.unlink()

    def run(self, asked: str = NAME, bench: str = PLAIN, faults: str = "", **more: str) -> Ended:
        env = self.nvml.environ(self.tiny.environ()["PATH"], **more)
        return self.tiny.asv(
            "run", asked, "--bench", bench, "--attribute=rounds=1", faults=faults, env=env
        )

    def value(self, method: str, profile: str = "gpu-quick") -> float | None:
        """asv's number of the mode ``plain``."""
        result = self.tiny.result(NAME, profile)
        assert result is not None
        name = f"on_gpu.OnGpu.{method}"
        values = result.get_result_value(name, result.get_result_params(name))
        found: float | None = values[0]
        return found

    def record(self) -> dict[str, Any]:
        (record,) = self.tiny.records()
        return record


@pytest.fixture
def machine(tiny: Tiny, tmp_path: Path) -> Machine:
    return Machine(tiny, tmp_path / "nvml")


def test_the_record_has_what_the_gpu_did_while_the_step_was_timed(machine: Machine) -> None:
    uuid = machine.nvml.add_gpu(utilisation="10 " * 6 + "97", memory_used="3000 9000 5000")
    done = machine.run()
    assert done.status == 0, done.output
    record = machine.record()
    gpu = record["gpu"]
    assert (gpu["name"], gpu["uuid"], gpu["found_by"]) == ("Stand-in 0", uuid, "process")
    assert (gpu["driver"], gpu["cuda_driver"]) == ("535.1", "12.4")
    # The 10 % of its beginning, when the process was building, are outside the timed stretch.
    utilisation = dict(gpu["utilisation_percent"])
    assert utilisation.pop("samples") > 1
    assert utilisation == {"mean": 97, "median": 97, "min": 97, "max": 97}
    assert gpu["power_w"]["median"] == 250
    assert gpu["sm_clock_mhz"]["max"] == 1400
    assert gpu["memory_clock_mhz"]["min"] == 5000
    assert gpu["temperature_c"]["mean"] == 61
    assert gpu["memory_utilisation_percent"]["mean"] == 7
    assert gpu["throttle_reasons"] == {}
    # Peaks are of the whole process.
    assert (gpu["memory_peak_bytes"], gpu["process_memory_peak_bytes"]) == (9000, 4000)
    assert "not_sampled" not in gpu
    # The steps that went on for the sampler's sake are no samples, and no loss was taken of them.
    assert len(record["samples"]) == 5
    assert record["last_loss"] == pytest.approx(1 / 8)


@pytest.mark.parametrize(("options", "used"), [(("-DR510",), 5000), ((), 5480)])
def test_memory_that_the_driver_reserves_is_not_used_where_the_driver_tells_it(
    tiny: Tiny, tmp_path: Path, options: tuple[str, ...], used: int
) -> None:
    machine = Machine(tiny, tmp_path / "nvml", *options)
    machine.nvml.add_gpu(memory_used="5000", memory_reserved="480")
    assert machine.run().status == 0
    assert machine.record()["gpu"]["memory_used_bytes"]["median"] == used


def test_gpu_by_products_come_from_the_record_of_the_timed_process(machine: Machine) -> None:
    machine.nvml.add_gpu(utilisation="88")
    assert machine.run().status == 0
    assert machine.record()["benchmark"] == "on_gpu.OnGpu.time_train_step"
    assert machine.value("track_gpu_utilisation") == 88
    assert machine.value("track_gpu_memory") == 4000
    assert "there is nothing new to measure" in machine.run("NEW")


def test_a_gpu_by_product_that_is_asked_for_alone_measures_for_itself(machine: Machine) -> None:
    machine.nvml.add_gpu(utilisation="88")
    done = machine.run(bench=r"track_gpu_utilisation.*plain")
    assert done.status == 0, done.output
    record = machine.record()
    assert record["outcome"] == "ok"
    assert record["value"] == record["gpu"]["utilisation_percent"]["mean"] == 88
    assert machine.value("track_gpu_utilisation") == 88


def test_without_nvml_the_measurement_goes_on(machine: Machine) -> None:
    machine.nvml.add_gpu()
    machine.nvml.library.unlink()
    done = machine.run()
    assert done.status == 0, done.output
    assert len(done.lines_with("NVML Shared Library Not Found")) == 1
    record = machine.record()
    assert record["outcome"] == "ok"
    assert record["gpu"] == {"not_sampled": {"everything": "NVML Shared Library Not Found"}}
    assert machine.value("time_train_step") == pytest.approx(0.010, rel=0.1)
    assert math.isnan(machine.value("track_gpu_utilisation") or 0)
    assert "there is nothing new to measure" in machine.run("NEW")


def test_an_nvml_that_refuses_is_told_once(machine: Machine) -> None:
    machine.nvml.add_gpu()
    (machine.nvml.folder / "init").write_text("!4\n")
    done = machine.run(bench="OnGpu.*(plain|fused)")
    assert done.status == 0, done.output
    assert len(done.lines_with("Insufficient Permissions")) == 1
    assert [r["outcome"] for r in machine.tiny.records()] == ["ok", "ok"]


def test_a_quantity_that_the_gpu_does_not_support_is_left_out(machine: Machine) -> None:
    machine.nvml.add_gpu(throttle_reasons="0x24")
    machine.nvml.forget(0, "milliwatts")
    done = machine.run()
    assert len(done.lines_with("power_w: Not Supported")) == 1
    gpu = machine.record()["gpu"]
    assert gpu["not_sampled"] == {"power_w": "Not Supported"}
    assert "power_w" not in gpu
    assert gpu["utilisation_percent"]["mean"] == 90
    assert gpu["throttle_reasons"] == {"SW power cap": 1.0, "SW thermal slowdown": 1.0}


def test_an_error_in_the_middle_ends_the_sampling_and_nothing_else(machine: Machine) -> None:
    machine.nvml.add_gpu(utilisation="90 90 !15", temperature="61 !15")
    done = machine.run()
    assert done.status == 0, done.output
    record = machine.record()
    assert record["outcome"] == "ok"
    assert record["gpu"]["not_sampled"] == {
        "utilisation_percent": "GPU is lost",
        "memory_utilisation_percent": "GPU is lost",
        "temperature_c": "GPU is lost",
    }
    assert record["gpu"]["power_w"]["mean"] == 250
    assert math.isnan(machine.value("track_gpu_utilisation") or 0)
    assert machine.value("track_gpu_memory") == 4000


def test_by_products_that_could_not_be_sampled_are_na_with_the_reason(machine: Machine) -> None:
    machine.nvml.add_gpu()
    machine.nvml.forget(0, "utilisation")
    done = machine.run(bench=r"track_gpu_utilisation.*plain")
    assert done.status == 0, done.output
    record = machine.record()
    assert record["outcome"] == "n/a"
    assert "utilisation_percent: Not Supported" in record["reason"]


def test_of_two_gpus_the_one_is_sampled_that_the_process_runs_on(machine: Machine) -> None:
    machine.nvml.add_gpu(utilisation="3")
    uuid = machine.nvml.add_gpu(utilisation="95")
    assert machine.run(TINY_GPUS="1").status == 0
    gpu = machine.record()["gpu"]
    assert (gpu["uuid"], gpu["utilisation_percent"]["mean"]) == (uuid, 95)
    assert "others" not in gpu


def test_of_two_gpus_that_the_process_has_opened_the_busier_comes_first(machine: Machine) -> None:
    """TensorFlow opens every GPU that it sees, and its step runs on one of them."""
    idle = machine.nvml.add_gpu(utilisation="3")
    busy = machine.nvml.add_gpu(utilisation="95")
    assert machine.run(TINY_GPUS="0 1").status == 0
    gpu = machine.record()["gpu"]
    assert gpu["uuid"] == busy
    assert [other["uuid"] for other in gpu["others"]] == [idle]
    assert machine.value("track_gpu_utilisation") == 95


def test_in_a_container_a_gpu_is_named_by_its_uuid(machine: Machine) -> None:
    """NVML tells the process ids of the host there."""
    machine.nvml.add_gpu(utilisation="3")
    uuid = machine.nvml.add_gpu(utilisation="95")
    done = machine.run(TINY_GPUS="1", TINY_PID="4194304", CUDA_VISIBLE_DEVICES=uuid[:6])
    assert done.status == 0, done.output
    gpu = machine.record()["gpu"]
    assert (gpu["uuid"], gpu["found_by"]) == (uuid, "CUDA_VISIBLE_DEVICES")
    assert "process_memory_peak_bytes" not in gpu
    assert machine.value("track_gpu_memory") == 5000


def test_a_gpu_that_cannot_be_told_is_not_guessed(machine: Machine) -> None:
    machine.nvml.add_gpu()
    machine.nvml.add_gpu()
    done = machine.run(TINY_PID="4194304")
    assert done.status == 0, done.output
    assert len(done.lines_with("not known on which of 2 GPUs the process ran")) == 1
    assert list(machine.record()["gpu"]["not_sampled"]) == ["everything"]


def test_a_process_that_crashes_keeps_what_was_sampled(machine: Machine) -> None:
    machine.nvml.add_gpu()
    done = machine.run(bench="OnGpu.time.*plain", faults="1.1:segv")
    assert done.status == 2
    record = machine.record()
    assert record["outcome"] == "failed"
    assert record["gpu"]["name"] == "Stand-in 0"
    assert "utilisation_percent" not in record["gpu"]


def test_no_gpu_visible_to_the_framework_is_na(machine: Machine) -> None:
    machine.nvml.add_gpu()
    assert machine.run(bench="OnGpu.*impossible").status == 0
    record = machine.record()
    assert (record["outcome"], record["reason"]) == ("n/a", "no GPU visible to tinyframe")


def test_on_a_cpu_nothing_of_it_is_run_loaded_or_listed(machine: Machine) -> None:
    machine.nvml.add_gpu()
    done = machine.run(VGGBENCH_PROFILE="cpu-quick")
    assert done.status == 0, done.output
    assert "track_gpu" not in done.output
    assert "sampled" not in done.output
    assert not machine.nvml.was_opened
    record = machine.record()
    assert record["benchmark"] == "on_gpu.OnGpu.time_train_step"
    assert "gpu" not in record
    again = machine.run("NEW", VGGBENCH_PROFILE="cpu-quick")
    assert "there is nothing new to measure" in again
    assert (machine.tiny.results / "benchmarks.json").read_text().count("track_gpu_memory") > 0


def test_on_a_cpu_gpu_by_products_that_are_asked_for_alone_are_na(machine: Machine) -> None:
    machine.nvml.add_gpu()
    done = machine.run(bench="track_gpu_memory", VGGBENCH_PROFILE="cpu-quick")
    assert done.status == 0, done.output
    assert len(done.lines_with("track_gpu_memory is n/a on cpu-quick: it has no GPU")) == 1
    assert not machine.tiny.records()
    assert not machine.nvml.was_opened
