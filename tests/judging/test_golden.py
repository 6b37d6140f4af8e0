"""The Markdown of a verdict, one file a situation.

To write the files anew after a wanted change of the texts, and look at the difference:

    VGGBENCH_WRITE_GOLDEN=1 .venv/bin/pytest tests/judging/test_golden.py; git diff tests
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vggbench.judging import line_changes, phrases, verdicts
from vggbench.judging.acknowledged import Acknowledged
from vggbench.records import Record

from .duets import blocks
from .literal import CATALOGUE, FUSED, LINE, MACHINE, NCHW, evidence, line, measured, record

GOLDEN = Path(__file__).parent / "golden"
NEWEST, BEFORE = LINE[-1], LINE[-2]

#: What releases say of themselves where oneDNN and XLA came with the newest one.
OLD = {
    "tensorflow": "2.15.1",
    "numpy": "1.26.4",
    "xla": {"mode": "session"},
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
MOVED = {"tensorflow": "2.16.2", "numpy": "2.0.0", "mkl_enabled": True, "xla": {"mode": "function"}}

ACCEPTED = [Acknowledged("tensorflow", NEWEST, "NHWC none off", "the new kernel is exact")]

SITUATIONS: dict[str, list[Record]] = {
    "regressed": [
        *line(*[0.1] * 6, 0.112),
        *line(*[0.2] * 7, words=NCHW),
    ],
    "improved": line(*[0.1] * 6, 0.085),
    "unchanged": line(*[0.1] * 7),
    "not_sure": line(*[0.1] * 6, 0.1018),
    "new": [record(BEFORE, outcome="n/a", reason="NHWC only", session=5), *measured(NEWEST)],
    "lost": [
        *line(0.1, 0.1)[:4],
        record(NEWEST, outcome="n/a", reason="no <kernel> | of_it", session=6),
    ],
    "failed": [
        *line(0.1, 0.1),
        record(NEWEST, outcome="failed", error="crashed with SIGSEGV while warming up", session=6),
        *line(0.1, 0.1, words=FUSED),
    ],
    "acknowledged": line(*[0.1] * 6, 0.112),
    "companions_moved": [
        *line(*[0.1] * 7, versions=OLD)[:-4],
        *measured(NEWEST, 0.08, versions=MOVED),
    ],
    "one_process": [*measured(BEFORE), *measured(NEWEST, 0.2, processes=1)],
    "another_state": [*measured(BEFORE, cpus=4), *measured(NEWEST)],
    "unmeasured_before": measured(NEWEST),
    "by_duets": [
        *blocks(BEFORE, NEWEST, 1.1),
        *blocks(BEFORE, NEWEST, 1.02, FUSED, session=21, count=3),
        *blocks(LINE[0], LINE[0], session=10),
        *line(0.1, 0.1, words=NCHW),
    ],
    "disputed": [*line(*[0.1] * 6, 0.112), *blocks(BEFORE, NEWEST)],
    "calibrated": [
        *line(*[0.1] * 6, 0.112),
        *(
            record
            for session in range(10, 20)
            for record in measured(NEWEST, 0.112, session=session, purpose="calibrate")
        ),
    ],
    "history": [
        *line(0.1, 0.1, 0.1, 0.13, 0.1, 0.1, 0.1),
        *line(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, words=FUSED),
    ],
}


def report(records: Sequence[Record], whole: bool, **more: Any) -> phrases.Report:
    found = evidence(records)
    if whole:
        all_of = verdicts.of_track(found, "tensorflow", **more)
        changes = line_changes.of_track(found, "tensorflow")
    else:
        all_of = verdicts.of_release(found, CATALOGUE.by_name[NEWEST], **more)
        changes = []
    status = verdicts.exit_status(all_of)
    return phrases.Report(
        machine=MACHINE,
        threshold=0.02,
        status=status,
        verdicts=all_of,
        changes=changes,
        whole=whole,
        notes=tuple(found.left_out),
    )


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_markdown_is_what_it_was(situation: str) -> None:
    accepted = ACCEPTED if situation == "acknowledged" else []
    told = phrases.markdown(
        report(SITUATIONS[situation], situation == "history", accepted=accepted)
    )
    path = GOLDEN / f"{situation}.md"
    if os.environ.get("VGGBENCH_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(told)
    assert told == path.read_text()


def test_no_golden_file_is_left_behind() -> None:
    assert {path.stem for path in GOLDEN.glob("*.md")} == set(SITUATIONS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_row_of_the_text_is_one_line_however_long(situation: str) -> None:
    said = report(SITUATIONS[situation], situation == "history")
    lines = phrases.text(said).splitlines()
    for verdict in said.verdicts:
        if said.whole and verdict.outcome in ("unchanged", "not sure"):
            continue
        row = [
            verdict.words,
            phrases.change(verdict),
            phrases.quantity(verdict.after, verdict.measure),
        ]
        assert any(all(cell in text for cell in row) for text in lines)
    assert "\x1b" not in phrases.text(said)
    assert not any(text.endswith(" ") for text in lines)


def test_a_terminal_gets_colours() -> None:
    said = report(SITUATIONS["regressed"], False)
    assert "\x1b[31m" in phrases.text(said, colour=True)
