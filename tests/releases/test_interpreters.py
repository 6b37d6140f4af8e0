"""Where CPythons are looked for, with folders of small scripts that answer like interpreters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vggbench.releases import interpreters, uv
from vggbench.releases.interpreters import InterpreterMissing

HERE = f"3.{sys.version_info[1]}"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without any interpreter; returns its home."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "XDG_DATA_HOME", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    interpreters.find.cache_clear()
    interpreters._probe.cache_clear()
    yield home
    interpreters.find.cache_clear()
    interpreters._probe.cache_clear()


def fake(path, version="3.7.16", name="cpython", level="final", is_64_bit=True, flags=""):
    """A script at ``path`` that says it is CPython ``version``."""
    said = [name, level, is_64_bit, tuple(int(part) for part in version.split(".")), flags]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{said}"\n')
    path.chmod(0o755)
    return path


def test_nothing_is_found_where_there_is_nothing(machine):
    assert interpreters.find("3.7") is None


def test_one_on_the_path_is_found_by_its_full_name(machine, tmp_path):
    path = fake(tmp_path / "bin" / "python3.7")
    assert interpreters.find("3.7") == path
    assert interpreters.find("3.8") is None


def test_one_on_the_path_is_found_by_the_name_python3(machine, tmp_path):
    path = fake(tmp_path / "bin" / "python3", "3.7.2")
    assert interpreters.find("3.7") == path


def test_an_empty_entry_of_the_path_is_not_the_current_folder(machine, tmp_path, monkeypatch):
    fake(tmp_path / "python3.7")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ":/nowhere")
    assert interpreters.find("3.7") is None


def test_pyenvs_shims_are_not_taken(machine, monkeypatch):
    """A shim runs whichever version is chosen at the moment."""
    shim = fake(machine / ".pyenv" / "shims" / "python3.7")
    monkeypatch.setenv("PATH", str(shim.parent))
    assert interpreters.find("3.7") is None


def test_one_of_pyenv_is_found(machine):
    path = fake(machine / ".pyenv" / "versions" / "3.7.16" / "bin" / "python3.7")
    assert interpreters.find("3.7") == path


def test_pyenv_may_be_elsewhere(machine, tmp_path, monkeypatch):
    path = fake(tmp_path / "elsewhere" / "versions" / "3.7.16" / "bin" / "python3.7")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "elsewhere"))
    assert interpreters.find("3.7") == path


def test_one_of_uv_is_found(machine):
    folder = machine / ".local/share/uv/python/cpython-3.7.4-linux-x86_64-gnu"
    path = fake(folder / "bin" / "python3.7", "3.7.4")
    assert interpreters.find("3.7") == path


@pytest.mark.parametrize(
    ("variable", "below"), [("UV_PYTHON_INSTALL_DIR", ""), ("XDG_DATA_HOME", "uv/python")]
)
def test_uvs_folder_may_be_elsewhere(machine, tmp_path, monkeypatch, variable, below):
    folder = tmp_path / "elsewhere" / below / "cpython-3.7.4-linux-x86_64-gnu"
    path = fake(folder / "bin" / "python3.7", "3.7.4")
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert interpreters.find("3.7") == path


@pytest.mark.parametrize("folder", ["miniconda3", "miniforge3/envs/old", "anaconda3/envs/a b"])
def test_one_of_conda_is_found(machine, folder):
    path = fake(machine / folder / "bin" / "python3.7")
    assert interpreters.find("3.7") == path


def test_condas_list_of_environments_is_read(machine, tmp_path):
    path = fake(tmp_path / "far" / "bin" / "python3.7")
    (machine / ".conda").mkdir()
    (machine / ".conda" / "environments.txt").write_text(f"/gone\n\n{tmp_path / 'far'}\n")
    assert interpreters.find("3.7") == path


def test_the_active_conda_environment_is_looked_at(machine, tmp_path, monkeypatch):
    path = fake(tmp_path / "active" / "bin" / "python3.7")
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "active"))
    assert interpreters.find("3.7") == path


def test_the_newest_patch_release_wins_wherever_it_lies(machine, tmp_path):
    fake(tmp_path / "bin" / "python3.7", "3.7.9")
    newest = fake(
        machine / ".local/share/uv/python/cpython-3.7.11-linux-x86_64-gnu/bin/python3.7",
        "3.7.11",
    )
    fake(machine / ".pyenv" / "versions" / "3.7.1" / "bin" / "python3.7", "3.7.1")
    assert interpreters.find("3.7") == newest


def test_a_minor_version_is_not_the_beginning_of_another(machine):
    fake(machine / ".pyenv" / "versions" / "3.10.2" / "bin" / "python3.10", "3.10.2")
    assert interpreters.find("3.1") is None


@pytest.mark.parametrize(
    "facts",
    [
        {"name": "pypy"},
        {"is_64_bit": False},
        {"level": "candidate"},
        {"version": "3.6.15"},
        {"flags": "t"},
        {"flags": "d"},
        {"flags": "dm"},
    ],
    ids=str,
)
def test_what_is_no_final_64_bit_cpython_of_the_version_is_not_taken(machine, tmp_path, facts):
    fake(tmp_path / "bin" / "python3.7", **facts)
    assert interpreters.find("3.7") is None


@pytest.mark.parametrize("script", ["exit 1", "echo hello", "echo '[]'", "kill -9 $$"], ids=str)
def test_what_does_not_work_is_not_taken(machine, tmp_path, script):
    path = fake(tmp_path / "bin" / "python3.7")
    path.write_text(f"#!/bin/sh\n{script}\n")
    assert interpreters.find("3.7") is None


def test_a_build_with_pymalloc_is_the_usual_one(machine, tmp_path):
    path = fake(tmp_path / "bin" / "python3.7", flags="m")
    assert interpreters.find("3.7") == path


def test_a_free_threaded_build_beside_the_usual_one_is_passed_over(machine):
    versions = machine / ".pyenv" / "versions"
    fake(versions / "3.13.1t" / "bin" / "python3.13", "3.13.1", flags="t")
    usual = fake(versions / "3.13.0" / "bin" / "python3.13", "3.13.0")
    assert interpreters.find("3.13") == usual


def test_a_user_without_a_home_has_what_is_on_the_path(machine, tmp_path, monkeypatch):
    path = fake(tmp_path / "bin" / "python3.7")
    monkeypatch.delenv("HOME")
    # What an unknown user id makes of Path.home().
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(RuntimeError):
        Path.home()
    assert interpreters.find("3.7") == path


def test_what_cannot_be_executed_is_not_taken(machine, tmp_path):
    fake(tmp_path / "bin" / "python3.7").chmod(0o644)
    assert interpreters.find("3.7") is None
    broken = tmp_path / "bin" / "python3.8"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    assert interpreters.find("3.8") is None


def test_of_a_virtualenv_its_base_is_taken(machine, tmp_path, monkeypatch):
    """Environments made from a virtualenv's python would break when it goes."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    monkeypatch.setenv("PATH", str(folder / "bin"))
    found = interpreters.find(HERE)
    assert found is not None
    assert folder not in found.parents
    assert os.path.realpath(found) == os.path.realpath(folder / "bin" / "python3")


