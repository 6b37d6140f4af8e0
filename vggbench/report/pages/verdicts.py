"""What the verdicts say, as pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """The verdict on one measure of one configuration of a release, against an earlier one.

    ``ratio`` is after by before, in ``low`` to ``high``; None where nothing was compared.
    ``notes`` are lines of evidence.
    """

    release: str
    words: tuple[str, ...]
    measure: str
    outcome: str
    against: str | None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    notes: Sequence[str] = ()
