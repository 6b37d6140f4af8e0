"""Interpreters that the user gives, which bring a framework of their own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from packaging.version import InvalidVersion, Version

from .. import frameworks
from ..errors import VggbenchError, one_line
from ..inside import params
from ..releases.catalogue import Catalogue, Release
from . import process, variables

#: The most seconds that it may take to import a framework and ask for its version.
DEADLINE_S = 600.0

# Importing a framework may read, write and compile in the user's home: Keras and Theano do. The
# probe therefore moves its home. It does so after Python has started, because Python may have
# packages from the user's own home. Keras cannot be imported where the backend that it takes by
# itself is missing. Its metadata tell the version then.
_VERSION_PROBE = """
import os, sys
os.environ["HOME"] = sys.argv[2]
try:
    version = __import__(sys.argv[1]).__version__
except ImportError:
    if sys.argv[3:] != ["has backends"]:
        raise
    from importlib import metadata
    version = metadata.version(sys.argv[1])
print("\\n" + version)
"""


class InterpreterRefused(VggbenchError):
    """An interpreter that was given does not bring the release that is to be measured."""


def path_of(python: str) -> str:
    """The absolute path of an interpreter that the user gave. Raises InterpreterRefused where there
    is none at the path."""
    # A symbolic link is not resolved, because a virtualenv's python is one.
    path = Path(python).absolute()
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise InterpreterRefused(
            f"{python}: there is no such interpreter; give the path of a python"
        )
    return str(path)


def check_version(python: str, release: Release, catalogue: Catalogue) -> None:
    """Raise InterpreterRefused unless ``python`` brings the framework in the version of
    ``release``."""
    module = catalogue.tracks[release.track].module
    env = variables.for_release(os.environ)
    for name in variables.OF_USERS_FILES:
        env.pop(name, None)
    with tempfile.TemporaryDirectory() as home:
        has_backends = params.backends_of(catalogue.tracks[release.track].framework)
        probe = [python, "-c", _VERSION_PROBE, module, home]
        probe += ["has backends"] if has_backends else []
        done = process.run(probe, env, None, DEADLINE_S, merge_streams=False)
    lines = done.output.split()
    if done.status != 0 or not lines:
        reason = (done.errors.strip().splitlines() or ["no reason given"])[-1]
        raise InterpreterRefused(
            f"{release.name} is not measured: {python} cannot import {module}: {one_line(reason)}; "
            f"give an interpreter that has it"
        )
    if not _same_version(lines[-1], release.version, module):
        raise InterpreterRefused(
            f"{release.name} is not measured: {python} brings {module} {lines[-1]}; "
            f"ask for {release.track}-{lines[-1]}, or give another interpreter"
        )


def _same_version(brought: str, wanted: str, module: str) -> bool:
    """Whether two texts name the same version, such as ``1.0`` and ``1.0.0``. A framework's project
    may publish one release several times, for several devices: 2.11.0+cu128 is 2.11.0."""
    try:
        version, release = Version(brought), Version(wanted)
    except InvalidVersion:
        return brought == wanted
    known = frameworks.of(module)
    labels = () if known is None else known.labels
    if version.local is not None and release.local is None and version.local.startswith(labels):
        return version.public == release.public
    return version == release
