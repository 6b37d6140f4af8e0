"""``vggbench explain``: which operations of the step got slower since the release before.

Blocks of duets are taken whose processes are traced by their framework's profiler. They are never
timed ones, and count for nothing else. judging/traces.py puts the operations into classes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import records
from ..errors import Say, VggbenchError, of_system
from ..inside import workload
from ..judging import explanation_text, explanations, verdict_command, verdicts
from ..judging.duets import SubjectKey
from ..judging.explanations import Explanation
from ..judging.measures import STEP
from ..releases import spec
from ..releases.catalogue import Release
from ..releases.environments import EnvironmentUnusable
from ..releases.interpreters import InterpreterMissing
from ..runs import profiles
from ..runs.duet import Subject
from ..runs.local import Local, Runner
from ..runs.suite import Configured
from ..stats.policy import CHANGED, LEAST_BLOCKS, MOST_BLOCKS
from . import taking
from .budget import Budget
from .taking import Uncounted

#: Version of the JSON's format.
SCHEMA = 1

#: Blocks are taken until half the width of each part's interval is this share of the step, or less.
PRECISE = 0.01


class NothingToExplain(VggbenchError):
    """No change is known that could be taken apart, or it cannot be."""

    status = 2


@dataclass(frozen=True, kw_only=True)
class ExplainRequest:
    """``release`` and ``against`` as asv run takes them. ``patterns``: --bench. ``traces``: the
    folder in which the profilers' own files stay, None where they do not. ``format``: text, md or
    json."""

    release: str
    against: str | None
    patterns: Sequence[str]
    traces: Path | None
    threshold: float
    format: str


@dataclass(kw_only=True)
class _Answer:
    """What came of one configuration: its explanation, None where there is none. ``why``: what
    ended the measuring before its intervals were narrow; None where nothing did."""

    configured: Configured
    explanation: Explanation | None = None
    why: str | None = None


def run(here: Local, asked: ExplainRequest, budget: Budget, complain: Say) -> int:
    """Measure and say it; ``complain`` gets what ended the measuring too early. Returns the exit
    status: 0 where every configuration is explained, else 2. Raises VggbenchError and UserError
    where nothing can be measured."""
    profile = here.one_profile("an explanation")
    catalogue = here.catalogue
    release = spec.release(catalogue, asked.release)
    before = spec.release(catalogue, asked.against or f"{release.name}^")
    if release.commit == before.commit:
        raise NothingToExplain(f"{release.name} is compared with itself; give --against another")
    chosen = _configurations(here, profile, (before, release), asked)
    traces = _folder(asked.traces)
    of_both = here.suite.timed_of(before, [], here.catalogue)
    lacks = f"{before.name} has no such configuration"
    answers = [
        _Answer(configured=configured, why=None if configured in of_both else lacks)
        for configured in chosen
    ]
    with here.runner(records.EXPLAIN, traces=traces) as runner:
        for answer in answers:
            if answer.why is not None:
                continue
            try:
                _explain(here, runner, profile, (before, release), answer=answer, budget=budget)
            except (EnvironmentUnusable, InterpreterMissing) as err:  # others can be installed
                answer.why = str(err)
    status = 0 if all(answer.explanation is not None for answer in answers) else 2
    if asked.format == "json":
        told = _json_of(here.machine, profile, (before, release), answers, status)
        print(json.dumps(told, indent=2, allow_nan=False))
    else:
        show = explanation_text.markdown if asked.format == "md" else explanation_text.text
        print("\n".join(show(each.explanation) for each in answers if each.explanation), end="")
    for answer in answers:
        if answer.why is not None:
            where = f"{release.name} {answer.configured.words}".strip()
            complain(f"{where}: {answer.why}")
    return status


def _folder(traces: Path | None) -> Path | None:
    """The folder in which the profilers' own files stay, made where it is missing. Raises
    NothingToExplain where it is none, or nothing can be written there. Elsewhere --profile names a
    profile, so the name of one is taken for a mistake."""
    if traces is None:
        return None
    if str(traces) in workload.PROFILES:
        raise NothingToExplain(
            f"--profile {traces}: it is a profile, and here the folder for what the profilers "
            f"write; {profiles.VARIABLE}={traces} chooses the profile"
        )
    try:
        traces.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NothingToExplain(f"--profile {traces}: it is no folder; name another") from None
    except OSError as err:
        raise NothingToExplain(
            f"--profile {traces}: it cannot be made ({of_system(err)}); name another"
        ) from None
    if not os.access(traces, os.W_OK | os.X_OK):
        raise NothingToExplain(f"--profile {traces}: nothing can be written there; name another")
    return traces.absolute()


def _configurations(
    here: Local, profile: str, releases: tuple[Release, Release], asked: ExplainRequest
) -> list[Configured]:
    """Those of the release that patterns select, or whose step surely changed. Raises UserError
    where the patterns select none, NothingToExplain where both releases have none of them, or
    nothing changed."""
    before, release = releases
    if asked.patterns:
        chosen = here.suite.chosen(release, asked.patterns, here.catalogue)
    else:
        verdict_command.require_earlier(here.catalogue, release, before)
        evidence = verdicts.read_evidence(here.store, here.machine, here.catalogue)
        changed = {
            records.key_of(verdict.benchmark, verdict.configuration)
            for verdict in verdicts.of_release(evidence, release, before, profile, asked.threshold)
            if verdict.measure == STEP.key and verdict.outcome in CHANGED
        }
        timed = here.suite.timed_of(release, [], here.catalogue)
        chosen = [configured for configured in timed if configured.key in changed]
        if not chosen:
            raise NothingToExplain(
                verdict_command.nothing_changed(
                    "no step", release, before, profile=profile, threshold=asked.threshold
                )
            )
    of_both = here.suite.timed_of(before, [], here.catalogue)
    if not any(configured in of_both for configured in chosen):
        raise NothingToExplain(
            f"{before.name} and {release.name} have no such configuration in common"
        )
    return chosen


def _explain(
    here: Local,
    runner: Runner,
    profile: str,
    releases: tuple[Release, Release],
    *,
    answer: _Answer,
    budget: Budget,
) -> None:
    """Take blocks until the parts are known well enough, MOST_BLOCKS or the budget are spent, or a
    process does not end well. Blocks of earlier calls count. No environment is made where they are
    enough, nor where the budget has no room for a block."""
    configured = answer.configured
    before, after = (release.commit for release in releases)
    keys = (before, configured.key, None), (after, configured.key, None)
    answer.explanation = on_record(here, profile, keys)
    newest = taking.known(here, profile, [key[:2] for key in keys], purpose=records.EXPLAIN)
    seconds = taking.block_s(newest)
    name = f"{releases[1].name} {configured.words}".strip()
    if _is_enough(answer.explanation):
        if runner.run.traces is not None:
            here.say(f"{name}: enough is on record, so nothing is measured and nothing is kept")
        return
    if not budget.allows(seconds):
        answer.why = budget.why_over(seconds)
        return
    first, second = (
        Subject(installation=runner.prepared(release, profile, configured), configured=configured)
        for release in releases
    )
    uncounted = Uncounted()
    while not _is_enough(answer.explanation):
        if not budget.allows(seconds):
            answer.why = budget.why_over()
            return
        came = taking.take(here, runner, (first, second), budget, purpose=records.EXPLAIN)
        if came.block is not None and not explanations.has_traces(came.block):
            why = "its traced steps were disturbed, or its traces tell nothing"
            came = replace(came, block=None, why=why)
        seconds = came.seconds or seconds
        answer.explanation = on_record(here, profile, keys)
        if uncounted.end_it(came):
            answer.why = came.why
            return
        if came.block is not None:
            here.say(f"{name}: {_progress(answer.explanation)}")
        else:
            here.say(f"{name}: the block does not count: {came.why}")


def _is_enough(explanation: Explanation | None) -> bool:
    if explanation is None:
        return False
    step_s = min(explanation.step.before, explanation.step.after)
    return explanation.blocks >= MOST_BLOCKS or explanation.reach_s <= PRECISE * step_s


def _progress(explanation: Explanation | None) -> str:
    if explanation is None:
        return f"fewer than {LEAST_BLOCKS} blocks so far"
    return f"{explanation.blocks} blocks: {explanation_text.headline(explanation)}"


def on_record(
    here: Local, profile: str, subjects: tuple[SubjectKey, SubjectKey]
) -> Explanation | None:
    """The explanation by all traced blocks of two subjects that are on record, and were measured in
    the state that the machine has now, as far as that is known."""
    traced = taking.blocks_apart(here, profile, records.EXPLAIN)
    return explanations.of_blocks(traced, *subjects)


def _json_of(
    machine: str,
    profile: str,
    releases: tuple[Release, Release],
    answers: Sequence[_Answer],
    status: int,
) -> dict[str, Any]:
    """docs/explaining.md lists the keys."""
    before, after = releases
    return {
        "schema": SCHEMA,
        "machine": machine,
        "profile": profile,
        "release": after.name,
        "against": before.name,
        "explanations": [
            {**explanation_text.as_json(answer.explanation), "why": answer.why}
            for answer in answers
            if answer.explanation is not None
        ],
        "unexplained": [
            {"configuration": dict(answer.configured.configuration), "why": answer.why}
            for answer in answers
            if answer.explanation is None
        ],
        "status": status,
    }
