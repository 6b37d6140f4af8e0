"""What a history measures, in which order: history.toml, and what of it is left to do."""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import Version

from ...errors import VggbenchError, one_line, some_of
from ...records import tables
from ...releases import spec
from ...releases.catalogue import Catalogue, Release
from ...runs.coverage import Coverage
from ...runs.local import why_not_here
from ...runs.suite import Configured, Suite
from ...stats.chain import closing
from ..budget import duration

FILE = "history.toml"

#: Releases that are named in one line, at most.
MOST_NAMES = 5

#: What it may hold; its tables.
_KEYS = ("anchors", "anchor_processes", "stage", "duets")
_OF_STAGE = ("name", "releases", "bench")
_OF_DUETS = (*_OF_STAGE, "budget", "chain")


class PlanError(VggbenchError):
    """history.toml is not what it should be."""


@dataclass(frozen=True)
class Stage:
    """``releases``: track by track, in the order in which history.toml names them, oldest first.
    ``bench``: asv's patterns of what is measured of
    them."""

    name: str
    releases: tuple[Release, ...]
    bench: tuple[str, ...]


@dataclass(frozen=True)
class Duets:
    """What is compared by duets: each of the ``releases`` with the one before it on its track among
    them, in the configurations that ``bench`` selects. ``budget_s``: seconds that one comparison
    may take. ``chain``: the comparisons are links of chains, and those that close loops are made
    too."""

    name: str
    releases: tuple[Release, ...]
    bench: tuple[str, ...]
    budget_s: float
    chain: bool


@dataclass(frozen=True)
class Plan:
    """``anchor_processes``: of each anchor, in a sitting."""

    anchors: tuple[Release, ...]
    anchor_processes: int
    stages: tuple[Stage, ...]
    duets: tuple[Duets, ...] = ()


@dataclass(frozen=True)
class Unit:
    """What one run of asv measures: a release in one stage. ``before``: the release before it on
    its track in that stage, which is held against it."""

    stage: Stage
    release: Release
    before: Release | None

    @property
    def name(self) -> str:
        return f"{self.release.name} ({self.stage.name})"


def read(path: Path, catalogue: Catalogue) -> Plan:
    """The plan in the file ``path``. Raises PlanError, and SpecError for a text that names no
    release."""
    try:
        content = tables.content_of(path)
    except (OSError, ValueError, RecursionError) as err:
        reason = getattr(err, "strerror", None) or one_line(str(err), 120)
        raise PlanError(
            f"{path} cannot be read: {reason}; mend it, or check it out again"
        ) from None
    tables.require_keys("it", content, _KEYS, functools.partial(_wrong, path))
    processes = content.get("anchor_processes", 3)
    if not isinstance(processes, int) or isinstance(processes, bool) or processes < 1:
        raise _wrong(path, "anchor_processes is no number of processes")
    anchors = content.get("anchors", [])
    stages = content.get("stage", [])
    if not _is_texts(anchors):
        raise _wrong(path, "anchors is no list of releases")
    if not isinstance(stages, list) or not stages:
        raise _wrong(path, "it has no [[stage]]")
    read = tuple(_stage(path, catalogue, number, stage) for number, stage in enumerate(stages, 1))
    if len({stage.name for stage in read}) < len(read):
        raise _wrong(path, "two stages have one name")
    duets = content.get("duets", [])
    if not isinstance(duets, list):
        raise _wrong(path, "duets is no list of [[duets]]")
    in_duets = tuple(
        _duets(path, catalogue, number, table) for number, table in enumerate(duets, 1)
    )
    if len({listed.name for listed in in_duets}) < len(in_duets):
        raise _wrong(path, "two [[duets]] have one name")
    return Plan(tuple(spec.release(catalogue, word) for word in anchors), processes, read, in_duets)


def _stage(path: Path, catalogue: Catalogue, number: int, told: Any) -> Stage:
    return Stage(*_named(path, catalogue, f"stage {number}", told, _OF_STAGE))


def _duets(path: Path, catalogue: Catalogue, number: int, told: Any) -> Duets:
    name, releases, bench = _named(path, catalogue, f"duets {number}", told, _OF_DUETS)
    try:
        budget_s = duration(told.get("budget", ""))
    except (argparse.ArgumentTypeError, AttributeError):
        raise _wrong(path, f"duets {number} ({name}) has no budget such as 10m") from None
    chain = told.get("chain", False)
    if not isinstance(chain, bool):
        raise _wrong(path, f"duets {number} ({name}): chain is neither true nor false")
    return Duets(name, releases, bench, budget_s, chain)


