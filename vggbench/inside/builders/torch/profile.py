"""Operations of a step as torch.profiler tells them, from torch 1.8.1 on.

On a GPU, kernels are events of the device. Each is linked to the operation that launched it, by its
name, its device and its duration (from torch/autograd/profiler_util.py, not run on a GPU yet).
"""

import contextlib
import os

import torch

from vggbench.inside.params import NotApplicable
from vggbench.inside.profilers import MARKER, in_steps


class Profiler:
    """A profiler as vggbench.inside.profilers describes it."""

    NAME = "torch.profiler"

    def __init__(self, step, folder):
        if not hasattr(torch, "profiler"):
            raise NotApplicable("torch %s has no torch.profiler" % torch.__version__)
        activities = [torch.profiler.ProfilerActivity.CPU]
        self._on_gpu = torch.cuda.is_available()
        if self._on_gpu:
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        self._profile = torch.profiler.profile(activities=activities, record_shapes=True)
        self._folder = folder

    def start(self):
        self._profile.start()

    @contextlib.contextmanager
    def tracing(self):
        with torch.profiler.record_function(MARKER):
            yield

    def stop(self):
        self._profile.stop()
        self._profile.export_chrome_trace(os.path.join(self._folder, "trace.json"))
        return steps(self._profile.events(), self._on_gpu)


def steps(function_events, on_gpu=False):
    """Return a list of (seconds, events) of the traced steps.

    function_events: what torch.profiler.profile.events() returned.
    """
    markers, events = [], []
    owners = {}
    for event in function_events if on_gpu else ():
        for kernel in event.kernels:
            owners.setdefault(tuple(kernel), []).append(event.name)
    for event in function_events:
        begin, end = event.time_range.start / 1e6, event.time_range.end / 1e6
        if event.name == MARKER:
            if not getattr(event, "is_async", False) and not _is_of_device(event):
                markers.append((begin, end))
            continue
        if on_gpu:
            if _is_of_device(event) and not getattr(event, "is_user_annotation", False):
                kernel = event.name, event.device_index, event.time_range.elapsed_us()
                launched_by = owners.get(kernel) or [event.name]
                lane = "gpu %s" % event.device_index
                events.append((lane, begin, end, event.name, launched_by.pop(0), ""))
        elif not getattr(event, "is_async", False):
            shapes = ", ".join("x".join(map(str, shape)) for shape in event.input_shapes if shape)
            events.append((str(event.thread), begin, end, event.name, event.name, shapes))
    return in_steps(markers, events)


def _is_of_device(event):
    """Return whether an event is one of a device.

    It is a kernel, or the shadow that a marker of the host throws on a GPU's line.
    """
    return "CPU" not in str(getattr(event, "device_type", "CPU"))
