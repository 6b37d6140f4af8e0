"""``excluded.toml``: records that are not to count, each with the reason.

Records are never removed: what was measured stays, is shown where it is left out, and counts again
when the entry goes.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import VggbenchError, one_line
from ..releases import spec
from ..releases.catalogue import Catalogue
from . import tables
from .record import Record

FILE = "excluded.toml"
TABLE = "excluded"

#: What an entry may name, beside its reason: texts, and moments.
_TEXTS = ("machine", "run", "release", "configuration")
_MOMENTS = ("before", "after")
_KEYS = ("reason", *_TEXTS, *_MOMENTS)


class ExcludedError(VggbenchError):
    """excluded.toml is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """One entry: the records that are all of what it names. ``configuration``: its words, as tables
    show them. ``after`` and ``before``: when the process was started; that of ``after`` itself
    counts as after it."""

    reason: str
    machine: str | None = None
    run: str | None = None
    release: str | None = None
    configuration: str | None = None
    before: datetime.datetime | None = None
    after: datetime.datetime | None = None

    def covers(self, machine: str, record: Record) -> bool:
        named = (
            (self.machine, machine),
            (self.run, record.run),
            (self.release, record.release),
            (self.configuration, record.words),
        )
        if any(wanted is not None and wanted != told for wanted, told in named):
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
        """What it names."""
        named = ((key, getattr(self, key)) for key in (*_TEXTS, *_MOMENTS))
        return one_line(", ".join(f"{key} {value}" for key, value in named if value is not None))


def mark(machine: str, record: Record, exclusions: Iterable[Exclusion]) -> None:
    """Note in a record of a machine the reason for which it does not count."""
    reason = next(
        (exclusion.reason for exclusion in exclusions if exclusion.covers(machine, record)), None
    )
    if record.excluded != reason:
        record.exclude(reason)


def read(root: Path, catalogue: Catalogue) -> tuple[Exclusion, ...]:
    """The entries of the file in ``root``, none where there is no file.

    Raises ExcludedError for one that is wrong: an entry that is passed over would count what was to
    be left out.
    """
    found = tables.read(root / FILE, TABLE, _wrong)
    return tuple(_entry(number, entry, catalogue) for number, entry in found)


def _entry(number: int, entry: Mapping[str, Any], catalogue: Catalogue) -> Exclusion:
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        what = one_line(unknown[0], 60)
        raise _wrong(f"entry {number} has an unknown {what}; the keys are {', '.join(_KEYS)}")
    if set(entry) <= {"reason"}:
        raise _wrong(f"entry {number} names no records; the keys are {', '.join(_KEYS)}")
    for key in ("reason", *_TEXTS):
        value = entry.get(key, "" if key == "reason" else "-")
        if not (isinstance(value, str) and value.strip()):
            raise _wrong(f"entry {number}: its {key} is no text, or empty")
    told: dict[str, Any] = {key: " ".join(entry[key].split()) for key in _TEXTS if key in entry}
    told.update({key: _moment(number, key, entry[key]) for key in _MOMENTS if key in entry})
    if "release" in told:
        _require_name(number, told["release"], catalogue)
    if "after" in told and "before" in told and told["after"] >= told["before"]:
        raise _wrong(f"entry {number}: its after is not earlier than its before")
    return Exclusion(reason=one_line(entry["reason"]), **told)


def _require_name(number: int, release: str, catalogue: Catalogue) -> None:
    """A name as records have it: what else names a release may name another one tomorrow."""
    if release in catalogue.by_name:
        return
    try:
        found = spec.one(catalogue, release).name
    except spec.SpecError as err:
        raise _wrong(f"entry {number}: its release: {err}") from None
    raise _wrong(f"entry {number}: its release {release} is no whole name, such as {found}")


def _moment(number: int, key: str, value: Any) -> datetime.datetime:
    """A date or a time, of TOML or as text; without a time zone in UTC."""
    try:
        if not isinstance(value, (str, datetime.date)):
            raise ValueError
        found = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise _wrong(
            f"entry {number}: its {key} is no date and no time, such as 2026-05-01 or "
            f"2026-05-01T12:00:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def _wrong(what: str) -> ExcludedError:
    return ExcludedError(f"{FILE}: {what}; correct it (docs/records.md says how)")
