"""PyTorch, eager or compiled by torch.compile."""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping

from packaging.version import Version

from . import Framework

#: torch.compile came with the first release.
COMPILES_FROM = Version("2.0")


def _forecast(version: str, companions: Collection[str]) -> str | None:
    """Return the forecast. It was seen on two cores: each process compiles anew."""
    if Version(version) < COMPILES_FROM:
        return None
    return "torch.compile takes 20 to 75 s for each of six configurations: about 5 minutes"


def _remedy(status: int, environment: Mapping[str, str]) -> str:
    """Return what to do about a SIGBUS, of which a process dies that finds no room in the shared
    memory of a container."""
    if status != -signal.SIGBUS:
        return ""
    return (
        "; the shared memory, /dev/shm, may be too small: df /dev/shm tells; in a container, give "
        "more with docker run --shm-size=1g"
    )


FRAMEWORK = Framework(
    title="PyTorch",
    key="torch",
    packages=("torch",),
    commit_fact="torch_git",
    labels=("cpu", "cu", "rocm", "xpu"),
    facts=(
        ("torch.compile", "compile.mode"),
        ("SGD", "sgd"),
        ("threads of an operation", "intra_op_threads"),
        ("channels_last is kept", "keeps_channels_last"),
        ("oneDNN", "mkldnn"),
        ("CUDA", "cuda"),
        ("cuDNN", "cudnn"),
        ("TF32 in products", "tf32_products"),
        ("TF32 in convolutions", "tf32_convolutions"),
    ),
    prefixes=("TORCH_", "TORCHINDUCTOR_", "TORCHDYNAMO_", "TRITON_", "PYTORCH_", "ATEN_"),
    # Settings of the launcher of several processes, which may hold addresses.
    foreign_prefixes=("TORCH_NCCL_", "TORCH_DISTRIBUTED_"),
    flags=(
        "ATEN_CPU_CAPABILITY",
        "PYTORCH_CUDA_ALLOC_CONF",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        "TORCH_COMPILE_DISABLE",
    ),
    compared_prefixes=("TORCHDYNAMO_", "TORCHINDUCTOR_"),
    unset=("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"),
    forecast=_forecast,
    remedy=_remedy,
)
