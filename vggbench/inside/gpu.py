"""Whether this machine has a GPU that a framework could see.

nvidia-smi is asked, which is NVML in a process of its own: on a machine without one that is a look
at PATH, and NVML is loaded by nobody who does not measure on a GPU.
"""

import functools
import os
import shutil
import subprocess


@functools.lru_cache(maxsize=1)
def visible():
    """Return the names of the GPUs that NVIDIA's driver lists, a list of strings; none where
    CUDA_VISIBLE_DEVICES hides all of them."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None and shown.strip() in ("", "-1"):
        return []
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        listed = subprocess.run(
            [tool, "-L"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    if listed.returncode != 0:
        return []
    # "GPU 0: NVIDIA H200 (UUID: GPU-...)"
    lines = [line.partition(" (UUID")[0] for line in listed.stdout.splitlines()]
    return [line.partition(": ")[2] for line in lines if line.startswith("GPU ")]


def is_visible():
    """Whether a GPU is visible."""
    return bool(visible())
