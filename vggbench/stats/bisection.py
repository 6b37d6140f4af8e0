"""The search for the build that brought a change: statistics alone, numbers in, numbers out.

Builds stand in a line, at places from 0, the good end, to the last place, the bad end. A gap lies
in front of each place but 0, and has that place's number. A look is one block of a build against
another, and its number is a log ratio. What looks say is a likelihood: each hypothesis has a
probability, that the change lies in this gap or in that one, or that there is none.

Asking where the posterior is in doubt is probabilistic bisection (Horstein 1963; Waeber, Frazier &
Henderson 2013). Looks are chosen by the information that they are expected to give (Lindley 1956),
by what they cost. docs/method.md describes all of it under "How a bisection searches".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from . import robust
from .blocks import LARGEST, LEAST, BlockJudgement, BlockNoise, judge_blocks
from .policy import CONFIDENCE, LEAST_BLOCKS, MOST_BLOCKS, NOT_SURE, THRESHOLD, UNCHANGED

#: A pair of builds is named, and "no change" is said, with this probability at least. A wrong name
#: sends someone through the wrong commits, so it is as rare as a wrong verdict (judge.ALPHA).
SURE = 0.95

#: From this probability on, a pair is looked at directly. Such a look then parts what is likely
#: about in half, as the best look does, and some direct looks are needed anyway.
DIRECT_FROM = 0.5

#: A search ends after so many looks, those at both ends included: twice what it takes usually.
MOST_LOOKS = 60

#: The probability of "no change" before the first look. Nothing is known, so it is even.
NONE = 0.5

#: Half of all changes are as large as this before the first look, up or down, as a log ratio. The
#: prior of the change is Cauchy's (Jeffreys 1961), whose tails leave any size possible.
USUAL_CHANGE = 0.05

#: The shares of looks whose answer is wrong, each as likely as the others before the first look.
WRONG = (0.01, 0.1, 0.4)

#: Half of the wrong answers are what the other side of the change would give. The others are
#: anything: Cauchy's distribution about 0, so many deviations of a block wide.
WIDE = 10.0

#: The deviation of a block is one of so many, which are equally likely by the degrees of freedom of
#: the noise. Together they make the looks Student's.
DEVIATIONS = 5

#: The sizes that a change is taken to be one of lie so many in a deviation, within REACH deviations
#: of each look's number. Sums over such an even lattice are nearly exact for normal values.
A_DEVIATION = 4
REACH = 3.0

#: Elsewhere, sizes from the first of these to LARGEST are looked at, so many in either direction.
SMALLEST, COARSE = 1e-3, 28

#: A look that is expected to give fewer bits than this tells nothing more.
LEAST_BITS = 1e-5

#: Places whose looks tell as much per second, but for the rounding of floats, are as good. The
#: first of them is taken.
AS_GOOD = 1 - 1e-9

# The outcomes of a decision.
NAMED = "named"
NO_CHANGE = "no change"
OPEN = "open"

# Why a search has ended.
FOUND = "found"
UNCHANGED_ENDS = "the ends are unchanged"
UNSURE_ENDS = "it is not sure whether the ends differ"
OUT_OF_BUDGET = "out of budget"
TOO_MANY_LOOKS = "too many looks"
NOTHING_TELLS = "no look tells more"

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Look:
    """One block of the builds at two places. ``log_ratio`` is its number: the natural logarithm of
    the time of ``after`` by the time of ``before``."""

    before: int
    after: int
    log_ratio: float


@dataclass(frozen=True)
class Decision:
    """What is said. The change lies behind the place ``left``, and up to the place ``right``.

    NAMED: both are known, and no known build stands between them. OPEN: they are the ends of the
    shortest span that holds the change with SURE; where none does, the ends of the line. NO_CHANGE:
    they are the ends of the line. ``probability`` is that of what is said.
    """

    outcome: str
    left: int
    right: int
    probability: float


@dataclass(frozen=True, eq=False)
class _Grid:
    """What a change, a deviation and a share of wrong answers are taken to be one of.

    ``nodes``: sizes of the change, shape (node,), in order. ``log_masses``: the logarithm of the
    prior probability of each node's cell, shape (node,). ``deviations``: shape (deviation,).
    ``bias``: of the noise. ``wide``: the width of a wrong answer that is anything.
    """

    nodes: Floats
    log_masses: Floats
    deviations: Floats
    bias: float
    wide: float


@dataclass(frozen=True, eq=False)
class Posterior:
    """How likely each hypothesis is after some looks.

    ``gaps``: the probability that the change lies in front of place 1, 2, ..., shape (builds - 1,).
    ``none``: that there is none. Together they are 1.

    Gaps between two places next to each other among those that looks were at are a class: no look
    tells them apart. ``_edges``: the places at which classes begin and end, shape (class + 1,).
    ``_inside``: the probabilities of what else is unknown, given a class, shape (class, deviation,
    share of wrong answers, node). ``_inside_none``: the same for no change, shape (deviation,
    share).
    """

    gaps: Floats
    none: float
    _grid: _Grid
    _edges: Places
    _inside: Floats
    _inside_none: Floats

    @property
    def change(self) -> tuple[float, float, float]:
        """(ratio, low, high) of the change, if it lies in the likeliest gap. low to high is its
        interval with CONFIDENCE."""
        gap = 1 + int(np.argmax(self.gaps))
        number = int(np.searchsorted(self._edges, gap, side="left")) - 1
        shares = [0.5, (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
        middle, low, high = _quantiles(
            self._grid.nodes, self._inside[number].sum(axis=(0, 1)), shares
        )
        return robust.ratio(middle), robust.ratio(low), robust.ratio(high)

    def span(self, unknown: Collection[int], share: float) -> tuple[int, int, float]:
        """(left, right, probability) of the shortest span of known builds that holds the change
        with the probability ``share``; the likeliest of several. Where none does, the whole line.

        ``unknown``: places of builds that cannot be measured. Raises ValueError where an end is
        one of them, or the share is out of range.
        """
        if not 0 < share <= 1:
            raise ValueError(f"a share of {share} is not between 0 and 1")
        known = self._known(unknown)
        upto = np.concatenate([[0.0], np.cumsum(self.gaps)])[known]
        held = upto[None, :] - upto[:, None]
        lengths = known[None, :] - known[:, None]
        fits = (lengths > 0) & (held >= share)
        if not fits.any():
            return int(known[0]), int(known[-1]), float(held[0, -1])
        fits &= lengths == lengths[fits].min()
        left, right = np.unravel_index(int(np.argmax(np.where(fits, held, -1.0))), held.shape)
        return int(known[left]), int(known[right]), float(held[left, right])

    def likeliest(self, unknown: Collection[int]) -> tuple[int, int, float]:
        """(left, right, probability) of the likeliest pair of neighbouring known builds.

        Unknown builds may stand between them. Raises ValueError where an end is unknown.
        """
        known = self._known(unknown)
        held = np.add.reduceat(self.gaps, known[:-1])
        best = int(np.argmax(held))
        return int(known[best]), int(known[best + 1]), float(held[best])

    def _known(self, unknown: Collection[int]) -> Places:
        builds = len(self.gaps) + 1
        gone = {*unknown}
        if not gone <= {*range(1, builds - 1)}:
            raise ValueError(f"unknown builds {sorted(gone)} are not all between the ends")
        return np.array([place for place in range(builds) if place not in gone], dtype=np.intp)


def posterior(builds: int, looks: Sequence[Look], noise: BlockNoise) -> Posterior:
    """How likely each hypothesis is: the one change lies in this gap, or there is none.

    ``builds`` is how many builds stand in the line. The order of ``looks`` does not matter. Before
    the first look, NONE is for no change, and all gaps are alike.

    The number of a look scatters about the change where the gap lies between its two builds, else
    about 0. The size of the change, the deviation of blocks and the share of wrong answers are
    integrated out over the looks together: a look that looks wrong makes all looks count for less.
    A bias of the noise counts as an error that looks at the same two builds share.

    Raises ValueError for fewer than two builds, a look at a place outside the line or at one build
    alone, a number that is not the logarithm of a ratio, or a noise out of range.
    """
    _check(builds, noise)
    ordered = [_ordered(look, builds) for look in looks]
    low = np.array([look.before for look in ordered], dtype=np.intp)
    high = np.array([look.after for look in ordered], dtype=np.intp)
    numbers = np.array([look.log_ratio for look in ordered], dtype=np.float64)
    grid = _grid(numbers, noise)
    _, which, counts = np.unique(low * builds + high, return_inverse=True, return_counts=True)
    covered, uncovered, without = _likelihoods(numbers, counts[which], grid)
    edges = np.unique(np.concatenate([[0, builds - 1], low, high])).astype(np.intp)
    sizes = np.diff(edges)
    between = (low <= edges[:-1, None]) & (edges[1:, None] <= high)
    # One look's part is of shape (deviation, share, node).
    shape = covered.shape[1:]
    more = (covered - uncovered).reshape(len(ordered), math.prod(shape))
    logs = (between.astype(np.float64) @ more).reshape(len(sizes), *shape)
    logs += uncovered.sum(axis=0) + grid.log_masses
    highest = logs.max(axis=(1, 2, 3), keepdims=True)
    inside = np.exp(logs - highest)
    sums = inside.sum(axis=(1, 2, 3), keepdims=True)
    inside /= sums
    of_classes = (highest + np.log(sums)).ravel() + np.log(sizes * ((1 - NONE) / (builds - 1)))
    logs_none = without.sum(axis=0)
    inside_none = np.exp(logs_none - logs_none.max())
    of_none = float(logs_none.max()) + math.log(NONE * float(inside_none.sum()))
    inside_none /= inside_none.sum()
    most = max(of_none, float(of_classes.max()))
    weights, weight = np.exp(of_classes - most), math.exp(of_none - most)
    total = float(weights.sum()) + weight
    return Posterior(
        gaps=np.repeat(weights / total / sizes, sizes),
        none=weight / total,
        _grid=grid,
        _edges=edges,
        _inside=inside,
        _inside_none=inside_none,
    )


def next_look(
    posterior: Posterior, seconds: Sequence[float], unknown: Collection[int]
) -> int | None:
    """The place whose block against place 0 tells most per second, or None where none tells
    anything more.

    What a look tells is the information that its number is expected to give of whether the change
    lies before its place. ``seconds``: what such a block of each place costs now, shape (builds,).
    ``unknown``: places of builds that cannot be measured. Raises ValueError where an end is one of
    them, or the seconds are no positive numbers, one for each build.
    """
    known = posterior._known(unknown)[1:]
    costs = _costs(posterior, seconds, known)
    bits = _bits(posterior, np.zeros_like(known), known)
    if bits.max() < LEAST_BITS:
        return None
    worth = bits / costs
    return int(known[np.flatnonzero(worth >= AS_GOOD * worth.max())[0]])


def decided(posterior: Posterior, unknown: Collection[int]) -> Decision:
    """What can be said with SURE. Raises ValueError where an end is one of ``unknown``."""
    left, right, probability = posterior.likeliest(unknown)
    if probability >= SURE:
        return Decision(NAMED, left, right, probability)
    if posterior.none >= SURE:
        return Decision(NO_CHANGE, 0, len(posterior.gaps), posterior.none)
    return Decision(OPEN, *posterior.span(unknown, SURE))


def elsewhere(ends: BlockJudgement, pair: BlockJudgement) -> tuple[float, float, float]:
    """(ratio, low, high) of what both ends differ by beyond a pair of neighbours between them.

    The change of the ends is divided by that of the pair. Where the interval excludes 1, another
    change lies elsewhere. The two half widths are added in squares (Zou & Donner 2008).
    """
    whole, part = (
        (math.log(judged.ratio), (math.log(judged.high) - math.log(judged.low)) / 2)
        for judged in (ends, pair)
    )
    middle, half = whole[0] - part[0], math.hypot(whole[1], part[1])
    return robust.ratio(middle), robust.ratio(middle - half), robust.ratio(middle + half)


@dataclass(frozen=True)
class Unmeasured:
    """What came of a look where the build at ``place`` cannot be installed or measured."""

    place: int


@dataclass(frozen=True)
class Search:
    """What a search has come to.

    ``looks``: those that were on record, then those that were taken. ``unknown``: places of builds
    that cannot be measured.

    ``decision``: as decided() says, with three differences. Whether there is a change is what the
    looks at both ends say, as a verdict; until that is sure, the decision is OPEN. A pair is NAMED
    after LEAST_BLOCKS direct looks at it. And the decision is never NO_CHANGE while a verdict says
    that the ends differ.

    ``ends``: the bad end by the good end; None before the first such look. ``pair``: the build at
    ``decision.right`` by that at ``decision.left``, by direct looks alone; None without one, or
    where other known builds stand between the two. ``elsewhere``: as the function says; None where
    there is no pair, or the pair is both ends.

    ``ended``: why it has ended, FOUND or another of the constants beside it; None while it goes on.
    """

    looks: tuple[Look, ...]
    unknown: frozenset[int]
    decision: Decision
    posterior: Posterior
    ends: BlockJudgement | None
    pair: BlockJudgement | None
    elsewhere: tuple[float, float, float] | None
    ended: str | None = None

    @property
    def visited(self) -> frozenset[int]:
        """The places that looks were at."""
        return frozenset(place for look in self.looks for place in (look.before, look.after))

    @property
    def is_other_change(self) -> bool:
        """Whether another change lies elsewhere between the ends."""
        return self.elsewhere is not None and not self.elsewhere[1] <= 1 <= self.elsewhere[2]

    @property
    def change(self) -> tuple[float, float, float]:
        """(ratio, low, high) of the change at the pair, with CONFIDENCE.

        All looks tell it where it is the only change. Where it is not, the direct looks do.
        """
        if self.pair is not None and self.is_other_change:
            return self.pair.ratio, self.pair.low, self.pair.high
        return self.posterior.change


def search(
    builds: int,
    look: Callable[[int, int], float | Unmeasured],
    noise: BlockNoise,
    *,
    seconds: Callable[[], Sequence[float]],
    allows: Callable[[float], bool] | None = None,
    looks: Sequence[Look] = (),
    unknown: Collection[int] = (),
    on_look: Callable[[Search], None] | None = None,
    threshold: float = THRESHOLD,
    most: int = MOST_LOOKS,
) -> Search:
    """Search the build that brought a change.

    ``look(before, after)`` takes one block of two builds and returns its number, or which of the
    two cannot be measured. ``seconds()`` is asked before each look for what a block of each build
    against place 0 costs now. ``allows``: whether a look of so many seconds may begin. ``on_look``
    is called after each look, and before the first one where there are ``looks`` on record.

    The first looks are at both ends, until it is sure whether they differ by the ``threshold``, a
    ratio less one. The next ones are those that tell most per second. A pair that is likely is then
    looked at directly. The search ends with ``most`` looks.

    What is done next follows from the looks alone. A search that was ended goes on where it is
    given the ``looks`` and the ``unknown`` places that are on record. Raises ValueError where an
    end cannot be measured, and for what posterior() and next_look() refuse.
    """
    taken, gone = [*looks], {*unknown}
    found = _so_far(builds, taken, gone, noise, threshold)
    if on_look is not None and taken:
        on_look(found)
    while True:
        costs = [*seconds()]
        following = _following(found, costs, most)
        if isinstance(following, str):
            return replace(found, ended=following)
        before, after = following
        if allows is not None and not allows(_cost(costs, before, after)):
            return replace(found, ended=OUT_OF_BUDGET)
        came = look(before, after)
        if isinstance(came, Unmeasured):
            if came.place not in {before, after} - {0, builds - 1}:
                raise ValueError(
                    f"a look at places {before} and {after} found place {came.place} unmeasured"
                )
            gone.add(came.place)
        else:
            taken.append(Look(before, after, came))
        found = _so_far(builds, taken, gone, noise, threshold)
        if on_look is not None:
            on_look(found)


def _so_far(
    builds: int, looks: Sequence[Look], unknown: set[int], noise: BlockNoise, threshold: float
) -> Search:
    """Where a search with these looks stands."""
    after_looks = posterior(builds, looks, noise)
    ends = _judged(looks, 0, builds - 1, noise, threshold)
    whole = Decision(OPEN, 0, builds - 1, 1 - after_looks.none)
    decision = decided(after_looks, unknown)
    if ends is not None and ends.outcome == UNCHANGED:
        decision = Decision(NO_CHANGE, 0, builds - 1, after_looks.none)
    elif ends is None or ends.outcome == NOT_SURE or decision.outcome == NO_CHANGE:
        decision = whole
    elif decision.outcome == NAMED:
        direct = _numbers(looks, decision.left, decision.right)
        if len(direct) < LEAST_BLOCKS:
            decision = replace(decision, outcome=OPEN)
    left, right = decision.left, decision.right
    pair = None
    if unknown.issuperset(range(left + 1, right)):
        pair = _judged(looks, left, right, noise, threshold)
    other = None
    if ends is not None and pair is not None and (left, right) != (0, builds - 1):
        other = elsewhere(ends, pair)
    return Search(
        looks=tuple(looks),
        unknown=frozenset(unknown),
        decision=decision,
        posterior=after_looks,
        ends=ends,
        pair=pair,
        elsewhere=other,
    )


def _following(found: Search, seconds: Sequence[float], most: int) -> tuple[int, int] | str:
    """The two places of the next look, or why there is none."""
    last = len(found.posterior.gaps)
    # Raises ValueError for seconds that are none.
    _costs(found.posterior, seconds, found.posterior._known(found.unknown)[1:])
    unsure = found.ends is None or found.ends.outcome == NOT_SURE
    if unsure and len(_numbers(found.looks, 0, last)) >= MOST_BLOCKS:
        return UNSURE_ENDS
    if found.decision.outcome != OPEN:
        return FOUND if found.decision.outcome == NAMED else UNCHANGED_ENDS
    if len(found.looks) >= most:
        return TOO_MANY_LOOKS
    if unsure:
        return 0, last
    left, right, probability = found.posterior.likeliest(found.unknown)
    if probability >= DIRECT_FROM and len(_numbers(found.looks, left, right)) < LEAST_BLOCKS:
        return left, right
    place = next_look(found.posterior, seconds, found.unknown)
    if place is None:
        return NOTHING_TELLS
    by_good_end, direct = _bits(found.posterior, np.array([0, left]), np.array([place, right]))
    if direct / _cost(seconds, left, right) > by_good_end / _cost(seconds, 0, place):
        return left, right
    return 0, place


def _cost(seconds: Sequence[float], before: int, after: int) -> float:
    """The seconds of a look."""
    return max(seconds[before], seconds[after])


def _numbers(looks: Sequence[Look], left: int, right: int) -> list[float]:
    """The numbers of the looks at these two places, right by left."""
    return [
        look.log_ratio if look.before == left else -look.log_ratio
        for look in looks
        if {look.before, look.after} == {left, right}
    ]


def _judged(
    looks: Sequence[Look], left: int, right: int, noise: BlockNoise, threshold: float
) -> BlockJudgement | None:
    """What the looks at these two places say by themselves, right by left."""
    numbers = _numbers(looks, left, right)
    return judge_blocks(numbers, noise, threshold=threshold) if numbers else None


def _check(builds: int, noise: BlockNoise) -> None:
    if builds < 2:
        raise ValueError(f"{builds} builds have nothing between them")
    widest = 10 * LARGEST
    if not (0 <= noise.deviation < widest and 1 <= noise.degrees < math.inf):
        raise ValueError(f"no noise: {noise.deviation} with {noise.degrees} degrees of freedom")
    if not 0 <= noise.bias < widest:
        raise ValueError(f"a bias of {noise.bias} is out of range")


def _ordered(look: Look, builds: int) -> Look:
    """The same look, with the later place as ``after``."""
    if not (0 <= look.before < builds and 0 <= look.after < builds):
        raise ValueError(f"a look at places {look.before} and {look.after} of {builds} builds")
    if look.before == look.after:
        raise ValueError(f"a look at place {look.before} against itself")
    if not -LARGEST < look.log_ratio < LARGEST:
        raise ValueError(f"{look.log_ratio} is not the logarithm of a ratio")
    if look.before < look.after:
        return look
    return Look(look.after, look.before, -look.log_ratio)


def _costs(posterior: Posterior, seconds: Sequence[float], places: Places) -> Floats:
    """The seconds of these places, shape (place,)."""
    builds = len(posterior.gaps) + 1
    if len(seconds) != builds:
        raise ValueError(f"the seconds of {len(seconds)} builds, of {builds}")
    costs = np.array([seconds[place] for place in places], dtype=np.float64)
    if not ((costs > 0) & np.isfinite(costs)).all():
        raise ValueError("the seconds of a look are not a positive number")
    return costs


def _grid(numbers: Floats, noise: BlockNoise) -> _Grid:
    """The grid for looks with these numbers, shape (look,), all later build by earlier."""
    deviation = max(noise.deviation, LEAST)
    shares = (np.arange(DEVIATIONS) + 0.5) / DEVIATIONS
    # Of a variance that was estimated with so many degrees of freedom (scaled inverse chi-squared).
    deviations = deviation * np.sqrt(noise.degrees / special.chdtri(noise.degrees, shares))
    width = math.hypot(deviation, noise.bias)
    step, steps = width / A_DEVIATION, round(REACH * A_DEVIATION)
    near = step * np.unique(np.rint(numbers / step)[:, None] + np.arange(-steps, steps + 1))
    upwards = np.geomspace(SMALLEST, LARGEST, COARSE)
    everywhere = np.concatenate([-upwards[::-1], [0.0], upwards])
    distances = np.abs(everywhere[:, None] - numbers).min(axis=1, initial=math.inf)
    nodes = np.sort(np.concatenate([near, everywhere[distances > (REACH + 1) * width]]))
    return _Grid(
        nodes=nodes,
        log_masses=np.log(np.maximum(_masses(nodes), 1e-300)),
        deviations=deviations,
        bias=noise.bias,
        wide=WIDE * width,
    )


def _masses(nodes: Floats) -> Floats:
    """The prior probability of each node's cell, which ends halfway to its neighbours. Together
    they are 1.

    Differences of arcus tangents are computed as one arcus tangent, which is exact far out.
    """
    ends = (nodes[1:] + nodes[:-1]) / 2
    low, high = ends[:-1], ends[1:]
    between = np.arctan2((high - low) * USUAL_CHANGE, USUAL_CHANGE**2 + low * high)
    first, last = math.atan2(USUAL_CHANGE, -ends[0]), math.atan2(USUAL_CHANGE, ends[-1])
    masses: Floats = np.concatenate([[first], between, [last]]) / math.pi
    return masses


def _likelihoods(numbers: Floats, repeats: Places, grid: _Grid) -> tuple[Floats, Floats, Floats]:
    """The logarithm of the likelihood of each look, by that of a wrong answer that is anything.

    ``repeats``: how many looks are at the same two builds, shape (look,). Returns where the change
    lies between the two builds of the look, and where it does not, both of shape (look, deviation,
    share, node); and where there is none, shape (look, deviation, share).

    The ratio by the wide distribution is bounded in both directions, so nothing overflows and no
    logarithm is of 0.
    """
    variances = grid.deviations**2 + (repeats * grid.bias**2)[:, None]
    wide = grid.wide * math.pi * (1 + (numbers / grid.wide) ** 2)
    scales = wide[:, None] / np.sqrt(2 * math.pi * variances)
    squares = (numbers[:, None] - grid.nodes) ** 2
    at_change = scales[:, :, None] * np.exp(-squares[:, None, :] / (2 * variances[:, :, None]))
    at_0 = scales * np.exp(-(numbers[:, None] ** 2) / (2 * variances))
    at_change, at_0 = at_change[:, :, None, :], at_0[:, :, None, None]
    wrong = np.array(WRONG)[:, None]
    right, half = 1 - wrong, wrong / 2
    covered = np.log(right * at_change + half * (at_0 + 1))
    uncovered = np.log(right * at_0 + half * (at_change + 1))
    without = np.log(right * at_0 + wrong)[..., 0]
    return covered, uncovered, without


def _bits(posterior: Posterior, low: Places, high: Places) -> Floats:
    """The bits that a look at each of these pairs of places is expected to give, shape (pair,).

    They are the mutual information of the look's number and of whether the change lies between the
    two places, by a sum over numbers that lie close together where any hypothesis expects them.
    """
    grid, edges = posterior._grid, posterior._edges
    inside = posterior._inside * np.add.reduceat(posterior.gaps, edges[:-1])[:, None, None, None]
    none = posterior.none * posterior._inside_none
    wrong = np.array(WRONG)
    # Of shape (class, deviation, node): answers that are right, and those of the other side.
    right = np.einsum("cswd,w->csd", inside, 1 - wrong)
    other = np.einsum("cswd,w->csd", inside, wrong / 2)
    right_none, wide_none = none @ (1 - wrong), float((none @ wrong).sum())
    numbers, widths = _numbers_to_come(posterior)
    variances = grid.deviations**2 + grid.bias**2
    scales = 1 / np.sqrt(2 * math.pi * variances)
    squares = (numbers - grid.nodes[:, None]) ** 2
    at_change = scales[:, None, None] * np.exp(-squares / (2 * variances[:, None, None]))
    at_0 = scales[:, None] * np.exp(-(numbers**2) / (2 * variances[:, None]))
    wide = 1 / (grid.wide * math.pi * (1 + (numbers / grid.wide) ** 2))
    flat = at_change.reshape(-1, len(numbers))
    classes = len(inside)
    anything = other.sum(axis=(1, 2))[:, None] * wide
    # Densities of a number together with a class, shape (class, number).
    covered = right.reshape(classes, -1) @ flat + other.sum(axis=2) @ at_0 + anything
    uncovered = right.sum(axis=2) @ at_0 + other.reshape(classes, -1) @ flat + anything
    without = right_none @ at_0 + wide_none * wide
    # The share of each class's gaps that lies between the two places, shape (pair, class).
    sizes = np.diff(edges)
    shares = np.clip((high[:, None] - edges[:-1]) / sizes, 0, 1)
    shares -= np.clip((low[:, None] - edges[:-1]) / sizes, 0, 1)
    joint, joint_not = shares @ covered, (1 - shares) @ uncovered + without
    held = shares @ inside.sum(axis=(1, 2, 3))
    both = joint + joint_not
    nats = special.rel_entr(joint, held[:, None] * both)
    nats += special.rel_entr(joint_not, (1 - held)[:, None] * both)
    # Where the answer is known, there is nothing to be told.
    in_doubt = (held > 1e-12) & (held < 1 - 1e-12)
    bits: Floats = np.where(in_doubt, nats @ widths, 0.0) / math.log(2)
    return bits


def _numbers_to_come(posterior: Posterior) -> tuple[Floats, Floats]:
    """Numbers that a look may have, in order, and how wide a part of the line each stands for: both
    of shape (number,). They lie closest about 0 and about the likely size of the change."""
    grid = posterior._grid
    width = math.hypot(float(np.median(grid.deviations)), grid.bias)
    of_classes = np.add.reduceat(posterior.gaps, posterior._edges[:-1])
    by_node = of_classes @ posterior._inside.sum(axis=(1, 2))
    (middle,) = _quantiles(grid.nodes, by_node, [0.5])
    about = width * np.linspace(-4, 4, 65)
    numbers = np.unique(np.concatenate([grid.nodes, about, middle + about]))
    return numbers, np.gradient(numbers)


def _quantiles(nodes: Floats, weights: Floats, shares: Sequence[float]) -> list[float]:
    """The nodes below which these shares of the weights lie. A cell's weight is spread evenly over
    it."""
    ends = np.concatenate([nodes[:1], (nodes[1:] + nodes[:-1]) / 2, nodes[-1:]])
    upto = np.concatenate([[0.0], np.cumsum(weights)])
    found: list[float] = np.interp(np.array(shares) * upto[-1], upto, ends).tolist()
    return found
