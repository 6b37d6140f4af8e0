"""Rounding agrees with the reference, a builder that computes something else does not.

The reference itself is the builder here, with one thing made wrong at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vggbench.inside.builders import reference
from vggbench.inside.params import Configuration
from vggbench.inside.scripts import first_steps
from vggbench.judging import agreement

pytestmark = [pytest.mark.numerics, pytest.mark.xdist_group("agreement")]


@pytest.fixture(autouse=True, scope="module")
def expected_before_anything_is_made_wrong() -> None:
    """Have the expected steps computed while the reference is as it is: they are computed when they
    are first asked for, and kept for the process."""
    for has_batch_norm in (False, True):
        agreement.expected(has_batch_norm, reference.UNBIASED)


PLAIN = Configuration("TensorFlow")
UNFUSED = Configuration("TensorFlow", batch_norm="unfused")


def taken(has_batch_norm: bool) -> dict[str, Any]:
    configuration = UNFUSED if has_batch_norm else PLAIN
    return first_steps.run(reference.build(agreement.WORKLOAD, configuration))


def disagreement(has_batch_norm: bool) -> str:
    found = agreement.compare(taken(has_batch_norm), UNFUSED if has_batch_norm else PLAIN)
    assert not found.agrees
    assert found.why_not is not None
    return found.why_not


@pytest.mark.parametrize("has_batch_norm", [False, True])
def test_the_same_in_float32_agrees(has_batch_norm: bool) -> None:
    assert (
        agreement.compare(taken(has_batch_norm), UNFUSED if has_batch_norm else PLAIN).why_not
        is None
    )


def test_rounding_of_the_weights_themselves_is_no_difference() -> None:
    """gamma starts at 1 and moves by so little that float32 keeps three digits of it."""
    configuration = Configuration("TensorFlow", batch_norm="fused")
    exact = reference.build(agreement.WORKLOAD, configuration, dtype=np.float64)
    rounded = {
        key: np.asarray(value, np.float32) if key != "losses" else value
        for key, value in first_steps.run(exact).items()
    }
    found = agreement.compare(rounded, configuration)
    assert found.worst_loss == 0
    assert found.worst_tensor.relative < 1e-6


def test_a_layer_that_is_not_updated_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    update = reference.update

    def forgetful(weights: Any, gradients: Any) -> None:
        update(weights, {n: g for n, g in gradients.items() if n != "conv3_2/bias"})

    monkeypatch.setattr(reference, "update", forgetful)
    found = agreement.compare(taken(False), PLAIN)
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


# Of the rest, which take seconds each, test_keras_releases.py meets those that releases give.
WORDS = ["biased", "biased + epsilon", "biased, corrected" + reference.DEBIASED]


@pytest.mark.parametrize("word", WORDS)
def test_a_running_variance_agrees_with_the_word_that_its_step_gives_and_no_other(
    word: str,
) -> None:
    """In the last layers the batch has 8 values a channel: biased is an eighth too small."""
    step = reference.build(agreement.WORKLOAD, UNFUSED, running_variance=word)
    steps = first_steps.run(step)
    for said in WORDS:
        why_not = agreement.compare(steps, UNFUSED, said).why_not
        if said == word:
            assert why_not is None
        else:
            assert "/moving_" in (why_not or "")


def test_another_running_variance_is_another_running_average_alone() -> None:
    one = agreement.expected(True, reference.UNBIASED)
    other = agreement.expected(True, WORDS[0])
    assert list(other.changes) == list(other.sizes) == list(other.rounding) == list(one.changes)
    differing = {key for key, size in other.sizes.items() if size != one.sizes[key]}
    assert differing == {key for key in one.sizes if key.endswith("/moving_variance")}
    for key, change in other.changes.items():
        assert agreement.is_average(key) or change is one.changes[key], "weights are kept once"


def test_an_unknown_running_variance_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown running variance 'halved'"):
        agreement.compare({}, UNFUSED, "halved")


def test_nonsense_is_no_agreement() -> None:
    steps = taken(False)
    steps["3/fc8/bias"] = steps["3/fc8/bias"] * np.nan
    found = agreement.compare(steps, PLAIN)
    assert found.worst_tensor.tensor == "fc8/bias"
    assert not found.agrees
    steps["losses"][1] = float("nan")
    found = agreement.compare(steps, PLAIN)
    assert found.why_not == "the loss of step 2 is nan off, allowed are 1e-04"


def test_tensors_that_are_missing_or_of_another_shape_cannot_be_compared() -> None:
    steps = taken(False)
    kernel = steps.pop("1/fc8/kernel")
    with pytest.raises(ValueError, match="fc8/kernel is missing after step 1"):
        agreement.compare(steps, PLAIN)
    steps["1/fc8/kernel"] = kernel.T
    with pytest.raises(ValueError, match=r"fc8/kernel is \(1000, 4096\) instead of \(4096, 1000\)"):
        agreement.compare(steps, PLAIN)
    with pytest.raises(ValueError, match="2 losses instead of 3"):
        agreement.compare({**steps, "losses": [1.0, 2.0]}, PLAIN)
