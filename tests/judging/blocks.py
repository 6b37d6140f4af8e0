"""Blocks of duets as literal records: four processes whose numbers are what a test says."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from vggbench.records import DUET, Record

from .literal import NHWC, record

RUN = "20240601T120000.000000Z-00000001"

_counted = itertools.count(1)


def block(
    first: str | Mapping[str, Any],
    second: str | Mapping[str, Any],
    number: float = 0.0,
    *,
    words: Sequence[str] = NHWC,
    busy: bool = False,
    **more: Any,
) -> list[Record]:
    """A block whose number is ``number``, of every measure: the logarithm of the second subject by
    the first. A subject is a release, or the keys of its records. ``busy``: others computed all the
    while."""
    subjects = [{"release": one} if isinstance(one, str) else dict(one) for one in (first, second)]
    name = f"{RUN}/{next(_counted)}"
    taken = []
    for duet, order in enumerate([(0, 1), (1, 0)], start=1):
        for started, place in enumerate(order, start=1):
            told = {
                "run": RUN,
                "started": "2024-06-01T12:00:00+00:00",
                "purpose": DUET,
                "duet": {"id": f"{name}.{duet}", "block": name, "started": started},
                **subjects[place],
                **more,
            }
            release = told.pop("release")
            if busy:
                told["others_cpu_s"] = [1.0] * 5
            taken.append(record(release, 0.1 * math.exp(number * place), words, **told))
    return taken


def blocks(first: Any, second: Any, *numbers: float, **more: Any) -> list[Record]:
    """Blocks of the same two subjects, with these numbers."""
    return [record for number in numbers for record in block(first, second, number, **more)]
