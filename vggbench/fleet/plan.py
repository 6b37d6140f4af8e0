"""What a fleet measures, and what of it is left: fleet.toml, history.toml and the records.

``[[machines]]`` in fleet.toml says, for machines whose names match a pattern, which stages of
history.toml they measure, in which profiles, of which tracks.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..campaigns import calibrate
from ..campaigns.causes import Causes
from ..campaigns.confirm import Judging
from ..campaigns.history import history, plan
from ..campaigns.history.forecast import Forecast
from ..campaigns.history.plan import Duets, Plan, Stage
from ..checkout import Checkout
from ..errors import Say, VggbenchError, how_many, one_line
from ..judging.state import Now
from ..records import Record, tables
from ..releases.catalogue import Release
from ..runs import profiles
from ..runs.coverage import Coverage
from ..runs.local import Local
from ..runs.suite import Suite
from ..stats.policy import A_BLOCK
from .units import CALIBRATION, COMPARISON, LOOK, RUN, SEPARATION, UnitOfWork

FILE = "fleet.toml"

_KEYS = ("machines",)
_OF_MACHINES = ("name", "stages", "profiles", "tracks")

#: Seconds that a calibration takes of which nothing is known.
CALIBRATION_S = 600.0


class FleetPlanError(VggbenchError):
    """fleet.toml is not what it should be."""


@dataclass(frozen=True)
class Machines:
    """What machines measure whose names match the pattern ``name`` (fnmatch). ``stages`` are names
    of stages and of duets; ``tracks`` are names of tracks. None of them: all."""

    name: str
    stages: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    tracks: tuple[str, ...] = ()


@dataclass(frozen=True)
class FleetPlan:
    """What fleet.toml and history.toml say."""

    machines: tuple[Machines, ...]
    history: Plan


def read(checkout: Checkout) -> FleetPlan:
    """The plan of a checkout; without fleet.toml every machine measures all of history.toml. Raises
    FleetPlanError, and PlanError where history.toml is not what it should be."""
    the_plan = plan.read(checkout.root / plan.FILE, checkout.catalogue)
    path = checkout.root / FILE
    if not path.is_file():
        return FleetPlan((Machines("*"),), the_plan)
    try:
        content = tables.content_of(path)
    except (OSError, ValueError, RecursionError) as err:
        reason = getattr(err, "strerror", None) or one_line(str(err), 120)
        raise FleetPlanError(f"{path} cannot be read: {reason}; mend it") from None
    tables.require_keys("it", content, _KEYS, functools.partial(_wrong, path))
    listed = content.get("machines")
    if not isinstance(listed, list) or not listed:
        raise _wrong(path, "it has no [[machines]]")
    found = tuple(_machines(path, number, told) for number, told in enumerate(listed, 1))
    known = {
        "stages": [stage.name for stage in the_plan.stages]
        + [duets.name for duets in the_plan.duets],
        "profiles": profiles.known(checkout.config),
        "tracks": list(checkout.catalogue.tracks),
    }
    for machines in found:
        for key, names in known.items():
            for name in getattr(machines, key):
                if name not in names:
                    raise _wrong(
                        path,
                        f"{key} of the machines {machines.name} has {one_line(name, 60)}, which "
                        f"there is not; there are: {'; '.join(dict.fromkeys(names))}",
                    )
    return FleetPlan(found, the_plan)


def _machines(path: Path, number: int, told: Any) -> Machines:
    if not isinstance(told, dict) or not isinstance(told.get("name"), str) or not told["name"]:
        raise _wrong(path, f"machines {number} has no name, such as epyc-*")
    tables.require_keys(
        f"machines {number} ({told['name']})", told, _OF_MACHINES, functools.partial(_wrong, path)
    )
    lists = {}
    for key in _OF_MACHINES[1:]:
        value = told.get(key, [])
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise _wrong(path, f"machines {number} ({told['name']}): {key} is no list of names")
        lists[key] = tuple(value)
    return Machines(told["name"], **lists)


def _wrong(path: Path, what: str) -> FleetPlanError:
    return FleetPlanError(f"{path}: {what}; docs/fleet.md says what it holds")


# -- what is left


@dataclass(frozen=True, kw_only=True)
class Capability:
    """What a machine can run: ``interpreters``, CPythons by their minor versions, and ``devices``;
    and what it has ``now`` of a state. None: nobody has asked it yet, and all is taken for
    possible."""

    interpreters: Collection[str] | None = None
    devices: Collection[str] | None = None
    now: Now | None = None

    def why_not(self, release: Release, devices: Collection[str]) -> str | None:
        """Why the machine cannot run ``release`` on any of the ``devices``; None where it can."""
        if not set(devices) & set(release.devices):
            return f"no lock for {' or '.join(sorted(devices))}"
        if self.interpreters is not None and release.python not in self.interpreters:
            return f"CPython {release.python} is not on that machine"
        return None


class Planner:
    """What is left of a ``fleet`` plan, by the records in a checkout. ``processes`` and
    ``threshold``: as HistoryRequest has them."""

    def __init__(self, checkout: Checkout, fleet: FleetPlan, *, processes: int, threshold: float):
        self._checkout = checkout
        self._fleet = fleet
        self._most = max(1, processes // A_BLOCK)
        self._threshold = threshold
        self._suite = Suite(checkout.benchmark_dir)
        self._store = checkout.store()

    def left(self, machine: str, can: Capability) -> tuple[list[UnitOfWork], list[str]]:
        """The units that are left for a machine, in the order in which they are handed out; and a
        line about each release or profile that it cannot measure."""
        return self._units(machine, can, _OfMachine.left)

    def more(self, machine: str, can: Capability) -> tuple[list[UnitOfWork], list[str]]:
        """As ``left``, but only of what follows from what the others have measured: the causes of
        what is confirmed by now. What is changed back next follows from what was before."""
        return self._units(machine, can, _OfMachine.causes)

    def again(self, machine: str, can: Capability, units: list[UnitOfWork]) -> list[UnitOfWork]:
        """All of them: the process of each asks first what is on record by then."""
        return units

    def came(self, unit: UnitOfWork, status: int, message: str) -> None:
        """What is left follows from the records alone."""

    def files_of(self, unit: UnitOfWork) -> Mapping[str, str]:
        """None: all that a unit of a history measures is on a track."""
        return {}

    def _units(
        self, machine: str, can: Capability, of: _UnitsOf
    ) -> tuple[list[UnitOfWork], list[str]]:
        fleet = self._fleet
        listed = [each for each in fleet.machines if fnmatch.fnmatchcase(machine, each.name)]
        if not listed:
            return [], [f"{machine}: no [[machines]] in {FILE} matches it"]
        here = Local(
            checkout=self._checkout,
            suite=self._suite,
            store=self._store,
            machine=machine,
            say=lambda line: None,
        )
        of_machine = _OfMachine(here, can, self._forecast_by(machine), self._most, self._threshold)
        found: dict[UnitOfWork, None] = {}
        lines: dict[str, None] = {}
        for each in listed:
            for profile in each.profiles or (self._default_profile(machine, can),):
                device = profiles.device_of(profile)
                if can.devices is not None and device not in can.devices:
                    lines[f"{machine}: {profile} is left out: no {device} is there"] = None
                    continue
                units, left_out = of(of_machine, fleet.history, each, profile)
                found.update(dict.fromkeys(units))
                lines.update(dict.fromkeys(f"{machine}: {line}" for line in left_out))
        return list(found), list(lines)

    def _default_profile(self, machine: str, can: Capability) -> str:
        """The profile that asv would measure on the machine. Where nobody has asked it for its
        devices, a record in a profile of a GPU says that it has one."""
        devices = can.devices
        if devices is None:
            devices = {profiles.device_of(record.profile) for record in self._store.all(machine)}
        return profiles.default("gpu" in devices)

    def _forecast_by(self, machine: str) -> dict[str, list[Record]]:
        """The records by which the work of a machine is forecast: its own, and those of the machine
        that had most at first. With those of all, each record would be read once a machine."""
        return {name: self._store.all(name) for name in {machine, self._with_most or machine}}

    @functools.cached_property
    def _with_most(self) -> str | None:
        """The machine that has most records; None where there are none."""
        store = self._store
        return max(store.machines(), key=lambda name: len(store.all(name)), default=None)


class _OfMachine:
    """What is on record of the machine ``here``, and what that leaves of a plan."""

    def __init__(
        self,
        here: Local,
        can: Capability,
        forecast_by: Mapping[str, list[Record]],
        most: int,
        threshold: float,
    ):
        self._here = here
        self._can = can
        self._forecast_by = forecast_by
        self._most = most
        self._threshold = threshold
        self._judging = Judging(here, against=None, threshold=threshold, improved=True)

    def left(
        self, the_plan: Plan, wanted: Machines, profile: str
    ) -> tuple[list[UnitOfWork], list[str]]:
        """All that is left of a plan for the machines that are ``wanted``, in a profile; and a line
        about each release that is left out."""
        found, left_out = self._runs(_stages(the_plan, wanted), profile)
        # After the runs, for that it takes a release that this machine has measured already.
        if not calibrate.is_calibrated(self._judging.evidence(), profile):
            found.append(_calibration(profile))
        for duets in the_plan.duets:
            if not wanted.stages or duets.name in wanted.stages:
                found += self._comparisons(_of_tracks(duets, wanted.tracks), profile)
        known, without = self.causes(the_plan, wanted, profile)
        return [*found, *known], [*left_out, *without]

    def causes(
        self, the_plan: Plan, wanted: Machines, profile: str
    ) -> tuple[list[UnitOfWork], list[str]]:
        """As ``left``, of the causes that can be looked for by what is on record now."""
        here, device = self._here, profiles.device_of(profile)
        keys = plan.keys(_stages(the_plan, wanted), here.suite)
        found: list[UnitOfWork] = []
        left_out: list[str] = []
        for each in Causes(here, profile, self._threshold, keys).wanted():
            if wanted.tracks and each.release.track not in wanted.tracks:
                continue
            # It may be measured on the Python of the release before.
            why = self._can.why_not(each.change.release, [device])
            if why is not None:
                left_out.append(f"{each.name} is left out, unmeasured: {why}")
                continue
            found.append(
                UnitOfWork(
                    kind=SEPARATION,
                    profile=profile,
                    release=each.release.name,
                    variant=each.change.name,
                    lock=each.change.lock,
                    keys=tuple(question.configured.key for question in each.questions),
                    seconds=round(each.forecast_s),
                )
            )
        return found, left_out

    def _runs(self, stages: Sequence[Stage], profile: str) -> tuple[list[UnitOfWork], list[str]]:
        here = self._here
        units, left_out = plan.units(
            stages, here.catalogue, here.suite, profiles.device_of(profile), self._can.why_not
        )
        covered = Coverage(
            catalogue=here.catalogue,
            suite=here.suite,
            store=here.store,
            machine=here.machine,
            profiles=[profile],
        )
        forecast = Forecast(
            here.catalogue,
            here.suite,
            machine=here.machine,
            profile=profile,
            on_record=self._forecast_by,
        )
        return [
            UnitOfWork(
                kind=RUN,
                profile=profile,
                stage=unit.stage.name,
                release=unit.release.name,
                seconds=round(forecast.seconds(unit)),
            )
            for unit in plan.pending(units, covered)
        ], left_out

    def _comparisons(self, duets: Duets, profile: str) -> list[UnitOfWork]:
        return [
            UnitOfWork(
                kind=COMPARISON,
                profile=profile,
                stage=duets.name,
                release=planned.after.name,
                before=planned.before.name,
                key=planned.configured.key,
                words=planned.configured.words,
                seconds=round(self._judging.forecast_s(comparison)),
            )
            for planned, comparison in history.open_of(
                self._here,
                self._judging,
                duets,
                profile,
                most=self._most,
                why_not=self._can.why_not,
            )
        ]


#: What ``_OfMachine`` has left of a plan, for the machines of an entry, in a profile.
_UnitsOf = Callable[[_OfMachine, Plan, Machines, str], tuple[list[UnitOfWork], list[str]]]


def _stages(the_plan: Plan, wanted: Machines) -> list[Stage]:
    """The stages that these machines measure, without the releases of other tracks."""
    return [
        _of_tracks(stage, wanted.tracks)
        for stage in the_plan.stages
        if not wanted.stages or stage.name in wanted.stages
    ]


def _calibration(profile: str) -> UnitOfWork:
    return UnitOfWork(kind=CALIBRATION, profile=profile, seconds=CALIBRATION_S)


def _of_tracks(of: Any, tracks: Collection[str]) -> Any:
    """The stage or the duets without the releases of other tracks."""
    if not tracks:
        return of
    return replace(of, releases=tuple(each for each in of.releases if each.track in tracks))


# -- said


def show(checkout: Checkout, say: Say, *, processes: int, threshold: float) -> int:
    """Say what is left, by machine, with a forecast: of the machines that have records, and of
    those that fleet.toml names without a pattern. ``processes`` and ``threshold``: as
    HistoryRequest has them. Returns 0 where nothing is left, else 1. Raises VggbenchError, and
    UserError for a pattern of history.toml that is no regular expression."""
    fleet = read(checkout)
    planner = Planner(checkout, fleet, processes=processes, threshold=threshold)
    names = set(checkout.store().machines())
    named = {each.name for each in fleet.machines if not any(char in each.name for char in "*?[")}
    status = 0
    for machine in sorted(names | named):
        if not any(fnmatch.fnmatchcase(machine, each.name) for each in fleet.machines):
            continue
        units, lines = planner.left(machine, Capability())
        for line in lines:
            say(line)
        say(f"{machine}: {forecast_text(units)}")
        status = max(status, 1 if units else 0)
    unknown = [each.name for each in fleet.machines if each.name not in named]
    if unknown:
        say(
            f"Nothing is said of machines that have no records yet and match {', '.join(unknown)}: "
            f"what is left for them is known when they are connected"
        )
    return status


def forecast_text(units: Sequence[UnitOfWork]) -> str:
    """What ``units`` are, and what they are likely to take."""
    if not units:
        return "nothing is left"
    counts = [
        how_many(count, kind)
        for kind in (RUN, COMPARISON, CALIBRATION, SEPARATION, LOOK)
        if (count := sum(unit.kind == kind for unit in units))
    ]
    known = [unit.seconds for unit in units if unit.seconds]
    return f"{', '.join(counts)} left, {history.cost_of(known, len(units))}"
