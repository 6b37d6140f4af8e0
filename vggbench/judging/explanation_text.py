"""What an explanation says, in words, in tables, and in JSON."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from .. import frameworks, records
from ..errors import how_many
from ..records import Record
from ..releases.catalogue import Release
from ..runs.duet import set_by_us
from ..stats.parts import PartDifference
from ..stats.policy import CHANGED, per_cent
from . import duets
from .duets import Block
from .evidence import Evidence
from .explanations import Explanation, Operation, Part, of_blocks
from .measures import STEP
from .phrases import cell, row
from .state import State, known_of
from .traces import IDLE
from .verdicts import Verdict

#: What a class of operations is, in words that follow "are" or "is".
CLASS_WORDS = {
    frameworks.CONV_FORWARD: "convolutions",
    frameworks.CONV_GRAD_WEIGHTS: "gradients of the convolutions' weights",
    frameworks.CONV_GRAD_INPUTS: "gradients of the convolutions' inputs",
    frameworks.MATMUL: "matrix products",
    frameworks.POOL: "pooling",
    frameworks.BATCH_NORM: "batch normalisation",
    frameworks.ELEMENTWISE: "elementwise operations",
    frameworks.LAYOUT: "copies and reorders",
    frameworks.UPDATE: "the update of the weights",
    frameworks.OTHER: "operations that no table knows",
    IDLE: "time in which no operation ran",
}


def milliseconds(seconds: float) -> str:
    """A difference as a reader sees it, with its sign: three digits, but nothing finer than 10
    us."""
    shown = seconds * 1e3
    digits = 0 if abs(shown) >= 99.5 else 1 if abs(shown) >= 9.95 else 2
    return f"{shown:+.{digits}f}"


def headline(explanation: Explanation) -> str:
    """The first line: what makes most of the difference, in words."""
    step, sure = explanation.step, explanation.sure
    whole = (
        f"{milliseconds(step.difference)} ms "
        f"({milliseconds(step.low)} to {milliseconds(step.high)})"
    )
    if not sure:
        return f"no class of operations surely differs: the step {whole}"
    largest = sure[0]
    first = _of(largest)
    if step.is_sure and (step.difference > 0) == (largest.difference.difference > 0):
        text = (
            f"{milliseconds(largest.difference.difference)} ms of "
            f"{milliseconds(step.difference)} ms are {CLASS_WORDS[largest.name]} "
            f"({milliseconds(largest.difference.low)} to {milliseconds(largest.difference.high)})"
        )
    else:
        text = f"{first}; the step {whole}"
    further = [_of(part) for part in sure[1:3]]
    return "; ".join((text, *further))


def _of(part: Part) -> str:
    own = part.difference
    return (
        f"{CLASS_WORDS[part.name]} {milliseconds(own.difference)} ms "
        f"({milliseconds(own.low)} to {milliseconds(own.high)})"
    )


HEADINGS = ("class", "before, ms", "after, ms", "difference, ms", "interval", "share")


def _rows(explanation: Explanation) -> list[tuple[str, ...]]:
    """The table's rows: the step, and each part with its largest operations below."""
    rows = [_row("step", explanation.step, "")]
    for part in explanation.parts:
        share = explanation.share(part)
        told = "" if share is None else per_cent(share)
        rows.append(_row(part.name, part.difference, told))
        rows += [
            (
                f"  {_label(each)}",
                _plain(each.before_s),
                _plain(each.after_s),
                milliseconds(each.difference_s),
                "",
                "",
            )
            for each in part.operations
        ]
    return rows


def _label(operation: Operation) -> str:
    """An operation as its row has it. Small ones are on record by their kind alone."""
    name = operation.name or f"small {operation.kind}"
    return f"{name} [{operation.shapes}]" if operation.shapes else name


def _row(name: str, difference: PartDifference, share: str) -> tuple[str, ...]:
    return (
        name,
        _plain(difference.before),
        _plain(difference.after),
        milliseconds(difference.difference),
        f"{milliseconds(difference.low)} to {milliseconds(difference.high)}",
        share,
    )


def _plain(seconds: float | None) -> str:
    return "-" if seconds is None else milliseconds(seconds)[1:]


def _remarks(explanation: Explanation) -> list[str]:
    """What stands below the table."""
    longer = [per_cent(cost - 1) for cost in explanation.cost]
    named = [per_cent(share) for share in explanation.named]
    lines = [
        f"traced by {_both(explanation.traced_by)}, which makes a step {_both(longer)} longer; "
        f"{_both(named)} of the step lies in named classes; {explanation.blocks} blocks"
    ]
    lines += [
        f"oneDNN: {each.kind} by {each.after} instead of {each.before} in "
        f"{how_many(each.shapes, 'shape')}: "
        f"{_plain(each.before_s)} to {_plain(each.after_s)} ms of a step"
        for each in explanation.implementations
    ]
    return [*lines, *explanation.notes]


