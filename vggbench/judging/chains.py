"""Chains: from the blocks of a line to the levels of its releases, relative to one, the base.

    for found in chains.of_machine(evidence):
        for component in found.components:
            for release, level in component.levels:
                print(release.name, level.ratio, "times", component.base.name)

A link is the blocks of two releases of one line, however far apart. vggbench/stats/chain.py makes
levels of links, and says how well those agree that close a loop; here they get their names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .. import records
from ..errors import how_many, some_of
from ..releases.catalogue import Release
from ..stats import blocks, chain
from ..stats.chain import LEAST_BLOCKS_A_LINK, Chain, Level, Link, Loop
from ..stats.policy import per_cent
from .duets import Block
from .evidence import Evidence, Line, line_of
from .measures import JUDGED, STEP
from .phrases import percent
from .state import State

#: Names of releases in a line about a loop, at most.
_MOST_NAMES = 3


class NamedComponent(NamedTuple):
    """Releases that links connect, oldest first, each with its level relative to ``base``."""

    base: Release
    levels: list[tuple[Release, Level]]


@dataclass(frozen=True, kw_only=True)
class LineChain:
    """The chain of a line by the key of a measure. Places in ``chain`` are those in ``releases``,
    the current ones of the track. ``state``: what the machine was in when its blocks were measured.
    ``elsewhere``: how many blocks were measured in another state, and do not count."""

    line: Line
    measure: str
    releases: Sequence[Release]
    chain: Chain
    state: State | None
    elsewhere: int

    @property
    def words(self) -> str:
        """The configuration, as messages name it."""
        return records.words_of(self.line.configuration)

    @property
    def components(self) -> list[NamedComponent]:
        return [
            NamedComponent(
                self.releases[component.base],
                [(self.releases[level.place], level) for level in component.levels],
            )
            for component in self.chain.components
        ]

    @property
    def has_levels(self) -> bool:
        return bool(self.chain.components)

    def has(self, release: Release) -> bool:
        """Whether the release has a level."""
        return any(
            release == other for component in self.components for other, _ in component.levels
        )

    def name(self, place: int) -> str:
        return self.releases[place].name


def lines(evidence: Evidence) -> list[Line]:
    """The lines that have blocks of two releases: by track, then in the order of asv's tables."""
    tracks = list(evidence.catalogue.tracks)
    found = {
        line: None
        for block in evidence.blocks
        for line in [line_of(block, evidence.catalogue)]
        if line
    }
    return sorted(found, key=lambda line: (tracks.index(line.track), line.rank))


def of_machine(evidence: Evidence, measures: Iterable[str] = tuple(JUDGED)) -> list[LineChain]:
    """The chains of all lines by all ``measures`` that have levels, or blocks too few for any."""
    found = [
        of_line(evidence, line, measure)
        for line, measure in itertools.product(lines(evidence), measures)
    ]
    return [
        line_chain for line_chain in found if line_chain.has_levels or line_chain.chain.left_out
    ]


def of_line(
    evidence: Evidence, line: Line, measure: str = STEP.key, base: Release | None = None
) -> LineChain:
    """The chain of a line by the key of a measure. A component is relative to ``base`` where that
    is one of its releases, else to its first.

    Blocks of two states of the machine cannot be multiplied: those count that were measured in the
    state of most; of as many, in that of the newest. Superseded pre-releases are left out.
    """
    releases = evidence.catalogue.tracks[line.track].current
    commits = {release.commit for release in releases}
    own = [block for block in evidence.in_configuration(line) if measure in block.numbers]
    of_two = [
        block
        for block in own
        if line_of(block, evidence.catalogue) == line
        and {block.first[0], block.second[0]} <= commits
    ]
    state = _state_of_most(of_two)
    counted = [block for block in of_two if _state(block) == state]
    calibrating = [block for block in own if block.is_of_one and _state(block) == state]
    links = _links(counted, [release.commit for release in releases], measure)
    noise = blocks.noise([[block.numbers[measure] for block in calibrating]], [])
    told = {} if noise.is_assumed else {"deviation": noise.deviation, "degrees": noise.degrees}
    first = min((link.before for link in links if _counts(link)), default=0)
    return LineChain(
        line=line,
        measure=measure,
        releases=releases,
        chain=chain.chain(links, first if base is None else releases.index(base), **told),
        state=state,
        elsewhere=len(of_two) - len(counted),
    )


