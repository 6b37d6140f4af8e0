"""Peak resident memory of the asv process itself during a run of ten releases.

VmHWM of the asv process, which never falls, is read from /proc while the process runs. Its
children, which train and install, are not counted.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared import common

#: The smallest environments of the track.
RELEASES = "tensorflow-1.0.0 tensorflow-1.0.0..tensorflow-1.8.0"
COUNT = 10
FIGURE_MB = 300


def main() -> int:
    peak_kb = 0
    with tempfile.TemporaryDirectory() as folder:
        checkout = common.checkout(Path(folder) / "checkout")
        log = checkout / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [str(common.ASV), "run", "--record-samples", RELEASES],
                cwd=checkout,
                env=common.surroundings(checkout),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            while process.poll() is None:
                peak_kb = max(peak_kb, _high_water_mark_kb(process.pid))
                time.sleep(0.02)
        measured = len(list((checkout / "results").glob("*/*-*.json")))
        if process.returncode != 0 or measured != COUNT:
            raise SystemExit(f"{measured} of {COUNT} releases were measured:\n{log.read_text()}")
    return common.report(
        f"peak memory of asv during a run of {COUNT} releases",
        f"under {FIGURE_MB} MB",
        f"{peak_kb / 1000:.0f} MB",
        peak_kb / 1000 < FIGURE_MB,
    )


def _high_water_mark_kb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(li.split()[1]) for li in status.splitlines() if li.startswith("VmHWM")), 0)


if __name__ == "__main__":
    sys.exit(main())