def _both(values: Sequence[str]) -> str:
    """What is said of the release before and of the release: once where both are alike."""
    return values[0] if values[0] == values[1] else f"{values[0]} and {values[1]}"


def _title(explanation: Explanation) -> str:
    return (
        f"{explanation.after} {explanation.words} against {explanation.before}, "
        f"{explanation.profile} on {explanation.machine}"
    )


def text(explanation: Explanation) -> str:
    """An explanation for a terminal or a pipe: the first line says it in words."""
    into = io.StringIO()
    console = Console(file=into, width=160, highlight=False, markup=False, emoji=False)
    console.print(f"{_title(explanation)}: {headline(explanation)}", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if place == 0 else "right", overflow="fold")
    for cells in _rows(explanation):
        table.add_row(*cells)
    console.print(table)
    for line in _remarks(explanation):
        console.print(line, soft_wrap=True)
    return "".join(f"{line.rstrip()}\n" for line in into.getvalue().splitlines())


def markdown(explanation: Explanation) -> str:
    """An explanation for an issue or a pull request."""
    lines = [
        f"**{cell(_title(explanation))}**: {cell(headline(explanation))}",
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---|--:|--:|--:|--:|--:|",
        *(row(each) for each in _rows(explanation)),
        "",
        *(f"- {cell(line)}" for line in _remarks(explanation)),
    ]
    return "\n".join(lines) + "\n"


def as_json(explanation: Explanation) -> dict[str, Any]:
    """docs/explaining.md lists the keys."""
    return {
        "machine": explanation.machine,
        "profile": explanation.profile,
        "benchmark": explanation.benchmark,
        "configuration": dict(explanation.configuration),
        "release": explanation.after,
        "against": explanation.before,
        "blocks": explanation.blocks,
        "words": explanation.words,
        "headline": headline(explanation),
        "step": _json_of(explanation.step),
        "classes": [
            {
                "class": part.name,
                **_json_of(part.difference),
                "share": explanation.share(part),
                "sure": part.difference.is_sure,
                "operations": [asdict(operation) for operation in part.operations],
            }
            for part in explanation.parts
        ],
        "implementations": [asdict(each) for each in explanation.implementations],
        "traced_by": list(explanation.traced_by),
        "cost": list(explanation.cost),
        "named": list(explanation.named),
        "notes": list(explanation.notes),
    }


def _json_of(difference: PartDifference) -> dict[str, float]:
    return {
        "before_s": difference.before,
        "after_s": difference.after,
        "difference_s": difference.difference,
        "low_s": difference.low,
        "high_s": difference.high,
    }


# -- beside verdicts


def with_explanations(
    found: Sequence[Verdict], evidence: Evidence, taken: Iterable[Record]
) -> list[Verdict]:
    """The verdicts, each sure change of a step with a note that has the first line of its
    explanation, where both rest on one state of the machine. ``evidence``: what the verdicts rest
    on. ``taken``: the machine's records, those of traced processes among them."""
    taken = list(taken)
    if not any(record.purpose == records.EXPLAIN for record in taken):
        return list(found)  # most machines: all their records need not be gone through for facts
    traced, _ = duets.gather(
        evidence.machine, taken, evidence.catalogue, known_of(taken), purpose=records.EXPLAIN
    )
    if not traced:
        return list(found)
    return [_with_note(verdict, evidence, traced) for verdict in found]


def _with_note(verdict: Verdict, evidence: Evidence, traced: Sequence[Block]) -> Verdict:
    if verdict.measure != STEP.key or verdict.outcome not in CHANGED or verdict.against is None:
        return verdict
    key = records.key_of(verdict.benchmark, verdict.configuration)
    by_name = evidence.catalogue.by_name
    before, after = by_name[verdict.against], by_name[verdict.release]
    states = _states(verdict, evidence, key, (before, after))
    ours = set_by_us(verdict.profile, records.EXPLAIN)
    alike = [
        block
        for block in traced
        if block.profile == verdict.profile and block.states[0].without(ours) in states
    ]
    explanation = of_blocks(alike, (before.commit, key, None), (after.commit, key, None))
    if explanation is None:
        return verdict
    return replace(verdict, notes=(*verdict.notes, f"operations: {headline(explanation)}"))


def _states(
    verdict: Verdict, evidence: Evidence, key: str, releases: tuple[Release, Release]
) -> list[State]:
    """The state that a verdict rests on: that of the newest block of its two releases, else of the
    newest process that measured the release."""
    before, after = releases
    line = next(
        line for line in evidence.lines if (line.profile, line.key) == (verdict.profile, key)
    )
    compared = evidence.compared(line, before, after)
    if compared:
        return [compared[-1].states[0].without(set_by_us(verdict.profile))]
    state = evidence.state(line, after)
    return [] if state is None else [state]
