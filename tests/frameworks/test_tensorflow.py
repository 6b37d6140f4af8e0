"""What is known of TensorFlow."""

from __future__ import annotations

import pytest

from vggbench.frameworks import tensorflow


@pytest.mark.parametrize(
    ("facts", "used"),
    [
        # The wheels of the index say that they have no MKL, with oneDNN and without.
        ({"tensorflow": "2.8.4", "mkl_enabled": False}, False),
        ({"tensorflow": "2.9.3", "mkl_enabled": False}, True),
        ({"tensorflow": "2.9.3", "mkl_enabled": False, "onednn_instructions": True}, True),
        ({"tensorflow": "2.9.3", "mkl_enabled": False, "onednn_instructions": False}, False),
        ({"tensorflow": "2.9.3", "onednn_instructions": None}, True),
        ({"tensorflow": "2.8.4", "onednn_instructions": True}, False),
        # From 2.11 on they tell what they do.
        ({"tensorflow": "2.11.1", "mkl_enabled": True}, True),
        ({"tensorflow": "2.11.1", "mkl_enabled": False}, False),
        ({"tensorflow": "2.11.1", "mkl_enabled": None}, True),
        ({"tensorflow": "2.21.0", "mkl_enabled": False, "TF_ENABLE_ONEDNN_OPTS": "1"}, True),
        ({"tensorflow": "2.9.3", "TF_ENABLE_ONEDNN_OPTS": "0"}, False),
        ({"tensorflow": "2.9.3", "TF_ENABLE_ONEDNN_OPTS": "False"}, False),
        ({"tensorflow": "2.7.4", "TF_ENABLE_ONEDNN_OPTS": "1"}, True),
        ({"tensorflow": "2.4.4", "TF_ENABLE_ONEDNN_OPTS": "1"}, False),
        ({"tensorflow": "1.15.5", "mkl_enabled": True}, True),
        ({"tensorflow": "not a version"}, None),
        ({}, None),
    ],
)
def test_onednn_is_used_as_told_else_as_said_else_by_default_from_2_9_on(facts, used) -> None:
    assert tensorflow.uses_onednn(facts) is used
