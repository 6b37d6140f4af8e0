"""Find the CPythons that are on the machine: on PATH and in pyenv's, conda's and uv's folders."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..errors import VggbenchError

#: uv fetches builds of CPython from this minor version on; older ones come from pyenv.
OLDEST_THAT_UV_FETCHES = 8

_PROBE = """
import json, os, platform, sys
base = getattr(sys, "base_prefix", sys.prefix)
own = sys.executable
if base != sys.prefix:
    own = os.path.join(base, "bin", "python%d.%d" % sys.version_info[:2])
print(json.dumps({
    "executable": own, "implementation": platform.python_implementation(),
    "version": list(sys.version_info[:3]), "final": sys.version_info[3] == "final",
    "bits": 64 if sys.maxsize > 2**32 else 32,
}))
"""


class InterpreterMissing(VggbenchError):
    """No CPython of the wanted version is on the machine."""


def how_to_get(version: str) -> str:
    """What to type to get CPython ``version`` ("3.12")."""
    if int(version.split(".")[1]) >= OLDEST_THAT_UV_FETCHES:
        return f"uv python install {version}"
    return f"pyenv install {version}"


@functools.cache
def find(version: str) -> Path | None:
    """The newest final 64-bit CPython of the minor ``version`` ("3.12"), or None."""
    found = []
    for candidate in dict.fromkeys(_candidates(version)):
        facts = _probe(str(candidate))
        if (
            facts is not None
            and facts["implementation"] == "CPython"
            and facts["bits"] == 64
            and facts["final"]
            and facts["version"][:2] == [int(part) for part in version.split(".")]
        ):
            found.append((facts["version"], facts["executable"]))
    return Path(max(found)[1]) if found else None


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
    home = Path.home()
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
        if path.is_file() and os.access(path, os.X_OK):
            yield path


@functools.cache
def _probe(executable: str) -> dict | None:
    try:
        done = subprocess.run(
            [executable, "-I", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # not an interpreter that works: as good as none
    return facts if isinstance(facts, dict) else None
