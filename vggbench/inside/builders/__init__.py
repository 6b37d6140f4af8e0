"""Builders turn (workload, configuration, device) into a train step of one framework.

A train step is an object with

- `step()`: run one train step (forward, backward, update of all weights and, with batch
  normalisation, of the running averages); return when the new weights are on the device. Raises
  NotApplicable where the framework says that it cannot do the configuration on this device: some
  releases say so only when the step first runs. With xla=on the first step is watched, and raises
  NotApplicable where it cannot be proven that XLA compiled all of it.
- `step.loss()`: the loss of the last step as a float, NaN before the first.
- `step.weights()`: a dict of name to float32 NumPy array, trained tensors and running averages, in
  the names and the canonical layout of vggbench.inside.vgg16; without running averages where the
  configuration has none.
- `step.describe()`: a dict of JSON-able facts about the framework and its settings; after the first
  step its entry "xla" holds the proof that XLA compiled the step, where that was asked for.
- `step.close()`: let go of the memory; the step cannot be used afterwards.

Some have one or both of these, called before the first step so that it can be held against the
reference; what is timed is never so:

- `step.gate_updates()` orders what the framework leaves to chance.
- `step.compute_in_float32()` forbids a GPU to round products to TF32.
"""

import contextlib
import importlib
import itertools
import os
import tempfile
from collections import namedtuple

DATA_FORMATS = ("NHWC", "NCHW")
XLA_MODES = ("off", "on")

# What can be chosen in each framework, in the order of asv's params; the first word is the default.
# "mode 0" and "mode 2" are Keras 1's names: with running averages, and without.
PARAMS = {
    "TensorFlow": {
        "data_format": DATA_FORMATS,
        "batch_norm": ("none", "unfused", "fused"),
        "xla": XLA_MODES,
    },
    "Keras": {
        "backend": ("tensorflow", "theano"),
        "data_format": DATA_FORMATS,
        "batch_norm": ("none", "mode 0", "mode 2"),
        "xla": XLA_MODES,
    },
    "Theano": {"batch_norm": ("none", "unfused", "fused")},
}

# What a framework without the choice does.
FIXED = {"backend": None, "data_format": "NCHW", "xla": "off"}


class NotApplicable(Exception):
    """The release or the device cannot do this configuration; the message is a one-line reason."""


class Configuration(namedtuple("Configuration", "framework backend data_format batch_norm xla")):
    """How a train step is computed: a framework, and one combination of its benchmark's params.

    framework: a key of PARAMS. The rest: words from its entry there, by name. data_format: NHWC or
    NCHW, the order of an image's axes. batch_norm: unfused is moments and elementwise operations,
    fused one kernel. Raises ValueError for other words, and for a choice that the framework does
    not have.
    """

    __slots__ = ()

    def __new__(cls, framework, **chosen):
        _require("framework", framework, PARAMS)
        params = PARAMS[framework]
        for name, word in chosen.items():
            if name not in params:
                raise ValueError("%s has no choice of %s" % (framework, name.replace("_", " ")))
            _require(name.replace("_", " "), word, params[name])
        words = dict(FIXED, **{name: words[0] for name, words in params.items()})
        words.update(chosen)
        return super().__new__(cls, framework, **words)

    @property
    def values(self):
        """The framework's params and their words, a dict in the order of PARAMS."""
        return {name: getattr(self, name) for name in PARAMS[self.framework]}

    @property
    def has_batch_norm(self):
        """Whether convolutions are followed by batch normalisation, of any kind."""
        return self.batch_norm != "none"

    @property
    def has_running_averages(self):
        """Whether the step moves running averages of the batch normalisation's statistics."""
        return self.batch_norm not in ("none", "mode 2")

    def __str__(self):
        return " ".join(self.values.values())


def configurations(framework):
    """Return the list of all Configurations of a framework, in asv's order."""
    params = PARAMS[framework]
    return [
        Configuration(framework, **dict(zip(params, words)))
        for words in itertools.product(*params.values())
    ]


def _require(what, word, words):
    if word not in words:
        raise ValueError("unknown %s %r: choose one of %s" % (what, word, ", ".join(words)))


def check_device(device):
    """Raise ValueError for an unknown device. Every builder calls this first."""
    # Here and not above: asv reads benchmarks and params where there is no NumPy.
    from vggbench.inside.workload import DEVICES

    _require("device", device, DEVICES)


@contextlib.contextmanager
def empty_home(**variables):
    """Set environment variables, and HOME to an empty folder, while a framework is imported.

    Keras, which most releases of TensorFlow bring along and import, reads $HOME/.keras/keras.json
    then, and writes it where there is none.
    """
    with tempfile.TemporaryDirectory(prefix="vggbench-home-") as folder:
        ours = dict(variables, HOME=folder, KERAS_HOME=folder)
        users = {name: os.environ.get(name) for name in ours}
        os.environ.update(ours)
        try:
            yield
        finally:
            for name, value in users.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def tensorflow():
    """Import TensorFlow and return the builder module for it.

    That is tensorflow_graph for 1.x (a graph that a session runs) and tensorflow_function for 2.x
    (tf.function). Both offer build(workload, configuration, device).
    """
    with empty_home():
        import tensorflow as tf

    if tf.__version__.startswith("1."):
        from vggbench.inside.builders.tensorflow import graph as builder
    else:
        from vggbench.inside.builders.tensorflow import function as builder
    return builder


def keras(configuration, device):
    """Import Keras on the configuration's backend and return the builder module for it.

    That is keras_1, keras_2 or keras_3, by the generation of its API. All offer build(workload,
    configuration, device). Raises NotApplicable where this Keras has no such backend or sees no
    such device.
    """
    from vggbench.inside.builders.keras import network as keras_network

    generation = keras_network.version(keras_network.imported(configuration.backend, device))[0]
    return importlib.import_module("vggbench.inside.builders.keras_%d" % generation)


def theano(device):
    """Set Theano up for this machine, import it and return the builder module for it."""
    from vggbench.inside.builders.theano import setup as theano_setup

    theano_setup.configure(device)  # Theano reads it when the next line imports it
    from vggbench.inside.builders.theano import function as builder

    return builder


def build(workload, configuration, device):
    """Return the train step of the framework that is installed.

    Raises ValueError for an unknown device, NotApplicable with the reason where this release or
    this machine cannot do it.
    """
    check_device(device)
    if configuration.framework == "TensorFlow":
        builder = tensorflow()
    elif configuration.framework == "Keras":
        builder = keras(configuration, device)
    else:
        builder = theano(device)
    return builder.build(workload, configuration, device)
