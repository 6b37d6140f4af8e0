"""Builders turn (workload, configuration, device) into a train step of one framework.

A train step is an object with

- `step()`: run one train step (forward, backward, update of all weights and, with batch
  normalisation, of the running averages); return when the new weights are on the device. Raises
  NotApplicable where the framework says that it cannot do the configuration on this device: some
  releases say so only when the step first runs. With xla=on the first step is watched, and raises
  NotApplicable where it cannot be proven that XLA compiled all of it.
- `step.loss()`: the loss of the last step as a float, NaN before the first.
- `step.weights()`: a dict of name to float32 NumPy array, trained tensors and running averages, in
  the names and the canonical layout of vggbench.vgg16.
- `step.describe()`: a dict of JSON-able facts about the framework and its settings; after the first
  step its entry "xla" holds the proof that XLA compiled the step, where that was asked for.
- `step.close()`: let go of the memory; the step cannot be used afterwards.
"""

from collections import namedtuple

DATA_FORMATS = ("NHWC", "NCHW")
BATCH_NORMS = ("none", "unfused", "fused")
XLA_MODES = ("off", "on")


class NotApplicable(Exception):
    """The release or the device cannot do this configuration; the message is a one-line reason."""


class Configuration(namedtuple("Configuration", "data_format batch_norm xla")):
    """How a train step is computed: one combination of the params of a benchmark.

    data_format: NHWC or NCHW, the order of an image's axes. batch_norm: none, unfused (moments and
    elementwise operations) or fused (one kernel). xla: off or on. Raises ValueError for other
    words.
    """

    __slots__ = ()

    def __new__(cls, data_format="NHWC", batch_norm="none", xla="off"):
        _require("data format", data_format, DATA_FORMATS)
        _require("batch norm", batch_norm, BATCH_NORMS)
        _require("xla", xla, XLA_MODES)
        return super().__new__(cls, data_format, batch_norm, xla)

    @property
    def has_batch_norm(self):
        """Whether convolutions are followed by batch normalisation, of either kind."""
        return self.batch_norm != "none"


def _require(what, word, words):
    if word not in words:
        raise ValueError("unknown %s %r: choose one of %s" % (what, word, ", ".join(words)))


def check_device(device):
    """Raise ValueError for an unknown device. Every builder calls this first."""
    # Here and not above: asv reads benchmarks and params where there is no NumPy.
    from vggbench.workload import DEVICES

    _require("device", device, DEVICES)


def tensorflow():
    """Import TensorFlow and return the builder module for it.

    That is tensorflow_graph for 1.x (a graph that a session runs) and tensorflow_function for 2.x
    (tf.function). Both offer build(workload, configuration, device).
    """
    import tensorflow as tf

    if tf.__version__.startswith("1."):
        from vggbench.builders import tensorflow_graph as builder
    else:
        from vggbench.builders import tensorflow_function as builder
    return builder


def build_tensorflow(workload, configuration, device):
    """Return the train step of the TensorFlow that is installed.

    Raises ValueError for an unknown device, NotApplicable with the reason where this release or
    this machine cannot do it.
    """
    check_device(device)
    return tensorflow().build(workload, configuration, device)
