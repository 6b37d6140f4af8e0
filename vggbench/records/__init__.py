"""Records: what each timed process left behind, a JSON object a line, appended, never rewritten.

They lie under ``results/<machine>/records/``, one file a run of asv (docs/records.md describes
every key). asv's own results keep neither the reasons of n/a nor the errors of failures nor the
boundaries between processes; records do.
"""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import VggbenchError
from ..inside import measure, workload

SCHEMA = 1

#: The process took its samples.
OK = "ok"
#: The framework said that it cannot do this; ``reason`` has its words.
NOT_APPLICABLE = "n/a"
#: Something went wrong; ``error`` says what.
FAILED = "failed"
#: asv was ended before the process was.
INTERRUPTED = "interrupted"

OUTCOMES = (OK, NOT_APPLICABLE, FAILED, INTERRUPTED)

#: ``purpose`` of a process that is no part of a run of asv: ``vggbench confirm`` ran it, to make a
#: verdict sure; or ``vggbench calibrate``, to learn the machine's noise.
CONFIRM = "confirm"
CALIBRATE = "calibrate"

#: ... or ``vggbench separate``, in turns with the release as it is; ``variant`` says what was
#: changed back, and is absent where nothing was.
SEPARATE = "separate"

#: What every record has; a line without them is no record.
REQUIRED = (
    "schema",
    "run",
    "release",
    "commit",
    "profile",
    "benchmark",
    "configuration",
    "outcome",
)

Record = dict[str, Any]

#: When a process was started, and when it was over.
Span = tuple[datetime.datetime, datetime.datetime]

#: A pause of so many seconds ends a stretch of measuring: from one stretch to the next the machine
#: may have drifted further than within one.
LONGEST_PAUSE_S = 3600.0


class RecordError(VggbenchError):
    """A record cannot be written."""


def folder(results_dir: Path | str, machine: str) -> Path:
    return Path(results_dir) / machine / "records"


def machines(results_dir: Path | str) -> list[str]:
    """The machines that have records, in the order of their names."""
    return sorted(path.parent.name for path in Path(results_dir).glob("*/records"))


def is_ordinary(record: Record) -> bool:
    """Whether the record is of a run of asv: of what was asked for, whatever came of it. Those of
    another purpose (CONFIRM, CALIBRATE, SEPARATE) answer nothing that a user asked asv for."""
    return record.get("purpose") is None


def moment(text: object) -> datetime.datetime:
    """The time that a record or a session names. Raises ValueError for text that is none, or that
    has no time zone."""
    found = datetime.datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found


def started(record: Record) -> datetime.datetime | None:
    """When a process was started; None where its record does not say."""
    try:
        return moment(record.get("started"))
    except ValueError:
        return None


def span(record: Record) -> Span | None:
    """When a process was started and when it was over; None where its record does not say when it
    was started."""
    begun = started(record)
    if begun is None:
        return None
    seconds = record.get("process_s", 0.0)
    if not isinstance(seconds, (int, float)):
        return begun, begun
    try:
        return begun, begun + datetime.timedelta(seconds=seconds)
    except (OverflowError, ValueError):  # no number of seconds that a clock has seen
        return begun, begun


def stretches(spans: Sequence[Span | None]) -> list[int | None]:
    """In which stretch each process was measured, given the spans of all, in any order; None where
    that is unknown."""
    timed = sorted((*one, place) for place, one in enumerate(spans) if one is not None)
    found: list[int | None] = [None] * len(spans)
    stretch = 0
    latest: datetime.datetime | None = None
    for begun, over, place in timed:
        if latest is not None and (begun - latest).total_seconds() > LONGEST_PAUSE_S:
            stretch += 1
        latest = over if latest is None else max(latest, over)
        found[place] = stretch
    return found


def append(path: Path, record: Record) -> None:
    """Append ``record`` as one line, on the disk when this returns, or not at all.

    Raises RecordError.
    """
    line = (json.dumps(record) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            start = file.tell()
            if _ends_within_a_line(path, start):
                line = b"\n" + line  # a torn line must not swallow the next one
            written = file.write(line)
            if written != len(line):
                file.truncate(start)
                raise OSError(28, os.strerror(28), str(path))  # a full disk writes what fits
            os.fsync(file.fileno())
    except OSError as err:
        raise RecordError(
            f"{record['release']}: its record cannot be written: {err.strerror}: {path}; "
            f"make room or mend the folder, and run this again"
        ) from None


def _ends_within_a_line(path: Path, size: int) -> bool:
    if size == 0:
        return False
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) != b"\n"


