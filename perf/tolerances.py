"""How far may a correct train step be from the reference? The derivation of the tolerances.

The reference runs in float32. The output and the gradients of every product, bias and batch
normalisation are moved at random, by as much as a correct kernel may be off. The result is compared
with the reference in float64. The first line that is printed measures how much a kernel may be off:
the error of a sum of 4608 products (the longest of a convolution) in plain order, in float32, in
units of 2**-24 of the sums' own size. The last lines are the largest differences of all trials.

    python perf/tolerances.py [--trials 12]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

from vggbench.inside.builders import reference
from vggbench.inside.params import Configuration
from vggbench.inside.scripts import first_steps
from vggbench.judging import agreement

UNIT = 2.0**-24  # half the distance from 1 to the next float32: the error of one rounding
ROUNDED = ("convolution", "product", "add_bias", "batch_norm")

#: How far a correct kernel may be off, in units: what plain_sum_error() measures.
KERNEL_ERROR = 20.0


def plain_sum_error(terms: int = 4608, sums: int = 20_000) -> float:
    """The error of sums of random products in plain order, root mean square, in units of their
    root mean square."""
    generator = np.random.default_rng(0)
    total = np.zeros(sums, np.float32)
    exact = np.zeros(sums)
    for _ in range(terms):
        a, b = generator.standard_normal((2, sums), np.float32)
        total += a * b
        exact += a.astype(np.float64) * b
    return float(np.sqrt(np.mean((total - exact) ** 2) / np.mean(exact**2))) / UNIT


def disturbed(
    operation: Callable[..., Any], units: float, generator: np.random.Generator
) -> Callable[..., Any]:
    """An operation of the reference, whose output and gradients are moved at random.

    units: how far they are moved, in units of 2**-24 of their root mean square.
    """

    def moved(value: Any) -> Any:
        size = np.sqrt(np.mean(np.square(value, dtype=np.float64)))
        noise = generator.standard_normal(value.shape, np.float32)
        return value + noise * np.float32(units * UNIT * size)

    def apply(*inputs: Any) -> Any:
        output, backward = operation(*inputs)
        return moved(output), lambda gradient: tuple(map(moved, backward(gradient)))

    return apply


def trial(has_batch_norm: bool, units: float, seed: int) -> agreement.Agreement:
    """The differences of one disturbed run from the reference."""
    generator = np.random.default_rng(seed)
    replaced: dict[str, Any] = {
        name: disturbed(getattr(reference, name), units, generator) for name in ROUNDED
    }
    configuration = Configuration("TensorFlow", batch_norm="fused" if has_batch_norm else "none")
    with mock.patch.multiple(reference, **replaced):
        taken = first_steps.run(
            reference.build(agreement.WORKLOAD, configuration, dtype=np.float32)
        )
    return agreement.compare(taken, configuration)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--units", type=float, default=KERNEL_ERROR)
    arguments = parser.parse_args()
    print(f"a plain float32 sum of 4608 products is off by {plain_sum_error():.1f} units")
    for has_batch_norm in (False, True):
        trials = []
        for seed in range(arguments.trials + 1):
            units = arguments.units if seed else 0.0
            trials.append(trial(has_batch_norm, units, seed))
            print(f"{'with' if has_batch_norm else 'no'} batch norm, {units:g} units:", end="  ")
            print("losses", *(f"{loss:.1e}" for loss in trials[-1].losses), end="  ")
            print(*worst(trials[-1:]), sep=", ", flush=True)
        largest = np.max([t.losses for t in trials], axis=0)
        print("  largest:  losses", *(f"{loss:.1e}" for loss in largest), end="  ")
        print(*worst(trials), sep=", ")


def worst(trials: list[agreement.Agreement]) -> list[agreement.TensorDifference]:
    """The worst trained tensor after step 1, running average after step 1, tensor after step 3."""
    groups: dict[tuple[int, bool], list[agreement.TensorDifference]] = {}
    for difference in (difference for trial in trials for difference in trial.tensors):
        is_average = difference.step == 1 and agreement.is_average(difference.tensor)
        groups.setdefault((difference.step, is_average), []).append(difference)
    return [
        max(group, key=lambda difference: difference.relative)
        for _, group in sorted(groups.items())
    ]


if __name__ == "__main__":
    main()
