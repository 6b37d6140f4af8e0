"""vggbench plot --chain: which chains are drawn, and the lines of text about them."""

from __future__ import annotations

from collections.abc import Sequence

from ..judging import chains
from ..judging.chains import LineChain
from ..judging.evidence import Evidence
from ..judging.measures import JUDGED
from ..releases.catalogue import Release, Track
from .lines import place_of
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
    """The chains of a track that the options choose, of one profile and one benchmark. A chain in
    which ``base`` has a level is relative to it.

    Raises PlotError, which lists the possible values, where no chain has the value of an option.
    """
    if measure not in JUDGED:
        raise PlotError(f"--measure {measure}: there are chains of {', '.join(JUDGED)}")
    lines = [line for line in chains.lines(evidence) if line.track == track.name]
    of_track = [chains.of_line(evidence, line, measure) for line in lines]
    chained = [chain for chain in of_track if chain.has_levels]
    if not chained:
        raise PlotError(chains.why_none(track.title, evidence.machine, of_track))
    profiles = list(dict.fromkeys(chain.line.profile for chain in chained))
    if profile is None and len(profiles) > 1:
        raise PlotError(f"several profiles are chained: choose --profile {'|'.join(profiles)}")
    if profile not in (None, *profiles):
        raise PlotError(f"--profile {profile}: chained are {', '.join(profiles)}")
    first = next(chain.line for chain in chained if profile in (None, chain.line.profile))
    of_benchmark = [chain for chain in chained if place_of(chain.line) == place_of(first)]
    by_words = {chain.words: chain for chain in of_benchmark}
    for words in configurations:
        if words not in by_words:
            there = ", ".join(map(repr, by_words))
            raise PlotError(f"--configuration {words!r} is not chained; there are {there}")
    wanted = [by_words[words] for words in configurations] or of_benchmark
    if base is None:
        return wanted
    if not any(chain.has(base) for chain in wanted):
        with_level = [
            release.name
            for release in track.releases
            if any(chain.has(release) for chain in wanted)
        ]
        raise PlotError(
            f"--base {base.name}: it has no level; choose among {', '.join(with_level)}"
        )
    return [chains.of_line(evidence, chain.line, measure, base) for chain in wanted]


def remarks(drawn: Sequence[LineChain]) -> list[str]:
    """Lines of text for beside the picture of these chains: on components with their bases, on
    loops and on what is left out. Where there are several chains, each line begins with the
    configuration."""
    lines = []
    for chain in drawn:
        of = f"{chain.words}: " if len(drawn) > 1 else ""
        lines += [of + line for line in chains.component_messages(chain)]
        lines += [of + line for line in chains.loop_messages(chain)]
        lines += [of + line for line in chains.left_out_messages(chain)]
    return lines
