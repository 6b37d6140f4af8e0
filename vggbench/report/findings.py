"""vggbench findings: what a history came to, in Markdown: changes that were confirmed, what could
not be measured and why.

Confirmed is a change that a session saw which measured both releases. Its cause is the framework
where nothing else that is looked at changed between the two; else it is not separated, and the
finding says what changed besides (``vggbench separate`` changes one thing of it back).
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import records
from ..errors import VggbenchError, one_line
from ..inside import builders
from ..judging import phrases, verdicts
from ..judging.evidence import gather
from ..judging.measures import JUDGED
from ..judging.phrases import cell
from ..judging.separations import (
    LITTLE,
    Separation,
    conclusion,
    differences,
    largest_share,
    separations,
    things,
)
from ..judging.state import Known, known_of, state_of, usual_of
from ..judging.verdicts import LineChange, Verdict
from ..records import Record
from ..releases.catalogue import Catalogue
from ..runs import variables
from ..runs.suite import Configured, is_of_track
from ..stats import whole_lines
from ..stats.policy import CHANGED, THRESHOLD
from . import across, milestones, rates
from .milestones import Milestone
from .pages import lines as pages_lines
from .rates import Rate

#: How a builder names what it is of.
_MODULES = "|".join(re.escape(package.MODULE) for package in builders.packages().values())
_OF_VERSION = re.compile(rf"\b({_MODULES}) \d+\.\d+[\w.]*")


class NothingFound(VggbenchError):
    """There is nothing on record to find something in."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Of one machine in one profile. ``first`` and ``last``: when its first and its last process
    were started. ``unmeasured``: names of the releases of which a configuration has no record, and
    the configurations of which that is so of just these. ``anchors``: when each sitting of the
    history began, and what its anchors took (s). ``flags``: a text of the variables that were set,
    of those that are the same in all that is compared; and for how many processes."""

    machine: str
    facts: Mapping[str, str]
    profile: str
    first: str
    last: str
    processes: int
    verdicts: Sequence[Verdict]
    separations: Sequence[Separation]
    changes: Sequence[LineChange]
    milestones: Sequence[Milestone]
    rows: Sequence[Rate]
    unmeasured: Mapping[tuple[str, ...], tuple[str, ...]]
    anchors: Sequence[tuple[str, Mapping[str, float]]]
    flags: Mapping[str, int]

    @property
    def settings(self) -> str | None:
        """One sentence on what was set; None where nothing was."""
        if not self.flags:
            return None
        told = [
            f"{text} set ({'all' if count == self.processes else count} of its processes)"
            for text, count in self.flags.items()
        ]
        return f"Measured with {', and '.join(told)}."

    @property
    def confirmed(self) -> list[Verdict]:
        return [
            verdict for verdict in self.verdicts if verdict.outcome in CHANGED and not verdict.apart
        ]

    @property
    def unconfirmed(self) -> list[Verdict]:
        return [
            verdict for verdict in self.verdicts if verdict.outcome in CHANGED and verdict.apart
        ]


def find(
    machine: str,
    taken: Sequence[Record],
    catalogue: Catalogue,
    *,
    facts: Mapping[str, str],
    sittings: Sequence[Mapping[str, Any]],
    asked: Sequence[Configured],
) -> list[Findings]:
    """What the records ``taken`` of a machine tell, by profile. ``facts``: what asv knows of it.
    ``sittings``: of its history, oldest first. ``asked``: what a release can be measured in. Raises
    NothingFound where nothing was."""
    if not any(record.is_timed for record in taken):
        raise NothingFound(
            f"nothing is on record for {machine}; measure it there with: vggbench history"
        )
    evidence = gather(machine, taken, catalogue)
    known = known_of(taken)
    rows = rates.rates(machine, taken, list(catalogue), [])
    of_pages, _ = pages_lines.lines(machine, taken, catalogue)
    found = []
    for profile in dict.fromkeys(row.profile for row in rows):
        own = [record for record in taken if record.profile == profile]
        separated = separations(machine, taken, catalogue, profile, THRESHOLD)
        started = sorted(str(record.started) for record in own if record.started)
        of_profile = [row for row in rows if row.profile == profile]
        tracks = catalogue.tracks
        found.append(
            Findings(
                machine=machine,
                facts=facts,
                profile=profile,
                first=started[0][:10] if started else "unknown",
                last=started[-1][:10] if started else "unknown",
                processes=sum(_ran(record) for record in own),
                verdicts=[
                    verdict
                    for track in tracks
                    for verdict in verdicts.of_track(evidence, track, profile)
                ],
                separations=[
                    separation
                    for release in catalogue
                    for separation in separated.get(release.name, [])
                ],
                changes=[
                    change
                    for track in tracks
                    for change in verdicts.changes(evidence, track, profile)
                    if change.kind in whole_lines.OF_LINES
                ],
                milestones=milestones.milestones(
                    [line for line in of_pages if line.profile == profile], catalogue
                ),
                rows=of_profile,
                unmeasured=_unmeasured(of_profile, asked, catalogue),
                anchors=_anchors_by_sitting(machine, sittings, own, catalogue, known),
                flags=_flags(own),
            )
        )
    return found


def _ran(record: Record) -> bool:
    """Whether there was a process: there is none of a variant that could not be installed."""
    return record.outcome == records.INTERRUPTED or record.process_s is not None


def _flags(taken: Iterable[Record]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for record in taken:
        # A variant may be made by one.
        if _ran(record) and record.variant is None and isinstance(record.variables, dict):
            told = variables.compared(record.variables)
            found[" ".join(f"{name}={value}" for name, value in told.items())] += 1
    return {one_line(text, 120): count for text, count in found.most_common() if text}


def _unmeasured(
    rows: Iterable[Rate], asked: Iterable[Configured], catalogue: Catalogue
) -> dict[tuple[str, ...], tuple[str, ...]]:
    known = {(row.release, records.key_of(row.benchmark, row.configuration)) for row in rows}
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for configured in asked:
        key = configured.key
        lacking = tuple(
            release.name
            for release in catalogue
            if is_of_track(configured.benchmark, release, catalogue)
            and (release.name, key) not in known
        )
        if lacking:
            found[lacking] = (*found.get(lacking, ()), configured.words)
    return found


def _anchors_by_sitting(
    machine: str,
    begun: Iterable[Mapping[str, Any]],
    taken: Sequence[Record],
    catalogue: Catalogue,
    known: Known,
) -> list[tuple[str, dict[str, float]]]:
    """When each sitting that has anchors began, and the median of what their processes took (s), of
    those that no other work disturbed, in the state of the machine that most were measured
    in."""
    anchors = [
        (record, str(state_of(record, known)))
        for record in taken
        if record.calibrates
        and record.why_no_evidence(machine, catalogue) is None
        and record.outcome == records.OK
        and record.busy is None
    ]
    usual = usual_of(state for _, state in anchors)
    runs: dict[str, dict[str, list[float]]] = {}
    for record, state in anchors:
        if state == usual:
            steps = runs.setdefault(record.run, {})
            steps.setdefault(record.release, []).append(record.median_s)
    return [
        (
            str(sitting["started"]),
            {release: statistics.median(own) for release, own in runs[sitting["run"]].items()},
        )
        for sitting in begun
        if sitting["run"] in runs
    ]


def markdown(found: Sequence[Findings], catalogue: Catalogue) -> str:
    lines = [
        "# Findings",
        "",
        "Made by `vggbench findings` from the records; nothing here is written by hand. What the "
        "words mean: [verdicts](verdicts.md), [method](method.md#verdicts).",
        "",
    ]
    for profile in dict.fromkeys(own.profile for own in found):
        lines += _across([own for own in found if own.profile == profile])
    for own in found:
        lines += _of(own, catalogue)
    return "\n".join(lines).rstrip() + "\n"


def _across(found: Sequence[Findings]) -> list[str]:
    """What machines with one profile say of the same changes; nothing of a single one."""
    if len(found) < 2:
        return []
    both = across.across(verdict for own in found for verdict in own.verdicts)
    agreed = sum(change.agreed for change in both)
    return [
        f"## Machine beside machine, {found[0].profile}",
        "",
        "The changes between neighbouring releases that one machine saw at least, where another "
        f"has numbers of both too: {len(both)}. All machines that have them saw {agreed} of these, "
        "one way. Confirmed are those that a session saw which measured both releases. The "
        "intervals, and what changed besides, stand with each machine below.",
        "",
        *(f"{cell(own.machine)}: {cell(told)}\n" for own in found if (told := own.settings)),
        *across.table(both, [own.machine for own in found]),
        "",
    ]


def in_short(found: Sequence[Findings], catalogue: Catalogue) -> list[str]:
    """The first lines of ``markdown``, without headings: for another file."""
    lines = []
    for own in found:
        lines += ["", f"{cell(own.machine)}, {own.profile}: {_measured(own, catalogue)}", ""]
        lines += milestones.table(own.milestones)
    return [*lines, ""]


def _measured(findings: Findings, catalogue: Catalogue) -> str:
    """On what, how much, when."""
    facts = [str(findings.facts.get(key) or "unknown") for key in ("cpu", "num_cpu", "os")]
    measured = len({row.release for row in findings.rows})
    return (
        f"{cell(facts[0])}, {cell(facts[1])} CPUs, {cell(facts[2])}. {findings.processes} "
        f"processes from {findings.first} to {findings.last}; {measured} of "
        f"{len(list(catalogue))} releases."
        + (f" {cell(findings.settings)}" if findings.settings else "")
    )


def _of(findings: Findings, catalogue: Catalogue) -> list[str]:
    lines = [
        f"## {cell(findings.machine)}, {findings.profile}",
        "",
        _measured(findings, catalogue),
        "",
        "### In short",
        "",
        "The first and the last release of each major version that has a number.",
        "",
        *milestones.table(findings.milestones),
        "",
        "### Confirmed changes between neighbouring releases",
        "",
    ]
    lines += _changes(findings.confirmed, findings.separations)
    lines += [
        "### Not confirmed",
        "",
        "Seen by sessions that measured one of the two releases alone; "
        "`vggbench confirm RELEASE --improved` measures both in turns.",
        "",
        *_changes(findings.unconfirmed, findings.separations),
        "### Over whole lines",
        "",
        "Changes that a later release took back, and drifts: several level shifts one way, which "
        "are sure only together.",
        "",
        *([f"- {cell(phrases.line_change(change))}" for change in findings.changes] or ["None."]),
        "",
        *_anchors(findings.anchors),
        "### What could not be",
        "",
        *_reasons(findings.rows, records.NOT_APPLICABLE, "n/a", catalogue),
        *_reasons(findings.rows, records.FAILED, "failed", catalogue),
        *_left_out(findings.unmeasured, catalogue),
    ]
    return lines


def _changes(found: Sequence[Verdict], separations: Sequence[Separation]) -> list[str]:
    if not found:
        return ["None.", ""]
    lines = [
        "| release | against | configuration | measure | change | before | after | cause |",
        "|---|---|---|---|--:|--:|--:|---|",
    ]
    for verdict in found:
        texts = (
            verdict.release,
            verdict.against or "-",
            verdict.words,
            JUDGED[verdict.measure].title,
            phrases.change(verdict),
            phrases.quantity(verdict.before, verdict.measure),
            phrases.quantity(verdict.after, verdict.measure),
            cause(verdict, separations),
        )
        lines.append(phrases.row(texts))
    return [*lines, ""]


def _anchors(found: Sequence[tuple[str, Mapping[str, float]]]) -> list[str]:
    """What anchors took in each sitting, and what they differ by from the first that has them."""
    if not found:
        return []
    first: dict[str, float] = {}
    for _, steps in found:
        for name, step_s in steps.items():
            first.setdefault(name, step_s)
    lines = [
        "### Anchors",
        "",
        "The step time of the releases that each sitting measures again, and what it differs by "
        "from the first sitting's. Where all of them moved, the machine did: so releases are held "
        "against each other by what one sitting measured of both.",
        "",
        phrases.row(("sitting", *first)),
        "|---|" + "--:|" * len(first),
    ]
    for started, steps in found:
        cells = [f"{started[:16].replace('T', ' ')} UTC"]
        for name, reference in first.items():
            if name not in steps:
                cells.append("-")
            else:
                moved = phrases.percent(steps[name] / reference)
                cells.append(f"{steps[name] * 1e3:.0f} ms ({moved})")
        lines.append(phrases.row(cells))
    return [*lines, ""]


def cause(verdict: Verdict, separations: Sequence[Separation]) -> str:
    """What a change may be put on: what the locks and the processes tell, and what was separated by
    changing things back. Of what could not be, each reason once, unless it was with more things."""
    if not verdict.differences:
        return "the framework: nothing else that is looked at changed"
    besides = f"besides, {'; '.join(str(each) for each in verdict.differences)}"
    own = [each for each in separations if each.is_of(verdict)]
    ran = [each for each in own if each.judgement is not None]
    parts = [_part(each, verdict) for each in ran] or ["not separated"]
    errors: dict[str | None, Separation] = {}
    for each in own:
        together = (set(things(part.variant)) for part in ran)
        if each not in ran and not any(set(things(each.variant)) <= of for of in together):
            errors.setdefault(each.error, each)
    parts += [_part(each, verdict) for each in errors.values()]
    if _is_the_frameworks(verdict, own):
        parts.append("so it is the framework's, mostly")
    return "; ".join([*parts, besides])


def _is_the_frameworks(verdict: Verdict, own: Iterable[Separation]) -> bool:
    """Whether all that moved with the framework was changed back, and makes but LITTLE of a change:
    by the ends of the intervals that favour it most."""
    left = {each.what for each in verdict.differences}
    share = 0.0
    for each in sorted(own, key=lambda part: -len(things(part.variant))):
        back = differences(each.variant)
        most = None if each.judgement is None else largest_share(each.judgement, verdict)
        if most is not None and back & left:
            share += max(0.0, most)
            left -= back
    return not left and share <= LITTLE


def _part(separation: Separation, whole: Verdict) -> str:
    told = conclusion(separation, whole)
    if separation.judgement is None:
        return told
    alone = "them" if len(things(separation.variant)) > 1 else "it"
    return f"{told} ({phrases.percent(separation.judgement.ratio)} by {alone} alone)"


def _reasons(rows: Iterable[Rate], outcome: str, title: str, catalogue: Catalogue) -> list[str]:
    """How many configurations of releases had each reason, the most frequent first."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.outcome == outcome:
            found.setdefault(in_general(row.why or "no reason"), []).append(row.release)
    if not found:
        return [f"No configuration is {title}.", ""]
    lines = [f"| {title}, by reason | configurations | releases |", "|---|--:|---|"]
    for reason, releases in sorted(found.items(), key=lambda item: -len(item[1])):
        lines.append(phrases.row((reason, str(len(releases)), spans(releases, catalogue))))
    return [*lines, ""]


def _left_out(
    unmeasured: Mapping[tuple[str, ...], tuple[str, ...]], catalogue: Catalogue
) -> list[str]:
    if not unmeasured:
        return ["Nothing is unmeasured.", ""]
    rows = [
        phrases.row(("; ".join(configurations), spans(releases, catalogue)))
        for releases, configurations in unmeasured.items()
    ]
    return ["| unmeasured | releases |", "|---|---|", *rows, ""]


def spans(names: Collection[str], catalogue: Catalogue) -> str:
    """Releases in few words: neighbours of a track by the first and the last of them."""
    found = []
    for track in catalogue.tracks.values():
        for named, several in itertools.groupby(
            (release.name for release in track.releases), lambda name: name in names
        ):
            if named:
                own = list(several)
                found.append(own[0] if len(own) == 1 else f"{own[0]} to {own[-1]}")
    return ", ".join(found)


def in_general(why: str) -> str:
    """A reason as it is for all releases alike: without the version, which the table names anyway,
    and without the count of processes that rates adds."""
    why = why.rpartition(" (")[0] if why.endswith(" processes)") else why
    return _OF_VERSION.sub(r"\1", why).rstrip(".")
