"""What of the user's environment variables a record keeps."""

from __future__ import annotations

from vggbench.runs import variables


def test_a_record_keeps_what_changes_a_framework() -> None:
    telling = {"OMP_NUM_THREADS": "2", "ONEDNN_VERBOSE": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}
    assert variables.telling({**telling, "HOME": "/home/someone"}) == telling


def test_a_record_keeps_no_secret_of_another_program_whose_variables_begin_alike() -> None:
    assert variables.telling({"TF_VAR_password": "secret", "TF_TOKEN_example": "secret"}) == {}


def test_what_drivers_a_container_image_asks_for_is_not_kept_in_every_record() -> None:
    assert variables.telling({"NVIDIA_REQUIRE_CUDA": "cuda>=13"}) == {}
