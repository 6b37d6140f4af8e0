"""Bencher Metric Format, which ``bencher run --adapter json --file FILE`` reads.

Its schema: https://bencher.dev/docs/reference/bencher-metric-format/. A measure of it has no unit,
so the unit stands in the name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .exported import COLUMNS, Exported


def text(results: Sequence[Exported]) -> str:
    """A JSON object: by the name of the benchmark, by the measure, the median over the processes
    (``value``) with its interval (``lower_value``, ``upper_value``), in seconds or bytes. All
    results are of one release."""
    content = {
        result.name(): {
            column: {
                "value": estimate.value,
                "lower_value": estimate.low,
                "upper_value": estimate.high,
            }
            for measure, column in COLUMNS
            for estimate in [result.cell.estimates.get(measure.key)]
            if estimate is not None
        }
        for result in results
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
