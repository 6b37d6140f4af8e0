"""A train step of the tests' own framework, tinyframe: no work, its own clock, faults on demand.

The environment variable TINY_FAULTS holds faults, separated by white space, each
``VERSION[/MODE]:KIND[@PROCESS]``: ``1.1:segv`` crashes every process of tinyframe 1.1,
``1.2/fused:error@2`` raises in the second process of the configuration ``fused`` alone. The kinds
are the keys of FAULTS.

TINY_FACTORS holds factors of a step's time, written alike: with ``2.0:1.08@1`` the first process of
tinyframe 2.0 takes 8 % longer. TINY_NOISE is the standard deviation between processes, of the
logarithm: what is drawn follows from version, mode and how many processes there were, so that it is
the same in every run.
"""

import math
import os
import random
import signal
import sys
import time

from vggbench.inside import measure
from vggbench.inside.params import MachineLacks, NotApplicable


class Clock:
    """A clock that only steps move, so that every number is the same in every run."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


clock = Clock()


class OfClock:
    """In place of the time module in ``measure``: the first step's seconds are chosen too."""

    perf_counter = process_time = clock
    monotonic = staticmethod(time.monotonic)


if "TINY_NOISE" in os.environ:
    measure.time = OfClock


def chatter():
    while True:
        print("still alive", flush=True)
        time.sleep(0.05)


def raise_(error):
    raise error


#: What a step does that has a fault; "nan" and "nan-later" are losses.
FAULTS = {
    "segv": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "fpe": lambda: os.kill(os.getpid(), signal.SIGFPE),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: sys.exit(3),
    "hang": lambda: time.sleep(3600),
    "chatter": chatter,
    "error": lambda: raise_(ValueError("the kernel went astray\nand more lines of that")),
    "memory": lambda: raise_(MemoryError("cannot allocate 12 GB")),
    "eat": lambda: bytearray(1 << 60),
    "not-implemented": lambda: raise_(NotImplementedError("a kernel of the framework's own")),
    "n/a": lambda: raise_(NotApplicable("the test wants it so")),
    "lacks": lambda: raise_(MachineLacks("there is no compiler here", "a compiler")),
    "nan": lambda: None,
    "nan-later": lambda: None,
}


class TinyStep:
    def __init__(self, framework, mode):
        self.framework = framework
        self.fault = asked("TINY_FAULTS", framework.__version__, mode)
        factor = asked("TINY_FACTORS", framework.__version__, mode)
        self.factor = float(factor or 1) * noise(framework.__version__, mode)
        self.steps = 0

    def __call__(self):
        self.steps += 1
        if self.fault is not None:
            FAULTS[self.fault]()
        of_sample = 0.01 * (self.steps % 5 - 2)
        clock.seconds += self.framework.SECONDS_A_STEP * self.factor * (1 + of_sample)

    def loss(self):
        if self.fault == "nan" or (self.fault == "nan-later" and self.steps > 5):
            return float("nan")
        return 1.0 / self.steps

    def describe(self):
        return {"tinyframe": self.framework.__version__}

    def close(self):
        pass


def asked(variable, version, mode):
    """What the environment variable has for this process of ``mode``, None where it has nothing."""
    for word in os.environ.get(variable, "").split():
        where, _, kind = word.partition(":")
        kind, _, process = kind.partition("@")
        if where not in (version, f"{version}/{mode}"):
            continue
        if not process or count(word.replace("/", " "), mode) == int(process):
            return kind
    return None


def noise(version, mode):
    """This process's factor of the time of a step."""
    deviation = float(os.environ.get("TINY_NOISE", "0"))
    if not deviation:
        return 1.0
    number = count("noise", version, mode)
    return math.exp(deviation * random.Random(f"{version} {mode} {number}").gauss(0, 1))


def count(*values):
    """How many processes, this one included, have asked this with the same values."""
    path = os.path.join(os.environ["TINY_COUNTS"], "-".join(values))
    with open(path, "a") as file:
        file.write(".")
        return file.tell()


class Tiny:
    params = (("plain", "fused", "impossible"),)
    param_names = ("mode",)

    version = measure.PROTOCOL
    timeout = 60.0
    rounds = 2
    repeat = 5
    number = 1
    warmup_time = 0
    min_run_count = 1
    timer = clock

    def setup(self, mode):
        def build():
            if mode == "impossible":
                raise NotApplicable("tinyframe has no such mode")
            try:
                import tinyframe
            except ImportError:
                raise NotApplicable("tinyframe is not part of this release") from None
            return TinyStep(tinyframe, mode)

        self.step = measure.prepared(build, {"mode": mode})

    def time_train_step(self, mode):
        self.step()
