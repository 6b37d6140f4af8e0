"""The tables of the comparison of 2017 as Markdown, HTML, CSV and JSON. Each format escapes the
texts of records."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2
from tabulate import tabulate

from . import tables_2017
from .tables_2017 import TABLES, Column, SeedCell

#: The columns of the CSV, which docs/command-line.md describes.
FIELDS = ("table", "row", "machine", "profile", "release", "outcome", "ms", "ratio", "why")

CAPTION = (
    "Milliseconds a train step of VGG16. n/a: it cannot be, for the reason noted; failed: it went "
    "wrong; unmeasured: not asked for yet; -: a row of another framework than the column's."
)

#: Of a row that a column does not have.
NO_CELL = SeedCell(tables_2017.NONE)


@dataclass
class _Footnotes:
    """Reasons and errors, each once, numbered from 1 in the order in which they are added."""

    texts: list[str] = field(default_factory=list)

    def number(self, text: str) -> int:
        """The number of ``text``, which is added where it is new."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


@dataclass(frozen=True)
class _TextTable:
    """A table whose cells are texts. The first cell of each line is the row's name. ``base``: the
    row to which ratios are relative; None where there are no ratios."""

    title: str
    header: list[str]
    lines: list[list[str]]
    base: str | None


def markdown(columns: Sequence[Column], with_ratios: bool) -> str:
    """The tables in GitHub's Markdown."""
    tables, notes = _lay_out(columns, with_ratios)
    parts = []
    for table in tables:
        rows = [[_md(cell) for cell in line] for line in table.lines]
        header = [_md(cell) for cell in table.header]
        alignment = ["left"] + ["right"] * (len(header) - 1)
        parts.append(f"### {table.title}")
        parts.append(
            tabulate(rows, header, tablefmt="pipe", colalign=alignment, disable_numparse=True)
        )
    parts.append(CAPTION)
    for table in tables:
        if table.base is not None:
            parts.append(f"{table.title}: {_md(_ratio_text(table.base))}")
    parts.append("\n".join(f"- {_md(about)}" for about in _abouts(columns)))
    if notes.texts:
        parts.append("\n".join(f"{i}. {_md(text)}" for i, text in enumerate(notes.texts, 1)))
    return "\n\n".join(parts) + "\n"


def html(columns: Sequence[Column], with_ratios: bool) -> str:
    """The tables as an HTML page."""
    tables, notes = _lay_out(columns, with_ratios)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vggbench.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("tables_2017.html").render(
        tables=tables,
        caption=CAPTION,
        ratio_text=_ratio_text,
        abouts=_abouts(columns),
        notes=notes.texts,
    )


def as_csv(columns: Sequence[Column], with_ratios: bool) -> str:
    """The tables as CSV with a line for each cell: times, outcomes and reasons have a column
    each."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_flat(columns, with_ratios))
    return out.getvalue()


def as_json(columns: Sequence[Column], with_ratios: bool) -> str:
    """The tables as JSON: the columns with their descriptions, and the same cells as in the CSV."""
    described = [
        {
            "machine": column.machine,
            "profile": column.profile,
            "releases": dict(column.releases),
            "about": column.about,
            "state": column.state,
        }
        for column in columns
    ]
    cells = list(_flat(columns, with_ratios))
    return json.dumps({"columns": described, "cells": cells}, indent=2, allow_nan=False) + "\n"


def _flat(columns: Sequence[Column], with_ratios: bool) -> Iterator[dict[str, Any]]:
    """Each cell of both tables, by FIELDS."""
    for title, rows in TABLES.items():
        ratios = tables_2017.ratios(columns, title)[1] if with_ratios else [{} for _ in columns]
        for name in (*rows, *tables_2017.later_rows(columns, title)):
            for column, of_column in zip(columns, ratios, strict=True):
                cell = column.cells.get(name, NO_CELL)
                yield {
                    "table": title,
                    "row": name,
                    "machine": column.machine,
                    "profile": column.profile,
                    "release": cell.release,
                    "outcome": cell.outcome,
                    "ms": cell.ms,
                    "ratio": of_column.get(name),
                    "why": cell.why,
                }


def _lay_out(columns: Sequence[Column], with_ratios: bool) -> tuple[list[_TextTable], _Footnotes]:
    """The tables as texts, and the footnotes to which their cells refer."""
    notes = _Footnotes()
    tables = []
    for title, rows in TABLES.items():
        base, ratios = tables_2017.ratios(columns, title)
        header = ["framework"]
        for column in columns:
            header += [column.title, "ratio"] if with_ratios else [column.title]
        lines = []
        later = tables_2017.later_rows(columns, title)
        for name in (*rows, *later):
            if later and name == later[0]:
                lines.append([tables_2017.LATER_TITLE, *[""] * (len(header) - 1)])
            line = [name]
            for column, of_column in zip(columns, ratios, strict=True):
                line.append(_shown(column, name, notes))
                if with_ratios:
                    line.append(f"{of_column[name]:.2f}" if name in of_column else "")
            lines.append(line)
        tables.append(_TextTable(title, header, lines, base if with_ratios else None))
    return tables, notes


def _shown(column: Column, name: str, notes: _Footnotes) -> str:
    """The text of a cell: its time or outcome, with the number of its footnote where it has one."""
    cell = column.cells.get(name, NO_CELL)
    if cell.ms is not None:
        # The times of 2017 are shown as they were published. Ours are not known to a microsecond.
        text = f"{cell.ms:.3f}" if cell.outcome == tables_2017.REPORTED else f"{cell.ms:.1f}"
    else:
        text = cell.outcome
    if cell.why is None:
        return text
    number = notes.number(f"{cell.release} on {column.machine}, {column.profile}: {cell.why}")
    return f"{text} ({number})"


def _ratio_text(base: str) -> str:
    return f"ratio is to the row “{base}” of the same column"


def _abouts(columns: Sequence[Column]) -> list[str]:
    """Lines of text on what the figures are. Where the columns of a machine were measured in
    different states of it, there is also a line on the state of each."""
    states: dict[str, set[str]] = {}
    for column in columns:
        if column.state is not None:
            states.setdefault(column.machine, set()).add(column.state)
    lines = [column.about for column in columns]
    lines += [
        f"{column.title}: measured with {column.state}"
        for column in columns
        if column.state is not None and len(states[column.machine]) > 1
    ]
    return list(dict.fromkeys(lines))


def _md(text: str) -> str:
    """``text`` on one line, escaped so that Markdown shows it as it is."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return re.sub(r"([\\`*_\[\]<>|&~#])", r"\\\1", " ".join(printable.split()))


#: By format, the function that turns (columns, whether with ratios) into the text of a file.
FORMATS = {"md": markdown, "html": html, "csv": as_csv, "json": as_json}
