"""``vggbench confirm``: re-measure what is suspected, and only that."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .. import records
from ..judging import command, verdicts
from ..judging.evidence import Evidence, gather
from ..judging.verdicts import Verdict
from ..records import Record
from ..releases import spec
from ..releases.catalogue import Release
from ..runs.local import Local, Say
from ..stats.judge import Judgement
from ..stats.policy import CHANGED, REGRESSED
from . import interleave
from .budget import Budget
from .interleave import Bench, Confirmed, Suspect


@dataclass(frozen=True)
class Asked:
    """One release in the words of asv run, and what it is judged against. ``improved``: confirm
    what is surely faster, too. ``patterns``: --bench; where there are none, all."""

    release: str
    against: str | None
    threshold: float
    improved: bool = False
    patterns: Sequence[str] = ()


@dataclass(frozen=True)
class Limits:
    """``seconds``: for all confirmations, from the first on. ``processes``: of both releases
    together, to confirm one configuration, at most. ``in_reach``: only what so many are likely to
    make sure. ``make_room``: called with the name of each suspect before environments are made for
    it."""

    seconds: float
    processes: int
    in_reach: bool = False
    make_room: Callable[[str], None] = lambda name: None


def run(here: Local, asked: Asked, limits: Limits) -> int:
    """Confirm what is suspected of a release, and say the verdicts; returns their exit status.

    Raises VggbenchError where nothing more can be measured, UserError where the patterns select
    nothing; what was measured is on record.
    """
    after = spec.one(here.catalogue, asked.release)
    against = spec.one(here.catalogue, asked.against) if asked.against else None
    if against is not None:
        command.require_earlier(here.catalogue, after, against)
    if asked.patterns:
        here.suite.chosen(after, asked.patterns, here.catalogue)
    judging = Judging(
        here,
        against=against,
        threshold=asked.threshold,
        improved=asked.improved,
        patterns=asked.patterns,
    )
    if not confirm(judging, [after], limits):
        here.say(f"Nothing is suspected of {after.name}: nothing is measured.")
    return judging.report([after.name])


def confirm(judging: Judging, releases: Sequence[Release], limits: Limits) -> list[Confirmed]:
    """Confirm what is suspected of ``releases``; an empty list where nothing is."""
    here = judging.here
    suspects = judging.suspects(releases)
    if limits.in_reach:
        suspects = reached(suspects, limits, here.say)
    if not suspects:
        return []
    with here.session(records.CONFIRM) as measuring:
        begun: list[Suspect] = []

        def measure(suspect: Suspect, release: Release) -> records.Record:
            if begun[-1:] != [suspect]:
                begun.append(suspect)
                limits.make_room(suspect.name)
                measuring.forget()
            return measuring.measure(release, suspect.profile, suspect.one)

        bench = Bench(measure, judging.judge, Budget(limits.seconds), here.say, limits.processes)
        return interleave.confirm_all(suspects, bench)


def reached(suspects: Sequence[Suspect], limits: Limits, say: Say) -> list[Suspect]:
    """Those that the processes of ``limits`` are likely to make sure; how many others there are is
    said."""
    found = [one for one in suspects if one.needed <= limits.processes - one.spent]
    if len(found) < len(suspects):
        say(
            f"Not confirmed, of {len(suspects)} that may have changed: "
            f"{len(suspects) - len(found)}; each would need more than {limits.processes} "
            f"processes to be sure"
        )
    return found


class Judging:
    """What is said of releases in the profiles that are asked for; each question counts what
    confirming has added to the records. ``improved``: what is surely faster is confirmed too.
    ``unsure``: what may be slower, or take more memory, is confirmed, and not only what surely is.
    ``patterns``: only configurations that ``--bench`` selects by these are suspects; where there
    are none, all."""

    def __init__(
        self,
        here: Local,
        *,
        against: Release | None,
        threshold: float,
        improved: bool = False,
        patterns: Sequence[str] = (),
        unsure: bool = True,
    ):
        self.here = here
        self._gathered: tuple[list[Record], Evidence] | None = None
        self._changes = CHANGED if improved else (REGRESSED,)
        self._unsure = unsure
        self._against = against
        self._threshold = threshold
        self._profiles = here.profiles
        self._patterns = patterns

    def evidence(self) -> Evidence:
        """All that is on record by now; gathered anew only where something came since."""
        taken = self.here.store.all(self.here.machine)
        if self._gathered is None or self._gathered[0] is not taken:
            self._gathered = taken, gather(self.here.machine, taken, self.here.catalogue)
        return self._gathered[1]

    def verdicts(self, release: Release) -> list[Verdict]:
        evidence = self.evidence()
        return [
            one
            for profile in self._profiles
            for one in verdicts.of_release(
                evidence, release, self._against, profile, self._threshold
            )
        ]

    @functools.cached_property
    def _asked_for(self) -> set[str]:
        return {one.key for one in self.here.suite.timed(self._patterns)}

    def newest(self) -> list[Release]:
        """The newest measured release of each track."""
        evidence = self.evidence()
        found = [
            evidence.measured(track, profile)[-1:]
            for track in self.here.catalogue.tracks
            for profile in self._profiles
        ]
        return list({one.commit: one for last in found for one in last}.values())

    def suspects(self, releases: Iterable[Release]) -> list[Suspect]:
        """The configurations in which ``releases`` may be slower than the one before; those too
        that surely have changed, by sessions that measured one of the two alone."""
        by_name = self.here.catalogue.by_name
        found = []
        for release in releases:
            suspected: dict[tuple[str, str, str], list[Verdict]] = {}
            for one in self.verdicts(release):
                sure = one.outcome in self._changes and one.apart
                if one.against is not None and (sure or (self._unsure and one.suspected)):
                    key = records.key_of(one.benchmark, one.configuration)
                    if not self._patterns or key in self._asked_for:
                        suspected.setdefault((one.profile, key, one.against), []).append(one)
            for own in suspected.values():
                first = own[0]
                before = by_name[str(first.against)]
                spent, seconds = _earlier(self.here, before, release, first)
                found.append(
                    Suspect(
                        before=before,
                        after=release,
                        profile=first.profile,
                        one=self.here.configured(first.benchmark, first.configuration),
                        measures=tuple(one.measure for one in own),
                        spent=spent,
                        seconds=seconds,
                        apart=any(one.apart for one in own),
                        needed=min(
                            0 if one.outcome in CHANGED else one.processes_needed or 0
                            for one in own
                        ),
                    )
                )
        return found

    def judge(self, suspect: Suspect) -> Mapping[str, Judgement]:
        """The judgements of what was suspected, by everything on record."""
        wanted = suspect.one.key
        return {
            one.measure: Judgement(
                outcome=one.outcome,
                ratio=one.ratio,
                low=one.low,
                high=one.high,
                suspected=one.suspected,
                processes_needed=one.processes_needed,
            )
            for one in self.verdicts(suspect.after)
            if one.profile == suspect.profile
            and records.key_of(one.benchmark, one.configuration) == wanted
            and one.measure in suspect.measures
            and one.ratio is not None
            and one.low is not None
            and one.high is not None
        }

    def report(self, names: Sequence[str]) -> int:
        """Print the verdicts on the releases called ``names``, or on the newest; returns their exit
        status. Raises VggbenchError where nothing can be judged."""
        profile = self._profiles[0] if len(self._profiles) == 1 else None
        against = None if self._against is None else self._against.name
        asked = command.Asked(
            releases=names, against=against, profile=profile, threshold=self._threshold
        )
        here = self.here
        return command.run(
            here.store,
            here.machine,
            asked,
            here.say,
            catalogue=here.catalogue,
            root=here.checkout.root,
        )


def _earlier(here: Local, before: Release, after: Release, verdict: Verdict) -> tuple[int, float]:
    """(processes, seconds): how many of the processes that count earlier confirmations of the two
    took, and how long the newest of the configuration ran, 0 where none is known."""
    key = records.key_of(verdict.benchmark, verdict.configuration)
    on_record = here.store.where(
        here.machine,
        commits=(before.commit, after.commit),
        profile=verdict.profile,
        keys=(key,),
    )
    own = [
        record
        for record in on_record
        if record.outcome == records.OK
        and record.variant is None
        and not record.is_of_a_duet  # it waited for its partner
        and record.why_no_evidence(here.machine, here.catalogue) is None
    ]
    confirming = [record for record in own if record.confirms]
    of_both = set.intersection(
        *(
            {record.run for record in confirming if record.commit == release.commit}
            for release in (before, after)
        )
    )
    spent = sum(record.run in of_both for record in confirming)
    seconds = [record.seconds for record in own if record.seconds is not None]
    return spent, seconds[-1] if seconds else 0.0
