"""The judgement of two releases, from the processes that measured them: statistics alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Surely slower, by more than the threshold may explain.
REGRESSED = "regressed"
IMPROVED = "improved"
#: Surely within the threshold.
UNCHANGED = "unchanged"
NOT_SURE = "not sure"

#: A change by less is not relevant, however sure it is. As a ratio less one.
THRESHOLD = 0.02


@dataclass(frozen=True)
class Process:
    """What one process measured of one release: positive numbers, lower is better.

    ``session`` is what drifts of the machine are shared in: a run of asv, or a confirmation, whose
    processes of both releases are interleaved. ``samples`` are in order; a by-product is one.
    """

    session: str
    samples: tuple[float, ...]


@dataclass(frozen=True)
class Noise:
    """Standard deviations of the logarithm: of a process about its session, of a session about
    the machine. ``origin`` says what they were estimated from."""

    processes: float
    sessions: float
    origin: str


@dataclass(frozen=True)
class Judgement:
    """``ratio`` is after by before, in ``low`` to ``high`` with the confidence that is asked for.

    ``suspected``: worth confirming, though it may not be sure. ``processes_needed``: about how many
    more interleaved processes, of both releases together, would make a sure answer likely; None
    where it is sure.
    """

    outcome: str
    ratio: float
    low: float
    high: float
    suspected: bool
    processes_needed: int | None


def judge(
    before: Sequence[Process],
    after: Sequence[Process],
    history: Sequence[Sequence[Process]],
    noise: Noise,
    threshold: float = THRESHOLD,
    comparisons: int = 1,
) -> Judgement:
    """Judge a release (``after``) against an earlier one (``before``).

    ``history`` has the processes of the releases before ``before``, oldest first; only those that
    are of one level with it count. ``comparisons`` is how many configurations are judged together.
    Raises ValueError where one side has no processes, or a sample is not a positive number.
    """
    raise NotImplementedError
