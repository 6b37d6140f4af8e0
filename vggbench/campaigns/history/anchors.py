"""Anchors: releases that every session measures again, to see whether the machine has changed.

Their processes calibrate the machine: how much the anchors differ between sessions tells of the
noise between sessions that verdicts reckon with.
"""

from __future__ import annotations

from collections.abc import Sequence

from ... import records
from ...releases.catalogue import Release
from ...runs import draft, local
from ...runs.local import Local
from ...runs.suite import Configured
from ...stats.judge import CHANGED, Process, judge
from ...stats.noise import between_sessions, estimate
from .. import calibrate
from .plan import Plan


def configuration(here: Local, plan: Plan, anchor: Release, profile: str) -> Configured:
    """What is measured of an anchor: the first configuration of the first stage. Raises
    UserError where that has none for it."""
    bench = list(plan.stages[0].bench)
    return calibrate.candidates(here, anchor, profile, bench, [])[0]


def measure(
    here: Local, plan: Plan, profile: str, run: str, taken: Sequence[records.Record]
) -> list[records.Record]:
    """Measure what the session ``run`` lacks of its anchors, in turns; returns the records that
    came, which are no part of ``taken``."""
    wanted = [(one, configuration(here, plan, one, profile)) for one in plan.anchors]
    came: list[records.Record] = []
    with here.session(records.CALIBRATE, run_id=run) as measuring:
        for number in range(1, plan.anchor_processes + 1):
            for anchor, one in wanted:
                if len(_own(anchor, one, profile, [*taken, *came]).get(run, [])) >= number:
                    continue
                record = measuring.measure(anchor, profile, one)
                here.say(f"anchor: {draft.progress_line(record)}")
                came.append(record)
    return came


def report(
    here: Local,
    plan: Plan,
    profile: str,
    run: str,
    taken: Sequence[records.Record],
    *,
    threshold: float,
) -> list[str]:
    """A line about each anchor: whether it is what it was in earlier sessions."""
    lines = []
    for anchor in plan.anchors:
        one = configuration(here, plan, anchor, profile)
        by_run = _own(anchor, one, profile, taken)
        now = [Process(run, tuple(r["samples"])) for r in by_run.pop(run, [])]
        before = [
            Process(earlier, tuple(r["samples"])) for earlier, own in by_run.items() for r in own
        ]
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
    found = judge(before, now, [], noise, threshold=threshold)
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


def _own(
    anchor: Release, one: Configured, profile: str, taken: Sequence[records.Record]
) -> dict[str, list[records.Record]]:
    """What calibrated with this configuration of an anchor, by run, of processes that ended well
    with the release's lock of today."""
    wanted = local.key_of(one)
    digests = {lock.digest for lock in anchor.locks.values()}
    found: dict[str, list[records.Record]] = {}
    for record in taken:
        if (
            record.get("purpose") == records.CALIBRATE
            and record["commit"] == anchor.commit
            and record["profile"] == profile
            and record["outcome"] == records.OK
            and record.get("samples")
            and record.get("lock") in digests
            and local.key(record["benchmark"], record["configuration"]) == wanted
        ):
            found.setdefault(record["run"], []).append(record)
    return found
