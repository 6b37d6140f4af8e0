"""Records of duets as literals: blocks that say exactly what a test has them say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from vggbench.records import Record

from . import literal
from .literal import NHWC

RUN = "20240601T120000.000000Z-00000abc"

#: What six blocks of one link say beside its change: their middle is 0, they scatter by 0.3 %.
BLOCKS = (-0.004, 0.004, 0.001, -0.001, -0.002, 0.002)

_numbers = itertools.count()


def block(
    before: str, after: str, size: float = 0.0, words: Sequence[str] = NHWC, **more: Any
) -> list[Record]:
    """The four records of a block whose number is ``size``, the logarithm of ``after`` by
    ``before``."""
    number = next(_numbers)
    name = f"b{number:04d}"
    taken = []
    for place, order in enumerate([(before, after), (after, before)]):
        for started, release in enumerate(order, start=1):
            level = 0.1 * math.exp(size) if release == after else 0.1
            told = {
                "run": RUN,
                "started": "2024-06-01T12:00:10+00:00",
                "round": 2 * number + place + 1,
                "purpose": "duet",
                "duet": {
                    "id": f"{name}-{place}",
                    "block": name,
                    "partner": f"{order[2 - started]} {' '.join(words)}",
                    "started": started,
                    "begins": 1,
                },
                "peak_memory_bytes": int(1e9 * level / 0.1),
            }
            taken.append(literal.record(release, level, words, **{**told, **more}))
    return taken


def link(
    before: str, after: str, size: float = 0.0, words: Sequence[str] = NHWC, **more: Any
) -> list[Record]:
    """As many blocks as a link takes, about ``size``. ``blocks``: other numbers than BLOCKS."""
    numbers = more.pop("blocks", BLOCKS)
    return [record for one in numbers for record in block(before, after, size + one, words, **more)]


def neighbours(
    *changes: float, releases: Sequence[str] = literal.LINE, **more: Any
) -> list[Record]:
    """A link between each two neighbours of the first of ``releases``, by the change of the later
    of the two, as a logarithm."""
    pairs = itertools.pairwise(releases[: len(changes) + 1])
    return [
        record
        for (before, after), change in zip(pairs, changes, strict=True)
        for record in link(before, after, change, **more)
    ]
