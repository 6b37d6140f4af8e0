"""A machine's results in two places: the client's checkout, where they belong, and the mirror of
them on the machine, where units are measured.

Each exchange is of everything that differs. The worker offers what has changed in its mirror since
the two last agreed. The client takes it in, file by file, whole or not at all. It then sends what
makes the mirror the same as what it has itself, and both have agreed. A unit that was cut off, or
whose answer was lost on the way, is offered again at the next exchange, so nothing that was
measured is lost.

A mirror is a small checkout: ``history.toml``, ``excluded.toml`` and ``results/`` of one machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..campaigns.history import plan
from ..errors import Say, VggbenchError, one_line
from ..records import excluded
from ..records.record import Record

#: Files of the root that a mirror has besides results: the client's.
OF_ROOT = (plan.FILE, excluded.FILE)

#: What asv writes once for all machines.
BENCHMARKS = "benchmarks.json"

#: The file of a mirror that says what both have agreed on.
AGREED = "agreed.json"

#: How asv names a result that it cannot read.
DAMAGED = ".damaged"

#: The files that are appended to, never rewritten.
LINES = ".jsonl"


class OfferRefused(VggbenchError):
    """A worker offers what is no result of its machine."""


@dataclass(frozen=True)
class Content:
    """What tells one content of a file from another: its size in bytes, and its SHA-256."""

    size: int
    digest: str


@dataclass
class Known:
    """The content of files, which are read again only where a file has changed."""

    _states: dict[Path, tuple[tuple[int, int, int], Content]] = field(default_factory=dict)

    def of(self, path: Path) -> Content:
        """Raises OSError where the file cannot be read."""
        stat = path.stat()
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._states.get(path)
        if known is None or known[0] != seen:
            known = self._states[path] = seen, _content_of(path.read_bytes())
        return known[1]


def _no_result(machine: str, name: str) -> OfferRefused:
    return OfferRefused(
        f"{machine} offers a file {one_line(name, 80)!r}, which is no result of it; nothing of "
        f"that is taken"
    )


def _content_of(content: bytes) -> Content:
    return Content(len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Place:
    """Where the files of ``machine`` lie: OF_ROOT in ``root``, its results in ``results``. The
    names of files are the same in both places: relative to the root of a mirror."""

    root: Path
    results: Path
    machine: str

    def path(self, name: str) -> Path:
        """The path of the file called ``name``. Raises OfferRefused for a name that leads out of
        what belongs to the machine."""
        parts = PurePosixPath(name).parts
        of_machine = len(parts) > 2 and parts[:2] == ("results", self.machine)
        if name in OF_ROOT:
            return self.root / name
        if name == f"results/{BENCHMARKS}" or (of_machine and ".." not in parts):
            return self.results.joinpath(*parts[1:])
        raise _no_result(self.machine, name)

    def names(self) -> list[str]:
        """The names of all files that there are."""
        found = [name for name in OF_ROOT if (self.root / name).is_file()]
        if (self.results / BENCHMARKS).is_file():
            found.append(f"results/{BENCHMARKS}")
        own = self.results / self.machine
        found += [
            f"results/{path.relative_to(self.results).as_posix()}"
            for path in sorted(own.rglob("*"))
            if path.is_file() and not path.name.startswith(".") and path.suffix != DAMAGED
        ]
        return found

    def states(self, known: Known) -> dict[str, Content]:
        """The content of all files, by name, but for those that vanish meanwhile. Raises OSError
        where one cannot be read."""
        found = {}
        for name in self.names():
            with contextlib.suppress(FileNotFoundError):
                found[name] = known.of(self.path(name))
        return found


# -- on the machine


def offer(place: Place, known: Known) -> dict[str, Any]:
    """What the mirror in ``place`` holds: the ``states`` of its files, what both ``agreed`` on, and
    the content of the ``files`` that have changed since. Of a file that is only appended to, what
    was appended."""
    agreed = _agreed(place)
    states = place.states(known)
    files = {}
    for name, state in states.items():
        before = agreed.get(name)
        if name in OF_ROOT or before == state:
            continue
        content = place.path(name).read_bytes()
        if name.endswith(LINES) and before and _content_of(content[: before.size]) == before:
            content = content[before.size :]
        files[name] = content
    return {"agreed": _as_json(agreed), "states": _as_json(states), "files": files}


def agree(place: Place, sent: Mapping[str, Any]) -> None:
    """Make the mirror what the client has, by what ``lacking`` sent, and note that both have agreed
    on that. Whole lines that the client has not seen yet stay, and are offered next. Raises OSError
    where the disk is full."""
    for name, content in sent["files"].items():
        path = place.path(name)
        if name.endswith(LINES) and path.is_file():
            # The client has been told of what is no JSON, and need not be told again.
            new = _new_lines(content, path.read_bytes())
            more = b"".join(line for line in new if _is_json(line))
            if more and content and not content.endswith(b"\n"):
                content += b"\n"
            content += more
        write(path, content)
    agreed = _agreed(place)
    for name in sent["gone"]:
        if name in agreed or name in OF_ROOT:
            place.path(name).unlink(missing_ok=True)
    write(place.root / AGREED, json.dumps(sent["states"]).encode())


def _new_lines(there: bytes, content: bytes) -> list[bytes]:
    """The whole lines of ``content`` that are not ``there``, each once."""
    known = set(there.splitlines(keepends=True))
    # What has no end was being written when the machine was cut off; a line after such a piece
    # begins with an empty one.
    lines = [line for line in content.splitlines(keepends=True) if line.endswith(b"\n")]
    return [line for line in dict.fromkeys(lines) if line.strip() and line not in known]


def _agreed(place: Place) -> dict[str, Content]:
    try:
        content = json.loads((place.root / AGREED).read_bytes())
    except (OSError, ValueError):
        return {}  # then everything is offered, and what is there already is kept once
    return _as_states(content)


def _as_json(states: Mapping[str, Content]) -> dict[str, list[Any]]:
    return {name: [state.size, state.digest] for name, state in states.items()}


def _as_states(told: Mapping[str, Any]) -> dict[str, Content]:
    return {name: Content(int(size), str(digest)) for name, (size, digest) in told.items()}


# -- at the client


def take_in(place: Place, known: Known, offered: Mapping[str, Any], complain: Say) -> int:
    """Take in what a worker has offered, each file whole or not at all; returns the number of lines
    that are new. A line that is there already is kept once.

    A file that both sides changed since they agreed stays as it is here, with a complaint. Raises
    OfferRefused where a file or a record is not of the machine; files that came before it in the
    offer are taken in then. Raises OSError where a file cannot be written; it is as it was then.
    """
    agreed = _as_states(offered["agreed"])
    came = 0
    # asv takes a result for measured, so its record must be there first.
    for name in sorted(offered["files"], key=lambda name: (not name.endswith(LINES), name)):
        if name in OF_ROOT:
            raise _no_result(place.machine, name)
        path, content = place.path(name), offered["files"][name]
        if name.endswith(".json") and not _is_json(content):
            # asv writes a result in place, and may have been cut off.
            complain(f"{place.machine}: {name} is damaged there; it stays as it is here")
            continue
        if name.endswith(LINES):
            came += _take_lines(place, path, name, content, complain)
        elif not path.is_file():
            write(path, content)
        elif known.of(path) == _content_of(content) or name == f"results/{BENCHMARKS}":
            continue
        elif known.of(path) == agreed.get(name):
            write(path, content)
        else:
            complain(
                f"{place.machine}: {name} was changed here and there since both had it; it stays "
                f"as it is here"
            )
    return came


def _take_lines(place: Place, path: Path, name: str, content: bytes, complain: Say) -> int:
    """Append those lines of ``content`` that the file has not; returns how many these are. A line
    that is no JSON is left out, with a complaint."""
    before = path.read_bytes() if path.is_file() else b""
    new = []
    for line in _new_lines(before, content):
        if not _is_json(line):
            complain(f"{place.machine}: {name} has a line that is no JSON there; it is left out")
            continue
        if PurePosixPath(name).parent.name == "records":
            _require_own(place.machine, name, line)
        new.append(line)
    if new:
        whole = before if before.endswith(b"\n") or not before else before + b"\n"
        write(path, whole + b"".join(new))
    return len(new)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _require_own(machine: str, name: str, line: bytes) -> None:
    """Raise OfferRefused unless the JSON of a line is a record of the machine."""
    try:
        record = Record.from_json(json.loads(line))
    except ValueError as err:
        raise OfferRefused(
            f"{machine} offers {name} with a line that is no record ({one_line(str(err), 80)}); "
            f"nothing of that file is taken"
        ) from None
    if record.machine != machine:
        raise OfferRefused(
            f"{machine} offers {name} with a record of {one_line(str(record.machine), 60)}; "
            f"nothing of that file is taken"
        )


def lacking(place: Place, known: Known, offered: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the mirror that was offered the same as the state here: the content of ``files``,
    the names of those that are ``gone``, and the ``states`` that both agree on then."""
    there, here = _as_states(offered["states"]), place.states(known)
    files = {}
    for name, state in list(here.items()):
        if there.get(name) == state:
            continue
        try:
            files[name] = place.path(name).read_bytes()
        except FileNotFoundError:
            del here[name]
        else:
            here[name] = _content_of(files[name])
    gone = [name for name in there if name not in here]
    return {"files": files, "gone": gone, "states": _as_json(here)}


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; it is on the disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def of_mirror(root: Path, machine: str) -> Place:
    """A machine's files in its mirror in the folder ``root``."""
    return Place(root, root / "results", machine)
