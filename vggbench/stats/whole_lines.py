"""Changes over a whole line of releases: level shifts, slow-downs that were taken back, drifts.

A verdict compares two releases. This module looks at all releases of a line at once, later ones
included. It finds what no comparison of two shows: several small level shifts in a row, and a
change of one release that the next release undid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from . import robust
from .judge import ALPHA, Noise, Process, level_of
from .policy import THRESHOLD

#: The level changed and stayed changed.
LEVEL_SHIFT = "step"
#: The level changed, and the releases after the change are nearer to those before it again.
RECOVERED = "recovered"
#: The level moved over several releases, by level shifts that are too small to be seen one by one.
DRIFT = "drift"

#: The kinds of changes that no two neighbouring releases show.
OF_LINES = (RECOVERED, DRIFT)

#: What a further level must explain, in squared deviations, to be told apart. It is low, because
#: each change is tested again before it is listed.
LEVEL = 6.25

#: The share of a release's processes that must show at least half of a change that was taken back.
CARRIED = 0.75

#: What a slope from one level to another must explain beyond a level shift between them. A slope
#: has two places where a level shift has one, and it is looked for at many.
SLOPE = 4.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change from the level that ended with the release ``before`` to the releases from ``first``
    on. All three are places in the line, from 0. Releases between ``before`` and ``first`` belong
    to changes that were recovered.

    A recovered change lasted from ``first`` to ``last``, both included. A drift made its first and
    its last level shift at these two. For a level shift both are the same. ``ratio`` is the time
    after the change by the time before it. ``low`` to ``high`` is the interval of a test: it
    excludes 1, and is wider than 95 %.
    """

    kind: str
    before: int
    first: int
    last: int
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class _Tests:
    """When a change is sure and relevant.

    ``for_one`` is how many standard errors a recovered change of one release must have, which may
    be any of n. ``for_more`` is the same for all other changes, which may begin and end anywhere.
    ``relevant`` is the logarithm of the smallest relevant ratio.
    """

    for_one: float
    for_more: float
    relevant: float

    def bound(self, kind: str, first: int, last: int) -> float:
        return self.for_one if kind == RECOVERED and first == last else self.for_more


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A change that was found. ``size`` is a logarithm, ``error`` its standard error."""

    kind: str
    before: int
    first: int
    last: int
    size: float
    error: float

    def sure(self, tests: _Tests) -> bool:
        bound = tests.bound(self.kind, self.first, self.last)
        return abs(self.size) >= max(tests.relevant, bound * self.error)


def changes(
    line: Sequence[Sequence[Process]],
    noise: Noise,
    threshold: float = THRESHOLD,
    comparisons: int = 1,
) -> list[Change]:
    """The sure and relevant changes over ``line``, which has the processes of each release, oldest
    first.

    A release without processes is passed over. ``threshold`` is a ratio less one. ``comparisons``
    is how many lines are looked at together. Raises ValueError where a sample is not a positive
    number.
    """
    places = [place for place, processes in enumerate(line) if processes]
    n = len(places)
    means, variances = _means([line[place] for place in places], noise)
    if n < 2 or not (variances > 0).all():
        return []
    tests = _Tests(
        for_one=float(special.ndtri(1 - ALPHA / comparisons / n)),
        for_more=float(special.ndtri(1 - 2 * ALPHA / comparisons / n / (n - 1))),
        relevant=math.log1p(threshold),
    )
    pieces, taken_back = _taken_back(_cut(means, variances), means, variances, tests)
    logs = [[level_of(process) for process in line[place]] for place in places]
    found = [change for change in taken_back if _carried(change, means, logs)]
    found += _lasting(pieces, means, variances, tests)
    listed = []
    for change in sorted(found, key=lambda change: (change.first, change.last)):
        half = tests.bound(change.kind, change.first, change.last) * change.error
        listed.append(
            Change(
                kind=change.kind,
                before=places[change.before],
                first=places[change.first],
                last=places[change.last],
                ratio=robust.ratio(change.size),
                low=robust.ratio(change.size - half),
                high=robust.ratio(change.size + half),
            )
        )
    return listed


def _means(line: Sequence[Sequence[Process]], noise: Noise) -> tuple[Floats, Floats]:
    """The level of each release, and its variance.

    The drift of a session counts only where the session measured a single release. A session that
    measured several releases moved all of them.
    """
    in_sessions: dict[str, int] = {}
    for processes in line:
        for session in {process.session for process in processes}:
            in_sessions[session] = in_sessions.get(session, 0) + 1
    means, variances = [], []
    for processes in line:
        sessions: dict[str, list[float]] = {}
        for process in processes:
            sessions.setdefault(process.session, []).append(level_of(process))
        weights = [
            1 / (noise.processes**2 / len(logs) + noise.sessions**2 * (in_sessions[session] == 1))
            for session, logs in sessions.items()
        ]
        located = [robust.location(logs, noise.processes) for logs in sessions.values()]
        total = sum(weights)
        means.append(sum(w * m for w, m in zip(weights, located, strict=True)) / total)
        variances.append(1 / total)
    return np.array(means), np.array(variances)


#: The releases of one level, as numbers in ascending order.
_Piece = list[int]


def _cut(means: Floats, variances: Floats) -> list[_Piece]:
    """The line cut into levels so that a sum is least: the squared deviations, plus LEVEL for each
    level. The solution is exact, by dynamic programming (Jackson et al. 2005)."""
    n = len(means)
    weights = 1 / variances
    # Distances from the middle keep the sums of squares exact enough.
    y = means - np.median(means)
    w, wy, wyy = (
        np.concatenate([[0.0], np.cumsum(weights * power)]) for power in (np.ones(n), y, y * y)
    )
    best = np.zeros(n + 1)
    starts: list[int] = []
    for end in range(1, n + 1):
        squares = wyy[end] - wyy[:end] - (wy[end] - wy[:end]) ** 2 / (w[end] - w[:end])
        cost = best[:end] + squares + LEVEL
        starts.append(int(np.argmin(cost)))
        best[end] = cost[starts[-1]]
    pieces: list[_Piece] = []
    end = n
    while end > 0:
        pieces.insert(0, [*range(starts[end - 1], end)])
        end = starts[end - 1]
    return pieces


def _level(piece: _Piece, means: Floats, variances: Floats) -> tuple[float, float]:
    """The mean of the releases of ``piece``, and its variance."""
    weights = 1 / variances[piece]
    return float(weights @ means[piece] / weights.sum()), float(1 / weights.sum())


def _taken_back(
    pieces: list[_Piece], means: Floats, variances: Floats, tests: _Tests
) -> tuple[list[_Piece], list[_Found]]:
    """The levels without the changes that the next level took back, and these changes.

    A change that is not sure is noise: its releases are of the level around it.
    """
    found: list[_Found] = []
    place = 1
    while place + 1 < len(pieces):
        old, old_variance = _level(pieces[place - 1], means, variances)
        new, _ = _level(pieces[place], means, variances)
        later, later_variance = _level(pieces[place + 1], means, variances)
        if abs(later - old) >= abs(new - old) / 2:
            place += 1
            continue
        # What the level would have been without the change, from both neighbours.
        weight = later_variance / (old_variance + later_variance)
        usual, variance = weight * old + (1 - weight) * later, weight * old_variance
        candidates = [
            _Found(
                kind=RECOVERED,
                before=releases[0] - 1,
                first=releases[0],
                last=releases[-1],
                size=level - usual,
                error=math.sqrt(level_variance + variance),
            )
            # Either the whole piece changed, or a single release: a neighbour may have been taken
            # for one of its level by chance.
            for releases in (pieces[place], *([release] for release in pieces[place]))
            for level, level_variance in [_level(releases, means, variances)]
        ]
        sure = [change for change in candidates if change.sure(tests)]
        unchanged = pieces[place]
        if sure:
            found.append(sure[0])
            unchanged = [
                release for release in unchanged if not sure[0].first <= release <= sure[0].last
            ]
        # The level before the change goes on after it, unless the two surely differ.
        stays = abs(later - old) < tests.for_more * math.sqrt(old_variance + later_variance)
        if stays:
            pieces[place - 1 : place + 2] = [pieces[place - 1] + unchanged + pieces[place + 1]]
            place = max(1, place - 1)
        else:
            pieces[place - 1 : place + 1] = [pieces[place - 1] + unchanged]
    return pieces, found


def _carried(change: _Found, means: Floats, logs: list[list[float]]) -> bool:
    """Whether most processes show a change that was taken back. A few disturbed processes do not
    count: where two of four are slow by chance, they look much like a slow release."""
    sign = math.copysign(1, change.size)
    releases = range(change.first, change.last + 1)
    usual = float(np.mean(means[change.first : change.last + 1])) - change.size
    shown = [
        sign * (log - usual) > abs(change.size) / 2 for release in releases for log in logs[release]
    ]
    return sum(shown) >= CARRIED * len(shown)


def _lasting(pieces: list[_Piece], means: Floats, variances: Floats, tests: _Tests) -> list[_Found]:
    """Level shifts and drifts. A drift is several level shifts in one direction that a slope
    explains better, or that are sure only together."""
    found: list[_Found] = []
    levels = [_level(piece, means, variances) for piece in pieces]

    def between(first: int, last: int) -> _Found:
        """The change from the level before the piece ``first`` to that of the piece ``last``."""
        (old, old_variance), (new, new_variance) = levels[first - 1], levels[last]
        return _Found(
            kind=LEVEL_SHIFT if first == last else DRIFT,
            before=pieces[first - 1][-1],
            first=pieces[first][0],
            last=pieces[last][0],
            size=new - old,
            error=math.sqrt(old_variance + new_variance),
        )

    place = 1
    while place < len(pieces):
        upwards = between(place, place).size > 0
        last = place
        while last + 1 < len(pieces) and (between(last + 1, last + 1).size > 0) == upwards:
            last += 1
        slope = _slope(pieces[place - 1 : last + 1], means, variances)
        if slope and slope.sure(tests):
            found.append(slope)
            place = last + 1
            continue
        together: list[int] = []
        for piece in range(place, last + 2):
            # Level shifts are taken together up to the next that is sure by itself, or to the last.
            if piece <= last and not between(piece, piece).sure(tests):
                together.append(piece)
                continue
            if together and (whole := between(together[0], together[-1])).sure(tests):
                found.append(whole)
            together = []
            if piece <= last:
                found.append(between(piece, piece))
        place = last + 1
    return found


def _slope(pieces: list[_Piece], means: Floats, variances: Floats) -> _Found | None:
    """The drift from one level to another that explains ``pieces`` better than their levels do;
    None where no drift does."""
    releases = [release for piece in pieces for release in piece]
    root = 1 / np.sqrt(variances[releases])
    y = means[releases]
    squares = sum(
        float(np.sum((root[at] * (y[at] - _level(piece, means, variances)[0])) ** 2))
        for piece in pieces
        for at in [np.isin(releases, piece)]
    )
    least = squares + LEVEL * (len(pieces) - 2) - SLOPE
    best = None
    for start in range(len(releases) - 2):
        for end in range(start + 2, len(releases)):
            share = np.clip((np.arange(len(releases)) - start) / (end - start), 0, 1)
            design = np.stack([1 - share, share], axis=1) * root[:, None]
            inverse = np.linalg.inv(design.T @ design)
            fitted = inverse @ (design.T @ (y * root))
            left = float(np.sum((y * root - design @ fitted) ** 2))
            if left < least:
                contrast = np.array([-1.0, 1.0])
                error = math.sqrt(contrast @ inverse @ contrast)
                best = _Found(
                    kind=DRIFT,
                    before=releases[start],
                    first=releases[start + 1],
                    last=releases[end],
                    size=float(fitted @ contrast),
                    error=error,
                )
                least = left
    return best
