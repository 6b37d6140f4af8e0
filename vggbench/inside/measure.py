"""What one process does before asv's clock starts, and what it notes down for its record.

A process builds one train step and runs it until it is warm. Then asv times it. What the process
learns on the way (how long building took, the losses, the versions) goes into its notes. The notes
are a small JSON file that is replaced whole at every stage. Whoever started the process can
therefore see how far it came, even when it dies. asv's own result holds the samples.
"""

import json
import math
import os
import sys
import time

from vggbench.inside import counters, profilers, turns
from vggbench.inside.params import MachineLacks, NotApplicable

# The name of the measuring protocol: what is timed, how it is warmed up, what the workloads are. It
# is the `version` of every benchmark, so results of different protocols are never compared.
PROTOCOL = "3"

# The first step compiles and allocates; the second and third still settle caches and thread pools.
WARM_UP_STEPS = 3

# Processes of one configuration, and samples of each.
ROUNDS = 3
REPEAT = 10

# Seconds after which a process is ended. The slowest process that is known to end by itself is
# TensorFlow 1.0 at 16 x 224 x 224: it takes 21 s a step on two cores, for 13 steps. XLA compiles
# for up to 94 s.
DEADLINE_S = 1800.0

NOTES_VARIABLE = "VGGBENCH_NOTES"

# The environment variable with the seconds for which a process goes on with its steps. They are
# counted from when the step is warm, so the time of the samples is part of them. The variable is
# set where the device is sampled from outside, because a few fast steps are over before NVML has
# looked once. The added steps change nothing that is noted about samples, losses and memory.
GO_ON_VARIABLE = "VGGBENCH_GO_ON_S"


def _first_step_s(notes):
    """Return the seconds to import the framework, build the step and run it once.

    The proof that the step was compiled is taken during the first step. Its seconds are subtracted,
    because a user does not pay for them.
    """
    groups = [facts for facts in notes["versions"].values() if isinstance(facts, dict)]
    proofs_s = sum(facts.get("proof_s", 0.0) for facts in groups)
    return notes["build_s"] + notes["warm_up_s"][0] - proofs_s


# What a timed process reports besides its samples: the name of each benchmark, and the function
# that takes its value from the notes of the process. The notes are part of the record.
BY_PRODUCTS = {
    "track_first_step": _first_step_s,
    # Bytes of memory of the process itself that were resident at the peak.
    "track_peak_memory": lambda notes: notes["peak_memory_bytes"],
    # The loss of the third step, which shows numeric drift between releases.
    "track_loss": lambda notes: notes["losses"][2],
    # Per cent of the time in which the GPU computed, and bytes held of its memory at the peak.
    # Whoever started the process samples both. They are None where that was not possible.
    "track_gpu_utilisation": lambda notes: notes["gpu"].get("utilisation_percent", {}).get("mean"),
    "track_gpu_memory": lambda notes: notes["gpu"].get(
        "process_memory_peak_bytes", notes["gpu"].get("memory_peak_bytes")
    ),
}
SAMPLED = ("track_gpu_utilisation", "track_gpu_memory")

_notes = {}
_steps = {}
_usage = counters.Usage()

# In a process that is traced: by the same keys as the steps, the TracedSteps that run them.
_traced = {}


class TrainStepFailed(Exception):
    """Building, warming up or running the train step went wrong; never means n/a."""


def note(**facts):
    """Add facts to the notes of this process. The notes are written where NOTES_VARIABLE is set.

    Raises TypeError for facts that JSON cannot hold. They are not kept, so that the failure can
    still be noted.
    """
    path = os.environ.get(NOTES_VARIABLE)
    if path:
        with open(path + ".new", "w") as file:
            json.dump(dict(_notes, **facts), file)
        os.replace(path + ".new", path)
    _notes.update(facts)


