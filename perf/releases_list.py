"""`vggbench releases list` with 100 releases, 30 of them installed.

The listing reads the files of a release and the marker of its environment, and nothing else that
lies there. The 30 environments here therefore hold their markers only.
"""

import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, replace
from json import dumps
from pathlib import Path

from shared import common

from vggbench.releases.catalogue import Catalogue
from vggbench.releases.environments import MARKER, Environments, Marker, require_lock

RELEASES, INSTALLED = 100, 30
FIGURE_S = 1.0
TIMES = 7


def so_many(folder: Path, wanted: int) -> Catalogue:
    """Make ``folder`` a catalogue of so many releases: the shipped ones, without those beyond, or
    with made-up ones like the last."""
    shutil.copytree(common.ROOT / "releases", folder)
    catalogue = Catalogue(folder)
    shipped = list(catalogue)
    for release in shipped[wanted:]:
        catalogue.file_of(release).unlink()
    for extra in range(wanted - len(shipped)):
        catalogue.write(replace(shipped[-1], version=f"{shipped[-1].version}.post{extra}"))
    return Catalogue(folder)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        checkout = common.checkout(
            Path(folder) / "checkout",
            releases=Path(folder) / "releases",
            env_dir=Path(folder) / "env",
        )
        catalogue = so_many(Path(folder) / "releases", RELEASES)
        environments = Environments(Path(folder) / "env" / "releases", catalogue)
        for release in list(catalogue)[:INSTALLED]:
            lock = require_lock(release, "cpu")
            where = environments.path(release, lock.name)
            where.mkdir(parents=True)
            marker = Marker(
                release=release.name,
                device=lock.name,
                digest=lock.digest,
                python=release.python,
                size=10**9,
                made=0,
            )
            (where / MARKER).write_text(dumps(asdict(marker)))
        seconds = []
        for _ in range(TIMES):
            started = time.perf_counter()
            listed = common.run([str(common.VGGBENCH), "releases", "list"], checkout)
            seconds.append(time.perf_counter() - started)
        rows = [line for line in listed.splitlines() if line.startswith(tuple(catalogue.tracks))]
        if listed.count("1.00 GB") != INSTALLED or len(rows) != RELEASES:
            raise SystemExit(f"the listing is not that of {RELEASES} releases:\n{listed}")
    return common.report(
        f"vggbench releases list, {RELEASES} releases, {INSTALLED} installed, {TIMES} times",
        f"under {FIGURE_S:g} s",
        f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s",
        statistics.median(seconds) < FIGURE_S,
    )


if __name__ == "__main__":
    sys.exit(main())
