"""Theano's train step: one compiled function."""

from vggbench.inside.params import NORMALISATION, Param

FRAMEWORK = "Theano"
MODULE = "theano"

# "unfused" is moments and elementwise operations, "fused" is Theano's own function.
PARAMS = (
    Param(
        "batch_norm",
        ("none", "unfused", "fused"),
        NORMALISATION,
        title="Batch normalisation",
        shown={"none": "no BN", "unfused": "unfused BN", "fused": "fused BN"},
    ),
)


def profiler(configuration, device):
    """Return the class of the profiler that Theano's linker is."""
    from vggbench.inside.builders.theano import profile

    return profile.Profiler


def builder(configuration, device):
    """Set Theano up for this machine, import it and return the module that builds."""
    from vggbench.inside.builders.theano import setup

    setup.configure(device)  # Theano reads it when the next line imports it
    from vggbench.inside.builders.theano import function

    return function
