"""Lines: what one track has on record of one machine in one profile, release by release."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ... import records
from ...errors import one_line
from ...inside import workload
from ...inside.params import words_of
from ...releases.catalogue import Catalogue, Release
from . import measures
from .measures import Estimate

#: What is kept of a record while a machine's are read.
_KEPT = (
    *("run", "started", "release", "commit", "profile", "benchmark", "benchmark_version"),
    *("configuration", "outcome", "reason", "error", "samples", "python", "build_s", "warm_up_s"),
    *("losses", "versions", "peak_memory_bytes", "gpu", "interpreter"),
)

#: The key of what is added to it: the stretch of measuring that the process is part of.
_STRETCH = "stretch"

#: A word of a configuration and a reason are shown up to so many characters.
_WORD, _REASON = 60, 400


@dataclass(frozen=True)
class Cell:
    """One configuration of one release: what the processes of the newest run came to.

    ``why``: the reason or error of what is not ok. ``samples``: how many in all. ``estimates``: by
    the key of the measure, empty where the outcome is not ok. ``earlier``: the same of a run beside
    which the release before was measured, where the newest run is of another day. There the line
    has to be cut: the machine may have drifted between the two.
    """

    release: str
    words: tuple[str, ...]
    outcome: str
    why: str | None
    run: str
    started: str
    processes: int
    samples: int
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    earlier: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """``params`` are the names of the words of a configuration; ``configurations`` are in asv's
    order, ``cells`` in the order of the releases, then of the configurations."""

    machine: str
    profile: str
    track: str
    family: str
    params: tuple[str, ...]
    configurations: tuple[tuple[str, ...], ...]
    cells: tuple[Cell, ...]

    @property
    def framework(self) -> str:
        """What the class of its benchmark is named after."""
        return self.family.rpartition(".")[2]


@dataclass(frozen=True)
class LeftOut:
    """Records that are in no line: ``why``, of which release, how many."""

    why: str
    release: str
    count: int


def lines(
    machine: str, taken: Iterable[records.Record], catalogue: Catalogue
) -> tuple[list[Line], list[LeftOut]]:
    """The lines of ``machine``, from its records in the order in which they were written.

    The newest run that has a configuration counts, as in ``vggbench rates`` and ``table``; records
    of a confirmation or calibration are evidence for verdicts and make no line.
    """
    groups: dict[tuple[str, str, str], dict[tuple[str, str], list[records.Record]]] = {}
    left_out: dict[tuple[str, str], int] = {}
    spans = []
    all_kept: list[tuple[int, records.Record]] = []
    for place_of_record, record in enumerate(taken):
        spans.append(records.span(record))
        if not records.is_timed(record):
            continue
        why = records.why_left_out(record, catalogue.by_commit)
        if why is not None:
            place = (why, one_line(record["release"], _WORD))
            left_out[place] = left_out.get(place, 0) + 1
            continue
        release = catalogue.by_commit[record["commit"]]
        line = (record["profile"], release.track, record["benchmark"].rpartition(".")[0])
        cell = (release.commit, json.dumps(record["configuration"], sort_keys=True))
        kept = {key: record[key] for key in _KEPT if key in record}
        groups.setdefault(line, {}).setdefault(cell, []).append(kept)
        all_kept.append((place_of_record, kept))
    stretches = records.stretches(spans)
    for place_of_record, kept in all_kept:
        kept[_STRETCH] = stretches[place_of_record]
    made = [
        _line(machine, *place, groups[place], catalogue)
        for place in sorted(
            groups, key=lambda place: (list(catalogue.tracks).index(place[1]), place)
        )
    ]
    return made, [LeftOut(why, name, n) for (why, name), n in sorted(left_out.items())]


def _line(
    machine: str,
    profile: str,
    track: str,
    family: str,
    groups: Mapping[tuple[str, str], Sequence[records.Record]],
    catalogue: Catalogue,
) -> Line:
    known: Mapping[str, Sequence[str]] = words_of(family.rpartition(".")[2])
    named = dict.fromkeys(known)
    for group in groups.values():
        named.update(dict.fromkeys(group[0]["configuration"]))
    params = tuple(named)
    place = {release.commit: i for i, release in enumerate(catalogue.tracks[track].releases)}

    def order(words: tuple[str, ...]) -> list[tuple[int, str]]:
        ranks = []
        for name, word in zip(params, words, strict=True):
            listed = list(known.get(name, ()))
            ranks.append((listed.index(word) if word in listed else len(listed), word))
        return ranks

    cells = []
    beside: dict[str, int | None] = {}  # the stretch of the release before, by configuration
    for (commit, configuration), group in sorted(groups.items(), key=lambda one: place[one[0][0]]):
        newest = records.newest_run(group)
        cell = _cell(newest, params, catalogue.by_commit[commit])
        if cell.outcome == records.OK:
            before, now = beside.get(configuration), newest[0][_STRETCH]
            if before not in (None, now):
                cell = replace(cell, earlier=_earlier(group, before))
            beside[configuration] = now
        cells.append(cell)
    by_name = {release.name: place[release.commit] for release in catalogue.tracks[track].releases}
    cells.sort(key=lambda cell: (by_name[cell.release], order(cell.words)))
    configurations = sorted({cell.words for cell in cells}, key=order)
    return Line(machine, profile, track, family, params, tuple(configurations), tuple(cells))


def _cell(newest: Sequence[records.Record], params: Sequence[str], release: Release) -> Cell:
    """What the processes of one configuration came to in its newest run."""
    outcome, why = records.outcome_of(newest)
    ok = outcome == records.OK
    configuration: Mapping[str, Any] = newest[0]["configuration"]
    return Cell(
        release=release.name,
        words=tuple(word_of(configuration.get(name, "-")) for name in params),
        outcome=outcome,
        why=None if why is None else one_line(why, _REASON),
        run=newest[0]["run"],
        started=str(newest[0].get("started", "")),
        processes=len(newest),
        samples=sum(len(record["samples"]) for record in newest) if ok else 0,
        estimates=_estimates(newest) if ok else {},
    )


def _earlier(group: Sequence[records.Record], stretch: int | None) -> Mapping[str, Estimate]:
    """What the newest of the runs in this stretch came to; nothing where it measured nothing."""
    among = [record for record in group if record[_STRETCH] == stretch]
    newest = records.newest_run(among) if among else []
    return _estimates(newest) if newest and records.outcome_of(newest)[0] == records.OK else {}


def _estimates(processes: Sequence[records.Record]) -> dict[str, Estimate]:
    """By the key of the measure, of the processes of one run that measured a configuration."""
    estimates = {}
    for one in measures.OF_PROCESSES:
        found = [measures.of_process(one, record) for record in processes]
        values = [value for value in found if value is not None]
        if values:
            estimates[one.key] = measures.estimate(values)
    batch_size = workload.profile(processes[0]["profile"]).workload.batch_size
    step = estimates[measures.STEP.key]
    estimates[measures.IMAGES.key] = measures.images_per_s(step, batch_size)
    return estimates


def word_of(value: object) -> str:
    """A word of a configuration, as pages show it."""
    return one_line(str(value), _WORD)
