"""Records of duets as literals: of what a test says, and ordinary in everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vggbench.records import Record

from .literal import NHWC, SAMPLES, record

#: What blocks of one comparison measure more than the truth, as a ratio less one: no noise is
#: drawn, so that every number is the same in every run.
BLOCKS = (0.004, -0.006, 0.003, -0.001, 0.002, -0.003, 0.005, -0.002)

#: Who is started second is so much faster.
SECOND = 0.97


def block(
    first: str,
    second: str,
    ratio: float = 1.0,
    words: Sequence[str] = NHWC,
    *,
    number: int = 1,
    session: int = 20,
    seconds: float = 0.1,
    subjects: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
    **more: Any,
) -> list[Record]:
    """The four records of a block of two releases, the ``second`` of which takes ``ratio`` times as
    long. ``more``: keys of all of them, ``subjects``: of those of either."""
    run = f"202406{session % 28 + 1:02d}T120000.000000Z-{session:08x}"
    found = []
    for place in range(2):
        names = [first, second] if place == 0 else [second, first]
        for started, name in enumerate(names, 1):
            is_second = started != place + 1
            level = seconds * (ratio if is_second else 1.0) * (SECOND if started == 2 else 1.0)
            told = {
                "run": run,
                "started": f"2024-06-{session % 28 + 1:02d}T12:00:00+00:00",
                "round": 2 * number + place - 1,
                "purpose": "duet",
                "duet": {
                    "id": f"{run}/{number}.{place + 1}",
                    "block": f"{run}/{number}",
                    "partner": names[2 - started],
                    "started": started,
                    "begins": started == 1,
                },
                "sample_started_s": [0.2 * step for step in range(len(SAMPLES))],
                "sample_cpu_s": [1.9 * level] * len(SAMPLES),
                "waiting_cpu_s": [0.0] * len(SAMPLES),
                "others_cpu_s": [0.001 * seconds] * len(SAMPLES),
                "steal_s": [0.0] * len(SAMPLES),
                "set_by_vggbench": {},
                **more,
                **subjects[is_second],
            }
            found.append(record(name, level, words, **told))
    return found


def blocks(
    first: str, second: str, ratio: float = 1.0, words: Sequence[str] = NHWC, **more: Any
) -> list[Record]:
    """The records of ``count`` blocks, one after the other."""
    return [
        record
        for number in range(more.pop("count", 6))
        for record in block(
            first,
            second,
            ratio * (1 + BLOCKS[number % len(BLOCKS)]),
            words,
            number=number + 1,
            **more,
        )
    ]
