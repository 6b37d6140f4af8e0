"""A checkout with a few shipped releases and literal records, published as pages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from vggbench import web
from vggbench.asv_plugin import publish
from vggbench.checkout import Checkout
from vggbench.records import Record
from vggbench.report import pages

from ...judging.duets import link
from ...judging.literal import XLA
from ...records import factory
from ...records.factory import CATALOGUE
from ...tiny import ROOT

SHIPPED = ("tensorflow-2.14.1", "tensorflow-2.15.1", "tensorflow-2.16.2", "keras-3.3.3")
MACHINE = "box"


def record(release: str = SHIPPED[2], words: str = "", **more: Any) -> Record:
    """A process of ``release`` that took three samples, unless ``more`` has it otherwise."""
    told = {
        "started": "2026-05-01T12:00:00+00:00",
        "samples": [0.2, 0.25, 0.3],
        "python": "3.12",
        "build_s": 3.0,
        "warm_up_s": [1.5, 0.3, 0.3],
        "losses": [6.91, 6.9, 6.8912345],
        "versions": {},
        "peak_memory_bytes": 2_000_000_000,
    }
    return factory.record(release, words, **{**told, **more})


def processes(release: str, words: str, *seconds: float, **more: Any) -> list[Record]:
    """A process for each of ``seconds``, which is the median of its samples."""
    return [record(release, words, samples=[s * 0.9, s, s * 1.2], **more) for s in seconds]


#: Three releases, of which the last is slower; one n/a, one failed.
HISTORY = [
    *processes(SHIPPED[0], "NHWC none off", 0.200, 0.202, 0.198),
    *processes(SHIPPED[1], "NHWC none off", 0.210, 0.212, 0.208),
    *processes(SHIPPED[2], "NHWC none off", 0.300, 0.306, 0.294),
    *processes(SHIPPED[1], "NHWC none on", 0.110, 0.120, 0.115, warm_up_s=[21.5, 0.1, 0.1]),
    *processes(SHIPPED[2], "NHWC none on", 0.100, 0.102, 0.104, warm_up_s=[21.5, 0.1, 0.1]),
    record(SHIPPED[0], "NHWC none on", outcome="n/a", reason="the wheel has no XLA"),
    record(SHIPPED[1], "NCHW none off", outcome="failed", error="SIGSEGV after 2 s"),
    *processes(SHIPPED[2], "NCHW none off", 0.400, 0.410, 0.420),
    *processes(SHIPPED[2], "NHWC fused off", 0.350, 0.352, 0.354),
    *processes(SHIPPED[2], "NHWC unfused off", 0.450, 0.452, 0.454),
    *processes(SHIPPED[3], "tensorflow NHWC none off", 0.500, 0.502, 0.504),
]


#: A process of a release from before its framework had the params for layout and compiling.
LACKING = record(SHIPPED[0], configuration={"batch_norm": "none"})

#: Three releases in two days: the second was measured on both, and then took half as long again.
TWO_DAYS = [
    *processes(SHIPPED[0], "NHWC none off", 0.200, 0.202),
    *processes(SHIPPED[1], "NHWC none off", 0.210, 0.212),
    *[
        record
        for release, seconds in ((SHIPPED[1], 0.315), (SHIPPED[2], 0.318))
        for record in processes(
            *(release, "NHWC none off", seconds, seconds + 0.002),
            run="20260502T120000Z-00000002",
            started="2026-05-02T12:00:00+00:00",
        )
    ],
]


#: Blocks of duets: the second release took 2 % longer than the first, the third 5 % less than the
#: second; and the third was held against the first, too, so that a loop closes.
CHAINED = [
    *link(SHIPPED[0], SHIPPED[1], 0.02),
    *link(SHIPPED[1], SHIPPED[2], -0.05),
    *link(SHIPPED[0], SHIPPED[2], -0.03),
]

#: A link from the second release to the third, which takes 22 % longer.
SLOWER = link(SHIPPED[1], SHIPPED[2], 0.2)

#: Two releases and, later, other two, which no link connects; and a link of another configuration.
APART = [
    *link("tensorflow-2.10.1", "tensorflow-2.11.1", 0.1),
    *link(SHIPPED[1], SHIPPED[2], 0.2),
    *link(SHIPPED[0], SHIPPED[1], 0.3, XLA),
]


def checkout(folder: Path, *more: str) -> Path:
    """A checkout with SHIPPED on its tracks and Theano's track, without records."""
    folder.mkdir()
    shutil.copy(ROOT / "asv.conf.json", folder)
    for track in ("tensorflow", "keras", "theano"):
        (folder / "releases" / track).mkdir(parents=True)
        shutil.copy(ROOT / "releases" / track / "track.json", folder / "releases" / track)
    for name in (*SHIPPED, "theano-1.0.5", *more):
        release = CATALOGUE.by_name[name]
        files = [CATALOGUE.file_of(release)]
        files += [CATALOGUE.lock_path(release, device) for device in release.locks]
        for file in files:
            shutil.copy(file, folder / "releases" / release.track)
    return folder


def write_records(folder: Path, taken: list[Record], machine: str = MACHINE) -> None:
    runs: dict[str, list[Record]] = {}
    for record in taken:
        runs.setdefault(record.run, []).append(record)
    target = folder / "results" / machine / "records"
    target.mkdir(parents=True, exist_ok=True)
    for run, of_run in runs.items():
        text = "".join(json.dumps(record.as_json()) + "\n" for record in of_run)
        (target / f"{run}.jsonl").write_text(text)


def source(folder: Path) -> pages.Source:
    """What the pages of a checkout are made of. The current folder becomes another."""
    return publish.source(Checkout(str(folder / "asv.conf.json")))


def write_pages(folder: Path, html_dir: Path, scripts: bool = False) -> list[str]:
    """Write our pages, and npm's packages where ``scripts`` asks for them. Returns what was
    complained of."""
    complaints: list[str] = []
    html_dir.mkdir(exist_ok=True)
    if scripts:
        publish.vendor(web.packages(), html_dir)
        for path in publish.WWW.iterdir():
            shutil.copyfile(path, html_dir / path.name)
    pages.write(html_dir, source(folder), complaints.append)
    return complaints


def read(html_dir: Path, name: str) -> Any:
    return json.loads((html_dir / "data" / f"{name}.json").read_text())
