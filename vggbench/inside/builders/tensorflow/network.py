"""What the two TensorFlow builders share: the forward pass, n/a answers, facts for a record.

The operations used here have the same positional arguments in every release from 1.0 on.
"""

import ctypes
import glob
import os

import numpy as np
import tensorflow as tf

from vggbench.inside import gpu, vgg16
from vggbench.inside.builders import fact
from vggbench.inside.params import MachineLacks, NotApplicable
from vggbench.inside.workload import BN_EPSILON

# The session of 1.x and the eager runtime of 2.x name devices alike.
DEVICE_NAMES = {"cpu": "/cpu:0", "gpu": "/gpu:0"}

# Environment variables that change what a configuration means. They are left as the user sets them.
SETTINGS = ("TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "XLA_FLAGS")

# Such variables for a GPU. They change the arithmetic of matrix products and convolutions, the
# choice of cuDNN's algorithms, and how memory is reserved.
GPU_SETTINGS = (
    "NVIDIA_TF32_OVERRIDE",
    "TF_CUDNN_DETERMINISTIC",
    "TF_CUDNN_USE_AUTOTUNE",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_CUBLAS_TENSOR_OP_MATH_FP32",
    "TF_ENABLE_CUDNN_TENSOR_OP_MATH_FP32",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_GPU_ALLOCATOR",
)

# Names of instructions in /proc/cpuinfo. From 2.9 on, TensorFlow uses oneDNN by default where the
# processor has one of them (IsMKLEnabled in its core/util/util.cc).
ONEDNN_INSTRUCTIONS = frozenset(
    ("avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16")
)

# What TensorFlow answers where it has no NCHW kernel for the CPU: everything that releases from
# 1.0.0 to 2.21.0 were seen to say. Only these answers become n/a. An unknown answer is a failure,
# because someone must look at it.
NCHW_ON_CPU_ANSWERS = (
    "CPU BiasOp only supports NHWC",
    "Default MaxPoolingOp only supports NHWC",
    "Conv2DCustomBackpropFilterOp only supports NHWC",  # Keras 3, whose pooling has it transposed
)


def to_data_format(images, configuration):
    """Return the batch's images, which come in NHWC, as an array in the configured data format."""
    if configuration.data_format == "NHWC":
        return images
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def loss_and_statistics(weights, images, labels, configuration):
    """Return (loss, statistics), symbolic, of one forward pass.

    weights: dict of name to variable. images: in the configured data format. labels: (batch,
    class), one-hot. loss: scalar, the mean over the batch of softmax cross-entropy. statistics:
    dict of the name of each running average to the value of this batch that moves it (see
    BN_MOMENTUM).
    """
    channels_last = configuration.data_format == "NHWC"
    image_size = images.get_shape().as_list()[2]  # columns in NHWC, rows in NCHW: images are square
    window = [1, 2, 2, 1] if channels_last else [1, 1, 2, 2]
    statistics = {}
    x = images
    for layer in vgg16.layers(image_size):
        if layer.kind == vgg16.CONVOLUTION:
            kernel = weights[layer.name + "/kernel"]
            x = tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME", data_format=configuration.data_format)
            if configuration.has_batch_norm:
                gamma, beta = weights[layer.name + "/gamma"], weights[layer.name + "/beta"]
                x, mean, variance = _batch_norm(x, gamma, beta, configuration)
                statistics[layer.name + "/moving_mean"] = mean
                statistics[layer.name + "/moving_variance"] = variance
            else:
                bias = weights[layer.name + "/bias"]
                x = tf.nn.bias_add(x, bias, data_format=configuration.data_format)
            x = tf.nn.relu(x)
        elif layer.kind == vgg16.POOL:
            x = tf.nn.max_pool(x, window, window, "VALID", data_format=configuration.data_format)
        else:
            if layer.name == "fc6":
                x = _flatten(x, layer.inputs, channels_last)
            x = tf.matmul(x, weights[layer.name + "/kernel"])
            x = tf.nn.bias_add(x, weights[layer.name + "/bias"])
            if layer.name != "fc8":
                x = tf.nn.relu(x)
    losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=x)
    return tf.reduce_mean(losses), statistics


