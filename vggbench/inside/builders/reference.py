"""The train step in plain NumPy: the specification that every other builder is compared with.

Each operation of the network is a function that returns (output, backward), where backward takes
the gradient of the loss with respect to the output and returns a tuple: its gradient with respect
to the input, then with respect to each of the operation's weights. Arrays are in the canonical
layout of vggbench.inside.vgg16.

How a framework computes the step (data format, one kernel or several for batch normalisation, XLA)
changes nothing but the rounding. The only thing that counts here is whether a configuration has
batch normalisation.
"""

import sys

import numpy as np

from vggbench.inside import vgg16
from vggbench.inside.devices import check_device
from vggbench.inside.params import NotApplicable
from vggbench.inside.synthetic import batch, initial_weights
from vggbench.inside.workload import BN_EPSILON, BN_MOMENTUM, LEARNING_RATE

# What moves a running variance, computed from the biased variance of the N values of a channel. A
# train step uses the first; layers of Keras were seen to use the others (docs/method.md).
RUNNING_VARIANCES = {
    "unbiased": lambda biased, n: biased * (n / (n - 1.0)),
    "biased": lambda biased, n: biased,
    "biased + epsilon": lambda biased, n: biased + BN_EPSILON,
    "unbiased, corrected": lambda biased, n: biased * (n / (n - 1.0)) * _correction(n),
    "biased, corrected": lambda biased, n: biased * _correction(n),
    "biased + epsilon, corrected": lambda biased, n: (biased + BN_EPSILON) * _correction(n),
}
UNBIASED = "unbiased"

# This text may follow such a key. It means that the running averages are those since the first
# step, whatever they start from (tf.train's zero_debias).
DEBIASED = ", debiased"


def _correction(n):
    """Return the factor of Keras 2.1.4 to 2.3.1 for a variance that they take for the biased one.

    n: the number of values of a channel.
    """
    return n / (n - (1.0 + BN_EPSILON))


def build(
    workload,
    configuration,
    device="cpu",
    *,
    dtype=np.float32,
    weights=None,
    running_variance=UNBIASED,
):
    """Return the train step, which computes in dtype (float32 or float64).

    running_variance: a key of RUNNING_VARIANCES, which DEBIASED may follow. weights: a dict of name
    to array, trained tensors and running averages, to start from instead of
    synthetic.initial_weights; it is copied. Raises ValueError for an unknown device or dtype and
    for weights of other names or shapes than the network's, NotApplicable for the GPU.
    """
    check_device(device)
    if device != "cpu":
        raise NotApplicable("the reference runs on the cpu alone")
    return train_step(
        workload,
        configuration.has_batch_norm,
        dtype=dtype,
        weights=weights,
        running_variance=running_variance,
    )


def train_step(
    workload, has_batch_norm, *, dtype=np.float32, weights=None, running_variance=UNBIASED
):
    """Return the train step, with batch normalisation where has_batch_norm (a bool) is true.

    dtype, weights and running_variance are as build() takes them. Raises ValueError for an unknown
    dtype and for weights of other names or shapes than the network's.
    """
    if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError("unknown dtype %r: choose one of float32, float64" % (dtype,))
    if weights is None:
        weights = dict(initial_weights(workload.image_size, has_batch_norm))
    _check_shapes(weights, workload.image_size, has_batch_norm)
    return ReferenceStep(workload, has_batch_norm, dtype, weights, running_variance)


class ReferenceStep:
    """A train step as vggbench.inside.builders describes it; weights() has the step's dtype."""

    def __init__(self, workload, has_batch_norm, dtype, weights, running_variance):
        images, labels = batch(workload)
        self._images, self._labels = images.astype(dtype), labels.astype(dtype)
        self._weights = {name: np.array(value, dtype) for name, value in weights.items()}
        self._has_batch_norm = has_batch_norm
        self._running_variance = running_variance.replace(DEBIASED, "")
        self._since_first = {} if running_variance.endswith(DEBIASED) else None
        self._steps = 0
        self._dtype = np.dtype(dtype)
        self._loss = float("nan")

    def __call__(self):
        self._loss, statistics, backward = forward(
            self._weights, self._images, self._labels, self._has_batch_norm, self._running_variance
        )
        update(self._weights, backward())
        self._steps += 1
        if self._since_first is None:
            move_averages(self._weights, statistics)
        else:
            for name, value in statistics.items():
                self._since_first.setdefault(name, np.zeros_like(value))
            move_averages(self._since_first, statistics)
            for name, value in self._since_first.items():
                self._weights[name] = value / (1 - BN_MOMENTUM**self._steps)

    def loss(self):
        return float(self._loss)

    def weights(self):
        return {name: value.copy() for name, value in self._weights.items()}

    def describe(self):
        return {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "dtype": self._dtype.name,
        }

    def close(self):
        self._weights = self._images = self._labels = None


