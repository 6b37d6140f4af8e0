"""How Theano is set up before it is imported: what is found here, and what the user says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from vggbench.inside import gpu
from vggbench.inside.builders.theano import setup
from vggbench.inside.params import MachineLacks, NotApplicable

CONFIGURE = """
import json, os, sys
from vggbench.inside.params import NotApplicable
from vggbench.inside.builders.theano import setup as theano_setup
try:
    theano_setup.configure(sys.argv[1])
except (NotApplicable, RuntimeError) as error:
    print(json.dumps({"error": "%s: %s" % (type(error).__name__, error)}))
else:
    print(json.dumps({
        "settings": theano_setup._users_settings(),  # what Theano will read, by now
        "rc": os.environ["THEANORC"],
    }))
"""

# A compiler on a machine that has no OpenBLAS.
WITHOUT_BLAS = """#!/bin/sh
case "$*" in *openblas*) echo "ld: error: cannot find openblas"; exit 1;; esac
"""
WITH_BLAS = "#!/bin/sh\n"
BROKEN = "#!/bin/sh\necho 'empty.cpp:1: error: out of luck'; exit 1\n"


def compiler(folder: Path, script: str) -> Path:
    folder.mkdir()
    path = folder / "g++"
    path.write_text(script)
    path.chmod(0o755)
    return path


def configured(path: Path, device: str = "cpu", **variables: str) -> dict[str, object]:
    """What configure() leaves in a fresh process that finds programs in ``path`` alone."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("THEANO", "PYTHON"))}
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE, device],
        env={**env, "PATH": str(path), **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def settings(path: Path, device: str = "cpu", **variables: str) -> dict[str, str]:
    found = configured(path, device, **variables)["settings"]
    assert isinstance(found, dict)
    return found


def test_theano_is_set_up_for_this_machine(tmp_path: Path) -> None:
    cxx = compiler(tmp_path / "bin", WITH_BLAS)
    found = configured(tmp_path / "bin")
    assert found["rc"] == os.devnull  # not the file in the user's home
    assert found["settings"] == {
        "cxx": str(cxx),
        "blas.ldflags": "-lopenblas",
        "openmp": "True",
        "base_compiledir": str(Path(sys.prefix) / "theano-compiled"),
        "device": "cpu",
        "floatX": "float32",
    }


def test_the_gpu_is_asked_for_by_its_name(tmp_path: Path) -> None:
    compiler(tmp_path / "bin", WITH_BLAS)
    assert settings(tmp_path / "bin", "gpu")["device"] == "cuda"


def test_openmp_is_off_without_a_blas(tmp_path: Path) -> None:
    compiler(tmp_path / "bin", WITHOUT_BLAS)
    found = settings(tmp_path / "bin")
    assert (found["blas.ldflags"], found["openmp"]) == ("", "False")


def test_openmp_without_a_blas_is_refused(tmp_path: Path) -> None:
    compiler(tmp_path / "bin", WITHOUT_BLAS)
    found = configured(tmp_path / "bin", THEANO_FLAGS="openmp=True")
    assert found["error"] == (
        "RuntimeError: theano dies with OpenMP and without a BLAS: install libopenblas0-openmp, "
        "or take openmp out of THEANO_FLAGS"
    )


def test_the_users_settings_win_but_for_what_is_measured(tmp_path: Path) -> None:
    compiler(tmp_path / "bin", WITH_BLAS)
    rc = tmp_path / "rc"
    rc.write_text("[global]\nopenmp = False\n[blas]\nldflags = -lmine\n")
    found = settings(
        tmp_path / "bin",
        THEANORC=str(rc),
        THEANO_FLAGS="base_compiledir='/a, b',floatX=float64,device=cuda,optimizer=fast_compile",
    )
    assert found["openmp"] == "False"
    assert found["blas.ldflags"] == "-lmine"
    assert found["base_compiledir"] == "/a, b"
    assert found["optimizer"] == "fast_compile"
    assert (found["device"], found["floatX"]) == ("cpu", "float32")


@pytest.mark.parametrize("flags", ["", "cxx="])
def test_no_compiler_is_what_the_machine_lacks(tmp_path: Path, flags: str) -> None:
    if flags:  # the user says so, in spite of the compiler that is there
        compiler(tmp_path / "bin", WITH_BLAS)
    found = configured(tmp_path / "bin", THEANO_FLAGS=flags)
    assert found["error"] == (
        "MachineLacks: no C++ compiler on this machine: theano would run in Python, a hundred "
        "times slower; install g++"
    )


def test_a_compiler_that_fails_is_named_with_its_error(tmp_path: Path) -> None:
    cxx = compiler(tmp_path / "bin", BROKEN)
    assert configured(tmp_path / "bin")["error"] == (
        f"RuntimeError: the C++ compiler {cxx} does not compile an extension of Python, so theano "
        "cannot either: empty.cpp:1: error: out of luck"
    )


def test_an_interpreter_that_is_no_environments_own_keeps_nothing(tmp_path: Path) -> None:
    compiler(tmp_path / "bin", WITH_BLAS)
    done = subprocess.run(
        [
            *(sys._base_executable, "-c"),  # type: ignore[attr-defined]
            "import os, sys; sys.path.insert(0, sys.argv[1])\n"
            "from vggbench.inside.builders.theano import setup as theano_setup\n"
            "theano_setup.configure('cpu')\n"
            "folder = theano_setup._users_settings()['base_compiledir']\n"
            "assert os.path.isdir(folder), folder\n"
            "print(folder)",
            str(Path(__file__).parents[3]),
        ],
        env={"PATH": str(tmp_path / "bin"), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    folder = Path(done.stdout.strip())
    assert folder.parent == tmp_path
    assert not folder.exists()


@pytest.fixture
def theano(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A Theano that was asked for a GPU, and uses none."""
    stand_in = ModuleType("theano")
    stand_in.__version__ = "1.0.5"
    stand_in.config = SimpleNamespace(cxx="g++")
    stand_in.gpuarray = SimpleNamespace(pygpu_activated=False)
    monkeypatch.setitem(sys.modules, "theano", stand_in)
    monkeypatch.setattr(gpu, "visible", lambda: ["NVIDIA H200"])
    return stand_in


@pytest.fixture
def pygpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The package of libgpuarray is there."""
    (tmp_path / "pygpu.py").touch()
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("pygpu")
def test_a_theano_with_libgpuarray_that_cannot_use_the_gpu_has_failed(theano: ModuleType) -> None:
    setup.check_imported("cpu")
    with pytest.raises(RuntimeError, match=r"theano 1\.0\.5 has libgpuarray and cannot use"):
        setup.check_imported("gpu")
    theano.gpuarray.pygpu_activated = True
    setup.check_imported("gpu")


def test_a_theano_without_libgpuarray_is_not_applicable_on_a_gpu(theano: ModuleType) -> None:
    with pytest.raises(NotApplicable, match=r"it has no libgpuarray \(pygpu\) here") as caught:
        setup.check_imported("gpu")
    assert not isinstance(caught.value, MachineLacks)


@pytest.mark.usefixtures("pygpu")
def test_a_theano_without_the_backend_of_libgpuarray_is_not_applicable(theano: ModuleType) -> None:
    """As in 0.8, whatever is installed beside it."""
    del theano.gpuarray
    with pytest.raises(NotApplicable, match=r"1\.0\.5: it has no libgpuarray") as caught:
        setup.check_imported("gpu")
    assert not isinstance(caught.value, MachineLacks)


@pytest.mark.usefixtures("theano", "pygpu")
def test_without_a_gpu_it_is_the_machine_that_lacks_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "visible", list)
    with pytest.raises(MachineLacks, match=r"no GPU visible to theano 1\.0\.5") as caught:
        setup.check_imported("gpu")
    assert caught.value.what == "a GPU"
