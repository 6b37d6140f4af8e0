"""Which processor this machine has: numbers of two are never held against each other."""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import records
from ..errors import VggbenchError
from ..records import stretches

CPUINFO = Path("/proc/cpuinfo")

#: What says which processor it is; the rest of CPUINFO changes with the kernel or the moment.
FACTS = ("vendor_id", "cpu family", "model", "model name", "stepping", "cache size")

#: Instruction sets that the frameworks' libraries choose their kernels by.
CHOSEN_BY = re.compile(r"(s?sse|avx|fma|f16c|amx|bmi)\w*")

SETS = "instruction sets"

#: Hexadecimal digits of the digest of the instruction sets in a record: there are thousands.
DIGEST = 12


class OtherProcessor(VggbenchError):
    """This is not the processor that is on record for the machine."""


@functools.cache
def processor(cpuinfo: Path | None = None) -> Mapping[str, str]:
    """What processor this machine has, as far as the system tells."""
    try:
        text = (cpuinfo or CPUINFO).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    told: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        told[key.strip()] = value.strip()
    sets = [flag for flag in told.get("flags", "").split() if CHOSEN_BY.fullmatch(flag)]
    return {
        **{key: told.get(key, "") for key in FACTS},
        SETS: " ".join(sorted(sets)),
        "processors": str(os.cpu_count()),
    }


def in_short(told: Mapping[str, Any]) -> dict[str, str]:
    """What a record keeps of a processor: its facts, and a digest of its instruction sets. How many
    processors a process may use is on record by itself."""
    sets = str(told.get(SETS, ""))
    digest = hashlib.sha256(sets.encode()).hexdigest()[:DIGEST] if sets else ""
    return {**{key: str(told.get(key, "")) for key in FACTS}, SETS: digest}


def described(told: Mapping[str, Any]) -> str:
    """A processor that a record names, for messages."""
    numbers = [
        f"{key.removeprefix('cpu ')} {told[key]}"
        for key in ("cpu family", "model", "stepping")
        if told.get(key)
    ]
    digest = told.get(SETS)
    more = [*numbers, *([f"instruction sets {digest}"] if digest else [])]
    return f"{told.get('model name') or 'unknown'} ({', '.join(more)})"


def require_same(before: Mapping[str, Any], now: Mapping[str, Any], machine: str, how: str) -> None:
    """Raise OtherProcessor, which says what differs and ``how`` to go on, unless both are the same
    processor."""
    differing = [
        f"{key} is {now.get(key) or 'unknown'}, was {before.get(key) or 'unknown'}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]
    if differing:
        raise OtherProcessor(
            f"this is not the processor that {machine} was measured on: {'; '.join(differing)}; "
            f"{how}"
        )


def require_known(results_dir: Path, machine: str | None) -> None:
    """Raise OtherProcessor where another one is on record for the machine: by its newest record, or
    by the last sitting of its history."""
    before = None if machine is None else _on_record(results_dir, machine)
    if before is not None:
        how = "give this one a name of its own: asv machine --machine NAME"
        require_same(before, in_short(processor()), f"{machine}", how)


def _on_record(results_dir: Path, machine: str) -> dict[str, str] | None:
    files = sorted(records.folder(results_dir, machine).glob("*.jsonl"))
    for file in files[-1:]:
        try:
            told = [record.processor for record in records.read_file(file)]
        except OSError:
            break  # whoever reads records says what is wrong with it
        known = [processor for processor in told if isinstance(processor, dict)]
        if known:
            return {key: str(known[-1].get(key, "")) for key in (*FACTS, SETS)}
    try:
        sittings = stretches.sittings(results_dir, machine)
    except VggbenchError:
        return None  # a history says what is wrong with it
    return in_short(sittings[-1]["processor"]) if sittings else None
