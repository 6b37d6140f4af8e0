"""Verdicts for readers: text for a terminal or a pipe, Markdown for an issue, JSON for scripts."""

from __future__ import annotations

import html
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from ..errors import how_many, some_of
from ..runs import profiles
from ..stats.blocks import BlockNoise
from ..stats.judge import Noise
from ..stats.policy import (
    ASSUMED_ENDING,
    CONFIDENCE,
    MOST_BLOCKS,
    NOT_SURE,
    REGRESSED,
    UNCHANGED,
    per_cent,
)
from ..stats.whole_lines import DRIFT, RECOVERED
from . import growth
from .growth import GrowthSide, GrowthVerdict
from .line_changes import LineChange
from .measures import JUDGED, MEMORY_GROWTH, STEP
from .verdicts import (
    BY_DUETS,
    LOST,
    OUTCOMES,
    Side,
    Verdict,
    confirm_command,
    pattern_of,
    threshold_option,
)

#: Version of the JSON's format.
SCHEMA = 1

#: Configurations that a line names, at most.
MOST_NAMED = 3

#: What is said of a noise that was assumed, after its size.
_ASSUMED = ASSUMED_ENDING.removeprefix("is ")

#: How wide a table may be, in characters: wider than any.
WIDE = 1000

#: How verdicts call the measure that has a difference in bytes instead of a ratio.
GROWTH = MEMORY_GROWTH.title.lower()

