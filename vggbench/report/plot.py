"""vggbench plot: a track's history as SVG or PNG, for a README or a paper.

Matplotlib draws it from the same lines as the page History. A hollow mark stands for a data format
that is not the default, and a dashed line for a compiled step. The hue stands for all other choices
together. Matplotlib is imported only when something is drawn, because importing it takes longer
than everything else that the command does.
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
from .lines import Cell, PageGraph, place_of, words_in

# Not imported to draw times, which need none of the code that judges.
if TYPE_CHECKING:
    from ..judging.chains import LineChain

#: The suffixes of the files that can be written.
SUFFIXES = (".svg", ".png")

#: The dots per inch of a PNG: it is sharp at twice the size of a README's column.
DPI = 200

#: Where the end of a logarithmic axis is less than so many times its beginning, few of the round
#: figures of such an axis lie between the two.
NARROW = 3

#: How many characters of a legend fit beside each other.
LEGEND_WIDTH = 145

#: Colours with a contrast of at least 4.5:1 against white.
HUES = ("#0b5cad", "#b34a00", "#17753a", "#7040b0", "#b0256b", "#0a7078")


class PlotError(VggbenchError):
    """The picture that the options ask for cannot be drawn or written."""


@dataclass(frozen=True)
class Look:
    """How a configuration is drawn."""

    colour: str
    dashed: bool
    hollow: bool


#: (name of a release, value, low end of the interval, high end). NaN values end a piece of the
#: curve.
Point = tuple[str, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The curve of a configuration. ``points``: in the order in which they are connected.
    ``failed``: the releases in which the configuration failed."""

    label: str
    look: Look
    points: Sequence[Point]
    failed: Sequence[str] = ()


def looks(line: PageGraph) -> dict[tuple[str, ...], Look]:
    """How each configuration of a line is drawn. static/looks.js draws them alike."""
    groups: list[tuple[str, ...]] = []
    by_words = {}
    # ``params`` has no annotations.
    of_line: list[Param] = params.named(line.framework, line.params)
    for words in line.configurations:
        named = line.named(words)
        group = tuple(
            word
            for param, word in zip(of_line, words, strict=True)
            if param.role not in (params.LAYOUT, params.COMPILER)
        )
        if group not in groups:
            groups.append(group)
        by_words[words] = Look(
            colour=HUES[groups.index(group) % len(HUES)],
            dashed=params.is_chosen(line.framework, named, params.COMPILER),
            hollow=params.is_chosen(line.framework, named, params.LAYOUT),
        )
    return by_words


