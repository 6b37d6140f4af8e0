"""Which releases have a complete result on a machine: what NEW leaves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asv import environment, results, util
from asv.console import log

from .. import records
from ..checkout import Checkout
from ..inside.measure import SAMPLED
from ..releases.catalogue import Catalogue, Release
from . import profiles
from .suite import Configured, Suite, is_of_track

TOOL_NAME = "release"

#: asv's "python" of every release, so that all releases of a track form one line of the graph.
PYTHON = "locked"

#: Commit, profile, the benchmark's family, its version, and the configuration as JSON.
Answered = tuple[str, str, str, str, str]


def environment_name(profile: str) -> str:
    """asv's name of the environment that measures ``profile``, part of its results' file names."""
    return str(
        environment.get_env_name(TOOL_NAME, PYTHON, {}, {("nobuild", profiles.VARIABLE): profile})
    )


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What is asked of the releases of ``catalogue`` on a machine: the benchmarks of ``suite`` in
    ``profiles``; answered by the ``store`` and by asv's results, which lie where it does.
    ``machine`` is None where asv does not know it yet."""

    catalogue: Catalogue
    suite: Suite
    store: records.Store
    machine: str | None
    profiles: Sequence[str]

    @staticmethod
    def of(checkout: Checkout, suite: Suite, store: records.Store) -> Coverage:
        """Of this machine in the checkout, in the profiles that the user asks for. Raises UserError
        for a profile that is none."""
        return Coverage(
            catalogue=checkout.catalogue,
            suite=suite,
            store=store,
            machine=checkout.machine(),
            profiles=profiles.asked(checkout.config),
        )

    def incomplete(self, releases: Sequence[Release], patterns: Sequence[str]) -> list[Release]:
        """Those of ``releases`` that lack a number, an n/a or a failure for a configuration.

        Asked are the configurations that ``patterns`` select, as ``--bench`` does, of the release's
        own track. asv stores the same NaN for what cannot be and for what was not asked for, so the
        records decide about those.
        """
        if self.machine is None:
            return list(releases)
        wanted = self.suite.selected(patterns)
        answered = self._answered(self.machine)

        def is_complete(release: Release) -> bool:
            own = [
                configured
                for configured in wanted
                if is_of_track(configured.benchmark, release, self.catalogue)
            ]
            return all(self._complete(release, profile, own, answered) for profile in self.profiles)

        return [release for release in releases if not is_complete(release)]

    def _answered(self, machine: str) -> set[Answered]:
        """Every n/a and failure on record; with the benchmark's whole name instead of its family,
        what could not be sampled of the GPU while a process was timed."""
        answered: set[Answered] = set()
        for r in self.store.all(machine, log.warning):
            # What the machine lacked may be there by now.
            if not r.is_ordinary or r.lacked is not None or r.excluded is not None:
                continue
            if r.outcome in (records.NOT_APPLICABLE, records.FAILED):
                names = [r.family]
            else:
                names = [f"{r.family}.{method}" for method in SAMPLED if r.gpu is not None]
            for name in names:
                version, key = str(r.benchmark_version), records.canonical(r.configuration)
                answered.add((r.commit, r.profile, name, version, key))
        return answered

    def _complete(
        self,
        release: Release,
        profile: str,
        wanted: Sequence[Configured],
        answered: set[Answered],
    ) -> bool:
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
        for configured in wanted:
            if configured.by_product in SAMPLED and profiles.device_of(profile) != "gpu":
                continue
            if stored.benchmark_version.get(configured.benchmark) != configured.version:
                return False
            values = stored.get_result_value(configured.benchmark, configured.params)
            value = values[configured.index] if values else None
            if value is not None and not math.isnan(value):
                continue
            key = records.canonical(dict(configured.configuration))
            names = {configured.family, configured.benchmark}
            if not any(
                (release.commit, profile, n, configured.version, key) in answered for n in names
            ):
                return False
        return True
