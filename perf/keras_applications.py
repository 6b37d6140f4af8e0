"""Our best configuration against `keras.applications.VGG16` with `train_on_batch`, same release.

Theirs is the Keras that the release's lock brings, compiled with SGD(0.001) and
categorical_crossentropy, from the same weights and batch as ours. It has no batch normalisation. It
is therefore compared with our fastest configuration without, which a first look finds. The first
three losses of both must be the same.

    python perf/keras_applications.py [--pairs 16]
"""

import argparse
import sys

from shared import processes

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
    return processes.fastest_against(
        RELEASE,
        "TensorFlow",
        CHOICES,
        script="applications_vgg16.py",
        theirs="keras.applications.VGG16",
        most=FIGURE,
        pairs=parser.parse_args().pairs,
    )


if __name__ == "__main__":
    sys.exit(main())
