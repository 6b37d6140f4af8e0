"""Whether what ``asv compare`` shows side by side may be compared: asv knows no state of the
machine, nothing of what else ran on it and nothing of what is not to count, our records do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from .. import records
from ..errors import one_line, some_of
from ..judging.state import Known, known_of, state_of
from ..records import Record, Store
from ..releases.catalogue import Catalogue
from ..runs.coverage import environment_name

#: Configurations that a line names.
_NAMED = 9

#: A profile and the key of a configuration.
_Place = tuple[str, str]


def lines(
    store: Store,
    machine: str,
    catalogue: Catalogue,
    compared: Sequence[tuple[str, str]],
    environments: Collection[str] | None = None,
) -> list[str]:
    """A line for each set of configurations of two releases that vggbench would not compare for one
    reason. ``compared``: the id and the name of the one before and of the other. ``environments``:
    asv's names of those that are shown, None of all."""
    known = known_of(store.all(machine))
    one, other = (_newest(store.where(machine, commits={commit})) for commit, _ in compared)
    called = [name for _, name in compared]
    reasons: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for place in sorted(one.keys() & other.keys()):
        profile, _ = place
        if environments is not None and environment_name(profile) not in environments:
            continue
        both = one[place], other[place]
        kind, why = _reason(called, both, known)
        no_evidence = _no_evidence(called, both, machine, catalogue)
        if no_evidence:
            kind = why = no_evidence
        if why:
            _, configurations = reasons.setdefault((profile, kind), (why, []))
            configurations.append(one[place][-1].words)
    again = f"measure both anew: asv run '{' '.join(called)}'"
    return [
        "vggbench would not compare "
        f"{some_of(list(dict.fromkeys(configurations)), _NAMED)} ({profile}): "
        f"{why}; {again}"
        for (profile, _), (why, configurations) in reasons.items()
    ]


def _newest(taken: Iterable[Record]) -> dict[_Place, list[Record]]:
    """The records that asv's numbers are of: of the newest run of each configuration that ran."""
    groups: dict[_Place, list[Record]] = {}
    for record in taken:
        if record.is_ordinary:
            groups.setdefault((record.profile, record.key), []).append(record)
    newest = {place: records.newest_run(group) for place, group in groups.items()}
    return {
        place: group
        for place, group in newest.items()
        if all(record.outcome == records.OK for record in group)
    }


def _no_evidence(
    called: Sequence[str],
    both: tuple[list[Record], list[Record]],
    machine: str,
    catalogue: Catalogue,
) -> str:
    """A text on what of the two does not count; empty where all of it does."""
    return "; ".join(
        f"of {name}, records {why} do not count"
        for name, group in zip(called, both, strict=True)
        for why in dict.fromkeys(record.why_no_evidence(machine, catalogue) for record in group)
        if why is not None
    )


def _reason(
    called: Sequence[str], both: tuple[list[Record], list[Record]], known: Known
) -> tuple[str, str]:
    """What is the same in all configurations of one line, and why these two are not compared, in
    a text with figures that may differ between them. Both are empty where they are compared."""
    past, now = (state_of(group[-1], known) for group in both)
    differs = now.differs(past) if past != now else ""
    otherwise = [f"{called[1]} was measured otherwise; {differs}"] if differs else []
    busy = {}
    for name, group in zip(called, both, strict=True):
        taken = [record.busy for record in group if record.times_the_step]
        # As in a verdict, the processes that nothing disturbed count where there are any.
        if taken and None not in taken:
            busy[name] = one_line(str(taken[-1]), 120)
    disturbed = [f"{name} was measured on a busy machine ({why})" for name, why in busy.items()]
    # One line for all that a load disturbed, however much of it there was.
    told = [f"{name} {re.sub(r'[0-9.]+', '', why)}" for name, why in busy.items()]
    return "; ".join((*otherwise, *told)), "; ".join((*otherwise, *disturbed))
