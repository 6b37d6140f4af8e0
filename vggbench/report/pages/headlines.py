"""What the first page says of a line: in which configuration it opens, and in sentences, the
largest of the changes that are sure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ... import records
from ...inside import params
from ...judging.measures import JUDGED
from ...stats.policy import CHANGED, NOT_SURE
from ..lines import LACKING, PageGraph, words_in
from ..sentences import sentence

if TYPE_CHECKING:  # it imports what judges: what is kept is published without that
    from .verdicts import PageVerdict

#: The first page names so many changes.
MOST = 5

Words = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A change that is sure, in a sentence; ``words``: the configuration's."""

    release: str
    words: Words
    outcome: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Headlines:
    """``largest``: the largest changes of a measure, at most one of each release. ``changes``: how
    many are sure in all. ``not_sure``: by configuration, how many comparisons are not sure."""

    measure: str
    largest: tuple[Headline, ...]
    changes: int
    not_sure: Mapping[Words, int]


def plain(line: PageGraph, chained: Collection[Words] = ()) -> Words | None:
    """The configuration that chooses least: of those that some release has a number of, or that are
    ``chained``, where there are any. None where the line has no configurations."""
    defaults = {name: words[0] for name, words in params.choices_of(line.framework).items()}

    def chosen(words: Words) -> int:
        pairs = zip(line.params, words, strict=True)
        return sum(word not in (LACKING, defaults.get(name)) for name, word in pairs)

    measured = {cell.words for cell in line.cells if cell.outcome == records.OK} | set(chained)
    found = [words for words in line.configurations if words in measured]
    return min(found or line.configurations, key=chosen, default=None)


def headlines(line: PageGraph, told: Sequence[PageVerdict], usual: Words | None) -> list[Headlines]:
    """By measure, of those that any verdict is said of. ``usual``: the configuration in which the
    page opens, which sentences do not name."""
    made = []
    for measure in JUDGED:
        own = [
            (verdict, words)
            for verdict in told
            for words in [words_in(verdict.configuration, line.params)]
            if verdict.measure == measure and words in line.configurations
        ]
        if not own:
            continue
        sure = [pair for pair in own if pair[0].outcome in CHANGED and pair[0].ratio is not None]
        not_sure: dict[Words, int] = {}
        for verdict, words in own:
            if verdict.outcome == NOT_SURE:
                not_sure[words] = not_sure.get(words, 0) + 1
        made.append(
            Headlines(
                measure=measure,
                largest=tuple(
                    Headline(
                        release=verdict.release,
                        words=words,
                        outcome=verdict.outcome,
                        text=_text(line, verdict, None if words == usual else words),
                    )
                    for verdict, words in _largest(sure, usual)
                ),
                changes=len(sure),
                not_sure=not_sure,
            )
        )
    return made


def _largest(
    sure: Sequence[tuple[PageVerdict, Words]], usual: Words | None
) -> list[tuple[PageVerdict, Words]]:
    """At most MOST, the largest first, those that duets decided before the others. Of a release
    that changed in several configurations, what duets decided, then what the page opens with, then
    the largest."""

    def size(verdict: PageVerdict) -> float:
        assert verdict.ratio is not None
        return abs(math.log(verdict.ratio))

    of_releases: dict[str, tuple[PageVerdict, Words]] = {}
    for pair in sorted(sure, key=lambda p: (not p[0].by_duets, p[1] != usual, -size(p[0]))):
        of_releases.setdefault(pair[0].release, pair)
    ranked = sorted(of_releases.values(), key=lambda p: (not p[0].by_duets, -size(p[0])))
    return ranked[:MOST]


def _text(line: PageGraph, verdict: PageVerdict, words: Words | None) -> str:
    """The sentence on a change, in which releases have no track; with the ``words`` of the
    configuration, where there are any to name."""
    assert verdict.ratio is not None
    assert verdict.low is not None
    assert verdict.high is not None
    chosen = f" ({line.readable(words)})" if words is not None else ""
    return sentence(
        verdict.measure,
        _version(line, verdict.release) + chosen,
        _version(line, str(verdict.against)),
        ratio=verdict.ratio,
        low=verdict.low,
        high=verdict.high,
    )


def _version(line: PageGraph, release: str) -> str:
    """A release of the line's track, without the name of the track."""
    return release.removeprefix(f"{line.track}-")
