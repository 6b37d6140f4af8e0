"""What the commands share: options, and messages to the user."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ..campaigns import budget
from ..checkout import Checkout
from ..errors import VggbenchError, shortened
from ..releases import spec
from ..releases.catalogue import DEVICES, Release
from ..runs import variables
from ..stats import policy

if TYPE_CHECKING:
    from ..runs.local import Local

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

#: How environments are measured, for who says how much they may take.
LINKS = "a file that uv's cache has too, as a hard link, counts like a copy"

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class Parser(argparse.ArgumentParser):
    """Of the command and of each of its commands. A word that is empty is refused, whichever option
    or place it stands in: to what asks for a word it would look like none."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # None is the type of what is added without one.
        self.register("type", None, word)
        self.register("type", Path, path)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as err:
            close = difflib.get_close_matches(str(value), map(str, action.choices or ()), n=1)
            if close:
                err.message += f"; perhaps {close[0]}"
            raise

    def error(self, message: str) -> NoReturn:
        super().error(shortened(message))


def add_commands(to: argparse.ArgumentParser) -> Subparsers:
    commands = to.add_subparsers(required=True, metavar="COMMAND")
    # The arguments behind a command pass through here too: it knows which of them is which.
    commands.type = str
    return commands


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device", choices=DEVICES, help="default: gpu where one is visible, else cpu"
    )


def add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--machine", help="asv's name of another machine (default: this one)")


def add_against(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--against", metavar="RELEASE", help="default: the one before on the track")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as a JSON list of objects")


def add_bench(parser: argparse.ArgumentParser, told: str) -> None:
    parser.add_argument("--bench", nargs="+", action="extend", default=[], help=told)


def add_limits(parser: argparse.ArgumentParser, budget_by_default: str) -> None:
    """What answering comparisons may take."""
    add_budget(parser, budget_by_default)
    add_processes(parser)


def add_processes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes",
        type=count,
        default=policy.A_BLOCK * policy.MOST_BLOCKS,
        metavar="N",
        help="of one configuration, of both releases, at most; a block of duets has "
        f"{policy.A_BLOCK} (default: %(default)s)",
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


def word(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is empty; write a word, or leave it out")
    return text


def path(text: str) -> Path:
    return Path(word(text))


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; write 1 or more")
    return int(text)


def size(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip(), re.IGNORECASE)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 10G, 500M or 0")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def complain(line: str) -> None:
    print(f"vggbench: {shortened(line)}", file=sys.stderr)


def say(line: str) -> None:
    print(line, flush=True)


def tell_flags(report: Callable[[str], None]) -> None:
    line = variables.flags_message(os.environ)
    if line is not None:
        report(line)


def this_machine(checkout: Checkout) -> str:
    machine = checkout.machine()
    if machine is None:
        raise VggbenchError("asv does not know this machine yet; tell it with: asv machine --yes")
    return machine


def here(checkout: Checkout, report: Callable[[str], None] = say) -> Local:
    """This machine in the checkout, for what measures on it; ``report`` gets lines for the user."""
    from ..runs.local import Local  # here and not above: it imports what starts processes

    return Local.of(checkout, this_machine(checkout), report)


def selected(checkout: Checkout, asked: list[str]) -> list[Release]:
    """The releases that are ``asked`` for as asv run takes them, oldest first; all where none
    is."""
    catalogue = checkout.catalogue
    if not asked:
        return list(catalogue)
    chosen = {r.commit for r in spec.select(catalogue, " ".join(asked))}
    return [r for r in catalogue if r.commit in chosen]
