"""The history that is shipped: what it cost against its timed processes, how much of the tracks it
has, and its size.

A session's wall time goes from its beginning, before its anchors, to the end of its last process;
the sessions' are added.

    python perf/history.py [--machine NAME]
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys

import common

from vggbench import records
from vggbench.history import sessions
from vggbench.releases import interpreters
from vggbench.releases.catalogue import Catalogue

MOST_RATIO = 1.4
MOST_BYTES = 30_000_000
RESULTS = common.ROOT / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = sorted(path.parent.name for path in RESULTS.glob(f"*/{sessions.FILE}"))
    parser.add_argument("--machine", choices=known, default=known[0] if known else None)
    machine = parser.parse_args().machine
    if machine is None:
        raise SystemExit("no history is in results/; measure one with: vggbench history")
    taken = list(records.read(RESULTS, machine, print))
    return cost(machine, taken) | coverage(taken) | size()


def cost(machine: str, taken: list[records.Record]) -> int:
    begun = [
        datetime.datetime.fromisoformat(one["started"]) for one in sessions.read(RESULTS, machine)
    ]
    wall_s = 0.0
    for place, start in enumerate(begun):
        until = begun[place + 1] if place + 1 < len(begun) else datetime.datetime.max
        ends = [
            started + datetime.timedelta(seconds=record["process_s"])
            for record in taken
            for started in [sessions.started(record)]
            if "process_s" in record
            and started is not None
            and start <= started
            and (place + 1 == len(begun) or started < until)
        ]
        wall_s += (max([start, *ends]) - start).total_seconds()
    timed_s = sum(r["process_s"] for r in taken if records.is_ordinary(r) and "process_s" in r)
    ratio = wall_s / timed_s
    return common.report(
        f"{machine}: wall time of {len(begun)} sessions, by that of their timed processes",
        f"at most {MOST_RATIO:g}",
        f"{ratio:.2f} ({wall_s / 3600:.2f} h by {timed_s / 3600:.2f} h)",
        ratio <= MOST_RATIO,
    )


def coverage(taken: list[records.Record]) -> int:
    runs = [r for r in Catalogue(common.ROOT / "releases") if interpreters.find(r.python)]
    numbers = {r["commit"] for r in taken if r["outcome"] == records.OK}
    without = [release.name for release in runs if release.commit not in numbers]
    return common.report(
        "releases with an interpreter here that have a number",
        "all",
        f"{len(runs) - len(without)} of {len(runs)}; without: {', '.join(without) or 'none'}",
        not without,
    )


def size() -> int:
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
