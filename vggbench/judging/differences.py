"""What else changed between two releases: so that a change is not put on the framework when a
companion, the Python or a default moved.

What the processes saw of themselves counts where both sides have it; else what the locks pin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

from ..errors import VggbenchError, one_line
from ..releases.catalogue import Catalogue, Release

#: What is compared: how it is called, its key in a record's ``versions``, its packages in a lock.
PACKAGES = (
    ("TensorFlow", "tensorflow", ("tensorflow", "tensorflow-cpu", "tensorflow-intel")),
    ("Keras", "keras", ("keras",)),
    ("Theano", "theano", ("theano",)),
    ("NumPy", "numpy", ("numpy",)),
    ("SciPy", "scipy", ("scipy",)),
)

#: What only a process can tell: how it is called, its key in ``versions``.
FACTS = (
    ("CUDA", "cuda"),
    ("cuDNN", "cudnn"),
    ("TF32", "tf32"),
    ("C++ compiler", "cxx_version"),
    ("BLAS", "blas_library"),
    ("BLAS threads", "blas_threads"),
    ("remark", "remark"),
)

#: TensorFlow for Linux on x86-64 uses oneDNN unless told otherwise from this release on, on
#: processors with instructions such as AVX512_VNNI (its release notes).
ONEDNN_SINCE = Version("2.9")

#: From this release on its wheels say whether they use it (``mkl_enabled``).
ONEDNN_TOLD_SINCE = Version("2.11")

#: From 2.5 on this variable switches it (the release notes of 2.5).
ONEDNN_VARIABLE, ONEDNN_SWITCHED_SINCE = "TF_ENABLE_ONEDNN_OPTS", Version("2.5")

#: How TensorFlow reads it.
_SWITCH = {"1": True, "true": True, "0": False, "false": False}

#: What a process said of itself.
Facts = Mapping[str, Any]

#: Words for before and after.
Pair = tuple[str | None, str | None]


@dataclass(frozen=True)
class Difference:
    """``before`` and ``after`` are words; None where there is no such thing."""

    what: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        return f"{self.what} {self.before or 'none'} to {self.after or 'none'}"


def between(
    catalogue: Catalogue,
    before: Release,
    after: Release,
    profile: str,
    configuration: Mapping[str, Any],
    facts_before: Facts,
    facts_after: Facts,
) -> tuple[Difference, ...]:
    """What changed beside the framework that the track is of.

    ``facts``: what a process of each release said of itself; empty where none ran.
    """
    device = profile.partition("-")[0]
    pins = (_pins(catalogue, before, device), _pins(catalogue, after, device))
    facts = (facts_before, facts_after)
    unused = {"tensorflow": "theano", "theano": "tensorflow"}.get(str(configuration.get("backend")))
    pairs: list[tuple[str, Pair]] = [("Python", _python(facts, before, after))]
    for name, key, packages in PACKAGES:
        found = _package(facts, pins, key, packages)
        # One that only one side has is the doing of other packages, or the reason of an n/a.
        if key not in (after.track, unused) and None not in found:
            pairs.append((name, found))
    if unused != "tensorflow":
        versions = (
            _package((facts[0], facts[0]), (pins[0], pins[0]), *PACKAGES[0][1:])[0],
            _package((facts[1], facts[1]), (pins[1], pins[1]), *PACKAGES[0][1:])[0],
        )
        used = (onednn(facts[0], versions[0]), onednn(facts[1], versions[1]))
        if None not in used:
            pairs.append(("oneDNN", used))
        pairs.append(("XLA mode", _both(facts, _xla_mode)))
    for name, key in FACTS:
        pairs.append((name, _both(facts, functools.partial(_fact, key))))
    return tuple(Difference(name, *pair) for name, pair in pairs if pair[0] != pair[1])


def _fact(key: str, facts: Facts) -> str | None:
    return _word(facts.get(key))


def _pins(catalogue: Catalogue, release: Release, device: str) -> dict[str, str]:
    if device not in release.locks:
        return {}
    try:
        return catalogue.pins(release, device)
    except (OSError, UnicodeDecodeError, VggbenchError):
        return {}  # what a lock cannot tell is no reason to keep a verdict back


def _word(value: object) -> str | None:
    return None if value is None else one_line(str(value), 60)


def _both(facts: tuple[Facts, Facts], of: Callable[[Facts], str | None]) -> Pair:
    """What ``of`` makes of the facts of each side; nothing where a side has no facts."""
    if not all(facts):
        return None, None
    return of(facts[0]), of(facts[1])


def _python(facts: tuple[Facts, Facts], before: Release, after: Release) -> Pair:
    if all(one.get("python") for one in facts):
        return _word(facts[0]["python"]), _word(facts[1]["python"])
    return before.python, after.python


def _package(
    facts: tuple[Facts, Facts],
    pins: tuple[Mapping[str, str], Mapping[str, str]],
    key: str,
    packages: tuple[str, ...],
) -> Pair:
    if all(one.get(key) for one in facts):
        return _word(facts[0][key]), _word(facts[1][key])
    return _pinned(pins[0], packages), _pinned(pins[1], packages)


def _pinned(pins: Mapping[str, str], packages: tuple[str, ...]) -> str | None:
    return next((pins[name] for name in packages if name in pins), None)


def onednn(facts: Facts, tensorflow: str | None = None) -> str | None:
    """Whether TensorFlow uses oneDNN: as it was told, else as it says where it can, else by its
    version (that of the ``facts`` unless given) and the processor; None where it is not known, or
    there is none.

    Up to 2.10 the wheels of the index say that they have no MKL, with oneDNN and without.
    """
    try:
        version = Version(tensorflow or facts.get("tensorflow") or "")
    except InvalidVersion:
        return None
    told = _SWITCH.get(str(facts.get(ONEDNN_VARIABLE)).lower())
    says = facts.get("mkl_enabled")
    if told is not None and version >= ONEDNN_SWITCHED_SINCE:
        on = told
    elif isinstance(says, bool) and (says or version >= ONEDNN_TOLD_SINCE):
        on = says
    else:
        # Records from before a process looked at its processor are of such as have it on.
        on = version >= ONEDNN_SINCE and facts.get("onednn_instructions") is not False
    return "on" if on else "off"


def _xla_mode(facts: Facts) -> str | None:
    told = facts.get("xla")
    return _word(told.get("mode")) if isinstance(told, dict) else None
