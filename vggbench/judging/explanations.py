"""What got slower in a step: from the records of traced processes to classes of operations.

``vggbench explain`` measures a release and the one before in blocks of duets whose processes are
traced by their framework's profiler. Here the operations of each step are put into classes, and the
two releases are compared class by class.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from .. import frameworks, records
from ..frameworks import CONV_GRAD_INPUTS, CONV_GRAD_WEIGHTS, CONV_GRADS, OTHER
from ..inside.profilers import WITHIN
from ..records import Record
from ..records.record import MOST_SECONDS, class_of, is_number
from ..releases.catalogue import Catalogue
from ..stats import parts
from ..stats.parts import PartDifference
from ..stats.policy import CHANGED, LEAST_BLOCKS
from . import duets
from .duets import Block, DuetRecords, SubjectKey, in_one_state
from .measures import STEP
from .phrases import cell, row
from .verdicts import Verdict

#: The part of a step in which no operation ran.
IDLE = "idle"

#: What a class of operations is, in words that follow "are" or "is".
CLASS_WORDS = {
    frameworks.CONV_FORWARD: "convolutions",
    CONV_GRAD_WEIGHTS: "gradients of the convolutions' weights",
    CONV_GRAD_INPUTS: "gradients of the convolutions' inputs",
    frameworks.MATMUL: "matrix products",
    frameworks.POOL: "pooling",
    frameworks.BATCH_NORM: "batch normalisation",
    frameworks.ELEMENTWISE: "elementwise operations",
    frameworks.LAYOUT: "copies and reorders",
    frameworks.UPDATE: "the update of the weights",
    OTHER: "operations that no table knows",
    IDLE: "time in which no operation ran",
}

#: So many operations of a class are shown, the ones that differ most.
LARGEST = 3


class NoTrace(ValueError):
    """A record holds no trace, or one that is none."""


@dataclass(frozen=True)
class Operation:
    """An operation, or all of one name, kind and shapes: seconds of a step in both releases, None
    where a release has no such operation."""

    name: str
    kind: str
    shapes: str
    before_s: float | None
    after_s: float | None

    @property
    def difference_s(self) -> float:
        return (self.after_s or 0.0) - (self.before_s or 0.0)


@dataclass(frozen=True)
class Part:
    """A class of operations, or IDLE. ``operations``: those that differ most, LARGEST at most."""

    name: str
    difference: PartDifference
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True)
class Implementation:
    """A kind of oneDNN's primitives that both releases compute, but by other implementations.

    ``shapes``: how many shapes of it. ``before`` and ``after``: the implementations' names.
    ``before_s`` and ``after_s``: seconds of a step that they took, by oneDNN's own account.
    """

    kind: str
    before: str
    after: str
    shapes: int
    before_s: float
    after_s: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the step of two releases differs by, in one configuration.

    ``step``: the whole step, as the traced processes took it. ``parts``: the largest difference
    first. ``traced_by``: what told the operations, of both. ``cost``: the traced step by the
    untraced one of the same processes, of both. ``named``: the share of the step that lies in
    classes other than OTHER, of both.
    """

    machine: str
    profile: str
    benchmark: str
    configuration: Mapping[str, Any]
    before: str
    after: str
    blocks: int
    step: PartDifference
    parts: tuple[Part, ...]
    implementations: tuple[Implementation, ...]
    traced_by: tuple[str, str]
    cost: tuple[float, float]
    named: tuple[float, float]
    notes: tuple[str, ...] = field(default=())

    @property
    def words(self) -> str:
        """The configuration, as messages name it."""
        return records.words_of(self.configuration)

    @property
    def sure(self) -> list[Part]:
        """The parts that surely differ, the largest first."""
        return [part for part in self.parts if part.difference.is_sure]

    @property
    def reach_s(self) -> float:
        """Half the width of the widest interval of a part, in seconds."""
        return max((part.difference.high - part.difference.low) / 2 for part in self.parts)

    def share(self, part: Part) -> float | None:
        """The share of the step's difference that lies in a part; None where the step's is not
        sure, and has no shares."""
        if not self.step.is_sure:
            return None
        return part.difference.difference / self.step.difference

    def as_json(self) -> dict[str, Any]:
        """docs/explaining.md lists the keys."""
        return {
            "machine": self.machine,
            "profile": self.profile,
            "benchmark": self.benchmark,
            "configuration": dict(self.configuration),
            "release": self.after,
            "against": self.before,
            "blocks": self.blocks,
            "words": self.words,
            "headline": headline(self),
            "step": _json_of(self.step),
            "classes": [
                {
                    "class": part.name,
                    **_json_of(part.difference),
                    "share": self.share(part),
                    "sure": part.difference.is_sure,
                    "operations": [asdict(operation) for operation in part.operations],
                }
                for part in self.parts
            ],
            "implementations": [asdict(each) for each in self.implementations],
            "traced_by": list(self.traced_by),
            "cost": list(self.cost),
            "named": list(self.named),
            "notes": list(self.notes),
        }


