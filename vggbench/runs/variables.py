"""Variables of the user's environment that change what a framework does or how fast it is.

They are used as they are, and recorded. The few that change what a configuration means are said at
the start too.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import one_line
from ..frameworks import KNOWN

#: What of asv's and the user's surroundings must not reach a release's interpreter.
UNWANTED = ("ASV_PYTHONPATH", "VIRTUAL_ENV")

#: Of CPython's own variables, those that neither lead to other code nor cost time: all others that
#: begin alike, for other packages, another bytecode, warnings or debugging, are unwanted too.
HARMLESS = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONNOUSERSITE",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
)
_CPYTHONS = "PYTHON"

#: How the names of variables begin that stand in every record.
TELLING_PREFIXES = (
    "BLIS_",
    "CUDA_",
    "DNNL_",
    "GLIBC_TUNABLES",
    "GOMP_",
    "KMP_",
    "LD_",
    "MALLOC_",
    "MKLDNN_",
    "MKL_",
    "NVIDIA_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "PYTHON",
    *(prefix for framework in KNOWN for prefix in framework.prefixes),
)

#: What begins alike: which drivers a container image asks for, 2 kB of it, and other programs'.
OTHERS_PREFIXES = (
    "NVIDIA_REQUIRE_",
    *(prefix for framework in KNOWN for prefix in framework.foreign_prefixes),
)

#: Variables that change what is measured under the same name of a configuration.
FLAGS = (*(flag for framework in KNOWN for flag in framework.flags), "OMP_NUM_THREADS")

#: How the names of all begin by which libraries choose threads, kernels or memory: processes that
#: differ in one of them are not compared. What a framework names of its own are its ``flags``.
COMPARED_PREFIXES = (
    "BLIS_",
    "DNNL_",
    "GLIBC_TUNABLES",
    "GOMP_",
    "KMP_",
    "LD_PRELOAD",
    "MALLOC_",
    "MKLDNN_",
    "MKL_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    *(prefix for framework in KNOWN for prefix in framework.compared_prefixes),
)

#: Shown among what else changed: the same may be fast here and slow there.
SHOWN = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")

#: Variables by which a framework reads or writes files of the user's when it is imported.
OF_USERS_FILES = tuple(name for framework in KNOWN for name in framework.unset)


def for_release(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without what is UNWANTED in a release's interpreter."""
    return {
        name: value
        for name, value in environment.items()
        if name not in UNWANTED and (not name.startswith(_CPYTHONS) or name in HARMLESS)
    }


def compared(told: Mapping[str, object]) -> dict[str, str]:
    """Those of a record's variables in which processes that are compared must agree, by name."""
    return {
        name: str(value)
        for name, value in sorted(told.items())
        if name in FLAGS or name.startswith(COMPARED_PREFIXES)
    }


def telling(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of ``environment`` that a record keeps, sorted by name."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(TELLING_PREFIXES) and not name.startswith(OTHERS_PREFIXES)
    }


def flags_message(environment: Mapping[str, str]) -> str | None:
    """One line that names those ``compared`` that are set; None where none is."""
    found = [f"{name}={value}" for name, value in compared(environment).items()]
    if not found:
        return None
    how = "is set: used as it is" if len(found) == 1 else "are set: used as they are"
    return one_line(f"{' '.join(found)} {how}")


def remedy(status: int, environment: Mapping[str, str]) -> str:
    """What a user can do about a process that ended with ``status`` (negative for a signal): a text
    to be put behind its error, empty where nothing is known."""
    return "".join(framework.remedy(status, environment) for framework in KNOWN)