def test_one_that_is_there_is_handed_out(machine, tmp_path):
    path = fake(tmp_path / "bin" / "python3.7")
    assert interpreters.require("3.7", "tensorflow-1.15.5") == Path(path)


@pytest.mark.parametrize(
    ("version", "command"),
    [
        ("3.5", "pyenv install 3.5"),
        ("3.7", "pyenv install 3.7"),
        ("3.8", "uv python install 3.8"),
        ("3.99", "uv python install 3.99"),
    ],
)
def test_one_that_is_missing_is_one_line_that_says_how_to_get_it(
    machine, tmp_path, version, command
):
    fake(tmp_path / "bin" / "uv")
    with pytest.raises(InterpreterMissing) as caught:
        interpreters.require(version, "tensorflow-1.15.5")
    assert str(caught.value) == (
        f"tensorflow-1.15.5 needs CPython {version}, which is not on this machine; "
        f"get it with: {command}"
    )


def test_a_uv_that_is_not_on_path_is_typed_by_its_path(machine, tmp_path, monkeypatch):
    ours = tmp_path / ".venv" / "bin" / "uv"
    monkeypatch.setattr(uv, "find_uv_bin", lambda: str(ours))
    monkeypatch.chdir(tmp_path)
    assert interpreters.how_to_get("3.12") == ".venv/bin/uv python install 3.12"
    monkeypatch.chdir(machine)
    assert interpreters.how_to_get("3.12") == f"{ours} python install 3.12"
