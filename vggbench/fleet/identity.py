"""What client and workers must have in common: with another measuring code or other locks, numbers
of two machines would not be of the same thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from ..checkout import Checkout
from ..inside.measure import PROTOCOL

#: Hexadecimal digits of a digest that messages show.
DIGEST = 12

#: The parts of an identity, as messages name them.
PARTS = (
    "vggbench",
    "its code",
    "the benchmarks",
    "the protocol",
    "the releases and their locks",
    "asv's settings",
)

#: asv's settings that name places, which may be others on each machine.
PLACES = ("repo", "benchmark_dir", "env_dir", "results_dir", "html_dir")


def of(checkout: Checkout) -> dict[str, str]:
    """The identity of a checkout, by its PARTS: versions, and digests of files."""
    config = vars(checkout.config).items()
    settings = {key: value for key, value in config if key not in PLACES}
    package = Path(__file__).resolve().parents[1]
    values = (
        metadata.version("vggbench"),
        _digest(package, package.rglob("*.py")),
        _digest(checkout.benchmark_dir, checkout.benchmark_dir.rglob("*.py")),
        PROTOCOL,
        _digest(checkout.releases_dir, checkout.releases_dir.rglob("*")),
        _shortened(json.dumps(settings, sort_keys=True, default=str).encode()),
    )
    return dict(zip(PARTS, values, strict=True))


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The parts in which two identities differ, each with both values; an empty list where they
    are the same."""
    return [
        f"{part} (there {theirs.get(part) or 'unknown'}, here {ours.get(part) or 'unknown'})"
        for part in dict.fromkeys([*ours, *theirs])
        if ours.get(part) != theirs.get(part)
    ]


def _digest(folder: Path, paths: Iterable[Path]) -> str:
    """A digest of the names and contents of files below ``folder``, but for hidden ones and
    compiled code."""
    found = hashlib.sha256()
    for path in sorted(paths):
        parts = path.relative_to(folder).parts
        if not path.is_file() or any(part.startswith((".", "__pycache__")) for part in parts):
            continue
        content = path.read_bytes()
        found.update(f"{'/'.join(parts)}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()[:DIGEST]


def _shortened(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGEST]
