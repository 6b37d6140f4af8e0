"""What the records of ``vggbench separate`` say: is a change the framework's, or a companion's that
moved with it?

A release was measured with itself, something of it changed back to what it was in the release
before: a variant. What the change of that makes is their ratio. They are measured in blocks of
duets; earlier records have processes of both in turns, which count where there are no blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from .. import records
from ..errors import one_line
from ..frameworks import KNOWN
from ..inside import workload
from ..records import Record
from ..releases.catalogue import Catalogue, Release
from ..stats.blocks import BlockJudgement, judge_blocks
from ..stats.judge import Judgement, Process, judge
from ..stats.noise import between_sessions, estimate
from ..stats.policy import CHANGED, LEAST_BLOCKS, UNCHANGED
from . import duets
from .differences import PACKAGES
from .duets import Block, SubjectKey
from .measures import JUDGED
from .state import Known, State, known_of, state_of, values_of
from .verdicts import Verdict

#: The commit of a release and the name of a lock of it, None where it has none for a configuration.
FactsKey = tuple[str, str | None]

#: Between things that were changed back together, as a variant names them.
AND = " and "

#: What differences (vggbench.judging.differences) call the things that variants name.
_DIFFERENCES = {
    "python": "Python",
    **{switch.title: switch.title for framework in KNOWN for switch in framework.switches},
    **{package: name for name, _, packages in PACKAGES for package in packages},
}

#: Of the release and of the variant, at least: fewer do not show how much processes scatter.
LEAST_PROCESSES = 2

#: Up to this share of a change, what may be one thing's is worth saying: the most is another's.
LITTLE = 0.5

#: Characters of an error in a finding, at most: it is a cell of a table.
ERROR_WIDTH = 140


@dataclass(frozen=True, kw_only=True)
class Separation:
    """What one measure of one configuration comes to by what was changed back: ``judgement`` is of
    the release as it is against the variant, by so many ``processes`` of each at least. None
    where the variant did not run, and ``error`` says why. ``blocks``: those that decided, 0 where
    processes in turns did."""

    release: str
    variant: str
    benchmark: str
    configuration: str
    measure: str
    judgement: Judgement | BlockJudgement | None
    processes: int = 0
    blocks: int = 0
    error: str | None = None

    def is_of(self, change: Verdict) -> bool:
        """Whether it is a part of this change."""
        about = change.release, change.benchmark, change.words, change.measure
        return (self.release, self.benchmark, self.configuration, self.measure) == about


def things(variant: str) -> list[str]:
    """The names of what a variant has changed back, without versions."""
    # A title may have a space, a version and a switch's state have none.
    return [part.rpartition(" ")[0] or part for part in variant.split(AND)]


def titles(variant: str) -> list[str]:
    """The same names as people read them, which are those of differences
    (vggbench.judging.differences)."""
    return [_DIFFERENCES.get(thing, thing) for thing in things(variant)]


def facts_key(release: Release, profile: str, backend: str | None) -> FactsKey:
    """The key of ``facts`` for the configurations of a release that compute with ``backend``."""
    lock = release.lock_for(workload.profile(profile).device, backend)
    return release.commit, None if lock is None else lock.name


def facts(
    machine: str, taken: Iterable[Record], catalogue: Catalogue, profile: str
) -> dict[FactsKey, Mapping[str, object]]:
    """What the newest process under each lock of a release said of its libraries; of those that
    ended well and count."""
    return {
        facts_key(catalogue.by_commit[record.commit], profile, record.backend): record.versions
        for record in taken
        if record.profile == profile
        and record.outcome == records.OK
        and isinstance(record.versions, dict)
        and record.tells_of_release(machine, catalogue)
    }


def separations(
    machine: str, taken: Iterable[Record], catalogue: Catalogue, profile: str, threshold: float
) -> dict[str, list[Separation]]:
    """What the records ``taken`` of a machine say of each release by its name, variant by variant.
    ``taken``: of all profiles, since what one lacks of the machine's state another may tell.

    Blocks decide where there are LEAST_BLOCKS, or any and no processes that answer. Of several runs
    that took processes in turns the newest counts that says something.
    """
    taken = list(taken)
    known = known_of(taken)
    taken = [record for record in taken if record.profile == profile]
    all_blocks, _ = duets.gather(machine, taken, catalogue, known)
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in taken:
        # A variant that did not run in a duet is in no block.
        failed = record.is_of_a_duet and record.variant and record.outcome != records.OK
        if (
            (record.separates or failed)
            and record.outcome != records.INTERRUPTED
            and record.why_no_evidence(machine, catalogue) is None
        ):
            groups.setdefault((record.commit, record.run, record.key), []).append(record)
    found: dict[str, dict[tuple[str, str, str], Separation]] = {}
    for (commit, _, key), group in groups.items():
        own = found.setdefault(catalogue.by_commit[commit].name, {})
        for variant in dict.fromkeys(
            record.variant for record in group if record.variant is not None
        ):
            for measure in JUDGED:
                separation = _separation(group, variant, measure, threshold, known)
                place = key, variant, measure
                if separation is not None and (
                    separation.judgement is not None or place not in own
                ):
                    own[place] = separation
    for subject in variants_in(all_blocks):
        commit, key, what = subject
        own = found.setdefault(catalogue.by_commit[commit].name, {})
        together = len(configurations_in(all_blocks, commit, what))
        for separation in of_blocks(
            all_blocks, subject, catalogue, threshold, comparisons=together
        ):
            in_turns = own.get((key, separation.variant, separation.measure))
            if separation.blocks >= LEAST_BLOCKS or in_turns is None or in_turns.judgement is None:
                own[key, separation.variant, separation.measure] = separation
    return {name: list(own.values()) for name, own in found.items()}


def variants_in(all_blocks: Iterable[Block]) -> list[SubjectKey]:
    """The variants of which there are blocks with their release as it is."""
    found: dict[SubjectKey, None] = {}
    for block in all_blocks:
        for variant, other in ((block.first, block.second), (block.second, block.first)):
            if variant[2] is not None and other == _as_it_is(variant):
                found[variant] = None
    return list(found)


def configurations_in(all_blocks: Iterable[Block], commit: str, variant: str | None) -> Set[str]:
    """The configurations (``Record.key``) in which a variant of a release was measured with it:
    those that are judged together, since together they are what one change back makes."""
    return {key for of, key, what in variants_in(all_blocks) if (of, what) == (commit, variant)}


def of_blocks(
    all_blocks: Sequence[Block],
    changed: SubjectKey,
    catalogue: Catalogue,
    threshold: float,
    *,
    comparisons: int,
) -> list[Separation]:
    """What blocks say of a variant, ``changed``, against its release as it is: a measure each, in
    the state in which they were measured last. Nothing where there are no blocks.

    ``all_blocks``: of the machine in the profile; those that are not judged tell the noise.
    ``comparisons``: how many configurations are judged together.
    """
    commit, key, variant = changed
    as_it_is = _as_it_is(changed)
    own = duets.in_one_state([block for block in all_blocks if block.reads(changed, as_it_is)])
    if not own or variant is None:
        return []
    release = catalogue.by_commit[commit]
    track = catalogue.tracks[release.track].releases
    earlier = {older.commit for older in track[: track.index(release) + 1]}
    of_state = duets.of_states(all_blocks, own[-1].states)
    others = [block for block in of_state if not block.reads(changed, as_it_is)]
    of_line = [block for block in others if block.first[1] == block.second[1] == key]
    of = own[0].of(changed)[0]
    found = []
    for measure in JUDGED:
        numbers = duets.numbers(own, changed, as_it_is, measure)
        if numbers:
            noise = duets.noise(of_line, others, measure=measure, earlier=earlier)
            found.append(
                Separation(
                    release=of.release,
                    variant=variant,
                    benchmark=of.benchmark,
                    configuration=of.words,
                    measure=measure,
                    judgement=judge_blocks(
                        numbers, noise, threshold=threshold, comparisons=comparisons
                    ),
                    processes=2 * len(numbers),
                    blocks=len(numbers),
                )
            )
    return found


def _as_it_is(variant: SubjectKey) -> SubjectKey:
    return variant[0], variant[1], None


def _separation(
    group: Sequence[Record], variant: str, measure: str, threshold: float, known: Known
) -> Separation | None:
    """What the records of one configuration in one run say of one measure; None where there are
    too few."""
    changed = [record for record in group if record.variant == variant]
    as_it_is = [record for record in group if record.variant is None]
    state = _state(changed[-1], known)
    before, after = (_processes(those, state, measure, known) for those in (changed, as_it_is))
    fewest = min(len(before), len(after))
    judgement = error = None
    if fewest >= LEAST_PROCESSES:
        both = [before, after]
        noise = estimate([], both, between_sessions([], [both]))
        judgement = judge(before, after, [], noise, threshold=threshold)
    else:
        failed = [record for record in changed if record.outcome != records.OK]
        if not failed:
            return None
        why = str(failed[0].error or failed[0].reason or "no reason is on record")
        # Without what is said beside it.
        error = one_line(why.rpartition("cannot be installed: ")[2], ERROR_WIDTH)
    return Separation(
        release=changed[0].release,
        variant=variant,
        benchmark=changed[0].benchmark,
        configuration=changed[0].words,
        measure=measure,
        judgement=judgement,
        processes=0 if judgement is None else fewest,
        error=error,
    )


def _state(record: Record, known: Known) -> State:
    """What both must share. Not the flags: a variant may be made by one."""
    return replace(state_of(record, known), flags=())


def _processes(those: Sequence[Record], state: State, measure: str, known: Known) -> list[Process]:
    return [
        Process(record.run, values[measure])
        for record in those
        if _state(record, known) == state and measure in (values := values_of(record))
    ]


def conclusion(separation: Separation, whole: Verdict | None) -> str:
    """Whether what was changed back makes a difference; where that is not sure, how much of the
    ``whole`` change it makes at most, where that is LITTLE. Why it cannot be changed back where
    that is so."""
    if separation.judgement is None:
        return f"{separation.variant} cannot be changed back: {separation.error}"
    named = things(separation.variant)
    together = len(named) > 1
    what = AND.join(named)
    if separation.judgement.outcome in CHANGED:
        return f"{what} {'make' if together else 'makes'} a difference"
    if separation.judgement.outcome == UNCHANGED:
        return f"neither {what.replace(AND, ' nor ')}" if together else f"not {what}"
    share = None if whole is None else largest_share(separation.judgement, whole)
    if share is None or share > LITTLE:
        return f"not sure about {what}"
    return f"at most {max(1, math.ceil(100 * share))} % of it is by {what}"


def explains(part: Judgement | BlockJudgement, whole: Verdict) -> bool:
    """Whether a part surely makes a difference, and as far as one can tell more of the ``whole``
    change than LITTLE, in logarithms."""
    if part.outcome not in CHANGED or whole.ratio is None:
        return False
    by_it, in_all = math.log(part.ratio), math.log(whole.ratio)
    return by_it * in_all > LITTLE * in_all**2


def largest_share(part: Judgement | BlockJudgement, whole: Verdict) -> float | None:
    """The largest share of the ``whole`` change that is the ``part``'s, by the ends of both
    intervals that favour it; None where the whole change may be none. Of the logarithms: factors
    multiply, so shares of these add up to 1."""
    if whole.low is None or whole.high is None or whole.low <= 1 <= whole.high:
        return None
    if whole.low > 1:
        return math.log(part.high) / math.log(whole.low)
    return math.log(part.low) / math.log(whole.high)
