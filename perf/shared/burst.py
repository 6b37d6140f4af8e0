"""Other work for a machine that is measured: matrix products on all processors, in bursts.

    python perf/shared/burst.py --seed 1    # works for 5 to 60 s, then rests as long, and so on
    python perf/shared/burst.py --steady    # works all the time

It goes on until someone ends it. The seed determines how long each burst and each rest lasts.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator

import numpy as np

#: A burst lasts between so many seconds, drawn evenly, and so does a rest.
SHORTEST_S, LONGEST_S = 5.0, 60.0

#: Rows of the matrices. A product takes milliseconds, on all processors that NumPy's BLAS uses.
SIZE = 1024


def stretches(seed: int) -> Iterator[tuple[float, float]]:
    """Yield (seconds of work, seconds of rest), without end."""
    draw = random.Random(seed)
    while True:
        yield draw.uniform(SHORTEST_S, LONGEST_S), draw.uniform(SHORTEST_S, LONGEST_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steady", action="store_true", help="work all the time")
    given = parser.parse_args()
    matrix = np.random.default_rng(0).standard_normal((SIZE, SIZE), dtype=np.float32)
    result = np.empty_like(matrix)
    for work_s, rest_s in stretches(given.seed):
        until = time.monotonic() + work_s
        while time.monotonic() < until:
            np.matmul(matrix, matrix, out=result)
        if not given.steady:
            time.sleep(rest_s)


if __name__ == "__main__":
    main()
