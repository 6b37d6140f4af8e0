"""Lines, which pages, plots, exports and findings show: a graph each, of what one track has on
record of one machine in one profile, release by release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import records
from ..errors import how_many, one_line
from ..inside import workload
from ..inside.params import choices_of, readable
from ..judging.measures import IMAGES, MEASURES, STEP
from ..judging.state import Known, State, known_of, newest_alike, state_of
from ..records import Record
from ..records.stretches import stretches
from ..releases.catalogue import Catalogue, Release
from .estimates import Estimate, estimate, images_per_s

if TYPE_CHECKING:  # it imports what judges: what is kept is published without that
    from ..judging import evidence

#: A word of a configuration and a reason are shown up to so many characters.
_WORD, REASON = 60, 400

#: The word of a param that a record lacks: the record is older than it, or another's. Such a param
#: is at its default.
LACKING = "-"

#: A process, and its figure of one measure.
Counted = tuple[Record, float]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One configuration of one release: what the processes of the newest run came to.

    ``why``: the reason or error of what is not ok. ``taken``: the records of the run's processes,
    of what is ok those in the state of the last. ``processes``: how many of them count.
    ``samples``: how many these have in all. ``counted``: by the key of the measure, the processes
    that count for it, each with its figure; ``estimates``: by the same key, what these come to.
    Both are empty where the outcome is not ok. ``earlier``: the estimates of a run beside which the
    release before was measured, where the newest run is of another day. There the line has to be
    cut: the machine may have drifted between the two. ``otherwise``: in what other state of the
    machine the release before was measured; there it is cut too, since the two are not compared.
    ``state``: what of the machine it was measured in, of what is ok. ``busy``: why others may have
    taken processors from what it took; None where there is no sign of it. Of what takes time,
    processes that no other work disturbed count alone where there are any. ``idle``: on how few of
    its CPUs a step computes; None where it uses them all.
    """

    release: str
    words: tuple[str, ...]
    outcome: str
    why: str | None
    run: str
    started: str
    taken: tuple[Record, ...]
    processes: int
    samples: int
    counted: Mapping[str, Sequence[Counted]] = field(default_factory=dict)
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    earlier: Mapping[str, Estimate] = field(default_factory=dict)
    otherwise: str | None = None
    state: State | None = None
    busy: str | None = None
    idle: str | None = None


@dataclass(frozen=True, kw_only=True)
class PageGraph:
    """``params`` are the names of the words of a configuration; ``configurations`` are in asv's
    order, ``cells`` in the order of the releases, then of the configurations. Of what no run of
    asv has measured there are no cells."""

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

    def named(self, words: Sequence[str]) -> dict[str, str]:
        """The words of a configuration by the names of their params, without those it lacks."""
        named = zip(self.params, words, strict=True)
        return {name: word for name, word in named if word != LACKING}

    def readable(self, words: Sequence[str]) -> str:
        """The text of a configuration for people. pages/static/params.js makes the same
        text."""
        text: str = readable(self.framework, self.params, words)
        return text


class _Placed(NamedTuple):
    """``stretch``: the stretch of measuring that the process is part of; ``state``: what of the
    machine it was measured in."""

    record: Record
    stretch: int | None
    state: State


@dataclass(frozen=True)
class LeftOut:
    """Records that are in no line: ``why``, of which release, how many."""

    why: str
    release: str
    count: int

    def __str__(self) -> str:
        are = "is" if self.count == 1 else "are"
        return f"{how_many(self.count, 'record')} of {self.release} {are} left out: {self.why}"


def lines(
    machine: str,
    taken: Sequence[Record],
    catalogue: Catalogue,
    *,
    also: Iterable[evidence.Line] = (),
) -> tuple[list[PageGraph], list[LeftOut]]:
    """The lines of ``machine``, from its records in the order in which they were written.

    The newest run that has a configuration counts, as in ``vggbench rates`` and ``table``; records
    of a confirmation or calibration are evidence for verdicts and make no line. ``also``: whose
    configurations are in the lines too, whatever measured them.
    """
    known = known_of(taken)
    groups: dict[tuple[str, str, str], dict[tuple[str, str], list[_Placed]]] = {}
    left_out: dict[tuple[str, str], int] = {}
    for record, stretch in zip(taken, stretches([record.period for record in taken]), strict=True):
        if not record.is_timed:
            continue
        why = record.why_left_out(machine, catalogue.by_commit)
        if why is not None:
            place = (why, one_line(record.release, _WORD))
            left_out[place] = left_out.get(place, 0) + 1
            continue
        release = catalogue.by_commit[record.commit]
        line = (record.profile, release.track, record.family)
        cell = (release.commit, records.canonical(record.configuration))
        placed = _Placed(record, stretch, state_of(record, known))
        groups.setdefault(line, {}).setdefault(cell, []).append(placed)
    besides: dict[tuple[str, str, str], list[evidence.Line]] = {}
    for other in also:
        besides.setdefault(place_of(other), []).append(other)
    made = [
        _line(
            machine,
            place,
            groups.get(place, {}),
            catalogue,
            known=known,
            also=besides.get(place, ()),
        )
        for place in sorted(
            {**groups, **besides},
            key=lambda place: (list(catalogue.tracks).index(place[1]), place),
        )
    ]
    return made, [LeftOut(why, name, n) for (why, name), n in sorted(left_out.items())]


