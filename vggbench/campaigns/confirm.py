"""``vggbench confirm``: measure two releases in duets, until it is sure of each configuration
whether it has become slower."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import records
from ..errors import VggbenchError
from ..judging import duets, verdict_command, verdicts
from ..judging.duets import Block
from ..judging.evidence import Evidence, Line, gather
from ..judging.measures import JUDGED, STEP
from ..judging.phrases import Report
from ..judging.verdicts import Verdict
from ..records import Record
from ..releases import spec
from ..releases.catalogue import Lock, Release
from ..runs import profiles
from ..runs.duet import Subject
from ..runs.local import CannotMeasure, Local, Runner, why_not_here
from ..runs.suite import Configured
from ..runs.timed import NotMeasured
from ..stats.blocks import ratio_of
from ..stats.judge import Judgement
from ..stats.policy import A_BLOCK, LEAST_BLOCKS, MOST, NOT_SURE
from . import answering, interleave, taking
from .answering import Answer, Comparison, Standing
from .budget import Budget
from .interleave import Confirmation
from .taking import BlockResult


@dataclass(frozen=True)
class ConfirmRequest:
    """One release as asv run takes it, and what it is judged against. ``improved``: confirm
    what processes by themselves say is faster, too. ``patterns``: --bench; where there are none,
    all."""

    release: str
    against: str | None
    threshold: float
    improved: bool = False
    patterns: Sequence[str] = ()


@dataclass(frozen=True)
class Limits:
    """``seconds``: for all comparisons, environments included; ``is_rest``: they are what is left
    of a budget for more than these. ``processes``: of both releases together, for one
    configuration, at most; a block has A_BLOCK. ``again``: so many more of what has spent them
    already. ``make_room``: called with the name of each comparison, and its two releases with the
    lock of each, before environments are made for it."""

    seconds: float
    processes: int
    again: bool = False
    make_room: Callable[[str, Sequence[tuple[Release, Lock]]], None] = lambda name, both: None
    is_rest: bool = False

    @property
    def blocks(self) -> int:
        return max(1, self.processes // A_BLOCK)


def run(here: Local, asked: ConfirmRequest, limits: Limits) -> int:
    """Answer every configuration of a release, and say the verdicts; returns their exit status, but
    2 where nothing regressed and something went wrong.

    Raises VggbenchError where nothing more can be measured, UserError where the patterns select
    nothing; what was measured is on record.
    """
    after = spec.release(here.catalogue, asked.release)
    against = spec.release(here.catalogue, asked.against) if asked.against else None
    if against is not None:
        verdict_command.require_earlier(here.catalogue, after, against)
    if asked.patterns:
        here.suite.chosen(after, asked.patterns, here.catalogue)
    judging = Judging(
        here,
        against=against,
        threshold=asked.threshold,
        improved=asked.improved,
        patterns=asked.patterns,
    )
    unmeasured = judging.never_measured(after, limits)
    can_be = _of_this_machine(here, unmeasured)
    found = answer(judging, [*judging.comparisons([after], limits), *can_be], limits)
    if not found and not unmeasured and judging.is_compared(after):
        here.say(
            f"Nothing of {after.name} that --bench selects is to be measured."
            if asked.patterns
            else f"Everything of {after.name} is answered: nothing is measured."
        )
    for line in answering.open_messages(found):
        here.say(line)
    went_wrong = len(can_be) < len(unmeasured) or any(answer.failed for answer in found)
    return verdict_command.worst(2 if went_wrong else 0, judging.report_of(after))


def _of_this_machine(here: Local, wanted: Sequence[Comparison]) -> list[Comparison]:
    """Those of ``wanted`` both releases of which this machine can run. One message for each two
    releases and profile says why the others are left out."""
    found = []
    messages: dict[str, None] = {}
    for comparison in wanted:
        devices = [profiles.device_of(comparison.profile)]
        reasons = [
            f"{release.name}: {why}"
            for release in (comparison.before, comparison.after)
            if (why := why_not_here(release, devices)) is not None
        ]
        if reasons:
            both = f"{comparison.after.name} against {comparison.before.name}"
            messages[f"Not compared in {comparison.profile}: {both}: {'; '.join(reasons)}"] = None
        else:
            found.append(comparison)
    for message in messages:
        here.say(message)
    return found


def confirm(judging: Judging, releases: Sequence[Release], limits: Limits) -> list[Answer]:
    """Answer the comparisons of ``releases`` that are not answered yet; an empty list where there
    are none."""
    return answer(judging, judging.comparisons(releases, limits), limits)


def answer(judging: Judging, wanted: Sequence[Comparison], limits: Limits) -> list[Answer]:
    """Answer these comparisons: by duets, or by processes in turns where two find no room."""
    here = judging.here

    def takes_turns(comparison: Comparison) -> bool:
        """Whether processes in turns may answer it. Where there are enough blocks they decide, and
        processes would change nothing."""
        return judging.standing(comparison).blocks < LEAST_BLOCKS

    too_large = {
        comparison: why
        for comparison in wanted
        if (why := judging.why_not_both(comparison)) is not None and takes_turns(comparison)
    }
    budget = Budget(limits.seconds, is_rest=limits.is_rest)
    found: dict[Comparison, Answer] = {}
    in_duets = [comparison for comparison in wanted if comparison not in too_large]
    if in_duets:
        with here.runner(records.DUET) as runner:
            tools = judging.block_tools(runner, budget, limits)
            for told in answering.answer_all(in_duets, tools):
                found[told.comparison] = told
                # What a process takes may be known only now, and others may have taken the rest.
                if told.has_no_room and takes_turns(told.comparison):
                    too_large[told.comparison] = str(told.why)
    in_turns = [comparison for comparison in wanted if comparison in too_large]
    for comparison in in_turns:
        here.say(f"{comparison.name}: {too_large[comparison]}: its processes take turns instead")
    if in_turns:
        for told in _in_turns(judging, in_turns, budget, limits):
            before = found.get(told.comparison)
            found[told.comparison] = replace(told, blocks=before.blocks if before else 0)
    return [found[comparison] for comparison in wanted]


def _in_turns(
    judging: Judging, wanted: Sequence[Comparison], budget: Budget, limits: Limits
) -> list[Answer]:
    """Answer comparisons by whole processes that take turns: for what finds no room for two."""
    here = judging.here
    confirmations = [judging.confirmation(comparison) for comparison in wanted]
    with here.runner(records.CONFIRM) as runner:
        rooms = _Rooms(runner, limits)

        def measure(comparison: Comparison, release: Release) -> Record:
            rooms.make(comparison)
            return runner.measure(release, comparison.profile, comparison.configured)

        # Looks at processes are made for so many (vggbench.stats.judge).
        most = min(limits.processes, MOST)
        tools = interleave.TurnTools(measure, judging.judge, budget, here.say, most)
        return [
            Answer(
                comparison=confirmed.comparison,
                standing=judging.standing(confirmed.comparison),
                blocks=0,
                why=confirmed.why,
                out_of_budget=confirmed.out_of_budget,
                seconds=interleave.forecast_s(confirmed.confirmation, confirmed.judgements, most),
                failed=confirmed.failed,
            )
            for confirmed in interleave.confirm_all(confirmations, tools)
        ]


class _Rooms:
    """Room for the environments of one comparison after the other: two releases, each with the lock
    of its backend."""

    def __init__(self, runner: Runner, limits: Limits):
        self._runner = runner
        self._make_room = limits.make_room
        self._last: list[tuple[Release, Lock]] | None = None

    def make(self, comparison: Comparison) -> None:
        """Make it for both environments of a comparison, unless it was made for them last."""
        device = profiles.device_of(comparison.profile)
        both = [
            (each, lock)
            for each in (comparison.before, comparison.after)
            if (lock := each.lock_for(device, comparison.configured.backend)) is not None
        ]
        if both != self._last:
            self._last = both
            self._make_room(comparison.name, both)
            self._runner.forget()


class Judging:
    """What is said of releases in the profiles that are asked for; each question counts what
    measuring has added to the records. ``improved``: what processes by themselves say is faster is
    confirmed too. ``patterns``: only configurations that ``--bench`` selects by these are compared;
    where there are none, all."""

    def __init__(
        self,
        here: Local,
        *,
        against: Release | None,
        threshold: float,
        improved: bool = False,
        patterns: Sequence[str] = (),
    ):
        self.here = here
        self._gathered: tuple[list[Record], Evidence] | None = None
        #: Of what was gathered last, by the later release, the one before and the profile.
        self._said: dict[tuple[str, str, str], list[Verdict]] = {}
        self._improved = improved
        self._against = against
        self._threshold = threshold
        self._profiles = here.profiles
        self._patterns = patterns

    def evidence(self) -> Evidence:
        """All that is on record by now; gathered anew only where something came since."""
        taken = self.here.store.all(self.here.machine)
        if self._gathered is None or self._gathered[0] is not taken:
            self._gathered = taken, gather(self.here.machine, taken, self.here.catalogue)
            self._said = {}
        return self._gathered[1]

    def verdicts(self, release: Release) -> list[Verdict]:
        evidence = self.evidence()
        return [
            verdict
            for profile in self._profiles
            for verdict in verdicts.of_release(
                evidence, release, self._against, profile, self._threshold
            )
        ]

    @functools.cached_property
    def _asked_for(self) -> set[str]:
        return {configured.key for configured in self.here.suite.timed(self._patterns)}

    def newest(self) -> list[Release]:
        """The newest measured release of each track that is current."""
        evidence = self.evidence()
        found = [
            evidence.newest(track, profile)
            for track in self.here.catalogue.tracks
            for profile in self._profiles
        ]
        return list({release.commit: release for release in found if release}.values())

    def comparisons(self, releases: Iterable[Release], limits: Limits) -> list[Comparison]:
        """The configurations of ``releases`` against the release before that are not answered."""
        by_name = self.here.catalogue.by_name
        found = []
        for release in releases:
            own: dict[tuple[str, str, str], list[Verdict]] = {}
            for each in self.verdicts(release):
                key = records.key_of(each.benchmark, each.configuration)
                is_compared = each.outcome == NOT_SURE or each.ratio is not None
                chosen = not self._patterns or key in self._asked_for
                if each.against is not None and is_compared and chosen:
                    own.setdefault((each.profile, key, each.against), []).append(each)
            for (profile, _, against), judged in own.items():
                try:
                    configured = self.here.configured(judged[0].benchmark, judged[0].configuration)
                except CannotMeasure as err:  # the benchmarks have it no longer; others they have
                    self.here.say(str(err))
                    continue
                comparison = self.comparison(
                    by_name[against], release, profile, configured, most=limits.blocks
                )
                standing = self._standing(comparison, judged)
                if limits.again and not standing.left(comparison):
                    comparison = replace(comparison, most=limits.blocks + standing.blocks)
                if standing.needed(comparison, self._improved) and not self.cannot_be(comparison):
                    found.append(comparison)
        return found

    def never_measured(self, release: Release, limits: Limits) -> list[Comparison]:
        """The configurations in which neither processes by themselves nor duets have measured the
        release, against the one that was asked for, else the one before on its track; also where
        this machine cannot run both. With patterns, those that they select. Without, all where no
        process by itself has measured the release, else none."""
        before = self._against or self._one_before(release)
        evidence, catalogue, suite = self.evidence(), self.here.catalogue, self.here.suite
        found = []
        for profile in self._profiles:
            is_measured = any(
                release.commit in cells
                for line, cells in evidence.lines.items()
                if line.profile == profile
            )
            # Without patterns, what was measured of a release is what is asked of it.
            if before is None or (is_measured and not self._patterns):
                continue
            known = {
                records.key_of(verdict.benchmark, verdict.configuration)
                for verdict in self.verdicts(release)
                if verdict.profile == profile
            }
            of_before = suite.timed_of(before, self._patterns, catalogue)
            for configured in suite.timed_of(release, self._patterns, catalogue):
                if configured.key in known or configured not in of_before:
                    continue
                comparison = self.comparison(
                    before, release, profile, configured, most=limits.blocks
                )
                if self.is_open(comparison):
                    found.append(comparison)
        return found

    def comparison(
        self, before: Release, after: Release, profile: str, configured: Configured, **more: Any
    ) -> Comparison:
        """That of the two; ``more`` as a Comparison has it."""
        are_neighbours = before == self._one_before(after)
        return Comparison(before, after, profile, configured, are_neighbours=are_neighbours, **more)

    def _one_before(self, release: Release) -> Release | None:
        """The current release before on the track; None before the first."""
        older = self.here.catalogue.tracks[release.track].before(release)
        return older[-1] if older else None

    def is_compared(self, release: Release) -> bool:
        """Whether anything is said of the release against another."""
        return any(verdict.against is not None for verdict in self.verdicts(release))

    def standing(self, comparison: Comparison) -> Standing:
        """Where a comparison stands by everything on record."""
        return self._standing(comparison, self._own(comparison))

    def blocks(self, of: Comparison) -> list[Block]:
        """Those on record that a comparison stands by."""
        return self.evidence().compared(_line_of(of), of.before, of.after)

    def _standing(self, of: Comparison, own: Iterable[Verdict]) -> Standing:
        blocks = self.blocks(of)
        line = _line_of(of)
        both = line.subject_key(of.before), line.subject_key(of.after)
        numbers = {key: duets.numbers(blocks, *both, key) for key in JUDGED}
        return Standing(
            verdicts={verdict.measure: verdict for verdict in own},
            blocks=len(blocks),
            ratios={key: ratio_of(own) for key, own in numbers.items() if own},
        )

    def _own(self, comparison: Comparison) -> list[Verdict]:
        wanted, evidence = comparison.configured.key, self.evidence()
        # All configurations of a release are judged together: once for all of its comparisons.
        asked = comparison.after.commit, comparison.before.commit, comparison.profile
        if asked not in self._said:
            self._said[asked] = verdicts.of_release(
                evidence,
                comparison.after,
                comparison.before,
                comparison.profile,
                self._threshold,
            )
        return [
            verdict
            for verdict in self._said[asked]
            if records.key_of(verdict.benchmark, verdict.configuration) == wanted
        ]

    def block_tools(self, runner: Runner, budget: Budget, limits: Limits) -> answering.BlockTools:
        """What comparisons are answered with; ``runner`` runs their processes."""
        rooms = _Rooms(runner, limits)

        def take(comparison: Comparison, until_s: float) -> BlockResult:
            rooms.make(comparison)
            try:
                before, after = (
                    Subject(
                        installation=runner.prepared(
                            each, comparison.profile, comparison.configured
                        ),
                        configured=comparison.configured,
                    )
                    for each in (comparison.before, comparison.after)
                )
            except NotMeasured:
                raise
            except VggbenchError as err:  # other releases can be installed
                return BlockResult(why=str(err), outcome=records.FAILED)
            # Environments may have taken long.
            spent = taking.out_of_budget(budget, self.seconds(comparison), until_s)
            if spent is not None:
                return spent
            return taking.take(self.here, runner, (before, after), budget, until_s=until_s)

        return answering.BlockTools(
            take=take,
            standing=self.standing,
            seconds=self.seconds,
            budget=budget,
            say=self.here.say,
            follow_improved=self._improved,
        )

    def _newest(self, comparison: Comparison) -> list[Record | None]:
        subjects = [
            (each.commit, comparison.configured.key)
            for each in (comparison.before, comparison.after)
        ]
        return taking.known(self.here, comparison.profile, subjects)

    def seconds(self, comparison: Comparison) -> float:
        """What a block is likely to take; 0 where nothing is known of it."""
        return taking.block_s(self._newest(comparison))

    def is_open(self, comparison: Comparison) -> bool:
        """Whether it needs blocks, may have more, and both releases can do it as far as is known:
        what a release cannot do, it answers once."""
        standing = self.standing(comparison)
        return bool(
            standing.left(comparison)
            and standing.needed(comparison, self._improved)
            and not self.cannot_be(comparison)
        )

    def cannot_be(self, comparison: Comparison) -> bool:
        """Whether one of the two releases is n/a in it, by the newest that is on record."""
        here = self.here
        outcomes = {
            record.commit: record.outcome
            for record in here.store.where(
                here.machine,
                commits=(comparison.before.commit, comparison.after.commit),
                profile=comparison.profile,
                keys=(comparison.configured.key,),
            )
            if record.outcome != records.INTERRUPTED
            and record.tells_of_release(here.machine, here.catalogue)
        }
        return records.NOT_APPLICABLE in outcomes.values()

    def forecast_s(self, comparison: Comparison) -> float:
        """Seconds until it is answered, about; 0 where nothing is known of it."""
        standing = self.standing(comparison)
        needed = min(standing.needed(comparison, self._improved), standing.left(comparison))
        return min(comparison.budget_s, needed * self.seconds(comparison))

    def why_not_both(self, comparison: Comparison) -> str | None:
        """Why there is no room for both processes of a duet, by what they took before; None where
        there is, or nothing is known."""
        return taking.why_no_room(self._newest(comparison))

    def confirmation(self, comparison: Comparison) -> Confirmation:
        """A comparison for processes in turns."""
        own = self._own(comparison)
        spent, seconds = _earlier(self.here, comparison)
        return Confirmation(
            comparison,
            measures=tuple(each.measure for each in own) or (STEP.key,),
            spent=spent,
            seconds=seconds,
            lacks_shared_session=any(each.lacks_shared_session for each in own),
        )

    def judge(self, confirmation: Confirmation) -> Mapping[str, Judgement]:
        """The judgements of what is confirmed, by everything on record."""
        return {
            verdict.measure: Judgement(
                outcome=verdict.outcome,
                ratio=verdict.ratio,
                low=verdict.low,
                high=verdict.high,
                suspected=verdict.suspected,
                processes_needed=verdict.processes_needed,
            )
            for verdict in self._own(confirmation.comparison)
            if verdict.measure in confirmation.measures
            and verdict.ratio is not None
            and verdict.low is not None
            and verdict.high is not None
        }

    def report(self, names: Sequence[str]) -> int:
        """Print the verdicts on the releases called ``names``, or on the newest; returns their exit
        status. Raises VggbenchError where nothing can be judged."""
        return verdict_command.show(self.report_on(names), "text", self.here.say)

    def report_of(self, release: Release) -> int:
        """As ``report``, of the configurations of one release that the patterns select."""
        keys = self._asked_for if self._patterns else None
        report = self.report_on([release.name], keys=keys, patterns=self._patterns)
        return verdict_command.show(report, "text", self.here.say)

    def report_on(self, names: Sequence[str], **more: Any) -> Report:
        """What ``report`` prints; ``more`` as a VerdictRequest has it. Raises VggbenchError where
        nothing can be judged."""
        profile = self._profiles[0] if len(self._profiles) == 1 else None
        against = None if self._against is None else self._against.name
        asked = verdict_command.VerdictRequest(
            releases=names, against=against, profile=profile, threshold=self._threshold, **more
        )
        here = self.here
        return verdict_command.judge(
            here.store,
            here.machine,
            asked,
            here.say,
            catalogue=here.catalogue,
            root=here.checkout.root,
        )


def _line_of(comparison: Comparison) -> Line:
    configured = comparison.configured
    canonical = records.canonical(dict(configured.configuration))
    return Line(comparison.profile, comparison.after.track, configured.benchmark, canonical)


def _earlier(here: Local, comparison: Comparison) -> tuple[int, float]:
    """(processes, seconds): how many of the processes that count earlier confirmations of the two
    took, and how long the newest of the configuration ran, 0 where none is known."""
    on_record = here.store.where(
        here.machine,
        commits=(comparison.before.commit, comparison.after.commit),
        profile=comparison.profile,
        keys=(comparison.configured.key,),
    )
    own = [
        record
        for record in on_record
        if record.outcome == records.OK
        and not record.is_of_a_duet  # it waited for its partner
        and record.tells_of_release(here.machine, here.catalogue)
    ]
    confirming = [record for record in own if record.confirms]
    of_both = set.intersection(
        *(
            {record.run for record in confirming if record.commit == release.commit}
            for release in (comparison.before, comparison.after)
        )
    )
    spent = sum(record.run in of_both for record in confirming)
    seconds = [record.seconds for record in own if record.seconds is not None]
    return spent, seconds[-1] if seconds else 0.0
