"""Variables of the user's environment that change what a framework does or how fast it is.

They are used as they are, and recorded. The few that change what a configuration means are said at
the start too.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping

from ..errors import one_line

#: What of asv's and the user's surroundings must not reach a release's interpreter.
UNWANTED = ("PYTHONPATH", "ASV_PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")

#: How the names of variables begin that stand in every record.
TELLING_PREFIXES = (
    "CUDA_",
    "GOMP_",
    "KERAS_",
    "KMP_",
    "LD_",
    "MALLOC_",
    "MKL_",
    "NVIDIA_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "PYTHON",
    "TF_",
    "THEANO_",
    "XLA_",
)

#: What begins alike: which drivers a container image asks for, 2 kB of it, and what is Terraform's,
#: in which secrets may stand.
OTHERS_PREFIXES = ("NVIDIA_REQUIRE_", "TF_CLI_", "TF_TOKEN_", "TF_VAR_")

#: Variables that change what is measured under the same name of a configuration.
FLAGS = ("TF_XLA_FLAGS", "XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS", "OMP_NUM_THREADS")


def for_release(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without what is UNWANTED in a release's interpreter."""
    return {name: value for name, value in environment.items() if name not in UNWANTED}


def telling(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of ``environment`` that a record keeps, sorted by name."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(TELLING_PREFIXES) and not name.startswith(OTHERS_PREFIXES)
    }


def flags_line(environment: Mapping[str, str]) -> str | None:
    """One line that names the FLAGS that are set; None where none is."""
    found = [f"{name}={environment[name]}" for name in FLAGS if name in environment]
    if not found:
        return None
    how = "is set: used as it is" if len(found) == 1 else "are set: used as they are"
    return one_line(f"{' '.join(found)} {how}")


def remedy(status: int, environment: Mapping[str, str]) -> str:
    """What a user can do about a process that ended with ``status`` (negative for a signal): words
    to be put behind its error, empty where nothing is known.

    With oneDNN forced on, TensorFlow 2.5.3 and 2.6.5 were seen to die with SIGFPE.
    """
    forced = environment.get("TF_ENABLE_ONEDNN_OPTS", "")
    if status != -signal.SIGFPE or forced.lower() not in ("1", "true"):
        return ""
    return (
        f"; TF_ENABLE_ONEDNN_OPTS={forced} is set: oneDNN kills tensorflow 2.5 and 2.6 on some "
        f"processors; unset it"
    )
