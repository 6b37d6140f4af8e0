"""The seed's two tables, from records: which configuration each row is, and what each cell says."""

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

#: What a cell is, beside the outcomes of records: not asked for yet; a row of another framework
#: than the column's; and what others reported.
UNMEASURED, NONE, REPORTED = "unmeasured", "-", "reported in 2017, not measured here"

REFERENCE = Path(__file__).with_name("titan_x_2017.json")


def _keras(backend: str, data_format: str, batch_norm: str = "none") -> Configuration:
    return Configuration("Keras", backend=backend, data_format=data_format, batch_norm=batch_norm)


def _tensorflow(data_format: str, batch_norm: str, xla: str) -> Configuration:
    return Configuration("TensorFlow", data_format=data_format, batch_norm=batch_norm, xla=xla)


#: Tables by their titles, rows by their names in the order of 2017. NCHW is Theano's own order, and
#: the seed's Keras on TensorFlow was in NHWC throughout.
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


#: Frameworks that have rows.
FRAMEWORKS = frozenset(row.framework for table in TABLES.values() for row in table.values())


@dataclass(frozen=True)
class SeedCell:
    """``ms`` is None unless the outcome is ok or reported; ``why`` where there is a reason,
    and where it was measured on a busy machine.
    ``apart``: it was measured in another state of the machine than most of its column, which
    ``why`` tells; it is compared with none of them."""

    outcome: str
    ms: float | None = None
    why: str | None = None
    release: str | None = None
    apart: bool = False

    @property
    def compared_ms(self) -> float | None:
        return None if self.apart else self.ms


@dataclass(frozen=True)
class Column:
    """One machine in one profile with at most one release a framework, or the reference.

    ``profile`` is empty for the reference. ``releases`` is keyed by framework, ``cells`` by the
    name of the row. ``about`` is a line on what the figures are. ``state``: that of the machine
    which most of them were measured in, as a text; None where there is no figure.
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
    """A column for each profile in ``rows``, which are of one machine and oldest release first: of
    each framework the newest release that was measured."""
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
    """A column for each profile in ``rows``, which are of one machine, and each of the
    ``releases``: pairs of framework and name."""
    return [
        _column([row for row in rows if row.profile == profile], profile, {framework: name}, NONE)
        for profile in dict.fromkeys(row.profile for row in rows)
        for framework, name in releases
    ]


def reference() -> Column:
    """The figures of 2017, which are data and were not measured here."""
    told = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return Column(
        machine=told["title"],
        profile="",
        releases={},
        cells={name: SeedCell(REPORTED, ms) for name, ms in told["ms"].items()},
        about="; ".join(
            [f"{told['title']}: {REPORTED}"]
            + [told[key] for key in ("source", "workload", "system", "protocol")]
        ),
    )


def ratios(columns: Sequence[Column], table: str) -> tuple[str, list[dict[str, float]]]:
    """(row, by column the time of each row as a multiple of that row's).

    It is the table's first row that has a time in all columns, so that all are held against the
    same thing; where there is none, the table's first row, and a column without it has no ratios.
    """
    names = list(TABLES[table])
    everywhere = [
        n for n in names if all(column.cells[n].compared_ms is not None for column in columns)
    ]
    base = (everywhere or names)[0]
    found = []
    for column in columns:
        whole = column.cells[base].compared_ms
        times = {name: column.cells[name].compared_ms for name in names}
        found.append(
            {n: ms / whole for n, ms in times.items() if ms is not None}
            if whole is not None
            else {}
        )
    return base, found


def _framework(row: Rate) -> str:
    return records.class_of(row.benchmark)


def _column(rows: Sequence[Rate], profile: str, releases: Mapping[str, str], absent: str) -> Column:
    """``absent`` is what the rows of a framework are that has none of the ``releases``."""
    found = {(row.release, records.canonical(row.configuration)): row for row in rows}
    own = {
        name: found.get((release, records.canonical(configuration.values)))
        for table in TABLES.values()
        for name, configuration in table.items()
        if (release := releases.get(configuration.framework)) is not None
    }
    usual = usual_of(row.state for row in own.values() if row is not None and row.step_s)
    cells = {}
    for table in TABLES.values():
        for name, configuration in table.items():
            release = releases.get(configuration.framework)
            cells[name] = SeedCell(absent) if release is None else _cell(own[name], release, usual)
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
    if row is None:
        return SeedCell(UNMEASURED, release=release)
    if row.outcome == records.INTERRUPTED:
        return SeedCell(UNMEASURED, why=row.why, release=release)
    if row.step_s is None:
        return SeedCell(row.outcome, None, row.why, release)
    apart = row.state != usual
    whys = []
    if apart:
        whys.append(f"not compared: measured with {row.state}; the others with {usual}")
    if row.busy is not None:
        whys.append(f"measured on a busy machine ({row.busy})")
    return SeedCell(row.outcome, row.step_s * 1000, "; ".join(whys) or None, release, apart)
