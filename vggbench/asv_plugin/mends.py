"""Functions of asv 0.6.6 that a plugin cannot override, replaced while asv runs.

Each replacement has a test that fails when an upgrade of asv moves the function or makes the
replacement needless:

- ``Results.save`` writes in place, and a kill therefore leaves half a file. It also stores "failed"
  for every benchmark of a release whose environment could not be made (commands/run.py:591). The
  replacement writes a second file and renames it, and stores nothing for such a release.
- ``Results.load`` ends in a traceback for a file with other types than it expects (results.py:720),
  and a damaged file stops every later run of its release. A number without end keeps ``asv
  publish`` from ending (step_detect.py). The replacement sets such a file aside (``stored``).
- ``iter_machine_files`` and ``iter_results_paths`` end in a traceback at a machine.json that is no
  object or has no version (results.py:29, commands/compare.py:170). They also yield machines
  without a name, which asv writes into its pages. The replacements leave such a machine out, with
  a line (``stored``).
- ``asv preview`` listens on all interfaces (commands/preview.py:38), and ends in a traceback where
  there are no pages. With the replacement it listens on 127.0.0.1, and says how to make pages.
- ``iter_matrix`` has all profiles of the matrix, and each that is not measured gets a line
  (environment.py:373). The replacement leaves out those of a GPU where there is none and nobody
  asked for them.
- ``Benchmarks.discover`` needs a release in which to discover benchmarks, and installs the newest
  release of every track where the first release of the range cannot be installed
  (benchmarks.py:146). The replacement discovers them in asv's own process, because the benchmarks
  import without any framework.
- ``Benchmarks.discover`` selects benchmarks that only a GPU has for a run without one. The
  replacement leaves them out as long as others remain, because asv would list rows of n/a wherever
  it lists results.
- ``asv run`` says "No benchmarks selected" (commands/run.py:384). With the replacement of
  ``Benchmarks.discover`` it says which pattern selects none, and what there is.
- ``run_benchmarks`` runs every benchmark in every release (runner.py:185). The replacement leaves
  out the benchmarks of other tracks: it starts no process for them, and stores nothing.
- ``asv show`` lists bare ids (commands/show.py:159), and ``asv rm`` takes no names
  (commands/rm.py:80). With the replacements both know the names of releases.
- ``asv compare`` says "Did not find results for commit" and an id (commands/compare.py:285). The
  replacement names the release, and says how to measure it.
- ``asv compare`` and ``asv continuous`` compare whatever was measured. The replacement prints lines
  after the table that name what vggbench would not compare: what was measured in two states of the
  machine, what was measured on a busy machine, and what is not to count.
- ``asv continuous`` says "not significantly changed" and ends with 0 where nothing was compared
  (commands/continuous.py:235). It ends in a traceback where a benchmark was run in neither of the
  two releases (commands/continuous.py:185), such as the benchmarks of other tracks. The replacement
  says that nothing was compared, and ends with 2.

In addition, these end in one line instead of a traceback: a KeyboardInterrupt, a full disk and a
folder that cannot be written to, which asv lets through, and a pattern that is no regular
expression.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import math
import os
import re
import shutil
import socketserver
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

from asv import environment, results, util
from asv.benchmarks import Benchmarks
from asv.commands import (
    asv_profiling,
    compare,
    continuous,
    find,
    preview,
    publish,
    rm,
    run,
    show,
)
from asv.console import log
from asv.repo import NoSuchNameError, get_repo

from .. import records
from ..errors import VggbenchError, of_system, one_line, some_of
from ..inside.measure import SAMPLED
from ..runs import profiles
from ..runs.suite import Suite, expression
from . import comparable, invocation, stored

LOOPBACK = "127.0.0.1"

#: The pattern that has asv run write benchmarks.json and end (commands/run.py:381).
JUST_DISCOVER = "just-discover"

#: The system's errors for a full disk, a used-up quota and a limit on the size of files.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

#: The system's errors for a folder that cannot be written to.
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def install() -> None:
    """Replace the functions, unless this process has done so. Raises UserError for a pattern that
    is no regular expression, where asv's file about machines is damaged, and where asv preview has
    no pages."""
    if getattr(results.Results.save, "mended", False):
        return
    results.Results.save = _mended_save(results.Results.save)
    results.Results.load = staticmethod(_mended_load(results.Results.load))
    results.iter_results_paths = stored.iter_results_paths
    for module in (compare, publish, show):
        module.iter_machine_files = stored.iter_machine_files
    preview.socketserver = SimpleNamespace(ThreadingTCPServer=LoopbackServer)
    environment.iter_matrix = _mended_matrix(environment.iter_matrix)
    Benchmarks._disc_benchmarks = _mended_discovery(Benchmarks._disc_benchmarks)
    Benchmarks.discover = _mended_selection(Benchmarks.discover)
    for module in (run, find, asv_profiling):
        module.run_benchmarks = _mended_run_benchmarks(module.run_benchmarks)
    show.Show._print_commits = _mended_listing(show.Show._print_commits)
    show.Show._print_commit_durations = _mended_listing(show.Show._print_commit_durations)
    rm.Rm.run = _mended_rm(rm.Rm.run)
    compare.Compare.print_table = _mended_comparison(compare.Compare.print_table)
    continuous.results = SimpleNamespace(
        get_filename=results.get_filename, Results=SimpleNamespace(load=_load_for_comparison)
    )
    continuous.Compare = SimpleNamespace(print_table=_mended_table(continuous.Compare.print_table))
    sys.excepthook = _one_line_for_what_asv_lets_through
    _require_expressions()
    if invocation.command() is not None:
        # Where the file about machines is damaged, asv would say that there is none yet.
        invocation.machine()
    if invocation.command() == "preview":
        require_pages(Path(str(invocation.option("html_dir") or invocation.checkout().html_dir)))


def _require_expressions() -> None:
    """Raise UserError for a pattern, of whichever command, that is no regular expression. asv would
    end in a traceback."""
    for option in ("bench", "benchmark", "benchmarks"):
        given: Any = invocation.option(option) or []
        for pattern in [given] if isinstance(given, str) else given:
            expression(str(pattern))


def _mended_save(original: Any) -> Any:
    def save(self: Any, result_dir: str) -> None:
        place = (self.commit_hash, self._env_name)
        if invocation.is_measuring() and place not in invocation.measured:
            log.warning("nothing was measured, so nothing is stored: results stay as they were")
            return
        name = self._filename
        path = Path(result_dir) / name
        self._filename = name + ".new"
        aside = path.with_name(path.name + ".new")
        try:
            original(self, result_dir)
            aside.replace(path)
        except OSError as err:
            aside.unlink(missing_ok=True)
            raise util.UserError(
                f"{path} cannot be written: {err.strerror}; the records have what was measured; "
                f"make room (vggbench releases prune --to 10G) and run this again"
            ) from None
        finally:
            self._filename = name

    save.mended = True  # type: ignore[attr-defined]
    return save


def _mended_load(original: Any) -> Any:
    def load(path: str, machine_name: str | None = None) -> Any:
        try:
            loaded = original(path, machine_name)
            stored.require_whole(loaded)
        except util.UserError as err:
            if not re.search("missing key|parsing JSON|No version", str(err)):
                # The file is whole: it is of another machine, or of another version of asv.
                raise
            raise util.UserError(_set_aside(Path(path), str(err))) from None
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as err:
            raise util.UserError(_set_aside(Path(path), str(err))) from None
        return loaded

    return load


class LoopbackServer(socketserver.ThreadingTCPServer):
    """asv's server of pages, on 127.0.0.1 where asv gives an empty host name, which would bind it
    to all interfaces."""

    def __init__(self, address: tuple[str, int], handler: Any):
        super().__init__((address[0] or LOOPBACK, address[1]), handler)


def require_pages(html_dir: Path) -> None:
    """Raise UserError where there is no folder of pages."""
    if not html_dir.is_dir():
        raise util.UserError(f"there are no pages in {html_dir} yet; make them: asv publish")


def _mended_discovery(original: Any) -> Any:
    def discover(conf: Any, repo: Any, environments: Any, commits: Any, check: bool) -> Any:
        if check or not environments:
            return original(conf, repo, environments, commits, check)
        log.info("Discovering benchmarks")
        Benchmarks.check_tree(conf.benchmark_dir)
        for env in environments:
            env.create()
        return invocation.suite().discovered

    return discover


def _mended_run_benchmarks(original: Any) -> Any:
    def run_benchmarks(benchmarks: Any, env: Any, results: Any = None, **options: Any) -> Any:
        others = env.of_other_tracks(benchmarks)
        if len(others) == len(benchmarks):
            raise util.UserError(env.nothing_to_run(others))
        rounds = (options.get("extra_params") or {}).get("rounds")
        most = int(rounds or max(benchmark.get("rounds", 1) for benchmark in benchmarks.values()))
        for _ in range(len(others) * len(options.get("run_rounds") or range(most))):
            log.step()  # asv has counted the rounds of the benchmarks that are left out here
        return original(benchmarks.filter_out(others), env, results=results, **options)

    return run_benchmarks


def _mended_matrix(original: Any) -> Any:
    def iter_matrix(environment_type: Any, pythons: Any, conf: Any, *rest: Any) -> Any:
        for entry in original(environment_type, pythons, conf, *rest):
            profile = entry.get(("env_nobuild", profiles.VARIABLE))
            if not invocation.is_measuring() or profile is None or profiles.may_be(profile, conf):
                yield entry

    return iter_matrix


def _mended_selection(original: Any) -> Any:
    def discover(*args: Any, **options: Any) -> Any:
        benchmarks = original(*args, **options)
        patterns = invocation.patterns()
        if not benchmarks and patterns and patterns != [JUST_DISCOVER]:
            own = Suite(Path(invocation.checkout().benchmark_dir)).timed([])
            raise util.UserError(
                f"--bench {' '.join(patterns)} selects no benchmark; there are: "
                f"{some_of([configured.asv_name for configured in own], 5)}"
            )
        of_a_gpu = [name for name in benchmarks if records.method_of(name) in SAMPLED]
        has_gpu = any(
            profiles.device_of(profile) == "gpu" for profile in invocation.asked_profiles()
        )
        if has_gpu or len(of_a_gpu) == len(benchmarks):
            return benchmarks
        # Benchmarks that are left out here stay in benchmarks.json, from which pages are made.
        return benchmarks.filter_out(of_a_gpu)

    return discover


def _mended_listing(original: Any) -> Any:
    def listing(conf: Any, result_iter: Any, benchmarks: Any) -> None:
        repo = get_repo(conf)

        def named() -> Any:
            for machine, result in result_iter:
                # The result was read for this listing alone, which prints this attribute.
                result._commit_hash = repo.get_decorated_hash(result.commit_hash, conf.hash_length)
                yield machine, result

        original(SimpleNamespace(hash_length=None), named(), benchmarks)

    return listing


def _mended_rm(original: Any) -> Any:
    def run(conf: Any, patterns: list[str], y: bool = True) -> None:
        repo = get_repo(conf)
        original(conf, [_by_id(repo, pattern) for pattern in patterns], y)
        log.info(
            "the records stay, and verdicts, rates and pages count them; to exclude records, name "
            "them in excluded.toml (docs/records.md)"
        )

    return run


def _mended_comparison(original: Any) -> Any:
    def print_table(conf: Any, *commits: str, **options: Any) -> Any:
        names = options.get("commit_names") or {}
        try:
            answer = original(conf, *commits, **options)
        except util.UserError as err:
            missing = next((commit for commit in commits if str(err).endswith(commit)), None)
            name = names.get(missing)
            if missing is None or name is None:
                raise
            raise util.UserError(
                f"{name} has no results on {options.get('machine')} of what was asked for; measure "
                f"it there with: asv run {name}"
            ) from None
        machine = options.get("machine") or invocation.machine()
        if machine is not None:
            checkout = invocation.checkout()
            try:
                store = checkout.store()
            except VggbenchError as err:
                raise util.UserError(str(err)) from None
            compared = [(commit, names.get(commit) or commit[:8]) for commit in commits]
            for message in comparable.messages(
                store, machine, checkout.catalogue, compared, options.get("env_names")
            ):
                log.warning(message)
            log.flush()
        return answer

    return print_table


def _mended_table(original: Any) -> Any:
    def print_table(
        conf: Any, before: Any, after: Any, resultset_1: Any, resultset_2: Any, **options: Any
    ) -> Any:
        results_before = _of_what_was_run(resultset_1)
        results_after = _of_what_was_run(resultset_2)
        if not _numbers(results_before) & _numbers(results_after):
            names = options["commit_names"]
            log.flush()
            print(
                f"nothing was compared: no configuration was measured in both {names[before]} and "
                f"{names[after]}; what was n/a or failed is said above",
                file=sys.stderr,
            )
            raise SystemExit(2)
        # The table does not depend on this option. The lines after it do.
        options["env_names"] = {result[-1] for result in (*results_before, *results_after)}
        return original(
            conf,
            before,
            after,
            resultset_1=iter(results_before),
            resultset_2=iter(results_after),
            **options,
        )

    return print_table


def _load_for_comparison(path: str, machine: str) -> Any:
    """A loaded result, whose getters return an empty list for a benchmark that was not run. asv
    asks for every benchmark that it found."""
    loaded = results.Results.load(path, machine)
    known = loaded.get_all_result_keys()
    for name in ("get_result_value", "get_result_stats", "get_result_samples"):
        getter = getattr(loaded, name)
        lenient = functools.partial(_of_known, getter, known)
        setattr(loaded, name, lenient)
    return loaded


def _of_known(getter: Any, known: Iterable[str], key: str, params: Any) -> Any:
    return getter(key, params) if key in known else []


def _of_what_was_run(resultset: Iterable[Any]) -> list[Any]:
    """The results without those of benchmarks that the release was not run with, such as those of
    other tracks. ``_load_for_comparison`` returns empty lists for them."""
    return [result for result in resultset if result[2] != []]


def _numbers(resultset: Iterable[Any]) -> set[tuple[str, int]]:
    """The configurations with a number: (benchmark, index of the combination of params)."""
    return {
        (name, index)
        for name, _, values, *_ in resultset
        for index, value in enumerate(values or ())
        if value is not None and not math.isnan(value)
    }


def _by_id(repo: Any, pattern: str) -> str:
    """A pattern of asv rm, with the id for the name of a release in ``commit_hash=NAME``."""
    key, _, name = pattern.partition("=")
    if key != "commit_hash":
        return pattern
    try:
        return f"{key}={repo.get_hash_from_name(name)}"
    except NoSuchNameError:
        return pattern  # the id of a release that is on no track any more


def _full_disk(error: OSError) -> str | None:
    """The system's text about the file that found no room; None for an error of another kind."""
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):
        # A whole folder was copied: the error has (from, to, text) of each file.
        reasons = [os.strerror(number) for number in FULL_DISK]
        texts = [str(text) for *_, text in error.args[0]]
        return next((text for text in texts if any(reason in text for reason in reasons)), None)
    if error.errno in FULL_DISK:
        return of_system(error)
    return None


def _one_line_for_what_asv_lets_through(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        log.flush()
        print(invocation.interrupted(), file=sys.stderr)
    elif isinstance(error, OSError) and (full := _full_disk(error)):
        log.flush()
        print(
            f"{one_line(full)}; what was measured is in the records; "
            f"make room (vggbench releases prune --to 10G) and run this again",
            file=sys.stderr,
        )
    elif isinstance(error, OSError) and error.errno in CLOSED and error.filename:
        log.flush()
        print(
            f"{of_system(error)}; let asv write there, and run this again",
            file=sys.stderr,
        )
    else:
        sys.__excepthook__(kind, error, trace)


def _set_aside(path: Path, why: str) -> str:
    """Rename a damaged result file, so that asv meets it only once. Returns a line about it."""
    aside = path.with_name(path.name + ".damaged")
    # Where the folder cannot be written to, the file stays as it is.
    with contextlib.suppress(OSError):
        path.replace(aside)
    return (
        f"{path} was damaged ({one_line(why)}) and is now {aside.name}; "
        f"its release counts as unmeasured, the records still have what was measured"
    )
