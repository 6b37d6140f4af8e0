"""Measures one unit in a mirror, as ``vggbench history`` or ``bisect`` measures it in a checkout.

    python -m vggbench.fleet.unit_process OPTIONS SETTINGS MACHINE UNIT

SETTINGS is asv's file of the mirror, and UNIT is JSON. It ends with DONE, OPEN, TROUBLE or NOT_NOW,
after a look also with one of CANNOT_LOOK; the last line that it prints says why. It ends when the
worker that started it does, for whatever reason.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from asv import util

from .. import records
from ..campaigns import calibrate, taking
from ..campaigns.bisect import look
from ..campaigns.budget import Budget
from ..campaigns.history import history, plan
from ..checkout import Checkout
from ..errors import VggbenchError, of_system
from ..inside.launch import STARTER_VARIABLE, die_with_parent
from ..judging.evidence import gather
from ..machine_lock import RunInProgress
from ..releases.builds import BuildCatalogue
from ..releases.catalogue import Catalogue
from ..runs.duet import Subject
from ..runs.local import Local, why_not_here
from .units import (
    BUILDS,
    CALIBRATION,
    CANNOT_LOOK,
    COMPARISON,
    DONE,
    LOOK,
    NOT_NOW,
    OPEN,
    SEPARATION,
    TROUBLE,
    UnitOfWork,
)


def options(*, processes: int, threshold: float, environments: int, budget_s: float) -> list[str]:
    """The words of the command line that say how a unit is measured. ``processes``, ``threshold``
    and ``environments``: as HistoryRequest has them. ``budget_s``: seconds that are left."""
    found = {
        "--processes": processes,
        "--threshold": threshold,
        "--environments": environments,
        "--budget-s": budget_s,
    }
    return [f"{name}={value}" for name, value in found.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the unit of the command line; returns DONE, OPEN, TROUBLE, NOT_NOW, or one of
    CANNOT_LOOK."""
    die_with_parent(os.environ.pop(STARTER_VARIABLE, None))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--threshold", type=float, required=True)
    parser.add_argument("--environments", type=int, required=True)
    parser.add_argument("--budget-s", type=float, required=True)
    parser.add_argument("settings")
    parser.add_argument("machine")
    parser.add_argument("unit", type=json.loads)
    told = parser.parse_args(arguments)
    try:
        checkout, unit = Checkout(told.settings), UnitOfWork.from_json(told.unit)
        request = history.HistoryRequest(
            machine=told.machine,
            stages=[unit.stage] if unit.stage else [],
            budget=Budget(told.budget_s, is_rest=True),
            environments=told.environments,
            processes=told.processes,
            threshold=told.threshold,
            dry_run=False,
        )
        return _measure(checkout, unit, request)
    except RunInProgress as err:
        _say(str(err))
        return NOT_NOW
    except (VggbenchError, util.UserError) as err:
        _say(str(err))
    except OSError as err:
        _say(of_system(err))
    return TROUBLE


def _say(line: str) -> None:
    print(line, flush=True)


def _measure(checkout: Checkout, unit: UnitOfWork, request: history.HistoryRequest) -> int:
    """Measure a unit in its mirror; returns DONE, OPEN, TROUBLE, or one of CANNOT_LOOK. Raises
    VggbenchError and UserError where nothing can be measured."""
    if unit.kind == CALIBRATION:
        return _calibrate(checkout, request)
    if unit.kind == LOOK:
        return _look(checkout, unit, request)
    going_on = history.begin(checkout, request, _say)
    the_plan, catalogue = going_on.plan, checkout.catalogue
    if unit.kind == COMPARISON:
        wanted = [
            comparison
            for comparison in going_on.pending(plan.duets(the_plan, [unit.stage]))
            if comparison.before.name == unit.before
            and comparison.after.name == unit.release
            and comparison.configured.key == unit.key
        ]
        answers = going_on.compare(wanted)
        for answer in answers:
            if answer.why is not None:
                _say(f"{answer.comparison.name}: {answer.why}")
        if any(answer.failed for answer in answers):
            return TROUBLE
        return OPEN if any(answer.out_of_budget for answer in answers) else DONE
    if unit.kind == SEPARATION:
        not_separated = going_on.separate((unit.release, unit.lock, unit.variant), unit.keys)
        if not not_separated.names:
            return DONE
        return OPEN if not_separated.out_of_budget else TROUBLE
    own, why = _of_stage(the_plan, catalogue, going_on, unit)
    if not own:
        _say(why)
        return TROUBLE
    # The worker may have been lost when all of it was measured.
    left = going_on.left(own)
    status = going_on.measure(own, left) if left else 0
    return {0: DONE, history.LEFT: OPEN}.get(status, TROUBLE)


def _of_stage(
    the_plan: plan.Plan, catalogue: Catalogue, going_on: history.History, unit: UnitOfWork
) -> tuple[list[plan.Unit], str]:
    """The release's run in its stage; and why there is none, where there is none."""
    units, _ = plan.units(
        plan.stages(the_plan, [unit.stage]), catalogue, going_on.suite, going_on.device
    )
    own = [each for each in units if each.release.name == unit.release]
    release = catalogue.by_name.get(unit.release)
    why = None if release is None else why_not_here(release, [going_on.device])
    told = f"is not in the stage {unit.stage}" if why is None else f"is left out, unmeasured: {why}"
    return own, f"{unit.release} {told}"


def _calibrate(checkout: Checkout, request: history.HistoryRequest) -> int:
    here = Local.of(checkout, str(request.machine), _say)
    taken = here.store.all(here.machine)
    if calibrate.is_calibrated(gather(here.machine, taken, here.catalogue), here.profiles[0]):
        return DONE  # the worker was lost when that was taken
    asked = calibrate.CalibrateRequest(
        release=None,
        patterns=[],
        processes=request.processes,
        threshold=request.threshold,
    )
    calibrate.run(here, asked, request.budget)
    return DONE  # a machine that is too noisy for the threshold is calibrated, too


def _look(checkout: Checkout, unit: UnitOfWork, request: history.HistoryRequest) -> int:
    main, names = checkout.catalogue, (unit.before, unit.release)
    tracks = {found[0] for name in names if (found := main.split(name)) is not None}
    own = BuildCatalogue(main, checkout.root / BUILDS, [main.tracks[name] for name in tracks])
    here = Local.of(checkout.with_catalogue(own), str(request.machine), _say)
    releases = [own.by_name[name] for name in names if name in own.by_name]
    asked = [each for each in here.suite.configurations.values() if each.key == unit.key]
    if len(releases) < len(names) or not asked:
        _say(f"{unit.name} cannot be measured: a build or its configuration is not known here")
        return TROUBLE
    known = taking.known(
        here,
        unit.profile,
        [(release.commit, unit.key) for release in releases],
        purpose=records.BISECT,
    )
    subjects: list[Subject] = []
    try:
        with here.runner(records.BISECT) as runner:
            for which, release in enumerate(releases):
                try:
                    subjects.append(look.subject(runner, own, release, unit.profile, asked[0]))
                except VggbenchError as err:
                    _say(str(err))
                    return CANNOT_LOOK[which]
            looking = look.Looking(
                here=here,
                runner=runner,
                measure=unit.measure,
                budget=request.budget,
                block_s=taking.block_s(known),
            )
            came = looking.take((subjects[0], subjects[1]))
    except look.Ended as end:
        _say(str(end))
        return OPEN
    if isinstance(came, look.CannotLook):
        _say(came.why)
        return CANNOT_LOOK[came.which]
    return DONE


if __name__ == "__main__":
    sys.exit(main())
