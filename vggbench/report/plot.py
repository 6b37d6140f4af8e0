"""vggbench plot: a track's history as SVG or PNG, for a README or a paper.

Drawn by Matplotlib, from the same lines as the page History: a hollow mark says that the layout is
not the default, a dashed line that the step is compiled, the hue all else. It is imported when
something is drawn, which takes longer than all else that the command does.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import records
from ..errors import VggbenchError
from ..inside import params
from ..inside.params import Param
from ..judging.measures import MEASURES, Measure
from ..releases.catalogue import Track
from .pages.lines import Cell, Line

SUFFIXES = (".svg", ".png")

#: Dots an inch of a PNG: sharp at twice the size of a README's column.
DPI = 200

#: Characters of a legend that fit beside each other.
LEGEND_WIDTH = 145

#: Tones with at least 4.5:1 against white.
HUES = ("#0b5cad", "#b34a00", "#17753a", "#7040b0", "#b0256b", "#0a7078")


class PlotError(VggbenchError):
    """What is asked for cannot be drawn."""


@dataclass(frozen=True)
class Look:
    colour: str
    dashed: bool
    hollow: bool


def looks(line: Line) -> dict[tuple[str, ...], Look]:
    """How each configuration of a line is drawn; as in static/chart.js."""
    groups: list[tuple[str, ...]] = []
    found = {}
    own = params_of(line)
    for words in line.configurations:
        named = line.named(words)
        group = tuple(
            word
            for param, word in zip(own, words, strict=True)
            if param.role not in (params.LAYOUT, params.COMPILER)
        )
        if group not in groups:
            groups.append(group)
        found[words] = Look(
            colour=HUES[groups.index(group) % len(HUES)],
            dashed=params.is_chosen(line.framework, named, params.COMPILER),
            hollow=params.is_chosen(line.framework, named, params.LAYOUT),
        )
    return found


def choose(
    found: Sequence[Line],
    track: Track,
    machine: str,
    *,
    profile: str | None = None,
    measure: str = "step",
    configurations: Sequence[str] = (),
) -> tuple[Line, Measure, list[tuple[str, ...]]]:
    """(line, measure, configurations) that are asked for, among the lines ``found`` of a machine.

    Raises PlotError, with what there is, for what is not there.
    """
    of_track = [line for line in found if line.track == track.name]
    if not of_track:
        raise PlotError(
            f"nothing of {track.framework} is on record for {machine}; "
            f"measure it with: asv run {track.name}"
        )
    profiles = list(dict.fromkeys(line.profile for line in of_track))
    if profile is None and len(profiles) > 1:
        raise PlotError(f"several profiles are on record: choose --profile {'|'.join(profiles)}")
    chosen = [line for line in of_track if profile in (None, line.profile)]
    if not chosen:
        raise PlotError(f"--profile {profile}: on record are {', '.join(profiles)}")
    line = chosen[0]
    known = {key for cell in line.cells for key in cell.estimates}
    measures = {one.key: one for one in MEASURES if one.key in known}
    if measure not in measures:
        listed = ", ".join(measures) or "none"
        raise PlotError(f"--measure {measure}: on record of {track.framework} are {listed}")
    by_words = {" ".join(words): words for words in line.configurations}
    for words in configurations:
        if words not in by_words:
            there = ", ".join(repr(one) for one in by_words)
            raise PlotError(f"--configuration {words!r} is not on record; there are {there}")
    wanted = [by_words[words] for words in configurations] or list(line.configurations)
    return line, measures[measure], wanted


def draw(
    line: Line,
    track: Track,
    measure: Measure,
    wanted: Sequence[tuple[str, ...]],
    path: Path,
    *,
    log: bool = False,
    by_date: bool = False,
) -> None:
    """Write the picture to ``path``, SVG or PNG by its suffix. Raises PlotError."""
    if path.suffix.lower() not in SUFFIXES:
        raise PlotError(f"-o {path}: its suffix must be .svg or .png")
    import matplotlib
    from matplotlib.figure import Figure

    measured = {cell.release for cell in line.cells}
    releases = [release for release in track.releases if release.name in measured]
    if by_date:
        releases.sort(key=lambda release: release.date)
    places: dict[str, Any] = {
        release.name: datetime.date.fromisoformat(release.date) if by_date else i
        for i, release in enumerate(releases)
    }
    # Names of machines are text, not formulas; and the same records make the same file.
    settings: dict[Any, Any] = {
        "text.parse_math": False,
        "svg.hashsalt": "vggbench",
        "font.size": 9,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(10, 5.2), layout="constrained")
        axes = figure.add_subplot()
        found = looks(line)
        for words in wanted:
            cells = {cell.release: cell for cell in line.cells if cell.words == words}
            if all(cell.outcome == records.NOT_APPLICABLE for cell in cells.values()):
                continue
            label = readable(params_of(line), words)
            _draw_configuration(
                axes, measure, label=label, look=found[words], cells=cells, places=places
            )
        if log:
            axes.set_yscale("log")
            from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

            axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            axes.yaxis.set_major_formatter(ScalarFormatter())
            axes.yaxis.set_minor_formatter(NullFormatter())
        elif measure.key != "loss":
            axes.set_ylim(bottom=0)
        if not by_date:
            versions = [release.version for release in releases]
            axes.set_xticks(range(len(releases)), versions, rotation=50, ha="right")
        axes.set_ylabel(measure.title + (f", {measure.unit}" if measure.unit else ""))
        axes.set_title(f"{track.framework} on {line.machine}, {line.profile}", loc="left")
        axes.grid(axis="y", color="#dde2e8", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        _legend(figure, axes)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {}
        try:
            figure.savefig(path, dpi=DPI, metadata=metadata)
        except OSError as err:
            raise PlotError(f"{path} cannot be written: {err.strerror}") from None


def _draw_configuration(
    axes: Any,
    measure: Measure,
    *,
    label: str,
    look: Look,
    cells: dict[str, Cell],
    places: dict[str, Any],
) -> None:
    """A line with its intervals, which passes over what is unmeasured; broken where there is no
    figure, and cut where what comes before was measured on another day; a cross where it failed."""
    xs, ys, below, above = [], [], [], []
    failed = []
    for name, x in places.items():
        cell = cells.get(name)
        if cell is None:
            continue
        estimates = [cell.estimates.get(measure.key)]
        earlier = cell.earlier.get(measure.key)
        if earlier is not None:
            estimates = [earlier, None, *estimates]
        for estimate in estimates:
            value, low, high = (
                (math.nan,) * 3
                if estimate is None
                else (one * measure.scale for one in (estimate.value, estimate.low, estimate.high))
            )
            xs.append(x)
            ys.append(value)
            below.append(value - low)
            above.append(high - value)
        if cell.outcome == records.FAILED:
            failed.append(x)
    axes.errorbar(
        xs,
        ys,
        yerr=(below, above),
        label=label,
        color=look.colour,
        linestyle="--" if look.dashed else "-",
        linewidth=1.3,
        elinewidth=0.9,
        capsize=1.8,
        marker="o",
        markersize=4,
        markerfacecolor="white" if look.hollow else look.colour,
    )
    if failed:
        crosses = axes.plot(
            failed,
            [0.015] * len(failed),
            linestyle="none",
            marker="x",
            color=look.colour,
            transform=axes.get_xaxis_transform(),
        )
        crosses[0].set_in_layout(False)


def _legend(figure: Any, axes: Any) -> None:
    """Below the chart, in as many columns as it is wide."""
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    if any(line.get_marker() == "x" for line in axes.get_lines()):
        handles.append(Line2D([], [], linestyle="none", marker="x", color="black"))
        labels.append("failed")
    columns = max(1, min(4, LEGEND_WIDTH // (max(map(len, labels)) + 8)))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8
    )


def params_of(line: Line) -> list[Param]:
    """The params of a line's configurations, in the order of their words."""
    found: list[Param] = params.named(line.framework, line.params)
    return found


def readable(own: Sequence[Param], words: Sequence[str]) -> str:
    """A configuration for people; as in static/params.js."""
    return ", ".join(param.readable(word) for param, word in zip(own, words, strict=True))
