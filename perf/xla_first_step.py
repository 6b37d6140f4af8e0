"""The first step with XLA against the same step jitted by hand.

Both are timed from the import of the framework on: import, build, first step. Ours is what
track_first_step reports, which leaves out the proof that XLA compiled the step. The ratio with the
proof is printed too. Both have NHWC and no batch normalisation, and run on the CPU. Their first
three losses must be the same.

    python perf/xla_first_step.py [--pairs 20]
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from shared import common, processes

RELEASE = "tensorflow-2.21.0"
FIGURE = 1.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    python = processes.python_of(RELEASE)
    with tempfile.TemporaryDirectory() as folder:
        start = processes.save_start(Path(folder))
        taken = processes.in_turns(
            lambda: processes.ours(python, data_format="NHWC", batch_norm="none", xla="on"),
            lambda: processes.by_hand(python, "tensorflow_2.py", start, "xla"),
            pairs,
            lambda process: f"{process.first_step_s:.2f} s",
        )
    ratio = common.ratio_with_interval(
        [(ours.first_step_s, theirs.first_step_s) for ours, theirs in taken]
    )
    proofs = [ours.notes["versions"]["xla"]["proof_s"] for ours, _ in taken]
    with_proof = common.ratio_with_interval(
        [
            (ours.first_step_s + proof_s, theirs.first_step_s)
            for (ours, theirs), proof_s in zip(taken, proofs, strict=True)
        ]
    )
    print(f"with the proof, of {statistics.median(proofs):.2f} s: {with_proof}")
    return common.report(
        f"first step of {RELEASE} with XLA against the same jitted by hand, {pairs} pairs",
        f"upper bound at most {FIGURE:g}",
        str(ratio),
        ratio.high <= FIGURE,
    )


if __name__ == "__main__":
    sys.exit(main())
