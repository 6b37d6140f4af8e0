"""The tutorial, typed from its first command to its last, in a checkout of stand-ins.

The wheel that the reader slows down is a stand-in too. Its step takes longer where the lines that
docs/plant_slow_down.py adds are in its module.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import pytest

from . import documented
from .index import serving
from .stand_ins import StandIns, days_of
from .tiny import PATIENCE_S, ROOT, TESTS, Ended, pythons, write_wheel

SCRIPT = ROOT / "docs" / "plant_slow_down.py"

#: How a command ends that does not end with 0, by its beginning, and a part of its output.
ENDS = {
    "make run": (0, "tensorflow-2.21.0"),
    "vggbench confirm": (1, "regressed"),
    "vggbench verdict": (1, "regressed"),
    "vggbench duet": (0, "unchanged"),
    "git clean -d --dry-run": (0, "2.21.0+slow.json"),
}

MODULE = """
from tensorflow.python.eager.polymorphic_function import polymorphic_function

__version__ = "2.21.0"
SECONDS_A_STEP = 0.022 if hasattr(polymorphic_function, "_slower") else 0.02
"""

FUNCTION = """
class Function:
    def __call__(self, seconds):
        passed.append(seconds)
        return seconds
"""


def script() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("plant_slow_down", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(folder: Path, tag: str) -> Path:
    """A stand-in of the wheel that the reader fetches."""
    files = {"tensorflow/__init__.py": MODULE, script().MODULE: FUNCTION}
    return write_wheel(folder, "tensorflow_cpu", "2.21.0", "", files, tag=tag)


class Reader:
    """Types commands in a checkout that git knows, as after a clone."""

    def __init__(self, made: StandIns, url: str):
        self.made = made
        programs = made.home / "programs"
        programs.mkdir()
        command = [sys.executable, str(TESTS / "undisturbed.py")]
        (programs / "vggbench").write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        (programs / "vggbench").chmod(0o755)
        self.env = made.environ(
            UV_DEFAULT_INDEX=url,
            UV_OFFLINE="0",
            UV_FIND_LINKS="",
            PIP_NO_INDEX="1",
            PIP_FIND_LINKS=str(made.home / "fetched"),
            GIT_CONFIG_GLOBAL=os.devnull,
        )
        self.env["PATH"] = os.pathsep.join([str(programs), self.env["PATH"]])
        shutil.copy(ROOT / ".gitignore", made.folder)
        shutil.copytree(ROOT / "docs", made.folder / "docs", dirs_exist_ok=True)
        self.type("git init --quiet && git add --all")

    def type(self, line: str) -> Ended:
        process = self._start(line)
        output, _ = process.communicate(timeout=PATIENCE_S)
        return Ended(process.returncode, output)

    def type_until_served(self, line: str) -> Ended:
        """The reader ends it with Ctrl-C."""
        process = self._start(line)
        assert process.stdout is not None
        first = process.stdout.readline()
        assert re.search(r"http://127\.0\.0\.1:\d+/", first), first
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
        return Ended(process.returncode, first + output)

    def _start(self, line: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.made.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@pytest.mark.asv
def test_the_tutorial_finds_the_slow_down_that_it_plants(stand_ins: StandIns) -> None:
    tag = "cp313-none-any" if pythons()[1] == "3.13" else "py3-none-any"
    build(stand_ins.home / "fetched", tag)
    index = stand_ins.folder.parent / "index"
    shutil.copytree(stand_ins.wheels, index)
    with serving(index, days_of(index)) as url:
        reader = Reader(stand_ins, url)
        for line in documented.of_the_tutorial():
            served = line.startswith("vggbench preview")
            done = reader.type_until_served(line) if served else reader.type(line)
            status, says = next(
                (end for start, end in ENDS.items() if line.startswith(start)), (0, "")
            )
            assert done.status == status, f"{line}\n{done.output}"
            assert says in done, f"{line}\n{done.output}"
            assert "Traceback" not in done
        assert "2.21.0+slow" not in reader.type("vggbench releases list")


def test_a_planted_call_takes_longer_by_the_share_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))

    class Passed(list[float]):
        def append(self, seconds: float) -> None:
            now[0] += seconds

    space: dict[str, object] = {"passed": Passed()}
    exec(FUNCTION + script().PLANTED.format(share=0.1), space)
    function = space["Function"]
    assert isinstance(function, type)
    assert function()(2.0) == 2.0
    assert now == [pytest.approx(2.2)]


def test_a_planted_wheel_names_what_it_holds(tmp_path: Path) -> None:
    wheel = build(tmp_path / "fetched", "py3-none-any")
    module = script()
    made = module.plant(wheel, tmp_path / "planted", 0.1)
    with zipfile.ZipFile(made) as slower, zipfile.ZipFile(wheel) as before:
        assert slower.namelist() == before.namelist()
        content = slower.read(module.MODULE)
        record = slower.read("tensorflow_cpu-2.21.0.dist-info/RECORD").decode()
    assert content.startswith(FUNCTION.encode())
    assert b"_slower" in content
    assert f",{len(content)}\n" in record
    assert record.count(module.MODULE) == 1


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("none", "cannot be read"),
        ("no wheel", "cannot be read"),
        ("another wheel", "no wheel of TensorFlow 2.11 or later"),
    ],
)
def test_what_is_no_wheel_of_tensorflow_is_one_line(tmp_path: Path, what: str, says: str) -> None:
    wheel = tmp_path / "other-1.0-py3-none-any.whl"
    if what == "no wheel":
        wheel.write_text("no wheel")
    if what == "another wheel":
        write_wheel(tmp_path, "other", "1.0", "")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(wheel), str(tmp_path / "planted")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
