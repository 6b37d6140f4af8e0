"""The machine's own noise, from what was measured without a change or in spite of changes.

``estimate`` takes the best that there is: processes that calibrated the machine, else the history
of the configuration, else an assumption that is wide on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import special

from vggbench.verdict import robust
from vggbench.verdict.judge import ALPHA, BATCH, POWER, Noise, Process, level_of

#: Deviations of the logarithm that are assumed of a machine of which too little is known.
ASSUMED_PROCESSES = 0.03
ASSUMED_SESSIONS = 0.02
ASSUMED_DEGREES = 3.0

#: Fewer degrees of freedom than these say less than the assumption.
LEAST_DEGREES = 4
LEAST_SESSIONS = 3

#: What n differences of neighbouring releases are worth in degrees of freedom, as a share of n:
#: neighbours share a release (2/3 for normal values), and Huber's scale costs some.
OF_DIFFERENCES = 0.6

#: Sessions are taken to differ by at least this share of the standard error of their estimate: an
#: excess that is too small to be seen is not none.
UNSEEN = 0.5


def estimate(
    calibration: Sequence[Process],
    history: Sequence[Sequence[Process]],
) -> Noise:
    """The noise of one configuration, or by-product, on one machine.

    ``calibration``: processes of one release. ``history``: the processes of each release, oldest
    first, up to the one before the release that is to be judged, or a verdict would change when
    later releases come. Their real changes, if few, do not count. Raises ValueError where a sample
    is not a positive number.
    """
    calibrating = _by_session([calibration])
    measured = _by_session(history)
    processes, degrees, origin = _processes(calibrating, measured)
    sessions, sessions_degrees, sessions_origin = _sessions(calibrating, measured, processes)
    return Noise(
        processes,
        sessions,
        f"{origin}; {sessions_origin}",
        degrees,
        sessions_degrees,
    )


def processes_for(noise: Noise, change: float, comparisons: int = 1) -> int:
    """How many interleaved processes, of both releases together, find a slow-down of ``change`` (a
    ratio less one) with a probability of POWER, if nothing else is known: a multiple of BATCH."""
    sure = special.stdtrit(noise.processes_degrees, 1 - ALPHA / 2 / comparisons)
    deviation = math.log1p(change) / (sure + special.ndtri(POWER))
    return BATCH * max(1, math.ceil(4 * noise.processes**2 / deviation**2 / BATCH))


_Group = tuple[int, str, list[float]]


def _by_session(history: Sequence[Sequence[Process]]) -> list[_Group]:
    """(place of the release, session, logarithms of its processes), in order."""
    groups: dict[tuple[int, str], list[float]] = {}
    for place, processes in enumerate(history):
        for one in processes:
            groups.setdefault((place, one.session), []).append(level_of(one))
    return [(place, session, logs) for (place, session), logs in groups.items()]


def _residuals(groups: Sequence[_Group]) -> list[float]:
    """Distances of processes from the location of their group, for robust.scale."""
    medians = [(logs, robust.location(logs, 0)) for _, _, logs in groups if len(logs) > 1]
    rough = robust.scale(
        [(log - middle) * _correction(logs) for logs, middle in medians for log in logs]
    )
    return [
        (log - centre) * _correction(logs)
        for logs, _ in medians
        for centre in [robust.location(logs, rough)]
        for log in logs
    ]


def _correction(logs: Sequence[float]) -> float:
    return math.sqrt(len(logs) / (len(logs) - 1))


def _processes(
    calibrating: Sequence[_Group], measured: Sequence[_Group]
) -> tuple[float, float, str]:
    """The deviation between processes, its degrees of freedom, and what it was estimated from."""
    for groups, words in (
        (calibrating, "calibrating processes"),
        (measured, "processes of the history"),
    ):
        degrees = sum(len(logs) - 1 for _, _, logs in groups)
        processes = robust.scale(_residuals(groups)) if degrees >= LEAST_DEGREES else 0.0
        if processes > 0:
            count = sum(len(logs) for _, _, logs in groups)
            return processes, float(degrees), f"{count} {words}"
    words = f"{ASSUMED_PROCESSES:.0%} between processes is assumed"
    return ASSUMED_PROCESSES, ASSUMED_DEGREES, words


def _sessions(
    calibrating: Sequence[_Group], measured: Sequence[_Group], processes: float
) -> tuple[float, float, str]:
    """The deviation between sessions, its degrees of freedom, and what it was estimated from."""
    if len(calibrating) >= LEAST_SESSIONS:
        means = [robust.location(logs, processes) for _, _, logs in calibrating]
        counts = [len(logs) for _, _, logs in calibrating]
        centre = robust.location(means, 0)
        correction = math.sqrt(len(means) / (len(means) - 1))
        whole = robust.scale([(mean - centre) * correction for mean in means]) ** 2
        own = processes**2 * _mean([1 / count for count in counts])
        return *_excess(whole, own, len(means) - 1), f"{len(means)} calibrating sessions"
    differences, shares = [], []
    previous: _Group | None = None
    for group in measured:
        # A release that was confirmed later has several sessions; the first is the ordinary one.
        if previous is not None and group[0] == previous[0]:
            continue
        if previous is not None and group[1] != previous[1]:
            differences.append(
                robust.location(group[2], processes) - robust.location(previous[2], processes)
            )
            shares.append(1 / len(group[2]) + 1 / len(previous[2]))
        previous = group
    degrees = OF_DIFFERENCES * len(differences)
    if degrees < LEAST_SESSIONS:
        words = f"{ASSUMED_SESSIONS:.0%} between sessions is assumed"
        return ASSUMED_SESSIONS, ASSUMED_DEGREES, words
    whole = robust.scale(differences) ** 2 / 2
    own = processes**2 * _mean(shares) / 2
    return *_excess(whole, own, degrees), f"{len(differences)} pairs of neighbouring releases"


def _excess(whole: float, own: float, degrees: float) -> tuple[float, float]:
    """The deviation between sessions and its degrees of freedom, from the variance of their means,
    of which ``own`` comes from their processes."""
    excess = max(whole - own, UNSEEN * max(whole, own) * math.sqrt(2 / degrees))
    if excess == 0:
        return 0.0, degrees
    # The variance of the difference is that of the whole (Satterthwaite 1946).
    return math.sqrt(excess), max(1.0, degrees * min(1.0, excess / max(whole, own)) ** 2)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