def forward(weights, images, labels, has_batch_norm, running_variance=UNBIASED):
    """Return (loss, statistics, backward) of one forward pass.

    loss: the mean over the batch. statistics: dict of the name of each running average to the value
    of this batch that moves it. backward: a function without arguments that returns the gradients,
    a dict of the name of each trained tensor to the derivative of the loss with respect to it.
    """
    tape = []  # (backward, names of the operation's weights), first operation to last
    statistics = {}
    x = images

    def apply(operation, *names):
        result = operation(x, *[weights[name] for name in names])
        tape.append((result[1], names))
        return result

    for layer in vgg16.layers(images.shape[1]):
        name = layer.name
        if layer.kind == vgg16.CONVOLUTION:
            x, _ = apply(convolution, name + "/kernel")
            if has_batch_norm:
                statistics[name + "/moving_mean"] = mean_of_channels(x)
                statistics[name + "/moving_variance"] = running_variance_of_channels(
                    x, running_variance
                )
                x, _ = apply(batch_norm, name + "/gamma", name + "/beta")
            else:
                x, _ = apply(add_bias, name + "/bias")
            x, _ = apply(relu)
        elif layer.kind == vgg16.POOL:
            x, _ = apply(max_pool)
        else:
            if x.ndim == 4:
                x, _ = apply(flatten)
            x, _ = apply(product, name + "/kernel")
            x, _ = apply(add_bias, name + "/bias")
            if name != vgg16.DENSE_LAYERS[-1][0]:
                x, _ = apply(relu)
    loss, gradient_of_logits = softmax_cross_entropy(x, labels)

    def backward():
        gradient, gradients = gradient_of_logits, {}
        for backward_of_operation, names in reversed(tape):
            results = backward_of_operation(gradient)
            gradient = results[0]
            gradients.update(zip(names, results[1:]))
        return gradients

    return loss, statistics, backward


def update(weights, gradients):
    """Move the weights by plain gradient descent, in place."""
    for name, gradient in gradients.items():
        weights[name] -= LEARNING_RATE * gradient


def move_averages(weights, statistics):
    """Move the running averages towards the values of the batch, in place."""
    for name, value in statistics.items():
        weights[name] -= (1 - BN_MOMENTUM) * (weights[name] - value)


def convolution(x, kernel):
    """Convolve 3 x 3, stride 1, same padding: each place of the kernel is a product of matrices."""
    rows, columns = x.shape[1:3]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "constant")
    windows = [
        ((row, column), (slice(None), slice(row, row + rows), slice(column, column + columns)))
        for row in range(vgg16.KERNEL_SIZE)
        for column in range(vgg16.KERNEL_SIZE)
    ]
    y = sum(np.tensordot(padded[window], kernel[place], 1) for place, window in windows)

    def backward(gradient):
        of_kernel = np.empty_like(kernel)
        of_padded = np.zeros_like(padded)
        for place, window in windows:
            of_kernel[place] = np.tensordot(padded[window], gradient, ([0, 1, 2], [0, 1, 2]))
            of_padded[window] += np.tensordot(gradient, kernel[place].T, 1)
        return of_padded[:, 1:-1, 1:-1], of_kernel

    return y, backward


def add_bias(x, bias):
    """Add to each channel or feature (the last axis) its own number."""

    def backward(gradient):
        return gradient, gradient.reshape(-1, bias.size).sum(0)

    return x + bias, backward


