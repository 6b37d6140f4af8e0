"""Which figures ``asv compare`` shows side by side that vggbench would not compare.

asv does not know in which state the machine was, what else ran on it, and what is not to count. Our
records know it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from .. import records
from ..errors import one_line, some_of
from ..judging.state import Known, known_of, state_of
from ..records import Record, Store
from ..releases.catalogue import Catalogue
from ..runs import profiles
from ..runs.coverage import environment_name

#: The most configurations that a line of text names.
_MOST_NAMES = 9

#: A profile and the key of a configuration.
_Place = tuple[str, str]


def messages(
    store: Store,
    machine: str,
    catalogue: Catalogue,
    compared: Sequence[tuple[str, str]],
    environments: Collection[str] | None = None,
) -> list[str]:
    """Messages about the configurations of two releases that vggbench would not compare: one for
    all configurations of a profile with the same reason.

    ``compared``: the commit id and the name of the release before, and of the other release.
    ``environments``: asv's names of the environments that are shown; None where all are.
    """
    known = known_of(store.all(machine))
    before, after = (_newest(store.where(machine, commits={commit})) for commit, _ in compared)
    names = [name for _, name in compared]
    reasons: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for place in sorted(before.keys() & after.keys()):
        profile, _ = place
        if environments is not None and environment_name(profile) not in environments:
            continue
        groups = before[place], after[place]
        kind, why = _reason(names, groups, known)
        no_evidence = _no_evidence(names, groups, machine, catalogue)
        if no_evidence:
            kind = why = no_evidence
        if why:
            _, configurations = reasons.setdefault((profile, kind), (why, []))
            configurations.append(before[place][-1].words)
    again = f"asv run '{' '.join(names)}'"
    return [
        "vggbench would not compare "
        f"{some_of(list(dict.fromkeys(configurations)), _MOST_NAMES)} ({profile}): "
        f"{why}; measure both anew: {profiles.asking(profile, again)}"
        for (profile, _), (why, configurations) in reasons.items()
    ]


def _newest(taken: Iterable[Record]) -> dict[_Place, list[Record]]:
    """The records from which asv's numbers are: for each configuration those of its newest run,
    where all of that run's processes ended well."""
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
    names: Sequence[str],
    groups: tuple[list[Record], list[Record]],
    machine: str,
    catalogue: Catalogue,
) -> str:
    """The records of the two releases that do not count, as a text; empty where all of them
    count."""
    return "; ".join(
        f"of {name}, records {why} do not count"
        for name, group in zip(names, groups, strict=True)
        for why in dict.fromkeys(record.why_no_evidence(machine, catalogue) for record in group)
        if why is not None
    )


def _reason(
    names: Sequence[str], groups: tuple[list[Record], list[Record]], known: Known
) -> tuple[str, str]:
    """(kind, text): why the records of the two releases are not compared. The text has figures,
    which may differ between configurations. The kind has none: all configurations of one kind share
    a line. Both are empty where the records are compared."""
    past, now = (state_of(group[-1], known) for group in groups)
    differs = now.differs(past) if past != now else ""
    otherwise = [f"{names[1]} was measured otherwise; {differs}"] if differs else []
    busy = {}
    for name, group in zip(names, groups, strict=True):
        loads = [record.busy for record in group if record.times_the_step]
        # As in a verdict, only the processes that nothing disturbed count where there are any.
        if loads and None not in loads:
            busy[name] = one_line(str(loads[-1]), 120)
    disturbed = [f"{name} was measured on a busy machine ({load})" for name, load in busy.items()]
    # Without its figures, a load is one kind, however large it was.
    kinds = [f"{name} {re.sub(r'[0-9.]+', '', load)}" for name, load in busy.items()]
    return "; ".join((*otherwise, *kinds)), "; ".join((*otherwise, *disturbed))
