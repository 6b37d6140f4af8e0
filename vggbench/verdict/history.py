"""Changes over a whole line of releases: steps, slow-downs that were taken back, drifts.

A verdict compares two releases. This looks at all of them at once, later ones included, and so sees
what no pair shows: several small steps in a row, and a change of one release that the next undid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from vggbench.verdict import robust
from vggbench.verdict.judge import ALPHA, THRESHOLD, Noise, Process, level_of

#: The level changed and stayed changed.
STEP = "step"
#: It changed, and the releases after it are nearer to the ones before it again.
RECOVERED = "recovered"
#: It moved over several releases, by steps that are too small to be seen one by one.
DRIFT = "drift"

#: What a further piece of the line must explain, in squared deviations, to be told apart; and a
#: slope, beyond a level. Low, because each change is tested once more before it is listed.
PIECE = 7.0
SLOPE = 4.0

#: Releases in a drift, at least: fewer are a step.
SHORTEST_DRIFT = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """From the releases before ``first`` to those from it on; places in the line, from 0.

    A recovered change lasted from ``first`` to ``last``, both included, a drift from ``first`` to
    the end of ``last``; a step has both the same. ``ratio``: the time after it by the time before
    it, in ``low`` to ``high`` with a confidence of 1 - ALPHA for all that is listed of the line and
    its companions together.
    """

    kind: str
    first: int
    last: int
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class _Piece:
    """Releases ``start`` to ``end`` (excluded) of one level, or on one slope."""

    start: int
    end: int
    sloped: bool


def changes(
    line: Sequence[Sequence[Process]],
    noise: Noise,
    threshold: float = THRESHOLD,
    comparisons: int = 1,
) -> list[Change]:
    """The sure and relevant changes over ``line``, the processes of each release, oldest first.

    A release without processes is passed over. ``comparisons`` is how many lines are looked at
    together. Raises ValueError where a sample is not a positive number.
    """
    places = [place for place, processes in enumerate(line) if processes]
    if len(places) < 2 or noise.processes <= 0:
        return []
    means, variances = _means([line[place] for place in places], noise)
    pieces = _pieces(means, variances)
    tests = comparisons * len(places)
    found = [
        *_between_pieces(pieces, means, variances),
        *_within_pieces(pieces, means, variances),
    ]
    sure = float(special.ndtri(1 - ALPHA / 2 / tests))
    return [
        Change(
            kind,
            places[first],
            places[last],
            math.exp(change),
            math.exp(change - sure * deviation),
            math.exp(change + sure * deviation),
        )
        for kind, first, last, change, deviation in sorted(found, key=lambda one: one[1:3])
        if abs(change) >= math.log1p(threshold) and abs(change) > sure * deviation
    ]


def _means(line: Sequence[Sequence[Process]], noise: Noise) -> tuple[Floats, Floats]:
    """The level of each release, and its variance.

    The drift of a session counts for releases that have sessions of their own; one that measured
    several releases moved them all.
    """
    in_sessions: dict[str, int] = {}
    for processes in line:
        for session in {one.session for one in processes}:
            in_sessions[session] = in_sessions.get(session, 0) + 1
    means, variances = [], []
    for processes in line:
        sessions: dict[str, list[float]] = {}
        for one in processes:
            sessions.setdefault(one.session, []).append(level_of(one))
        weights = [
            1 / (noise.processes**2 / len(logs) + noise.sessions**2 * (in_sessions[session] == 1))
            for session, logs in sessions.items()
        ]
        located = [robust.location(logs, noise.processes) for logs in sessions.values()]
        total = sum(weights)
        means.append(sum(w * m for w, m in zip(weights, located, strict=True)) / total)
        variances.append(1 / total)
    return np.array(means), np.array(variances)


def _pieces(means: Floats, variances: Floats) -> list[_Piece]:
    """The line cut into levels and slopes so that the squared deviations and the penalties for
    pieces and slopes are least: exact, by dynamic programming (Jackson et al. 2005)."""
    n = len(means)
    weights = 1 / variances
    x = np.arange(n, dtype=float)
    # About the middle, which keeps the sums of squares exact enough.
    y = means - np.median(means)
    sums = [
        np.concatenate([[0.0], np.cumsum(weights * one)])
        for one in (np.ones(n), x, y, x * x, x * y, y * y)
    ]
    best = np.zeros(n + 1)
    last: list[_Piece] = []
    for end in range(1, n + 1):
        starts = np.arange(end)
        w, wx, wy, wxx, wxy, wyy = (one[end] - one[:end] for one in sums)
        level = wyy - wy**2 / w
        spread = wxx - wx**2 / w
        with np.errstate(divide="ignore", invalid="ignore"):
            explained = (wxy - wx * wy / w) ** 2 / spread
        slope = np.where(end - starts >= SHORTEST_DRIFT, level - explained + SLOPE, np.inf)
        cost = best[:end] + np.minimum(level, slope) + PIECE
        start = int(np.argmin(cost))
        best[end] = cost[start]
        last.append(_Piece(start, end, bool(slope[start] < level[start])))
    pieces: list[_Piece] = []
    end = n
    while end > 0:
        pieces.insert(0, last[end - 1])
        end = pieces[0].start
    return pieces


#: kind, first, last, change, its deviation
_Found = tuple[str, int, int, float, float]


def _at(piece: _Piece, place: int, means: Floats, variances: Floats) -> tuple[float, float]:
    """The level of a piece at a place within it, and its variance."""
    part = slice(piece.start, piece.end)
    weights = 1 / variances[part]
    total = weights.sum()
    middle = float(weights @ means[part] / total)
    variance = float(1 / total)
    if not piece.sloped:
        return middle, variance
    x = np.arange(piece.start, piece.end) - weights @ np.arange(piece.start, piece.end) / total
    spread = float(weights @ x**2)
    off = float(x[place - piece.start])
    return middle + off * float(weights * x @ means[part]) / spread, variance + off**2 / spread


def _between_pieces(pieces: list[_Piece], means: Floats, variances: Floats) -> list[_Found]:
    """Steps from one piece to the next, and pieces whose change the next one took back."""
    found: list[_Found] = []
    place = 1
    while place < len(pieces):
        before, piece = pieces[place - 1], pieces[place]
        old, old_variance = _at(before, before.end - 1, means, variances)
        new, new_variance = _at(piece, piece.start, means, variances)
        if place + 1 < len(pieces) and not piece.sloped:
            following = pieces[place + 1]
            later, later_variance = _at(following, following.start, means, variances)
            if abs(later - old) < abs(new - old) / 2:
                # Both neighbours are what it would have been without.
                weight = later_variance / (old_variance + later_variance)
                usual = weight * old + (1 - weight) * later
                variance = old_variance * weight
                deviation = math.sqrt(new_variance + variance)
                found.append((RECOVERED, piece.start, piece.end - 1, new - usual, deviation))
                stayed = math.sqrt(old_variance + later_variance)
                found.append((STEP, following.start, following.start, later - old, stayed))
                place += 2
                continue
        deviation = math.sqrt(old_variance + new_variance)
        found.append((STEP, piece.start, piece.start, new - old, deviation))
        place += 1
    return found


def _within_pieces(pieces: list[_Piece], means: Floats, variances: Floats) -> list[_Found]:
    """Drifts."""
    found: list[_Found] = []
    for piece in pieces:
        if piece.sloped:
            start, _ = _at(piece, piece.start, means, variances)
            end, _ = _at(piece, piece.end - 1, means, variances)
            weights = 1 / variances[piece.start : piece.end]
            x = np.arange(piece.start, piece.end)
            spread = float(weights @ (x - weights @ x / weights.sum()) ** 2)
            length = piece.end - 1 - piece.start
            deviation = length / math.sqrt(spread)
            found.append((DRIFT, piece.start + 1, piece.end - 1, end - start, deviation))
    return found
