"""A fleet without machines: an engine whose workers answer at once, or as a test has them fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vggbench.fleet import identity, mirror
from vggbench.fleet.hand_out import Arrived, Awaited
from vggbench.fleet.mirror import Known
from vggbench.fleet.units import DONE, UnitOfWork
from vggbench.judging import state

from ..tiny import Tiny, pythons

#: What a worker does with a unit: it may write into the mirror, and returns (status, message).
Measure = Callable[[UnitOfWork, mirror.Place], tuple[int, str]]


def nothing(unit: UnitOfWork, place: mirror.Place) -> tuple[int, str]:
    return DONE, "done"


@dataclass
class Box:
    """A simulated machine. ``hello``: what it says of itself. ``clock_s``: by how many seconds its
    clock is ahead."""

    place: mirror.Place
    hello: dict[str, Any]
    measure: Measure = nothing
    clock_s: float = 0.0
    units: list[UnitOfWork] = field(default_factory=list)


class SimulatedEngine:
    """Of a tiny checkout; the address of a machine is its name. ``gone``: addresses that are lost
    while they work. ``known``: what is known of those that were started."""

    def __init__(self, tiny: Tiny, folder: Path):
        self.boxes: dict[str, Box] = {}
        self.gone: set[str] = set()
        self.known = Awaited()
        self._tiny = tiny
        self._folder = folder
        self._arrived: list[Arrived] = []

    def add(
        self, machine: str, measure: Measure = nothing, clock_s: float = 0.0, **hello: Any
    ) -> Box:
        told = {
            "identity": identity.of(self._tiny.checkout),
            "facts": {},
            "host": machine,
            "lock": machine,
            "interpreters": list(pythons()),
            "devices": ["cpu"],
            "state": asdict(state.now()),
            **hello,
        }
        place = mirror.of_mirror(self._folder / machine, machine)
        self.boxes[machine] = Box(place, told, measure, clock_s)
        return self.boxes[machine]

    def workers(self) -> Mapping[str, str]:
        return {machine: machine for machine in self.boxes if machine not in self.gone}

    def ask(self, address: str, machine: str, question: str, *arguments: Any) -> None:
        box = self.boxes[address]
        if question == "hello":
            offer = mirror.offer(box.place, Known())
            told = {**box.hello, "now": time.time() + box.clock_s, "offer": offer}
            self._arrived.append(Arrived(address, answer=told))
            return
        (sent,) = arguments
        mirror.agree(box.place, sent)
        box.units.append(UnitOfWork.from_json(sent["unit"]))
        status, message = box.measure(box.units[-1], box.place)
        if address in self.gone:
            return
        offer = mirror.offer(box.place, Known())
        told = {"identity": box.hello["identity"]}
        self._arrived.append(
            Arrived(address, answer={**told, "status": status, "message": message, "offer": offer})
        )

    def arrived(self, wait_s: float) -> list[Arrived]:
        found, self._arrived = self._arrived, []
        return found

    def forget(self, address: str) -> None:
        self._arrived = [each for each in self._arrived if each.address != address]

    def awaited(self) -> Awaited:
        return self.known
