"""What the commands share: options, types of arguments, and lines for the user."""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ..campaigns import budget
from ..checkout import Checkout
from ..errors import VggbenchError, shortened
from ..releases import spec
from ..releases.catalogue import DEVICES, PYTHON_MINOR, Release
from ..runs import machines, variables
from ..stats import policy

if TYPE_CHECKING:
    from ..runs.local import Local

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: How an environment's size is measured, for the help of options that limit it.
LINKS = "a file that uv's cache has too, as a hard link, counts like a copy"

#: What releases can be given as, for the help of arguments that take several.
NAMES = "releases, such as tensorflow, tensorflow-2.16.2 or 'tensorflow>=2.15'"

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Parser(argparse.ArgumentParser):
    """The parser of vggbench and of each of its commands. It refuses an empty argument, because a
    command would take it for an argument that was not given. What it refuses is said in one line,
    in the name of the command that was given it."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # argparse looks up None for arguments that are added without a type.
        self.register("type", None, word)
        self.register("type", Path, path)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse has it, but unknown arguments end it here: argparse would leave what a
        command does not know to the parser of vggbench, which has none of the command's options."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._perhaps(unknown)}")
        return parsed, unknown

    def _perhaps(self, unknown: Sequence[str]) -> str:
        """The options of this parser that are nearest to those among the ``unknown`` arguments, for
        the end of a message."""
        names = [text.partition("=")[0] for text in unknown if text.startswith("-")]
        near = [
            found[0]
            for name in names
            if (found := difflib.get_close_matches(name, self._option_string_actions, n=1))
        ]
        return f"; perhaps {' and '.join(near)}" if near else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError:
            close = difflib.get_close_matches(str(value), map(str, action.choices or ()), n=1)
            if not close:
                raise
            message = f"invalid choice: {value!r}; perhaps {close[0]}"
            raise argparse.ArgumentError(action, message) from None

    def error(self, message: str) -> NoReturn:
        line = shortened(" ".join(message.splitlines()))
        self.exit(2, f"{self.prog}: {line}; see {self.prog} --help\n")


def add_commands(to: argparse.ArgumentParser, metavar: str = "COMMAND") -> Subparsers:
    commands = to.add_subparsers(required=True, metavar=metavar)
    # A command's own arguments pass through here too: its parser gives each of them its type.
    commands.type = str
    return commands


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", choices=DEVICES, help="default: gpu where one is visible, else cpu"
    )


def add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--machine", help="asv's name of another machine (default: this one)")


def add_against(
    parser: argparse.ArgumentParser, default: str = "the release before it on the track"
) -> None:
    parser.add_argument("--against", metavar="RELEASE", help=f"default: {default}")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as a JSON list of objects")


def add_bench(parser: argparse.ArgumentParser, note: str = "") -> None:
    """Add --bench. ``note`` stands at the end of its help."""
    parser.add_argument(
        "--bench",
        nargs="+",
        action="extend",
        default=[],
        help=f"benchmarks, as asv run --bench takes them{note}",
    )


def add_limits(parser: argparse.ArgumentParser, budget_by_default: str) -> None:
    """Add the options that limit how long comparisons are measured."""
    add_budget(parser, budget_by_default)
    add_processes(parser)


def add_processes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes",
        type=count_of("processes"),
        default=policy.A_BLOCK * policy.MOST_BLOCKS,
        metavar="N",
        help="the most processes of one configuration, of both releases together, "
        f"{policy.A_BLOCK} a block of duets, but at least one block (default: %(default)s)",
    )


def add_budget(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--budget",
        type=budget.duration,
        default=default,
        metavar="TIME",
        help="begin nothing that is likely to end later than that (default: %(default)s)",
    )


def add_threshold(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--threshold",
        type=budget.percentage,
        default=policy.THRESHOLD,
        metavar="PER CENT",
        help=f"smaller changes are not relevant (default: {policy.THRESHOLD:.0%}%)",
    )


def add_history_limits(parser: argparse.ArgumentParser) -> None:
    """Add the options of what measures a history: how long, how much disk, how precisely."""
    parser.add_argument(
        "--budget",
        type=budget.duration,
        default=math.inf,
        metavar="TIME",
        help="begin nothing that is likely to end later than that (default: no end)",
    )
    parser.add_argument(
        "--environments",
        type=size,
        default="40G",
        metavar="SIZE",
        help=f"the most that environments take at once on a machine; {LINKS} (default: "
        "%(default)s)",
    )
    add_processes(parser)
    add_threshold(parser)


def word(text: str) -> str:
    """The type of an argument that is a text: it must not be empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is empty; write a word, or leave it out")
    return text


def path(text: str) -> Path:
    """The type of an argument that is a path: it must not be empty."""
    return Path(word(text))


def count_of(what: str) -> Callable[[str], int]:
    """The type of an argument that is a number of ``what``, 1 or more."""

    def counted(text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"{text!r} is no number of {what}; write 1 or more")
        return int(text)

    return counted


def size(text: str) -> int:
    """The type of an argument that is a size: the bytes of it, such as 10**10 for ``10G``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 10G, 500M or 0")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def cpython(text: str) -> str:
    """The type of an argument that is a minor version of CPython, such as 3.12."""
    if not PYTHON_MINOR.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no minor version of CPython; write 3.12")
    return text


def complain(line: str) -> None:
    """Print a line to standard error, with the command's name before it."""
    print(f"vggbench: {shortened(line)}", file=sys.stderr)


def say(line: str) -> None:
    """Print a line to standard output at once, also into a pipe."""
    print(line, flush=True)


def tell_flags(report: Callable[[str], None]) -> None:
    """Report the environment variables that change what is measured, where any is set."""
    line = variables.flags_message(os.environ)
    if line is not None:
        report(line)


def this_machine(checkout: Checkout) -> str:
    """asv's name of this machine, for commands that only read. Raises VggbenchError where asv does
    not know it yet."""
    machine = checkout.machine()
    if machine is None:
        raise VggbenchError("asv does not know this machine yet; tell it with: asv machine --yes")
    return machine


def here(checkout: Checkout, report: Callable[[str], None] = say) -> Local:
    """This machine in the checkout, for commands that measure on it: asv is told of one that it
    does not know. ``report`` gets lines for the user. Raises VggbenchError where asv has no name
    for it even then."""
    # Imported here because it imports what starts processes, which other commands do without.
    from ..runs.local import Local

    return Local.of(checkout, machines.named(checkout, report), report)


def selected(checkout: Checkout, specs: list[str]) -> list[Release]:
    """The releases that ``specs`` name (vggbench.releases.spec), oldest first; all releases where
    there are no ``specs``."""
    catalogue = checkout.catalogue
    if not specs:
        return list(catalogue)
    chosen = {release.commit for release in spec.select(catalogue, " ".join(specs))}
    return [release for release in catalogue if release.commit in chosen]
