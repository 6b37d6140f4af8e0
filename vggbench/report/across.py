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
        return len({verdict.outcome for verdict in self.verdicts.values()}) == 1


def across(found: Iterable[Verdict]) -> list[Across]:
    """Of verdicts in one profile: the changes that one machine saw at least, and two could see."""
    groups: dict[tuple[str, str, str, str], dict[str, Verdict]] = {}
    for verdict in found:
        if verdict.against is not None and verdict.ratio is not None:
            place = (verdict.release, verdict.against, verdict.words, verdict.measure)
            groups.setdefault(place, {})[verdict.machine] = verdict
    return [
        Across(*place, verdicts)
        for place, verdicts in groups.items()
        if len(verdicts) > 1 and any(verdict.outcome in CHANGED for verdict in verdicts.values())
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
                    *(
                        compared.release,
                        compared.against,
                        compared.configuration,
                        JUDGED[compared.measure].title,
                    ),
                    *(_said(compared.verdicts.get(machine)) for machine in machines),
                )
            )
            for compared in found
        ),
    ]


def _said(verdict: Verdict | None) -> str:
    if verdict is None or verdict.ratio is None:
        return "-"
    change = percent(verdict.ratio)
    if verdict.outcome in CHANGED:
        return change if verdict.apart else f"{change}, confirmed"
    return f"{outcome(verdict)} ({change})"
