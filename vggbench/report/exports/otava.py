"""The CSV that Apache Otava reads: a row for each release of one line.

https://otava.apache.org/docs/csv says what its configuration has to name: the column of the time,
those of metrics, those of attributes. Each cell of a metric must be a number.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Sequence

from .exported import COLUMNS, Exported

TIME, ATTRIBUTES = "time", ("release", "run")


def text(results: Sequence[Exported]) -> str:
    """The releases of a line, a configuration of a track on a machine in a profile, in the order
    of their dates.

    A release is at midnight UTC of its date. Otava tells releases by their times, so those of one
    date follow each other by a second, in the order of the track. A measure is there where all
    releases have it, in seconds or bytes.
    """
    ordered = sorted(results, key=lambda result: result.release.date)
    measures = [
        (measure, column)
        for measure, column in COLUMNS
        if all(measure.key in result.cell.estimates for result in ordered)
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((TIME, *ATTRIBUTES, *(column for _, column in measures)))
    for result, time in zip(ordered, _times(ordered), strict=True):
        figures = (result.cell.estimates[measure.key].value for measure, _ in measures)
        writer.writerow((time.isoformat(), result.release.name, result.cell.run, *figures))
    return out.getvalue()


def _times(ordered: Sequence[Exported]) -> list[datetime.datetime]:
    """A time for each release, each later than the one before."""
    times: list[datetime.datetime] = []
    for result in ordered:
        time = datetime.datetime.fromisoformat(result.release.date)
        time = time.replace(tzinfo=datetime.timezone.utc)
        if times and time <= times[-1]:
            time = times[-1] + datetime.timedelta(seconds=1)
        times.append(time)
    return times
