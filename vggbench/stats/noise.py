"""The machine's own noise, from what was measured without a change or in spite of changes.

What processes differ by is told by those that calibrated the machine, else by the history of the
configuration; what sessions differ by, by whichever of the two bounds it lower. Where neither says
enough, an assumption is made that is wide on purpose.
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
from .policy import ASSUMED_ENDING

#: Deviations of the logarithm that are assumed of a machine of which too little is known.
ASSUMED_PROCESSES = 0.03
ASSUMED_SESSIONS = 0.02
ASSUMED_DEGREES = 3.0

#: Processes are taken to differ by this at least: some by-products are always the same.
LEAST = 1e-4

#: Fewer degrees of freedom than these say less than the assumption.
LEAST_DEGREES = 4
LEAST_SESSIONS = 3

#: So many configurations say how alike configurations are.
LEAST_ALIKE = 3

#: Degrees of freedom that the others count for, at most, however alike they are.
MOST_ALIKE = 200.0

#: What n differences of neighbouring releases are worth in degrees of freedom, as a share of n:
#: neighbours share a release (2/3 for normal values), and Huber's scale costs some.
OF_DIFFERENCES = 0.6

#: Sessions are taken to differ by at least this share of the standard error of their estimate: an
#: excess that is too small to be seen is not none.
UNSEEN = 0.5


@dataclass(frozen=True)
class Sessions:
    """What configurations that share sessions tell together: the deviation between sessions, its
    degrees of freedom, and what it was estimated from.

    ``processes``: what the processes of such a configuration scatter by, before it is looked at,
    and for how many degrees of freedom that counts: many where the configurations are alike.
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
    first, up to the one before the release that is to be judged, or a verdict would change when
    later releases come. Their real changes, if few, do not count. ``sessions``: from
    ``between_sessions`` of all configurations that were measured together, which know it better
    than this one alone. Raises ValueError where a sample is not a positive number.
    """
    processes, degrees, origin = _processes(_by_session([calibration]), _by_session(history))
    between = sessions or between_sessions([calibration], [history])
    if between.processes_degrees > 0:
        both = degrees + between.processes_degrees
        squares = degrees * processes**2 + between.processes_degrees * between.processes**2
        processes, degrees = math.sqrt(squares / both), both
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

    ``calibrations`` and ``histories`` have what ``estimate`` takes, one for each configuration; of
    one measured quantity, steps or by-products. ``others``: processes that calibrated the machine
    with other configurations; of these configurations' processes they say nothing. ``steady``:
    whether most neighbouring releases have one level; else repeats of one release tell it alone,
    where there are any.

    Calibrating sessions and neighbouring releases can both only overstate it: those may lie days
    apart where neighbours lie minutes apart, and neighbours differ by real changes too. So what
    bounds it lower is taken.
    """
    alike = how_alike(
        [_of_processes(_by_session([calibration])) for calibration in calibrations],
        [_of_processes(_by_session(history)) for history in histories],
    )
    calibrating = [
        _of_calibration(_by_session([calibration])) for calibration in (*calibrations, *others)
    ]
    neighbours = [_of_history(_by_session(history)) for history in histories]
    if not steady and any(calibrating):
        neighbours = []
    found = [
        _excess([part for part in parts if part], origin)
        for parts, origin in (
            (calibrating, "calibrating sessions"),
            (neighbours, "pairs of neighbouring releases"),
        )
        if any(parts)
    ]
    if not found:
        origin = f"{ASSUMED_SESSIONS:.0%} between sessions {ASSUMED_ENDING}"
        return Sessions(ASSUMED_SESSIONS, ASSUMED_DEGREES, origin, *alike)
    least = min(
        found,
        key=lambda sessions: sessions.deviation * special.stdtrit(sessions.degrees, 1 - ALPHA / 2),
    )
    return replace(least, processes=alike[0], processes_degrees=alike[1])


