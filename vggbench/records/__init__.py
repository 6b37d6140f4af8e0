"""Records: what each timed process left behind, a JSON object a line, appended, never rewritten.

They lie under ``results/<machine>/records/``, one file a run of asv (docs/records.md describes
every key). asv's own results keep neither the reasons of n/a nor the errors of failures nor the
boundaries between processes; records do.

``record`` has the type and the questions that are asked of a record. ``outcomes`` says what the
processes of a configuration came to. ``store`` writes and reads the files. ``excluded`` says which
records are not to count. ``stretches`` says which processes were measured without a long pause.
"""

from ..moments import moment
from .files import RecordError
from .outcomes import Summary, newest_run, outcome_of, undisturbed
from .record import (
    AHEAD,
    APART,
    BISECT,
    CALIBRATE,
    CONFIRM,
    DUET,
    EXPLAIN,
    FAILED,
    INTERRUPTED,
    NOT_APPLICABLE,
    OK,
    SCHEMA,
    SEPARATE,
    Record,
    backend_of,
    canonical,
    class_of,
    family_of,
    is_measured,
    key_of,
    method_of,
    progress_message,
    words_of,
)
from .store import Store, append, digest, folder, machines, read, read_file

__all__ = [
    "AHEAD",
    "APART",
    "BISECT",
    "CALIBRATE",
    "CONFIRM",
    "DUET",
    "EXPLAIN",
    "FAILED",
    "INTERRUPTED",
    "NOT_APPLICABLE",
    "OK",
    "SCHEMA",
    "SEPARATE",
    "Record",
    "RecordError",
    "Store",
    "Summary",
    "append",
    "backend_of",
    "canonical",
    "class_of",
    "digest",
    "family_of",
    "folder",
    "is_measured",
    "key_of",
    "machines",
    "method_of",
    "moment",
    "newest_run",
    "outcome_of",
    "progress_message",
    "read",
    "read_file",
    "undisturbed",
    "words_of",
]
