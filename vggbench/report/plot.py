"""vggbench plot: a track's history as SVG or PNG, for a README or a paper.

Drawn by Matplotlib, from the same lines as the page History: a hollow mark says that the layout is
not the default, a dashed line that the step is compiled, the hue all else. It is imported when
something is drawn, which takes longer than all else that the command does.
"""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import records
from ..errors import VggbenchError
from ..inside import params
from ..inside.params import Param
from ..judging.measures import MEASURES, Measure
from ..releases.catalogue import Release, Track
from .pages.lines import Cell, PageLine, place_of, words_in

if TYPE_CHECKING:  # it imports what judges, which a picture of times does without
    from ..judging.chains import LineChain

SUFFIXES = (".svg", ".png")

#: Dots an inch of a PNG: sharp at twice the size of a README's column.
DPI = 200

#: An axis from low to high has few of the round figures of a logarithmic one between, where high is
#: less than so many times low.
NARROW = 3

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


#: A release's name, a figure of it, and the ends of its interval; figures that are no number end a
#: piece of the curve.
Point = tuple[str, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What is drawn of a configuration: ``points`` in the order in which they are connected, and
    the releases in which it ``failed``."""

    label: str
    look: Look
    points: Sequence[Point]
    failed: Sequence[str] = ()


def looks(line: PageLine) -> dict[tuple[str, ...], Look]:
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
    found: Sequence[PageLine],
    track: Track,
    machine: str,
    *,
    profile: str | None = None,
    measure: str = "step",
    configurations: Sequence[str] = (),
) -> tuple[PageLine, Measure, list[tuple[str, ...]]]:
    """(line, measure, configurations) that are asked for, among the lines ``found`` of a machine.

    Raises PlotError, with what there is, for what is not there.
    """
    of_track = [line for line in found if line.track == track.name]
    if not of_track:
        raise PlotError(
            f"nothing of {track.framework} is on record for {machine}; "
            f"measure it there with: asv run {track.name}"
        )
    profiles = list(dict.fromkeys(line.profile for line in of_track))
    if profile is None and len(profiles) > 1:
        raise PlotError(f"several profiles are on record: choose --profile {'|'.join(profiles)}")
    chosen = [line for line in of_track if profile in (None, line.profile)]
    if not chosen:
        raise PlotError(f"--profile {profile}: on record are {', '.join(profiles)}")
    line = chosen[0]
    known = {key for cell in line.cells for key in cell.estimates}
    measures = {measure.key: measure for measure in MEASURES if measure.key in known}
    if measure not in measures:
        listed = ", ".join(measures) or "none"
        raise PlotError(f"--measure {measure}: on record of {track.framework} are {listed}")
    by_words = {" ".join(words): words for words in line.configurations}
    for words in configurations:
        if words not in by_words:
            there = ", ".join(repr(words) for words in by_words)
            raise PlotError(f"--configuration {words!r} is not on record; there are {there}")
    wanted = [by_words[words] for words in configurations] or list(line.configurations)
    return line, measures[measure], wanted


def draw(
    line: PageLine,
    track: Track,
    measure: Measure,
    wanted: Sequence[tuple[str, ...]],
    path: Path,
    *,
    log: bool = False,
    by_date: bool = False,
) -> list[str]:
    """Write the picture to ``path``, SVG or PNG by its suffix; returns lines about what is not in
    it. Raises PlotError."""
    measured = {cell.release for cell in line.cells}
    shown = _ordered([release for release in track.releases if release.name in measured], by_date)
    found = looks(line)
    curves = []
    cuts = []
    busy: dict[str, list[str]] = {}
    for words in wanted:
        cells = {cell.release: cell for cell in line.cells if cell.words == words}
        name = readable(params_of(line), words)
        cuts += [
            f"{name}: cut at {cell.release}, which is not compared with what is before it: "
            f"{cell.otherwise}"
            for cell in cells.values()
            if cell.otherwise is not None
        ]
        for cell in cells.values():
            if cell.busy is not None and measure.takes_time and measure.key in cell.estimates:
                busy.setdefault(cell.busy, []).append(f"{cell.release} {' '.join(words)}")
        if any(cell.outcome != records.NOT_APPLICABLE for cell in cells.values()):
            curves.append(
                Curve(
                    label=name,
                    look=found[words],
                    points=_points(measure, cells, shown),
                    failed=[n for n, cell in cells.items() if cell.outcome == records.FAILED],
                )
            )
    curves, left_out = _with_a_place(curves, log)
    _picture(
        curves,
        shown,
        path,
        title=_title(track, line),
        what=measure.title + (f", {measure.unit}" if measure.unit else ""),
        log=log,
        by_date=by_date,
        bottom=None if measure.key == "loss" else 0.0,
    )
    disturbed = [
        f"measured on a busy machine ({why}): {', '.join(names)}" for why, names in busy.items()
    ]
    return [*left_out, *cuts, *disturbed]


def _with_a_place(curves: Sequence[Curve], log: bool) -> tuple[list[Curve], list[str]]:
    """The curves without the figures that a logarithmic axis has no place for, and a line about
    those of each."""
    if not log:
        return list(curves), []
    kept, left_out = [], []
    for curve in curves:
        without = [name for name, value, _, _ in curve.points if value <= 0]
        if without:
            left_out.append(
                f"{curve.label}: left out, since 0 has no place on a logarithmic scale: "
                f"{', '.join(without)}"
            )
        points = [
            (name, math.nan, math.nan, math.nan)
            if value <= 0
            else (name, value, low if low > 0 else value, high)
            for name, value, low, high in curve.points
        ]
        kept.append(replace(curve, points=points))
    return kept, left_out


def line_of(found: Iterable[PageLine], line_chain: LineChain) -> PageLine:
    """The line that has the configuration of a chain."""
    place = place_of(line_chain.line)
    return next(line for line in found if (line.profile, line.track, line.family) == place)


def draw_chains(
    line: PageLine,
    track: Track,
    chains: Sequence[LineChain],
    path: Path,
    *,
    log: bool = False,
    by_date: bool = False,
) -> None:
    """Write the picture of these chains, all of one measure, each of a configuration of ``line``.
    SVG or PNG by its suffix. Raises PlotError."""
    shown = _ordered(
        [release for release in track.releases if any(of.has(release) for of in chains)], by_date
    )
    found = looks(line)
    bases = {component.base.name for line_chain in chains for component in line_chain.components}
    curves = []
    for line_chain in chains:
        words = words_in(line_chain.line.configuration, line.params)
        label = readable(params_of(line), words)
        if len(bases) > 1:
            versions = [component.base.version for component in line_chain.components]
            label += f" (base {', then '.join(versions)})"
        curves.append(Curve(label=label, look=found[words], points=_levels(line_chain, shown)))
    base = bases.pop() if len(bases) == 1 else "its base"
    _picture(
        curves,
        shown,
        path,
        title=_title(track, line),
        what=f"{title_of(chains[0].measure)}, relative to {base}",
        log=log,
        by_date=by_date,
        bottom=None,
        level=1.0,
    )


def _title(track: Track, line: PageLine) -> str:
    return f"{track.framework} on {line.machine}, {line.profile}"


def title_of(measure: str) -> str:
    """How pages call a measure, by its key."""
    return next(known.title for known in MEASURES if known.key == measure)


def _ordered(releases: Sequence[Release], by_date: bool) -> list[Release]:
    return sorted(releases, key=lambda release: release.date) if by_date else list(releases)


def _points(measure: Measure, cells: Mapping[str, Cell], shown: Sequence[Release]) -> list[Point]:
    """A line that passes over what is unmeasured; broken where there is no figure, and cut where
    what comes before was measured on another day, or in another state of the machine. Before a
    release comes what is drawn before it: by date that may be another than by version."""
    points: list[Point] = []
    state = None
    for cell in (cells[release.name] for release in shown if release.name in cells):
        estimates = [cell.estimates.get(measure.key)]
        earlier = cell.earlier.get(measure.key)
        if earlier is not None:
            estimates = [earlier, None, *estimates]
        elif state is not None and cell.state not in (None, state):
            estimates = [None, *estimates]
        state = cell.state or state
        for one in estimates:
            value, low, high = (
                (math.nan,) * 3
                if one is None
                else (figure * measure.scale for figure in (one.value, one.low, one.high))
            )
            points.append((cell.release, value, low, high))
    return points


def _levels(of: LineChain, shown: Sequence[Release]) -> list[Point]:
    """The levels of a chain, in a piece for each component."""
    points: list[Point] = []
    for component in of.components:
        levels = {release.name: level for release, level in component.levels}
        own = [release.name for release in shown if release.name in levels]
        points += [(name, levels[name].ratio, levels[name].low, levels[name].high) for name in own]
        points.append((own[-1], math.nan, math.nan, math.nan))
    return points


def _picture(
    curves: Sequence[Curve],
    shown: Sequence[Release],
    path: Path,
    *,
    title: str,
    what: str,
    log: bool,
    by_date: bool,
    bottom: float | None,
    level: float | None = None,
) -> None:
    """Draw ``curves`` over the releases that are ``shown``, in their order. ``what``: the text
    beside the axis of the figures, which begins at ``bottom`` unless it is logarithmic; a line runs
    at ``level``."""
    if path.suffix.lower() not in SUFFIXES:
        raise PlotError(f"-o {path}: its suffix must be .svg or .png")
    matplotlib = _as_everywhere()
    from matplotlib.figure import Figure

    places: dict[str, Any] = {
        release.name: datetime.date.fromisoformat(release.date) if by_date else i
        for i, release in enumerate(shown)
    }
    # Names of machines are text, not formulas; and the same records make the same file.
    settings: dict[Any, Any] = {
        "text.parse_math": False,
        "svg.hashsalt": "vggbench",
        "font.size": 9,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        figure = Figure(figsize=(10, 5.2), layout="constrained")
        axes = figure.add_subplot()
        if level is not None:
            axes.axhline(level, color="#8a94a3", linewidth=0.9)
        for curve in curves:
            _draw_curve(axes, curve, places)
        if log:
            axes.set_yscale("log")
            _ticks(axes)
        elif bottom is not None:
            axes.set_ylim(bottom=bottom)
        if not by_date:
            versions = [release.version for release in shown]
            axes.set_xticks(range(len(shown)), versions, rotation=50, ha="right")
        axes.set_ylabel(what)
        axes.set_title(title, loc="left")
        axes.grid(axis="y", color="#dde2e8", linewidth=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        _legend(figure, axes)
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {}
        try:
            figure.savefig(path, dpi=DPI, metadata=metadata)
        except OSError as err:
            raise PlotError(f"{path} cannot be written: {err.strerror}") from None


def _as_everywhere() -> Any:
    """Matplotlib, without what the user has set for it: the same records make the same file, and
    nothing here needs a window, or LaTeX."""
    # It reads both when it is imported, and ends in a traceback where a backend is none.
    os.environ.pop("MPLBACKEND", None)
    os.environ["MATPLOTLIBRC"] = os.devnull
    import matplotlib

    return matplotlib


def _ticks(axes: Any) -> None:
    """Round figures on a logarithmic axis, and enough of them on one that spans little."""
    from matplotlib.ticker import AutoLocator, LogLocator, NullFormatter, ScalarFormatter

    low, high = axes.get_ylim()
    spans_little = high < NARROW * low
    locator = AutoLocator() if spans_little else LogLocator(subs=(1, 1.5, 2, 3, 5, 7))
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_curve(axes: Any, curve: Curve, places: Mapping[str, Any]) -> None:
    """A line with its intervals, and a cross where it failed."""
    names, values, lows, highs = zip(*curve.points, strict=True) if curve.points else [()] * 4
    look = curve.look
    axes.errorbar(
        [places[name] for name in names],
        values,
        yerr=(
            [value - low for value, low in zip(values, lows, strict=True)],
            [high - value for value, high in zip(values, highs, strict=True)],
        ),
        label=curve.label,
        color=look.colour,
        linestyle="--" if look.dashed else "-",
        linewidth=1.3,
        elinewidth=0.9,
        capsize=1.8,
        marker="o",
        markersize=4,
        markerfacecolor="white" if look.hollow else look.colour,
    )
    if curve.failed:
        crosses = axes.plot(
            [places[name] for name in curve.failed],
            [0.015] * len(curve.failed),
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


def params_of(line: PageLine) -> list[Param]:
    """The params of a line's configurations, in the order of their words."""
    found: list[Param] = params.named(line.framework, line.params)
    return found


def readable(own: Sequence[Param], words: Sequence[str]) -> str:
    """A configuration for people; as in static/params.js."""
    return ", ".join(param.readable(word) for param, word in zip(own, words, strict=True))
