"""Operations of a step as a session of TensorFlow 1.x tells them: StepStats.

A session fills RunMetadata.step_stats where it runs with RunOptions.FULL_TRACE: a list of devices,
each of them a list of nodes with begin and end. ``timeline_label`` is "NAME = TYPE(INPUTS)".
"""

import contextlib
import os
import re
import time

import tensorflow as tf
from tensorflow.python.client import timeline

# What stands before it says how much memory the operation took.
LABEL = re.compile(r"(?P<name>\S+) = (?P<kind>\w+)\(")


# The kind of a node without such a label.
UNKNOWN = "unknown"


class Profiler:
    """A profiler as vggbench.inside.profilers describes it."""

    NAME = "StepStats"

    def __init__(self, step, folder):
        self._step = step
        self._folder = folder
        self._steps = []

    def start(self):
        pass

    @contextlib.contextmanager
    def tracing(self):
        metadata = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        with self._step.traced(options, metadata):
            begin = time.perf_counter()
            yield
            seconds = time.perf_counter() - begin
        self._steps.append((seconds, metadata))

    def stop(self):
        if self._steps:
            step_stats = self._steps[-1][1].step_stats
            with open(os.path.join(self._folder, "trace.json"), "w") as file:
                file.write(timeline.Timeline(step_stats).generate_chrome_trace_format())
        return [(seconds, events(metadata.step_stats)) for seconds, metadata in self._steps]


def events(step_stats):
    """Return the events of a StepStats.

    Operations that run at once stand beside each other: StepStats tells no threads in most
    releases, and no operation contains another. Of a GPU, the lines of its streams are taken (not
    run on a GPU yet). "/host:CPU" is what 1.15 has twice.
    """
    streams = [each for each in step_stats.dev_stats if each.device.endswith("/stream:all")]
    host = [each for each in step_stats.dev_stats if not each.device.endswith("/host:CPU")]
    found = []
    for device in streams or host:
        for place, node in enumerate(device.node_stats):
            label = LABEL.search(node.timeline_label)
            name, kind = label.group("name", "kind") if label else (node.node_name, UNKNOWN)
            begin = (node.all_start_micros + node.op_start_rel_micros) / 1e6
            end = (node.all_start_micros + node.op_end_rel_micros) / 1e6
            lane = "%s %d" % (device.device, place)
            shapes = ", ".join(_shape(output) for output in node.output)
            found.append((lane, begin, end, name, kind, shapes))
    return found


def _shape(output):
    shape = output.tensor_description.shape
    return "x".join(str(axis.size) for axis in shape.dim) or "scalar"
