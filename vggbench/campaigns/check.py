"""``vggbench check``: measure what is new, judge it, answer it by duets, publish.

The one command of a nightly job. On request, new releases are put on the tracks before, and a
command of the user's is told of trouble after. Each part goes on where an earlier, interrupted one
was: what was measured is on record and is not measured again.
"""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asv import util

from ..checkout import Checkout
from ..errors import Say, VggbenchError, of_system
from ..judging import verdict_command
from ..releases.catalogue import Release, replace_text
from ..runs import machines
from ..runs.asv_command import INTERRUPTED, Asv
from ..runs.local import Local
from ..runs.run import RESUME_VARIABLE
from ..runs.timed import Interrupted
from . import notification
from .answering import open_messages
from .confirm import Judging, Limits, confirm

#: The file below asv's env_dir that has, by what was asked of a check, the runs that were on record
#: when it began. A check that comes to its end takes its own out.
UNDER_WAY = "checks.json"


class CheckError(VggbenchError):
    """A check cannot begin."""


@dataclass(frozen=True)
class CheckRequest:
    """``bench``: asv's patterns of what is measured, and compared. ``update``: put new releases on
    the tracks first, with ``pre`` release candidates too. ``notify``: a command line for a shell,
    which is told of trouble."""

    bench: Sequence[str]
    threshold: float
    update: bool = False
    pre: bool = False
    notify: str | None = None


def run(checkout: Checkout, asked: CheckRequest, limits: Limits, say: Say) -> int:
    """Returns the exit status: 0 nothing regressed, 1 something did, 2 it could not be judged, 130
    after Ctrl-C. Raises VggbenchError where nothing can be measured or judged at all."""
    if asked.pre and not asked.update:
        raise CheckError("--pre is for --update, which adds releases; give both")
    asv = Asv(checkout)
    with checkout.measuring(may_be_beside=False):
        pass  # another one that measures is met here, not after hours
    machine = machines.named(checkout, say)
    total = 5 if asked.update else 4
    numbers = itertools.count(1)

    def begin(what: str) -> None:
        say(f"{next(numbers)} of {total}: {what}")

    trouble = False
    if asked.update:
        begin("putting new releases on the tracks: vggbench releases update")
        trouble = not _update(checkout, asked.pre, say)
        checkout = Checkout(str(checkout.config_file))  # with the releases that came
    bench = [word for pattern in asked.bench for word in ("--bench", pattern)]
    begin(f"measuring what is new: {shlex.join(['asv', 'run', *bench, 'NEW'])}")
    here = Local.of(checkout, machine, say)
    before = _begun(here, asked.bench)
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
    begin(f"judging {names or 'nothing: no release was measured here'}")
    begin("measuring in duets what is not answered")
    trouble = not _answer(judging, [*older, *newest], limits) or trouble

    begin("publishing: asv publish")
    published = asv("publish")
    if asv.interrupted:
        return INTERRUPTED
    if published != 0:
        say(f"asv publish ended with {published}: the pages are as they were")
    statuses = [2 if measured or published or trouble else 0]
    if older:
        statuses.append(judging.report([release.name for release in older]))
    statuses.append(judging.report([]))
    if asked.notify is not None and not _notify(judging, [*older, *newest], asked.notify):
        statuses.append(2)  # the next check tells it of the same releases
    else:
        _forget(here, asked.bench)
    return verdict_command.worst(*statuses)


def _begun(here: Local, patterns: Sequence[str]) -> Collection[str]:
    """The runs that were on record when the check began; where one that was asked the same was
    ended, when that one did: what it has measured is judged now."""
    path, own = here.checkout.env_dir / UNDER_WAY, _key(here, patterns)
    others = _under_way(path, here.say)
    if own in others:
        return others[own]
    runs = {record.run for record in here.store.all(here.machine)}
    _note(path, {**others, own: runs}, here.say)
    return runs


def _forget(here: Local, patterns: Sequence[str]) -> None:
    """Note that a check came to its end."""
    path, own = here.checkout.env_dir / UNDER_WAY, _key(here, patterns)
    others = _under_way(path, here.say)
    if others.pop(own, None) is not None:
        _note(path, others, here.say)


def _key(here: Local, patterns: Sequence[str]) -> str:
    """What is asked of a check. One that was ended is none of the business of another that measures
    on another machine, in other profiles or other benchmarks, and judges no others."""
    return json.dumps([here.machine, here.profiles, list(patterns)])


def _under_way(path: Path, say: Say) -> dict[str, set[str]]:
    """What the file has; nothing where there is none. It is said where it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(asked): set(map(str, runs)) for asked, runs in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        say(
            f"{path} cannot be read: of what a check measured that was ended, this one judges the "
            f"newest releases alone; ask for others: vggbench verdict RELEASE"
        )
        return {}


def _note(path: Path, under_way: Mapping[str, set[str]], say: Say) -> None:
    content = {asked: sorted(runs) for asked, runs in under_way.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(content, indent=2) + "\n")
    except OSError as err:
        say(
            f"{path} cannot be written, so the next check may judge too few releases, or the same "
            f"ones again: {err.strerror}"
        )


def _answer(judging: Judging, releases: Sequence[Release], limits: Limits) -> bool:
    """Measure in duets what is not answered of ``releases``; returns whether nothing went wrong.
    What did was said when it did, and keeps nothing that is known from being published."""
    say = judging.here.say
    try:
        answers = confirm(judging, releases, limits)
    except Interrupted:
        raise
    except (VggbenchError, util.UserError) as err:
        say(f"comparing by duets ended: {err}")
        return False
    for line in open_messages(answers) if answers else ["everything is answered"]:
        say(line)
    return not any(answer.failed for answer in answers)


def _update(checkout: Checkout, pre: bool, say: Say) -> bool:
    """Put on the tracks what the index has and they have not; returns whether all of that could be
    done. What could not was said, and keeps nothing from being measured."""
    # Imported here because it imports what asks an index, which a check without --update does not.
    from ..releases import update

    catalogue = checkout.catalogue
    try:
        done = update.update(
            catalogue,
            list(catalogue.tracks.values()),
            pre=pre,
            nightly=False,
            dry_run=False,
            say=say,
        )
    except (VggbenchError, OSError) as err:
        say(f"the tracks cannot be updated: {of_system(err) if isinstance(err, OSError) else err}")
        return False
    if done.added:
        say(f"added: {', '.join(done.added)}; commit the files")
    return not done.not_locked


def _notify(judging: Judging, judged: Sequence[Release], command: str) -> bool:
    """Tell the user's command what is new of the ``judged`` releases, and of those of which it was
    told before, and of later ones, which may end that. Returns whether that went well."""
    checkout, say = judging.here.checkout, judging.here.say
    remembered = notification.remembered(notification.path_of(checkout))
    if remembered.doubt is not None:
        say(remembered.doubt)
    before = remembered.told
    known, tracks = checkout.catalogue.by_name, checkout.catalogue.tracks
    measured = checkout.measured_commits()
    names = [release.name for release in judged]
    for told in [known[each.release] for each in before if each.release in known]:
        line = tracks[told.track].releases
        later = line[line.index(told) + 1 :]
        names += [told.name, *(each.name for each in later if each.commit in measured)]
    report = judging.report_on(sorted(set(names)))
    news = notification.news(report, before, checkout.catalogue)
    return notification.notify(command, news, before, checkout, say)


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
