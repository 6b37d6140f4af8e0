"""What a bisection came to, for people and for scripts."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from ... import frameworks, records
from ...errors import how_many
from ...judging import differences
from ...judging.measures import JUDGED, STEP
from ...judging.phrases import change, percent
from ...judging.verdicts import threshold_option
from ...records import Record
from ...runs import profiles
from ...runs.local import Local
from ...runs.suite import Configured
from ...stats import bisection, blocks, robust
from ...stats.bisection import Search
from ...stats.policy import SURE, per_cent
from ...terminal import quoted
from .. import taking
from ..budget import Budget
from .line import Build, BuildsBetween

#: Version of the JSON's format.
SCHEMA = 1

NAMED, NO_CHANGE, NOT_NAMED = "named", "no change", "not named"

_STATUS = {NAMED: 0, NO_CHANGE: 1, NOT_NAMED: 2}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was searched for: of which configuration, and which measure of it. ``patterns``:
    --bench. ``threshold``: smaller changes are none. ``options``: those that name another machine,
    on which it was measured; empty where it was this one."""

    profile: str
    configured: Configured
    measure: str
    patterns: Sequence[str]
    threshold: float
    options: str = ""


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """A build as the report has it. ``commit``: that of its sources, as its processes say.
    ``log_ratio``: it by the good end, where they were measured together. ``blocks``: in how many it
    was. ``unknown``: why it cannot be looked at."""

    name: str
    date: str | None
    commit: str | None
    log_ratio: float | None
    blocks: int
    unknown: str | None


@dataclass(kw_only=True)
class BisectFinding:
    """What a bisection came to. The keys of ``vggbench bisect --json`` are its own, and ``schema``.

    The change lies behind ``before`` and up to ``after``: two neighbours where it is named.
    ``ratio`` is that change; where there is none, the bad end by the good one.
    """

    machine: str
    profile: str
    configuration: Mapping[str, Any]
    measure: str
    good: str
    bad: str
    outcome: str = NOT_NAMED
    before: str | None = None
    after: str | None = None
    probability: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    builds: list[LookedAt] = field(default_factory=list)
    blocks: int = 0
    notes: list[str] = field(default_factory=list)
    status: int = 2

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}


def finding(
    here: Local,
    searched: BuildsBetween,
    asked: Asked,
    search: Search | None,
    *,
    unknown: Mapping[int, str],
    notes: Sequence[str],
    budget: Budget,
) -> BisectFinding:
    """The finding of a ``search``, None where it ended before its first block. ``unknown``: by
    place, why a build cannot be looked at. ``notes``: messages that come first."""
    builds = searched.builds
    newest = _newest(here, searched, asked)
    found = BisectFinding(
        machine=here.machine,
        profile=asked.profile,
        configuration=dict(asked.configured.configuration),
        measure=asked.measure,
        good=builds[0].name,
        bad=builds[-1].name,
        before=builds[0].name,
        after=builds[-1].name,
        builds=[
            _looked_at(place, build, newest[place], search, unknown.get(place))
            for place, build in enumerate(builds)
        ],
        notes=list(notes),
    )
    if search is None or not search.looks:
        if search is not None:
            found.notes += _why_no_shorter(searched, asked, search, budget)
        return found
    decision = search.decision
    found.blocks = len(search.looks)
    found.probability = decision.probability
    if search.ended == bisection.UNCHANGED_ENDS:
        # That the ends are alike is a verdict by the threshold. It has no probability.
        found.outcome, found.before, found.after = NO_CHANGE, None, None
        found.probability = None
    elif search.ended == bisection.FOUND and not _is_whole(search):
        found.outcome = NAMED
    found.status = _STATUS[found.outcome]
    ends = search.ends
    if ends is not None and _is_whole(search):
        found.ratio, found.low, found.high = ends.ratio, ends.low, ends.high
    else:
        found.ratio, found.low, found.high = search.change
    if found.outcome == NO_CHANGE:
        return found
    found.before, found.after = builds[decision.left].name, builds[decision.right].name
    found.notes += [
        f"{builds[place].name} lies between them and is unknown: {why}"
        for place, why in sorted(unknown.items())
        if decision.left < place < decision.right
    ]
    if found.outcome == NOT_NAMED:
        found.notes += _why_no_shorter(searched, asked, search, budget)
    found.notes += _moved(here, searched, asked, newest, (decision.left, decision.right))
    there = f" on {here.machine}" if asked.options else ""
    found.notes += _commands(searched, asked, (decision.left, decision.right), there)
    found.notes += _elsewhere(searched, asked, search)
    return found


