"""Tables from records: pure functions from records to rows, and from rows to text."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ..terminal import is_dumb

#: A column is never folded where none of its cells is longer than so many characters: such a column
#: has names or figures.
SHORT = 40

#: More characters than any table is wide.
_WIDEST = 10_000


def show(table: Table, wide: int = 120) -> None:
    """Print ``table`` as wide as the terminal, or ``wide`` characters where the output goes into a
    file or a pipe, so that each row is one line. Where names and figures need more, the table is as
    wide as they are: a terminal breaks a line that is too long, and loses nothing of it."""
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
