"""The judgement of two releases, from the processes that measured them: statistics alone.

On a log scale, a process's location is the sum of its release's level, its session's drift and its
own noise. The ratio of two releases is estimated by generalised least squares. A session that
measured both releases therefore tells more than two sessions that measured one each. docs/method.md
describes all of it under "Verdicts".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from . import robust
from .policy import (
    BATCH,
    CONFIDENCE,
    EXCLUDED,
    IMPROVED,
    MOST,
    NOT_SURE,
    REGRESSED,
    THRESHOLD,
    UNCHANGED,
)

#: The chance that any configuration of an unchanged release is called changed, at most.
ALPHA = 0.05

#: The chance that a change of EXCLUDED thresholds is called unchanged, at most.
BETA = 0.05

#: From this share of the threshold on, a slow-down is suspected.
SUSPECTED_FROM = 0.6

#: What releases of one level may differ by from one to the next: a standard deviation, as a share
#: of the threshold. Because of it, older releases say less about ``before`` than newer ones.
WANDER = 0.125

#: A level ends where the releases before it differ from it by more than this many standard
#: deviations. A lower limit would leave out the history just when ``before`` was measured
#: unluckily.
OTHER_LEVEL = 2.5

#: The median of so many releases says whether a level goes on with them, further into the past.
WINDOW = 4

#: A release of the history that is off its level by more standard deviations is left out.
STRAY = 2.5

#: The standard error that is aimed at, as a share of the threshold. Where MOST processes leave a
#: larger one, that is aimed at instead. While the error is larger than the aim, the bound is
#: multiplied by (error / aim) to the power SHAPE. A power of 0 would make the bound the same at
#: every look (Pocock 1977); with 1, early looks would hardly ever end a comparison (O'Brien &
#: Fleming 1979).
AIM = 0.4
SHAPE = 0.35

#: The bound by that of one look alone (the constant of Wang & Tsiatis). perf/detection.py shows how
#: many false alarms it leaves.
LOOKS = 1.07

#: The share of sure answers that ``processes_needed`` makes likely.
POWER = 0.8

#: No more processes than these are forecast: another machine is needed, or another threshold.
FORESEEN = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Process:
    """What one process measured of one release: positive numbers, lower is better.

    ``session`` names the session, whose processes share drifts of the machine: those of a release
    in a run of asv, or those of a confirmation, which interleaves both releases. ``samples`` are in
    the order in which they were taken; a by-product is a single one.
    """

    session: str
    samples: tuple[float, ...]


@dataclass(frozen=True)
class Noise:
    """How much processes and sessions differ on a machine without a change.

    ``processes`` and ``sessions`` are standard deviations of the logarithm: of a process about its
    session, and of a session about the machine. ``origin`` says what they were estimated from. The
    degrees of freedom say how well each is known. ``vggbench.stats.noise`` estimates all of them.
    """

    processes: float
    sessions: float
    origin: str
    processes_degrees: float = 20.0
    sessions_degrees: float = 5.0


@dataclass(frozen=True)
class Judgement:
    """What the processes of two releases say.

    ``ratio`` is after by before. ``low`` to ``high`` is its interval with CONFIDENCE, for this
    comparison alone; of many such intervals, some exclude 1 by chance. A sure ``outcome`` follows a
    stricter rule, which accounts for the other comparisons and for repeated looks.

    ``suspected``: the release is perhaps slower by what matters, so a confirmation is worthwhile.
    ``processes_needed``: about how many more interleaved processes, of both releases together,
    would make a sure answer likely; None where the answer is sure.
    """

    outcome: str
    ratio: float
    low: float
    high: float
    _: KW_ONLY
    suspected: bool
    processes_needed: int | None


@dataclass(frozen=True)
class _Group:
    """The processes of one release in one session.

    ``age``: how many releases this one is older than ``before``. ``after``: whether it is the
    judged release.
    """

    session: str
    logs: tuple[float, ...]
    age: int
    after: bool


@dataclass(frozen=True)
class _LogChange:
    """The logarithm of after by before, its standard error, and the error's degrees of freedom."""

    size: float
    error: float
    freedom: float

    def half(self, confidence: float) -> float:
        """Half the width of the interval that has the change with this confidence."""
        return float(special.stdtrit(self.freedom, (1 + confidence) / 2)) * self.error

    def mirrored(self) -> _LogChange:
        return _LogChange(-self.size, self.error, self.freedom)


