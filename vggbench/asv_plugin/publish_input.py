"""Checks of the folder that asv publish 0.6.6 writes, and of the files that it reads.

As in ``mends``, functions that a plugin cannot override are replaced:

- ``Publish.run`` removes the folder of pages before it looks whether it can write there, whatever
  the folder holds and whoever else writes it. With the replacement, one publish at a time writes
  into a folder, and only into a folder that holds pages or nothing. An error of the system, or of a
  file that asv takes on trust, ends in one line.
- ``iter_results`` yields results of releases that are on no track any more, which asv then reports
  by id, file by file. asv would end in a traceback at them, and at results whose texts make no
  file's name. The replacement leaves them out, with a line each.
- ``Benchmarks.load`` returns benchmarks whose names are no names in Python, which asv writes into
  its pages as markup. It ends in a traceback at a file of other types than it expects. The
  replacement leaves such benchmarks out with a line, and ends in one line at such a file.
- ``GraphSet.get_params`` returns the tracks that have results. Where only one of several tracks has
  results, asv leaves the track out of the addresses of regressions. Its page of regressions looks
  for a track, and then shows no regression. The replacement returns all tracks.
- ``Graph.get_data`` computes the same data anew for each of three uses, and ``Graph.detect_steps``
  gives each line of a graph to another process as a task of its own, which costs about as much as
  the task. With the replacements the data are computed once, and a graph is one task. This gives
  back the time that our own pages take (perf/publish.py).
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import re
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asv import util
from asv.benchmarks import Benchmarks
from asv.commands import publish
from asv.console import log
from asv.graph import Graph, GraphSet, _compute_graph_steps
from asv.plugins import regressions
from filelock import Timeout

from .. import file_lock, records
from ..errors import one_line
from ..file_lock import LockUnusable
from ..records.record import is_number
from . import invocation, stored

#: The file of asv's own pages that shows that asv published a folder.
TOKEN_OF_PAGES = "swallow.ico"

#: The most bytes that the name of a file may have (Linux).
NAME_MAX = 255

#: The beginning of the year 10000, which datetime does not have, in milliseconds since 1970.
LATEST_MS = 253_402_300_800_000

BENCHMARK_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


def install() -> None:
    """Replace the functions, unless this process has done so."""
    if getattr(publish.Publish.run, "mended", False):
        return
    publish.Publish.run = _mended_run(publish.Publish.run)
    publish.iter_results = regressions.iter_results = _mended_results(publish.iter_results)
    Benchmarks.load = _mended_benchmarks(Benchmarks.load)
    GraphSet.get_params = _mended_params(GraphSet.get_params)
    Graph.get_data = _mended_data(Graph.get_data)
    Graph.detect_steps = _mended_detection(Graph.detect_steps)


def _mended_run(original: Any) -> Any:
    def run(conf: Any, range_spec: Any = None, pull: bool = True) -> Any:
        html_dir = Path(conf.html_dir).absolute()
        with _sole_writer(html_dir):
            # Neither asv nor our pages make reference cycles worth mentioning. Searching everything
            # that was read for cycles takes a quarter of the time of publishing.
            gc.disable()
            try:
                return original(conf=conf, range_spec=range_spec, pull=pull)
            except OSError as err:
                raise util.UserError(
                    f"the pages cannot be written: {_why(err)}: {err.filename or html_dir}; "
                    f"make room (vggbench releases prune --to 10G) or mend the folder, and run "
                    f"asv publish again"
                ) from None
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as err:
                where = traceback.extract_tb(err.__traceback__)[-1]
                raise util.UserError(
                    f"asv cannot publish what is in {conf.results_dir}: {type(err).__name__}: "
                    f"{one_line(str(err))} ({Path(where.filename).name}:{where.lineno}); "
                    f"was a file there changed by hand? (git status {conf.results_dir})"
                ) from err
            finally:
                gc.enable()

    run.mended = True  # type: ignore[attr-defined]
    return run


def _why(err: OSError) -> str:
    """The system's text for the error. For the copying of a folder it is that of the first file."""
    if isinstance(err, shutil.Error) and isinstance(err.args[0], list):
        _, _, why = err.args[0][0]
        return one_line(str(why), 80)
    return err.strerror or one_line(str(err), 80)


