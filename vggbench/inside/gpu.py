"""Whether this machine has a GPU that a framework could see.

The answer comes from nvidia-smi, which uses NVML in a process of its own. A process that does not
measure on a GPU thus never loads NVML. On a machine without nvidia-smi, the question costs a look
at PATH.
"""

import functools
import os
import shutil
import subprocess


@functools.lru_cache(maxsize=1)
def visible():
    """Return a list of the names of the GPUs that NVIDIA's driver lists.

    The list is empty where CUDA_VISIBLE_DEVICES hides all of them.
    """
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
            universal_newlines=True,
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
    """Return whether a GPU is visible."""
    return bool(visible())
