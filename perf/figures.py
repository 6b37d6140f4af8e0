"""The figures that need no hours, in one table: what, what is wanted, what was reached.

    make figures                                # or: python perf/figures.py
    python perf/figures.py releases_list.py     # only these scripts

It runs the scripts one after the other, and shows what they print. Run it on an idle machine. At
the end it names the scripts that it did not run, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from shared import common

#: The scripts to run, in this order, with their arguments.
SHORT: dict[str, tuple[str, ...]] = {
    "history.py": (),
    "growth.py": (),
    "duets.py": (),
    "explain.py": (),
    "fleet.py": (),
    "releases_list.py": (),
    "update.py": (),
    "first_sample.py": (),
    "memory.py": (),
    "fuzz.py": ("--trees", "50"),
    "publish.py": (),
    "asv_run.py": (),
    "detection.py": ("--of", "blocks", "--histories", "200"),
    "bisection.py": ("--searches", "200"),
}

#: The scripts that are not run, and why: they take longer, or need something that most machines
#: lack.
LONG = {
    "train_step.py": "24 processes a case",
    "keras_applications.py": "40 processes",
    "torchvision_vgg16.py": "40 processes, of which half compile",
    "torch_speeds.py": "120 processes beside other work",
    "xla_first_step.py": "40 processes that compile",
    "environment.py": "the packages of pip install -e '.[perf]', and many installations",
    "false_alarms.py": "20 rounds of vggbench check",
    "planted.py": "10 rounds of vggbench check",
    "two_clones.py": "20 runs of asv",
    "bisect_real.py": "up to an hour a case, and the index",
    "duets.py ROW": "up to five hours a row",
    "explain.py ROW": "up to three hours a row",
    "fleet.py ROW": "up to half an hour a row",
    "detection.py": "every row, with processes too",
    "gpu_wait.py": "a GPU",
}


@dataclass(frozen=True)
class Figure:
    """A figure that a script printed. ``outcome``: "met", "MISSED", or why it is neither."""

    script: str
    what: str
    wanted: str
    reached: str
    outcome: str


def figures_of(script: str, arguments: tuple[str, ...]) -> list[Figure]:
    """Run a script of perf/ and return its figures.

    Where it printed none, the only figure says so, with the exit status.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures"
        print(f"== {' '.join((script, *arguments))}", flush=True)
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parent / script), *arguments],
            env={**os.environ, common.FIGURES_VARIABLE: str(file)},
        )
        lines = file.read_text().splitlines() if file.exists() else []
    if not lines:
        return [Figure(script, script, "", "", f"told no figure, exit status {done.returncode}")]
    return [Figure(script, *json.loads(line)) for line in lines]


def table_of(figures: list[Figure]) -> Table:
    """The figures as a table, a row each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("script", "figure", "wanted", "reached", ""):
        table.add_column(heading, overflow="fold")
    for figure in figures:
        table.add_row(figure.script, figure.what, figure.wanted, figure.reached, figure.outcome)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "script", nargs="*", help=f"only these of {', '.join(SHORT)} (default: all)"
    )
    scripts = parser.parse_args().script or list(SHORT)
    unknown = [name for name in scripts if name not in SHORT]
    if unknown:
        raise SystemExit(f"{unknown[0]} is none of {', '.join(SHORT)}")
    figures = [figure for name in scripts for figure in figures_of(name, SHORT[name])]
    width = None if sys.stdout.isatty() else 160
    # What stands in brackets in a figure is no markup of rich.
    console = Console(width=width, highlight=False, markup=False)
    console.print(table_of(figures))
    for name, why in LONG.items():
        console.print(f"not run: python perf/{name} ({why})", soft_wrap=True)
    return int(any(figure.outcome not in ("met", "complete") for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
