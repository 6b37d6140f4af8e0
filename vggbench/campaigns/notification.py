"""``vggbench check --notify``: a command of the user's is told of trouble, and when it is over.

Trouble is a verdict on a measure of a configuration that regressed, was lost or failed. What was
told is remembered in a file beside asv's environments, which git leaves out: the same trouble is
told once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .. import records
from ..checkout import Checkout
from ..errors import Say, one_line
from ..inside.launch import die_with_parent
from ..judging import phrases
from ..judging.growth import GrowthVerdict
from ..judging.measures import JUDGED, MEMORY_GROWTH
from ..judging.phrases import Report
from ..judging.verdicts import FAILED, LOST, NEW, OUTCOMES, Verdict
from ..releases.catalogue import Catalogue, replace_text
from ..stats.policy import IMPROVED, NOT_SURE, REGRESSED

#: The outcomes that are told, in the order in which they matter, and the word when none is left.
TOLD = (REGRESSED, LOST, FAILED)
OVER = "over"

#: The outcomes of a later release that end each of them.
_ENDS = {REGRESSED: {IMPROVED}, LOST: {NEW}, FAILED: set(OUTCOMES) - {FAILED, LOST}}

_TITLES = {key: judged.title for key, judged in JUDGED.items()}
_TITLES[MEMORY_GROWTH.key] = phrases.GROWTH

#: The file below asv's env_dir.
FILE = "notified.json"

#: Version of the file's format.
SCHEMA = 1

#: A command that takes longer is ended.
PATIENCE_S = 120.0


@dataclass(frozen=True, order=True)
class Trouble:
    """A verdict as it was told. ``key``: of the benchmark and the configuration, whose ``words``
    messages have."""

    profile: str
    release: str
    key: str
    measure: str
    outcome: str
    words: str

    @classmethod
    def of(cls, verdict: Verdict | GrowthVerdict) -> Trouble:
        return cls(
            profile=verdict.profile,
            release=verdict.release,
            key=records.key_of(verdict.benchmark, verdict.configuration),
            measure=verdict.measure,
            outcome=verdict.outcome,
            words=verdict.words,
        )

    def __str__(self) -> str:
        title = _TITLES.get(self.measure, self.measure)
        return f"{self.release} {self.words}, {title}, {self.profile}: {self.outcome}"


@dataclass(frozen=True)
class Remembered:
    """What was ``told``. ``is_sure``: whether the command has ended well; False where the check was
    ended while the command ran, which may have told it or not."""

    told: frozenset[Trouble] = frozenset()
    is_sure: bool = True

    @property
    def doubt(self) -> str | None:
        """A message where it is not sure; None where it is."""
        if self.is_sure:
            return None
        what = ", ".join(_releases(self.told)) or "the end of all trouble"
        return (
            f"--notify: an earlier check was ended while its command ran: it may have told of "
            f"{what}, which is not told again; look yourself whether it came"
        )


@dataclass(frozen=True, kw_only=True)
class News:
    """``now``: the trouble to be remembered. ``message``: Markdown about it, None where there is
    nothing new. ``status`` and ``releases`` are those of the message."""

    now: frozenset[Trouble]
    status: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    message: str | None = None


def remembered(path: Path) -> Remembered:
    """The trouble that was told; none where there is no such file, or it is damaged: what is told
    twice is better than what is lost."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            return Remembered()
        told = [Trouble(**each) for each in content["told"]]
        is_sure = bool(content.get("sure", True))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Remembered()
    if not all(isinstance(word, str) for each in told for word in asdict(each).values()):
        return Remembered()
    return Remembered(frozenset(told), is_sure)


def remember(path: Path, what: Remembered) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "schema": SCHEMA,
        "sure": what.is_sure,
        "told": [asdict(trouble) for trouble in sorted(what.told)],
    }
    replace_text(path, json.dumps(content, indent=2) + "\n")


def news(report: Report, before: Collection[Trouble], catalogue: Catalogue) -> News:
    """What a ``report`` adds to the trouble that was told ``before``, whose releases it judges too.

    Trouble is over when its verdict is another one or was acknowledged, when a later release is
    faster again or runs again, and when its release is superseded or on no track any more. A
    verdict that became not sure, and one that was not judged this time, end nothing.
    """
    found = [
        Trouble.of(verdict)
        for verdict in _all_of(report)
        if verdict.outcome in TOLD and verdict.acknowledged is None
    ]
    still = [each for each in before if _is_open(each, report, catalogue)]
    now = frozenset(
        each for each in [*found, *still] if not _is_mended(each, _all_of(report), catalogue)
    )
    if now - frozenset(before):
        outcomes = {each.outcome for each in now}
        return News(
            now=now,
            status=tuple(word for word in TOLD if word in outcomes),
            releases=_releases(now),
            message=phrases.markdown(_of(report, _releases(now))),
        )
    if before and not now:
        ended = [f"- {phrases.cell(str(each))}" for each in sorted(before)]
        told = phrases.markdown(_of(report, _releases(before)))
        return News(
            now=now,
            status=(OVER,),
            releases=_releases(before),
            message="\n".join(["It is over. This was told before:", "", *ended, "", told]),
        )
    return News(now=now)


