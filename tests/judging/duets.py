"""Literal records of blocks of duets: four processes whose numbers are what a test says."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from vggbench.records import DUET, Record

from .literal import LINE, NHWC, SAMPLES, record

#: How far blocks of one comparison are off the truth, as a ratio less one: no noise is drawn, so
#: that every number is the same in every run.
BLOCKS = (0.004, -0.006, 0.003, -0.001, 0.002, -0.003, 0.005, -0.002)

#: How far the six blocks of a link are off its change, as logarithms: about 0 in the middle, with a
#: scatter of 0.3 %.
LINK = (-0.004, 0.004, 0.001, -0.001, -0.002, 0.002)

#: What a process that is started second takes, by what it takes otherwise.
SECOND = 0.97

#: A release, or the keys of its records.
Subject = str | Mapping[str, Any]

_counted = itertools.count(1)


def block(
    first: Subject,
    second: Subject,
    ratio: float = 1.0,
    words: Sequence[str] = NHWC,
    *,
    number: int = 1,
    session: int = 20,
    seconds: float = 0.1,
    started_second: float = SECOND,
    **more: Any,
) -> list[Record]:
    """The four records of a block of two subjects. A step of the ``second`` subject takes ``ratio``
    times the ``seconds`` of the first. A process that is started second takes ``started_second``
    times as long. ``number``: which block of its session it is. ``more``: keys of all four records.
    """
    subjects = [{"release": one} if isinstance(one, str) else one for one in (first, second)]
    run = f"202406{session % 28 + 1:02d}T120000.000000Z-{session:08x}"
    taken = []
    for place, order in enumerate([(0, 1), (1, 0)]):
        for started, which in enumerate(order, start=1):
            of_order = started_second if started == 2 else 1.0
            level = seconds * (ratio if which == 1 else 1.0) * of_order
            told = {
                "run": run,
                "started": f"2024-06-{session % 28 + 1:02d}T12:00:00+00:00",
                "round": 2 * number + place - 1,
                "purpose": DUET,
                "duet": {
                    "id": f"{run}/{number}.{place + 1}",
                    "block": f"{run}/{number}",
                    "partner": f"{subjects[1 - which]['release']} {' '.join(words)}",
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
                **subjects[which],
            }
            taken.append(record(told.pop("release"), level, words, **told))
    return taken


def blocks(
    first: Subject,
    second: Subject,
    ratio: float = 1.0,
    words: Sequence[str] = NHWC,
    *,
    count: int = 6,
    **more: Any,
) -> list[Record]:
    """The records of ``count`` blocks of one session, which are about ``ratio``."""
    return [
        one
        for number in range(count)
        for one in block(
            first,
            second,
            ratio * (1 + BLOCKS[number % len(BLOCKS)]),
            words,
            number=number + 1,
            **more,
        )
    ]


def block_by_log(
    first: Subject, second: Subject, log: float = 0.0, words: Sequence[str] = NHWC, **more: Any
) -> list[Record]:
    """A block whose number of every measure is ``log``: the logarithm of the second subject by the
    first. Which process is started second makes no difference."""
    told = {"session": 0, "number": next(_counted), "started_second": 1.0, **more}
    return block(first, second, math.exp(log), words, **told)


def blocks_by_log(first: Subject, second: Subject, *logs: float, **more: Any) -> list[Record]:
    """A block of the same two subjects for each of these numbers."""
    return [one for log in logs for one in block_by_log(first, second, log, **more)]


def link(
    before: str,
    after: str,
    change: float = 0.0,
    words: Sequence[str] = NHWC,
    numbers: Sequence[float] = LINK,
    **more: Any,
) -> list[Record]:
    """As many blocks as a link takes, about ``change``, a logarithm. ``numbers``: how far each of
    them is off."""
    logs = [change + one for one in numbers]
    return blocks_by_log(before, after, *logs, words=words, **more)


def neighbours(*changes: float) -> list[Record]:
    """A link between each two neighbours of the first releases of LINE. ``changes``: what the later
    of each two changed, as logarithms."""
    pairs = itertools.pairwise(LINE[: len(changes) + 1])
    return [
        record
        for (before, after), change in zip(pairs, changes, strict=True)
        for record in link(before, after, change)
    ]