def place_of(line: evidence.Line) -> tuple[str, str, str]:
    """Profile, track and family of the line that has this configuration."""
    return line.profile, line.track, records.family_of(line.benchmark)


def _line(
    machine: str,
    of: tuple[str, str, str],
    groups: Mapping[tuple[str, str], Sequence[_Placed]],
    catalogue: Catalogue,
    *,
    known: Known,
    also: Sequence[evidence.Line],
) -> PageGraph:
    profile, track, family = of
    benchmarks = [line.benchmark for line in also]
    benchmarks += [group[0].record.benchmark for group in groups.values()]
    choices: Mapping[str, Sequence[str]] = choices_of(records.class_of(benchmarks[0]))
    of_others: list[Mapping[str, Any]] = [line.configuration for line in also]
    named = dict.fromkeys(choices)
    for configured in (*(group[0].record.configuration for group in groups.values()), *of_others):
        named.update(dict.fromkeys(configured))
    params = tuple(named)
    place = {release.commit: i for i, release in enumerate(catalogue.tracks[track].releases)}

    def order(words: tuple[str, ...]) -> list[tuple[int, str]]:
        ranks = []
        for name, word in zip(params, words, strict=True):
            listed = list(choices.get(name, ()))
            ranks.append((listed.index(word) if word in listed else len(listed), word))
        return ranks

    cells = []
    # The stretch of the current release before, and its state, by configuration.
    beside: dict[str, int | None] = {}
    states: dict[str, State] = {}
    for (commit, configuration), group in sorted(
        groups.items(), key=lambda item: place[item[0][0]]
    ):
        newest = newest_alike([process.record for process in group], known)
        cell = _cell(newest, params, catalogue.by_commit[commit])
        if cell.outcome == records.OK:
            own = next(process for process in group if process.record is newest[0])
            cell = replace(cell, state=own.state)
            before, now = beside.get(configuration), own.stretch
            state = states.setdefault(configuration, own.state)
            if state != own.state:
                cell = replace(cell, otherwise=own.state.differs(state))
            elif before not in (None, now):
                alike = [process for process in group if process.state == own.state]
                cell = replace(cell, earlier=_earlier(alike, before))
            if catalogue.is_current(catalogue.by_commit[commit]):
                beside[configuration], states[configuration] = now, own.state
        cells.append(cell)
    by_name = {release.name: place[release.commit] for release in catalogue.tracks[track].releases}
    cells.sort(key=lambda cell: (by_name[cell.release], order(cell.words)))
    words = {cell.words for cell in cells} | {
        words_in(configuration, params) for configuration in of_others
    }
    configurations = sorted(words, key=order)
    return PageGraph(
        machine=machine,
        profile=profile,
        track=track,
        family=family,
        params=params,
        configurations=tuple(configurations),
        cells=tuple(cells),
    )


def _cell(newest: Sequence[Record], params: Sequence[str], release: Release) -> Cell:
    """What the processes of one configuration came to in its newest run."""
    summary = records.outcome_of(newest)
    ok, why = summary.outcome == records.OK, summary.why_counted
    counting = records.undisturbed(newest) if ok else newest
    counted = _counted(newest) if ok else {}
    return Cell(
        release=release.name,
        words=words_in(newest[0].configuration, params),
        outcome=summary.outcome,
        why=None if why is None else one_line(why, REASON),
        run=newest[0].run,
        started="" if newest[0].started is None else str(newest[0].started),
        taken=tuple(newest),
        processes=len(counting),
        samples=sum(len(record.samples) for record in counting) if ok else 0,
        counted=counted,
        estimates=_estimates(counted) if ok else {},
        busy=counting[-1].busy if ok else None,
        idle=counting[-1].idle if ok else None,
    )


def _earlier(group: Sequence[_Placed], stretch: int | None) -> Mapping[str, Estimate]:
    """What the newest of the runs in this stretch came to; nothing where it measured nothing."""
    among = [process.record for process in group if process.stretch == stretch]
    newest = records.newest_run(among) if among else []
    is_ok = bool(newest) and records.outcome_of(newest).outcome == records.OK
    return _estimates(_counted(newest)) if is_ok else {}


def _counted(processes: Sequence[Record]) -> dict[str, list[Counted]]:
    """By the key of the measure, those of the processes of one run that count for it, each with its
    figure. Of what takes time, processes that no other work disturbed count alone where there are
    any."""
    undisturbed = records.undisturbed(processes)
    found = {}
    for measure in MEASURES:
        figures = [
            (record, figure)
            for record in (undisturbed if measure.takes_time else processes)
            for figure in [measure.figure(record)]
            if figure is not None
        ]
        if figures:
            found[measure.key] = figures
    return found


def _estimates(counted: Mapping[str, Sequence[Counted]]) -> dict[str, Estimate]:
    """By the key of the measure, of the processes that count for it, which are of one run and
    configuration."""
    found = {key: estimate([figure for _, figure in own]) for key, own in counted.items()}
    profile = counted[STEP.key][0][0].profile
    batch_size = workload.profile(profile).workload.batch_size
    found[IMAGES.key] = images_per_s(found[STEP.key], batch_size)
    return found


def words_in(configuration: Mapping[str, object], params: Sequence[str]) -> tuple[str, ...]:
    """The words of these params in a recorded configuration, as pages show them."""
    return tuple(one_line(str(configuration.get(name, LACKING)), _WORD) for name in params)
