"""The train step in Keras 3: train_on_batch of a model of its functional API."""

import keras
from keras.layers import BatchNormalization, Conv2D, Dense, Layer, MaxPooling2D

from vggbench.inside.builders.keras import network
from vggbench.inside.workload import BN_EPSILON, BN_MOMENTUM, LEARNING_RATE

# From this version on, train_on_batch returns the loss of its batch. Before, it returned the mean
# over all calls.
LOSS_OF_THE_BATCH = (3, 15, 0)


def build(workload, configuration, device):
    """Return the train step. Raises NotApplicable where this Keras cannot do the configuration."""
    compiled = configuration.xla == "on"
    backend = network.backend(configuration.backend)
    prove = backend.proof_of_xla(keras) if compiled else None
    channels_first = configuration.data_format == "NCHW"
    order = "channels_first" if channels_first else "channels_last"
    axis = 1 if channels_first else -1
    layers = {
        "convolution": lambda outputs, bias: Conv2D(
            outputs, 3, padding="same", data_format=order, use_bias=bias
        ),
        "batch_norm": lambda: (
            BatchStatistics(axis)
            if configuration.batch_norm == "mode 2"
            else BatchNormalization(axis=axis, epsilon=BN_EPSILON, momentum=BN_MOMENTUM)
        ),
        "pool": lambda: MaxPooling2D(data_format=order),
        "dense": Dense,
    }
    model = network.Model(workload, configuration, layers)
    model.trained.compile(
        keras.optimizers.SGD(learning_rate=LEARNING_RATE),
        "categorical_crossentropy",
        jit_compile=compiled,  # the default, "auto", would decide for itself
    )
    return network.KerasStep(
        model,
        workload,
        configuration,
        device,
        running_variance="biased",
        layouts=network.layouts(configuration),
        mean_of_calls=network.version(keras) < LOSS_OF_THE_BATCH,
        prove=prove,
    )


class BatchStatistics(Layer):
    """Does what BatchNormalization does, without running averages. Keras 1 calls this mode 2."""

    def __init__(self, axis):
        super().__init__()
        self._axis = axis

    def build(self, input_shape):
        shape = (input_shape[self._axis],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros")

    def call(self, inputs):
        axes = [0, 2, 3] if self._axis == 1 else [0, 1, 2]
        mean, variance = keras.ops.moments(inputs, axes)
        return keras.ops.batch_normalization(
            inputs, mean, variance, self._axis, self.beta, self.gamma, BN_EPSILON
        )

    def compute_output_shape(self, input_shape):
        return input_shape
