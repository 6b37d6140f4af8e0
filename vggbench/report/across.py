"""What several machines say of the same change, side by side.

A change that machines of several processors saw, each in sessions of its own, is no day's noise;
one that another excludes is the processor's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..judging.measures import JUDGED
from ..judging.phrases import outcome, percent, row
from ..judging.verdicts import Verdict
from ..stats.policy import CHANGED


@dataclass(frozen=True)
class Across:
    """What machines say of one measure of one configuration of a release against another.
    ``verdicts``: by machine, of those that have numbers of both."""

    release: str
    against: str
    configuration: str
    measure: str
    verdicts: Mapping[str, Verdict]

    @property
    def agreed(self) -> bool:
        """Whether all of them saw it, one way."""
        return len({one.outcome for one in self.verdicts.values()}) == 1


def across(found: Iterable[Verdict]) -> list[Across]:
    """Of verdicts in one profile: the changes that one machine saw at least, and two could see."""
    groups: dict[tuple[str, str, str, str], dict[str, Verdict]] = {}
    for one in found:
        if one.against is not None and one.ratio is not None:
            place = (one.release, one.against, one.words, one.measure)
            groups.setdefault(place, {})[one.machine] = one
    return [
        Across(*place, verdicts)
        for place, verdicts in groups.items()
        if len(verdicts) > 1 and any(one.outcome in CHANGED for one in verdicts.values())
    ]


def table(found: Sequence[Across], machines: Sequence[str]) -> list[str]:
    """Lines of Markdown, a column a machine."""
    if not found:
        return ["None."]
    return [
        row(("release", "against", "configuration", "measure", *machines)),
        "|---|---|---|---|" + "--:|" * len(machines),
        *(
            row(
                (
                    *(one.release, one.against, one.configuration, JUDGED[one.measure].title),
                    *(_said(one.verdicts.get(machine)) for machine in machines),
                )
            )
            for one in found
        ),
    ]


def _said(one: Verdict | None) -> str:
    if one is None or one.ratio is None:
        return "-"
    change = percent(one.ratio)
    if one.outcome in CHANGED:
        return change if one.apart else f"{change}, confirmed"
    return f"{outcome(one)} ({change})"
