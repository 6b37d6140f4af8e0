"""A change of a release in one sentence, as the first page and the findings have it."""

from __future__ import annotations

from ..judging.measures import FIRST_STEP, PEAK_MEMORY, STEP

#: A change of this many per cent or more has no decimals.
WHOLE_PERCENT = 10

#: The sentence on a change of each measure that is judged.
SENTENCES = {
    STEP.key: "a step takes {change} than in {against}",
    FIRST_STEP.key: "the first step takes {change} than in {against}",
    PEAK_MEMORY.key: "a process needs {change} memory at its peak than in {against}",
}


def sentence(
    measure: str, release: str, against: str, *, ratio: float, low: float, high: float
) -> str:
    """Such as "2.10.1: a step takes 28 % less than in 2.9.3 (24 to 31 %)".

    ``measure``: the key of one that is judged. ``ratio`` is the release by ``against``, a ratio
    that is surely not 1, in ``low`` to ``high``.
    """
    decimals = _decimals(ratio)
    least, most = sorted((_percent(low), _percent(high)))
    said = SENTENCES[measure].format(change=more_or_less(ratio), against=against)
    return f"{release}: {said} ({least:.{decimals}f} to {most:.{decimals}f} %)"


def more_or_less(ratio: float) -> str:
    """A change in words, such as "28 % less"."""
    return f"{_percent(ratio):.{_decimals(ratio)}f} % {'more' if ratio > 1 else 'less'}"


def _decimals(ratio: float) -> int:
    """How many decimals the per cent of a change have."""
    return 0 if _percent(ratio) >= WHOLE_PERCENT else 1


def _percent(ratio: float) -> float:
    """How far a ratio is from 1, in per cent."""
    return 100 * abs(ratio - 1)
