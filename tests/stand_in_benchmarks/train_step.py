"""The classes of benchmarks/train_step.py, with fewer configurations, on stand-ins of frameworks.

A step does no work. The clock stands still but for the steps, so that numbers are the same in every
run, those of the first step too.
"""

import contextlib
import importlib
import time

from vggbench.inside import measure
from vggbench.inside.params import NotApplicable


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


clock = Clock()


class OfClock:
    """What ``measure`` has in place of the time module."""

    perf_counter = process_time = clock
    monotonic = staticmethod(time.monotonic)


measure.time = OfClock


class Step:
    def __init__(self, name):
        try:
            self.module = importlib.import_module(name)
        except ImportError:
            raise NotApplicable(f"{name} is not part of this release") from None
        self.steps = 0
        clock.seconds += 1

    def __call__(self):
        self.steps += 1
        clock.seconds += self.module.SECONDS_A_STEP * (1 + 0.01 * (self.steps % 5 - 2))

    def loss(self):
        return 1.0 / self.steps

    def describe(self):
        return {self.module.__name__: self.module.__version__}

    def close(self):
        pass


class Profiler:
    """Tells two operations of each step, by TensorFlow's names: a product takes a fifth of it, and
    gradients of weights the rest."""

    NAME = "the stand-ins' profiler"

    def __init__(self, step, folder):
        self.steps = []

    def start(self):
        pass

    @contextlib.contextmanager
    def tracing(self):
        begin = clock()
        yield
        self.steps.append((begin, clock()))

    def stop(self):
        found = []
        for begin, end in self.steps:
            between = begin + (end - begin) / 5
            product = ("", begin, between, "fc/MatMul", "MatMul", "")
            gradient = ("", between, end, "grad", "Conv2DBackpropFilter", "8x64")
            found.append((end - begin, [product, gradient]))
        return found


class _TrainStep:  # which asv passes over
    version = measure.PROTOCOL
    timeout = 60.0
    rounds = 2
    repeat = 5
    number = 1
    warmup_time = 0
    min_run_count = 1
    timer = clock

    def setup(self, *values):
        name = type(self).__name__.lower()
        chosen = dict(zip(self.param_names, values))
        self.step = measure.prepared(lambda: Step(name), chosen, Profiler)

    def time_train_step(self, *values):
        self.step()


class TensorFlow(_TrainStep):
    param_names = ("data_format", "batch_norm", "xla")
    params = (("NHWC",), ("none",), ("off", "on"))


class Keras(_TrainStep):
    param_names = ("backend", "data_format", "batch_norm", "xla")
    params = (("tensorflow", "theano"), ("NHWC",), ("none",), ("off",))


class Theano(_TrainStep):
    param_names = ("batch_norm",)
    params = (("none", "fused"),)


class Abacus(_TrainStep):
    """The framework that docs/adding-a-framework.md adds."""

    param_names = ("norm", "compile")
    params = (("none",), ("off",))
