"""Makes train steps, as many at a time as it is asked for: for the interpreter of a release.

    PYTHON perf/shared/stepping.py FRAMEWORK PROFILE NAME=VALUE ...

NAME=VALUE are the params of the configuration. Each line on standard input is a number of steps.
The seconds that each of them took are printed as a JSON list, on one line that begins with ANSWER.
The first such line, with no steps, says that the steps are warm.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    # In place of this script's own folder, whose modules are no packages of the release.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from vggbench.inside import builders, params, workload

#: What an answer begins with. Frameworks print lines of their own.
ANSWER = "steps: "

WARM_UP_STEPS = 5


def main() -> None:
    framework, profile = sys.argv[1:3]
    chosen = dict(word.split("=", 1) for word in sys.argv[3:])
    device, size = workload.profile(profile)
    try:
        step = builders.build(size, params.Configuration(framework, **chosen), device)
    except (params.NotApplicable, ImportError) as reason:
        sys.exit(f"stepping.py: {reason}")
    for _ in range(WARM_UP_STEPS):
        step()
    answer([])
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            began = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - began)
        answer(seconds)


def answer(seconds: list[float]) -> None:
    print(ANSWER + json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
