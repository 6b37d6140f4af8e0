"""Variables of the user's environment that change what a framework does, or how fast it is.

Processes get them as they are, and their records keep them. At the start of a run, a message names
those of them in which compared processes must agree.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import one_line
from ..frameworks import KNOWN
from ..inside import profilers, turns
from ..inside.launch import STARTER_VARIABLE
from ..inside.measure import GO_ON_VARIABLE

#: Variables of asv's and of the user's environment that must not reach a release's interpreter. By
#: the last four, vggbench has a process be traced, wait for its turns, go on for longer, or end
#: with whoever started it. It gives them itself.
UNWANTED = (
    "ASV_PYTHONPATH",
    "VIRTUAL_ENV",
    profilers.VARIABLE,
    turns.VARIABLE,
    GO_ON_VARIABLE,
    STARTER_VARIABLE,
)

#: The variables of CPython that neither lead to other code nor cost time. All its other variables,
#: which are for other packages, another bytecode, warnings or debugging, are unwanted too.
HARMLESS = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONNOUSERSITE",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
)
_CPYTHONS = "PYTHON"

#: Variables whose names begin like this stand in every record.
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

#: Variables whose names begin like this do not stand in records, although they begin as those do:
#: the drivers that a container image asks for, which are 2 kB, and variables of other programs.
OTHERS_PREFIXES = (
    "NVIDIA_REQUIRE_",
    *(prefix for framework in KNOWN for prefix in framework.foreign_prefixes),
)

#: Variables that change what the same configuration means.
FLAGS = (
    *(flag for framework in KNOWN for flag in framework.flags),
    "CUDA_LAUNCH_BLOCKING",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
)

#: Libraries choose threads, kernels or memory by variables whose names begin like this. Processes
#: that differ in one of them are not compared. FLAGS has the variables of single frameworks.
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

#: Variables that are shown among what else changed, though processes that differ in them are
#: compared: the same value may be fast on one machine and slow on another.
SHOWN = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")

#: Variables by which a framework reads or writes files of the user's when it is imported.
OF_USERS_FILES = tuple(name for framework in KNOWN for name in framework.unset)

#: Those that a builder replaces or takes away: the user's value changes nothing.
REPLACED = frozenset(OF_USERS_FILES) - frozenset(FLAGS)


def for_release(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without the variables that must not reach a release's interpreter."""
    return {
        name: value
        for name, value in environment.items()
        if name not in UNWANTED and (not name.startswith(_CPYTHONS) or name in HARMLESS)
    }


def compared(variables: Mapping[str, object]) -> dict[str, str]:
    """Those of ``variables`` in which compared processes must agree, sorted by name."""
    return {
        name: str(value)
        for name, value in sorted(variables.items())
        if name not in REPLACED and (name in FLAGS or name.startswith(COMPARED_PREFIXES))
    }


def telling(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of ``environment`` that a record keeps, sorted by name."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if name.startswith(TELLING_PREFIXES) and not name.startswith(OTHERS_PREFIXES)
    }


def flags_message(environment: Mapping[str, str]) -> str | None:
    """A message that names the variables that are set and in which compared processes must agree;
    None where none is set."""
    settings = [f"{name}={value}" for name, value in compared(environment).items()]
    if not settings:
        return None
    how = "is set: used as it is" if len(settings) == 1 else "are set: used as they are"
    return one_line(f"{' '.join(settings)} {how}")


def remedy(status: int, environment: Mapping[str, str]) -> str:
    """What a user can do about a process that ended with ``status`` (negative for a signal). The
    text is to be put behind the error of the process; it is empty where nothing is known."""
    return "".join(framework.remedy(status, environment) for framework in KNOWN)
