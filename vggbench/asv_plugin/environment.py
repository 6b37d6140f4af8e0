"""asv's Environment: the interpreter of the active release, and the processes that it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asv import results, util
from asv.config import Config
from asv.console import log
from asv.environment import Environment, EnvironmentUnavailable
from asv.runner import BENCHMARK_RUN_SCRIPT

from .. import records
from ..checkout import RELEASES
from ..errors import VggbenchError, one_line
from ..releases.catalogue import Catalogue, Release
from ..releases.environments import Environments, require_lock
from ..runs import coverage, own_interpreter, process, profiles, suite, timed, variables
from ..runs.installation import Installation, surroundings
from ..runs.run import result_of
from . import invocation

#: The most seconds that asv's own short processes (discovery, check) may take.
SHORT_DEADLINE_S = 600.0


class ReleaseEnvironment(Environment):
    """The environment of one profile, with the release that asv "installed" last: the active one.

    To asv all releases share one environment, because they then form one line of its graphs. What
    asv installs is the environment of the lock without a backend. That of a backend's own lock is
    made when the first process needs it. ``python`` is ``locked`` (the interpreter that each
    release's file names) or, given as ``-E release:/path/to/python``, an interpreter that brings
    its own framework.

    Raises EnvironmentUnavailable where asv measures and the profile cannot be measured here, and
    where there is no interpreter at the path; UserError where asv measures and the checkout, the
    machine or a variable forbids it.
    """

    tool_name = coverage.TOOL_NAME

    def __init__(self, conf: Config, python: str, requirements: dict, tagged_env_vars: dict):
        self._catalogue = _catalogue(conf)
        self._environments = Environments(Path(conf.env_dir) / RELEASES, self._catalogue)
        self._whole: str | None = None
        # asv's constructor uses this for the name of the folder before it sets it.
        self._requirements = requirements
        super().__init__(conf, coverage.PYTHON, requirements, tagged_env_vars)
        self._profile = str(self.env_vars.get(profiles.VARIABLE, ""))
        self._device = profiles.device_of(self._profile)
        if invocation.is_measuring():
            why = profiles.why_unavailable(self._profile, conf)
            if why is not None:
                raise EnvironmentUnavailable(why)
            try:
                timed.asked_deadline()
            except VggbenchError as err:
                raise util.UserError(str(err)) from None
            flags = variables.flags_message(os.environ)
            if flags is not None:
                invocation.warn_once(f"{flags}, and recorded")
        self._own_python = _own_interpreter(python)
        if invocation.is_measuring():
            invocation.hold_checkout()
            self._meet_damaged_results()

    @classmethod
    def matches(cls, python: str) -> bool:
        return python == coverage.PYTHON

    def check_presence(self) -> bool:
        return os.path.isdir(self._path)

    def _setup(self) -> None:
        os.makedirs(self._path, exist_ok=True)

    # -- installing is switching to the release's own environment

    @property
    def installed_commit_hash(self) -> str | None:
        """The commit of the active release; None until this process has seen that the release's
        environment is whole."""
        commit = self._get_installed_commit_hash()
        return commit if commit == self._whole else None

    def install_project(self, conf: Config, repo: Any, commit_hash: str) -> None:
        """Make the release of ``commit_hash`` the active one, and its environment where it is
        missing.

        Raises ProcessError where the release cannot be installed, because asv takes no other error
        for that. ``mends`` keeps out of the results what asv then wants to store. Raises UserError
        where no track has the commit, after Ctrl-C, and in asv find.
        """
        release = self._catalogue.by_commit.get(commit_hash)
        if release is None:
            raise util.UserError(
                f"{commit_hash[:8]} is no release on a track; its results may be of a release "
                f"that was taken off"
            )
        self._whole = None
        self._set_installed_commit_hash(None)
        try:
            if self._own_python is not None:
                own_interpreter.check_version(self._own_python, release, self._catalogue)
            else:
                lock = require_lock(release, self._device)
                self._environments.ensure(release, lock.name, say)
        except VggbenchError as err:
            if invocation.command() == "find":
                raise util.UserError(
                    f"{err}; asv find needs it: choose a range without it"
                ) from None
            log.error(str(err))
            raise util.ProcessError([release.name], 1, "", str(err)) from None
        except KeyboardInterrupt:
            raise _interrupted_installing(release) from None
        self._whole = commit_hash
        self._set_commit_hash(commit_hash)
        # On disk, because under --parallel asv installs in a child process (commands/run.py:525).
        self._set_installed_commit_hash(commit_hash)

    def checkout_project(self, repo: Any, commit_hash: str) -> None:
        self._set_commit_hash(commit_hash)

    def _release(self) -> Release:
        """The active release. Raises UserError where there is none."""
        release = self._catalogue.by_commit.get(self._get_installed_commit_hash() or "")
        if release is None:
            raise util.UserError("no release is installed; run asv with the releases you want")
        return release

    def _installation(self, backend: str | None = None) -> Installation:
        """The installation of the active release for configurations that compute with ``backend``,
        whether or not it is made yet. Raises UserError where no release is active, or it has no
        lock here."""
        release = self._release()
        python, lock = self._own_python, None
        if python is None:
            try:
                lock = require_lock(release, self._device, backend)
            except VggbenchError as err:
                raise util.UserError(str(err)) from None
            python = str(self._environments.python(release, lock.name))
        return Installation(release=release, profile=self._profile, interpreter=python, lock=lock)

    def _why_not_made(self, installation: Installation) -> VggbenchError | None:
        """Why the environment of a backend's own lock cannot be made; None where it is there, or
        where the installation is another one, which asv has installed already.

        It is made, or fails, once in a run of asv. Raises UserError after Ctrl-C.
        """
        release, lock = installation.release, installation.lock
        if lock is None or lock.backend is None:
            return None
        place = (release.commit, lock.name)
        if place not in invocation.of_backends:
            try:
                self._environments.ensure(release, lock.name, say)
                invocation.of_backends[place] = None
            except VggbenchError as err:
                invocation.of_backends[place] = err
            except KeyboardInterrupt:
                raise _interrupted_installing(release) from None
        return invocation.of_backends[place]

    def of_other_tracks(self, benchmarks: Iterable[str]) -> set[str]:
        """Those of ``benchmarks`` (asv's names) that the active release does not run."""
        release = self._release()
        return {
            name for name in benchmarks if not suite.is_of_track(name, release, self._catalogue)
        }

    def nothing_to_run(self, benchmarks: Iterable[str]) -> str:
        """The message that the active release runs none of these ``benchmarks``."""
        return (
            f"{self._release().name} runs none of {', '.join(sorted(benchmarks))}: they are for "
            f"another track; choose releases of that"
        )

    def find_executable(self, executable: str) -> str:
        return str(util.which(executable, [os.path.dirname(self._installation().interpreter)]))

    # -- running

    def run(self, args: list[str], **kwargs: Any) -> Any:
        """Run the active release's interpreter with ``args``. asv starts every process by way of
        this method.

        asv's own script runs by way of launch.py. A timed process gets a record and a line of
        progress, and its ``timeout`` limits the time of the whole process. Raises ProcessError
        where another process than a timed one ends with a status that asv does not expect, and
        UserError.
        """
        if kwargs.get("return_popen"):
            raise util.UserError(
                "--launch-method forkserver forks every process from one that has imported the "
                "framework already; vggbench times fresh interpreters only: use spawn"
            )
        given = {**(kwargs.get("env") or os.environ), **self._global_env_vars}
        if args[:2] == [BENCHMARK_RUN_SCRIPT, "run"]:
            return self._timed(args, given, kwargs)
        installation = self._installation()
        env = surroundings(installation, given)
        if args[:1] != [BENCHMARK_RUN_SCRIPT]:
            return self._plain([installation.interpreter, *args], env, kwargs)
        return self._plain(timed.launched(installation, args), env, kwargs)

    def _plain(self, command: list[str], env: dict[str, str], kwargs: dict[str, Any]) -> Any:
        """Run a process that is no timed one, and return what asv expects of it: its output, or
        (output, errors, exit status) with ``return_stderr``."""
        merge = bool(kwargs.get("redirect_stderr"))
        done = process.run(
            command,
            env,
            kwargs.get("cwd"),
            kwargs.get("timeout") or SHORT_DEADLINE_S,
            merge_streams=merge,
        )
        status = util.TIMEOUT_RETCODE if done.overran else done.status
        valid = kwargs.get("valid_return_codes", (0,))
        if valid is not None and status not in valid:
            if kwargs.get("display_error", True):
                log.error(f"{self._release().name}: {one_line(done.errors or done.output)}")
            raise util.ProcessError(command[1:], status, done.output, done.errors)
        if kwargs.get("return_stderr"):
            return done.output, done.errors, status
        return done.output

    def _timed(
        self, args: list[str], given: dict[str, str], kwargs: dict[str, Any]
    ) -> tuple[str, str, int]:
        """Run one benchmark process, in the environment of its backend's lock. ``given``: the
        environment variables that asv gives it. Returns (output, errors, exit status) as asv
        expects them.

        No process is run where this run's records have the value already, where the run that this
        one resumes has seen the process end, and where its environment cannot be made: then it has
        failed.
        """
        configured = invocation.suite().configurations[timed.identity(args)]
        installation = self._installation(configured.backend)
        release = installation.release
        call = timed.Call(
            arguments=args,
            env=surroundings(installation, given),
            cwd=kwargs.get("cwd"),
            deadline_s=timed.asked_deadline() or kwargs.get("timeout"),
        )
        try:
            run = invocation.run()
            known = run.known_value(release, self._profile, configured)
            if known is not None:
                if known.reason is not None:
                    invocation.warn_once(known.reason)
                call.result_file.write_text(json.dumps(known.value), encoding="utf-8")
                return "", "", 1 if known.value is None else 0
            before = run.answered(
                release, installation.lock, self._profile, configured, call.attributes
            )
            if before is not None:
                record = before
                done = process.Finished("", "", before.exit_status, False, before.seconds or 0.0)
                if before.outcome != records.FAILED:
                    call.result_file.write_text(json.dumps(result_of(before)), encoding="utf-8")
            elif (why := self._why_not_made(installation)) is not None:
                record = timed.refuse(run, installation, configured, why, call.attributes)
                done = process.Finished("", "", 1, False, 0.0)
            else:
                record, done = timed.measure(run, installation, call)
        except timed.Interrupted as err:
            raise util.UserError(invocation.interrupted(err.what)) from None
        except VggbenchError as err:
            raise util.UserError(str(err)) from None
        invocation.measured.add((release.commit, self.name))
        for message in record.not_sampled_messages:
            invocation.warn_once(message)
        remark = "" if before is None else " (on record)"
        log.info(records.progress_message(record) + remark)
        log.flush()
        failed, processes = run.failures(record)
        if failed > 0 and processes > 1:
            log.warning(f"{record.name}: failed in {failed} of {processes} processes")
        if record.outcome == records.FAILED:
            status = util.TIMEOUT_RETCODE if done.overran else done.status or 1
            return _shown(done.output), "", status
        if failed:
            # A process of this configuration failed before. asv would otherwise store the samples
            # of the processes that ended well as if there were no others.
            return _shown(done.output), "", 1
        if record.outcome == records.NOT_APPLICABLE and invocation.command() == "find":
            invocation.warn_once(
                "asv find takes n/a for 'not slower'; ask for one configuration that runs"
            )
        return done.output, "", done.status

    def _meet_damaged_results(self) -> None:
        """Load this environment's results, which sets damaged files aside. asv would otherwise
        refuse to measure their releases when it reads the files later."""
        machine = invocation.machine()
        if machine is None:
            return
        for path in (invocation.checkout().results_dir / machine).glob(f"*-{self.name}.json"):
            try:
                results.Results.load(str(path), machine)
            except util.UserError as err:
                log.warning(str(err))


def _interrupted_installing(release: Release) -> util.UserError:
    return util.UserError(invocation.interrupted(f" while installing {release.name}"))


def _shown(output: str) -> str:
    """The output that asv prints of a configuration that failed: all of it with --show-stderr, else
    a hint, because the error has been shown in one line."""
    if invocation.option("show_stderr"):
        return output
    return "vggbench: its error stands above; --show-stderr shows all that a process printed"


def say(line: str) -> None:
    """Print a line of progress, also while asv silences its own lines (commands/run.py:29)."""
    log.warning(line, color="default")
    log.flush()


def _own_interpreter(python: str) -> str | None:
    """The path of the interpreter that the user gave, None for ``locked``. Raises
    EnvironmentUnavailable where there is none at the path."""
    if python == coverage.PYTHON:
        return None
    try:
        return own_interpreter.path_of(python)
    except VggbenchError as err:
        raise EnvironmentUnavailable(f"-E release:{err}") from None


def _catalogue(conf: Config) -> Catalogue:
    try:
        return Catalogue(conf.repo)
    except VggbenchError as err:
        raise util.UserError(str(err)) from None