def _is_whole(search: Search) -> bool:
    """Whether no build between the ends was told apart from them."""
    return (search.decision.left, search.decision.right) == (0, len(search.posterior.gaps))


def _newest(here: Local, searched: BuildsBetween, asked: Asked) -> list[Record | None]:
    """Of each build the record of its newest process in the configuration; None where none is."""
    commits = [
        "" if (release := searched.catalogue.by_name.get(build.name)) is None else release.commit
        for build in searched.builds
    ]
    subjects = [(commit, asked.configured.key) for commit in commits]
    return taking.known(here, asked.profile, subjects, purpose=records.BISECT)


def _looked_at(
    place: int, build: Build, newest: Record | None, search: Search | None, unknown: str | None
) -> LookedAt:
    looks = () if search is None else search.looks
    own = [look.log_ratio for look in looks if (look.before, look.after) == (0, place)]
    own += [-look.log_ratio for look in looks if (look.before, look.after) == (place, 0)]
    return LookedAt(
        name=build.name,
        date=build.date,
        commit=None if newest is None else _commit(build, newest),
        log_ratio=robust.pseudomedian(own) if own else None,
        blocks=sum(place in (look.before, look.after) for look in looks),
        unknown=unknown,
    )


def _commit(build: Build, record: Record) -> str | None:
    """The commit that a build says it was made from; None where its framework does not tell."""
    framework = frameworks.of(build.track.module)
    if framework is None or framework.commit_fact is None:
        return None
    told = record.facts.get(framework.commit_fact)
    return None if told is None else str(told)


def _why_no_shorter(
    searched: BuildsBetween, asked: Asked, search: Search, budget: Budget
) -> list[str]:
    """Why the span is no shorter, and what to do."""
    many = f"{how_many(len(search.looks), 'block')}, the most that a search takes, leave it open"
    span = (search.decision.left, search.decision.right)
    told = {
        bisection.OUT_OF_BUDGET: f"{budget.why_over()}; the same command goes on from here",
        bisection.UNSURE_ENDS: "whether both ends differ is not sure, so nothing was searched "
        "between them; where the machine is noisy: vggbench calibrate",
        bisection.TOO_MANY_LOOKS: many
        if _is_whole(search)
        else f"{many}; to search what is left: {_again(searched, asked, span)}",
        bisection.NOTHING_TELLS: "no further block of any build would tell more",
        bisection.FOUND: "no build between them can be measured",
    }
    return [told[search.ended]] if search.ended in told else []


def _moved(
    here: Local,
    searched: BuildsBetween,
    asked: Asked,
    newest: Sequence[Record | None],
    places: tuple[int, int],
) -> list[str]:
    """What else changed between two builds."""
    releases = [searched.catalogue.by_name.get(searched.builds[place].name) for place in places]
    before, after = releases
    if before is None or after is None:
        return []
    found = differences.between(
        searched.catalogue,
        before,
        after,
        profile=asked.profile,
        configuration=dict(asked.configured.configuration),
        newest=(newest[places[0]], newest[places[1]]),
    )
    told = "; ".join(map(str, found)) or "nothing that is on record"
    return [f"what else changed between them: {told}"]


def _commands(
    searched: BuildsBetween, asked: Asked, places: tuple[int, int], there: str
) -> list[str]:
    """The commands that repeat the comparison of two builds. ``there``: on which machine, where
    that is another one."""
    pair = [searched.builds[place] for place in places]
    commands = [
        f"vggbench releases add {build.track.name}=={build.version}"
        for build in pair
        if not searched.catalogue.is_on_track(build.name)
    ]
    subjects = " ".join(
        shlex.quote(f"{build.name} {asked.configured.words}".strip()) for build in pair
    )
    duet = f"vggbench duet {subjects}{threshold_option(asked.threshold)}"
    commands.append(profiles.asking(asked.profile, duet))
    return [f"to repeat it{there}: {command}" for command in commands]


