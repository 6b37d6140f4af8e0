"""A machine's verdicts beside those of the other machines: on how many a change was seen.

``briefs`` is what is kept of a machine for that; what is kept of all machines is laid side by side
anew at each publish, by the function that the findings use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...records import words_of
from ..across import Across, across
from ..lines import PageGraph, words_in
from . import data

if TYPE_CHECKING:  # it imports what judges: what is kept is published without that
    from .verdicts import PageVerdict


@dataclass(frozen=True, kw_only=True)
class BriefVerdict:
    """A verdict in short. ``line``: the id of the line that it is on, ``c``: the place of its
    configuration there. ``ratio`` is with its interval, as is the ``difference`` that a measure
    without a ratio has."""

    machine: str
    line: str
    c: int
    profile: str
    family: str
    release: str
    against: str
    words: str
    measure: str
    outcome: str
    ratio: Sequence[float] | None
    difference: Sequence[float] | None

    @property
    def is_compared(self) -> bool:
        """Whether there are numbers of both releases."""
        return self.ratio is not None or self.difference is not None


#: A verdict of a machine, and what all machines say of the same.
Beside = tuple[BriefVerdict, Across[BriefVerdict]]


def briefs(line: PageGraph, told: Iterable[PageVerdict]) -> list[dict[str, Any]]:
    """Of the verdicts on a line those that compare numbers, as JSON: the fields of a BriefVerdict
    but for the machine."""
    place = {words: i for i, words in enumerate(line.configurations)}
    return [
        {
            "line": data.line_id(line),
            "c": place[words],
            "profile": verdict.profile,
            "family": verdict.family,
            "release": verdict.release,
            "against": verdict.against,
            "words": words_of(verdict.configuration),
            "measure": verdict.measure,
            "outcome": verdict.outcome,
            "ratio": _rounded(verdict.ratio, verdict.low, verdict.high),
            "difference": _rounded(*(verdict.difference or ())),
        }
        for verdict in told
        for words in [words_in(verdict.configuration, line.params)]
        if verdict.is_compared and words in place
    ]


def _rounded(*figures: float | None) -> list[float] | None:
    found = [data.rounded(figure) for figure in figures if figure is not None]
    return found or None


def by_line(verdicts: Iterable[BriefVerdict]) -> dict[str, list[Beside]]:
    """By the id of a line, its verdicts that are sure, where at least one machine saw a change and
    at least two have numbers of it."""
    found: dict[str, list[Beside]] = {}
    for change in across(verdicts):
        for own in change.answers.values():
            found.setdefault(own.line, []).append((own, change))
    return found
