"""vggbench findings: the results of a history in Markdown, with the changes that were confirmed,
and what could not be measured and why.

A change is confirmed where one session measured both releases and saw it. Its cause is the
framework where nothing else is known to have changed between the two releases. Otherwise the
finding lists what else changed, and what ``vggbench separate`` found by changing one thing back.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from .. import records
from ..errors import VggbenchError, how_many, one_line
from ..inside import builders, workload
from ..judging import line_changes, phrases, verdicts
from ..judging.evidence import gather
from ..judging.line_changes import LineChange
from ..judging.measures import JUDGED
from ..judging.phrases import cell
from ..judging.separations import (
    LITTLE,
    Separation,
    conclusion,
    largest_share,
    separations,
    things,
    titles,
)
from ..judging.state import Known, known_of, state_of, usual_of
from ..judging.verdicts import Verdict
from ..records import Record
from ..releases.catalogue import Catalogue
from ..runs import variables
from ..runs.suite import Configured, is_of_track
from ..stats import whole_lines
from ..stats.policy import CHANGED, THRESHOLD
from . import across, installed, milestones, opening, rates, side_by_side
from .across import Across
from .lines import lines as lines_of
from .milestones import Milestone
from .pages import data
from .rates import Rate

#: What the picture of the page shows, for those who cannot see it.
PICTURE = "The time of a train step in each release, as a multiple of the time in the first"

#: What names the release that it is of.
_Row = TypeVar("_Row", Verdict, Across[Verdict])

#: The modules of frameworks, by which builders name a framework in a reason.
_MODULES = "|".join(re.escape(package.MODULE) for package in builders.packages().values())
_OF_VERSION = re.compile(rf"\b({_MODULES}) \d+\.\d+[\w.]*")


class NothingFound(VggbenchError):
    """The machine has no record of a timed process."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The findings of one machine in one profile.

    ``first`` and ``last``: the dates of its first and its last process. ``unmeasured``: for names
    of releases, the configurations that are missing in the records of exactly these releases.
    ``anchors``: the start of each sitting of the history, and the step time (s) of its anchors.
    ``flags``: for how many processes a text of variables was set, of those variables that are the
    same in all processes that are compared. ``installed``: bytes of an environment, by the digest
    of its lock.
    """

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
    installed: Mapping[str, float]

    @property
    def settings(self) -> str | None:
        """One sentence on the variables that were set; None where no variable was."""
        if not self.flags:
            return None
        settings = [
            f"{text} set (in {'all' if count == self.processes else count} of the processes)"
            for text, count in self.flags.items()
        ]
        return f"Measured with {', and '.join(settings)}."

    @property
    def confirmed(self) -> list[Verdict]:
        """The changes of which one session measured both releases."""
        return [verdict for verdict in self.verdicts if verdict.is_confirmed]

    @property
    def unconfirmed(self) -> list[Verdict]:
        """The changes of which no session measured both releases."""
        return [
            verdict
            for verdict in self.verdicts
            if verdict.outcome in CHANGED and not verdict.is_confirmed
        ]


def find(
    machine: str,
    taken: Sequence[Record],
    catalogue: Catalogue,
    *,
    facts: Mapping[str, str],
    sittings: Sequence[Mapping[str, Any]],
    configurations: Sequence[Configured],
) -> list[Findings]:
    """The findings of a machine from its records ``taken``, one for each profile.

    ``facts``: those of asv's machine.json. ``sittings``: those of the machine's history, oldest
    first. ``configurations``: all in which a release can be measured. Raises NothingFound where no
    timed process is on record.
    """
    if not any(record.is_timed for record in taken):
        raise NothingFound(
            f"nothing is on record for {machine}; measure it there with: vggbench history"
        )
    evidence = gather(machine, taken, catalogue)
    known = known_of(taken)
    rows = rates.rates(machine, taken, list(catalogue), [])
    of_pages, _ = lines_of(machine, taken, catalogue)
    all_findings = []
    for profile in dict.fromkeys(row.profile for row in rows):
        in_profile = [record for record in taken if record.profile == profile]
        separated = separations(machine, taken, catalogue, profile, THRESHOLD)
        started = sorted(str(record.started) for record in in_profile if record.started)
        profile_rows = [row for row in rows if row.profile == profile]
        tracks = catalogue.tracks
        all_findings.append(
            Findings(
                machine=machine,
                facts=facts,
                profile=profile,
                first=started[0][:10] if started else "unknown",
                last=started[-1][:10] if started else "unknown",
                processes=sum(record.had_process for record in in_profile),
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
                    for change in line_changes.of_track(evidence, track, profile)
                    if change.kind in whole_lines.OF_LINES
                ],
                milestones=milestones.milestones(
                    [line for line in of_pages if line.profile == profile], catalogue
                ),
                rows=profile_rows,
                unmeasured=_unmeasured(profile_rows, configurations, catalogue),
                anchors=_anchors_by_sitting(machine, sittings, in_profile, catalogue, known),
                flags=_flags(in_profile),
                installed=installed.bytes_by_lock(in_profile),
            )
        )
    return all_findings


def _flags(taken: Iterable[Record]) -> dict[str, int]:
    """For how many processes each text of variables was set, the most frequent first."""
    counts: Counter[str] = Counter()
    for record in taken:
        # A variant is left out, because a variable may be what makes it a variant.
        if record.had_process and record.variant is None and isinstance(record.variables, dict):
            values = variables.compared(record.variables)
            counts[" ".join(f"{name}={value}" for name, value in values.items())] += 1
    return {one_line(text, 120): count for text, count in counts.most_common() if text}


def _unmeasured(
    rows: Iterable[Rate], configurations: Iterable[Configured], catalogue: Catalogue
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """For names of releases, the configurations that are missing in the rows of exactly these
    releases. Nobody promises nightlies and superseded pre-releases, so they are not missing."""
    promised = [
        release
        for release in catalogue
        if catalogue.is_current(release) and catalogue.tracks[release.track].nightly_of is None
    ]
    known = {(row.release, records.key_of(row.benchmark, row.configuration)) for row in rows}
    unmeasured: dict[tuple[str, ...], tuple[str, ...]] = {}
    for configured in configurations:
        key = configured.key
        lacking = tuple(
            release.name
            for release in promised
            if is_of_track(configured.benchmark, release, catalogue)
            and (release.name, key) not in known
        )
        if lacking:
            unmeasured[lacking] = (*unmeasured.get(lacking, ()), configured.words)
    return unmeasured


def _anchors_by_sitting(
    machine: str,
    sittings: Iterable[Mapping[str, Any]],
    taken: Sequence[Record],
    catalogue: Catalogue,
    known: Known,
) -> list[tuple[str, dict[str, float]]]:
    """(start, step time in seconds by release) of each sitting that has anchors.

    A step time is the median of the processes' medians. The processes are those that no other work
    disturbed, in the state of the machine in which most anchors were measured.
    """
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
            {release: statistics.median(steps) for release, steps in runs[sitting["run"]].items()},
        )
        for sitting in sittings
        if sitting["run"] in runs
    ]


def markdown(
    of_machines: Sequence[Findings], catalogue: Catalogue, picture: str | None = None
) -> str:
    """The whole page: what a person reads first, then the machines side by side, then each machine
    by itself. ``picture``: the address of one to show, as the page names it."""
    lines = [
        "# Findings",
        "",
        "`vggbench findings` makes this page from the records, and nothing in it is written by "
        "hand. What the words of verdicts mean: [verdicts](verdicts.md). How verdicts are decided: "
        "[method](method.md#verdicts).",
        "",
    ]
    if picture is not None:
        lines += [f"![{PICTURE}]({picture})", ""]
    by_profile = {
        profile: [findings for findings in of_machines if findings.profile == profile]
        for profile in dict.fromkeys(findings.profile for findings in of_machines)
    }
    changes = {
        profile: across.across(verdict for findings in alike for verdict in findings.verdicts)
        for profile, alike in by_profile.items()
    }
    for profile, alike in by_profile.items():
        lines += _opening(profile, alike, changes[profile])
    for profile, alike in by_profile.items():
        lines += _side_by_side(alike, changes[profile], catalogue)
    lines += _installed(of_machines, catalogue)
    for findings in of_machines:
        lines += _of_machine(findings, catalogue)
    return "\n".join(lines).rstrip() + "\n"


def _opening(
    profile: str, of_machines: Sequence[Findings], changes: Sequence[Across[Verdict]]
) -> list[str]:
    """What a person reads first, of all machines with one profile."""
    of_all = [verdict for findings in of_machines for verdict in findings.verdicts]
    separations = {findings.machine: findings.separations for findings in of_machines}
    return [
        f"## The largest changes, {profile}",
        "",
        f"These are the {opening.LARGEST} largest changes of the step time that are "
        "[confirmed](glossary.md), the one with the largest ratio first. Of each release "
        "one configuration is named: one that duets measured, where there is one.",
        "",
        *opening.sentences(of_all, separations),
        "",
        f"## What surprises, {profile}",
        "",
        *opening.surprises(of_all, separations, changes),
        "",
    ]


def _side_by_side(
    of_machines: Sequence[Findings], changes: Sequence[Across[Verdict]], catalogue: Catalogue
) -> list[str]:
    """The same changes on all machines with one profile; no line where there is one machine."""
    if len(of_machines) < 2:
        return []
    names = [findings.machine for findings in of_machines]
    agreed = sum(change.agreed for change in changes)
    settings = [(findings.machine, findings.settings) for findings in of_machines]
    return [
        f"## Machine beside machine, {of_machines[0].profile}",
        "",
        f"The table has {len(changes)} changes between neighbouring releases. At least one machine "
        "saw each change, and at least one other machine has numbers of both releases. For "
        f"{agreed} of these changes, all machines that have numbers saw the change, and in the "
        "same direction. A change is confirmed where one session measured both releases and saw "
        "it. The sections of the machines below have the intervals, and what else changed.",
        "",
        *(f"{cell(machine)}: {cell(text)}\n" for machine, text in settings if text),
        *_folded(
            {
                track: (len(of_track), side_by_side.table(of_track, names))
                for track, of_track in _by_track(changes, catalogue).items()
            },
            catalogue,
        ),
        "",
    ]


def _installed(of_machines: Sequence[Findings], catalogue: Catalogue) -> list[str]:
    """What releases install, for each device that anything was measured on."""
    sizes: dict[str, dict[str, float]] = {}
    for findings in reversed(of_machines):  # what the first machine says counts
        device = workload.profile(findings.profile).device
        sizes.setdefault(device, {}).update(findings.installed)
    lines = []
    for device, of_device in sorted(sizes.items()):
        rows = installed.ends(catalogue, device, of_device)
        lines += [
            f"## What releases install, {device}",
            "",
            "The first and the last final release of each major version: how many packages its "
            "lock pins, and how large its environment is on the disk, with bytecode. The size is "
            "n/a where no process has been measured since it is on record. What is downloaded for "
            f"it is {data.NO_DOWNLOAD}.",
            "",
            *_folded(
                {
                    track: (len(own), installed.table(own))
                    for track, of_track in itertools.groupby(rows, lambda row: row.release.track)
                    for own in [list(of_track)]
                },
                catalogue,
            ),
        ]
    return lines


def _by_track(rows: Iterable[_Row], catalogue: Catalogue) -> dict[str, list[_Row]]:
    """What is of a release, by the release's track."""
    found: dict[str, list[_Row]] = {}
    for each in rows:
        found.setdefault(catalogue.by_name[each.release].track, []).append(each)
    return found