@contextlib.contextmanager
def _sole_writer(html_dir: Path) -> Iterator[None]:
    """Hold the lock of the folder of pages. Raises UserError where another process holds it, where
    the folder cannot be written to, and where it is not asv's to remove."""
    path = html_dir.with_name(f".{html_dir.name}.lock")
    try:
        html_dir.parent.mkdir(parents=True, exist_ok=True)
        path.touch()  # where this fails, taking the lock would wait for the file
        lock = file_lock.take(path)
    except LockUnusable as err:
        raise util.UserError(f"{err}: --html-dir") from None
    except Timeout:
        raise util.UserError(
            f"another asv publish writes into {html_dir}; wait until it has ended, "
            f"or choose another folder: --html-dir"
        ) from None
    except OSError as err:
        raise util.UserError(
            f"{html_dir} cannot be written to: {err.strerror}: {err.filename or html_dir.parent}; "
            f"mend the folder, or choose another: --html-dir"
        ) from None
    try:
        _require_removable(html_dir)
        yield
    finally:
        lock.release()


def _require_removable(html_dir: Path) -> None:
    """Raise UserError where asv may not remove the folder, because it holds no pages or cannot be
    written to."""
    if not html_dir.exists():
        return
    if not html_dir.is_dir():
        why = "it is no folder"
    elif not os.access(html_dir, os.R_OK | os.W_OK | os.X_OK):
        why = "this user may not write to it"
    elif any(html_dir.iterdir()) and not (html_dir / TOKEN_OF_PAGES).is_file():
        why = "it holds other files than pages, which asv would delete"
    else:
        return
    raise util.UserError(f"{html_dir} is not published to: {why}; choose another: --html-dir")


def _mended_results(original: Any) -> Any:
    printed: set[str] = set()

    def iter_results(results_dir: str) -> Iterator[Any]:
        on_tracks = invocation.checkout().catalogue.by_commit
        for result in original(results_dir):
            if result.commit_hash not in on_tracks:
                line = _off_track(results_dir, result.commit_hash)
            elif (why := _why_unfit(result)) is not None:
                line = f"{Path(results_dir) / result._filename} is left out: {why}"
            else:
                yield result
                continue
            if line not in printed:
                printed.add(line)
                log.warning(line)

    return iter_results


def _off_track(results_dir: str, commit: str) -> str:
    """The line about results of a release that is on no track any more."""
    name = _name_on_record(results_dir, commit)
    return (
        f"results of {name} are on no page: it is on no track any more; put it back "
        f"(vggbench releases add), or remove them: asv rm commit_hash={commit}"
    )


def _name_on_record(results_dir: str, commit: str) -> str:
    """The name that the release had when it was measured, and its id; the id alone where no record
    has the name."""
    name = _names_on_record(results_dir).get(commit)
    return commit[:8] if name is None else f"{one_line(name, 60)} ({commit[:8]})"


@functools.cache
def _names_on_record(results_dir: str) -> dict[str, str]:
    """The name that each release had when it was measured, by its id."""
    return {
        record.commit: record.release
        for machine in records.machines(results_dir)
        for record in records.read(results_dir, machine)
    }


