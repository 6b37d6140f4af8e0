"""Operations of a step as TensorFlow's own profiler tells them, from TensorFlow 2.2 on.

2.2 itself writes its events for Chrome, without shapes, and later releases write an XSpace. An
event of the host that runs an operation is named NAME:TYPE (TraceMeOp of TensorFlow's
tsl/profiler/lib/traceme_encode.h). On a GPU, an event of a stream is a kernel, and a statistic
names the operation that it belongs to (not run on a GPU yet).
"""

import contextlib

import tensorflow as tf

from vggbench.inside.params import NotApplicable
from vggbench.inside.profilers import MARKER, in_steps, xspace


class Profiler:
    """A profiler as vggbench.inside.profilers describes it."""

    NAME = "tf.profiler"

    def __init__(self, step, folder):
        self._folder = folder
        self._profiler = getattr(getattr(tf, "profiler", None), "experimental", None)
        if not hasattr(self._profiler, "start"):
            raise NotApplicable("tensorflow %s has no profiler that tells steps" % tf.__version__)

    def start(self):
        self._profiler.start(self._folder)

    @contextlib.contextmanager
    def tracing(self):
        with _marker(self._profiler):
            yield

    def stop(self):
        self._profiler.stop()
        if not hasattr(self._profiler, "Trace"):  # 2.2
            return steps(xspace.written_as_json(self._folder))
        return steps(xspace.written_in(self._folder))


def _marker(profiler):
    """Return a context that is an event of its own, in which one step runs."""
    if hasattr(profiler, "Trace"):
        return profiler.Trace(MARKER)
    from tensorflow.python.profiler import traceme  # 2.2

    return traceme.TraceMe(MARKER)


def steps(events):
    """Return a list of (seconds, events) of the traced steps. events: of an XSpace."""
    markers, host, kernels = [], [], []
    for event in events:
        lane = "%s %s" % (event.plane, event.line)
        if event.name == MARKER:
            markers.append((event.begin, event.end))
        elif "/device:GPU" in event.plane:
            named = _operation(str(event.stats.get("tf_op", ""))) or (event.name, event.name)
            kernels.append((lane, event.begin, event.end, *named, ""))
        elif event.plane.startswith("/host:CPU"):
            named = _operation(event.name)
            if named is not None:
                shapes = str(event.stats.get("shape", event.stats.get("tensor_shapes", "")))
                host.append((lane, event.begin, event.end, *named, shapes))
    # Where a GPU computes, the host only hands out.
    return in_steps(markers, kernels or host)


def _operation(name):
    """Return (name, type) of the operation that an event's name tells of; None for another event.

    An operation's type is a name in camel case, as REGISTER_OP wants it. Functions of C++, which
    are events too, have two colons.
    """
    name, _, kind = name.rpartition(":")
    plain = kind.lstrip("_")
    if not (name and plain and plain[0].isupper() and plain.isalnum()) or name.endswith(":"):
        return None
    return name, kind
