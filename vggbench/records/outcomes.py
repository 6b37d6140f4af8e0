"""What the processes of one configuration came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import one_line
from .record import FAILED, INTERRUPTED, NOT_APPLICABLE, OK, Record, is_time


class Summary(NamedTuple):
    """What the processes of a configuration came to.

    ``why`` is the reason or the error of an outcome that is not ok. ``affected`` of ``processes``
    processes had this outcome.
    """

    outcome: str
    why: str | None = None
    affected: int = 1
    processes: int = 1

    @property
    def why_counted(self) -> str | None:
        """``why``, and how many of the processes it is true of."""
        if self.why is None or self.processes == 1:
            return self.why
        return f"{self.why} ({self.affected} of {self.processes} processes)"


def newest_run(group: Sequence[Record]) -> list[Record]:
    """The records of the newest run that came to an end with a configuration, out of ``group``: all
    records of this configuration, in the order in which they were written."""
    ended = [record for record in group if record.outcome != INTERRUPTED]
    run = (ended or group)[-1].run
    return [record for record in ended or group if record.run == run]


def undisturbed(processes: Sequence[Record]) -> list[Record]:
    """The records of processes that no other work disturbed; all records where there are none.
    Times are computed from these."""
    return [record for record in processes if record.busy is None] or list(processes)


def outcome_of(newest: Sequence[Record]) -> Summary:
    """What the processes of one configuration in one run came to. A single process that failed
    makes the configuration failed, as with asv."""
    for outcome, key in ((FAILED, "error"), (NOT_APPLICABLE, "reason")):
        affected = [record for record in newest if record.outcome == outcome]
        if affected:
            stated = getattr(affected[-1], key)
            why = "its record does not say why" if stated is None else str(stated)
            return Summary(outcome, why, len(affected), len(newest))
    if newest[-1].outcome == INTERRUPTED:
        return Summary(INTERRUPTED, "its run was interrupted")
    for record in newest:
        if not record.samples:
            return Summary(FAILED, "its record has no samples")
        samples = record.samples
        is_list = isinstance(samples, list)
        wrong = [sample for sample in samples if not is_time(sample)] if is_list else [samples]
        if wrong:
            shown = one_line(repr(wrong[0]), 40)
            return Summary(FAILED, f"a sample in its record is no number of seconds: {shown}")
    return Summary(OK)
