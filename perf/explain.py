"""What `vggbench explain` says of real releases, and of a slow-down that is planted in one.

    python perf/explain.py planted --budget 60m     # goes on with a row
    python perf/explain.py                          # prints all rows

In the rows `planted` and `planted-1`, a copy of TensorFlow has a package more, which computes the
gradients of convolutions' weights once more, for a part of the batch (planted_gradient.py). The
truth is what 20 blocks of the untraced step show, which the row measures first. Each trial is a
call of `vggbench explain` in a checkout without results. What was measured is kept in
perf/state/explain/, a JSON object a line. Run it on an idle machine.

In the row `named`, a release that has nothing that tells its operations is n/a, with the reason.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duets
import planted_gradient
from shared import common, copies, rows
from shared.rows import Entries, Entry, Plan, Reached, Row

from vggbench.campaigns.budget import Budget
from vggbench.errors import VggbenchError
from vggbench.releases.catalogue import Catalogue
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

#: Of which releases the table must know that, each with a pattern for one configuration. Before JAX
#: 0.4.34, XLA runs a program on a CPU as one operation, so that jax-0.4.30 should be n/a.
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

#: What `vggbench explain` says of a release that tells no operations, behind its name.
NOT_APPLICABLE = " n/a: "


# -- what rows measure


def asked(folder: Path, release: str, against: str, bench: str, budget: str) -> Plan:
    """Call `vggbench explain` in a checkout, and return its JSON object, with ``seconds``.

    Raises SystemExit where it ended without one.
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
    if not done.stdout:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return {"seconds": round(seconds, 1), **json.loads(done.stdout)}


def explained(folder: Path, release: str, against: str, bench: str, budget: str) -> Plan:
    """The explanation that `vggbench explain` comes to in a checkout, with ``seconds``.

    Raises SystemExit where there is none.
    """
    return _only(asked(folder, release, against, bench, budget))


def _only(told: Entry) -> Plan:
    """The explanation of a JSON object that has one. Raises SystemExit where it has none."""
    if not told["explanations"]:
        raise SystemExit(f"{told['release']} is not explained: {told['unexplained'][0]['why']}")
    (own,) = told["explanations"]
    return {"seconds": told["seconds"], **own}


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


def planted_plan(taken: Entries, processor: str) -> Plan | None:
    """The next block of the truth, or the next trial."""
    truth, trials = len(_truth(taken)), len(_trials(taken))
    if truth < TRUTH:
        return {"truth": truth + 1}
    return {"trial": trials + 1} if trials < TRIALS else None


def _truth(taken: Entries) -> list[float]:
    """The numbers of the blocks of the truth that a verdict would count."""
    return [entry["log"] for entry in taken if "truth" in entry and entry["left_out"] is None]


def _trials(taken: Entries) -> list[Entry]:
    return [entry for entry in taken if "trial" in entry]


def planted_progress(taken: Entries) -> str:
    return (
        f"{len(_truth(taken))} of {TRUTH} blocks of the truth, "
        f"{len(_trials(taken))} of {TRIALS} explanations"
    )


def planted(plan: Plan, taken: Entries, *, what: Planted) -> Plan:
    """A block of the truth, or a trial."""
    copied, before, after = what.copies()
    if "truth" in plan:
        here = rows.local(copied.folder)
        with duets.Bench(what.folder) as bench:
            subjects = tuple(bench.subject(name, duets.PLAIN, here) for name in (before, after))
            block = bench.block((subjects[0], subjects[1]), here)
        return {key: block[key] for key in ("log", "left_out", "seconds", "others")}
    shutil.rmtree(copied.folder / "results", ignore_errors=True)
    found = explained(copied.folder, after, before, PLAIN, what.budget)
    return {
        key: found[key]
        for key in ("seconds", "blocks", "headline", "step", "classes", "named", "cost")
    }


def planted_reached(taken: Entries, first_wanted: int, inside_wanted: int | None) -> Reached:
    """How often the class is named first, and how often its interval holds the truth. A trial
    without the class, which traces that know nothing of it would be, holds none."""
    logs, trials = _truth(taken), _trials(taken)
    if not trials:
        return Reached([f"{len(logs)} blocks of the truth"])
    truth = math.expm1(robust.pseudomedian(logs))
    first = inside = 0
    shares = []
    for trial in trials:
        sure = [each for each in trial["classes"] if each["sure"]]
        first += bool(sure) and sure[0]["class"] == CLASS
        step_s = trial["step"]["before_s"]
        for own in trial["classes"]:
            if own["class"] == CLASS:
                inside += own["low_s"] <= truth * step_s <= own["high_s"]
                shares.append(own["difference_s"] / step_s)
    told = f"told {100 * min(shares):+.2f} to {100 * max(shares):+.2f} %" if shares else "not told"
    messages = [
        f"the truth, by {len(logs)} blocks: {100 * truth:+.2f} % of a step",
        f"{CLASS} named first {first} times of {len(trials)}, the truth inside its interval "
        f"{inside} times; {told} of a step",
        f"{min(t['seconds'] for t in trials):.0f} to {max(t['seconds'] for t in trials):.0f} s, "
        f"{min(t['blocks'] for t in trials)} to {max(t['blocks'] for t in trials)} blocks",
    ]
    if len(trials) < TRIALS:
        return Reached(messages)
    good = first >= first_wanted and (inside_wanted is None or inside >= inside_wanted)
    return Reached(messages, good)