def judge(
    before: Sequence[Process],
    after: Sequence[Process],
    history: Sequence[Sequence[Process]],
    noise: Noise,
    *,
    threshold: float = THRESHOLD,
    comparisons: int = 1,
) -> Judgement:
    """Judge a release (``after``) against an earlier one (``before``).

    ``history`` has the processes of the releases before ``before``, oldest first. Only releases
    that are of one level with ``before`` count; a release without processes is passed over.
    ``threshold`` is a ratio less one. ``comparisons`` is how many configurations are judged
    together. Raises ValueError where one of the two releases has no processes, a sample is not a
    positive number, or the threshold is not positive.
    """
    if not before or not after:
        raise ValueError("no processes of the release " + ("after" if before else "before"))
    if not threshold > 0:
        raise ValueError(f"a threshold of {threshold} is not positive")
    compared = [*_groups(before, 0, False), *_groups(after, 0, True)]
    processes, degrees = _scatter(compared, noise)
    line = [
        _groups(release, age, False) for age, release in enumerate(reversed(history), 1) if release
    ]
    level = _one_level(_groups(before, 0, False), line, processes, noise.sessions)
    sessions, sessions_degrees = _between(
        [[group for release in level for group in release], _groups(after, 0, True)],
        processes,
        noise,
    )
    scatter = (processes, degrees), (sessions, sessions_degrees)
    direct = _compare(compared, *scatter, 0.0)
    if len(level) == 1:
        return _decide(direct, direct, processes, threshold, comparisons)
    older = [group for release in level[1:] for group in release]
    narrowed = _compare([*compared, *older], *scatter, WANDER * math.log1p(threshold))
    return _decide(direct, narrowed, processes, threshold, comparisons)


def level_of(process: Process) -> float:
    """The natural logarithm of what a process measured: its samples' robust location."""
    return _location(process.samples)


@functools.lru_cache(maxsize=65536)
def _location(samples: tuple[float, ...]) -> float:
    if not samples:
        raise ValueError("a process without samples")
    for sample in samples:
        if not 0 < sample < math.inf:
            raise ValueError(f"a sample of {sample} is not a positive number")
    return robust.midmean([math.log(sample) for sample in samples])


def _groups(processes: Sequence[Process], age: int, after: bool) -> list[_Group]:
    """The processes of a release, grouped by session."""
    sessions: dict[str, list[float]] = {}
    for process in processes:
        sessions.setdefault(process.session, []).append(level_of(process))
    return [_Group(session, tuple(logs), age, after) for session, logs in sessions.items()]


def _scatter(groups: Sequence[_Group], noise: Noise) -> tuple[float, float]:
    """The deviation between processes and its degrees of freedom, from the known noise and from the
    scatter within ``groups``.

    The two variances are averaged, weighted by their degrees of freedom (as in Smyth 2004). The
    result is no less than what the scatter alone surely shows.
    """
    residuals: list[float] = []
    of_more = 0
    squares_of_two: list[float] = []
    for group in groups:
        n = len(group.logs)
        if n == 2:
            # One of two that is far off moves their location all the way, so nothing is clipped.
            squares_of_two.append((group.logs[0] - group.logs[1]) ** 2 / 2)
        elif n > 2:
            centre = robust.location(group.logs, noise.processes)
            correction = math.sqrt(n / (n - 1))
            residuals += [(log - centre) * correction for log in group.logs]
            of_more += n - 1
    degrees = of_more + len(squares_of_two)
    if degrees == 0:
        return noise.processes, noise.processes_degrees
    clipped = robust.scale(residuals, noise.processes) ** 2
    seen = (of_more * clipped + sum(squares_of_two)) / degrees
    known = noise.processes_degrees
    moderated = (known * noise.processes**2 + degrees * seen) / (known + degrees)
    least = seen * degrees / special.chdtri(degrees, 0.05)
    return math.sqrt(max(moderated, least)), known + degrees


def _mean(release: Sequence[_Group], processes: float, sessions: float) -> tuple[float, float]:
    """The level of one release, and its variance."""
    weights = [1 / (processes**2 / len(group.logs) + sessions**2) for group in release]
    mean = sum(
        weight * robust.location(group.logs, processes)
        for weight, group in zip(weights, release, strict=True)
    )
    return mean / sum(weights), 1 / sum(weights)


