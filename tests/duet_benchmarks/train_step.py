"""A train step that takes real time on asv's own clock, and goes wrong when it is told to.

The process reads its environment:

SUBJECT_STEP_S: seconds that a step sleeps.
SUBJECT_BUILD_S: seconds that building sleeps.
SUBJECT_SPINS_S: CPU seconds that a thread computes after each step.
SUBJECT_DOES: what goes wrong, ``KIND`` or ``KIND@STEP``: the kinds are the keys of DOES, the steps
are numbered from 1, the three of the warm-up included.
SUBJECT_LOG: a file to which it appends a JSON object a line: its process id when it builds, and
when each step begins and ends.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

from vggbench.inside import measure
from vggbench.inside.params import NotApplicable


def raise_(error):
    raise error


def leave():
    """End, but for a child that keeps all that this process was given."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(3600)"], close_fds=False
    )
    tell(pid=child.pid)
    os._exit(4)


#: What happens instead of a step.
DOES = {
    "exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "raise": lambda: raise_(ValueError("the kernel went astray")),
    "n/a": lambda: raise_(NotApplicable("the test wants it so")),
    "hang": lambda: time.sleep(3600),
    "leave": leave,
    "nan": lambda: None,
}


def tell(**facts):
    with open(os.environ["SUBJECT_LOG"], "a") as file:
        file.write(json.dumps(facts) + "\n")


def spin(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


class Step:
    def __init__(self):
        self.does, _, at = os.environ.get("SUBJECT_DOES", "").partition("@")
        self.at = int(at or 1)
        self.seconds = float(os.environ.get("SUBJECT_STEP_S", "0.01"))
        self.spins_s = float(os.environ.get("SUBJECT_SPINS_S", "0"))
        self.steps = 0
        tell(pid=os.getpid())
        time.sleep(float(os.environ.get("SUBJECT_BUILD_S", "0")))

    def __call__(self):
        self.steps += 1
        tell(pid=os.getpid(), step=self.steps, begins=time.monotonic())
        if self.does and self.steps == self.at:
            DOES[self.does]()
        time.sleep(self.seconds)
        if self.spins_s:
            threading.Thread(target=spin, args=(self.spins_s,), daemon=True).start()
        tell(pid=os.getpid(), step=self.steps, ends=time.monotonic())

    def loss(self):
        return float("nan") if self.does == "nan" and self.steps >= self.at else 1.0 / self.steps

    def describe(self):
        return {"growth": os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH")}


class Turns:
    params = (("plain",),)
    param_names = ("mode",)

    version = measure.PROTOCOL
    timeout = 60.0
    rounds = 1
    repeat = 10
    number = 1
    warmup_time = 0
    min_run_count = 1

    def setup(self, mode):
        self.step = measure.prepared(Step, {"mode": mode})

    def time_train_step(self, mode):
        self.step()