def _elsewhere(searched: BuildsBetween, asked: Asked, search: Search) -> list[str]:
    """Where the pair's change is surely not the whole: how much lies elsewhere, and how to search
    it."""
    if search.elsewhere is None or not search.is_other_change:
        return []
    left, right = search.decision.left, search.decision.right
    last = len(searched.builds) - 1
    spans = [(0, left)] if left > 0 else []
    spans += [(right, last)] if right < last else []
    ratio, low, high = search.elsewhere
    interval = f"{percent(ratio)} ({percent(low)[:-2]} to {percent(high)[:-2]})"
    return [
        f"another change lies elsewhere: {interval} of the whole is not between these two",
        *(f"to search it: {_again(searched, asked, span)}" for span in spans),
    ]


def _again(searched: BuildsBetween, asked: Asked, places: tuple[int, int]) -> str:
    """The command that searches between two builds of the line."""
    names = " ".join(searched.builds[place].name for place in places)
    bench = "".join(f" {quoted(pattern)}" for pattern in asked.patterns)
    measure = "" if asked.measure == STEP.key else f" --measure {asked.measure}"
    options = threshold_option(asked.threshold) + (f" {asked.options}" if asked.options else "")
    command = f"vggbench bisect {names}{f' --bench{bench}' if bench else ''}{measure}{options}"
    return profiles.asking(asked.profile, command)


# -- for people


def progress(search: Search, builds: Sequence[Build]) -> str | None:
    """A message about what is known so far; None where the ends turned out to be alike."""
    ends, decision = search.ends, search.decision
    blocks_so_far = how_many(len(search.looks), "block")
    if ends is not None and ends.outcome not in SURE:
        told = f"{builds[-1].name} by {builds[0].name}: {change(ends)}, {ends.outcome}"
    elif decision.outcome == bisection.NO_CHANGE:
        return None
    else:
        told = (
            f"the change lies after {builds[decision.left].name}, up to "
            f"{builds[decision.right].name} ({per_cent(decision.probability)})"
        )
    return f"{blocks_so_far}: {told}"


def show(found: BisectFinding, *, as_json: bool) -> None:
    """Print a finding to standard output."""
    if as_json:
        print(json.dumps(found.as_json(), indent=2, allow_nan=False))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("build", "date", "commit", "by the good end", "blocks", ""):
        table.add_column(heading, overflow="fold")
    for build in found.builds:
        if build.blocks or build.unknown:
            ratio = None if build.log_ratio is None else blocks.ratio_of([build.log_ratio])
            table.add_row(
                build.name,
                build.date or "-",
                build.commit or "-",
                "-" if ratio is None else percent(ratio),
                str(build.blocks),
                f"unknown: {build.unknown}" if build.unknown else "",
            )
    console = Console(file=sys.stdout, width=160, highlight=False, markup=False, soft_wrap=True)
    console.print(headline(found))
    if table.rows:
        console.print(table)
    for note in found.notes:
        console.print(f"  {note}")


def headline(found: BisectFinding) -> str:
    """One line that says what came of it."""
    title = JUDGED[found.measure].title
    sure = "" if found.probability is None else f" ({per_cent(found.probability)})"
    if found.outcome == NO_CHANGE:
        return (
            f"{title}: no change between {found.good} and {found.bad}: {change(found)}, "
            f"{how_many(found.blocks, 'block')}"
        )
    if found.outcome == NAMED:
        return (
            f"{title}: {found.after} is the first with the change, {found.before} the last without "
            f"it{sure}: {change(found)}, {how_many(found.blocks, 'block')}"
        )
    if not found.blocks:
        return f"{title}: not named: no block between {found.good} and {found.bad} is on record"
    return (
        f"{title}: not named: a change lies after {found.before} and up to {found.after}{sure}: "
        f"{change(found)}, {how_many(found.blocks, 'block')}"
    )
