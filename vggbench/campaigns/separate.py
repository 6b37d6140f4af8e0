"""``vggbench separate``: is a change the framework's, or a companion's that moved with it?

The release is measured in turns (A B B A) with itself, one thing of it changed back to what it was
in the release before. What the change of that one thing makes is their ratio.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import records
from ..errors import VggbenchError
from ..judging import verdicts
from ..judging.measures import JUDGED
from ..judging.separations import Separation, conclusion, facts, separations
from ..judging.verdicts import Verdict
from ..releases import spec
from ..releases.catalogue import Release
from ..releases.environments import Impossible, remove
from ..runs import profiles
from ..runs.local import Local, Session
from ..runs.subject import Subject
from ..runs.suite import Configured
from ..stats.policy import CHANGED
from . import variants
from .budget import Budget
from .variants import Change

#: Of the folders of variants, beside the releases' environments.
PREFIX = "variants-"


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


#: A release as it is, and with something changed back: ready to be measured.
Sides = tuple[Subject, Subject]


def run(here: Local, asked: Asked, budget: Budget) -> int:
    """Measure and say it; returns the exit status 0. Raises VggbenchError where nothing can be
    measured."""
    profile = here.profiles[0]
    catalogue = here.catalogue
    release = spec.one(catalogue, asked.release)
    before = spec.one(catalogue, asked.against or f"{release.name}^")
    evidence = verdicts.read_evidence(here.store, here.machine, catalogue)
    known = [
        one
        for one in verdicts.of_release(evidence, release, before, profile, asked.threshold)
        if one.ratio is not None
    ]
    wanted = _wanted(here, release, before, known, asked)
    told = facts(here.machine, here.store.all(here.machine), catalogue, profile)
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
    on_record = here.store.all(here.machine)
    own = separations(here.machine, on_record, catalogue, profile, asked.threshold)
    for found in own.get(release.name, []):
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
        records.key_of(one.benchmark, one.configuration) for one in known if one.outcome in CHANGED
    }
    timed = here.suite.timed_of(release, [], here.catalogue)
    own = [one for one in timed if one.key in changed]
    if not own:
        raise NothingToSeparate(
            f"nothing is known to have changed in {release.name} against {before.name}; "
            f"measure both first, or choose configurations with --bench"
        )
    return own


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
        last_s = record.seconds or 0.0
        yield f"{f'with {variant}' if side else 'as it is'}: {records.progress_line(record)}"
        if record.outcome != records.OK:
            yield f"{sides[0].release.name} {one.words} with {variant} cannot be separated"
            return


def words(one: Separation, known: Iterable[Verdict]) -> str:
    """A line: what the one thing makes, of how much in all."""
    about = one.configuration, one.measure
    whole = next((each for each in known if (each.words, each.measure) == about), None)
    found = one.judgement
    by = f"{found.ratio - 1:+.1%} ({found.low - 1:+.1%} to {found.high - 1:+.1%}) " if found else ""
    line = (
        f"{one.release} {one.configuration}, {JUDGED[one.measure].title}: {by}against itself "
        f"with {one.variant}: {conclusion(one, whole)}"
    )
    if whole is None or whole.ratio is None:
        return line
    return f"{line}; the whole change is {whole.ratio - 1:+.1%}"
