"""asv run -E release:/path/to/python: the framework of an interpreter that is already there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vggbench import frameworks
from vggbench.releases.catalogue import Catalogue
from vggbench.runs import own_interpreter

from ..real import ROOT
from ..tiny import Tiny, write_wheel

pytestmark = pytest.mark.asv


@pytest.fixture
def python(tiny_template: Tiny) -> str:
    """An interpreter that brings tinyframe 1.1."""
    return str(tiny_template.environments / "tinyframe-1.1-b1-cpu" / "bin" / "python")


def test_an_interpreter_that_brings_the_release_is_measured_on_its_line(
    bare_tiny: Tiny, python: str
):
    done = bare_tiny.asv("run", "-E", f"release:{python}", "tinyframe-1.1", "--bench", "plain")
    assert done.status == 0, done.output
    assert bare_tiny.measured() == {"tinyframe-1.1"}
    assert bare_tiny.values("tinyframe-1.1")["plain"] == pytest.approx(0.010)
    for record in bare_tiny.records():
        assert record["interpreter"] == python
        assert record["lock"] is None
        assert record["versions"] == {"tinyframe": "1.1"}
    assert not bare_tiny.environments.exists(), "nothing was installed"


def test_a_release_that_only_the_given_interpreter_can_serve_is_measured(
    bare_tiny: Tiny, python: str
):
    path = bare_tiny.releases / "tinyframe" / "1.1.json"
    path.write_text(path.read_text().replace('"python": "3.', '"python": "3.99'))
    done = bare_tiny.asv("run", f"--python={python}", "tinyframe-1.1", "--bench", "plain")
    assert done.status == 0, done.output
    assert bare_tiny.measured() == {"tinyframe-1.1"}


def test_an_interpreter_of_another_version_is_refused(measured: Tiny, python: str):
    before = measured.result_path("tinyframe-1.0").read_bytes()
    count = len(measured.records())
    done = measured.asv("run", "-E", f"release:{python}", "tinyframe-1.0")
    assert done.status == 2
    (line,) = done.lines_with("is not measured: /")
    assert "tinyframe-1.0 is not measured" in line
    assert "brings tinyframe 1.1; ask for tinyframe-1.1, or give another interpreter" in line
    assert measured.result_path("tinyframe-1.0").read_bytes() == before
    assert len(measured.records()) == count


def test_asking_an_interpreter_for_its_version_leaves_the_users_home_alone(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
):
    """Keras and Theano read and write files of the user's home when they are imported."""
    (module,) = (tiny.environments / "tinyframe-1.1-b1-cpu").glob(
        "lib/python*/site-packages/tinyframe/__init__.py"
    )
    lines = [
        "import os",
        "assert not {'KERAS_HOME', 'THEANORC', 'THEANO_FLAGS'} & set(os.environ)",
        "open(os.path.expanduser('~/.tinyframe'), 'w').close()",
    ]
    module.write_text("\n".join([module.read_text(), *lines]))
    monkeypatch.setenv("HOME", str(tiny.home))
    for name in ("KERAS_HOME", "THEANORC", "THEANO_FLAGS"):
        monkeypatch.setenv(name, str(tiny.home))
    python = str(tiny.environments / "tinyframe-1.1-b1-cpu" / "bin" / "python")
    before = sorted(tiny.home.rglob("*"))
    own_interpreter.check_version(python, tiny.release("tinyframe-1.1"), Catalogue(tiny.releases))
    assert sorted(tiny.home.rglob("*")) == before


def test_an_interpreter_without_the_framework_is_refused(measured: Tiny, python: str):
    done = measured.asv("run", "-E", f"release:{python}", "otherframe-7.0")
    assert done.status == 2
    assert "cannot import otherframe" in done
    assert "otherframe-7.0" not in measured.measured()


