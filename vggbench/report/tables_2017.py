"""The two tables of the comparison of 2017, with which vggbench began, from records: the
configuration of each row, and the content of each cell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import records
from ..inside import workload
from ..inside.params import Configuration
from ..judging.state import usual_of
from .rates import Rate

#: The outcomes of a cell beside those of records: not asked for yet, a row of another framework
#: than the column's, and a figure that others reported.
UNMEASURED, NONE, REPORTED = "unmeasured", "-", "reported in 2017, not measured here"

REFERENCE = Path(__file__).with_name("titan_x_2017.json")


def _keras(backend: str, data_format: str, batch_norm: str = "none") -> Configuration:
    return Configuration("Keras", backend=backend, data_format=data_format, batch_norm=batch_norm)


def _tensorflow(data_format: str, batch_norm: str, xla: str) -> Configuration:
    return Configuration("TensorFlow", data_format=data_format, batch_norm=batch_norm, xla=xla)


def _torch(data_format: str, batch_norm: str, compiled: str) -> Configuration:
    return Configuration(
        "PyTorch", data_format=data_format, batch_norm=batch_norm, compile=compiled
    )


def _compiled_keras(backend: str, data_format: str, batch_norm: str = "none") -> Configuration:
    return Configuration(
        "Keras", backend=backend, data_format=data_format, batch_norm=batch_norm, xla="on"
    )


#: The tables by their titles, with the rows by their names in the order of 2017. NCHW is Theano's
#: own data format, and Keras on TensorFlow was measured in NHWC throughout in 2017.
TABLES: dict[str, dict[str, Configuration]] = {
    "Without batch normalisation": {
        "Keras (Theano backend)": _keras("theano", "NCHW"),
        "Keras (TensorFlow backend), NHWC": _keras("tensorflow", "NHWC"),
        "TensorFlow NHWC, no XLA": _tensorflow("NHWC", "none", "off"),
        "TensorFlow NHWC, XLA": _tensorflow("NHWC", "none", "on"),
        "TensorFlow NCHW, no XLA": _tensorflow("NCHW", "none", "off"),
        "TensorFlow NCHW, XLA": _tensorflow("NCHW", "none", "on"),
    },
    "With batch normalisation after each convolution": {
        "Keras (Theano backend), BN mode 0": _keras("theano", "NCHW", "mode 0"),
        "Keras (Theano backend), BN mode 2": _keras("theano", "NCHW", "mode 2"),
        "Keras (TensorFlow backend), BN mode 0": _keras("tensorflow", "NHWC", "mode 0"),
        "Keras (TensorFlow backend), BN mode 2": _keras("tensorflow", "NHWC", "mode 2"),
        "TensorFlow NHWC, BN, no XLA": _tensorflow("NHWC", "unfused", "off"),
        "TensorFlow NHWC, BN, XLA": _tensorflow("NHWC", "unfused", "on"),
        "TensorFlow NHWC, fused BN, no XLA": _tensorflow("NHWC", "fused", "off"),
        "TensorFlow NHWC, fused BN, XLA": _tensorflow("NHWC", "fused", "on"),
        "TensorFlow NCHW, BN, no XLA": _tensorflow("NCHW", "unfused", "off"),
        "TensorFlow NCHW, BN, XLA": _tensorflow("NCHW", "unfused", "on"),
        "TensorFlow NCHW, fused BN, no XLA": _tensorflow("NCHW", "fused", "off"),
        "TensorFlow NCHW, fused BN, XLA": _tensorflow("NCHW", "fused", "on"),
    },
}

#: The rows that stand beneath those of 2017, by the titles of the tables. Each is how a framework
#: that was not there in 2017 is used: JAX compiles, also under Keras, and PyTorch need not.
LATER: dict[str, dict[str, Configuration]] = {
    "Without batch normalisation": {
        "Keras (JAX backend), NHWC, jit": _compiled_keras("jax", "NHWC"),
        "Keras (PyTorch backend), NCHW": _keras("torch", "NCHW"),
        "PyTorch NCHW": _torch("NCHW", "none", "off"),
        "PyTorch NCHW, torch.compile": _torch("NCHW", "none", "on"),
        "PyTorch NHWC": _torch("NHWC", "none", "off"),
        "JAX NHWC, jit": Configuration("JAX", data_format="NHWC", batch_norm="none"),
    },
    "With batch normalisation after each convolution": {
        "Keras (JAX backend), BN mode 0, jit": _compiled_keras("jax", "NHWC", "mode 0"),
        "Keras (PyTorch backend), BN mode 0": _keras("torch", "NCHW", "mode 0"),
        "PyTorch NCHW, BN": _torch("NCHW", "unfused", "off"),
        "PyTorch NCHW, fused BN": _torch("NCHW", "fused", "off"),
        "PyTorch NCHW, fused BN, torch.compile": _torch("NCHW", "fused", "on"),
        "JAX NHWC, BN, jit": Configuration("JAX", data_format="NHWC", batch_norm="unfused"),
    },
}

#: What stands above those rows.
LATER_TITLE = "not of 2017"

#: The rows of both kinds, by the titles of the tables.
ROWS = {title: {**rows, **LATER[title]} for title, rows in TABLES.items()}

#: The frameworks that have rows.
FRAMEWORKS = frozenset(
    configuration.framework for table in ROWS.values() for configuration in table.values()
)


@dataclass(frozen=True)
class SeedCell:
    """A cell of a table. ``ms``: the step time in milliseconds, None unless the outcome is ok or
    reported. ``why``: the reason of the outcome, another state of the machine, and a busy machine.
    ``is_of_other_state``: whether the cell was measured in another state of the machine than most
    cells of its column, and is therefore compared with none of them."""

    outcome: str
    ms: float | None = None
    why: str | None = None
    release: str | None = None
    is_of_other_state: bool = False

    @property
    def compared_ms(self) -> float | None:
        """The step time in milliseconds where it may be compared, else None."""
        return None if self.is_of_other_state else self.ms


@dataclass(frozen=True)
class Column:
    """A column of a table: one machine in one profile with at most one release of each framework,
    or the reference.

    ``profile``: empty for the reference. ``releases``: names by framework. ``cells``: by the name
    of the row; the reference has the rows of 2017 alone. ``about``: a line of text on what the
    figures are. ``state``: the state of the machine in which most of them were measured, as a text;
    None where there is no figure.
    """

    machine: str
    profile: str
    releases: Mapping[str, str]
    cells: Mapping[str, SeedCell]
    about: str
    state: str | None = None

    @property
    def title(self) -> str:
        if not self.profile:
            return f"{self.machine}, {REPORTED}"
        return ", ".join([self.machine, self.profile, " + ".join(self.releases.values())])


def newest(rows: Sequence[Rate]) -> list[Column]:
    """A column for each profile, with the newest release of each framework that was measured.
    ``rows``: all of one machine, oldest release first."""
    columns = []
    for profile in dict.fromkeys(row.profile for row in rows):
        of_profile = [row for row in rows if row.profile == profile]
        releases = {
            _framework(row): row.release
            for row in of_profile
            if row.outcome != records.INTERRUPTED and _framework(row) in FRAMEWORKS
        }
        if releases:
            columns.append(_column(of_profile, profile, releases, absent=UNMEASURED))
    return columns


def of_releases(rows: Sequence[Rate], releases: Sequence[tuple[str, str]]) -> list[Column]:
    """A column for each profile and each of the ``releases``, which are (framework, name).
    ``rows``: all of one machine."""
    return [
        _column([row for row in rows if row.profile == profile], profile, {framework: name}, NONE)
        for profile in dict.fromkeys(row.profile for row in rows)
        for framework, name in releases
    ]


def reference() -> Column:
    """The column of the figures of 2017, which are read from a file and were not measured here."""
    content = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return Column(
        machine=content["title"],
        profile="",
        releases={},
        cells={name: SeedCell(REPORTED, ms) for name, ms in content["ms"].items()},
        about="; ".join(
            [f"{content['title']}: {REPORTED}"]
            + [content[key] for key in ("source", "workload", "system", "protocol")]
        ),
    )


def later_rows(columns: Sequence[Column], table: str) -> list[str]:
    """The names of the rows of a table that were not there in 2017 and in which a column has a time
    or a failure. ``table``: its title."""
    return [
        name
        for name in LATER[table]
        if any(
            name in column.cells
            and column.cells[name].outcome not in (UNMEASURED, NONE, records.NOT_APPLICABLE)
            for column in columns
        )
    ]


def ratios(columns: Sequence[Column], table: str) -> tuple[str, list[dict[str, float]]]:
    """(base, ratios): the name of a row, and for each column the time of each row as a multiple of
    the time of the base.

    The base is the table's first row of 2017 that has a time in all columns, because all columns
    are then relative to the same configuration. Where there is no such row, the base is the table's
    first row, and a column without a time of it has no ratios.
    """
    names = list(TABLES[table])
    everywhere = [
        name
        for name in names
        if all(column.cells[name].compared_ms is not None for column in columns)
    ]
    base = (everywhere or names)[0]
    by_column = []
    for column in columns:
        whole = column.cells[base].compared_ms
        times = {
            name: column.cells[name].compared_ms for name in ROWS[table] if name in column.cells
        }
        by_column.append(
            {name: ms / whole for name, ms in times.items() if ms is not None}
            if whole is not None
            else {}
        )
    return base, by_column


def _framework(row: Rate) -> str:
    return records.class_of(row.benchmark)


def _column(rows: Sequence[Rate], profile: str, releases: Mapping[str, str], absent: str) -> Column:
    """The column of a profile. ``absent``: the outcome in the rows of a framework of which there is
    none among the ``releases``."""
    by_place = {(row.release, records.canonical(row.configuration)): row for row in rows}
    by_name = {
        name: by_place.get((release, records.canonical(configuration.values)))
        for table in ROWS.values()
        for name, configuration in table.items()
        if (release := releases.get(configuration.framework)) is not None
    }
    usual = usual_of(row.state for row in by_name.values() if row is not None and row.step_s)
    cells = {}
    for table in ROWS.values():
        for name, configuration in table.items():
            release = releases.get(configuration.framework)
            cells[name] = (
                SeedCell(absent) if release is None else _cell(by_name[name], release, usual)
            )
    work = workload.profile(profile)
    return Column(
        machine=rows[0].machine,
        profile=profile,
        releases=releases,
        cells=cells,
        about=f"{profile}: {work.workload} on the {work.device}; median of the processes' medians",
        state=usual,
    )


def _cell(row: Rate | None, release: str, usual: str | None) -> SeedCell:
    """The cell of a row of rates; the row is None where nothing was measured. ``usual``: the state
    in which most of the column was measured."""
    if row is None:
        return SeedCell(UNMEASURED, release=release)
    if row.outcome == records.INTERRUPTED:
        return SeedCell(UNMEASURED, why=row.why, release=release)
    if row.step_s is None:
        return SeedCell(row.outcome, None, row.why, release)
    is_of_other_state = row.state != usual
    whys = []
    if is_of_other_state:
        whys.append(f"not compared: measured with {row.state}; the others with {usual}")
    if row.busy is not None:
        whys.append(f"measured on a busy machine ({row.busy})")
    return SeedCell(
        row.outcome, row.step_s * 1000, "; ".join(whys) or None, release, is_of_other_state
    )
