"""Is anything left to run on the GPU when a train step of TensorFlow 2 returns?

    .asv/env/releases/tensorflow-2.21.0-b1-gpu/bin/python perf/gpu_wait.py

Run it with a release's own interpreter. After each step, cuCtxSynchronize of CUDA's driver waits
for all that the process has put on the GPU. Where the step is over, it returns at once. As a
control, the step is run without the wait for its loss, which must leave the GPU at work.
"""

import ctypes
import statistics
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    # In place of this script's own folder, whose modules are no packages of the release.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from vggbench.inside import builders, params, workload

CONFIGURATIONS = (("NHWC", "none", "off"), ("NCHW", "fused", "off"), ("NCHW", "none", "on"))
WARM_UP_STEPS = 5
STEPS = 20
#: The longest wait after a step, relative to the step: asking the driver takes as long, and no
#: work.
MOST_WAIT = 0.01


def checked(status):
    """End the program where a call of CUDA's driver returned an error."""
    if status != 0:
        sys.exit(f"gpu_wait.py: CUDA's driver answers with error {status}")


def context():
    """Give this thread the context that TensorFlow uses, the GPU's primary context; return CUDA."""
    cuda = ctypes.CDLL("libcuda.so.1")
    device, primary = ctypes.c_int(), ctypes.c_void_p()
    checked(cuda.cuInit(0))
    checked(cuda.cuDeviceGet(ctypes.byref(device), 0))
    checked(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(primary), device))
    checked(cuda.cuCtxSetCurrent(primary))
    return cuda


def timed(cuda, call):
    """Return the milliseconds of the call, and of the wait for the GPU after it.

    Both are medians of STEPS calls.
    """
    called, waited = [], []
    for _ in range(STEPS):
        start = time.perf_counter()
        call()
        returned = time.perf_counter()
        checked(cuda.cuCtxSynchronize())
        called.append(returned - start)
        waited.append(time.perf_counter() - returned)
    return {
        "call_ms": round(1e3 * statistics.median(called), 2),
        "wait_ms": round(1e3 * statistics.median(waited), 2),
    }


def without_wait(step):
    """Return a function that runs the step and does not wait for its loss."""
    losses = []  # They are kept, so that releasing a loss is not timed.
    return lambda: losses.append(step._run())


def main():
    missed = 0
    for data_format, batch_norm, xla in CONFIGURATIONS:
        configuration = params.Configuration(
            "TensorFlow", data_format=data_format, batch_norm=batch_norm, xla=xla
        )
        try:
            step = builders.build(workload.profile("gpu-paper").workload, configuration, "gpu")
        except (params.NotApplicable, ImportError) as reason:
            sys.exit(f"gpu_wait.py: {reason}")
        for _ in range(WARM_UP_STEPS):
            step()
        cuda = context()
        after_step, control = timed(cuda, step), timed(cuda, without_wait(step))
        share = after_step["wait_ms"] / after_step["call_ms"]
        print(f"{data_format} {batch_norm} {xla}: step {after_step}, control {control}")
        good = share <= MOST_WAIT < control["wait_ms"] / control["call_ms"]
        print(
            f"  wait after the step at most {MOST_WAIT:.0%} of it: {share:.2%}, "
            f"{'met' if good else 'MISSED'}",
            flush=True,
        )
        missed += not good
        step.close()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
