"""The program of main.py: it runs each framework in a process of its own and prints the results.

In one process, a second framework would run in what the first left of memory and threads. Options
that cannot be done are refused before anything runs. Exit status: 0; 1 where something failed; 2
for options that are refused; 3 where something is n/a and nothing failed; 130 after Ctrl-C.
"""

import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from importlib.util import find_spec

from vggbench.inside import builders, gpu
from vggbench.inside.trials import one_process, options

OK, FAILED, REFUSED, NOT_APPLICABLE, INTERRUPTED = 0, 1, 2, 3, 130


def main(arguments, script=one_process.__file__):
    """Run the command line and return the exit status.

    script: the path of the script that runs one framework, with the arguments of one_process.py.
    """
    try:
        return _main(arguments, script)
    except options.Refused as refused:
        say_error(str(refused))
        return REFUSED
    except FrameworkMissing as missing:
        say_error(str(missing))
        return FAILED
    except KeyboardInterrupt:
        say_error("interrupted; no results are written")
        return INTERRUPTED


def _main(arguments, script):
    request = options.parse(arguments)
    target = None if request.json is None else checked_target(request.json)
    for configuration in request.configurations:
        require_modules(configuration)
    device = request.device or ("gpu" if gpu.is_visible() else "cpu")
    for note in request.notes:
        print(note, flush=True)
    started = datetime.datetime.now(datetime.timezone.utc).isoformat()
    here = machine(device)
    runs = []
    for configuration in request.configurations:
        job = {
            "framework": configuration.framework,
            "configuration": configuration.values,
            "device": device,
            "batch_size": request.batch_size,
            "image_size": request.image_size,
            "n_trials": request.n_trials,
        }
        progress = Progress(configuration.framework, request.n_trials)
        try:
            outcome = run(job, script, progress)
        except KeyboardInterrupt:
            progress.clear()
            say_error("interrupted at %s; no results are written" % progress.where)
            return INTERRUPTED
        progress.clear()
        runs.append(dict(job, **outcome))
        show(runs[-1], here)
    if target is not None:
        written = {
            "schema": 1,
            "started": started,
            "arguments": arguments,
            "machine": here,
            "runs": runs,
        }
        try:
            write(target, written)
        except OSError as error:
            say_error("the results cannot be written: %s: %s" % (error.strerror, target))
            return FAILED
    outcomes = [result["outcome"] for result in runs]
    if "failed" in outcomes:
        return FAILED
    return NOT_APPLICABLE if "n/a" in outcomes else OK


class FrameworkMissing(Exception):
    """This interpreter has no such framework; the message is one line."""


def require_modules(configuration):
    """Raise FrameworkMissing unless this interpreter has the framework and the backend."""
    names = [builders.packages()[configuration.framework].MODULE, configuration.backend or ""]
    for name in filter(None, names):
        if find_spec(name) is None:
            raise FrameworkMissing(
                "no %s in this interpreter (%s); to run in the environment of a release: "
                "vggbench run %s -- OPTIONS" % (name, sys.executable, names[0])
            )


def machine(device):
    """Return what is known of this machine, a JSON-able dict."""
    return {
        "system": platform.platform(),
        "cpu": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "cpus_of_the_machine": os.cpu_count(),
        "gpus": gpu.visible() if device == "gpu" else [],
        "python": platform.python_version(),
        "interpreter": sys.executable,
    }


