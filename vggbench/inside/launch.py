"""Run asv's benchmark script in a release's own interpreter, without installing anything there.

    python launch.py FOLDER_OF_ASV_RUNNER FOLDER_OF_VGGBENCH SCRIPT ARGUMENT...

The same asv_runner and the same vggbench serve every release: they are found by name in the two
folders, and nothing else in those folders can be imported, so that they shadow nothing that the
release brings.
"""

import importlib.machinery
import os
import runpy
import signal
import sys
import types

PR_SET_PDEATHSIG = 1  # prctl(2)


class OnePackage:
    """A finder that knows one top-level package, in one folder."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        return importlib.machinery.PathFinder.find_spec(fullname, [self.folder], target)


def die_with_parent():
    """End this process when the one that started it is killed: an orphan would go on using the
    machine that the next run measures on. Linux only; elsewhere nothing happens."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        pass


def import_asv_runner():
    """Import asv_runner on CPython 3.6 and 3.7 too.

    There it asks importlib_metadata for plugins; an empty answer does. The stand-in goes away
    again, because frameworks look for that package themselves.
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
    asv_runner_folder, vggbench_folder, script = arguments[:3]
    # This script's own folder would let its neighbours be imported as top-level modules.
    if sys.path and os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    sys.meta_path.insert(0, OnePackage("asv_runner", asv_runner_folder))
    sys.meta_path.insert(0, OnePackage("vggbench", vggbench_folder))
    die_with_parent()
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
