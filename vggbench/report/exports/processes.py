"""CSV with a row for each process, or for each sample, of the newest run of each configuration.

It is the only export that has what is n/a or failed: with its reason, and without a number.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from ... import records
from ...errors import one_line
from ...records import Record
from ...records.record import is_cpus
from .exported import COLUMNS, Exported

#: The columns that both kinds of rows have. docs/data.md describes all columns.
_SUBJECT = ("machine", "profile", "track", "release", "benchmark", "configuration")
_PROCESS = ("run", "round", "started", "cpus", "python", "state", "busy", "outcome", "reason")

OF_PROCESS = (*_SUBJECT, *_PROCESS, "samples", *(column for _, column in COLUMNS))
OF_SAMPLE = (*_SUBJECT, *_PROCESS, "sample", "seconds")

#: A reason or an error is cut to so many characters, as on the pages.
_REASON = 400


def text(results: Sequence[Exported]) -> str:
    """A row for each process, by OF_PROCESS. Times are in seconds: ``step_s`` is the median of the
    process's samples, ``samples`` their number. A process that is not ok has none of the numbers
    after its reason."""
    return _csv(OF_PROCESS, _processes(results))


def by_sample(results: Sequence[Exported]) -> str:
    """A row for each sample, by OF_SAMPLE: ``sample`` counts from 1, ``seconds`` is its time. A
    process that is not ok has one row, without these two."""
    return _csv(OF_SAMPLE, _samples(results))


def _csv(columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _processes(results: Sequence[Exported]) -> Iterator[dict[str, Any]]:
    for result in results:
        for record in result.cell.taken:
            row = _row(result, record)
            if row["outcome"] == records.OK:
                row["samples"] = len(record.samples)
                for measure, column in COLUMNS:
                    row[column] = measure.figure(record)
            yield row


def _samples(results: Sequence[Exported]) -> Iterator[dict[str, Any]]:
    for result in results:
        for record in result.cell.taken:
            row = _row(result, record)
            if row["outcome"] != records.OK:
                yield row
                continue
            for place, seconds in enumerate(record.samples, 1):
                yield {**row, "sample": place, "seconds": seconds}


def _row(result: Exported, record: Record) -> dict[str, Any]:
    """What both kinds of rows have of a process."""
    summary = records.outcome_of([record])
    why = "" if summary.why is None else one_line(summary.why, _REASON)
    return {
        "machine": result.machine,
        "profile": result.profile,
        "track": result.release.track,
        "release": result.release.name,
        "benchmark": result.benchmark,
        "configuration": result.words,
        "run": record.run,
        "round": record.round if isinstance(record.round, int) else "",
        "started": "" if record.began is None else record.began.isoformat(),
        "cpus": record.cpus if is_cpus(record.cpus) else "",
        "python": one_line(str(record.python or ""), 40),
        "state": result.cell.state or "",
        "busy": record.busy or "",
        "outcome": summary.outcome,
        "reason": why,
    }
