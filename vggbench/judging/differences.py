"""What else changed between two releases: so that a change is not put on the framework when a
companion, the Python or a default moved.

What the processes saw of themselves counts where both releases have it; else what the locks pin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import frameworks
from ..errors import VggbenchError, one_line
from ..frameworks import Facts, Framework, Switch
from ..inside import params, workload
from ..records import Record
from ..releases.catalogue import Catalogue, Release
from ..runs import variables

#: What is compared: how it is called, its key in a record's ``versions``, its packages in a lock.
PACKAGES = (
    *((framework.title, framework.key, framework.packages) for framework in frameworks.KNOWN),
    ("NumPy", "numpy", ("numpy",)),
    ("SciPy", "scipy", ("scipy",)),
)

#: What any framework may say about what its process computes with.
REMARK = ("remark", "remark")

#: Of the machine: how it is called, its key in a record.
OF_MACHINE = (("kernel", "kernel"), ("memory limit, bytes", "memory_limit_bytes"))

#: Texts for before and after.
BothTexts = tuple[str | None, str | None]


@dataclass(frozen=True)
class Difference:
    """``before`` and ``after`` are texts; None where there is no such thing."""

    what: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.what} {self.before or 'none'} to {self.after or 'none'}"


def between(
    catalogue: Catalogue,
    before: Release,
    after: Release,
    *,
    profile: str,
    configuration: Mapping[str, Any],
    newest: tuple[Record | None, Record | None],
) -> tuple[Difference, ...]:
    """What changed beside the framework that the track is of; of the machine, what may differ in
    processes that are compared.

    ``newest``: the record of a process of each release, which says that of itself; None where none
    ran.
    """
    facts = (
        ({} if newest[0] is None else newest[0].facts),
        ({} if newest[1] is None else newest[1].facts),
    )
    device = workload.profile(profile).device
    track = catalogue.tracks[after.track]
    backend = params.value_of(track.framework, configuration, params.BACKEND)
    pins = (_pins(catalogue, before, device, backend), _pins(catalogue, after, device, backend))
    unused = _unused(track.framework, configuration)
    seen: list[tuple[str, BothTexts]] = [("Python", _python(facts, before, after))]
    for name, key, packages in PACKAGES:
        found = _package(facts, pins, key, packages)
        # One that only one release has is the doing of other packages, or the reason of an n/a.
        if key != track.module and key not in unused and None not in found:
            seen.append((name, found))
    used = [framework for framework in frameworks.KNOWN if framework.key not in unused]
    for framework in used:
        for switch in framework.switches:
            states = (
                _state(switch, framework, facts[0], pins[0]),
                _state(switch, framework, facts[1], pins[1]),
            )
            if None not in states:
                seen.append((switch.title, states))
    for name, key in dict.fromkeys(
        (*(fact for framework in used for fact in framework.facts), REMARK)
    ):
        seen.append((name, _both(facts, functools.partial(_fact, key))))
    if newest[0] is not None and newest[1] is not None:
        seen += _of_machine(newest[0], newest[1])
    return tuple(Difference(name, *texts) for name, texts in seen if texts[0] != texts[1])


def _of_machine(before: Record, after: Record) -> list[tuple[str, BothTexts]]:
    """What of the machine and its user may make a difference, and keeps nothing from being
    compared."""
    seen: list[tuple[str, BothTexts]] = [
        (name, (_word(getattr(before, key)), _word(getattr(after, key))))
        for name, key in OF_MACHINE
        if key in before.stated and key in after.stated
    ]
    told = [
        record.variables if isinstance(record.variables, dict) else {} for record in (before, after)
    ]
    return seen + [
        (name, (_word(told[0].get(name)), _word(told[1].get(name)))) for name in variables.SHOWN
    ]


def _unused(framework: str, configuration: Mapping[str, Any]) -> set[str]:
    """The backends of a framework that a configuration does not compute with."""
    return {
        value
        for param in params.of(framework)
        if param.role == params.BACKEND and param.name in configuration
        for value in param.values
        if value != configuration[param.name]
    }


def _state(
    switch: Switch, framework: Framework, facts: Facts, pins: Mapping[str, str]
) -> str | None:
    version = _package((facts, facts), (pins, pins), framework.key, framework.packages)[0]
    return state(switch, facts, version)


def state(switch: Switch, facts: Facts, version: str | None = None) -> str | None:
    """Whether a process had it on, "on" or "off"; None where that is not known. ``version``: of the
    framework, where the facts do not have it."""
    is_on = switch.is_on(facts, version)
    return None if is_on is None else "on" if is_on else "off"


def _fact(key: str, facts: Facts) -> str | None:
    """A dot in the key leads into a dict."""
    found: Any = facts
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return _word(found)


def _pins(
    catalogue: Catalogue, release: Release, device: str, backend: str | None
) -> dict[str, str]:
    lock = release.lock_for(device, backend)
    if lock is None:
        return {}
    try:
        return catalogue.pins(release, lock.name)
    except (OSError, UnicodeDecodeError, VggbenchError):
        return {}  # what a lock cannot tell is no reason to keep a verdict back


def _word(value: object) -> str | None:
    return None if value is None else one_line(str(value), 60)


def _both(facts: tuple[Facts, Facts], of: Callable[[Facts], str | None]) -> BothTexts:
    """What ``of`` makes of the facts of each release; nothing where one has no facts."""
    if not all(facts):
        return None, None
    return of(facts[0]), of(facts[1])


def _python(facts: tuple[Facts, Facts], before: Release, after: Release) -> BothTexts:
    if all(told.get("python") for told in facts):
        return _word(facts[0]["python"]), _word(facts[1]["python"])
    return before.python, after.python


def _package(
    facts: tuple[Facts, Facts],
    pins: tuple[Mapping[str, str], Mapping[str, str]],
    key: str,
    packages: tuple[str, ...],
) -> BothTexts:
    if all(told.get(key) for told in facts):
        return _word(facts[0][key]), _word(facts[1][key])
    return _pinned(pins[0], packages), _pinned(pins[1], packages)


def _pinned(pins: Mapping[str, str], packages: tuple[str, ...]) -> str | None:
    return next((pins[name] for name in packages if name in pins), None)
