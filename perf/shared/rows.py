"""Rows: figures that are measured bit by bit, on any day, and on any machine.

A row has entries: the JSON objects of its state file, oldest first. Each entry has ``processor``
and ``seconds``. A row goes on from where its file ends, and begins nothing new once its budget is
spent.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from vggbench.campaigns.budget import Budget, duration, duration_text
from vggbench.checkout import Checkout
from vggbench.inside.trials.program import cpu_model
from vggbench.runs.local import Local

from . import common, copies

Entry = Mapping[str, Any]
Entries = Sequence[Entry]

#: What to measure next: the keys of the entry that are known before it is measured.
Plan = dict[str, Any]

#: Seconds of an entry where none was measured yet.
GUESS_S = 60.0

#: The machine's name in records. Each entry has the processor.
MACHINE = "perf"


@dataclass(frozen=True)
class Reached:
    """What a row has come to. ``messages``: for people. ``good``: whether the figure is met; None
    where no figure is asked for, or too little was measured to tell."""

    messages: list[str]
    good: bool | None = None


@dataclass(frozen=True)
class Row:
    """A figure and how it is measured.

    ``what`` is measured, and what is ``wanted`` of it, are texts for people. ``plan`` takes the
    entries so far and the processor, and returns what to measure next, None where the row is
    complete. ``measure`` takes what go_on() is given, a plan and the entries so far; it measures
    the plan and returns an entry. ``progress`` and ``reached`` say how far the row is and what it
    has come to.
    """

    what: str
    wanted: str
    _: KW_ONLY
    plan: Callable[[Entries, str], Plan | None]
    progress: Callable[[Entries], str]
    reached: Callable[[Entries], Reached]
    measure: Callable[..., Plan]


def say(line: str) -> None:
    """Print a line at once, for those who wait."""
    print(line, flush=True)


def local(folder: Path) -> Local:
    """This machine in the checkout in ``folder``."""
    return Local.of(Checkout(str(folder / "asv.conf.json")), MACHINE, say)


def processor() -> str:
    """This machine's processor, and how many CPUs this process may use."""
    return f"{cpu_model()}, {len(os.sched_getaffinity(0))} CPUs"


def go_on(name: str, row: Row, state: copies.State, budget: Budget, *given: Any) -> None:
    """Measure what the row still wants, while the budget lasts.

    given: what the row's ``measure`` takes first.
    """
    here = processor()
    state.path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        taken = state.read()
        plan = row.plan(taken, here)
        if plan is None:
            return
        took = [entry["seconds"] + entry.get("processes_s", 0.0) for entry in taken]
        if not budget.allows(statistics.median(took) if took else GUESS_S):
            say(f"{name}: the budget of {duration_text(budget.seconds)} is spent")
            return
        when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        entry = {**plan, **row.measure(*given, plan, taken), "when": when, "processor": here}
        state.add(entry)
        say(f"{name}, {row.progress([*taken, entry])}: {short(entry)}")


def short(entry: Entry) -> str:
    """The numbers and texts of an entry, for those who wait."""
    shown = {key: value for key, value in entry.items() if isinstance(value, (int, float, str))}
    return ", ".join(f"{key} {value}" for key, value in shown.items() if key != "processor")


def report(name: str, row: Row, state: copies.State) -> bool:
    """Print a row. Returns whether its figure is missed."""
    taken = state.read()
    whole = row.plan(taken, processor()) is None
    reached = row.reached(taken)
    print(f"{name}: {row.what}\n  figure:  {row.wanted}")
    for message in reached.messages:
        print(f"  reached: {message}")
    if not whole:
        outcome = f"NOT COMPLETE: {row.progress(taken)}"
    elif reached.good is None:
        outcome = "complete"
    else:
        outcome = "met" if reached.good else "MISSED"
    print(f"  {outcome}")
    common.keep(f"{name}: {row.what}", row.wanted, "; ".join(reached.messages), outcome)
    return whole and reached.good is False


def options(description: str, names: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for: ``row``, the names of rows to go on with; ``budget``, in
    seconds; ``report``, whether nothing is measured."""

    def known(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(names)}")
        return name

    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("row", nargs="*", type=known, help=f"to go on with: {', '.join(names)}")
    parser.add_argument("--budget", type=duration, default=duration("60m"), metavar="TIME")
    parser.add_argument("--report", action="store_true", help="measure nothing, print the rows")
    return parser.parse_args()
