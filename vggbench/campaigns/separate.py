"""``vggbench separate``: is a change the framework's, or a companion's that moved with it?

The release is measured in turns (A B B A) with itself, one thing of it changed back to what it was
in the release before. What the change of that one thing makes is their ratio.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import records
from ..errors import VggbenchError, one_line
from ..judging import verdicts
from ..judging.measures import MEASURES
from ..judging.verdicts import Verdict
from ..releases import spec
from ..releases.catalogue import Release
from ..releases.environments import Impossible, remove
from ..runs import draft, local, profiles
from ..runs.local import Local, Session
from ..runs.subject import Subject
from ..runs.suite import Configured
from ..stats.judge import CHANGED, UNCHANGED, Judgement, Process, judge
from ..stats.noise import between_sessions, estimate
from . import variants
from .budget import Budget
from .variants import Change

#: Of both sides together, unless the user says another number.
PROCESSES = 8

#: Of each side, at least: fewer do not show how much processes scatter.
LEAST_PROCESSES = 2

#: Up to this share of a change, what may be one thing's is worth saying: the most is another's.
LITTLE = 0.5

#: Of the folders of variants, beside the releases' environments.
PREFIX = "variants-"

#: Characters of an error in a finding, at most: it is a cell of a table.
ERROR_WIDTH = 140


class NothingToSeparate(VggbenchError):
    """No change is known whose cause could be looked for."""


@dataclass(frozen=True, kw_only=True)
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
    """What one measure of one configuration comes to by what was changed back: ``judgement`` is of
    the release as it is against the variant, by so many ``processes`` of each side at least. None
    where the variant did not run, and ``error`` says why."""

    release: str
    variant: str
    benchmark: str
    configuration: str
    measure: str
    judgement: Judgement | None
    processes: int = 0
    error: str | None = None

    def is_of(self, change: Verdict) -> bool:
        """Whether it is a part of this change."""
        about = change.release, change.benchmark, change.words, change.measure
        return (self.release, self.benchmark, self.configuration, self.measure) == about


#: A release as it is, and with something changed back: ready to be measured.
Sides = tuple[Subject, Subject]


def run(here: Local, asked: Asked, budget: Budget) -> int:
    """Measure and say it; returns the exit status 0. Raises VggbenchError where nothing can be
    measured."""
    profile = here.profiles[0]
    catalogue = here.catalogue
    results_dir, machine = here.checkout.results_dir, here.machine
    release = spec.one(catalogue, asked.release)
    before = spec.one(catalogue, asked.against or f"{release.name}^")
    evidence = verdicts.read_evidence(here.checkout, machine)
    known = [
        one
        for one in verdicts.of_release(evidence, release, before, profile, asked.threshold)
        if one.ratio is not None
    ]
    wanted = _wanted(here, release, before, known, asked)
    told = facts(records.read(results_dir, machine), profile)
    both = told.get(before.commit, {}), told.get(release.commit, {})
    device = profiles.device_of(profile)
    changes = [
        variants.change(catalogue, release, before, device, what, facts=both) for what in asked.back
    ]
    with here.session(records.SEPARATE) as measuring:
        for change in changes:
            work = Work(
                release=release,
                change=change,
                profile=profile,
                wanted=tuple(wanted),
                processes=asked.processes,
            )
            measure(here, measuring, work, budget)
    taken = list(records.read(results_dir, machine))
    for found in separations(taken, release, profile, asked.threshold):
        if found.judgement is not None and found.variant in {change.words for change in changes}:
            here.say(words(found, known))
    return 0


def _wanted(
    here: Local,
    release: Release,
    before: Release,
    known: Iterable[Verdict],
    asked: Asked,
) -> list[Configured]:
    """The configurations that patterns select, or those of which something changed. Raises
    UserError where the patterns select none, NothingToSeparate where nothing changed."""
    if asked.patterns:
        return here.suite.chosen(release, asked.patterns, here.catalogue)
    changed = {
        local.key(one.benchmark, one.configuration) for one in known if one.outcome in CHANGED
    }
    own = [
        one
        for one in here.suite.timed_of(release, [], here.catalogue)
        if local.key_of(one) in changed
    ]
    if not own:
        raise NothingToSeparate(
            f"nothing is known to have changed in {release.name} against {before.name}; "
            f"measure both first, or choose configurations with --bench"
        )
    return own


def facts(taken: Iterable[records.Record], profile: str) -> dict[str, Mapping[str, object]]:
    """What the newest process of each release said of itself, by the release's commit."""
    found: dict[str, Mapping[str, object]] = {}
    for record in taken:
        told = record.get("versions")
        if record["profile"] == profile and isinstance(told, dict) and "variant" not in record:
            found[record["commit"]] = told
    return found


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is measured of a release with one ``change``: the configurations ``wanted`` in a
    profile, by so many ``processes`` of both sides together of each."""

    release: Release
    change: Change
    profile: str
    wanted: tuple[Configured, ...]
    processes: int


def measure(here: Local, measuring: Session, work: Work, budget: Budget) -> None:
    """Measure the release and its variant in turns, one configuration after the other.

    A variant that cannot be installed is said, and recorded of all that is ``wanted`` where no
    other day would change it.
    """
    release, device = work.release, profiles.device_of(work.profile)
    folder = here.checkout.env_dir
    folder.mkdir(parents=True, exist_ok=True)
    for killed in folder.glob(f"{PREFIX}*"):
        remove(killed)  # nobody else separates: the session holds the checkout
    with tempfile.TemporaryDirectory(dir=folder, prefix=PREFIX) as aside:
        variant = variants.make(Path(aside), here.catalogue, release, device, work.change)
        environments, lock = variant.environments, variant.release.locks[device]
        python = environments.python(variant.release, device)
        changed = Subject(
            release=variant.release,
            profile=work.profile,
            interpreter=str(python),
            lock=lock,
            variant=variant.words,
            variables=variant.variables,
        )
        try:
            environments.ensure(variant.release, device, here.say)
            sides = measuring.prepared(release, work.profile), changed
        except Impossible as err:
            here.say(f"{release.name} with {variant.words} cannot be separated: {err}")
            for one in work.wanted:
                measuring.refuse(changed, one, str(err))
        except VggbenchError as err:
            here.say(f"{release.name} with {variant.words} is not measured: {err}")
        else:
            for one in work.wanted:
                for line in _in_turns(measuring, sides, one, work.processes, budget):
                    here.say(line)


def _in_turns(
    measuring: Session,
    sides: Sides,
    one: Configured,
    processes: int,
    budget: Budget,
) -> Iterator[str]:
    """Measure both in turns, so many ``processes`` of both together, or as many as the budget
    allows. Yields a line about each, and one where the variant does not run."""
    last_s = 0.0
    variant = sides[1].variant
    for turn in range(processes):
        side = (1, 0, 0, 1)[turn % 4]  # a variant that does not run is met at once
        if not budget.allows(last_s):
            yield f"the budget is spent: {turn} of {processes} processes of {one.words}"
            return
        record = measuring.measure_subject(sides[side], one)
        last_s = record["process_s"]
        yield f"{f'with {variant}' if side else 'as it is'}: {draft.progress_line(record)}"
        if record["outcome"] != records.OK:
            yield f"{sides[0].release.name} {one.words} with {variant} cannot be separated"
            return


def separations(
    taken: Iterable[records.Record], release: Release, profile: str, threshold: float
) -> list[Separation]:
    """What the records of ``vggbench separate`` say of a release, variant by variant; of several
    runs the newest that says something."""
    groups: dict[tuple[str, str], list[records.Record]] = {}
    for record in taken:
        if (
            record.get("purpose") == records.SEPARATE
            and record["commit"] == release.commit
            and record["profile"] == profile
            and record["outcome"] != records.INTERRUPTED
        ):
            key = local.key(record["benchmark"], record["configuration"])
            groups.setdefault((record["run"], key), []).append(record)
    found: dict[tuple[str, str, str], Separation] = {}
    for (_, key), group in groups.items():
        for variant in dict.fromkeys(r["variant"] for r in group if "variant" in r):
            for measure in MEASURES:
                one = _separation(group, variant, measure, threshold)
                place = key, variant, measure
                if one is not None and (one.judgement is not None or place not in found):
                    found[place] = one
    return list(found.values())


def _separation(
    group: Sequence[records.Record], variant: str, measure: str, threshold: float
) -> Separation | None:
    """What the records of one configuration in one run say of one measure; None where there are
    too few."""
    changed = [record for record in group if record.get("variant") == variant]
    as_it_is = [record for record in group if "variant" not in record]
    about = (
        changed[0]["release"],
        variant,
        changed[0]["benchmark"],
        " ".join(str(word) for word in changed[0]["configuration"].values()),
        measure,
    )
    before, after = _processes(changed, measure), _processes(as_it_is, measure)
    fewest = min(len(before), len(after))
    if fewest >= LEAST_PROCESSES:
        both = [before, after]
        noise = estimate([], both, between_sessions([], [both]))
        return Separation(*about, judge(before, after, [], noise, threshold=threshold), fewest)
    for record in changed:
        if record["outcome"] != records.OK:
            why = record.get("error") or record.get("reason") or "no reason is on record"
            why = str(why).rpartition("cannot be installed: ")[2]  # of what is said beside it
            return Separation(*about, None, error=one_line(why, ERROR_WIDTH))
    return None


def _processes(side: Sequence[records.Record], measure: str) -> list[Process]:
    found = []
    for record in side:
        if record["outcome"] != records.OK:
            continue
        try:
            values = tuple(MEASURES[measure].of_record(record))
        except (KeyError, TypeError, IndexError, AttributeError):
            continue
        if values and all(isinstance(v, (int, float)) and 0 < v < math.inf for v in values):
            found.append(Process(record["run"], values))
    return found


def words(one: Separation, known: Iterable[Verdict]) -> str:
    """A line: what the one thing makes, of how much in all."""
    about = one.configuration, one.measure
    whole = next((each for each in known if (each.words, each.measure) == about), None)
    found = one.judgement
    by = f"{found.ratio - 1:+.1%} ({found.low - 1:+.1%} to {found.high - 1:+.1%}) " if found else ""
    line = (
        f"{one.release} {one.configuration}, {MEASURES[one.measure].title}: {by}against itself "
        f"with {one.variant}: {conclusion(one, whole)}"
    )
    if whole is None or whole.ratio is None:
        return line
    return f"{line}; the whole change is {whole.ratio - 1:+.1%}"


def conclusion(one: Separation, whole: Verdict | None) -> str:
    """Whether what was changed back makes a difference; where that is not sure, how much of the
    ``whole`` change it makes at most, where that is LITTLE. Why it cannot be changed back where
    that is so."""
    if one.judgement is None:
        return f"{one.variant} cannot be put back: {one.error}"
    things = variants.AND.join(variants.things(one.variant))
    together = len(variants.things(one.variant)) > 1
    if one.judgement.outcome in CHANGED:
        return f"{things} {'make' if together else 'makes'} a difference"
    if one.judgement.outcome == UNCHANGED:
        return f"neither {things.replace(variants.AND, ' nor ')}" if together else f"not {things}"
    share = None if whole is None else largest_share(one.judgement, whole)
    if share is None or share > LITTLE:
        return f"not sure about {things}"
    return f"at most {max(1, math.ceil(100 * share))} % of it is by {things}"


def explains(part: Judgement, whole: Verdict) -> bool:
    """Whether a part surely makes a difference, and as far as one can tell more of the ``whole``
    change than LITTLE, in logarithms."""
    if part.outcome not in CHANGED or whole.ratio is None:
        return False
    by_it, in_all = math.log(part.ratio), math.log(whole.ratio)
    return by_it * in_all > LITTLE * in_all**2


def largest_share(part: Judgement, whole: Verdict) -> float | None:
    """The largest share of the ``whole`` change that is the ``part``'s, by the ends of both
    intervals that favour it; None where the whole change may be none. Of the logarithms: factors
    multiply, so shares of these add up to 1."""
    if whole.low is None or whole.high is None or whole.low <= 1 <= whole.high:
        return None
    if whole.low > 1:
        return math.log(part.high) / math.log(whole.low)
    return math.log(part.low) / math.log(whole.high)