STYLES = {REGRESSED: "red", "failed": "red", LOST: "yellow", "improved": "green", NOT_SURE: "cyan"}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one call of ``vggbench verdict`` says. ``growths``: what it says of memory growth.
    ``whole``: of every release, so what changed is shown and the rest is counted. ``notes``: lines
    on what was left out or is not judged. ``patterns``: --bench, where it says nothing of the
    configurations that these do not select."""

    machine: str
    threshold: float
    status: int
    verdicts: Sequence[Verdict]
    growths: Sequence[GrowthVerdict] = ()
    changes: Sequence[LineChange] = ()
    whole: bool = False
    notes: Sequence[str] = field(default=())
    patterns: Sequence[str] = ()


# -- phrases for single things


def percent(ratio: float) -> str:
    """A ratio as a change: +5.2 %."""
    return f"{(ratio - 1) * 100:+.1f} %"


class Ranged(Protocol):
    """What has a ratio with its interval; None where nothing was compared."""

    @property
    def ratio(self) -> float | None: ...

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...


class Judged(Ranged, Protocol):
    """What was judged, too."""

    @property
    def outcome(self) -> str: ...


def change(ranged: Ranged) -> str:
    if ranged.ratio is None or ranged.low is None or ranged.high is None:
        return "-"
    return f"{percent(ranged.ratio)} ({percent(ranged.low)[:-2]} to {percent(ranged.high)[:-2]})"


def doubt(judged: Judged, threshold: float) -> str | None:
    """Why a change that matters is not sure though its interval excludes 0; None of all else."""
    if judged.outcome != NOT_SURE or judged.ratio is None:
        return None
    if judged.low is None or judged.high is None or judged.low <= 1 <= judged.high:
        return None
    if 1 / (1 + threshold) < judged.ratio < 1 + threshold:
        return None
    return "seen, not yet sure: a sure answer takes more than an interval without 0"


def quantity(side: Side | None, measure: str) -> str:
    if side is None:
        return "-"
    known = JUDGED[measure]
    value = side.value * known.scale
    decimals = min(6, max(0, 2 - math.floor(math.log10(value))))
    return f"{value:.{decimals}f} {known.unit}"


def bytes_a_step(*values: float, sign: str = "") -> str:
    """Bytes a step in one unit, which fits the largest: "1.2 MB", or "1.2 (-0.3 to 2.7) MB" for a
    value and its interval. ``sign``: "+" shows that of each."""
    scale, unit = (1e-6, "MB") if max(map(abs, values)) >= 1e6 else (1e-3, "kB")
    first, *ends = (f"{value * scale:{sign}.1f}" for value in values)
    return f"{first} ({' to '.join(ends)}) {unit}" if ends else f"{first} {unit}"


def growth_change(verdict: GrowthVerdict) -> str:
    if verdict.low is None or verdict.high is None:
        return bytes_a_step(verdict.difference, sign="+")
    return bytes_a_step(verdict.difference, verdict.low, verdict.high, sign="+")


def growth_of(side: GrowthSide) -> str:
    """What a release grows by, with its interval."""
    if side.low is None or side.high is None:
        return bytes_a_step(side.value)
    return bytes_a_step(side.value, side.low, side.high)


def growth_remark(verdict: GrowthVerdict, prose: Callable[[str], str] = str) -> str | None:
    """What there is to say beside the numbers, as ``remark``."""
    parts = [prose(verdict.why)] if verdict.why else []
    if verdict.after.grows:
        parts.append(f"memory surely grows, by {growth_of(verdict.after)} a step")
    if verdict.acknowledged is not None:
        parts.append(f"acknowledged: {prose(verdict.acknowledged)}")
    return "; ".join(parts) or None


def growth_threshold(growths: Sequence[GrowthVerdict]) -> str:
    """From which growth on it is more than settling."""
    values = sorted({verdict.threshold for verdict in growths})
    ends = bytes_a_step(values[0])
    if len(values) > 1:
        ends += f" to {bytes_a_step(values[-1])}"
    steps = min(verdict.steps for verdict in growths)
    return f"growth below {ends} a step may be settling, over {steps} steps"


def counts(verdict: Verdict) -> str:
    """Processes of both sides, their samples, and in how many blocks of duets they were."""
    before, after = verdict.before, verdict.after
    if before is None or after is None:
        return "-"
    counted = f"{before.processes} + {after.processes}"
    if before.samples + after.samples > before.processes + after.processes:
        counted += f" ({before.samples} + {after.samples})"
    if verdict.decided_by == BY_DUETS:
        counted += f", {how_many(verdict.blocks, 'block')}"
    return counted


def outcome(verdict: Verdict | GrowthVerdict) -> str:
    """The outcome as people read it; that of an accepted regression says so."""
    return f"{verdict.outcome}{'' if verdict.acknowledged is None else ' but acknowledged'}"


def remark(
    verdict: Verdict, prose: Callable[[str], str] = str, command: Callable[[str], str] = str
) -> str | None:
    """What there is to say beside the numbers: why, what was accepted, what to do next. ``prose``
    and ``command`` write text and commands for the format at hand."""
    parts = []
    why = verdict.why or doubt(verdict, verdict.threshold)
    if why:
        parts.append(prose(why))
    parts += map(prose, verdict.notes)
    if verdict.acknowledged is not None:
        parts.append(f"acknowledged: {prose(verdict.acknowledged)}")
    if verdict.second_opinion is not None and verdict.is_disputed:
        told = verdict.second_opinion
        parts.append(f"processes by themselves say {told.outcome}: {change(told)}")
    if verdict.next_step and verdict.ratio is None:
        parts.append(f"next: {command(verdict.next_step)}")
    return "; ".join(parts) or None


def needed(verdict: Verdict) -> str:
    """How many more blocks of duets would make it sure."""
    if verdict.blocks_needed is None:
        return ""
    if verdict.blocks_needed > MOST_BLOCKS:
        return f"more than {MOST_BLOCKS} blocks"
    return f"about {how_many(verdict.blocks_needed, 'block')}"


def confirm_messages(own: Sequence[Verdict], patterns: Sequence[str] = ()) -> list[str]:
    """The command that would make sure what was compared of two releases and is not, with the
    ``patterns`` of --bench if there are any, else with the configurations that are open, if these
    are few."""
    found = [each for each in own if each.ratio is not None and each.next_step is not None]
    if not found or found[0].against is None:
        return []
    named = dict.fromkeys(pattern_of(each.benchmark, each.configuration) for each in found)
    if not patterns and len(named) <= MOST_NAMED:
        patterns = list(named)
    first = found[0]
    command = confirm_command(
        first.release,
        first.against,
        patterns,
        profile=first.profile,
        threshold=first.threshold,
    )
    return [f"to be sure: {command}"]


def line_change(found: LineChange) -> str:
    name = f"{found.words}, {JUDGED[found.measure].title}: {change(found)}"
    kind = {RECOVERED: "recovered", DRIFT: "drift"}.get(found.kind, "level shift")
    if found.kind == RECOVERED:
        lasted = found.first if found.first == found.last else f"{found.first} to {found.last}"
        return f"{kind}: {name} in {lasted}, taken back after it"
    if found.kind == DRIFT:
        return f"{kind}: {name} from {found.before} to {found.last}, in several level shifts"
    return f"{kind}: {name} in {found.first}"


def summary(verdicts: Iterable[Verdict | GrowthVerdict]) -> str:
    """How many of each outcome, the worst first; accepted regressions come after the others."""
    found = Counter((OUTCOMES.index(verdict.outcome), outcome(verdict)) for verdict in verdicts)
    return ", ".join(f"{count} {name}" for (_, name), count in sorted(found.items()))


def noise_messages(verdicts: Sequence[Verdict]) -> list[str]:
    """The noise that verdicts of one measure were judged with, and where it comes from: of blocks,
    and of processes; with the configurations that each is of, where there are both."""
    noises = [(verdict.words, verdict.noise) for verdict in verdicts]
    of_blocks = [(words, noise) for words, noise in noises if isinstance(noise, BlockNoise)]
    of_processes = [(words, noise) for words, noise in noises if isinstance(noise, Noise)]
    lines: list[tuple[list[str], str]] = []
    if of_blocks:
        known = [noise for _, noise in of_blocks]
        best = max(known, key=lambda noise: noise.degrees)
        scatter = {"blocks": [noise.deviation for noise in known]}
        lines.append(([words for words, _ in of_blocks], _noise(scatter, _origins(known, best))))
    if of_processes:
        told = _noise_of_processes([noise for _, noise in of_processes])
        lines.append(([words for words, _ in of_processes], told))
    if len(lines) == 1:
        return [line for _, line in lines]
    return [f"{some_of(list(dict.fromkeys(own)), MOST_NAMED)}: {line}" for own, line in lines]


def _noise_of_processes(known: Sequence[Noise]) -> str:
    best = max(known, key=lambda noise: noise.processes_degrees)
    scatter = {
        "processes": [noise.processes for noise in known],
        "sessions": [noise.sessions for noise in known],
    }
    return _noise(scatter, _origins(known, best))


def _noise(scatter: Mapping[str, Sequence[float]], origins: Sequence[str]) -> str:
    """By how much things of each kind differ, as ratios less one, and where that comes from. What
    is as it was assumed to be is said once."""
    told, plain, left = [], [], list(origins)
    for kind, values in scatter.items():
        own = f"{_range(values)} between {kind}"
        plain.append(own)
        for origin in origins:
            size = re.fullmatch(rf"([\d.]+) % between {kind} {ASSUMED_ENDING}", origin)
            if size is not None and _range(values) == f"{float(size[1]):.1f} %":
                own += f" ({_ASSUMED})"
                left.remove(origin)
        told.append(own)
    if not left and len(told) > 1:
        return f"{', '.join(plain)} (both {_ASSUMED})"
    whence = [part if ASSUMED_ENDING in part else f"from {part}" for part in left]
    return "; ".join([", ".join(told), *whence])


def _origins(known: Sequence[Noise | BlockNoise], best: Noise | BlockNoise) -> list[str]:
    """What the ``best`` of them was estimated from, and what of any was not estimated."""
    parts = dict.fromkeys(best.origin.split("; "))
    parts.update(
        dict.fromkeys(
            part for noise in known for part in noise.origin.split("; ") if ASSUMED_ENDING in part
        )
    )
    return list(parts)


def _range(values: Sequence[float]) -> str:
    least, most = f"{min(values) * 100:.1f}", f"{max(values) * 100:.1f}"
    return f"{most} %" if least == most else f"{least} to {most} %"


def _changed(verdicts: Sequence[Verdict]) -> list[str]:
    """What else changed: a line for each set of changes, with its configurations if several."""
    sets: dict[str, list[str]] = {}
    for verdict in verdicts:
        changed = (
            ", ".join(str(each) for each in verdict.differences) or "nothing that is on record"
        )
        own = sets.setdefault(changed, [])
        if verdict.words not in own:
            own.append(verdict.words)
    if len(sets) == 1:
        return list(sets)
    return [f"{changed} ({'; '.join(own)})" for changed, own in sets.items()]


def _reproduce(verdicts: Sequence[Verdict]) -> list[str]:
    first = verdicts[0]
    commands = [profiles.asking(first.profile, f"asv run '{first.against} {first.release}'")]
    if any(verdict.ratio is not None for verdict in verdicts):
        commands.append(
            confirm_command(
                first.release, first.against, profile=first.profile, threshold=first.threshold
            )
        )
    judge = f"vggbench verdict {first.release} --against {first.against} --profile {first.profile}"
    return [*commands, judge + threshold_option(first.threshold)]


def _groups(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    """Those of the same profile, release and release before it, in their order."""
    groups: dict[tuple[str, str, str | None], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.profile, verdict.release, verdict.against), []).append(verdict)
    return list(groups.values())


def _measures(group: Sequence[Verdict]) -> list[tuple[str, list[Verdict]]]:
    found = [(key, [verdict for verdict in group if verdict.measure == key]) for key in JUDGED]
    return [(key, own) for key, own in found if own]


def _is_news(verdict: Verdict) -> bool:
    return verdict.suspected or verdict.outcome not in (UNCHANGED, NOT_SURE)


def _rows(own: Sequence[Verdict], whole: bool) -> list[Verdict]:
    return [verdict for verdict in own if not whole or _is_news(verdict)]


def _growths(group: Sequence[Verdict], report: Report) -> list[GrowthVerdict]:
    """Those of the same profile, release and release before it."""
    first = group[0]
    about = first.profile, first.release, first.against
    return [
        verdict
        for verdict in report.growths
        if (verdict.profile, verdict.release, verdict.against) == about
    ]


def _has_news(group: Sequence[Verdict], report: Report) -> bool:
    return any(map(_is_news, group)) or any(map(growth.is_news, _growths(group, report)))


def _growth_rows(own: Sequence[GrowthVerdict], whole: bool) -> list[GrowthVerdict]:
    return [verdict for verdict in own if not whole or growth.is_news(verdict)]


def _title(group: Sequence[Verdict]) -> str:
    first = group[0]
    against = first.against or "no earlier release"
    return f"{first.release} against {against}, {first.profile} on {first.machine}"


HEADINGS = (
    "configuration",
    "verdict",
    "change",
    "before",
    "after",
    "processes (samples)",
    "to be sure",
)
LEFT = (*HEADINGS[:2], HEADINGS[-1])


def _cells(verdict: Verdict) -> tuple[str, ...]:
    before, after = (
        quantity(verdict.before, verdict.measure),
        quantity(verdict.after, verdict.measure),
    )
    return (
        verdict.words,
        outcome(verdict),
        change(verdict),
        before,
        after,
        counts(verdict),
        needed(verdict),
    )


def _growth_cells(verdict: GrowthVerdict) -> tuple[str, ...]:
    return (
        verdict.words,
        outcome(verdict),
        growth_change(verdict),
        bytes_a_step(verdict.before.value),
        bytes_a_step(verdict.after.value),
        f"{verdict.before.processes} + {verdict.after.processes}",
        "",
    )


# -- text


def text(report: Report, colour: bool = False) -> str:
    """A row is a line, however narrow the terminal: cells that are folded cannot be read."""
    into = io.StringIO()
    console = Console(
        file=into,
        width=WIDE,
        force_terminal=colour,
        highlight=False,
        emoji=False,
        markup=False,
        soft_wrap=True,
    )
    for group in _groups(report.verdicts):
        if report.whole and not _has_news(group, report):
            console.print(f"{_title(group)}: {summary(group)}")
            continue
        console.print(_title(group), style="bold" if colour else None)
        for key, own in _measures(group):
            console.print(f"{JUDGED[key].title}: {summary(own)}")
            rows = _rows(own, report.whole)
            if not rows:
                continue
            _print_table(console, [(_cells(each), each.outcome) for each in rows], colour)
            for verdict in rows:
                said = remark(verdict)
                if said:
                    console.print(f"  {verdict.words}: {said}")
            for noise in [] if report.whole else noise_messages(own):
                console.print(f"  noise: {noise}")
        if grown := _growths(group, report):
            _print_growths(console, grown, report.whole, colour)
        for line in confirm_messages(group, report.patterns):
            console.print(line)
        for line in _changed(group):
            console.print(f"what else changed: {line}")
        console.print()
    for line in _line_messages(report):
        console.print(line)
    return "".join(f"{line.rstrip()}\n" for line in into.getvalue().splitlines())


def _print_table(console: Console, rows: Iterable[tuple[Sequence[str], str]], colour: bool) -> None:
    """``rows``: the cells of each, and its outcome."""
    table = Table(box=None, pad_edge=False, header_style="bold" if colour else "")
    for heading in HEADINGS:
        right = "left" if heading in LEFT else "right"
        table.add_column(heading, justify=right, overflow="fold")  # type: ignore[arg-type]
    for cells, word in rows:
        table.add_row(*cells, style=STYLES.get(word) if colour else None)
    console.print(table, soft_wrap=False)


def _print_growths(
    console: Console, own: Sequence[GrowthVerdict], whole: bool, colour: bool
) -> None:
    console.print(f"{GROWTH}: {summary(own)}")
    rows = _growth_rows(own, whole)
    if not rows:
        return
    _print_table(console, [(_growth_cells(each), each.outcome) for each in rows], colour)
    for verdict in rows:
        said = growth_remark(verdict)
        if said:
            console.print(f"  {verdict.words}: {said}")
    console.print(f"  {growth_threshold(rows)}")


def _line_messages(report: Report) -> list[str]:
    """The listing of what no two releases show: recovered changes and drifts."""
    if not report.whole:
        return []
    found = [changed for changed in report.changes if changed.kind in (RECOVERED, DRIFT)]
    if not found:
        return ["Over the whole lines: nothing that recovered, and no drift."]
    lines = ["Over the whole lines:"]
    return lines + [f"  {changed.profile}: {line_change(changed)}" for changed in found]


# -- Markdown


def markdown(report: Report) -> str:
    """Fit for an issue or a pull request: the evidence folded away."""
    lines: list[str] = []
    for group in _groups(report.verdicts):
        if report.whole and not _has_news(group, report):
            continue
        lines += _markdown_of(group, report)
    if report.whole:
        quiet = [group for group in _groups(report.verdicts) if not _has_news(group, report)]
        show = "shows" if len(quiet) == 1 else "show"
        lines.append(f"{how_many(len(quiet), 'other comparison')} of releases {show} no change.")
        lines.append("")
        listing = _line_messages(report)
        lines += [listing[0], "", *(f"- {cell(line.strip())}" for line in listing[1:])]
    for note in report.notes:
        lines += [f"> {cell(note)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_of(group: Sequence[Verdict], report: Report) -> list[str]:
    first = group[0]
    against = first.against or "no earlier release"
    lines = [
        f"### {first.release} against {against}",
        "",
        f"Profile `{first.profile}` on `{first.machine}`; a change by less than "
        f"{report.threshold * 100:.3g} % is none.",
        "",
    ]
    for key, own in _measures(group):
        lines += [f"**{JUDGED[key].title}**: {summary(own)}", ""]
        rows = _rows(own, report.whole)
        if not rows:
            continue
        lines += _markdown_table((_cells(each), each.outcome) for each in rows)
        said = [
            (verdict.words, remark(verdict, cell, lambda command: f"`{command}`"))
            for verdict in rows
        ]
        remarks = [f"- {cell(words)}: {line}" for words, line in said if line]
        lines += [*remarks, ""] if remarks else []
    grown = _growths(group, report)
    if grown:
        lines += _markdown_of_growths(grown, report.whole)
    lines += ["What else changed:", "", *(f"- {cell(line)}" for line in _changed(group)), ""]
    if first.against is not None:
        lines += ["To reproduce it:", "", "```sh", *_reproduce(group), "```", ""]
    return [*lines, *_evidence(group, grown)]


def _markdown_table(rows: Iterable[tuple[Sequence[str], str]]) -> list[str]:
    """``rows``: the cells of each, and its outcome."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|---|--:|--:|--:|--:|---|"]
    for texts, word in rows:
        cells = [cell(text) for text in texts]
        if word == REGRESSED:
            cells[1] = f"**{cells[1]}**"
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _markdown_of_growths(own: Sequence[GrowthVerdict], whole: bool) -> list[str]:
    lines = [f"**{GROWTH}**: {summary(own)}", ""]
    rows = _growth_rows(own, whole)
    if not rows:
        return lines
    lines += _markdown_table((_growth_cells(each), each.outcome) for each in rows)
    said = [(verdict.words, growth_remark(verdict, cell)) for verdict in rows]
    lines += [f"- {cell(words)}: {line}" for words, line in said if line]
    return [*lines, f"- {growth_threshold(rows)}", ""]


