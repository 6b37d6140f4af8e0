"""Releases of a Keras that has a lock for its backend Theano beside that for all others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from vggbench.releases.catalogue import Catalogue, Lock, Release

#: By version and lock: what it pins. Only the lock ``cpu`` gets another NumPy.
PINS: dict[str, dict[str, dict[str, str]]] = {
    "2.0": {
        "cpu": {"keras": "2.0", "tensorflow": "1.0", "numpy": "1.0"},
        "cpu-theano": {"keras": "2.0", "theano": "0.9", "numpy": "1.0"},
    },
    "2.1": {
        "cpu": {"keras": "2.1", "tensorflow": "1.0", "numpy": "1.1"},
        "cpu-theano": {"keras": "2.1", "theano": "1.0", "numpy": "1.0"},
    },
}


def make(folder: Path) -> Catalogue:
    """A catalogue below ``folder`` with keras-2.0 and keras-2.1."""
    track = folder / "keras"
    track.mkdir(parents=True)
    requirements = {name: [[">=2", "keras=={version}"]] for name in ("cpu", "cpu-theano")}
    content = {"track": "keras", "framework": "Keras", "module": "keras"}
    (track / "track.json").write_text(json.dumps({**content, "requirements": requirements}))
    catalogue = Catalogue(folder)
    for version, locks in PINS.items():
        release = Release("keras", version, f"201{version[-1]}-02-03", "3.11")
        made = {name: _lock(catalogue, release, name, pins) for name, pins in locks.items()}
        catalogue.write(Release("keras", version, release.date, "3.11", locks=made))
    return Catalogue(folder)


def _lock(catalogue: Catalogue, release: Release, name: str, pins: Mapping[str, str]) -> Lock:
    file = catalogue.folder / release.track / f"{release.version}-{name}.txt"
    lines = (f"{package}=={version} --hash=sha256:00\n" for package, version in pins.items())
    file.write_text("".join(lines))
    digest = catalogue.digest_of(release, file)
    return Lock(name, file.name, f"keras=={release.version}", release.date, digest)
