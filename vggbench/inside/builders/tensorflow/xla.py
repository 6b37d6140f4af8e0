"""XLA in TensorFlow: how each era compiles a whole train step, and how this is proven.

TensorFlow silently ignores many ways to ask for XLA, and other ways compile only parts of a step.
The first step is therefore watched. mode() says how to ask, and one of the proofs below says what
ran. A proof returns a sentence for the record. It raises NotApplicable where something ran outside
XLA.
"""

import time
from collections import namedtuple

import tensorflow as tf

from vggbench.inside import vgg16
from vggbench.inside.params import NotApplicable

# A way to ask for XLA. name: its name in the record. compiled: a function that takes the step's
# Python function and returns a function that builds the step compiled. function_arguments: a dict
# of keyword arguments for tf.function.
Mode = namedtuple("Mode", "name compiled function_arguments")

OFF = Mode("off", lambda computation: computation, {})
KERAS = Mode("Model.compile(jit_compile=True)", OFF.compiled, {})

# The first version (major, minor) of each era, newest first, and the name of its widest mode: the
# call of tf.function, or the function that turns Python code into one computation.
ERAS = (
    ((2, 5), "tf.function(jit_compile=True)"),
    ((2, 1), "tf.function(experimental_compile=True)"),
    ((1, 15), "tf.xla.experimental.compile"),
    ((1, 12), "tensorflow.contrib.compiler.xla.compile"),
)

# An operation with one of these texts in its name is work of the step, and belongs inside XLA.
# "Call" would run such work in a function. The names are not exact, because there are operations
# such as _FusedConv2D and _MklNativeConv2D.
WORK = (
    "ApplyGradientDescent",
    "AssignSub",
    "BatchNorm",
    "BiasAdd",
    "Call",
    "Conv2D",
    "CrossEntropy",
    "MatMul",
    "MaxPool",
    "Relu",
)

# The operation that TensorFlow runs where XLA has compiled a part of a graph. It cannot fall back.
LAUNCH = "XlaLaunch"

# The attributes that mark a tf.function for XLA: the first in 2.2 and later, the second in 2.1.
MARKS = ("_XlaMustCompile", "_XlaCompile")

# XLA is given each convolution three times: forward, backward to its kernel and backward to its
# input. One less is enough: releases differ in whether they compute the gradient of the batch,
# which nobody needs.
LEAST_CONVOLUTIONS = 3 * sum(layer.kind == vgg16.CONVOLUTION for layer in vgg16.layers(32)) - 1


def mode():
    """Return the Mode that compiles a whole step in this TensorFlow.

    Raises NotApplicable where the wheel was built without XLA, or is too old to compile a step as
    one computation.
    """
    if not built_with_xla():
        raise NotApplicable("no XLA in this build of tensorflow %s" % tf.__version__)
    name = mode_name(tf.__version__)
    if name is None:
        raise NotApplicable(
            "tensorflow %s has XLA but no way to compile a whole step" % tf.__version__
        )
    if name.startswith("tf.function("):
        argument = name[len("tf.function(") : -len("=True)")]
        return Mode(name, lambda computation: computation, {argument: True})
    if name.startswith("tf."):
        compile_ = tf.xla.experimental.compile
    else:
        from tensorflow.contrib.compiler.xla import compile as compile_
    # compile_ returns a list of what the computation returns.
    return Mode(name, lambda computation: lambda: compile_(computation)[0], {})


def keep_operations(config):
    """Tell a session of 1.x to leave operations as XLA knows them.

    In 1.14 the remapper would fuse Conv2D and BiasAdd into _FusedConv2D before XLA sees them, and
    XLA would refuse that.
    """
    options = config.graph_options.rewrite_options
    if hasattr(options, "remapping"):
        options.remapping = options.OFF


def mode_name(version):
    """Return the name of the widest mode of a version of TensorFlow, None where there is none."""
    release = tuple(int(part) for part in version.split(".")[:2])
    return next((name for since, name in ERAS if release >= since), None)


def built_with_xla():
    """Return whether this build of TensorFlow brings XLA, as it says itself."""
    for ask in (_public_answer, _kernel_is_registered, _device_exists):
        try:
            return ask()
        except (AttributeError, ImportError):  # this release cannot be asked in this way
            continue
    return False


def _public_answer():  # from 2.2 on
    return tf.test.is_built_with_xla()


def _kernel_is_registered():
    from tensorflow.python.framework import kernels

    return len(kernels.get_registered_kernels_for_op(LAUNCH).kernel) > 0


def _device_exists():  # any 1.x
    from tensorflow.python.client import device_lib

    return any("XLA" in device.device_type for device in device_lib.list_local_devices())


def proven(mode, prove, *evidence):
    """Return the "xla" of a step's description: the mode, what prove(*evidence) says, its seconds.

    The seconds of the proof are subtracted where the time of the first step is reported.
    """
    start = time.perf_counter()
    proof = prove(*evidence)
    return {"mode": mode.name, "proof": proof, "proof_s": time.perf_counter() - start}


