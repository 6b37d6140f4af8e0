"""Seconds from `asv run` to the first sample of an installed release, whose step does nothing."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from shared import common

RELEASE = "tensorflow-2.21.0"
FIGURE_S = 3.0
TIMES = 5


def main() -> int:
    common.install(RELEASE)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        checkout = common.checkout(Path(folder) / "checkout")
        for _ in range(TIMES):
            (checkout / "first-sample").unlink(missing_ok=True)
            started = time.time()
            common.run([str(common.ASV), "run", RELEASE], checkout)
            seconds.append(float((checkout / "first-sample").read_text()) - started)
    return common.report(
        f"asv run {RELEASE} to its first sample, installed already, {TIMES} times",
        f"{FIGURE_S:g} s at most",
        f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s",
        max(seconds) <= FIGURE_S,
    )


if __name__ == "__main__":
    sys.exit(main())
