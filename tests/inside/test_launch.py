"""launch.py runs asv's script in other CPythons, with asv_runner and vggbench and nothing else."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import asv_runner
import psutil
import pytest

import vggbench
from vggbench.inside.launch import STARTER_VARIABLE
from vggbench.inside.measure import NOTES_VARIABLE
from vggbench.releases import interpreters

from ..tiny import gone, until

LAUNCH = Path(vggbench.__file__).parent / "inside" / "launch.py"
ASV_RUNNER_FOLDER = Path(asv_runner.__file__).parent.parent
VGGBENCH_FOLDER = Path(vggbench.__file__).parent.parent

PYTHONS = [v for v in (f"3.{minor}" for minor in range(6, 15)) if interpreters.find(v)]
some_pythons = pytest.mark.parametrize("python", sorted({PYTHONS[0], PYTHONS[1], PYTHONS[-1]}))


def launch(python, script, *arguments, env=None):
    return subprocess.Popen(
        [
            str(interpreters.find(python)),
            str(LAUNCH),
            str(ASV_RUNNER_FOLDER),
            str(VGGBENCH_FOLDER),
            str(script),
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        cwd=script.parent,
    )


def answer(python, tmp_path, text, *arguments, env=None):
    """The last line that the script ``text`` prints, read as JSON."""
    script = tmp_path / "script.py"
    script.write_text(text)
    out, err = launch(python, script, *arguments, env=env).communicate(timeout=60)
    assert err == ""
    return json.loads(out.splitlines()[-1])


@some_pythons
def test_the_script_runs_as_main_with_its_arguments(python, tmp_path):
    text = (
        "import json, sys\nprint(json.dumps([__name__, sys.argv[1:], list(sys.version_info[:2])]))"
    )
    name, arguments, version = answer(python, tmp_path, text, "run", "a b")
    assert name == "__main__"
    assert arguments == ["run", "a b"]
    assert ".".join(map(str, version)) == python


@some_pythons
def test_asv_runner_and_vggbench_come_from_the_two_folders(python, tmp_path):
    text = (
        "import json, asv_runner.run, asv_runner.benchmarks.time, vggbench.inside.measure\n"
        "print(json.dumps([asv_runner.__file__, vggbench.__file__]))"
    )
    runner, ours = answer(python, tmp_path, text)
    assert Path(runner) == Path(asv_runner.__file__)
    assert Path(ours) == Path(vggbench.__file__)


IMPORTABLE = """
import importlib.util, json, sys
print(json.dumps([n for n in sys.argv[1:] if importlib.util.find_spec(n) is not None]))
"""


@some_pythons
def test_nothing_else_of_the_two_folders_can_be_imported(python, tmp_path):
    """Neither our packages nor the checkout's folders shadow what a release brings."""
    names = ["asv", "packaging", "numpy", "rich", "pytest", "benchmarks", "tests", "measure"]
    names += ["builders", "workload", "launch", "records"]
    found = answer(python, tmp_path, IMPORTABLE, *names, "json", "vggbench", "asv_runner")
    assert found == ["json", "vggbench", "asv_runner"]


@some_pythons
def test_no_stand_in_for_importlib_metadata_is_left_behind(python, tmp_path):
    text = (
        "import json, sys\n"
        "try:\n    import importlib_metadata\n"
        "except ImportError:\n    found = None\n"
        "else:\n    found = repr(importlib_metadata)\n"
        "print(json.dumps([found, 'importlib_metadata' in sys.modules]))"
    )
    assert answer(python, tmp_path, text) == [None, False]


@some_pythons
def test_an_exception_of_the_script_is_noted_and_ends_the_process(python, tmp_path):
    notes = tmp_path / "notes"
    script = tmp_path / "script.py"
    script.write_text("raise NotImplementedError('of the framework')")
    process = launch(python, script, env={NOTES_VARIABLE: str(notes)})
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "NotImplementedError" in err
    written = json.loads(notes.read_text())
    assert written["outcome"] == "failed"
    assert written["error"] == "NotImplementedError: of the framework"
    assert written["peak_memory_bytes"] > 0


@some_pythons
def test_it_ends_at_once_where_the_process_that_started_it_was_killed_before(python, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import os\nprint(os.environ.get({STARTER_VARIABLE!r}))")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for starter, status, said in ((os.getpid(), 0, "None\n"), (ended.pid, 1, "")):
        process = launch(python, script, env={STARTER_VARIABLE: str(starter)})
        assert process.communicate(timeout=60) == (said, "")
        assert process.returncode == status


PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@some_pythons
def test_it_dies_with_the_process_that_started_it(python, tmp_path):
    """An orphan would go on using the machine that the next run measures on."""
    script = tmp_path / "script.py"
    script.write_text("import time\nprint('here', flush=True)\ntime.sleep(600)")
    command = [str(interpreters.find(python)), str(LAUNCH), str(ASV_RUNNER_FOLDER)]
    command += [str(VGGBENCH_FOLDER), str(script)]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *command], stdout=subprocess.PIPE, text=True
    )
    child = psutil.Process(int(parent.stdout.readline()))
    try:
        os.kill(parent.pid, signal.SIGKILL)
        parent.communicate(timeout=60)
        until(lambda: gone(child))
    finally:
        if not gone(child):
            child.kill()
