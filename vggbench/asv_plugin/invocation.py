"""The command line of this process of asv, and the state that the plugin's parts share.

asv tells a Repo neither the command nor ``--bench`` nor ``--machine``, and an Environment not the
machine. Both read the command line here, with asv's own parser. The checkout, the suite and the run
that follow from the command line are kept here too, because asv hands no object of ours from one
part of the plugin to the other. One process of asv is one run.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import functools
import io
import os
import sys
from pathlib import Path
from typing import Any

from asv import commands, util
from asv.console import log

from ..checkout import Checkout, machine_name
from ..errors import VggbenchError
from ..runs import draft, processor, profiles
from ..runs.run import RESUME_VARIABLE, Run, new_id, resumed_id
from ..runs.suite import Suite

#: Commands that start processes in environments.
MEASURING = ("run", "continuous", "find", "profile", "check", "setup")

#: Commands whose processes are measurements. `asv profile` is none: it runs under a profiler.
RECORDED = ("run", "continuous", "find")

#: Commands that load the machine as a measurement does.
TIMING = (*RECORDED, "profile")

#: The (commit, environment name) for which this process of asv has run a timed process. asv may
#: store results of these alone.
measured: set[tuple[str, str]] = set()


#: For each (commit, lock's name) of a backend's own environment that this process of asv has looked
#: for: why it cannot be made, None where it is there.
of_backends: dict[tuple[str, str], VggbenchError | None] = {}


@functools.cache
def warn_once(line: str) -> None:
    """Print a warning, unless this process has printed the same line before."""
    log.warning(line)


@functools.lru_cache(maxsize=1)
def _arguments() -> tuple[str | None, argparse.Namespace]:
    """(command, options) of asv's command line; None and no option where this is no asv, or asv
    will refuse its arguments."""
    if os.path.basename(sys.argv[0]) not in ("asv", "asv.exe", "__main__.py"):
        return None, argparse.Namespace()
    parser, subparsers = commands.make_argparser()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            arguments, _ = parser.parse_known_args(sys.argv[1:])
    except SystemExit:
        return None, argparse.Namespace()
    name = next((word for word in sys.argv[1:] if word in subparsers.choices), None)
    return name, arguments


def command() -> str | None:
    """The asv command ("run", "publish", ...); None outside asv."""
    return _arguments()[0]


def interrupted(what: str = "") -> str:
    """The line after Ctrl-C, with what to do next. ``what`` (" while ...") says what was
    interrupted."""
    # asv was started by a command of vggbench, which can go on where it was ended.
    if RESUME_VARIABLE in os.environ:
        return f"Interrupted{what}; run the same command again to go on"
    if command() in RECORDED:
        return (
            f"Interrupted{what}; the processes that ended are on record, but asv itself begins "
            f"anew: run the same command again to measure all of it"
        )
    return f"Interrupted{what}"


def is_measuring() -> bool:
    """Whether the command starts processes in environments."""
    return command() in MEASURING


def option(name: str) -> object:
    """The value of one of asv's options; None where the command has no such option."""
    return getattr(_arguments()[1], name, None)


def patterns() -> list[str]:
    """The patterns given with ``--bench``; an empty list where there is none."""
    given: Any = option("bench") or []
    return [given] if isinstance(given, str) else list(given)


def machine() -> str | None:
    """The name of the machine that results are stored under; None where asv does not know it yet.
    Raises UserError where asv's file about machines is damaged."""
    name = option("machine")
    try:
        return machine_name(str(name) if name else None)
    except VggbenchError as err:
        raise util.UserError(str(err)) from None


@functools.lru_cache(maxsize=1)
def checkout() -> Checkout:
    """The checkout of asv's configuration file, whose folder asv has made the current one. The file
    is read once more, because asv does not hand its content to a Repo. Raises UserError where it
    cannot be read."""
    file = option("config")
    try:
        return Checkout(Path(str(file)).name if file else None)
    except VggbenchError as err:
        raise util.UserError(str(err)) from None


def gives_interpreter() -> bool:
    """Whether the user gave an interpreter: -E release:/path/to/python, or --python=/path."""
    specs: Any = option("env_spec") or []
    return any(kind in ("release", "") and path for kind, _, path in map(_parted, specs))


def refuse_asvs_own_python() -> None:
    """Raise UserError for -E existing and --python=same. With them asv would time its own
    interpreter in every profile, without this plugin."""
    specs: Any = option("env_spec") or []
    if any(kind == "existing" or python == "same" for kind, _, python in map(_parted, specs)):
        raise util.UserError(
            "the Python that runs asv is no release; to measure the framework that an interpreter "
            "brings: asv run -E release:/path/to/python RELEASE"
        )


def _parted(spec: str) -> tuple[str, str, str]:
    """(kind, colon, interpreter) of an environment's specification, such as ``existing:same``."""
    return spec.partition(":")


def branches() -> list[str]:
    """The tracks in the order of asv.conf.json; an empty list outside asv."""
    if command() is None:
        return []
    return [branch for branch in checkout().config.branches if branch is not None]


def asked_profiles() -> list[str]:
    """The profiles of this run. Raises UserError for a name that is no profile."""
    return profiles.asked(checkout().config)


@functools.lru_cache(maxsize=1)
def suite() -> Suite:
    """The benchmarks of asv's configuration."""
    return Suite(checkout().benchmark_dir)


@functools.lru_cache(maxsize=1)
def run() -> Run:
    """The run that this process of asv is. Raises CannotResume where RESUME_VARIABLE names no
    run."""
    resumed = os.environ.get(RESUME_VARIABLE)
    return Run(
        results_dir=checkout().results_dir,
        machine=machine(),
        suite=suite(),
        drafts=checkout().drafts_dir,
        id=resumed_id(resumed) if resumed else new_id(),
        resumes=bool(resumed),
        keeps=command() in RECORDED and not option("dry_run"),
    )


@functools.lru_cache(maxsize=1)
def hold_checkout() -> None:
    """Hold the checkout's run lock until this process ends, and the machine's lock too where the
    command times something. Then make records of the drafts that a killed asv left.

    Raises UserError where another process measures, and where the machine has another processor
    than on record.
    """
    held = contextlib.ExitStack()
    try:
        if command() in TIMING:
            held.enter_context(checkout().measuring())
            processor.require_known(checkout().results_dir, machine())
        else:
            held.enter_context(checkout().holding_run_lock())
        atexit.register(held.close)
        draft.collect_orphans(checkout().drafts_dir)
    except VggbenchError as err:
        raise util.UserError(str(err)) from None
