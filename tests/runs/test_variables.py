"""What of the user's environment variables a record keeps."""

from __future__ import annotations

import ast

from vggbench.runs import variables

from ..real import ROOT


def test_a_record_keeps_what_changes_a_framework() -> None:
    telling = {"OMP_NUM_THREADS": "2", "ONEDNN_VERBOSE": "1", "TF_ENABLE_ONEDNN_OPTS": "0"}
    assert variables.telling({**telling, "HOME": "/home/someone"}) == telling


def test_what_leads_to_other_code_or_only_disturbs_reaches_no_release() -> None:
    kept = {"PATH": "/bin", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    unwanted = (
        *("PYTHONPATH", "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV"),
        *("VGGBENCH_TRACE", "VGGBENCH_TURNS", "VGGBENCH_GO_ON_S", "VGGBENCH_STARTER"),
    )
    assert variables.for_release({**kept, **dict.fromkeys(unwanted, "x")}) == kept


def test_what_chooses_threads_kernels_or_memory_is_compared_and_nothing_else() -> None:
    compared = {"KMP_BLOCKTIME": "0", "MALLOC_ARENA_MAX": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    compared |= {"THEANO_FLAGS": "x", "XLA_FLAGS": "y", "OMP_NUM_THREADS": "1", "DNNL_VERBOSE": "1"}
    compared |= {"THEANORC": "/home/x/rc", "NVIDIA_TF32_OVERRIDE": "0", "JAX_DISABLE_JIT": "1"}
    compared |= {"XLA_PYTHON_CLIENT_ALLOCATOR": "platform", "PYTORCH_ALLOC_CONF": "backend:native"}
    compared |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TORCH_CUDNN_V8_API_DISABLED": "1"}
    compared |= {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1", "CUDA_LAUNCH_BLOCKING": "1"}
    compared |= {"TF_DETERMINISTIC_OPS": "1", "TF_CUDNN_USE_AUTOTUNE": "0", "JAX_DEBUG_NANS": "1"}
    compared |= {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE": "false"}
    shown = {"LD_LIBRARY_PATH": "/x", "CUDA_VISIBLE_DEVICES": "0", "PYTHONUNBUFFERED": "1"}
    assert variables.compared({**shown, **compared}) == compared
    assert set(variables.telling({**shown, **compared})) == {*shown, *compared}


def test_every_setting_that_a_builder_tells_of_is_compared() -> None:
    """The modules of builders import their frameworks, so they are read."""
    told = set()
    for path in (ROOT / "vggbench" / "inside" / "builders").glob("*/*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith("SETTINGS"):
                told.update(ast.literal_eval(node.value))
    assert {"JAX_ENABLE_X64", "PYTORCH_ALLOC_CONF", "TF_GPU_ALLOCATOR", "TF_XLA_FLAGS"} <= told
    assert set(variables.compared(dict.fromkeys(told, "x"))) == told


def test_a_folder_that_a_builder_replaces_keeps_no_processes_apart() -> None:
    """Jobs of a cluster have one each, by the name of their job."""
    replaced = {"TORCHINDUCTOR_CACHE_DIR": "/tmp/1234"}
    assert variables.compared(replaced) == {}
    assert variables.flags_message(replaced) is None
    assert variables.telling(replaced) == replaced
    kept = {"TORCHINDUCTOR_MAX_AUTOTUNE": "1", "THEANO_FLAGS": "x", "THEANORC": "/home/x/rc"}
    assert variables.compared({**replaced, **kept}) == kept


def test_a_record_keeps_no_secret_of_another_program_whose_variables_begin_alike() -> None:
    assert variables.telling({"TF_VAR_password": "secret", "TF_TOKEN_example": "secret"}) == {}


def test_what_drivers_a_container_image_asks_for_is_not_kept_in_every_record() -> None:
    assert variables.telling({"NVIDIA_REQUIRE_CUDA": "cuda>=13"}) == {}
