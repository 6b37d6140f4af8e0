"""Keras on JAX: the functions that the docstring of network.backend() lists."""

import contextlib
import os
import sys
import time

from vggbench.inside.builders.jax import setup
from vggbench.inside.params import MachineLacks, NotApplicable

TURNS_KERNELS = False

MODE = "Model.compile(jit_compile=True): jax.jit"


# The functions that Keras gave to jax.jit and called in the first step of a model.
_functions = []


def why_absent(folder):
    if os.path.isdir(os.path.join(folder, "src", "backend", "jax")):
        return None
    return "this keras has no backend jax: 3.0 was the first that had"


def prepare(device):
    setup.prepare(device)


def check_device(keras, device):
    setup.check_device(device, "keras %s" % keras.__version__)


def proof_of_xla(keras):
    return _first_call


def _first_call(call):
    """Run train_on_batch of a model of Keras that was compiled with jit_compile=True.

    call: train_on_batch, as a function without arguments. Returns (what it returned, the "xla" of
    the step's description). Raises NotApplicable where Keras did not have the whole step compiled,
    and MachineLacks where the user has switched jax.jit off.
    """
    import jax

    # A function of jax.jit then runs as plain Python, and can be lowered all the same.
    if jax.config.jax_disable_jit:
        raise MachineLacks(
            "jax.jit is switched off here: JAX_DISABLE_JIT is set; unset it", "jax.jit"
        )
    with _watched_jit() as functions:
        returned = call()
    start = time.perf_counter()
    _functions[:] = [function for function in functions if function.shapes is not None]
    programs = [function.program() for function in _functions]
    largest = max(programs, key=setup.convolutions, default="")
    proof = setup.prove(largest, "the function that Keras gave to jax.jit")
    return returned, {"mode": MODE, "proof": proof, "proof_s": time.perf_counter() - start}


@contextlib.contextmanager
def _watched_jit():
    """A context in which functions that Keras gives to jax.jit are watched; a list of them.

    Keras looks jax.jit up when it makes the function that trains. Some releases have it under a
    name of their own.
    """
    import jax

    plain, watched = jax.jit, []

    def jit(*arguments, **options):
        watched.append(_Watched(plain(*arguments, **options)))
        return watched[-1]

    trainer = sys.modules.get("keras.src.backend.jax.trainer")
    places = [place for place in (jax, trainer) if getattr(place, "jit", None) is plain]
    for place in places:
        place.jit = jit
    try:
        yield watched
    finally:
        for place in places:
            place.jit = plain


class _Watched:
    """A function of jax.jit that remembers of what shape its first arguments were."""

    def __init__(self, jitted):
        self._jitted = jitted
        self.shapes = None

    def __call__(self, *arguments, **options):
        if self.shapes is None and not options:
            import jax

            # The arguments themselves are gone afterwards: Keras lets JAX take their memory.
            self.shapes = jax.tree_util.tree_map(
                lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), arguments
            )
        return self._jitted(*arguments, **options)

    def __getattr__(self, name):
        return getattr(self._jitted, name)

    def program_text(self):
        """Return the text of the program that runs, in HLO, for a profiler."""
        return self._jitted.lower(*self.shapes).compile().as_text()

    def program(self):
        """Return the text of the program that JAX gives to XLA, or of what XLA makes of it.

        JAX may write equal convolutions once, as a function. XLA then knows how many there are.
        """
        lowered = self._jitted.lower(*self.shapes)
        text = lowered.as_text()
        if 0 < setup.convolutions(text) < setup.LEAST_CONVOLUTIONS:
            return lowered.compile().as_text()
        return text


def waiting(weights, device):
    """Return a function that waits for the updates: JAX returns before it has computed."""
    import jax

    return lambda: jax.block_until_ready([weight.value for weight in weights])


def facts_of_model(model):
    return {}


def gate_updates(keras):
    pass


def compute_in_float32():
    setup.compute_in_float32()


def answer(error, configuration, device):
    return None


def facts():
    return setup.facts()


def profiler():
    from vggbench.inside.builders.jax import profile

    return profile.Profiler


def watched(model):
    if not _functions:
        raise NotApplicable("Keras runs each operation by itself on JAX without XLA")
    return max(_functions, key=lambda function: setup.convolutions(function.program()))
