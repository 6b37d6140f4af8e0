"""`vggbench releases update --pre --nightly --dry-run` on all tracks: how long the indexes take.

It asks the real indexes of this user for every package of every track, resolves nothing and writes
nothing. What the network takes is part of the figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from shared import common

from vggbench.releases.catalogue import Catalogue

WITHIN_S = 60.0

WHAT = "vggbench releases update of all tracks, --dry-run, one call"
WANTED = f"at most {WITHIN_S:g} s"


def report(output: str, seconds: float, tracks: list[str]) -> int:
    """The figure of a call that asked for these tracks, by the JSON that it printed. It is neither
    met nor missed where an index could not be asked."""
    told = json.loads(output)
    unasked = [each for each in told["not_locked"] if each["release"] in tracks]
    if unasked:
        for each in unasked:
            print(f"{each['release']}: {each['why']}")
        common.keep(WHAT, WANTED, f"{seconds:.1f} s", "an index could not be asked")
        return 1
    reached = (
        f"{seconds:.1f} s for {len(tracks)} tracks ({len(told['added'])} would be added, "
        f"{len(told['passed_over'])} passed over)"
    )
    return common.report(WHAT, WANTED, reached, seconds <= WITHIN_S)


def main() -> int:
    tracks = list(Catalogue(common.ROOT / "releases").tracks)
    command = ["releases", "update", "--pre", "--nightly", "--dry-run", "--json"]
    began = time.perf_counter()
    # In this checkout and with the user's settings: the figure is that of a user's own call.
    done = subprocess.run(
        [str(common.VGGBENCH), *command], cwd=common.ROOT, stdout=subprocess.PIPE, text=True
    )
    seconds = time.perf_counter() - began
    if not done.stdout.strip():
        raise SystemExit(f"vggbench {' '.join(command)} ended with {done.returncode}")
    return report(done.stdout, seconds, tracks)


if __name__ == "__main__":
    sys.exit(main())
