"""The judgement of two subjects from blocks of duets: statistics alone, numbers in, numbers out.

A duet is two processes that step in turns. Its number is a log ratio, second subject by first. A
block is two duets of the same subjects with the start order swapped. Its number is the mean of
theirs, a log ratio too. A comparison is judged again after each block until the answer is sure, so
repeated confidence intervals decide what is sure. docs/method.md describes all of it under "How
blocks are judged".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from . import robust
from .judge import ALPHA, POWER, SUSPECTED_FROM
from .policy import (
    ASSUMED,
    ASSUMED_ENDING,
    CONFIDENCE,
    EXCLUDED,
    IMPROVED,
    LEAST_BLOCKS,
    MOST_BLOCKS,
    NOT_SURE,
    REGRESSED,
    THRESHOLD,
    UNCHANGED,
    per_cent,
)

#: The degrees of freedom that an assumed deviation counts for.
ASSUMED_DEGREES = 2.0

#: The deviation of a block's number is taken to be at least this.
LEAST = 1e-4

#: An estimate with fewer degrees of freedom than these says less than the assumption.
LEAST_DEGREES = 2.5

#: More degrees of freedom than these are not believed: the machine was perhaps quieter when they
#: were taken.
MOST_DEGREES = 30.0

#: Degrees of freedom of a robust scale, as a share of those of the standard deviation. For 3 to 20
#: normal values, the square of this scale scatters as much as the variance of so many fewer.
OF_ROBUST = 0.65

#: A bias is believed where blocks of a release with itself would show it by chance this rarely.
BIASED = 0.002

#: The share of ALPHA that the looks up to MOST_BLOCKS may spend, in even parts. The rest is for all
#: later looks together.
BY_MOST = 0.8

#: The boundary is computed for looks up to this number of blocks. At later looks it stays the same.
LOOKS = 100

#: While blocks are left, an estimate counts as above (or below) the threshold only where a true
#: change of half a threshold less (or more) would be estimated there by chance about this rarely.
SIDE = 0.005

#: No more blocks than these are forecast: another machine is needed, or another threshold.
FORESEEN = 100

#: No ratio of two floats has a larger logarithm.
LARGEST = 1500.0

#: No more comparisons than these can be judged together.
MOST_COMPARISONS = 10**6

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BlockNoise:
    """How much the numbers of blocks differ on a machine without a change.

    ``deviation``: the standard deviation of a block's number about the true log ratio.
    ``degrees``: its degrees of freedom, which say how well it is known. ``origin``: what it was
    estimated from.

    ``bias``: how far the blocks of a subject with itself surely lie off 0 together, in either
    direction. More blocks do not make it smaller. It is 0 where no bias is sure.
    """

    deviation: float
    degrees: float
    origin: str
    _: KW_ONLY
    bias: float = 0.0

    @property
    def is_assumed(self) -> bool:
        """Whether too little was on record to estimate the noise."""
        # No estimate has so few degrees of freedom.
        return self.degrees == ASSUMED_DEGREES


@dataclass(frozen=True)
class BlockJudgement:
    """What the blocks of a comparison say.

    ``ratio`` is the second subject by the first. ``low`` to ``high`` is its interval with
    CONFIDENCE, for this comparison and this look alone. A sure ``outcome`` follows a stricter rule,
    which accounts for the other comparisons and for a look after each block.

    ``suspected``: the second subject is perhaps slower by what matters. ``blocks_needed``: about
    how many more blocks would make a sure answer likely, FORESEEN at most; None where the answer is
    sure.
    """

    outcome: str
    ratio: float
    low: float
    high: float
    _: KW_ONLY
    suspected: bool
    blocks_needed: int | None


def duet(first: Sequence[float], second: Sequence[float]) -> float:
    """The number of a duet: the natural logarithm of the second subject by the first, a robust mean
    over pairs of samples.

    ``first`` and ``second`` are the samples of the two subjects, in the order in which they were
    taken. Samples at the same place are a pair; a sample that has no counterpart does not count.
    Raises ValueError where a sample is not a positive number, or there is no pair.
    """
    for sample in (*first, *second):
        if not 0 < sample < math.inf:
            raise ValueError(f"a sample of {sample} is not a positive number")
    pairs = zip(first, second, strict=False)
    logs = [math.log(of_second) - math.log(of_first) for of_first, of_second in pairs]
    if not logs:
        raise ValueError("a duet without a pair of samples")
    return robust.midmean(logs)


def block(first_duet: float, second_duet: float) -> float:
    """The number of a block: the mean of the numbers of its two duets, one of either start order.

    Both numbers must be of the same subject by the same other subject. Raises ValueError where a
    number is not the logarithm of a ratio.
    """
    return (_log(first_duet) + _log(second_duet)) / 2


def ratio_of(numbers: Sequence[float]) -> float:
    """The ratio, second subject by first, that blocks with these numbers show by themselves.

    Raises ValueError where there is no number, or a number is not the logarithm of a ratio.
    """
    return robust.ratio(robust.pseudomedian([_log(number) for number in numbers]))


def noise(
    calibrations: Sequence[Sequence[float]],
    earlier: Sequence[Sequence[float]],
    *,
    assumed: float = ASSUMED,
) -> BlockNoise:
    """The noise of blocks on one machine, from numbers of blocks.

    ``calibrations``: groups of blocks of a subject with itself. ``earlier``: groups of blocks, a
    group for each comparison; the groups may compare different subjects. Only comparisons of
    releases earlier than the judged one belong there: otherwise a verdict would change when later
    releases come. A few blocks that are far off hardly count. ``assumed``: the deviation where
    these tell too little. Raises ValueError where a number is not the logarithm of a ratio.
    """
    same = [[_log(number) for number in group] for group in calibrations if group]
    other = [[_log(number) for number in group] for group in earlier if len(group) > 1]
    within = [number for group in (*same, *other) for number in _residuals(group)]
    within_degrees = OF_ROBUST * (len(within) - sum(len(group) > 1 for group in (*same, *other)))
    bias = _bias(same, max(LEAST, robust.scale(within)), within_degrees)
    if bias > 0:
        residuals, degrees = within, within_degrees
    else:
        # The location of calibrating blocks is known to be 0, so it takes no degree of freedom.
        about = [number for group in same for number in group]
        residuals = about + [number for group in other for number in _residuals(group)]
        degrees = OF_ROBUST * (len(residuals) - len(other))
    if degrees < LEAST_DEGREES:
        return BlockNoise(
            assumed,
            ASSUMED_DEGREES,
            f"{per_cent(assumed, 1)} between blocks {ASSUMED_ENDING}",
        )
    origins = [
        f"{sum(map(len, groups))} {kind}"
        for groups, kind in ((same, "calibrating blocks"), (other, "blocks of other comparisons"))
        if groups
    ]
    if bias > 0:
        origins.append(f"a bias of {per_cent(bias, 1)}")
    deviation = max(LEAST, robust.scale(residuals))
    return BlockNoise(deviation, min(degrees, MOST_DEGREES), "; ".join(origins), bias=bias)


def judge_blocks(
    numbers: Sequence[float],
    noise: BlockNoise,
    *,
    threshold: float = THRESHOLD,
    comparisons: int = 1,
) -> BlockJudgement:
    """Judge a comparison by the numbers of its blocks, in any order.

    ``threshold`` is a ratio less one. ``comparisons`` is how many configurations are judged
    together. Each comparison may be judged again after each block. Raises ValueError where there is
    no block, a number is not the logarithm of a ratio, or the threshold, the noise or
    ``comparisons`` is out of range.
    """
    logs = [_log(number) for number in numbers]
    if not logs:
        raise ValueError("no blocks")
    _check(noise, threshold, comparisons)
    relevant = math.log1p(threshold)
    location = robust.pseudomedian(logs)
    seen = _scatter(logs, location, noise)
    changed, unchanged = (
        float(limit[0])
        for limit in _limits(seen, seen.degrees, np.array([len(logs)]), relevant, comparisons)
    )
    size = abs(location)
    if size >= changed:
        outcome = REGRESSED if location > 0 else IMPROVED
    elif size < unchanged:
        outcome = UNCHANGED
    else:
        outcome = NOT_SURE
    half = float(special.stdtrit(seen.degrees, (1 + CONFIDENCE) / 2)) * math.hypot(
        seen.deviation / math.sqrt(len(logs)), seen.bias
    )
    unsure = outcome == NOT_SURE
    return BlockJudgement(
        outcome,
        robust.ratio(location),
        robust.ratio(location - half),
        robust.ratio(location + half),
        suspected=unsure and location > SUSPECTED_FROM * relevant,
        blocks_needed=_needed(size, len(logs), seen, relevant, comparisons=comparisons)
        if unsure
        else None,
    )


def blocks_for(
    noise: BlockNoise, *, threshold: float = THRESHOLD, comparisons: int = 1, change: float = 0.0
) -> int:
    """About how many blocks make a sure answer likely, as seen before the first block is taken.

    ``change`` is the true change, a ratio less one. The answer is LEAST_BLOCKS at least and
    FORESEEN at most. Raises ValueError where the change makes no ratio, or the threshold, the noise
    or ``comparisons`` is out of range.
    """
    _check(noise, threshold, comparisons)
    if not -1 < change < math.inf:
        raise ValueError(f"a change of {change} makes no ratio")
    size = abs(math.log1p(change))
    return _needed(size, 0, noise, math.log1p(threshold), comparisons=comparisons)


def found_with(
    noise: BlockNoise, *, threshold: float = THRESHOLD, comparisons: int = 1
) -> list[float]:
    """The smallest slow-down, a ratio less one, that 1, 2, ... MOST_BLOCKS blocks are likely to
    find, as seen before the first block is taken.

    It is infinite for fewer than LEAST_BLOCKS blocks, and never less than the threshold. Raises
    ValueError where the threshold, the noise or ``comparisons`` is out of range.
    """
    _check(noise, threshold, comparisons)
    looks = np.arange(1, MOST_BLOCKS + 1)
    degrees = np.asarray(noise.degrees + OF_ROBUST * (looks - 1), dtype=np.float64)
    changed, _ = _limits(noise, degrees, looks, math.log1p(threshold), comparisons)
    moves = np.maximum(noise.deviation, LEAST) / np.sqrt(looks)
    with np.errstate(over="ignore"):
        return [float(change) for change in np.expm1(changed + special.ndtri(POWER) * moves)]


def _log(number: float) -> float:
    if not -LARGEST < number < LARGEST:
        raise ValueError(f"{number} is not the logarithm of a ratio")
    return float(number)


def _check(noise: BlockNoise, threshold: float, comparisons: int) -> None:
    if not 0 < threshold < math.inf:
        raise ValueError(f"a threshold of {threshold} is not a positive number")
    if not 1 <= comparisons <= MOST_COMPARISONS:
        raise ValueError(f"{comparisons} comparisons cannot be judged together")
    # Numbers up to LARGEST have no larger deviation and no larger bias.
    widest = 10 * LARGEST
    if not (0 <= noise.deviation < widest and 1 <= noise.degrees < math.inf):
        raise ValueError(f"no noise: {noise.deviation} with {noise.degrees} degrees of freedom")
    if not 0 <= noise.bias < widest:
        raise ValueError(f"a bias of {noise.bias} is out of range")


def _residuals(group: Sequence[float]) -> list[float]:
    """The distances of blocks from the location of their group, made larger for the degree of
    freedom that the location took. A group of one block says nothing and has none."""
    if len(group) < 2:
        return []
    location = robust.pseudomedian(group)
    correction = math.sqrt(len(group) / (len(group) - 1))
    return [(number - location) * correction for number in group]


def _bias(same: Sequence[Sequence[float]], deviation: float, degrees: float) -> float:
    """How far the groups of ``same``, whose locations should be 0, lie off 0 beyond what
    ``deviation`` explains (DerSimonian & Laird 1986, about 0). It is 0 where Fisher's test is not
    sure of a bias."""
    if not same or degrees < LEAST_DEGREES:
        return 0.0
    weights = [len(group) / (deviation * deviation) for group in same]
    off = sum(
        weight * robust.pseudomedian(group) ** 2
        for weight, group in zip(weights, same, strict=True)
    )
    if special.fdtrc(len(same), degrees, off / len(same)) > BIASED:
        return 0.0
    return math.sqrt(max(0.0, off - len(same)) / sum(weights))


def _scatter(logs: Sequence[float], location: float, noise: BlockNoise) -> BlockNoise:
    """The known noise averaged with the scatter of the judged blocks, by degrees of freedom (as in
    Smyth 2004). It is no less than what that scatter surely shows by itself."""
    degrees = OF_ROBUST * (len(logs) - 1)
    if degrees == 0:
        return noise
    correction = math.sqrt(len(logs) / (len(logs) - 1))
    seen = robust.scale([(log - location) * correction for log in logs]) ** 2
    known = noise.degrees
    moderated = (known * noise.deviation**2 + degrees * seen) / (known + degrees)
    least = seen * degrees / float(special.chdtri(degrees, 0.05))
    deviation = math.sqrt(max(moderated, least))
    return BlockNoise(deviation, known + degrees, noise.origin, bias=noise.bias)


def _limits(
    seen: BlockNoise,
    degrees: float | Floats,
    looks: NDArray[np.int64],
    relevant: float,
    comparisons: int,
) -> tuple[Floats, Floats]:
    """The limits of an estimate's size at each look: from the first on it is a sure change, and
    below the second it is surely none.

    ``looks`` has the number of blocks at each look, ``degrees`` the degrees of freedom of the
    deviation then. ``relevant`` is the logarithm of the threshold's ratio.
    """
    error = np.hypot(seen.deviation / np.sqrt(looks), seen.bias)
    bounds = np.array(boundary(comparisons))
    normal = bounds[np.clip(looks - LEAST_BLOCKS, 0, len(bounds) - 1)]
    sure = -special.stdtrit(degrees, special.ndtr(-normal)) * error
    left = np.maximum(0.0, 1 / looks - 1 / MOST_BLOCKS)
    margin = np.zeros(len(looks))
    with np.errstate(over="ignore"):
        margin[left > 0] = -math.log(SIDE) * seen.deviation**2 * left[left > 0] / relevant
    changed = np.maximum(relevant + margin, sure)
    unchanged = np.minimum(relevant - margin, EXCLUDED * relevant - sure)
    early = looks < LEAST_BLOCKS
    return np.where(early, np.inf, changed), np.where(early, -np.inf, unchanged)


def _needed(size: float, taken: int, seen: BlockNoise, relevant: float, *, comparisons: int) -> int:
    """How many more blocks make a sure answer likely, if the scatter stays as it is ``seen``.

    ``taken`` is the number of blocks so far. Where it is 0, ``size`` is the true change. Otherwise
    it is the estimate, which more blocks may still move.
    """
    more = np.arange(1, FORESEEN + 1)
    looks = taken + more
    # Each block but the very first also tells more of the scatter.
    to_come = OF_ROBUST * (more if taken else more - 1)
    degrees = np.asarray(seen.degrees + to_come, dtype=np.float64)
    changed, unchanged = _limits(seen, degrees, looks, relevant, comparisons)
    known = 1 / taken - 1 / looks if taken else 1 / looks
    moves = np.maximum(seen.deviation, LEAST) * np.sqrt(known)
    with np.errstate(invalid="ignore"):  # where both are infinite, no number of blocks is enough
        likely = special.ndtr((size - changed) / moves) + special.ndtr((-size - changed) / moves)
        inside = special.ndtr((unchanged - size) / moves)
        inside -= special.ndtr((-unchanged - size) / moves)
    enough = likely + np.maximum(0.0, inside) >= POWER
    return int(more[enough][0]) if enough.any() else FORESEEN


@functools.lru_cache(maxsize=64)
def boundary(comparisons: int = 1) -> tuple[float, ...]:
    """From how many standard errors on an estimate is surely not 0, at the looks after
    LEAST_BLOCKS, LEAST_BLOCKS + 1, ..., LOOKS blocks, for normal values of known deviation.

    This is an error-spending boundary (Lan & DeMets 1983). Where nothing changed, the chance that
    any estimate lies beyond it is ALPHA, over all looks and ``comparisons``. The density of the sum
    that no look has stopped yet is carried from look to look (Armitage, McPherson & Rowe 1969).
    """
    # Two hundred nodes lie closer together than blocks scatter, also at the last look.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    bounds: list[float] = []
    places, density = np.zeros(1), np.ones(1)
    spent, before = 0.0, 0
    for look in range(LEAST_BLOCKS, LOOKS + 1):
        spread = math.sqrt(look - before)
        share = spending(look)
        target = (share - spent) * ALPHA / comparisons

        highest = 40 * math.sqrt(look)
        known = places, density, spread, target
        bound = float(optimize.brentq(_beyond, 0.0, highest, args=known, xtol=1e-9))
        bounds.append(bound / math.sqrt(look))
        reached = bound * nodes
        moves = (reached[:, None] - places[None, :]) / spread
        density = ((np.exp(-moves * moves / 2) @ density) / (spread * math.sqrt(2 * math.pi))) * (
            bound * weights
        )
        places, spent, before = reached, share, look
    return tuple(bounds)


def _beyond(bound: float, places: Floats, density: Floats, spread: float, target: float) -> float:
    """The logarithm of a chance by ``target``: that the sum lies beyond ``bound`` after a move from
    ``places`` that scatters by ``spread``."""
    outside = special.ndtr((places - bound) / spread) + special.ndtr((-bound - places) / spread)
    return math.log(max(1e-300, float(density @ outside)) / target)


def spending(look: int) -> float:
    """The share of ALPHA that is spent by the look after ``look`` blocks, that look included."""
    if look <= MOST_BLOCKS:
        return BY_MOST * look / MOST_BLOCKS
    return 1 - (1 - BY_MOST) * MOST_BLOCKS / look
