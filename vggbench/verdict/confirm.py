"""``vggbench confirm``: re-measure what is suspected, and only that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .. import records
from ..asv_plugin import profiles
from ..checkout import Checkout
from ..releases import spec
from ..releases.catalogue import Release
from . import interleave, session
from .budget import Budget
from .interleave import Confirmed, Suspect
from .judge import NOT_SURE, REGRESSED, Judgement
from .session import Say


class Judging(Protocol):
    """What is asked of the verdicts. They read the records anew at each question."""

    def suspects(self) -> Sequence[Suspect]: ...

    def judge(self, suspect: Suspect) -> Mapping[str, Judgement]: ...


def confirm(
    checkout: Checkout, judging: Judging, budget: Budget, most: int, say: Say
) -> list[Confirmed]:
    """Confirm what is suspected, and return what came of each; nothing where nothing is.

    Raises VggbenchError where nothing more can be measured at all; what was is on record.
    """
    suspects = judging.suspects()
    if not suspects:
        return []
    with session.opened(checkout, records.CONFIRM, say) as measuring:

        def measure(suspect: Suspect, release: Release) -> records.Record:
            return measuring.measure(release, suspect.profile, suspect.one)

        return interleave.confirm_all(suspects, measure, judging.judge, budget, say, most)


def status(found: Sequence[Confirmed]) -> int:
    """The exit status: 1 where something regressed, 2 where something is not sure, else 0."""
    outcomes = {one.outcome for each in found for one in each.judgements.values()}
    if REGRESSED in outcomes:
        return 1
    return 2 if NOT_SURE in outcomes else 0


def run(
    checkout: Checkout,
    machine: str,
    word: str,
    against: str | None,
    budget: Budget,
    most: int,
    threshold: float,
    say: Say,
) -> int:
    """Confirm one release; returns the exit status. Raises VggbenchError."""
    from .on_record import OnRecord

    after = spec.one(checkout.catalogue, word)
    if against:
        before = spec.one(checkout.catalogue, against)
    else:
        line = list(checkout.catalogue.tracks[after.track].releases)
        earlier = line[: line.index(after)]
        measured = checkout.measured_commits()
        before = next(r for r in reversed(earlier) if r.commit in measured)
    with session.asvs_words():
        asked = profiles.asked()
    judging = OnRecord(checkout, machine, [(before, after)], asked, threshold)
    found = confirm(checkout, judging, budget, most, say)
    for key, judged in judging._all(before, after).items():
        say(f"{key} {judged}")
    if not found:
        say(f"nothing is suspected of {after.name} against {before.name}")
    return status(found)
