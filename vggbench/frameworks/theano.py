"""Theano, which compiles with the machine's compiler and multiplies with its BLAS."""

from __future__ import annotations

from collections.abc import Collection

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
    Framework,
)


def _forecast(version: str, companions: Collection[str]) -> str:
    """Return the forecast. It was seen on two cores, with nothing compiled before.

    Where everything was compiled before, a configuration takes 10 s.
    """
    return "theano compiles a configuration for half a minute and more: about 3 minutes"


FRAMEWORK = Framework(
    title="Theano",
    key="theano",
    packages=("theano",),
    facts=(
        ("C++ compiler", "cxx_version"),
        ("BLAS", "blas_library"),
        ("BLAS threads", "blas_threads"),
    ),
    # Theano keeps compiled modules in a folder (docs/method.md).
    compiled_fact="compiled_modules",
    prefixes=("THEANO_", "THEANORC"),
    flags=("THEANO_FLAGS", "THEANORC"),
    unset=("THEANORC", "THEANO_FLAGS"),
    has_sdists=True,
    # Operations have the names of the classes of Theano's ops. "(update)" is behind the
    # elementwise one that makes a new weight (vggbench.inside.builders.theano.profile). Earlier
    # records have it behind products that make one, too, which stay products.
    operations=(
        (r"(?:Gpu)?Elemwise \(update\)", UPDATE),
        (r"\w*(?:MM_gradWeights|ConvGradW\w*|Conv2d_gradWeights)", CONV_GRAD_WEIGHTS),
        (r"\w*(?:MM_gradInputs|ConvGradI\w*|Conv2d_gradInputs)", CONV_GRAD_INPUTS),
        (r"\w*(?:CorrMM|ConvOp|DnnConv|Conv2d)", CONV_FORWARD),
        (r"(?:Gpu)?(?:Dot\w*|Gemm\w*|Gemv\w*|Ger)", MATMUL),
        (r"\w*(?:Pool|MaxPoolGrad|DownsampleFactorMax)\w*", POOL),
        (r"\w*BatchNorm\w*", BATCH_NORM),
        (
            r"(?:Gpu)?(?:InplaceDimShuffle|DimShuffle|Reshape|Alloc\w*|Subtensor|IncSubtensor|Join"
            r"|MakeVector|Shape_i|Contiguous|\w*FromHost|HostFrom\w*|DeepCopyOp|ScalarFromTensor"
            r"|TensorFromScalar|Rebroadcast|ViewOp|OutputGuard)",
            LAYOUT,
        ),
        (
            r"(?:Gpu)?(?:Elemwise|CAReduce\w*|Sum|Mean|Softmax\w*|CrossentropySoftmax\w*|MaxAndArgmax"
            r"|SoftmaxWithBias|CrossentropySoftmaxArgmax1HotWithBias"
            r"|CrossentropySoftmax1HotWithBiasDx)",
            ELEMENTWISE,
        ),
    ),
    forecast=_forecast,
)
