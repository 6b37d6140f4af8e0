"""From the records of a machine to what verdicts are made of: processes, by release and line.

A line is one configuration of one benchmark on one track in one profile. Records that are no
evidence are left out, and a line of words for each reason says so: a verdict must not come of them.
"""

from __future__ import annotations

import datetime
import json
import math
import statistics
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import records
from ..errors import one_line, some_of
from ..inside.params import words_of
from ..releases.catalogue import Catalogue, Release
from ..runs import variables
from ..stats.judge import Process
from .measures import MEASURES

#: Fewer samples of a process (``asv run --quick``) say little of it.
LEAST_SAMPLES = 3

#: Seconds by which the clocks of a process and of who started it may disagree; beyond, one jumped.
CLOCKS_AGREE_S = 10.0

#: Names of releases in a message, at most.
_NAMED = 5


@dataclass(frozen=True)
class State:
    """What of the machine and its user is the same in all processes that are compared."""

    cpus: int | None
    own_interpreter: bool
    flags: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        words = ["an unknown number of CPUs" if self.cpus is None else f"{self.cpus} CPUs"]
        if not self.own_interpreter:
            words.append("an interpreter given with -E")
        return ", ".join([*words, *(f"{name}={value}" for name, value in self.flags)])


@dataclass(frozen=True)
class Taken:
    """What one process left: its outcome, why, and what it measured (by the measure's key).

    ``facts`` are what it said of its Python and of the libraries that it used. ``session``: what
    drifts of the machine it shares. asv measures release after release, for hours, so of a run only
    the processes of one release share theirs; those of a confirmation are ``interleaved``.
    ``stretch``: what was measured without a long pause has the same; None where that is unknown.
    """

    run: str
    session: str
    outcome: str
    why: str | None
    state: State
    values: dict[str, tuple[float, ...]]
    facts: dict[str, Any]
    interleaved: bool
    stretch: int | None


class Line(NamedTuple):
    """``words`` is the configuration as JSON, its keys sorted."""

    profile: str
    track: str
    benchmark: str
    words: str

    @property
    def configuration(self) -> dict[str, Any]:
        """The params by name, in the order of the benchmark's."""
        found: dict[str, Any] = json.loads(self.words)
        known = list(_params(self.benchmark))
        return dict(sorted(found.items(), key=lambda pair: _place(known, pair[0])))

    @property
    def rank(self) -> tuple[Any, ...]:
        """Where the line stands among others: in the order of asv's tables."""
        params = _params(self.benchmark)
        words = [
            (_place(list(params.get(name, ())), word), str(word))
            for name, word in self.configuration.items()
        ]
        return self.profile, self.benchmark, words


def _params(benchmark: str) -> dict[str, Sequence[str]]:
    family = benchmark.rpartition(".")[0].rpartition(".")[2]
    return dict(words_of(family))


def _place(known: Sequence[Any], one: Any) -> int:
    return known.index(one) if one in known else len(known)


#: Releases, oldest first, each with what its processes measured.
Part = list[tuple[Release, list[Process]]]


