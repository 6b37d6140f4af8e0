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
    chained = [one for one in found if one.has_levels]
    if not chained:
        raise PlotError(chains.why_none(track.framework, evidence.machine, found))
    profiles = list(dict.fromkeys(one.line.profile for one in chained))
    if profile is None and len(profiles) > 1:
        raise PlotError(f"several profiles are chained: choose --profile {'|'.join(profiles)}")
    if profile not in (None, *profiles):
        raise PlotError(f"--profile {profile}: chained are {', '.join(profiles)}")
    place = place_of(next(one.line for one in chained if profile in (None, one.line.profile)))
    of_one = [one for one in chained if place_of(one.line) == place]
    by_words = {one.words: one for one in of_one}
    for words in configurations:
        if words not in by_words:
            there = ", ".join(map(repr, by_words))
            raise PlotError(f"--configuration {words!r} is not chained; there are {there}")
    wanted = [by_words[words] for words in configurations] or of_one
    if base is None:
        return wanted
    if not any(one.has(base) for one in wanted):
        names = [one.name for one in track.releases if any(of.has(one) for of in wanted)]
        raise PlotError(f"--base {base.name}: it has no level; there are {', '.join(names)}")
    return [chains.of_line(evidence, one.line, measure, base) for one in wanted]


def told(found: Sequence[LineChain]) -> list[str]:
    """What there is to say beside the picture of these chains: bases, loops and what is left out,
    a line each, with the configuration where there are several."""
    lines = []
    for one in found:
        of = f"{one.words}: " if len(found) > 1 else ""
        lines += [of + line for line in chains.component_lines(one)]
        lines += [of + line for line in chains.loop_lines(one)]
        lines += [of + line for line in chains.left_out_lines(one)]
    return lines