def choose(
    lines: Sequence[PageGraph],
    track: Track,
    machine: str,
    *,
    profile: str | None = None,
    measure: str = "step",
    configurations: Sequence[str] = (),
) -> tuple[PageGraph, Measure, list[tuple[str, ...]]]:
    """(line, measure, configurations) that the options choose, among the ``lines`` of a machine.

    Raises PlotError, which lists the possible values, where no line has the value of an option.
    """
    of_track = [line for line in lines if line.track == track.name]
    if not of_track:
        raise PlotError(
            f"nothing of {track.title} is on record for {machine}; "
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
    measures = {candidate.key: candidate for candidate in MEASURES if candidate.key in known}
    if measure not in measures:
        listed = ", ".join(measures) or "none"
        raise PlotError(f"--measure {measure}: on record of {track.title} are {listed}")
    by_words = {" ".join(words): words for words in line.configurations}
    for words in configurations:
        if words not in by_words:
            there = ", ".join(map(repr, by_words))
            raise PlotError(f"--configuration {words!r} is not on record; there are {there}")
    wanted = [by_words[words] for words in configurations] or list(line.configurations)
    return line, measures[measure], wanted


def draw(
    line: PageGraph,
    track: Track,
    measure: Measure,
    wanted: Sequence[tuple[str, ...]],
    path: Path,
    *,
    log: bool = False,
    by_date: bool = False,
) -> list[str]:
    """Write the picture of these configurations to ``path``, as SVG or PNG by its suffix.

    Returns lines of text about figures that are left out, cuts, and figures that were measured on a
    busy machine. Raises PlotError.
    """
    measured = {cell.release for cell in line.cells}
    releases = [release for release in track.current if release.name in measured]
    shown = _ordered(releases, by_date)
    names = {release.name for release in shown}
    look_of = looks(line)
    curves = []
    cuts = []
    busy: dict[str, list[str]] = {}
    for words in wanted:
        cells = {
            cell.release: cell
            for cell in line.cells
            if cell.words == words and cell.release in names
        }
        name = line.readable(words)
        for cell in cells.values():
            if cell.otherwise is not None:
                cuts.append(
                    f"{name}: cut at {cell.release}, which is not compared with the release before "
                    f"it: {cell.otherwise}"
                )
            if cell.busy is not None and measure.takes_time and measure.key in cell.estimates:
                busy.setdefault(cell.busy, []).append(f"{cell.release} {' '.join(words)}")
        if any(cell.outcome != records.NOT_APPLICABLE for cell in cells.values()):
            failed = [cell.release for cell in cells.values() if cell.outcome == records.FAILED]
            curves.append(
                Curve(
                    label=name,
                    look=look_of[words],
                    points=_points(measure, cells, shown),
                    failed=failed,
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
        # Memory that shrank is below 0.
        bottom=None if measure.key == "loss" or _goes_below(curves) else 0.0,
    )
    disturbed = [
        f"measured on a busy machine ({why}): {', '.join(names)}" for why, names in busy.items()
    ]
    return [*left_out, *cuts, *disturbed]


def _with_a_place(curves: Sequence[Curve], log: bool) -> tuple[list[Curve], list[str]]:
    """The curves without the figures for which a logarithmic axis has no place, and a line of text
    about such figures of each curve."""
    if not log:
        return list(curves), []
    with_a_place, left_out = [], []
    for curve in curves:
        without_a_place = [name for name, value, _, _ in curve.points if value <= 0]
        if without_a_place:
            left_out.append(
                f"{curve.label}: left out, since 0 has no place on a logarithmic scale: "
                f"{', '.join(without_a_place)}"
            )
        points = [
            _break(name) if value <= 0 else (name, value, low if low > 0 else value, high)
            for name, value, low, high in curve.points
        ]
        with_a_place.append(replace(curve, points=points))
    return with_a_place, left_out


def line_of(lines: Iterable[PageGraph], chain: LineChain) -> PageGraph:
    """The line, among these ``lines``, that has the configuration of a chain."""
    place = place_of(chain.line)
    return next(line for line in lines if (line.profile, line.track, line.family) == place)


def draw_chains(
    line: PageGraph,
    track: Track,
    chains: Sequence[LineChain],
    path: Path,
    *,
    log: bool = False,
    by_date: bool = False,
) -> None:
    """Write the picture of these chains to ``path``, as SVG or PNG by its suffix. All chains are of
    one measure, each of another configuration of ``line``. Raises PlotError."""
    releases = [
        release for release in track.releases if any(chain.has(release) for chain in chains)
    ]
    shown = _ordered(releases, by_date)
    look_of = looks(line)
    bases = {component.base.name for chain in chains for component in chain.components}
    curves = []
    for chain in chains:
        words = words_in(chain.line.configuration, line.params)
        label = line.readable(words)
        if len(bases) > 1:
            versions = [component.base.version for component in chain.components]
            label += f" (base {', then '.join(versions)})"
        curves.append(Curve(label=label, look=look_of[words], points=_levels(chain, shown)))
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


def _title(track: Track, line: PageGraph) -> str:
    return f"{track.title} on {line.machine}, {line.profile}"


def title_of(measure: str) -> str:
    """The title that pages give a measure, by its key."""
    return next(candidate.title for candidate in MEASURES if candidate.key == measure)


def _ordered(releases: Sequence[Release], by_date: bool) -> list[Release]:
    return sorted(releases, key=lambda release: release.date) if by_date else list(releases)


def _points(measure: Measure, cells: Mapping[str, Cell], shown: Sequence[Release]) -> list[Point]:
    """The points of a curve, which passes over releases that are unmeasured.

    The curve is broken where a release has no figure. It is cut where the release before was
    measured on another day, or in another state of the machine. The release before is the one that
    is drawn before: by date it may be another one than by version.
    """
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
        for estimate in estimates:
            if estimate is None:
                points.append(_break(cell.release))
                continue
            value, low, high = (
                figure * measure.scale for figure in (estimate.value, estimate.low, estimate.high)
            )
            points.append((cell.release, value, low, high))
    return points


def _break(name: str) -> Point:
    """The point, at the place of the release ``name``, that ends a piece of a curve."""
    return name, math.nan, math.nan, math.nan


def _levels(chain: LineChain, shown: Sequence[Release]) -> list[Point]:
    """The levels of a chain, with a piece of the curve for each component."""
    points: list[Point] = []
    for component in chain.components:
        levels = {release.name: level for release, level in component.levels}
        names = [release.name for release in shown if release.name in levels]
        points += [
            (name, levels[name].ratio, levels[name].low, levels[name].high) for name in names
        ]
        points.append(_break(names[-1]))
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
    """Draw ``curves`` over the releases that are ``shown``, in their order, and write the picture.

    ``what``: the text beside the axis of the figures. ``bottom``: where this axis begins unless it
    is logarithmic, None for wherever the figures begin. ``level``: where a horizontal line runs.
    Raises PlotError where the suffix is none of SUFFIXES, or the file cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise PlotError(f"-o {path}: its suffix must be .svg or .png")
    matplotlib = _as_everywhere()
    from matplotlib.figure import Figure

    places: dict[str, Any] = {
        release.name: datetime.date.fromisoformat(release.date) if by_date else i
        for i, release in enumerate(shown)
    }
    # Names of machines are no formulas. The salt makes the same file of the same records.
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


def _goes_below(curves: Sequence[Curve]) -> bool:
    """Whether an interval reaches below 0; NaN, the end of a piece, does not."""
    return any(low < 0 for curve in curves for _, _, low, _ in curve.points)


def _as_everywhere() -> Any:
    """Matplotlib, without the user's own settings of it. The same records therefore make the same
    file everywhere, and no window and no LaTeX are needed."""
    # Matplotlib reads both variables when it is imported, and ends in a traceback where the first
    # names no backend.
    os.environ.pop("MPLBACKEND", None)
    os.environ["MATPLOTLIBRC"] = os.devnull
    import matplotlib

    return matplotlib


def _ticks(axes: Any) -> None:
    """Put round figures on a logarithmic axis, and enough of them where the axis spans little."""
    from matplotlib.ticker import AutoLocator, LogLocator, NullFormatter, ScalarFormatter

    low, high = axes.get_ylim()
    spans_little = high < NARROW * low
    locator = AutoLocator() if spans_little else LogLocator(subs=(1, 1.5, 2, 3, 5, 7))
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_curve(axes: Any, curve: Curve, places: Mapping[str, Any]) -> None:
    """Draw a curve with its intervals, and a cross at each release in which it failed."""
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
    """Put a legend below the chart, in as many columns as fit beside each other."""
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    if any(line.get_marker() == "x" for line in axes.get_lines()):
        handles.append(Line2D([], [], linestyle="none", marker="x", color="black"))
        labels.append("failed")
    columns = max(1, min(4, LEGEND_WIDTH // (max(map(len, labels)) + 8)))
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=8
    )
