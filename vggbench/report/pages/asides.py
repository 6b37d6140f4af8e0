"""What others than runs of asv measured: processes in duets, and processes that took turns.

A line has a cell for what a run of asv measured (``lines.Cell``), and an aside for what only others
measured. So the pages say what is on record of that too, and the verdicts on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ... import records
from ...errors import one_line
from ...judging.evidence import Line
from ...records import Record
from ...releases.catalogue import Catalogue
from ..lines import REASON


@dataclass(frozen=True, kw_only=True)
class Aside:
    """One configuration of one release. ``in_duets`` and ``in_turns``: how many processes ran so,
    whatever came of them. ``outcome``: ok where any process took its samples, else what the newest
    run came to, and ``why``."""

    line: Line
    release: str
    outcome: str
    why: str | None
    in_duets: int
    in_turns: int


def asides(machine: str, taken: Iterable[Record], catalogue: Catalogue) -> list[Aside]:
    """In the order of the releases. What a run of asv measured too has a cell, and no aside.
    ``taken``: the machine's records, but those that count for one command alone. Variants of a
    release are not the release."""
    groups: dict[tuple[str, Line], list[Record]] = {}
    with_cell: set[tuple[str, Line]] = set()
    for record in taken:
        if not record.times_the_step or record.commit not in catalogue.by_commit:
            continue
        track = catalogue.by_commit[record.commit].track
        canonical = records.canonical(record.configuration)
        place = (record.commit, Line(record.profile, track, record.benchmark, canonical))
        if record.is_ordinary:
            if record.why_left_out(machine, catalogue.by_commit) is None:  # as ``lines`` has it
                with_cell.add(place)
        elif record.outcome != records.INTERRUPTED and record.tells_of_release(machine, catalogue):
            groups.setdefault(place, []).append(record)
    order = {release.commit: i for i, release in enumerate(catalogue)}
    return [
        _aside(catalogue.by_commit[commit].name, line, own)
        for (commit, line), own in sorted(
            groups.items(), key=lambda item: (order[item[0][0]], item[0][1].rank)
        )
        if (commit, line) not in with_cell
    ]


def _aside(release: str, line: Line, own: list[Record]) -> Aside:
    outcome, why = records.OK, None
    if not any(record.outcome == records.OK for record in own):
        summary = records.outcome_of(records.newest_run(own))
        outcome = summary.outcome
        why = None if summary.why_counted is None else one_line(summary.why_counted, REASON)
    ran = [record for record in own if record.had_process]
    in_duets = sum(record.is_of_a_duet for record in ran)
    return Aside(
        line=line,
        release=release,
        outcome=outcome,
        why=why,
        in_duets=in_duets,
        in_turns=len(ran) - in_duets,
    )
