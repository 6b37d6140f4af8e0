"""What is known of a framework outside its builder: one module for each framework in this folder.

A module is found by its name and has a ``FRAMEWORK``, a Framework. A framework without a module is
measured and judged all the same, but fewer things are said about it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..inside.profilers import WITHIN

#: What a process said about itself: ``versions`` of its record.
Facts = Mapping[str, Any]

# The classes of operations. LAYOUT are copies, and whatever else only moves values about. OTHER is
# what no table knows.
CONV_FORWARD = "conv_forward"
CONV_GRAD_WEIGHTS = "conv_grad_weights"
CONV_GRAD_INPUTS = "conv_grad_inputs"
MATMUL = "matmul"
POOL = "pool"
BATCH_NORM = "batch_norm"
ELEMENTWISE = "elementwise"
LAYOUT = "layout"
UPDATE = "update"
OTHER = "other"

#: Both gradients of a convolution, where one operation computes them. It is no class: oneDNN tells
#: how its seconds are shared out.
CONV_GRADS = "conv_grads"


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Something in a framework that an environment variable turns on ("1") and off ("0").

    ``title``: the name that people read. ``variable``: the name of the variable. ``is_on``: takes
    the facts of a process and the framework's version (None: the version in the facts), and returns
    whether the switch is on; None where that is not known, or where there is no such switch.
    """

    title: str
    variable: str
    is_on: Callable[[Facts, str | None], bool | None]


@dataclass(frozen=True, kw_only=True)
class Framework:
    """What is known of a framework.

    ``title``: the name that people read. ``key``: the framework's key in a record's ``versions``;
    a backend of that name is this framework. ``packages``: the names by which locks may pin it.

    ``computes``: whether another version of it often makes a difference where it is the companion
    of another framework. ``facts``: pairs of a name that people read, and the fact's key in
    ``versions``, in which a dot leads into a dict. ``switches``: what can be turned on and off in
    it. ``compiled_fact``: the key in ``versions`` with how much a process compiled that later
    processes find done. The first step of a process that compiled something of this kind is not
    judged. ``commit_fact``: the key in ``versions`` with the commit of its sources that the release
    was built from.

    The following fields are about environment variables. ``prefixes``: the beginnings of the names
    that a record keeps. ``foreign_prefixes``: the beginnings of names that belong to something else
    though they begin like one of ``prefixes``. ``flags``: names of variables that change what is
    measured without changing the name of the configuration. ``compared_prefixes``: the beginnings
    of the names of further such variables. ``unset``: variables by which the framework would read
    or write files of the user's when it is imported. ``shares_gpu``: names and values with which
    the framework takes no more of a GPU's memory than it needs, so that two processes find room
    beside each other.

    ``labels``: the beginnings of what follows a version's "+" where the framework's own project
    publishes a release several times, for several devices.

    ``has_sdists``: whether the index has only sdists of some releases, which must be built.

    ``operations``: pairs of a regular expression and a class of operations. The first expression
    that the kind of an operation matches as a whole tells its class (``operation_class``). Behind
    the kind stands a space and the operation's shapes. ``containers``: pairs of the same sort, for
    kinds of operations that contain others: all that is within them is of that class.

    ``forecast``: takes a version and the companions in its locks. Returns one line where the
    `vggbench verify` of this version takes minutes, else None. ``remedy``: takes the exit status of
    a process (negative for a signal) and its environment. Returns a text to be put behind the
    error, about what a user can do, or "".
    """

    title: str
    key: str
    packages: tuple[str, ...]
    computes: bool = True
    facts: tuple[tuple[str, str], ...] = ()
    switches: tuple[Switch, ...] = ()
    compiled_fact: str | None = None
    commit_fact: str | None = None
    prefixes: tuple[str, ...] = ()
    foreign_prefixes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    compared_prefixes: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()
    shares_gpu: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    has_sdists: bool = False
    operations: tuple[tuple[str, str], ...] = ()
    containers: tuple[tuple[str, str], ...] = ()
    forecast: Callable[[str, Collection[str]], str | None] = lambda version, companions: None
    remedy: Callable[[int, Mapping[str, str]], str] = lambda status, environment: ""


#: All frameworks that have a module here, in the order of their modules.
KNOWN: tuple[Framework, ...] = tuple(
    importlib.import_module(f"{__name__}.{module.name}").FRAMEWORK
    for module in pkgutil.iter_modules(__path__)
)

#: The switches of all frameworks, by the name that a command takes.
SWITCHES: dict[str, Switch] = {
    switch.title.lower(): switch for framework in KNOWN for switch in framework.switches
}


def of(key: str) -> Framework | None:
    """Return the framework with this key, None where there is no module for it."""
    return next((framework for framework in KNOWN if framework.key == key), None)


def titled(title: str) -> Framework | None:
    """Return the framework with this title, None where there is no module for it."""
    return next((framework for framework in KNOWN if framework.title == title), None)


@functools.lru_cache(maxsize=1 << 14)
def operation_class(key: str, kinds: str, shapes: str) -> str:
    """Return the class of an operation of the framework with this key.

    kinds: the framework's name for operations of its kind, behind those of the operations that
    contain it (vggbench.inside.profilers). Where no table knows an operation, the one that contains
    it tells the class; OTHER where none is known.
    """
    framework = of(key)
    if framework is None:
        return OTHER
    names = kinds.split(WITHIN)
    for name in names:
        for expression, found in framework.containers:
            if re.fullmatch(expression, name):
                return found
    for name in reversed(names):
        text = f"{name} {shapes}" if name is names[-1] else name
        for expression, found in framework.operations:
            if re.fullmatch(f"(?:{expression})(?: .*)?", text, re.DOTALL):
                return found
    return OTHER
