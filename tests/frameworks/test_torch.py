"""What is known of PyTorch."""

from __future__ import annotations

import os
import signal

from vggbench.frameworks import torch
from vggbench.runs import variables


def test_a_bus_error_names_the_shared_memory() -> None:
    said = variables.remedy(-signal.SIGBUS, os.environ)
    assert said.startswith("; the shared memory, /dev/shm, may be too small")
    assert variables.remedy(-signal.SIGKILL, {}) == ""


def test_only_releases_that_compile_take_long_to_verify() -> None:
    assert torch.FRAMEWORK.forecast("1.13.1", ()) is None
    assert "torch.compile takes" in str(torch.FRAMEWORK.forecast("2.0.1", ()))
