"""What was made of a machine's records is kept until something changes that it follows from.

Judging a line takes seconds, and a checkout may hold the records of many machines, of which a run
changes one. Kept is a file for each machine, beside asv's environments.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...releases.catalogue import Catalogue, replace_text
from .source import Source

#: All code counts: a list of what the pages follow from would miss what is added to that.
PACKAGE = Path(__file__).parents[2]


@dataclass
class OfMachine:
    """``described``: its lines, for the index. ``left_out``: records that are on no page.
    ``complaints``: a line each for the user. ``files``: texts by their names. ``entries``: what the
    feed has of it. ``installed``: bytes of an environment, by the digest of its lock. ``briefs``:
    texts of the verdicts on its lines, for those of other machines. ``about``: what the page
    Machines says of it, None where no record is of it."""

    described: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    installed: dict[str, float] = field(default_factory=dict)
    briefs: list[str] = field(default_factory=list)
    about: dict[str, Any] | None = None


def path(folder: Path, machine: str) -> Path:
    name = hashlib.sha256(machine.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return folder / f"{name}.json"


def load(folder: Path, machine: str, of: str) -> OfMachine | None:
    """What was made of a machine when its ``key`` was ``of``; None where that is not kept."""
    try:
        content: dict[str, Any] = json.loads(path(folder, machine).read_text(encoding="utf-8"))
        if content.pop("key") != of:
            return None
        return OfMachine(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def save(folder: Path, machine: str, of: str, made: OfMachine) -> None:
    """Keep ``made``; ``of`` is the key from before it was made, so that records which came
    meanwhile are not passed over."""
    target = path(folder, machine)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_text(target, json.dumps({"key": of, **asdict(made)}))
    except OSError:
        pass  # the next publish makes it again


def key(source: Source, machine: str, code: str) -> str:
    """A digest of all that a machine's pages follow from: its records, the releases, what was
    acknowledged or excluded, and the ``code``, a digest of it."""
    parts = [
        source.digest_of(machine),
        _releases(source.catalogue),
        [asdict(entry) for entry in source.accepted],
        list(map(repr, source.exclusions)),
        source.why_none,
        code,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _releases(catalogue: Catalogue) -> list[tuple[str, str, list[tuple[str, str]]]]:
    return [
        (
            release.name,
            release.commit,
            [(name, lock.digest) for name, lock in release.locks.items()],
        )
        for release in catalogue
    ]


def digest_of_code() -> str:
    """Of all that a process of ours may run."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{file.relative_to(PACKAGE)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
