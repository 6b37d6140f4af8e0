"""How long measuring may go on."""

from __future__ import annotations

import argparse
import math
import re
import time
from collections.abc import Callable

_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0}


class Budget:
    """``seconds`` from now on; ``clock`` counts seconds, from anywhere. ``is_rest``: they are what
    is left of a budget that the user gave for more than this."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        is_rest: bool = False,
    ):
        self.seconds = seconds
        self._is_rest = is_rest
        self._clock = clock
        self._started = clock()

    @property
    def spent_s(self) -> float:
        return self._clock() - self._started

    @property
    def left_s(self) -> float:
        return self.seconds - self.spent_s

    def allows(self, seconds: float) -> bool:
        """Whether what is expected to take ``seconds`` would be done within the budget."""
        return 0 < self.left_s >= seconds

    @property
    def name(self) -> str:
        """As messages name it."""
        seconds = duration_text(self.seconds)
        if self._is_rest:
            return f"what is left of the budget ({seconds})"
        return f"the budget of {seconds}"

    def why_over(self, block_s: float = 0.0) -> str:
        """Why nothing more is begun; ``block_s`` as ``why_over`` has it."""
        return why_over(self.name, self.seconds, block_s)


def why_over(name: str, seconds: float, block_s: float = 0.0) -> str:
    """Why nothing more is begun within the budget of this ``name``, which is of so many
    ``seconds``. ``block_s``: where no block was begun, the seconds that one is likely to take."""
    if block_s > seconds > 0:
        return f"a block takes about {duration_text(block_s)}, more than {name}"
    return f"{name} is spent"


def duration(text: str) -> float:
    """Seconds of ``10m``, ``1h30m``, ``90s`` or ``90``: a type for argparse."""
    word = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", word):
        word += "s"
    if re.fullmatch(r"(\d+(\.\d+)?[hms])+", word):
        parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", word)
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
        if 0 < seconds < math.inf:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no time; write 10m, 90s or 1h30m")


def percentage(text: str) -> float:
    """A ratio less one, of ``2%`` or ``2``: a type for argparse."""
    figure = text.strip().removesuffix("%")
    try:
        share = float(figure) / 100
    except ValueError:
        share = 0.0
    if 0 < share < 0.01 and figure == text.strip():
        low, high = 100 * share, 100 * 100 * share
        raise argparse.ArgumentTypeError(
            f"{text!r} may be meant as {low:g}% or as {high:g}%; write one of these"
        )
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no threshold; write 2% or 0.5%")
    return share


def duration_text(seconds: float) -> str:
    """``seconds`` for people: 48 s, 12 min, 2 h 10 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
