"""What the pages are made of; whoever publishes gathers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...judging.acknowledged import Acknowledged
from ...releases.catalogue import Catalogue


@dataclass(frozen=True, kw_only=True)
class Source:
    """``results_dir``: where the records of all machines lie; they are read only where their pages
    are not kept. ``facts``: what asv knows of each machine. ``here``: this machine, None where asv
    does not know it. ``branches``: tracks in the order in which they are offered, before the
    others. ``kept_dir``: where what was made of a machine is kept. ``accepted``: regressions that
    were; ``why_none``: why nothing can be judged, where those cannot be read."""

    catalogue: Catalogue
    results_dir: Path
    facts: Mapping[str, Mapping[str, str]]
    here: str | None
    branches: Sequence[str]
    kept_dir: Path
    accepted: Sequence[Acknowledged] = ()
    why_none: str | None = None
