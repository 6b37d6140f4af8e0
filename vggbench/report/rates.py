"""Images a second, achieved FLOP/s and the share of the machine's peak, from records.

They are better when higher, so they are no benchmarks of asv's, which would report a gain as a
regression. FLOP are those of vgg16.step_flops: the products and convolutions, forward and backward.
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
from ..errors import one_line
from ..inside import vgg16, workload
from ..judging.state import Known, apart_messages, known_of, newest_alike, state_of
from ..records import Record
from ..records.record import is_cpus
from ..releases.catalogue import Release


@dataclass(frozen=True)
class Rate:
    """One configuration of one release, in one profile, on one machine.

    outcome: that of the newest run which has the configuration; ``failed`` where one of its
    processes failed. why: its reason or error. processes: those that the run has of it, in the
    state of the last; where there are any that no other work disturbed, these alone. step_s: the
    median of the processes' medians. The numbers are None where the outcome is not ok. peak: FLOP/s
    of the newest matrix product on the same device and as many CPUs, None where none was measured.
    state: what of the machine and its user it was measured in, as a text; rows of one state may be
    compared. busy: why others may have taken processors from the processes; None where there is no
    sign of it.
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
        told = asdict(self)
        # JSON has no infinity, which a param that is no word of ours may be.
        told["configuration"] = {
            name: str(word) if isinstance(word, float) else word
            for name, word in self.configuration.items()
        }
        return told


def rates(
    machine: str,
    taken: Iterable[Record],
    releases: Sequence[Release],
    peaks: Sequence[Peak],
) -> list[Rate]:
    """A row for every profile, release and configuration that was timed, by the records ``taken``
    of ``machine``: all of them, since what one lacks of the machine's state another may tell.

    releases: those that are wanted, in the order of the rows. peaks: of the same machine, oldest
    first. Records come in the order in which they were written.
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
    newest = newest_alike(group, known)
    first = newest[0]
    summary = records.outcome_of(newest)
    counting = records.undisturbed(newest) if summary.outcome == records.OK else newest
    found: dict[str, float | None] = {}
    measured = None
    if summary.outcome == records.OK:
        profile = workload.profile(first.profile)
        work = profile.workload
        step_s = statistics.median(record.median_s for record in counting)
        flops_per_s = vgg16.step_flops(work.batch_size, work.image_size) / step_s
        found = {
            "step_s": step_s,
            "images_per_s": work.batch_size / step_s,
            "flops_per_s": flops_per_s,
        }
        newest_peak = peak.newest(peaks, profile.device, first)
        if newest_peak is not None:
            top = peak.fastest(newest_peak).flops_per_s
            found.update(peak_flops_per_s=top, share_of_peak=flops_per_s / top)
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
        **found,
    )


def table(rows: Sequence[Rate]) -> Table:
    """For people: a line a row. All rows are of one machine and profile."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("release", "configuration"):
        made.add_column(heading)
    for heading in ("ms a step", "images/s", "GFLOP/s", "% of peak"):
        made.add_column(heading, justify="right")
    made.add_column("outcome")
    for row in rows:
        made.add_row(row.release, records.words_of(row.configuration), *_cells(row))
    return made


def peak_messages(rows: Sequence[Rate], peaks: Sequence[Peak]) -> list[str]:
    """A line on each peak that ``rows``, of one profile, are held against, or that is missing."""
    lines = []
    device = workload.profile(rows[0].profile).device
    held = [(row.cpus, row.peak_measured) for row in rows if row.outcome == records.OK]
    for cpus, measured in dict.fromkeys(held):
        own = [
            known
            for known in peaks
            if (known["device"], known["measured"]) == (device, measured)
            if device == "gpu" or known["cpus"] == cpus
        ]
        found = own[-1] if own else None
        count = "an unknown number of" if cpus is None else f"{cpus:g}"
        where = f"{count} CPUs" if device == "cpu" else "the GPU"
        lines.append(
            f"peak: {peak.described(found)}"
            if found is not None
            else f"peak: not measured on {where} of this machine yet; there, run: vggbench peak"
        )
    return list(dict.fromkeys(lines))


def state_messages(rows: Sequence[Rate]) -> list[str]:
    """Of ``rows``, which are of one machine and profile: a line on those that were measured in
    another state of the machine than most."""
    return apart_messages(
        (f"{row.release} {records.words_of(row.configuration)}", row.state)
        for row in rows
        if row.step_s is not None
    )


def _cells(row: Rate) -> tuple[str, str, str, str, str]:
    if row.step_s is None or row.images_per_s is None or row.flops_per_s is None:
        return "-", "-", "-", "-", one_line(f"{row.outcome}: {row.why}")
    share = "run vggbench peak" if row.share_of_peak is None else f"{row.share_of_peak:.1%}"[:-1]
    return (
        f"{row.step_s * 1000:.1f}",
        f"{row.images_per_s:.1f}",
        f"{row.flops_per_s / 1e9:.1f}",
        share,
        f"ok, {row.processes} process{'es' if row.processes > 1 else ''}"
        + (f", on a busy machine ({row.busy})" if row.busy else ""),
    )
