"""How many comparisons that history.toml lists as duets are answered, by the shipped records."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vggbench.campaigns.confirm import Judging
from vggbench.campaigns.history import plan
from vggbench.checkout import Checkout
from vggbench.fleet.plan import Capability
from vggbench.judging.verdicts import BY_DUETS, Verdict
from vggbench.runs import profiles
from vggbench.runs.local import Local
from vggbench.runs.suite import Suite
from vggbench.stats.policy import SURE, THRESHOLD

from . import common

#: Lists of comparisons whose names begin so are of the plain step.
PLAIN = "plain "

SURE_OF_PLAIN, SURE_OF_ALL = 0.95, 0.85
SURE_OF_PEAK, SURE_OF_FIRST = 0.95, 0.70
MOST_HALF_WIDTH = 0.025
MOST_SECONDS = 240.0


@dataclass(frozen=True)
class Stands:
    """Where a comparison of the list ``of`` stands. ``seconds``: what its blocks took."""

    of: str
    are_neighbours: bool
    verdicts: dict[str, Verdict]
    seconds: float

    def is_sure(self, measure: str = "step") -> bool:
        verdict = self.verdicts.get(measure)
        return verdict is not None and verdict.outcome in SURE


@dataclass
class _Reported:
    """The figures that were reported of ``machine``, and their exit ``status``."""

    machine: str
    status: int = 0

    def at_least(self, what: str, wanted: float, hits: Sequence[bool]) -> None:
        """The share of ``hits`` must be ``wanted`` at least."""
        reached = f"{common.share(hits)}, {sum(hits)} of {len(hits)}" if hits else "none listed"
        good = bool(hits) and sum(hits) >= wanted * len(hits)
        self._report(what, f"at least {wanted:.0%}", reached, good)

    def at_most(
        self, what: str, wanted: float, values: Sequence[float], text: Callable[[float], str]
    ) -> None:
        """The median of ``values`` must be ``wanted`` at most."""
        reached = f"{text(statistics.median(values))}, of {len(values)}" if values else "none"
        good = bool(values) and statistics.median(values) <= wanted
        self._report(what, f"at most {text(wanted)}", reached, good)

    def _report(self, what: str, figure: str, reached: str, good: bool) -> None:
        self.status |= common.report(f"{self.machine}: {what}", figure, reached, good)


def report(machine: str) -> int:
    """Report how sure the shipped history is of a machine; return the exit status."""
    checkout = Checkout(str(common.ROOT / "asv.conf.json"))
    return report_of(machine, list(stands(checkout, machine)))


def report_of(machine: str, found: Sequence[Stands]) -> int:
    """Report what share of these comparisons is sure; return the exit status."""
    plain = [each for each in found if each.of.startswith(PLAIN) and each.are_neighbours]
    reported = _Reported(machine)
    for name in dict.fromkeys(each.of for each in plain):
        hits = [each.is_sure() for each in plain if each.of == name]
        reported.at_least(f"{name}: neighbours whose step is sure", SURE_OF_PLAIN, hits)
    hits = [each.is_sure() for each in found]
    reported.at_least("all listed comparisons: the step is sure", SURE_OF_ALL, hits)
    for measure, words, wanted in (
        ("peak_memory", "peak memory", SURE_OF_PEAK),
        ("first_step", "the first step", SURE_OF_FIRST),
    ):
        hits = [each.is_sure(measure) for each in plain]
        reported.at_least(f"plain neighbours: {words} is sure", wanted, hits)
    halves = [
        (verdict.high - verdict.low) / 2
        for each in plain
        if (verdict := each.verdicts.get("step")) is not None
        and verdict.low is not None
        and verdict.high is not None
    ]
    reported.at_most(
        "plain neighbours: half width of the step ratio's interval, median",
        MOST_HALF_WIDTH,
        halves,
        "{:.1%}".format,
    )
    times = [
        each.seconds
        for each in found
        if each.is_sure() and each.verdicts["step"].decided_by == BY_DUETS
    ]
    reported.at_most(
        "seconds of the blocks of a comparison that they answer, median",
        MOST_SECONDS,
        times,
        "{:.0f} s".format,
    )
    return reported.status


def stands(checkout: Checkout, machine: str) -> Iterator[Stands]:
    """Yield where each listed comparison of a machine stands, in the profile that it has most
    records in. What a release is n/a in is left out; what was never measured is not."""
    store = checkout.store()
    profile, _ = Counter(record.profile for record in store.all(machine)).most_common(1)[0]
    device = profiles.device_of(profile)
    here = Local(
        checkout=checkout,
        suite=Suite(checkout.benchmark_dir),
        store=store,
        machine=machine,
        say=lambda line: None,
    )
    # Which interpreters this machine has says nothing of the shipped records.
    why_not = Capability().why_not
    judging = Judging(here, against=None, threshold=THRESHOLD, improved=True)
    for listed in plan.read(checkout.root / plan.FILE, checkout.catalogue).duets:
        for planned in plan.comparisons(listed, here.catalogue, here.suite, device, why_not):
            comparison = judging.comparison(
                planned.before, planned.after, profile, planned.configured
            )
            if not judging.cannot_be(comparison):
                yield Stands(
                    listed.name,
                    comparison.are_neighbours,
                    dict(judging.standing(comparison).verdicts),
                    sum(block.seconds for block in judging.blocks(comparison)),
                )
