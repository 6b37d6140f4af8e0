"""The client of a fleet with simulated workers, without Dask: what it costs the client itself.

    python perf/shared/client_alone.py SETTINGS RECORD MACHINES

SETTINGS is the asv.conf.json of a checkout whose history.toml says what each of so many MACHINES
measures. RECORD is a file that begins with a record: each unit leaves a copy of it in the mirror of
its machine, with the machine's name and a run of its own. One JSON object is printed: the
``units``; the ``client_s`` that the client took for all of them; the ``workers_s`` that the
simulated workers took in the same thread, which are not among them; ``peak_bytes``, the most
memory that this process had; the ``records`` that the client has taken in.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vggbench.campaigns.budget import Budget
from vggbench.checkout import Checkout
from vggbench.fleet import hand_out, identity, mirror
from vggbench.fleet.hand_out import Arrived, Awaited, FleetRequest
from vggbench.fleet.mirror import Known, Place
from vggbench.fleet.units import DONE
from vggbench.judging import state
from vggbench.stats.policy import A_BLOCK, MOST_BLOCKS, THRESHOLD

#: More than all units are forecast to take together, in seconds.
BUDGET_S = 1e9


@dataclass
class Box:
    """A simulated machine."""

    place: Place
    known: Known = field(default_factory=Known)
    units: int = 0


class SimulatedWorkers:
    """An engine whose workers answer at once. The address of a machine is its name. ``spent_s``:
    the seconds that they took."""

    def __init__(
        self, checkout: Checkout, machines: Sequence[str], folder: Path, record: Mapping[str, Any]
    ):
        self.boxes = {name: Box(mirror.of_mirror(folder / name, name)) for name in machines}
        self.spent_s = 0.0
        self._record = record
        self._arrived: list[Arrived] = []
        self._hello: dict[str, Any] = {
            "identity": identity.of(checkout),
            "facts": {},
            "interpreters": sorted({release.python for release in checkout.catalogue}),
            "devices": ["cpu"],
            "state": asdict(state.now()),
        }

    @property
    def units(self) -> int:
        return sum(box.units for box in self.boxes.values())

    def workers(self) -> Mapping[str, str]:
        return {name: name for name in self.boxes}

    def ask(self, address: str, machine: str, question: str, *arguments: Any) -> None:
        began = time.perf_counter()
        box = self.boxes[address]
        told: dict[str, Any]
        if question == "hello":
            told = {
                "now": time.time(),
                "machine": machine,
                "host": machine,
                "lock": machine,
                **self._hello,
            }
        else:
            (sent,) = arguments
            mirror.agree(box.place, sent)
            self._measure(box)
            told = {"status": DONE, "message": "", "identity": self._hello["identity"]}
        told["offer"] = mirror.offer(box.place, box.known)
        self._arrived.append(Arrived(address, answer=told))
        self.spent_s += time.perf_counter() - began

    def _measure(self, box: Box) -> None:
        box.units += 1
        machine = box.place.machine
        run = f"20260101T000000.{box.units:06}Z-{machine}"
        line = json.dumps({**self._record, "machine": machine, "run": run}) + "\n"
        path = box.place.path(f"results/{machine}/records/{run}.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line)

    def arrived(self, wait_s: float) -> list[Arrived]:
        found, self._arrived = self._arrived, []
        return found

    def forget(self, address: str) -> None:
        pass

    def awaited(self) -> Awaited:
        return Awaited()


def measured(checkout: Checkout, record: Mapping[str, Any], machines: int) -> dict[str, Any]:
    """What the client costs with so many simulated machines, as the top of this file says it.
    Raises SystemExit where not all is measured."""
    said: deque[str] = deque(maxlen=20)
    names = [f"box-{number:03}" for number in range(machines)]
    with tempfile.TemporaryDirectory(dir=checkout.root) as folder:
        engine = SimulatedWorkers(checkout, names, Path(folder), record)
        request = FleetRequest(
            budget=Budget(BUDGET_S),
            processes=A_BLOCK * MOST_BLOCKS,
            threshold=THRESHOLD,
            environments=10**10,
            workers=machines,
        )
        began = time.perf_counter()
        status = hand_out.run(checkout, request, engine, said.append)
        took_s = time.perf_counter() - began
    if status != 0:
        raise SystemExit("not all is measured:\n" + "\n".join(said))
    return {
        "units": engine.units,
        "client_s": took_s - engine.spent_s,
        "workers_s": engine.spent_s,
        "peak_bytes": _peak_bytes(),
        "records": sum(
            path.read_bytes().count(b"\n")
            for name in names
            for path in (checkout.results_dir / name / "records").glob("*.jsonl")
        ),
    }


def _peak_bytes() -> int:
    """The most memory that this process has had since its program began (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    settings, record, machines = sys.argv[1:]
    with open(record, encoding="utf-8") as file:
        first = json.loads(file.readline())
    print(json.dumps(measured(Checkout(settings), first, int(machines))))


if __name__ == "__main__":
    main()