def _flatten(x, features, channels_last):
    # NCHW is turned back to the canonical order here, so that fc6 is the same matrix in both
    # formats. The price is a copy of the last feature map, 1.6 MB for the paper workload. To
    # permute the rows of fc6 instead would need a second copy of its weights, 411 MB in the paper
    # workload, whenever weights are loaded or read.
    if not channels_last:
        x = tf.transpose(x, [0, 2, 3, 1])
    return tf.reshape(x, [-1, features])


def _batch_norm(x, gamma, beta, configuration):
    """Return (x normalised, mean of the batch, unbiased variance of the batch)."""
    if configuration.batch_norm == "fused":
        # TensorFlow 2 keeps this kernel under its 1.x name only.
        fused = getattr(tf.nn, "fused_batch_norm", None) or tf.compat.v1.nn.fused_batch_norm
        # In training mode the kernel returns the unbiased variance.
        return fused(
            x,
            gamma,
            beta,
            epsilon=BN_EPSILON,
            data_format=configuration.data_format,
            is_training=True,
        )[:3]
    shape = x.get_shape().as_list()
    if configuration.data_format == "NHWC":
        channels = shape[3]
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        normalised = tf.nn.batch_normalization(x, mean, variance, beta, gamma, BN_EPSILON)
    else:
        channels = shape[1]
        mean, variance = tf.nn.moments(x, [0, 2, 3])
        columns = [tf.reshape(v, [1, channels, 1, 1]) for v in (mean, variance, beta, gamma)]
        normalised = tf.nn.batch_normalization(x, *columns, variance_epsilon=BN_EPSILON)
    values = np.prod(shape) // channels
    return normalised, mean, variance * (values / (values - 1.0))


def not_applicable(error, configuration, device):
    """Return NotApplicable if error is TensorFlow's known answer to NCHW on a CPU, else None.

    configuration: a Configuration of TensorFlow, or of a framework that computes with TensorFlow.
    """
    if configuration.layout != "NCHW" or device != "cpu":
        return None
    message = str(error)
    for answer in NCHW_ON_CPU_ANSWERS:
        if answer in message:
            line = message[message.index(answer) :].splitlines()[0]
            # The node in TensorFlow's graph follows the sentence, and is of no use to a reader.
            sentence = line.split("[[")[0].strip()
            return NotApplicable("tensorflow %s on the cpu: %s" % (tf.__version__, sentence))
    return None


def sees_a_gpu():
    """Return whether this TensorFlow lists a GPU. Call it before anything else lists devices.

    Raises OSError where cuSOLVER's wheel is there but cannot be loaded.
    """
    load_cusolver(os.path.dirname(os.path.dirname(os.path.abspath(tf.__file__))))
    config = getattr(tf, "config", None)
    for place in (config, getattr(config, "experimental", None)):  # the second up to 2.0
        if hasattr(place, "list_physical_devices"):
            return bool(place.list_physical_devices("GPU"))
    from tensorflow.python.client import device_lib

    return any(device.device_type == "GPU" for device in device_lib.list_local_devices())


def load_cusolver(site_packages):
    """Load cuSOLVER from its wheel, where that is installed in this folder. Raises OSError.

    TensorFlow 2.21.0 searches the folders of CUDA's other wheels, but not this folder (RUNPATH of
    its libtensorflow_framework.so.2; 2.14 to 2.20 name the folder). It uses no GPU where a library
    is missing. A library that the process has already loaded is found by its name.
    """
    folder = os.path.join(site_packages, "nvidia", "cusolver", "lib")
    for path in glob.glob(os.path.join(glob.escape(folder), "libcusolver.so.*")):
        ctypes.CDLL(path)


