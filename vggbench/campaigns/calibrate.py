"""``vggbench calibrate``: the machine's own noise, from one release measured against itself.

Blocks of duets are taken of a release with itself, of a few configurations in turns: both of their
processes are of one environment, so that what they differ by is the machine's doing. What blocks
scatter by about 0 says how small a change can be found, and how far off 0 they lie together says
what more blocks would not find.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import records
from ..checkout import Checkout
from ..errors import Say, VggbenchError, how_many
from ..inside import params
from ..judging import duets
from ..judging.duets import Block
from ..judging.evidence import Evidence, durations, gather
from ..judging.measures import STEP
from ..judging.phrases import percent
from ..judging.state import known_of
from ..records import Record
from ..releases import spec
from ..releases.catalogue import Release
from ..releases.environments import EnvironmentUnusable
from ..runs import profiles
from ..runs.duet import Subject
from ..runs.local import Local, why_not_here
from ..runs.suite import Configured
from ..stats import robust
from ..stats.blocks import BlockNoise, found_with
from ..stats.policy import A_BLOCK, EXCLUDED, MOST_BLOCKS, per_cent
from . import taking
from .budget import Budget
from .taking import BlockResult, Uncounted

#: Configurations that are measured where --bench does not say which: two, so that what is said is
#: not one configuration's alone.
CONFIGURATIONS = 2

#: What a user wants to know of: slow-downs, as a ratio less one.
SLOW_DOWNS = (0.03, 0.05, 0.10)


class CalibrateError(VggbenchError):
    """There is nothing to measure the noise with."""


def choose(checkout: Checkout, device: str) -> Release:
    """The newest release that runs here: of those measured, else installed, else of all.

    Raises CalibrateError where none runs.
    """
    runs = [release for release in checkout.catalogue if why_not_here(release, [device]) is None]
    measured = checkout.measured_commits()
    for preferred in (
        [r for r in runs if r.commit in measured],
        [
            r
            for r in runs
            if (lock := r.lock_for(device)) is not None
            and checkout.environments.installed(r, lock.name) is not None
        ],
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

    def order(configured: Configured) -> tuple[bool, float]:
        known = took.get((release.commit, configured.key), math.inf)
        framework = records.class_of(configured.benchmark)
        return params.is_chosen(framework, dict(configured.configuration), params.COMPILER), known

    return sorted(own, key=order)


def take(
    measure: Callable[[Configured], BlockResult],
    wanted: Sequence[Configured],
    budget: Budget,
    *,
    forecast: Callable[[Configured], float],
    how_many: int,
    blocks: int,
    say: Say,
) -> int:
    """Take blocks of ``how_many`` of the configurations ``wanted`` in turns, so many ``blocks`` of
    each or as long as the budget lasts; returns how many count. ``measure`` takes one; the first of
    a configuration is likely to take the seconds that ``forecast`` says, 0 where nothing is known.

    A configuration that is n/a or fails, or of which three blocks one after the other do not count,
    gives way to the next, with a line.
    """
    waiting = list(wanted)
    running: list[Configured] = []
    taken: Counter[Configured] = Counter()
    uncounted: dict[Configured, Uncounted] = {}
    expected_s: dict[Configured, float] = {}
    while True:
        while waiting and len(running) < how_many:
            running.append(waiting.pop(0))
            expected_s[running[-1]] = forecast(running[-1])
        if not running:
            break
        configured = min(running, key=taken.__getitem__)
        if taken[configured] >= blocks:
            break
        if not budget.allows(expected_s[configured]):
            if not taken.total():
                say(budget.why_over(expected_s[configured]))
            break
        came = measure(configured)
        expected_s[configured] = came.seconds or expected_s[configured]
        ended = uncounted.setdefault(configured, Uncounted()).end_it(came)
        if came.block is not None:
            taken[configured] += 1
            differ = percent(math.exp(came.block.numbers[STEP.key]))
            say(f"{configured.words}, block {taken[configured]}: the two differ by {differ}")
        elif came.outcome == records.OK:
            say(f"{configured.words}: the block does not count: {came.why}")
        else:
            say(str(came.why))
        if came.waited_in_vain:
            say(f"the budget is spent while the machine was busy; {taking.QUIET}")
            break
        if came.is_spent:
            break
        if ended:
            running.remove(configured)
    return taken.total()


# -- what the noise means


@dataclass(frozen=True, kw_only=True)
class KnownNoise:
    """What blocks of a release with itself tell in one configuration. ``off``: by how much they lie
    off 0 together, a ratio less one, which may be chance."""

    noise: BlockNoise
    off: float


def calibrating(evidence: Evidence, release: Release, profile: str) -> dict[str, list[Block]]:
    """The blocks of a release with itself, by the words of a configuration."""
    found: dict[str, list[Block]] = {}
    for block in evidence.blocks:
        of_it = block.calibrates and block.first[0] == release.commit
        if of_it and block.profile == profile and STEP.key in block.numbers:
            found.setdefault(block.duets[0].first.name, []).append(block)
    return found


def noises(evidence: Evidence, release: Release, profile: str) -> dict[str, KnownNoise]:
    """What all calibrations with this release tell of the noise of a step's blocks, by the words
    of a configuration; of one that has few, what they tell together. Raises CalibrateError, which
    says why, where none counts."""
    found = {
        name: duets.in_one_state(own)
        for name, own in calibrating(evidence, release, profile).items()
    }
    if not found:
        why = "; ".join(evidence.left_out) or "none was taken"
        raise CalibrateError(
            f"{release.name}: no block of it with itself counts, so its noise is not known: {why}"
        )
    together = [block for own in found.values() for block in own]
    return {
        name: KnownNoise(
            noise=duets.noise(
                own,
                duets.of_states(together, own[-1].states),
                measure=STEP.key,
            ),
            off=math.expm1(robust.pseudomedian([block.numbers[STEP.key] for block in own])),
        )
        for name, own in found.items()
    }


def not_counted(evidence: Evidence, release: Release, profile: str) -> list[str]:
    """Lines about what calibrated with this release and is no part of the noise: what is no
    evidence, and what was measured in another state of the machine or its user."""
    lines = list(evidence.left_out)
    for name, own in calibrating(evidence, release, profile).items():
        # Both processes of such a block are of one state: that of one environment.
        states = Counter(block.states[0] for block in own)
        last = own[-1].states[0]
        lines += [
            f"{name}: {how_many(count, 'block')} with {state} left out: the last was with {last}"
            for state, count in states.items()
            if state != last
        ]
    return lines


def is_too_noisy(noise: BlockNoise, threshold: float, comparisons: int) -> bool:
    """Whether MOST_BLOCKS cannot even exclude what "unchanged" must exclude; never of a noise that
    is but assumed."""
    if noise.is_assumed:
        return False
    smallest = found_with(noise, threshold=threshold, comparisons=comparisons)[-1]
    return smallest > _excluded(threshold)


def _excluded(threshold: float) -> float:
    """What "unchanged" excludes, a ratio less one: EXCLUDED thresholds, as logarithms."""
    return math.expm1(EXCLUDED * math.log1p(threshold))


def noise_report(found: Mapping[str, KnownNoise], threshold: float, comparisons: int) -> list[str]:
    """Lines about the noise, how small a slow-down it lets be found with how many blocks when so
    many ``comparisons`` are judged together, and what to do where that is too much for the
    threshold."""
    lines = [f"{name}: {_of_one(known)}" for name, known in found.items()]
    if any(known.noise.is_assumed for known in found.values()):
        lines.append("Run this again, or with a higher --budget: earlier blocks count, too.")
        return lines
    finds = {
        name: found_with(known.noise, threshold=threshold, comparisons=comparisons)
        for name, known in found.items()
    }
    worst = max(finds, key=lambda name: finds[name][-1])
    parts = []
    for slow_down in SLOW_DOWNS:
        if slow_down > threshold:
            enough = sum(smallest > slow_down for smallest in finds[worst]) + 1
            over = f"more than {MOST_BLOCKS} blocks"
            count = how_many(enough, "block") if enough <= MOST_BLOCKS else over
            parts.append(f"of {per_cent(slow_down)} with {count}")
    smallest = finds[worst][-1]
    if parts:
        parts.append(f"of {per_cent(smallest, 1)} with {how_many(MOST_BLOCKS, 'block')}")
        lines.append(f"Likely to be found: a slow-down {', '.join(parts)}.")
    if is_too_noisy(found[worst].noise, threshold, comparisons):
        lines.append(
            f"This machine is too noisy for a threshold of {per_cent(threshold, 1)}: no comparison "
            f"could tell {per_cent(_excluded(threshold), 1)} from nothing. Ask for a higher "
            f"--threshold, or make it quieter:"
        )
        lines += [f"  - {line}" for line in advice()]
    return lines


def _of_one(known: KnownNoise) -> str:
    """What blocks of one configuration tell, as messages have it."""
    noise = known.noise
    if noise.is_assumed:
        return f"too few blocks to tell its noise; {noise.origin}"
    bias = f"a bias of {per_cent(noise.bias, 1)}" if noise.bias > 0 else "no bias that is sure"
    return (
        f"blocks differ by {per_cent(noise.deviation, 1)}, {bias} (together they lie "
        f"{percent(1 + known.off)} off; from {noise.origin})"
    )


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


def is_calibrated(evidence: Evidence, profile: str) -> bool:
    """Whether a block of a release with itself counts in this profile."""
    return any(block.calibrates and block.profile == profile for block in evidence.blocks)


@dataclass(frozen=True, kw_only=True)
class CalibrateRequest:
    """``release`` as asv run takes it, None for the newest that was measured here. ``patterns``
    are --bench's; CONFIGURATIONS are chosen where there are none. ``processes``: of each, at most,
    but a block of them at least."""

    release: str | None
    patterns: Sequence[str]
    processes: int
    threshold: float


def run(here: Local, asked: CalibrateRequest, budget: Budget) -> int:
    """Returns the exit status: 0, or 1 where the machine is too noisy for the threshold. Raises
    VggbenchError where the noise cannot be measured."""
    profile, say = here.one_profile("a calibration"), here.say
    if asked.release:
        release = spec.release(here.catalogue, asked.release)
    else:
        release = choose(here.checkout, profiles.device_of(profile))
    on_record = here.store.all(here.machine, say)
    wanted = candidates(here, release, profile, asked.patterns, on_record)
    with here.runner(records.DUET) as runner:

        def forecast(configured: Configured) -> float:
            both = [(release.commit, configured.key)] * 2
            return taking.block_s(taking.known(here, profile, both))

        def measure(configured: Configured) -> BlockResult:
            try:
                installation = runner.prepared(release, profile, configured)
            except EnvironmentUnusable as err:
                lock = release.lock_for(profiles.device_of(profile), configured.backend)
                if lock is None or lock.backend is None:
                    raise
                # The environments of other backends can be made.
                return BlockResult(why=str(err), outcome=records.FAILED)
            # The environment may have taken long.
            spent = taking.out_of_budget(budget, forecast(configured))
            if spent is not None:
                return spent
            subject = Subject(installation=installation, configured=configured)
            return taking.take(here, runner, (subject, subject), budget)

        counted = take(
            measure,
            wanted,
            budget,
            forecast=forecast,
            how_many=len(wanted) if asked.patterns else CONFIGURATIONS,
            blocks=max(1, asked.processes // A_BLOCK),
            say=say,
        )
    if not counted:
        raise CalibrateError(f"no block of {release.name} counts: its noise is not known")
    own = here.store.where(
        here.machine, commits=[release.commit], profile=profile, purposes=[records.DUET]
    )
    known = known_of(here.store.all(here.machine))
    evidence = gather(here.machine, own, here.catalogue, known)
    found = noises(evidence, release, profile)
    # Judged together are the configurations of a release.
    comparisons = len(here.suite.timed_of(release, [], here.catalogue))
    for line in not_counted(evidence, release, profile):
        say(line)
    for line in noise_report(found, asked.threshold, comparisons):
        say(line)
    noisy = [is_too_noisy(known.noise, asked.threshold, comparisons) for known in found.values()]
    return 1 if any(noisy) else 0
