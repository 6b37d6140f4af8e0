"""Finds the CPythons on this machine: on PATH, and in the folders of pyenv, conda and uv."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..errors import VggbenchError
from . import uv

#: uv fetches builds of CPython from this minor version on. Older ones come from pyenv.
OLDEST_THAT_UV_FETCHES = 8

# Run without the site module, which takes longer than everything else here.
_PROBE = """
import sys
print([
    sys.implementation.name, sys.version_info[3], sys.maxsize > 2**32, sys.version_info[:3],
    getattr(sys, "abiflags", ""),
])
"""

#: The flags that a build may have and still take the wheels of CPython. Builds with other flags do
#: not: "t" is free-threaded, "d" a debug build.
_USUAL_FLAGS = frozenset("m")


class InterpreterMissing(VggbenchError):
    """No CPython of the wanted version is on the machine."""


def uv_has(version: str) -> bool:
    """Whether uv fetches CPython ``version`` ("3.12")."""
    return int(version.split(".")[1]) >= OLDEST_THAT_UV_FETCHES


def how_to_get(version: str) -> str:
    """The command that gets CPython ``version`` ("3.12")."""
    if uv_has(version):
        return f"{uv.as_typed()} python install {version}"
    return f"pyenv install {version}"


@functools.cache
def find(version: str) -> Path | None:
    """The newest final 64-bit CPython of the minor ``version`` ("3.12"); None where there is none.
    Free-threaded and debug builds do not count: no wheel of a release is for them."""
    minor = tuple(int(number) for number in version.split("."))
    fitting = []
    for candidate in dict.fromkeys(_candidates(version)):
        full = _probe(str(candidate))
        if full is not None and full[:2] == minor:
            fitting.append((full, candidate))
    return max(fitting)[1] if fitting else None


def require(version: str, wanted_by: str) -> Path:
    """The CPython of ``version``. Raises InterpreterMissing, which says how to get it, where it is
    not on this machine. ``wanted_by``: the name of what needs it, for the message."""
    path = find(version)
    if path is None:
        raise InterpreterMissing(
            f"{wanted_by} needs CPython {version}, which is not on this machine; "
            f"get it with: {how_to_get(version)}"
        )
    return path


def _candidates(version: str) -> Iterator[Path]:
    """The interpreters that may be CPython ``version``."""
    name = f"python{version}"
    home = _home()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # pyenv's shims run the version that is chosen at the moment. Its own folders come below.
        if folder and Path(folder).name != "shims":
            yield from _existing(Path(folder) / name, Path(folder) / "python3")
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    for folder_ in sorted(pyenv.glob(f"versions/{version}*"), reverse=True):
        yield from _existing(folder_ / "bin" / name)
    of_uv = Path(
        os.environ.get("UV_PYTHON_INSTALL_DIR")
        or Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "uv" / "python"
    )
    for folder_ in sorted(of_uv.glob(f"cpython-{version}.*"), reverse=True):
        yield from _existing(folder_ / "bin" / name)
    for folder_ in _conda_environments(home):
        yield from _existing(folder_ / "bin" / name)


def _home() -> Path:
    """The user's home folder. Where it is unknown, as in containers that run as a user without a
    name, a path below which nothing exists."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull)


def _conda_environments(home: Path) -> Iterator[Path]:
    """The folders in which conda may have installed an interpreter."""
    listed = home / ".conda" / "environments.txt"
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.strip():
                yield Path(line.strip())
    bases = [home / name for name in ("miniconda3", "anaconda3", "miniforge3", "mambaforge")]
    bases.append(Path("/opt/conda"))
    prefix = os.environ.get("CONDA_PREFIX")
    if prefix:
        bases.append(Path(prefix))
    for base in bases:
        yield base
        yield from sorted(base.glob("envs/*"))


def _existing(*paths: Path) -> Iterator[Path]:
    """Those of ``paths`` that are programs, without virtualenvs: their interpreters instead."""
    for path in paths:
        base = _outside_virtualenv(path)
        if base.is_file() and os.access(base, os.X_OK):
            yield base


def _outside_virtualenv(path: Path) -> Path:
    """The interpreter that ``path`` stands for where it is in a virtualenv; else ``path``."""
    settings = path.parent.parent / "pyvenv.cfg"
    try:
        lines = settings.read_text(encoding="utf-8").splitlines()
    except OSError:
        return path
    home = next((line.partition("=")[2].strip() for line in lines if line.startswith("home")), "")
    return Path(home) / path.name if home else path


@functools.cache
def _probe(executable: str) -> tuple[int, ...] | None:
    """(major, minor, micro) of a final 64-bit CPython, None for anything else."""
    try:
        done = subprocess.run(
            [executable, "-I", "-S", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        name, level, is_64_bit, version, flags = ast.literal_eval(done.stdout)
        is_usual = _USUAL_FLAGS.issuperset(flags)
    except (OSError, subprocess.SubprocessError, ValueError, SyntaxError, TypeError):
        return None  # an interpreter that does not work
    is_wanted = (name, level, is_64_bit) == ("cpython", "final", True) and is_usual
    return tuple(version) if is_wanted else None
