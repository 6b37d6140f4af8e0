"""Confirming one comparison: how many more processes to take, and when to stop."""

from __future__ import annotations

from vggbench.verdict.judge import BATCH, NOT_SURE, Judgement

#: Processes of both releases together after which a comparison is left unsure.
MOST = 40


def next_batch(judgement: Judgement, spent: int, most: int = MOST) -> int:
    """How many more processes of both releases together to take now, half of each, in the order
    A B B A; 0 when the answer is sure or ``spent`` leaves no whole batch of ``most``.

    To be asked after each batch, with the judgement of all evidence, the new one's included. A
    comparison that was suspected is followed up to a sure answer, also when it is suspected no
    longer.
    """
    if judgement.outcome != NOT_SURE or spent + BATCH > most:
        return 0
    return BATCH
