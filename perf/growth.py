"""By how much memory grows a step in the shipped history: what the threshold of a leak rests on.

Allocators go on settling when a step is warm, and stop. A leak goes on. So the threshold of
verdicts on memory growth (vggbench/stats/growth.py) has to lie above what settling brings, and what
settles must bring less in 16 steps of duets than a leak that brings as much in 10 steps.

    python perf/growth.py
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared import common

from vggbench import records
from vggbench.judging import growth, verdicts
from vggbench.judging.evidence import Evidence
from vggbench.records import Record, stretches
from vggbench.records.record import is_measured
from vggbench.releases.catalogue import Catalogue
from vggbench.stats import growth as stats
from vggbench.stats.policy import NOT_SURE, UNCHANGED

#: The machine by whose history the threshold was chosen.
CHOSEN_BY = "epyc-zen4"

#: The steps of a process that runs alone, and those of one in a duet.
ALONE, IN_DUETS = 10, 16

RESULTS = common.ROOT / "results"


@dataclass(frozen=True)
class Grown:
    """A configuration of a release: the mean growth of its processes in bytes a step with its
    interval, and the growth over all steps by the median of their peak memory."""

    name: str
    mean: stats.Mean
    share: float


def main() -> int:
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    catalogue = Catalogue(common.ROOT / "releases")
    statuses = []
    for file in sorted(RESULTS.glob(f"*/{stretches.FILE}")):
        machine = file.parent.name
        taken = list(records.read(RESULTS, machine, print))
        evidence = verdicts.gather(machine, taken, catalogue)
        statuses.append(leaks(evidence))
        if machine == CHOSEN_BY:
            statuses += [settling(evidence), more_steps(evidence)]
    if not statuses:
        raise SystemExit("no history is in results/; measure one with: vggbench history")
    return max(statuses)


def leaks(evidence: Evidence) -> int:
    """Report what verdicts say of each configuration of a release against the one before."""
    found = [
        verdict
        for track in evidence.catalogue.tracks
        for verdict in growth.of_track(evidence, track)
    ]
    outcomes = Counter(verdict.outcome for verdict in found)
    changes = len(found) - outcomes[UNCHANGED] - outcomes[NOT_SURE]
    growing = sum(verdict.after.grows for verdict in found)
    return common.report(
        f"{evidence.machine}: changes of memory growth, and configurations of releases that surely "
        f"grow; compared with the release before: {len(found)}",
        "0 and 0",
        f"{changes} and {growing} ({outcomes[UNCHANGED]} unchanged, {outcomes[NOT_SURE]} not sure)",
        changes == growing == 0,
    )


def settling(evidence: Evidence) -> int:
    """Report by how much of its peak memory what settles grows at most."""
    found = alone(evidence)
    above = [each for each in found.values() if each.mean.low is not None and each.mean.low > 0]
    fastest = max(above, key=lambda each: each.mean.value)
    largest = max(found.values(), key=lambda each: each.share)
    return common.report(
        f"{evidence.machine}: the largest mean growth over {ALONE} steps, by the peak memory; "
        f"configurations of releases: {len(found)}",
        f"below {stats.SETTLES:.0%}",
        f"{largest.share:.1%} ({largest.name}); with an interval above 0: {len(above)}, up to "
        f"{fastest.mean.value / 1e6:.1f} MB a step ({fastest.name})",
        largest.share < stats.SETTLES,
    )


def more_steps(evidence: Evidence) -> int:
    """Report what more steps bring, in the configurations of releases that have both."""
    few, many = alone(evidence), in_duets(evidence)
    both = few.keys() & many.keys()
    brought = [statistics.fmean(of[key].share for key in both) for of in (few, many)]
    leak = brought[0] * IN_DUETS / ALONE
    return common.report(
        f"{evidence.machine}: mean growth over {IN_DUETS} steps of duets, by the peak memory; "
        f"configurations of releases that have {ALONE} steps too: {len(both)}",
        f"below {leak:.1%}, which a leak would have brought ({ALONE} steps bring {brought[0]:.1%})",
        f"{brought[1]:.1%}",
        brought[1] < leak,
    )


def alone(evidence: Evidence) -> dict[tuple[str, str, str], Grown]:
    """By profile, release (its commit) and configuration, those with two processes or more that ran
    alone and took ALONE steps."""
    return _grown(
        {
            (line.profile, release.commit, line.key): [
                process.record
                for process in evidence.taken(line, release, evidence.state(line, release))
            ]
            for line, of_releases in evidence.lines.items()
            for commit in of_releases
            for release in [evidence.catalogue.by_commit[commit]]
        },
        ALONE,
    )


def in_duets(evidence: Evidence) -> dict[tuple[str, str, str], Grown]:
    """The same of processes in whole blocks of duets, that took IN_DUETS steps."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for block in evidence.blocks:
        for commit, key, variant in dict.fromkeys((block.first, block.second)):
            if variant is None:
                own = found.setdefault((block.profile, commit, key), [])
                own += block.of((commit, key, variant))
    return _grown(found, IN_DUETS)


def _grown(
    taken: Mapping[tuple[str, str, str], Sequence[Record]], steps: int
) -> dict[tuple[str, str, str], Grown]:
    found = {}
    for key, own in taken.items():
        counting = [
            (record.memory_growth, record.peak_memory_bytes)
            for record in own
            if len(record.samples) == steps
            and record.memory_growth is not None
            and is_measured(record.peak_memory_bytes)
        ]
        if len(counting) < stats.LEAST_PROCESSES:
            continue
        growths, peaks = zip(*counting, strict=True)
        mean = stats.mean(growths)
        name = f"{own[0].release} {own[0].words}"
        found[key] = Grown(name, mean, mean.value * steps / statistics.median(peaks))
    return found


if __name__ == "__main__":
    sys.exit(main())