def _state(block: Block) -> State | None:
    """What both of its subjects were measured in; None where they differ in it."""
    return block.states[0] if block.states[0] == block.states[1] else None


def _state_of_most(found: Sequence[Block]) -> State | None:
    counts: dict[State, int] = {}
    for block in found:
        state = _state(block)
        if state is not None:
            # What is counted again comes last, so that of as many the newest is.
            counts[state] = counts.pop(state, 0) + 1
    return max(reversed(counts), key=lambda state: counts[state]) if counts else None


def _links(found: Iterable[Block], commits: Sequence[str], measure: str) -> list[Link]:
    """From the older release to the newer, the numbers of their blocks oldest first."""
    place = {commit: i for i, commit in enumerate(commits)}
    numbers: dict[tuple[int, int], list[float]] = {}
    for block in found:
        ends = place[block.first[0]], place[block.second[0]]
        way = 1 if ends[0] < ends[1] else -1
        link = ends if way > 0 else ends[::-1]
        numbers.setdefault(link, []).append(way * block.numbers[measure])
    return [
        Link(before=before, after=after, numbers=tuple(numbers[before, after]))
        for before, after in sorted(numbers)
    ]


def _counts(link: Link) -> bool:
    return len(link.numbers) >= LEAST_BLOCKS_A_LINK


# -- as messages


def component_messages(found: LineChain) -> list[str]:
    """What each component is relative to, a message each."""
    lines = []
    for place, component in enumerate(found.components):
        names = [release.name for release, _ in component.levels]
        apart = ", no link connects them with those before" if place else ""
        lines.append(
            f"{how_many(len(names), 'release')}, {names[0]} to {names[-1]}{apart}: relative to "
            f"{component.base.name}"
        )
    return lines


def loop_messages(found: LineChain) -> list[str]:
    """What the loops say: a line each, and one on all of them; none where there are no loops."""
    lines = [_loop(found, loop) for loop in found.chain.loops]
    told = found.chain
    if told.disagreement is not None and told.chance is not None:
        lines.append(
            f"{how_many(len(told.loops), 'loop')} together: links disagree "
            f"{told.disagreement:.2g} times as much as is to be expected; chance alone makes that "
            f"or more in {per_cent(told.chance)} of chains"
        )
    if told.between_links > 0:
        lines.append(
            f"links differ by another {per_cent(told.between_links, 1)} beyond what their blocks "
            f"explain; the intervals include it"
        )
    return lines


def _loop(found: LineChain, loop: Loop) -> str:
    between = [found.name(place) for place in loop.through[1:-1]]
    by = some_of(between, _MOST_NAMES)
    verdict = "more than chance allows" if loop.misfits else "within chance"
    return (
        f"loop {found.name(loop.before)} to {found.name(loop.after)}: {percent(loop.direct)} "
        f"directly, {percent(loop.around)} by {by}: misfit {percent(loop.misfit)} "
        f"({percent(loop.low)[:-2]} to {percent(loop.high)[:-2]}), {verdict}"
    )


def left_out_messages(found: LineChain) -> list[str]:
    """What of the blocks is not in the chain, and why: a line for each link, one for all blocks of
    other states."""
    lines = [
        f"link {found.name(link.before)} to {found.name(link.after)} is left out: "
        f"{how_many(len(link.numbers), 'block')}, and it takes {LEAST_BLOCKS_A_LINK}"
        for link in found.chain.left_out
    ]
    if found.elsewhere:
        verb = "is" if found.elsewhere == 1 else "are"
        lines.append(
            f"{how_many(found.elsewhere, 'block')} {verb} left out: measured in another state than "
            f"most, which were with {found.state}"
        )
    return lines


def why_none(track: str, machine: str, found: Iterable[LineChain] = ()) -> str:
    """What there is to do where no release of a track has a level on a machine. ``track``: its
    title. ``found``: chains that have too few blocks for any."""
    most = max(
        (len(link.numbers) for line_chain in found for link in line_chain.chain.left_out), default=0
    )
    so_far = (
        f"no two releases have more than {how_many(most, 'block')}" if most else "there are none"
    )
    return (
        f"nothing of {track} is chained on {machine}: a link takes {LEAST_BLOCKS_A_LINK} "
        f"blocks of duets of two releases, and {so_far}; measure them with: vggbench history, once "
        f"history.toml has [duets]"
    )
