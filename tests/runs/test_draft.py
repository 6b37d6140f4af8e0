"""Every way in which a process can end, and the outcome and the one line that come of it."""

import json
import os

import pytest

from vggbench import records
from vggbench.runs import draft as recorder
from vggbench.runs.draft import Draft
from vggbench.runs.process import Finished

from ..records import factory

STARTED = {"protocol": "1", "configuration": {"mode": "plain"}, "python": "3.6.15"}
BUILT = {**STARTED, "build_s": 1.5}
WARM = {**BUILT, "losses": [2.0, 1.0, 0.5], "warm_up_s": [0.1, 0.1, 0.1]}
SAMPLES = {"samples": [0.25, 0.5], "number": 1}


def finished(status=0, output="", overran=False):
    return Finished(output=output, errors="", status=status, overran=overran, seconds=12.5)


@pytest.fixture
def draft(tmp_path):
    """A draft of a process that runs, as Draft.begin leaves it."""
    record = factory.record(words="NHWC fused off", round=2).as_json()
    del record["outcome"]
    target = records.folder(tmp_path, "host") / f"{record['run']}.jsonl"
    path = tmp_path / "open" / "one.draft"
    path.parent.mkdir()
    path.write_text(json.dumps({"target": str(target), "record": record}))
    return Draft(
        record=record,
        notes_path=tmp_path / "open" / "one.notes",
        path=path,
        target=target,
        environment_folder=tmp_path / "env" / "tensorflow-2.16.2",
    )


def end(draft, done, notes=None, result=None, deadline_s=1800.0):
    """The record of a process that left ``notes`` and asv's ``result``, and its progress line."""
    if notes is not None:
        draft.notes_path.write_text(notes if isinstance(notes, str) else json.dumps(notes))
    result_file = draft.notes_path.with_name("result")
    if result is not None:
        result_file.write_text(result if isinstance(result, str) else json.dumps(result))
    record = draft.end(done, deadline_s, result_file)
    return record, records.progress_message(record)


def test_what_began_to_measure_beside_it_while_it_ran_is_on_record(draft, lock_of_machine):
    guests = lock_of_machine.with_name(f"{lock_of_machine.name}.beside")
    guests.write_text(json.dumps({"pid": 7, "command": "asv run", "started": "now"}))
    draft.at -= 1  # a file's time is no better than some milliseconds
    record, _ = end(draft, finished(), WARM, SAMPLES)
    assert record.beside == "process 7, asv run, since now"
    assert record.busy == "another measurement at the same time"


def test_what_measured_beside_another_one_before_is_not(draft, lock_of_machine):
    guests = lock_of_machine.with_name(f"{lock_of_machine.name}.beside")
    guests.write_text(json.dumps({"pid": 7, "command": "asv run", "started": "before"}))
    os.utime(guests, (draft.at - 1, draft.at - 1))
    record, _ = end(draft, finished(), WARM, SAMPLES)
    assert record.beside is None


USED = {"cpu_s": 3.0, "minor_faults": 10, "times": 2}
NOT_COUNTED = {"instructions": {"reason": "this machine has no such counter"}}


def test_what_the_samples_used_is_on_record_a_step(draft):
    notes = {**WARM, "used": USED, "counted": NOT_COUNTED}
    record, _ = end(draft, finished(), notes, SAMPLES)
    assert record.counters == {"cpu_s": 1.5, "minor_faults": 5.0, **NOT_COUNTED}
    assert (record.counter("cpu_s"), record.counter("instructions")) == (1.5, None)
    assert not {"used", "counted"} & set(record.stated)


def test_what_other_steps_used_too_is_not_that_of_the_samples(draft):
    notes = {**WARM, "used": {**USED, "times": 12}, "counted": {"cycles": 4e9}}
    record, _ = end(draft, finished(), notes, SAMPLES)
    assert record.counters == {"cycles": 4e9}


@pytest.mark.parametrize(("times", "growth"), [(2, 50.0), (12, None)])
def test_memory_that_other_steps_took_too_is_no_growth_of_the_samples(draft, times, growth):
    resident = {"resident_bytes": 1000, "resident_bytes_at_end": 1100}
    notes = {**WARM, **resident, "used": {**USED, "times": times}}
    record, _ = end(draft, finished(), notes, SAMPLES)
    assert record.memory_growth_per_step_bytes == growth


