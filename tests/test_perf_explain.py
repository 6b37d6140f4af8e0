"""The rows of perf/explain.py: what their entries come to."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Entry = dict[str, Any]

#: The slow-down in truth, of a step of STEP_S seconds.
TRUTH, STEP_S = 0.05, 0.2


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "perf"))
    return importlib.import_module("explain")


# -- a planted slow-down


def blocks(count: int, **more: Any) -> list[Entry]:
    """Blocks of the truth."""
    one = {"log": math.log1p(TRUTH), "left_out": None, "seconds": 30.0, **more}
    return [{"truth": number, **one} for number in range(count)]


def trial(share: float, off: float = 0.002, first: str = "conv_grad_weights") -> Entry:
    """A trial that tells ``share`` of a step of the gradients, with an interval of +-``off``."""
    told = {
        "class": "conv_grad_weights",
        "difference_s": share * STEP_S,
        "low_s": (share - off) * STEP_S,
        "high_s": (share + off) * STEP_S,
        "sure": share > off,
    }
    other = {**told, "class": "matmul", "sure": first == "matmul"}
    classes = [told, other] if first == told["class"] else [other, told]
    step = {"before_s": STEP_S}
    return {"trial": 1, "seconds": 100.0, "blocks": 3, "step": step, "classes": classes}


def test_what_is_planted_is_measured_before_it_is_explained(explain: ModuleType) -> None:
    assert explain.planted_plan([], "here") == {"truth": 1}
    spoilt = blocks(5, left_out="the machine was busy")
    assert explain.planted_plan([*blocks(19), *spoilt], "here") == {"truth": 20}
    assert explain.planted_plan([*blocks(20), trial(0.05)], "here") == {"trial": 2}
    assert explain.planted_plan([*blocks(20), *[trial(0.05)] * 10], "here") is None
    assert explain.planted_progress([*blocks(20), trial(0.05)]) == (
        "20 of 20 blocks of the truth, 1 of 10 explanations"
    )


@pytest.mark.parametrize(
    ("others", "first", "inside", "good"),
    [
        ([trial(0.051)], 10, 10, True),
        ([trial(0.051, first="matmul")], 9, 10, True),
        ([trial(0.06)], 10, 9, True),
        ([trial(0.051, first="matmul")] * 2, 8, 10, False),
        ([trial(0.06)] * 2, 10, 8, False),
    ],
)
def test_what_is_planted_must_be_named_first_and_lie_inside(
    explain: ModuleType, others: list[Entry], first: int, inside: int, good: bool
) -> None:
    trials = [*[trial(0.05)] * (10 - len(others)), *others]
    reached = explain.planted_reached([*blocks(20), *trials], 9, 9)
    assert reached.good is good
    assert reached.messages[0] == "the truth, by 20 blocks: +5.00 % of a step"
    assert reached.messages[1].startswith(
        f"conv_grad_weights named first {first} times of 10, the truth inside its interval "
        f"{inside} times; told +5.00 to "
    )


def test_an_explanation_without_the_class_names_it_no_time(explain: ModuleType) -> None:
    without = {**trial(0.05), "classes": [{**trial(0.05)["classes"][1]}]}
    reached = explain.planted_reached([*blocks(20), *[without] * 10], 8, None)
    assert reached.good is False
    assert "named first 0 times of 10" in reached.messages[1]


def test_nine_trials_are_too_few(explain: ModuleType) -> None:
    assert explain.planted_reached([*blocks(20), *[trial(0.05)] * 9], 9, 9).good is None


# -- the releases


def of_release(name: str, share: float = 0.95) -> Entry:
    own = {"named": share, "cost": 1.1, "traced_by": "tf.profiler", "seconds": 90.0, "blocks": 3}
    return {"release": name, **own}


def test_a_release_that_tells_no_operations_is_na_and_completes_the_row(
    explain: ModuleType,
) -> None:
    why = "jax-0.4.30 NHWC none on n/a: jax.profiler of this release tells no operations"
    told = {
        "seconds": 61.0,
        "release": "jax-0.4.30",
        "explanations": [],
        "unexplained": [{"configuration": {}, "why": why}],
    }
    entry = {"release": "jax-0.4.30", **explain.of_release(told)}
    assert entry == {"release": "jax-0.4.30", "na": why, "seconds": 61.0}
    others = [of_release(name) for name in explain.TAKEN_APART if name != "jax-0.4.30"]
    assert explain.named_plan(others, "here") == {"release": "jax-0.4.30"}
    assert explain.named_reached(others).good is None
    assert explain.named_plan([*others, entry], "here") is None
    reached = explain.named_reached([*others, entry])
    assert reached.good is True
    assert reached.messages[-1] == f"jax-0.4.30: not explained, {why}"


def test_a_release_that_failed_is_no_entry(explain: ModuleType) -> None:
    why = "jax-0.4.30 NHWC none on failed: no trace: ValueError"
    told = {"release": "jax-0.4.30", "seconds": 1.0, "explanations": []}
    with pytest.raises(SystemExit, match=r"jax-0\.4\.30 is not explained: .* failed: no trace"):
        explain.of_release({**told, "unexplained": [{"configuration": {}, "why": why}]})


def test_every_release_must_have_its_share_in_named_classes(explain: ModuleType) -> None:
    all_ = [of_release(name) for name in explain.TAKEN_APART]
    assert explain.named_reached(all_).good is True
    assert explain.named_reached([*all_[:-1], of_release("jax-0.4.30", 0.89)]).good is False
    nothing = [{"release": name, "na": "why", "seconds": 1.0} for name in explain.TAKEN_APART]
    assert explain.named_reached(nothing).good is False


def test_every_row_can_be_printed_before_anything_is_measured(
    explain: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = importlib.import_module("shared.rows")
    monkeypatch.setattr(explain, "STATE", tmp_path)
    states = {name: explain.state_of(name) for name in explain.ROWS}
    assert not any(rows.report(name, row, states[name]) for name, row in explain.ROWS.items())
    assert capsys.readouterr().out.count("NOT COMPLETE: 0 of ") == len(explain.ROWS)
