"""What the pages are made of; whoever publishes gathers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import Say
from ...judging.acknowledged import Acknowledged
from ...records import Record
from ...records.excluded import Exclusion
from ...releases.catalogue import Catalogue


@dataclass(frozen=True, kw_only=True)
class Source:
    """``facts``: of each machine that has records, in the order of their names, what asv knows of
    it. ``records_of``: the records of a machine, with complaints about what is none; asked for only
    where its pages are not kept. ``digest_of``: another one whenever those have changed. ``here``:
    this machine, None where asv does not know it. ``branches``: tracks in the order in which they
    are offered, before the others. ``kept_dir``: where what was made of a machine is kept.
    ``exclusions``: what of the records is not to count. ``accepted``: regressions that were;
    ``why_none``: why nothing can be judged, where those cannot be read. ``processors``: the one on
    which a machine's last sitting measured, as messages show it, of those machines that have
    sittings."""

    catalogue: Catalogue
    facts: Mapping[str, Mapping[str, str]]
    records_of: Callable[[str, Say], Iterable[Record]]
    digest_of: Callable[[str], str]
    here: str | None
    branches: Sequence[str]
    kept_dir: Path
    exclusions: Sequence[Exclusion] = ()
    accepted: Sequence[Acknowledged] = ()
    why_none: str | None = None
    processors: Mapping[str, str] = field(default_factory=dict)
