"""The verdicts of several machines on the same change, side by side.

A change that machines with different processors saw, each in sessions of its own, is no noise of
one day. A change that one machine saw and another excludes comes from the processor.
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
    """The verdicts on one measure of one configuration of a release against another release.
    ``verdicts``: by machine, for the machines that have numbers of both releases."""

    release: str
    against: str
    configuration: str
    measure: str
    verdicts: Mapping[str, Verdict]

    @property
    def agreed(self) -> bool:
        """Whether the verdicts of all machines have the same outcome."""
        return len({verdict.outcome for verdict in self.verdicts.values()}) == 1


def across(verdicts: Iterable[Verdict]) -> list[Across]:
    """The changes that at least one machine saw, and of which at least one other machine has
    numbers, from verdicts in one profile."""
    groups: dict[tuple[str, str, str, str], dict[str, Verdict]] = {}
    for verdict in verdicts:
        if verdict.against is not None and verdict.ratio is not None:
            place = (verdict.release, verdict.against, verdict.words, verdict.measure)
            groups.setdefault(place, {})[verdict.machine] = verdict
    return [
        Across(*place, by_machine)
        for place, by_machine in groups.items()
        if len(by_machine) > 1
        and any(verdict.outcome in CHANGED for verdict in by_machine.values())
    ]


def table(changes: Sequence[Across], machines: Sequence[str]) -> list[str]:
    """Lines of a table in Markdown, with a column for each machine."""
    if not changes:
        return ["None."]
    lines = [
        row(("release", "against", "configuration", "measure", *machines)),
        "|---|---|---|---|" + "--:|" * len(machines),
    ]
    for change in changes:
        title = JUDGED[change.measure].title
        cells = [_cell(change.verdicts.get(machine)) for machine in machines]
        lines.append(row((change.release, change.against, change.configuration, title, *cells)))
    return lines


def _cell(verdict: Verdict | None) -> str:
    """The change that a machine saw, or its verdict; a hyphen where it has no numbers."""
    if verdict is None or verdict.ratio is None:
        return "-"
    change = percent(verdict.ratio)
    if verdict.outcome in CHANGED:
        return f"{change}, confirmed" if verdict.is_confirmed else change
    return f"{outcome(verdict)} ({change})"
