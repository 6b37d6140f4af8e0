"""The protocol of 2017 in one process: an untimed warm-up step, n trials, one clock around them.

    python one_process.py JOB

program.py starts one process a framework. JOB is JSON: "framework", "configuration" (its params by
name), "device", "batch_size", "image_size", "n_trials". Standard output gets a JSON object a line:
{"stage": ...} where a new stage begins, {"trial": ...} at most once a second, and last {"outcome":
"ok" with the keys of docs/command-line.md, "n/a" with "reason", or "failed" with "error"}. What a
framework prints goes to standard error.
"""

import json
import math
import os
import statistics
import sys
import time

# Seconds between two lines about trials. A line costs some 20 us, which no clock here notices.
REPORT_EVERY_S = 1.0


def main(arguments):
    """Run the job. Every end but a crash reports an outcome, with exit status 0."""
    from vggbench.inside.launch import die_with_parent
    from vggbench.inside.measure import describe_error
    from vggbench.inside.params import NotApplicable

    die_with_parent()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # for what a framework prints

    def report(**facts):
        out.write(json.dumps(facts) + "\n")
        out.flush()

    try:
        report(outcome="ok", **run(json.loads(arguments[0]), report))
    except NotApplicable as reason:
        report(outcome="n/a", reason=str(reason))
    except Exception as error:
        report(outcome="failed", error=describe_error(error))


def run(job, report, clock=time.perf_counter):
    """Return the results of a job, a dict with the keys of docs/command-line.md.

    job: a dict, as the module's docstring describes JOB. report: a function that is called with the
    stage or the trial as a keyword argument. clock: a function that returns seconds. Raises
    NotApplicable, and whatever building and running the step raise; TrainStepFailed where a loss is
    not a number.
    """
    from vggbench.inside import builders, measure, params
    from vggbench.inside.workload import Workload

    configuration = params.Configuration(job["framework"], **job["configuration"])
    workload = Workload(job["batch_size"], job["image_size"])
    report(stage="importing and building")
    start = clock()
    step = builders.build(workload, configuration, job["device"])
    build_s = clock() - start
    report(stage="warm-up step")
    start = clock()
    step()
    warm_up_s = clock() - start
    warm_up_loss = _loss(step, "of the warm-up step")
    report(stage="trials")
    stamps = timed(step, job["n_trials"], report, clock)
    seconds = [after - before for before, after in zip(stamps, stamps[1:])]
    return {
        "build_s": build_s,
        "warm_up_s": warm_up_s,
        "total_s": stamps[-1] - stamps[0],
        "mean_s": (stamps[-1] - stamps[0]) / len(seconds),
        "stdev_s": statistics.stdev(seconds) if len(seconds) > 1 else None,
        "min_s": min(seconds),
        "median_s": statistics.median(seconds),
        "max_s": max(seconds),
        "trials_s": seconds,
        "warm_up_loss": warm_up_loss,
        "last_loss": _loss(step, "after the last trial"),
        "versions": step.describe(),
        "peak_memory_bytes": measure.memory_bytes("VmHWM"),
    }


def timed(step, trials, report, clock):
    """Run the trials; return the list of trials + 1 readings of the clock, in seconds.

    The first reading is taken right before the first trial, the last reading right after the last
    trial, so their difference is the one clock around all trials. The readings between them show
    the spread. Each costs a tenth of a microsecond.
    """
    stamps = [0.0] * (trials + 1)
    now = clock()
    stamps[0] = now
    due = now + REPORT_EVERY_S
    for trial in range(1, trials + 1):
        step()
        now = clock()
        stamps[trial] = now
        if now >= due and trial < trials:
            report(trial=trial)
            due = now + REPORT_EVERY_S
    return stamps


def _loss(step, which):
    from vggbench.inside.measure import TrainStepFailed

    loss = step.loss()
    if not math.isfinite(loss):
        raise TrainStepFailed("the loss %s is %g: the step computes nonsense" % (which, loss))
    return loss


if __name__ == "__main__":
    # Only vggbench is imported from the folder that holds it, and no neighbour of this script.
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.abspath(os.path.join(here, *[os.pardir] * 3))
    sys.path.insert(0, root)
    import vggbench  # noqa: F401

    sys.path = [folder for folder in sys.path if os.path.abspath(folder) not in (here, root)]
    main(sys.argv[1:])
