"""Images a second, achieved FLOP/s and the share of the machine's peak, from records.

They are better when higher, so they are no benchmarks of asv's, which would report a gain as a
regression. FLOP are those of vgg16.step_flops: the products and convolutions, forward and backward.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from .. import measure, peak, records, vgg16, workload
from ..errors import one_line

TIMED = "time_train_step"


@dataclass(frozen=True)
class Rate:
    """One configuration of one release, in one profile, on one machine.

    outcome: that of the newest run which has the configuration; ``failed`` where one of its
    processes failed. why: its reason or error. processes: those that the run has of it. step_s: the
    median of the processes' medians. The numbers are None where the outcome is not ok. peak:
    FLOP/s of the newest matrix product on the same device and as many CPUs, None where none was
    measured.
    """

    machine: str
    profile: str
    release: str
    benchmark: str
    configuration: dict[str, Any]
    run: str
    outcome: str
    why: str | None
    processes: int
    cpus: int | None
    step_s: float | None = None
    images_per_s: float | None = None
    flops_per_s: float | None = None
    peak_flops_per_s: float | None = None
    share_of_peak: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def why_left_out(record: records.Record, commits: Collection[str]) -> str | None:
    """Why a timed record is in no row; None where it is in one. ``commits``: asv's ids of the
    releases that are on a track."""
    if record["commit"] not in commits:
        return "not on a track, or of another build number"
    if record.get("benchmark_version") != measure.PROTOCOL:
        return f"of another measuring protocol than {measure.PROTOCOL}"
    if record["profile"] not in workload.PROFILES:
        return f"of the unknown profile {record['profile']}"
    return None


def is_timed(record: records.Record) -> bool:
    """Whether the record is of a process that was to time the train step, in a run of asv."""
    return bool(record["benchmark"].rpartition(".")[2] == TIMED) and records.is_ordinary(record)


def rates(
    machine: str,
    taken: Iterable[records.Record],
    commits: Sequence[str],
    peaks: Sequence[records.Record],
) -> list[Rate]:
    """A row for every profile, release and configuration in the records ``taken`` of ``machine``.

    commits: asv's ids of the releases that are wanted, in the order of the rows. peaks: of the same
    machine, oldest first. Records come in the order in which they were written.
    """
    order = {commit: place for place, commit in enumerate(commits)}
    groups: dict[tuple[str, int, str, str], list[records.Record]] = {}
    for record in taken:
        if is_timed(record) and why_left_out(record, order) is None:
            configuration = json.dumps(record["configuration"], sort_keys=True)
            place = (record["profile"], order[record["commit"]], record["benchmark"], configuration)
            groups.setdefault(place, []).append(record)
    return [_rate(machine, groups[place], peaks) for place in sorted(groups)]


def newest_run(group: Sequence[records.Record]) -> list[records.Record]:
    """Of the records of one configuration, in the order in which they were written, those of the
    newest run that came to an end with it."""
    ended = [record for record in group if record["outcome"] != records.INTERRUPTED]
    run = (ended or group)[-1]["run"]
    return [record for record in ended or group if record["run"] == run]


def _rate(machine: str, group: Sequence[records.Record], peaks: Sequence[records.Record]) -> Rate:
    newest = newest_run(group)
    first = newest[0]
    outcome, why = outcome_of(newest)
    found: dict[str, float | None] = {}
    if outcome == records.OK:
        profile = workload.profile(first["profile"])
        work = profile.workload
        step_s = statistics.median(statistics.median(record["samples"]) for record in newest)
        flops_per_s = vgg16.step_flops(work.batch_size, work.image_size) / step_s
        found = {
            "step_s": step_s,
            "images_per_s": work.batch_size / step_s,
            "flops_per_s": flops_per_s,
        }
        newest_peak = peak.newest(peaks, profile.device, first.get("cpus"))
        if newest_peak is not None:
            top = peak.fastest(newest_peak).flops_per_s
            found.update(peak_flops_per_s=top, share_of_peak=flops_per_s / top)
    return Rate(
        machine=machine,
        profile=first["profile"],
        release=first["release"],
        benchmark=first["benchmark"],
        configuration=first["configuration"],
        run=first["run"],
        outcome=outcome,
        why=why,
        processes=len(newest),
        cpus=first.get("cpus"),
        **found,
    )


def outcome_of(newest: Sequence[records.Record]) -> tuple[str, str | None]:
    """(outcome, reason or error) of the processes of one configuration in one run: as asv has it,
    one that failed makes the configuration failed."""
    for outcome, key in ((records.FAILED, "error"), (records.NOT_APPLICABLE, "reason")):
        those = [record for record in newest if record["outcome"] == outcome]
        if those:
            how_many = f" ({len(those)} of {len(newest)} processes)" if len(newest) > 1 else ""
            return outcome, f"{those[-1].get(key, 'its record does not say why')}{how_many}"
    if newest[-1]["outcome"] == records.INTERRUPTED:
        return records.INTERRUPTED, "its run was interrupted"
    for record in newest:
        samples = record.get("samples") or [None]
        is_list = isinstance(samples, list)
        nonsense = [one for one in samples if not _is_time(one)] if is_list else [samples]
        if nonsense:
            return records.FAILED, f"a sample of {nonsense[0]!r} is no time"
    return records.OK, None


def _is_time(sample: object) -> bool:
    if isinstance(sample, bool):
        return False
    return isinstance(sample, (int, float)) and 0 < sample < math.inf


def table(rows: Sequence[Rate]) -> Table:
    """For people: a line a row. All rows are of one machine and profile."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("release", "configuration"):
        made.add_column(heading)
    for heading in ("ms a step", "images/s", "GFLOP/s", "% of peak"):
        made.add_column(heading, justify="right")
    made.add_column("outcome")
    for row in rows:
        made.add_row(row.release, _words(row.configuration), *_cells(row))
    return made


def peak_lines(rows: Sequence[Rate], peaks: Sequence[records.Record]) -> list[str]:
    """A line on each peak that ``rows``, of one profile, are held against, or that is missing."""
    lines = []
    for cpus in dict.fromkeys(row.cpus for row in rows if row.outcome == records.OK):
        device = workload.profile(rows[0].profile).device
        found = peak.newest(peaks, device, cpus)
        where = f"{cpus} CPUs" if device == "cpu" else "the GPU"
        lines.append(
            f"peak: {peak.words(found)}"
            if found is not None
            else f"peak: not measured on {where} of this machine yet; there, run: vggbench peak"
        )
    return list(dict.fromkeys(lines))


def _words(configuration: dict[str, Any]) -> str:
    return " ".join(str(value) for value in configuration.values())


def _cells(row: Rate) -> tuple[str, str, str, str, str]:
    if row.step_s is None or row.images_per_s is None or row.flops_per_s is None:
        return "-", "-", "-", "-", one_line(f"{row.outcome}: {row.why}")
    share = "run vggbench peak" if row.share_of_peak is None else f"{row.share_of_peak:.1%}"[:-1]
    return (
        f"{row.step_s * 1000:.1f}",
        f"{row.images_per_s:.1f}",
        f"{row.flops_per_s / 1e9:.1f}",
        share,
        f"ok, {row.processes} process{'es' if row.processes > 1 else ''}",
    )
