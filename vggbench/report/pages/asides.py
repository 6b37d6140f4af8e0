"""What others than runs of asv measured: processes in duets, and processes that took turns.

Lines have cells of what runs of asv measured (``lines.Cell``). Of what only others did they have
asides, so that the pages say what is on record of it, and the verdicts on it.
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
    """In the order of the releases. Those of what runs of asv measured too are among them: who
    draws a line leaves out what has a cell. ``taken``: the machine's records, but those that count
    for one command alone. Variants of a release are not the release."""
    groups: dict[tuple[str, Line], list[Record]] = {}
    for record in taken:
        if not record.times_the_step or record.is_ordinary:
            continue
        if record.outcome == records.INTERRUPTED:
            continue
        if not record.tells_of_release(machine, catalogue):
            continue
        track = catalogue.by_commit[record.commit].track
        canonical = records.canonical(record.configuration)
        line = Line(record.profile, track, record.benchmark, canonical)
        groups.setdefault((record.commit, line), []).append(record)
    place = {release.commit: i for i, release in enumerate(catalogue)}
    return [
        _aside(catalogue.by_commit[commit].name, line, own)
        for (commit, line), own in sorted(
            groups.items(), key=lambda item: (place[item[0][0]], item[0][1].rank)
        )
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
