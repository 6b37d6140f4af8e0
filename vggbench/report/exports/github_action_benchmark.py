"""What github-action-benchmark reads with ``tool: customSmallerIsBetter``.

Its README describes the entries: https://github.com/benchmark-action/github-action-benchmark. It
draws a chart for each name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...errors import how_many
from ...judging.measures import Measure
from ..estimates import Estimate
from .exported import COLUMNS, Exported


def text(results: Sequence[Exported]) -> str:
    """A JSON list of an entry for each measure of each configuration, in the units of the pages.
    All results are of one release."""
    entries = [
        _entry(result, measure, estimate)
        for result in results
        for measure, _ in COLUMNS
        for estimate in [result.cell.estimates.get(measure.key)]
        if estimate is not None
    ]
    return json.dumps(entries, indent=2, allow_nan=False) + "\n"


def _entry(result: Exported, measure: Measure, estimate: Estimate) -> dict[str, Any]:
    value, low, high = (
        figure * measure.scale for figure in (estimate.value, estimate.low, estimate.high)
    )
    facts = (
        f"{result.release.name}, {how_many(estimate.processes, 'process')}",
        f"{result.machine}, {result.profile}: {result.cell.state}",
    )
    return {
        "name": result.name(measure),
        "unit": measure.unit,
        "value": value,
        "range": f"{low:.6g} to {high:.6g}",
        "extra": "\n".join(facts),
    }
