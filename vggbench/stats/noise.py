"""The noise of a machine, estimated from calibrations, which have no change, and from histories.

The deviation between processes is estimated from calibrating processes, else from the history of
the configuration. The deviation between sessions is estimated from whichever of the two gives it
the lower upper bound. Where too little is on record, an assumption is made that is wide on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from . import robust
from .judge import ALPHA, Noise, Process, level_of
from .policy import ASSUMED_ENDING, per_cent

#: Deviations of the logarithm that are assumed of a machine of which too little is known.
ASSUMED_PROCESSES = 0.03
ASSUMED_SESSIONS = 0.02
ASSUMED_DEGREES = 3.0

#: The deviation between processes is taken to be at least this: some by-products are always the
#: same.
LEAST = 1e-4

#: Estimates from fewer degrees of freedom, or sessions, than these say less than the assumption.
LEAST_DEGREES = 4
LEAST_SESSIONS = 3

#: How alike configurations are is estimated from so many configurations at least.
LEAST_ALIKE = 3

#: Other configurations count for at most so many degrees of freedom, however alike they are.
MOST_ALIKE = 200.0

#: The degrees of freedom of n differences of neighbouring releases, as a share of n. Neighbouring
#: differences share a release (2/3 for normal values), and Huber's scale costs some.
OF_DIFFERENCES = 0.6

#: The variance between sessions is taken to be at least this share of the standard error of its
#: estimate: a variance that is too small to be seen need not be 0.
UNSEEN = 0.5


@dataclass(frozen=True)
class Sessions:
    """The noise that configurations with shared sessions tell together.

    ``deviation`` is that between sessions, ``degrees`` its degrees of freedom, and ``origin`` says
    what it was estimated from. ``processes`` is the deviation between processes that is to be
    expected of such a configuration before its own processes are looked at. It counts for
    ``processes_degrees`` degrees of freedom: many where the configurations are alike.
    """

    deviation: float
    degrees: float
    origin: str
    processes: float = 0.0
    processes_degrees: float = 0.0


def estimate(
    calibration: Sequence[Process],
    history: Sequence[Sequence[Process]],
    sessions: Sessions | None = None,
) -> Noise:
    """The noise of one configuration, or by-product, on one machine.

    ``calibration``: processes of one release. ``history``: the processes of each release, oldest
    first. It must end before the release that is to be judged: otherwise a verdict would change
    when later releases come. Real changes in it do not count if they are few. ``sessions``: from
    ``between_sessions`` of all configurations that were measured together, which tell it better
    than this configuration alone. Raises ValueError where a sample is not a positive number.
    """
    processes, degrees, origin = _processes(_by_session([calibration]), _by_session(history))
    between = sessions or between_sessions([calibration], [history])
    if between.processes_degrees > 0:
        all_degrees = degrees + between.processes_degrees
        squares = degrees * processes**2 + between.processes_degrees * between.processes**2
        processes, degrees = math.sqrt(squares / all_degrees), all_degrees
    return Noise(
        processes, between.deviation, f"{origin}; {between.origin}", degrees, between.degrees
    )


def between_sessions(
    calibrations: Sequence[Sequence[Process]],
    histories: Sequence[Sequence[Sequence[Process]]],
    others: Sequence[Sequence[Process]] = (),
    *,
    steady: bool = True,
) -> Sessions:
    """How much sessions differ on this machine, from all configurations that share sessions.

    All processes must be of one measured quantity: steps, or one by-product. ``calibrations`` and
    ``histories`` have a calibration and a history for each configuration, as ``estimate`` takes
    them. ``others``: processes that calibrated the machine with other configurations; they say
    nothing of how these configurations' processes scatter. ``steady``: whether most neighbouring
    releases have one level. Where they have not, calibrating sessions alone tell the deviation, if
    there are any.

    Calibrating sessions and neighbouring releases can both only overstate the deviation.
    Calibrating sessions may lie days apart where neighbours lie minutes apart, and neighbours
    differ by real changes too. The estimate with the lower upper bound is therefore taken. Raises
    ValueError where a sample is not a positive number.
    """
    alike = how_alike(
        [_of_processes(_by_session([processes])) for processes in calibrations],
        [_of_processes(_by_session(history)) for history in histories],
    )
    calibrating = [
        _of_calibration(_by_session([processes])) for processes in (*calibrations, *others)
    ]
    neighbours = [_of_history(_by_session(history)) for history in histories]
    if not steady and any(calibrating):
        neighbours = []
    estimates = [
        _excess([variance for variance in variances if variance], origin)
        for variances, origin in (
            (calibrating, "calibrating sessions"),
            (neighbours, "pairs of neighbouring releases"),
        )
        if any(variances)
    ]
    if not estimates:
        origin = f"{per_cent(ASSUMED_SESSIONS)} between sessions {ASSUMED_ENDING}"
        return Sessions(ASSUMED_SESSIONS, ASSUMED_DEGREES, origin, *alike)
    least = min(
        estimates,
        key=lambda sessions: sessions.deviation * special.stdtrit(sessions.degrees, 1 - ALPHA / 2),
    )
    return replace(least, processes=alike[0], processes_degrees=alike[1])


def _excess(variances: Sequence[_Between], origin: str) -> Sessions:
    """What sessions differ by beyond what their processes explain.

    ``variances`` has those of each configuration.
    """
    # The configurations of a session share its drift: together they are worth no more degrees of
    # freedom than the one with the most.
    number, degrees = max(variances, key=lambda variance: variance.degrees)[:2]
    shares = [variance.degrees for variance in variances]
    whole = _mean([variance.whole for variance in variances], shares)
    by_processes = _mean([variance.by_processes for variance in variances], shares)
    # What the processes add to the means is drawn anew in each configuration.
    process_degrees = sum(shares)
    error = math.sqrt(
        2 * max(0.0, whole - by_processes) ** 2 / degrees + 2 * by_processes**2 / process_degrees
    )
    excess = max(whole - by_processes, UNSEEN * error)
    if excess > 0:
        # Satterthwaite (1946), for a difference; its chi-square has one degree of freedom at least.
        degrees = max(1.0, 2 * excess**2 / error**2)
    return Sessions(math.sqrt(excess), degrees, f"{number} {origin}")


_SessionLogs = tuple[int, str, list[float]]


def _by_session(history: Sequence[Sequence[Process]]) -> list[_SessionLogs]:
    """The processes of each release in each session, in order: (place of the release, session,
    logarithms of the processes)."""
    groups: dict[tuple[int, str], list[float]] = {}
    for place, processes in enumerate(history):
        for process in processes:
            groups.setdefault((place, process.session), []).append(level_of(process))
    return [(place, session, logs) for (place, session), logs in groups.items()]


def _residuals(groups: Sequence[_SessionLogs]) -> list[float]:
    """The distances of processes from the location of their group, for robust.scale."""
    corrected = [(logs, _correction(logs)) for _, _, logs in groups if len(logs) > 1]

    def off(scale: float) -> list[float]:
        return [
            (log - centre) * correction
            for logs, correction in corrected
            for centre in [robust.location(logs, scale)]
            for log in logs
        ]

    return off(robust.scale(off(0)))


def _correction(logs: Sequence[float]) -> float:
    """The factor that makes up for the degree of freedom that the location of ``logs`` took."""
    return math.sqrt(len(logs) / (len(logs) - 1))


def _of_processes(groups: Sequence[_SessionLogs]) -> tuple[float, float]:
    """The deviation between processes and its degrees of freedom; both are 0 where too little is
    known."""
    degrees = sum(len(logs) - 1 for _, _, logs in groups)
    if degrees < LEAST_DEGREES:
        return 0.0, 0.0
    return max(LEAST, robust.scale(_residuals(groups))), float(degrees)


def _processes(
    calibrating: Sequence[_SessionLogs], measured: Sequence[_SessionLogs]
) -> tuple[float, float, str]:
    """The deviation between processes, its degrees of freedom, and what it was estimated from."""
    for groups, origin in (
        (calibrating, "calibrating processes"),
        (measured, "processes of earlier releases"),
    ):
        processes, degrees = _of_processes(groups)
        if processes > 0:
            return processes, degrees, f"{sum(len(logs) for _, _, logs in groups)} {origin}"
    origin = f"{per_cent(ASSUMED_PROCESSES)} between processes {ASSUMED_ENDING}"
    return ASSUMED_PROCESSES, ASSUMED_DEGREES, origin


def how_alike(*sources: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What deviations tell of each other: their common value and its degrees of freedom (the prior
    of Smyth 2004).

    Each source has deviations and their degrees of freedom. The first source with LEAST_ALIKE of
    them is used; without one, both answers are 0.
    """
    for source in sources:
        known = [(deviation**2, degrees) for deviation, degrees in source if degrees > 0]
        if len(known) >= LEAST_ALIKE:
            break
    else:
        return 0.0, 0.0
    halves = np.array([degrees / 2 for _, degrees in known])
    logs = np.log([variance for variance, _ in known]) - special.digamma(halves) + np.log(halves)
    # How much more the deviations differ than by chance.
    beyond = float(np.var(logs, ddof=1) - np.mean(special.polygamma(1, halves)))
    half = MOST_ALIKE / 2
    if beyond > special.polygamma(1, half):
        half = float(optimize.brentq(lambda x: special.polygamma(1, x) - beyond, 1e-3, half))
    common = np.mean(logs) + special.digamma(half) - np.log(half)
    return math.sqrt(float(np.exp(common))), 2 * half


