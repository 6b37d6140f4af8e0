"""PyTorch, eager or compiled by torch.compile."""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping

from packaging.version import Version

from . import (
    BATCH_NORM,
    CONV_FORWARD,
    CONV_GRAD_INPUTS,
    CONV_GRAD_WEIGHTS,
    CONV_GRADS,
    ELEMENTWISE,
    LAYOUT,
    MATMUL,
    POOL,
    UPDATE,
    Framework,
)

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
        "PYTORCH_ALLOC_CONF",
        "PYTORCH_CUDA_ALLOC_CONF",
        "PYTORCH_NO_CUDA_MEMORY_CACHING",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        "TORCH_COMPILE_DISABLE",
        "TORCH_CUDNN_V8_API_DISABLED",
    ),
    compared_prefixes=("TORCHDYNAMO_", "TORCHINDUCTOR_"),
    unset=("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"),
    # Optimisers alone have operations of whole lists of tensors, Keras's too.
    containers=((r"Optimizer\.(?:step|zero_grad)#.*|aten::_foreach_\w+", UPDATE),),
    # Operations have the names of ATen. An underscore at the end works in place.
    operations=(
        (r"aten::(?:mkldnn|thnn|slow|cudnn)_?conv\w*_backward_weights?", CONV_GRAD_WEIGHTS),
        (r"aten::(?:mkldnn|thnn|slow|cudnn)_?conv\w*_backward_input", CONV_GRAD_INPUTS),
        (r"aten::\w*conv\w*_backward\w*", CONV_GRADS),
        (r"aten::\w*conv\w*", CONV_FORWARD),
        (r"aten::(?:addmm|mm|bmm|matmul|linear|mkldnn_linear|_addmm_activation)_?\w*", MATMUL),
        (r"aten::\w*pool\w*", POOL),
        (r"aten::\w*batch_norm\w*", BATCH_NORM),
        (
            r"aten::(?:copy|clone|contiguous|to|_to_copy|transpose|t|permute|reshape|_reshape_alias"
            r"|view|as_strided|expand|empty|empty_like|empty_strided|new_\w+|resize|detach"
            r"|slice|select|squeeze|unsqueeze|alias|narrow|cat|zeros|zeros_like|ones_like|fill"
            r"|zero|set|_to_dense|to_mkldnn|to_dense)_?|detach",
            LAYOUT,
        ),
        (
            r"aten::(?:relu|threshold|threshold_backward|clamp|clamp_min|add|sub|rsub|mul|div|neg"
            r"|sum|mean|sqrt|rsqrt|reciprocal|pow|exp|log|_?log_softmax\w*|nll_loss\w*"
            r"|cross_entropy_loss|gt|ge|le|where)_?",
            ELEMENTWISE,
        ),
        # What torch.compile's Inductor made of the operations between convolutions and products,
        # which it leaves to ATen.
        (r"(?:graph_\d+_)?cpp_fused\w*|triton_\w+|Torch-Compiled Region.*", ELEMENTWISE),
        (r"CompiledFunction(?:Backward)?|## Call CompiledFxGraph .*", ELEMENTWISE),
    ),
    forecast=_forecast,
    remedy=_remedy,
)
