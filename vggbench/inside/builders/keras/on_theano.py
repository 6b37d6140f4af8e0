"""Keras on Theano: the functions that the docstring of network.backend() lists."""

import os

from vggbench.inside.builders.keras import network
from vggbench.inside.builders.theano import setup

# From this version of Keras on, batch normalisation is Theano's own, where Theano has one.
THEANOS_OWN_BATCH_NORM = (1, 2, 2)

TURNS_KERNELS = True


def why_absent(folder):
    if os.path.exists(os.path.join(folder, "backend", "theano_backend.py")):
        return None
    return "this keras has no backend theano: 2.3 was the last that had"


def prepare(device):
    setup.configure(device)


def check_device(keras, device):
    setup.check_imported(device)


def proof_of_xla(keras):
    raise network.no_switch(keras)


def waiting(weights, device):
    """Return a function that waits for the updates.

    Theano's function returns with the loss while a GPU may still work on the updates.
    """

    def wait():
        for variable in weights:
            variable.get_value(borrow=True, return_internal_type=True).sync()

    return wait if device == "gpu" else lambda: None


def facts_of_model(model):
    return {"operations_in_python": setup.check_compiled(model.train_function.function)}


def gate_updates(keras):
    pass


def compute_in_float32():
    pass


def answer(error, configuration, device):
    return None


def facts():
    return setup.facts()


def variance_of_keras_1(version):
    return _variance() if version >= THEANOS_OWN_BATCH_NORM else "biased"


def variance_of_keras_2(version, configuration, device):
    return _variance(), ""


def _variance():
    """Return which variance Keras takes from Theano.

    From 0.9 on, Theano's own batch normalisation returns one over the root that it divides by.
    """
    from theano.tensor.nnet import bn

    return "biased + epsilon" if hasattr(bn, "batch_normalization_train") else "biased"


def profiler():
    from vggbench.inside.builders.theano import profile

    return profile.Profiler


def watched(model):
    return _Compiled(model.train_function)


class _Compiled:
    """A function of Keras, which has a compiled function of Theano."""

    def __init__(self, function):
        self._function = function

    def compiled_function(self):
        return self._function.function
