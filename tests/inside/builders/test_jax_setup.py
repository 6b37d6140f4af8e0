"""How JAX is set up before it is imported, and what a device is told by a stand-in for JAX."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from vggbench.inside import gpu
from vggbench.inside.builders.jax import setup
from vggbench.inside.builders.keras import on_jax
from vggbench.inside.params import MachineLacks, NotApplicable

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


@pytest.fixture
def unusable(jax: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the packages beside a JAX that cannot use the GPU that is there."""

    def none(platform: str) -> list[str]:
        raise RuntimeError(f"Unknown backend: {platform!r} requested")

    jax.devices = none
    monkeypatch.setattr(gpu, "visible", lambda: ["NVIDIA H200"])
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("package", "version"),
    [
        ("jax_cuda12_plugin", None),
        ("jax_cuda14_plugin", None),
        ("jaxlib", "0.4.23+cuda12.cudnn89"),  # as wheels up to 0.4.29 were
    ],
)
def test_a_jax_with_cuda_that_cannot_use_the_gpu_has_failed(
    unusable: Path, package: str, version: str | None
) -> None:
    install(unusable, package, version or "1.0")
    with pytest.raises(RuntimeError, match=r"jax 0\.4\.23 has CUDA and sees no GPU, nvidia-smi"):
        setup.check_device("gpu")


def test_a_jax_without_cuda_is_not_applicable_on_a_gpu(unusable: Path) -> None:
    install(unusable, "jaxlib", "0.4.23")
    install(unusable, "jax_plugins", "1.0")
    with pytest.raises(NotApplicable, match=r"no CUDA is installed beside jax 0\.4\.23") as caught:
        setup.check_device("gpu")
    assert not isinstance(caught.value, MachineLacks)


def install(folder: Path, package: str, version: str) -> None:
    """Put a package into a folder as an installer does; it is empty."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").touch()
    told = folder / f"{package}-{version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