def prepared(build, configuration, profiler=None):
    """Return the warm train step of ``configuration``, built at the first call in this process.

    build: a function without arguments that returns a train step (vggbench.inside.builders).
    profiler: a function of the step and a folder that returns its profiler, for a process that is
    to be traced (vggbench.inside.profilers).
    configuration: a dict of JSON-able values, the benchmark's params by name.

    asv_runner calls a benchmark's setup before every sample. From the second call on, this function
    only looks the step up. In a duet, the process waits here for its turn. What is used from its
    return until the next call, or until the process finishes, is that of a timed step. Raises
    NotImplementedError, which asv takes for n/a, where the builder raises NotApplicable, and
    TrainStepFailed for any other error.
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
        if profilers.folder() is not None:
            _traced[key] = _traced_step(_steps[key], profiler)
    _usage.stop()
    turns.wait()
    if key in _traced:
        _traced[key].prepare()
        return _traced[key]
    _usage.go_on()
    return _steps[key]


def _traced_step(step, profiler):
    """Return the TracedStep that runs a step in a process that is traced."""
    try:
        if profiler is None:
            raise profilers.unknown("this framework")
        folder = profilers.folder()
        return profilers.TracedStep(step, profiler(step, folder), folder)
    except NotApplicable as reason:
        note(outcome="n/a", reason=str(reason))
        raise NotImplementedError(str(reason))
    except Exception as error:
        fail(error)
        raise TrainStepFailed(describe_error(error)) from error


def _warm(build):
    """Build a train step and warm it up, with notes of what both came to; return the step."""
    seconds = []
    cpu_seconds = []
    losses = []
    try:
        start = time.perf_counter()
        step = build()
        note(build_s=time.perf_counter() - start)
        for _ in range(WARM_UP_STEPS):
            start, cpu_start = time.perf_counter(), time.process_time()
            step()
            seconds.append(time.perf_counter() - start)
            cpu_seconds.append(time.process_time() - cpu_start)
            losses.append(step.loss())
        # JSON has no NaN and no infinity: such a loss is written as text.
        note(
            warm_up_s=seconds,
            warm_up_cpu_s=cpu_seconds,
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
        failure = TrainStepFailed(
            "the losses of the first %d steps are %s: the step computes nonsense"
            % (len(losses), ", ".join("%g" % loss for loss in losses))
        )
        fail(failure)
        raise failure
    return step


def by_product(name):
    """Return the by-product ``name`` of the step that this process has prepared.

    asv calls this where it runs the benchmark of a by-product alone. Beside a timed benchmark, the
    by-product is taken from the records. Returns NaN for a name in SAMPLED, because whoever samples
    this process puts the number there.
    """
    if name in SAMPLED:
        return float("nan")
    note(peak_memory_bytes=memory_bytes("VmHWM"))
    return BY_PRODUCTS[name](_notes)


def fail(error):
    """Note that this process failed, and why."""
    note(outcome="failed", error=describe_error(error))


def describe_error(error):
    """Return one line about an exception: its type and the first line of its text.

    A first line that ends with a colon has the second behind it. TrainStepFailed is described by
    its text alone.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):
        lines[:2] = [" ".join(lines[:2])]
    if isinstance(error, TrainStepFailed):
        return lines[0] if lines else "failed"
    return ": ".join([type(error).__name__, *lines[:1]])


def finish():
    """Note what is known only at the end of the process: last loss, peak resident memory, and the
    trace of a process that is traced.

    In a duet, the process first waits for its turn, so that its end disturbs no step of its
    partner. Afterwards the processor counts steps of their own, where it can, and the steps go on
    where the device is sampled from outside (GO_ON_VARIABLE).
    """
    _usage.stop()
    if not _notes:
        return
    if "warm_at" in _notes and "outcome" not in _notes:
        turns.wait()
    facts = {
        "peak_memory_bytes": memory_bytes("VmHWM"),
        "resident_bytes_at_end": memory_bytes("VmRSS"),
    }
    for traced in _traced.values():
        try:
            facts["trace"] = traced.finish()
        except NotApplicable as reason:
            facts.update(outcome="n/a", reason=str(reason))
        except Exception as error:  # whatever a release's profiler raises
            facts.update(outcome="failed", error="no trace: " + describe_error(error))
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
        note(used=_usage.totals, counted=_counted())
        _go_on(float(os.environ.get(GO_ON_VARIABLE, "0")))
        note(ended_at=time.monotonic())


def _counted():
    """Return what the processor counts in a step (vggbench.inside.counters)."""
    if turns.is_given():
        reason = "not counted in a duet, in which the partner would wait for it"
        return {name: {"reason": reason} for name in counters.HARDWARE}

    def step():
        for each in _steps.values():
            each()

    try:
        return counters.count(step)
    except Exception as error:  # the samples were taken, and stay
        reason = "the step failed after the last sample: " + describe_error(error)
        return {name: {"reason": reason} for name in counters.HARDWARE}


def _go_on(seconds):
    """Run steps until so many seconds have passed since the step was warm."""
    try:
        while time.monotonic() < _notes["warm_at"] + seconds:
            for step in _steps.values():
                step()
    except Exception as error:
        fail(error)


def memory_bytes(key):
    """Return the resident memory of this process in bytes: now ("VmRSS"), or at its peak ("VmHWM").

    Returns None where the system does not tell. These fields of proc(5) start anew at exec.
    getrusage's ru_maxrss would begin with the memory of the process that this one was forked from.
    """
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith(key + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
