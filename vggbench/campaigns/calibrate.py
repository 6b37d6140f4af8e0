"""``vggbench calibrate``: the machine's own noise, from one release measured against itself.

Fresh processes of a few configurations are taken in turns. One invocation is a session; what drifts
from session to session shows only when this is run again at another time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import records
from ..checkout import Checkout
from ..errors import VggbenchError
from ..inside import params
from ..judging.evidence import Evidence, durations, gather
from ..judging.verdicts import STEP
from ..records import Record
from ..releases import spec
from ..releases.catalogue import Release
from ..runs import profiles
from ..runs.local import Local, Say, why_not_here
from ..runs.suite import Configured
from ..stats.judge import Noise, Process
from ..stats.noise import LEAST_SESSIONS, between_sessions, estimate, processes_for
from ..stats.policy import EXCLUDED, MOST
from .budget import Budget

#: Configurations that are measured where --bench does not say which: two, because what a session
#: shares shows as what they have in common.
CONFIGURATIONS = 2

#: Configurations that are judged together: those of a release of TensorFlow.
COMPARISONS = 12

#: What a user wants to know of: slow-downs, as a ratio less one.
SLOW_DOWNS = (0.03, 0.05, 0.10)


class CalibrateError(VggbenchError):
    """There is nothing to measure the noise with."""


def choose(checkout: Checkout, device: str) -> Release:
    """The newest release that runs here: of those measured, else installed, else of all.

    Raises CalibrateError where none runs.
    """
    runs = [one for one in checkout.catalogue if why_not_here(one, [device]) is None]
    measured = checkout.measured_commits()
    for preferred in (
        [r for r in runs if r.commit in measured],
        [r for r in runs if checkout.environments.installed(r, device) is not None],
        runs,
    ):
        if preferred:
            return max(preferred, key=lambda release: release.date)
    raise CalibrateError(
        f"no release with a lock for {device} has its CPython on this machine; "
        f"see: vggbench releases list"
    )


def candidates(
    here: Local,
    release: Release,
    profile: str,
    patterns: Sequence[str],
    on_record: Iterable[Record],
) -> list[Configured]:
    """The release's configurations that ``patterns`` select, those first that take least time.

    Those that are compiled come last: their noise costs minutes a process. Raises
    UserError where there is none.
    """
    of_release = [record for record in on_record if record.commit == release.commit]
    took = durations(here.machine, of_release, here.catalogue, profile)
    own = here.suite.chosen(release, patterns, here.catalogue)

    def order(one: Configured) -> tuple[bool, float]:
        known = took.get((release.commit, one.key), math.inf)
        framework = records.class_of(one.benchmark)
        return params.is_chosen(framework, dict(one.configuration), params.COMPILER), known

    return sorted(own, key=order)


def take(
    measure: Callable[[Configured], Record],
    wanted: Sequence[Configured],
    budget: Budget,
    *,
    how_many: int,
    processes: int,
    say: Say,
) -> list[Record]:
    """Measure ``how_many`` of the configurations ``wanted`` in turns, ``processes`` of each or as
    long as the budget lasts; returns the records of those that ran. ``measure`` runs one process.

    One that is n/a or fails gives way to the next, with a line.
    """
    waiting = list(wanted)
    running: list[Configured] = []
    taken: dict[Configured, list[Record]] = {}
    while True:
        while waiting and len(running) < how_many:
            running.append(waiting.pop(0))
        if not running:
            break
        one = min(running, key=lambda each: len(taken.get(each, [])))
        done = taken.setdefault(one, [])
        expected_s = done[-1].seconds or 0.0 if done else 0.0
        if len(done) >= processes or not budget.allows(expected_s):
            break
        record = measure(one)
        say(records.progress_line(record))
        if record.outcome == records.OK:
            done.append(record)
        else:
            running.remove(one)
    return [record for own in taken.values() for record in own]


# -- what the noise means


def calibrating(evidence: Evidence, release: Release, profile: str) -> dict[str, list[Process]]:
    """What all calibrations with this release measured, by the words for a configuration."""
    return {
        f"{release.name} {records.words_of(line.configuration)}".strip(): processes
        for line in evidence.calibrating
        if line.profile == profile
        if (processes := evidence.calibrated(line, release, STEP))
    }


def noises(evidence: Evidence, release: Release, profile: str) -> dict[str, Noise]:
    """The noise by what all calibrations with this release measured, by the words for a
    configuration. Raises CalibrateError, which says why, where it cannot be computed."""
    found = calibrating(evidence, release, profile)
    if not found:
        why = "; ".join(evidence.left_out) or "none timed the train step"
        raise CalibrateError(
            f"{release.name}: none of its processes counts, so its noise is not known: {why}"
        )
    try:
        between = between_sessions(list(found.values()), [])
        return {name: estimate(processes, [], between) for name, processes in found.items()}
    except ValueError as err:
        raise CalibrateError(f"{release.name}: its noise cannot be computed: {err}") from None


def not_counted(evidence: Evidence, release: Release, profile: str) -> list[str]:
    """Lines about what calibrated with this release and is no part of the noise: what is no
    evidence, and what was measured in another state of the machine or its user."""
    lines = list(evidence.left_out)
    for line in evidence.calibrating:
        states = evidence.calibrated_in(line, release) if line.profile == profile else {}
        for state, sessions in list(states.items())[:-1]:
            how_many = "1 session" if len(sessions) == 1 else f"{len(sessions)} sessions"
            lines.append(
                f"{release.name} {records.words_of(line.configuration)}: {how_many} with {state} "
                f"left out: the last was with {list(states)[-1]}"
            )
    return lines


def needed(noise: Noise, slow_down: float) -> int:
    """About how many interleaved processes of both releases together are likely to find a slow-down
    of so much, a ratio less one."""
    # A confirmation shows itself how much its processes scatter, which counts beside what is known.
    known = replace(noise, processes_degrees=noise.processes_degrees + MOST)
    return processes_for(known, slow_down, COMPARISONS)


def smallest(noise: Noise) -> float:
    """The smallest slow-down, as a ratio less one to half a per cent, that a confirmation of MOST
    processes is likely to find."""
    steps = (step / 200 for step in range(1, 200))
    return next((one for one in steps if needed(noise, one) <= MOST), 1.0)


def is_too_noisy(noise: Noise, threshold: float) -> bool:
    """Whether a confirmation cannot even exclude what "unchanged" must exclude."""
    return smallest(noise) > EXCLUDED * threshold


def words(found: Mapping[str, Noise], threshold: float) -> list[str]:
    """Lines about the noise, how small a slow-down it lets be found with how many processes, and
    what to do where that is too much for the threshold."""
    lines = [
        f"{name}: noise of {noise.processes:.1%} between processes, {noise.sessions:.1%} between "
        f"sessions ({noise.origin})"
        for name, noise in found.items()
    ]
    worst = max(found.values(), key=lambda noise: noise.processes)
    counts = {one: needed(worst, one) for one in SLOW_DOWNS}
    parts = [
        f"{one:.0%}: {count if count <= MOST else f'more than {MOST}'}"
        for one, count in counts.items()
    ]
    lines.append(
        f"Interleaved processes, of both releases together, that are likely to find a slow-down "
        f"of {', '.join(parts)}; {MOST} find {smallest(worst):.1%}."
    )
    if is_too_noisy(worst, threshold):
        lines.append(
            f"This machine is too noisy for a threshold of {threshold:.1%}: no confirmation could "
            f"tell {EXCLUDED * threshold:.1%} from nothing. Ask for a higher --threshold, or make "
            f"it quieter:"
        )
        lines += [f"  - {line}" for line in advice()]
    return lines


def advice(
    cpus: Path = Path("/sys/devices/system/cpu"),
    load: Callable[[], Sequence[float]] = os.getloadavg,
) -> list[str]:
    """What makes this machine quieter, the likeliest first: what is seen of it, then what always
    helps."""
    lines = []
    count = os.cpu_count() or 1
    busy = load()[1]
    if busy > 0.25 * count:
        lines.append(
            f"end other load: {busy:.1f} of {count} processors were busy in the last five minutes"
        )
    governors = {_text(path) for path in cpus.glob("cpu*/cpufreq/scaling_governor")} - {""}
    if governors - {"performance"}:
        lines.append(
            f"keep the clock up: the governor is {', '.join(sorted(governors))} "
            f"(sudo cpupower frequency-set -g performance)"
        )
    if _text(cpus / "intel_pstate" / "no_turbo") == "0":
        lines.append(
            "switch turbo off, which depends on the temperature "
            "(echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo)"
        )
    if _text(cpus / "cpufreq" / "boost") == "1":
        lines.append(
            "switch boost off, which depends on the temperature "
            "(echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost)"
        )
    if len(os.sched_getaffinity(0)) == count:
        lines.append(
            f"pin the processes to cores of their own (taskset -c 0-{max(0, count - 2)} "
            f"before this command, and before every asv run: the line of a graph changes with it)"
        )
    lines.append("measure where no neighbour shares the processors: not on a virtual machine")
    return lines


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``release`` in the words of asv run, None for the newest that was measured here. ``patterns``
    are --bench's; CONFIGURATIONS are chosen where there are none. ``processes``: of each, at
    most."""

    release: str | None
    patterns: Sequence[str]
    processes: int
    threshold: float


