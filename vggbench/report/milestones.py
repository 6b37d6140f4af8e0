"""A history in short: a table of the first and the last release of each major version.

The table is part of the findings. ``vggbench findings --into docs/README.md`` also puts it into any
Markdown file, between the lines BEGIN and END.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from packaging.version import Version

from .. import records
from ..errors import VggbenchError
from ..inside import params
from ..judging import measures
from ..judging.phrases import row
from ..judging.state import other_state_messages
from ..releases.catalogue import Catalogue, Release
from .lines import Cell, PageGraph

_T = TypeVar("_T")

BEGIN, END = "<!-- vggbench findings -->", "<!-- end of vggbench findings -->"


class NoRoom(VggbenchError):
    """A file that cannot be read, or has no place for the table."""


@dataclass(frozen=True)
class Milestone:
    """A release in the table. ``configuration``: its text for people. ``cell``: the release's
    numbers in this configuration."""

    release: Release
    configuration: str
    cell: Cell


def milestones(page_lines: Iterable[PageGraph], catalogue: Catalogue) -> list[Milestone]:
    """For one configuration of each line and backend, the first and the last release of each major
    version that have numbers."""
    return [
        Milestone(catalogue.by_name[cell.release], line.readable(words), cell)
        for line in page_lines
        for words in _longest(line)
        for cell in ends_of_majors(
            (cell for cell in _numbers(line) if cell.words == words),
            lambda cell: catalogue.by_name[cell.release],
        )
    ]


def ends_of_majors(items: Iterable[_T], release_of: Callable[[_T], Release]) -> list[_T]:
    """The first and the last of each major version, of items in the order of their releases."""

    def major(item: _T) -> int:
        return Version(release_of(item).version).major

    ends: list[_T] = []
    for _, of_major in itertools.groupby(items, major):
        group = list(of_major)
        ends += group[:1] + group[1:][-1:]
    return ends


def _numbers(line: PageGraph) -> list[Cell]:
    """The cells that have numbers."""
    return [cell for cell in line.cells if cell.outcome == records.OK]


def _longest(line: PageGraph) -> list[tuple[str, ...]]:
    """For each backend, the configuration that has numbers of most releases. Where several have as
    many, it is the one with the least of batch normalisation and compiling, then the first."""
    counts = Counter(cell.words for cell in _numbers(line))
    chosen: dict[str, tuple[str, ...]] = {}

    def rank(words: tuple[str, ...]) -> tuple[int, int]:
        named = line.named(words)
        additions = [
            params.is_chosen(line.framework, named, role)
            for role in (params.NORMALISATION, params.COMPILER)
        ]
        return -counts[words], sum(additions)

    for words in sorted(counts, key=line.configurations.index):
        backend = params.value_of(line.framework, line.named(words), params.BACKEND) or ""
        chosen[backend] = min(chosen.get(backend, words), words, key=rank)
    return sorted(chosen.values(), key=line.configurations.index)


def table(chosen: Sequence[Milestone]) -> list[str]:
    """Lines of a table in Markdown. The figures are medians over processes, and the step time has
    its interval. Lines after the table name releases that were measured in another state of the
    machine than most."""
    if not chosen:
        return ["No release has a number yet."]
    lines = [
        "| release | date | configuration | train step | images/s | first step | peak memory |",
        "|---|---|---|--:|--:|--:|--:|",
    ]
    for milestone in chosen:
        cell = milestone.cell
        step = cell.estimates[measures.STEP.key]
        low, value, high = (f"{1e3 * seconds:.0f}" for seconds in (step.low, step.value, step.high))
        texts = (
            milestone.release.name,
            milestone.release.date,
            milestone.configuration,
            f"{value} ms ({low} to {high})",
            f"{cell.estimates[measures.IMAGES.key].value:.1f}",
            _figure(cell, measures.FIRST_STEP),
            _figure(cell, measures.PEAK_MEMORY),
        )
        lines.append(row(texts))
    states = [
        (f"{milestone.release.name} {milestone.configuration}", str(milestone.cell.state))
        for milestone in chosen
    ]
    return [*lines, *(f"\n{line}" for line in other_state_messages(states))]


def _figure(cell: Cell, measure: measures.Measure) -> str:
    """A measure's figure with its unit; a hyphen where there is none."""
    estimate = cell.estimates.get(measure.key)
    return "-" if estimate is None else f"{estimate.value * measure.scale:.2f} {measure.unit}"


def put(path: Path, lines: Sequence[str]) -> None:
    """Put ``lines`` between the lines BEGIN and END of the file. Raises NoRoom where the file
    cannot be read, or does not have each of the two lines once, in this order."""
    try:
        text = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "it is no text"
        raise NoRoom(f"{path} cannot be read: {reason}") from None
    places = [place for place, line in enumerate(text) if line.strip() in (BEGIN, END)]
    if [text[place].strip() for place in places] != [BEGIN, END]:
        raise NoRoom(
            f"{path} has no room for the table; put these two lines where it belongs: {BEGIN} {END}"
        )
    begin, end = places
    changed = [*text[: begin + 1], *lines, *text[end:]]
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")
