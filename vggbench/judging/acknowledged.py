"""``acknowledged.toml``: regressions that were accepted, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import VggbenchError, one_line
from ..records import tables
from ..releases import spec
from ..releases.catalogue import Catalogue, Release
from ..stats.policy import REGRESSED
from .measures import JUDGED, MEMORY_GROWTH

if TYPE_CHECKING:
    from .growth import GrowthVerdict
    from .verdicts import Verdict

_Judged = TypeVar("_Judged", "Verdict", "GrowthVerdict")

FILE = "acknowledged.toml"
TABLE = "acknowledged"

#: Of a configuration: each.
ALL = "all"

_NEEDED = ("track", "release", "configuration", "reason")
_KEYS = (*_NEEDED, "measure")
_MEASURES = (*JUDGED, MEMORY_GROWTH.key)


class AcknowledgedError(VggbenchError):
    """acknowledged.toml is not what it should be."""


@dataclass(frozen=True)
class Acknowledged:
    """One entry. ``configuration``: its words as verdicts show them, or ALL. ``measure``: the
    key of one that verdicts judge, None for each of them."""

    track: str
    release: str
    configuration: str
    reason: str
    measure: str | None = None

    def covers(self, release: Release, words: str, measure: str) -> bool:
        return (
            release.name == self.release
            and self.configuration in (ALL, words)
            and self.measure in (None, measure)
        )

    def __str__(self) -> str:
        return " ".join(
            [self.release, self.configuration, *([self.measure] if self.measure else [])]
        )


def acknowledge(verdict: _Judged, release: Release, accepted: Iterable[Acknowledged]) -> _Judged:
    """The verdict on ``release``, with the reason where one of ``accepted`` covers its
    regression."""
    for entry in accepted:
        if verdict.outcome == REGRESSED and entry.covers(release, verdict.words, verdict.measure):
            return replace(verdict, acknowledged=entry.reason)
    return verdict


def read(root: Path, catalogue: Catalogue) -> list[Acknowledged]:
    """The entries of the file in ``root``, none where there is no file.

    Raises AcknowledgedError for one that is wrong: an entry that is passed over would fail what was
    accepted, or accept what was not.
    """
    found = tables.read(root / FILE, TABLE, _wrong)
    return [_entry(number, entry, catalogue) for number, entry in found]


def _entry(number: int, entry: Mapping[str, Any], catalogue: Catalogue) -> Acknowledged:
    unknown = sorted(set(entry) - set(_KEYS))
    missing = [key for key in _NEEDED if key not in entry]
    if unknown or missing:
        what = f"has an unknown {unknown[0]}" if unknown else f"has no {missing[0]}"
        raise _wrong(f"entry {number} {one_line(what, 60)}; the keys are {', '.join(_KEYS)}")
    for key, value in entry.items():
        if not (isinstance(value, str) and value.strip()):
            raise _wrong(f"entry {number}: its {key} is no text, or empty")
    if entry.get("measure") not in (None, *_MEASURES):
        raise _wrong(f"entry {number}: its measure is none of {', '.join(_MEASURES)}")
    try:
        track = spec.track(catalogue, entry["track"])
        version = entry["release"]
        word = version if version.startswith(f"{track.name}-") else f"{track.name}-{version}"
        release = spec.release(catalogue, word)
    except spec.SpecError as err:
        raise _wrong(f"entry {number}: {err}") from None
    return Acknowledged(
        track.name,
        release.name,
        " ".join(entry["configuration"].split()),
        one_line(entry["reason"]),
        entry.get("measure"),
    )


def _wrong(what: str) -> AcknowledgedError:
    return AcknowledgedError(f"{FILE}: {what}; correct it (docs/verdicts.md says how)")