def read(
    results_dir: Path | str, machine: str, complain: Callable[[str], None] = lambda line: None
) -> Iterator[Record]:
    """The records of a machine, file by file in the order of their names, which begin with a date.

    A line that is no record is left out, and ``complain`` gets one line about it.
    """
    for path in sorted(folder(results_dir, machine).glob("*.jsonl")):
        yield from read_file(path, checked, complain)


def read_file(
    path: Path, checked: Callable[[Any], Record], complain: Callable[[str], None]
) -> Iterator[Record]:
    """What ``checked`` makes of the JSON on each line of a file; it raises ValueError, which says
    what is wrong, for a line that is no record."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                record = checked(json.loads(line))
            except RecursionError:
                complain(f"{path}:{number} is no record and is left out: nested too deeply")
                continue
            except ValueError as err:
                complain(f"{path}:{number} is no record and is left out: {err}")
                continue
            yield record


def require_keys(record: Record, keys: Sequence[str]) -> None:
    """Raise ValueError unless ``record`` has all ``keys`` and a schema that is known here."""
    missing = [key for key in keys if key not in record]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    if not isinstance(record["schema"], int):
        raise ValueError(f"its schema {record['schema']!r} is no number")
    if record["schema"] > SCHEMA:
        raise ValueError(f"its schema {record['schema']} is newer than {SCHEMA}")


def checked(record: Any) -> Record:
    """``record``, if it has what every record has; raises ValueError, which says what is wrong."""
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    require_keys(record, REQUIRED)
    for key in ("run", "release", "commit", "profile", "benchmark"):
        if not isinstance(record[key], str):
            raise ValueError(f"its {key} is no text")
    if not isinstance(record["configuration"], dict):
        raise ValueError("its configuration is no JSON object")
    if record["outcome"] not in OUTCOMES:
        raise ValueError(f"its outcome {record['outcome']!r} is none of {', '.join(OUTCOMES)}")
    return record


#: The method of a benchmark that times.
TIMED = "time_train_step"


def why_left_out(record: Record, commits: Collection[str]) -> str | None:
    """Why a timed record is in no row; None where it is in one. ``commits``: asv's ids of the
    releases that are on a track."""
    if record["commit"] not in commits:
        return "not on a track, or of another build number"
    if record.get("benchmark_version") != measure.PROTOCOL:
        return f"of another measuring protocol than {measure.PROTOCOL}"
    if record["profile"] not in workload.PROFILES:
        return f"of the unknown profile {record['profile']}"
    return None


def is_timed(record: Record) -> bool:
    """Whether the record is of a process that was to time the train step, in a run of asv."""
    return bool(record["benchmark"].rpartition(".")[2] == TIMED) and is_ordinary(record)


def newest_run(group: Sequence[Record]) -> list[Record]:
    """Of the records of one configuration, in the order in which they were written, those of the
    newest run that came to an end with it."""
    ended = [record for record in group if record["outcome"] != INTERRUPTED]
    run = (ended or group)[-1]["run"]
    return [record for record in ended or group if record["run"] == run]


def outcome_of(newest: Sequence[Record]) -> tuple[str, str | None]:
    """(outcome, reason or error) of the processes of one configuration in one run: as asv has it,
    one that failed makes the configuration failed."""
    for outcome, key in ((FAILED, "error"), (NOT_APPLICABLE, "reason")):
        those = [record for record in newest if record["outcome"] == outcome]
        if those:
            how_many = f" ({len(those)} of {len(newest)} processes)" if len(newest) > 1 else ""
            return outcome, f"{those[-1].get(key, 'its record does not say why')}{how_many}"
    if newest[-1]["outcome"] == INTERRUPTED:
        return INTERRUPTED, "its run was interrupted"
    for record in newest:
        samples = record.get("samples") or [None]
        is_list = isinstance(samples, list)
        nonsense = [one for one in samples if not _is_time(one)] if is_list else [samples]
        if nonsense:
            return FAILED, f"a sample of {nonsense[0]!r} is no time"
    return OK, None


def _is_time(sample: object) -> bool:
    if isinstance(sample, bool):
        return False
    return isinstance(sample, (int, float)) and 0 < sample < math.inf
