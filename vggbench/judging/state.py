"""What one process measured, and what of the machine and its user it was measured in."""

from __future__ import annotations

from dataclasses import dataclass

from .. import records
from ..records import Record
from ..records.record import OWN_INTERPRETER
from ..runs import variables
from .measures import JUDGED


@dataclass(frozen=True, kw_only=True)
class State:
    """What of the machine and its user is the same in all processes that are compared."""

    cpus: int | None
    own_interpreter: bool
    flags: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        words = ["an unknown number of CPUs" if self.cpus is None else f"{self.cpus} CPUs"]
        if not self.own_interpreter:
            words.append("an interpreter given with -E")
        return ", ".join([*words, *(f"{name}={value}" for name, value in self.flags)])


def state_of(record: Record) -> State:
    """What of the machine and its user a process was measured in."""
    flags = record.variables if isinstance(record.variables, dict) else {}
    ours = record.set_by_vggbench if isinstance(record.set_by_vggbench, dict) else {}
    interpreter = record.interpreter if "interpreter" in record.stated else OWN_INTERPRETER
    return State(
        cpus=record.cpus if isinstance(record.cpus, int) else None,
        own_interpreter=interpreter == OWN_INTERPRETER,
        flags=(
            *((name, str(flags[name])) for name in variables.FLAGS if name in flags),
            *((str(name), str(value)) for name, value in sorted(ours.items())),
        ),
    )


def values_of(record: Record) -> dict[str, tuple[float, ...]]:
    """What a process measured, by the key of the measure; nothing of one that did not end well."""
    values = {}
    if record.outcome == records.OK:
        for key, one in JUDGED.items():
            found = tuple(one.of_record(record))
            if found and all(map(records.is_measured, found)):
                values[key] = found
    return values
