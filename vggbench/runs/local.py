"""This machine, in one checkout: what it can run, and processes one after another that it runs.

A process of ``vggbench confirm`` or ``calibrate`` is started as ``asv run`` starts it, in the
same environment, under the same lock, and leaves a record with a purpose. All records of a runner
have one run id: they are one session, which shares what drifts of the machine.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from .. import records
from ..checkout import Checkout
from ..errors import VggbenchError
from ..records import Record, Store
from ..releases import interpreters
from ..releases.catalogue import Catalogue, Release
from . import draft, duet, processor, profiles, timed, variables
from .duet import DuetRecords, Patience, Subject
from .installation import Installation
from .run import Run, new_id
from .suite import Configured, Suite

Say = Callable[[str], None]

#: The purposes of processes that count nowhere where another one measured beside them.
COUNTED_ALONE = (records.DUET, records.CONFIRM)


class CannotMeasure(VggbenchError):
    """Nothing can be measured here, or not this configuration."""


class Runner:
    """Runs processes for a purpose, all of one run. ``Local.runner`` makes it, and holds the
    checkout meanwhile."""

    def __init__(self, checkout: Checkout, run: Run, say: Say):
        self.run = run
        self._checkout = checkout
        self._say = say
        self._prepared: dict[tuple[str, str], Installation] = {}
        self._told: set[str] = set()

    def measure(self, release: Release, profile: str, configured: Configured) -> Record:
        """Run one process of a configuration, and return its record.

        Installs the release's environment where it is missing, which is said. Raises VggbenchError
        where there can be no process: no interpreter, no lock, no room, interrupted. What goes
        wrong in the process is its record's outcome.
        """
        return self.measure_installed(self.prepared(release, profile), configured)

    def measure_installed(self, installation: Installation, configured: Configured) -> Record:
        """As ``measure``, of what is prepared already."""
        record = timed.run_fresh(self.run, installation, configured)
        for what, why in record.not_sampled.items():
            self._once(f"of the GPU is not sampled: {what}: {why}")
        return record

    def block(
        self,
        subjects: tuple[Subject, Subject],
        step_s: float | None = None,
        *,
        patience: Patience | None = None,
    ) -> list[DuetRecords]:
        """Run a block of duets, and return its records, duet by duet; raises as ``measure``.
        ``step_s``: seconds that a step is known to take. ``patience``: with a busy machine."""
        return duet.block(self.run, subjects, pairs=duet.pairs_for(step_s), patience=patience)

    def forget(self) -> None:
        """Look at environments anew from now on: some may have been freed."""
        self._prepared.clear()

    def refuse(self, installation: Installation, configured: Configured, why: str) -> Record:
        """The record of a process that cannot be: of what no installer can put together."""
        return timed.refuse(self.run, installation, configured, why)

    def prepared(self, release: Release, profile: str) -> Installation:
        """The release ready to be measured; each is looked at once."""
        key = (release.commit, profile)
        if key not in self._prepared:
            why = profiles.why_unavailable(profile, self._checkout.config)
            if why is not None:
                raise CannotMeasure(why)
            device = profiles.device_of(profile)
            python = self._checkout.environments.ensure(release, device, self._say)
            self._prepared[key] = Installation(
                release=release,
                profile=profile,
                interpreter=str(python),
                lock=release.locks[device],
            )
        return self._prepared[key]

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._say(line)


@dataclass(frozen=True, kw_only=True)
class Local:
    """This machine in a checkout, as asv calls it, with the benchmarks and the records there, and
    where lines for the user go."""

    checkout: Checkout
    suite: Suite
    store: Store
    machine: str
    say: Say

    @staticmethod
    def of(checkout: Checkout, machine: str, say: Say) -> Local:
        return Local(
            checkout=checkout,
            suite=Suite(checkout.benchmark_dir),
            store=checkout.store(),
            machine=machine,
            say=say,
        )

    @property
    def catalogue(self) -> Catalogue:
        return self.checkout.catalogue

    @property
    def profiles(self) -> list[str]:
        """Those that the user asks for. Raises UserError for one that is none."""
        return profiles.asked(self.checkout.config)

    @contextlib.contextmanager
    def runner(self, purpose: str, *, run_id: str | None = None) -> Iterator[Runner]:
        """A runner, which holds the checkout and the machine. Raises RunInProgress where another
        process measures, and OtherProcessor where the machine was measured on another processor.

        ``run_id``: the run that its records belong to, where that has begun already.
        """
        timed.asked_deadline()
        with self.checkout.measuring(may_be_beside=purpose not in COUNTED_ALONE):
            processor.require_known(self.checkout.results_dir, self.machine)
            draft.collect_orphans(self.checkout.drafts_dir)
            flags = variables.flags_message(os.environ)
            if flags is not None:
                self.say(f"{flags}, and recorded")
            run = Run(
                results_dir=self.checkout.results_dir,
                machine=self.machine,
                suite=self.suite,
                drafts=self.checkout.drafts_dir,
                id=run_id or new_id(),
                purpose=purpose,
            )
            yield Runner(self.checkout, run, self.say)

    def configured(self, benchmark: str, configuration: dict[str, Any]) -> Configured:
        """The configuration that a record names, as the benchmarks have it now.

        Raises CannotMeasure where they do not have it any more.
        """
        for configured in self.suite.configurations.values():
            if configured.key == records.key_of(benchmark, configuration):
                return configured
        words = records.words_of(configuration)
        raise CannotMeasure(
            f"{benchmark} has no configuration {words} any more: it cannot be measured again"
        )


def why_not_here(release: Release, devices: Collection[str]) -> str | None:
    """Why this machine cannot run ``release`` on one of the ``devices``: a text that follows its
    name and a colon. None where it can."""
    if not set(devices) & set(release.locks):
        return f"no lock for {' or '.join(sorted(devices))}"
    if interpreters.find(release.python) is None:
        return (
            f"CPython {release.python} is not on this machine; "
            f"get it with: {interpreters.how_to_get(release.python)}"
        )
    return None
