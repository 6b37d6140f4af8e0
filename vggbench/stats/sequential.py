"""Confirming one comparison: how many more processes to take, and when to stop."""

from __future__ import annotations

from .judge import Judgement
from .policy import BATCH, CHANGED, MOST, NOT_SURE


def to_confirm(judgement: Judgement, apart: bool) -> bool:
    """Whether processes should be taken at all: a slow-down is suspected, or a change is sure by
    releases that were measured ``apart``, in no session together. What the noise of sessions is
    taken for may then be wrong; that of interleaved processes is seen."""
    return judgement.suspected or (apart and judgement.outcome in CHANGED)


def next_batch(judgement: Judgement, spent: int, most: int = MOST, apart: bool = False) -> int:
    """How many more processes of both releases together to take now, half of each, in the order
    A B B A; 0 when the answer is sure or ``spent`` leaves no whole batch of ``most``.

    To be asked after each batch, with the judgement of all evidence, the new one's included. A
    comparison that was suspected is followed up to a sure answer, also when it is suspected no
    longer. What was sure ``apart`` is held against one batch at least.
    """
    if apart and spent == 0 and to_confirm(judgement, apart):
        return min(BATCH, most)
    if judgement.outcome != NOT_SURE or spent + BATCH > most:
        return 0
    return BATCH