def mean_of_channels(x):
    """Return the mean of each channel over the batch."""
    return x.mean((0, 1, 2))


def running_variance_of_channels(x, moved_by):
    """Return what moves the running variance of each channel.

    moved_by: a key of RUNNING_VARIANCES. Raises ValueError for one value a channel, where there is
    no unbiased variance. No workload comes to that: the smallest image, 32 x 32, still has 2 x 2
    pixels in the last convolutions, so N is 4 or more even for a batch of one image.
    """
    count = x.shape[0] * x.shape[1] * x.shape[2]
    if count < 2:
        raise ValueError("batch normalisation of one value a channel: its variance is undefined")
    return RUNNING_VARIANCES[moved_by](x.var((0, 1, 2)), count)


def batch_norm(x, gamma, beta):
    """Normalise each channel to mean 0 and variance 1 over the batch, then scale and shift it."""
    mean, variance = mean_of_channels(x), x.var((0, 1, 2))
    scale = 1 / np.sqrt(variance + BN_EPSILON)
    normalised = (x - mean) * scale

    def backward(gradient):
        of_beta = gradient.sum((0, 1, 2))
        of_gamma = (gradient * normalised).sum((0, 1, 2))
        # Mean and variance depend on x too. What would only move them is taken out of the gradient.
        count = x.size // x.shape[3]
        of_x = gradient - of_beta / count - normalised * (of_gamma / count)
        return of_x * (gamma * scale), of_gamma, of_beta

    return normalised * gamma + beta, backward


def relu(x):
    """Return max(x, 0), whose derivative at 0 is 0."""
    y = np.maximum(x, 0)

    def backward(gradient):
        return (gradient * (y > 0),)

    return y, backward


def max_pool(x):
    """Pool, 2 x 2, stride 2. The gradient goes to the first of several maxima, row by row.

    TensorFlow was seen to do this in 1.0.0, 1.15.5, 2.2.3 and 2.21.0. After ReLU, equal maxima are
    nearly always zeros, where ReLU stops the gradient in any case.
    """
    batch_size, rows, columns, channels = x.shape
    halves = (batch_size, rows // 2, 2, columns // 2, 2, channels)
    four = x.reshape(halves).transpose(0, 1, 3, 5, 2, 4).reshape(-1, 4)
    everywhere, first = np.arange(len(four)), four.argmax(1)

    def backward(gradient):
        of_four = np.zeros_like(four)
        of_four[everywhere, first] = gradient.reshape(-1)
        shape = (batch_size, rows // 2, columns // 2, channels, 2, 2)
        return (of_four.reshape(shape).transpose(0, 1, 4, 2, 5, 3).reshape(x.shape),)

    return four[everywhere, first].reshape(batch_size, rows // 2, columns // 2, channels), backward


def flatten(x):
    """Put the features of an image into one row, in the order row, column, channel."""

    def backward(gradient):
        return (gradient.reshape(x.shape),)

    return x.reshape(len(x), -1), backward


def product(x, kernel):
    """Multiply two matrices: a dense layer without its bias."""

    def backward(gradient):
        return np.dot(gradient, kernel.T), np.dot(x.T, gradient)

    return np.dot(x, kernel), backward


def softmax_cross_entropy(logits, labels):
    """Return (loss, gradient with respect to the logits); the loss is the mean over the batch."""
    shifted = logits - logits.max(1, keepdims=True)  # so that exp cannot overflow
    log_softmax = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    loss = -(labels * log_softmax).sum() / len(labels)
    return loss, (np.exp(log_softmax) - labels) / len(labels)


def _check_shapes(weights, image_size, has_batch_norm):
    """Raise ValueError for weights of other names or shapes than the network's."""
    expected = dict(
        vgg16.weight_shapes(image_size, has_batch_norm)
        + vgg16.moving_average_shapes(has_batch_norm)
    )
    for name in sorted(set(expected) | set(weights)):
        if name not in expected or name not in weights:
            what = "is missing" if name in expected else "is no tensor of this network"
            raise ValueError("weights: %s %s" % (name, what))
        shape = np.shape(weights[name])
        if shape != expected[name]:
            raise ValueError("weights: %s is %s instead of %s" % (name, shape, expected[name]))
