"""Which releases have a complete result on a machine: those that ``asv run NEW`` leaves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asv import environment, results, util
from asv.console import log

from .. import frameworks, records
from ..checkout import Checkout
from ..inside.measure import SAMPLED
from ..releases.catalogue import Catalogue, Release
from . import profiles
from .suite import Configured, Suite, is_of_track

TOOL_NAME = "release"

#: asv's "python" of every release, so that all releases of a track form one line of the graph.
PYTHON = "locked"

#: What a record answered: commit, profile, the benchmark's family, its version, and the
#: configuration as JSON.
Answered = tuple[str, str, str, str, str]


def environment_name(profile: str) -> str:
    """asv's name of the environment that measures ``profile``. It is part of the file names of
    asv's results."""
    return str(
        environment.get_env_name(TOOL_NAME, PYTHON, {}, {("nobuild", profiles.VARIABLE): profile})
    )


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Whether the releases of ``catalogue`` have results on ``machine`` for the benchmarks of
    ``suite`` in ``profiles``.

    The answers are in the ``store`` of records and in asv's results, which lie in the same folder.
    ``machine`` is None where asv does not know this machine yet.
    """

    catalogue: Catalogue
    suite: Suite
    store: records.Store
    machine: str | None
    profiles: Sequence[str]

    @staticmethod
    def of(checkout: Checkout, suite: Suite, store: records.Store, machine: str) -> Coverage:
        """The coverage on ``machine`` in ``checkout``, in the profiles that the user asks for.
        Raises UserError for a profile that does not exist."""
        return Coverage(
            catalogue=checkout.catalogue,
            suite=suite,
            store=store,
            machine=machine,
            profiles=profiles.asked(checkout.config),
        )

    def incomplete(self, releases: Sequence[Release], patterns: Sequence[str]) -> list[Release]:
        """Those of ``releases`` that have neither a number nor an n/a nor a failure for some
        configuration.

        The configurations are those of the release's own track that ``patterns`` select, as
        ``--bench`` does. asv stores the same NaN for n/a and for what was not asked for, so records
        tell these two apart.
        """
        if self.machine is None:
            return list(releases)
        wanted = self.suite.selected(patterns)
        answered = self._answered(self.machine)

        def is_complete(release: Release) -> bool:
            of_track = [
                configured
                for configured in wanted
                if is_of_track(configured.benchmark, release, self.catalogue)
            ]
            return all(
                self._complete(release, profile, of_track, answered) for profile in self.profiles
            )

        return [release for release in releases if not is_complete(release)]

    def _answered(self, machine: str) -> set[Answered]:
        """Every n/a and failure on record.

        For a timed process whose GPU was sampled, the by-products of that sampling are answered
        too, whether or not it told them: these have the benchmark's whole name instead of its
        family.
        """
        answered: set[Answered] = set()
        for record in self.store.all(machine, log.warning):
            # What the machine lacked then may be there now.
            if not record.is_ordinary or record.lacked is not None or record.excluded is not None:
                continue
            # A lock that came since may bring a backend that was missing.
            release = self.catalogue.by_commit.get(record.commit)
            if release is not None and record.is_of_another_lock(release):
                continue
            if record.outcome in (records.NOT_APPLICABLE, records.FAILED):
                names = [record.family]
            else:
                names = [
                    f"{record.family}.{method}" for method in SAMPLED if record.gpu is not None
                ]
            for name in names:
                version = str(record.benchmark_version)
                key = records.canonical(record.configuration)
                answered.add((record.commit, record.profile, name, version, key))
        return answered

    def _complete(
        self,
        release: Release,
        profile: str,
        wanted: Sequence[Configured],
        answered: set[Answered],
    ) -> bool:
        """Whether the release has an answer for each of the ``wanted`` configurations."""
        if not wanted:
            return True
        path = self.store.results_dir / results.get_filename(
            self.machine, release.commit, environment_name(profile)
        )
        if not path.is_file():
            return False
        try:
            stored = results.Results.load(str(path), self.machine)
        except util.UserError as err:
            log.warning(str(err))
            return False
        device = profiles.device_of(profile)
        backends = {configured.backend for configured in wanted} - {None}
        lacking = {backend for backend in backends if self._lacks(release, device, str(backend))}
        for configured in wanted:
            if configured.by_product in SAMPLED and device != "gpu":
                continue
            if configured.backend in lacking:
                continue
            if stored.benchmark_version.get(configured.benchmark) != configured.version:
                return False
            values = stored.get_result_value(configured.benchmark, configured.params)
            value = values[configured.index] if values else None
            if value is not None and not math.isnan(value):
                continue
            key = records.canonical(dict(configured.configuration))
            if not any(
                (release.commit, profile, name, configured.version, key) in answered
                for name in {configured.family, configured.benchmark}
            ):
                return False
        return True

    def _lacks(self, release: Release, device: str, backend: str) -> bool:
        """Whether no lock of the release brings this backend. Such a configuration is n/a for ever,
        and no reason to measure a release that is complete otherwise."""
        lock, known = release.lock_for(device, backend), frameworks.of(backend)
        if lock is None or lock.backend is not None or known is None:
            return False
        try:
            pins = self.catalogue.pins(release, lock.name)
        except OSError:
            return False
        return not set(known.packages) & set(pins)
