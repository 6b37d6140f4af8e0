"""How many of 200 trees of damaged records cost a traceback, invalid JSON or a page: none may.

    python perf/fuzz.py [--trees 200] [--from 0]

Each tree is drawn by its number (tests/fuzz.py), so that a tree that shows a fault can be drawn
again. A tree takes about a second.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from shared import common

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument(
        "--from", type=int, default=0, dest="first", help="the number of the first tree"
    )
    options = parser.parse_args()
    lines = fuzz.good()
    spoilt = 0
    for number in range(options.first, options.first + options.trees):
        with tempfile.TemporaryDirectory() as folder:
            troubles = fuzz.run(Path(folder) / "tree", random.Random(number), lines)
        spoilt += bool(troubles)
        for trouble in troubles:
            print(f"tree {number}: {trouble[:500]}")
    what = f"{options.trees} trees of {len(lines)} damaged records: trees with trouble"
    return common.report(what, "0", str(spoilt), spoilt == 0)


if __name__ == "__main__":
    sys.exit(main())
