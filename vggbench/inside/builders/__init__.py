"""Builders turn (workload, configuration, device) into a train step of one framework.

Each framework has a package in this folder, and is found there by the package's name. A package
offers

- `FRAMEWORK`: the framework's name, which its class in benchmarks/ and its track.json have too;
- `MODULE`: the name by which the framework is imported;
- `PARAMS`: a tuple of vggbench.inside.params.Param, what can be chosen;
- `builder(configuration, device)`: import the framework and return a module with
  `build(workload, configuration, device)`, which returns a train step. Both raise NotApplicable
  (vggbench.inside.params) with the reason where this release or this machine cannot do the
  configuration.

A package may offer `profiler(configuration, device)`, with which a step is taken apart:
vggbench.inside.profilers says what it returns.

A package may offer `matrix_products(device)` too, with which the machine's peak is measured. It
imports the framework and returns a module with two functions. `seconds(size, device)` returns a
list of the seconds that each of several products of two size x size float32 matrices took.
`facts()` returns a dict of facts, as a train step's `describe()` does.

Importing such a package imports neither its framework nor NumPy.

A train step is an object with

- `step()`: run one train step (forward, backward, update of all weights and, with batch
  normalisation, of the running averages); return when the new weights are on the device. Raises
  NotApplicable where the framework says that it cannot do the configuration on this device: some
  releases say so only when the step first runs. Where the step is to be compiled, its first run is
  watched. It raises NotApplicable where it cannot be proven that all of the step was compiled.
- `step.loss()`: the loss of the last step as a float, NaN before the first.
- `step.weights()`: a dict of name to float32 NumPy array, trained tensors and running averages, in
  the names and the canonical layout of vggbench.inside.vgg16; without running averages where the
  configuration has none.
- `step.describe()`: a dict of JSON-able facts about the framework and its settings. May raise
  NotApplicable where a step since the first one was not compiled as that one was. Where the step
  was to be compiled, one entry holds the proof of that after the first step: "xla" of TensorFlow
  and Keras, "compile" of PyTorch, "jit" of JAX. It is a dict, whose "proof_s" is the number of
  seconds of the first step that the proof took. `track_first_step` leaves them out.
- `step.close()`: release the memory; the step cannot be used afterwards.

Some train steps have one or both of the following methods. They are called before the first step,
so that the step can be compared with the reference. They are never called on a step that is timed:

- `step.gate_updates()` fixes the order of updates where the framework leaves it to chance.
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
    by_framework = {}
    for _, name, is_package in pkgutil.iter_modules(__path__):
        if is_package:
            package = importlib.import_module(__name__ + "." + name)
            by_framework[package.FRAMEWORK] = package
    return by_framework


def build(workload, configuration, device):
    """Return the train step of the framework that is installed.

    Raises ValueError for an unknown device, NotApplicable with the reason where this release or
    this machine cannot do the configuration.
    """
    devices.check_device(device)
    builder = packages()[configuration.framework].builder(configuration, device)
    return builder.build(workload, configuration, device)


def profiler(configuration, device):
    """Return what makes a profiler of the framework, as vggbench.inside.profilers describes it.

    Raises NotApplicable where there is none.
    """
    from vggbench.inside import profilers  # which imports params, and that asks this module

    package = packages()[configuration.framework]
    if not hasattr(package, "profiler"):
        raise profilers.unknown(configuration.framework)
    return package.profiler(configuration, device)


@contextlib.contextmanager
def empty_home(**variables):
    """Set environment variables, and HOME to an empty folder, while a framework is imported.

    Keras reads $HOME/.keras/keras.json when it is imported, and writes the file where there is
    none. Most releases of TensorFlow bring Keras along and import it.
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


def fact(*getters):
    """Return the JSON-able value of the first getter that works in this release, else None."""
    for getter in getters:
        try:
            value = getter()
        except Exception:  # a fact is not worth a failed measurement, whatever the release raises
            continue
        return value if value is None or isinstance(value, (bool, int)) else str(value)
    return None
