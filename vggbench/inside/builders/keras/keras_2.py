"""The train step in Keras 2: train_on_batch of a model of its functional API.

Up to 2.3 Keras has backends of its own, from 2.4 on it is TensorFlow's Keras.
"""

import inspect

import keras
from keras import backend as K  # noqa: N812 (its name in all of Keras's documentation)
from keras.layers import BatchNormalization, Conv2D, Dense, Layer, MaxPooling2D

from vggbench.inside.builders.keras import network
from vggbench.inside.workload import BN_EPSILON, BN_MOMENTUM, LEARNING_RATE

VERSION = network.version(keras)

# From this version on, Keras is TensorFlow's.
TENSORFLOWS = (2, 4, 0)

# From this version on, and as long as it had backends of its own, Keras corrects a variance that it
# takes for the biased one.
CORRECTED = (2, 1, 4)


def build(workload, configuration, device):
    """Return the train step. Raises NotApplicable where this Keras cannot do the configuration."""
    compiled = {}
    prove = None
    if configuration.xla == "on":
        if "jit_compile" not in inspect.signature(keras.models.Model.compile).parameters:
            raise network.no_switch(keras)
        compiled = {"jit_compile": True}
        prove = network.backend(configuration.backend).proof_of_xla(keras)
    channels_first = configuration.data_format == "NCHW"
    order = "channels_first" if channels_first else "channels_last"
    layers = {
        "convolution": lambda outputs, bias: Conv2D(
            outputs, 3, padding="same", data_format=order, use_bias=bias
        ),
        "batch_norm": lambda: (
            BatchStatistics(order)
            if configuration.batch_norm == "mode 2"
            else BatchNormalization(
                axis=1 if channels_first else 3, epsilon=BN_EPSILON, momentum=BN_MOMENTUM
            )
        ),
        "pool": lambda: MaxPooling2D(data_format=order),
        "dense": Dense,
    }
    model = network.Model(workload, configuration, layers)
    model.trained.compile(_sgd(configuration), "categorical_crossentropy", **compiled)
    return network.KerasStep(
        model,
        workload,
        configuration,
        device,
        running_variance=_running_variance(configuration, device),
        layouts=network.layouts(configuration),
        prove=prove,
    )


class BatchStatistics(Layer):
    """Does what BatchNormalization does, without running averages. Keras 1 calls this mode 2."""

    def __init__(self, order):
        super().__init__()
        self._channels_first = order == "channels_first"

    def build(self, input_shape):
        shape = (int(input_shape[1 if self._channels_first else 3]),)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs):
        # Each branch computes with the same function as BatchNormalization of these versions.
        if VERSION < TENSORFLOWS:
            axes = [0, 2, 3] if self._channels_first else [0, 1, 2]
            return K.normalize_batch_in_training(
                inputs, self.gamma, self.beta, axes, epsilon=BN_EPSILON
            )[0]
        import tensorflow as tf

        return tf.compat.v1.nn.fused_batch_norm(
            inputs,
            self.gamma,
            self.beta,
            epsilon=BN_EPSILON,
            data_format="NCHW" if self._channels_first else "NHWC",
            is_training=True,
        )[0]

    def compute_output_shape(self, input_shape):
        return input_shape


def _sgd(configuration):
    try:
        from keras.optimizers import SGD
    except ImportError:  # Keras 2.6.0 lacks that name
        from keras.optimizer_v2.gradient_descent import SGD
    parameters = inspect.signature(SGD.__init__).parameters
    chosen = {"learning_rate" if "learning_rate" in parameters else "lr": LEARNING_RATE}
    if "jit_compile" in parameters and configuration.xla == "off":
        # From 2.11 on the default is True, and takes effect where there is a GPU.
        chosen["jit_compile"] = False
    return SGD(**chosen)


def _running_variance(configuration, device):
    """Return what moves the running averages, as reference.build() takes it."""
    if VERSION >= TENSORFLOWS:
        return "unbiased"
    backend = network.backend(configuration.backend)
    moved_by, remark = backend.variance_of_keras_2(VERSION, configuration, device)
    if VERSION >= CORRECTED:
        moved_by += ", corrected"
    return moved_by + remark