def no_gpu(framework=None):
    """Return the exception to raise where this TensorFlow lists no GPU.

    framework: what the message names, such as "keras 3.15.1"; this TensorFlow where None.

    The exception is NotApplicable where this TensorFlow has no CUDA, MachineLacks where the machine
    has no GPU. Where both are there, a library is missing or the GPU is not supported. That may be
    mended, so the exception is a RuntimeError.
    """
    framework = framework or "tensorflow %s" % tf.__version__
    if gpu.is_visible() and tf.test.is_built_with_cuda():
        return RuntimeError(
            "%s has CUDA and lists no GPU, nvidia-smi lists %s: a library of CUDA or cuDNN is "
            "missing, or this GPU is not supported; main.py with TF_CPP_VMODULE=dso_loader=3 says "
            "which is missing" % (framework, gpu.visible()[0])
        )
    reason = "no GPU visible to %s" % framework
    return NotApplicable(reason) if gpu.is_visible() else MachineLacks(reason, "a GPU")


def compute_in_float32():
    """Have products and convolutions on a GPU not rounded to TF32, XLA's included.

    Releases up to 2.3 have no such switch. Call this before the first step.
    """
    experimental = getattr(getattr(tf, "config", None), "experimental", None)
    switch = getattr(experimental, "enable_tensor_float_32_execution", None)
    if switch is not None:
        switch(False)


def facts():
    """Return JSON-able facts about this TensorFlow; None for what a release cannot tell."""
    return {
        "tensorflow": tf.__version__,
        "tensorflow_git": fact(lambda: tf.version.GIT_VERSION, lambda: tf.__git_version__),
        "compiler": fact(lambda: tf.version.COMPILER_VERSION, lambda: tf.__compiler_version__),
        "numpy": np.__version__,
        # From 2.11 on, whether oneDNN is on. Before that it is False even where oneDNN is on,
        # except for builds with MKL.
        "mkl_enabled": fact(_mkl_since_2_5, _mkl_in_2_1_to_2_4, _mkl_in_1),
        "onednn_instructions": _has_onednn_instructions(),
        **{name: os.environ.get(name) for name in SETTINGS},
        "built_with_cuda": fact(lambda: tf.test.is_built_with_cuda()),
        "cuda": fact(
            lambda: tf.sysconfig.get_build_info()["cuda_version"],
            lambda: _build_info().cuda_version_number,
        ),
        "cudnn": fact(
            lambda: tf.sysconfig.get_build_info()["cudnn_version"],
            lambda: _build_info().cudnn_version_number,
        ),
        # Whether products and convolutions on a GPU may round to TF32. Releases up to 2.3 have no
        # such switch.
        "tf32": fact(lambda: tf.config.experimental.tensor_float_32_execution_enabled()),
        # XLA's clustering of what was not compiled as a whole. Where it is off, the value is ""
        # from 2.5 on, and False in 2.0 to 2.4.
        "auto_jit": fact(_auto_jit),
        **{name: os.environ.get(name) for name in GPU_SETTINGS},
        # How much the step has needed of the memory that TensorFlow reserved (2.5 and later).
        "gpu_allocated_peak_bytes": fact(
            lambda: tf.config.experimental.get_memory_info("GPU:0")["peak"]
        ),
    }


def _auto_jit():
    if tf.__version__.startswith("1."):
        raise AttributeError("in 1.x it belongs to a session")
    return tf.config.optimizer.get_jit()


def _has_onednn_instructions(cpuinfo="/proc/cpuinfo"):
    """Return whether the processor has one of ONEDNN_INSTRUCTIONS, None where that is unknown."""
    try:
        with open(cpuinfo) as file:
            flags = next((line for line in file if line.startswith("flags")), None)
    except OSError:
        return None
    return None if flags is None else not ONEDNN_INSTRUCTIONS.isdisjoint(flags.split())


def _mkl_since_2_5():
    from tensorflow.python.util import _pywrap_util_port

    return _pywrap_util_port.IsMklEnabled()


def _mkl_in_2_1_to_2_4():
    from tensorflow.python import _pywrap_util_port

    return _pywrap_util_port.IsMklEnabled()


def _mkl_in_1():
    from tensorflow.python import pywrap_tensorflow

    return pywrap_tensorflow.IsMklEnabled()


def _build_info():
    from tensorflow.python.platform import build_info

    return build_info