@dataclass
class Evidence:
    """The evidence of one machine: of each line, what the processes of each release (its commit)
    left, oldest first. ``calibrating``: the same of processes that only measured noise.
    ``left_out``: a line for each reason why records are none.
    """

    machine: str
    catalogue: Catalogue
    lines: dict[Line, dict[str, list[Taken]]] = field(default_factory=dict)
    calibrating: dict[Line, dict[str, list[Taken]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def of(self, line: Line, release: Release) -> list[Taken]:
        return self.lines.get(line, {}).get(release.commit, [])

    def answer(self, line: Line, release: Release) -> tuple[str | None, str | None]:
        """(outcome, why) of a configuration: as in asv's result, that of the newest run that has
        it, and one failed process makes it failed. (None, None) where it is unmeasured."""
        taken = self.of(line, release)
        newest = [one for one in taken if one.run == taken[-1].run]
        for outcome in (records.FAILED, records.NOT_APPLICABLE):
            those = [one for one in newest if one.outcome == outcome]
            if those:
                return outcome, those[-1].why
        return (records.OK, None) if newest else (None, None)

    def state(self, line: Line, release: Release) -> State | None:
        """That of the newest process that measured the release, None where none did."""
        states = [one.state for one in self.of(line, release) if one.outcome == records.OK]
        return states[-1] if states else None

    def stretches(self, line: Line, release: Release, state: State | None) -> set[int]:
        """Those in which runs of asv measured the release in that state."""
        return {
            one.stretch
            for one in self.of(line, release)
            if one.outcome == records.OK and one.state == state and not one.interleaved
            if one.stretch is not None
        }

    def processes(
        self,
        line: Line,
        release: Release,
        state: State | None,
        key: str,
        stretches: Set[int] = frozenset(),
        confirmations: bool = True,
    ) -> list[Process]:
        """What the processes in that state measured, by the key of the measure. Where ``stretches``
        are named, those of these alone, and of ``confirmations`` in any case if asked for."""
        taken = [
            one
            for one in self.of(line, release)
            if not stretches or one.stretch in stretches or (confirmations and one.interleaved)
        ]
        return _processes(taken, state, key)

    def parts(self, line: Line, state: State | None, key: str) -> list[Part]:
        """The line, cut where what the machine drifted by could be put on a release.

        A history measures the last release of a session again in the next, before it goes on: a
        part ends with what that release took in the one session, and the next begins with what it
        took in the other. Releases that were measured on days of their own are one part.
        """
        cut: list[tuple[set[int], list[Release]]] = []
        before: set[int] = set()
        for release in self.catalogue.tracks[line.track].releases:
            if not self.processes(line, release, state, key):
                continue
            own = self.stretches(line, release, state)
            shared, releases = cut[-1] if cut else (own, [])
            if not cut or (before & own and not shared & own):
                cut.append((before & own or own, [*releases[-1:], release]))
            else:
                cut[-1] = (shared & own or own, [*releases, release])
            before = own
        return [
            [
                (one, self.processes(line, one, state, key, among, confirmations=False))
                for one in releases
                for among in [shared & self.stretches(line, one, state)]
            ]
            for shared, releases in cut
        ]

    def calibration(self, line: Line, state: State | None, key: str) -> list[Process]:
        """The calibrating processes of the release that has most of them; the newest of several."""
        most: list[Process] = []
        for taken in self.calibrating.get(line, {}).values():
            found = _processes(taken, state, key)
            if len(found) >= len(most):
                most = found
        return most

    def measured(self, track: str, profile: str | None = None) -> list[Release]:
        """The releases of a track of which anything is on record, oldest first."""
        commits = {
            commit
            for line, cells in self.lines.items()
            if line.track == track and profile in (None, line.profile)
            for commit in cells
        }
        return [r for r in self.catalogue.tracks[track].releases if r.commit in commits]


def _processes(taken: Iterable[Taken], state: State | None, key: str) -> list[Process]:
    return [
        Process(one.session, one.values[key])
        for one in taken
        if one.outcome == records.OK and one.state == state and key in one.values
    ]


def gather(machine: str, taken: Iterable[records.Record], catalogue: Catalogue) -> Evidence:
    """The evidence in the records ``taken`` of a machine, which come in the order in which they
    were written."""
    evidence = Evidence(machine, catalogue)
    left_out: dict[str, list[str]] = {}
    taken = list(taken)
    stretches = records.stretches([records.span(one) for one in taken])
    for record, stretch in zip(taken, stretches, strict=True):
        if record["benchmark"].rpartition(".")[2] != records.TIMED:
            continue
        if record["outcome"] == records.INTERRUPTED or record.get("purpose") == records.SEPARATE:
            continue
        release = catalogue.by_commit.get(record["commit"])
        why = _why_left_out(record, machine, catalogue)
        if why is not None or release is None:
            name = one_line(record["release"], 40)
            left_out.setdefault(why or "", []).append(name)
            continue
        line = Line(
            record["profile"],
            release.track,
            record["benchmark"],
            json.dumps(record["configuration"], sort_keys=True),
        )
        calibrates = record.get("purpose") == records.CALIBRATE
        into = evidence.calibrating if calibrates else evidence.lines
        into.setdefault(line, {}).setdefault(release.commit, []).append(_taken(record, stretch))
    evidence.left_out = [_left_out(why, names) for why, names in sorted(left_out.items())]
    return evidence


def _left_out(why: str, names: Sequence[str]) -> str:
    releases = some_of(list(dict.fromkeys(names)), _NAMED)
    how_many = "1 record" if len(names) == 1 else f"{len(names)} records"
    verb = "is" if len(names) == 1 else "are"
    return f"{how_many} {why} {verb} left out: {releases}"


def _why_left_out(record: records.Record, machine: str, catalogue: Catalogue) -> str | None:
    why = records.why_left_out(record, catalogue.by_commit)
    if why is not None:
        return why
    if record.get("machine", machine) != machine:
        return f"of another machine ({one_line(str(record['machine']), 40)})"
    release = catalogue.by_commit[record["commit"]]
    device = record["profile"].partition("-")[0]
    lock = release.locks.get(device)
    if record.get("lock") is not None and (lock is None or lock.digest != record["lock"]):
        return "of another lock than the release has now"
    if record.get("purpose") not in (None, records.CONFIRM, records.CALIBRATE):
        return "of an unknown purpose"
    if record["outcome"] != records.OK:
        return None
    samples = record.get("samples")
    if not isinstance(samples, list) or len(samples) < LEAST_SAMPLES:
        return f"with fewer than {LEAST_SAMPLES} samples"
    if not all(_is_measured(one) for one in samples):
        return "with samples that are no times (not a number, zero or negative)"
    if _clock_jumped(record):
        return "during which a clock jumped"
    return None


def _is_measured(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _clock_jumped(record: records.Record) -> bool:
    """Whether the process took less time than its samples, or was started before its run was."""
    seconds = record.get("process_s")
    within = sum(record["samples"])
    if isinstance(seconds, (int, float)) and not seconds + CLOCKS_AGREE_S >= within:
        return True
    started = records.started(record)
    try:
        run = datetime.datetime.strptime(record["run"].partition("-")[0], "%Y%m%dT%H%M%S.%fZ")
    except ValueError:  # not named by us: no contradiction
        return False
    began = run.replace(tzinfo=datetime.timezone.utc)
    return started is not None and (began - started).total_seconds() > CLOCKS_AGREE_S


def _taken(record: records.Record, stretch: int | None) -> Taken:
    flags = record.get("variables")
    flags = flags if isinstance(flags, dict) else {}
    cpus = record.get("cpus")
    state = State(
        cpus if isinstance(cpus, int) else None,
        record.get("interpreter", "the release's own") == "the release's own",
        tuple((name, str(flags[name])) for name in variables.FLAGS if name in flags),
    )
    values = {}
    if record["outcome"] == records.OK:
        for key, one in MEASURES.items():
            try:
                found = tuple(one.of_record(record))
            except (KeyError, TypeError, IndexError, AttributeError):
                continue
            if found and all(_is_measured(value) for value in found):
                values[key] = found
    versions = record.get("versions")
    facts = dict(versions) if isinstance(versions, dict) else {}
    if isinstance(record.get("python"), str):
        facts["python"] = record["python"]
    why = record.get("reason" if record["outcome"] == records.NOT_APPLICABLE else "error")
    interleaved = record.get("purpose") in (records.CONFIRM, records.CALIBRATE)
    return Taken(
        record["run"],
        record["run"] if interleaved else f"{record['run']}/{record['release']}",
        record["outcome"],
        None if record["outcome"] == records.OK else one_line(str(why or "it does not say why")),
        state,
        values,
        facts,
        interleaved,
        stretch,
    )


def typical(processes: Sequence[Process]) -> float:
    """The median of the processes' medians, in the unit of the records."""
    return statistics.median(statistics.median(one.samples) for one in processes)
