"""Verdicts for readers: text for a terminal or a pipe, Markdown for an issue, JSON for scripts."""

from __future__ import annotations

import html
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from ..stats.blocks import BlockNoise
from ..stats.judge import Noise
from ..stats.policy import (
    ASSUMED_ENDING,
    CONFIDENCE,
    MOST_BLOCKS,
    NOT_SURE,
    REGRESSED,
    THRESHOLD,
    UNCHANGED,
)
from ..stats.whole_lines import DRIFT, RECOVERED
from .measures import JUDGED, STEP
from .verdicts import BY_DUETS, LOST, OUTCOMES, LineChange, Side, Verdict

#: Version of the JSON's format.
SCHEMA = 1

#: How wide a table may be, in characters: wider than any.
WIDE = 1000

STYLES = {REGRESSED: "red", "failed": "red", LOST: "yellow", "improved": "green", NOT_SURE: "cyan"}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one call of ``vggbench verdict`` says. ``whole``: of every release, so what changed is
    shown and the rest is counted. ``notes``: lines on what was left out or is not judged."""

    machine: str
    threshold: float
    status: int
    verdicts: Sequence[Verdict]
    changes: Sequence[LineChange] = ()
    whole: bool = False
    notes: Sequence[str] = field(default=())


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


def change(one: Ranged) -> str:
    if one.ratio is None or one.low is None or one.high is None:
        return "-"
    return f"{percent(one.ratio)} ({percent(one.low)[:-2]} to {percent(one.high)[:-2]})"


def quantity(side: Side | None, measure: str) -> str:
    if side is None:
        return "-"
    known = JUDGED[measure]
    value = side.value * known.scale
    decimals = min(6, max(0, 2 - math.floor(math.log10(value))))
    return f"{value:.{decimals}f} {known.unit}"


def counts(one: Verdict) -> str:
    """Processes of both sides, their samples, and in how many blocks of duets they were."""
    before, after = one.before, one.after
    if before is None or after is None:
        return "-"
    counted = f"{before.processes} + {after.processes}"
    if before.samples + after.samples > before.processes + after.processes:
        counted += f" ({before.samples} + {after.samples})"
    if one.decided_by == BY_DUETS:
        counted += f", {how_many_blocks(one.blocks)}"
    return counted


def how_many_blocks(count: int) -> str:
    return "1 block" if count == 1 else f"{count} blocks"


def outcome(one: Verdict) -> str:
    return f"{one.outcome}, acknowledged" if one.acknowledged is not None else one.outcome


def remark(
    one: Verdict, prose: Callable[[str], str] = str, command: Callable[[str], str] = str
) -> str | None:
    """What there is to say beside the numbers: why, what was accepted, what to do next. ``prose``
    and ``command`` write text and commands for the format at hand."""
    parts = []
    if one.why:
        parts.append(prose(one.why))
    parts += map(prose, one.notes)
    if one.acknowledged is not None:
        parts.append(f"acknowledged: {prose(one.acknowledged)}")
    if one.second_opinion is not None and one.is_disputed:
        told = one.second_opinion
        parts.append(f"processes by themselves say {told.outcome}: {change(told)}")
    if one.next_step and one.ratio is None:
        parts.append(f"next: {command(one.next_step)}")
    return "; ".join(parts) or None


def needed(one: Verdict) -> str:
    """How many more blocks of duets would make it sure."""
    if one.blocks_needed is None:
        return ""
    if one.blocks_needed > MOST_BLOCKS:
        return f"more than {MOST_BLOCKS} blocks"
    return f"about {how_many_blocks(one.blocks_needed)}"


def confirm_lines(own: Sequence[Verdict]) -> list[str]:
    """The commands that would make sure what was compared and is not."""
    commands = [one.next_step for one in own if one.next_step and one.ratio is not None]
    return [f"to be sure: {command}" for command in dict.fromkeys(commands)]


def line_change(one: LineChange) -> str:
    name = f"{one.words}, {JUDGED[one.measure].title}: {change(one)}"
    kind = {RECOVERED: "recovered", DRIFT: "drift"}.get(one.kind, "level shift")
    if one.kind == RECOVERED:
        lasted = one.first if one.first == one.last else f"{one.first} to {one.last}"
        end = "taken back" if one.ratio > 1 else "lost again"
        return f"{kind}: {name} in {lasted}, {end} after it"
    if one.kind == DRIFT:
        return f"{kind}: {name} from {one.before} to {one.last}, in several level shifts"
    return f"{kind}: {name} in {one.first}"


def summary(verdicts: Iterable[Verdict]) -> str:
    """How many of each outcome, the worst first."""
    found = [outcome(one) for one in verdicts]
    order = {name: place for place, name in enumerate(OUTCOMES)}
    names = sorted(set(found), key=lambda name: (order.get(name, -1), name))
    return ", ".join(f"{found.count(name)} {name}" for name in names)


def noise_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """The noise that verdicts of one measure were judged with, and where it comes from: of blocks,
    and of processes."""
    noises = [one.noise for one in verdicts]
    of_blocks = [one for one in noises if isinstance(one, BlockNoise)]
    of_processes = [one for one in noises if isinstance(one, Noise)]
    lines = []
    if of_blocks:
        best = max(of_blocks, key=lambda one: one.degrees)
        deviations = _range([one.deviation for one in of_blocks])
        lines.append(f"{deviations} between blocks; {_origin(of_blocks, best)}")
    if of_processes:
        lines.append(_of_processes(of_processes))
    return lines


def _of_processes(known: Sequence[Noise]) -> str:
    return (
        f"{_range([one.processes for one in known])} between processes, "
        f"{_range([one.sessions for one in known])} between sessions; "
        f"{_origin(known, best=max(known, key=lambda one: one.processes_degrees))}"
    )


def _origin(known: Sequence[Noise | BlockNoise], best: Noise | BlockNoise) -> str:
    """What the ``best`` of them was estimated from, and what of any was not estimated."""
    parts = dict.fromkeys(best.origin.split("; "))
    parts.update(
        dict.fromkeys(
            part for one in known for part in one.origin.split("; ") if ASSUMED_ENDING in part
        )
    )
    return "; ".join(part if ASSUMED_ENDING in part else f"from {part}" for part in parts)


def _range(values: Sequence[float]) -> str:
    least, most = f"{min(values) * 100:.1f}", f"{max(values) * 100:.1f}"
    return f"{most} %" if least == most else f"{least} to {most} %"


def _changed(verdicts: Sequence[Verdict]) -> list[str]:
    """What else changed: a line for each set of changes, with its configurations if several."""
    sets: dict[str, list[str]] = {}
    for one in verdicts:
        changed = ", ".join(str(each) for each in one.differences) or "nothing that is on record"
        own = sets.setdefault(changed, [])
        if one.words not in own:
            own.append(one.words)
    if len(sets) == 1:
        return list(sets)
    return [f"{changed} ({'; '.join(own)})" for changed, own in sets.items()]


def _reproduce(verdicts: Sequence[Verdict]) -> list[str]:
    first = verdicts[0]
    profile = f"VGGBENCH_PROFILE={first.profile} "
    commands = [f"{profile}asv run '{first.against} {first.release}'"]
    if any(one.ratio is not None for one in verdicts):
        commands.append(f"{profile}vggbench confirm {first.release} --against {first.against}")
    judge = f"vggbench verdict {first.release} --against {first.against} --profile {first.profile}"
    if first.threshold != THRESHOLD:
        judge += f" --threshold {first.threshold * 100:g}%"
    return [*commands, judge]


def _groups(verdicts: Sequence[Verdict]) -> list[list[Verdict]]:
    """Those of the same profile, release and release before it, in their order."""
    groups: dict[tuple[str, str, str | None], list[Verdict]] = {}
    for one in verdicts:
        groups.setdefault((one.profile, one.release, one.against), []).append(one)
    return list(groups.values())


def _measures(group: Sequence[Verdict]) -> list[tuple[str, list[Verdict]]]:
    found = [(key, [one for one in group if one.measure == key]) for key in JUDGED]
    return [(key, own) for key, own in found if own]


def _is_news(one: Verdict) -> bool:
    return one.suspected or one.outcome not in (UNCHANGED, NOT_SURE)


def _rows(own: Sequence[Verdict], whole: bool) -> list[Verdict]:
    return [one for one in own if not whole or _is_news(one)]


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


def _cells(one: Verdict) -> tuple[str, ...]:
    before, after = quantity(one.before, one.measure), quantity(one.after, one.measure)
    return one.words, outcome(one), change(one), before, after, counts(one), needed(one)


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
        if report.whole and not any(_is_news(one) for one in group):
            console.print(f"{_title(group)}: {summary(group)}")
            continue
        console.print(_title(group), style="bold" if colour else None)
        for key, own in _measures(group):
            console.print(f"{JUDGED[key].title}: {summary(own)}")
            rows = _rows(own, report.whole)
            if not rows:
                continue
            table = Table(box=None, pad_edge=False, header_style="bold" if colour else "")
            for heading in HEADINGS:
                right = "left" if heading in LEFT else "right"
                table.add_column(heading, justify=right, overflow="fold")  # type: ignore[arg-type]
            for one in rows:
                style = STYLES.get(one.outcome) if colour else None
                table.add_row(*_cells(one), style=style)
            console.print(table, soft_wrap=False)
            for one in rows:
                said = remark(one)
                if said:
                    console.print(f"  {one.words}: {said}")
            for noise in [] if report.whole else noise_lines(own):
                console.print(f"  noise: {noise}")
        for line in confirm_lines(group):
            console.print(line)
        for line in _changed(group):
            console.print(f"what else changed: {line}")
        console.print()
    for line in _line_lines(report):
        console.print(line)
    return "".join(f"{line.rstrip()}\n" for line in into.getvalue().splitlines())


def _line_lines(report: Report) -> list[str]:
    """The listing of what no two releases show: recovered changes and drifts."""
    if not report.whole:
        return []
    found = [one for one in report.changes if one.kind in (RECOVERED, DRIFT)]
    if not found:
        return ["Over the whole lines: nothing that recovered, and no drift."]
    lines = ["Over the whole lines:"]
    return lines + [f"  {one.profile}: {line_change(one)}" for one in found]


# -- Markdown


def markdown(report: Report) -> str:
    """Fit for an issue or a pull request: the evidence folded away."""
    lines: list[str] = []
    for group in _groups(report.verdicts):
        if report.whole and not any(_is_news(one) for one in group):
            continue
        lines += _markdown_of(group, report)
    if report.whole:
        quiet = [g for g in _groups(report.verdicts) if not any(_is_news(one) for one in g)]
        lines.append(f"{len(quiet)} other comparisons of releases show no change.")
        lines.append("")
        listing = _line_lines(report)
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
        lines += [f"| {' | '.join(HEADINGS)} |", "|---|---|--:|--:|--:|--:|---|"]
        for one in rows:
            cells = [cell(word) for word in _cells(one)]
            if one.outcome == REGRESSED:
                cells[1] = f"**{cells[1]}**"
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
        said = [(one.words, remark(one, cell, lambda command: f"`{command}`")) for one in rows]
        remarks = [f"- {cell(words)}: {line}" for words, line in said if line]
        lines += [*remarks, ""] if remarks else []
    lines += ["What else changed:", "", *(f"- {cell(line)}" for line in _changed(group)), ""]
    if first.against is not None:
        lines += ["To reproduce it:", "", "```sh", *_reproduce(group), "```", ""]
    return [*lines, *_evidence(group)]


def _evidence(group: Sequence[Verdict]) -> list[str]:
    """Every process of every comparison, folded away."""
    compared = [one for one in group if one.ratio is not None]
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
        for one in own:
            for side in (one.before, one.after):
                if side is None:
                    continue
                for session in dict.fromkeys(each.session for each in side.evidence):
                    values = ", ".join(
                        f"{each.value * known.scale:.4g}"
                        for each in side.evidence
                        if each.session == session
                    )
                    cells = (one.words, side.release, session, values)
                    lines.append(row(cells))
        lines.append("")
        for noise in noise_lines(own):
            lines += [f"Noise: {cell(noise)}.", ""]
        many = own[0].comparisons
        lines += [
            f"Each interval holds for its comparison alone, with {CONFIDENCE:.0%}"
            f"{f'; what is sure is sure for all {many} together' if many > 1 else ''}.",
            "",
        ]
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
        "verdicts": [one.as_json() for one in report.verdicts],
        "changes": [one.as_json() for one in report.changes],
        "notes": list(report.notes),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Report], str]] = {"text": text, "md": markdown, "json": as_json}