def _folded(tables: Mapping[str, tuple[int, Sequence[str]]], catalogue: Catalogue) -> list[str]:
    """Tables that a reader opens, by track: how many rows each has, and its lines."""
    if not tables:
        return ["None.", ""]
    lines: list[str] = []
    for track, (count, table) in tables.items():
        title = f"{catalogue.tracks[track].title}: {how_many(count, 'row')}"
        head = f"<details><summary>{title}</summary>"
        lines += [head, "", *table, "", "</details>", ""]
    return lines


def in_short(of_machines: Sequence[Findings], catalogue: Catalogue) -> list[str]:
    """For another file, the first lines on each machine that ``markdown`` has, without headings."""
    lines = []
    for findings in of_machines:
        measured = _measured(findings, catalogue)
        lines += ["", f"{cell(findings.machine)}, {findings.profile}: {measured}", ""]
        lines += milestones.table(findings.milestones)
    return [*lines, ""]


def _measured(findings: Findings, catalogue: Catalogue) -> str:
    """Sentences on the machine, the number of processes and releases, the dates and settings."""
    cpu, count, system = (
        cell(str(findings.facts.get(key) or "unknown")) for key in ("cpu", "num_cpu", "os")
    )
    measured = len({row.release for row in findings.rows})
    return (
        f"{cpu}, {count} CPUs, {system}. {findings.processes} processes from {findings.first} to "
        f"{findings.last}; {measured} of {len(list(catalogue))} releases."
        + (f" {cell(findings.settings)}" if findings.settings else "")
    )


