"""What the three Keras builders share: the import, the model, the train step.

Keras reads and writes $HOME/.keras/keras.json when it is imported, and takes its backend, its float
type and more from there. Keras is therefore imported with an empty folder as its home: a file of
the user's decides nothing, and no file is made. This is the only way that serves every release,
because only some releases know KERAS_HOME. The choices of a benchmark are given to Keras call by
call.
"""

import functools
import importlib
import importlib.util
import os
import re
import sys

import numpy as np

from vggbench.inside import vgg16
from vggbench.inside.builders import empty_home
from vggbench.inside.params import NotApplicable
from vggbench.inside.synthetic import batch, initial_weights

# The order of the tensors that a layer's get_weights() returns, as suffixes of canonical names.
OF_A_PRODUCT = ("kernel", "bias")
OF_A_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def backend(name):
    """Return the module that serves a backend of Keras. It does not import the backend yet.

    Each module offers

    - `prepare(device)`: do what must come before the import;
    - `why_absent(folder)`: return why the Keras in this folder has no such backend, None where it
      has the backend;
    - `check_device(keras, device)`: raise NotApplicable where the backend sees no such device;
    - `TURNS_KERNELS`: whether Keras convolves on it with the kernel turned by half a turn;
    - `proof_of_xla(keras)`: return the function that runs train_on_batch, a function without
      arguments, for the first time and returns (what it returned, the "xla" of the description).
      Raises NotApplicable where a step cannot be compiled by XLA;
    - `waiting(weights, device)`: return a function to be called after each step, which returns when
      the new weights are on the device;
    - `facts_of_model(model)`: return what a model tells once it has run a step, a dict for the
      description;
    - `gate_updates(keras)`, `compute_in_float32()`: do what these methods of a train step do;
    - `answer(error, configuration, device)`: return NotApplicable for an error that means it, else
      None;
    - `facts()`: return a dict for the description. May raise NotApplicable where a step since the
      first one was not compiled as that one was;
    - `profiler()`: return the class of the backend's profiler. Raises NotApplicable without one;
    - `watched(model)`: return what that class asks of a train step, of a model that has run a step.
      Raises NotApplicable where the backend runs no such thing.

    The modules of the backends that Keras 1 and 2 have offer two more functions:

    - `variance_of_keras_1(version)`: return what moves the running variance, a key of
      reference.RUNNING_VARIANCES;
    - `variance_of_keras_2(version, configuration, device)`: return (such a key, the text that
      follows the key).
    """
    return importlib.import_module("vggbench.inside.builders.keras.on_" + name)


def imported(name, device):
    """Import Keras on the backend of that name, for a device, and return the package.

    For the CPU, the GPUs are hidden from this process for good. Raises ImportError without Keras,
    NotApplicable where this Keras has no such backend, where the backend is not installed, and
    where it sees no such device; RuntimeError where this process has imported Keras with another
    backend.
    """
    spec = importlib.util.find_spec("keras")
    if spec is None:
        raise ImportError("no keras is installed in this interpreter: %s" % sys.executable)
    serving = backend(name)
    reason = serving.why_absent(os.path.dirname(spec.origin))
    if reason is not None:
        raise NotApplicable(reason)
    if not _installed(name):
        raise NotApplicable("no %s is installed beside this keras" % name)
    serving.prepare(device)
    with empty_home(KERAS_BACKEND=name):
        import keras
        from keras import backend as imported_backend
    if imported_backend.backend() != name:
        raise RuntimeError(
            "keras is imported with backend %s in this process: %s needs a process of its own"
            % (imported_backend.backend(), name)
        )
    serving.check_device(keras, device)
    return keras


def _installed(package):
    # A package that is imported is in sys.modules. find_spec would ask that module for its spec,
    # and the TensorFlow of 2020, imported with some other package before it, has none.
    return package in sys.modules or importlib.util.find_spec(package) is not None


def version(keras):
    """Return the version of Keras as a tuple of three numbers, which for 3.12.0rc1 are those of
    3.12.0."""
    return tuple(int(number) for number in re.findall(r"\d+", keras.__version__)[:3])


def no_switch(keras):
    """Return the NotApplicable of a Keras that cannot be asked for XLA."""
    return NotApplicable("keras %s has no switch for XLA" % keras.__version__)


