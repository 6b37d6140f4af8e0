"""What `vggbench explain` says of real releases, and of a slow-down that is planted in one.

    python perf/explain.py planted --budget 60m     # goes on with a row
    python perf/explain.py                          # prints all rows

In the rows `planted` and `planted-1`, a copy of TensorFlow has a package more, which computes the
gradients of convolutions' weights once more, for a part of the batch (planted_gradient.py). The
truth is what 20 blocks of the untraced step show, which the row measures first. Each trial is a
call of `vggbench explain` in a checkout without results. What was measured is kept in
perf/state/explain/, a JSON object a line. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duets
import planted_gradient
from shared import common, copies

from vggbench.campaigns.budget import Budget, duration, duration_text
from vggbench.stats import robust

STATE = common.ROOT / "perf" / "state" / "explain"
FOLDER = common.ROOT / ".asv" / "explain"

NEWEST = "2.21.0"
PLAIN = "'NHWC', 'none', 'off'"

#: Blocks of the untraced step that tell the truth, and trials of a row.
TRUTH, TRIALS = 20, 10

CLASS = "conv_grad_weights"

#: What the table of operations must know, and how long an explanation may take, in seconds.
NAMED, WITHIN_S = 0.9, 180.0

#: Of which releases the table must know that, each with a pattern for one configuration.
TAKEN_APART = {
    "tensorflow-2.21.0": PLAIN,
    "keras-3.15.1": "'tensorflow', 'NHWC', 'none', 'off'",
    "torch-2.15.0": "'NCHW', 'none', 'off'",
    "jax-0.12.0.1": "'NHWC', 'none', 'on'",
    "theano-1.0.5": "'none'",
    "tensorflow-1.0.1": PLAIN,
    "tensorflow-1.15.5": PLAIN,
    "tensorflow-2.4.4": PLAIN,
    "torch-1.13.1": "'NCHW', 'none', 'off'",
    "jax-0.4.30": "'NHWC', 'none', 'on'",
}

Entry = dict[str, Any]
Entries = Sequence[Entry]


# -- what rows measure


def explained(folder: Path, release: str, against: str, bench: str, budget: str) -> Entry:
    """Call `vggbench explain` in a checkout, and return what it came to, and the seconds.

    Raises SystemExit where it ended without an explanation.
    """
    began = time.monotonic()
    command = [str(common.VGGBENCH), "explain", release, "--against", against, "--bench", bench]
    done = subprocess.run(
        [*command, "--budget", budget, "--json"],
        cwd=folder,
        env=common.surroundings(folder),
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    (own,) = json.loads(done.stdout)["explanations"]
    return {"seconds": round(seconds, 1), **own}


@dataclass(frozen=True)
class Planted:
    """What is planted: for ``images`` of the batch, in the last ``layers`` convolutions."""

    images: int
    layers: int
    budget: str

    @property
    def folder(self) -> Path:
        return FOLDER / f"planted-{self.images}-{self.layers}"

    def copies(self) -> tuple[copies.CopiedTrack, str, str]:
        """A track with a copy of the release, and one with the slow-down."""
        self.folder.mkdir(parents=True, exist_ok=True)
        made = copies.CopiedTrack(self.folder / "checkout", NEWEST, self.folder / "env")
        line = planted_gradient.wheel(self.folder, self.images, self.layers)
        return made, made.add(0), made.add(1, [line])


def planted(what: Planted, taken: Entries) -> Entry | None:
    """The next block of the truth, or the next trial; None where the row is complete."""
    truth = [entry for entry in taken if "log" in entry and entry["left_out"] is None]
    copied, before, after = what.copies()
    if len(truth) < TRUTH:
        here = duets._local(copied.folder)
        with duets.Bench(what.folder) as bench:
            subjects = tuple(bench.subject(name, duets.PLAIN, here) for name in (before, after))
            block = bench.block((subjects[0], subjects[1]), here)
        return {key: block[key] for key in ("log", "left_out", "seconds", "others")}
    if len(taken) - len([entry for entry in taken if "log" in entry]) >= TRIALS:
        return None
    shutil.rmtree(copied.folder / "results", ignore_errors=True)
    found = explained(copied.folder, after, before, PLAIN, what.budget)
    return {
        key: found[key]
        for key in ("seconds", "blocks", "headline", "step", "classes", "named", "cost")
    }


def planted_reached(taken: Entries, first_wanted: int, inside_wanted: int | None) -> Reached:
    logs = [entry["log"] for entry in taken if entry.get("left_out", 0) is None]
    trials = [entry for entry in taken if "classes" in entry]
    if not trials:
        return Reached([f"{len(logs)} blocks of the truth"])
    truth = math.expm1(robust.pseudomedian(logs))
    first = inside = 0
    for trial in trials:
        sure = [each for each in trial["classes"] if each["sure"]]
        first += bool(sure) and sure[0]["class"] == CLASS
        (own,) = [each for each in trial["classes"] if each["class"] == CLASS]
        step_s = trial["step"]["before_s"]
        inside += own["low_s"] <= truth * step_s <= own["high_s"]
    shares = [
        each["difference_s"] / trial["step"]["before_s"]
        for trial in trials
        for each in trial["classes"]
        if each["class"] == CLASS
    ]
    messages = [
        f"the truth, by {len(logs)} blocks: {100 * truth:+.2f} % of a step",
        f"{CLASS} named first {first} times of {len(trials)}, the truth inside its interval "
        f"{inside} times; told {100 * min(shares):+.2f} to {100 * max(shares):+.2f} % of a step",
        f"{min(t['seconds'] for t in trials):.0f} to {max(t['seconds'] for t in trials):.0f} s, "
        f"{min(t['blocks'] for t in trials)} to {max(t['blocks'] for t in trials)} blocks",
    ]
    if len(trials) < TRIALS:
        return Reached(messages)
    good = first >= first_wanted and (inside_wanted is None or inside >= inside_wanted)
    return Reached(messages, good)


def named(taken: Entries) -> Entry | None:
    """The share of one more release's step that lies in named classes."""
    done = {entry["release"] for entry in taken}
    left = [name for name in TAKEN_APART if name not in done]
    if not left:
        return None
    release = left[0]
    folder = FOLDER / "named"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        common.checkout(folder, benchmarks=common.ROOT / "benchmarks")
        (folder / "whole").touch()
    common.run([str(common.VGGBENCH), "releases", "install", "--device", "cpu", release], folder)
    before = _before(release)
    common.run([str(common.VGGBENCH), "releases", "install", "--device", "cpu", before], folder)
    shutil.rmtree(folder / "results", ignore_errors=True)
    found = explained(folder, release, before, TAKEN_APART[release], "10m")
    common.run([str(common.VGGBENCH), "releases", "prune", "--to", "0"], folder)
    return {
        "release": release,
        "named": found["named"][1],
        "cost": found["cost"][1],
        "traced_by": found["traced_by"][1],
        "seconds": found["seconds"],
        "blocks": found["blocks"],
    }