def _of_machine(findings: Findings, catalogue: Catalogue) -> list[str]:
    """The section of a machine."""
    lines = [
        f"## {cell(findings.machine)}, {findings.profile}",
        "",
        _measured(findings, catalogue),
        "",
        "### In short",
        "",
        "For each major version, the first and the last release that has a number.",
        "",
        *milestones.table(findings.milestones),
        "",
        "### Confirmed changes between neighbouring releases",
        "",
    ]
    lines += _changes(findings.confirmed, findings.separations, catalogue)
    lines += [
        "### Not confirmed",
        "",
        "No session measured both releases of any of these changes. To confirm a change, measure "
        "both releases in turns: `vggbench confirm RELEASE --improved`.",
        "",
        *_changes(findings.unconfirmed, findings.separations, catalogue),
        "### Over whole lines",
        "",
        "Changes that a later release took back, and drifts. A drift is several level shifts in "
        "the same direction, which are sure only together.",
        "",
        *_line_changes(findings.changes, catalogue),
        *_anchors(findings.anchors),
        "### What has no number",
        "",
        *_reasons(findings.rows, records.NOT_APPLICABLE, "n/a", catalogue),
        *_reasons(findings.rows, records.FAILED, "failed", catalogue),
        *_left_out(findings.unmeasured, catalogue),
    ]
    return lines


