"""A machine with GPUs that are none: a shared library in NVML's place, and an nvidia-smi.

The library is stand_in_nvml.c, compiled here and loaded by the real binding; it answers from files.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
LIBRARY = "libnvidia-ml.so.1"

#: What every GPU answers unless told otherwise.
ANSWERS = {
    "utilisation": "90",
    "memory_used": "5000",
    "milliwatts": "250000",
    "sm_clock": "1400",
    "memory_clock": "5000",
    "temperature": "61",
    "throttle_reasons": "0",
}

#: A framework that computes on the stand-in's GPUs: it tells the driver that its process is there.
BENCHMARKS = '''
import os
import time

from vggbench.inside import measure, params

from . import train_step


class OnGpu(train_step.Tiny):
    """TINY_GPUS: the GPUs that the framework opens, TINY_PID: as which process."""

    def setup(self, mode):
        def build():
            if mode == "impossible":
                raise params.NotApplicable("no GPU visible to tinyframe")
            import tinyframe

            pid = os.environ.get("TINY_PID") or os.getpid()
            for gpu in os.environ.get("TINY_GPUS", "0").split():
                path = os.path.join(os.environ.get("STAND_IN_NVML", "/nowhere"), gpu)
                if os.path.isdir(path):
                    with open(os.path.join(path, "processes"), "w") as file:
                        file.write("1 77\\n%s %s\\n" % (pid, os.environ.get("TINY_BYTES", "4000")))
            step = train_step.TinyStep(tinyframe, mode)

            def slow():
                step()
                time.sleep(0.01)

            slow.loss, slow.describe = step.loss, step.describe
            return slow

        self.step = measure.prepared(build, {"mode": mode})

    def track_gpu_utilisation(self, mode):
        return measure.by_product("track_gpu_utilisation")

    def track_gpu_memory(self, mode):
        return measure.by_product("track_gpu_memory")
'''


class StandIn:
    """GPUs numbered from 0, in ``folder``; ``environ`` leads a process to them.

    options: of the compiler, for a newer driver.
    """

    def __init__(self, folder: Path, *options: str):
        self.folder = folder
        (folder / "lib").mkdir(parents=True)
        (folder / "bin").mkdir()
        self.library = folder / "lib" / LIBRARY
        compiled = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-O1", "-o", str(self.library)]
        subprocess.run([*compiled, *options, str(SOURCE)], check=True)
        (folder / "driver").write_text("535.1\n")
        tool = folder / "bin" / "nvidia-smi"
        tool.write_text("#!/bin/sh\necho 'GPU 0: Stand-in (UUID: GPU-0)'\n")
        tool.chmod(0o755)
        self.gpus = 0

    def add_gpu(self, **answers: str) -> str:
        """Add a GPU that answers ANSWERS, changed by ``answers``: values in order, the last stays.
        Returns its UUID."""
        uuid = f"GPU-{self.gpus}a7e5{self.gpus}-stand-in"
        known = {"uuid": uuid, "bus": str(self.gpus + 1)}
        gpu = self.folder / str(self.gpus)
        gpu.mkdir()
        for quantity, values in {**known, **ANSWERS, **answers}.items():
            (gpu / quantity).write_text("\n".join(values.split()) + "\n")
        (gpu / "name").write_text(f"Stand-in {self.gpus}\n")
        self.gpus += 1
        return uuid

    def forget(self, gpu: int, quantity: str) -> None:
        """Make a quantity of a GPU one that it does not support."""
        (self.folder / str(gpu) / quantity).unlink()

    @property
    def was_opened(self) -> bool:
        return (self.folder / "opened").exists()

    def environ(self, path: str, **more: str) -> dict[str, str]:
        return {
            "PATH": str(self.folder / "bin") + os.pathsep + path,
            "LD_LIBRARY_PATH": str(self.library.parent),
            "STAND_IN_NVML": str(self.folder),
            "CUDA_VISIBLE_DEVICES": ",".join(str(gpu) for gpu in range(self.gpus)),
            "VGGBENCH_PROFILE": "gpu-quick",
            **more,
        }
