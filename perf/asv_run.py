"""The whole `asv run` of a release, all benchmarks, against its timed processes alone.

The figure is what asv and the by-products cost: the wall time of `asv run`, by the sum of the
seconds of its time_ processes in their records. Both come from the same run, so nothing needs to be
taken in turns. The release is installed before the run.

    python perf/asv_run.py [--times 1]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from shared import common

from vggbench import records
from vggbench.inside.measure import ROUNDS
from vggbench.inside.params import configurations

RELEASE = "tensorflow-2.21.0"
FIGURE = 1.3
PROCESSES = len(configurations("TensorFlow")) * ROUNDS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1)
    times = parser.parse_args().times
    common.install(RELEASE)
    return max(_measure() for _ in range(times))


def _measure() -> int:
    with tempfile.TemporaryDirectory() as folder:
        checkout = common.checkout(Path(folder) / "checkout", benchmarks=common.ROOT / "benchmarks")
        started = time.perf_counter()
        common.run([str(common.ASV), "run", RELEASE], checkout)
        wall_s = time.perf_counter() - started
        (machine,) = {path.parent.parent.name for path in checkout.glob("results/*/records/*")}
        taken = list(records.read(checkout / "results", machine))
    timed = [record for record in taken if record.times_the_step]
    outcomes = {record.outcome for record in timed}
    if len(timed) != PROCESSES or outcomes != {records.OK}:
        raise SystemExit(f"{len(timed)} of {PROCESSES} timed processes, which are {outcomes}")
    timed_s = sum(record.seconds or 0.0 for record in timed)
    # Every process leaves a record, whatever its purpose.
    more = len(taken) - len(timed)
    return max(
        common.report(
            f"asv run {RELEASE}, {PROCESSES} timed processes",
            f"at most {FIGURE:g} times its timed processes",
            f"{wall_s / timed_s:.3f} times: {wall_s:.0f} s against {timed_s:.0f} s",
            wall_s / timed_s <= FIGURE,
        ),
        common.report(
            "its processes for by-products and for the benchmarks of other tracks",
            "0",
            str(more),
            more == 0,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
