"""The vggbench command: everything that asv has no command for."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable

from asv import util

from ..checkout import Checkout
from ..errors import VggbenchError, of_system
from . import fleet, judging, measuring, releases, reporting
from .common import Parser, add_commands, complain


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status: 0; 1 where something failed, which is 2 in
    commands whose 1 says that something regressed; 2 for arguments that no command has; 130 after
    Ctrl-C."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or a pipe whose encoding lacks a character, such as ≥, gets its number.
            stream.reconfigure(errors="backslashreplace")
    parsed = _parser().parse_args(arguments)
    command: Callable[[Checkout, argparse.Namespace], int] = parsed.command
    trouble: int = getattr(parsed, "trouble", 1)
    try:
        return command(Checkout(parsed.config), parsed)
    except VggbenchError as err:
        complain(str(err))
        return trouble if err.status is None else err.status
    except util.UserError as err:  # a fault of asv's configuration or of the benchmarks
        complain(str(err))
        return trouble
    except KeyboardInterrupt:
        complain("Interrupted; run the same command again to go on.")
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return trouble
    except OSError as err:
        complain(of_system(err))
        return trouble


def _open_closed_streams() -> None:
    """Open os.devnull for each standard stream that is closed, for this process and for those that
    it starts."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The system gives the lowest free descriptor, which is the stream's own.
            stream = open(os.devnull, mode, encoding="utf-8")
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="vggbench",
        description="Times the VGG16 training step in every release of a framework. "
        "Measuring and comparing is asv's: asv run 'tensorflow>=2.15'.",
    )
    parser.add_argument("--config", help="asv's configuration file (default: asv.conf.json)")
    top = add_commands(parser)
    for commands in (measuring, fleet, reporting, judging, releases):
        commands.add(top)
    return parser
