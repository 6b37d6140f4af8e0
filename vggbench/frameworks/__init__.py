"""What is known of a framework outside its builder: a module each in this folder, found by name.

Each has a ``FRAMEWORK``, a Framework. One that has no module is measured and judged all the same;
less is told of it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

#: What a process said of itself: ``versions`` of its record.
Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Something in a framework that ``variable`` of the environment turns on ("1") and off ("0").

    ``is_on``: by what a process said of itself, and by the framework's version, None for that of
    the facts; None where it is not known, or there is none.
    """

    title: str
    variable: str
    is_on: Callable[[Facts, str | None], bool | None]


@dataclass(frozen=True, kw_only=True)
class Framework:
    """What is known of a framework.

    ``title``: as people name it. ``key``: its key in a record's ``versions``; the backend of that
    name is this framework. ``packages``: by which names locks may pin it.

    ``computes``: whether another version of it often makes a difference, as companion of another
    framework. ``facts``: what a process tells of it, as people name it, with its key in
    ``versions``; a dot leads into a dict. ``switches``: what of it can be turned on and off.
    ``kept``: the key in ``versions`` of how much a process compiled that later ones find done: the
    first step of such a process is not judged.

    ``prefixes``: how the names of those variables begin that a record keeps; ``foreign_prefixes``:
    of those that only begin alike. ``flags``: variables that change what is measured under the same
    name of a configuration, and ``compared_prefixes``: how the names of more such begin.
    ``unset``: variables by which it would read or write files of the user's when it is imported.

    ``shares_gpu``: variables by which it takes of a GPU's memory no more than it needs, so that two
    processes find room beside each other.

    ``has_sdists``: there are releases of which the index has sdists alone, which are built.

    ``forecast``: one line about a version of it whose `vggbench verify` takes minutes, by the
    companions in its locks; None for others. ``remedy``: what a user can do about a process that
    ended with a status (negative for a signal) in an environment, to be put behind the error; "".
    """

    title: str
    key: str
    packages: tuple[str, ...]
    computes: bool = True
    facts: tuple[tuple[str, str], ...] = ()
    switches: tuple[Switch, ...] = ()
    kept: str | None = None
    prefixes: tuple[str, ...] = ()
    foreign_prefixes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    compared_prefixes: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    shares_gpu: Mapping[str, str] = field(default_factory=dict)
    has_sdists: bool = False
    forecast: Callable[[str, Collection[str]], str | None] = lambda version, companions: None
    remedy: Callable[[int, Mapping[str, str]], str] = lambda status, environment: ""


#: All that something is known of, in the order of their modules.
KNOWN: tuple[Framework, ...] = tuple(
    importlib.import_module(f"{__name__}.{module.name}").FRAMEWORK
    for module in pkgutil.iter_modules(__path__)
)

#: What can be turned on and off, by the name that it is asked for by.
SWITCHES: dict[str, Switch] = {
    switch.title.lower(): switch for framework in KNOWN for switch in framework.switches
}


def of(key: str) -> Framework | None:
    """What is known of the framework with this key."""
    return next((framework for framework in KNOWN if framework.key == key), None)
