"""asv's Repo: to asv a release is a commit, a track is a branch, and both have names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from asv import util
from asv.console import log
from asv.repo import NoSuchNameError, Repo

from ..errors import VggbenchError
from ..releases import spec
from ..releases.catalogue import Catalogue, Release
from ..runs import profiles, suite
from ..runs.coverage import Coverage
from ..runs.local import why_not_here
from . import invocation

#: The most releases that NEW measures without a word of how long that may take.
MOST_NEW = 10


class ReleaseRepo(Repo):
    """The folder of releases, in the form in which asv sees a repository.

    As in git, a range is newest first, and its start is not part of it.
    """

    dvcs = "releases"

    def __init__(self, url: str, mirror_path: str | None = None):
        try:
            self.catalogue = Catalogue(url)
        except VggbenchError as err:
            raise util.UserError(str(err)) from None
        self._path = str(Path(url).absolute())
        branches = [name for name in invocation.branches() if name in self.catalogue.tracks]
        self._default_branch = (branches or list(self.catalogue.tracks))[0]

    @classmethod
    def url_match(cls, url: str) -> bool:
        return any(Path(url).glob("*/track.json"))

    def pull(self) -> None:
        """Pull nothing, because releases are files of the checkout.

        asv calls this before it reads the range. It therefore raises UserError here for the range
        TAGS, with which asv cannot work.
        """
        if invocation.option("range") == "TAGS":
            raise util.UserError(
                "TAGS would mix the results of all releases (asv takes the names for ids); "
                "every release is a tag, so ask for ALL, or for a track by its name"
            )

    # -- names

    def release(self, name: str | None) -> Release:
        """The release that ``name`` names; for None and HEAD the newest of the default track.

        Raises NoSuchNameError, with the nearest names in its text.
        """
        if name is None or name == "HEAD":
            name = self._default_branch
        try:
            return self.catalogue.by_commit.get(name) or spec.release(self.catalogue, name)
        except VggbenchError as err:
            raise NoSuchNameError(str(err)) from None

    def get_hash_from_name(self, name: str | None) -> str:
        try:
            return self.release(name).commit
        except NoSuchNameError as err:
            # The name may be the id of a release that was taken off its track and has results.
            if invocation.command() in ("compare", "show", "rm") and spec.is_commit(name or ""):
                raise
            raise util.UserError(str(err)) from None

    def get_hash_from_parent(self, name: str) -> str:
        return self.get_hash_from_name(f"{self.release(name).name}^")

    def get_name_from_hash(self, commit: str) -> str | None:
        release = self.catalogue.by_commit.get(commit)
        return None if release is None else release.name

    def get_decorated_hash(self, commit: str, hash_length: int = 8) -> str:
        # `asv show` gives the name as the user typed it, or the beginning of an id.
        try:
            release = self.release(commit)
        except NoSuchNameError:
            return commit[:hash_length]
        return f"{release.commit[:hash_length]} <{release.name}>"

    # -- dates, tags, branches

    def get_date(self, commit: str) -> int:
        return self.release(commit).timestamp_ms

    def get_date_from_name(self, name: str) -> int:
        return self.get_date(name)

    def get_tags(self) -> dict[str, str]:
        return {release.name: release.commit for release in self.catalogue}

    def get_branch_commits(self, branch: str | None) -> list[str]:
        name = self.get_branch_name(branch)
        if name not in self.catalogue.tracks:
            raise NoSuchNameError(name)
        return [release.commit for release in reversed(self.catalogue.tracks[name].releases)]

    def get_revisions(self, commits: Iterable[str]) -> dict[str, int]:
        """A number for each of the ``commits``, contiguous within a track.

        asv's base class lacks this method, and asv publish needs it. If releases were numbered by
        date over all tracks, every track's labels would be drawn over the others' graphs.
        """
        wanted = set(commits)
        return {
            release.commit: number
            for number, release in enumerate(self.catalogue)
            if release.commit in wanted
        }

    # -- ranges

    def get_range_spec(self, commit_a: str, commit_b: str) -> str:
        return f"{commit_a}..{commit_b}"

    def get_new_range_spec(self, latest_result: str, branch: str | None = None) -> str:
        return f"{latest_result}..{self.get_branch_name(branch)}"

    def get_hashes_from_range(self, range_spec: str) -> list[str]:
        try:
            chosen = spec.select(self.catalogue, range_spec)
        except VggbenchError as err:
            raise util.UserError(str(err)) from None
        return [release.commit for release in self._servable(chosen)]

    def get_new_branch_commits(self, branches: list[str], existing: Iterable[str]) -> list[str]:
        """The current releases of the branches; for NEW those without a complete result here.

        A pre-release whose final is on the track is measured no more, but ``get_branch_commits``
        has it too: asv publish shows what was measured of it.

        asv's own method stops at the first release of a branch that has a result of any machine.
        It therefore never reaches gaps, nor late releases of an old line.
        """
        chosen = [
            self.catalogue.by_commit[commit]
            for branch in branches
            for commit in self.get_branch_commits(branch)
            if self.catalogue.is_current(self.catalogue.by_commit[commit])
        ]
        if invocation.option("range") == "NEW":
            covered = Coverage(
                catalogue=self.catalogue,
                suite=invocation.suite(),
                store=invocation.checkout().store(),
                machine=invocation.machine(),
                profiles=invocation.asked_profiles(),
            )
            lacking = covered.incomplete(chosen, invocation.patterns())
            log.info(f"{len(lacking)} of {len(chosen)} releases lack results here")
            new = self._servable(lacking)
            if not new:
                # asv would take it for an error and exit with 1. To a nightly run it is none.
                log.info("there is nothing new to measure")
                raise SystemExit(0)
            if len(new) > MOST_NEW:
                log.info(
                    f"{len(new)} releases are new: to measure all of them may take days; Ctrl-C "
                    f"ends it, and vggbench history --dry-run says about how long a history takes"
                )
            return [release.commit for release in new]
        return [release.commit for release in self._servable(chosen)]

    def _servable(self, releases: list[Release]) -> list[Release]:
        """The ``releases`` for which an environment can be made here. A line is printed for each
        reason for which others are left out.

        A release that cannot be installed must not be begun, because asv would store "failed" for
        it.
        """
        if not invocation.is_measuring():
            return releases
        releases = self._with_benchmarks(releases)
        if invocation.gives_interpreter():
            return releases
        devices = {profiles.device_of(profile) for profile in invocation.asked_profiles()}
        reasons: dict[str, list[str]] = {}
        for release in releases:
            why = why_not_here(release, devices)
            if why is not None:
                reasons.setdefault(why, []).append(release.name)
        for why, names in reasons.items():
            log.warning(f"left out, unmeasured: {', '.join(reversed(names))}: {why}")
        left_out = {name for names in reasons.values() for name in names}
        return [release for release in releases if release.name not in left_out]

    def _with_benchmarks(self, releases: list[Release]) -> list[Release]:
        """The ``releases`` that run a benchmark that ``--bench`` selects: no other release is
        installed for nothing. All releases where ``--bench`` selects nothing at all, because asv
        has a message of its own for that. Raises UserError where none of them runs one."""
        selected = {
            configured.benchmark
            for configured in invocation.suite().selected(invocation.patterns())
        }
        to_run = [
            release
            for release in releases
            if any(suite.is_of_track(name, release, self.catalogue) for name in selected)
        ]
        if not selected or len(to_run) == len(releases):
            return releases
        tracks = sorted({release.track for release in releases if release not in to_run})
        why = f"{' '.join(invocation.patterns())} selects no benchmark of {' or '.join(tracks)}"
        if not to_run:
            raise util.UserError(f"{why}: it is for another track; choose releases of that")
        log.info(f"{why}: {len(releases) - len(to_run)} of {len(releases)} releases are not run")
        return to_run

    # -- the rest

    def checkout(self, path: str, commit_hash: str) -> None:
        """Check out nothing, because a release is installed from its lock."""