def cpu_model():
    """Return the name of the processor, or of its architecture where the name is unknown."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


class Progress:
    """Prints how far a framework is: on a terminal one line that changes, else a line a tenth."""

    def __init__(self, framework, trials):
        self.framework = framework
        self.trials = trials
        self.where = framework + ", start"
        self._tenths = 0
        self._on_a_line = sys.stderr.isatty()

    def stage(self, name):
        self._show("%s, %s" % (self.framework, name))

    def trial(self, number):
        tenths = number * 10 // self.trials
        where = "%s, trial %d of %d" % (self.framework, number, self.trials)
        if self._on_a_line or tenths > self._tenths:
            self._show(where)
        self._tenths = tenths
        self.where = where

    def _show(self, where):
        self.where = where
        text = "\r\x1b[K%s" % where if self._on_a_line else where + "\n"
        sys.stderr.write(text)
        sys.stderr.flush()

    def clear(self):
        if self._on_a_line:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def run(job, script, progress):
    """Run a job in a process of its own; return its outcome, the last thing that it reported.

    job: a dict for one_process.py. script: the path of what runs it. progress: a Progress. Where
    the process failed, what its framework printed stays in a file, which "output" names.
    """
    log = tempfile.NamedTemporaryFile(prefix="vggbench-", suffix=".log", delete=False)
    outcome = None
    try:
        # The process gets a group of its own. Ctrl-C then reaches only the program, which ends the
        # whole group.
        process = subprocess.Popen(
            [sys.executable, script, json.dumps(job)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            universal_newlines=True,
            start_new_session=True,
        )
        try:
            for line in process.stdout:
                report = json.loads(line)
                if "trial" in report:
                    progress.trial(report["trial"])
                elif "stage" in report:
                    progress.stage(report["stage"])
                else:
                    outcome = report
            status = process.wait()
        finally:
            end(process)
        if outcome is None:
            outcome = {"outcome": "failed", "error": how_it_ended(status, progress, log.name)}
    finally:
        log.close()
        if outcome is None or outcome["outcome"] != "failed":
            os.unlink(log.name)
    if outcome["outcome"] == "failed":
        outcome["output"] = log.name
    return outcome


def end(process):
    """Kill what is left of a process and its children."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()


def how_it_ended(status, progress, log):
    """Return a message about a process that reported no outcome. log: the path of its output."""
    how = "signal %d" % -status if status < 0 else "exit status %d" % status
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    last = lines[-1][:300] if lines else "it printed nothing"
    return "the process died with %s at %s: %s" % (how, progress.where, last)


def show(result, here):
    """Print the results of a job.

    result: a dict, the job and its outcome. here: a dict, what machine() returned.
    """
    chosen = ", ".join("%s %s" % item for item in result["configuration"].items())
    head = "%s on the %s: %s" % (result["framework"], result["device"], chosen)
    work = "%d x %d x %d" % (result["batch_size"], result["image_size"], result["image_size"])
    if result["outcome"] == "n/a":
        say_error("%s: n/a: %s" % (head, result["reason"]))
        return
    if result["outcome"] == "failed":
        say_error(
            "%s: failed: %s; what it printed is in %s" % (head, result["error"], result["output"])
        )
        return
    versions = ", ".join(
        "%s %s" % (key, value if isinstance(value, str) else json.dumps(value))
        for key, value in result["versions"].items()
        if value is not None
    )
    cpus = "%(cpu)s, %(cpus)d of %(cpus_of_the_machine)d CPUs" % here
    milliseconds = {
        key: "%.3f ms" % (1000 * result[key + "_s"]) if result[key + "_s"] is not None else "-"
        for key in ("mean", "stdev", "min", "median", "max")
    }
    print(head)
    print("  workload  %s, %d trials" % (work, result["n_trials"]))
    print("  versions  %s" % versions)
    print("  machine   %s" % ", ".join([here["system"], cpus, *here["gpus"]]))
    print("  python    %(python)s, %(interpreter)s" % here)
    print(
        "  start     %(build_s).1f s to import and build, %(warm_up_s).1f s warm-up step" % result
    )
    print("  mean      %(mean)s a step" % milliseconds)
    print(
        "  spread    %(min)s to %(max)s, median %(median)s, standard deviation %(stdev)s"
        % milliseconds,
        flush=True,
    )


def checked_target(path):
    """Return the real path of a file that can be written.

    Raises Refused where it cannot be written: before hours of work, not after them.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if os.path.exists(target) and not os.path.isfile(target):
        raise options.Refused("--json %s: it is no file" % path)
    if not os.path.isdir(folder):
        raise options.Refused("--json %s: there is no folder %s" % (path, folder))
    if not os.access(folder, os.W_OK):
        raise options.Refused("--json %s: the folder %s cannot be written to" % (path, folder))
    return target


def write(path, content):
    """Write JSON so that the file is either the old or the whole new file, never half of it."""
    with open(path + ".new", "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    os.replace(path + ".new", path)


def say_error(line):
    print("main.py: %s" % line, file=sys.stderr, flush=True)
