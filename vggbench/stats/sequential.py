"""The confirmation of one comparison: how many more processes to take, and when to stop."""

from __future__ import annotations

from .judge import Judgement
from .policy import BATCH, CHANGED, MOST, NOT_SURE


def to_confirm(judgement: Judgement, lacks_shared_session: bool) -> bool:
    """Whether processes should be taken at all: where a slow-down is suspected, or a change is sure
    though the releases were measured in no session together.

    The latter rests on an estimate of the noise of sessions, which may be wrong. The noise of
    interleaved processes can be seen in these processes themselves.
    """
    return judgement.suspected or (lacks_shared_session and judgement.outcome in CHANGED)


def next_batch(
    judgement: Judgement, spent: int, most: int = MOST, lacks_shared_session: bool = False
) -> int:
    """How many more processes to take now, of both releases together: half of each, A B B A. It is
    0 where the answer is sure, or ``spent`` leaves no whole batch of ``most``.

    To be called before the first batch and after each, with the judgement of all evidence so far. A
    comparison that was suspected is followed until the answer is sure, even when it is no longer
    suspected. A change that was sure without a shared session gets at least one batch.
    """
    if lacks_shared_session and spent == 0 and to_confirm(judgement, lacks_shared_session):
        return min(BATCH, most)
    if judgement.outcome != NOT_SURE or spent + BATCH > most:
        return 0
    return BATCH