@pytest.mark.parametrize("notes", [{}, {"used": None, "counted": None}])
def test_a_process_that_counts_nothing_has_no_counters(draft, notes):
    record, _ = end(draft, finished(), {**WARM, **notes}, SAMPLES)
    assert "counters" not in record.stated


def test_without_samples_nothing_was_counted(draft):
    record, _ = end(draft, finished(status=-9), {**WARM, "used": USED})
    assert "counters" not in record.stated


HEAD = "tensorflow-2.16.2 NHWC fused off, process 2"

NO_SAMPLES = "it ended without samples, and without a reason for that"
TRACEBACK = "Traceback\n  ...\nImportError: no\n\n"
NOTED = {**BUILT, "outcome": "failed", "error": "ValueError: odd"}
LOST = {**WARM, "outcome": "failed", "error": "the loss is nan"}
KILLED = "killed by SIGKILL (out of memory is the usual cause: see the system's log)"
OVERRAN = "not done within its deadline of 1800 s and ended, while"

#: exit status, overran, notes, asv's result, what it printed -> the error.
FAILURES = [
    (-11, False, None, None, "", "crashed with SIGSEGV while starting"),
    (-11, False, STARTED, None, "", "crashed with SIGSEGV while building the train step"),
    (-6, False, BUILT, None, "", "crashed with SIGABRT while warming up"),
    (-8, False, WARM, None, "", "crashed with SIGFPE while taking samples"),
    (-9, False, WARM, None, "", f"{KILLED} while taking samples"),
    (-64, False, WARM, None, "", "crashed with SIGRTMAX while taking samples"),
    (-99, False, WARM, None, "", "ended by signal 99 while taking samples"),
    (-15, True, None, None, "", f"{OVERRAN} starting"),
    (-15, True, STARTED, None, "", f"{OVERRAN} building the train step"),
    (-15, True, BUILT, None, "", f"{OVERRAN} warming up"),
    (-9, True, WARM, None, "", f"{OVERRAN} taking samples"),
    (0, True, WARM, SAMPLES, "", f"{OVERRAN} taking samples"),
    (
        3,
        False,
        STARTED,
        None,
        "",
        "building the train step: it printed nothing",
    ),
    (1, False, None, None, TRACEBACK, "exit status 1 while starting: "),
    (1, False, None, None, TRACEBACK, ": ImportError: no"),
    (1, False, NOTED, None, "", "ValueError: odd"),
    (-11, False, NOTED, None, "", "ValueError"),
    (0, False, LOST, SAMPLES, "", "loss is nan"),
    (1, False, {**BUILT, "outcome": "failed"}, None, "", "no error was noted"),
    (0, False, WARM, None, "", NO_SAMPLES),
    (0, False, WARM, "null", "", NO_SAMPLES),
    (0, False, WARM, "NaN", "", NO_SAMPLES),
    (0, False, WARM, {"samples": [], "number": 1}, "", NO_SAMPLES),
    (0, False, WARM, '{"samples": [0.2', "", NO_SAMPLES),
    (0, False, "{torn", None, "", NO_SAMPLES),
    (0, False, [], None, "", NO_SAMPLES),
    (0, False, [7], None, "", NO_SAMPLES),
    (-11, False, [], None, "", "crashed with SIGSEGV while starting"),
]


@pytest.mark.parametrize(
    ("status", "overran", "notes", "result", "output", "error"), FAILURES, ids=range(len(FAILURES))
)
def test_a_process_that_went_wrong_is_failed_with_its_error(
    draft, status, overran, notes, result, output, error
):
    record, line = end(draft, finished(status, output, overran), notes, result)
    assert record.outcome == "failed"
    assert error in record.error
    assert line == f"{HEAD}: failed: {record.error}"
    assert "\n" not in line
    assert record.exit_status == status


def test_a_process_with_samples_is_ok(draft):
    record, line = end(draft, finished(output="chatter"), WARM, SAMPLES)
    assert record.outcome == "ok"
    assert record.error is None
    assert record.samples == [0.25, 0.5]
    assert record.number == 1
    assert record.losses == [2.0, 1.0, 0.5]
    assert record.process_s == 12.5
    assert line == f"{HEAD}: 375ms, median of 2 samples"


def test_what_the_machine_lacks_is_said_beside_the_time(draft):
    _, line = end(draft, finished(), {**WARM, "versions": {"remark": "no BLAS"}}, SAMPLES)
    assert line == f"{HEAD}: 375ms, median of 2 samples; no BLAS"


