"""What the processes of one configuration came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import one_line
from .record import FAILED, INTERRUPTED, NOT_APPLICABLE, OK, Record, is_time


class Summary(NamedTuple):
    """``why``: the reason or error of what is not ok. ``those`` of so many ``processes`` say so."""

    outcome: str
    why: str | None = None
    those: int = 1
    processes: int = 1

    @property
    def why_counted(self) -> str | None:
        """``why``, and of how many processes that is so."""
        if self.why is None or self.processes == 1:
            return self.why
        return f"{self.why} ({self.those} of {self.processes} processes)"


def newest_run(group: Sequence[Record]) -> list[Record]:
    """Of the records of one configuration, in the order in which they were written, those of the
    newest run that came to an end with it."""
    ended = [record for record in group if record.outcome != INTERRUPTED]
    run = (ended or group)[-1].run
    return [record for record in ended or group if record.run == run]


def undisturbed(processes: Sequence[Record]) -> list[Record]:
    """Those that no other work disturbed, where there are any; else all of them. What takes time is
    told from these."""
    return [record for record in processes if record.busy is None] or list(processes)


def outcome_of(newest: Sequence[Record]) -> Summary:
    """What the processes of one configuration in one run came to: as asv has it, one that failed
    makes the configuration failed."""
    for outcome, key in ((FAILED, "error"), (NOT_APPLICABLE, "reason")):
        those = [record for record in newest if record.outcome == outcome]
        if those:
            told = getattr(those[-1], key)
            why = "its record does not say why" if told is None else str(told)
            return Summary(outcome, why, len(those), len(newest))
    if newest[-1].outcome == INTERRUPTED:
        return Summary(INTERRUPTED, "its run was interrupted")
    for record in newest:
        if not record.samples:
            return Summary(FAILED, "its record has no samples")
        samples = record.samples
        is_list = isinstance(samples, list)
        nonsense = [sample for sample in samples if not is_time(sample)] if is_list else [samples]
        if nonsense:
            told = one_line(repr(nonsense[0]), 40)
            return Summary(FAILED, f"a sample in its record is no number of seconds: {told}")
    return Summary(OK)
