"""The verdicts of several machines on the same change, side by side.

A change that machines with different processors saw, each in sessions of its own, is no noise of
one day. A change that one machine saw and another excludes comes from the processor. The findings
and the pages ask here.

Nothing that judges is imported here: pages that were kept are published without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..stats.policy import CHANGED, SURE


class Comparable(Protocol):
    """A verdict of one machine, as ``judging.verdicts.Verdict`` has it. ``family``: the class of
    its benchmark. ``words``: the configuration's. ``is_compared``: whether there are numbers of
    both releases."""

    @property
    def machine(self) -> str: ...

    @property
    def profile(self) -> str: ...

    @property
    def family(self) -> str: ...

    @property
    def release(self) -> str: ...

    @property
    def against(self) -> str | None: ...

    @property
    def words(self) -> str: ...

    @property
    def measure(self) -> str: ...

    @property
    def outcome(self) -> str: ...

    @property
    def is_compared(self) -> bool: ...


V = TypeVar("V", bound=Comparable)


@dataclass(frozen=True)
class Across(Generic[V]):
    """The verdicts on one measure of one configuration of a release against another release, in one
    profile. ``verdicts``: by machine, for the machines that have numbers of both releases."""

    profile: str
    family: str
    release: str
    against: str
    configuration: str
    measure: str
    verdicts: Mapping[str, V]

    @property
    def agreed(self) -> bool:
        """Whether the verdicts of all machines have the same outcome."""
        return len({verdict.outcome for verdict in self.verdicts.values()}) == 1

    @property
    def answers(self) -> dict[str, V]:
        """By machine, the verdicts that are sure: a verdict that is not sure is no answer."""
        return {
            machine: verdict
            for machine, verdict in self.verdicts.items()
            if verdict.outcome in SURE
        }

    def same(self, outcome: str) -> int:
        """How many machines have this ``outcome``. Of a sure change it is the direction."""
        return sum(verdict.outcome == outcome for verdict in self.verdicts.values())


#: The fields of an Across that verdicts of all machines on one comparison have in common.
Comparison = tuple[str, str, str, str, str, str]


def comparison_of(verdict: Comparable) -> Comparison | None:
    """What is the same of the verdicts of all machines on one comparison; None where the release
    was held against nothing."""
    if verdict.against is None:
        return None
    return (
        verdict.profile,
        verdict.family,
        verdict.release,
        verdict.against,
        verdict.words,
        verdict.measure,
    )


def across(verdicts: Iterable[V]) -> list[Across[V]]:
    """The changes that at least one machine saw, and of which at least one other machine has
    numbers, in the order of the ``verdicts``."""
    groups: dict[Comparison, dict[str, V]] = {}
    for verdict in verdicts:
        comparison = comparison_of(verdict)
        if comparison is not None and verdict.is_compared:
            groups.setdefault(comparison, {})[verdict.machine] = verdict
    return [
        Across(*comparison, by_machine)
        for comparison, by_machine in groups.items()
        if len(by_machine) > 1
        and any(verdict.outcome in CHANGED for verdict in by_machine.values())
    ]
