"""Why two correct kernels can differ by 1e-3 in a loss: one value that rounding may take across 0.

An early comparison of releases, from a start of its own (below), found 0.1436 for the loss of step
2 with batch normalisation, and 0.1434 for some kernels. For one ReLU after the other, this script
takes the value nearest to 0 across it, and prints what the loss of step 2 becomes.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from vggbench.inside import vgg16
from vggbench.inside.builders import reference
from vggbench.inside.params import Configuration
from vggbench.inside.workload import Workload

WORKLOAD = Workload(2, 32)
RELU = reference.relu


def early_start() -> tuple[tuple[Any, Any], dict[str, Any]]:
    """((images, labels), weights), all drawn from one generator, kernels by He's normal rule."""
    draw = np.random.RandomState(0)
    images = draw.rand(2, 32, 32, 3).astype(np.float32) - 0.5
    classes = draw.randint(0, vgg16.CLASSES, 2)
    labels = np.zeros((2, vgg16.CLASSES), np.float32)
    labels[np.arange(2), classes] = 1
    weights = {}
    for name, shape in vgg16.weight_shapes(32, True) + vgg16.moving_average_shapes(True):
        kind = name.split("/")[1]
        if kind == "kernel":
            deviation = np.sqrt(2.0 / np.prod(shape[:-1]))
            weights[name] = (draw.standard_normal(shape) * deviation).astype(np.float32)
        else:
            weights[name] = np.full(shape, kind in ("gamma", "moving_variance"), np.float32)
    return (images, labels), weights


def main() -> int:
    data, weights = early_start()
    reference.batch = lambda workload: data
    seen: list[Any] = []
    moved: dict[int, Any] = {}

    def relu(x: Any) -> Any:
        """The reference's ReLU, after the value that ``moved`` names was taken across 0."""
        place = moved.get(len(seen))
        seen.append(x)
        if place is not None:
            x = x.copy()
            x[place] *= -1
        return RELU(x)

    def second_loss() -> float:
        configuration = Configuration("TensorFlow", batch_norm="fused")
        step = reference.build(WORKLOAD, configuration, dtype=np.float64, weights=weights)
        seen.clear()
        step()
        step()
        return step.loss()

    reference.relu = relu
    print(f"loss of step 2: {second_loss():.5f}")
    layers = [layer.name for layer in vgg16.layers(32) if layer.kind != vgg16.POOL][:-1]
    print("with the value nearest to 0 of one ReLU taken across it in step 1:")
    for number, (name, x) in enumerate(zip(layers, list(seen), strict=False)):
        place = np.unravel_index(np.argmin(np.abs(x)), x.shape)
        moved.clear()
        moved[number] = place
        loss = second_loss()
        where = ", ".join(str(int(i)) for i in place)
        print(f"  {name} ({where}): {x[place]:+.1e}, of a deviation of {np.std(x):.2f}: {loss:.5f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
