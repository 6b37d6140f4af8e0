"""Our best configuration of PyTorch against the layers of torchvision's VGG16, same workload.

Theirs are the modules of torchvision's VGG16 with torch.optim.SGD, from the same weights and batch
as ours, by the same release (by_hand/torchvision_vgg16.py). They have no batch normalisation. They
are therefore compared with our fastest configuration without, which a first look finds. The first
three losses of both must be the same.

    python perf/torchvision_vgg16.py [--pairs 16]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from shared import common, processes

RELEASE = "torch-2.15.0"
FIGURE = 1.02
CHOICES = [
    {"data_format": data_format, "batch_norm": "none", "compile": compiled}
    for data_format in ("NCHW", "NHWC")
    for compiled in ("off", "on")
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=16)
    pairs = parser.parse_args().pairs
    python = processes.python_of(RELEASE)
    best = processes.fastest(python, "PyTorch", CHOICES)
    with tempfile.TemporaryDirectory() as folder:
        start = processes.save_start(Path(folder))
        taken = processes.in_turns(
            lambda: processes.ours(python, "PyTorch", **best),
            lambda: processes.by_hand(python, "torchvision_vgg16.py", start),
            pairs,
        )
    ratio = common.ratio_with_interval([(ours.step_s, theirs.step_s) for ours, theirs in taken])
    return common.report(
        f"{RELEASE} {' '.join(best.values())} against torchvision's VGG16 by hand, {pairs} pairs",
        f"upper bound at most {FIGURE:g}",
        str(ratio),
        ratio.high <= FIGURE,
    )


if __name__ == "__main__":
    sys.exit(main())
