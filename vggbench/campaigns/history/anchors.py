"""Anchors: releases that every sitting measures again, to see whether the machine has changed.

Their processes calibrate the machine: how much the anchors differ between sittings tells of the
noise between sessions that verdicts reckon with.
"""

from __future__ import annotations

from collections.abc import Sequence

from ... import records
from ...judging.evidence import gather
from ...judging.measures import STEP
from ...judging.phrases import change
from ...judging.state import known_of
from ...records import Record
from ...releases.catalogue import Release
from ...runs.local import Local
from ...runs.suite import Configured
from ...stats.judge import Process, judge
from ...stats.noise import between_sessions, estimate
from ...stats.policy import CHANGED
from .. import calibrate
from .plan import Plan


def configuration(here: Local, plan: Plan, anchor: Release, profile: str) -> Configured:
    """What is measured of an anchor: the first configuration of the first stage. Raises
    UserError where that has none for it."""
    bench = list(plan.stages[0].bench)
    return calibrate.candidates(here, anchor, profile, bench, [])[0]


def measure(here: Local, plan: Plan, profile: str, run: str) -> None:
    """Measure what the sitting ``run`` lacks of its anchors, in turns."""
    wanted = [(anchor, configuration(here, plan, anchor, profile)) for anchor in plan.anchors]
    with here.runner(records.CALIBRATE, run_id=run) as runner:
        for number in range(1, plan.anchor_processes + 1):
            for anchor, configured in wanted:
                counted = [
                    record
                    for record in _own(here, anchor, configured, profile)
                    if record.run == run
                    and record.why_no_evidence(here.machine, here.catalogue) is None
                ]
                if len(counted) >= number:
                    continue
                record = runner.measure(anchor, profile, configured)
                here.say(f"anchor: {records.progress_message(record)}")


def report(
    here: Local,
    plan: Plan,
    profile: str,
    run: str,
    threshold: float,
) -> list[str]:
    """A line about each anchor: whether it is what it was in earlier sittings."""
    lines = []
    known = known_of(here.store.all(here.machine))
    for anchor in plan.anchors:
        configured = configuration(here, plan, anchor, profile)
        evidence = gather(
            here.machine, _own(here, anchor, configured, profile), here.catalogue, known
        )
        found = [
            process
            for line in evidence.calibrating
            for process in evidence.calibrated(line, anchor, STEP.key)
        ]
        states = {
            state: sessions
            for line in evidence.calibrating
            for state, sessions in evidence.calibrated_in(line, anchor).items()
        }
        earlier = [state for state, sessions in states.items() if set(sessions) - {run}]
        now = [process for process in found if process.session == run]
        before = [process for process in found if process.session != run]
        name = f"anchor {anchor.name} {configured.words}"
        if not now and any(run in sessions for sessions in states.values()):
            lines.append(
                f"{name}: measured on a busy machine alone: it says nothing of the machine"
            )
        elif not now:
            lines.append(f"{name}: not measured, see above: it says nothing of the machine")
        elif not before and earlier:
            lines.append(
                f"{name}: measured before with {earlier[-1]}, now with {list(states)[-1]}: not "
                f"comparable, it says nothing of the machine"
            )
        elif not before:
            lines.append(f"{name}: measured for the first time")
        else:
            lines.append(f"{name}: {_change(before, now, threshold)}")
    return lines


def _change(before: Sequence[Process], now: Sequence[Process], threshold: float) -> str:
    noise = estimate(before, [], between_sessions([before], []))
    found = judge(before, now, [], noise, threshold=threshold)
    sittings = len({process.session for process in before})
    measured = (
        f"{change(found)} against {sittings} earlier {'sitting' if sittings == 1 else 'sittings'}"
    )
    if found.outcome in CHANGED:
        return (
            f"{measured}: MORE THAN THE MACHINE'S NOISE ({noise.origin}): the machine has changed; "
            f"verdicts put no difference between this sitting and others on a release"
        )
    return f"{measured}, within the machine's noise"


def _own(here: Local, anchor: Release, configured: Configured, profile: str) -> list[Record]:
    """What calibrated with this configuration of an anchor, of processes that ended well."""
    on_record = here.store.where(
        here.machine,
        commits=(anchor.commit,),
        profile=profile,
        keys=(configured.key,),
        purposes=(records.CALIBRATE,),
    )
    return [record for record in on_record if record.outcome == records.OK]
