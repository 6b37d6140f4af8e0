"""What a machine's records add to the pages: its lines, the choices on them, the verdicts, and
what there is to say about the machine."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import how_many
from ..installed import bytes_by_lock
from ..lines import PageGraph, lines, place_of
from . import beside, confirmed, data, verdicts
from .about import about
from .asides import Aside, asides
from .choices import choices
from .kept import OfMachine
from .source import Source
from .verdicts import MachineVerdicts


def of_machine(machine: str, source: Source) -> OfMachine:
    made = OfMachine()
    taken = list(source.records_of(machine, made.complaints.append))
    judged = verdicts.judge(
        machine, taken, source.catalogue, source.accepted, why_none=source.why_none
    )
    everything = taken
    # What counts for one command alone is on no line, nor does it fill the pause of a sitting.
    taken = [record for record in taken if not record.is_apart]
    found = asides(machine, taken, source.catalogue)
    also = dict.fromkeys(aside.line for aside in found)
    drawn, without = lines(machine, taken, source.catalogue, also=also)
    made.about = about(machine, everything, source.catalogue, drawn=drawn, judged=judged)
    for left_out in without:
        made.left_out.append(data.of_left_out(machine, left_out))
        are = "is" if left_out.count == 1 else "are"
        records = f"{how_many(left_out.count, 'record')} of {left_out.release}"
        made.complaints.append(f"{machine}: {records} {are} on no page: {left_out.why}")
    for message in [*judged.complaints, *filter(None, [judged.why_none])]:
        if not any(left_out.why in message for left_out in without):  # else it was said above
            made.complaints.append(f"{machine}: verdicts: {message}")
    for line in drawn:
        _add_line(made, line, judged, found)
    current = [
        verdict
        for verdict in judged.judged
        if verdict.release not in source.catalogue.tracks[verdict.track].superseded
    ]
    made.entries += confirmed.entries(current, taken)
    made.installed.update(bytes_by_lock(taken))
    return made


def _add_line(
    made: OfMachine, line: PageGraph, judged: MachineVerdicts, found: Sequence[Aside]
) -> None:
    name = data.line_id(line)
    place = (line.profile, line.track, line.family)
    chained = [line_chain for line_chain in judged.chains if place_of(line_chain.line) == place]
    own = [each for each in found if place_of(each.line) == place]
    made.described.append(data.described(line, chained, own))
    told = [
        verdict
        for verdict in judged.told
        if (verdict.profile, verdict.track, verdict.family) == place
    ]
    changed = [
        change
        for change in judged.changes
        if (change.profile, change.track, change.family) == place
    ]
    made.briefs.append(beside.briefs(line, told))
    evidence = data.of_verdicts(line, told, changed, judged.why_none)
    made.files[f"{name}.json"] = data.as_json(data.of_line(line, told, chained, own))
    made.files[f"{name}-choices.json"] = data.as_json(data.of_choices(line, choices(line)))
    made.files[f"{name}-verdicts.json"] = data.as_json(evidence)
