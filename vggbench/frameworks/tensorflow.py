"""TensorFlow, with oneDNN and XLA in it."""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping

from packaging.version import InvalidVersion, Version

from . import (
    BATCH_NORM,
    CONV_FORWARD,
    CONV_GRAD_INPUTS,
    CONV_GRAD_WEIGHTS,
    ELEMENTWISE,
    LAYOUT,
    MATMUL,
    POOL,
    UPDATE,
    Facts,
    Framework,
    Switch,
)

#: From this release on, TensorFlow for Linux on x86-64 uses oneDNN by default, on processors with
#: instructions such as AVX512_VNNI (its release notes).
ONEDNN_SINCE = Version("2.9")

#: From this release on, TensorFlow's wheels say whether they use oneDNN (``mkl_enabled``).
ONEDNN_TOLD_SINCE = Version("2.11")

#: The variable that switches oneDNN, and the release from which on it does (the release notes of
#: 2.5).
ONEDNN_VARIABLE, ONEDNN_SWITCHED_SINCE = "TF_ENABLE_ONEDNN_OPTS", Version("2.5")

#: How TensorFlow reads the value of that variable.
_SWITCH = {"1": True, "true": True, "0": False, "false": False}

#: The CPU wheels before the first release have no XLA. Before the second release, XLA compiles one
#: configuration for up to a minute and a half (1.12 to 2.0: 10 to 17 s, fused batch normalisation
#: 94 s). From the second release on, it compiles for seconds.
XLA_FROM, XLA_IS_QUICK_FROM = Version("1.12"), Version("2.4")


def uses_onednn(facts: Facts, tensorflow: str | None = None) -> bool | None:
    """Return whether TensorFlow uses oneDNN; None where that is unknown or there is no TensorFlow.

    The answer is what the variable says; else what TensorFlow itself says, where it can; else it
    follows from the version (that of the ``facts`` unless given) and the processor. Up to 2.10 the
    wheels of the index say that they have no MKL, with oneDNN and without.
    """
    try:
        version = Version(tensorflow or facts.get("tensorflow") or "")
    except InvalidVersion:
        return None
    switched = _SWITCH.get(str(facts.get(ONEDNN_VARIABLE)).lower())
    mkl_enabled = facts.get("mkl_enabled")
    if switched is not None and version >= ONEDNN_SWITCHED_SINCE:
        return switched
    if isinstance(mkl_enabled, bool) and (mkl_enabled or version >= ONEDNN_TOLD_SINCE):
        return mkl_enabled
    # Records from before a process looked at its processor come from processors that have oneDNN
    # on.
    return version >= ONEDNN_SINCE and facts.get("onednn_instructions") is not False


def _forecast(version: str, companions: Collection[str]) -> str | None:
    if XLA_FROM <= Version(version) < XLA_IS_QUICK_FROM:
        return "a configuration compiled by XLA takes 10 to 100 s here: about 4 minutes"
    return None


def _remedy(status: int, environment: Mapping[str, str]) -> str:
    """Return what to do about a SIGFPE, of which TensorFlow 2.5.3 and 2.6.5 were seen to die.

    They did so where oneDNN was forced on.
    """
    forced = environment.get(ONEDNN_VARIABLE, "")
    if status != -signal.SIGFPE or forced.lower() not in ("1", "true"):
        return ""
    return (
        f"; {ONEDNN_VARIABLE}={forced} is set: oneDNN kills tensorflow 2.5 and 2.6 on some "
        f"processors; unset it"
    )


FRAMEWORK = Framework(
    title="TensorFlow",
    key="tensorflow",
    packages=(
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-intel",
        "tf-nightly",
        "tf-nightly-cpu",
    ),
    facts=(
        ("XLA mode", "xla.mode"),
        ("CUDA", "cuda"),
        ("cuDNN", "cudnn"),
        ("TF32", "tf32"),
    ),
    commit_fact="tensorflow_git",
    switches=(Switch(title="oneDNN", variable=ONEDNN_VARIABLE, is_on=uses_onednn),),
    prefixes=("TF_", "XLA_", "ONEDNN_"),
    # These variables belong to Terraform, and may hold secrets.
    foreign_prefixes=("TF_CLI_", "TF_TOKEN_", "TF_VAR_"),
    # Without this variable, which it reads from 1.14 on, TensorFlow takes all of a GPU's memory at
    # the start.
    shares_gpu={"TF_FORCE_GPU_ALLOW_GROWTH": "true"},
    flags=(
        "TF_DETERMINISTIC_OPS",
        "TF_ENABLE_CUBLAS_TENSOR_OP_MATH_FP32",
        "TF_ENABLE_CUDNN_TENSOR_OP_MATH_FP32",
        ONEDNN_VARIABLE,
        "TF_FORCE_GPU_ALLOW_GROWTH",
        "TF_XLA_FLAGS",
        "XLA_FLAGS",
    ),
    compared_prefixes=("TF_CUDNN_", "TF_GPU_", "TF_MKL_", "TF_NUM_", "TF_ONEDNN_"),
    # Operations have the names of REGISTER_OP. Those that oneDNN replaces begin with _Mkl, those
    # that Grappler fuses with _Fused.
    operations=(
        (r"\w*Conv2DBackpropFilter\w*", CONV_GRAD_WEIGHTS),
        (r"\w*Conv2DBackpropInput\w*", CONV_GRAD_INPUTS),
        (r"\w*Conv2D\w*", CONV_FORWARD),
        (r"\w*MatMul\w*", MATMUL),
        (r"\w*(?:Max|Avg)Pool\w*", POOL),
        (r"\w*FusedBatchNorm\w*", BATCH_NORM),
        (r"(?:Resource)?Apply\w+|Assign\w*", UPDATE),
        (
            r"_?(?:Mkl\w*)?(?:Transpose|Reshape|ToTf|TfToMkl|InputConversion|Reorder|Concat\w*|Pack"
            r"|Unpack|Slice|StridedSlice\w*|Squeeze|ExpandDims|Identity\w*|Copy\w*|Send|Recv"
            r"|HostSend|HostRecv|Tile|BroadcastTo|ReadVariableOp|Cast|Fill|Pad|PadV2)",
            LAYOUT,
        ),
        (
            r"_?(?:Mkl\w*)?(?:Fused)?(?:BiasAdd\w*|Relu\w*|Add|AddV2|AddN|Sub|Mul|RealDiv|Neg|Sum"
            r"|Mean|Max|Maximum|Exp|Log|Softmax|LogSoftmax|\w*SoftmaxCrossEntropyWithLogits"
            r"|Square|SquaredDifference|Sqrt|Rsqrt|RsqrtGrad|Select\w*|GreaterEqual|Greater"
            r"|Reciprocal|ReciprocalGrad|DivNoNan|ZerosLike|OnesLike)",
            ELEMENTWISE,
        ),
    ),
    forecast=_forecast,
    remedy=_remedy,
)
