"""The train step in JAX: one function from weights to new weights, compiled by jax.jit."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from vggbench.inside import devices, vgg16
from vggbench.inside.builders.jax import setup
from vggbench.inside.synthetic import batch, initial_weights
from vggbench.inside.workload import BN_EPSILON, BN_MOMENTUM, LEARNING_RATE

MODE = "jax.jit"

# The letters by which JAX names the axes of images, and of kernels, in each data format.
KERNELS = {"NHWC": "HWIO", "NCHW": "OIHW"}

# The axes of a kernel in NCHW: from the canonical layout, and back to it.
FROM_CANONICAL, TO_CANONICAL = (3, 2, 0, 1), (2, 3, 1, 0)


def build(workload, configuration, device):
    """Return the train step; weights and batch are on the device.

    Raises ValueError for an unknown device.
    """
    devices.check_device(device)
    return _JitStep(workload, configuration)


class _JitStep:
    """A train step as vggbench.inside.builders describes it."""

    def __init__(self, workload, configuration):
        self._configuration = configuration
        self._channels_last = configuration.data_format == "NHWC"
        self._layers = vgg16.layers(workload.image_size)
        self._loss = float("nan")
        self._compiled = {"mode": MODE}
        images, labels = batch(workload)
        if not self._channels_last:
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        # The batch is an argument: a constant would be open to constant folding.
        self._batch = jax.device_put(images), jax.device_put(labels)
        self._weights = {
            name: jax.device_put(self._laid_out(value))
            for name, value in initial_weights(workload.image_size, configuration.has_batch_norm)
        }
        # Without donation, weights and new weights would lie in memory beside each other.
        self._jitted = jax.jit(self._train, donate_argnums=(0,))
        self._run = self._first_run

    def _laid_out(self, value):
        """Return a weight in the layout of the configuration."""
        if value.ndim == 4 and not self._channels_last:
            return np.ascontiguousarray(value.transpose(FROM_CANONICAL))
        return value

    def __call__(self):
        weights, loss = self._run(self._weights, *self._batch)
        # JAX returns before it has computed.
        self._weights, self._loss = jax.block_until_ready((weights, loss))

    def _first_run(self, *arguments):
        """Compile the step, prove that all of it was compiled, and run it.

        From then on, the program that was looked at is the one that runs.
        """
        program = self._jitted.lower(*arguments).compile()
        start = time.perf_counter()
        proof = setup.prove(program.as_text(), "the program that runs")
        self._compiled.update(proof=proof, proof_s=time.perf_counter() - start)
        self._run = program
        return program(*arguments)

    def _train(self, weights, images, labels):
        """Return (new weights, loss) of one train step.

        weights: a dict of arrays by their names. images: in the configured data format. labels:
        (batch, class), one-hot. loss: a scalar, the mean over the batch of softmax cross-entropy.
        """
        trained = {name: w for name, w in weights.items() if "/moving_" not in name}
        gradient = jax.value_and_grad(self._loss_and_statistics, has_aux=True)
        (loss, statistics), gradients = gradient(trained, images, labels)
        new = {name: w - LEARNING_RATE * gradients[name] for name, w in trained.items()}
        for name, value in statistics.items():
            moving = weights[name]
            new[name] = moving + (1 - BN_MOMENTUM) * (value - moving)
        return new, loss

    def _loss_and_statistics(self, weights, images, labels):
        """Return (loss, statistics) of one forward pass.

        statistics: a dict of the name of each running average to the value of this batch that
        moves it (see BN_MOMENTUM).
        """
        statistics = {}
        x = images
        for layer in self._layers:
            if layer.kind == vgg16.CONVOLUTION:
                x = self._convolution(x, weights[layer.name + "/kernel"])
                if self._configuration.has_batch_norm:
                    x, mean, variance = self._batch_norm(x, weights, layer.name)
                    statistics[layer.name + "/moving_mean"] = mean
                    statistics[layer.name + "/moving_variance"] = variance
                else:
                    x = x + self._column(weights[layer.name + "/bias"])
                x = jax.nn.relu(x)
            elif layer.kind == vgg16.POOL:
                window = (1, 2, 2, 1) if self._channels_last else (1, 1, 2, 2)
                x = lax.reduce_window(
                    x,
                    -np.inf,
                    lax.max,
                    window_dimensions=window,
                    window_strides=window,
                    padding="VALID",
                )
            else:
                if layer.name == "fc6":
                    # To the canonical order, so that fc6 is the same matrix in every builder (see
                    # _flatten() of TensorFlow's network).
                    if not self._channels_last:
                        x = x.transpose(0, 2, 3, 1)
                    x = x.reshape(-1, layer.inputs)
                x = x @ weights[layer.name + "/kernel"] + weights[layer.name + "/bias"]
                if layer.name != "fc8":
                    x = jax.nn.relu(x)
        losses = -(labels * jax.nn.log_softmax(x)).sum(axis=1)
        return losses.mean(), statistics

    def _convolution(self, x, kernel):
        images = self._configuration.data_format
        axes = (images, KERNELS[images], images)
        return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=axes)

    def _batch_norm(self, x, weights, name):
        """Return (x normalised, mean of the batch, unbiased variance of the batch)."""
        axes = (0, 1, 2) if self._channels_last else (0, 2, 3)
        mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
        scale = weights[name + "/gamma"] * lax.rsqrt(variance + BN_EPSILON)
        normalised = (x - self._column(mean)) * self._column(scale)
        values = x.size // mean.size
        unbiased = variance * (values / (values - 1.0))
        return normalised + self._column(weights[name + "/beta"]), mean, unbiased

    def _column(self, vector):
        """Return a vector of channels so that it broadcasts over a batch of images."""
        return vector if self._channels_last else vector.reshape(1, -1, 1, 1)

    def program_text(self):
        """Return the text of the program that runs, in HLO, for a profiler."""
        return self._run.as_text()

    def compute_in_float32(self):
        setup.compute_in_float32()

    def loss(self):
        return float(self._loss)

    def weights(self):
        # Copies, because the next step takes the memory of these weights.
        values = {name: np.array(weight) for name, weight in self._weights.items()}
        if self._channels_last:
            return values
        return {
            name: value.transpose(TO_CANONICAL) if value.ndim == 4 else value
            for name, value in values.items()
        }

    def describe(self):
        return dict(setup.facts(), jit=self._compiled)

    def close(self):
        self._run = self._jitted = self._weights = self._batch = None
