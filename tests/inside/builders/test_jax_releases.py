"""Real JAX releases: the newest, and one before it in turns.

They are installed from their locks into .asv/test-env and kept there for the next run. The oldest
is the one that tests/test_documented_commands.py verifies.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from vggbench.campaigns import verify
from vggbench.inside.params import Configuration, choices_of

from ...real import TURNS, in_turn, mutated, verified

pytestmark = pytest.mark.jax

NEWEST = "jax-0.12.0.1"
BETWEEN = TURNS["JAX"]

CHOICES = choices_of("JAX")
CASES = [
    *(
        (NEWEST, data_format, batch_norm)
        for data_format in CHOICES["data_format"]
        for batch_norm in CHOICES["batch_norm"]
    ),
    (BETWEEN, in_turn(CHOICES["data_format"]), "unfused"),
]


def configured(data_format: str, batch_norm: str) -> Configuration:
    return Configuration("JAX", data_format=data_format, batch_norm=batch_norm)


@pytest.mark.parametrize(("name", "data_format", "batch_norm"), CASES)
def test_every_release_computes_what_the_reference_computes(
    name: str, data_format: str, batch_norm: str
) -> None:
    found = verified(name, configured(data_format, batch_norm))
    assert found.answer == verify.AGREES, found.reason


# What is made wrong in JAX, in the release's own interpreter.
SOFTMAX_TWICE = """
def mutate():
    import jax
    once = jax.nn.log_softmax
    jax.nn.log_softmax = lambda x: once(jax.nn.softmax(x))
"""
NO_GRADIENT = """
def mutate():
    import jax
    once = jax.nn.relu
    jax.nn.relu = lambda x: jax.lax.stop_gradient(once(x))
"""
STATISTICS_OF_OTHER_AXES = """
def mutate():
    import jax.numpy as jnp
    once = jnp.var
    jnp.var = lambda x, axes: 4 * once(x, axes)
"""


@pytest.mark.parametrize(
    ("mutation", "batch_norm", "said"),
    [
        (SOFTMAX_TWICE, "none", "the loss of step 1"),
        (STATISTICS_OF_OTHER_AXES, "unfused", "the loss of step 1"),
    ],
)
def test_a_builder_that_computes_something_else_is_caught(
    tmp_path: Path, mutation: str, batch_norm: str, said: str
) -> None:
    found = verified(NEWEST, configured("NHWC", batch_norm), mutated(tmp_path, mutation))
    assert found.answer == verify.DISAGREES, found.reason
    assert said in (found.reason or "")


def test_a_program_without_all_convolutions_is_not_applicable(tmp_path: Path) -> None:
    """Without gradients XLA throws the convolutions away that nobody needs."""
    found = verified(NEWEST, configured("NHWC", "none"), mutated(tmp_path, NO_GRADIENT))
    assert found.answer == verify.NOT_APPLICABLE, found.reason
    assert "of the step's 38 as one program" in str(found.reason)
