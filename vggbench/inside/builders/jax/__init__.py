"""JAX's train step: a pure function of the weights, compiled by jax.jit."""

from vggbench.inside.params import DATA_FORMATS, LAYOUT, NORMALISATION, Param

FRAMEWORK = "JAX"
MODULE = "jax"

# JAX without jit runs each operation by itself, which nobody trains with. The param is there so
# that a name says what was measured. It has no role, because the compiled step is the plain one.
PARAMS = (
    Param("data_format", DATA_FORMATS, LAYOUT),
    Param(
        "batch_norm",
        ("none", "unfused"),
        NORMALISATION,
        title="Batch normalisation",
        shown={"none": "no BN", "unfused": "unfused BN"},
    ),
    Param("jit", ("on",), title="jax.jit", shown={"on": "jit"}),
)


def profiler(configuration, device):
    """Return the class of JAX's profiler."""
    from vggbench.inside.builders.jax import profile

    return profile.Profiler


def builder(configuration, device):
    """Import JAX and return the module that builds its train step.

    Raises NotApplicable where this JAX, or this machine, has no such device.
    """
    from vggbench.inside.builders.jax import setup

    setup.prepare(device)
    setup.check_device(device)
    from vggbench.inside.builders.jax import step

    return step
