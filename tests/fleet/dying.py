"""A worker that ends once it is asked, before it has answered. A program of Dask starts it by its
name."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from vggbench.fleet.worker import MachineWorker

#: What it says last.
LAST_WORDS = "the disk is away"


class DyingWorker(MachineWorker):
    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.on_machine.hello = _end


def _end() -> NoReturn:
    print(LAST_WORDS, flush=True)
    os._exit(1)
