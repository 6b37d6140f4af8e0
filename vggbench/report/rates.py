"""Images per second, achieved FLOP/s and the share of the machine's peak, from records.

These rates are no benchmarks of asv, because they are better when higher: asv would report a gain
as a regression. The FLOP are those of vgg16.step_flops: the products and convolutions, forward and
backward.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from .. import records
from ..campaigns import peak
from ..campaigns.peak import Peak
from ..errors import how_many, one_line
from ..inside import vgg16, workload
from ..judging.state import Known, known_of, newest_alike, other_state_messages, state_of
from ..records import Record
from ..records.record import is_cpus
from ..releases.catalogue import Release


@dataclass(frozen=True)
class Rate:
    """The rates of one configuration of one release, in one profile, on one machine.

    The newest run that has the configuration counts. Of its processes, those in the state of the
    last one count, and of these only the ones that no other work disturbed where there are any.

    ``outcome``: ``failed`` where one of the processes failed. ``why``: the reason or the error.
    ``processes``: how many count. ``step_s``: the median of the processes' medians. The numbers are
    None where the outcome is not ok. ``peak_flops_per_s``: that of the newest matrix product on the
    same device and as many CPUs, None where none was measured. ``state``: the state of the machine
    and its user, as a text; rows with the same state may be compared. ``busy``: why others may have
    taken processors from the processes; None where there is no sign of it.
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
    cpus: float | None
    state: str
    busy: str | None
    step_s: float | None = None
    images_per_s: float | None = None
    flops_per_s: float | None = None
    peak_flops_per_s: float | None = None
    share_of_peak: float | None = None
    peak_measured: str | None = None

    def as_json(self) -> dict[str, Any]:
        fields = asdict(self)
        # A user's own param may be a float, also infinity, which JSON does not have.
        fields["configuration"] = {
            name: str(word) if isinstance(word, float) else word
            for name, word in self.configuration.items()
        }
        return fields


def rates(
    machine: str,
    taken: Iterable[Record],
    releases: Sequence[Release],
    peaks: Sequence[Peak],
) -> list[Rate]:
    """A row for every profile, release and configuration that was timed.

    ``taken``: all records of ``machine``, in the order in which they were written, because a record
    may lack a part of the machine's state that another one has. ``releases``: the releases that are
    wanted, in the order of the rows. ``peaks``: those of the same machine, oldest first.
    """
    taken = list(taken)
    known = known_of(taken)
    wanted = {release.commit: release for release in releases}
    order = {commit: place for place, commit in enumerate(wanted)}
    groups: dict[tuple[str, int, str, str], list[Record]] = {}
    for record in taken:
        if record.is_timed and record.why_left_out(machine, wanted) is None:
            configuration = records.canonical(record.configuration)
            place = (record.profile, order[record.commit], record.benchmark, configuration)
            groups.setdefault(place, []).append(record)
    return [_rate(machine, groups[place], peaks, known) for place in sorted(groups)]


def _rate(machine: str, group: Sequence[Record], peaks: Sequence[Peak], known: Known) -> Rate:
    """The row of a ``group`` of records, which are of one profile, release and configuration."""
    newest = newest_alike(group, known)
    first = newest[0]
    summary = records.outcome_of(newest)
    counting = records.undisturbed(newest) if summary.outcome == records.OK else newest
    numbers: dict[str, float | None] = {}
    measured = None
    if summary.outcome == records.OK:
        profile = workload.profile(first.profile)
        work = profile.workload
        step_s = statistics.median(record.median_s for record in counting)
        flops_per_s = vgg16.step_flops(work.batch_size, work.image_size) / step_s
        numbers = {
            "step_s": step_s,
            "images_per_s": work.batch_size / step_s,
            "flops_per_s": flops_per_s,
        }
        newest_peak = peak.newest(peaks, profile.device, first)
        if newest_peak is not None:
            top = peak.fastest(newest_peak).flops_per_s
            numbers.update(peak_flops_per_s=top, share_of_peak=flops_per_s / top)
            measured = str(newest_peak["measured"])
    return Rate(
        machine=machine,
        profile=first.profile,
        release=first.release,
        benchmark=first.benchmark,
        configuration=dict(first.configuration),
        run=first.run,
        outcome=summary.outcome,
        why=summary.why_counted,
        processes=len(counting),
        cpus=first.cpus if is_cpus(first.cpus) else None,
        state=str(state_of(first, known)),
        busy=counting[-1].busy,
        peak_measured=measured,
        **numbers,
    )


def table(rows: Sequence[Rate]) -> Table:
    """The rows as a table for people. All rows are of one machine and profile."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("release", "configuration"):
        shown.add_column(heading)
    for heading in ("ms a step", "images/s", "GFLOP/s", "% of peak"):
        shown.add_column(heading, justify="right")
    shown.add_column("outcome")
    for row in rows:
        shown.add_row(row.release, records.words_of(row.configuration), *_cells(row))
    return shown


def peak_messages(rows: Sequence[Rate], peaks: Sequence[Peak]) -> list[str]:
    """A line of text for each peak with which ``rows``, all of one profile, are compared, and for
    each that was not measured yet."""
    lines = []
    device = workload.profile(rows[0].profile).device
    compared = [(row.cpus, row.peak_measured) for row in rows if row.outcome == records.OK]
    for cpus, measured in dict.fromkeys(compared):
        of_rows = [
            candidate
            for candidate in peaks
            if (candidate["device"], candidate["measured"]) == (device, measured)
            if device == "gpu" or candidate["cpus"] == cpus
        ]
        if of_rows:
            lines.append(f"peak: {peak.described(of_rows[-1])}")
            continue
        count = "an unknown number of" if cpus is None else f"{cpus:g}"
        where = f"{count} CPUs" if device == "cpu" else "the GPU"
        lines.append(
            f"peak: not measured on {where} of this machine yet; there, run: vggbench peak"
        )
    return list(dict.fromkeys(lines))


def state_messages(rows: Sequence[Rate]) -> list[str]:
    """Lines of text on the ``rows`` that were measured in another state of the machine than most.
    All rows are of one machine and profile."""
    return other_state_messages(
        (f"{row.release} {records.words_of(row.configuration)}", row.state)
        for row in rows
        if row.step_s is not None
    )


def _cells(row: Rate) -> tuple[str, str, str, str, str]:
    """The cells of a row's numbers and outcome."""
    if row.step_s is None or row.images_per_s is None or row.flops_per_s is None:
        return "-", "-", "-", "-", one_line(f"{row.outcome}: {row.why}")
    share = "run vggbench peak" if row.share_of_peak is None else f"{row.share_of_peak:.1%}"[:-1]
    return (
        f"{row.step_s * 1000:.1f}",
        f"{row.images_per_s:.1f}",
        f"{row.flops_per_s / 1e9:.1f}",
        share,
        f"ok, {how_many(row.processes, 'process')}"
        + (f", on a busy machine ({row.busy})" if row.busy else ""),
    )
