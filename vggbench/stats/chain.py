"""The chain: levels of all releases of a line, from blocks that each compared two of them.

A link is what blocks said of two releases. Levels are the numbers with which all links are true at
once, or as nearly as the links allow: weighted least squares. Where links close a loop, the loop
says how well they agree, and levels are no surer than that.

Releases are named by their places in the line, from 0, oldest first. All numbers are natural
logarithms of ratios, but for those that are called ratios. docs/method.md describes all of it under
"The chain".
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

#: A link of fewer blocks does not count. It was perhaps ended because it looked sure, and an early
#: sure answer overstates a change. A chain would add that up. From six blocks on the overstatement
#: is small, whatever ended the link.
LEAST_BLOCKS_A_LINK = 6

#: One in so many releases is also compared with the release so many places before it.
STRIDE = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Link:
    """What blocks said of the releases at two places. ``numbers`` has a logarithm for each block:
    the time of ``after`` by the time of ``before``."""

    before: int
    after: int
    numbers: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Level:
    """The level of the release at ``place``.

    ``ratio`` is the time of this release by that of the base of its component. ``low`` to ``high``
    is its interval with CONFIDENCE, for this level alone. ``log`` is the logarithm of the ratio,
    ``error`` the standard error of the logarithm, and ``degrees`` the degrees of freedom of the
    error. The level of the base itself is 1, without an error.
    """

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

    ``direct`` and ``around`` are what the two ways say: the ratio of the time of ``after`` by that
    of ``before``. ``misfit`` is ``direct`` by ``around``, a ratio that should be 1. ``low`` to
    ``high`` is its interval with CONFIDENCE, for this loop alone. ``misfits``: the misfit is larger
    than chance allows, all loops considered.
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
    """The links of a line together.

    ``components`` are in the order of their first places, ``loops`` in the order of their ends.
    ``between_links`` is the deviation of a link beyond what its blocks explain, as the loops show
    it. It is 0 where the loops agree, and where there are none. The errors of levels include it.

    ``disagreement`` is how far links lie off the levels, by how far they are expected to: about 1.
    ``chance`` is how often chance alone makes them disagree as much, between 0 and 1. Both are of
    all loops together, and None without loops. ``left_out`` are the links of fewer than
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
    """The links that count, each from its earlier place to its later one: arrays of shape (link,).

    ``variances`` are those of ``logs``, and ``degrees`` the degrees of freedom of each variance.
    ``known`` is the degrees of freedom of all links together: no error has more.
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

    All links between the same two releases are taken as one link, whichever release they call the
    earlier. A component without ``base`` is relative to its first release. ``deviation`` is that of
    a block's number as calibrations show it, and ``degrees`` are its degrees of freedom; both are 0
    without calibrations. Raises ValueError where a link is of one release with itself, or a number
    is not finite.
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
    # The rows in ``places`` of each link's two releases: shape (link,).
    starts = np.searchsorted(places, measured.before)
    ends = np.searchsorted(places, measured.after)
    graph = _graph(starts, ends, len(places))
    count, component_of = csgraph.connected_components(graph, directed=False)
    members = [np.flatnonzero(component_of == number) for number in range(count)]
    bases = [int(next((row for row in rows if places[row] == base), rows[0])) for rows in members]
    rows = np.arange(len(measured.logs))
    design = np.zeros((len(measured.logs), len(places)))
    design[rows, starts], design[rows, ends] = -1.0, 1.0
    # The level of a base is 0 by definition, so it is no unknown.
    design = np.delete(design, bases, axis=1)
    independent = len(rows) - design.shape[1]
    squares = _disagreement(measured, design, 0.0)
    extra = _between_links(measured, design) if squares > independent > 0 else 0.0
    gain = np.insert(
        _gain(design, 1 / (measured.variances + extra)),
        [row - number for number, row in enumerate(sorted(bases))],
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
    """The links, beside those between neighbours, that close loops: the two places of each link, in
    order, each link once.

    ``majors``: the major version of each release, oldest first. Each fifth release (STRIDE) is
    linked with the one five before it, and the last release of each major version with the first.
    When a line grows, all its links stay, but perhaps for one: that with the release that was the
    last of its major version.
    """
    ends = {(place - STRIDE, place) for place in range(STRIDE, len(majors), STRIDE)}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for place, major in enumerate(majors):
        first.setdefault(major, place)
        last[major] = place
    ends |= {(first[major], last[major]) for major in first}
    return sorted((before, after) for before, after in ends if after - before > 1)


def _sorted_out(links: Sequence[Link]) -> tuple[list[Link], tuple[Link, ...]]:
    """The links that count, and those of too few blocks, each in order.

    There is one link for two releases, from the earlier place to the later.
    """
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
    """Each link by Huber's location of its blocks, which a block that is far off does not move far.

    The variance of a link's blocks is averaged with what all links tell of each other, as much as
    they are alike (the moderated variances of Smyth 2004). It is never taken to be less than what
    the link's blocks surely show by themselves. ``calibrated`` is a deviation and its degrees of
    freedom.
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
        # Blocks of a link that scatters more than the others are not far off within that link.
        reach = robust.scale(_residuals(link.numbers, middle), rough)
        logs.append(robust.location(link.numbers, max(rough, reach)))
        scales.append(max(LEAST, robust.scale(_residuals(link.numbers, logs[-1]), rough)))
    counts = np.array([len(link.numbers) for link in links])
    own_degrees = counts - 1.0
    known = float(own_degrees.sum()) + calibrated[1]
    calibrations = [calibrated] if calibrated[1] > 0 else []
    sources = [*zip(scales, map(float, own_degrees), strict=True), *calibrations]
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
    """The distances from ``centre``, made larger for the degree of freedom that it took."""
    correction = math.sqrt(len(numbers) / (len(numbers) - 1))
    return [(number - centre) * correction for number in numbers]


