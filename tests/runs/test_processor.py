"""Which processor it is, and that another one is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggbench import records
from vggbench.records import stretches
from vggbench.runs import processor
from vggbench.runs.processor import OtherProcessor

from ..records.factory import record, sitting_line

HERE = dict(processor.processor())


def test_the_processor_is_told_by_what_does_not_change(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\nmodel\t\t: 17\ncpu MHz\t\t: 2800.1\nflags\t\t: fpu avx2 avx avx512f\n\n"
        "processor\t: 1\nmodel\t\t: 18\n"
    )
    told = dict(processor.processor(cpuinfo))
    assert told["model"] == "17"
    assert told["instruction sets"] == "avx avx2 avx512f"
    assert "2800" not in json.dumps(told)
    assert processor.processor(tmp_path / "none")["model"] == ""


def test_a_record_has_it_in_short() -> None:
    told = {**HERE, "model name": "AMD EPYC", "model": "17", "instruction sets": "avx avx2"}
    short = processor.in_short(told)
    assert short["model"] == "17"
    assert len(short["instruction sets"]) == processor.DIGEST
    assert (
        short["instruction sets"]
        != processor.in_short({**told, "instruction sets": "avx"})["instruction sets"]
    )
    assert processor.described(short).startswith("AMD EPYC (")
    assert "model 17" in processor.described(short)
    assert processor.described({}) == "unknown ()"


def test_another_one_than_on_record_is_refused(tmp_path: Path) -> None:
    processor.require_known(tmp_path, None)
    processor.require_known(tmp_path, "box")
    file = records.folder(tmp_path, "box") / "run.jsonl"
    records.append(file, record())  # of before it was kept
    processor.require_known(tmp_path, "box")
    records.append(file, record(processor=processor.in_short(HERE)))
    processor.require_known(tmp_path, "box")
    records.append(file, record(processor={**processor.in_short(HERE), "stepping": "99"}))
    with pytest.raises(OtherProcessor, match=r"stepping is .*, was 99; give this one a name"):
        processor.require_known(tmp_path, "box")


@pytest.mark.parametrize("told", [None, "x", 3, [], {"model": 10**400}, {"model": [1]}])
def test_nonsense_on_record_is_no_traceback(tmp_path: Path, told: object) -> None:
    file = records.folder(tmp_path, "box") / "run.jsonl"
    records.append(file, record(processor=told))
    if isinstance(told, dict):
        with pytest.raises(OtherProcessor):
            processor.require_known(tmp_path, "box")
    else:
        processor.require_known(tmp_path, "box")


def test_without_records_that_of_the_last_sitting_counts(tmp_path: Path) -> None:
    path = stretches.path(tmp_path, "box")
    path.parent.mkdir(parents=True)
    path.write_text(sitting_line(HERE))
    processor.require_known(tmp_path, "box")
    path.write_text(sitting_line({**HERE, "model": "none such"}))
    with pytest.raises(OtherProcessor, match="was none such"):
        processor.require_known(tmp_path, "box")
    path.write_text("no sitting\n")
    processor.require_known(tmp_path, "box")  # a history says what is wrong with it
