"""The processes of one ``vggbench confirm`` or ``calibrate``, one after another.

A process is started as ``asv run`` starts it, in the same environment, under the same lock, and
leaves a record with a purpose. All records of a session have one run id: what drifts of the machine
is shared in it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .. import records
from ..checkout import Checkout
from ..errors import VggbenchError
from ..releases.catalogue import Release
from . import draft as recorder
from . import invocation, profiles, suite, timed, variables
from .suite import Configured

Say = Callable[[str], None]


class SessionError(VggbenchError):
    """Nothing can be measured, or not this."""


class Session:
    """Hold the checkout while processes are measured for ``purpose``. Use ``opened``."""

    def __init__(self, checkout: Checkout, purpose: str, say: Say):
        self._checkout = checkout
        self._purpose = purpose
        self._say = say
        self._drafts = drafts(checkout)
        self._subjects: dict[tuple[str, str], timed.Subject] = {}
        self._told: set[str] = set()

    @property
    def run(self) -> str:
        """The run id of its records."""
        return recorder.run_id()

    def measure(self, release: Release, profile: str, one: Configured) -> records.Record:
        """Run one process of a configuration, and return its record.

        Installs the release's environment where it is missing, which is said. Raises VggbenchError
        where there can be no process: no interpreter, no lock, no room, interrupted. What goes
        wrong in the process is its record's outcome.
        """
        return self.measure_subject(self.prepared(release, profile), one)

    def measure_subject(self, subject: timed.Subject, one: Configured) -> records.Record:
        """As ``measure``, of what is prepared already."""
        record = timed.run_fresh(subject, suite.identity(one), self._drafts, self._purpose)
        for what, why in record.not_sampled.items():
            self._once(f"of the GPU is not sampled: {what}: {why}")
        return record

    def forget(self) -> None:
        """Look at environments anew from now on: some may have been freed."""
        self._subjects.clear()

    def refuse(self, subject: timed.Subject, one: Configured, why: str) -> records.Record:
        """The record of a process that cannot be: of what no installer can put together."""
        return timed.refuse(subject, suite.identity(one), self._drafts, self._purpose, why)

    def prepared(self, release: Release, profile: str) -> timed.Subject:
        """The release ready to be measured; looked at once in a session."""
        key = (release.commit, profile)
        if key not in self._subjects:
            why = profiles.why_unavailable(profile)
            if why is not None:
                raise SessionError(why)
            device = profiles.device_of(profile)
            python = self._checkout.environments.ensure(release, device, self._say)
            lock = release.locks[device]
            self._subjects[key] = timed.Subject(release, profile, str(python), lock)
        return self._subjects[key]

    def _once(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._say(line)


@contextlib.contextmanager
def opened(checkout: Checkout, purpose: str, say: Say) -> Iterator[Session]:
    """A session with the checkout's run lock; raises RunInProgress where another one measures."""
    timed.asked_deadline()
    with checkout.no_run():
        recorder.collect_orphans(drafts(checkout))
        flags = variables.flags_line(os.environ)
        if flags is not None:
            say(f"{flags}, and recorded")
        yield Session(checkout, purpose, say)


def drafts(checkout: Checkout) -> Path:
    """Where the drafts of records lie that are not complete yet."""
    return Path(checkout.config.env_dir).absolute() / "open"


def configured(benchmark: str, configuration: dict[str, Any]) -> Configured:
    """The configuration that a record names, as the benchmarks have it now.

    Raises SessionError where they do not have it any more.
    """
    for one in suite.configurations().values():
        if one.key == records.key_of(benchmark, configuration):
            return one
    words = records.words_of(configuration)
    raise SessionError(
        f"{benchmark} has no configuration {words} any more: it cannot be measured again"
    )


def use_config(path: str | None) -> None:
    """Let asv's plugin read the configuration file that --config gave."""
    if path is not None:
        invocation.use_config(Path(path).absolute())