def _graph(starts: NDArray[np.intp], ends: NDArray[np.intp], count: int) -> csr_array:
    """The links as edges of a graph. The length of an edge is the number of places it spans."""
    return coo_array((ends - starts, (starts, ends)), shape=(count, count)).tocsr()


def _gain(design: Floats, weights: Floats) -> Floats:
    """How much each link counts for in each level, shape (level, link). Levels are linear in the
    links."""
    weighted = design.T * weights
    return np.linalg.solve(weighted @ design, weighted)


def _disagreement(measured: _CountedLinks, design: Floats, extra: float) -> float:
    """The sum of the squared distances of links from what the levels make of them, in units of the
    links' variances, to each of which ``extra`` is added. It is chi-squared, with a degree of
    freedom for each independent loop."""
    weights = 1 / (measured.variances + extra)
    left = measured.logs - design @ (_gain(design, weights) @ measured.logs)
    return float(weights @ left**2)


def _between_links(measured: _CountedLinks, design: Floats) -> float:
    """The variance of links beyond that of their blocks: with it links disagree as much as is to be
    expected (Paule & Mandel 1982; for networks, Jackson et al. 2017).

    To be called only where links disagree more without it.
    """
    expected = len(measured.logs) - design.shape[1]
    # With a variance as large as all squared residuals together, links disagree by less than 1.
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
    """How often chance makes links disagree by such ``squares``: an F-test, because the variances
    are estimated. Its second degrees of freedom are the harmonic mean of those of the links, which
    makes the mean of the disagreement right."""
    known = 1 / float(np.mean(1 / measured.degrees))
    return float(special.fdtrc(loops, known, squares / loops))


def _component(
    places: NDArray[np.intp],
    base: int,
    gain: Floats,
    measured: _CountedLinks,
    between: tuple[float, int],
) -> Component:
    """A component and its levels.

    ``gain`` has the shape (place, link). ``between`` is the variance of links beyond that of their
    blocks, and the number of independent loops from which it is estimated.
    """
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
    """The degrees of freedom of a sum of variances (Satterthwaite 1946), at most ``most``.

    ``uncertain``: the sum of each variance's square by its own degrees of freedom.
    """
    return min(most, variance**2 / uncertain) if uncertain > 0 else most


def _half(error: float, degrees: float) -> float:
    """Half the width of an interval with CONFIDENCE, from a standard error and its degrees of
    freedom."""
    return float(special.stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error


@dataclass(frozen=True, kw_only=True)
class _Cycle:
    """A link, and the way around it by other links.

    ``link`` is the number of the link, ``through`` the places on the way, and ``around`` the
    numbers of the links on the way. ``signs`` has 1 for a link that the way takes from its earlier
    place to its later one, else -1.
    """

    link: int
    through: tuple[int, ...]
    around: tuple[int, ...]
    signs: tuple[float, ...]


def _cycles(
    places: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> list[_Cycle]:
    """Each link that is not needed to connect its ends, with the way around it by the shortest
    links. Where all neighbours are linked, the way goes by neighbours."""
    tree = csgraph.minimum_spanning_tree(_graph(starts, ends, len(places)))
    links = [*zip(starts.tolist(), ends.tolist(), strict=True)]
    number = {ends_of_link: link for link, ends_of_link in enumerate(links)}
    needed = {*zip(*(rows.tolist() for rows in tree.nonzero()), strict=True)}
    cycles = []
    for link, (start, end) in enumerate(links):
        if (start, end) in needed:
            continue
        _, onwards = csgraph.breadth_first_order(tree, end, directed=False)
        way = [start]
        while way[-1] != end:
            way.append(int(onwards[way[-1]]))
        edges = [*itertools.pairwise(way)]
        cycles.append(
            _Cycle(
                link=link,
                through=tuple(int(places[row]) for row in way),
                around=tuple(number[min(edge), max(edge)] for edge in edges),
                signs=tuple(1.0 if edge[0] < edge[1] else -1.0 for edge in edges),
            )
        )
    return cycles


def _loops(measured: _CountedLinks, cycles: Sequence[_Cycle]) -> tuple[Loop, ...]:
    """What the two ways of each loop say, and which misfits are larger than chance allows."""
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
    loops = []
    for number, cycle in enumerate(cycles):
        misfit = directs[number] - arounds[number]
        half = _half(errors[number], freedoms[number])
        loops.append(
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
    return tuple(loops)


def _beyond_chance(chances: Sequence[float]) -> set[int]:
    """The places of the chances that are too small to be chance, with ALPHA for all together (Holm
    1979). The smallest is tested as one of all, the next as one of all but one, and so on."""
    beyond: set[int] = set()
    for number in sorted(range(len(chances)), key=lambda place: chances[place]):
        if chances[number] > ALPHA / (len(chances) - len(beyond)):
            break
        beyond.add(number)
    return beyond
