"""Tables made of records: pure functions from records to rows, and rows to text."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ..terminal import is_dumb

#: A column whose cells are all shorter is never folded: it has the names, or the figures.
SHORT = 40

#: Wider than any table.
_WIDEST = 10_000


def show(table: Table, wide: int = 120) -> None:
    """Print ``table``: as wide as the terminal, or ``wide`` characters where the output goes into a
    file or a pipe, for a line a row. Where names and figures need more, it is as wide as they are:
    a terminal breaks a line that is too long, and loses nothing of it."""
    for column in table.columns:
        column.overflow = "fold"
        longest = max((len(str(cell)) for cell in column.cells), default=0)
        if longest <= SHORT:
            column.min_width = max(longest, *map(len, str(column.header).split()))
    sys.stdout.flush()
    width = Console().width if sys.stdout.isatty() else wide
    measuring = Console(width=_WIDEST, force_terminal=False)
    least = Measurement.get(measuring, measuring.options, table).minimum
    terminal = False if is_dumb() else None
    Console(width=max(width, least), force_terminal=terminal).print(table)
