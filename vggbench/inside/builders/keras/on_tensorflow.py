"""Keras on TensorFlow: what network.backend() asks for."""

import os

from vggbench.inside.builders.keras import network

# From this version of Keras on, on TensorFlow 1: the fused kernel of batch normalisation, where it
# serves the data format.
FUSED = (2, 1, 3)

# From this version of Keras on, up to the second: tf.train's zero_debias.
DEBIASED, NOT_DEBIASED = (2, 1, 3), (2, 3, 0)

# From this version on Keras is TensorFlow's, and sees to the order of updates.
TENSORFLOWS = (2, 4, 0)

TURNS_KERNELS = False


def why_absent(folder):
    return None


def prepare(device):
    if device == "cpu":
        # Every TensorFlow looks at it when it first looks for GPUs.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def check_device(keras, device):
    if device == "gpu" and not _tensorflow().sees_a_gpu():
        raise _tensorflow().no_gpu("keras %s" % keras.__version__)


def proof_of_xla(keras):
    # Only where it is asked for, and after TensorFlow is prepared.
    from vggbench.inside.builders.tensorflow import xla

    xla.mode()  # raises where this TensorFlow has no XLA
    return xla.first_call_of_keras


def waiting(weights, device):
    return lambda: None


def told_by(model):
    return {}


def gate_updates(keras):
    """Keras up to 2.2 on TensorFlow 1 lets a weight be updated while the backward pass still reads
    it. What is timed is Keras's own step; to be held against the reference it must be the same each
    time.
    """
    if network.version(keras) >= TENSORFLOWS:
        return
    import tensorflow as tf

    plain = keras.backend.gradients
    if tf.__version__.startswith("1."):
        keras.backend.gradients = lambda loss, weights: tf.tuple(plain(loss, weights))


def compute_in_float32():
    _tensorflow().compute_in_float32()


def answer(error, configuration, device):
    return _tensorflow().not_applicable(error, configuration, device)


def facts():
    return _tensorflow().facts()


def variance_of_keras_1(version):
    return "biased"


def variance_of_keras_2(version, configuration, device):
    import tensorflow as tf

    fused = version >= FUSED and tf.__version__.startswith("1.")
    on_this_device = configuration.data_format == "NHWC" or device == "gpu"
    moved_by = "unbiased" if fused and on_this_device else "biased"
    return moved_by, ", debiased" if DEBIASED <= version < NOT_DEBIASED else ""


def _tensorflow():
    # It imports TensorFlow, which comes after prepare().
    from vggbench.inside.builders.tensorflow import network as tensorflow_network

    return tensorflow_network
