"""The chain: levels of all releases of a line, by the blocks that compared two of them each.

A link is what blocks said of two releases. Levels are what makes all links true at once, or as
nearly as they let it be: weighted least squares. Where links close a loop, the loop says how well
they agree, and levels are no surer than that. Releases are places in their line, from 0, oldest
first; all numbers are natural logarithms of ratios, but for those that are called ratios.
docs/method.md, "The chain", has the whole of it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special
from scipy.sparse import coo_array, csgraph, csr_array

from . import robust
from .judge import ALPHA
from .noise import LEAST, LEAST_ALIKE, how_alike
from .policy import CONFIDENCE

#: A link of fewer blocks does not count. It was ended because it looked sure, and what looks sure
#: early overstates; a chain would add that up. From six on that is little, whatever ends a link.
LEAST_BLOCKS_A_LINK = 6

#: Of so many releases, one is compared with the one so many places before it.
STRIDE = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Link:
    """What blocks said of the releases at two places: in each block, the logarithm of the time of
    ``after`` by the time of ``before``."""

    before: int
    after: int
    numbers: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Level:
    """``ratio`` is the time of the release at ``place`` by that of the base of its component, in
    ``low`` to ``high`` with CONFIDENCE, for this level alone. ``log`` is the ratio's logarithm,
    ``error`` the standard error of that, and ``degrees`` the degrees of freedom of the error; the
    base's own level is 1 without an error."""

    place: int
    ratio: float
    low: float
    high: float
    log: float
    error: float
    degrees: float