def _all_of(report: Report) -> list[Verdict | GrowthVerdict]:
    return [*report.verdicts, *report.growths]


def _is_open(trouble: Trouble, report: Report, catalogue: Catalogue) -> bool:
    """Whether what was told may still be so, though it is not found now."""
    if trouble.release not in catalogue.by_name:
        return False
    own = [
        verdict
        for verdict in _all_of(report)
        if (verdict.profile, verdict.release) == (trouble.profile, trouble.release)
    ]
    about_it = [
        verdict
        for verdict in own
        if verdict.measure == trouble.measure
        and records.key_of(verdict.benchmark, verdict.configuration) == trouble.key
    ]
    return not own or any(verdict.outcome == NOT_SURE for verdict in about_it)


def _is_mended(
    trouble: Trouble, verdicts: Iterable[Verdict | GrowthVerdict], catalogue: Catalogue
) -> bool:
    """Whether a later release of the track is faster than the one before it, or runs where that one
    did not, or the release is superseded: nothing is held against it any more."""
    release = catalogue.by_name.get(trouble.release)
    if release is None or release.name in catalogue.tracks[release.track].superseded:
        return True
    line = [each.name for each in catalogue.tracks[release.track].releases]
    later = line[line.index(release.name) + 1 :]
    return any(
        verdict.release in later
        and (verdict.profile, verdict.measure) == (trouble.profile, trouble.measure)
        and verdict.outcome in _ENDS.get(trouble.outcome, ())
        and records.key_of(verdict.benchmark, verdict.configuration) == trouble.key
        for verdict in verdicts
    )


def _releases(told: Iterable[Trouble]) -> tuple[str, ...]:
    return tuple(sorted({each.release for each in told}))


def _of(report: Report, releases: Collection[str]) -> Report:
    own = [verdict for verdict in report.verdicts if verdict.release in releases]
    return replace(report, verdicts=own, notes=())


def tell(command: str, told: News, folder: Path, say: Say) -> bool:
    """Run the user's ``command`` in ``folder`` with the message on its standard input; returns
    whether it ended with 0. Of several commands, the first that fails is the last; of a pipeline,
    its last command alone counts (sh(1)). What it prints is shown. It ends with this process."""
    assert told.message is not None
    sys.stdout.flush()
    variables = {
        "VGGBENCH_STATUS": " ".join(told.status),
        "VGGBENCH_RELEASES": " ".join(told.releases),
    }
    try:
        # A session of its own: with the shell, what the shell started is ended.
        started = subprocess.Popen(
            ["/bin/sh", "-e", "-c", command],
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    except OSError as err:
        say(f"--notify: the command cannot be started; it is tried again next time: {err.strerror}")
        return False
    try:
        started.communicate(told.message.encode(), timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        say(
            f"--notify: the command was ended, as it took longer than {PATIENCE_S:g} s; it is "
            f"tried again next time: {one_line(command, 120)}"
        )
        return False
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
    if started.returncode != 0:
        say(
            f"--notify: the command ended with {started.returncode}; it is tried again next time: "
            f"{one_line(command, 120)}"
        )
    return started.returncode == 0


def notify(
    command: str, told: News, before: Collection[Trouble], checkout: Checkout, say: Say
) -> bool:
    """Tell the news, where there are any, and remember what was told, which is that of ``before``
    where the command fails. Returns whether that went well; what did not was said, and is tried
    again next time."""
    path = path_of(checkout)
    if told.message is None:
        return _remembers(path, Remembered(told.now), say)
    say(f"notifying: {' '.join(told.status)}: {', '.join(told.releases)}")
    # Before the command: where this process is ended from here on, nothing is told twice.
    is_noted = _remembers(path, Remembered(told.now, is_sure=False), say)
    went_well = tell(command, told, checkout.root, say)
    if is_noted:
        now = told.now if went_well else frozenset(before)
        is_noted = _remembers(path, Remembered(now), say)
    return went_well and is_noted


def _remembers(path: Path, what: Remembered, say: Say) -> bool:
    try:
        remember(path, what)
    except OSError as err:
        say(f"--notify: {path} cannot be written, so this is told again: {err.strerror}")
        return False
    return True


def path_of(checkout: Checkout) -> Path:
    return checkout.env_dir / FILE
