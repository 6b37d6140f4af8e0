"""How JAX is set up before it is imported, and what a device is told by a stand-in for JAX."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace

import pytest

from vggbench.inside.builders.jax import setup
from vggbench.inside.builders.keras import on_jax
from vggbench.inside.params import MachineLacks

ELSEWHERE = {"JAX_PLATFORM_NAME": "cpu", "JAX_DEFAULT_DEVICE": "cpu"}


@pytest.fixture
def jax(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A JAX that sees a GPU and computes on it, and nothing else yet."""
    stand_in = ModuleType("jax")
    stand_in.__version__ = "0.4.23"
    stand_in.devices = lambda platform: ["cuda:0"]
    stand_in.default_backend = lambda: "gpu"
    monkeypatch.setitem(sys.modules, "jax", stand_in)
    return stand_in


@pytest.mark.parametrize(("device", "platforms"), [("cpu", "cpu"), ("gpu", None)])
def test_the_profile_alone_says_where_jax_computes(
    monkeypatch: pytest.MonkeyPatch, device: str, platforms: str | None
) -> None:
    for name, value in {**ELSEWHERE, "JAX_PLATFORMS": "tpu", "CUDA_VISIBLE_DEVICES": "0"}.items():
        monkeypatch.setenv(name, value)
    setup.prepare(device)
    assert os.environ.get("JAX_PLATFORMS") == platforms
    assert not set(ELSEWHERE) & set(os.environ)


def test_a_jax_that_sees_the_gpu_and_computes_on_the_cpu_has_failed(jax: ModuleType) -> None:
    setup.check_device("gpu")
    jax.default_backend = lambda: "cpu"
    setup.check_device("cpu")
    with pytest.raises(RuntimeError, match=r"jax 0\.4\.23 sees a GPU, and computes on the CPU"):
        setup.check_device("gpu")


def test_where_jit_is_switched_off_the_machine_lacks_it_and_no_step_of_keras_is_run(
    jax: ModuleType,
) -> None:
    """The function that Keras gave to jax.jit could still be lowered, and would prove nothing."""
    jax.config = SimpleNamespace(jax_disable_jit=True)
    called: list[str] = []
    with pytest.raises(MachineLacks, match="switched off here: JAX_DISABLE_JIT is set") as caught:
        on_jax.proof_of_xla(None)(lambda: called.append("step"))
    assert caught.value.what == "jax.jit"
    assert called == []
