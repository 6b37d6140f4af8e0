"""Our best configuration against `keras.applications.VGG16` with `train_on_batch`, same release.

Theirs is the Keras that the release's lock brings, compiled with SGD(0.001) and
categorical_crossentropy, from the same weights and batch as ours. It has no batch normalisation. It
is therefore compared with our fastest configuration without, which a first look finds. The first
three losses of both must be the same.

    python perf/keras_applications.py [--pairs 16]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from shared import common, processes

RELEASE = "tensorflow-2.21.0"
FIGURE = 1.02
CHOICES = [
    {"data_format": data_format, "batch_norm": "none", "xla": xla}
    for data_format in ("NHWC", "NCHW")
    for xla in ("off", "on")
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=16)
    pairs = parser.parse_args().pairs
    python = processes.python_of(RELEASE)
    best = processes.fastest(python, "TensorFlow", CHOICES)
    with tempfile.TemporaryDirectory() as folder:
        start = processes.save_start(Path(folder))
        taken = processes.in_turns(
            lambda: processes.ours(python, **best),
            lambda: processes.by_hand(python, "applications_vgg16.py", start),
            pairs,
        )
    ratio = common.ratio_with_interval([(ours.step_s, theirs.step_s) for ours, theirs in taken])
    return common.report(
        f"{RELEASE} {' '.join(best.values())} against keras.applications.VGG16, {pairs} pairs",
        f"upper bound at most {FIGURE:g}",
        str(ratio),
        ratio.high <= FIGURE,
    )


if __name__ == "__main__":
    sys.exit(main())
