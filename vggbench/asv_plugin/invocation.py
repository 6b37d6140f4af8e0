"""What asv's process was asked on its command line, as far as asv tells its plugins too little.

A Repo learns neither the command nor ``--bench`` nor ``--machine``, an Environment not the machine.
Both read the command line here, with asv's own parser. What follows from it is kept here too, as
asv hands no object of ours from one plugin to the other: one process of asv is one run.
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

#: Those whose processes are measurements; `asv profile` runs under a profiler.
RECORDED = ("run", "continuous", "find")

#: Those that load the machine as a measurement does.
TIMING = (*RECORDED, "profile")

#: (commit, environment name) of which this asv has run a timed process: what it may store.
measured: set[tuple[str, str]] = set()


@functools.cache
def warn_once(line: str) -> None:
    log.warning(line)


@functools.lru_cache(maxsize=1)
def _arguments() -> tuple[str | None, argparse.Namespace]:
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
    """The asv command ("run", "publish", ...), None outside asv."""
    return _arguments()[0]


def interrupted(what: str = "") -> str:
    """The line after Ctrl-C, ``what`` (" while ...") being interrupted, and what to do next."""
    if RESUME_VARIABLE in os.environ:  # asv runs for a command of ours, which goes on
        return f"Interrupted{what}; run the same command again to go on"
    if command() in RECORDED:
        return (
            f"Interrupted{what}; what ended is on record, but asv itself begins anew: run the same "
            f"command again to measure all of it"
        )
    return f"Interrupted{what}"


def is_measuring() -> bool:
    return command() in MEASURING


def option(name: str) -> object:
    """The value of one of asv's options, None where the command has no such option."""
    return getattr(_arguments()[1], name, None)


def patterns() -> list[str]:
    """What ``--bench`` gave, an empty list where it was not used."""
    asked: Any = option("bench") or []
    return [asked] if isinstance(asked, str) else list(asked)


def machine() -> str | None:
    """The name of the machine that results are stored under, None where asv knows none yet. Raises
    UserError where what asv knows of machines cannot be read."""
    asked = option("machine")
    try:
        return machine_name(str(asked) if asked else None)
    except VggbenchError as err:
        raise util.UserError(str(err)) from None


@functools.lru_cache(maxsize=1)
def checkout() -> Checkout:
    """That of asv's configuration file, whose folder asv has made the current one. It is read once
    more, as asv does not hand it to a Repo. Raises UserError where there is none that can be read.
    """
    asked = option("config")
    try:
        return Checkout(Path(str(asked)).name if asked else None)
    except VggbenchError as err:
        raise util.UserError(str(err)) from None


def gives_interpreter() -> bool:
    """Whether the user gave the interpreter: -E release:/path/to/python, --python=/path."""
    specs: Any = option("env_spec") or []
    return any(kind in ("release", "") and path for kind, _, path in map(_parted, specs))


def refuse_asvs_own_python() -> None:
    """Raise UserError for -E existing and --python=same: asv would time its own interpreter, in
    every profile, past this plugin."""
    specs: Any = option("env_spec") or []
    if any(kind == "existing" or python == "same" for kind, _, python in map(_parted, specs)):
        raise util.UserError(
            "the Python that runs asv is no release; to measure the framework that an interpreter "
            "brings: asv run -E release:/path/to/python RELEASE"
        )


def _parted(spec: str) -> tuple[str, str, str]:
    return spec.partition(":")


def branches() -> list[str]:
    """The tracks in the order of asv.conf.json, none outside asv."""
    return [b for b in checkout().config.branches if b is not None] if command() else []


def asked_profiles() -> list[str]:
    """The profiles of this run. Raises UserError for one that is none."""
    return profiles.asked(checkout().config)


@functools.lru_cache(maxsize=1)
def suite() -> Suite:
    """The benchmarks of asv's configuration."""
    return Suite(checkout().benchmark_dir)


@functools.lru_cache(maxsize=1)
def run() -> Run:
    """The run that this process of asv is. Raises CannotResume."""
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
    """Hold the checkout's run lock until this process ends, and the machine's lock where it times
    something; record what a killed asv left. Raises UserError where another one measures, or the
    machine has another processor than on record."""
    held = contextlib.ExitStack()
    try:
        if command() in TIMING:
            held.enter_context(checkout().measuring())
            processor.require_known(checkout().results_dir, machine())
        else:
            held.enter_context(checkout().no_run())
        atexit.register(held.close)
        draft.collect_orphans(checkout().drafts_dir)
    except VggbenchError as err:
        raise util.UserError(str(err)) from None
