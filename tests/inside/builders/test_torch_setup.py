"""How PyTorch is set up before it is imported, and what is made of the answers of a stand-in."""

from __future__ import annotations

import os

import pytest

from vggbench.inside.builders.keras import on_torch


def test_the_profile_alone_says_where_keras_computes_on_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared: list[str] = []
    monkeypatch.setattr(on_torch.setup, "prepare", prepared.append)
    monkeypatch.setenv("KERAS_TORCH_DEVICE", "cpu")
    on_torch.prepare("gpu")
    assert prepared == ["gpu"]
    assert "KERAS_TORCH_DEVICE" not in os.environ