def _named(
    path: Path, catalogue: Catalogue, what: str, told: Any, keys: Sequence[str]
) -> tuple[str, tuple[Release, ...], tuple[str, ...]]:
    """(name, releases, bench) of a table in the file, which may have these ``keys``."""
    if not isinstance(told, dict) or not all(
        isinstance(told.get(key), str) for key in ("name", "releases")
    ):
        raise _wrong(path, f"{what} has no name, or no releases")
    tables.require_keys(f"{what} ({told['name']})", told, keys, functools.partial(_wrong, path))
    bench = told.get("bench")
    if not _is_texts(bench) or not bench:
        raise _wrong(path, f"{what} ({told['name']}) has no bench, a list of patterns")
    chosen = spec.select(catalogue, told["releases"])
    releases = [
        release
        for track in dict.fromkeys(release.track for release in chosen)
        for release in catalogue.tracks[track].releases
        if release in chosen
    ]
    return told["name"], tuple(releases), tuple(bench)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _wrong(path: Path, what: str) -> PlanError:
    return PlanError(f"{path}: {what}; docs/history.md says what it holds")


def stages(plan: Plan, names: Sequence[str]) -> list[Stage]:
    """Those of the ``names``, in the plan's order; all where there are no names. Raises PlanError
    for a name that is none."""
    known = [*(stage.name for stage in plan.stages), *(listed.name for listed in plan.duets)]
    for name in names:
        if name not in known:
            told = "; ".join(dict.fromkeys(known))
            raise PlanError(f"--stage {name}: {FILE} has no such stage; it has: {told}")
    return [stage for stage in plan.stages if not names or stage.name in names]


def duets(plan: Plan, names: Sequence[str]) -> list[Duets]:
    """As ``stages``, of what is compared by duets."""
    return [listed for listed in plan.duets if not names or listed.name in names]


# -- what of it a machine does

#: Why a machine cannot run a release on any of some devices, as ``why_not_here`` says it.
WhyNot = Callable[[Release, Collection[str]], str | None]


@dataclass(frozen=True)
class PlannedComparison:
    """Two releases that are compared by duets, in one configuration."""

    before: Release
    after: Release
    configured: Configured


def comparisons(
    of: Duets, catalogue: Catalogue, suite: Suite, device: str, why_not: WhyNot | None = None
) -> list[PlannedComparison]:
    """What is to be compared of ``of`` on a machine, by default this one: neighbours first, then
    what closes loops of a chain, oldest first."""
    why_not = why_not or why_not_here
    releases = [release for release in of.releases if why_not(release, [device]) is None]
    found = []
    for track in dict.fromkeys(release.track for release in releases):
        line = [release for release in releases if release.track == track]
        places = list(itertools.pairwise(range(len(line))))
        if of.chain:
            places += closing([Version(release.version).major for release in line])
        for before, after in places:
            found += [
                PlannedComparison(line[before], line[after], configured)
                for configured in suite.timed_of(line[after], of.bench, catalogue)
            ]
    return found


def own(stage: Stage, release: Release, catalogue: Catalogue, suite: Suite) -> list[Configured]:
    """The timed configurations of the stage that the release runs."""
    return suite.timed_of(release, stage.bench, catalogue)


def keys(stages: Sequence[Stage], suite: Suite) -> set[str]:
    """The keys of the timed configurations of the ``stages``, whichever release runs them."""
    patterns = [pattern for stage in stages for pattern in stage.bench]
    # No patterns select all.
    return {configured.key for configured in suite.timed(patterns)} if stages else set()


def units(
    stages: Sequence[Stage],
    catalogue: Catalogue,
    suite: Suite,
    device: str,
    why_not: WhyNot | None = None,
) -> tuple[list[Unit], list[str]]:
    """All of the ``stages`` that can be measured on a machine, by default this one, in order; and a
    line about the releases that cannot be, for each reason."""
    why_not = why_not or why_not_here
    why_not_of = {release.commit: why_not(release, [device]) for release in catalogue}
    found: list[Unit] = []
    left_out: dict[str, dict[str, None]] = {}
    for stage in stages:
        before: Release | None = None
        for release in stage.releases:
            why = why_not_of[release.commit]
            if why is not None:
                left_out.setdefault(why, {})[release.name] = None
            elif own(stage, release, catalogue, suite):
                on_track = before if before and before.track == release.track else None
                found.append(Unit(stage, release, on_track))
                before = release
    return found, [_left_out(list(names), why) for why, names in left_out.items()]


def _left_out(names: Sequence[str], why: str) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{some_of(names, MOST_NAMES)} {verb} left out, unmeasured: {why}"


def pending(of: Sequence[Unit], covered: Coverage) -> list[Unit]:
    """Those units of which a configuration has no answer yet: no number, no n/a, no failure."""
    found = []
    for _, together in itertools.groupby(of, lambda unit: unit.stage.name):
        mine = list(together)
        lacking = covered.incomplete([unit.release for unit in mine], mine[0].stage.bench)
        commits = {release.commit for release in lacking}
        found += [unit for unit in mine if unit.release.commit in commits]
    return found
