"""Find the CPythons that are on the machine: on PATH and in pyenv's, conda's and uv's folders."""

from __future__ import annotations

import ast
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..errors import VggbenchError

#: uv fetches builds of CPython from this minor version on; older ones come from pyenv.
OLDEST_THAT_UV_FETCHES = 8

# Without the site module, which takes longer than everything else here.
_PROBE = """
import sys
print([
    sys.implementation.name, sys.version_info[3], sys.maxsize > 2**32, sys.version_info[:3],
    getattr(sys, "abiflags", ""),
])
"""

#: Flags of a build that takes the wheels of CPython; "t" is free-threaded, "d" a debug build.
_USUAL_FLAGS = frozenset("m")


class InterpreterMissing(VggbenchError):
    """No CPython of the wanted version is on the machine."""


def how_to_get(version: str) -> str:
    """What to type to get CPython ``version`` ("3.12")."""
    if int(version.split(".")[1]) >= OLDEST_THAT_UV_FETCHES:
        return f"uv python install {version}"
    return f"pyenv install {version}"


@functools.cache
def find(version: str) -> Path | None:
    """The newest final 64-bit CPython of the minor ``version`` ("3.12"), or None. Free-threaded and
    debug builds are others: no wheel of a release is for them."""
    minor = tuple(int(part) for part in version.split("."))
    found = []
    for candidate in dict.fromkeys(_candidates(version)):
        full = _probe(str(candidate))
        if full is not None and full[:2] == minor:
            found.append((full, candidate))
    return max(found)[1] if found else None


def require(version: str, wanted_by: str) -> Path:
    """The CPython of ``version``; raises InterpreterMissing, which says how to get it."""
    path = find(version)
    if path is None:
        raise InterpreterMissing(
            f"{wanted_by} needs CPython {version}, which is not on this machine; "
            f"get it with: {how_to_get(version)}"
        )
    return path


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    home = _home()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # pyenv's shims run whichever version is chosen at the moment; its own folders are below.
        if folder and Path(folder).name != "shims":
            yield from _existing(Path(folder) / name, Path(folder) / "python3")
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    for folder_ in sorted(pyenv.glob(f"versions/{version}*"), reverse=True):
        yield from _existing(folder_ / "bin" / name)
    uv = Path(
        os.environ.get("UV_PYTHON_INSTALL_DIR")
        or Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "uv" / "python"
    )
    for folder_ in sorted(uv.glob(f"cpython-{version}.*"), reverse=True):
        yield from _existing(folder_ / "bin" / name)
    for folder_ in _conda_environments(home):
        yield from _existing(folder_ / "bin" / name)


def _home() -> Path:
    """The user's; a folder that is not there where nobody knows it, as in containers that run as a
    user without a name."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull)


def _conda_environments(home: Path) -> Iterator[Path]:
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
    for path in paths:
        base = _outside_virtualenv(path)
        if base.is_file() and os.access(base, os.X_OK):
            yield base


def _outside_virtualenv(path: Path) -> Path:
    """The interpreter that a virtualenv's ``path`` stands for, ``path`` itself elsewhere."""
    settings = path.parent.parent / "pyvenv.cfg"
    try:
        lines = settings.read_text(encoding="utf-8").splitlines()
    except OSError:
        return path
    home = next((ln.partition("=")[2].strip() for ln in lines if ln.startswith("home")), "")
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
        return None  # not an interpreter that works: as good as none
    is_wanted = (name, level, is_64_bit) == ("cpython", "final", True) and is_usual
    return tuple(version) if is_wanted else None