class Model:
    """VGG16 as a Keras model in the attribute `trained`, which is not compiled yet.

    layers: a dict of the functions that make layers in this generation of the API:
    convolution(outputs, bias), batch_norm(), pool(), dense(outputs). All know the data format.
    """

    def __init__(self, workload, configuration, layers):
        from keras.layers import Activation, Flatten, Input, Permute
        from keras.models import Model as KerasModel

        size = workload.image_size
        channels_last = configuration.data_format == "NHWC"
        places, channels = (size, size), (vgg16.IMAGE_CHANNELS,)
        images = Input(shape=places + channels if channels_last else channels + places)
        x = images
        # The canonical name of each tensor, and its (layer, place among the layer's tensors).
        self.places = {}
        for layer in vgg16.layers(size):
            if layer.kind == vgg16.POOL:
                x = layers["pool"]()(x)
                continue
            if layer.kind == vgg16.CONVOLUTION:
                keras_layer = layers["convolution"](layer.outputs, not configuration.has_batch_norm)
            else:
                keras_layer = layers["dense"](layer.outputs)
            if layer.name == vgg16.DENSE_LAYERS[0][0]:
                # To the canonical order, for the reason that _flatten() of TensorFlow's network
                # has.
                x = Flatten()(x if channels_last else Permute((2, 3, 1))(x))
            x = keras_layer(x)
            self._place(layer.name, keras_layer, OF_A_PRODUCT)
            if layer.kind == vgg16.CONVOLUTION and configuration.has_batch_norm:
                keras_layer = layers["batch_norm"]()
                x = keras_layer(x)
                self._place(layer.name, keras_layer, OF_A_BATCH_NORM)
            last = layer.name == vgg16.DENSE_LAYERS[-1][0]
            x = Activation("softmax" if last else "relu")(x)
        self.trained = KerasModel(images, x)

    def _place(self, name, layer, tensors):
        for place, tensor in enumerate(tensors[: len(layer.weights)]):
            self.places[name + "/" + tensor] = (layer, place)

    def load(self, weights, from_canonical):
        """Give the layers their weights.

        weights: an iterable of (name, array); weights that no layer has are left out.
        from_canonical: a function that turns a convolution's kernel into the layout of the layer.
        Raises AssertionError where a layer is left without all of its weights.
        """
        incomplete = {}
        for name, value in weights:
            if name not in self.places:
                continue
            layer, place = self.places[name]
            values = incomplete.setdefault(layer.name, {})
            values[place] = from_canonical(value) if value.ndim == 4 else value
            if len(values) == len(layer.weights):
                layer.set_weights([values[place] for place in range(len(values))])
                del incomplete[layer.name]
        if incomplete:
            raise AssertionError("layers without weights: %s" % ", ".join(sorted(incomplete)))

    def read(self, names, to_canonical):
        """Return a dict of the named tensors, as arrays in the canonical layout."""
        values = {}
        for name in names:
            layer, place = self.places[name]
            value = layer.get_weights()[place]
            values[name] = to_canonical(value) if value.ndim == 4 else value
        return values


def layouts(configuration):
    """Return two functions, which turn a convolution's kernel from the canonical layout, and back.

    The kernel is (row, column, in, out). On some backends Keras convolves in the sense of
    mathematics: with the kernel turned by half a turn.
    """
    turn = -1 if backend(configuration.backend).TURNS_KERNELS else 1

    def turned(kernel):
        return kernel[::turn, ::turn]

    return turned, turned


class KerasStep:
    """A train step as vggbench.inside.builders describes it, of a Model that is compiled.

    running_variance: what moves the running averages, as reference.build() takes it. layouts: the
    functions that turn the kernel of a convolution from the canonical layout to the layer's, and
    back. mean_of_calls: whether train_on_batch returns the mean over all calls. prove: a function
    that runs train_on_batch, a function without arguments, for the first time and returns (what it
    returned, the "xla" of the description).
    """

    def __init__(
        self,
        model,
        workload,
        configuration,
        device,
        *,
        running_variance,
        layouts,
        mean_of_calls=False,
        prove=None,
    ):
        self._model, self._configuration, self._device = model, configuration, device
        self._running_variance, self._layouts = running_variance, layouts
        self._mean_of_calls = mean_of_calls
        self._prove = prove
        self._backend = backend(configuration.backend)
        self._facts = {"xla": {"mode": "off"}}  # of the first step, for the description
        self._calls = 0
        self._returned = self._returned_before = float("nan")
        model.load(initial_weights(workload.image_size, configuration.has_batch_norm), layouts[0])
        images, labels = batch(workload)
        if configuration.data_format == "NCHW":
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        self._train_on_batch = functools.partial(model.trained.train_on_batch, images, labels)
        self._run = self._first_run
        self._wait = self._backend.waiting(model.trained.weights, device)

    def __call__(self):
        self._returned_before = self._returned
        try:
            self._returned = self._run()
        except Exception as error:
            answer = self._backend.answer(error, self._configuration, self._device)
            if answer is None:
                raise
            raise answer from error
        self._wait()
        self._calls += 1

    def _first_run(self):
        """Run the first step, and look at how Keras had it compiled."""
        if self._prove is None:
            returned = self._train_on_batch()
        else:
            returned, self._facts["xla"] = self._prove(self._train_on_batch)
        self._facts.update(self._backend.facts_of_model(self._model.trained))
        self._run = self._train_on_batch
        return returned

    def watched(self):
        """Return what the profiler of the backend asks of a train step."""
        return self._backend.watched(self._model.trained)

    def gate_updates(self):
        """Have all gradients computed before any weight changes. Call it before the first step."""
        import keras

        self._backend.gate_updates(keras)

    def compute_in_float32(self):
        self._backend.compute_in_float32()

    def loss(self):
        loss = _number(self._returned)
        if self._mean_of_calls and self._calls > 1:
            return self._calls * loss - (self._calls - 1) * _number(self._returned_before)
        return loss

    def weights(self):
        names = [
            name
            for name in self._model.places
            if "/moving_" not in name or self._configuration.has_running_averages
        ]
        return self._model.read(names, self._layouts[1])

    def describe(self):
        import keras

        facts = dict(self._backend.facts(), keras=keras.__version__, **self._facts)
        if self._configuration.has_running_averages:
            facts["running_variance"] = self._running_variance
        return facts

    def close(self):
        self._model = self._run = self._train_on_batch = self._wait = None


def _number(returned):
    """Return what train_on_batch returned, a number or a list that begins with it, as a float."""
    return float(np.ravel(returned)[0])
