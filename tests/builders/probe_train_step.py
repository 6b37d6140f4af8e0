"""Run a few train steps of the installed TensorFlow; print what came of them as one JSON line.

For the interpreter of a release (CPython 3.6 or later). End-to-end tests compare what this prints
in one release with what it prints in another. The line is {"losses": [...], "checksums": {name:
[sum of the change since the start, sum of its absolute value]}, "describe": {...}}, or
{"not_applicable": reason}.
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import numpy as np

from vggbench.builders import Configuration, NotApplicable, build_tensorflow
from vggbench.workload import Workload, initial_weights


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="rows and columns of an image")
    parser.add_argument("--batch", type=int, default=2, help="images in the batch")
    parser.add_argument("--steps", type=int, default=3, help="train steps to run")
    parser.add_argument("--data-format", default="NHWC")
    parser.add_argument("--batch-norm", default="none")
    parser.add_argument("--xla", default="off")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    configuration = Configuration(arguments.data_format, arguments.batch_norm, arguments.xla)
    workload = Workload(arguments.batch, arguments.size)
    try:
        result = probe(workload, configuration, arguments.device, arguments.steps)
    except NotApplicable as answer:
        result = {"not_applicable": str(answer)}
    print(json.dumps(result, sort_keys=True))


def probe(workload, configuration, device, steps):
    """Return the JSON-able result of that many train steps."""
    step = build_tensorflow(workload, configuration, device)
    losses = []
    for _ in range(steps):
        step()
        losses.append(step.loss())
    weights = step.weights()
    checksums = {}
    for name, start in initial_weights(workload.image_size, configuration.has_batch_norm):
        change = weights[name].astype(np.float64) - start
        checksums[name] = [float(change.sum()), float(np.abs(change).sum())]
    result = {"losses": losses, "checksums": checksums, "describe": step.describe()}
    step.close()
    return result


if __name__ == "__main__":
    main()
