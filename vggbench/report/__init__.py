"""Tables made of records: pure functions from records to rows, and rows to words."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table


def show(table: Table, wide: int = 120) -> None:
    """Print ``table``: as wide as the terminal, or ``wide`` characters where the output goes into a
    file or a pipe, for a line a row."""
    sys.stdout.flush()
    Console(width=None if sys.stdout.isatty() else wide).print(table)
