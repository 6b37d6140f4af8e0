"""One release against itself, again and again: how often is it called slower?

A track has copies of one real release. Each is measured with `vggbench check` in the night that it
appears, as a nightly job would: four configurations without XLA, confirmation included. Whatever is
called regressed is a false alarm. What was done is kept in a folder: run it again to go on.

    python perf/false_alarms.py [--times 20] [--state .asv/false-alarms] [--release 2.21.0]
"""

import argparse
import sys
import time
from pathlib import Path

from shared import common, copies

MOST = 1
TIMES = 20

#: Releases that are measured before the first is judged, because each is compared with one before.
BEFORE = 1

#: Seconds of a round where none was done yet: to install, twelve processes, and duets until all of
#: it is answered (copies.BUDGET).
GUESS_S = 900.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=TIMES, help="rounds to have in all")
    parser.add_argument("--state", type=Path, default=common.ROOT / ".asv" / "false-alarms")
    parser.add_argument("--release", default="2.21.0", help="a version of TensorFlow")
    parser.add_argument("--bench", default=copies.FOUR)
    options = parser.parse_args()
    folder = options.state.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    state = copies.State(folder / "rounds.jsonl")
    copied = copies.CopiedTrack(folder / "checkout", options.release, folder / "env")
    for place in range(BEFORE):
        copied.add(place)
        copied.run(options.bench)
    while len(state.read()) < options.times:
        done = state.read()
        place = BEFORE + len(done)
        print(f"left: {copies.forecast(done, options.times - len(done), GUESS_S)}", flush=True)
        name = copied.add(place)
        checked = copied.check(options.bench, folder / f"{name}.log")
        round_ = {
            "release": name,
            "status": checked.status,
            "outcomes": copied.verdicts(name),
            "seconds": checked.seconds,
            "ended": time.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        state.add(round_)
        print(f"{name}: {round_['outcomes']}, {round_['seconds']:.0f} s", flush=True)
    return report(state.read()[: options.times], copied)


def report(rounds: list[dict], copied: copies.CopiedTrack) -> int:
    """Report the false alarms of these rounds; return the exit status."""
    outcomes = [outcome for round_ in rounds for outcome in round_["outcomes"].values()]
    alarms = outcomes.count("regressed")
    counts = ", ".join(f"{outcomes.count(name)} {name}" for name in sorted(set(outcomes)))
    print(f"processes on this track: {copied.processes()}; verdicts: {counts}")
    # What was not judged raises no alarm, and tells nothing.
    unjudged = [round_["release"] for round_ in rounds if not round_["outcomes"]]
    return common.report(
        f"{len(rounds)} releases that are the one before them, {len(outcomes)} verdicts",
        f"at most {MOST} false alarm in all",
        f"{alarms}" + (f"; not judged: {', '.join(unjudged)}" if unjudged else ""),
        alarms <= MOST and not unjudged,
    )


if __name__ == "__main__":
    sys.exit(main())