def _one_level(
    before: list[_Group], line: list[list[_Group]], processes: float, sessions: float
) -> list[list[_Group]]:
    """``before``, and the releases of ``line`` that are of one level with it.

    ``line`` has the releases before ``before``, newest first. From ``before`` backwards, the level
    goes on while the median of the next releases is near the mean so far.
    """
    if processes == 0 and sessions == 0:
        return [before]
    level = [before]
    mean, variance = _mean(before, processes, sessions)
    means = [_mean(release, processes, sessions) for release in line]
    for place, (release_mean, release_variance) in enumerate(means):
        window = means[place : place + WINDOW]
        middle = float(np.median([mean_there for mean_there, _ in window]))
        # The median of n normal values has pi/2 times the variance of their mean, from n = 3 on.
        share = (1.0 if len(window) <= 2 else math.pi / 2) / len(window)
        spread = sum(variance_there for _, variance_there in window) / len(window) * share
        if abs(middle - mean) > OTHER_LEVEL * math.sqrt(variance + spread):
            break
        if abs(release_mean - mean) > STRAY * math.sqrt(variance + release_variance):
            continue
        level.append(line[place])
        weight = variance / (variance + release_variance)
        mean += weight * (release_mean - mean)
        variance *= 1 - weight
    return level


def _between(
    levels: Sequence[Sequence[_Group]], processes: float, noise: Noise
) -> tuple[float, float]:
    """The deviation between sessions and its degrees of freedom.

    The known deviation is averaged with the scatter of the sessions within each of ``levels``,
    beyond what the processes explain (DerSimonian & Laird 1986).
    """
    known = noise.sessions_degrees
    if processes == 0:
        return noise.sessions, known
    scatter, degrees, divisor = 0.0, 0, 0.0
    for level in levels:
        by_session: dict[str, tuple[float, ...]] = {}
        for group in level:
            by_session[group.session] = by_session.get(group.session, ()) + group.logs
        groups = [*by_session.values()]
        weights = np.array([len(logs) / processes**2 for logs in groups])
        means = np.array([robust.location(logs, processes) for logs in groups])
        total = weights.sum()
        scatter += float(np.sum(weights * (means - np.sum(weights * means) / total) ** 2))
        degrees += len(groups) - 1
        divisor += float(total - np.sum(weights**2) / total)
    if degrees < 2:
        return noise.sessions, known
    beyond = max(0.0, (scatter - degrees) / divisor)
    variance = (known * noise.sessions**2 + degrees * beyond) / (known + degrees)
    return math.sqrt(variance), known + degrees


def _compare(
    groups: Sequence[_Group],
    processes: tuple[float, float],
    sessions: tuple[float, float],
    wander: float,
) -> _LogChange:
    """The change from before to after, with degrees of freedom by Satterthwaite (1946).

    ``processes`` and ``sessions`` are deviations with their degrees of freedom. ``wander`` is the
    deviation from one release of a level to the next.
    """
    means = np.array([robust.location(group.logs, processes[0]) for group in groups])
    counts = np.array([len(group.logs) for group in groups])
    after = np.array([group.after for group in groups])
    age = np.array([group.age for group in groups])
    names = {name: number for number, name in enumerate({group.session for group in groups})}
    session = np.array([names[group.session] for group in groups])
    shared = session[:, None] == session[None, :]
    # The smallest noise keeps the matrix invertible for a machine without any.
    group_variances = max(processes[0], 1e-9) ** 2 / counts
    covariance = np.diag(group_variances) + sessions[0] ** 2 * shared
    covariance += wander**2 * np.minimum(age[:, None], age[None, :])
    design = np.stack([~after, after], axis=1).astype(float)
    solved = np.linalg.solve(covariance, design)
    # The change is linear in the groups' means: this is what each mean counts for.
    weights = solved @ np.linalg.solve(design.T @ solved, np.array([-1.0, 1.0]))
    from_processes = float(weights**2 @ group_variances)
    from_sessions = float(sessions[0] ** 2 * (weights @ shared @ weights))
    variance = float(weights @ covariance @ weights)
    uncertain = from_processes**2 / processes[1] + from_sessions**2 / sessions[1]
    freedom = max(1.0, variance**2 / uncertain)
    return _LogChange(float(weights @ means), math.sqrt(variance), freedom)


