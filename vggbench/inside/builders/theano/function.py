"""The train step in Theano: one compiled function.

setup.configure must have been called before this module, which imports Theano.
"""

import numpy as np
import theano
import theano.tensor as T  # noqa: N812 (its name in all of Theano's documentation)
from theano.tensor.signal.pool import pool_2d

from vggbench.inside import devices, vgg16
from vggbench.inside.builders.theano import setup
from vggbench.inside.params import NotApplicable
from vggbench.inside.synthetic import batch, initial_weights
from vggbench.inside.workload import BN_EPSILON, BN_MOMENTUM, LEARNING_RATE

# The axes of a convolution kernel: here (channel out, channel in, row, column), and canonical.
FROM_CANONICAL, TO_CANONICAL = (3, 2, 0, 1), (2, 3, 1, 0)


def build(workload, configuration, device):
    """Return the train step; weights and batch are on the device.

    Raises ValueError for an unknown device, NotApplicable where this release or this machine cannot
    do the configuration, RuntimeError where the user's settings make Theano compute in Python.
    """
    devices.check_device(device)
    setup.check_imported(device)
    if configuration.batch_norm == "fused" and not hasattr(T.nnet.bn, "batch_normalization_train"):
        raise NotApplicable(
            "no fused batch normalisation for training in theano %s: it came with 0.9"
            % theano.__version__
        )
    return _TheanoStep(workload, configuration, device)


class _TheanoStep:
    """A train step as vggbench.inside.builders describes it."""

    def __init__(self, workload, configuration, device):
        self._device = device
        self._loss = float("nan")
        images, labels = batch(workload)
        self._weights = {}
        for name, value in initial_weights(workload.image_size, configuration.has_batch_norm):
            if value.ndim == 4:
                value = np.ascontiguousarray(value.transpose(FROM_CANONICAL))
            self._weights[name] = theano.shared(value, name=name, borrow=True)
        images = theano.shared(np.ascontiguousarray(images.transpose(0, 3, 1, 2)), name="images")
        # Theano's loss, which is stable and fused with the softmax, takes the number of the class.
        classes = theano.shared(labels.argmax(axis=1).astype(np.int32), name="labels")
        loss, updates = _loss_and_updates(self._weights, images, classes, workload, configuration)
        # A function computes all outputs and updates from the old values, then returns.
        self._step = theano.function([], loss, updates=updates)
        self._in_python = setup.check_compiled(self._step)

    def __call__(self):
        self._loss = self._step()
        if self._device == "gpu":
            # The function returns while the GPU still works on the updates, which are no output.
            for weight in self._weights.values():
                weight.get_value(borrow=True, return_internal_type=True).sync()

    def compiled_function(self):
        """Return the compiled function of the step, for a profiler."""
        return self._step

    def loss(self):
        return float(self._loss)

    def weights(self):
        values = {name: weight.get_value() for name, weight in self._weights.items()}
        return {
            name: value.transpose(TO_CANONICAL) if value.ndim == 4 else value
            for name, value in values.items()
        }

    def describe(self):
        return dict(setup.facts(), operations_in_python=self._in_python)

    def close(self):
        self._step = self._weights = None


def _loss_and_updates(weights, images, classes, workload, configuration):
    """Return (loss, updates), symbolic, of one train step.

    weights: dict of name to shared variable. images: (batch, channel, row, column). classes: the
    number of the class of each image. loss: scalar, the mean over the batch of softmax
    cross-entropy. updates: list of (shared variable, its new value).
    """
    updates = []
    x = images
    for layer in vgg16.layers(workload.image_size):
        if layer.kind == vgg16.CONVOLUTION:
            x = _convolution(x, weights[layer.name + "/kernel"], layer, workload.batch_size)
            if configuration.has_batch_norm:
                x, moved = _batch_norm(x, weights, layer.name, configuration)
                updates += moved
            else:
                x = x + _column(weights[layer.name + "/bias"])
            x = T.nnet.relu(x)
        elif layer.kind == vgg16.POOL:
            # Arguments by position, because 0.8 has other names for them. True: whole windows only,
            # as cuDNN wants it.
            x = pool_2d(x, (2, 2), True)
        else:
            if layer.name == "fc6":
                # To the canonical order, so that fc6 is the same matrix in every builder (see
                # _flatten() of TensorFlow's network).
                x = x.dimshuffle(0, 2, 3, 1).reshape((workload.batch_size, layer.inputs))
            x = T.dot(x, weights[layer.name + "/kernel"]) + weights[layer.name + "/bias"]
            if layer.name != "fc8":
                x = T.nnet.relu(x)
    losses, _ = T.nnet.crossentropy_softmax_1hot(x, classes)
    loss = losses.mean()
    trained = [weight for name, weight in weights.items() if "/moving_" not in name]
    updates += [
        (weight, weight - np.float32(LEARNING_RATE) * gradient)
        for weight, gradient in zip(trained, T.grad(loss, trained))
    ]
    return loss, updates


def _convolution(x, kernel, layer, batch_size):
    size = vgg16.KERNEL_SIZE
    return T.nnet.conv2d(
        x,
        kernel,
        input_shape=(batch_size, layer.inputs, layer.image_size, layer.image_size),
        filter_shape=(layer.outputs, layer.inputs, size, size),
        border_mode="half",
        # By default it turns the kernel upside down, as a convolution does in mathematics.
        filter_flip=False,
    )


def _batch_norm(x, weights, name, configuration):
    """Return (x normalised, updates of the running averages)."""
    gamma, beta, moving_mean, moving_variance = [
        weights[name + suffix] for suffix in ("/gamma", "/beta", "/moving_mean", "/moving_variance")
    ]
    if configuration.batch_norm == "fused":
        # Theano moves the running variance by the unbiased variance, as the reference does.
        normalised, _, _, new_mean, new_variance = T.nnet.bn.batch_normalization_train(
            x,
            gamma,
            beta,
            axes="spatial",
            epsilon=BN_EPSILON,
            running_average_factor=1 - BN_MOMENTUM,
            running_mean=moving_mean,
            running_var=moving_variance,
        )
        return normalised, [(moving_mean, new_mean), (moving_variance, new_variance)]
    mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    scale = gamma / T.sqrt(variance + np.float32(BN_EPSILON))
    normalised = (x - _column(mean)) * _column(scale) + _column(beta)
    values = T.cast(x.size // gamma.size, "float32")
    unbiased = variance * values / (values - 1)
    step = np.float32(1 - BN_MOMENTUM)
    return normalised, [
        (moving_mean, moving_mean - step * (moving_mean - mean)),
        (moving_variance, moving_variance - step * (moving_variance - unbiased)),
    ]


def _column(vector):
    """Return a vector of channels so that it broadcasts over (batch, channel, row, column)."""
    return vector.dimshuffle("x", 0, "x", "x")
