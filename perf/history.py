"""The shipped history: its cost against its timed processes, its share of the tracks, its size, and
how many of the comparisons that history.toml lists as duets it answers.

The wall time of a sitting goes from its beginning, before its anchors, to the end of its last
process. Installing, asv and short pauses are in it. The wall times of all sittings are added.

    python perf/history.py [--machine NAME]
"""

from __future__ import annotations

import argparse
import bisect
import datetime
import os
import sys
from collections.abc import Iterator

from shared import answered, common

from vggbench import records
from vggbench.records import stretches
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue

MOST_RATIO = 1.4
MOST_BYTES = 40_000_000
RESULTS = common.ROOT / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = sorted(path.parent.name for path in RESULTS.glob(f"*/{stretches.FILE}"))
    parser.add_argument("--machine", choices=known, help="this one alone (default: all)")
    chosen = parser.parse_args().machine
    machines = [chosen] if chosen else known
    if not machines:
        raise SystemExit("no history is in results/; measure one with: vggbench history")
    taken = {machine: list(records.read(RESULTS, machine, print)) for machine in machines}
    statuses = [cost(machine, of_machine) for machine, of_machine in taken.items()]
    everything = [record for of_machine in taken.values() for record in of_machine]
    statuses += [answered.report(machine) for machine in machines]
    return max(*statuses, coverage(everything), size())


def cost(machine: str, taken: list[records.Record]) -> int:
    """Report what the history of a machine cost, by its records; return the exit status."""
    sittings = stretches.sittings(RESULTS, machine)
    begun = [datetime.datetime.fromisoformat(sitting["started"]) for sitting in sittings]
    ends = list(begun)
    timed_s = of_asv_s = 0.0
    for started, record in sorted(_timed(taken), key=lambda timed: timed[0]):
        place = bisect.bisect_right(begun, started) - 1
        if place < 0 or (started - ends[place]).total_seconds() > stretches.LONGEST_PAUSE_S:
            continue  # The process belongs to no sitting.
        seconds = record.seconds or 0.0
        ends[place] = max(ends[place], started + datetime.timedelta(seconds=seconds))
        timed_s += seconds
        of_asv_s += seconds if record.is_ordinary else 0.0
    wall_s = sum((end - start).total_seconds() for start, end in zip(begun, ends, strict=True))
    ratio = wall_s / timed_s
    return common.report(
        f"{machine}: wall time by that of the timed processes; sittings: {len(begun)}",
        f"at most {MOST_RATIO:g}",
        f"{ratio:.3f} ({wall_s / 3600:.2f} h by {timed_s / 3600:.2f} h; by those of asv run alone, "
        f"without anchors, confirming and separating: {wall_s / of_asv_s:.2f})",
        ratio <= MOST_RATIO,
    )


def _timed(taken: list[records.Record]) -> Iterator[tuple[datetime.datetime, records.Record]]:
    """Yield (when its process was started, record) of the records that say this and how long it
    took."""
    for record in taken:
        started = record.began
        if started is not None and record.seconds is not None:
            yield started, record


def coverage(taken: list[records.Record]) -> int:
    """Report how many releases have a number in these records; return the exit status."""
    runs = [r for r in Catalogue(common.ROOT / "releases") if interpreters.find(r.python)]
    numbers = {r.commit for r in taken if r.outcome == records.OK}
    without = [release.name for release in runs if release.commit not in numbers]
    return common.report(
        "releases with an interpreter here that have a number",
        "all",
        f"{len(runs) - len(without)} of {len(runs)}; without: {', '.join(without) or 'none'}",
        not without,
    )


def size() -> int:
    """Report the size of results/; return the exit status."""
    total = sum(
        os.path.getsize(os.path.join(root, name))
        for root, _, names in os.walk(RESULTS)
        for name in names
    )
    return common.report(
        "size of results/",
        f"under {MOST_BYTES / 1e6:g} MB",
        f"{total / 1e6:.2f} MB",
        total < MOST_BYTES,
    )


if __name__ == "__main__":
    sys.exit(main())