def _line_changes(changes: Sequence[LineChange], catalogue: Catalogue) -> list[str]:
    """The lists of changes over whole lines, by track."""
    of_tracks: dict[str, list[str]] = {}
    for change in changes:
        of_tracks.setdefault(change.track, []).append(f"- {cell(phrases.line_change(change))}")
    return _folded({track: (len(lines), lines) for track, lines in of_tracks.items()}, catalogue)


def _changes(
    changes: Sequence[Verdict], separations: Sequence[Separation], catalogue: Catalogue
) -> list[str]:
    """The tables of changes, by track."""
    return _folded(
        {
            track: (len(of_track), _table(of_track, separations))
            for track, of_track in _by_track(changes, catalogue).items()
        },
        catalogue,
    )


def _table(changes: Sequence[Verdict], separations: Sequence[Separation]) -> list[str]:
    """The table of changes."""
    lines = [
        "| release | against | configuration | measure | change | before | after | cause |",
        "|---|---|---|---|--:|--:|--:|---|",
    ]
    for verdict in changes:
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
    return lines


def _anchors(by_sitting: Sequence[tuple[str, Mapping[str, float]]]) -> list[str]:
    """The table of the anchors' step times in each sitting, and of their difference from the first
    sitting that has them."""
    if not by_sitting:
        return []
    first: dict[str, float] = {}
    for _, steps in by_sitting:
        for name, step_s in steps.items():
            first.setdefault(name, step_s)
    lines = [
        "### Anchors",
        "",
        "The step times of the releases that each sitting measures again, each with its difference "
        "from the first sitting's. Where the times of all these releases changed, the machine had "
        "changed. Releases are therefore compared by what one sitting measured of both.",
        "",
        phrases.row(("sitting", *first)),
        "|---|" + "--:|" * len(first),
    ]
    for started, steps in by_sitting:
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
    """The cause of a change as far as it is known, as a text.

    The text has the results of changing things back, then what else changed according to the locks
    and the processes. Where things could not be changed back, each reason is given once, and not at
    all where they were changed back together with more things.
    """
    if not verdict.differences:
        return "the framework: nothing else is known to have changed"
    changed = f"also changed: {'; '.join(map(str, verdict.differences))}"
    of_change = [separation for separation in separations if separation.is_of(verdict)]
    ran = [separation for separation in of_change if separation.judgement is not None]
    parts = [_part(separation, verdict) for separation in ran] or ["not separated"]
    errors: dict[str | None, Separation] = {}
    for separation in of_change:
        back = set(things(separation.variant))
        if separation not in ran and not any(back <= set(things(more.variant)) for more in ran):
            errors.setdefault(separation.error, separation)
    parts += [_part(separation, verdict) for separation in errors.values()]
    if _is_the_frameworks(verdict, of_change):
        parts.append("therefore mostly the framework")
    return "; ".join([*parts, changed])


