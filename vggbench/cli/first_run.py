"""``make run``: measure one release of each era, publish, and show the figures."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from .. import records, report, terminal
from ..checkout import Checkout
from ..errors import one_line
from ..releases import interpreters, spec
from ..releases.catalogue import Release
from ..releases.uv import UvError, uv
from ..runs import machines, profiles
from ..runs.asv_command import INTERRUPTED, Asv
from ..runs.coverage import Coverage
from ..runs.local import why_not_here
from ..runs.suite import Suite
from .common import say

#: Eras, each some neighbouring releases with something in common, and the releases that may stand
#: for it. The first of these that this machine can measure is measured.
ERAS = (
    ("the first release, 2017", ("tensorflow-1.0.0", "tensorflow-1.4.1")),
    ("the last of the graph API", ("tensorflow-1.15.5", "tensorflow-1.14.0")),
    ("tf.function, before oneDNN was on", ("tensorflow-2.4.4", "tensorflow-2.7.4")),
    ("oneDNN on by default", ("tensorflow-2.10.1", "tensorflow-2.14.1")),
    ("the newest", ("tensorflow",)),
)

#: A first run is shortened by fewer configurations, processes and samples, and never by a smaller
#: workload. This is the pattern of the configurations, and how they are called.
CONFIGURATIONS = (
    r"TensorFlow\.time_train_step\('NHWC', '(none|fused)', 'off'\)",
    "NHWC with no and with fused batch normalisation, without XLA",
)
ATTRIBUTES = {"rounds": 1, "repeat": 5}

#: The most seconds that fetching an interpreter may take.
FETCH_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Chosen:
    """An era, and the release that stands for it."""

    era: str
    release: Release


def run(checkout: Checkout) -> int:
    """Measure, publish and show. Returns the exit status: INTERRUPTED after Ctrl-C, that of asv run
    where it is not 0, else that of asv publish. Where asv run failed and measured nothing, nothing
    is published or shown."""
    wanted = profiles.asked(checkout.config)
    chosen, left_out = _choose(checkout, profiles.device_of(wanted[0]))
    say("vggbench measures one release of each era on this machine:")
    for choice in chosen:
        say(f"  {choice.release.name}: {choice.era}")
    for line in left_out:
        say(f"  left out: {line}")
    say(
        f"Measured is {CONFIGURATIONS[1]}, by {ATTRIBUTES['rounds']} process of "
        f"{ATTRIBUTES['repeat']} samples each. Everything else: asv run tensorflow"
    )
    asv = Asv(checkout)
    machine = machines.named(checkout, say)
    store = checkout.store()
    covered = Coverage.of(checkout, Suite(checkout.benchmark_dir), store, machine)
    new = covered.incomplete([choice.release for choice in chosen], [CONFIGURATIONS[0]])
    status = 0
    if new:
        attributes = [f"--attribute={key}={value}" for key, value in ATTRIBUTES.items()]
        names = " ".join(release.name for release in new)
        before = _newest(store, machine)
        status = asv("run", "--bench", CONFIGURATIONS[0], *attributes, "--record-samples", names)
    else:
        say("All of this was measured here already; nothing is new.")
    if asv.interrupted:
        return INTERRUPTED
    if status != 0 and _newest(store, machine) == before:
        return status  # asv has said why
    published = asv("publish")
    if asv.interrupted:
        return INTERRUPTED
    _table(store, machine, wanted, [choice.release for choice in chosen])
    program = terminal.typed(Path(sys.executable).parent / "vggbench")
    say(f"The pages are in {checkout.html_dir}; see them with: {program} preview")
    return status or published


def _newest(store: records.Store, machine: str) -> list[records.Record]:
    """A list with the machine's newest record; an empty list where there is no record."""
    return store.all(machine)[-1:]


def _choose(checkout: Checkout, device: str) -> tuple[list[Chosen], list[str]]:
    """The release that stands for each era, and a line of text for each era without one."""
    chosen: list[Chosen] = []
    left_out = []
    for era, names in ERAS:
        reasons = []
        for name in names:
            release = spec.release(checkout.catalogue, name)
            why_not = _why_not(release, device)
            if why_not is None:
                chosen.append(Chosen(era, release))
                break
            reasons.append(f"{release.name}: {why_not}")
        else:
            left_out.append(f"{era}: {'; '.join(reasons)}")
    return chosen, left_out


def _why_not(release: Release, device: str) -> str | None:
    """Why the release cannot be measured here; None where it can. Its interpreter is fetched where
    it is missing."""
    if device in release.devices and interpreters.find(release.python) is None:
        _fetch(release.python)
    return why_not_here(release, [device])


def _fetch(version: str) -> None:
    """Fetch CPython ``version`` where uv has it, and say so where that fails."""
    if not interpreters.uv_has(version):
        return
    say(f"fetching CPython {version}")
    try:
        uv("python", "install", version, timeout_s=FETCH_TIMEOUT_S)
    except UvError as err:
        say(f"CPython {version} could not be fetched: {one_line(str(err), 160)}")
    interpreters.find.cache_clear()


def _table(
    store: records.Store, machine: str, wanted: Sequence[str], releases: Sequence[Release]
) -> None:
    """Print the newest process of each configuration of these ``releases``, in the profiles
    ``wanted``."""
    latest: dict[tuple[str, str], records.Record] = {}
    for record in store.all(machine, say):
        if record.is_timed and record.profile in wanted and record.outcome != records.INTERRUPTED:
            latest[record.release, record.words] = record
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("release", "configuration", "train step", "samples", "first step"):
        table.add_column(
            heading, justify="left" if heading in ("release", "configuration") else "right"
        )
    for release in releases:
        for (name, words), record in sorted(latest.items()):
            if name == release.name and re.fullmatch(r"NHWC (none|fused) off", words):
                table.add_row(name, words, *_cells(record))
    say("")
    say(f"What was measured on {machine} ({', '.join(wanted)}), newest process of each:")
    report.show(table)


def _cells(record: records.Record) -> tuple[str, str, str]:
    """The cells of a record: train step, samples and first step, or the outcome and its reason."""
    if record.outcome != records.OK:
        return record.outcome, "-", one_line(str(record.reason or record.error or ""), 60)
    first_step = record.by_product("track_first_step")
    return (
        f"{record.median_s * 1000:.0f} ms",
        str(len(record.samples)),
        "-" if first_step is None else f"{first_step:.1f} s",
    )
