"""What is said of the anchors of a sitting, from literals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggbench import records
from vggbench.campaigns.history import anchors
from vggbench.campaigns.history.plan import Plan, Stage
from vggbench.records import Record

from ...judging.literal import LINE, MACHINE
from ...judging.literal import record as literal_record
from ...records.factory import CATALOGUE
from ..here import local

ANCHOR = CATALOGUE.by_name[LINE[-1]]
PLAN = Plan((ANCHOR,), 3, (Stage("all", (ANCHOR,), (r"TensorFlow\.time_train_step",)),))
NAME = f"anchor {LINE[-1]} NHWC none off"


def sitting(number: int, seconds: float = 0.1, **more: Any) -> list[Record]:
    return [
        literal_record(LINE[-1], seconds * (1 + part), session=number, purpose="calibrate", **more)
        for part in (-0.004, 0.006, -0.001)
    ]


def reported(folder: Path, *sittings: list[Record]) -> str:
    """The lines about the anchors of the last sitting."""
    for one in sittings:
        for record in one:
            records.append(records.folder(folder, MACHINE) / f"{record.run}.jsonl", record)
    (line,) = anchors.report(local(folder), PLAN, "cpu-quick", sittings[-1][0].run, 0.02)
    return line


def test_the_first_sitting_has_nothing_to_be_held_against(tmp_path: Path) -> None:
    assert reported(tmp_path, sitting(1)) == f"{NAME}: measured for the first time"


def test_a_later_one_is_held_against_those_before(tmp_path: Path) -> None:
    line = reported(tmp_path, sitting(1), sitting(2))
    assert line.startswith(f"{NAME}: +0.0 % (")
    assert line.endswith("against 1 earlier sitting, within the machine's noise")


@pytest.mark.parametrize(
    ("state", "told"),
    [({"cpus": 8}, "8 CPUs"), ({"variables": {"TF_XLA_FLAGS": "x"}}, "2 CPUs, TF_XLA_FLAGS=x")],
)
def test_earlier_sittings_with_other_cpus_or_flags_are_said_not_to_be_comparable(
    tmp_path: Path, state: dict[str, Any], told: str
) -> None:
    assert reported(tmp_path, sitting(1, **state), sitting(2)) == (
        f"{NAME}: measured before with {told}, now with 2 CPUs: not comparable, it says nothing "
        f"of the machine"
    )


def test_what_is_comparable_is_compared_whatever_else_was_measured(tmp_path: Path) -> None:
    line = reported(tmp_path, sitting(1), sitting(2, cpus=8), sitting(3))
    assert "against 1 earlier sitting" in line


def test_an_anchor_without_a_process_that_counts_says_nothing(tmp_path: Path) -> None:
    line = reported(tmp_path, sitting(1), sitting(2, lock="0" * 64))
    assert line == f"{NAME}: not measured, see above: it says nothing of the machine"
