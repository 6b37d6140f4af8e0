"""JAX in this process: what comes before its import, the device, and facts for a record.

Only functions here import JAX, because prepare() must come first.
"""

import os
import pkgutil

import numpy as np

from vggbench.inside import gpu, vgg16
from vggbench.inside.builders import fact
from vggbench.inside.params import MachineLacks, NotApplicable

# Environment variables that change how JAX and XLA compute. They are left as the user sets them.
SETTINGS = (
    "JAX_DEFAULT_MATMUL_PRECISION",
    "JAX_ENABLE_X64",
    "NVIDIA_TF32_OVERRIDE",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_ALLOCATOR",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
)

# The variable that chooses where JAX computes.
PLATFORMS = "JAX_PLATFORMS"

# Further variables that choose it. The profile alone says where a step is computed.
ELSEWHERE = ("JAX_PLATFORM_NAME", "JAX_DEFAULT_DEVICE")

# The variables by which JAX keeps what it compiled for later processes.
KEEPS_COMPILED = ("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE")

# XLA is given each convolution three times: forward, backward to its kernel and backward to its
# input. One less is enough: nobody needs the gradient of the batch.
LEAST_CONVOLUTIONS = 3 * sum(layer.kind == vgg16.CONVOLUTION for layer in vgg16.layers(32)) - 1


def prepare(device):
    """Do what must come before the import of JAX.

    For the CPU, the GPUs are hidden from this process for good. Variables by which a user has JAX
    compute elsewhere are unset. What was compiled by an earlier process is not looked for: the
    first step would be another thing than that of other processes.
    """
    for variable in KEEPS_COMPILED + ELSEWHERE:
        os.environ.pop(variable, None)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ[PLATFORMS] = "cpu"
    else:
        os.environ.pop(PLATFORMS, None)


def check_device(device, framework=None):
    """Raise NotApplicable where JAX sees no such device.

    framework: what the message names, such as "keras 3.15.1"; this JAX where None. The exception is
    MachineLacks where the machine has no GPU, and a RuntimeError where JAX has CUDA and cannot use
    the GPU that is there, or computes on the CPU all the same. That may be mended.
    """
    import jax

    if device == "cpu":
        return
    framework = framework or "jax %s" % jax.__version__
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        if not gpu.is_visible():
            raise MachineLacks("no GPU visible to %s" % framework, "a GPU") from None
        if not _has_cuda():
            raise NotApplicable("no CUDA is installed beside %s" % framework) from None
        raise RuntimeError(
            "%s has CUDA and sees no GPU, nvidia-smi lists %s: %s"
            % (framework, gpu.visible()[0], error)
        ) from None
    if jax.default_backend() == "cpu":
        raise RuntimeError("%s sees a GPU, and computes on the CPU" % framework)


def _has_cuda():
    """Return whether CUDA is installed: as a plugin of JAX, or up to 0.4.29 within jaxlib."""
    # Such as "0.4.23+cuda12.cudnn89". jaxlib.__version__ is without the label.
    if "+cuda" in (fact(_version_of_jaxlib) or ""):
        return True
    # Such as jax_cuda12_plugin.
    names = [name for _, name, _ in pkgutil.iter_modules()]
    return any(name.startswith("jax_cuda") and name.endswith("_plugin") for name in names)


def _version_of_jaxlib():
    """Return the version of jaxlib by the wheel that it was installed from."""
    from importlib import metadata  # from CPython 3.8 on, which these releases ask for

    return metadata.version("jaxlib")


def compute_in_float32():
    """Have products and convolutions on a GPU not rounded to TF32.

    Call this before the first step.
    """
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")


def prove(program, what):
    """Prove that a program of XLA is the whole step; return the sentence for the record.

    program: its text, in StableHLO or in HLO. what: what the program is, for the sentence. Raises
    NotApplicable where it holds fewer convolutions than the step has.
    """
    import jax

    found = convolutions(program)
    if found < LEAST_CONVOLUTIONS:
        raise NotApplicable(
            "jax %s compiled %d convolutions of the step's %d as one program"
            % (jax.__version__, found, LEAST_CONVOLUTIONS)
        )
    return "%s holds %d convolutions" % (what, found)


def convolutions(program):
    """Return how many convolutions a program of XLA holds, by its text."""
    # Their names in StableHLO, in HLO, and in what XLA calls on a GPU and on a CPU.
    names = ("stablehlo.convolution", " convolution(", "__cudnn$conv", "__onednn$conv")
    return sum(program.count(name) for name in names)


def facts():
    """Return JSON-able facts about this JAX; None for what a release cannot tell."""
    import jax
    import jaxlib

    devices = jax.devices()
    return {
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "jaxlib_git": fact(lambda: jaxlib.version._git_hash),
        "numpy": np.__version__,
        "platform": fact(lambda: devices[0].client.platform_version),
        "devices": [str(device) for device in devices],
        "matmul_precision": fact(lambda: jax.config.jax_default_matmul_precision),
        **{name: os.environ.get(name) for name in SETTINGS},
        "gpu_allocated_peak_bytes": fact(lambda: devices[0].memory_stats()["peak_bytes_in_use"]),
    }
