"""JAX, which XLA compiles for."""

from __future__ import annotations

from . import Framework

FRAMEWORK = Framework(
    title="JAX",
    key="jax",
    packages=("jax", "jaxlib"),
    commit_fact="jaxlib_git",
    facts=(
        ("jaxlib", "jaxlib"),
        ("platform", "platform"),
        ("precision of products", "matmul_precision"),
    ),
    prefixes=("JAX_", "XLA_"),
    # Early releases of jax, which is pure Python, are there as sdists alone.
    has_sdists=True,
    flags=("JAX_DEFAULT_MATMUL_PRECISION", "JAX_ENABLE_X64", "XLA_FLAGS"),
    # Without these, JAX takes three quarters of a GPU's memory at the start.
    shares_gpu={"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
    # By these, JAX would find what an earlier process compiled.
    unset=("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"),
)
