"""Our best configuration of PyTorch against the layers of torchvision's VGG16, same workload.

Theirs are the modules of torchvision's VGG16 with torch.optim.SGD, from the same weights and batch
as ours, by the same release (by_hand/torchvision_vgg16.py). They have no batch normalisation. They
are therefore compared with our fastest configuration without, which a first look finds. The first
three losses of both must be the same.

    python perf/torchvision_vgg16.py [--pairs 16]
"""

import argparse
import sys

from shared import processes

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
    return processes.fastest_against(
        RELEASE,
        "PyTorch",
        CHOICES,
        script="torchvision_vgg16.py",
        theirs="torchvision's VGG16 by hand",
        most=FIGURE,
        pairs=parser.parse_args().pairs,
    )


if __name__ == "__main__":
    sys.exit(main())