def _before(name: str) -> str:
    """The release of the track that stands before the one of that name, or behind the first."""
    from vggbench.releases.catalogue import Catalogue

    catalogue = Catalogue(common.ROOT / "releases")
    release = catalogue.by_name[name]
    own = [each.name for each in catalogue if each.track == release.track]
    place = own.index(name)
    return own[place - 1] if place else own[1]


def named_reached(taken: Entries) -> Reached:
    messages = [
        f"{entry['release']}: {entry['named']:.1%} by {entry['traced_by']}, which costs "
        f"{entry['cost'] - 1:+.1%}"
        for entry in taken
    ]
    if len(taken) < len(TAKEN_APART):
        return Reached(messages)
    return Reached(messages, all(entry["named"] >= NAMED for entry in taken))


def quick(taken: Entries) -> Entry | None:
    """How long an explanation of one configuration takes, environments warm."""
    if taken:
        return None
    folder = FOLDER / "quick"
    shutil.rmtree(folder, ignore_errors=True)
    common.checkout(folder, benchmarks=common.ROOT / "benchmarks")
    release, before = f"tensorflow-{NEWEST}", _before(f"tensorflow-{NEWEST}")
    for name in (release, before):
        common.install(name)
    found = explained(folder, release, before, PLAIN, "10m")
    return {key: found[key] for key in ("seconds", "blocks", "headline", "named", "cost")}


