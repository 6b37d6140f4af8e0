"""vggbench export: what is on record, in formats that other tools read.

``chosen`` finds which configurations an export has, and what is to be said of the others. Each
format is a module with a function from those to the text of a file, and a row of FORMATS. ``files``
writes the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import bmf, github_action_benchmark, otava, processes, pyperf
from .exported import Exported, ExportError

__all__ = ["ALL", "FORMATS", "LINE", "RELEASE", "ExportError", "ExportFormat", "Exported"]

#: What a file is of: one release; one line, that is one configuration of a track over its releases;
#: everything that is chosen. A file that is not of everything is of one machine and profile.
RELEASE, LINE, ALL = "release", "line", "all"


@dataclass(frozen=True, kw_only=True)
class ExportFormat:
    """``of``: what a file of the format is of. ``help``: who reads it. ``text`` makes its text;
    ``by_sample`` makes the one that has every sample, None where the format has no such text."""

    of: str
    help: str
    text: Callable[[Sequence[Exported]], str]
    by_sample: Callable[[Sequence[Exported]], str] | None = None


#: The formats, by the names that the command line has for them.
FORMATS = {
    "bmf": ExportFormat(of=RELEASE, help="Bencher Metric Format, of one release", text=bmf.text),
    "csv": ExportFormat(
        of=ALL,
        help="a row for each process or sample, also of what is n/a or failed",
        text=processes.text,
        by_sample=processes.by_sample,
    ),
    "github-action-benchmark": ExportFormat(
        of=RELEASE,
        help="for its tool customSmallerIsBetter, of one release",
        text=github_action_benchmark.text,
    ),
    "otava": ExportFormat(
        of=LINE, help="the CSV of Apache Otava, of one line over its releases", text=otava.text
    ),
    "pyperf": ExportFormat(
        of=RELEASE, help="for pyperf compare_to, of one release, a run a process", text=pyperf.text
    ),
}
