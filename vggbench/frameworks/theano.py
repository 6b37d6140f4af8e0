"""Theano, which compiles with the machine's compiler and multiplies with its BLAS."""

from __future__ import annotations

from collections.abc import Collection

from . import Framework


def _forecast(version: str, companions: Collection[str]) -> str:
    """Return the forecast. It was seen on two cores, with nothing compiled before.

    Where everything was compiled before, a configuration takes 10 s.
    """
    return "theano compiles a configuration for half a minute and more: about 3 minutes"


FRAMEWORK = Framework(
    title="Theano",
    key="theano",
    packages=("theano",),
    facts=(
        ("C++ compiler", "cxx_version"),
        ("BLAS", "blas_library"),
        ("BLAS threads", "blas_threads"),
    ),
    # Theano keeps compiled modules in a folder (docs/method.md).
    compiled_fact="compiled_modules",
    prefixes=("THEANO_", "THEANORC"),
    flags=("THEANO_FLAGS", "THEANORC"),
    unset=("THEANORC", "THEANO_FLAGS"),
    has_sdists=True,
    forecast=_forecast,
)
