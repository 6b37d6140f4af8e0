"""A record as a literal, for tests of what reads and writes records."""

from __future__ import annotations

from typing import Any

RECORD: dict[str, Any] = {
    "schema": 1,
    "run": "20240501T120000Z-00000001",
    "release": "tensorflow-2.16.2",
    "commit": "5e0f1b7a" * 5,
    "profile": "cpu-quick",
    "benchmark": "train_step.TensorFlow.time_train_step",
    "configuration": {"data_format": "NHWC", "batch_norm": "fused", "xla": "off"},
    "outcome": "ok",
}
