"""pyperf's JSON, which ``pyperf show``, ``stats`` and ``compare_to`` read.

The format is version 1.0 of https://pyperf.readthedocs.io/en/latest/api.html, the one of pyperf
since 1.0. It is written here and not by pyperf, because a ``pyperf.Run`` describes the process that
makes it, and these processes are over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...errors import one_line
from ...judging.measures import STEP, Measure
from ...records import Record, is_measured
from ...records.record import MOST_CPUS, is_number, is_time
from ..lines import Counted
from .exported import COLUMNS, Exported

VERSION = "1.0"

#: The unit that pyperf has for each unit of records.
UNITS = {"s": "second", "bytes": "byte"}


def text(results: Sequence[Exported]) -> str:
    """A JSON object with a benchmark for each measure of each configuration, and in it a run for
    each process. All results are of one release, machine and profile.

    The values of a run of the train step are its samples, and its warm-ups are the untimed steps.
    A run of another measure has one value. Times are in seconds, memory is in bytes.
    """
    benchmarks = [
        _benchmark(result, measure, UNITS[column.rpartition("_")[2]], counted)
        for result in results
        for measure, column in COLUMNS
        for counted in [_positive(result.cell.counted.get(measure.key, ()))]
        if counted
    ]
    first = results[0]
    metadata = {
        "machine": one_line(first.machine),
        "profile": first.profile,
        "release": first.release.name,
    }
    content = {"version": VERSION, "metadata": metadata, "benchmarks": benchmarks}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _positive(counted: Sequence[Counted]) -> list[Counted]:
    """Those whose figure pyperf takes: it refuses 0, which nothing that is measured is."""
    return [(record, figure) for record, figure in counted if is_measured(figure)]


def _benchmark(
    result: Exported, measure: Measure, unit: str, counted: Sequence[Counted]
) -> dict[str, Any]:
    metadata = {
        "name": result.name(measure),
        "unit": unit,
        "state": one_line(str(result.cell.state)),
    }
    # pyperf refuses a benchmark whose runs say different things of their CPython.
    pythons = {record.python for record, _ in counted if isinstance(record.python, str)}
    if len(pythons) == 1 and (python := one_line(pythons.pop())):
        metadata["python_version"] = python
    return {
        "metadata": metadata,
        "runs": [_run(record, measure, figure) for record, figure in counted],
    }


def _run(record: Record, measure: Measure, figure: float) -> dict[str, Any]:
    run: dict[str, Any] = {"values": [figure]}
    if measure is STEP:
        run["values"] = list(record.samples)
        warm_up = record.warm_up_s
        if isinstance(warm_up, list) and warm_up and all(map(is_time, warm_up)):
            # Each with its number of loops, which is 1 as in the samples.
            run["warmups"] = [[1, seconds] for seconds in warm_up]
    metadata = _of_process(record)
    return {**run, "metadata": metadata} if metadata else run


def _of_process(record: Record) -> dict[str, Any]:
    """What pyperf shows of a run, under pyperf's names; what is not on record is absent."""
    found: dict[str, Any] = {}
    if record.began is not None:
        found["date"] = record.began.isoformat()
    if record.seconds is not None and record.seconds >= 0:
        found["duration"] = record.seconds
    load = record.load_before
    if isinstance(load, list) and load and is_number(load[0]) and 0 <= load[0] <= MOST_CPUS:
        found["load_avg_1min"] = load[0]
    return found
