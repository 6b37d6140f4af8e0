"""The confirmation of one comparison: how many more processes to take, and when to stop."""

from __future__ import annotations

from .judge import Judgement
from .policy import BATCH, CHANGED, MOST, NOT_SURE


def to_confirm(judgement: Judgement, apart: bool) -> bool:
    """Whether processes should be taken at all: where a slow-down is suspected, or a change is sure
    though the releases were measured ``apart``, in no session together.

    The latter rests on an estimate of the noise of sessions, which may be wrong. The noise of
    interleaved processes can be seen in these processes themselves.
    """
    return judgement.suspected or (apart and judgement.outcome in CHANGED)


def next_batch(judgement: Judgement, spent: int, most: int = MOST, apart: bool = False) -> int:
    """How many more processes to take now, of both releases together: half of each, A B B A. It is
    0 where the answer is sure, or ``spent`` leaves no whole batch of ``most``.

    To be called before the first batch and after each, with the judgement of all evidence so far. A
    comparison that was suspected is followed until the answer is sure, even when it is no longer
    suspected. A change that was sure ``apart`` gets at least one batch.
    """
    if apart and spent == 0 and to_confirm(judgement, apart):
        return min(BATCH, most)
    if judgement.outcome != NOT_SURE or spent + BATCH > most:
        return 0
    return BATCH
