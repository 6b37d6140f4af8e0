"""What asv 0.6.6 does that a plugin cannot override, replaced while asv runs.

Each has a test that fails when an upgrade of asv makes it needless or moves it:

- ``Results.save`` writes in place, so that a kill leaves half a file, and stores "failed" for every
  benchmark of a release whose environment could not be made (commands/run.py:591). Here it writes
  aside and renames, and stores nothing for such a release.
- ``asv preview`` listens on all interfaces (commands/preview.py:38), and ends in a traceback where
  there are no pages. Here it listens on 127.0.0.1, and says how to make pages.
- ``asv show`` lists bare ids (commands/show.py:159), ``asv rm`` takes no names (commands/rm.py:80).
  Here both know the names of releases.

Besides, a KeyboardInterrupt and a full disk that asv lets through end in one line instead of a
traceback.
"""

from __future__ import annotations

import errno
import socketserver
import sys
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

from asv import results, util
from asv.commands import preview, rm, show
from asv.console import log
from asv.repo import NoSuchNameError, get_repo

from . import invocation

LOOPBACK = "127.0.0.1"

#: What the system says of a disk that is full, of a quota, and of a limit on the size of files.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

#: (commit, environment name) of which this asv has run a timed process: what it may store.
measured: set[tuple[str, str]] = set()


def install() -> None:
    if getattr(results.Results.save, "mended", False):
        return
    results.Results.save = _mended_save(results.Results.save)
    preview.socketserver = SimpleNamespace(ThreadingTCPServer=LoopbackServer)
    show.Show._print_commits = _mended_listing(show.Show._print_commits)
    show.Show._print_commit_durations = _mended_listing(show.Show._print_commit_durations)
    rm.Rm.run = _mended_rm(rm.Rm.run)
    sys.excepthook = _one_line_for_what_asv_lets_through
    if invocation.command() == "preview":
        require_pages(Path(str(invocation.option("html_dir") or invocation.config().html_dir)))
    if invocation.command() is not None:
        set_damaged_results_aside(invocation.results_dir())


def _mended_save(original: Any) -> Any:
    def save(self: Any, result_dir: str) -> None:
        if invocation.is_measuring() and (self.commit_hash, self._env_name) not in measured:
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


class LoopbackServer(socketserver.ThreadingTCPServer):
    """asv binds to all interfaces by an empty host name."""

    def __init__(self, address: tuple[str, int], handler: Any):
        super().__init__((address[0] or LOOPBACK, address[1]), handler)


def require_pages(html_dir: Path) -> None:
    if not html_dir.is_dir():
        raise util.UserError(f"there are no pages in {html_dir} yet; make them: asv publish")


def _mended_listing(original: Any) -> Any:
    def listing(conf: Any, result_iter: Any, benchmarks: Any) -> None:
        repo = get_repo(conf)

        def named() -> Any:
            for machine, result in result_iter:
                # Read for this listing alone, which prints what stands here.
                result._commit_hash = repo.get_decorated_hash(result.commit_hash, conf.hash_length)
                yield machine, result

        original(SimpleNamespace(hash_length=None), named(), benchmarks)

    return listing


def _mended_rm(original: Any) -> Any:
    def run(conf: Any, patterns: list[str], y: bool = True) -> None:
        repo = get_repo(conf)
        original(conf, [_by_id(repo, pattern) for pattern in patterns], y)

    return run


def _by_id(repo: Any, pattern: str) -> str:
    key, _, name = pattern.partition("=")
    if key != "commit_hash":
        return pattern
    try:
        return f"{key}={repo.get_hash_from_name(name)}"
    except NoSuchNameError:
        return pattern  # the id of a release that is on no track any more


def _one_line_for_what_asv_lets_through(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        log.flush()
        print("Interrupted; run the same command again to go on.", file=sys.stderr)
    elif isinstance(error, OSError) and error.errno in FULL_DISK:
        log.flush()
        where = f": {error.filename}" if error.filename else ""
        print(
            f"{error.strerror}{where}; what was measured is in the records; "
            f"make room (vggbench releases prune --to 10G) and run this again",
            file=sys.stderr,
        )
    else:
        sys.__excepthook__(kind, error, trace)


def set_damaged_results_aside(results_dir: Path) -> None:
    """Rename result files that are not whole JSON objects, with one line each.

    asv refuses to measure a release whose file it cannot read (Results.load_data), and a file that
    holds something else than an object ends in a traceback. Only both ends of each file are read:
    there may be thousands.
    """
    for path in results_dir.glob("*/*.json"):
        if path.name == "machine.json":
            continue
        try:
            with path.open("rb") as file:
                begins = file.read(1) == b"{"
                file.seek(0, 2)
                file.seek(max(0, file.tell() - 2))
                ends = file.read().rstrip().endswith(b"}")
        except OSError:
            continue
        if not (begins and ends):
            set_aside(path, "it is not a whole JSON object")


def set_aside(path: Path, why: str) -> None:
    aside = path.with_name(path.name + ".damaged")
    path.replace(aside)
    log.warning(
        f"{path} was damaged ({why}) and is now {aside.name}; "
        f"its release counts as unmeasured, the records still have what was measured"
    )