def _why_unfit(result: Any) -> str | None:
    """Why asv cannot publish a ``result`` that it could read; None where it can."""
    if not isinstance(result.date, int):
        return "its date is no number"
    if not _is_moment(result.date):
        return "its date is in no calendar"
    times = [time for time in result.started_at.values() if time is not None]
    if not all(map(is_number, times)):
        return "it has times that are no numbers"
    if not all(map(_is_moment, times)):
        return "it has times that are in no calendar"
    for kind in (result.params, result.env_vars):
        if not isinstance(kind, dict):
            return "its params are no params"
        for key, value in kind.items():
            if not isinstance(value, str | int | float | None):
                return f"its {one_line(key, 60)!r} is no text"
            why = _why_no_name_of_a_file(f"env-{key}-{value}")
            if why is None and not key.strip("."):
                why = "is no name"
            if why is not None:
                return f"its {one_line(key, 60)!r} {why}"
    return None


def _is_moment(timestamp: float) -> bool:
    """Whether asv and a browser can make a date of ``timestamp`` (milliseconds since 1970)."""
    return 0 <= timestamp < LATEST_MS


def _why_no_name_of_a_file(text: str) -> str | None:
    """Why asv cannot make a folder with the name ``text``; None where it can. asv names folders by
    params, and replaces the characters that a path is made of."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "is no text in UTF-8"
    return None if size <= NAME_MAX else f"has {size} bytes, a folder's name at most {NAME_MAX}"


def _mended_benchmarks(original: Any) -> Any:
    def load(conf: Any, regex: Any = None) -> Any:
        try:
            benchmarks = original(conf, regex=regex)
            misfits = [
                name for name in benchmarks if not stored.are_params(benchmarks[name]["params"])
            ]
            if misfits:
                raise ValueError(f"{misfits[0]} has params that are no lists of texts")
        except (LookupError, RecursionError, TypeError, ValueError, AttributeError) as err:
            path = Benchmarks.get_benchmark_file_path(conf.results_dir)
            raise util.UserError(
                f"{path} is damaged ({type(err).__name__}: {one_line(str(err))}); make it anew: "
                f"asv run --bench just-discover"
            ) from None
        no_names = [name for name in benchmarks if not BENCHMARK_NAME.match(name)]
        for name in no_names:
            log.warning(f"{one_line(name, 60)!r} is no benchmark's name and is left out")
        return benchmarks.filter_out(no_names) if no_names else benchmarks

    return load


def _mended_params(original: Any) -> Any:
    def get_params(self: Any) -> dict[str, set[str]]:
        params: dict[str, set[str]] = original(self)
        if "branch" in params:
            params["branch"].update(invocation.branches())
        return params

    return get_params


def _mended_data(original: Any) -> Any:
    def get_data(self: Any) -> Any:
        # The count of points tells whether the data are still the same, because points are only
        # ever added, one by one.
        points = sum(map(len, self.data_points.values()))
        if getattr(self, "known_points", None) != (points, len(self.data_points)):
            self.known_points = (points, len(self.data_points))
            self.known_data = original(self)
        return self.known_data

    return get_data


def _mended_detection(original: Any) -> Any:
    def detect_steps(self: Any, pool: Any = None) -> None:
        if pool is None or self._steps is not None:
            original(self, pool)
            return
        collector = _Collector()
        original(self, collector)
        if collector.lines:
            steps_of_graph = pool.apply_async(_steps_of_lines, (collector.lines,))
            self._steps = [
                _StepsOfLine(steps_of_graph, number) for number in range(len(collector.lines))
            ]

    return detect_steps


class _Collector:
    """In place of a pool of processes: collects the lines that asv gives it as tasks."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def apply_async(self, function: Any, arguments: tuple[Any]) -> None:
        self.lines.append(arguments[0])


class _StepsOfLine:
    """In place of the result of a line's own task: the line's part of the graph's result."""

    def __init__(self, steps_of_graph: Any, number: int):
        self._steps_of_graph = steps_of_graph
        self._number = number

    def get(self) -> Any:
        return self._steps_of_graph.get()[self._number]


def _steps_of_lines(lines: list[Any]) -> list[Any]:
    return [_compute_graph_steps(line, reraise=False) for line in lines]
