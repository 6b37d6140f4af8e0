"""The vggbench command, but a worker of a fleet waits where it would measure a unit.

    python perf/shared/waiting_worker.py fleet worker ADDRESS --machine NAME

All else is as ever: it says what the machine is, and exchanges results with the client.
"""

from __future__ import annotations

import sys
import time
from typing import Any
from unittest import mock

from vggbench import cli
from vggbench.fleet import mirror
from vggbench.fleet.on_machine import OnMachine
from vggbench.fleet.units import DONE

#: Seconds that each unit takes.
UNIT_S = 2.0


def work(self: OnMachine, *arguments: Any) -> dict[str, Any]:
    """In place of OnMachine.work, and with its arguments."""
    sent, _ = arguments
    mirror.agree(self._place, sent)
    time.sleep(UNIT_S)
    return {
        "status": DONE,
        "message": "it waited",
        "identity": sent["identity"],
        "offer": mirror.offer(self._place, self._known),
    }


if __name__ == "__main__":
    sys.argv[0] = "vggbench"
    with mock.patch.object(OnMachine, "work", work):
        sys.exit(cli.main())