def test_a_number_of_a_track_benchmark_is_ok_and_said_with_its_name(draft):
    draft.record["benchmark"] = "train_step.TensorFlow.track_peak_memory"
    record, line = end(draft, finished(), WARM, 4096)
    assert (record.outcome, record.value) == ("ok", 4096)
    assert line == f"{HEAD}: track_peak_memory: 4096"


def test_not_applicable_comes_with_its_reason(draft):
    notes = {**STARTED, "outcome": "n/a", "reason": "NHWC only\non the CPU"}
    record, line = end(draft, finished(), notes, "NaN")
    assert (record.outcome, record.reason) == ("n/a", "NHWC only on the CPU")
    assert line == f"{HEAD}: n/a: NHWC only on the CPU"


def test_a_process_that_said_na_and_then_crashed_is_failed(draft):
    notes = {**STARTED, "outcome": "n/a", "reason": "NHWC only on the CPU"}
    record, _ = end(draft, finished(-11), notes)
    assert record.outcome == "failed"


def test_samples_of_a_process_that_failed_are_kept(draft):
    notes = {**WARM, "outcome": "failed", "error": "the loss after the last sample is nan"}
    record, _ = end(draft, finished(), notes, SAMPLES)
    assert (record.outcome, record.samples) == ("failed", [0.25, 0.5])


def test_a_long_error_is_cut_in_the_middle(draft):
    record, line = end(draft, finished(1, "begin " + "x" * 5000 + " end"), STARTED)
    assert record.error.endswith("x end")
    assert len(line) < 400


@pytest.mark.parametrize("noted", [True, False])
def test_where_the_environment_lies_is_not_recorded(draft, noted):
    file = draft.environment_folder / "lib/y/__init__.py"
    error = f"ImportError: cannot import name 'x' from 'y' ({file})"
    told = {**STARTED, "outcome": "failed", "error": error} if noted else STARTED
    record, _ = end(draft, finished(1, error), told)
    assert record.error.endswith("cannot import name 'x' from 'y' (lib/y/__init__.py)")


def test_notes_cannot_replace_what_is_known_of_the_process(draft):
    notes = {**WARM, "release": "other-1.0", "configuration": {"mode": "other"}}
    record, _ = end(draft, finished(), notes, SAMPLES)
    assert record.release == "tensorflow-2.16.2"
    assert record.configuration == factory.record(words="NHWC fused off").configuration


def stored(tmp_path):
    complaints = []
    found = list(records.read(tmp_path, "host", complaints.append))
    assert complaints == []
    return found


def test_the_record_is_appended_and_the_draft_goes(draft, tmp_path):
    record, _ = end(draft, finished(), WARM, SAMPLES)
    assert stored(tmp_path) == [record]
    assert list((tmp_path / "open").glob("one.*")) == []


def test_a_process_that_asv_ended_is_interrupted(draft, tmp_path):
    draft.interrupted()
    assert [r.outcome for r in stored(tmp_path)] == ["interrupted"]
    assert list((tmp_path / "open").iterdir()) == []


def test_a_process_that_was_ended_for_anothers_sake_says_so_in_one_line(draft, tmp_path):
    own = tmp_path / "env" / "tensorflow-2.16.2"
    record = draft.interrupted(f"its partner failed:\nno {own}/lib/x.so")
    assert (record.outcome, record.reason) == ("interrupted", "its partner failed: no lib/x.so")
    assert stored(tmp_path) == [record]
    assert records.progress_message(record) == f"{HEAD}: interrupted: {record.reason}"


def test_a_process_that_was_interrupted_has_a_line_without_a_reason_too(draft):
    line = records.progress_message(draft.interrupted())
    assert line == f"{HEAD}: interrupted: it was ended before it was done"


def test_a_draft_whose_asv_was_killed_is_interrupted(draft, tmp_path):
    draft.notes_path.write_text(json.dumps(BUILT))
    recorder.collect_orphans(tmp_path / "open")
    assert [(r.outcome, r.release) for r in stored(tmp_path)] == [
        ("interrupted", "tensorflow-2.16.2")
    ]
    assert list((tmp_path / "open").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"record": 7, "target": "x"}', '{"record": {}}'])
def test_a_draft_that_is_none_goes_without_a_record(draft, tmp_path, text):
    draft.path.write_text(text)
    recorder.collect_orphans(tmp_path / "open")
    assert stored(tmp_path) == []
    assert list((tmp_path / "open").iterdir()) == []


def test_without_drafts_nothing_happens(tmp_path):
    recorder.collect_orphans(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []
