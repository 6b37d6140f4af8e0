"""Keras's train step: a module for each generation of its API, and one for each backend."""

import importlib

from vggbench.inside.params import BACKEND, COMPILER, DATA_FORMATS, LAYOUT, NORMALISATION, Param

FRAMEWORK = "Keras"
MODULE = "keras"

# The module on_NAME.py serves the backend NAME. "mode 0" (with running averages) and "mode 2"
# (without) are names of Keras 1.
PARAMS = (
    Param(
        "backend",
        ("tensorflow", "theano", "jax", "torch"),
        BACKEND,
        shown={
            "tensorflow": "on TensorFlow",
            "theano": "on Theano",
            "jax": "on JAX",
            "torch": "on PyTorch",
        },
    ),
    Param("data_format", DATA_FORMATS, LAYOUT),
    Param(
        "batch_norm",
        ("none", "mode 0", "mode 2"),
        NORMALISATION,
        title="Batch normalisation",
        shown={"none": "no BN", "mode 0": "BN mode 0", "mode 2": "BN mode 2"},
        without_averages=("mode 2",),
    ),
    Param("xla", ("off", "on"), COMPILER, title="XLA", shown={"off": "no XLA", "on": "XLA"}),
)


def profiler(configuration, device):
    """Return what makes a profiler of a step and a folder: that of the configuration's backend."""
    from vggbench.inside.builders.keras import network

    of_backend = network.backend(configuration.backend).profiler()
    return lambda step, folder: of_backend(step.watched(), folder)


def builder(configuration, device):
    """Import Keras on the configuration's backend and return the module for its generation.

    Raises NotApplicable where this Keras has no such backend or sees no such device.
    """
    from vggbench.inside.builders.keras import network

    generation = network.version(network.imported(configuration.backend, device))[0]
    return importlib.import_module("%s.keras_%d" % (__name__, generation))