def _is_the_frameworks(verdict: Verdict, of_change: Iterable[Separation]) -> bool:
    """Whether everything that changed beside the framework was changed back, and makes no more than
    LITTLE of the change, even by the ends of the intervals that give it the largest share."""
    left = {difference.what for difference in verdict.differences}
    share = 0.0
    for separation in sorted(of_change, key=lambda each: -len(things(each.variant))):
        back = set(titles(separation.variant))
        most = (
            None if separation.judgement is None else largest_share(separation.judgement, verdict)
        )
        if most is not None and back & left:
            share += max(0.0, most)
            left -= back
    return not left and share <= LITTLE


def _part(separation: Separation, verdict: Verdict) -> str:
    """What a separation says of the change, as a text."""
    text = conclusion(separation, verdict)
    if separation.judgement is None:
        return text
    alone = "them" if len(things(separation.variant)) > 1 else "it"
    return f"{text} ({phrases.percent(separation.judgement.ratio)} by {alone} alone)"


def _reasons(rows: Iterable[Rate], outcome: str, title: str, catalogue: Catalogue) -> list[str]:
    """The table of how many configurations of releases had each reason, the most frequent first."""
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.outcome == outcome:
            by_reason.setdefault(in_general(row.why or "no reason"), []).append(row.release)
    if not by_reason:
        none = "failed" if outcome == records.FAILED else f"is {title}"
        return [f"No configuration {none}.", ""]
    lines = [f"| {title}, by reason | configurations | releases |", "|---|--:|---|"]
    for reason, releases in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        lines.append(phrases.row((reason, str(len(releases)), spans(releases, catalogue))))
    return [*lines, ""]


def _left_out(
    unmeasured: Mapping[tuple[str, ...], tuple[str, ...]], catalogue: Catalogue
) -> list[str]:
    """The table of the configurations that are unmeasured, and of which releases."""
    if not unmeasured:
        return ["Nothing is unmeasured.", ""]
    rows = [
        phrases.row(("; ".join(configurations), spans(releases, catalogue)))
        for releases, configurations in unmeasured.items()
    ]
    return ["| unmeasured | releases |", "|---|---|", *rows, ""]


def spans(names: Collection[str], catalogue: Catalogue) -> str:
    """A short text of releases: neighbours on a track are named by the first and the last."""
    texts = []
    for track in catalogue.tracks.values():
        for is_named, group in itertools.groupby(
            (r.name for r in track.releases if r in track.current or r.name in names),
            lambda name: name in names,
        ):
            if is_named:
                neighbours = list(group)
                first, last = neighbours[0], neighbours[-1]
                texts.append(first if len(neighbours) == 1 else f"{first} to {last}")
    return ", ".join(texts)


def in_general(why: str) -> str:
    """A reason in the form that is the same for all releases: without the version, which the table
    names anyway, and without the count of processes that ``rates`` adds."""
    why = why.rpartition(" (")[0] if why.endswith(" processes)") else why
    return _OF_VERSION.sub(r"\1", why).rstrip(".")
