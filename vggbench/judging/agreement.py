"""Does a builder's train step compute what the reference computes?

Both start from the same weights on the same batch. Losses are held against the reference's in
float64, and so is each tensor's change from the start, as a whole: the Euclidean norm of the
difference, relative to that of the reference's change. Element by element, single gradients that
rounding switches on or off would decide.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..inside.builders import reference
from ..inside.params import Configuration
from ..inside.scripts import first_steps
from ..inside.synthetic import initial_weights
from ..inside.workload import Workload

WORKLOAD = Workload(first_steps.BATCH_SIZE, first_steps.IMAGE_SIZE)

#: How far each step's loss may be from the reference's, without and with batch normalisation.
#: perf/tolerances.py derives all tolerances, docs/method.md says how.
LOSS_TOLERANCES = {False: (1e-4, 1e-4, 1e-4), True: (3e-4, 1e-1, 2e-2)}

#: How far the change of a trained tensor may be from the reference's, relative, by step. A running
#: average goes with them after the first step, but not before:
CHANGE_TOLERANCES = {False: {1: 3e-2, 3: 2e-1}, True: {1: 1e-1, 3: 5e-1}}

#: What moves the running averages in the first step has been through no gradient yet.
FIRST_AVERAGES_TOLERANCE = 1e-4

Array = Any  # mypy reads NumPy's own stubs differently from version to version


@dataclass(frozen=True)
class Expected:
    """The reference's first steps. ``starts`` has the initial weights by name; ``changes``,
    ``sizes`` (the norms of the changes) and ``rounding`` are keyed "STEP/NAME".

    ``rounding`` is the floor: the largest norm that rounding each weight to float32 once a step can
    have. It is all there is of the change of a weight whose gradient is tiny.
    """

    has_batch_norm: bool
    losses: list[float]
    starts: Mapping[str, Array]
    changes: Mapping[str, Array]
    sizes: Mapping[str, float]
    rounding: Mapping[str, float]


@dataclass(frozen=True)
class TensorDifference:
    """How far a tensor is from the reference's after a step; ``relative`` is above the floor."""

    step: int
    tensor: str
    relative: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        return self.relative <= self.tolerance  # not so for a NaN

    def __str__(self) -> str:
        return f"{self.tensor} {self.relative:.1e} (step {self.step})"


@dataclass(frozen=True)
class Agreement:
    """``losses``: the distance of each step's loss from the reference's."""

    losses: tuple[float, ...]
    tensors: tuple[TensorDifference, ...]
    has_batch_norm: bool

    @property
    def worst_loss(self) -> float:
        return max(self.losses, key=_nan_is_worst)

    @property
    def worst_tensor(self) -> TensorDifference:
        return max(
            self.tensors, key=lambda tensor: _nan_is_worst(tensor.relative / tensor.tolerance)
        )

    @property
    def agrees(self) -> bool:
        return self.why_not is None

    @property
    def why_not(self) -> str | None:
        """What disagrees, the earliest first, or None."""
        tolerances = LOSS_TOLERANCES[self.has_batch_norm]
        for step, (loss, tolerance) in enumerate(zip(self.losses, tolerances, strict=True), 1):
            if not loss <= tolerance:
                return f"the loss of step {step} is {loss:.1e} off, allowed are {tolerance:.0e}"
        wrong = [tensor for tensor in self.tensors if not tensor.agrees]
        if wrong:
            worst = self.worst_tensor
            return (
                f"{len(wrong)} of {len(self.tensors)} changes differ, the worst is {worst}, "
                f"allowed are {worst.tolerance:.0e}"
            )
        return None


def _nan_is_worst(value: float) -> float:
    return math.inf if math.isnan(value) else value


@functools.cache
def expected(has_batch_norm: bool, running_variance: str) -> Expected:
    """The reference's first steps in float64; takes seconds, and 0.5 GB that are kept.

    ``running_variance`` is a word as ``reference.build`` takes it; it changes nothing but the
    running averages, so all of them share the rest.
    """
    changes: dict[str, Array] = {}
    sizes: dict[str, float] = {}
    rounding: dict[str, float] = {}
    if running_variance == reference.UNBIASED:
        starts: Mapping[str, Array] = dict(initial_weights(WORKLOAD.image_size, has_batch_norm))
        own = list(starts)
    else:
        shared = expected(has_batch_norm, reference.UNBIASED)
        starts = shared.starts
        changes.update(shared.changes)
        sizes.update(shared.sizes)
        rounding.update(shared.rounding)
        own = [name for name in starts if is_average(name)]
    taken = first_steps.run(
        reference.train_step(
            WORKLOAD, has_batch_norm, dtype=np.float64, running_variance=running_variance
        )
    )
    for name in own:
        start = starts[name]
        # Half a unit in the last place is the most that rounding changes a number.
        half_a_unit = float(np.linalg.norm(np.spacing(np.abs(start)).astype(np.float64))) / 2
        for step in first_steps.STEPS_LOOKED_AT:
            key = f"{step}/{name}"
            changes[key] = change = (taken.pop(key) - start).astype(np.float32)
            sizes[key] = float(np.linalg.norm(change.astype(np.float64)))
            rounding[key] = step * half_a_unit
    return Expected(
        has_batch_norm,
        taken["losses"],
        starts=starts,
        changes=changes,
        sizes=sizes,
        rounding=rounding,
    )


def compare(
    taken: Mapping[str, Array],
    configuration: Configuration,
    running_variance: str = reference.UNBIASED,
) -> Agreement:
    """Hold what ``first_steps.run`` returned, or saved, against the reference.

    ``running_variance`` is the step's own word for what moves its running variances. Raises
    ValueError where tensors are missing, or of another shape, and for an unknown word.
    """
    if running_variance.replace(reference.DEBIASED, "") not in reference.RUNNING_VARIANCES:
        raise ValueError(f"unknown running variance {running_variance!r}")
    has_batch_norm = configuration.has_batch_norm
    wanted = expected(has_batch_norm, running_variance)
    losses = [float(loss) for loss in taken["losses"]]
    if len(losses) != len(wanted.losses):
        raise ValueError(f"{len(losses)} losses instead of {len(wanted.losses)}")
    tensors = []
    for name, start in wanted.starts.items():
        if is_average(name) and not configuration.has_running_averages:
            continue
        for step in first_steps.STEPS_LOOKED_AT:
            key = f"{step}/{name}"
            if key not in taken:
                raise ValueError(f"{name} is missing after step {step}")
            value = np.asarray(taken[key])
            if value.shape != start.shape:
                raise ValueError(f"{name} is {value.shape} instead of {start.shape}")
            relative = _relative(value, start, wanted, key)
            tensors.append(
                TensorDifference(step, name, relative, _tolerance(has_batch_norm, step, name))
            )
    off = tuple(abs(a - b) for a, b in zip(losses, wanted.losses, strict=True))
    return Agreement(off, tuple(tensors), has_batch_norm)


def _tolerance(has_batch_norm: bool, step: int, name: str) -> float:
    if step == 1 and is_average(name):
        return FIRST_AVERAGES_TOLERANCE
    return CHANGE_TOLERANCES[has_batch_norm][step]


def is_average(name: str) -> bool:
    return "/moving_" in name


def _relative(value: Array, start: Array, wanted: Expected, key: str) -> float:
    # A weight and its start are near each other, so float32 subtracts them without an error.
    difference = (value - start).astype(np.float64) - wanted.changes[key]
    distance = float(np.linalg.norm(difference))
    if math.isnan(distance):
        return distance
    return max(0.0, distance - wanted.rounding[key]) / wanted.sizes[key]
