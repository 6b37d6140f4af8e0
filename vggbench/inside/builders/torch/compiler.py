"""torch.compile: how a step is compiled, and how this is proven.

torch.compile falls back to eager execution without a word where it gives up. The first step is
therefore watched: Dynamo, which takes the step's Python apart, counts graphs and breaks, and
AOTAutograd counts the graphs that were compiled with their backward pass.
"""

import os
import time

import torch

from vggbench.inside.params import MachineLacks, NotApplicable

OFF = {"mode": "off"}
MODE = "torch.compile(fullgraph=True)"

# What the compilers of the releases say where the machine has no compiler for them. torch.compile
# writes C++ for the CPU, and Triton needs a C compiler for its launchers.
NO_COMPILER = (
    "No working C++ compiler found",
    "Failed to find C compiler",
    "InvalidCxxCompiler",
)

# What they say where the machine lacks something else: the text, and what it is. The first is of
# GPUs below compute capability 7.0.
LACKING = (
    ("too old to be supported by the triton GPU compiler", "a GPU that Triton supports"),
    ("Cannot find a working triton installation", "Triton"),
)

# What releases say of an interpreter or a system for which they have no torch.compile.
NOT_SUPPORTED = (
    "not supported on Python",
    "not yet supported for torch.compile",
    "not supported on this platform",
    "Windows not yet supported",
)


def compiled(function):
    """Return the function compiled by torch.compile, as one graph.

    From 2.1 on, a later call that would be compiled anew raises an error, because torch.compile
    gives up after some of these. Raises NotApplicable where this PyTorch has no torch.compile.
    """
    if not hasattr(torch, "compile"):
        raise NotApplicable("no torch.compile in torch %s: it came with 2.0" % torch.__version__)
    try:
        # It looks at the interpreter and the system first.
        made = torch.compile(function, fullgraph=True)
        from torch import _dynamo

        if hasattr(_dynamo.config, "error_on_recompile"):  # from 2.1 on
            _dynamo.config.error_on_recompile = True
        return made
    except Exception as error:
        raise answer(error) or error from None


def answer(error):
    """Return the NotApplicable that an error of torch.compile means, None where it means none."""
    texts = []
    while error is not None:
        texts.append("%s: %s" % (type(error).__name__, error))
        error = error.__cause__ or error.__context__ or getattr(error, "inner_exception", None)
    told = " ".join(texts)
    version = "torch.compile of torch %s" % torch.__version__
    for text in NO_COMPILER:
        if text in told:
            return MachineLacks("%s finds no compiler here: %s" % (version, text), "a C++ compiler")
    for text, what in LACKING:
        if text in told:
            return MachineLacks("%s: %s" % (version, _line_with(text, told)), what)
    for text in NOT_SUPPORTED:
        if text in told:
            return NotApplicable("%s: %s" % (version, _line_with(text, told)))
    return None


def _line_with(text, told):
    """Return the first line with this text."""
    return next(line.strip() for line in told.splitlines() if text in line)


def first_call(call, mode=MODE):
    """Run a compiled step for the first time. Returns (what it returned, the description's entry).

    The entry is a dict of the mode, the proof as a sentence, and "proof_s", the seconds that the
    proof took. Raises NotApplicable where not all of the step was compiled, and MachineLacks where
    the user has switched torch.compile off.
    """
    from torch._dynamo import exc
    from torch._dynamo.utils import counters

    _require_switched_on()
    counters.clear()
    try:
        returned = call()
    except Exception as error:
        meant = answer(error)
        if meant is None and isinstance(error, exc.Unsupported):  # a break, with fullgraph=True
            lines = str(error).strip().splitlines() or ["no reason given"]
            meant = NotApplicable(
                "torch.compile of torch %s does not compile the step as one graph: %s"
                % (torch.__version__, lines[0])
            )
        if meant is None:
            raise
        raise meant from error
    start = time.perf_counter()
    proof = prove_so_far()
    return returned, {"mode": mode, "proof": proof, "proof_s": time.perf_counter() - start}


def prove_so_far():
    """Prove that all steps since first_call() began ran as one graph; return the sentence for the
    record.

    Raises NotApplicable where one was compiled anew, or in pieces.
    """
    from torch._dynamo.utils import counters

    return prove({name: dict(counts) for name, counts in counters.items()})


def _require_switched_on():
    """Raise MachineLacks where a variable of the user's switches torch.compile off."""
    from torch._dynamo import config

    # Early releases take any text for a yes in TORCH_COMPILE_DISABLE, so PyTorch itself is asked.
    switches = (
        ("TORCH_COMPILE_DISABLE", config.disable),
        ("TORCHDYNAMO_DISABLE", os.environ.get("TORCHDYNAMO_DISABLE") == "1"),
    )
    for name, is_off in switches:
        if is_off:
            raise MachineLacks(
                "torch.compile is switched off here: %s is set; unset it" % name, "torch.compile"
            )


def prove(counts):
    """Prove that one graph with its backward pass was compiled; return the sentence for the record.

    counts: Dynamo's counters, a dict of dicts of numbers. Raises NotApplicable.
    """
    breaks = sum(counts.get("graph_break", {}).values())
    graphs = counts.get("stats", {}).get("unique_graphs", 0)
    backward = counts.get("aot_autograd", {})
    done, asked = backward.get("ok", 0), backward.get("total", 0)
    if breaks or graphs != 1:
        raise NotApplicable(
            "torch.compile of torch %s made %d graphs of the step instead of one, with %d breaks"
            % (torch.__version__, graphs, breaks)
        )
    if done != 1 or asked != 1:
        raise NotApplicable(
            "torch.compile of torch %s compiled %d of %d graphs with their backward pass"
            % (torch.__version__, done, asked)
        )
    return "one graph, no break; it was compiled with its backward pass"
