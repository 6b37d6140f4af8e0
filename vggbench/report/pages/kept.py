"""What was made of a machine's records is kept until something changes that it follows from.

Judging a line takes seconds, and a checkout may hold the records of many machines, of which a run
changes one. Kept is a file for each machine, beside asv's environments.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ... import records
from ...checkout import Checkout
from ...judging import acknowledged
from ...releases.catalogue import Catalogue, replace_text

#: Below asv's env_dir.
FOLDER = "pages"

#: All code counts: a list of what the pages follow from would miss what is added to that.
PACKAGE = Path(__file__).parents[2]


@dataclass
class OfMachine:
    """``described``: its lines, for the index. ``left_out``: records that are on no page.
    ``complaints``: a line each for the user. ``files``: texts by their names."""

    described: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


def path(machine: str, checkout: Checkout) -> Path:
    name = hashlib.sha256(machine.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return checkout.env_dir / FOLDER / f"{name}.json"


def load(machine: str, checkout: Checkout) -> OfMachine | None:
    """None where nothing is kept, or something has changed since."""
    try:
        content: dict[str, Any] = json.loads(path(machine, checkout).read_text(encoding="utf-8"))
        if content.pop("key") != key(machine, checkout):
            return None
        return OfMachine(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def save(machine: str, checkout: Checkout, made: OfMachine, of: str) -> None:
    """Keep ``made``; ``of`` is the key from before it was made, so that records which came
    meanwhile are not passed over."""
    target = path(machine, checkout)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_text(target, json.dumps({"key": of, **asdict(made)}))
    except OSError:
        pass  # the next publish makes it again


def key(machine: str, checkout: Checkout) -> str:
    """A digest of all that a machine's pages follow from: its records, the releases, what was
    acknowledged, the code."""
    folder = records.folder(checkout.results_dir, machine)
    files = [(file.name, file.stat()) for file in sorted(folder.glob("*.jsonl"))]
    accepted = checkout.root / acknowledged.FILE
    parts = [
        [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files],
        _releases(checkout.catalogue),
        hashlib.sha256(accepted.read_bytes()).hexdigest() if accepted.is_file() else None,
        code(),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _releases(catalogue: Catalogue) -> list[tuple[str, str, list[str]]]:
    return [
        (release.name, release.commit, [lock.digest for lock in release.locks.values()])
        for release in catalogue
    ]


@functools.lru_cache(maxsize=1)
def code() -> str:
    """A digest of all that this process runs: its code does not change while it does."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{file.relative_to(PACKAGE)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
