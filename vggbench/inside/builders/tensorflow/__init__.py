"""Raw TensorFlow's train step: a graph that a session runs in 1.x, tf.function in 2.x."""

from vggbench.inside import builders
from vggbench.inside.params import COMPILER, DATA_FORMATS, LAYOUT, NORMALISATION, Param

FRAMEWORK = "TensorFlow"
MODULE = "tensorflow"

# "unfused" is moments and elementwise operations, "fused" is one kernel.
PARAMS = (
    Param("data_format", DATA_FORMATS, LAYOUT),
    Param(
        "batch_norm",
        ("none", "unfused", "fused"),
        NORMALISATION,
        title="Batch normalisation",
        shown={"none": "no BN", "unfused": "unfused BN", "fused": "fused BN"},
    ),
    Param("xla", ("off", "on"), COMPILER, title="XLA", shown={"off": "no XLA", "on": "XLA"}),
)


def builder(configuration, device):
    """Import TensorFlow and return the module for its generation: graph or function."""
    with builders.empty_home():
        import tensorflow as tf

    if tf.__version__.startswith("1."):
        from vggbench.inside.builders.tensorflow import graph as generation
    else:
        from vggbench.inside.builders.tensorflow import function as generation
    return generation


def profiler(configuration, device):
    """Return the class of the profiler of this TensorFlow's generation."""
    return profiler_of_generation()


def profiler_of_generation():
    """Return the class of the profiler of this TensorFlow's generation, for Keras too."""
    import tensorflow as tf

    if tf.__version__.startswith("1."):
        from vggbench.inside.builders.tensorflow import step_stats as generation
    else:
        from vggbench.inside.builders.tensorflow import xplane as generation
    return generation.Profiler


def matrix_products(device):
    """Import TensorFlow and return the module that multiplies matrices with it.

    Raises NotApplicable where TensorFlow sees no GPU.
    """
    with builders.empty_home():
        import tensorflow  # noqa: F401

    from vggbench.inside.builders.tensorflow import network, products

    if device == "gpu" and not network.sees_a_gpu():
        raise network.no_gpu()
    return products
