"""What an export is made of: configurations of releases, and what came of each."""

from __future__ import annotations

from dataclasses import dataclass

from ... import records
from ...errors import VggbenchError
from ...judging.measures import FIRST_STEP, PEAK_MEMORY, STEP, Measure
from ...releases.catalogue import Release
from ..lines import Cell

#: The measures that exports have, and their columns. The unit of a column stands in its name, and
#: is the one that records have.
COLUMNS: tuple[tuple[Measure, str], ...] = (
    (STEP, "step_s"),
    (FIRST_STEP, "first_step_s"),
    (PEAK_MEMORY, "peak_memory_bytes"),
)


class ExportError(VggbenchError):
    """What was asked for cannot be exported, or the file cannot be written."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One configuration of one release, in a profile on a machine. ``benchmark`` is what its
    processes ran, as records call it. ``words`` are those of the configuration. ``cell`` has the
    figures, which are those of the pages."""

    machine: str
    profile: str
    release: Release
    benchmark: str
    words: str
    cell: Cell

    @property
    def is_ok(self) -> bool:
        """Whether it has figures."""
        return self.cell.outcome == records.OK

    @property
    def subject(self) -> str:
        """The release and the configuration, as messages name them."""
        return f"{self.release.name} {self.words}".strip()

    def name(self, measure: Measure = STEP) -> str:
        """The name of what asv calls the benchmark of a measure, with the words of the
        configuration: ``train_step.TensorFlow.time_train_step (NHWC none off)``."""
        benchmark = f"{records.family_of(self.benchmark)}.{measure.benchmark}"
        return f"{benchmark} ({self.words})" if self.words else benchmark
