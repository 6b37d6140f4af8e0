"""Operations of a step as TensorFlow's own profiler tells them, from TensorFlow 2.2 on.

tf.profiler.experimental writes an XSpace, a protobuf whose class is in the wheel: planes (the
host, each GPU) of lines (threads, streams) of events. An event of the host that runs an operation
is named NAME:TYPE (TraceMeOp of TensorFlow's tsl/profiler/lib/traceme_encode.h). On a GPU, an event
of a stream is a kernel, and a stat names the operation that it belongs to (not run on a GPU yet).
"""

import contextlib
import glob
import importlib
import os

import tensorflow as tf

from vggbench.inside.params import NotApplicable

MARKER = "vggbench step"

# Where releases have the class, the newest first.
MODULES = (
    "tensorflow.tsl.profiler.protobuf.xplane_pb2",
    "tensorflow.core.profiler.protobuf.xplane_pb2",
)

PICOSECOND = 1e-12


class Profiler:
    """A profiler as vggbench.inside.profilers describes it."""

    NAME = "tf.profiler"

    def __init__(self, step, folder):
        self._folder = folder
        self._space = _class()
        self._profile = getattr(tf, "profiler", None)
        self._profile = getattr(self._profile, "experimental", None)
        if self._space is None or not hasattr(self._profile, "start"):
            raise NotApplicable("tensorflow %s has no profiler that tells steps" % tf.__version__)
        self._watched = 0

    def start(self):
        self._profile.start(self._folder)

    @contextlib.contextmanager
    def watching(self):
        with _marker(self._profile, self._watched):
            yield
        self._watched += 1

    def stop(self):
        self._profile.stop()
        paths = glob.glob(os.path.join(self._folder, "plugins", "profile", "*", "*.xplane.pb"))
        if len(paths) != 1:
            raise RuntimeError("the profiler left %d files, where one was expected" % len(paths))
        space = self._space()
        with open(paths[0], "rb") as file:
            space.ParseFromString(file.read())
        return steps(space)


def _class():
    """Return the class of an XSpace; None where this release has none."""
    for name in MODULES:
        try:
            return importlib.import_module(name).XSpace
        except ImportError:
            continue
    return None


def _marker(profile, number):
    """Return a context that is an event of its own, in which one step runs."""
    if hasattr(profile, "Trace"):
        return profile.Trace(MARKER, step_num=number)
    from tensorflow.python.profiler import trace_me  # 2.2

    return trace_me.TraceMe(MARKER)


def steps(space):
    """Return a list of (seconds, events) of the watched steps in an XSpace."""
    markers, host, kernels = [], [], []
    for plane in space.planes:
        of_gpu = "/device:GPU" in plane.name
        if not (of_gpu or plane.name.startswith("/host:CPU")):
            continue
        for line in plane.lines:
            lane = "%s %d" % (plane.name, line.id)
            begin_ps = line.timestamp_ns * 1000
            for event in line.events:
                begin = (begin_ps + event.offset_ps) * PICOSECOND
                end = begin + event.duration_ps * PICOSECOND
                name = plane.event_metadata[event.metadata_id].name
                if name == MARKER:
                    markers.append((begin, end))
                elif of_gpu:
                    operation = _operation(_stat(plane, event, "tf_op") or "") or (name, name)
                    kernels.append((lane, begin, end, *operation, ""))
                else:
                    operation = _operation(name)
                    if operation is not None:
                        shapes = _stat(plane, event, "shape", "tensor_shapes") or ""
                        host.append((lane, begin, end, *operation, shapes))
    # Where a GPU computes, the host only hands out.
    events = kernels or host
    return [
        (end - begin, [event for event in events if begin <= event[1] < end])
        for begin, end in sorted(markers)
    ]


def _operation(name):
    """Return (name, type) of the operation that an event's name tells of; None for another event.

    An operation's type is a name in camel case, as REGISTER_OP wants it.
    """
    name, _, kind = name.rpartition(":")
    plain = kind.lstrip("_")
    if not (name and plain and plain[0].isupper() and plain.isalnum()):
        return None
    return name, kind


def _stat(plane, event, *names):
    """Return the text of an event's first stat of one of these names; None where there is none."""
    for stat in event.stats:
        if plane.stat_metadata[stat.metadata_id].name in names:
            if stat.WhichOneof("value") == "ref_value":
                return plane.stat_metadata[stat.ref_value].name
            return str(getattr(stat, stat.WhichOneof("value")))
    return None
