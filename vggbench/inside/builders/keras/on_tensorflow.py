"""Keras on TensorFlow: the functions that the docstring of network.backend() lists."""

import contextlib
import os

from vggbench.inside.builders.keras import network

# From this version on, Keras on TensorFlow 1 uses the fused kernel of batch normalisation, where
# the kernel serves the data format.
FUSED = (2, 1, 3)

# From the first version on, and before the second, Keras uses tf.train's zero_debias.
DEBIASED, NOT_DEBIASED = (2, 1, 3), (2, 3, 0)

# From this version on, Keras is TensorFlow's, and sees to the order of updates.
TENSORFLOWS = (2, 4, 0)

TURNS_KERNELS = False


def why_absent(folder):
    return None


def prepare(device):
    if device == "cpu":
        # Every TensorFlow reads this variable when it first looks for GPUs.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def check_device(keras, device):
    if device == "gpu" and not _tensorflow().sees_a_gpu():
        raise _tensorflow().no_gpu("keras %s" % keras.__version__)


def proof_of_xla(keras):
    # Imported here: only where XLA is asked for, and after TensorFlow is prepared.
    from vggbench.inside.builders.tensorflow import xla

    xla.mode()  # raises where this TensorFlow has no XLA
    return xla.first_call_of_keras


def waiting(weights, device):
    return lambda: None


def facts_of_model(model):
    return {}


def gate_updates(keras):
    """Have all gradients computed before any weight changes.

    Keras up to 2.2 on TensorFlow 1 lets a weight be updated while the backward pass still reads it.
    A timed step does so too. A step that is compared with the reference must be the same each time.
    """
    if network.version(keras) >= TENSORFLOWS:
        return
    import tensorflow as tf

    plain = keras.backend.gradients
    if tf.__version__.startswith("1."):
        keras.backend.gradients = lambda loss, weights: tf.tuple(plain(loss, weights))


def compute_in_float32():
    _tensorflow().compute_in_float32()


def answer(error, configuration, device):
    return _tensorflow().not_applicable(error, configuration, device)


def facts():
    return _tensorflow().facts()


def variance_of_keras_1(version):
    return "biased"


def variance_of_keras_2(version, configuration, device):
    import tensorflow as tf

    fused = version >= FUSED and tf.__version__.startswith("1.")
    on_this_device = configuration.data_format == "NHWC" or device == "gpu"
    moved_by = "unbiased" if fused and on_this_device else "biased"
    return moved_by, ", debiased" if DEBIASED <= version < NOT_DEBIASED else ""


def _tensorflow():
    # Imported here, because the module imports TensorFlow, and prepare() must come before that.
    from vggbench.inside.builders.tensorflow import network as of_tensorflow

    return of_tensorflow


def profiler():
    from vggbench.inside.builders import tensorflow

    return tensorflow.profiler_of_generation()


def watched(model):
    return _OnGraph(model.train_function)


class _OnGraph:
    """A function of Keras that a session of TensorFlow 1.x runs."""

    def __init__(self, function):
        self._function = function

    @contextlib.contextmanager
    def traced(self, options, metadata):
        """A context in which the session runs with these RunOptions, and fills the RunMetadata."""
        function = self._function
        if hasattr(function, "_callable_fn"):
            # From 2.2 on, Keras makes a callable of the session, once, and reads the options then.
            # They stay: to make it anew would cost each traced step, and no timed step follows.
            if function.run_options is None:
                function.run_options, function._callable_fn = options, None
            function.run_metadata = metadata
            yield
            return
        kept = dict(function.session_kwargs)
        function.session_kwargs.update(options=options, run_metadata=metadata)
        try:
            yield
        finally:
            function.session_kwargs.clear()
            function.session_kwargs.update(kept)
