"""The machine of a history: one name for it, and one processor."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from asv.machine import Machine, MachineCollection

from ..checkout import Checkout, machine_name
from ..errors import VggbenchError

#: What says which processor it is; the rest of /proc/cpuinfo changes with the kernel or the moment.
FACTS = ("vendor_id", "cpu family", "model", "model name", "stepping", "cache size")

#: Instruction sets that the frameworks' libraries choose their kernels by.
CHOSEN_BY = re.compile(r"(s?sse|avx|fma|f16c|amx|bmi)\w*")


class OtherMachine(VggbenchError):
    """This is not the machine that the history is of."""


def adopt(checkout: Checkout, asked: str | None, say: Callable[[str], None]) -> str:
    """The name that results of this machine are stored under; asv is told where it knows none.

    ``asked``: the name of a machine, which may have results already: asv is then told what
    those say of it, because its facts are part of a line of asv's graphs. Raises OtherMachine where
    asv knows this machine by another name.
    """
    known = checkout.machine()
    if known is not None:
        if asked not in (None, known):
            raise OtherMachine(
                f"asv knows this machine as {known}, not as {asked}: leave --machine out, or move "
                f"{MachineCollection.get_machine_file_path()} aside"
            )
        return known
    facts = {**Machine.get_defaults(), **({"machine": asked} if asked else {})}
    stored = checkout.results_dir / facts["machine"] / "machine.json"
    if stored.is_file():
        try:
            facts = {**facts, **json.loads(stored.read_text(encoding="utf-8"))}
        except (OSError, ValueError, TypeError) as err:
            raise OtherMachine(f"{stored} cannot be read: {err}") from None
        facts.pop("version", None)
    say(f"asv is told that this machine is {facts['machine']}: {facts['cpu']}, {facts['os']}")
    MachineCollection.save(facts["machine"], facts)
    if machine_name() != facts["machine"]:
        raise OtherMachine(
            f"{MachineCollection.get_machine_file_path()} names several machines, and asv takes "
            f"none of them for this one; leave only {facts['machine']} in it"
        )
    return str(facts["machine"])


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
