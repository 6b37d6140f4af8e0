"""What a choice buys: two configurations of one release that differ in a single param."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...judging.measures import FIRST_STEP, STEP
from ..lines import Cell, PageGraph

#: Of each configuration, at least: the intervals of fewer are often apart by chance alone.
LEAST_PROCESSES = 3


@dataclass(frozen=True)
class Choice:
    """``other`` differs from ``one`` in ``param`` alone; both have a time.

    ratio: the step's time of ``other`` by that of ``one``. clear: whether their intervals are
    apart, and tell the noise. unclear: why they do not tell it. payback: see
    ``payback_steps``; None of what is not clear. otherwise: in what other state of the
    machine ``other`` was measured; then they are not compared, and the ratio is None.
    """

    release: str
    param: str
    one: tuple[str, ...]
    other: tuple[str, ...]
    ratio: float | None
    clear: bool
    payback: int | None
    unclear: str | None = None
    otherwise: str | None = None


def choices(line: PageGraph) -> list[Choice]:
    """All choices in all releases of a line, release by release, param by param."""
    made = []
    for _, of_release in itertools.groupby(line.cells, key=lambda cell: cell.release):
        cells = [cell for cell in of_release if STEP.key in cell.estimates]
        for place, param in enumerate(line.params):
            made += [_choice(param, one, other) for one, other in _alike_but_for(cells, place)]
    return made


def _alike_but_for(cells: Sequence[Cell], place: int) -> Iterator[tuple[Cell, Cell]]:
    for one, other in itertools.combinations(cells, 2):
        differing = [
            i
            for i, both in enumerate(zip(one.words, other.words, strict=True))
            if both[0] != both[1]
        ]
        if differing == [place]:
            yield one, other


def _choice(param: str, one: Cell, other: Cell) -> Choice:
    a, b = (cell.estimates[STEP.key] for cell in (one, other))
    described = (one.release, param, one.words, other.words)
    if one.state is not None and other.state is not None and one.state != other.state:
        place = [a != b for a, b in zip(one.words, other.words, strict=True)].index(True)
        when = (f"with {one.words[place]}", f"with {other.words[place]}")
        otherwise = other.state.differs(one.state, when)
        return Choice(*described, None, False, None, otherwise=otherwise)
    unclear = _unclear(one, other)
    clear = unclear is None and (a.high < b.low or b.high < a.low)
    return Choice(
        *described,
        ratio=b.value / a.value,
        clear=clear,
        payback=payback_steps(one, other) if clear else None,
        unclear=unclear,
    )


def _unclear(*cells: Cell) -> str | None:
    """Why the intervals of two times do not tell their noise; None where they do."""
    fewest = min(cell.estimates[STEP.key].processes for cell in cells)
    if fewest == 1:
        return "1 process: no noise is known"
    if fewest < LEAST_PROCESSES:
        return f"{fewest} processes: too few to know the noise"
    busy = [cell.busy for cell in cells if cell.busy is not None]
    return f"on a busy machine ({busy[-1]})" if busy else None


def payback_steps(one: Cell, other: Cell) -> int | None:
    """After how many steps, the first included, a process of ``other`` has taken no longer in all
    than one of ``one``, whose first step costs less; None where it never has, or where a first step
    is not on record. 1 where ``other`` is no dearer from the start."""
    key = FIRST_STEP.key
    if key not in one.estimates or key not in other.estimates:
        return None
    dearer = other.estimates[key].value - one.estimates[key].value
    saved = one.estimates[STEP.key].value - other.estimates[STEP.key].value
    if dearer <= 0:
        return 1 if saved >= 0 else None
    if saved <= 0:
        return None
    return 1 + math.ceil(round(dearer / saved, 6))  # 20 s by 0.1 s are 200, whatever the floats say