def test_an_interpreter_that_is_not_there_gets_one_line(tiny: Tiny):
    done = tiny.asv("run", "-E", "release:/nowhere/python", "tinyframe-1.0")
    assert done.status == 1
    assert len(done.lines_with("there is no such interpreter; give the path of a python")) == 1


@pytest.mark.parametrize("option", ["--python=same", "-Eexisting"])
def test_asvs_own_python_is_no_release(tiny: Tiny, option: str):
    done = tiny.asv("run", option)
    assert done.status == 1
    assert "asv run -E release:/path/to/python RELEASE" in done
    assert not tiny.results.exists()


def test_a_keras_without_the_backend_that_it_takes_by_itself_tells_its_version(
    tmp_path: Path,
):
    own = tmp_path / "own"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(own)], check=True)
    (site,) = own.glob("lib/python*/site-packages")
    for name in ("keras", "theano"):
        wheel = write_wheel(tmp_path / "wheels", name, "3.15.1", "import no_such_backend\n")
        subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)], check=True)
    python = str(own / "bin" / "python")
    catalogue = Catalogue(ROOT / "releases")
    own_interpreter.check_version(python, catalogue.by_name["keras-3.15.1"], catalogue)
    with pytest.raises(own_interpreter.InterpreterRefused, match=r"brings keras 3\.15\.1"):
        own_interpreter.check_version(python, catalogue.by_name["keras-3.14.1"], catalogue)
    with pytest.raises(own_interpreter.InterpreterRefused, match="cannot import theano"):
        own_interpreter.check_version(python, catalogue.by_name["theano-1.0.5"], catalogue)


@pytest.mark.parametrize(
    ("brought", "wanted", "module", "same"),
    [
        ("1.0", "1.0.0", "tinyframe", True),
        ("2.11.0+cu128", "2.11.0", "torch", True),
        ("2.11.0+cpu", "2.11.0", "torch", True),
        ("2.11.0+mine", "2.11.0", "torch", False),
        ("2.11.0+cu128", "2.11.0", "tensorflow", False),
        ("2.11.0", "2.11.0+mine", "torch", False),
        ("a nightly", "a nightly", "torch", True),
    ],
)
def test_a_release_that_is_published_for_several_devices_is_one_version(
    brought: str, wanted: str, module: str, same: bool
):
    assert own_interpreter._same_version(brought, wanted, module) is same


def test_a_framework_without_labels_takes_no_other_version():
    known = frameworks.of("tensorflow")
    assert known is not None
    assert known.labels == ()


def test_a_duet_measures_a_release_with_an_interpreter_of_the_users(tiny: Tiny, python: str):
    done = tiny.vggbench(
        *("duet", "tinyframe-1.0", "tinyframe-1.1", "--bench", "plain", "--json"),
        *("--threshold", "10%", "--python", f"tinyframe-1.1={python}"),
        env={"TINY_NOISE": "0.002"},
    )
    found = json.loads(done.output[done.output.index("{\n") :])
    assert found["blocks"] >= 1, done.output
    assert found["outcome"] == "unchanged", done.output
    assert done.status == 0
    of_release = {record["release"]: record for record in tiny.records()}
    assert of_release["tinyframe-1.1"]["interpreter"] == python
    assert of_release["tinyframe-1.1"]["lock"] is None
    assert of_release["tinyframe-1.0"]["lock"] is not None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("tinyframe-1.1=/nowhere/python", "there is no such interpreter"),
        ("otherframe-7.0=PYTHON", "otherframe-7.0 is not measured"),
        ("tinyframe-1.0=PYTHON", "brings tinyframe 1.1"),
    ],
)
def test_an_interpreter_that_cannot_be_a_subjects_is_refused(
    tiny: Tiny, python: str, given: str, said: str
):
    done = tiny.vggbench(
        *("duet", "tinyframe-1.0", "tinyframe-1.1", "--bench", "plain"),
        *("--python", given.replace("PYTHON", python)),
    )
    assert done.status == 2
    assert len(done.lines_with(said)) == 1
    assert tiny.records() == []
