"""asv run -E release:/path/to/python: the framework of an interpreter that is already there."""

from __future__ import annotations

import pytest

from vggbench.asv_plugin import environment
from vggbench.releases.catalogue import Catalogue

from ..tiny import Tiny

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
    environment._check_version(python, tiny.release("tinyframe-1.1"), Catalogue(tiny.releases))
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
