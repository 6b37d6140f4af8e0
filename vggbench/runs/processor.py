"""Which processor this machine has. Numbers of two different processors are never compared."""

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

#: The keys of CPUINFO that say which processor it is. All others change with the kernel or from
#: moment to moment.
FACTS = ("vendor_id", "cpu family", "model", "model name", "stepping", "cache size")

#: The instruction sets by which the frameworks' libraries choose their kernels.
CHOSEN_BY = re.compile(r"(s?sse|avx|fma|f16c|amx|bmi)\w*")

SETS = "instruction sets"

#: Hexadecimal digits of the digest of the instruction sets. A record has this digest, and there are
#: thousands of records.
DIGEST = 12


class OtherProcessor(VggbenchError):
    """This is not the processor that is on record for the machine."""


@functools.cache
def processor(cpuinfo: Path | None = None) -> Mapping[str, str]:
    """The facts of this machine's processor, as far as the system tells them: FACTS, the names of
    its instruction sets, and the number of processors."""
    try:
        text = (cpuinfo or CPUINFO).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    facts: dict[str, str] = {}
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        facts[key.strip()] = value.strip()
    sets = [flag for flag in facts.get("flags", "").split() if CHOSEN_BY.fullmatch(flag)]
    return {
        **{key: facts.get(key, "") for key in FACTS},
        SETS: " ".join(sorted(sets)),
        "processors": str(os.cpu_count()),
    }


def in_short(facts: Mapping[str, Any]) -> dict[str, str]:
    """What a record keeps of the ``facts`` of a processor: FACTS, and a digest of its instruction
    sets. The number of processors that a process may use is another key of the record."""
    sets = str(facts.get(SETS, ""))
    digest = hashlib.sha256(sets.encode()).hexdigest()[:DIGEST] if sets else ""
    return {**{key: str(facts.get(key, "")) for key in FACTS}, SETS: digest}


def described(facts: Mapping[str, Any]) -> str:
    """A processor that a record names, as messages show it."""
    numbers = [
        f"{key.removeprefix('cpu ')} {facts[key]}"
        for key in ("cpu family", "model", "stepping")
        if facts.get(key)
    ]
    digest = facts.get(SETS)
    more = [*numbers, *([f"instruction sets {digest}"] if digest else [])]
    return f"{facts.get('model name') or 'unknown'} ({', '.join(more)})"


def require_same(before: Mapping[str, Any], now: Mapping[str, Any], machine: str, how: str) -> None:
    """Raise OtherProcessor, which says what differs and ``how`` to go on, unless ``before`` and
    ``now`` are the same processor."""
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


def require_known(
    results_dir: Path, machine: str | None, now: Mapping[str, Any] | None = None
) -> None:
    """Raise OtherProcessor where another processor is on record for ``machine``: in its newest
    record, or else in the last sitting of its history. ``now``: the processor that it has, as
    ``in_short`` has it; by default that of this machine."""
    before = None if machine is None else _on_record(results_dir, machine)
    if before is not None:
        how = "give this one a name of its own: asv machine --machine NAME"
        require_same(before, in_short(processor()) if now is None else now, f"{machine}", how)


def _on_record(results_dir: Path, machine: str) -> dict[str, str] | None:
    """The processor on record for ``machine``, as ``in_short`` has it; None where there is none."""
    files = sorted(records.folder(results_dir, machine).glob("*.jsonl"))
    for file in files[-1:]:
        try:
            processors = [record.processor for record in records.read_file(file)]
        except OSError:
            break  # commands that read records say what is wrong with the file
        known = [facts for facts in processors if isinstance(facts, dict)]
        if known:
            return {key: str(known[-1].get(key, "")) for key in (*FACTS, SETS)}
    return of_last_sitting(results_dir, machine)


def of_last_sitting(results_dir: Path, machine: str) -> dict[str, str] | None:
    """The processor on which the last sitting of a machine's history measured, in short; None where
    none is on record, or where the file of sittings cannot be read."""
    try:
        sittings = stretches.sittings(results_dir, machine)
    except (OSError, VggbenchError):
        return None  # vggbench history says what is wrong with the file
    return in_short(sittings[-1]["processor"]) if sittings else None
