"""Units: what is handed out to a machine at once. Whatever is held against each other is in one
unit, so that one machine measures it in one stretch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

#: The kinds of units: a release's run in a stage, a comparison by blocks, a calibration, the
#: separation of one thing that may be the cause of a change, and a bisection's look.
RUN, COMPARISON, CALIBRATION = "run", "comparison", "calibration"
SEPARATION, LOOK = "separation", "look"

#: Exit statuses of the process that measures a unit (``unit_process``): all of it is answered; it
#: is open, since its budget is spent, or, of a look, since no block can be taken now; something
#: went wrong; the machine cannot measure now. A Python that ends in an exception nobody foresaw
#: ends with 1, which is thus none of them.
DONE, OPEN, TROUBLE, NOT_NOW = 0, 10, 2, 11

#: Of a look alone: the build before cannot be measured; the one behind cannot.
CANNOT_LOOK = (12, 13)

#: The folder of a mirror with the builds that are on no track, written like a folder of releases.
BUILDS = "builds"


@dataclass(frozen=True, kw_only=True)
class UnitOfWork:
    """``stage``: the name of a stage or of duets in history.toml, empty where a unit is of none.
    ``release``: a release's name, empty for a calibration, whose release the machine chooses.
    ``before`` and ``key``: what a comparison and a look hold the release against, and the key of
    the configuration; ``words``: the configuration as messages have it. ``variant``, ``lock`` and
    ``keys``: what a separation changes back, of which lock of the release, and the keys of the
    configurations in which that is asked. ``measure`` and ``number``: what a look must tell, a key
    of JUDGED, and which look of its client it is, from 1 on. ``seconds``: what the unit is likely
    to take, 0 where nothing is known; two units that differ in it alone are the same."""

    kind: str
    profile: str
    stage: str = ""
    release: str = ""
    before: str = ""
    key: str = ""
    words: str = ""
    variant: str = ""
    lock: str = ""
    keys: tuple[str, ...] = ()
    measure: str = ""
    number: int = 0
    seconds: float = field(default=0.0, compare=False)

    @property
    def name(self) -> str:
        """As messages name it."""
        if self.kind == CALIBRATION:
            return f"the calibration in {self.profile}"
        if self.kind == RUN:
            return f"{self.release} ({self.stage}, {self.profile})"
        if self.kind == SEPARATION:
            return f"{self.release} with {self.variant} ({self.profile})"
        if self.kind == LOOK:
            of_them = ", ".join(filter(None, (self.words, self.profile)))
            return f"{self.release} by {self.before} ({of_them})"
        of_it = f"{self.release} {self.words}".strip()
        return f"{of_it} against {self.before} ({self.stage}, {self.profile})"

    def as_json(self) -> dict[str, Any]:
        """As ``from_json`` reads it: its fields by their names."""
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> UnitOfWork:
        """The unit of ``as_json``."""
        # JSON has no tuples.
        return UnitOfWork(**{**value, "keys": tuple(value["keys"])})
