"""This machine in a checkout: what it can run, and a runner of processes.

A process of ``vggbench confirm`` or ``calibrate`` is started as ``asv run`` starts it, in the same
environment and under the same lock. It leaves a record with a purpose. All records of a runner have
one run id: they are one session, whose processes share what drifts of the machine.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import records
from ..checkout import Checkout
from ..errors import Say, VggbenchError
from ..inside import profilers
from ..records import Record, Store
from ..releases import interpreters
from ..releases.catalogue import Catalogue, Release
from ..releases.environments import Impossible, require_lock
from . import draft, duet, own_interpreter, processor, profiles, timed, variables
from .duet import BothRecords, MayWait, Subject
from .installation import Installation
from .run import Run, new_id
from .suite import Configured, Suite

#: The purposes of processes that are no evidence where another process measured beside them.
COUNTED_ALONE = (records.DUET, records.CONFIRM, *records.APART)


class CannotMeasure(VggbenchError):
    """Nothing can be measured on this machine, or this configuration cannot be."""


class Runner:
    """Runs processes for a purpose, all of one run. ``Local.runner`` makes a runner, and holds the
    locks of the checkout and of the machine as long as it is used."""

    def __init__(
        self, checkout: Checkout, run: Run, say: Say, own: Mapping[str, str] | None = None
    ):
        self.run = run
        self._checkout = checkout
        self._own = own or {}
        self._say = say
        self._prepared: dict[tuple[str, str, str | None], Installation] = {}
        self._messages: set[str] = set()

    def measure(self, release: Release, profile: str, configured: Configured) -> Record:
        """Run one process of a configuration, and return its record.

        Installs the environment of the release where it is missing, with a message to the user.
        Raises VggbenchError where there can be no process: no interpreter, no lock, no room,
        interrupted. Anything that goes wrong in the process is the outcome of its record.
        """
        return self.measure_installed(self.prepared(release, profile, configured), configured)

    def measure_installed(self, installation: Installation, configured: Configured) -> Record:
        """Run one process of a configuration in an installation, and return its record.

        Raises VggbenchError where the process cannot be run or recorded, or was interrupted.
        Anything that goes wrong in the process is the outcome of its record.
        """
        record = timed.run_fresh(self.run, installation, configured)
        for message in record.not_sampled_messages:
            self._say_once(message)
        return record

    def block(
        self,
        subjects: tuple[Subject, Subject],
        step_s: float | None = None,
        *,
        patience: MayWait | None = None,
    ) -> list[BothRecords]:
        """Run a block of duets, and return its records, duet by duet.

        ``step_s``: seconds that a step is known to take. ``patience``: how long to wait while the
        machine is busy; without it the block goes on however busy the machine is. Raises
        VggbenchError where the processes cannot be run or recorded, or were interrupted.
        """
        pairs = duet.pairs_for(step_s)
        if self.run.purpose == records.EXPLAIN:
            pairs += profilers.PLAIN_STEPS  # which are not traced
        return duet.block(self.run, subjects, pairs=pairs, patience=patience)

    def forget(self) -> None:
        """Look at environments anew from now on, because some may have been removed."""
        self._prepared.clear()

    def refuse(self, installation: Installation, configured: Configured, why: Impossible) -> Record:
        """Append and return a failed record of a configuration whose environment cannot be made.
        ``why`` is its error."""
        return timed.refuse(self.run, installation, configured, why)

    def prepared(self, release: Release, profile: str, configured: Configured) -> Installation:
        """The installation of a release that a configuration is measured in, in a profile: that of
        its backend's lock, or the interpreter that the user gave for the release. It is made at the
        first call and kept.

        Raises CannotMeasure where this machine does not measure the profile, and VggbenchError
        where the environment cannot be made, or the interpreter brings another version.
        """
        device, backend = profiles.device_of(profile), configured.backend
        own = self._own.get(release.name)
        # An interpreter of the user's serves all backends, and is asked for its version once.
        lock = release.lock_for(device, backend) if own is None else None
        key = (release.commit, profile, None if lock is None else lock.name)
        if key not in self._prepared:
            why = profiles.why_unavailable(profile, self._checkout.config)
            if why is not None:
                raise CannotMeasure(why)
            if own is not None:
                own_interpreter.check_version(own, release, self._checkout.catalogue)
                python = own
            else:
                lock = require_lock(release, device, backend)
                made = self._checkout.environments.ensure(release, lock.name, self._say)
                python = str(made)
            self._prepared[key] = Installation(
                release=release, profile=profile, interpreter=python, lock=lock
            )
        return self._prepared[key]

    def _say_once(self, message: str) -> None:
        if message not in self._messages:
            self._messages.add(message)
            self._say(message)


@dataclass(frozen=True, kw_only=True)
class Local:
    """This machine in a checkout, with the benchmarks and the records there.

    ``machine`` is asv's name of this machine. ``say`` gets each message for the user.
    """

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
        """The profiles that the user asks for. Raises UserError for one that asv.conf.json does not
        list."""
        return profiles.asked(self.checkout.config)

    def one_profile(self, what: str) -> str:
        """The profile that the user asks for, of ``what``, which has one: "a duet". Raises
        CannotMeasure where the user asks for several, and UserError."""
        asked = self.profiles
        if len(asked) > 1:
            raise CannotMeasure(
                f"{profiles.VARIABLE}={' '.join(asked)}: {what} is of one profile; give one"
            )
        return asked[0]

    @contextlib.contextmanager
    def runner(
        self,
        purpose: str,
        *,
        run_id: str | None = None,
        own: Mapping[str, str] | None = None,
        traces: Path | None = None,
    ) -> Iterator[Runner]:
        """A context with a runner, which holds the locks of the checkout and of the machine.

        ``run_id``: the id of the run that the records belong to, where that run has begun already.
        ``own``: by the names of releases, the paths of interpreters that the user gave for them.
        ``traces``: the folder in which the files of profilers stay. Raises RunInProgress where
        another process measures, and OtherProcessor where the machine was measured on another
        processor.
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
                traces=traces,
            )
            yield Runner(self.checkout, run, self.say, own)

    def configured(self, benchmark: str, configuration: dict[str, Any]) -> Configured:
        """The configuration that a record names, as the benchmarks have it now.

        Raises CannotMeasure where the benchmarks no longer have it.
        """
        for configured in self.suite.configurations.values():
            if configured.key == records.key_of(benchmark, configuration):
                return configured
        words = records.words_of(configuration)
        raise CannotMeasure(
            f"{benchmark} has no configuration {words} any more: what is on record of it stays, "
            f"and it is not measured again"
        )


def why_not_here(release: Release, devices: Collection[str]) -> str | None:
    """Why this machine cannot run ``release`` on any of the ``devices``: a phrase that follows the
    name of the release and a colon. None where it can."""
    if not set(devices) & set(release.devices):
        return f"no lock for {' or '.join(sorted(devices))}"
    if interpreters.find(release.python) is None:
        return (
            f"CPython {release.python} is not on this machine; "
            f"get it with: {interpreters.how_to_get(release.python)}"
        )
    return None
