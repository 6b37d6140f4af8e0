"""``excluded.toml``: records that are not to count, with the reasons.

Records are never removed. An excluded record stays where it is, messages and pages say that it is
left out, and it counts again when the entry is removed.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VggbenchError, one_line
from ..moments import moment
from ..releases import spec
from ..releases.catalogue import Catalogue
from . import tables
from .record import Record

FILE = "excluded.toml"
TABLE = "excluded"

#: The keys with which an entry may name records: those of texts, and those of times.
_TEXTS = ("machine", "run", "release", "configuration")
_MOMENTS = ("before", "after")
_KEYS = ("reason", *_TEXTS, *_MOMENTS)


class ExcludedError(VggbenchError):
    """excluded.toml cannot be read, or an entry in it is wrong."""


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """An entry of the file. It covers the records that agree with all that it names.

    ``configuration`` is the words of a configuration, as tables show them. ``before`` and ``after``
    are about when the process was started. A process that was started exactly at ``after`` is
    covered.
    """

    reason: str
    machine: str | None = None
    run: str | None = None
    release: str | None = None
    configuration: str | None = None
    before: datetime.datetime | None = None
    after: datetime.datetime | None = None

    def covers(self, machine: str, record: Record) -> bool:
        """Whether the entry is about this record of ``machine``."""
        named = (
            (self.machine, machine),
            (self.run, record.run),
            (self.release, record.release),
            (self.configuration, record.words),
        )
        if any(wanted is not None and wanted != actual for wanted, actual in named):
            return False
        if self.before is None and self.after is None:
            return True
        began = record.began
        if began is None:
            return False
        return (self.before is None or began < self.before) and (
            self.after is None or began >= self.after
        )

    def __str__(self) -> str:
        """What the entry names, as messages show it."""
        named = ((key, getattr(self, key)) for key in (*_TEXTS, *_MOMENTS))
        return one_line(", ".join(f"{key} {value}" for key, value in named if value is not None))


def mark(machine: str, record: Record, exclusions: Iterable[Exclusion]) -> None:
    """Note in a record of ``machine`` the reason for which it does not count, if there is one."""
    reason = next((entry.reason for entry in exclusions if entry.covers(machine, record)), None)
    if record.excluded != reason:
        record.exclude(reason)


def read(root: Path, catalogue: Catalogue) -> tuple[Exclusion, ...]:
    """The entries of the file in ``root``; none where there is no file.

    Raises ExcludedError for a file that cannot be read, and for an entry that is wrong: if it were
    passed over, records would count that were to be left out.
    """
    entries = tables.read(root / FILE, TABLE, _wrong)
    return tuple(_entry(number, entry, catalogue) for number, entry in entries)


def _entry(number: int, entry: Mapping[str, Any], catalogue: Catalogue) -> Exclusion:
    tables.require_keys(f"entry {number}", entry, _KEYS, _wrong)
    if set(entry) <= {"reason"}:
        raise _wrong(f"entry {number} names no records; the keys are {', '.join(_KEYS)}")
    for key in ("reason", *_TEXTS):
        value = entry.get(key, "" if key == "reason" else "-")
        if not (isinstance(value, str) and value.strip()):
            raise _wrong(f"entry {number}: its {key} is no text, or empty")
    values: dict[str, Any] = {key: " ".join(entry[key].split()) for key in _TEXTS if key in entry}
    values.update({key: _moment(number, key, entry[key]) for key in _MOMENTS if key in entry})
    if "release" in values:
        _require_name(number, values["release"], catalogue)
    if "after" in values and "before" in values and values["after"] >= values["before"]:
        raise _wrong(f"entry {number}: its after is not earlier than its before")
    return Exclusion(reason=one_line(entry["reason"]), **values)


def _require_name(number: int, release: str, catalogue: Catalogue) -> None:
    """Raise ExcludedError unless ``release`` is a name as records have it. Any other text that
    names this release may name another one tomorrow."""
    if release in catalogue.by_name:
        return
    try:
        name = spec.release(catalogue, release).name
    except spec.SpecError as err:
        raise _wrong(f"entry {number}: its release: {err}") from None
    raise _wrong(f"entry {number}: its release {release} is no whole name, such as {name}")


def _moment(number: int, key: str, value: Any) -> datetime.datetime:
    """The time that ``value`` says: a date or a time of TOML, or a text. Without a time zone it is
    in UTC."""
    try:
        if not isinstance(value, (str, datetime.date)):
            raise ValueError
        return moment(value, datetime.timezone.utc)
    except ValueError:
        raise _wrong(
            f"entry {number}: its {key} is no date and no time, such as 2026-05-01 or "
            f"2026-05-01T12:00:00Z"
        ) from None


def _wrong(what: str) -> ExcludedError:
    return ExcludedError(f"{FILE}: {what}; correct it (docs/records.md says how)")
