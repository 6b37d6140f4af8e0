"""Operations of a step as Theano's virtual machine times them.

Theano's lazy linker adds up the seconds of each Apply node, where its ``time_thunks`` is on
(theano/gof/lazylinker_c.c). Nodes run one after the other, so they have no threads.
"""

import contextlib
import time

import theano

from vggbench.inside.params import NotApplicable


class Profiler:
    """A profiler as vggbench.inside.profilers describes it."""

    NAME = "Theano's linker"

    def __init__(self, step, folder):
        self._function = step.compiled_function()
        self._machine = getattr(self._function, "fn", None)
        if not (hasattr(self._machine, "time_thunks") and hasattr(self._machine, "call_times")):
            raise NotApplicable("theano %s tells no times of operations" % theano.__version__)
        self._steps = []

    def start(self):
        self._machine.time_thunks = 1

    @contextlib.contextmanager
    def tracing(self):
        before = list(self._machine.call_times)
        begin = time.perf_counter()
        yield
        seconds = time.perf_counter() - begin
        self._steps.append((seconds, [b - a for a, b in zip(before, self._machine.call_times)]))

    def stop(self):
        self._machine.time_thunks = 0
        nodes = list(self._machine.nodes)
        graph = self._function.maker.fgraph
        updates = _makers_of_updates(graph)
        return [(seconds, _events(nodes, times, updates)) for seconds, times in self._steps]


def _events(nodes, times, updates):
    """Return the events of one step, one after the other, because no moments are known."""
    events, moment = [], 0.0
    for place, (node, seconds) in enumerate(zip(nodes, times)):
        if seconds > 0:
            kind = type(node.op).__name__
            # A product that BLAS adds to the weight at once (Gemm) stays a product.
            if node in updates and kind in ("Elemwise", "GpuElemwise"):
                kind += " (update)"
            events.append(("", moment, moment + seconds, "%s %d" % (node.op, place), kind, ""))
            moment += seconds
    return events


def _makers_of_updates(graph):
    """Return the nodes that make new values of weights."""
    outputs = [graph.outputs[place] for place in getattr(graph, "update_mapping", None) or {}]
    return {variable.owner for variable in outputs if variable.owner is not None}
