"""Builders turn (workload, configuration, device) into a train step of one framework.

A framework is a package in this folder, found there by name. Each offers

- `FRAMEWORK`: its name, which its class in benchmarks/ and its releases' track.json have too;
- `MODULE`: what it is imported as;
- `PARAMS`: a tuple of vggbench.inside.params.Param, what can be chosen;
- `builder(configuration, device)`: import the framework and return a module with
  `build(workload, configuration, device)`, which returns a train step. Both raise NotApplicable
  (vggbench.inside.params) with the reason where this release or this machine cannot do it.

One may offer `matrix_products(device)` too, with which the machine's peak is measured: import the
framework and return a module with `seconds(size, device)`, a list of what each of some products of
two size x size float32 matrices takes, and `facts()`, as those of a train step.

To import such a package imports neither its framework nor NumPy.

A train step is an object with

- `step()`: run one train step (forward, backward, update of all weights and, with batch
  normalisation, of the running averages); return when the new weights are on the device. Raises
  NotApplicable where the framework says that it cannot do the configuration on this device: some
  releases say so only when the step first runs. Where it is to be compiled the first step is
  watched, and raises NotApplicable where it cannot be proven that all of it was.
- `step.loss()`: the loss of the last step as a float, NaN before the first.
- `step.weights()`: a dict of name to float32 NumPy array, trained tensors and running averages, in
  the names and the canonical layout of vggbench.inside.vgg16; without running averages where the
  configuration has none.
- `step.describe()`: a dict of JSON-able facts about the framework and its settings; after the first
  step one entry, "xla" of TensorFlow and Keras, holds the proof that the step was compiled, where
  that was asked for: a dict whose "proof_s" are the seconds of the first step that it took.
- `step.close()`: let go of the memory; the step cannot be used afterwards.

Some have one or both of these, called before the first step so that it can be held against the
reference; what is timed is never so:

- `step.gate_updates()` orders what the framework leaves to chance.
- `step.compute_in_float32()` forbids a GPU to round products to TF32.
"""

import contextlib
import functools
import importlib
import os
import pkgutil
import tempfile

from vggbench.inside import devices


@functools.lru_cache(maxsize=None)
def packages():
    """Return the packages of this folder, a dict by their FRAMEWORK."""
    found = {}
    for _, name, is_package in pkgutil.iter_modules(__path__):
        if is_package:
            package = importlib.import_module(__name__ + "." + name)
            found[package.FRAMEWORK] = package
    return found


def build(workload, configuration, device):
    """Return the train step of the framework that is installed.

    Raises ValueError for an unknown device, NotApplicable with the reason where this release or
    this machine cannot do it.
    """
    devices.check_device(device)
    builder = packages()[configuration.framework].builder(configuration, device)
    return builder.build(workload, configuration, device)


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