def run(here: Local, asked: Asked, budget: Budget) -> int:
    """Returns the exit status: 0, or 1 where the machine is too noisy for the threshold. Raises
    VggbenchError where the noise cannot be measured."""
    profile, say = here.profiles[0], here.say
    if asked.release:
        release = spec.one(here.catalogue, asked.release)
    else:
        release = choose(here.checkout, profiles.device_of(profile))
    on_record = here.store.all(here.machine, say)
    wanted = candidates(here, release, profile, asked.patterns, on_record)
    with here.session(records.CALIBRATE) as measuring:
        subject = measuring.prepared(release, profile)
        taken = take(
            lambda one: measuring.measure_subject(subject, one),
            wanted,
            budget,
            how_many=len(wanted) if asked.patterns else CONFIGURATIONS,
            processes=asked.processes,
            say=say,
        )
    if not taken:
        raise CalibrateError(f"no process of {release.name} ended well: its noise is not known")
    own = here.store.where(
        here.machine, commits=[release.commit], profile=profile, purposes=[records.CALIBRATE]
    )
    evidence = gather(here.machine, own, here.catalogue)
    found = noises(evidence, release, profile)
    for line in [*not_counted(evidence, release, profile), *words(found, asked.threshold)]:
        say(line)
    counted = calibrating(evidence, release, profile).values()
    sessions = {one.session for processes in counted for one in processes}
    if len(sessions) < LEAST_SESSIONS:
        say(
            f"This was session {len(sessions)} of the {LEAST_SESSIONS} that show how much sessions "
            f"differ: run this again in an hour, or on another day."
        )
    return 1 if any(is_too_noisy(noise, asked.threshold) for noise in found.values()) else 0
