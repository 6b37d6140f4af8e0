"""Run asv's benchmark script in a release's own interpreter, without installing anything there.

    python launch.py FOLDER_OF_ASV_RUNNER FOLDER_OF_VGGBENCH SCRIPT ARGUMENT...

The same asv_runner and the same vggbench serve every release. Python finds these two packages in
the two folders. Nothing else in those folders can be imported, so the folders shadow nothing that
the release brings.
"""

import importlib.machinery
import os
import runpy
import signal
import sys
import types

PR_SET_PDEATHSIG = 1  # prctl(2)

# The environment variable with the id of the process that starts this one as its child.
STARTER_VARIABLE = "VGGBENCH_STARTER"


class OnePackage:
    """An import finder that finds one top-level package in one folder, and nothing else."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        return importlib.machinery.PathFinder.find_spec(fullname, [self.folder], target)


def die_with_parent(starter=None):
    """Have this process end when its parent process is killed.

    An orphan would go on using the machine while the next run measures on it. This works on Linux
    only; elsewhere nothing happens. ``starter``: the id of the process that was its parent at the
    start, as a text. Where that one was killed before this is called, the process ends at once.
    """
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        pass
    if starter is not None and str(os.getppid()) != starter:
        os._exit(1)


def import_asv_runner():
    """Import asv_runner on CPython 3.6 and 3.7; later versions need no help, and nothing happens.

    On 3.6 and 3.7 asv_runner asks importlib_metadata for plugins. A stand-in module gives an empty
    answer, which is enough. It is removed afterwards, because frameworks look for
    importlib_metadata themselves.
    """
    name = "importlib_metadata"
    if sys.version_info >= (3, 8):
        return
    stand_in = types.ModuleType(name)
    stand_in.distributions = list
    before = sys.modules.get(name)
    sys.modules[name] = stand_in
    try:
        importlib.import_module("asv_runner.benchmarks")
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before


def main(arguments):
    """Run the script of the command line, and note how the process failed where it did."""
    asv_runner_folder, vggbench_folder, script = arguments[:3]
    # This script's own folder would let its neighbours be imported as top-level modules.
    if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    sys.meta_path.insert(0, OnePackage("asv_runner", asv_runner_folder))
    sys.meta_path.insert(0, OnePackage("vggbench", vggbench_folder))
    die_with_parent(os.environ.pop(STARTER_VARIABLE, None))
    import_asv_runner()
    from vggbench.inside import measure

    sys.argv = arguments[2:]
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:
        if not isinstance(error, measure.TrainStepFailed):
            measure.fail(error)
        raise
    finally:
        measure.finish()


if __name__ == "__main__":
    main(sys.argv[1:])
