"""The machine of a history: one name for it, and one processor."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from asv.machine import Machine, MachineCollection

from ...checkout import Checkout
from ...errors import VggbenchError, one_line

#: What says which processor it is; the rest of /proc/cpuinfo changes with the kernel or the moment.
FACTS = ("vendor_id", "cpu family", "model", "model name", "stepping", "cache size")

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")

#: Instruction sets that the frameworks' libraries choose their kernels by.
CHOSEN_BY = re.compile(r"(s?sse|avx|fma|f16c|amx|bmi)\w*")


class OtherMachine(VggbenchError):
    """This is not the machine that the history is of."""


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
        raise OtherMachine(
            f"--machine {one_line(name, 60)}: its results would have no folder; give letters, "
            f"digits, dots, dashes and underscores"
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


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """What processor this machine has, as far as the system tells."""
    try:
        text = cpuinfo.read_text(encoding="utf-8")
    except OSError:
        text = ""
    told: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        told[key.strip()] = value.strip()
    sets = [flag for flag in told.get("flags", "").split() if CHOSEN_BY.fullmatch(flag)]
    return {
        **{key: told.get(key, "") for key in FACTS},
        "instruction sets": " ".join(sorted(sets)),
        "processors": str(os.cpu_count()),
    }


def require_same(before: dict[str, str], now: dict[str, str], machine: str) -> None:
    """Raise OtherMachine, which says what differs, unless both are the same processor."""
    differing = [
        f"{key} is {now.get(key) or 'unknown'}, was {before.get(key) or 'unknown'}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]
    if differing:
        raise OtherMachine(
            f"this is not the processor that the history of {machine} was measured on: "
            f"{'; '.join(differing)}; measure a history of this one under a name of its own: "
            f"vggbench history --machine NAME"
        )
