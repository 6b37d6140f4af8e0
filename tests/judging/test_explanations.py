"""Which operations got slower, from literal records of traced processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vggbench import frameworks
from vggbench.inside.profilers import WITHIN
from vggbench.judging import explanation_text, verdicts
from vggbench.judging.duets import gather
from vggbench.judging.explanation_text import (
    CLASS_WORDS,
    as_json,
    headline,
    markdown,
    milliseconds,
    text,
)
from vggbench.judging.explanations import Explanation, of_blocks
from vggbench.judging.traces import IDLE
from vggbench.records import DUET, EXPLAIN, Record

from ..records.factory import CATALOGUE, NONSENSE, changed
from .duets import BLOCKS, block, blocks
from .literal import LINE, MACHINE, SAMPLES, evidence, measured

BEFORE, AFTER = LINE[-2], LINE[-1]

PLAIN_STEPS = 2

#: Seconds of a step in both releases: by name, kind and shapes.
OF_BEFORE = {
    ("conv1/Conv2D", "Conv2D", "8x64"): 0.030,
    ("grad1/Conv2DBackpropFilter", "Conv2DBackpropFilter", "8x64"): 0.040,
    ("grad2/Conv2DBackpropFilter", "Conv2DBackpropFilter", "8x32"): 0.010,
    ("fc/MatMul", "MatMul", ""): 0.010,
    ("odd", "Wondrous", ""): 0.004,
}
OF_AFTER = {
    **OF_BEFORE,
    ("grad1/Conv2DBackpropFilter", "Conv2DBackpropFilter", "8x64"): 0.060,
    ("turn/Transpose", "Transpose", ""): 0.005,
}
IDLE_S = 0.006


def trace(operations: dict[tuple[str, str, str], float], factor: float = 1.0) -> dict[str, Any]:
    parts = SAMPLES[PLAIN_STEPS:]
    whole = sum(operations.values()) + IDLE_S
    return {
        "profiler": "tf.profiler",
        "plain_steps": PLAIN_STEPS,
        "steps_s": [whole * factor * (1 + part) for part in parts],
        "idle_s": [IDLE_S * factor * (1 + part) for part in parts],
        "operations": [
            {
                "name": name,
                "kinds": kind,
                "shapes": shapes,
                "seconds": [own * factor * (1 + part) for part in parts],
            }
            for (name, kind, shapes), own in operations.items()
        ],
    }


def traced(
    count: int = 3,
    before: dict[tuple[str, str, str], float] = OF_BEFORE,
    after: dict[tuple[str, str, str], float] = OF_AFTER,
    onednn: tuple[list[dict], list[dict]] | None = None,
) -> list[Record]:
    """The records of so many blocks of traced processes."""
    found = []
    for number in range(count):
        off = 1 + BLOCKS[number % len(BLOCKS)]
        traces = trace(before), trace(after, off)
        for place, each in enumerate(onednn or ()):
            traces[place]["onednn"] = each
        first = {"release": BEFORE, "trace": traces[0]}
        second = {"release": AFTER, "trace": traces[1]}
        found += block(
            first, second, number=number + 1, purpose=EXPLAIN, started_second=1.0, seconds=0.095
        )
    return found


def explained(taken: list[Record], before: str = BEFORE, after: str = AFTER) -> Explanation | None:
    found, _ = gather(MACHINE, taken, CATALOGUE, purpose=EXPLAIN)
    key = taken[0].key
    commits = [CATALOGUE.by_name[name].commit for name in (before, after)]
    return of_blocks(found, (commits[0], key, None), (commits[1], key, None))


def sure(taken: list[Record]) -> Explanation:
    found = explained(taken)
    assert found is not None
    return found


def test_the_class_that_grew_comes_first_with_its_interval() -> None:
    found = sure(traced())
    first = found.parts[0]
    assert first.name == "conv_grad_weights"
    assert first.difference.difference == pytest.approx(0.020, rel=0.02)
    assert first.difference.low < 0.020 < first.difference.high
    assert first.difference.is_sure
    assert [part.name for part in found.sure] == ["conv_grad_weights", "layout"]
    assert found.blocks == 3
    assert found.step.difference == pytest.approx(0.025, rel=0.02)
    assert found.share(first) == pytest.approx(0.8, abs=0.02)


def test_the_first_line_says_it_in_words() -> None:
    line = headline(sure(traced()))
    assert line.startswith("+20")
    assert " ms of +25" in line
    assert "ms are gradients of the convolutions' weights (+" in line
    assert "; copies and reorders +5" in line


def test_the_largest_operations_stand_below_their_class() -> None:
    operations = sure(traced()).parts[0].operations
    assert [one.name for one in operations] == [
        "grad1/Conv2DBackpropFilter",
        "grad2/Conv2DBackpropFilter",
    ]
    assert operations[0].shapes == "8x64"
    assert operations[0].difference_s == pytest.approx(0.020, rel=0.05)


def test_small_operations_stand_under_their_kind() -> None:
    small = {("", "Relu", "8x64"): 0.002, ("", "AddV2", ""): 0.001}
    told = text(sure(traced(before={**OF_BEFORE, **small}, after={**OF_AFTER, **small})))
    assert "\n  small Relu [8x64] " in told
    assert "\n  small AddV2 " in told


def test_an_operation_that_is_new_has_nothing_before() -> None:
    (layout,) = [part for part in sure(traced()).parts if part.name == "layout"]
    assert layout.operations[0].before_s is None
    assert layout.difference.before == 0.0
    assert "| -" in markdown(sure(traced()))


def test_what_no_table_knows_is_other_and_its_share_is_told() -> None:
    found = sure(traced())
    assert {part.name for part in found.parts} == {
        *("conv_forward", "conv_grad_weights", "matmul", "layout", "other", "idle")
    }
    assert found.named[0] == pytest.approx(1 - 0.004 / 0.1, abs=0.001)


def test_where_nothing_differs_no_class_is_named() -> None:
    found = sure(traced(after=OF_BEFORE))
    assert found.sure == []
    assert headline(found).startswith("no class of operations surely differs: the step ")
    assert all(found.share(part) is None for part in found.parts)


def test_the_other_way_round_is_mirrored() -> None:
    forward = sure(traced())
    taken = traced()
    turned = explained(taken, AFTER, BEFORE)
    assert turned is not None
    assert (turned.before, turned.after) == (AFTER, BEFORE)
    assert turned.step.difference == pytest.approx(-forward.step.difference)
    assert turned.parts[0].difference.low == pytest.approx(-forward.parts[0].difference.high)


def test_two_blocks_are_too_few() -> None:
    assert explained(traced(2)) is None


def test_blocks_that_were_not_traced_are_not_counted() -> None:
    plain = [changed(one, purpose=DUET) for one in traced(3)]
    assert gather(MACHINE, plain, CATALOGUE, purpose=EXPLAIN)[0] == []
    assert gather(MACHINE, traced(3), CATALOGUE)[0] == []


def test_both_gradients_in_one_operation_are_told_apart_by_onednn() -> None:
    def primitives(weights: float, inputs: float) -> list[dict]:
        return [
            {
                "kind": "convolution",
                "direction": direction,
                "implementation": "brg",
                "shapes": "s1",
                "count": 1,
                "seconds": [seconds] * 3,
            }
            for direction, seconds in (("backward_weights", weights), ("backward_data", inputs))
        ]

    torch = {("grads", f"aten::x{WITHIN}aten::convolution_backward", ""): 0.090}
    taken = [
        changed(
            one,
            benchmark="train_step.PyTorch.time_train_step",
        )
        for one in traced(3, torch, torch, (primitives(0.03, 0.01), primitives(0.02, 0.02)))
    ]
    found, _ = gather(MACHINE, taken, CATALOGUE, purpose=EXPLAIN)
    key = taken[0].key
    commits = [CATALOGUE.by_name[name].commit for name in (BEFORE, AFTER)]
    told = of_blocks(found, (commits[0], key, None), (commits[1], key, None))
    assert told is not None
    before = {part.name: part.difference.before for part in told.parts}
    after = {part.name: part.difference.after for part in told.parts}
    assert before["conv_grad_weights"] == pytest.approx(3 * before["conv_grad_inputs"])
    assert after["conv_grad_weights"] == pytest.approx(after["conv_grad_inputs"])

    alone = [changed(one, benchmark=taken[0].benchmark) for one in traced(3, torch, torch)]
    found, _ = gather(MACHINE, alone, CATALOGUE, purpose=EXPLAIN)
    told = of_blocks(found, (commits[0], key, None), (commits[1], key, None))
    assert told is not None
    assert {part.name for part in told.parts} == {"other", "idle"}
    assert "nothing tells them apart" in told.notes[0]


def test_a_changed_implementation_is_told_by_itself() -> None:
    def primitive(implementation: str, seconds: float, shapes: str = "s1") -> dict:
        return {
            "kind": "convolution",
            "direction": "backward_weights",
            "implementation": implementation,
            "shapes": shapes,
            "count": 1,
            "seconds": [1.0, seconds, seconds],  # the first step does not count
        }

    before = [primitive("jit:avx512_core", 0.04), primitive("brg", 0.01, "s2")]
    after = [primitive("gemm:ref", 0.06), primitive("brg", 0.01, "s2")]
    found = sure(traced(onednn=(before, after)))
    (one,) = found.implementations
    assert (one.kind, one.before, one.after) == (
        "convolution backward_weights",
        "jit:avx512_core",
        "gemm:ref",
    )
    assert (one.shapes, one.before_s, one.after_s) == (1, pytest.approx(0.04), pytest.approx(0.06))
    line = (
        "oneDNN: convolution backward_weights by gemm:ref instead of jit:avx512_core in 1 shape: "
        "40.0 to 60.0 ms of a step"
    )
    assert line in text(found)


def test_what_tracing_costs_is_told() -> None:
    found = sure(traced())
    assert found.cost[0] == pytest.approx(0.1 / 0.095, rel=0.02)
    assert (
        "traced by tf.profiler, which makes a step 5 % and 32 % longer; "
        "96 % and 97 % of the step lies in named classes; 3 blocks\n"
    ) in text(found)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_a_trace_that_is_nonsense_does_not_count(nonsense: object) -> None:
    taken = traced(4)
    spoiled = [changed(taken[0], trace=nonsense), *taken[1:]]
    found = explained(spoiled)
    assert found is not None
    assert found.blocks == 3


@pytest.mark.parametrize("key", ["plain_steps", "steps_s", "idle_s", "operations", "onednn"])
@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_a_trace_with_a_key_that_is_nonsense_does_not_count(key: str, nonsense: object) -> None:
    taken = traced(4)
    spoilt = changed(taken[0], trace={**taken[0].trace, key: nonsense})
    found = explained([spoilt, *taken[1:]])
    assert found is not None
    # oneDNN may have told nothing.
    assert found.blocks == (4 if key == "onednn" and nonsense == [] else 3)


@pytest.mark.parametrize("key", ["name", "kinds", "shapes", "seconds"])
def test_a_trace_without_what_tells_an_operation_does_not_count(key: str) -> None:
    taken = traced(4)
    first, *others = taken[0].trace["operations"]
    without = {name: value for name, value in first.items() if name != key}
    spoilt = changed(taken[0], trace={**taken[0].trace, "operations": [without, *others]})
    found = explained([spoilt, *taken[1:]])
    assert found is not None
    assert found.blocks == 3


def test_a_step_that_took_no_time_does_not_count() -> None:
    taken = traced(4)
    spoilt = changed(taken[0], trace={**taken[0].trace, "steps_s": [0.0] * 3})
    found = explained([spoilt, *taken[1:]])
    assert found is not None
    assert found.blocks == 3


def test_each_class_has_words() -> None:
    classes = {
        found
        for framework in frameworks.KNOWN
        for _, found in (*framework.operations, *framework.containers)
    }
    assert {*CLASS_WORDS} == {*classes - {frameworks.CONV_GRADS}, frameworks.OTHER, IDLE}


def test_the_json_is_finite_and_has_the_keys_that_are_described() -> None:
    told = json.loads(json.dumps(as_json(sure(traced())), allow_nan=False))
    assert set(told) == {
        *("machine", "profile", "benchmark", "configuration", "release", "against", "blocks"),
        *("words", "headline", "step", "classes", "implementations", "traced_by", "cost", "named"),
        "notes",
    }
    assert set(told["classes"][0]) == {
        *("class", "before_s", "after_s", "difference_s", "low_s", "high_s", "share", "sure"),
        "operations",
    }


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.118, "+118"), (-0.0213, "-21.3"), (0.00512, "+5.12"), (0.0, "+0.00"), (0.09949, "+99.5")],
)
def test_milliseconds_have_three_digits(seconds: float, shown: str) -> None:
    assert milliseconds(seconds) == shown


def test_a_sure_change_of_the_step_has_the_first_line_of_its_explanation() -> None:
    taken = [*measured(BEFORE, 0.1), *blocks(BEFORE, AFTER, 1.25), *traced()]
    plain = verdicts.of_release(
        evidence(taken), CATALOGUE.by_name[AFTER], CATALOGUE.by_name[BEFORE], "cpu-quick"
    )
    found = explanation_text.with_explanations(plain, evidence(taken), taken)
    assert len(found) == len(plain)
    for before, after in zip(plain, found, strict=True):
        if after.measure == "step":
            assert after.outcome == "regressed"
            assert after.notes[-1] == f"operations: {headline(sure(traced()))}"
        else:
            assert after == before


def test_a_step_that_is_unchanged_is_not_explained() -> None:
    taken = [*measured(BEFORE, 0.1), *blocks(BEFORE, AFTER, 1.0), *traced()]
    plain = verdicts.of_release(
        evidence(taken), CATALOGUE.by_name[AFTER], CATALOGUE.by_name[BEFORE], "cpu-quick"
    )
    assert explanation_text.with_explanations(plain, evidence(taken), taken) == plain


OTHER_STATE = {"TF_ENABLE_ONEDNN_OPTS": "0"}


def test_an_explanation_of_another_state_says_nothing_of_a_verdict() -> None:
    """oneDNN was off where the steps were taken apart, and on where they were judged."""
    elsewhere = [changed(one, variables=OTHER_STATE) for one in traced()]
    taken = [*measured(BEFORE, 0.1), *blocks(BEFORE, AFTER, 1.25), *elsewhere]
    plain = verdicts.of_release(
        evidence(taken), CATALOGUE.by_name[AFTER], CATALOGUE.by_name[BEFORE], "cpu-quick"
    )
    assert explanation_text.with_explanations(plain, evidence(taken), taken) == plain


def test_a_trace_of_more_or_fewer_steps_than_samples_does_not_count() -> None:
    taken = traced(4)
    fewer = changed(taken[0], samples=taken[0].samples[:-1])
    found = explained([fewer, *taken[1:]])
    assert found is not None
    assert found.blocks == 3


def test_texts_of_a_trace_cannot_break_a_line() -> None:
    odd = {**OF_AFTER, ("a\x1b[31m\nb", "Conv2D", "8x\n64"): 0.050}
    told = explanation_text.text(sure(traced(after=odd)))
    assert "\x1b" not in told
    assert "a [31m b [8x 64]" in told
