"""JAX, which XLA compiles for."""

from __future__ import annotations

from . import (
    CONV_FORWARD,
    CONV_GRAD_INPUTS,
    CONV_GRAD_WEIGHTS,
    ELEMENTWISE,
    LAYOUT,
    MATMUL,
    POOL,
    UPDATE,
    Framework,
)

#: What only moves values about, by XLA's names and JAX's.
_MOVES = "(?:transpose|copy|bitcast|reshape|broadcast|slice|concatenate|pad|reverse|tuple)"

#: What computes value by value, and sums, by XLA's names and JAX's. XLA counts positions (iota) for
#: the gradient of max pooling, and tells no more of it.
_COMPUTES = (
    "(?:abs|add|add_any|and|clamp|compare|constant|convert|convert_element_type|div|divide|eq|exp"
    "|exponential|ge|gt|integer_pow|iota|le|log|log1p|lt|max|maximum|min|minimum|mul|multiply|ne"
    "|neg|negate|not|or|pow|power|reduce|reduce_max|reduce_min|reduce_sum|rsqrt|select|select_n"
    "|sign|sqrt|square|stop_gradient|sub|subtract)"
)

#: The shape of a convolution's kernel of 3 x 3, in whichever order XLA has its axes.
_KERNEL = r"\S*\[(?:3,3,\d+,\d+|\d+,\d+,3,3|\d+,3,3,\d+)\]\S*"

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
    flags=(
        "JAX_DEBUG_INFS",
        "JAX_DEBUG_NANS",
        "JAX_DEFAULT_MATMUL_PRECISION",
        "JAX_DISABLE_JIT",
        "JAX_ENABLE_X64",
        "XLA_FLAGS",
        "XLA_PYTHON_CLIENT_ALLOCATOR",
        "XLA_PYTHON_CLIENT_MEM_FRACTION",
        "XLA_PYTHON_CLIENT_PREALLOCATE",
    ),
    # Without these, JAX takes three quarters of a GPU's memory at the start.
    shares_gpu={"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
    # By these, JAX would find what an earlier process compiled.
    unset=("JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"),
    # Kinds are an opcode of HLO, a slash, and the operation of JAX that it came from
    # (vggbench.inside.builders.jax.profile). "transpose(" is the backward pass.
    operations=(
        (r"\S+transpose\(\S*/conv_general_dilated " + _KERNEL, CONV_GRAD_WEIGHTS),
        (r"\S+transpose\(\S*/conv_general_dilated", CONV_GRAD_INPUTS),
        (r"\S+/conv_general_dilated", CONV_FORWARD),
        (r"\S+/dot_general|dot/\S*", MATMUL),
        (r"\S*(?:reduce_window|select_and_scatter|reduce-window|select-and-scatter)\S*", POOL),
        # Keras's optimiser has its name there. Earlier releases of JAX have the module's function,
        # main, in each name.
        (r"\S+/jit\(_train\)(?:/jit\(main\))?(?:/\w+)?/sub|\S+/sgd/\w+", UPDATE),
        (r"(?:copy|transpose|bitcast|reshape|broadcast|slice|concatenate|tuple)/\S*", LAYOUT),
        (r"\S+/(?:transpose|reshape|copy|broadcast_in_dim|squeeze|rev)", LAYOUT),
        (rf"fusion/(?:wrapped_)?(?:{_MOVES}_?)+(?:fusion)?", LAYOUT),
        (rf"\S+/{_COMPUTES}", ELEMENTWISE),
        (rf"(?:{_COMPUTES})/\S*", ELEMENTWISE),
        # Of what XLA has fused without telling its origin, the name says what it was.
        (rf"fusion/(?:wrapped_)?(?:(?:{_MOVES}|{_COMPUTES})_?)+(?:fusion)?", ELEMENTWISE),
    ),
)
