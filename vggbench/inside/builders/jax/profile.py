"""Operations of a step as jax.profiler tells them: what XLA runs, by the HLO that it was made of.

The trace is an XSpace, as TensorFlow's is; jax.profiler.ProfileData reads it (from JAX 0.5 on). Its
events on a CPU have the names of HLO instructions, which the text of the compiled program explains:
the opcode, and in its metadata the operation of JAX that it came from.
"""

import contextlib
import glob
import os
import re

import jax

from vggbench.inside.params import NotApplicable

MARKER = "vggbench step"

# An instruction of the text of an HLO module, and the metadata that it may have.
INSTRUCTION = re.compile(
    r"^\s*(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<shape>\S+(?: \S+\))?) (?P<opcode>[\w\-]+)\("
)
OP_NAME = re.compile(r'op_name="(?P<name>[^"]*)"')


class Profiler:
    """A profiler as vggbench.inside.profilers describes it."""

    NAME = "jax.profiler"

    def __init__(self, step, folder):
        if not hasattr(jax, "profiler") or not hasattr(jax.profiler, "ProfileData"):
            raise NotApplicable("jax %s cannot read its own traces" % jax.__version__)
        self._folder = folder
        self._kinds = instructions(step.program_text())

    def start(self):
        jax.profiler.start_trace(self._folder)

    @contextlib.contextmanager
    def watching(self):
        with jax.profiler.TraceAnnotation(MARKER):
            yield

    def stop(self):
        jax.profiler.stop_trace()
        (path,) = glob.glob(os.path.join(self._folder, "plugins", "profile", "*", "*.xplane.pb"))
        return steps(jax.profiler.ProfileData.from_file(path), self._kinds)


def steps(data, kinds):
    """Return a list of (seconds, events) of the watched steps.

    data: a jax.profiler.ProfileData. kinds: what instructions() returned.
    """
    markers, events = [], []
    for plane in data.planes:
        for line in plane.lines:
            lane = "%s %s" % (plane.name, line.name)
            for event in line.events:
                begin = event.start_ns / 1e9
                end = begin + event.duration_ns / 1e9
                if event.name == MARKER:
                    markers.append((begin, end))
                elif event.name in kinds:
                    kind, shape = kinds[event.name]
                    events.append((lane, begin, end, event.name, kind, shape))
    return [
        (end - begin, [event for event in events if begin <= event[1] < end])
        for begin, end in sorted(markers)
    ]


def instructions(text):
    """Return a dict of the name of each instruction in an HLO module's text to (kind, shape).

    The kind is the opcode, and behind a slash the operation of JAX that it came from.
    """
    found = {}
    for line in text.splitlines():
        told = INSTRUCTION.match(line)
        if told is None:
            continue
        name = OP_NAME.search(line)
        kind = told.group("opcode")
        if name:
            kind += "/" + name.group("name")
        found[told.group("name")] = kind, told.group("shape")
    return found