def _decide(
    direct: _LogChange, narrowed: _LogChange, processes: float, threshold: float, comparisons: int
) -> Judgement:
    """The judgement of a change.

    ``direct`` is the change as the two releases alone show it, ``narrowed`` with the history.
    ``processes`` is the deviation between processes, for the forecast of how many more to take.
    """
    relevant = math.log1p(threshold)
    size = abs(narrowed.size)
    aim = _aim(processes, relevant)
    bound = _bound(direct, aim, comparisons)
    largest = size + narrowed.half(1 - 2 * BETA)
    largest_direct = abs(direct.size) + direct.half(1 - 2 * BETA)
    slower, faster = (
        _suspicious(direct, narrowed, relevant),
        _suspicious(direct.mirrored(), narrowed.mirrored(), relevant),
    )
    if (
        min(size, abs(direct.size)) >= relevant
        and abs(direct.size) > bound * direct.error
        and direct.size * narrowed.size > 0
    ):
        outcome = REGRESSED if direct.size > 0 else IMPROVED
    elif max(size, largest_direct) < relevant or (
        largest < EXCLUDED * relevant and not slower and not faster
    ):
        outcome = UNCHANGED
    else:
        outcome = NOT_SURE
    half = narrowed.half(CONFIDENCE)
    unsure = outcome == NOT_SURE
    return Judgement(
        outcome=outcome,
        ratio=robust.ratio(narrowed.size),
        low=robust.ratio(narrowed.size - half),
        high=robust.ratio(narrowed.size + half),
        suspected=unsure and slower,
        processes_needed=_needed(direct, narrowed, processes, relevant, comparisons=comparisons)
        if unsure
        else None,
    )


def _suspicious(direct: _LogChange, narrowed: _LogChange, relevant: float) -> bool:
    """Whether the release may be slower by what matters: by all evidence or, where the history says
    otherwise, by the two releases alone."""
    return narrowed.size > SUSPECTED_FROM * relevant or direct.size > max(
        relevant, direct.half(1 - 2 * BETA)
    )


def _aim(processes: float, relevant: float) -> float:
    """The standard error that is aimed at: one that is small enough for what is relevant. Where
    processes scatter too much for that, it is what MOST of them leave, half of each release."""
    return max(AIM * relevant, 2 * processes / math.sqrt(MOST))


def _bound(change: _LogChange, aim: float, comparisons: int) -> float:
    """From how many standard errors on a change is surely not 0.

    A confirmation looks after each batch, so the bound is a sequential one (Wang & Tsiatis 1987).
    It is higher while less is known. Once the error is ``aim``, it is LOOKS times the bound of
    Bonferroni and Student.
    """
    sure = float(special.stdtrit(change.freedom, 1 - ALPHA / 2 / comparisons))
    return LOOKS * sure * max(1.0, change.error / aim) ** SHAPE


def _needed(
    direct: _LogChange,
    narrowed: _LogChange,
    processes: float,
    relevant: float,
    *,
    comparisons: int,
) -> int:
    """How many more interleaved processes would make a sure answer likely, if the change is what it
    seems to be. The number is a multiple of BATCH, FORESEEN at most."""
    likely = float(special.ndtri(POWER))
    size = abs(narrowed.size)
    aim = _aim(processes, relevant)
    more = np.arange(BATCH, FORESEEN + 1, BATCH)

    def error(change: _LogChange) -> Floats:
        # n processes, half of each release, leave the change a variance of 4 processes**2 / n.
        return 1 / np.sqrt(1 / change.error**2 + more / (4 * processes**2))

    if size >= relevant:
        for count, error_then in zip(map(int, more), map(float, error(direct)), strict=True):
            bound = _bound(_LogChange(size, error_then, direct.freedom), aim, comparisons)
            if (bound + likely) * error_then < size:
                return count
        return FORESEEN
    limit = relevant if size > SUSPECTED_FROM * relevant else EXCLUDED * relevant
    enough = (special.ndtri(1 - BETA) + likely) * error(narrowed) < limit - size
    return int(more[enough][0]) if enough.any() else FORESEEN