def _evidence(group: Sequence[Verdict], grown: Sequence[GrowthVerdict] = ()) -> list[str]:
    """Every process of every comparison, folded away."""
    compared = [verdict for verdict in group if verdict.ratio is not None]
    if not compared:
        return []
    lines = ["<details><summary>Evidence</summary>", ""]
    for key, own in _measures(compared):
        known = JUDGED[key]
        lines += [
            f"{known.title[0].upper()}{known.title[1:]}, in {known.unit}: each process"
            f"{' (the median of its samples)' if key == STEP.key else ''}, by session.",
            "",
            "| configuration | release | session | processes |",
            "|---|---|---|---|",
        ]
        for verdict in own:
            for side in (verdict.before, verdict.after):
                if side is None:
                    continue
                for session in dict.fromkeys(each.session for each in side.evidence):
                    values = ", ".join(
                        f"{each.value * known.scale:.4g}"
                        for each in side.evidence
                        if each.session == session
                    )
                    cells = (verdict.words, side.release, session, values)
                    lines.append(row(cells))
        lines.append("")
        for noise in noise_messages(own):
            lines += [f"Noise: {cell(noise)}.", ""]
        many = own[0].comparisons
        lines += [
            f"Each interval holds for its comparison alone, with {per_cent(CONFIDENCE)}"
            f"{f'; what is sure is sure for all {many} together' if many > 1 else ''}.",
            "",
        ]
    if grown:
        lines += [
            f"{MEMORY_GROWTH.title}: each process.",
            "",
            "| configuration | release | processes |",
            "|---|---|---|",
        ]
        for each in grown:
            for of_release in (each.before, each.after):
                processes = ", ".join(map(bytes_a_step, of_release.evidence))
                lines.append(row((each.words, of_release.release, processes)))
        lines.append("")
    return [*lines, "</details>", ""]


def cell(plain: str) -> str:
    """A text as a cell of a table in Markdown, which shows it as it is."""
    folded = html.escape(" ".join(plain.split()), quote=False)
    for sign in "\\|`*_[]":
        folded = folded.replace(sign, f"\\{sign}")
    return folded


def row(texts: Iterable[str]) -> str:
    """A row of a table in Markdown, which shows these texts as they are."""
    return f"| {' | '.join(cell(text) for text in texts)} |"


# -- JSON


def as_json(report: Report) -> str:
    """docs/verdicts.md lists the keys."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "machine": report.machine,
        "threshold": report.threshold,
        "status": report.status,
        "verdicts": [verdict.as_json() for verdict in report.verdicts],
        "memory_growth": [verdict.as_json() for verdict in report.growths],
        "changes": [changed.as_json() for changed in report.changes],
        "notes": list(report.notes),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Report], str]] = {"text": text, "md": markdown, "json": as_json}