@dataclass(frozen=True, kw_only=True)
class Component:
    """Releases that links connect, in the order of their places. Levels of two components cannot be
    compared."""

    base: int
    levels: tuple[Level, ...]


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Two ways from one release to another: the link ``before`` to ``after``, and the links
    ``through`` the places between, both ends included.

    ``direct`` and ``around`` are what the two ways make of the time of ``after`` by that of
    ``before``. ``misfit`` is ``direct`` by ``around``, a ratio that should be 1, in ``low`` to
    ``high`` with CONFIDENCE, for this loop alone. ``misfits``: the misfit is larger than chance
    allows, all loops considered.
    """

    before: int
    after: int
    through: tuple[int, ...]
    direct: float
    around: float
    misfit: float
    low: float
    high: float
    misfits: bool


@dataclass(frozen=True, kw_only=True)
class Chain:
    """``components`` in the order of their first places, ``loops`` in the order of their ends.

    ``between_links`` is the deviation of a link beyond what its blocks explain, as the loops show
    it; 0 where they agree, and where there are none. The levels' errors include it.
    ``disagreement`` is how far links are from what the levels make of them, all loops together, by
    how far they are to be expected: about 1. ``chance``: how often chance alone makes them disagree
    as much, between 0 and 1. Both are None without loops. ``left_out``: links of fewer than
    LEAST_BLOCKS_A_LINK blocks.
    """

    components: tuple[Component, ...]
    loops: tuple[Loop, ...]
    between_links: float
    disagreement: float | None
    chance: float | None
    left_out: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True)
class _CountedLinks:
    """Links that count, from the earlier place to the later: (link,) arrays.

    ``variances`` are those of ``logs``, each with its own degrees of freedom. ``known`` is what all
    of them together have: no error is known better.
    """

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    logs: Floats
    variances: Floats
    degrees: Floats
    known: float


def chain(
    links: Sequence[Link], base: int, *, deviation: float = 0.0, degrees: float = 0.0
) -> Chain:
    """The levels of all releases that ``links`` connect, relative to the release at ``base``.

    Links between the same two releases, whichever is called the earlier, are taken as one. A
    component without ``base`` is relative to its first release. ``deviation`` is that of a block's
    number as calibrations show it, known by so many ``degrees`` of freedom; 0 where there are none.
    Raises ValueError where a link is of one release with itself, or a number is not finite.
    """
    counted, left_out = _sorted_out(links)
    if not counted:
        return Chain(
            components=(),
            loops=(),
            between_links=0.0,
            disagreement=None,
            chance=None,
            left_out=left_out,
        )
    measured = _measured(counted, (deviation, degrees))
    places = np.unique([measured.before, measured.after])
    # (link,) rows in ``places``.
    starts, ends = (np.searchsorted(places, one) for one in (measured.before, measured.after))
    graph = _graph(starts, ends, len(places))
    count, component_of = csgraph.connected_components(graph, directed=False)
    members = [np.flatnonzero(component_of == number) for number in range(count)]
    bases = [int(next((row for row in rows if places[row] == base), rows[0])) for rows in members]
    rows = np.arange(len(measured.logs))
    design = np.zeros((len(measured.logs), len(places)))
    design[rows, starts], design[rows, ends] = -1.0, 1.0
    # A base is 0 by definition, no unknown.
    design = np.delete(design, bases, axis=1)
    independent = len(rows) - design.shape[1]
    squares = _disagreement(measured, design, 0.0)
    extra = _between_links(measured, design) if squares > independent > 0 else 0.0
    gain = np.insert(
        _gain(design, 1 / (measured.variances + extra)),
        [one - number for number, one in enumerate(sorted(bases))],
        0.0,
        axis=0,
    )
    return Chain(
        components=tuple(
            _component(places[of], int(places[at]), gain[of], measured, (extra, independent))
            for of, at in zip(members, bases, strict=True)
        ),
        loops=_loops(measured, _cycles(places, starts, ends)),
        between_links=math.sqrt(extra),
        disagreement=math.sqrt(squares / independent) if independent else None,
        chance=_chance(measured, squares, independent) if independent else None,
        left_out=left_out,
    )


def closing(majors: Sequence[int]) -> list[tuple[int, int]]:
    """The ends of the links, beside those of neighbours, that close loops: two places each, in
    order, each once.

    ``majors``: the major version of each release, oldest first. Each fifth release (STRIDE) is
    compared with the one five before, beginning with the sixth and the first; and the last of each
    major version with its first. Of the links of a shorter line, a longer one lacks at most that
    with what was the last of its major version.
    """
    found = {(place - STRIDE, place) for place in range(STRIDE, len(majors), STRIDE)}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for place, major in enumerate(majors):
        first.setdefault(major, place)
        last[major] = place
    found |= {(first[major], last[major]) for major in first}
    return sorted((before, after) for before, after in found if after - before > 1)


def _sorted_out(links: Sequence[Link]) -> tuple[list[Link], tuple[Link, ...]]:
    """Links that count and links of too few blocks: one for two releases, from the earlier place to
    the later, in order."""
    numbers: dict[tuple[int, int], list[float]] = {}
    for link in links:
        if link.before == link.after:
            raise ValueError(f"a link of the release at place {link.before} with itself")
        for number in link.numbers:
            if not math.isfinite(number):
                raise ValueError(f"a block's number of {number} is not finite")
        forward = link.before < link.after
        ends = (link.before, link.after) if forward else (link.after, link.before)
        numbers.setdefault(ends, []).extend(
            number if forward else -number for number in link.numbers
        )
    together = [
        Link(before=before, after=after, numbers=tuple(numbers[before, after]))
        for before, after in sorted(numbers)
    ]
    return (
        [link for link in together if len(link.numbers) >= LEAST_BLOCKS_A_LINK],
        tuple(link for link in together if len(link.numbers) < LEAST_BLOCKS_A_LINK),
    )


def _measured(links: Sequence[Link], calibrated: tuple[float, float]) -> _CountedLinks:
    """Each link by Huber's location of its blocks, which one that is far off does not move far.

    What its blocks scatter by is weighed with what all links tell of each other, as much as they
    are alike (the moderated variances of Smyth 2004), but is never taken to be less than what they
    surely show by themselves. ``calibrated`` is a deviation and its degrees of freedom.
    """
    rough = robust.scale(
        [
            residual
            for link in links
            for residual in _residuals(link.numbers, robust.location(link.numbers, 0))
        ]
    )
    logs, scales = [], []
    for link in links:
        middle = robust.location(link.numbers, 0)
        # Blocks that scatter more than those of other links are not far off among themselves.
        reach = robust.scale(_residuals(link.numbers, middle), rough)
        logs.append(robust.location(link.numbers, max(rough, reach)))
        own = robust.scale(_residuals(link.numbers, logs[-1]), rough)
        scales.append(max(LEAST, own))
    counts = np.array([len(link.numbers) for link in links])
    own_degrees = counts - 1.0
    known = float(own_degrees.sum()) + calibrated[1]
    told = [calibrated] if calibrated[1] > 0 else []
    sources = [*zip(scales, map(float, own_degrees), strict=True), *told]
    common, worth = calibrated
    if len(sources) >= LEAST_ALIKE:
        common, worth = how_alike(sources)
    worth = min(worth, known)
    squares = np.square(scales)
    moderated = (worth * common**2 + own_degrees * squares) / (worth + own_degrees)
    least = squares * own_degrees / special.chdtri(own_degrees, ALPHA)
    return _CountedLinks(
        before=np.array([link.before for link in links]),
        after=np.array([link.after for link in links]),
        logs=np.array(logs),
        variances=np.maximum(moderated, least) / counts,
        degrees=np.minimum(worth + own_degrees, known),
        known=known,
    )


def _residuals(numbers: Sequence[float], centre: float) -> list[float]:
    """Distances from ``centre``, larger for the degree of freedom that it took."""
    correction = math.sqrt(len(numbers) / (len(numbers) - 1))
    return [(number - centre) * correction for number in numbers]


def _graph(starts: NDArray[np.intp], ends: NDArray[np.intp], count: int) -> csr_array:
    """The links as edges that are as long as they reach over places."""
    return coo_array((ends - starts, (starts, ends)), shape=(count, count)).tocsr()


def _gain(design: Floats, weights: Floats) -> Floats:
    """What each link counts for in each level, (level, link): levels are linear in the links."""
    weighted = design.T * weights
    return np.linalg.solve(weighted @ design, weighted)


def _disagreement(measured: _CountedLinks, design: Floats, extra: float) -> float:
    """The squared distances of links from what the levels make of them, in units of the links'
    variances, ``extra`` added to each: chi-squared, with a degree of freedom for each independent
    loop."""
    weights = 1 / (measured.variances + extra)
    left = measured.logs - design @ (_gain(design, weights) @ measured.logs)
    return float(weights @ left**2)


def _between_links(measured: _CountedLinks, design: Floats) -> float:
    """The variance that links have beyond their blocks': with it they disagree as much as is to be
    expected (Paule & Mandel 1982; for networks, Jackson et al. 2017). They disagree more without.
    """
    expected = len(measured.logs) - design.shape[1]
    # With as much as all squared residuals together, they disagree by less than 1.
    left = measured.logs - design @ (_gain(design, np.ones(len(measured.logs))) @ measured.logs)
    return float(
        optimize.brentq(
            lambda extra: _disagreement(measured, design, extra) - expected,
            0.0,
            float(left @ left),
            xtol=1e-14,
        )
    )


def _chance(measured: _CountedLinks, squares: float, loops: int) -> float:
    """How often links that agree disagree by such ``squares``, their variances being estimated: an
    F-test. Its second degrees of freedom are the harmonic mean of the links', which makes the mean
    of the disagreement right."""
    known = 1 / float(np.mean(1 / measured.degrees))
    return float(special.fdtrc(loops, known, squares / loops))


def _component(
    places: NDArray[np.intp],
    base: int,
    gain: Floats,
    measured: _CountedLinks,
    between: tuple[float, int],
) -> Component:
    """``gain`` is (place, link). ``between``: the variance of links beyond their blocks', and the
    number of independent loops that it is estimated from."""
    extra, loops = between
    levels = []
    for place, row in zip(places, gain, strict=True):
        of_blocks = row**2 * measured.variances
        of_links = extra * float(row @ row)
        variance = float(of_blocks.sum()) + of_links
        uncertain = float(np.sum(of_blocks**2 / measured.degrees))
        uncertain += of_links**2 / loops if loops else 0.0
        error = math.sqrt(variance)
        degrees = _freedom(variance, uncertain, measured.known)
        half = _half(error, degrees)
        log = float(row @ measured.logs)
        levels.append(
            Level(
                place=int(place),
                ratio=robust.ratio(log),
                low=robust.ratio(log - half),
                high=robust.ratio(log + half),
                log=log,
                error=error,
                degrees=degrees,
            )
        )
    return Component(base=base, levels=tuple(levels))


def _freedom(variance: float, uncertain: float, most: float) -> float:
    """The degrees of freedom of a sum of variances (Satterthwaite 1946). ``uncertain``: the sum of
    their squares by their own."""
    return min(most, variance**2 / uncertain) if uncertain > 0 else most


def _half(error: float, degrees: float) -> float:
    """Half the width of the interval that has with CONFIDENCE what has this standard error."""
    return float(special.stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error


@dataclass(frozen=True, kw_only=True)
class _Cycle:
    """A link, and the way around it: the numbers of its links, each with 1 where it is gone from
    its earlier place to its later, else -1."""

    link: int
    through: tuple[int, ...]
    around: tuple[int, ...]
    signs: tuple[float, ...]


def _cycles(
    places: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> list[_Cycle]:
    """Each link that is not needed to connect its ends, with the way around it by the shortest
    ones: by neighbours, where all of them are linked."""
    tree = csgraph.minimum_spanning_tree(_graph(starts, ends, len(places)))
    links = [*zip(starts.tolist(), ends.tolist(), strict=True)]
    number = {both: link for link, both in enumerate(links)}
    needed = {*zip(*(one.tolist() for one in tree.nonzero()), strict=True)}
    found = []
    for link, (start, end) in enumerate(links):
        if (start, end) in needed:
            continue
        _, onwards = csgraph.breadth_first_order(tree, end, directed=False)
        way = [start]
        while way[-1] != end:
            way.append(int(onwards[way[-1]]))
        steps = [*itertools.pairwise(way)]
        found.append(
            _Cycle(
                link=link,
                through=tuple(int(places[row]) for row in way),
                around=tuple(number[min(step), max(step)] for step in steps),
                signs=tuple(1.0 if step[0] < step[1] else -1.0 for step in steps),
            )
        )
    return found


def _loops(measured: _CountedLinks, cycles: Sequence[_Cycle]) -> tuple[Loop, ...]:
    """What each way says, and which misfits are larger than chance allows (Holm 1979)."""
    directs = [float(measured.logs[cycle.link]) for cycle in cycles]
    arounds = [float(measured.logs[[*cycle.around]] @ np.array(cycle.signs)) for cycle in cycles]
    errors, freedoms, chances = [], [], []
    for cycle, direct, around in zip(cycles, directs, arounds, strict=True):
        links = [cycle.link, *cycle.around]
        variances = measured.variances[links]
        errors.append(math.sqrt(variances.sum()))
        uncertain = float(np.sum(variances**2 / measured.degrees[links]))
        freedoms.append(_freedom(float(variances.sum()), uncertain, measured.known))
        size = abs(direct - around) / errors[-1]
        chances.append(2 * float(special.stdtr(freedoms[-1], -size)))
    beyond = _beyond_chance(chances)
    found = []
    for number, cycle in enumerate(cycles):
        misfit = directs[number] - arounds[number]
        half = _half(errors[number], freedoms[number])
        found.append(
            Loop(
                before=cycle.through[0],
                after=cycle.through[-1],
                through=cycle.through,
                direct=robust.ratio(directs[number]),
                around=robust.ratio(arounds[number]),
                misfit=robust.ratio(misfit),
                low=robust.ratio(misfit - half),
                high=robust.ratio(misfit + half),
                misfits=number in beyond,
            )
        )
    return tuple(found)


def _beyond_chance(chances: Sequence[float]) -> set[int]:
    """The places of those that are too small for chance, with ALPHA for all of them together (Holm
    1979): the smallest is held against all, the next against all but one, and so on."""
    beyond: set[int] = set()
    for number in sorted(range(len(chances)), key=lambda number: chances[number]):
        if chances[number] > ALPHA / (len(chances) - len(beyond)):
            break
        beyond.add(number)
    return beyond
