"""A machine's verdicts beside those of the other machines: on how many a change was seen.

``briefs`` is what is kept of a machine for that; what is kept of all machines is laid side by side
anew at each publish, by the function that the findings use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ...records import words_of
from ...stats.policy import CHANGED
from ..across import Across, across, comparison_of
from ..lines import PageGraph, words_in
from . import data

if TYPE_CHECKING:  # it imports what judges: what is kept is published without that
    from .verdicts import PageVerdict


class BriefVerdict(NamedTuple):
    """A verdict in short. ``line``: the id of the line that it is on, ``c``: the place of its
    configuration there. ``ratio`` is with its interval, as is the ``difference`` that a measure
    without a ratio has."""

    machine: str
    line: str
    profile: str
    family: str
    c: int
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


def briefs(line: PageGraph, told: Iterable[PageVerdict]) -> str:
    """Of the verdicts on a line those that compare numbers, as the text of JSON: the fields of a
    BriefVerdict in their order, first those that all share (``of_line``), then those of each. The
    machine is not in it."""
    place = {words: i for i, words in enumerate(line.configurations)}
    verdicts = [
        (
            place[words],
            verdict.release,
            verdict.against,
            words_of(verdict.configuration),
            verdict.measure,
            verdict.outcome,
            _rounded(verdict.ratio, verdict.low, verdict.high),
            _rounded(*(verdict.difference or ())),
        )
        for verdict in told
        for words in [words_in(verdict.configuration, line.params)]
        if verdict.is_compared and words in place
    ]
    of_line = data.line_id(line), line.profile, line.family
    return data.as_json({"of_line": of_line, "verdicts": verdicts})


def _rounded(*figures: float | None) -> list[float] | None:
    found = [data.rounded(figure) for figure in figures if figure is not None]
    return found or None


def of_changes(told: Mapping[str, Sequence[str]]) -> Iterator[BriefVerdict]:
    """The verdicts of all machines on each comparison in which any of them saw a change.

    told: the ``briefs`` of each machine's lines. They are read twice, because all verdicts
    would take several times the memory of their texts.
    """
    changed = {comparison_of(verdict) for verdict in _read(told) if verdict.outcome in CHANGED}
    return (verdict for verdict in _read(told) if comparison_of(verdict) in changed)


def _read(told: Mapping[str, Sequence[str]]) -> Iterator[BriefVerdict]:
    for machine, lines in told.items():
        for line in map(json.loads, lines):
            for verdict in line["verdicts"]:
                yield BriefVerdict(machine, *line["of_line"], *verdict)


def by_line(verdicts: Iterable[BriefVerdict]) -> dict[str, list[Beside]]:
    """By the id of a line, its verdicts that are sure, where at least one machine saw a change and
    at least two have numbers of it."""
    found: dict[str, list[Beside]] = {}
    for change in across(verdicts):
        for own in change.answers.values():
            found.setdefault(own.line, []).append((own, change))
    return found
