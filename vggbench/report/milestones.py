"""The first and the last release of each major version, in one table: a history in short.

It stands in the findings, and in any Markdown file that has room for it: between the lines BEGIN
and END (``vggbench findings --into docs/README.md``).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from .. import records
from ..errors import VggbenchError
from ..inside import params
from ..judging import measures
from ..judging.phrases import row
from ..judging.state import apart_messages
from ..releases.catalogue import Catalogue, Release
from .pages.lines import Cell, PageLine
from .plot import params_of, readable

BEGIN, END = "<!-- vggbench findings -->", "<!-- end of vggbench findings -->"


class NoRoom(VggbenchError):
    """A file that has no place for the table."""


@dataclass(frozen=True)
class Milestone:
    """``configuration``: for people. ``cell``: what was measured of it; it has numbers."""

    release: Release
    configuration: str
    cell: Cell


def milestones(found: Iterable[PageLine], catalogue: Catalogue) -> list[Milestone]:
    """Of each line and backend one configuration, of that the first and the last release of each
    major version that has numbers."""
    return [
        Milestone(catalogue.by_name[cell.release], readable(params_of(line), words), cell)
        for line in found
        for words in _longest(line)
        for cell in _ends([cell for cell in _numbers(line) if cell.words == words], catalogue)
    ]


def _numbers(line: PageLine) -> list[Cell]:
    return [cell for cell in line.cells if cell.outcome == records.OK]


def _longest(line: PageLine) -> list[tuple[str, ...]]:
    """Of each backend, the configuration of which most releases have numbers; of several, that with
    the least of batch normalisation and compiling, and the first of those."""
    counts = Counter(cell.words for cell in _numbers(line))
    chosen: dict[str, tuple[str, ...]] = {}

    def rank(words: tuple[str, ...]) -> tuple[int, int]:
        named = line.named(words)
        besides = [
            params.is_chosen(line.framework, named, role)
            for role in (params.NORMALISATION, params.COMPILER)
        ]
        return -counts[words], sum(besides)

    for words in sorted(counts, key=line.configurations.index):
        backend = params.value_of(line.framework, line.named(words), params.BACKEND) or ""
        chosen[backend] = min(chosen.get(backend, words), words, key=rank)
    return sorted(chosen.values(), key=line.configurations.index)


def _ends(cells: Sequence[Cell], catalogue: Catalogue) -> list[Cell]:
    """Of cells in the order of the releases, the first and the last of each major version."""

    def major(cell: Cell) -> int:
        return Version(catalogue.by_name[cell.release].version).major

    ends: list[Cell] = []
    for _, of_major in itertools.groupby(cells, major):
        of_one = list(of_major)
        ends += of_one[:1] + of_one[1:][-1:]
    return ends


def table(found: Sequence[Milestone]) -> list[str]:
    """Lines of Markdown; the figures are medians over processes, the step's with its interval."""
    if not found:
        return ["No release has a number yet."]
    lines = [
        "| release | date | configuration | train step | images/s | first step | peak memory |",
        "|---|---|---|--:|--:|--:|--:|",
    ]
    for milestone in found:
        step = milestone.cell.estimates[measures.STEP.key]
        low, value, high = (f"{1e3 * each:.0f}" for each in (step.low, step.value, step.high))
        texts = (
            milestone.release.name,
            milestone.release.date,
            milestone.configuration,
            f"{value} ms ({low} to {high})",
            f"{milestone.cell.estimates[measures.IMAGES.key].value:.1f}",
            _figure(milestone.cell, measures.FIRST_STEP),
            _figure(milestone.cell, measures.PEAK_MEMORY),
        )
        lines.append(row(texts))
    named = [
        (f"{milestone.release.name} {milestone.configuration}", str(milestone.cell.state))
        for milestone in found
    ]
    return [*lines, *(f"\n{line}" for line in apart_messages(named))]


def _figure(cell: Cell, measure: measures.Measure) -> str:
    estimate = cell.estimates.get(measure.key)
    return "-" if estimate is None else f"{estimate.value * measure.scale:.2f} {measure.unit}"


def put(path: Path, lines: Sequence[str]) -> None:
    """Put ``lines`` between the lines BEGIN and END of the file. Raises NoRoom where it does not
    have each of them once, in this order."""
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
