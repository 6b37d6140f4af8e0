"""``vggbench check``: measure what is new, judge it, answer it by duets, publish.

The one command of a nightly job. Each part goes on where an earlier, interrupted one was: what was
measured is on record and is not measured again.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from asv import util

from ..checkout import Checkout
from ..errors import VggbenchError
from ..releases.catalogue import Release
from ..runs.asv_command import INTERRUPTED, Asv
from ..runs.local import Local, Say
from ..runs.run import RESUME_VARIABLE
from ..runs.timed import Interrupted
from .answering import open_messages
from .confirm import Judging, Limits, confirm


class CheckError(VggbenchError):
    """A check cannot begin."""


@dataclass(frozen=True)
class CheckRequest:
    """``bench``: asv's patterns of what is measured, and compared."""

    bench: Sequence[str]
    threshold: float


def run(checkout: Checkout, asked: CheckRequest, limits: Limits, say: Say) -> int:
    """Returns the exit status: 0 nothing regressed, 1 something did, 2 it could not be judged, 130
    after Ctrl-C. Raises VggbenchError where nothing can be measured or judged at all."""
    asv = Asv(checkout)
    with checkout.measuring(may_be_beside=False):
        pass  # another one that measures is met here, not after hours
    if checkout.machine() is None:
        say("Telling asv about this machine: asv machine --yes")
        asv("machine", "--yes")
    machine = checkout.machine()
    if machine is None:
        raise CheckError("asv does not know this machine; tell it with: asv machine --yes")

    bench = [word for pattern in asked.bench for word in ("--bench", pattern)]
    say(f"1 of 4: measuring what is new: {shlex.join(['asv', 'run', *bench, 'NEW'])}")
    here = Local.of(checkout, machine, say)
    before = {record.run for record in here.store.all(machine)}
    # Nothing is resumed, but what is complete is not measured again.
    measured = asv("run", *bench, "NEW", variables={RESUME_VARIABLE: ""})
    if asv.interrupted:
        return INTERRUPTED
    if measured != 0:
        say(f"asv run ended with {measured}: not all that is new was measured, as it says above")

    judging = Judging(here, against=None, threshold=asked.threshold, patterns=asked.bench)
    newest = judging.newest()
    now = {
        record.commit
        for record in here.store.where(machine, purposes=(None,))
        if record.run not in before
    }
    older = _measured_now(checkout, now, newest)
    names = ", ".join(release.name for release in [*older, *newest])
    say(f"2 of 4: judging {names or 'nothing: no release was measured here'}")
    say("3 of 4: measuring in duets what is not answered")
    trouble = False
    try:
        answers = confirm(judging, [*older, *newest], limits)
        if not answers:
            say("everything is answered")
        for line in open_messages(answers):
            say(line)
        # What went wrong was said when it did.
        trouble = any(answer.failed for answer in answers)
    except Interrupted:
        raise
    except (VggbenchError, util.UserError) as err:
        # What is known is published and said all the same.
        trouble = True
        say(f"not answered: {err}")

    say("4 of 4: publishing: asv publish")
    published = asv("publish")
    if asv.interrupted:
        return INTERRUPTED
    if published != 0:
        say(f"asv publish ended with {published}: the pages are as they were")
    statuses = [2 if measured or published or trouble else 0]
    if older:
        statuses.append(judging.report([release.name for release in older]))
    statuses.append(judging.report([]))
    return max(statuses, key=(0, 2, 1).index)


def _measured_now(
    checkout: Checkout, commits: Collection[str], newest: Collection[Release]
) -> list[Release]:
    """The releases with these ids, but for the ``newest`` and for those that nothing earlier can be
    held against."""
    measured = checkout.measured_commits()
    found = []
    for track in checkout.catalogue.tracks.values():
        earlier = False
        for release in track.releases:
            if release.commit in commits and release not in newest and earlier:
                found.append(release)
            is_current = checkout.catalogue.is_current(release)
            earlier = earlier or (is_current and release.commit in measured)
    return found
