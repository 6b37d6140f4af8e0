"""Operations of a step as jax.profiler tells them: what XLA runs, by the HLO that it was made of.

On a CPU, events have the names of HLO instructions. The text of the compiled program explains them:
the opcode, and in its metadata the operation of JAX that it came from.
"""

import contextlib

import jax

from vggbench.inside.params import NotApplicable
from vggbench.inside.profilers import MARKER, hlo, in_steps, xspace


class Profiler:
    """A profiler as vggbench.inside.profilers describes it."""

    NAME = "jax.profiler"

    def __init__(self, step, folder):
        if not hasattr(jax.profiler, "start_trace"):
            raise NotApplicable("jax %s has no profiler that writes traces" % jax.__version__)
        self._folder = folder
        self._kinds = hlo.instructions(step.program_text())

    def start(self):
        options = {}
        if hasattr(jax.profiler, "ProfileOptions"):
            # Calls of Python functions would be events too, and there are many.
            options["profiler_options"] = jax.profiler.ProfileOptions()
            options["profiler_options"].python_tracer_level = 0
        jax.profiler.start_trace(self._folder, **options)

    @contextlib.contextmanager
    def tracing(self):
        with jax.profiler.TraceAnnotation(MARKER):
            yield

    def stop(self):
        jax.profiler.stop_trace()
        return steps(xspace.written_in(self._folder), self._kinds)


def steps(events, kinds):
    """Return a list of (seconds, events) of the traced steps.

    events: of an XSpace. kinds: what hlo.instructions() returned.
    """
    markers, found = [], []
    for event in events:
        if event.name == MARKER:
            markers.append((event.begin, event.end))
            continue
        # On a GPU, events are kernels, and a statistic has the name of the instruction.
        name = str(event.stats.get("hlo_op", event.name))
        if name in kinds:
            lane = "%s %s" % (event.plane, event.line)
            found.append((lane, event.begin, event.end, name) + kinds[name])
    return in_steps(markers, found)
