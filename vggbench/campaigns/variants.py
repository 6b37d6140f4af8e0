"""A release with something changed back to what it was in an earlier one.

For ``vggbench separate``. What can be changed back: ``python``, what a variable switches in a
framework (``onednn``), any package that both locks pin, by name; and several at once, joined by
``+``. A variant has a lock of its own, made of the release's, in a catalogue of its own; what no
installer can put together is said, and not measured.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from ..errors import VggbenchError
from ..frameworks import SWITCHES, Facts
from ..judging.differences import PACKAGES, state
from ..judging.separations import AND
from ..releases.catalogue import BUILD_CONSTRAINTS, PIN, Catalogue, Lock, Release
from ..releases.environments import Environments

PYTHON = "python"

#: Between things that are changed back together, as they are asked for.
TOGETHER = "+"


class NoVariant(VggbenchError):
    """A thing that cannot be changed back."""


@dataclass(frozen=True)
class ChangeBack:
    """What is changed back. ``name`` says what, and to what: "numpy 1.26.4". ``release`` has the
    Python that comes of it. ``lock`` is the name of its lock that is changed, and ``text`` what
    that lock becomes. Processes get ``variables`` besides."""

    name: str
    release: Release
    lock: str
    text: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Variant:
    """``name`` is its change's. ``environments`` install ``release``, whose only ``lock`` is the
    variant's. Its processes get ``variables`` besides."""

    name: str
    release: Release
    lock: Lock
    environments: Environments
    variables: Mapping[str, str]


def change(
    catalogue: Catalogue,
    release: Release,
    before: Release,
    device: str,
    what: str,
    *,
    backend: str | None = None,
    facts: tuple[Facts, Facts],
) -> ChangeBack:
    """``what`` of ``release`` as it is in ``before``: one thing, or several joined by TOGETHER.

    The lock that is changed is that of the configurations that compute with ``backend`` on
    ``device``. facts: what a process of ``before`` and one of ``release`` said of themselves.
    Raises NoVariant where there is no such thing, or it did not change.
    """
    own, earlier = release.lock_for(device, backend), before.lock_for(device, backend)
    if own is None or earlier is None:
        without = before if earlier is None else release
        raise NoVariant(
            f"{without.name} has no lock for {device}; where its track has packages for that: "
            f"vggbench releases lock {without.name}"
        )
    text = catalogue.lock_path(release, own.name).read_text(encoding="utf-8")
    older = catalogue.lock_path(before, earlier.name).read_text(encoding="utf-8")
    changed = ChangeBack("", release, own.name, text)
    for thing in dict.fromkeys(canonicalize_name(word) for word in what.split(TOGETHER)):
        changed = _with(changed, before, older, thing, facts)
    return changed


def make(folder: Path, catalogue: Catalogue, what: ChangeBack) -> Variant:
    """The variant with this change, written below ``folder``, which is empty: with the changed lock
    alone, in a catalogue of its own."""
    release = what.release
    releases = folder / "releases"
    track = releases / release.track
    track.mkdir(parents=True)
    shutil.copyfile(catalogue.folder / release.track / "track.json", track / "track.json")
    constraints = catalogue.folder / BUILD_CONSTRAINTS
    if constraints.is_file():
        shutil.copyfile(constraints, releases / BUILD_CONSTRAINTS)
    lock = release.locks[what.lock]
    (track / lock.file).write_text(what.text, encoding="utf-8")
    own = Catalogue(releases)
    lock = replace(lock, digest=own.digest_of(release, track / lock.file))
    changed = replace(release, locks={lock.name: lock})
    return Variant(what.name, changed, lock, Environments(folder / "env", own), what.variables)


def _with(
    so_far: ChangeBack, before: Release, older: str, what: str, facts: tuple[Facts, Facts]
) -> ChangeBack:
    """One thing more that is changed back. ``older``: the lock of ``before``."""
    release, text, variables = so_far.release, so_far.text, dict(so_far.variables)
    if what == PYTHON:
        name, was = f"python {before.python}", release.python == before.python
        release = replace(release, python=before.python)
    elif what in SWITCHES:
        switch = SWITCHES[what]
        told = state(switch, facts[0]), state(switch, facts[1])
        if None in told:
            raise NoVariant(
                f"{release.name}: whether it uses {switch.title} is not on record; measure it"
            )
        name, was = f"{switch.title} {told[0]}", told[0] == told[1]
        variables[switch.variable] = "1" if told[0] == "on" else "0"
    else:
        new, old = _pinned(text, what), _pinned(older, what)
        if new is None or old is None:
            raise NoVariant(
                f"{what} is not pinned by the locks of both {before.name} and {release.name}; "
                f"what can be changed back: {', '.join((PYTHON, *SWITCHES))}, "
                f"{', '.join(sorted(_differing(text, older))) or 'no package'}"
            )
        name, was = " ".join(_pin(old)), _pin(new)[1] == _pin(old)[1]
        text = text.replace(new, old)
    if was:
        raise NoVariant(f"{name} is what {before.name} and {release.name} both have")
    told_before = f"{so_far.name}{AND}" if so_far.name else ""
    return ChangeBack(told_before + name, release, so_far.lock, text, variables)


def _blocks(text: str) -> dict[str, str]:
    """The lines of a lock for each package: its pin and the hashes below it."""
    starts = [(match.start(), canonicalize_name(match[1])) for match in PIN.finditer(text)]
    ends = [*(start for start, _ in starts[1:]), len(text)]
    return {name: text[start:end] for (start, name), end in zip(starts, ends, strict=False)}


def _pinned(text: str, package: str) -> str | None:
    """The block of the package, by whichever of its names the lock pins it."""
    blocks = _blocks(text)
    names = next((names for *_, names in PACKAGES if package in names), (package,))
    return next((blocks[name] for name in (package, *names) if name in blocks), None)


def _pin(block: str) -> tuple[str, str]:
    """Name and version of the package that a block of a lock pins."""
    found = re.match(PIN, block)
    return (found[1], found[2]) if found else ("unknown", "unknown")


def _differing(text: str, older: str) -> list[str]:
    new, old = _blocks(text), _blocks(older)
    return [name for name in new if name in old and _pin(new[name]) != _pin(old[name])]
