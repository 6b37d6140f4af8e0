"""Real PyTorch releases: the newest, and in turns an older one.

They are installed from their locks into .asv/test-env and kept there for the next run.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from vggbench.campaigns import verify
from vggbench.inside.params import Configuration, choices_of

from ...real import TORCH_OR_KERAS, TURNS, in_turn, mutated, python_of, verified

pytestmark = pytest.mark.torch

NEWEST = "torch-2.15.0"
#: None where it is the turn of Keras on PyTorch.
OLDER = next((name for name in [TURNS[TORCH_OR_KERAS]] if name.startswith("torch-")), None)

#: The first release with torch.channels_last.
CHANNELS_LAST = Version("1.2")

CHOICES = choices_of("PyTorch")
# A compiled configuration takes most of a minute.
COMPILED = in_turn(CHOICES["batch_norm"])
CASES = [
    *(
        (NEWEST, data_format, batch_norm, "off")
        for data_format in CHOICES["data_format"]
        for batch_norm in CHOICES["batch_norm"]
    ),
    *((OLDER, "NCHW", batch_norm, "off") for batch_norm in CHOICES["batch_norm"] if OLDER),
    (NEWEST, in_turn(CHOICES["data_format"]), COMPILED, "on"),
]


def configured(data_format: str, batch_norm: str, compiled: str) -> Configuration:
    return Configuration(
        "PyTorch", data_format=data_format, batch_norm=batch_norm, compile=compiled
    )


@pytest.mark.parametrize(("name", "data_format", "batch_norm", "compiled"), CASES)
def test_every_release_computes_what_the_reference_computes(
    name: str, data_format: str, batch_norm: str, compiled: str
) -> None:
    found = verified(name, configured(data_format, batch_norm, compiled))
    assert found.answer == verify.AGREES, found.reason


@pytest.mark.skipif(OLDER is None, reason="it is the turn of Keras on PyTorch")
def test_what_came_later_is_not_applicable_before() -> None:
    assert OLDER is not None
    version = Version(OLDER.removeprefix("torch-"))
    found = verified(OLDER, configured("NCHW", "none", "on"))
    if version < Version("2.0"):
        assert found.answer == verify.NOT_APPLICABLE, found.reason
        assert "it came with 2.0" in str(found.reason)
    else:
        assert found.answer == verify.AGREES, found.reason
    found = verified(OLDER, configured("NHWC", "none", "off"))
    if version < CHANNELS_LAST:
        assert found.answer == verify.NOT_APPLICABLE, found.reason
        assert "no channels_last in torch" in str(found.reason)
    else:
        assert found.answer == verify.AGREES, found.reason


# What is made wrong in PyTorch, in the release's own interpreter.
SOFTMAX_TWICE = """
def mutate():
    from torch.nn import functional
    once = functional.cross_entropy
    functional.cross_entropy = lambda x, labels: once(functional.softmax(x, 1), labels)
"""
UPDATE_TWICE = """
def mutate():
    import torch
    once = torch.optim.SGD.step
    def twice(self, *arguments):
        once(self, *arguments)
        once(self, *arguments)
    torch.optim.SGD.step = twice
"""
GRADIENTS_THAT_ADD_UP = """
def mutate():
    import torch
    torch.optim.SGD.zero_grad = lambda self, *arguments, **options: None
"""
AVERAGES_THAT_DO_NOT_MOVE = """
def mutate():
    from torch.nn import functional
    once = functional.batch_norm
    def without(x, mean, variance, *arguments, **options):
        return once(x, mean.clone(), variance.clone(), *arguments, **options)
    functional.batch_norm = without
"""


@pytest.mark.parametrize(
    ("mutation", "batch_norm", "said"),
    [
        in_turn(
            [
                (SOFTMAX_TWICE, "none", "the loss of step 1"),
                (UPDATE_TWICE, "none", "the loss of step 2"),
                (GRADIENTS_THAT_ADD_UP, "none", "the loss of step 3"),
            ]
        ),
        (AVERAGES_THAT_DO_NOT_MOVE, "fused", "/moving_"),
    ],
)
def test_a_builder_that_computes_something_else_is_caught(
    tmp_path: Path, mutation: str, batch_norm: str, said: str
) -> None:
    found = verified(NEWEST, configured("NCHW", batch_norm, "off"), mutated(tmp_path, mutation))
    assert found.answer == verify.DISAGREES, found.reason
    assert said in (found.reason or "")


BREAKS = """
def mutate():
    from vggbench.inside.builders.torch import setup
    setup.prepare("cpu")
    import torch
    from vggbench.inside.builders.torch import step
    original = step._Step._batch_loss
    def broken(self):
        loss = original(self)
        torch._dynamo.graph_break()
        return loss * 1
    step._Step._batch_loss = broken
"""
# torch.compile gives up without a word where it may: the step is then run as it is. Dynamo counts
# the graphs whatever becomes of them, and compiling them takes most of a minute.
BREAKS_WHERE_IT_MAY = (
    BREAKS
    + """
    once = torch.compile
    torch.compile = lambda function, **options: once(function, backend="eager")
"""
)


@pytest.mark.parametrize(
    ("mutation", "said"),
    [
        (BREAKS, "does not compile the step as one graph: "),
        (BREAKS_WHERE_IT_MAY, "graphs of the step instead of one"),
    ],
)
def test_a_step_that_is_compiled_in_pieces_is_not_applicable(
    tmp_path: Path, mutation: str, said: str
) -> None:
    found = verified(NEWEST, configured("NCHW", "none", "on"), mutated(tmp_path, mutation))
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert said in str(found.reason)


def test_without_a_compiler_the_machine_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_of(NEWEST)  # which takes programs to install
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    found = verified(NEWEST, configured("NCHW", "none", "on"))
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert "finds no compiler here" in str(found.reason)