def quick_reached(taken: Entries) -> Reached:
    if not taken:
        return Reached([])
    last = taken[-1]
    return Reached(
        [f"{last['seconds']:.0f} s, {last['blocks']} blocks: {last['headline']}"],
        last["seconds"] <= WITHIN_S,
    )


# -- the rows


@dataclass(frozen=True)
class Reached:
    """What a row has come to. ``good``: None where it is not complete."""

    messages: list[str]
    good: bool | None = None


@dataclass(frozen=True)
class Row:
    """A figure: ``measure`` returns the next entry, None where the row is complete."""

    what: str
    wanted: str
    measure: Callable[[Entries], Entry | None]
    reached: Callable[[Entries], Reached]


ROWS = {
    "planted": Row(
        f"the gradients of weights of tensorflow-{NEWEST} computed once more for one image of "
        f"eight, {TRIALS} explanations",
        f"{CLASS} named first 9 times, the truth inside its interval 9 times",
        partial(planted, Planted(1, 13, "10m")),
        partial(planted_reached, first_wanted=9, inside_wanted=9),
    ),
    "planted-1": Row(
        f"the same sized to about 1 % of a step, {TRIALS} explanations of 15 minutes",
        f"{CLASS} named first 8 times",
        partial(planted, Planted(1, 3, "15m")),
        partial(planted_reached, first_wanted=8, inside_wanted=None),
    ),
    "named": Row(
        f"share of the step in named classes, {len(TAKEN_APART)} releases",
        f"{NAMED:.0%} of each",
        named,
        named_reached,
    ),
    "quick": Row(
        f"vggbench explain tensorflow-{NEWEST}, one configuration, environments warm",
        f"{WITHIN_S / 60:.0f} minutes",
        quick,
        quick_reached,
    ),
}


def go_on(name: str, budget: Budget) -> None:
    """Measure what the row still wants, while the budget lasts."""
    row, state = ROWS[name], copies.State(STATE / f"{name}.jsonl")
    STATE.mkdir(parents=True, exist_ok=True)
    while True:
        taken = state.read()
        took = [entry["seconds"] for entry in taken]
        if not budget.allows(statistics.median(took) if took else 60.0):
            print(f"{name}: the budget of {duration_text(budget.seconds)} is spent", flush=True)
            return
        entry = row.measure(taken)
        if entry is None:
            return
        when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        state.add({**entry, "when": when, "processor": duets.processor()})
        print(f"{name}: {entry.get('headline') or duets._short(entry)}", flush=True)


def report(name: str) -> bool:
    """Print a row. Returns whether its figure is missed."""
    row = ROWS[name]
    reached = row.reached(copies.State(STATE / f"{name}.jsonl").read())
    print(f"{name}: {row.what}\n  figure:  {row.wanted}")
    for message in reached.messages:
        print(f"  reached: {message}")
    outcome = {None: "NOT COMPLETE", True: "met", False: "MISSED"}[reached.good]
    print(f"  {outcome}")
    common.keep(f"{name}: {row.what}", row.wanted, "; ".join(reached.messages), outcome)
    return reached.good is False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", nargs="*", choices=[*ROWS, []], help="to go on with")
    parser.add_argument("--budget", type=duration, default=duration("60m"), metavar="TIME")
    options = parser.parse_args()
    budget = Budget(options.budget)
    for name in options.row:
        go_on(name, budget)
    missed = [report(name) for name in options.row or ROWS]
    return 1 if any(missed) else 0


if __name__ == "__main__":
    sys.exit(main())
