"""How PyTorch is set up before it is imported, and what is made of the answers of a stand-in."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from vggbench.inside import gpu
from vggbench.inside.builders import torch as package
from vggbench.inside.builders.keras import on_torch
from vggbench.inside.builders.torch import setup
from vggbench.inside.params import MachineLacks, NotApplicable

#: What Dynamo and AOTAutograd count where one graph was compiled with its backward pass.
ONE_GRAPH = {"stats": {"unique_graphs": 1}, "aot_autograd": {"ok": 1, "total": 1}}


class Unsupported(RuntimeError):
    """What Dynamo raises of Python that it cannot take into a graph."""


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A PyTorch with a Dynamo that has counted nothing yet."""
    stand_in, dynamo, utils = (
        ModuleType(name) for name in ("torch", "torch._dynamo", "torch._dynamo.utils")
    )
    stand_in.__version__ = "2.13.0"
    stand_in._dynamo = dynamo
    dynamo.config = SimpleNamespace(disable=False)
    dynamo.exc = SimpleNamespace(Unsupported=Unsupported)
    utils.counters = {}
    for module in (stand_in, dynamo, utils):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delenv("TORCHDYNAMO_DISABLE", raising=False)
    return stand_in


@pytest.fixture
def compiler(torch: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    name = "vggbench.inside.builders.torch.compiler"
    # So that what is imported with the stand-in goes when it goes.
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(package, "compiler", None, raising=False)
    del sys.modules[name]
    return importlib.import_module(name)


def counts(**more: Any) -> str:
    """Count as PyTorch does in a step that is compiled; return what the step returns."""
    sys.modules["torch._dynamo.utils"].counters.update({**ONE_GRAPH, **more})
    return "loss"


def raising(error: Exception) -> Callable[[], str]:
    """A function that raises this error."""

    def call() -> str:
        raise error

    return call


def test_the_profile_alone_says_where_keras_computes_on_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared: list[str] = []
    monkeypatch.setattr(setup, "prepare", prepared.append)
    monkeypatch.setenv("KERAS_TORCH_DEVICE", "cpu")
    on_torch.prepare("gpu")
    assert prepared == ["gpu"]
    assert "KERAS_TORCH_DEVICE" not in os.environ


def test_a_first_step_that_is_one_graph_is_proven(compiler: ModuleType) -> None:
    returned, told = compiler.first_call(counts)
    assert returned == "loss"
    assert told["proof"] == "one graph, no break; it was compiled with its backward pass"
    assert told["proof_s"] >= 0


@pytest.mark.parametrize("name", ["TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE"])
def test_where_torch_compile_is_switched_off_the_machine_lacks_it(
    torch: ModuleType, compiler: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "TORCHDYNAMO_DISABLE":
        monkeypatch.setenv(name, "1")
    else:
        torch._dynamo.config.disable = "0"  # as early releases have it where the text is 0
    with pytest.raises(MachineLacks, match=f"switched off here: {name} is set; unset it") as caught:
        compiler.first_call(counts)
    assert caught.value.what == "torch.compile"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\ncall_function print\n\nfrom user code: ...", "one graph: call_function print$"),
        ("", "one graph: no reason given$"),
    ],
)
def test_a_step_that_breaks_into_pieces_is_not_applicable(
    compiler: ModuleType, text: str, said: str
) -> None:
    with pytest.raises(NotApplicable, match=said) as caught:
        compiler.first_call(raising(Unsupported(text)))
    assert not isinstance(caught.value, MachineLacks), "it is an answer about the release"


def test_an_error_that_is_no_answer_stays_what_it_is(compiler: ModuleType) -> None:
    with pytest.raises(ValueError, match="of its own"):
        compiler.first_call(raising(ValueError("of its own")))


P100 = (
    "Found Tesla P100-PCIE-16GB which is too old to be supported by the triton GPU compiler, which "
    "is used as the backend. Triton only supports devices of CUDA Capability >= 7.0, but your "
    "device is of CUDA capability 6.0"
)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (P100, "a GPU that Triton supports"),
        ("Cannot find a working triton installation. Either it is not there or too old.", "Triton"),
        (
            "Failed to find C compiler. Please specify via CC environment variable.",
            "a C++ compiler",
        ),
    ],
)
def test_what_the_compiler_needs_of_a_machine_is_what_the_machine_lacks(
    compiler: ModuleType, said: str, what: str
) -> None:
    """Dynamo raises its own error, which holds that of the compiler behind it."""
    outer = RuntimeError(f"backend='inductor' raised:\nRuntimeError: {said}\n\nYou can suppress it")
    outer.__cause__ = RuntimeError(said)
    with pytest.raises(MachineLacks, match=r"^torch\.compile of torch 2\.13\.0") as caught:
        compiler.first_call(raising(outer))
    assert caught.value.what == what
    assert said.partition(".")[0] in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def without_cuda(torch: ModuleType, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The torch.cuda of a PyTorch with CUDA 13.0 that cannot use the GPU that is there."""
    cuda = SimpleNamespace(is_available=lambda: False, init=lambda: None)
    torch.version, torch.cuda = SimpleNamespace(cuda="13.0"), cuda
    monkeypatch.setattr(gpu, "visible", lambda: ["NVIDIA H200"])
    return cuda


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(
            "The NVIDIA driver on your system is too old (found version 12040). Please update it."
        ),
        AssertionError(
            "\nThe NVIDIA driver on your system is too old (found version 9000).\nPlease update it."
        ),
        RuntimeError("cuda runtime error (35) : CUDA driver version is insufficient for CUDA"),
    ],
)
def test_too_old_a_driver_is_what_the_machine_lacks(
    without_cuda: SimpleNamespace, error: Exception
) -> None:
    without_cuda.init = raising(error)
    with pytest.raises(MachineLacks, match=r"^torch 2\.13\.0 has CUDA 13\.0: .*driver") as caught:
        setup.check_device("gpu")
    assert caught.value.what == "a newer driver"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("init", "said"),
    [
        (raising(RuntimeError("Error 802: system not yet initialized")), "Error 802: system not"),
        (lambda: None, "a library may be missing, or this GPU is not supported"),
    ],
)
def test_a_gpu_that_cannot_be_used_for_another_reason_is_a_failure_with_what_torch_says(
    without_cuda: SimpleNamespace, init: Callable[[], object], said: str
) -> None:
    without_cuda.init = init
    with pytest.raises(RuntimeError, match="nvidia-smi lists NVIDIA H200: " + said):
        setup.check_device("gpu")


def test_a_torch_without_cuda_is_not_applicable_on_a_gpu(
    torch: ModuleType, without_cuda: SimpleNamespace
) -> None:
    torch.version.cuda = None
    with pytest.raises(NotApplicable, match=r"torch 2\.13\.0 was built without CUDA") as caught:
        setup.check_device("gpu")
    assert not isinstance(caught.value, MachineLacks)


def test_a_step_of_keras_that_is_compiled_anew_after_the_first_is_not_applicable(
    compiler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_torch, "_proven", [])
    monkeypatch.setattr(setup, "facts", lambda: {"torch": "2.13.0"})
    counts(stats={"unique_graphs": 3})  # of whatever ran before: none of it was to be compiled
    assert on_torch.facts() == {"torch": "2.13.0"}
    assert on_torch.proof_of_xla(None)(counts)[1]["mode"] == on_torch.MODE
    assert on_torch.facts() == {"torch": "2.13.0"}
    counts(stats={"unique_graphs": 2})
    with pytest.raises(NotApplicable, match="made 2 graphs of the step instead of one"):
        on_torch.facts()
