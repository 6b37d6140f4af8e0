"""The train step in Keras 1: train_on_batch of a model of its functional API."""

import keras
from keras.layers import BatchNormalization, Convolution2D, Dense, MaxPooling2D
from keras.optimizers import SGD

from vggbench.inside.builders.keras import network
from vggbench.inside.workload import BN_EPSILON, BN_MOMENTUM, LEARNING_RATE

ORDERINGS = {"NHWC": "tf", "NCHW": "th"}


def build(workload, configuration, device):
    """Return the train step. Raises NotApplicable where this Keras cannot do the configuration."""
    if configuration.xla == "on":
        raise network.no_switch(keras)
    backend = network.backend(configuration.backend)
    ordering = ORDERINGS[configuration.data_format]
    layers = {
        "convolution": lambda outputs, bias: Convolution2D(
            outputs, 3, 3, border_mode="same", dim_ordering=ordering, bias=bias
        ),
        "batch_norm": lambda: BatchNormalization(
            epsilon=BN_EPSILON,
            momentum=BN_MOMENTUM,
            mode=int(configuration.batch_norm[-1]),
            axis=1 if ordering == "th" else 3,
        ),
        "pool": lambda: MaxPooling2D(dim_ordering=ordering),
        "dense": Dense,
    }
    model = network.Model(workload, configuration, layers)
    model.trained.compile(SGD(lr=LEARNING_RATE), "categorical_crossentropy")
    return network.KerasStep(
        model,
        workload,
        configuration,
        device,
        running_variance=backend.variance_of_keras_1(network.version(keras)),
        layouts=_layouts(configuration),
    )


def _layouts(configuration):
    """Return two functions, which turn a convolution's kernel from the canonical layout, and back.

    The layout of the layer's kernel follows the data format.
    """
    turned, turned_back = network.layouts(configuration)
    if configuration.data_format == "NHWC":
        return turned, turned_back
    return (
        lambda kernel: turned(kernel).transpose(3, 2, 0, 1),
        lambda kernel: turned_back(kernel.transpose(2, 3, 1, 0)),
    )
