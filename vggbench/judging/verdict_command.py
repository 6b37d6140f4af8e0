"""``vggbench verdict``: from its arguments to what is judged, and to the exit status."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import records
from ..errors import Say, VggbenchError, some_of
from ..records import Store
from ..releases import spec
from ..releases.catalogue import Catalogue, Release
from ..runs import profiles
from ..terminal import is_dumb
from . import acknowledged, explanation_text, growth, line_changes, phrases, verdicts
from .acknowledged import Acknowledged
from .evidence import Evidence
from .growth import GrowthVerdict
from .verdicts import Verdict


class VerdictError(VggbenchError):
    """What was asked for cannot be judged."""


@dataclass(frozen=True, kw_only=True)
class VerdictRequest:
    """The arguments of the command: releases as asv run takes them, none for the newest measured of
    each track. For a command that has --bench: ``keys`` of the configurations (``Record.key``) that
    its ``patterns`` select; nothing is said of others. None: of all."""

    threshold: float
    releases: Sequence[str] = ()
    against: str | None = None
    tracks: Sequence[str] = ()
    whole: bool = False
    profile: str | None = None
    format: str = "text"
    patterns: Sequence[str] = ()
    keys: Collection[str] | None = None


def run(
    store: Store,
    machine: str,
    asked: VerdictRequest,
    complain: Say,
    *,
    catalogue: Catalogue,
    root: Path,
) -> int:
    """Judge, print and return the exit status: 0 nothing regressed, 1 something did, 2 it cannot
    be judged. ``root``: the folder that acknowledged.toml lies in. Raises VggbenchError where
    nothing can be said at all."""
    report = judge(store, machine, asked, complain, catalogue=catalogue, root=root)
    return show(report, asked.format, complain)


def judge(
    store: Store,
    machine: str,
    asked: VerdictRequest,
    complain: Say,
    *,
    catalogue: Catalogue,
    root: Path,
) -> phrases.Report:
    """What ``run`` prints. ``complain`` gets what there is to say where there is no verdict. Raises
    VggbenchError where nothing can be said at all."""
    _refuse(asked)
    chosen = _chosen(catalogue, asked)
    against = spec.release(catalogue, asked.against) if asked.against else None
    for release in chosen:
        if against is not None:
            require_earlier(catalogue, release, against)
    accepted = acknowledged.read(root, catalogue)
    notes: list[str] = []
    evidence = verdicts.read_evidence(store, machine, catalogue, notes.append)
    notes += store.of_idle_exclusions(machine)
    if asked.whole:
        report = _whole(evidence, asked, accepted, notes)
    else:
        report = _of_releases(evidence, chosen, against, asked, accepted=accepted, notes=notes)
    taken = [*store.all(machine), *store.apart(machine, records.EXPLAIN)]
    report = replace(
        report, verdicts=explanation_text.with_explanations(report.verdicts, evidence, taken)
    )
    if not report.verdicts:
        for line in notes:
            complain(line)
        raise VerdictError(_nothing(store, machine))
    return report


def show(report: phrases.Report, format_: str, complain: Say) -> int:
    """Print it in a format of phrases.FORMATS, what else there is to say by ``complain``; returns
    its exit status."""
    for line in report.notes:
        complain(line)
    if format_ == "text" and sys.stdout.isatty() and not is_dumb():
        sys.stdout.write(phrases.text(report, colour=True))
    else:
        sys.stdout.write(phrases.FORMATS[format_](report))
    return report.status


def require_records(store: Store, machine: str) -> None:
    """Raise VerdictError where nothing is on record of a machine that the user has named."""
    known = store.machines()
    if machine not in known:
        raise VerdictError(
            f"nothing is on record of a machine that is called {machine}; there are records of: "
            f"{', '.join(known) or 'no machine'}"
        )


def _refuse(asked: VerdictRequest) -> None:
    if asked.whole and (asked.releases or asked.against):
        raise VerdictError(
            "--all judges every release against the one before; leave out the release and --against"
        )
    if asked.releases and asked.tracks:
        raise VerdictError("--track is for the newest release or --all; leave out the release")
    if asked.against and not asked.releases:
        raise VerdictError("--against needs a release to be judged: vggbench verdict RELEASE ...")
    if asked.profile is not None:
        profiles.require(asked.profile)


def _chosen(catalogue: Catalogue, asked: VerdictRequest) -> list[Release]:
    """The releases that were named, oldest first; none where none was."""
    for track in asked.tracks:
        spec.track(catalogue, track)
    if not asked.releases:
        return []
    named = {r.commit for r in spec.select(catalogue, " ".join(asked.releases))}
    return [release for release in catalogue if release.commit in named]


def require_earlier(catalogue: Catalogue, release: Release, against: Release) -> None:
    if release == against:
        raise VerdictError(f"{release.name} cannot be judged against itself")
    if release.track != against.track:
        raise VerdictError(
            f"{release.name} cannot be judged against {against.name}: they are on two tracks"
        )
    line = catalogue.tracks[release.track].releases
    if line.index(against) > line.index(release):
        raise VerdictError(
            f"{release.name} is before {against.name}; turn it round: give {against.name}, and "
            f"--against {release.name}"
        )


def _whole(
    evidence: Evidence,
    asked: VerdictRequest,
    accepted: Sequence[Acknowledged],
    notes: Sequence[str],
) -> phrases.Report:
    found: list[Verdict] = []
    grown: list[GrowthVerdict] = []
    changes = []
    for track in asked.tracks or evidence.catalogue.tracks:
        found += verdicts.of_track(evidence, track, asked.profile, asked.threshold, accepted)
        grown += growth.of_track(evidence, track, asked.profile, accepted)
        changes += line_changes.of_track(evidence, track, asked.profile, asked.threshold)
    status = worst(verdicts.exit_status(found), growth.exit_status(grown))
    return phrases.Report(
        machine=evidence.machine,
        threshold=asked.threshold,
        status=status,
        verdicts=found,
        growths=grown,
        changes=changes,
        whole=True,
        notes=tuple(notes),
    )


def _of_releases(
    evidence: Evidence,
    chosen: Sequence[Release],
    against: Release | None,
    asked: VerdictRequest,
    *,
    accepted: Sequence[Acknowledged],
    notes: list[str],
) -> phrases.Report:
    found: list[Verdict] = []
    grown: list[GrowthVerdict] = []
    status = 0
    for release in chosen or _newest(evidence, asked):
        on_record = verdicts.of_release(
            evidence, release, against, asked.profile, asked.threshold, accepted=accepted
        )
        judged = any(verdict.against is not None for verdict in on_record)
        if on_record and not judged:
            notes.append(_first(evidence, release, sorted({each.profile for each in on_record})))
            status = 2 if chosen else status
            continue
        own = [verdict for verdict in on_record if _is_asked_for(verdict, asked)]
        if not on_record:
            notes.append(_unmeasured(evidence, release, asked.profile))
        elif not own:
            notes.append(
                f"{release.name}: nothing that --bench selects of it is on record on "
                f"{evidence.machine}"
            )
        status = status if own else 2
        found += own
        of_memory = growth.of_release(evidence, release, against, asked.profile, accepted=accepted)
        grown += [verdict for verdict in of_memory if _is_asked_for(verdict, asked)]
        notes += _unmatched(release, [*on_record, *of_memory], accepted)
    if found:
        status = worst(status, verdicts.exit_status(found), growth.exit_status(grown))
    return phrases.Report(
        machine=evidence.machine,
        threshold=asked.threshold,
        status=status,
        verdicts=found,
        growths=grown,
        notes=tuple(notes),
        patterns=asked.patterns,
    )


def _is_asked_for(verdict: Verdict | GrowthVerdict, asked: VerdictRequest) -> bool:
    key = records.key_of(verdict.benchmark, verdict.configuration)
    return asked.keys is None or key in asked.keys


def nothing_changed(
    what: str, release: Release, before: Release, *, profile: str, threshold: float
) -> str:
    """The message that ``what`` surely changed, "nothing" or "no step", and what to do."""
    confirm = verdicts.confirm_command(
        release.name, before.name, profile=profile, threshold=threshold
    )
    return (
        f"{what} surely changed in {release.name} against {before.name}, as far as is known; make "
        f"sure first: {confirm}; or choose configurations with --bench"
    )


def worst(*statuses: int) -> int:
    """Of exit statuses the one that counts: what regressed does more than what could not be
    judged."""
    return max(statuses, key=(0, 2, 1).index)


def _newest(evidence: Evidence, asked: VerdictRequest) -> list[Release]:
    """The newest measured release of each track, of each profile."""
    on_record = sorted({line.profile for line in evidence.lines})
    found = []
    for track in asked.tracks or evidence.catalogue.tracks:
        for profile in [asked.profile] if asked.profile else on_record:
            newest = evidence.newest(track, profile)
            if newest is not None and newest not in found:
                found.append(newest)
    return found


def _first(evidence: Evidence, release: Release, measured_in: Sequence[str]) -> str:
    older = evidence.catalogue.tracks[release.track].before(release)
    if not older:
        return f"{release.name} is the first of its track: there is nothing to judge it against"
    measure = profiles.asking(",".join(measured_in), f"asv run {older[-1].name}")
    return (
        f"{release.name}: no release before it has a number or an n/a on {evidence.machine}, so "
        f"there is nothing to judge it against; measure one: {measure}"
    )


def _unmeasured(evidence: Evidence, release: Release, profile: str | None) -> str:
    on = f"on {evidence.machine}" + (f" in profile {profile}" if profile else "")
    partners = evidence.partners(release, profile)
    if partners:
        on_record = sorted({line.profile for line in evidence.lines})
        those = [one for one in on_record if evidence.partners(release, one)]
        confirm = verdicts.confirm_command(release.name, None, profile=profile or ",".join(those))
        return (
            f"{release.name}: measured {on} in duets with {some_of([p.name for p in partners], 3)} "
            f"alone, and with no release before it; to compare it with the one before: {confirm}"
        )
    if release in evidence.measured(release.track, profile):
        return (
            f"{release.name}: n/a in each configuration that was asked of it {on}, as in the "
            f"release before it: there is nothing to judge"
        )
    measure = f"asv run {release.name}"
    if profile is not None:
        measure = profiles.asking(profile, measure)
    return f"{release.name}: unmeasured {on}; measure it there with: {measure}"


def _unmatched(
    release: Release,
    own: Sequence[Verdict | GrowthVerdict],
    accepted: Sequence[Acknowledged],
) -> list[str]:
    """Entries of acknowledged.toml that name the release and nothing that it has."""
    return [
        f"{acknowledged.FILE}: {entry} names no configuration of {release.name} that is judged here"
        for entry in accepted
        if entry.release == release.name
        and not any(entry.covers(release, each.words, each.measure) for each in own)
    ]


def _nothing(store: Store, machine: str) -> str:
    known = store.machines()
    return (
        f"nothing on {machine} can be judged (there are records of: "
        f"{', '.join(known) or 'no machine'}); measure two releases of a track there with: "
        f"asv run RELEASES"
    )
