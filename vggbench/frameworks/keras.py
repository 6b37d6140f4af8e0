"""Keras, whose step another framework computes."""

from __future__ import annotations

from collections.abc import Collection

from . import Framework


def _forecast(version: str, companions: Collection[str]) -> str | None:
    if "theano" in companions:
        return "theano compiles each of six configurations for 1 to 2 minutes"
    if "torch" in companions:
        return "torch.compile takes 20 to 60 s for each of six configurations: about 5 minutes"
    return None


FRAMEWORK = Framework(
    title="Keras",
    key="keras",
    packages=("keras",),
    computes=False,
    prefixes=("KERAS_",),
    unset=("KERAS_HOME",),
    has_sdists=True,
    forecast=_forecast,
)
