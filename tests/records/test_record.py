"""Records are appended whole or not at all, and what is no record never stops a reader."""

import json
import re
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vggbench import records
from vggbench.inside.profilers import summary
from vggbench.records.record import KEYS

from .factory import CATALOGUE, NONSENSE, changed, record

RECORD = record()
LINE = RECORD.as_json()


@pytest.fixture
def file(tmp_path):
    return records.folder(tmp_path, "host") / "20240501T120000Z-00000001.jsonl"


def read(tmp_path):
    """(records, complaints) of the machine ``host``."""
    complaints = []
    return list(records.read(tmp_path, "host", complaints.append)), complaints


def test_a_record_is_held_against_the_lock_of_its_backend():
    release = CATALOGUE.by_name["keras-2.3.1"]
    own = replace(release.locks["cpu"], name="cpu-theano", digest="1" * 64)
    releases = {release.commit: replace(release, locks={**release.locks, "cpu-theano": own})}
    told = "of another lock than the release has now"
    for backend, digest, why in (
        ("tensorflow", release.locks["cpu"].digest, None),
        ("tensorflow", own.digest, told),
        ("theano", own.digest, None),
        ("theano", release.locks["cpu"].digest, told),
    ):
        one = record(release.name, backend=backend, lock=digest)
        assert one.backend == backend
        assert one.why_left_out("box", releases) == why
    before = record(release.name, backend="theano", lock=release.locks["cpu"].digest)
    assert before.why_left_out("box", CATALOGUE.by_commit) is None, "one lock serves both"
    assert record("tensorflow-2.16.2").backend is None


def test_what_is_appended_is_read_in_order(tmp_path, file):
    second = changed(RECORD, outcome="failed", error="RuntimeError: no")
    records.append(file, RECORD)
    records.append(file, second)
    assert read(tmp_path) == ([RECORD, second], [])
    assert file.read_text().count("\n") == 2


def test_files_are_read_in_the_order_of_their_dates(tmp_path, file):
    records.append(file.with_name("20240601T000000Z-00000000.jsonl"), changed(RECORD, run="later"))
    records.append(file, RECORD)
    assert [r.run for r in read(tmp_path)[0]] == [RECORD.run, "later"]


def test_a_machine_without_records_has_none(tmp_path):
    assert read(tmp_path) == ([], [])


def test_a_torn_last_line_does_not_swallow_the_next_record(tmp_path, file):
    records.append(file, RECORD)
    with file.open("ab") as stream:
        stream.write(b'{"schema": 1, "run": "torn')
    records.append(file, changed(RECORD, run="after"))
    found, complaints = read(tmp_path)
    assert [r.run for r in found] == [RECORD.run, "after"]
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{file}:2 is no record and is left out: ")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "Expecting value"),
        (b"[]", "it is no JSON object"),
        (b"7", "it is no JSON object"),
        (b'"schema run release"', "it is no JSON object"),
        (b"null", "it is no JSON object"),
        (b"\xff\xfe", "can't decode"),
        (b'{"schema": 1}', "it has no run, release, commit, profile, benchmark, configuration"),
        (json.dumps({**LINE, "schema": 2}).encode(), "its schema 2 is newer than 1"),
        (json.dumps({**LINE, "schema": "1"}).encode(), "its schema '1' is no number"),
        (json.dumps({**LINE, "commit": ["a"]}).encode(), "its commit is no text"),
        (json.dumps({**LINE, "outcome": "fine"}).encode(), "its outcome 'fine' is none of"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_line_that_is_no_record_gets_one_line_and_is_left_out(tmp_path, file, line, why):
    records.append(file, RECORD)
    with file.open("ab") as stream:
        stream.write(line + b"\n")
    records.append(file, changed(RECORD, run="after"))
    found, complaints = read(tmp_path)
    assert [r.run for r in found] == [RECORD.run, "after"]
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{file}:2 is no record and is left out: ")
    assert why in complaints[0]
    assert "\n" not in complaints[0]


FULL_DISK = """
import json, resource, signal, sys
from pathlib import Path
from vggbench import records
file, room = Path(sys.argv[1]), int(sys.argv[2])
limit = file.stat().st_size + room
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    records.append(file, records.Record.from_json(json.loads(sys.argv[3])))
except records.RecordError as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 20], ids=["no byte more", "a part of the line"])
def test_a_full_disk_is_one_line_and_leaves_the_file_as_it_was(tmp_path, file, room):
    records.append(file, RECORD)
    before = file.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(file), str(room), json.dumps(LINE)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith("tensorflow-2.16.2: its record cannot be written: ")
    assert str(file) in done.stdout
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert file.read_bytes() == before
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, file):
    (tmp_path / "host").write_text("a file where a folder should be")
    with pytest.raises(records.RecordError, match=r"tensorflow-2\.16\.2: .*; make room or mend"):
        records.append(file, RECORD)


def test_every_key_of_a_record_is_described_and_no_other():
    page = Path(__file__).parent.parent.parent / "docs" / "records.md"
    text = page.read_text(encoding="utf-8").partition("\n## Rates")[0]
    cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    described = {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    of_duets = {"duet.id", "duet.block", "duet.partner", "duet.started", "duet.begins"}
    parts = {word for word in described if word.startswith("trace.")}
    assert described - parts == (KEYS | of_duets) - {"trace"}
    trace = summary([(1.0, [])])
    told = {*trace, "profiler", "plain_steps", "onednn", "read_s"}
    assert parts == {f"trace.{key}" for key in told}


def test_memory_growth_is_a_number_or_none():
    for grown in (0, 4096.5, -8192.0):
        assert changed(RECORD, memory_growth_per_step_bytes=grown).memory_growth == grown
    for nonsense in NONSENSE:
        if nonsense != -1:
            assert changed(RECORD, memory_growth_per_step_bytes=nonsense).memory_growth is None
    assert RECORD.memory_growth is None


def test_what_was_counted_is_a_number_or_none():
    told = {"cpu_s": 0.5, "major_faults": 0, "cycles": {"reason": "no counter"}}
    counted = changed(RECORD, counters=told)
    found = [counted.counter(name) for name in ("cpu_s", "major_faults", "cycles", "instructions")]
    assert found == [0.5, 0, None, None]
    for nonsense in NONSENSE:
        assert changed(RECORD, counters=nonsense).counter("cpu_s") is None
        assert changed(RECORD, counters={"cpu_s": nonsense}).counter("cpu_s") is None
