"""vggbench plot --chain: which chains are drawn, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence

from ..judging import chains
from ..judging.chains import LineChain
from ..judging.evidence import Evidence
from ..judging.measures import JUDGED
from ..releases.catalogue import Release, Track
from .pages.lines import place_of
from .plot import PlotError


def choose(
    evidence: Evidence,
    track: Track,
    *,
    profile: str | None = None,
    measure: str = "step",
    configurations: Sequence[str] = (),
    base: Release | None = None,
) -> list[LineChain]:
    """The chains of a track that are asked for, of one profile and one benchmark, relative to
    ``base`` where that has a level.

    Raises PlotError, with what there is, for what is not there.
    """
    if measure not in JUDGED:
        raise PlotError(f"--measure {measure}: there are chains of {', '.join(JUDGED)}")
    lines = [line for line in chains.lines(evidence) if line.track == track.name]
    found = [chains.of_line(evidence, line, measure) for line in lines]
    chained = [line_chain for line_chain in found if line_chain.has_levels]
    if not chained:
        raise PlotError(chains.why_none(track.framework, evidence.machine, found))
    profiles = list(dict.fromkeys(line_chain.line.profile for line_chain in chained))
    if profile is None and len(profiles) > 1:
        raise PlotError(f"several profiles are chained: choose --profile {'|'.join(profiles)}")
    if profile not in (None, *profiles):
        raise PlotError(f"--profile {profile}: chained are {', '.join(profiles)}")
    place = place_of(
        next(
            line_chain.line for line_chain in chained if profile in (None, line_chain.line.profile)
        )
    )
    of_one = [line_chain for line_chain in chained if place_of(line_chain.line) == place]
    by_words = {line_chain.words: line_chain for line_chain in of_one}
    for words in configurations:
        if words not in by_words:
            there = ", ".join(map(repr, by_words))
            raise PlotError(f"--configuration {words!r} is not chained; there are {there}")
    wanted = [by_words[words] for words in configurations] or of_one
    if base is None:
        return wanted
    if not any(line_chain.has(base) for line_chain in wanted):
        names = [
            release.name for release in track.releases if any(of.has(release) for of in wanted)
        ]
        raise PlotError(f"--base {base.name}: it has no level; there are {', '.join(names)}")
    return [chains.of_line(evidence, line_chain.line, measure, base) for line_chain in wanted]


def told(found: Sequence[LineChain]) -> list[str]:
    """What there is to say beside the picture of these chains: bases, loops and what is left out,
    a line each, with the configuration where there are several."""
    lines = []
    for line_chain in found:
        of = f"{line_chain.words}: " if len(found) > 1 else ""
        lines += [of + line for line in chains.component_messages(line_chain)]
        lines += [of + line for line in chains.loop_messages(line_chain)]
        lines += [of + line for line in chains.left_out_messages(line_chain)]
    return lines