def named_plan(taken: Entries, processor: str) -> Plan | None:
    """The next release that is taken apart."""
    done = {entry["release"] for entry in taken}
    left = [name for name in TAKEN_APART if name not in done]
    return {"release": left[0]} if left else None


def named_progress(taken: Entries) -> str:
    return f"{len(taken)} of {len(TAKEN_APART)} releases"


def named(plan: Plan, taken: Entries) -> Plan:
    """The share of a release's step that lies in named classes, or why it is n/a."""
    release = plan["release"]
    folder = FOLDER / "named"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        common.checkout(folder, benchmarks=common.ROOT / "benchmarks")
        (folder / "whole").touch()
    before = _before(release)
    for name in (release, before):
        common.run([str(common.VGGBENCH), "releases", "install", "--device", "cpu", name], folder)
    shutil.rmtree(folder / "results", ignore_errors=True)
    told = asked(folder, release, before, TAKEN_APART[release], "10m")
    common.run([str(common.VGGBENCH), "releases", "prune", "--to", "0"], folder)
    return of_release(told)


def of_release(told: Entry) -> Plan:
    """What an entry has of the JSON object of a release. Raises SystemExit where it says neither
    what the step consists of, nor that this is n/a."""
    whys = [str(each["why"]) for each in told["unexplained"] if NOT_APPLICABLE in str(each["why"])]
    if whys and not told["explanations"]:
        return {"na": whys[0], "seconds": told["seconds"]}
    found = _only(told)
    return {
        "named": found["named"][1],
        "cost": found["cost"][1],
        "traced_by": found["traced_by"][1],
        "seconds": found["seconds"],
        "blocks": found["blocks"],
    }


def _before(name: str) -> str:
    """The release of the track that stands before the one of that name, or behind the first."""
    catalogue = Catalogue(common.ROOT / "releases")
    release = catalogue.by_name[name]
    own = [each.name for each in catalogue if each.track == release.track]
    place = own.index(name)
    return own[place - 1] if place else own[1]


def named_reached(taken: Entries) -> Reached:
    """The share of each release. One that is n/a has none, and is no miss."""
    messages = [
        f"{entry['release']}: not explained, {entry['na']}"
        if "na" in entry
        else f"{entry['release']}: {entry['named']:.1%} by {entry['traced_by']}, which makes a "
        f"step {entry['cost'] - 1:+.1%} longer"
        for entry in taken
    ]
    shares = [entry["named"] for entry in taken if "na" not in entry]
    if len(taken) < len(TAKEN_APART):
        return Reached(messages)
    return Reached(messages, bool(shares) and min(shares) >= NAMED)


def quick_plan(taken: Entries, processor: str) -> Plan | None:
    return None if taken else {}


def quick_progress(taken: Entries) -> str:
    return f"{len(taken)} of 1 explanation"


def quick(plan: Plan, taken: Entries) -> Plan:
    """How long an explanation of one configuration takes, environments warm."""
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


def _planted(what: str, wanted: str, given: Planted, first: int, inside: int | None) -> Row:
    """The row of a slow-down that is planted, which must be named first so many times, and have the
    truth inside its interval so many times."""
    return Row(
        what,
        wanted,
        plan=planted_plan,
        progress=planted_progress,
        reached=partial(planted_reached, first_wanted=first, inside_wanted=inside),
        measure=partial(planted, what=given),
    )


ROWS = {
    "planted": _planted(
        f"the gradients of weights of tensorflow-{NEWEST} computed once more for one image of "
        f"eight, {TRIALS} explanations",
        f"{CLASS} named first 9 times, the truth inside its interval 9 times",
        Planted(1, 13, "10m"),
        first=9,
        inside=9,
    ),
    "planted-1": _planted(
        f"the same sized to about 1 % of a step, {TRIALS} explanations of 15 minutes",
        f"{CLASS} named first 8 times",
        Planted(1, 3, "15m"),
        first=8,
        inside=None,
    ),
    "named": Row(
        f"share of the step in named classes, {len(TAKEN_APART)} releases",
        f"{NAMED:.0%} of each that tells its operations",
        plan=named_plan,
        progress=named_progress,
        reached=named_reached,
        measure=named,
    ),
    "quick": Row(
        f"vggbench explain tensorflow-{NEWEST}, one configuration, environments warm",
        f"{WITHIN_S / 60:.0f} minutes",
        plan=quick_plan,
        progress=quick_progress,
        reached=quick_reached,
        measure=quick,
    ),
}


def state_of(name: str) -> copies.State:
    """What the row of that name has measured."""
    return copies.State(STATE / f"{name}.jsonl")


def main() -> int:
    options = rows.options(__doc__, list(ROWS))
    if options.row and not options.report:
        budget = Budget(options.budget)
        try:
            for name in options.row:
                rows.go_on(name, ROWS[name], state_of(name), budget)
        except VggbenchError as err:
            raise SystemExit(str(err)) from None
    missed = [rows.report(name, ROWS[name], state_of(name)) for name in options.row or ROWS]
    return 1 if any(missed) else 0


if __name__ == "__main__":
    sys.exit(main())
