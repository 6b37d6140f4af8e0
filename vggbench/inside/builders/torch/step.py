"""The train step in PyTorch, eager or compiled by torch.compile.

The forward pass and the loss are one function, which torch.compile compiles together with its
backward pass. torch.optim.SGD updates the weights in both cases, as users do it.
"""

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (its name in all of PyTorch's documentation)

from vggbench.inside import devices, vgg16
from vggbench.inside.builders.torch import compiler, setup
from vggbench.inside.params import NotApplicable
from vggbench.inside.synthetic import batch, initial_weights
from vggbench.inside.workload import BN_EPSILON, BN_MOMENTUM, LEARNING_RATE

DEVICE_NAMES = {"cpu": "cpu", "gpu": "cuda"}

# The axes of a convolution kernel: here (channel out, channel in, row, column), and canonical.
FROM_CANONICAL, TO_CANONICAL = (3, 2, 0, 1), (2, 3, 1, 0)

# The axes of a batch and of the places in its images, over which a channel is normalised.
ALL_BUT_CHANNELS = (0, 2, 3)


def build(workload, configuration, device):
    """Return the train step; weights and batch are on the device.

    Raises ValueError for an unknown device, NotApplicable where this release or this machine cannot
    do the configuration.
    """
    devices.check_device(device)
    if configuration.data_format == "NHWC" and not hasattr(torch, "channels_last"):
        raise NotApplicable("no channels_last in torch %s" % torch.__version__)
    return _Step(workload, configuration, device)


class _Step:
    """A train step as vggbench.inside.builders describes it."""

    def __init__(self, workload, configuration, device):
        self._configuration = configuration
        # A plain text, because torch.compile looks into all that the compiled function asks for.
        self._batch_norm = configuration.batch_norm
        self._channels_last = configuration.data_format == "NHWC"
        self._loss = float("nan")
        self._compiled = dict(compiler.OFF)
        self._layers = vgg16.layers(workload.image_size)
        self._wait = setup.wait_for(device)
        on = DEVICE_NAMES[device]
        images, labels = batch(workload)
        self._images = self._laid_out(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(on))
        # PyTorch's loss, which is stable and fused with the softmax, takes the class's number.
        self._labels = torch.from_numpy(labels.argmax(axis=1)).to(on)
        self._weights = {
            name: self._parameter(name, value, on)
            for name, value in initial_weights(workload.image_size, configuration.has_batch_norm)
        }
        trained = [w for name, w in self._weights.items() if "/moving_" not in name]
        self._optimiser = torch.optim.SGD(trained, lr=LEARNING_RATE)
        self._forward = self._batch_loss
        if configuration.compile == "on":
            self._forward = compiler.compiled(self._batch_loss)
        self._run = self._first_run

    def _laid_out(self, tensor):
        """Return a tensor of four axes in the memory order of the configuration."""
        if self._channels_last:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor.contiguous()

    def _parameter(self, name, value, on):
        """Return the tensor of a weight on the device that PyTorch calls ``on``."""
        if value.ndim == 4:
            value = value.transpose(FROM_CANONICAL)
        elif value.ndim == 2:
            value = value.T  # (out, in), as torch.nn.Linear has it
        tensor = torch.from_numpy(np.ascontiguousarray(value)).to(on)
        if value.ndim == 4:
            tensor = self._laid_out(tensor)
        return tensor.requires_grad_("/moving_" not in name)

    def __call__(self):
        self._loss = self._run()
        self._wait()

    def _step(self):
        """Run one train step and return the loss, a tensor on the device."""
        self._optimiser.zero_grad()
        loss = self._forward()
        loss.backward()
        self._optimiser.step()
        return loss.detach()

    def _first_run(self):
        """Run the first step, and look at how it was compiled and laid out."""
        if self._configuration.compile == "on":
            loss, self._compiled = compiler.first_call(self._step)
        else:
            loss = self._step()
        self._run = self._step
        return loss

    def _batch_loss(self):
        """Return the loss of the batch, a scalar, and move the running averages."""
        x = self._images
        for layer in self._layers:
            if layer.kind == vgg16.CONVOLUTION:
                x = F.relu(self._convolution(x, layer.name), inplace=True)
            elif layer.kind == vgg16.POOL:
                x = F.max_pool2d(x, 2)
            else:
                if layer.name == "fc6":
                    # To the canonical order, so that fc6 is the same matrix in every builder (see
                    # _flatten() of TensorFlow's network).
                    x = x.permute(0, 2, 3, 1).reshape(-1, layer.inputs)
                x = F.linear(
                    x, self._weights[layer.name + "/kernel"], self._weights[layer.name + "/bias"]
                )
                if layer.name != "fc8":
                    x = F.relu(x, inplace=True)
        return F.cross_entropy(x, self._labels)

    def _convolution(self, x, name):
        """Return the convolution, normalised where the configuration has batch normalisation."""
        kernel = self._weights[name + "/kernel"]
        if self._batch_norm == "none":
            return F.conv2d(x, kernel, self._weights[name + "/bias"], padding=1)
        x = F.conv2d(x, kernel, padding=1)
        gamma, beta, moving_mean, moving_variance = [
            self._weights[name + suffix]
            for suffix in ("/gamma", "/beta", "/moving_mean", "/moving_variance")
        ]
        if self._batch_norm == "fused":
            # PyTorch moves the running variance by the unbiased variance, as the reference does.
            return F.batch_norm(
                x,
                moving_mean,
                moving_variance,
                gamma,
                beta,
                training=True,
                momentum=1 - BN_MOMENTUM,
                eps=BN_EPSILON,
            )
        mean = x.mean(ALL_BUT_CHANNELS)
        centred = x - _column(mean)
        variance = (centred * centred).mean(ALL_BUT_CHANNELS)
        values = x.numel() // x.shape[1]
        with torch.no_grad():
            moving_mean.add_((mean - moving_mean) * (1 - BN_MOMENTUM))
            unbiased = variance * (values / (values - 1.0))
            moving_variance.add_((unbiased - moving_variance) * (1 - BN_MOMENTUM))
        return centred * _column(gamma / (variance + BN_EPSILON).sqrt()) + _column(beta)

    def compute_in_float32(self):
        setup.compute_in_float32()

    def loss(self):
        return float(self._loss)

    def weights(self):
        return {name: _canonical(weight) for name, weight in self._weights.items()}

    def describe(self):
        return dict(
            setup.facts(),
            compile=self._compiled,
            sgd=_implementation(self._optimiser),
            keeps_channels_last=self._keeps_channels_last(),
        )

    def _keeps_channels_last(self):
        """Return whether a convolution's result is in the order NHWC; None where none is asked.

        Where it is not, this release turns the batch to NCHW behind each convolution.
        """
        if not self._channels_last:
            return None
        with torch.no_grad():
            result = F.conv2d(self._images, self._weights["conv1_1/kernel"], padding=1)
        return bool(result.is_contiguous(memory_format=torch.channels_last))

    def close(self):
        self._run = self._forward = self._optimiser = None
        self._weights = self._images = self._labels = None


def _column(vector):
    """Return a vector of channels so that it broadcasts over (batch, channel, row, column)."""
    return vector.reshape(1, -1, 1, 1)


def _canonical(weight):
    """Return a weight as a NumPy array in the canonical layout."""
    value = weight.detach().cpu().numpy()
    if value.ndim == 4:
        value = value.transpose(TO_CANONICAL)
    elif value.ndim == 2:
        value = value.T
    # A copy, because the array would otherwise change with the next step.
    return value.copy()


def _implementation(optimiser):
    """Return which implementation of the optimiser runs: "fused", "foreach" or "for loop".

    Its defaults moved over the releases: up to 1.8 there was the loop alone, 1.12 gave the choice,
    and from 2.0 on PyTorch chooses by the device.
    """
    chosen = optimiser.defaults
    fused, foreach = chosen.get("fused"), chosen.get("foreach")
    if not fused and foreach is None:
        try:
            from torch.optim.optimizer import _default_to_fused_or_foreach

            parameters = optimiser.param_groups[0]["params"]
            fused, foreach = _default_to_fused_or_foreach(parameters, False, use_fused=False)
        except Exception:  # a fact is not worth a failed measurement, whatever the release raises
            pass
    return "fused" if fused else "foreach" if foreach else "for loop"