def prove_one_launch(graphs):
    """Prove in 1.x and 2.0 that XLA compiled the step; return the sentence for the record.

    graphs: the optimised GraphDefs that ran, one a device. Raises NotApplicable.
    """
    operations = [node.op for graph in graphs for node in graph.node]
    _refuse_work_outside(operations)
    launches = operations.count(LAUNCH)
    if launches != 1:
        raise NotApplicable(
            "tensorflow %s compiled the step as %d computations of XLA instead of one"
            % (tf.__version__, launches)
        )
    return "the graph that ran holds one %s and none of the step's operations" % LAUNCH


def prove_must_compile(graphs, function, device_name):
    """Prove from 2.1 on that XLA compiled the step; return the sentence for the record.

    graphs: the GraphDefs that ran. function: the step's tf.function. device_name: where the step
    runs. A compiled tf.function leaves no graph behind, but one that is not compiled does. From 2.4
    on, TensorFlow hands out the program that it gives to XLA; the whole network must be in it.
    Raises NotApplicable.
    """
    operations = [node.op for graph in graphs for node in graph.node]
    _refuse_work_outside(operations)
    if CONTROL not in operations:
        raise _tells_nothing()
    # This comes from the cache, because the first step has traced the function.
    attributes = function.get_concrete_function().function_def.attr
    marks = [mark for mark in MARKS if mark in attributes and attributes[mark].b]
    if not marks:
        raise NotApplicable(
            "tensorflow %s: the function of the step is not marked for XLA" % tf.__version__
        )
    proof = "the function is marked %s, and nothing of the step ran in a graph" % marks[0]
    if not hasattr(function, "experimental_get_compiler_ir"):
        return proof
    with tf.device(device_name):
        program = function.experimental_get_compiler_ir()(stage="hlo")
    convolutions = program.count(" convolution(")
    if convolutions < LEAST_CONVOLUTIONS:
        raise NotApplicable(
            "tensorflow %s gave XLA %d convolutions of the step's %d"
            % (tf.__version__, convolutions, LEAST_CONVOLUTIONS)
        )
    return proof + "; %d convolutions in its HLO" % convolutions


def first_call_of_keras(call):
    """Run train_on_batch of a model of Keras that was compiled with jit_compile=True.

    call: train_on_batch, as a function without arguments. Returns (what it returned, the "xla" of
    the step's description).
    """
    returned, graphs = graphs_run_by(call)
    return returned, proven(KERAS, prove_marked_function, graphs)


def prove_marked_function(graphs):
    """Prove of Keras that XLA compiled the step; return the sentence for the record.

    graphs: the GraphDefs that ran. Keras keeps its compiled tf.function to itself. In some releases
    one of the graphs calls the function, in others none does. In all of them the function must be
    marked, which makes TensorFlow compile it as a whole or raise. It must hold all convolutions,
    and nothing of the step may run beside it. Raises NotApplicable.
    """
    from tensorflow.python.eager import context

    nodes = [node for graph in graphs for node in graph.node]
    _refuse_work_outside([node.op for node in nodes if not _is_marked(node.attr)])
    if not any(node.op == CONTROL for node in nodes):
        raise _tells_nothing()
    eager = context.context()
    functions = [eager.get_function_def(name) for name in eager.list_function_names()]
    convolutions = [
        sum("Conv2D" in node.op for node in function.node_def)
        for function in functions
        if _is_marked(function.attr)
    ]
    if max(convolutions, default=0) < LEAST_CONVOLUTIONS:
        raise NotApplicable(
            "tensorflow %s holds no function marked for XLA with the step's %d convolutions"
            % (tf.__version__, LEAST_CONVOLUTIONS)
        )
    return "a function marked %s holds %d convolutions, and nothing of the step ran beside it" % (
        MARKS[0],
        max(convolutions),
    )


def _is_marked(attributes):
    return MARKS[0] in attributes and attributes[MARKS[0]].b


def _tells_nothing():
    return NotApplicable(
        "tensorflow %s does not tell what it ran: XLA cannot be proven" % tf.__version__
    )


def _refuse_work_outside(operations):
    """Raise NotApplicable where one of these names of operations is work of the step."""
    outside = sorted({op for op in operations if any(word in op for word in WORK)})
    if outside:
        raise NotApplicable(
            "tensorflow %s ran parts of the step outside XLA: %s"
            % (tf.__version__, ", ".join(outside))
        )


# An operation that no step has. It shows that TensorFlow records what runs in graphs.
CONTROL = "Atan2"


def graphs_run_by(call):
    """Return (what call() returns, the graphs that TensorFlow 2.x ran meanwhile).

    The graphs are those of the call, and that of a function with the operation CONTROL.
    """
    from tensorflow.python.eager import context

    number = tf.constant(1.0)
    context.enable_run_metadata()
    try:
        result = call()
        tf.function(lambda: tf.atan2(number, number), autograph=False)()
        metadata = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    return result, [g for f in metadata.function_graphs for g in f.partition_graphs]