def _excess(parts: Sequence[_Between], origin: str) -> Sessions:
    """What sessions differ by beyond what their processes explain."""
    # The configurations of a session share its drift: together they are worth no more of these.
    number, degrees = max(parts, key=lambda part: part.degrees)[:2]
    shares = [part.degrees for part in parts]
    whole = _mean([part.whole for part in parts], shares)
    own = _mean([part.own for part in parts], shares)
    # What the processes add to the means is another draw in each configuration.
    own_degrees = sum(shares)
    error = math.sqrt(2 * max(0.0, whole - own) ** 2 / degrees + 2 * own**2 / own_degrees)
    excess = max(whole - own, UNSEEN * error)
    if excess > 0:
        # Satterthwaite (1946), for a difference; its chi-square has one degree of freedom at least.
        degrees = max(1.0, 2 * excess**2 / error**2)
    return Sessions(math.sqrt(excess), degrees, f"{number} {origin}")


_SessionLogs = tuple[int, str, list[float]]


def _by_session(history: Sequence[Sequence[Process]]) -> list[_SessionLogs]:
    """(place of the release, session, logarithms of its processes), in order."""
    groups: dict[tuple[int, str], list[float]] = {}
    for place, processes in enumerate(history):
        for process in processes:
            groups.setdefault((place, process.session), []).append(level_of(process))
    return [(place, session, logs) for (place, session), logs in groups.items()]


def _residuals(groups: Sequence[_SessionLogs]) -> list[float]:
    """Distances of processes from the location of their group, for robust.scale."""
    own = [(logs, _correction(logs)) for _, _, logs in groups if len(logs) > 1]

    def off(scale: float) -> list[float]:
        return [
            (log - centre) * correction
            for logs, correction in own
            for centre in [robust.location(logs, scale)]
            for log in logs
        ]

    return off(robust.scale(off(0)))


def _correction(logs: Sequence[float]) -> float:
    """For the degree of freedom that the location of ``logs`` took."""
    return math.sqrt(len(logs) / (len(logs) - 1))


def _of_processes(groups: Sequence[_SessionLogs]) -> tuple[float, float]:
    """The deviation between processes and its degrees of freedom; 0 where too little is known."""
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
        (measured, "processes of the history"),
    ):
        processes, degrees = _of_processes(groups)
        if processes > 0:
            return processes, degrees, f"{sum(len(logs) for _, _, logs in groups)} {origin}"
    origin = f"{ASSUMED_PROCESSES:.0%} between processes {ASSUMED_ENDING}"
    return ASSUMED_PROCESSES, ASSUMED_DEGREES, origin


def how_alike(*sources: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What the configurations' deviations between processes tell of each other: their common value
    and its degrees of freedom (the prior of Smyth 2004). From the first of ``sources`` that has
    LEAST_ALIKE of them."""
    for source in sources:
        known = [(deviation**2, degrees) for deviation, degrees in source if degrees > 0]
        if len(known) >= LEAST_ALIKE:
            break
    else:
        return 0.0, 0.0
    halves = np.array([degrees / 2 for _, degrees in known])
    logs = np.log([variance for variance, _ in known]) - special.digamma(halves) + np.log(halves)
    # How much more the configurations differ than chance makes them.
    beyond = float(np.var(logs, ddof=1) - np.mean(special.polygamma(1, halves)))
    half = MOST_ALIKE / 2
    if beyond > special.polygamma(1, half):
        half = float(optimize.brentq(lambda x: special.polygamma(1, x) - beyond, 1e-3, half))
    common = np.mean(logs) + special.digamma(half) - np.log(half)
    return math.sqrt(float(np.exp(common))), 2 * half


class _Between(NamedTuple):
    """The variance of session means in one configuration, and the part of it that their processes
    make."""

    number: int
    degrees: float
    whole: float
    own: float


def _of_calibration(groups: Sequence[_SessionLogs]) -> _Between | None:
    """From sessions that measured one release."""
    count = len(groups)
    if count < LEAST_SESSIONS:
        return None
    processes = robust.scale(_residuals(groups))
    means = [robust.location(logs, processes) for _, _, logs in groups]
    centre = robust.location(means, 0)
    whole = robust.deviation([(mean - centre) * _correction(means) for mean in means]) ** 2
    own = processes**2 * _mean([1 / len(logs) for _, _, logs in groups])
    return _Between(count, count - 1, whole, own)


def _of_history(groups: Sequence[_SessionLogs]) -> _Between | None:
    """From differences of neighbouring releases that were measured in sessions of their own: the
    few that are real changes lie far off and are clipped."""
    processes = robust.scale(_residuals(groups))
    differences, shares = [], []
    previous: _SessionLogs | None = None
    for group in groups:
        # A release that was confirmed later has several sessions; the first is the ordinary one.
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
