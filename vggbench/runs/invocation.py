"""What asv was asked on its command line, as far as asv tells its plugins too little.

A Repo learns neither the command nor ``--bench`` nor ``--machine``, an Environment not the machine.
Both read the command line here, with asv's own parser.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import os
import sys
from pathlib import Path
from typing import Any

from asv import commands, util
from asv.config import Config

from ..checkout import machine_name

#: Commands that start processes in environments.
MEASURING = ("run", "continuous", "find", "profile", "check", "setup")


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
    """The name of the machine that results are stored under, None where asv knows none yet."""
    asked = option("machine")
    return machine_name(str(asked) if asked else None)


_given_config: Path | None = None


def use_config(path: Path) -> None:
    """Let ``config`` read this file: the vggbench command was given it, asv was not asked."""
    global _given_config
    _given_config = path
    config.cache_clear()


@functools.lru_cache(maxsize=1)
def config() -> Config:
    """asv's configuration, read once more: asv does not hand it to a Repo."""
    path = option("config") or _given_config
    return Config.load(str(path) if path else None)


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
    return [b for b in config().branches if b is not None] if command() else []


def benchmark_dir() -> Path:
    return Path(config().benchmark_dir).absolute()


def results_dir() -> Path:
    return Path(config().results_dir).absolute()