class _Between(NamedTuple):
    """How much sessions differ in one configuration: ``whole`` is the variance of their means, and
    ``by_processes`` is how much of it their processes make. Both are estimated from ``number``
    sessions, or differences."""

    number: int
    degrees: float
    whole: float
    by_processes: float


def _of_calibration(groups: Sequence[_SessionLogs]) -> _Between | None:
    """The variances from sessions that measured one release; None where there are too few."""
    count = len(groups)
    if count < LEAST_SESSIONS:
        return None
    processes = robust.scale(_residuals(groups))
    means = [robust.location(logs, processes) for _, _, logs in groups]
    centre = robust.location(means, 0)
    whole = robust.deviation([(mean - centre) * _correction(means) for mean in means]) ** 2
    by_processes = processes**2 * _mean([1 / len(logs) for _, _, logs in groups])
    return _Between(count, count - 1, whole, by_processes)


def _of_history(groups: Sequence[_SessionLogs]) -> _Between | None:
    """The variances from differences of neighbouring releases, each measured in a session of its
    own; None where there are too few. The few differences that are real changes lie far off and are
    clipped."""
    processes = robust.scale(_residuals(groups))
    differences, shares = [], []
    previous: _SessionLogs | None = None
    for group in groups:
        # A release that was confirmed later has several sessions. The first is that of its run.
        if previous is not None and group[0] == previous[0]:
            continue
        if previous is not None and group[1] != previous[1]:
            differences.append(
                robust.location(group[2], processes) - robust.location(previous[2], processes)
            )
            shares.append((1 / len(group[2]) + 1 / len(previous[2])) / 2)
        previous = group
    degrees = OF_DIFFERENCES * len(differences)
    if degrees < LEAST_SESSIONS:
        return None
    whole = robust.deviation(differences) ** 2 / 2
    return _Between(len(differences), degrees, whole, processes**2 * _mean(shares))


def _mean(values: Sequence[float], shares: Sequence[float] | None = None) -> float:
    shares = shares or [1.0] * len(values)
    return sum(v * s for v, s in zip(values, shares, strict=True)) / sum(shares)
