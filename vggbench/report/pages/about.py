"""What the page Machines says of a machine: what it is, how noisy, and what it has measured.

All of it is on record. Of a fact that no record has there is no value, and nothing is guessed.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

from ... import records
from ...errors import one_line
from ...inside import workload
from ...judging import duets
from ...judging.duets import Block
from ...judging.measures import STEP
from ...judging.state import GOVERNOR, GPU, NONE, PROCESSOR, state_of
from ...records import Record
from ...records.record import is_cpus, is_measured
from ...records.stretches import union_s
from ...releases.catalogue import Catalogue
from ...stats.policy import SURE
from ..lines import PageGraph
from .data import rounded
from .verdicts import MachineVerdicts

#: So many values of a fact are told, the newest first.
MOST = 4

#: The governor of a machine whose system tells none.
UNSEEN = "cannot be seen"

#: A profile, and a track; None for releases that are on none.
_Place = tuple[str, str | None]


def about(
    machine: str,
    taken: Iterable[Record],
    catalogue: Catalogue,
    *,
    drawn: Sequence[PageGraph],
    judged: MachineVerdicts,
) -> dict[str, Any] | None:
    """As JSON; None where no record is of the machine. ``taken``: all its records, also those that
    count for one command alone: the machine measured them, too."""
    own = [record for record in taken if _is_of(record, machine)]
    if not own:
        return None
    profiles = [name for name in workload.PROFILES if any(r.profile == name for r in own)]
    return {
        **_facts(own),
        "noise": [_noise(judged.blocks, profile) for profile in profiles],
        "measured": _measured(own, catalogue, drawn, judged),
        "heard": _heard(own),
    }


def _is_of(record: Record, machine: str) -> bool:
    """Whether it is of a process of this machine that nobody excluded."""
    is_other = "machine" in record.stated and record.machine != machine
    is_known = record.profile in workload.PROFILES
    return is_known and not (is_other or record.excluded is not None or record.is_of_the_future)


def _facts(own: Sequence[Record]) -> dict[str, Any]:
    """Of each fact the values on record, the newest first; none where no record has it.
    ``memory_limit_bytes``: that of the newest record that tells it, null where there is none."""
    found: dict[str, dict[str, None]] = {
        key: {} for key in ("processor", "cpus", "kernel", "governor", "gpu")
    }
    for record in reversed(own):
        state = dict(state_of(record, {}).facts)
        governor, gpu = state.get(GOVERNOR), state.get(GPU)
        told = {
            "processor": state.get(PROCESSOR),
            "cpus": f"{record.cpus:g}" if is_cpus(record.cpus) else None,
            "kernel": one_line(record.kernel, 60) if isinstance(record.kernel, str) else None,
            "governor": UNSEEN if governor == NONE else governor,
            "gpu": None if gpu == NONE else gpu,
        }
        for key, value in told.items():
            if value:
                found[key].setdefault(value)
    limits = [r.memory_limit_bytes for r in own if "memory_limit_bytes" in r.stated]
    limit = limits[-1] if limits and is_measured(limits[-1]) else None
    return {
        **{key: list(values)[:MOST] for key, values in found.items()},
        "memory_limit_bytes": limit,
    }


def _noise(blocks: Iterable[Block], profile: str) -> dict[str, Any]:
    """What the calibrations of a profile tell of the step's blocks, in the state of the machine of
    the newest one. ``deviation`` and ``bias`` are ratios less one, null where there are too few
    ``blocks`` to tell them."""
    own = [
        block
        for block in blocks
        if block.profile == profile and block.calibrates and STEP.key in block.numbers
    ]
    alike = duets.of_states(own, own[-1].states) if own else []
    noise = duets.noise(alike, measure=STEP.key)
    return {
        "profile": profile,
        "blocks": len(alike),
        "deviation": None if noise.is_assumed else rounded(noise.deviation),
        "bias": None if noise.is_assumed else rounded(noise.bias),
    }


def _measured(
    own: Iterable[Record],
    catalogue: Catalogue,
    drawn: Sequence[PageGraph],
    judged: MachineVerdicts,
) -> list[dict[str, Any]]:
    """A row for each track in each profile. ``releases``: how many have a number, a level of a
    chain included, ``of`` all of the track. ``answered``: how many ``comparisons`` of the step are
    sure; null where nothing could be judged. ``hours``: in which a process ran; two that were alive
    at once do not count twice."""
    groups: dict[_Place, list[Record]] = {}
    for record in own:
        release = catalogue.by_commit.get(record.commit)
        place = record.profile, None if release is None else release.track
        groups.setdefault(place, []).append(record)
    order = [*catalogue.tracks, None]
    rows: list[dict[str, Any]] = []
    for place in sorted(groups, key=lambda each: (order.index(each[1]), each[0])):
        profile, track = place
        ran = [record for record in groups[place] if record.had_process]
        compared = [
            verdict
            for verdict in judged.told
            if (verdict.profile, verdict.track, verdict.measure) == (*place, STEP.key)
            and verdict.is_compared
        ]
        answered = sum(verdict.outcome in SURE for verdict in compared)
        rows.append(
            {
                "profile": profile,
                "track": track,
                "releases": len(_with_a_number(place, drawn, judged)),
                "of": 0 if track is None else len(catalogue.tracks[track].releases),
                "answered": None if judged.why_none else answered,
                "comparisons": None if judged.why_none else len(compared),
                "processes": len(ran),
                "hours": rounded(union_s(period for r in ran if (period := r.period)) / 3600),
            }
        )
    return rows


def _with_a_number(place: _Place, drawn: Iterable[PageGraph], judged: MachineVerdicts) -> set[str]:
    """The releases of a track in a profile that have a figure, or a level."""
    found = {
        cell.release
        for line in drawn
        if (line.profile, line.track) == place
        for cell in line.cells
        if cell.outcome == records.OK
    }
    return found | {
        release.name
        for line_chain in judged.chains
        if (line_chain.line.profile, line_chain.line.track) == place
        for component in line_chain.components
        for release, _ in component.levels
    }


def _heard(own: Iterable[Record]) -> str | None:
    """When the last of its processes ended, in ISO 8601 and UTC; None where no record tells."""
    ends = [period[1] for record in own if (period := record.period) is not None]
    try:
        last = max(ends).astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):  # there is none, or none that has a day in UTC
        return None
    return last.isoformat(timespec="seconds")
