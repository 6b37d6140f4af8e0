"""This machine as campaigns see it: shipped releases and benchmarks, records of a test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from asv.config import Config

from vggbench.records import Store
from vggbench.runs.local import Local
from vggbench.runs.suite import Suite

from ..judging.literal import MACHINE
from ..records.factory import CATALOGUE

ROOT = Path(__file__).parent.parent.parent
CONFIG = Config.load(str(ROOT / "asv.conf.json"))


def local(results_dir: Path, say: Callable[[str], None] = print) -> Local:
    return Local(
        checkout=SimpleNamespace(
            root=results_dir, results_dir=results_dir, catalogue=CATALOGUE, config=CONFIG
        ),
        suite=Suite(ROOT / "benchmarks"),
        store=Store(results_dir),
        machine=MACHINE,
        say=say,
    )
