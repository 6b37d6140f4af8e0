"""What one process does before asv's clock starts, and what it notes down for its record.

A process builds one train step, runs it until it is warm, and then is timed by asv. What it learns
on the way (how long building took, the losses, the versions) goes into its notes, a small JSON file
that is replaced whole at every stage, so that whoever started the process knows how far it came
even when the process dies. asv's own result holds the samples.
"""

import json
import math
import os
import sys
import time

from vggbench.inside import turns
from vggbench.inside.params import MachineLacks, NotApplicable

# Names the measuring protocol: what is timed, how it is warmed up, what the workloads are. It is
# the `version` of every benchmark, so results of another protocol are never compared with these.
PROTOCOL = "3"

# The first step compiles and allocates; the second and third still settle caches and thread pools.
WARM_UP_STEPS = 3

# Processes of one configuration, and samples of each.
ROUNDS = 3
REPEAT = 10

# Seconds after which a process is ended. The slowest that is known to end: TensorFlow 1.0 at 16 x
# 224 x 224 takes 21 s a step on two cores, 13 steps; XLA compiles for up to 94 s.
DEADLINE_S = 1800.0

NOTES_VARIABLE = "VGGBENCH_NOTES"

# For so many seconds since it was warm a process goes on with its steps, its samples included, when
# whoever started it samples the device from outside: a few fast steps are over before NVML has
# looked once. Nothing of what is noted about samples, losses and memory sees these steps.
STRETCH_VARIABLE = "VGGBENCH_STRETCH_S"


def _first_step_s(notes):
    """Seconds to import the framework, build the step and run it once, as a user pays for them: the
    proof that it was compiled, which falls into that step, is ours."""
    told = [one for one in notes["versions"].values() if isinstance(one, dict)]
    proofs_s = sum(one.get("proof_s", 0.0) for one in told)
    return notes["build_s"] + notes["warm_up_s"][0] - proofs_s


# What a process that is timed tells besides, by the name of the benchmark that reports it: from its
# notes, which are part of its record.
BY_PRODUCTS = {
    "track_first_step": _first_step_s,
    # Bytes resident at the peak, of the process itself.
    "track_peak_memory": lambda notes: notes["peak_memory_bytes"],
    # The loss of the third step: numeric drift between releases.
    "track_loss": lambda notes: notes["losses"][2],
    # Per cent of the time in which the GPU computed, bytes held of its memory at the peak. Both are
    # sampled by whoever started the process, and None where that was not possible.
    "track_gpu_utilisation": lambda notes: notes["gpu"].get("utilisation_percent", {}).get("mean"),
    "track_gpu_memory": lambda notes: notes["gpu"].get(
        "process_memory_peak_bytes", notes["gpu"].get("memory_peak_bytes")
    ),
}
SAMPLED = ("track_gpu_utilisation", "track_gpu_memory")

_notes = {}
_steps = {}


class TrainStepFailed(Exception):
    """Building, warming up or running the train step went wrong; never means n/a."""


def note(**facts):
    """Add facts to the notes of this process; nothing is written where nobody asked for notes."""
    _notes.update(facts)
    path = os.environ.get(NOTES_VARIABLE)
    if path:
        with open(path + ".new", "w") as file:
            json.dump(_notes, file)
        os.replace(path + ".new", path)


def prepared(build, configuration):
    """Return the warm train step of ``configuration``, built at the first call in this process.

    build: a function without arguments that returns a train step (vggbench.inside.builders).
    configuration: a dict of JSON-able values, the benchmark's params by name.

    asv_runner calls a benchmark's setup before every sample; from the second call on this is a
    look-up, and in a duet it is where the process waits for its turn. Raises NotImplementedError,
    which asv takes for n/a, where the builder says NotApplicable, and TrainStepFailed for anything
    else.
    """
    key = json.dumps(configuration, sort_keys=True)
    if key not in _steps:
        note(
            configuration=configuration,
            protocol=PROTOCOL,
            python=sys.version.split()[0],
            cpus=len(os.sched_getaffinity(0)),
        )
        _steps[key] = _warm(build)
    turns.wait()
    return _steps[key]


def _warm(build):
    seconds = []
    losses = []
    try:
        start = time.perf_counter()
        step = build()
        note(build_s=time.perf_counter() - start)
        for _ in range(WARM_UP_STEPS):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
            losses.append(step.loss())
        # JSON has no NaN: a loss that is none is written as a word.
        note(
            warm_up_s=seconds,
            losses=[loss if math.isfinite(loss) else str(loss) for loss in losses],
            versions=step.describe(),
            resident_bytes=memory_bytes("VmRSS"),
            warm_at=time.monotonic(),
        )
    except NotApplicable as reason:
        lacks = {"lacks": reason.what} if isinstance(reason, MachineLacks) else {}
        note(outcome="n/a", reason=str(reason), **lacks)
        raise NotImplementedError(str(reason))
    except Exception as error:
        fail(error)
        raise TrainStepFailed(describe_error(error)) from error
    if not all(math.isfinite(loss) for loss in losses):
        nonsense = TrainStepFailed(
            "the losses of the first %d steps are %s: the step computes nonsense"
            % (len(losses), ", ".join("%g" % loss for loss in losses))
        )
        fail(nonsense)
        raise nonsense
    return step


def by_product(name):
    """Return the by-product ``name`` of the step that this process has prepared.

    For a by-product that is asked for alone; beside a timed benchmark it is taken from the records.
    NaN for one of SAMPLED: whoever samples this process puts the number there.
    """
    if name in SAMPLED:
        return float("nan")
    note(peak_memory_bytes=memory_bytes("VmHWM"))
    return BY_PRODUCTS[name](_notes)


def fail(error):
    """Note that this process failed, and why."""
    note(outcome="failed", error=describe_error(error))


def describe_error(error):
    """One line: the type and the first line of an exception's text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, TrainStepFailed):
        return lines[0] if lines else "failed"
    return ": ".join([type(error).__name__, *lines[:1]])


def finish():
    """Note what is known only at the end of the process: last loss and peak resident memory.

    In a duet that waits for the word too, so that ending disturbs no step of the other process.
    Then go on with the steps for whoever samples the device from outside (STRETCH_VARIABLE).
    """
    if not _notes:
        return
    if "warm_at" in _notes and "outcome" not in _notes:
        turns.wait()
    facts = {
        "peak_memory_bytes": memory_bytes("VmHWM"),
        "resident_bytes_at_end": memory_bytes("VmRSS"),
    }
    for step in _steps.values():
        try:
            loss = step.loss()
        except Exception as error:  # the device may be gone by now
            facts.update(outcome="failed", error=describe_error(error))
            continue
        facts["last_loss"] = loss if math.isfinite(loss) else str(loss)
        if not math.isfinite(loss):
            facts.update(
                outcome="failed", error="the loss after the last sample is %s" % facts["last_loss"]
            )
    note(**facts)
    if "warm_at" in _notes and "outcome" not in _notes:
        _go_on(float(os.environ.get(STRETCH_VARIABLE, "0")))
        note(ended_at=time.monotonic())


def _go_on(seconds):
    try:
        while time.monotonic() < _notes["warm_at"] + seconds:
            for step in _steps.values():
                step()
    except Exception as error:
        fail(error)


def memory_bytes(key):
    """Resident memory of this process in bytes: now ("VmRSS"), or at its peak ("VmHWM").

    None where the system does not tell. These fields of proc(5) start anew at exec; getrusage's
    ru_maxrss would begin with the memory of the process that this one was forked from.
    """
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