def _json_of(difference: PartDifference) -> dict[str, float]:
    return {
        "before_s": difference.before,
        "after_s": difference.after,
        "difference_s": difference.difference,
        "low_s": difference.low,
        "high_s": difference.high,
    }


def milliseconds(seconds: float) -> str:
    """A difference as a reader sees it, with its sign: three digits, but no more than 1 us."""
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
        told = "" if share is None else f"{100 * share:.0f} %"
        rows.append(_row(part.name, part.difference, told))
        rows += [
            (
                f"  {each.name} [{each.shapes}]" if each.shapes else f"  {each.name}",
                _plain(each.before_s),
                _plain(each.after_s),
                milliseconds(each.difference_s),
                "",
                "",
            )
            for each in part.operations
        ]
    return rows


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
    costs = [f"{100 * (cost - 1):+.0f} %" for cost in explanation.cost]
    named = [f"{100 * share:.0f} %" for share in explanation.named]
    lines = [
        f"traced by {_both(explanation.traced_by)}, which costs {_both(costs)} of a step; "
        f"{_both(named)} of it in named classes; {explanation.blocks} blocks"
    ]
    lines += [
        f"oneDNN: {each.kind} by {each.after} instead of {each.before} in {each.shapes} "
        f"shape{'s' if each.shapes > 1 else ''}: "
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


# -- from records


def told(
    found: Sequence[Verdict], machine: str, taken: Iterable[Record], catalogue: Catalogue
) -> list[Verdict]:
    """The verdicts, each sure change of a step with a note that has the first line of its
    explanation. ``taken``: the machine's records, those of traced processes among them."""
    traced, _ = duets.gather(machine, taken, catalogue, purpose=records.EXPLAIN)
    if not traced:
        return list(found)
    return [_with_note(verdict, traced, catalogue) for verdict in found]


def _with_note(verdict: Verdict, traced: Sequence[Block], catalogue: Catalogue) -> Verdict:
    if verdict.measure != STEP.key or verdict.outcome not in CHANGED or verdict.against is None:
        return verdict
    key = records.key_of(verdict.benchmark, verdict.configuration)
    before, after = (
        (catalogue.by_name[name].commit, key, None) for name in (verdict.against, verdict.release)
    )
    of_profile = [block for block in traced if block.profile == verdict.profile]
    explanation = of_blocks(of_profile, before, after)
    if explanation is None:
        return verdict
    return replace(verdict, notes=(*verdict.notes, f"operations: {headline(explanation)}"))


@dataclass(frozen=True)
class _Traced:
    """What a record's trace says: of each traced step the seconds of each class and of IDLE, and of
    each operation (class, name, kind, shapes) the seconds of a step."""

    profiler: str
    plain_steps: int
    steps: Sequence[Mapping[str, float]]
    operations: Mapping[tuple[str, str, str, str], float]
    primitives: Mapping[tuple[str, str], tuple[frozenset[str], float]]
    plain_s: float
    traced_s: float
    notes: tuple[str, ...]


def of_blocks(found: Iterable[Block], before: SubjectKey, after: SubjectKey) -> Explanation | None:
    """The explanation by those traced blocks that are of these two subjects, in the state in which
    the newest was measured; None where they are fewer than LEAST_BLOCKS."""
    own = [block for block in found if block.reads(before, after)]
    own = [block for block in in_one_state(own) if _has_traces(block)] if own else []
    if len(own) < LEAST_BLOCKS:
        return None
    of_duets = []
    traced: tuple[list[_Traced], list[_Traced]] = [], []
    for block in own:
        turned = block.reads(before, after) < 0
        for number, duet in enumerate(block.duets):
            both = tuple(reversed(duet)) if turned else tuple(duet)
            first, second = (_traced(record) for record in both)
            traced[0].append(first)
            traced[1].append(second)
            of_duets.append(parts.Duet(_pairs(duet, first, second), swapped=bool(number) != turned))
    differences = parts.differences(of_duets)
    step = differences.pop(parts.STEP)
    newest = own[-1]
    one, other = (newest.of(key)[0] for key in (before, after))
    return Explanation(
        machine=one.machine if isinstance(one.machine, str) else "",
        profile=newest.profile,
        benchmark=one.benchmark,
        configuration=dict(other.configuration),
        before=one.release,
        after=other.release,
        blocks=len(own),
        step=step,
        parts=tuple(_parts(differences, traced)),
        implementations=tuple(_implementations(*traced)),
        traced_by=(traced[0][-1].profiler, traced[1][-1].profiler),
        cost=(_cost(traced[0]), _cost(traced[1])),
        named=(_named(traced[0]), _named(traced[1])),
        notes=tuple(dict.fromkeys(note for side in traced for each in side for note in each.notes)),
    )


def _has_traces(block: Block) -> bool:
    try:
        return all(_pairs(duet, _traced(duet.first), _traced(duet.second)) for duet in block.duets)
    except NoTrace:
        return False


def _pairs(
    duet: DuetRecords, first: _Traced, second: _Traced
) -> list[tuple[parts.Parts, parts.Parts]]:
    """The traced steps of a duet, pair by pair, without those that others disturbed."""
    begin = max(first.plain_steps, second.plain_steps)
    found = []
    for place in duet.counting:
        own = place - first.plain_steps, place - second.plain_steps
        if place >= begin and own[0] < len(first.steps) and own[1] < len(second.steps):
            found.append((first.steps[own[0]], second.steps[own[1]]))
    return found


def _parts(
    differences: Mapping[str, PartDifference], traced: tuple[list[_Traced], list[_Traced]]
) -> list[Part]:
    """The parts, the largest difference first, with their operations."""
    sides: list[dict[tuple[str, str, str, str], list[float]]] = [{}, {}]
    for place, side in enumerate(traced):
        for each in side:
            for key, seconds in each.operations.items():
                sides[place].setdefault(key, []).append(seconds)
    operations: dict[str, list[Operation]] = {}
    for key in dict.fromkeys((*sides[0], *sides[1])):
        class_, name, kind, shapes = key
        before, after = (
            sum(side[key]) / len(traced[place]) if key in side else None
            for place, side in enumerate(sides)
        )
        operations.setdefault(class_, []).append(Operation(name, kind, shapes, before, after))
    found = []
    for name, difference in differences.items():
        own = sorted(operations.get(name, ()), key=lambda each: -abs(each.difference_s))
        found.append(Part(name, difference, tuple(own[:LARGEST])))
    return sorted(found, key=lambda part: (-abs(part.difference.difference), part.name))


def _implementations(before: Sequence[_Traced], after: Sequence[_Traced]) -> list[Implementation]:
    """What oneDNN computes by another implementation than before, the longest first."""
    changed: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for key in before[-1].primitives.keys() & after[-1].primitives.keys():
        (names, seconds), (other_names, other_seconds) = (
            before[-1].primitives[key],
            after[-1].primitives[key],
        )
        if names != other_names:
            kind = key[0], ", ".join(sorted(names)), ", ".join(sorted(other_names))
            changed.setdefault(kind, []).append((seconds, other_seconds))
    found = [
        Implementation(
            *kind, len(seconds), sum(one for one, _ in seconds), sum(other for _, other in seconds)
        )
        for kind, seconds in changed.items()
    ]
    return sorted(found, key=lambda each: (-each.after_s, each.kind, each.before))


def _cost(traced: Sequence[_Traced]) -> float:
    return statistics.median(each.traced_s / each.plain_s for each in traced)


def _named(traced: Sequence[_Traced]) -> float:
    whole = sum(sum(step.values()) for each in traced for step in each.steps)
    unknown = sum(step.get(OTHER, 0.0) for each in traced for step in each.steps)
    return 1 - unknown / whole


def _traced(record: Record) -> _Traced:
    """What a record's trace says. Raises NoTrace where it has none, or nonsense."""
    trace = record.trace
    try:
        steps_s = _seconds(trace["steps_s"])
        idle_s = _seconds(trace["idle_s"], len(steps_s))
        plain = trace["plain_steps"]
        samples = _seconds(record.samples)
        told = [
            (str(each["name"]), str(each["kinds"]), str(each["shapes"]), own)
            for each in trace["operations"]
            for own in [_seconds(each["seconds"], len(steps_s))]
        ]
        primitives = [
            (
                str(each["kind"]),
                str(each["direction"]),
                str(each["implementation"]),
                str(each["shapes"]),
                own,
            )
            for each in trace.get("onednn", ())
            for own in [_seconds(each["seconds"])]
        ]
        if not (isinstance(plain, int) and 0 < plain < len(samples) and steps_s):
            raise NoTrace("it has no step that was traced")
    except (TypeError, KeyError, AttributeError) as err:
        raise NoTrace(f"its trace is none: {err!r}") from None
    key = _framework(record)
    shared = _gradients(primitives)
    notes: list[str] = []
    steps: list[dict[str, float]] = [{IDLE: seconds} for seconds in idle_s]
    operations: dict[tuple[str, str, str, str], float] = {}
    for name, kinds, shapes, seconds in told:
        found = frameworks.operation_class(key, kinds, shapes)
        shares = {found: 1.0}
        if found == CONV_GRADS:
            shares = shared
            if not shared:
                notes.append(
                    f"{record.release} computes both gradients of a convolution in one operation, "
                    f"and nothing tells them apart"
                )
                shares = {OTHER: 1.0}
        kind = kinds.rpartition(WITHIN)[2]
        for part, share in shares.items():
            own = operations.setdefault((part, name, kind, shapes), 0.0)
            operations[part, name, kind, shapes] = own + share * statistics.fmean(seconds)
            for step, of_step in zip(steps, seconds, strict=True):
                step[part] = step.get(part, 0.0) + share * of_step
    return _Traced(
        profiler=str(trace.get("profiler", "")),
        plain_steps=plain,
        steps=steps,
        operations=operations,
        primitives=_by_shape(primitives),
        plain_s=statistics.median(samples[:plain]),
        traced_s=statistics.median(steps_s),
        notes=tuple(notes),
    )


def _seconds(value: Any, many: int | None = None) -> list[float]:
    """The list of seconds that ``value`` is, of so ``many``. Raises NoTrace where it is none."""
    if not isinstance(value, list) or (many is not None and len(value) != many):
        raise NoTrace("its trace has lists of other lengths")
    for each in value:
        if not (is_number(each) and 0 <= each <= MOST_SECONDS):
            raise NoTrace("its trace has seconds that are none")
    return [float(each) for each in value]


def _framework(record: Record) -> str:
    """The key of the framework that computed the steps."""
    if record.backend is not None:
        return record.backend
    framework = frameworks.titled(class_of(record.benchmark))
    return "" if framework is None else framework.key


_Primitive = tuple[str, str, str, str, list[float]]


def _gradients(primitives: Sequence[_Primitive]) -> dict[str, float]:
    """How the seconds of both gradients of convolutions are shared out, by oneDNN's account; empty
    where it tells of none."""
    seconds = {
        name: sum(
            sum(own)
            for kind, told, _, _, own in primitives
            if kind == "convolution" and told == direction
        )
        for name, direction in (
            (CONV_GRAD_WEIGHTS, "backward_weights"),
            (CONV_GRAD_INPUTS, "backward_data"),
        )
    }
    whole = sum(seconds.values())
    return {name: own / whole for name, own in seconds.items()} if whole > 0 else {}


def _by_shape(
    primitives: Sequence[_Primitive],
) -> dict[tuple[str, str], tuple[frozenset[str], float]]:
    """By the kind of a primitive and its shapes: the implementations, and seconds of a step."""
    found: dict[tuple[str, str], tuple[frozenset[str], float]] = {}
    for kind, direction, implementation, shapes, seconds in primitives:
        key = f"{kind} {direction}".strip(), shapes
        names, so_far = found.get(key, (frozenset(), 0.0))
        mean = statistics.fmean(seconds) if seconds else 0.0
        found[key] = names | {implementation}, so_far + mean
    return found
