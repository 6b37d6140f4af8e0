"""PyTorch in this process: what comes before its import, the device, and facts for a record.

Only functions here import PyTorch, because prepare() must come first.
"""

import os
import tempfile

import numpy as np

from vggbench.inside import gpu
from vggbench.inside.builders import fact
from vggbench.inside.params import MachineLacks, NotApplicable

# Environment variables that change how PyTorch computes. They are left as the user sets them.
SETTINGS = (
    "OMP_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "KMP_BLOCKTIME",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_CUDNN_V8_API_DISABLED",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_NO_CUDA_MEMORY_CACHING",
)

# The folder in which torch.compile keeps what it compiled, and the folder of Triton, which compiles
# for it on a GPU.
COMPILED = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")

# What PyTorch says where the driver is older than its CUDA needs.
OLD_DRIVER = ("driver on your system is too old", "driver version is insufficient")

_folders = []


def prepare(device):
    """Do what must come before the import of PyTorch.

    For the CPU, the GPUs are hidden from this process for good. What torch.compile keeps goes into
    an empty folder, which is removed at the end of this process. A process would otherwise find
    what an earlier process compiled, and its first step would be another thing than theirs.
    """
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if not _folders:
        _folders.append(tempfile.TemporaryDirectory(prefix="vggbench-torch-"))
        for variable in COMPILED:
            os.environ[variable] = os.path.join(_folders[0].name, variable.lower())


def check_device(device, framework=None):
    """Raise NotApplicable where PyTorch sees no such device.

    framework: what the message names, such as "keras 3.15.1"; this PyTorch where None. The
    exception is MachineLacks where the machine has no GPU, or too old a driver for the CUDA of this
    PyTorch. It is a RuntimeError where PyTorch has CUDA and cannot use the GPU that is there for
    another reason. That may be mended.
    """
    import torch

    if device == "cpu" or torch.cuda.is_available():
        return
    framework = framework or "torch %s" % torch.__version__
    if not gpu.is_visible():
        raise MachineLacks("no GPU visible to %s" % framework, "a GPU")
    if torch.version.cuda is None:
        raise NotApplicable("%s was built without CUDA" % framework)
    told = _why_no_cuda()
    if any(text in told for text in OLD_DRIVER):
        raise MachineLacks(
            "%s has CUDA %s: %s" % (framework, torch.version.cuda, told), "a newer driver"
        )
    told = told or "a library may be missing, or this GPU is not supported"
    raise RuntimeError(
        "%s has CUDA %s and sees no GPU, nvidia-smi lists %s: %s"
        % (framework, torch.version.cuda, gpu.visible()[0], told)
    )


def _why_no_cuda():
    """Return the first line of what PyTorch says where it cannot use CUDA; empty where it can."""
    import torch

    try:
        torch.cuda.init()
    except Exception as error:  # an AssertionError in early releases, a RuntimeError later
        return (str(error).strip().splitlines() or [""])[0]
    return ""


def wait_for(device):
    """Return a function that returns when all that was asked of the device is done."""
    import torch

    # The loss is known before the optimiser's kernels, which come behind it, have run.
    return torch.cuda.synchronize if device == "gpu" else lambda: None


def compute_in_float32():
    """Have products and convolutions on a GPU not rounded to TF32.

    The switch allow_tf32 is there from 1.7 on; before that there was no TF32. From 2.9 on there is
    another one, fp32_precision, beside it. In 2.9 and 2.10 torch.compile raises where that one was
    used, so the old one is used where it is there. Call this before the first step.
    """
    import torch

    for switch in (getattr(torch.backends.cuda, "matmul", None), torch.backends.cudnn):
        if hasattr(switch, "allow_tf32"):
            switch.allow_tf32 = False
        elif hasattr(switch, "fp32_precision"):
            switch.fp32_precision = "ieee"


def facts():
    """Return JSON-able facts about this PyTorch; None for what a release cannot tell."""
    import torch

    told = {
        "torch": str(torch.__version__),
        "torch_git": fact(lambda: torch.version.git_version),
        "numpy": np.__version__,
        # Threads of one operation, and of operations beside each other.
        "intra_op_threads": fact(lambda: torch.get_num_threads()),
        "inter_op_threads": fact(lambda: torch.get_num_interop_threads()),
        "threading": fact(lambda: _threading(torch.__config__.parallel_info())),
        "mkl": fact(lambda: torch.backends.mkl.is_available()),
        "mkldnn": fact(lambda: torch.backends.mkldnn.is_available()),
        "cpu_capability": fact(lambda: torch.backends.cpu.get_cpu_capability()),
        "cuda": fact(lambda: torch.version.cuda),
        "cudnn": fact(lambda: torch.backends.cudnn.version()),
        "tf32_products": fact(
            lambda: torch.backends.cuda.matmul.fp32_precision,
            lambda: torch.backends.cuda.matmul.allow_tf32,
        ),
        "tf32_convolutions": fact(
            lambda: torch.backends.cudnn.conv.fp32_precision,
            lambda: torch.backends.cudnn.allow_tf32,
        ),
        "cudnn_benchmark": fact(lambda: torch.backends.cudnn.benchmark),
        **{name: os.environ.get(name) for name in SETTINGS},
    }
    if torch.cuda.is_available():
        told["gpu_allocated_peak_bytes"] = fact(lambda: torch.cuda.max_memory_allocated())
    return told


def _threading(parallel_info):
    """Return what PyTorch says of its threads: the backend and the OpenMP.

    parallel_info: the text of torch.__config__.parallel_info().
    """
    lines = [line.strip() for line in parallel_info.splitlines()]
    told = [
        line
        for line in lines
        if line.startswith(("OpenMP", "ATen parallel backend", "at::get_num_threads"))
    ]
    return "; ".join(told)
