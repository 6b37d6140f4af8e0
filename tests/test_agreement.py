"""Rounding agrees with the reference, a builder that computes something else does not.

The reference itself is the builder here, with one thing made wrong at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vggbench import agreement
from vggbench.builders import Configuration, first_steps, reference

pytestmark = pytest.mark.numerics


def taken(has_batch_norm: bool) -> dict[str, Any]:
    configuration = Configuration(batch_norm="unfused" if has_batch_norm else "none")
    return first_steps.run(reference.build(agreement.WORKLOAD, configuration))


def disagreement(has_batch_norm: bool) -> str:
    found = agreement.compare(taken(has_batch_norm), has_batch_norm)
    assert not found.agrees
    assert found.why_not is not None
    return found.why_not


@pytest.mark.parametrize("has_batch_norm", [False, True])
def test_the_same_in_float32_agrees(has_batch_norm: bool) -> None:
    assert agreement.compare(taken(has_batch_norm), has_batch_norm).why_not is None


def test_rounding_of_the_weights_themselves_is_no_difference() -> None:
    """gamma starts at 1 and moves by so little that float32 keeps three digits of it."""
    configuration = Configuration(batch_norm="fused")
    exact = reference.build(agreement.WORKLOAD, configuration, dtype=np.float64)
    rounded = {
        key: np.asarray(value, np.float32) if key != "losses" else value
        for key, value in first_steps.run(exact).items()
    }
    found = agreement.compare(rounded, True)
    assert found.worst_loss == 0
    assert found.worst_tensor.relative < 1e-6


def test_a_layer_that_is_not_updated_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    update = reference.update

    def forgetful(weights: Any, gradients: Any) -> None:
        update(weights, {n: g for n, g in gradients.items() if n != "conv3_2/bias"})

    monkeypatch.setattr(reference, "update", forgetful)
    found = agreement.compare(taken(False), False)
    worst = found.worst_tensor
    assert not found.agrees
    assert (worst.tensor, worst.step) == ("conv3_2/bias", 1)
    assert worst.relative == pytest.approx(1, abs=1e-3)


def test_batch_norm_over_wrong_axes_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image by itself instead of the whole batch."""
    batch_norm = reference.batch_norm

    def image_norm(x: Any, gamma: Any, beta: Any) -> Any:
        outputs, backwards = zip(
            *(batch_norm(image[np.newaxis], gamma, beta) for image in x), strict=True
        )

        def backward(gradient: Any) -> Any:
            of_x, of_gamma, of_beta = zip(
                *(b(g[np.newaxis]) for b, g in zip(backwards, gradient, strict=True)), strict=True
            )
            return np.concatenate(of_x), sum(of_gamma), sum(of_beta)

        return np.concatenate(outputs), backward

    monkeypatch.setattr(reference, "batch_norm", image_norm)
    assert "the loss of step 1" in disagreement(True)


def test_softmax_applied_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    once = reference.softmax_cross_entropy

    def twice(logits: Any, labels: Any) -> Any:
        exp = np.exp(logits - logits.max(1, keepdims=True))
        return once(exp / exp.sum(1, keepdims=True), labels)

    monkeypatch.setattr(reference, "softmax_cross_entropy", twice)
    assert "the loss of step 1" in disagreement(False)


@pytest.mark.parametrize("has_batch_norm", [False, True])
def test_an_update_applied_twice_is_caught(
    monkeypatch: pytest.MonkeyPatch, has_batch_norm: bool
) -> None:
    update = reference.update

    def twice(weights: Any, gradients: Any) -> None:
        update(weights, gradients)
        update(weights, gradients)

    monkeypatch.setattr(reference, "update", twice)
    assert "the loss of step 2" in disagreement(has_batch_norm)


def test_running_averages_that_do_not_move_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "move_averages", lambda weights, statistics: None)
    why_not = disagreement(True)
    assert "52 of" in why_not  # 13 layers, two averages, two steps
    assert "/moving_" in why_not


def test_a_running_variance_moved_by_the_biased_variance_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the last layers the batch has 8 values a channel: an eighth too small."""
    monkeypatch.setattr(
        reference, "unbiased_variance_of_channels", lambda values: values.var((0, 1, 2))
    )
    assert "/moving_variance" in disagreement(True)


def test_nonsense_is_no_agreement() -> None:
    steps = taken(False)
    steps["3/fc8/bias"] = steps["3/fc8/bias"] * np.nan
    found = agreement.compare(steps, False)
    assert found.worst_tensor.tensor == "fc8/bias"
    assert not found.agrees
    steps["losses"][1] = float("nan")
    found = agreement.compare(steps, False)
    assert found.why_not == "the loss of step 2 is nan off, allowed are 1e-04"


def test_tensors_that_are_missing_or_of_another_shape_cannot_be_compared() -> None:
    steps = taken(False)
    kernel = steps.pop("1/fc8/kernel")
    with pytest.raises(ValueError, match="fc8/kernel is missing after step 1"):
        agreement.compare(steps, False)
    steps["1/fc8/kernel"] = kernel.T
    with pytest.raises(ValueError, match=r"fc8/kernel is \(1000, 4096\) instead of \(4096, 1000\)"):
        agreement.compare(steps, False)
    with pytest.raises(ValueError, match="2 losses instead of 3"):
        agreement.compare({**steps, "losses": [1.0, 2.0]}, False)
