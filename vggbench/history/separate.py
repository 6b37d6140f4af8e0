"""``vggbench separate``: is a change the framework's, or a companion's that moved with it?

The release is measured in turns (A B B A) with itself, one thing of it changed back to what it was
in the release before. What the change of that one thing makes is their ratio.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import records
from ..asv_plugin import profiles, recorder, suite, timed
from ..asv_plugin.suite import Configured
from ..checkout import Checkout
from ..errors import VggbenchError
from ..releases import spec
from ..releases.catalogue import Release
from ..verdict import session, verdicts
from ..verdict.budget import Budget
from ..verdict.judge import CHANGED, UNCHANGED, Judgement, Process, judge
from ..verdict.measures import MEASURES
from ..verdict.noise import between_sessions, estimate
from ..verdict.session import Say, Session
from ..verdict.verdicts import Verdict
from . import variants
from .variants import Variant

#: Of each side, at least: fewer do not show how much processes scatter.
LEAST_PROCESSES = 2

#: Up to this share of a change, what may be one thing's is worth saying: the most is another's.
LITTLE = 0.5


class NothingToSeparate(VggbenchError):
    """No change is known whose cause could be looked for."""


@dataclass(frozen=True)
class Asked:
    """``release`` and ``against`` in the words of asv run; ``back``: what is changed back, each by
    itself. ``processes``: of both sides, for each configuration. ``patterns``: of configurations;
    those that changed where there are none."""

    release: str
    against: str | None
    back: Sequence[str]
    patterns: Sequence[str]
    processes: int
    threshold: float


@dataclass(frozen=True)
class Separation:
    """What one measure of one configuration comes to by the one thing that was changed back:
    ``judgement`` is of the release as it is against the variant."""

    release: str
    variant: str
    benchmark: str
    configuration: str
    measure: str
    judgement: Judgement


def run(checkout: Checkout, machine: str, asked: Asked, budget: Budget, say: Say) -> int:
    """Measure and say it; returns the exit status 0. Raises VggbenchError where nothing can be
    measured."""
    profile = profiles.asked()[0]
    device = profiles.device_of(profile)
    catalogue = checkout.catalogue
    release = spec.one(catalogue, asked.release)
    before = spec.one(catalogue, asked.against or f"{release.name}^")
    evidence = verdicts.read_evidence(checkout, machine)
    known = [
        one
        for one in verdicts.of_release(evidence, release, before, profile, asked.threshold)
        if one.ratio is not None
    ]
    wanted = _wanted(checkout, release, before, known, asked)
    facts = _facts(checkout, machine, (before, release), profile)
    folder = Path(checkout.config.env_dir).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="variants-") as aside:
        made = [
            variants.make(
                Path(aside) / str(number), catalogue, release, before, device, what, facts
            )
            for number, what in enumerate(asked.back)
        ]
        with session.opened(checkout, records.SEPARATE, say) as measuring:
            for variant in made:
                _measure(measuring, checkout, release, variant, profile, wanted, asked, budget, say)
    taken = list(records.read(checkout.results_dir, machine))
    for one in separations(taken, release, profile, asked.threshold):
        if one.variant in {variant.words for variant in made}:
            say(words(one, known))
    return 0


def _wanted(
    checkout: Checkout,
    release: Release,
    before: Release,
    known: Iterable[Verdict],
    asked: Asked,
) -> list[Configured]:
    """The configurations that patterns select, or those of which something changed. Raises
    UserError where the patterns select none, NothingToSeparate where nothing changed."""
    if asked.patterns:
        return suite.chosen(release, asked.patterns, checkout.catalogue)
    changed = {
        session.key(one.benchmark, one.configuration) for one in known if one.outcome in CHANGED
    }
    own = [
        one
        for one in suite.timed_of(release, [], checkout.catalogue)
        if session.key_of(one) in changed
    ]
    if not own:
        raise NothingToSeparate(
            f"nothing is known to have changed in {release.name} against {before.name}; "
            f"measure both first, or choose configurations with --bench"
        )
    return own


def _facts(
    checkout: Checkout, machine: str, of: tuple[Release, Release], profile: str
) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """What the newest process of each release said of itself; nothing where none is on record."""
    found: dict[str, Mapping[str, object]] = {}
    for record in records.read(checkout.results_dir, machine):
        told = record.get("versions")
        if record["profile"] == profile and isinstance(told, dict) and "variant" not in record:
            found[record["commit"]] = told
    return found.get(of[0].commit, {}), found.get(of[1].commit, {})


def _measure(
    measuring: Session,
    checkout: Checkout,
    release: Release,
    variant: Variant,
    profile: str,
    wanted: Sequence[Configured],
    asked: Asked,
    budget: Budget,
    say: Say,
) -> None:
    """Measure the release and the variant in turns; a line where the variant cannot be."""
    device = profiles.device_of(profile)
    try:
        python = variant.environments.ensure(variant.release, device, say)
    except VggbenchError as err:
        say(f"{release.name} with {variant.words} cannot be separated: {err}")
        return
    lock = variant.release.locks[device]
    changed = timed.Subject(
        variant.release, profile, str(python), lock, variant.words, variant.variables
    )
    as_it_is = measuring.prepared(release, profile)
    sides = {"as it is": as_it_is, f"with {variant.words}": changed}
    a, b = sides
    for one in wanted:
        last_s = 0.0
        for turn in range(asked.processes):
            side = (a, b, b, a)[turn % 4]
            if not budget.allows(last_s):
                say(f"the budget is spent: {turn} of {asked.processes} processes of {one.words}")
                return
            record = measuring.measure_subject(sides[side], one)
            last_s = record["process_s"]
            say(f"{side}: {recorder.progress_line(record)}")
            if record["outcome"] != records.OK:
                say(f"{release.name} {one.words} with {variant.words} cannot be separated")
                break


def separations(
    taken: Iterable[records.Record], release: Release, profile: str, threshold: float
) -> list[Separation]:
    """What the records of ``vggbench separate`` say of a release, variant by variant."""
    groups: dict[tuple[str, str], list[records.Record]] = {}
    for record in taken:
        if (
            record.get("purpose") == records.SEPARATE
            and record["commit"] == release.commit
            and record["profile"] == profile
            and record["outcome"] == records.OK
        ):
            key = session.key(record["benchmark"], record["configuration"])
            groups.setdefault((record["run"], key), []).append(record)
    found: dict[tuple[str, str, str], Separation] = {}
    for (_, key), group in groups.items():
        as_it_is = [record for record in group if "variant" not in record]
        for variant in dict.fromkeys(r["variant"] for r in group if "variant" in r):
            changed = [record for record in group if record.get("variant") == variant]
            for measure in MEASURES:
                before, after = _processes(changed, measure), _processes(as_it_is, measure)
                if min(len(before), len(after)) < LEAST_PROCESSES:
                    continue
                both = [before, after]
                noise = estimate([], both, between_sessions([], [both]))
                found[key, variant, measure] = Separation(
                    release.name,
                    variant,
                    group[0]["benchmark"],
                    " ".join(str(word) for word in group[0]["configuration"].values()),
                    measure,
                    judge(before, after, [], noise, threshold),
                )
    return list(found.values())


def _processes(side: Sequence[records.Record], measure: str) -> list[Process]:
    found = []
    for record in side:
        try:
            values = tuple(MEASURES[measure].of_record(record))
        except (KeyError, TypeError, IndexError, AttributeError):
            continue
        if values and all(isinstance(v, (int, float)) and 0 < v < math.inf for v in values):
            found.append(Process(record["run"], values))
    return found


def words(one: Separation, known: Iterable[Verdict]) -> str:
    """A line: what the one thing makes, of how much in all."""
    found = one.judgement
    about = one.configuration, one.measure
    whole = next((each for each in known if (each.words, each.measure) == about), None)
    line = (
        f"{one.release} {one.configuration}, {MEASURES[one.measure].title}: "
        f"{found.ratio - 1:+.1%} ({found.low - 1:+.1%} to {found.high - 1:+.1%}) against itself "
        f"with {one.variant}: {conclusion(one, whole)}"
    )
    if whole is None or whole.ratio is None:
        return line
    return f"{line}; the whole change is {whole.ratio - 1:+.1%}"


def conclusion(one: Separation, whole: Verdict | None) -> str:
    """Whether the thing that was changed back makes a difference; where that is not sure, how much
    of the ``whole`` change it makes at most, where that is LITTLE."""
    thing = one.variant.partition(" ")[0]
    if one.judgement.outcome in CHANGED:
        return f"{thing} makes a difference"
    if one.judgement.outcome == UNCHANGED:
        return f"not {thing}"
    share = None if whole is None else largest_share(one.judgement, whole)
    if share is None or share > LITTLE:
        return f"not sure about {thing}"
    return f"at most {max(1, math.ceil(100 * share))} % of it is by {thing}"


def largest_share(part: Judgement, whole: Verdict) -> float | None:
    """The largest share of the ``whole`` change that is the ``part``'s, by the ends of both
    intervals that favour it; None where the whole change may be none. Of the logarithms: factors
    multiply, so shares of these add up to 1."""
    if whole.low is None or whole.high is None or whole.low <= 1 <= whole.high:
        return None
    if whole.low > 1:
        return math.log(part.high) / math.log(whole.low)
    return math.log(part.low) / math.log(whole.high)
