"""Anchors: releases that every session measures again, to see whether the machine has changed.

Their processes calibrate the machine: how much the anchors differ between sessions tells of the
noise between sessions that verdicts reckon with.
"""

from __future__ import annotations

from collections.abc import Sequence

from ... import records
from ...checkout import Checkout
from ...judging.evidence import gather
from ...judging.verdicts import STEP
from ...records import Record
from ...releases.catalogue import Release
from ...runs import local as session
from ...runs.local import Say
from ...runs.suite import Configured
from ...stats.judge import CHANGED, Process, judge
from ...stats.noise import between_sessions, estimate
from .. import calibrate
from .plan import Plan


def configuration(checkout: Checkout, plan: Plan, anchor: Release, profile: str) -> Configured:
    """What is measured of an anchor: the first configuration of the first stage. Raises
    UserError where that has none for it."""
    bench = list(plan.stages[0].bench)
    return calibrate.candidates(checkout, anchor, profile, bench, [])[0]


def measure(
    checkout: Checkout,
    plan: Plan,
    profile: str,
    run: str,
    taken: list[Record],
    say: Say,
    *,
    machine: str,
) -> None:
    """Measure what the session ``run`` lacks of its anchors, in turns, and add it to ``taken``."""
    wanted = [(one, configuration(checkout, plan, one, profile)) for one in plan.anchors]
    with session.opened(checkout, records.CALIBRATE, say) as measuring:
        for number in range(1, plan.anchor_processes + 1):
            for anchor, one in wanted:
                own = _own(anchor, one, profile, taken)
                counted = [
                    record
                    for record in own
                    if record.run == run
                    and record.why_no_evidence(machine, checkout.catalogue) is None
                ]
                if len(counted) >= number:
                    continue
                record = measuring.measure(anchor, profile, one)
                say(f"anchor: {records.progress_line(record)}")
                taken.append(record)


def report(
    checkout: Checkout,
    plan: Plan,
    profile: str,
    run: str,
    taken: Sequence[Record],
    threshold: float,
    *,
    machine: str,
) -> list[str]:
    """A line about each anchor: whether it is what it was in earlier sessions."""
    lines = []
    for anchor in plan.anchors:
        one = configuration(checkout, plan, anchor, profile)
        own = _own(anchor, one, profile, taken)
        evidence = gather(machine, own, checkout.catalogue)
        found = [
            process
            for line in evidence.calibrating
            for process in evidence.calibrated(line, anchor, STEP)
        ]
        now = [process for process in found if process.session == run]
        before = [process for process in found if process.session != run]
        name = f"anchor {anchor.name} {one.words}"
        if not now:
            lines.append(f"{name}: not measured, see above: it says nothing of the machine")
        elif not before:
            lines.append(f"{name}: measured for the first time")
        else:
            lines.append(f"{name}: {_words(before, now, threshold)}")
    return lines


def _words(before: Sequence[Process], now: Sequence[Process], threshold: float) -> str:
    noise = estimate(before, [], between_sessions([before], []))
    found = judge(before, now, [], noise, threshold)
    sessions = len({one.session for one in before})
    measured = (
        f"{found.ratio - 1:+.1%} ({found.low - 1:+.1%} to {found.high - 1:+.1%}) against "
        f"{sessions} earlier {'session' if sessions == 1 else 'sessions'}"
    )
    if found.outcome in CHANGED:
        return (
            f"{measured}: MORE THAN THE MACHINE'S NOISE ({noise.origin}): the machine has changed; "
            f"between this session and others, verdicts reckon with that, not with a release"
        )
    return f"{measured}, within the machine's noise"


def _own(anchor: Release, one: Configured, profile: str, taken: Sequence[Record]) -> list[Record]:
    """What calibrated with this configuration of an anchor, of processes that ended well."""
    return [
        record
        for record in taken
        if record.purpose == records.CALIBRATE
        and record.commit == anchor.commit
        and record.profile == profile
        and record.outcome == records.OK
        and record.key == one.key
    ]
