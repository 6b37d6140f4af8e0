"""``vggbench history``: have asv measure what history.toml lists, release by release, sitting by
sitting, until all of it is there; then compare releases by duets, and separate causes of changes.

What was measured is not measured again. Killed at any moment and started again, it goes on with the
process that was running: asv is answered the others from their records.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ... import records
from ...checkout import Checkout
from ...errors import Say, VggbenchError, how_many, some_of
from ...records import stretches
from ...releases.catalogue import Lock, Release
from ...runs import machines, profiles
from ...runs.asv_command import INTERRUPTED, Asv
from ...runs.coverage import Coverage
from ...runs.local import Local
from ...runs.processor import processor
from ...runs.run import RESUME_VARIABLE
from ...runs.suite import Configured, Suite
from ...stats.chain import LEAST_BLOCKS_A_LINK
from .. import answering, causes
from ..answering import Answer, Comparison
from ..budget import Budget, duration_text
from ..causes import Causes, Left, Place, Wanted
from ..confirm import Judging, Limits, answer
from . import anchors, plan, sittings
from .forecast import Forecast, guess_bytes
from .plan import Plan, Unit

#: Exit statuses besides 0, that all is measured: more is left to do; something went wrong.
LEFT, TROUBLE = 1, 2

#: Below so many free bytes nothing is installed: a disk that fills up ends in half results.
LEAST_FREE = 5_000_000_000


class HistoryError(VggbenchError):
    """The history cannot go on."""

    status = TROUBLE


@dataclass(frozen=True, kw_only=True)
class HistoryRequest:
    """``machine``: a name for this machine. ``stages``: their names; all of the plan where there
    are none. ``environments``: bytes that environments may take at once. ``processes``: to confirm
    one configuration, at most. ``verbose``: a dry run lists each run and each comparison."""

    machine: str | None
    stages: list[str]
    budget: Budget
    environments: int
    processes: int
    threshold: float
    dry_run: bool
    verbose: bool = False


def run(checkout: Checkout, asked: HistoryRequest, say: Say) -> int:
    """Returns the exit status: 0 when all is measured and nothing went wrong, LEFT, TROUBLE, or 130
    after Ctrl-C. Raises VggbenchError where nothing can be measured."""
    if asked.verbose and not asked.dry_run:
        raise HistoryError("--verbose is for --dry-run, which says what is left; give both")
    history = begin(checkout, asked, say)
    stages = plan.stages(history.plan, asked.stages)
    duets = plan.duets(history.plan, asked.stages)
    units, left_out = plan.units(stages, checkout.catalogue, history.suite, history.device)
    for line in left_out:
        say(line)
    left = history.left(units)
    history.say_forecast(units, left)
    if asked.dry_run:
        return history.say_what_is_left(stages, duets, left)
    if left:
        status = history.measure(units, left)
        if status != 0:
            return status
    return history.judge(stages, duets)


def begin(checkout: Checkout, asked: HistoryRequest, say: Say) -> History:
    """The history of this machine, which nothing is measured of yet. Unless this is a dry run, asv
    is told the machine's name where it does not know it. Raises VggbenchError where nothing can be
    measured."""
    the_plan = plan.read(checkout.root / plan.FILE, checkout.catalogue)
    plan.stages(the_plan, asked.stages)  # a name that is none ends here
    profile = _profile(checkout)
    with checkout.holding_run_lock() if asked.dry_run else checkout.measuring():
        pass  # another one that measures is met here
    machine = machines.name_of(checkout, asked.machine)
    before = stretches.sittings(checkout.results_dir, machine)
    sittings.require_the_processor(before, machine)
    if not asked.dry_run:
        machines.tell_asv(checkout, machine, say)
    here = Local.of(checkout, machine, say)
    return History(here, the_plan, asked, profile, before)


def open_of(
    here: Local,
    judging: Judging,
    listed: plan.Duets,
    profile: str,
    *,
    most: int,
    why_not: plan.WhyNot | None = None,
) -> list[tuple[plan.PlannedComparison, Comparison]]:
    """The comparisons of ``listed`` that are not answered yet, in their order: as they are planned,
    and as they are judged. ``most``: blocks of each. ``why_not``: as ``plan.comparisons`` has
    it."""
    device = profiles.device_of(profile)
    found = []
    for planned in plan.comparisons(listed, here.catalogue, here.suite, device, why_not):
        comparison = judging.comparison(
            planned.before,
            planned.after,
            profile,
            planned.configured,
            least=LEAST_BLOCKS_A_LINK if listed.chain else 0,
            most=most,
            budget_s=listed.budget_s,
        )
        if judging.is_open(comparison):
            found.append((planned, comparison))
    return found


def _profile(checkout: Checkout) -> str:
    asked = profiles.asked(checkout.config)
    if len(asked) > 1:
        raise HistoryError(
            f"{profiles.VARIABLE}={' '.join(asked)}: a history is of one profile; give one"
        )
    return asked[0]


class History:
    """What goes on of one history in this process. ``before``: the machine's sittings so far."""

    def __init__(
        self,
        here: Local,
        the_plan: Plan,
        asked: HistoryRequest,
        profile: str,
        before: list[dict[str, Any]],
    ):
        self._here = here
        self._checkout = checkout = here.checkout
        self.plan = the_plan
        self._asked = asked
        self.machine = machine = here.machine
        self.profile = profile
        self._say = here.say
        self._asv = Asv(checkout)
        self._taken: list[records.Record] = []
        store = here.store
        self._elsewhere = {
            other: store.all(other) for other in store.machines() if other != machine
        }
        self._read()
        #: The sitting that this process measures in, once it has one: before that, the last one.
        self._sitting = sittings.going_on(before, self._taken, _now())

    def _read(self) -> None:
        self._taken = self._here.store.all(self.machine)
        self._forecast = Forecast(
            self._checkout.catalogue,
            self.suite,
            machine=self.machine,
            profile=self.profile,
            on_record={**self._elsewhere, self.machine: self._taken},
        )

    @property
    def suite(self) -> Suite:
        return self._here.suite

    @property
    def device(self) -> str:
        return profiles.device_of(self.profile)

    def left(self, units: Sequence[Unit]) -> list[Unit]:
        """Those of the ``units`` that are not all measured."""
        covered = Coverage.of(self._checkout, self.suite, self._here.store, self.machine)
        return plan.pending(units, covered)

    def seconds(self, units: Iterable[Unit]) -> float:
        """What they are likely to take."""
        return sum(self._forecast.seconds(unit) for unit in units)

    def runs(self, left: list[Unit]) -> list[Unit]:
        """The runs of asv that measuring ``left`` takes, in order: a neighbour that an earlier
        sitting measured comes again, before its unit."""
        coming = {(unit.stage.name, unit.release.commit) for unit in left}
        found = []
        for unit in left:
            if unit.before and (unit.stage.name, unit.before.commit) not in coming:
                found += self._neighbour(unit)
            found.append(unit)
        return found

    def forecast(self, units: list[Unit], left: list[Unit]) -> str:
        """How much is done, and what the rest takes of time and disk."""
        return self._forecast_in(self._room(left), units, left)

    def say_forecast(self, units: list[Unit], left: list[Unit]) -> None:
        """Say the ``forecast``, and whether the environments may need more disk than there is."""
        room = self._room(left)  # looks at every file of the environments
        forecast = self._forecast_in(room, units, left)
        self._say(f"The history of {self.machine}, {self.profile}: {forecast}")
        warning = lacks_room(*room)
        if warning is not None:
            self._say(warning)

    def _forecast_in(self, room: tuple[int, int, int], units: list[Unit], left: list[Unit]) -> str:
        """The ``forecast``, where ``_room`` is known."""
        runs = self.runs(left)
        held, most, free = room
        return (
            f"{len(units) - len(left)} of {len(units)} runs are done; the rest takes about "
            f"{duration_text(self.seconds(runs))}, up to {most / 1e9:.0f} GB of environments at "
            f"once (now {held / 1e9:.1f} GB; {free / 1e9:.0f} GB are free) and about "
            f"{self._forecast.result_bytes(runs) / 1e6:.1f} MB of results"
        )

    def _room(self, left: Iterable[Unit]) -> tuple[int, int, int]:
        """(bytes that environments take now, that they may come to take at once, that are free)."""
        held = sum(environment.size for environment in self._checkout.environments.all())
        coming = {
            (unit.release.commit, lock.name): guess_bytes(lock)
            for unit in left
            for lock in self._locks(unit)
        }
        most = min(self._asked.environments, held + sum(coming.values()))
        return held, most, shutil.disk_usage(self._checkout.root).free

    def say_what_is_left(
        self, stages: list[plan.Stage], duets: list[plan.Duets], left: list[Unit]
    ) -> int:
        """Say what is left by stage, and by name where the user wants that; returns the exit status
        of a dry run."""
        verbose = self._asked.verbose
        for name, runs in itertools.groupby(self.runs(left), lambda unit: unit.stage.name):
            own = list(runs)
            self._say(
                f"  {name}: {how_many(len(own), 'run')}, about {duration_text(self.seconds(own))}"
            )
            for unit in own if verbose else ():
                self._say(f"    {unit.name}: about {duration_text(self.seconds([unit]))}")
        is_open = False
        for listed in duets:
            wanted = self.pending([listed])
            if wanted:
                is_open = True
                self._say(f"To compare by duets, {listed.name}: {self.forecast_of(wanted)}")
            for comparison in wanted if verbose else ():
                self._say(f"    {comparison.name}")
        to_separate = self.causes(stages).wanted()
        if to_separate:
            self._say(causes.plan(to_separate, self._asked.budget))
        if (left or is_open) and not verbose:
            self._say("With --verbose each run and each comparison is listed.")
        return LEFT if left or is_open or to_separate else 0

    def measure(self, units: list[Unit], left: list[Unit]) -> int:
        """Measure what is ``left`` of the ``units``, in a sitting; returns the exit status."""
        sitting = self._sitting = sittings.begin(
            self._checkout.results_dir, self.machine, self._sitting, _now()
        )
        goes_on = "goes on" if sitting.goes_on else "begins"
        self._say(f"Sitting {sitting.run} {goes_on}, on {processor()['model name']}.")
        anchors.measure(self._here, self.plan, self.profile, sitting.run)
        for line in anchors.report(
            self._here,
            self.plan,
            self.profile,
            sitting.run,
            self._asked.threshold,
        ):
            self._say(line)
        lacking = []
        for number, unit in enumerate(left):
            # Neighbours are measured in one sitting: what lies between is not the releases' doing.
            together = [*self._neighbour(unit), unit]
            if not self._asked.budget.allows(self.seconds(together)):
                self._say(f"The budget is spent: {self.forecast(units, left[number:])}.")
                self._say("Run the same command again to go on.")
                return LEFT
            for next_unit in together:
                self._measure(next_unit)
                if self._asv.interrupted:
                    return INTERRUPTED
            if self.left([unit]):
                lacking.append(unit)
                self._say(f"{unit.name} is not all measured; why is said above")
            self._say(f"{unit.name} done; {self.forecast(units, left[number + 1 :])}")
        if lacking:
            names = ", ".join(unit.name for unit in lacking)
            self._say(f"Not all measured: {names}. Run the same command again to try once more.")
            return TROUBLE
        return 0

    def _neighbour(self, unit: Unit) -> list[Unit]:
        """The release before, where it was last measured in an earlier sitting."""
        before = unit.before
        if before is None:
            return []
        wanted = self._own(Unit(unit.stage, before, None))
        answered = {
            record.key
            for record in self._of_sitting()
            if record.commit == before.commit
            and record.outcome != records.INTERRUPTED
            and (
                record.outcome != records.OK
                or record.round == self._forecast.rounds(record.benchmark)
            )
        }
        if all(configured.key in answered for configured in wanted):
            return []
        return [Unit(unit.stage, before, None)]

    def _own(self, unit: Unit) -> list[Configured]:
        """The timed configurations of the unit."""
        return plan.own(unit.stage, unit.release, self._checkout.catalogue, self.suite)

    def _of_sitting(self) -> list[records.Record]:
        """What runs of asv have recorded in this sitting."""
        sitting = self._sitting
        if sitting is None:
            return []
        return [
            record
            for record in self._taken
            if record.is_ordinary
            and record.profile == self.profile
            and (record.began or sitting.started) >= sitting.started
        ]

    def _measure(self, unit: Unit) -> None:
        """Have asv measure it, going on with what was cut off in this sitting."""
        self._make_room(unit)
        wanted = {configured.key for configured in self._own(unit)}
        runs = [
            record.run
            for record in self._of_sitting()
            if record.commit == unit.release.commit and record.key in wanted
        ]
        bench = [word for pattern in unit.stage.bench for word in ("--bench", pattern)]
        arguments = ["run", "--record-samples", *bench, unit.release.name]
        self._say(f"{unit.name}: asv run")
        variables = {
            profiles.VARIABLE: self.profile,
            RESUME_VARIABLE: runs[-1] if runs else "",
        }
        status = self._asv(*arguments, variables=variables)
        if status != 0 and not self._asv.interrupted:
            self._say(f"asv run {unit.release.name} ended with {status}")
            with self._checkout.measuring():
                pass  # another one that began to measure meanwhile refuses the next ones too
        self._read()

    def _make_room(self, unit: Unit) -> None:
        """Free environments, longest unused first, before those of the unit take more than is
        allowed. Raises HistoryError where the disk is full whatever is freed."""
        installed = self._checkout.environments.installed
        locks = self._locks(unit)
        if all(installed(unit.release, lock.name) is not None for lock in locks):
            return
        with self._checkout.holding_run_lock():
            self._free(unit.name, sum(map(guess_bytes, locks)))

    def _locks(self, unit: Unit) -> list[Lock]:
        """The locks whose environments asv takes for a unit: that without a backend,
        and those of the backends of its configurations."""
        device = self.device
        backends = {None, *(configured.backend for configured in self._own(unit))}
        locks = (unit.release.lock_for(device, backend) for backend in backends)
        return list({lock.name: lock for lock in locks if lock is not None}.values())

    def _free(self, name: str, coming: int) -> None:
        """Free environments before so many bytes are installed for what is called ``name``."""
        keep = self._asked.environments - coming
        # 0 would free what was compiled for each, too, which is kept for their next time.
        for freed in self._checkout.environments.prune(max(1, keep)):
            self._say(str(freed))
        folder = self._checkout.env_dir
        free = shutil.disk_usage(folder if folder.is_dir() else self._checkout.root).free
        if free < LEAST_FREE:
            raise HistoryError(
                f"{name} is not measured: {free / 1e9:.1f} GB are free of the "
                f"{LEAST_FREE / 1e9:.0f} GB that are kept free; make room: "
                f"vggbench releases prune --all --cache"
            )

    def _make_room_for_two(self, name: str, both: Sequence[tuple[Release, Lock]]) -> None:
        """Free environments for two releases that are compared, while a runner of this process
        holds the checkout. Nothing is freed where the environments of both are there."""
        installed = self._checkout.environments.installed
        if not all(installed(release, lock.name) for release, lock in both):
            self._free(name, sum(guess_bytes(lock) for _, lock in both))

    def _make_room_for_variant(self, wanted: Wanted) -> None:
        """Free environments for a variant, which is made each time, beside the release as it is."""
        release, lock = wanted.release, wanted.release.locks[wanted.change.lock]
        is_there = self._checkout.environments.installed(release, lock.name) is not None
        self._free(wanted.name, (1 if is_there else 2) * guess_bytes(lock))

    def judge(self, stages: list[plan.Stage], duets: list[plan.Duets]) -> int:
        """All of the ``stages`` is measured: compare what the ``duets`` list, and look for the
        causes of what changed; returns the exit status."""
        answers = self._compare(duets)
        for line in answering.open_messages(answers):
            self._say(line)
        if any(answer.out_of_budget for answer in answers):
            self._say("The budget is spent while comparing: run the same command again to go on.")
            return LEFT
        found = self.causes(stages)
        left = found.separate_all(self._asked.budget, self._make_room_for_variant)
        if left.out_of_budget:
            self._say("The budget is spent while separating: run the same command again to go on.")
            return LEFT
        if left.names:
            names = some_of(left.names, causes.MOST_NAMES)
            self._say(f"Not separated: {names}. Run the same command again to try once more.")
            return TROUBLE
        if failed := [answer.comparison.name for answer in answers if answer.failed]:
            names = some_of(failed, answering.MOST_NAMES)
            self._say(f"Not compared: {names}. Run the same command again to try once more.")
            return TROUBLE
        not_sure = sum(answer.why is not None for answer in answers)
        parted = found.separated()
        self._say(
            f"{_all_of(self._asked.stages)} is measured. Not answered of "
            f"{how_many(len(answers), 'comparison')} made now: {not_sure}. Something else changed "
            f"together with {len(found.changes)} confirmed changes; its share is measured for "
            f"{parted} of them."
        )
        self._say("The pages: asv publish && vggbench preview")
        return 0

    def pending(self, duets: list[plan.Duets]) -> list[Comparison]:
        """The comparisons of ``duets`` that are not answered yet, in their order."""
        return [
            comparison
            for listed in duets
            for _, comparison in open_of(
                self._here, self._judging, listed, self.profile, most=self._limits.blocks
            )
        ]

    def forecast_of(self, wanted: list[Comparison]) -> str:
        """How many comparisons these are, and what they are likely to take."""
        judging = self._judging
        known = [seconds for comparison in wanted if (seconds := judging.forecast_s(comparison))]
        return f"{how_many(len(wanted), 'comparison')}, {cost_of(known, len(wanted))}"

    @functools.cached_property
    def _judging(self) -> Judging:
        """One for all: it gathers the evidence anew only where something came since."""
        return Judging(self._here, against=None, threshold=self._asked.threshold, improved=True)

    @property
    def _limits(self) -> Limits:
        return Limits(
            max(0.0, self._asked.budget.left_s),
            self._asked.processes,
            make_room=self._make_room_for_two,
            is_rest=True,
        )

    def _compare(self, duets: list[plan.Duets]) -> list[Answer]:
        """Stage by stage, so that a history that is not whole yet is whole in its first."""
        answers: list[Answer] = []
        for listed in duets:
            wanted = self.pending([listed])
            if wanted:
                self._say(f"Duets, {listed.name}: {how_many(len(wanted), 'comparison')}")
                answers += self.compare(wanted)
        return answers

    def compare(self, wanted: Sequence[Comparison]) -> list[Answer]:
        """Answer the comparisons ``wanted`` by duets."""
        return answer(self._judging, wanted, self._limits)

    def causes(self, stages: list[plan.Stage]) -> Causes:
        """Of what is confirmed in the configurations of the ``stages``."""
        return self._causes_in(plan.keys(stages, self.suite))

    def separate(self, place: Place, keys: Collection[str]) -> Left:
        """Measure the one cause at this ``place``, in those of the configurations with these
        ``keys`` in which it is wanted; returns what is not separated of it."""
        found = self._causes_in(set(keys))
        return found.separate_one(place, self._asked.budget, self._make_room_for_variant)

    def _causes_in(self, keys: set[str]) -> Causes:
        return Causes(self._here, self.profile, self._asked.threshold, keys)


def lacks_room(held: int, most: int, free: int) -> str | None:
    """A message where environments, which take ``held`` bytes now, may come to take ``most``, and
    so few are ``free`` that they cannot; else None."""
    fits = held + max(0, free - LEAST_FREE)
    if most <= fits:
        return None
    whole = int(fits / 1e9)
    less = f", or let them take less at once: --environments {whole}G" if whole else ""
    return (
        f"The disk may be too small for that: it has room for {fits / 1e9:.0f} GB of environments, "
        f"since {LEAST_FREE / 1e9:.0f} GB are kept free; make room: vggbench releases prune --all "
        f"--cache{less}"
    )


def cost_of(known: Sequence[float], count: int) -> str:
    """What ``count`` things are likely to take. ``known``: the seconds of those of which something
    is on record."""
    unknown = count - len(known)
    if not known:
        return f"nothing is on record of {'it' if count == 1 else 'them'}"
    about = f"about {duration_text(sum(known))}"
    if not unknown:
        return about
    return f"{about} for {len(known)} of them; nothing is on record of the other {unknown}"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _all_of(stages: list[str]) -> str:
    return f"All of {' and of '.join(map(repr, stages))}" if stages else "All"
