"""asv's name of this machine, of which asv is told before something is measured."""

from __future__ import annotations

import re
from collections.abc import Callable

from asv.machine import Machine, MachineCollection

from ..checkout import Checkout
from ..errors import VggbenchError, one_line

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class OtherMachine(VggbenchError):
    """This is not the machine that was asked for, or asv has no name for it."""


def named(checkout: Checkout, say: Callable[[str], None]) -> str:
    """asv's name of this machine, for what measures on it: asv is told of one that it does not
    know. Raises OtherMachine where asv has no name for it even then."""
    name = checkout.machine()
    if name is None:
        name = name_of(checkout, None)
        tell_asv(checkout, name, say)
    return name


def name_of(checkout: Checkout, asked: str | None) -> str:
    """The name that results of this machine are stored under: ``asked``, which may have results
    already, or asv's own. Raises OtherMachine where asv knows this machine by another name."""
    known = checkout.machine()
    if known is not None and asked not in (None, known):
        raise OtherMachine(
            f"asv knows this machine as {known}, not as {asked}: leave --machine out, or move "
            f"{MachineCollection.get_machine_file_path()} aside"
        )
    name = known or asked or str(Machine.get_defaults()["machine"])
    if not NAME.fullmatch(name):
        # Not every command that comes here has an option for it.
        whose, how = ("--machine ", "") if asked else ("", ": asv machine --machine NAME")
        raise OtherMachine(
            f"{whose}{one_line(name, 60)}: its results would have no folder; give letters, "
            f"digits, dots, dashes and underscores{how}"
        )
    return name


def tell_asv(checkout: Checkout, name: str, say: Callable[[str], None]) -> None:
    """Tell asv that this machine is ``name``, where it does not know it.

    Of one that has results it is told what those say, because the facts of a machine are part of a
    line of asv's graphs. Raises OtherMachine where asv would not take it for this one.
    """
    if checkout.machine() is not None:
        return
    facts = {**Machine.get_defaults(), **checkout.facts(name), "machine": name}
    say(f"asv is told that this machine is {name}: {facts['cpu']}, {facts['os']}")
    MachineCollection.save(name, facts)
    if checkout.machine() != name:
        raise OtherMachine(
            f"{MachineCollection.get_machine_file_path()} names several machines, and asv takes "
            f"none of them for this one; leave only {name} in it"
        )
