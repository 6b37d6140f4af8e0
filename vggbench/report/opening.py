"""The opening of the findings: the largest changes in sentences, and what surprised.

Sentences are about the step time, and about changes that are confirmed: one session measured both
releases. Everything else is in the tables after them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from .. import records
from ..inside import params
from ..judging.measures import JUDGED, STEP
from ..judging.phrases import cell, outcome, percent
from ..judging.separations import AND, Separation, explains, titles
from ..judging.verdicts import BY_DUETS, Verdict
from ..stats.policy import CHANGED
from .across import Across
from .sentences import more_or_less, sentence

#: By machine, what changing something back came to.
OfMachines = Mapping[str, Sequence[Separation]]

#: The findings begin with so many changes, and name so many surprises of each kind.
LARGEST, SURPRISES = 20, 5


def largest(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The LARGEST confirmed changes of the step time, one for each release and what it is compared
    with: the one that duets decided, else the one with the largest ratio. The largest comes
    first."""
    sure = [verdict for verdict in verdicts if verdict.measure == STEP.key and verdict.is_confirmed]
    of_releases: dict[tuple[str, str | None], Verdict] = {}
    for verdict in sorted(sure, key=lambda each: (each.decided_by != BY_DUETS, -_size(each))):
        of_releases.setdefault((verdict.release, verdict.against), verdict)
    return sorted(of_releases.values(), key=_size, reverse=True)[:LARGEST]


def _size(verdict: Verdict) -> float:
    return abs(math.log(verdict.ratio)) if verdict.ratio is not None else 0.0


def sentences(verdicts: Sequence[Verdict], separations: OfMachines) -> list[str]:
    """The lines of the list of the largest changes, each with what is known of its cause."""
    found = largest(verdicts)
    if not found:
        return ["No change of the step time is confirmed yet."]
    return [
        f"{place}. {cell(sentence_of(verdict))} {cell(_cause(verdict, separations))}"
        for place, verdict in enumerate(found, start=1)
    ]


def sentence_of(verdict: Verdict) -> str:
    """What changed, by how much, in which configuration, on which machine. ``verdict``: one that is
    sure of a change."""
    assert verdict.ratio is not None
    assert verdict.low is not None
    assert verdict.high is not None
    said = sentence(
        verdict.measure,
        f"{verdict.release} ({_configuration(verdict)})",
        str(verdict.against),
        ratio=verdict.ratio,
        low=verdict.low,
        high=verdict.high,
    )
    return f"{said}, on {verdict.machine}."


def _configuration(verdict: Verdict) -> str:
    """The configuration as people read it."""
    framework = records.class_of(verdict.benchmark)
    words = [str(value) for value in verdict.configuration.values()]
    text: str = params.readable(framework, list(verdict.configuration), words)
    return text


def _cause(verdict: Verdict, separations: OfMachines) -> str:
    """What is known of the cause, in a sentence."""
    if not verdict.differences:
        return "Nothing else is known to have changed."
    parts = _explaining(verdict, separations)
    if parts:
        makes = [
            f"{what} alone {'make' if AND in what else 'makes'} a step take {more_or_less(ratio)}"
            for what, ratio in parts
        ]
        return f"{'; '.join(makes)}."
    return f"Also changed: {'; '.join(map(str, verdict.differences))}."


def _explaining(verdict: Verdict, separations: OfMachines) -> list[tuple[str, float]]:
    """What else than the framework surely makes a part of a change, and the ratio that it makes by
    itself."""
    found = []
    for separation in separations.get(verdict.machine, ()):
        judgement = separation.judgement
        if judgement is not None and separation.is_of(verdict) and explains(judgement, verdict):
            found.append((AND.join(titles(separation.variant)), judgement.ratio))
    return found


def surprises(
    verdicts: Sequence[Verdict], separations: OfMachines, changes: Sequence[Across[Verdict]]
) -> list[str]:
    """Lines on what a reader would not expect: a change that is not the framework's, a change that
    is not the same on every machine, and duets that contradict processes that ran alone."""
    lines = []
    lines += _some(
        "is a change of something else than the framework",
        "are changes of something else than the framework",
        [
            f"{_of(verdict)}: {percent(verdict.ratio or 1)}; "
            + "; ".join(f"by {what} alone {percent(ratio)}" for what, ratio in parts)
            for verdict in sorted(
                verdicts, key=lambda each: (each.measure != STEP.key, -_size(each))
            )
            if verdict.outcome in CHANGED
            for parts in [_explaining(verdict, separations)]
            if parts
        ],
    )
    lines += _some(
        "differs from machine to machine",
        "differ from machine to machine",
        [_differing(change) for change in changes if _differs(change)],
    )
    lines += _some(
        "is seen otherwise by processes that ran alone",
        "are seen otherwise by processes that ran alone",
        [
            f"{_of(verdict)}: {verdict.outcome} by duets, {opinion.outcome} by processes"
            for verdict in verdicts
            for opinion in [verdict.second_opinion]
            if verdict.is_disputed and opinion is not None
        ],
    )
    return lines[:-1] or ["Nothing."]


def _of(verdict: Verdict) -> str:
    """The release, the configuration, the measure and the machine."""
    title = JUDGED[verdict.measure].title
    return f"{verdict.release}, {_configuration(verdict)}, {title}, on {verdict.machine}"


def _some(one: str, many: str, texts: Sequence[str]) -> list[str]:
    """A list with its count; the first SURPRISES of the ``texts`` are in it."""
    if not texts:
        return []
    head = f"1 {one}:" if len(texts) == 1 else f"{len(texts)} {many}:"
    if len(texts) > SURPRISES:
        head = f"{head[:-1]}. The first {SURPRISES}:"
    return [head, "", *(f"- {cell(text)}" for text in texts[:SURPRISES]), ""]


def _differs(change: Across[Verdict]) -> bool:
    """Whether two machines are surely of different opinions."""
    return len({verdict.outcome for verdict in change.answers.values()}) > 1


def _differing(change: Across[Verdict]) -> str:
    told = ", ".join(
        f"{outcome(verdict)} on {machine} ({percent(verdict.ratio or 1)})"
        for machine, verdict in change.answers.items()
    )
    title = JUDGED[change.measure].title
    return f"{change.release} {change.configuration}, {title}: {told}"
