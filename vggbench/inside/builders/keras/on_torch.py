"""Keras on PyTorch: the functions that the docstring of network.backend() lists."""

import os

from vggbench.inside.builders.torch import setup

TURNS_KERNELS = False

MODE = "Model.compile(jit_compile=True): torch.compile"

# Not empty once a first step of this process is proven to be compiled.
_proven = []


def why_absent(folder):
    if os.path.isdir(os.path.join(folder, "src", "backend", "torch")):
        return None
    return "this keras has no backend torch: 3.0 was the first that had"


def prepare(device):
    # By this variable Keras would compute on another device than the one that is asked for.
    os.environ.pop("KERAS_TORCH_DEVICE", None)
    setup.prepare(device)


def check_device(keras, device):
    setup.check_device(device, "keras %s" % keras.__version__)


def proof_of_xla(keras):
    # Imported here: only where a compiled step is asked for, and after PyTorch is prepared.
    from vggbench.inside.builders.torch import compiler

    def first_call(call):
        taken = compiler.first_call(call, MODE)
        _proven.append(True)
        return taken

    return first_call


def waiting(weights, device):
    return setup.wait_for(device)


def facts_of_model(model):
    return {}


def gate_updates(keras):
    pass


def compute_in_float32():
    setup.compute_in_float32()


def answer(error, configuration, device):
    return None


def facts():
    if _proven:
        from vggbench.inside.builders.torch import compiler

        # Keras, not this package, calls torch.compile, so no later step that is compiled anew
        # raises an error. By now the untimed steps have run.
        compiler.prove_so_far()
    return setup.facts()


def profiler():
    from vggbench.inside.builders.torch import profile

    return profile.Profiler


def watched(model):
    return model
