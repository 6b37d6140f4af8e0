"""How many processes a confirmation takes next."""

import pytest

from vggbench import cli
from vggbench.stats.judge import Judgement
from vggbench.stats.policy import (
    A_BLOCK,
    BATCH,
    MOST,
    MOST_BLOCKS,
    NOT_SURE,
    REGRESSED,
    UNCHANGED,
)
from vggbench.stats.sequential import next_batch


def judgement(outcome: str) -> Judgement:
    unsure = outcome == NOT_SURE
    return Judgement(
        outcome, 1.03, 0.99, 1.07, suspected=unsure, processes_needed=BATCH if unsure else None
    )


def test_an_unsure_judgement_takes_another_batch() -> None:
    assert next_batch(judgement(NOT_SURE), 0) == BATCH
    assert next_batch(judgement(NOT_SURE), MOST - BATCH) == BATCH


def test_a_sure_judgement_takes_no_more() -> None:
    assert next_batch(judgement(REGRESSED), 4) == 0
    assert next_batch(judgement(UNCHANGED), 4) == 0


def test_a_slow_down_that_no_session_has_seen_is_held_against_one_batch() -> None:
    assert next_batch(judgement(REGRESSED), 0, lacks_shared_session=True) == BATCH
    assert next_batch(judgement(REGRESSED), BATCH, lacks_shared_session=True) == 0
    assert next_batch(judgement(UNCHANGED), 0, lacks_shared_session=True) == 0


def test_the_most_is_never_exceeded() -> None:
    assert next_batch(judgement(NOT_SURE), MOST) == 0
    assert next_batch(judgement(NOT_SURE), 8, most=11) == 0
    assert next_batch(judgement(NOT_SURE), 8, most=12) == BATCH


@pytest.mark.parametrize("command", ["confirm tensorflow-2.9.3", "check", "history"])
def test_the_commands_stop_where_the_judge_says(command: str) -> None:
    assert cli._parser().parse_args(command.split()).processes == A_BLOCK * MOST_BLOCKS
