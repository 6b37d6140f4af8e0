"""PyTorch's train step: a module, its loss, and torch.optim.SGD."""

from vggbench.inside.params import COMPILER, LAYOUT, NORMALISATION, Param

FRAMEWORK = "PyTorch"
MODULE = "torch"

# NHWC is what PyTorch calls channels_last: the shape stays NCHW, the memory is in the order NHWC.
# "unfused" is means and elementwise operations, "fused" is torch.nn.functional.batch_norm.
PARAMS = (
    Param("data_format", ("NCHW", "NHWC"), LAYOUT),
    Param(
        "batch_norm",
        ("none", "unfused", "fused"),
        NORMALISATION,
        title="Batch normalisation",
        shown={"none": "no BN", "unfused": "unfused BN", "fused": "fused BN"},
    ),
    Param(
        "compile",
        ("off", "on"),
        COMPILER,
        title="torch.compile",
        shown={"off": "eager", "on": "torch.compile"},
    ),
)


def profiler(configuration, device):
    """Return the class of PyTorch's profiler."""
    from vggbench.inside.builders.torch import profile

    return profile.Profiler


def builder(configuration, device):
    """Import PyTorch and return the module that builds its train step.

    Raises NotApplicable where this PyTorch, or this machine, has no such device.
    """
    from vggbench.inside.builders.torch import setup

    setup.prepare(device)
    setup.check_device(device)
    from vggbench.inside.builders.torch import step

    return step
