"""The table of the findings in which each machine has a column of what it says of a change."""

from __future__ import annotations

from collections.abc import Sequence

from ..judging.measures import JUDGED
from ..judging.phrases import outcome, percent, row
from ..judging.verdicts import Verdict
from ..stats.policy import CHANGED
from .across import Across


def table(changes: Sequence[Across[Verdict]], machines: Sequence[str]) -> list[str]:
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
